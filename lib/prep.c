// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Operations on a ring that the caller has: each writes down the operation of its
 * name, and the entry of the submission queue that carries the record.
 */
#include <linux/io_uring.h>

#include "internal.h"

void chan_prep_run(struct io_uring_sqe *sqe, struct chan_op *op)
{
	const __u64 command[2] = { address_of(op) };

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = op->fd;
	sqe->cmd_op = CHAN_IOC_OP;
	sqe->user_data = address_of(op);
	memcpy(sqe->cmd, command, sizeof(command));
	op->fd = -1;
}

static void prep_until(struct io_uring_sqe *sqe, struct chan_op *op,
		       uint64_t deadline)
{
	op->deadline = deadline;
	chan_prep_run(sqe, op);
}

void chan_prep_send(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		    const void *buf, size_t len, uint64_t deadline)
{
	chan_op_send(op, fd, buf, len);
	prep_until(sqe, op, deadline);
}

void chan_prep_send_work(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
			 const void *buf, size_t len, uint64_t deadline)
{
	chan_op_send(op, fd, buf, len);
	make_work(op);
	prep_until(sqe, op, deadline);
}

void chan_prep_send_until(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
			  const void *buf, size_t len, unsigned int until,
			  uint64_t deadline)
{
	chan_op_send(op, fd, buf, len);
	make_until(op, until);
	prep_until(sqe, op, deadline);
}

void chan_prep_call(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		    const void *buf, size_t len, void *reply, size_t reply_len,
		    uint64_t deadline)
{
	chan_op_call(op, fd, buf, len, reply, reply_len);
	prep_until(sqe, op, deadline);
}

void chan_prep_recv(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		    void *buf, size_t len, uint64_t deadline)
{
	chan_op_recv(op, fd, buf, len);
	prep_until(sqe, op, deadline);
}

void chan_prep_peek(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		    void *buf, size_t len, uint64_t deadline)
{
	chan_op_recv(op, fd, buf, len);
	op->flags = CHAN_PEEK;
	prep_until(sqe, op, deadline);
}

/* Of kernels that are newer than the headers. */
#ifndef IORING_URING_CMD_MULTISHOT
#define IORING_URING_CMD_MULTISHOT (1U << 1)
#endif

void chan_prep_recv_multishot(struct io_uring_sqe *sqe, struct chan_op *op,
			      int fd, uint16_t group, uint64_t deadline)
{
	chan_op_recv(op, fd, NULL, 0);
	prep_until(sqe, op, deadline);
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = group;
	sqe->uring_cmd_flags = IORING_URING_CMD_MULTISHOT;
}

void chan_prep_ack(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		   uint64_t token)
{
	chan_op_ack(op, fd, token);
	chan_prep_run(sqe, op);
}

void chan_prep_reply(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		     uint64_t token, const void *buf, size_t len)
{
	chan_op_reply(op, fd, token, buf, len);
	chan_prep_run(sqe, op);
}

void chan_prep_reject(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		      uint64_t token, int error)
{
	chan_op_reject(op, fd, token, error);
	chan_prep_run(sqe, op);
}

void chan_prep_return(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		      uint64_t token)
{
	chan_op_return(op, fd, token);
	chan_prep_run(sqe, op);
}

/* Never a SEND, as chan_wait(). */
void chan_prep_wait(struct io_uring_sqe *sqe, int fd, struct chan_op *msg)
{
	msg->code = CHAN_OP_WAIT;
	msg->fd = fd;
	chan_prep_run(sqe, msg);
}

static void prep_cancel(struct io_uring_sqe *sqe, struct chan_op *op, int fd)
{
	op->fd = fd;
	chan_prep_run(sqe, op);
}

void chan_prep_cancel(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
		      uint64_t id)
{
	blank(op, CHAN_OP_CANCEL);
	op->id = id;
	prep_cancel(sqe, op, fd);
}

void chan_prep_cancel_tag(struct io_uring_sqe *sqe, struct chan_op *op, int fd,
			  uint64_t tag)
{
	blank(op, CHAN_OP_CANCEL);
	op->flags = CHAN_BY_TAG;
	op->tag = tag;
	prep_cancel(sqe, op, fd);
}
