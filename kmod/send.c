// SPDX-License-Identifier: GPL-2.0-only
/*
 * send.c - sending, and waiting for what becomes of it
 *
 * Owns the sender's course: copy, lock, step, unlock, sleep, fetch the outcome.
 * The steps are flow.c's. Payloads are copied while no lock is held, so a page
 * that does not come stops nobody but its owner.
 */
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>

#include "charge.h"
#include "compat.h"
#include "flow.h"
#include "leave.h"
#include "outcome.h"
#include "send.h"
#include "supply.h"

/* A receiver that is there copies within that time, if it does not stall. */
#define ONE_TRY_NS (100 * NSEC_PER_MSEC)

static int check_length(const struct chan_attributes *attr, u64 len)
{
	if (len > attr->msg_max)
		return -EMSGSIZE;
	if (attr->flags & CHAN_FIXED && len != attr->msg_max)
		return -EMSGSIZE;
	return 0;
}

static __always_inline struct chan_message *
make_message(struct chan_endpoint *endpoint, const struct chan_payload *from)
{
	const struct chan_attributes *attr = &endpoint->channel->attr;
	struct chan_message *message;
	int err;

	err = check_length(attr, from->len);
	if (err)
		return ERR_PTR(err);
	message = chan_supply_take(endpoint, from->len);
	if (!message)
		return ERR_PTR(-ENOMEM);
	err = chan_message_copy_in(message, from);
	if (err) {
		chan_supply_give(endpoint, message);
		return ERR_PTR(err);
	}
	message->origin = endpoint;
	message->stamp = endpoint->stamp;
	message->sent_at = ktime_get_ns();
	return message;
}

void chan_send_retract(struct chan_call *call, u8 state)
{
	call->op.state = state;
	call->told = false;
}

static void retract(struct chan_call *call, u8 state)
{
	if (call)
		chan_send_retract(call, state);
}

static int result_of(const struct chan_message *outcome)
{
	switch (outcome->verdict) {
	case CHAN_ACK:
		return 0;
	case CHAN_REPLY:
		return outcome->len;
	case CHAN_REJECT:
		return -EREMOTEIO;
	default:
		return -(int)outcome->error;
	}
}

static int tell_outcome(const struct chan_sending *sending,
			const struct chan_message *outcome)
{
	const struct chan_payload room = {
		.address = u64_to_user_ptr(sending->answer.buf),
		.len = sending->answer.len,
	};
	struct chan_op *op = &sending->call->op;

	op->state = CHAN_STATE_SETTLED;
	if (outcome->verdict == CHAN_REPLY) {
		if (outcome->len > room.len)
			return -EMSGSIZE;
		if (chan_message_copy_out(outcome, &room))
			return -EFAULT;
		op->reply_len = outcome->len;
	}
	op->verdict = outcome->verdict;
	op->error = outcome->verdict == CHAN_REJECT ? outcome->error : 0;
	op->result = result_of(outcome);
	return chan_op_tell_end(sending->call);
}

/* An outcome that cannot be told is kept until somebody asks again. */
static int fetch(const struct chan_sending *sending,
		 struct chan_message *outcome)
{
	struct chan_endpoint *endpoint = sending->endpoint;
	int result = result_of(outcome);
	int err;

	err = tell_outcome(sending, outcome);
	if (!err) {
		chan_supply_give(endpoint, outcome);
		return result;
	}
	sending->call->told = false;
	/* The dead do not come back. */
	if (fatal_signal_pending(current)) {
		chan_supply_give(endpoint, outcome);
		return err;
	}
	spin_lock(&endpoint->channel->lock);
	chan_outcome_keep(outcome, true);
	spin_unlock(&endpoint->channel->lock);
	return err;
}

/* A signal came after receipt: the record goes on as a WAIT. */
static void become_wait(struct chan_call *call,
			const struct chan_message *message)
{
	call->op.code = CHAN_OP_WAIT;
	call->op.flags = 0;
	call->op.id = message->id;
}

static bool may_come_back(const struct chan_message *message, int err)
{
	return err == -ERESTARTSYS && message->attempt &&
	       !fatal_signal_pending(current);
}

/*
 * Who must not wait was granted a try, and that was all. And io_uring interrupts
 * its task for work, which may be to receive this very message; the system call is
 * restarted then, but not for ever.
 */
static int why_it_goes(const struct chan_sending *sending,
		       const struct chan_message *message, int err)
{
	if (err != -ERESTARTSYS && err != -ETIMEDOUT)
		return err;
	if (message->terms.nowait)
		return -EAGAIN;
	if (err == -ETIMEDOUT || message->attempt)
		return err;
	if (message->terms.late ||
	    chan_wait_has_passed(sending->answer.deadline))
		return -ETIMEDOUT;
	return err;
}

/* Called with the lock held: undecided, and the sender has to go. */
static int go(const struct chan_sending *sending, struct chan_message *message,
	      int err)
{
	struct chan_channel *channel = sending->endpoint->channel;
	struct chan_message *back = NULL;
	u8 state;

	lockdep_assert_held(&channel->lock);
	err = why_it_goes(sending, message, err);
	if (may_come_back(message, err)) {
		state = chan_outcome_state(message);
		become_wait(sending->call, message);
		chan_outcome_keep(message, false);
	} else {
		state = chan_leave_message(channel, message, &back);
	}
	chan_wait_unlock(channel);
	chan_supply_give(sending->endpoint, back);
	retract(sending->call, state);
	return err;
}

static __always_inline int conclude(const struct chan_sending *sending,
				    const struct chan_waiter *waiter)
{
	if (waiter->state == CHAN_STATE_SETTLED)
		return fetch(sending, waiter->message);
	chan_supply_give(sending->endpoint, waiter->message);
	if (waiter->result)
		retract(sending->call, waiter->state);
	return waiter->result;
}

/*
 * @message is somebody else's by now, and perhaps gone, unless the lock is held
 * and @waiter not decided.
 */
static int await_outcome(const struct chan_sending *sending,
			 struct chan_waiter *waiter,
			 struct chan_message *message)
{
	struct chan_channel *channel = sending->endpoint->channel;
	int err;

	err = chan_wait_for_decision(channel, waiter, sending->answer.deadline);
	return err ? go(sending, message, err) : conclude(sending, waiter);
}

static noinline int refused(struct chan_endpoint *endpoint,
			    struct chan_call *call,
			    struct chan_message *message, int err)
{
	chan_supply_give(endpoint, message);
	retract(call, CHAN_STATE_WITHDRAWN);
	return err;
}

static struct chan_answer answer_to(const struct chan_call *call)
{
	if (!call)
		return (struct chan_answer){};
	return (struct chan_answer){
		.buf = call->op.reply_buf,
		.len = call->op.reply_len,
		.deadline = call->deadline,
	};
}

/* Called with the lock held, after an offer that had to wait. */
static noinline int send_in_line(struct chan_endpoint *endpoint,
				 struct chan_call *call,
				 struct chan_message *message)
{
	const struct chan_sending sending = {
		.endpoint = endpoint,
		.call = call,
		.answer = answer_to(call),
	};
	struct chan_channel *channel = endpoint->channel;
	struct chan_waiter waiter;

	lockdep_assert_held(&channel->lock);
	chan_wait_init(&waiter);
	message->sender = &waiter;
	chan_flow_line_up(channel, message);
	chan_wait_unlock(channel);
	return await_outcome(&sending, &waiter, message);
}

void chan_send_grant_try(struct chan_message *message, u64 *deadline)
{
	const bool nowait = message->terms.nowait;
	u64 now;

	if (message->state != CHAN_MESSAGE_CLAIMED ||
	    message->terms.until != CHAN_UNTIL_RECEIVED ||
	    (!*deadline && !nowait))
		return;
	now = ktime_get_ns();
	if (now < *deadline && !nowait)
		return;
	message->terms.late = !nowait;
	*deadline = now + ONE_TRY_NS;
}

/* What waits for more than a slot is decided, also if it could be offered. */
static __always_inline int start(struct chan_sending *sending,
				 struct chan_message *message,
				 struct chan_waiter *waiter)
{
	struct chan_endpoint *endpoint = sending->endpoint;
	struct chan_channel *channel = endpoint->channel;
	bool waits = message->terms.until != CHAN_UNTIL_QUEUED;
	int err;

	sending->answer = answer_to(sending->call);
	message->answer = sending->answer;
	message->sender = waits ? waiter : NULL;
	spin_lock(&channel->lock);
	err = chan_flow_offer(channel, message);
	if (!err)
		chan_send_grant_try(message, &sending->answer.deadline);
	chan_supply_refill(endpoint);
	if (err == -EAGAIN && !message->terms.nowait) {
		message->sender = waiter;
		chan_flow_line_up(channel, message);
		err = -EINPROGRESS;
	} else if (!err && waits) {
		err = -EINPROGRESS;
	}
	chan_wait_unlock(channel);
	if (!err || err == -EINPROGRESS)
		return err;
	return refused(endpoint, sending->call, message, err);
}

static noinline int send_and_wait(struct chan_endpoint *endpoint,
				  struct chan_call *call,
				  struct chan_message *message)
{
	struct chan_sending sending = { .endpoint = endpoint, .call = call };
	struct chan_waiter waiter;
	int err;

	chan_wait_init(&waiter);
	err = start(&sending, message, &waiter);
	if (err != -EINPROGRESS)
		return err;
	return await_outcome(&sending, &waiter, message);
}

static __always_inline int send_message(struct chan_endpoint *endpoint,
					struct chan_call *call,
					struct chan_message *message)
{
	struct chan_channel *channel = endpoint->channel;
	int err;

	if (message->terms.until != CHAN_UNTIL_QUEUED)
		return send_and_wait(endpoint, call, message);
	spin_lock(&channel->lock);
	err = chan_flow_offer(channel, message);
	chan_supply_refill(endpoint);
	if (err == -EAGAIN && !message->terms.nowait)
		return send_in_line(endpoint, call, message);
	chan_wait_unlock(channel);
	return err ? refused(endpoint, call, message, err) : 0;
}

int chan_send(struct chan_endpoint *endpoint, const struct chan_payload *from,
	      bool nowait)
{
	struct chan_message *message;

	message = make_message(endpoint, from);
	if (IS_ERR(message))
		return PTR_ERR(message);
	message->terms = endpoint->channel->plain;
	message->terms.nowait = nowait;
	return send_message(endpoint, NULL, message);
}

/*
 * Tells the id, and the success that does not need to be told later: then
 * nothing can go wrong once it has come true.
 */
static __always_inline int announce(struct chan_call *call,
				    const struct chan_message *message)
{
	struct chan_op *op = &call->op;

	op->id = message->id;
	op->verdict = 0;
	op->error = 0;
	if (message->terms.until == CHAN_UNTIL_SETTLED)
		return chan_op_tell_id(call);
	op->result = 0;
	op->state = message->terms.until == CHAN_UNTIL_RECEIVED ?
			    CHAN_STATE_RECEIVED :
			    CHAN_STATE_QUEUED;
	return chan_op_tell_here(call, op);
}

static bool keeps_too_many(const struct chan_endpoint *endpoint)
{
	unsigned int kept = READ_ONCE(endpoint->nr_kept);

	if (!kept)
		return false;
	return kept >= chan_charge_max_parked() ||
	       READ_ONCE(endpoint->kept_bytes) >=
		       chan_channel_leeway(endpoint->channel);
}

static __always_inline void set_terms(struct chan_terms *terms,
				      const struct chan_call *call,
				      const struct chan_terms *plain)
{
	const struct chan_op *op = &call->op;

	if (likely(op->until == CHAN_UNTIL_QUEUED &&
		   op->duty == CHAN_DUTY_NONE)) {
		*terms = *plain;
	} else {
		terms->until = op->until;
		terms->duty = op->duty;
		terms->on_death = op->on_death;
		terms->late = false;
	}
	terms->prio = op->prio;
	terms->nowait = call->nowait;
	terms->tag = op->tag;
}

static __always_inline struct chan_message *
prepare(struct chan_endpoint *endpoint, struct chan_call *call)
{
	const struct chan_op *op = &call->op;
	const struct chan_payload from = {
		.address = u64_to_user_ptr(op->buf),
		.len = op->len,
	};
	struct chan_message *message;
	int err;

	call->op.state = CHAN_STATE_WITHDRAWN;
	if (op->until == CHAN_UNTIL_SETTLED && keeps_too_many(endpoint))
		return ERR_PTR(-EBUSY);
	message = make_message(endpoint, &from);
	if (IS_ERR(message))
		return message;
	set_terms(&message->terms, call, &endpoint->channel->plain);
	err = announce(call, message);
	if (err)
		return ERR_PTR(refused(endpoint, call, message, err));
	return message;
}

struct chan_message *chan_send_prepare(struct chan_endpoint *endpoint,
				       struct chan_call *call)
{
	return prepare(endpoint, call);
}

int chan_send_op(struct chan_endpoint *endpoint, struct chan_call *call)
{
	struct chan_message *message;

	message = prepare(endpoint, call);
	if (IS_ERR(message))
		return PTR_ERR(message);
	return send_message(endpoint, call, message);
}

/* As the SEND said, unless the WAIT says otherwise. */
static struct chan_answer answer_to_wait(const struct chan_call *call,
					 const struct chan_answer *sent)
{
	struct chan_answer answer = *sent;

	if (call->op.reply_buf) {
		answer.buf = call->op.reply_buf;
		answer.len = call->op.reply_len;
	}
	if (call->deadline)
		answer.deadline = call->deadline;
	return answer;
}

int chan_send_resume(struct chan_sending *sending, struct chan_waiter *waiter,
		     struct chan_message **message)
{
	struct chan_endpoint *endpoint = sending->endpoint;
	struct chan_channel *channel = endpoint->channel;
	struct chan_message *sent;

	spin_lock(&channel->lock);
	sent = chan_outcome_find(endpoint, sending->call->op.id);
	if (!sent || sent->sender) {
		spin_unlock(&channel->lock);
		return sent ? -EBUSY : -ENOENT;
	}
	sending->answer = answer_to_wait(sending->call, &sent->answer);
	if (sent->state == CHAN_MESSAGE_SETTLED) {
		chan_outcome_forget(sent);
		spin_unlock(&channel->lock);
		return fetch(sending, sent);
	}
	chan_outcome_resume(sent, waiter);
	*message = sent;
	spin_unlock(&channel->lock);
	return -EINPROGRESS;
}

int chan_send_wait_op(struct chan_endpoint *endpoint, struct chan_call *call)
{
	struct chan_sending sending = { .endpoint = endpoint, .call = call };
	struct chan_message *message;
	struct chan_waiter waiter;
	int err;

	chan_wait_init(&waiter);
	err = chan_send_resume(&sending, &waiter, &message);
	if (err != -EINPROGRESS)
		return err;
	return await_outcome(&sending, &waiter, message);
}

int chan_send_start(struct chan_sending *sending, struct chan_message *message,
		    struct chan_waiter *waiter)
{
	return start(sending, message, waiter);
}

void chan_send_leave(const struct chan_sending *sending,
		     struct chan_message *message, struct chan_waiter *waiter,
		     int err)
{
	waiter->result = why_it_goes(sending, message, err);
	waiter->state = chan_leave_message(sending->endpoint->channel, message,
					   &waiter->message);
	waiter->decided = true;
}

int chan_send_conclude(const struct chan_sending *sending,
		       const struct chan_waiter *waiter)
{
	return conclude(sending, waiter);
}

int chan_send_forgo(const struct chan_sending *sending,
		    const struct chan_waiter *waiter)
{
	const struct chan_message *outcome = waiter->message;
	int result = waiter->result;

	if (waiter->state == CHAN_STATE_SETTLED)
		result = outcome->verdict == CHAN_REPLY ? -ECANCELED :
							  result_of(outcome);
	chan_supply_give(sending->endpoint, waiter->message);
	return result;
}

int chan_send_cancel_op(struct chan_endpoint *endpoint, struct chan_call *call)
{
	struct chan_channel *channel = endpoint->channel;
	struct chan_op *op = &call->op;
	LIST_HEAD(over);
	int result;

	op->result = 0;
	result = chan_op_tell(call, op);
	if (result)
		return result;
	spin_lock(&channel->lock);
	if (op->flags & CHAN_BY_TAG)
		result = chan_leave_cancel_tag(endpoint, op->tag, &over);
	else
		result = chan_leave_cancel_id(endpoint, op->id, &over);
	chan_wait_unlock(channel);
	chan_message_destroy_list(&over);
	call->told = !result;
	return result;
}
