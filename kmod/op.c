// SPDX-License-Identifier: GPL-2.0-only
/*
 * op.c - operations: what every door calls
 *
 * Owns what makes an operation malformed, which rights it needs, and who runs
 * it. It knows nothing of messages.
 */
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/errno.h>

#include "compat.h"
#include "flow.h"
#include "op.h"
#include "receive.h"
#include "send.h"
#include "settle.h"

#define FAIL	  BIT(CHAN_ON_DEATH_FAIL)
#define REDELIVER BIT(CHAN_ON_DEATH_REDELIVER)

/* The styles of sending: by until and duty, what a death may mean. */
static const u8 styles[][CHAN_DUTY_REPLY + 1] = {
	[CHAN_UNTIL_QUEUED][CHAN_DUTY_NONE] = FAIL,
	[CHAN_UNTIL_QUEUED][CHAN_DUTY_ACK] = REDELIVER,
	[CHAN_UNTIL_RECEIVED][CHAN_DUTY_NONE] = FAIL,
	[CHAN_UNTIL_SETTLED][CHAN_DUTY_ACK] = FAIL | REDELIVER,
	[CHAN_UNTIL_SETTLED][CHAN_DUTY_REPLY] = FAIL | REDELIVER,
};

static __always_inline bool is_style(const struct chan_op *op, bool rendezvous)
{
	if (op->until > CHAN_UNTIL_SETTLED || op->duty > CHAN_DUTY_REPLY ||
	    op->on_death > CHAN_ON_DEATH_REDELIVER)
		return false;
	if (rendezvous && op->until == CHAN_UNTIL_QUEUED && op->duty)
		return false;
	return styles[op->until][op->duty] & BIT(op->on_death);
}

static __always_inline int check_send(const struct chan_op *op, bool rendezvous)
{
	bool may_nowait;

	if (op->flags & ~CHAN_NOWAIT || op->prio > CHAN_PRIO_MAX)
		return -EINVAL;
	/* The most frequent style, and right for every channel. */
	if (likely(!op->until && !op->duty && !op->on_death))
		return 0;
	may_nowait = op->until == CHAN_UNTIL_QUEUED ||
		     (op->until == CHAN_UNTIL_RECEIVED && rendezvous);
	if (op->flags & CHAN_NOWAIT && !may_nowait)
		return -EINVAL;
	return is_style(op, rendezvous) ? 0 : -EINVAL;
}

static __always_inline int check_receive(const struct chan_op *op)
{
	if (op->flags & ~(CHAN_NOWAIT | CHAN_PEEK | CHAN_AUTOACK))
		return -EINVAL;
	if (op->flags & CHAN_PEEK && op->flags & CHAN_AUTOACK)
		return -EINVAL;
	return 0;
}

static int check_settle(const struct chan_op *op)
{
	if (op->flags || op->verdict < CHAN_ACK || op->verdict > CHAN_RETURN)
		return -EINVAL;
	if (op->verdict == CHAN_REJECT && (!op->error || op->error > MAX_ERRNO))
		return -EINVAL;
	return 0;
}

static int check_cancel(const struct chan_op *op)
{
	if (op->flags & ~CHAN_BY_TAG)
		return -EINVAL;
	return op->flags & CHAN_BY_TAG && !op->tag ? -EINVAL : 0;
}

static __always_inline int check(const struct chan_op *op, bool rendezvous)
{
	switch (op->code) {
	case CHAN_OP_SEND:
		return check_send(op, rendezvous);
	case CHAN_OP_RECV:
		return check_receive(op);
	case CHAN_OP_SETTLE:
		return check_settle(op);
	case CHAN_OP_CANCEL:
		return check_cancel(op);
	case CHAN_OP_WAIT:
		return op->flags ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

/* Canceling needs none: an endpoint can only cancel what it was allowed to. */
static const u32 rights_needed[] = {
	[CHAN_OP_SEND] = CHAN_RIGHT_SEND,   [CHAN_OP_RECV] = CHAN_RIGHT_RECV,
	[CHAN_OP_SETTLE] = CHAN_RIGHT_RECV, [CHAN_OP_CANCEL] = 0,
	[CHAN_OP_WAIT] = CHAN_RIGHT_SEND,
};

int chan_op_read_other(struct chan_call *call)
{
	int err;

	err = chan_record_in(&call->record, &call->op, sizeof(call->op),
			     CHAN_RECORD_V1(typeof(call->op), sent_at));
	return chan_record_refuse(&call->record,
				  offsetof(typeof(call->op), result), err, err);
}

int chan_op_tell(struct chan_call *call, const struct chan_op *op)
{
	return chan_op_tell_here(call, op);
}

int chan_op_tell_id(struct chan_call *call)
{
	const struct chan_record id = {
		.uptr = call->record.uptr + offsetof(struct chan_op, id),
		.usize = sizeof(call->op.id),
	};

	call->written = true;
	return chan_record_out(&id, &call->op.id, sizeof(call->op.id));
}

int chan_op_tell_end(struct chan_call *call)
{
	int err = chan_op_tell(call, &call->op);

	return call->posted ? 0 : err;
}

/* Waiting is the select's: an arm has no say in it. */
int chan_op_check_arm(const struct chan_op *op, bool rendezvous)
{
	u8 most = rendezvous ? CHAN_UNTIL_RECEIVED : CHAN_UNTIL_QUEUED;

	if (op->deadline || op->flags & CHAN_NOWAIT)
		return -EINVAL;
	switch (op->code) {
	case CHAN_OP_SEND:
		if (op->duty != CHAN_DUTY_NONE || op->until > most)
			return -EINVAL;
		return check_send(op, rendezvous);
	case CHAN_OP_RECV:
		return check_receive(op);
	default:
		return -EINVAL;
	}
}

static __always_inline int permit(const struct chan_endpoint *endpoint,
				  const struct chan_op *op)
{
	int err;

	err = check(op, !endpoint->channel->attr.cap);
	if (err)
		return err;
	if (!chan_endpoint_has(endpoint, rights_needed[op->code]))
		return -EBADF;
	return 0;
}

/* Where the messages go is not the record's to say. */
int chan_op_permit_series(const struct chan_endpoint *endpoint,
			  const struct chan_op *op)
{
	if (op->code != CHAN_OP_RECV || op->flags & ~CHAN_AUTOACK)
		return -EINVAL;
	if (op->buf || op->len)
		return -EINVAL;
	return chan_endpoint_has(endpoint, CHAN_RIGHT_RECV) ? 0 : -EBADF;
}

static __always_inline int run_permitted(struct chan_endpoint *endpoint,
					 struct chan_call *call)
{
	switch (call->op.code) {
	case CHAN_OP_SEND:
		return chan_send_op(endpoint, call);
	case CHAN_OP_RECV:
		return chan_receive_op(endpoint, call);
	case CHAN_OP_SETTLE:
		return chan_settle_op(endpoint, call);
	case CHAN_OP_CANCEL:
		return chan_send_cancel_op(endpoint, call);
	default:
		return chan_send_wait_op(endpoint, call);
	}
}

static __always_inline int run(struct chan_endpoint *endpoint,
			       struct chan_call *call)
{
	int err = permit(endpoint, &call->op);

	return err ?: run_permitted(endpoint, call);
}

int chan_op_try(struct chan_endpoint *endpoint, struct chan_call *call)
{
	return run(endpoint, call);
}

/* What cannot be told must not be restarted: the record would not know. */
int chan_op_finish(struct chan_call *call, int result)
{
	if (call->told)
		return result;
	call->op.result = result == -ERESTARTSYS ? -EINTR : result;
	return chan_op_tell_end(call) ?: result;
}

/*
 * What only waits for a slot or a message may find one. With cap 0 even a SEND
 * that finds a receiver waits for it to copy the message.
 */
static bool may_be_ready(const struct chan_endpoint *endpoint,
			 const struct chan_op *op)
{
	switch (op->code) {
	case CHAN_OP_SEND:
		return op->until == CHAN_UNTIL_QUEUED &&
		       endpoint->channel->attr.cap;
	case CHAN_OP_RECV:
		if (op->flags & CHAN_NOWAIT)
			return true;
		chan_receive_let_woken_go(endpoint->channel);
		return !chan_flow_looks_empty(endpoint->channel);
	case CHAN_OP_WAIT:
		return false;
	default:
		return true;
	}
}

int chan_op_run_at_once(struct chan_endpoint *endpoint, struct chan_call *call)
{
	int result;

	result = permit(endpoint, &call->op);
	if (result)
		return chan_op_finish(call, result);
	if (!may_be_ready(endpoint, &call->op))
		return -EINPROGRESS;
	call->nowait = true;
	result = run_permitted(endpoint, call);
	if (result == -EAGAIN && !(call->op.flags & CHAN_NOWAIT)) {
		call->nowait = false;
		return -EINPROGRESS;
	}
	return chan_op_finish(call, result);
}

int chan_op_run(struct chan_endpoint *endpoint, struct chan_call *call)
{
	return chan_op_finish(call, run(endpoint, call));
}
