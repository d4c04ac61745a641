// SPDX-License-Identifier: GPL-2.0-only
/*
 * flow.c - how messages move from senders through the queue to receivers
 *
 * Owns every step of a message and every decision about who is next, all of it
 * under the lock of the channel. It copies nothing, sleeps nowhere and frees
 * nothing.
 *
 * With slots: NEW, perhaps WAITING in the line, QUEUED, CLAIMED, RECEIVED. A
 * sender is done when its message has a slot. Without (cap 0) the line is the
 * queue: NEW, perhaps WAITING, CLAIMED, RECEIVED, and a sender is done only
 * then, for its message has no other place to be.
 *
 * Two things always hold when the lock is dropped: a receiver waits only while
 * there is nothing to receive, and a sender waits only while it or somebody
 * before it has no room.
 */
#include <linux/lockdep.h>

#include "compat.h"
#include "flow.h"
#include "trace.h"

static bool is_rendezvous(const struct chan_channel *channel)
{
	return !channel->attr.cap;
}

static u64 cost_of(u32 len)
{
	return (u64)len + CHAN_MSG_OVERHEAD;
}

static bool has_room(const struct chan_channel *channel, u32 len)
{
	return channel->queued < channel->attr.cap &&
	       channel->bytes + cost_of(len) <= channel->attr.bytes_max;
}

static struct chan_message *first_of(const struct chan_channel *channel)
{
	return chan_queue_first(is_rendezvous(channel) ? &channel->line :
							 &channel->queue);
}

/* Claimed messages may come back, so the end has to wait for them. */
static bool is_over(const struct chan_channel *channel)
{
	return channel->closing && !channel->claimed && !first_of(channel);
}

bool chan_flow_can_send(const struct chan_channel *channel)
{
	lockdep_assert_held(&channel->lock);
	if (is_rendezvous(channel))
		return channel->nr_idle;
	return !channel->nr_line && has_room(channel, channel->attr.msg_max);
}

bool chan_flow_can_receive(const struct chan_channel *channel)
{
	lockdep_assert_held(&channel->lock);
	return first_of(channel) || is_over(channel);
}

static void claim(struct chan_channel *channel, struct chan_message *message)
{
	chan_message_move(message, CHAN_MESSAGE_CLAIMED);
	channel->claimed++;
	if (is_rendezvous(channel))
		channel->queued++;
}

static void unclaim(struct chan_channel *channel)
{
	channel->claimed--;
	if (is_rendezvous(channel))
		channel->queued--;
}

static void leave_line(struct chan_channel *channel,
		       struct chan_message *message)
{
	chan_queue_remove(message);
	channel->nr_line--;
}

/* Gives a message that is in no list to the first receiver it fits. */
static bool hand_over(struct chan_channel *channel,
		      struct chan_message *message)
{
	struct chan_waiter *receiver, *next;

	list_for_each_entry_safe(receiver, next, &channel->idle, link) {
		chan_flow_leave(channel, receiver);
		if (message->len > receiver->room) {
			chan_wait_decide(channel, receiver, -EMSGSIZE);
			continue;
		}
		claim(channel, message);
		receiver->message = message;
		chan_wait_decide(channel, receiver, 0);
		return true;
	}
	return false;
}

static inline void admit(struct chan_channel *channel,
			 struct chan_message *message)
{
	chan_message_move(message, CHAN_MESSAGE_QUEUED);
	channel->queued++;
	channel->bytes += cost_of(message->len);
	channel->sent++;
	trace_chan_send(channel, message);
	if (channel->nr_idle && hand_over(channel, message))
		return;
	chan_queue_append(&channel->queue, message);
	chan_wait_note_readable(channel);
}

static void decide_sender(struct chan_channel *channel,
			  struct chan_message *message, int result)
{
	struct chan_waiter *sender = message->sender;

	message->sender = NULL;
	chan_wait_decide(channel, sender, result);
}

static noinline void admit_line(struct chan_channel *channel)
{
	struct chan_message *first;

	while ((first = chan_queue_first(&channel->line)) &&
	       has_room(channel, first->len)) {
		leave_line(channel, first);
		decide_sender(channel, first, 0);
		admit(channel, first);
	}
}

/* A slot is free, or the first in line has gone. */
static void offer_room(struct chan_channel *channel)
{
	if (channel->nr_line && !is_rendezvous(channel))
		admit_line(channel);
	/* chan_poll: ordered by the lock. Most often nobody is there. */
	if (waitqueue_active(&channel->writable) && chan_flow_can_send(channel))
		chan_wait_note_writable(channel);
}

/* Those in line get their messages back. */
static void refuse_line(struct chan_channel *channel)
{
	struct chan_message *first;

	while ((first = chan_queue_first(&channel->line))) {
		leave_line(channel, first);
		chan_message_move(first, CHAN_MESSAGE_WITHDRAWN);
		decide_sender(channel, first, -EPIPE);
	}
}

static void drop_queue(struct chan_channel *channel, struct list_head *dropped)
{
	WARN_ON_ONCE(channel->claimed);
	channel->dropped += channel->queued;
	channel->queued = 0;
	channel->bytes = 0;
	list_splice_tail_init(&channel->queue.messages, dropped);
}

static void end_receivers(struct chan_channel *channel)
{
	struct chan_waiter *receiver, *next;

	list_for_each_entry_safe(receiver, next, &channel->idle, link) {
		chan_flow_leave(channel, receiver);
		chan_wait_decide(channel, receiver, -ESHUTDOWN);
	}
	chan_wait_note_ended(channel);
}

void chan_flow_end(struct chan_channel *channel, struct list_head *dropped)
{
	lockdep_assert_held(&channel->lock);
	if (chan_channel_refuses(channel)) {
		refuse_line(channel);
		chan_wait_note_ended(channel);
	}
	if (channel->deserted)
		drop_queue(channel, dropped);
	if (channel->closing)
		chan_wait_note_ended(channel);
	if (is_over(channel))
		end_receivers(channel);
}

int chan_flow_offer(struct chan_channel *channel, struct chan_message *message)
{
	lockdep_assert_held(&channel->lock);
	if (chan_channel_refuses(channel))
		return -EPIPE;
	message->id = channel->next_id++;
	if (is_rendezvous(channel))
		return hand_over(channel, message) ? 0 : -EAGAIN;
	if (channel->nr_line || !has_room(channel, message->len))
		return -EAGAIN;
	admit(channel, message);
	return 0;
}

void chan_flow_line_up(struct chan_channel *channel,
		       struct chan_message *message)
{
	lockdep_assert_held(&channel->lock);
	chan_message_move(message, CHAN_MESSAGE_WAITING);
	chan_queue_append(&channel->line, message);
	channel->nr_line++;
	if (is_rendezvous(channel))
		chan_wait_note_readable(channel);
}

bool chan_flow_withdraw(struct chan_channel *channel,
			struct chan_message *message)
{
	bool in_line = message->state == CHAN_MESSAGE_WAITING;

	lockdep_assert_held(&channel->lock);
	chan_message_move(message, CHAN_MESSAGE_WITHDRAWN);
	message->sender = NULL;
	if (in_line) {
		leave_line(channel, message);
		offer_room(channel);
	}
	return in_line;
}

struct chan_message *chan_flow_claim(struct chan_channel *channel, size_t room)
{
	struct chan_message *first = first_of(channel);

	lockdep_assert_held(&channel->lock);
	if (!first)
		return ERR_PTR(is_over(channel) ? -ESHUTDOWN : -EAGAIN);
	if (first->len > room)
		return ERR_PTR(-EMSGSIZE);
	if (is_rendezvous(channel))
		leave_line(channel, first);
	else
		chan_queue_remove(first);
	claim(channel, first);
	return first;
}

void chan_flow_await(struct chan_channel *channel, struct chan_waiter *waiter)
{
	lockdep_assert_held(&channel->lock);
	list_add_tail(&waiter->link, &channel->idle);
	channel->nr_idle++;
	if (is_rendezvous(channel))
		chan_wait_note_writable(channel);
}

void chan_flow_leave(struct chan_channel *channel, struct chan_waiter *waiter)
{
	lockdep_assert_held(&channel->lock);
	list_del(&waiter->link);
	channel->nr_idle--;
}

bool chan_flow_receive(struct chan_channel *channel,
		       struct chan_message *message)
{
	bool counts = message->state == CHAN_MESSAGE_CLAIMED;

	lockdep_assert_held(&channel->lock);
	unclaim(channel);
	if (counts) {
		chan_message_move(message, CHAN_MESSAGE_RECEIVED);
		channel->received++;
		trace_chan_receive(channel, message);
	}
	if (counts && is_rendezvous(channel)) {
		channel->sent++;
		decide_sender(channel, message, 0);
	} else if (counts) {
		channel->queued--;
		channel->bytes -= cost_of(message->len);
		offer_room(channel);
	}
	if (unlikely(channel->closing) && is_over(channel))
		end_receivers(channel);
	return counts;
}

/* Back into the hands of a sender that would not wait, or cannot any more. */
static void refuse(struct chan_channel *channel, struct chan_message *message,
		   int result)
{
	chan_message_move(message, CHAN_MESSAGE_WITHDRAWN);
	decide_sender(channel, message, result);
}

static void return_to_line(struct chan_channel *channel,
			   struct chan_message *message)
{
	if (chan_channel_refuses(channel)) {
		refuse(channel, message, -EPIPE);
		return;
	}
	chan_message_move(message, CHAN_MESSAGE_WAITING);
	if (hand_over(channel, message))
		return;
	if (message->nowait) {
		refuse(channel, message, -EAGAIN);
		return;
	}
	chan_queue_restore(&channel->line, message);
	channel->nr_line++;
	chan_wait_note_readable(channel);
}

static void return_to_queue(struct chan_channel *channel,
			    struct chan_message *message)
{
	chan_message_move(message, CHAN_MESSAGE_QUEUED);
	if (hand_over(channel, message))
		return;
	chan_queue_restore(&channel->queue, message);
	chan_wait_note_readable(channel);
}

bool chan_flow_return(struct chan_channel *channel,
		      struct chan_message *message)
{
	bool alive = message->state == CHAN_MESSAGE_CLAIMED;

	lockdep_assert_held(&channel->lock);
	unclaim(channel);
	if (!alive)
		; /* its sender took it back meanwhile */
	else if (is_rendezvous(channel))
		return_to_line(channel, message);
	else
		return_to_queue(channel, message);
	if (is_over(channel))
		end_receivers(channel);
	return alive;
}
