/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * endpoint.h - one end of a channel: rights, identity, death
 */
#ifndef CHAN_ENDPOINT_H
#define CHAN_ENDPOINT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rbtree_types.h>
#include <linux/types.h>

#include "channel.h"
#include "stamp.h"

struct chan_pending;

/**
 * struct chan_endpoint - what an open file on a channel stands for
 * @channel: referenced
 * @rights: CHAN_RIGHT_*
 * @owns_name: the creator's own endpoint of a CHAN_EPHEMERAL channel: the name
 *	goes with it
 * @stamp: its identity, borne by what it sends
 * @spare: a used message for the next send, or NULL; taken by xchg(), put
 *	there under the lock of the channel
 * @used: one that is to become @spare, or NULL; exchanged
 * @sent: messages whose outcome is waited or asked for, by chan_message.sent
 * @owed: duties it has received, by chan_message.owed, in the order of tokens
 * @waiting: its receivers that wait with a tag, by chan_waiter.mine
 * @series: its receivers that start over after each message, by chan_series.mine
 * @nr_kept: messages in @sent that nobody waits for now
 * @kept_bytes: the lengths of those of them that are SETTLED
 * @returnable: messages in @owed that may come back
 * @spare_pending: a used pending operation for the next one, or NULL; exchanged
 * @nr_pending: operations that go on without a task that sleeps for them
 *
 * Made by chan_endpoint_create() for one file, which owns it, and gone when
 * that file's last reference is. What it is, is fixed before the file can be
 * seen by anyone; what it has under way is guarded by the lock of the channel.
 */
struct chan_endpoint {
	struct chan_channel *channel;
	u32 rights;
	bool owns_name;
	struct chan_stamp *stamp;
	struct chan_message *spare;
	struct chan_message *used;
	struct list_head sent;
	struct rb_root_cached owed;
	struct list_head waiting;
	struct list_head series;
	unsigned int nr_kept;
	u64 kept_bytes;
	unsigned int returnable;
	struct chan_pending *spare_pending;
	atomic_t nr_pending;
};

/**
 * chan_endpoint_create() - make an endpoint, stamped with the current task
 * @channel: on which; the endpoint takes a reference of its own
 * @rights: CHAN_RIGHT_*
 * @badge: 0 is none
 *
 * It does not count yet: chan_hangup_join() comes when nothing can fail any more,
 * for one that comes and goes may be the last.
 *
 * Return: the endpoint or ERR_PTR(-ENOMEM).
 */
struct chan_endpoint *chan_endpoint_create(struct chan_channel *channel,
					   u32 rights, u64 badge);

/**
 * chan_endpoint_discard() - there will be no file for it
 * @endpoint: what chan_endpoint_create() made; it has not joined
 */
void chan_endpoint_discard(struct chan_endpoint *endpoint);

/**
 * chan_endpoint_destroy() - the last reference of its file is gone
 * @endpoint: has joined; may sleep
 */
void chan_endpoint_destroy(struct chan_endpoint *endpoint);

/**
 * chan_endpoint_may_derive() - may a narrower endpoint look like this?
 * @endpoint: from which
 * @rights: wanted
 * @badge: wanted; 0 keeps the one there is
 *
 * Return: 0 or -EPERM.
 */
int chan_endpoint_may_derive(const struct chan_endpoint *endpoint, u32 rights,
			     u64 badge);

/**
 * chan_endpoint_has() - does it carry these rights?
 * @endpoint: which
 * @rights: CHAN_RIGHT_*
 *
 * Return: true if it has all of them.
 */
static inline bool chan_endpoint_has(const struct chan_endpoint *endpoint,
				     u32 rights)
{
	return (endpoint->rights & rights) == rights;
}

#endif /* CHAN_ENDPOINT_H */
