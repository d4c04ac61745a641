/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flow.h - how messages move from senders through the queue to receivers
 *
 * Every function here needs the lock of the channel and never sleeps. Whom it
 * decides or has news for is noted in the channel, and woken by
 * chan_wait_unlock().
 */
#ifndef CHAN_FLOW_H
#define CHAN_FLOW_H

#include "channel.h"
#include "duty.h"
#include "message.h"
#include "wait.h"

/**
 * chan_flow_offer() - send a message if that is possible now
 * @channel: where to
 * @message: NEW, with its @stamp and, if somebody waits for more than a slot,
 *	its @origin and @sender, who will be decided
 *
 * Return: 0: it has a slot or, with cap 0, a receiver is copying it; -EAGAIN:
 * there is no room, or others are first; -EPIPE: nobody will ever receive it;
 * -ENOMEM: with cap 0, too much is left of senders that are gone.
 * After a failure it is still the caller's.
 */
int chan_flow_offer(struct chan_channel *channel, struct chan_message *message);

/**
 * chan_flow_note_freed() - several slots may have become free at once
 * @channel: whose; chan_flow_balance() comes afterwards, and tells one who polls
 *	for a slot, which is enough for one slot
 * @used: how many were not free before
 */
void chan_flow_note_freed(struct chan_channel *channel, unsigned int used);

/**
 * chan_flow_line_up() - wait behind those who wait already
 * @channel: that had no room for it
 * @message: with @origin and @sender, who will be decided: 0 when it got as far
 *	as its terms say, -EPIPE when not
 */
void chan_flow_line_up(struct chan_channel *channel,
		       struct chan_message *message);

/**
 * chan_flow_withdraw() - the sender takes back what nobody has received
 * @channel: where it is
 * @message: never received
 *
 * Needs chan_flow_balance() afterwards.
 *
 * Return: the message, the caller's again; NULL if a receiver is still copying
 * it and will free it, without ever having received it.
 */
struct chan_message *chan_flow_withdraw(struct chan_channel *channel,
					struct chan_message *message);

/**
 * chan_flow_abandon() - the caller leaves after receipt
 * @channel: where it is
 * @message: received before; perhaps it came back
 *
 * Needs chan_flow_balance() afterwards.
 *
 * Return: the message if it is the caller's to free; NULL if its holder or the
 * receiver that copies it will do so.
 */
struct chan_message *chan_flow_abandon(struct chan_channel *channel,
				       struct chan_message *message);

/**
 * chan_flow_orphan() - the sender has left a message that goes on
 * @channel: where
 * @message: received before; with cap 0 it counts from now on
 */
void chan_flow_orphan(struct chan_channel *channel,
		      struct chan_message *message);

/**
 * chan_flow_claim() - take the first message for copying
 * @channel: where from
 * @want: what the receiver takes; calls that it cannot answer are rejected
 *
 * Return: a CLAIMED message; ERR_PTR: -EAGAIN, there is none; -ESHUTDOWN, there
 * will be none; -EMSGSIZE, it is longer and stays.
 */
struct chan_message *chan_flow_claim(struct chan_channel *channel,
				     struct chan_want *want);

/**
 * chan_flow_peek() - make a copy of the first message
 * @channel: where
 * @want: how long it may be
 * @copy: NEW, of length 0; bears a stamp afterwards
 *
 * Return: 0, -EAGAIN, -ESHUTDOWN or -EMSGSIZE.
 */
int chan_flow_peek(struct chan_channel *channel, struct chan_want *want,
		   struct chan_message *copy);

/**
 * chan_flow_await() - wait for a message behind those who wait already
 * @channel: where from
 * @waiter: a receiver with @want, or a peeker, with @message as for
 *	chan_flow_peek(); will be decided: 0, -EMSGSIZE, -ESHUTDOWN, -ECANCELED
 */
void chan_flow_await(struct chan_channel *channel, struct chan_waiter *waiter);

/**
 * chan_flow_leave() - the receiver gives up
 * @channel: where it waits
 * @waiter: not decided
 */
void chan_flow_leave(struct chan_channel *channel, struct chan_waiter *waiter);

/**
 * chan_flow_receive() - the message was copied to its receiver
 * @channel: where from
 * @message: claimed by the caller
 * @want: what it was claimed for; its endpoint holds the duty from now on
 * @over: result: a message that is the caller's to free, or NULL
 *
 * Return: 0; -ECANCELED: its sender has taken it back, so it was not received.
 */
int chan_flow_receive(struct chan_channel *channel,
		      struct chan_message *message,
		      const struct chan_want *want, struct chan_message **over);

/**
 * chan_flow_return() - the message could not be copied
 * @channel: where from
 * @message: claimed by the caller
 *
 * It is the next one's, at its old place.
 *
 * Return: true if it went back; false if its sender had taken it back, and the
 * caller frees it.
 */
bool chan_flow_return(struct chan_channel *channel,
		      struct chan_message *message);

/**
 * chan_flow_come_back() - a receiver does not fulfil its duty
 * @channel: where
 * @message: RECEIVED, its duty closed; now at the head of its priority, unless
 *	it was received as often as it may be
 *
 * Needs chan_flow_balance() afterwards.
 *
 * Return: a message that is the caller's to free, or NULL.
 */
struct chan_message *chan_flow_come_back(struct chan_channel *channel,
					 struct chan_message *message);

/**
 * chan_flow_give_up() - nobody will fulfil the duty of a message any more
 * @channel: where
 * @message: RECEIVED, its duty closed
 *
 * Needs chan_flow_balance() afterwards.
 *
 * Return: a message that is the caller's to free, or NULL.
 */
struct chan_message *chan_flow_give_up(struct chan_channel *channel,
				       struct chan_message *message);

/**
 * chan_flow_close() - the slot of a message that was received is free
 * @channel: where; needs chan_flow_balance() afterwards
 * @message: its duty is over
 */
void chan_flow_close(struct chan_channel *channel,
		     const struct chan_message *message);

/**
 * chan_flow_balance() - give what is there to whoever waits for it
 * @channel: where room became free, a message came back, or what could come
 *	back did not
 */
void chan_flow_balance(struct chan_channel *channel);

/**
 * chan_flow_end() - draw the consequences of who is left
 * @channel: its endpoints, its name or its being shut has changed
 * @over: gets the messages that are the caller's to free
 */
void chan_flow_end(struct chan_channel *channel, struct list_head *over);

/**
 * chan_flow_can_send() - would the longest message find room now?
 * @channel: where to
 *
 * Return: true if sending it would not be -EAGAIN; with cap 0: if a receiver
 * waits.
 */
bool chan_flow_can_send(struct chan_channel *channel);

/**
 * chan_flow_looks_empty() - chan_flow_can_receive(), without the lock
 * @channel: where from
 *
 * Return: true if there was nothing to receive a moment ago.
 */
static inline bool chan_flow_looks_empty(const struct chan_channel *channel)
{
	/* Whoever relies on it looks again, with the lock. */
	return data_race(!channel->queue.filled && !channel->closing);
}

/**
 * chan_flow_can_receive() - is there something to be told to a receiver?
 * @channel: where from
 * @endpoint: of the receiver
 *
 * Return: true if receiving would not be -EAGAIN.
 */
bool chan_flow_can_receive(struct chan_channel *channel,
			   const struct chan_endpoint *endpoint);

#endif /* CHAN_FLOW_H */
