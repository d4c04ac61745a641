// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Sending in each style, and waiting on after a signal.
 */
#include "internal.h"

static inline void message(struct chan_op *op, const void *buf, size_t len,
			   uint64_t deadline)
{
	blank(op, CHAN_OP_SEND);
	op->buf = address_of(buf);
	op->len = len;
	op->deadline = deadline;
}

int chan_send(int fd, const void *buf, size_t len, uint64_t deadline)
{
	struct chan_op op;

	message(&op, buf, len, deadline);
	return run(fd, &op);
}

int chan_send_work(int fd, const void *buf, size_t len, uint64_t deadline)
{
	struct chan_op op;

	message(&op, buf, len, deadline);
	make_work(&op);
	return run(fd, &op);
}

/* Of a record that nobody else has, and that nobody could wait on with. */
static int run_through_signals(int fd, struct chan_op *op)
{
	int ret;

	do {
		ret = run(fd, op);
	} while (ret == -EINTR && op->code == CHAN_OP_WAIT);
	return ret;
}

int chan_send_until(int fd, const void *buf, size_t len, unsigned int until,
		    struct chan_op *msg, uint64_t deadline)
{
	struct chan_op own, *op = msg ? msg : &own;

	message(op, buf, len, deadline);
	make_until(op, until);
	return msg ? run(fd, op) : run_through_signals(fd, op);
}

int chan_call(int fd, const void *buf, size_t len, void *reply,
	      size_t reply_len, struct chan_op *msg, uint64_t deadline)
{
	struct chan_op own, *op = msg ? msg : &own;

	message(op, buf, len, deadline);
	op->until = CHAN_UNTIL_SETTLED;
	op->duty = CHAN_DUTY_REPLY;
	op->reply_buf = address_of(reply);
	op->reply_len = reply_len;
	return msg ? run(fd, op) : run_through_signals(fd, op);
}

/* Never a SEND, whatever the record was: that would send once more. */
int chan_wait(int fd, struct chan_op *msg)
{
	msg->code = CHAN_OP_WAIT;
	return run(fd, msg);
}
