// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Sending in each style, and waiting on after a signal.
 */
#include "internal.h"

int chan_send(int fd, const void *buf, size_t len, uint64_t deadline)
{
	struct chan_op op = {
		.code = CHAN_OP_SEND,
		.buf = address_of(buf),
		.len = len,
		.deadline = deadline,
	};

	return run(fd, &op);
}

int chan_send_work(int fd, const void *buf, size_t len, uint64_t deadline)
{
	struct chan_op op = {
		.code = CHAN_OP_SEND,
		.duty = CHAN_DUTY_ACK,
		.on_death = CHAN_ON_DEATH_REDELIVER,
		.buf = address_of(buf),
		.len = len,
		.deadline = deadline,
	};

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

	if (until > CHAN_UNTIL_SETTLED)
		return -EINVAL;
	*op = (struct chan_op){
		.code = CHAN_OP_SEND,
		.until = until,
		.duty = until == CHAN_UNTIL_SETTLED ? CHAN_DUTY_ACK :
						      CHAN_DUTY_NONE,
		.buf = address_of(buf),
		.len = len,
		.deadline = deadline,
	};
	return msg ? run(fd, op) : run_through_signals(fd, op);
}

int chan_call(int fd, const void *buf, size_t len, void *reply,
	      size_t reply_len, struct chan_op *msg, uint64_t deadline)
{
	struct chan_op own, *op = msg ? msg : &own;

	*op = (struct chan_op){
		.code = CHAN_OP_SEND,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.buf = address_of(buf),
		.len = len,
		.reply_buf = address_of(reply),
		.reply_len = reply_len,
		.deadline = deadline,
	};
	return msg ? run(fd, op) : run_through_signals(fd, op);
}

/* Never a SEND, whatever the record was: that would send once more. */
int chan_wait(int fd, struct chan_op *msg)
{
	msg->code = CHAN_OP_WAIT;
	return run(fd, msg);
}
