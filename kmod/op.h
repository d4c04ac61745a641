/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * op.h - operations: what every door calls
 */
#ifndef CHAN_OP_H
#define CHAN_OP_H

#include <linux/chan.h>

#include "endpoint.h"
#include "record.h"

/**
 * struct chan_call - one operation under way
 * @op: as it was read, then as it is to be told
 * @record: where it came from
 * @deadline: how long it may wait, CLOCK_MONOTONIC nanoseconds; 0 is for ever
 * @nowait: not at all for a slot, a receiver or a message
 * @posted: its result is told in another place as well: that its record cannot
 *	be written keeps it from nobody
 * @told: user space has been told, there is nothing to be written
 * @written: the record is not as it was read, whatever it says
 *
 * Lives on the stack of its task. What would take effect though its record
 * cannot be written is told before it is true.
 */
struct chan_call {
	struct chan_op op;
	struct chan_record record;
	u64 deadline;
	bool nowait;
	bool posted;
	bool told;
	bool written;
};

/**
 * chan_op_begin() - nothing has been told of a call yet
 * @call: about to be run
 */
static inline void chan_op_begin(struct chan_call *call)
{
	call->posted = false;
	call->told = false;
	call->written = false;
}

/**
 * chan_op_tell_here() - chan_op_tell(), for a course that is taken often
 * @call: of which operation
 * @op: what to write, perhaps not the call's own
 *
 * Return: 0 or -EFAULT; 0 means that the call is told.
 */
static __always_inline int chan_op_tell_here(struct chan_call *call,
					     const struct chan_op *op)
{
	int err = chan_record_out(&call->record, op, sizeof(*op));

	call->written = true;
	call->told = !err;
	return err;
}

/**
 * chan_op_tell() - write a record back
 * @call: of which operation
 * @op: what to write, perhaps not the call's own
 *
 * Return: 0 or -EFAULT; 0 means that the call is told.
 */
int chan_op_tell(struct chan_call *call, const struct chan_op *op);

/**
 * chan_op_tell_id() - write back what whoever waits is to know before
 * @call: of which operation; it is yet to be told
 *
 * Return: 0 or -EFAULT.
 */
int chan_op_tell_id(struct chan_call *call);

/**
 * chan_op_tell_end() - write back how an operation ended that has had its effect
 * @call: of which operation
 *
 * Return: 0; -EFAULT: nobody knows.
 */
int chan_op_tell_end(struct chan_call *call);

/**
 * chan_op_read_other() - chan_op_read() of another size
 * @call: with its @record
 *
 * Return: as chan_op_read().
 */
int chan_op_read_other(struct chan_call *call);

/**
 * chan_op_read() - read a record
 * @call: result: need not be initialised, for it is long; waits as the record
 *	says
 * @record: where it is
 *
 * Return: 0 or, and then all is told that can be, see chan_record_in().
 */
static __always_inline int chan_op_read(struct chan_call *call,
					const struct chan_record *record)
{
	int err;

	call->record = *record;
	if (likely(record->usize == sizeof(call->op)))
		err = chan_record_in(record, &call->op, sizeof(call->op),
				     sizeof(call->op));
	else
		err = chan_op_read_other(call);
	if (err)
		return err;
	call->deadline = call->op.deadline;
	call->nowait = call->op.flags & CHAN_NOWAIT;
	chan_op_begin(call);
	return 0;
}

/**
 * chan_op_finish() - tell what came of an operation
 * @call: as it was read
 * @result: of the operation
 *
 * Return: @result, or -EFAULT if it cannot be told.
 */
int chan_op_finish(struct chan_call *call, int result);

/**
 * chan_op_is_plain_receive() - is it a RECV that only takes and waits?
 * @op: as it was read
 *
 * Return: true if it is; then there is nothing about it that could be wrong.
 */
static inline bool chan_op_is_plain_receive(const struct chan_op *op)
{
	return op->code == CHAN_OP_RECV && !op->flags && !op->deadline;
}

/**
 * chan_op_check_arm() - can a select choose it?
 * @op: as it was read
 * @rendezvous: has its channel cap 0?
 *
 * Return: 0 or -EINVAL.
 */
int chan_op_check_arm(const struct chan_op *op, bool rendezvous);

/**
 * chan_op_permit_series() - can it be received one message after the other?
 * @endpoint: on which
 * @op: as it was read
 *
 * Return: 0, -EINVAL or -EBADF.
 */
int chan_op_permit_series(const struct chan_endpoint *endpoint,
			  const struct chan_op *op);

/**
 * chan_op_run_at_once() - chan_op_run(), as far as that needs no waiting
 * @endpoint: on which
 * @call: as it was read; it is told, unless it has to wait
 *
 * Return: as chan_op_run(); -EINPROGRESS: it is permitted and well-formed, but
 * has to wait, and nothing has come of it yet.
 */
int chan_op_run_at_once(struct chan_endpoint *endpoint, struct chan_call *call);

/**
 * chan_op_try() - chan_op_run(), but do not tell
 * @endpoint: on which
 * @call: as it was read, perhaps waiting otherwise than its record says
 *
 * Return: what chan_op_finish() is to tell.
 */
int chan_op_try(struct chan_endpoint *endpoint, struct chan_call *call);

/**
 * chan_op_run() - one operation, now
 * @endpoint: on which
 * @call: as it was read; it is told
 *
 * Return: bytes, a number or 0; a negative errno. After -ERESTARTSYS the same
 * record resumes the operation or, if that has had no effect, repeats it.
 */
int chan_op_run(struct chan_endpoint *endpoint, struct chan_call *call);

#endif /* CHAN_OP_H */
