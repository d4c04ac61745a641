/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * receive.h - receiving messages, or a look at them
 */
#ifndef CHAN_RECEIVE_H
#define CHAN_RECEIVE_H

#include "endpoint.h"
#include "message.h"
#include "op.h"

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

#endif /* CHAN_RECEIVE_H */
