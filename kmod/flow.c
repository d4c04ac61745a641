// SPDX-License-Identifier: GPL-2.0-only
/*
 * flow.c - how messages move from senders through the queue to receivers
 *
 * Owns every step of a message and every decision about who is next, all of it
 * under the lock of the channel. It copies nothing but short payloads for those
 * who look, sleeps nowhere and frees nothing.
 *
 * With slots: NEW, perhaps WAITING in the line, QUEUED, CLAIMED, RECEIVED, and
 * a slot is held from QUEUED until the duty is over. Without (cap 0) the queue
 * is of messages WAITING, which their senders hold.
 *
 * Two things always hold when the lock is dropped: a receiver waits only while
 * there is nothing to receive, and a sender waits for a slot only while it or
 * somebody before it has no room. The arms of a select count for this as long
 * as none of them is chosen; those that have lost may still be in the lists,
 * and are taken out by whoever meets them, or by their task.
 */
#include <linux/lockdep.h>

#include "compat.h"
#include "flow.h"
#include "outcome.h"
#include "trace.h"

static bool is_rendezvous(const struct chan_channel *channel)
{
	return !channel->attr.cap;
}

static bool has_room(const struct chan_channel *channel, u64 cost)
{
	return chan_channel_used(channel) < channel->attr.cap &&
	       channel->bytes + cost <= channel->attr.bytes_max;
}

/* What is claimed may come back; the end has to wait for that. */
static bool is_drained(const struct chan_channel *channel)
{
	return channel->closing && !channel->claimed && !channel->queue.filled;
}

/*
 * And so may what others owe; what the endpoint owes itself is in its own hands.
 */
static bool is_over(const struct chan_channel *channel,
		    const struct chan_endpoint *endpoint)
{
	return is_drained(channel) &&
	       channel->holders == (endpoint->returnable > 0);
}

static void take_slot(struct chan_channel *channel,
		      const struct chan_message *message)
{
	channel->queued++;
	channel->bytes += chan_message_cost(message);
}

static void free_slot(struct chan_channel *channel,
		      const struct chan_message *message)
{
	channel->queued--;
	channel->bytes -= chan_message_cost(message);
}

void chan_flow_close(struct chan_channel *channel,
		     const struct chan_message *message)
{
	channel->unsettled--;
	channel->bytes -= chan_message_cost(message);
}

/* From now on others know the message. */
static inline void enter(struct chan_message *message)
{
	message->stamp->bearers++;
	if (message->sender)
		chan_outcome_expect(message);
}

static void leave_line(struct chan_channel *channel,
		       struct chan_message *message)
{
	if (is_rendezvous(channel))
		chan_queue_remove(&channel->queue, message);
	else
		list_del(&message->link);
	channel->nr_line--;
}

/* Its sender does not wait for it any more; whose it is, frees it. */
static noinline void take_out(struct chan_channel *channel,
			      struct chan_message *message)
{
	chan_outcome_forget(message);
	chan_flow_withdraw(channel, message);
}

static inline bool has_lost(const struct chan_message *message)
{
	return unlikely(message->sender) && chan_wait_has_lost(message->sender);
}

static inline bool is_arm(const struct chan_message *message)
{
	return unlikely(message->sender) && unlikely(message->sender->choice);
}

/* Chosen: it can part from the others; or back in line: they may come first. */
static noinline void tell_arm(struct chan_channel *channel,
			      struct chan_waiter *arm, bool back)
{
	WRITE_ONCE(arm->back, back);
	chan_wait_note_chosen(channel, arm);
}

/* Between a look and this, another arm of its sender may have been chosen. */
static __always_inline bool choose(struct chan_channel *channel,
				   struct chan_message *message)
{
	if (!message->sender || likely(chan_wait_choose(message->sender)))
		return true;
	take_out(channel, message);
	return false;
}

static struct chan_message *first_in_line(struct chan_channel *channel)
{
	struct chan_message *first;

	while ((first = list_first_entry_or_null(&channel->line,
						 struct chan_message, link)) &&
	       has_lost(first))
		take_out(channel, first);
	return first;
}

static __always_inline struct chan_message *
first_in_queue(struct chan_channel *channel)
{
	struct chan_message *first;

	while ((first = chan_queue_first(&channel->queue)) &&
	       unlikely(has_lost(first)))
		take_out(channel, first);
	return first;
}

static struct chan_waiter *first_idle(struct chan_channel *channel)
{
	struct chan_waiter *first;

	while ((first = list_first_entry_or_null(&channel->idle,
						 struct chan_waiter, link)) &&
	       chan_wait_has_lost(first))
		chan_flow_leave(channel, first);
	return first;
}

bool chan_flow_can_send(struct chan_channel *channel)
{
	lockdep_assert_held(&channel->lock);
	if (is_rendezvous(channel))
		return first_idle(channel);
	return !first_in_line(channel) &&
	       has_room(channel, channel->attr.msg_max + CHAN_MSG_OVERHEAD);
}

bool chan_flow_can_receive(struct chan_channel *channel,
			   const struct chan_endpoint *endpoint)
{
	lockdep_assert_held(&channel->lock);
	return first_in_queue(channel) || is_over(channel, endpoint);
}

static void leave_queue(struct chan_channel *channel,
			struct chan_message *message)
{
	chan_queue_remove(&channel->queue, message);
	if (message->state == CHAN_MESSAGE_WAITING)
		channel->nr_line--;
}

static __always_inline void claim(struct chan_channel *channel,
				  struct chan_message *message)
{
	bool has_slot = message->state == CHAN_MESSAGE_QUEUED;

	WARN_ON_ONCE(message->sender && !chan_wait_is_chosen(message->sender));
	chan_message_move(message, CHAN_MESSAGE_CLAIMED);
	message->token = channel->next_number++;
	/* What was claimed in vain before, or came back, has its place. */
	if (!message->place)
		message->place = message->token;
	channel->claimed++;
	if (!has_slot)
		take_slot(channel, message);
}

/* A call meets a receiver that cannot reply: received and rejected at once. */
static void reject(struct chan_channel *channel, struct chan_message *message)
{
	claim(channel, message);
	channel->claimed--;
	free_slot(channel, message);
	chan_message_move(message, CHAN_MESSAGE_RECEIVED);
	trace_chan_receive(channel, message);
	channel->settled++;
	/* It has a sender, so nothing is left to be freed here. */
	chan_outcome_conclude(channel, message, CHAN_REJECT, EOPNOTSUPP, NULL);
}

static bool is_unanswerable(const struct chan_message *message,
			    const struct chan_want *want)
{
	return want->autoack && message->terms.duty == CHAN_DUTY_REPLY;
}

/* Gives a message that is in no list to the first receiver it fits. */
static bool hand_over(struct chan_channel *channel,
		      struct chan_message *message)
{
	struct chan_waiter *receiver;

	while ((receiver = first_idle(channel))) {
		if (is_unanswerable(message, receiver->want)) {
			reject(channel, message);
			return true;
		}
		chan_flow_leave(channel, receiver);
		if (!chan_wait_choose(receiver))
			continue;
		if (message->len > receiver->want->room) {
			receiver->want->len = message->len;
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

static int show(struct chan_message *message, struct chan_want *want,
		struct chan_message *copy)
{
	if (message->len > want->room) {
		want->len = message->len;
		return -EMSGSIZE;
	}
	chan_message_mirror(copy, message);
	copy->stamp->bearers++;
	return 0;
}

static noinline void serve_peekers(struct chan_channel *channel,
				   struct chan_message *message)
{
	struct chan_waiter *peeker, *next;
	int result;

	list_for_each_entry_safe(peeker, next, &channel->peekers, link) {
		chan_flow_leave(channel, peeker);
		if (!chan_wait_choose(peeker))
			continue;
		result = show(message, peeker->want, peeker->message);
		chan_wait_decide(channel, peeker, result);
	}
}

/* A message that is in no list has become the first to be received. */
static bool find_receiver(struct chan_channel *channel,
			  struct chan_message *message)
{
	if (unlikely(channel->nr_peekers))
		serve_peekers(channel, message);
	return channel->nr_idle && hand_over(channel, message);
}

/*
 * With cap 0, a receiver and a message of a sender both wait only if they are
 * arms of one select: they do not meet, but what came back is for the receiver.
 */
static struct chan_message *first_with_slot(const struct chan_channel *channel)
{
	struct chan_message *message = chan_queue_first(&channel->queue);

	while (message && message->state != CHAN_MESSAGE_QUEUED)
		message = chan_queue_next(&channel->queue, message);
	return message;
}

/* The queue has grown at its head. */
static void serve_idle(struct chan_channel *channel)
{
	struct chan_message *first;

	while ((channel->nr_idle || channel->nr_peekers) &&
	       (first = first_with_slot(channel))) {
		chan_queue_remove(&channel->queue, first);
		if (!find_receiver(channel, first))
			chan_queue_restore(&channel->queue, first);
	}
}

static __always_inline void admit(struct chan_channel *channel,
				  struct chan_message *message)
{
	chan_message_move(message, CHAN_MESSAGE_QUEUED);
	take_slot(channel, message);
	channel->sent++;
	trace_chan_send(channel, message);
	if (find_receiver(channel, message))
		return;
	chan_queue_append(&channel->queue, message);
	chan_wait_note_readable(channel);
}

static noinline void admit_line(struct chan_channel *channel)
{
	struct chan_message *first;

	while ((first = first_in_line(channel)) &&
	       has_room(channel, chan_message_cost(first))) {
		if (!choose(channel, first))
			continue;
		leave_line(channel, first);
		if (first->terms.until == CHAN_UNTIL_QUEUED)
			chan_outcome_tell(channel, first, 0, CHAN_STATE_QUEUED,
					  NULL);
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

static void end_waiting(struct chan_channel *channel, struct list_head *waiters)
{
	struct chan_waiter *waiter, *next;

	list_for_each_entry_safe(waiter, next, waiters, link) {
		if (!is_over(channel, waiter->want->endpoint))
			continue;
		chan_flow_leave(channel, waiter);
		if (chan_wait_choose(waiter))
			chan_wait_decide(channel, waiter, -ESHUTDOWN);
	}
}

static noinline void end_receivers(struct chan_channel *channel)
{
	end_waiting(channel, &channel->idle);
	end_waiting(channel, &channel->peekers);
	chan_wait_note_ended(channel);
}

static bool is_balanced(struct chan_channel *channel)
{
	if (channel->nr_idle | channel->nr_peekers | channel->nr_line |
	    channel->closing)
		return false;
	/* chan_poll: ordered by the lock. */
	return !waitqueue_active(&channel->writable);
}

/*
 * Each who waits is looked at once for each step, and not for each settlement; who
 * comes later looks first.
 */
static void tell_end(struct chan_channel *channel)
{
	enum chan_end_told told = CHAN_END_OF_NOBODY;

	if (is_drained(channel) && channel->holders < 2)
		told = channel->holders ? CHAN_END_OF_THE_HOLDER :
					  CHAN_END_OF_ALL;
	if (told > channel->end_told)
		end_receivers(channel);
	channel->end_told = told;
}

static noinline void bring_into_balance(struct chan_channel *channel)
{
	serve_idle(channel);
	offer_room(channel);
	if (unlikely(channel->closing))
		tell_end(channel);
}

void chan_flow_note_freed(struct chan_channel *channel, unsigned int used)
{
	lockdep_assert_held(&channel->lock);
	for (; used > chan_channel_used(channel) + 1; used--)
		chan_wait_note_writable(channel);
}

void chan_flow_balance(struct chan_channel *channel)
{
	lockdep_assert_held(&channel->lock);
	if (!is_balanced(channel))
		bring_into_balance(channel);
}

/* Back into the hands of a sender that would not wait, or cannot any more. */
static void refuse(struct chan_channel *channel, struct chan_message *message,
		   int result)
{
	chan_message_move(message, CHAN_MESSAGE_WITHDRAWN);
	trace_chan_withdraw(channel, message);
	chan_outcome_unstamp(channel, message);
	chan_outcome_tell(channel, message, result, CHAN_STATE_WITHDRAWN,
			  message);
}

static void refuse_line(struct chan_channel *channel)
{
	struct chan_message *first;

	while ((first = first_in_line(channel))) {
		if (!choose(channel, first))
			continue;
		leave_line(channel, first);
		refuse(channel, first, -EPIPE);
	}
}

/* With cap 0; what came back from a receiver may still be received. */
static void refuse_waiting(struct chan_channel *channel)
{
	struct chan_message *message, *next;

	for (message = chan_queue_first(&channel->queue); message;
	     message = next) {
		next = chan_queue_next(&channel->queue, message);
		if (message->state != CHAN_MESSAGE_WAITING ||
		    !choose(channel, message))
			continue;
		leave_line(channel, message);
		refuse(channel, message, -EPIPE);
	}
}

static void drop(struct chan_channel *channel, struct chan_message *message)
{
	channel->dropped++;
	chan_message_move(message, CHAN_MESSAGE_DROPPED);
	trace_chan_drop(channel, message);
	chan_outcome_unstamp(channel, message);
}

/* Nobody is told of a message that nobody listens for: it is counted. */
static struct chan_message *fail(struct chan_channel *channel,
				 struct chan_message *message)
{
	if (chan_message_is_heard(message))
		return chan_outcome_conclude(channel, message, 0, EOWNERDEAD,
					     NULL);
	drop(channel, message);
	return message;
}

static void drop_queue(struct chan_channel *channel, struct list_head *over)
{
	struct chan_message *message;

	WARN_ON_ONCE(channel->claimed);
	while ((message = chan_queue_first(&channel->queue))) {
		chan_queue_remove(&channel->queue, message);
		free_slot(channel, message);
		if (message->sender && !message->attempt)
			refuse(channel, message, -EPIPE);
		else if (fail(channel, message))
			list_add_tail(&message->link, over);
	}
}

void chan_flow_end(struct chan_channel *channel, struct list_head *over)
{
	lockdep_assert_held(&channel->lock);
	if (chan_channel_refuses(channel)) {
		if (is_rendezvous(channel))
			refuse_waiting(channel);
		else
			refuse_line(channel);
	}
	if (channel->deserted)
		drop_queue(channel, over);
	if (channel->closing || chan_channel_refuses(channel))
		chan_wait_note_ended(channel);
	chan_flow_balance(channel);
}

/*
 * Without slots, a message lives in its sender's operation; what senders have
 * left behind with receivers has to stay within bounds.
 */
static bool too_many_orphans(const struct chan_channel *channel,
			     const struct chan_message *message)
{
	return message->terms.duty != CHAN_DUTY_NONE &&
	       channel->orphans + chan_message_cost(message) >
		       chan_channel_leeway(channel);
}

static int offer_rendezvous(struct chan_channel *channel,
			    struct chan_message *message)
{
	if (too_many_orphans(channel, message))
		return -ENOMEM;
	if (!channel->nr_idle)
		return -EAGAIN;
	enter(message);
	if (hand_over(channel, message))
		return 0;
	/* Every receiver had too small a buffer; the message is as before. */
	message->stamp->bearers--;
	list_del(&message->sent);
	return -EAGAIN;
}

int chan_flow_offer(struct chan_channel *channel, struct chan_message *message)
{
	lockdep_assert_held(&channel->lock);
	if (chan_channel_refuses(channel))
		return -EPIPE;
	if (is_rendezvous(channel))
		return offer_rendezvous(channel, message);
	if (channel->nr_line && first_in_line(channel))
		return -EAGAIN;
	if (!has_room(channel, chan_message_cost(message)))
		return -EAGAIN;
	enter(message);
	admit(channel, message);
	return 0;
}

void chan_flow_line_up(struct chan_channel *channel,
		       struct chan_message *message)
{
	lockdep_assert_held(&channel->lock);
	enter(message);
	chan_message_move(message, CHAN_MESSAGE_WAITING);
	channel->nr_line++;
	if (is_rendezvous(channel)) {
		if (channel->nr_peekers)
			serve_peekers(channel, message);
		if (message->place)
			chan_queue_restore(&channel->queue, message);
		else
			chan_queue_append(&channel->queue, message);
		chan_wait_note_readable(channel);
	} else {
		list_add_tail(&message->link, &channel->line);
	}
}

struct chan_message *chan_flow_withdraw(struct chan_channel *channel,
					struct chan_message *message)
{
	bool claimed = message->state == CHAN_MESSAGE_CLAIMED;

	lockdep_assert_held(&channel->lock);
	if (message->state == CHAN_MESSAGE_WAITING) {
		leave_line(channel, message);
	} else {
		if (claimed)
			channel->claimed--;
		else
			chan_queue_remove(&channel->queue, message);
		free_slot(channel, message);
	}
	chan_message_move(message, CHAN_MESSAGE_WITHDRAWN);
	trace_chan_withdraw(channel, message);
	if (claimed)
		return NULL;
	chan_outcome_unstamp(channel, message);
	return message;
}

/* A holder keeps it until it settles; a receiver that copies it, until then. */
struct chan_message *chan_flow_abandon(struct chan_channel *channel,
				       struct chan_message *message)
{
	enum chan_message_state state = message->state;

	lockdep_assert_held(&channel->lock);
	chan_message_move(message, CHAN_MESSAGE_ABANDONED);
	trace_chan_abandon(channel, message);
	switch (state) {
	case CHAN_MESSAGE_RECEIVED:
		chan_duty_forget_one(message->holder);
		return NULL;
	case CHAN_MESSAGE_CLAIMED:
		channel->claimed--;
		free_slot(channel, message);
		return NULL;
	default:
		chan_queue_remove(&channel->queue, message);
		free_slot(channel, message);
		chan_outcome_unstamp(channel, message);
		return message;
	}
}

void chan_flow_orphan(struct chan_channel *channel,
		      struct chan_message *message)
{
	lockdep_assert_held(&channel->lock);
	if (!is_rendezvous(channel))
		return;
	message->orphan = true;
	channel->orphans += chan_message_cost(message);
}

struct chan_message *chan_flow_claim(struct chan_channel *channel,
				     struct chan_want *want)
{
	struct chan_message *first;

	lockdep_assert_held(&channel->lock);
	while ((first = first_in_queue(channel))) {
		if (is_unanswerable(first, want)) {
			leave_queue(channel, first);
			reject(channel, first);
			chan_flow_balance(channel);
			continue;
		}
		if (first->len > want->room) {
			want->len = first->len;
			return ERR_PTR(-EMSGSIZE);
		}
		if (!choose(channel, first))
			continue;
		if (is_arm(first))
			tell_arm(channel, first->sender, false);
		leave_queue(channel, first);
		claim(channel, first);
		return first;
	}
	return ERR_PTR(is_over(channel, want->endpoint) ? -ESHUTDOWN : -EAGAIN);
}

int chan_flow_peek(struct chan_channel *channel, struct chan_want *want,
		   struct chan_message *copy)
{
	struct chan_message *first = first_in_queue(channel);

	lockdep_assert_held(&channel->lock);
	if (first)
		return show(first, want, copy);
	return is_over(channel, want->endpoint) ? -ESHUTDOWN : -EAGAIN;
}

void chan_flow_await(struct chan_channel *channel, struct chan_waiter *waiter)
{
	lockdep_assert_held(&channel->lock);
	waiter->parked = true;
	if (waiter->tag)
		list_add_tail(&waiter->mine, &waiter->want->endpoint->waiting);
	if (waiter->message) {
		list_add_tail(&waiter->link, &channel->peekers);
		channel->nr_peekers++;
		return;
	}
	list_add_tail(&waiter->link, &channel->idle);
	channel->nr_idle++;
	if (is_rendezvous(channel))
		chan_wait_note_writable(channel);
}

void chan_flow_leave(struct chan_channel *channel, struct chan_waiter *waiter)
{
	lockdep_assert_held(&channel->lock);
	waiter->parked = false;
	list_del(&waiter->link);
	if (waiter->tag)
		list_del(&waiter->mine);
	if (waiter->message)
		channel->nr_peekers--;
	else
		channel->nr_idle--;
}

/* Received, and nothing is owed: who listens is told. */
static void finish(struct chan_channel *channel, struct chan_message *message)
{
	channel->bytes -= chan_message_cost(message);
	chan_outcome_unstamp(channel, message);
	if (message->sender)
		chan_outcome_tell(channel, message, 0, CHAN_STATE_RECEIVED,
				  NULL);
}

static struct chan_message *acknowledge(struct chan_channel *channel,
					struct chan_message *message)
{
	channel->bytes -= chan_message_cost(message);
	channel->settled++;
	return chan_outcome_conclude(channel, message, CHAN_ACK, 0, NULL);
}

int chan_flow_receive(struct chan_channel *channel,
		      struct chan_message *message,
		      const struct chan_want *want, struct chan_message **over)
{
	lockdep_assert_held(&channel->lock);
	*over = message;
	if (message->state != CHAN_MESSAGE_CLAIMED) {
		chan_outcome_unstamp(channel, message);
		return -ECANCELED;
	}
	if (is_rendezvous(channel) && !message->attempt)
		channel->sent++;
	/* It must not look as if it had never been received. */
	if (message->attempt < U32_MAX)
		message->attempt++;
	chan_message_move(message, CHAN_MESSAGE_RECEIVED);
	trace_chan_receive(channel, message);
	channel->claimed--;
	channel->queued--;
	channel->received++;
	if (message->terms.duty == CHAN_DUTY_NONE) {
		finish(channel, message);
	} else if (want->autoack) {
		*over = acknowledge(channel, message);
	} else {
		channel->unsettled++;
		chan_duty_open(want->endpoint, message);
		*over = NULL;
	}
	if (!is_balanced(channel))
		bring_into_balance(channel);
	return 0;
}

static void return_to_line(struct chan_channel *channel,
			   struct chan_message *message)
{
	free_slot(channel, message);
	if (chan_channel_refuses(channel)) {
		refuse(channel, message, -EPIPE);
		return;
	}
	chan_message_move(message, CHAN_MESSAGE_WAITING);
	if (find_receiver(channel, message))
		return;
	if (message->terms.nowait || message->terms.late) {
		refuse(channel, message,
		       message->terms.nowait ? -EAGAIN : -ETIMEDOUT);
		return;
	}
	chan_queue_restore(&channel->queue, message);
	channel->nr_line++;
	chan_wait_note_readable(channel);
	if (is_arm(message))
		tell_arm(channel, message->sender, true);
}

static void return_to_queue(struct chan_channel *channel,
			    struct chan_message *message)
{
	chan_message_move(message, CHAN_MESSAGE_QUEUED);
	if (find_receiver(channel, message))
		return;
	if (message->terms.late && message->sender) {
		free_slot(channel, message);
		refuse(channel, message, -ETIMEDOUT);
		return;
	}
	chan_queue_restore(&channel->queue, message);
	chan_wait_note_readable(channel);
}

bool chan_flow_return(struct chan_channel *channel,
		      struct chan_message *message)
{
	lockdep_assert_held(&channel->lock);
	if (message->state != CHAN_MESSAGE_CLAIMED) {
		chan_outcome_unstamp(channel, message);
		return false;
	}
	channel->claimed--;
	if (is_rendezvous(channel) && !message->attempt)
		return_to_line(channel, message);
	else
		return_to_queue(channel, message);
	chan_flow_balance(channel);
	return true;
}

struct chan_message *chan_flow_give_up(struct chan_channel *channel,
				       struct chan_message *message)
{
	lockdep_assert_held(&channel->lock);
	chan_flow_close(channel, message);
	return fail(channel, message);
}

static bool is_worn_out(const struct chan_channel *channel,
			const struct chan_message *message)
{
	u32 most = channel->attr.max_attempts;

	return most && message->attempt >= most;
}

struct chan_message *chan_flow_come_back(struct chan_channel *channel,
					 struct chan_message *message)
{
	lockdep_assert_held(&channel->lock);
	if (channel->deserted || is_worn_out(channel, message))
		return chan_flow_give_up(channel, message);
	channel->unsettled--;
	channel->queued++;
	channel->redelivered++;
	chan_message_move(message, CHAN_MESSAGE_QUEUED);
	trace_chan_redeliver(channel, message);
	/* Before whatever is there; its holder is none any more. */
	message->place = --channel->front;
	chan_queue_restore(&channel->queue, message);
	chan_wait_note_readable(channel);
	return NULL;
}
