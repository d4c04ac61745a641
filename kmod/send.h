/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * send.h - sending, and waiting for what becomes of it
 */
#ifndef CHAN_SEND_H
#define CHAN_SEND_H

#include "endpoint.h"
#include "message.h"
#include "op.h"
#include "wait.h"

/**
 * struct chan_sending - what the sender keeps while it waits
 * @endpoint: it sends by
 * @call: whose record tells the outcome; NULL: nobody asks for more than 0
 * @answer: how it waits
 */
struct chan_sending {
	struct chan_endpoint *endpoint;
	struct chan_call *call;
	struct chan_answer answer;
};

/**
 * chan_send() - send one message until it is queued; with cap 0: received
 * @endpoint: with CHAN_RIGHT_SEND
 * @from: the payload, all of it
 * @nowait: do not wait for a slot or, with cap 0, for a receiver
 *
 * Return: 0; -EMSGSIZE, -EFAULT, -ENOMEM, -EPIPE, -EAGAIN, -ERESTARTSYS, all
 * of them without effect.
 */
int chan_send(struct chan_endpoint *endpoint, const struct chan_payload *from,
	      bool nowait);

/**
 * chan_send_op() - CHAN_OP_SEND
 * @endpoint: with CHAN_RIGHT_SEND
 * @call: well-formed
 *
 * Return: see chan_op_run().
 */
int chan_send_op(struct chan_endpoint *endpoint, struct chan_call *call);

/**
 * chan_send_wait_op() - CHAN_OP_WAIT
 * @endpoint: with CHAN_RIGHT_SEND
 * @call: well-formed
 *
 * Return: see chan_op_run().
 */
int chan_send_wait_op(struct chan_endpoint *endpoint, struct chan_call *call);

/**
 * chan_send_cancel_op() - CHAN_OP_CANCEL
 * @endpoint: whose operations are to end
 * @call: well-formed
 *
 * Return: see chan_op_run().
 */
int chan_send_cancel_op(struct chan_endpoint *endpoint, struct chan_call *call);

/*
 * The same in pieces, for those whose task does not sleep for this operation
 * alone.
 */

/**
 * chan_send_prepare() - all of a CHAN_OP_SEND that may fault or allocate
 * @endpoint: with CHAN_RIGHT_SEND
 * @call: well-formed; its record tells the id, and success, in advance
 *
 * Return: a NEW message to be offered or given back, or ERR_PTR: -EMSGSIZE,
 * -EFAULT, -ENOMEM, -EBUSY.
 */
struct chan_message *chan_send_prepare(struct chan_endpoint *endpoint,
				       struct chan_call *call);

/**
 * chan_send_retract() - it did not end as announced
 * @call: has to be told again
 * @state: CHAN_STATE_*, how far the message got
 */
void chan_send_retract(struct chan_call *call, u8 state);

/**
 * chan_send_grant_try() - let a receiver copy though it is to be now or never
 * @message: offered with success, the lock of its channel held
 * @deadline: CLOCK_MONOTONIC nanoseconds, 0 is none; if it has passed, or the
 *	sender must not wait, and a receiver is copying the message, which is all
 *	that is waited for, it becomes a later one: it is its one try
 */
void chan_send_grant_try(struct chan_message *message, u64 *deadline);

/**
 * chan_send_start() - offer a message, and wait behind others if need be
 * @sending: with @endpoint and @call
 * @message: by chan_send_prepare(); given away
 * @waiter: will be decided, after -EINPROGRESS
 *
 * Return: 0: as far as it has to get; -EINPROGRESS; or why it was refused.
 */
int chan_send_start(struct chan_sending *sending, struct chan_message *message,
		    struct chan_waiter *waiter);

/**
 * chan_send_resume() - wait again for the message that a CHAN_OP_WAIT names
 * @sending: with @endpoint and @call
 * @waiter: will be decided, after -EINPROGRESS
 * @message: result, after -EINPROGRESS: which; somebody else's
 *
 * Return: -EINPROGRESS; what came of it; -ENOENT, there is none; -EBUSY,
 * somebody waits for it already.
 */
int chan_send_resume(struct chan_sending *sending, struct chan_waiter *waiter,
		     struct chan_message **message);

/**
 * chan_send_leave() - give up before anybody decides
 * @sending: as it was started or resumed
 * @message: which; the lock of its channel held
 * @waiter: not decided; holds afterwards what is to be concluded
 * @err: why
 */
void chan_send_leave(const struct chan_sending *sending,
		     struct chan_message *message, struct chan_waiter *waiter,
		     int err);

/**
 * chan_send_conclude() - fetch the outcome
 * @sending: as it was started or resumed
 * @waiter: decided; no lock held
 *
 * Return: of the operation.
 */
int chan_send_conclude(const struct chan_sending *sending,
		       const struct chan_waiter *waiter);

/**
 * chan_send_forgo() - there is nobody to be told the outcome
 * @sending: as it was started or resumed
 * @waiter: decided; no lock held
 *
 * Return: of the operation; -ECANCELED instead of a reply, which is lost.
 */
int chan_send_forgo(const struct chan_sending *sending,
		    const struct chan_waiter *waiter);

#endif /* CHAN_SEND_H */
