// SPDX-License-Identifier: GPL-2.0-only
/*
 * hangup.c - who is left at each end of a channel, and what follows
 *
 * Owns the counts of endpoints and the moments when they mean something: the
 * last sender or receiver goes, the name goes, the channel is shut down. What
 * becomes of the messages then is flow.c's.
 */
#include <linux/cleanup.h>

#include "compat.h"
#include "flow.h"
#include "hangup.h"
#include "trace.h"

static void drop_messages(struct chan_channel *channel,
			  struct list_head *dropped)
{
	struct chan_message *message;

	list_for_each_entry(message, dropped, link) {
		chan_message_move(message, CHAN_MESSAGE_DROPPED);
		trace_chan_drop(channel, message);
	}
	chan_message_destroy_list(dropped);
}

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
}

/* Changes what @change says under the lock, then lives with it. */
static void apply(struct chan_channel *channel,
		  void (*change)(struct chan_channel *channel, u32 rights),
		  u32 rights)
{
	LIST_HEAD(dropped);

	spin_lock(&channel->lock);
	change(channel, rights);
	take_stock(channel);
	chan_flow_end(channel, &dropped);
	chan_wait_unlock(channel);
	drop_messages(channel, &dropped);
}

static void leave(struct chan_channel *channel, u32 rights)
{
	if (rights & CHAN_RIGHT_SEND)
		channel->senders--;
	if (rights & CHAN_RIGHT_RECV)
		channel->receivers--;
}

static void unlink(struct chan_channel *channel, u32 unused)
{
	channel->unlinked = true;
}

static void shut(struct chan_channel *channel, u32 unused)
{
	channel->shut = true;
}

void chan_hangup_join(struct chan_channel *channel, u32 rights)
{
	guard(spinlock)(&channel->lock);
	if (rights & CHAN_RIGHT_SEND) {
		channel->senders++;
		channel->had_senders = true;
	}
	if (rights & CHAN_RIGHT_RECV) {
		channel->receivers++;
		channel->had_receivers = true;
	}
	take_stock(channel);
}

void chan_hangup_leave(struct chan_channel *channel, u32 rights)
{
	apply(channel, leave, rights);
}

void chan_hangup_unlink(struct chan_channel *channel)
{
	apply(channel, unlink, 0);
}

void chan_hangup_shutdown(struct chan_channel *channel)
{
	apply(channel, shut, 0);
}
