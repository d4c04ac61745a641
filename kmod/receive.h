/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * receive.h - receiving messages, or a look at them
 */
#ifndef CHAN_RECEIVE_H
#define CHAN_RECEIVE_H

#include <linux/sched.h>

#include "endpoint.h"
#include "flow.h"
#include "message.h"
#include "op.h"
#include "wait.h"

/**
 * struct chan_receiving - what a receiver keeps
 * @want: what it takes
 * @to: where the payload goes
 * @nowait: it does not wait
 * @call: whose record tells of the message; NULL: nobody asks
 * @copy: of a look: where the copy of the message goes; otherwise NULL
 */
struct chan_receiving {
	struct chan_want want;
	const struct chan_payload *to;
	bool nowait;
	struct chan_call *call;
	struct chan_message *copy;
};

/**
 * chan_receive() - receive one message and acknowledge it
 * @endpoint: with CHAN_RIGHT_RECV
 * @to: where the payload goes
 * @nowait: do not wait for a message
 *
 * Calls are rejected on the way, for nobody could reply.
 *
 * Return: the length of the message; -EMSGSIZE, -EFAULT, -ESHUTDOWN, -EAGAIN,
 * -ERESTARTSYS, all of them without effect.
 */
ssize_t chan_receive(struct chan_endpoint *endpoint,
		     const struct chan_payload *to, bool nowait);

/**
 * chan_receive_let_woken_go() - before waiting for a message
 * @channel: from which, its lock not held; may sleep
 *
 * Whoever the caller has just woken may send what it is about to wait for.
 */
static inline void chan_receive_let_woken_go(const struct chan_channel *channel)
{
	if (chan_flow_looks_empty(channel))
		cond_resched();
}

/**
 * chan_receive_op() - CHAN_OP_RECV
 * @endpoint: with CHAN_RIGHT_RECV
 * @call: well-formed
 *
 * Return: see chan_op_run().
 */
int chan_receive_op(struct chan_endpoint *endpoint, struct chan_call *call);

/*
 * The same in pieces, for those whose task does not sleep for this operation
 * alone.
 */

/**
 * chan_receive_prepare() - what a CHAN_OP_RECV takes, and where to
 * @receiving: result; gets what chan_receive_discard() gives back
 * @to: result, part of @receiving
 * @endpoint: with CHAN_RIGHT_RECV
 * @call: well-formed
 *
 * Return: 0 or, of a look, -ENOMEM.
 */
int chan_receive_prepare(struct chan_receiving *receiving,
			 struct chan_payload *to,
			 struct chan_endpoint *endpoint,
			 struct chan_call *call);

/**
 * chan_receive_try() - is there a message now?
 * @receiving: prepared; the lock of its channel held
 * @waiter: gets it
 *
 * Return: 0, to be concluded; or what chan_flow_claim() or chan_flow_peek() say.
 */
int chan_receive_try(struct chan_receiving *receiving,
		     struct chan_waiter *waiter);

/**
 * chan_receive_park() - wait behind those who wait already
 * @receiving: tried in vain; the lock of its channel held
 * @waiter: will be decided, unless it leaves
 */
void chan_receive_park(struct chan_receiving *receiving,
		       struct chan_waiter *waiter);

/**
 * chan_receive_conclude() - copy what was given, and receive it
 * @receiving: tried with success, or decided
 * @waiter: with what was given; no lock held
 *
 * Return: its length; -ECANCELED: its sender took it back, there may be
 * another, or the receiver was canceled; any other negative errno: it is the
 * next one's.
 */
int chan_receive_conclude(const struct chan_receiving *receiving,
			  const struct chan_waiter *waiter);

/**
 * chan_receive_forgo() - there is nobody to copy it to
 * @receiving: decided
 * @waiter: with what was given; no lock held
 */
void chan_receive_forgo(const struct chan_receiving *receiving,
			const struct chan_waiter *waiter);

/**
 * chan_receive_discard() - give back what chan_receive_prepare() has got
 * @receiving: known to nobody any more; perhaps never prepared
 */
void chan_receive_discard(struct chan_receiving *receiving);

#endif /* CHAN_RECEIVE_H */
