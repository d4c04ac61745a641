// SPDX-License-Identifier: GPL-2.0-only
/*
 * outcome.c - what senders are told of their messages
 *
 * Owns the tie between a message and whoever waits for it, or may come back to
 * ask: an endpoint's list of messages sent. A sender that is told an outcome
 * gets the message that carries it: the reply, or else its own.
 */
#include <linux/lockdep.h>

#include "compat.h"
#include "outcome.h"
#include "trace.h"

struct chan_message *chan_outcome_find(struct chan_endpoint *endpoint, u64 id)
{
	struct chan_message *message;

	lockdep_assert_held(&endpoint->channel->lock);
	list_for_each_entry(message, &endpoint->sent, sent)
		if (message->id == id)
			return message;
	return NULL;
}

/* What is kept counts: how many, and once they are SETTLED, how long. */
static void weigh(struct chan_endpoint *origin, u64 kept_bytes)
{
	WRITE_ONCE(origin->kept_bytes, kept_bytes);
}

static void unkeep(struct chan_message *message)
{
	struct chan_endpoint *origin = message->origin;

	message->kept = false;
	WRITE_ONCE(origin->nr_kept, origin->nr_kept - 1);
	if (message->state == CHAN_MESSAGE_SETTLED)
		weigh(origin, origin->kept_bytes - message->len);
}

void chan_outcome_keep(struct chan_message *message, bool again)
{
	struct chan_endpoint *origin = message->origin;

	lockdep_assert_held(&origin->channel->lock);
	if (again)
		chan_outcome_expect(message);
	message->sender = NULL;
	message->kept = true;
	WRITE_ONCE(origin->nr_kept, origin->nr_kept + 1);
	if (message->state == CHAN_MESSAGE_SETTLED)
		weigh(origin, origin->kept_bytes + message->len);
}

void chan_outcome_resume(struct chan_message *message,
			 struct chan_waiter *sender)
{
	lockdep_assert_held(&message->origin->channel->lock);
	unkeep(message);
	message->sender = sender;
}

void chan_outcome_forget(struct chan_message *message)
{
	lockdep_assert_held(&message->origin->channel->lock);
	list_del(&message->sent);
	message->sender = NULL;
	if (message->kept)
		unkeep(message);
}

void chan_outcome_tell(struct chan_channel *channel,
		       struct chan_message *message, int result, u8 state,
		       struct chan_message *back)
{
	struct chan_waiter *sender = message->sender;

	list_del(&message->sent);
	message->sender = NULL;
	sender->state = state;
	sender->message = back;
	chan_wait_decide(channel, sender, result);
}

/* The reply stands for the message from now on. */
static void take_place(struct chan_message *reply, struct chan_message *message)
{
	chan_message_move(reply, CHAN_MESSAGE_SETTLED);
	reply->id = message->id;
	reply->terms = message->terms;
	reply->answer = message->answer;
	reply->verdict = message->verdict;
	reply->error = 0;
	reply->origin = message->origin;
	if (message->kept) {
		message->kept = false;
		reply->kept = true;
		list_replace(&message->sent, &reply->sent);
	}
}

struct chan_message *chan_outcome_conclude(struct chan_channel *channel,
					   struct chan_message *message,
					   u8 verdict, u32 error,
					   struct chan_message *reply)
{
	struct chan_message *outcome = reply ?: message;

	lockdep_assert_held(&channel->lock);
	chan_message_move(message, CHAN_MESSAGE_SETTLED);
	message->verdict = verdict;
	message->error = error;
	trace_chan_settle(channel, message);
	chan_outcome_unstamp(channel, message);
	if (!chan_message_is_heard(message))
		return message;
	if (reply)
		take_place(reply, message);
	if (message->sender)
		chan_outcome_tell(channel, message, 0, CHAN_STATE_SETTLED,
				  outcome);
	else
		weigh(outcome->origin,
		      outcome->origin->kept_bytes + outcome->len);
	return reply ? message : NULL;
}
