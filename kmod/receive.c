// SPDX-License-Identifier: GPL-2.0-only
/*
 * receive.c - receiving messages, or a look at them
 *
 * Owns the receiver's course: lock, claim or sleep, unlock, copy, tell, lock,
 * receive. A claim is no receipt: whatever fails before the last step leaves
 * the message to others.
 */
#include <linux/sched/signal.h>

#include "compat.h"
#include "flow.h"
#include "outcome.h"
#include "receive.h"
#include "supply.h"

static u64 deadline_of(const struct chan_receiving *receiving)
{
	return receiving->call ? receiving->call->deadline : 0;
}

void chan_receive_park(struct chan_receiving *receiving,
		       struct chan_waiter *waiter)
{
	struct chan_channel *channel = receiving->want.endpoint->channel;

	lockdep_assert_held(&channel->lock);
	waiter->message = receiving->copy;
	waiter->want = &receiving->want;
	if (receiving->call)
		waiter->tag = receiving->call->op.tag;
	chan_flow_await(channel, waiter);
}

/* Called with the lock held, and dropped here. */
static noinline int await_turn(struct chan_receiving *receiving,
			       struct chan_waiter *waiter)
{
	struct chan_channel *channel = receiving->want.endpoint->channel;
	int err;

	chan_receive_park(receiving, waiter);
	chan_wait_unlock(channel);
	err = chan_wait_for_decision(channel, waiter, deadline_of(receiving));
	if (!err)
		return waiter->result;
	chan_flow_leave(channel, waiter);
	spin_unlock(&channel->lock);
	return err;
}

static noinline struct chan_message *
claim_in_turn(struct chan_receiving *receiving)
{
	struct chan_waiter waiter;
	int err;

	chan_wait_init(&waiter);
	err = await_turn(receiving, &waiter);
	return err ? ERR_PTR(err) : waiter.message;
}

static inline struct chan_message *
claim_message(struct chan_receiving *receiving)
{
	struct chan_channel *channel = receiving->want.endpoint->channel;
	struct chan_message *message;

	spin_lock(&channel->lock);
	message = chan_flow_claim(channel, &receiving->want);
	if (message == ERR_PTR(-EAGAIN) && !receiving->nowait)
		return claim_in_turn(receiving);
	chan_wait_unlock(channel);
	return message;
}

/* The call's own record stays as it was read, for it may be needed again. */
static int tell_message(struct chan_call *call,
			const struct chan_message *message, u64 token)
{
	bool answerable = message->terms.duty == CHAN_DUTY_REPLY;
	struct chan_op op = call->op;

	op.len = message->len;
	op.result = message->len;
	op.id = token;
	op.tag = message->terms.tag;
	op.prio = message->terms.prio;
	op.duty = message->terms.duty;
	op.reply_len = answerable ? message->answer.len : 0;
	op.attempt = message->attempt + 1;
	op.sent_at = message->sent_at;
	chan_stamp_show(message->stamp, &op);
	return chan_op_tell(call, &op);
}

/*
 * Without its token nobody could settle it. What owes nothing may be received by
 * someone who is told its length elsewhere.
 */
static int tell(const struct chan_receiving *receiving,
		const struct chan_message *message, u64 token)
{
	struct chan_call *call = receiving->call;
	int err = tell_message(call, message, token);

	if (err && call->posted && !token) {
		call->told = true;
		err = 0;
	}
	return err;
}

static __always_inline int
copy_to_receiver(const struct chan_receiving *receiving,
		 const struct chan_message *message, u64 token)
{
	/* Nobody will ever see what a dying task receives. */
	if (fatal_signal_pending(current))
		return -EINTR;
	if (chan_message_copy_out(message, receiving->to))
		return -EFAULT;
	if (!receiving->call)
		return 0;
	return tell(receiving, message, token);
}

/* 0: received; -ECANCELED: its sender took it back, there may be another. */
static inline int finish_receipt(const struct chan_receiving *receiving,
				 struct chan_message *message, int err)
{
	struct chan_channel *channel = receiving->want.endpoint->channel;
	struct chan_message *over = NULL;

	spin_lock(&channel->lock);
	if (!err)
		err = chan_flow_receive(channel, message, &receiving->want,
					&over);
	else if (!chan_flow_return(channel, message))
		over = message;
	over = chan_supply_reclaim(channel, over);
	chan_wait_unlock(channel);
	if (over)
		chan_message_destroy(over);
	return err;
}

static u64 token_of(const struct chan_receiving *receiving,
		    const struct chan_message *message)
{
	bool owed = message->terms.duty && !receiving->want.autoack;

	return owed ? message->token : 0;
}

/* The length, or why it was not received. */
static __always_inline ssize_t finish(const struct chan_receiving *receiving,
				      struct chan_message *message)
{
	size_t len = message->len;
	int err;

	err = copy_to_receiver(receiving, message,
			       token_of(receiving, message));
	err = finish_receipt(receiving, message, err);
	if (!err)
		return len;
	if (receiving->call)
		receiving->call->told = false;
	return err;
}

static __always_inline ssize_t receive(struct chan_receiving *receiving)
{
	struct chan_message *message;
	ssize_t len;

	do {
		message = claim_message(receiving);
		if (IS_ERR(message))
			return PTR_ERR(message);
		len = finish(receiving, message);
	} while (unlikely(len == -ECANCELED));
	return len;
}

static int show_first(struct chan_receiving *receiving)
{
	struct chan_channel *channel = receiving->want.endpoint->channel;
	struct chan_waiter waiter;
	int err;

	chan_wait_init(&waiter);
	spin_lock(&channel->lock);
	err = chan_flow_peek(channel, &receiving->want, receiving->copy);
	if (err == -EAGAIN && !receiving->nowait)
		return await_turn(receiving, &waiter);
	spin_unlock(&channel->lock);
	return err;
}

static void forget_look(const struct chan_receiving *receiving)
{
	struct chan_channel *channel = receiving->want.endpoint->channel;

	spin_lock(&channel->lock);
	chan_outcome_unstamp(channel, receiving->copy);
	chan_wait_unlock(channel);
}

static int look(const struct chan_receiving *receiving)
{
	int err = copy_to_receiver(receiving, receiving->copy, 0);

	forget_look(receiving);
	return err ?: receiving->copy->len;
}

static int get_copy(struct chan_receiving *receiving)
{
	receiving->copy = chan_supply_take(receiving->want.endpoint, 0);
	return receiving->copy ? 0 : -ENOMEM;
}

static int peek(struct chan_receiving *receiving)
{
	int len;

	len = get_copy(receiving);
	if (len)
		return len;
	len = show_first(receiving);
	if (!len)
		len = look(receiving);
	chan_receive_discard(receiving);
	return len;
}

ssize_t chan_receive(struct chan_endpoint *endpoint,
		     const struct chan_payload *to, bool nowait)
{
	struct chan_receiving receiving = {
		.want = {
			.endpoint = endpoint,
			.room = to->len,
			.autoack = true,
		},
		.to = to,
		.nowait = nowait,
	};

	return receive(&receiving);
}

static __always_inline void prepare(struct chan_receiving *receiving,
				    struct chan_payload *to,
				    struct chan_endpoint *endpoint,
				    struct chan_call *call)
{
	const struct chan_op *op = &call->op;

	*to = (struct chan_payload){
		.address = u64_to_user_ptr(op->buf),
		.len = min_t(u64, op->len, CHAN_MSG_MAX),
	};
	*receiving = (struct chan_receiving){
		.want = {
			.endpoint = endpoint,
			.room = to->len,
			.autoack = op->flags & CHAN_AUTOACK,
		},
		.to = to,
		.nowait = call->nowait,
		.call = call,
	};
}

static int tell_length(const struct chan_receiving *receiving, int result)
{
	if (result == -EMSGSIZE)
		receiving->call->op.len = receiving->want.len;
	return result;
}

int chan_receive_prepare(struct chan_receiving *receiving,
			 struct chan_payload *to,
			 struct chan_endpoint *endpoint, struct chan_call *call)
{
	prepare(receiving, to, endpoint, call);
	return call->op.flags & CHAN_PEEK ? get_copy(receiving) : 0;
}

int chan_receive_try(struct chan_receiving *receiving,
		     struct chan_waiter *waiter)
{
	struct chan_channel *channel = receiving->want.endpoint->channel;
	struct chan_want *want = &receiving->want;

	if (receiving->copy)
		return chan_flow_peek(channel, want, receiving->copy);
	waiter->message = chan_flow_claim(channel, want);
	return PTR_ERR_OR_ZERO(waiter->message);
}

int chan_receive_conclude(const struct chan_receiving *receiving,
			  const struct chan_waiter *waiter)
{
	if (waiter->result)
		return tell_length(receiving, waiter->result);
	return receiving->copy ? look(receiving) :
				 finish(receiving, waiter->message);
}

void chan_receive_forgo(const struct chan_receiving *receiving,
			const struct chan_waiter *waiter)
{
	if (waiter->result)
		return;
	if (receiving->copy)
		forget_look(receiving);
	else
		finish_receipt(receiving, waiter->message, -EINTR);
}

void chan_receive_discard(struct chan_receiving *receiving)
{
	struct chan_message *copy = receiving->copy;

	if (!copy)
		return;
	chan_message_unmirror(copy);
	chan_supply_give(receiving->want.endpoint, copy);
	receiving->copy = NULL;
}

int chan_receive_op(struct chan_endpoint *endpoint, struct chan_call *call)
{
	struct chan_receiving receiving;
	struct chan_payload to;
	int result;

	prepare(&receiving, &to, endpoint, call);
	if (!receiving.nowait)
		chan_receive_let_woken_go(endpoint->channel);
	if (call->op.flags & CHAN_PEEK)
		result = peek(&receiving);
	else
		result = receive(&receiving);
	return tell_length(&receiving, result);
}
