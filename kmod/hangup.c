// SPDX-License-Identifier: GPL-2.0-only
/*
 * hangup.c - who is left at each end of a channel, and what follows
 *
 * Owns the counts of endpoints and the moments when they mean something: the
 * last sender or receiver goes, the name goes, the channel is shut down. What
 * becomes of the messages then is said in flow.c, leave.c and duty.c.
 */
#include <linux/cleanup.h>

#include "compat.h"
#include "duty.h"
#include "flow.h"
#include "hangup.h"
#include "leave.h"

/* An end with nobody left means nothing while others may still come by name. */
static bool hangs_up(const struct chan_channel *channel)
{
	return channel->unlinked || channel->attr.flags & CHAN_HANGUP ||
	       !chan_channel_is_named(channel);
}

static void take_stock(struct chan_channel *channel)
{
	bool final = hangs_up(channel);

	lockdep_assert_held(&channel->lock);
	channel->deserted = final && channel->had_receivers &&
			    !channel->receivers;
	channel->closing = channel->shut ||
			   (final && channel->had_senders && !channel->senders);
	if (!channel->closing)
		channel->end_told = CHAN_END_OF_NOBODY;
}

/* The lock is held; what has changed takes effect, and the lock is dropped. */
static void take_effect(struct chan_channel *channel, struct list_head *over)
{
	chan_flow_end(channel, over);
	chan_wait_unlock(channel);
	chan_message_destroy_list(over);
}

void chan_hangup_join(const struct chan_endpoint *endpoint)
{
	struct chan_channel *channel = endpoint->channel;

	guard(spinlock)(&channel->lock);
	if (endpoint->rights & CHAN_RIGHT_SEND) {
		channel->senders++;
		channel->had_senders = true;
	}
	if (endpoint->rights & CHAN_RIGHT_RECV) {
		channel->receivers++;
		channel->had_receivers = true;
	}
	take_stock(channel);
}

/*
 * In two phases: first nobody counts on the endpoint any more, then what it
 * had sent and what it owed is settled.
 */
void chan_hangup_leave(struct chan_endpoint *endpoint)
{
	struct chan_channel *channel = endpoint->channel;
	LIST_HEAD(over);

	spin_lock(&channel->lock);
	if (endpoint->rights & CHAN_RIGHT_SEND)
		channel->senders--;
	if (endpoint->rights & CHAN_RIGHT_RECV)
		channel->receivers--;
	take_stock(channel);
	chan_leave_for_ever(endpoint, &over);
	chan_duty_bequeath(endpoint, &over);
	if (chan_stamp_drop(endpoint->stamp))
		chan_wait_retire(channel, endpoint->stamp);
	take_effect(channel, &over);
}

void chan_hangup_unlink(struct chan_channel *channel)
{
	LIST_HEAD(over);

	spin_lock(&channel->lock);
	channel->unlinked = true;
	take_stock(channel);
	take_effect(channel, &over);
}

void chan_hangup_shutdown(struct chan_channel *channel)
{
	LIST_HEAD(over);

	spin_lock(&channel->lock);
	channel->shut = true;
	take_stock(channel);
	take_effect(channel, &over);
}
