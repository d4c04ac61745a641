// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that sends to what its own ring receives. Only the ring's work can
 * take the message, which interrupts the send, or cannot be done before it is
 * over: it fails, but it ends, as its deadline, CHAN_NOWAIT or RWF_NOWAIT say.
 */
#include "uring_kinds.h"

#define SOON 100 /* ms */

/* The thread's own again; what was taken in vain waits again. */
static bool ring_waits(struct io_uring *ring, int fd)
{
	return RING_BECOMES(ring, stat_now(fd).parked_receivers == 1);
}

typedef int send_fn(int fd, struct chan_op *op);

static int send_late(int fd, struct chan_op *op)
{
	op->deadline = 1;
	return run(fd, op);
}

static int send_in_time(int fd, struct chan_op *op)
{
	op->deadline = in_ms(SOON);
	return run(fd, op);
}

static int select_in_time(int fd, struct chan_op *op)
{
	op->deadline = in_ms(SOON);
	return run_select_of_one(fd, op);
}

static int send_now(int fd, struct chan_op *op)
{
	op->flags = CHAN_NOWAIT;
	return run(fd, op);
}

static int select_now(int fd, struct chan_op *op)
{
	op->flags = CHAN_NOWAIT;
	return run_select_of_one(fd, op);
}

static int write_now(int fd, struct chan_op *op)
{
	return put_bytes_now(fd, (void *)(uintptr_t)op->buf, op->len);
}

static const struct own_way {
	const char *name;
	send_fn *send;
	bool queues; /* with slots it does not wait for a receiver */
	int result;
} ways[] = {
	{ "send, late", send_late, false, -ETIMEDOUT },
	{ "send, in time", send_in_time, false, -ETIMEDOUT },
	{ "select, in time", select_in_time, true, -ETIMEDOUT },
	{ "send, NOWAIT", send_now, true, -EAGAIN },
	{ "select, NOWAIT", select_now, true, -EAGAIN },
	{ "write, NOWAIT", write_now, true, -EAGAIN },
};

TEST_F(uring, send_to_the_own_ring_ends)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX), op;

	if (variant->kind == RING_SQPOLL)
		SKIP(return, "such a ring has a thread of its own");
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &recv));
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		if (variant->cap && ways[i].queues)
			continue;
		op = op_send("mine", 4);
		if (!ways[i].queues)
			op.until = CHAN_UNTIL_RECEIVED;
		EXPECT_EQ(ways[i].result, ways[i].send(self->ends.sender, &op))
		{
			TH_LOG("%s", ways[i].name);
		}
		ASSERT_TRUE(ring_waits(&self->ring, self->ends.receiver));
	}
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	shut_down(self->ends.admin);
	EXPECT_EQ(-ESHUTDOWN, completes(&self->ring, &recv));
}

/* The deadline is that of the whole call, not only of what precedes receipt. */
TEST_F(uring, call_to_the_own_ring_ends)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct chan_op call = op_call("mine", 4, self->reply, MSG_MAX);

	if (variant->kind == RING_SQPOLL)
		SKIP(return, "such a ring has a thread of its own");
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &recv));
	call.deadline = in_ms(SOON);
	EXPECT_EQ(-ETIMEDOUT, run(self->ends.sender, &call));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, call.state);
	EXPECT_TRUE(ring_waits(&self->ring, self->ends.receiver));
}

TEST_HARNESS_MAIN
