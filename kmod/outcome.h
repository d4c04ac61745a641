/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * outcome.h - what senders are told of their messages
 *
 * Every function here needs the lock of the channel.
 */
#ifndef CHAN_OUTCOME_H
#define CHAN_OUTCOME_H

#include "channel.h"
#include "endpoint.h"
#include "message.h"
#include "wait.h"

/**
 * chan_outcome_expect() - a sender waits for its message
 * @message: with @sender and @origin
 */
static inline void chan_outcome_expect(struct chan_message *message)
{
	list_add_tail(&message->sent, &message->origin->sent);
}

/**
 * chan_outcome_find() - a message whose outcome may be asked for
 * @endpoint: it was sent by
 * @id: of the message
 *
 * Return: a message that somebody waits for or that is kept, or NULL.
 */
struct chan_message *chan_outcome_find(struct chan_endpoint *endpoint, u64 id);

/**
 * chan_outcome_keep() - nobody waits now, but somebody may come back
 * @message: with @origin; in @origin's list or, if @again, to be put there
 * @again: it had been taken out
 */
void chan_outcome_keep(struct chan_message *message, bool again);

/**
 * chan_outcome_resume() - somebody came back
 * @message: kept, and not kept any more
 * @sender: who waits now
 */
void chan_outcome_resume(struct chan_message *message,
			 struct chan_waiter *sender);

/**
 * chan_outcome_forget() - nobody waits, and nobody will ask
 * @message: with a sender that is not decided, or kept
 */
void chan_outcome_forget(struct chan_message *message);

/**
 * chan_outcome_state() - how far a message got whose duty is not over
 * @message: received before
 *
 * Return: CHAN_STATE_RECEIVED or, if it came back, CHAN_STATE_QUEUED.
 */
static inline u8 chan_outcome_state(const struct chan_message *message)
{
	return message->state == CHAN_MESSAGE_RECEIVED ? CHAN_STATE_RECEIVED :
							 CHAN_STATE_QUEUED;
}

/**
 * chan_outcome_tell() - the operation that waits for the message is over
 * @channel: where
 * @message: with @sender, who is decided
 * @result: of the operation
 * @state: CHAN_STATE_*, how far the message got
 * @back: what the sender has to free, or NULL
 */
void chan_outcome_tell(struct chan_channel *channel,
		       struct chan_message *message, int result, u8 state,
		       struct chan_message *back);

/**
 * chan_outcome_conclude() - the duty is over
 * @channel: where
 * @message: RECEIVED, or QUEUED again; counted nowhere any more
 * @verdict: CHAN_ACK, CHAN_REPLY or CHAN_REJECT; 0: it failed
 * @error: of CHAN_REJECT or of the failure
 * @reply: NEW, with CHAN_REPLY; given away
 *
 * Return: a message that is the caller's to free, or NULL.
 */
struct chan_message *chan_outcome_conclude(struct chan_channel *channel,
					   struct chan_message *message,
					   u8 verdict, u32 error,
					   struct chan_message *reply);

/**
 * chan_outcome_unstamp() - the message is on its way no longer
 * @channel: where
 * @message: bears a stamp
 */
static inline void chan_outcome_unstamp(struct chan_channel *channel,
					struct chan_message *message)
{
	if (unlikely(message->orphan))
		channel->orphans -= chan_message_cost(message);
	if (chan_stamp_drop(message->stamp))
		chan_wait_retire(channel, message->stamp);
}

#endif /* CHAN_OUTCOME_H */
