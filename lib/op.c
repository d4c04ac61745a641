// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Operations as records: writing them down, and running one or several.
 */
#include "internal.h"

static void begin(struct chan_op *op, unsigned int code, int fd)
{
	blank(op, code);
	op->fd = fd;
}

static void carry(struct chan_op *op, const void *buf, size_t len)
{
	op->buf = address_of(buf);
	op->len = len;
}

void chan_op_send(struct chan_op *op, int fd, const void *buf, size_t len)
{
	begin(op, CHAN_OP_SEND, fd);
	carry(op, buf, len);
}

void chan_op_call(struct chan_op *op, int fd, const void *buf, size_t len,
		  void *reply, size_t reply_len)
{
	chan_op_send(op, fd, buf, len);
	op->until = CHAN_UNTIL_SETTLED;
	op->duty = CHAN_DUTY_REPLY;
	op->reply_buf = address_of(reply);
	op->reply_len = reply_len;
}

void chan_op_recv(struct chan_op *op, int fd, void *buf, size_t len)
{
	begin(op, CHAN_OP_RECV, fd);
	carry(op, buf, len);
}

static void settle(struct chan_op *op, int fd, uint64_t token,
		   unsigned int verdict)
{
	begin(op, CHAN_OP_SETTLE, fd);
	op->id = token;
	op->verdict = verdict;
}

void chan_op_ack(struct chan_op *op, int fd, uint64_t token)
{
	settle(op, fd, token, CHAN_ACK);
}

void chan_op_reply(struct chan_op *op, int fd, uint64_t token, const void *buf,
		   size_t len)
{
	settle(op, fd, token, CHAN_REPLY);
	carry(op, buf, len);
}

void chan_op_reject(struct chan_op *op, int fd, uint64_t token, int error)
{
	settle(op, fd, token, CHAN_REJECT);
	op->error = error;
}

void chan_op_return(struct chan_op *op, int fd, uint64_t token)
{
	settle(op, fd, token, CHAN_RETURN);
}

int chan_run(struct chan_op *op)
{
	return run(op->fd, op);
}

int chan_batch(struct chan_op *ops, unsigned int nr)
{
	struct chan_batch batch = {
		.ops = address_of(ops),
		.nr = nr,
		.op_size = sizeof(*ops),
	};
	int ret = run_several(CHAN_IOC_BATCH, CHAN_FEATURE_BATCH, &batch);

	return ret ? ret : (int)batch.done;
}
