/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * send.h - sending, and waiting for what becomes of it
 */
#ifndef CHAN_SEND_H
#define CHAN_SEND_H

#include "endpoint.h"
#include "message.h"
#include "op.h"

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
 * chan_send_prepare() - all of a CHAN_OP_SEND that may fault or allocate
 * @endpoint: with CHAN_RIGHT_SEND
 * @call: well-formed; its record tells the id, and success, in advance
 *
 * Return: a NEW message to be offered or given back, or ERR_PTR: -EMSGSIZE,
 * -EFAULT, -ENOMEM.
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

#endif /* CHAN_SEND_H */
