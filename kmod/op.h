/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * op.h - operations: what every door calls
 */
#ifndef CHAN_OP_H
#define CHAN_OP_H

#include <linux/types.h>

#include "endpoint.h"
#include "message.h"

/**
 * chan_op_send() - send one message until it is queued
 * @endpoint: with CHAN_RIGHT_SEND
 * @from: the payload, all of it
 * @nowait: do not wait for a slot or, with cap 0, for a receiver
 *
 * With cap 0: until it is received.
 *
 * Return: 0; -EMSGSIZE, -EFAULT, -ENOMEM, -EPIPE, -EAGAIN, -ERESTARTSYS, all
 * of them without effect.
 */
int chan_op_send(struct chan_endpoint *endpoint,
		 const struct chan_payload *from, bool nowait);

/**
 * chan_op_receive() - receive one message that owes nothing
 * @endpoint: with CHAN_RIGHT_RECV
 * @to: where the payload goes
 * @nowait: do not wait for a message
 *
 * Return: the length of the message; -EMSGSIZE, -EFAULT, -ESHUTDOWN, -EAGAIN,
 * -ERESTARTSYS, all of them without effect.
 */
ssize_t chan_op_receive(struct chan_endpoint *endpoint,
			const struct chan_payload *to, bool nowait);

#endif /* CHAN_OP_H */
