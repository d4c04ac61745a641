/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * receive.h - receiving messages, or a look at them
 */
#ifndef CHAN_RECEIVE_H
#define CHAN_RECEIVE_H

#include "endpoint.h"
#include "message.h"
#include "op.h"
#include "wait.h"

/**
 * struct chan_receiving - what a receiver keeps
 * @want: what it takes
 * @to: where the payload goes
 * @nowait: it does not wait
 * @call: whose record tells of the message; NULL: nobody asks
 */
struct chan_receiving {
	struct chan_want want;
	const struct chan_payload *to;
	bool nowait;
	struct chan_call *call;
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
 * chan_receive_op() - CHAN_OP_RECV
 * @endpoint: with CHAN_RIGHT_RECV
 * @call: well-formed
 *
 * Return: see chan_op_run().
 */
int chan_receive_op(struct chan_endpoint *endpoint, struct chan_call *call);

/**
 * chan_receive_prepare() - what a CHAN_OP_RECV takes, and where to
 * @receiving: result
 * @to: result, part of @receiving
 * @endpoint: with CHAN_RIGHT_RECV
 * @call: well-formed
 */
void chan_receive_prepare(struct chan_receiving *receiving,
			  struct chan_payload *to,
			  struct chan_endpoint *endpoint,
			  struct chan_call *call);

/**
 * chan_receive_finish() - copy a message that was claimed, and receive it
 * @receiving: for which it was claimed
 * @message: CLAIMED
 *
 * Return: its length; -ECANCELED: its sender took it back, there may be
 * another; -EFAULT or -EINTR: it is the next one's.
 */
ssize_t chan_receive_finish(const struct chan_receiving *receiving,
			    struct chan_message *message);

/**
 * chan_receive_look() - copy the copy of a message
 * @receiving: for which it was made
 * @copy: by chan_flow_peek(), and still the caller's
 *
 * Return: its length, or -EFAULT.
 */
int chan_receive_look(const struct chan_receiving *receiving,
		      struct chan_message *copy);

#endif /* CHAN_RECEIVE_H */
