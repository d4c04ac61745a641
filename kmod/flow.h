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
#include "message.h"
#include "wait.h"

/**
 * chan_flow_offer() - send a message if that is possible now
 * @channel: where to
 * @message: NEW; with cap 0 its @sender is set and will be decided
 *
 * Return: 0: it has a slot or, with cap 0, a receiver is copying it; -EAGAIN:
 * there is no room, or others are first; -EPIPE: nobody will ever receive it.
 * After a failure it is still the caller's.
 */
int chan_flow_offer(struct chan_channel *channel, struct chan_message *message);

/**
 * chan_flow_line_up() - wait behind those who wait already
 * @channel: that had no room for it
 * @message: its @sender will be decided: 0 when it got through, -EPIPE or, with
 *	@nowait, -EAGAIN when not, and then it is the sender's again
 */
void chan_flow_line_up(struct chan_channel *channel,
		       struct chan_message *message);

/**
 * chan_flow_withdraw() - the sender gives up
 * @channel: where it waits
 * @message: its @sender is not decided
 *
 * Return: true if the message is the sender's again; false if a receiver is
 * still copying it and will free it, without ever having received it.
 */
bool chan_flow_withdraw(struct chan_channel *channel,
			struct chan_message *message);

/**
 * chan_flow_claim() - take the first message for copying
 * @channel: where from
 * @room: how long a message may be
 *
 * Return: a CLAIMED message; ERR_PTR: -EAGAIN, there is none; -ESHUTDOWN, there
 * will be none; -EMSGSIZE, it is longer than @room and stays.
 */
struct chan_message *chan_flow_claim(struct chan_channel *channel, size_t room);

/**
 * chan_flow_await() - wait for a message behind those who wait already
 * @channel: where from
 * @waiter: a receiver; will be decided: 0 with a CLAIMED message in @message,
 *	-EMSGSIZE or -ESHUTDOWN
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
 * @message: claimed by the caller, who frees it
 *
 * Return: true if that counts; false if its sender had taken it back.
 */
bool chan_flow_receive(struct chan_channel *channel,
		       struct chan_message *message);

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
 * chan_flow_end() - draw the consequences of who is left
 * @channel: its endpoints, its name or its being shut has changed
 * @dropped: gets the messages that nobody can receive any more
 */
void chan_flow_end(struct chan_channel *channel, struct list_head *dropped);

/**
 * chan_flow_can_send() - would the longest message find room now?
 * @channel: where to
 *
 * Return: true if sending it would not be -EAGAIN; with cap 0: if a receiver
 * waits.
 */
bool chan_flow_can_send(const struct chan_channel *channel);

/**
 * chan_flow_can_receive() - is there something to be told to a receiver?
 * @channel: where from
 *
 * Return: true if receiving would not be -EAGAIN.
 */
bool chan_flow_can_receive(const struct chan_channel *channel);

#endif /* CHAN_FLOW_H */
