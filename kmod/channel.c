// SPDX-License-Identifier: GPL-2.0-only
/*
 * channel.c - one queue and everything that is true of it
 *
 * Owns the life of a channel and tells what it is and holds. How messages move
 * through it is flow.c's, who is left at its ends hangup.c's; it does not know
 * files, nodes or records.
 */
#include <linux/cleanup.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include "channel.h"
#include "charge.h"
#include "compat.h"
#include "fade.h"
#include "stamp.h"

static atomic64_t last_serial = ATOMIC64_INIT(0);

/* With cap 0 there is no slot; a work queue makes work of what owes nothing. */
static struct chan_terms plain_terms(const struct chan_attributes *attr)
{
	struct chan_terms terms = {};

	if (!attr->cap)
		terms.until = CHAN_UNTIL_RECEIVED;
	if (attr->flags & CHAN_WORKQUEUE) {
		terms.duty = CHAN_DUTY_ACK;
		terms.on_death = CHAN_ON_DEATH_REDELIVER;
	}
	return terms;
}

struct chan_channel *chan_channel_create(const struct chan_attributes *attr,
					 const struct cred *cred)
{
	struct chan_channel *channel;
	int err;

	channel = kzalloc(sizeof(*channel), GFP_KERNEL_ACCOUNT);
	if (!channel)
		return ERR_PTR(-ENOMEM);
	err = chan_charge_channel(cred, attr->bytes_max, &channel->payer);
	if (err) {
		kfree(channel);
		return ERR_PTR(err);
	}
	refcount_set(&channel->refs, 1);
	channel->serial = atomic64_inc_return(&last_serial);
	channel->attr = *attr;
	channel->owner = cred->euid;
	channel->plain = plain_terms(attr);
	init_waitqueue_head(&channel->readable);
	init_waitqueue_head(&channel->writable);
	spin_lock_init(&channel->lock);
	chan_queue_init(&channel->queue);
	INIT_LIST_HEAD(&channel->line);
	INIT_LIST_HEAD(&channel->idle);
	INIT_LIST_HEAD(&channel->peekers);
	chan_pool_init(&channel->pool, attr->cap, attr->bytes_max);
	INIT_LIST_HEAD(&channel->fading);
	channel->next_number = 1;
	return channel;
}

struct chan_channel *chan_channel_get(struct chan_channel *channel)
{
	refcount_inc(&channel->refs);
	return channel;
}

/* Nobody else is left: no lock. */
static void destroy_queue(struct chan_channel *channel)
{
	struct chan_message *message;

	while ((message = chan_queue_first(&channel->queue))) {
		chan_queue_remove(&channel->queue, message);
		if (chan_stamp_drop(message->stamp))
			chan_stamp_destroy_list(message->stamp);
		chan_message_destroy(message);
		cond_resched();
	}
}

static void destroy_pool(struct chan_pool *pool)
{
	struct chan_pool_longs longs;

	chan_message_destroy_used(pool->first);
	chan_pool_empty_long(pool, &longs);
	chan_pool_destroy_long(&longs);
}

void chan_channel_put(struct chan_channel *channel)
{
	if (!refcount_dec_and_test(&channel->refs))
		return;
	WARN_ON_ONCE(channel->senders || channel->receivers || channel->node);
	WARN_ON_ONCE(channel->nr_line || channel->nr_idle ||
		     channel->nr_peekers || channel->claimed ||
		     channel->unsettled);
	chan_fade_leave(channel);
	destroy_queue(channel);
	destroy_pool(&channel->pool);
	chan_charge_release(channel->payer, channel->attr.bytes_max);
	kfree(channel);
}

void chan_channel_stat(struct chan_channel *channel, struct chan_stat *stat)
{
	const struct chan_attributes *attr = &channel->attr;

	memset(stat, 0, sizeof(*stat));
	strscpy_pad(stat->name, attr->name);
	stat->owner_uid = from_kuid_munged(current_user_ns(), channel->owner);
	stat->flags = attr->flags;
	stat->cap = attr->cap;
	stat->msg_max = attr->msg_max;
	stat->bytes_max = attr->bytes_max;
	stat->type = attr->type;
	stat->max_attempts = attr->max_attempts;
	stat->mode = attr->mode;

	guard(spinlock)(&channel->lock);
	stat->bytes = channel->bytes;
	stat->queued = channel->queued;
	stat->unsettled = channel->unsettled;
	stat->parked_senders = channel->nr_line;
	stat->parked_receivers = channel->nr_idle + channel->nr_peekers;
	stat->totals_sent = channel->sent;
	stat->totals_received = channel->received;
	stat->totals_settled = channel->settled;
	stat->totals_redelivered = channel->redelivered;
	stat->totals_dropped = channel->dropped;
	stat->senders = channel->senders;
	stat->receivers = channel->receivers;
}
