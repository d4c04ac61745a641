// SPDX-License-Identifier: GPL-2.0-only
/*
 * leave.c - senders and receivers that leave before the end
 *
 * Owns the decision what a deadline, a CANCEL or the death of a sender means:
 * a message that nobody has received is withdrawn, a call that somebody has is
 * abandoned, and work to be acknowledged goes on without a listener.
 */
#include <linux/lockdep.h>

#include "compat.h"
#include "flow.h"
#include "leave.h"
#include "outcome.h"
#include "series.h"

static u8 leave(struct chan_channel *channel, struct chan_message *message,
		struct chan_message **back)
{
	*back = NULL;
	if (!message->attempt) {
		*back = chan_flow_withdraw(channel, message);
		return CHAN_STATE_WITHDRAWN;
	}
	if (message->terms.duty == CHAN_DUTY_REPLY) {
		*back = chan_flow_abandon(channel, message);
		if (!*back)
			chan_flow_orphan(channel, message);
		return CHAN_STATE_ABANDONED;
	}
	chan_flow_orphan(channel, message);
	return chan_outcome_state(message);
}

u8 chan_leave_message(struct chan_channel *channel,
		      struct chan_message *message, struct chan_message **back)
{
	u8 state;

	lockdep_assert_held(&channel->lock);
	chan_outcome_forget(message);
	state = leave(channel, message, back);
	chan_flow_balance(channel);
	return state;
}

static void add_to(struct list_head *over, struct chan_message *message)
{
	if (message)
		list_add(&message->link, over);
}

/* What nobody waits for now: the outcome, or the way to it, is forgotten. */
static void cancel_kept(struct chan_channel *channel,
			struct chan_message *message, struct list_head *over)
{
	struct chan_message *back = message;

	chan_outcome_forget(message);
	if (message->state != CHAN_MESSAGE_SETTLED)
		leave(channel, message, &back);
	add_to(over, back);
}

/* The caller brings the channel into balance afterwards. */
static int cancel(struct chan_channel *channel, struct chan_message *message,
		  struct list_head *over)
{
	bool settled = message->state == CHAN_MESSAGE_SETTLED;
	struct chan_message *back;
	u8 state;

	if (message->attempt && !settled &&
	    message->terms.duty != CHAN_DUTY_REPLY)
		return -EALREADY;
	if (message->sender && !chan_wait_choose(message->sender))
		return -ENOENT;
	if (message->sender) {
		state = leave(channel, message, &back);
		chan_outcome_tell(channel, message, -ECANCELED, state, back);
	} else {
		cancel_kept(channel, message, over);
	}
	return 0;
}

int chan_leave_cancel_id(struct chan_endpoint *endpoint, u64 id,
			 struct list_head *over)
{
	struct chan_message *message = chan_outcome_find(endpoint, id);
	int err;

	lockdep_assert_held(&endpoint->channel->lock);
	if (!message)
		return -ENOENT;
	err = cancel(endpoint->channel, message, over);
	chan_flow_balance(endpoint->channel);
	return err;
}

static int cancel_waiting(struct chan_endpoint *endpoint, u64 tag)
{
	struct chan_waiter *waiter, *next;
	int nr = 0;

	list_for_each_entry_safe(waiter, next, &endpoint->waiting, mine) {
		if (waiter->tag != tag)
			continue;
		chan_flow_leave(endpoint->channel, waiter);
		if (!chan_wait_choose(waiter))
			continue;
		chan_wait_decide(endpoint->channel, waiter, -ECANCELED);
		nr++;
	}
	return nr;
}

int chan_leave_cancel_tag(struct chan_endpoint *endpoint, u64 tag,
			  struct list_head *over)
{
	struct chan_channel *channel = endpoint->channel;
	const unsigned int used = chan_channel_used(channel);
	struct chan_message *message, *next;
	int nr = chan_series_cancel(endpoint, tag);

	nr += cancel_waiting(endpoint, tag);
	lockdep_assert_held(&channel->lock);
	list_for_each_entry_safe(message, next, &endpoint->sent, sent) {
		if (message->terms.tag == tag &&
		    !cancel(channel, message, over))
			nr++;
	}
	chan_flow_note_freed(channel, used);
	chan_flow_balance(channel);
	return nr;
}

void chan_leave_for_ever(struct chan_endpoint *endpoint, struct list_head *over)
{
	struct chan_message *message, *next;

	lockdep_assert_held(&endpoint->channel->lock);
	list_for_each_entry_safe(message, next, &endpoint->sent, sent)
		cancel_kept(endpoint->channel, message, over);
}
