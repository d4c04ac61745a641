// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Receiving, and looking at what is to be received.
 */
#include "internal.h"

static int receive(int fd, void *buf, size_t len, struct chan_op *op,
		   unsigned int flags, uint64_t deadline)
{
	blank(op, CHAN_OP_RECV);
	op->flags = flags;
	op->buf = address_of(buf);
	op->len = len;
	op->deadline = deadline;
	return run(fd, op);
}

int chan_recv(int fd, void *buf, size_t len, struct chan_op *msg,
	      uint64_t deadline)
{
	struct chan_op own;

	if (msg)
		return receive(fd, buf, len, msg, 0, deadline);
	return receive(fd, buf, len, &own, CHAN_AUTOACK, deadline);
}

int chan_peek(int fd, void *buf, size_t len, struct chan_op *msg,
	      uint64_t deadline)
{
	struct chan_op own;

	return receive(fd, buf, len, msg ? msg : &own, CHAN_PEEK, deadline);
}
