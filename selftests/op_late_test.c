// SPDX-License-Identifier: GPL-2.0-only
/*
 * A deadline that has passed before, or CHAN_NOWAIT: the operation is tried once,
 * and once is enough where it could be done at once. So whoever sends to a receiver
 * that waits has sent, however it sends, for its deadline does not end the copying
 * that its own try began, unless that stalls; and it waits for no other receiver, if
 * that one cannot copy it.
 */
#include "op_way.h"
#include "stall.h"

#define PASSED 1

static struct chan_op op_late(const FIXTURE_VARIANT(way) * variant)
{
	struct chan_op op = op_send("late", 4);

	op.until = variant->until;
	op.deadline = PASSED;
	return op;
}

/* What takes longer than that is not waited for, on a machine that is slow. */
static bool is_too_slow(double begun, int result)
{
	return result == -ETIMEDOUT && now() - begun > 0.1;
}

TEST_F_TIMEOUT(way, receiver_that_waits_is_sent_to_at_once, STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 4.0;
	struct running recv;
	long rounds = 0;
	double begun;
	int ret;

	do {
		ASSERT_EQ(0, op_start(&recv, self->ends.receiver,
				      op_recv(self->in, MSG_MAX)));
		ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
		begun = now();
		ret = run_once(self->ends.sender, op_late(variant));
		ASSERT_TRUE(!ret || is_too_slow(begun, ret))
		{
			TH_LOG("%d in round %ld", ret, rounds);
		}
		if (ret)
			ASSERT_EQ(0, run_once(self->ends.sender,
					      op_send("soon", 4)));
		ASSERT_EQ(4, op_finish(&recv));
		rounds++;
	} while (storm_goes_on(end, rounds >= at_least(10)));
	TH_LOG("%ld rounds", rounds);
	EXPECT_LE(at_least(10), rounds);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(way, nobody_who_waits_is_ETIMEDOUT)
{
	bool waits = way_waits(variant);
	struct chan_op op = op_late(variant);

	EXPECT_EQ(waits ? -ETIMEDOUT : 0, run(self->ends.sender, &op));
	EXPECT_EQ(waits ? CHAN_STATE_WITHDRAWN : CHAN_STATE_QUEUED, op.state);
	EXPECT_EQ(waits ? -EAGAIN : 4,
		  run_once(self->ends.receiver, op_now(self->in, MSG_MAX)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* A receiver that waited stalls in its copy of what is sent. */
struct stalled {
	struct stall stall;
	struct running recv, send;
	double begun;
};

static int stall_the_receiver(struct stalled *s, const struct ends *ends)
{
	CHECK_EQ(0, stall_open(&s->stall));
	CHECK_EQ(0, op_start(&s->recv, ends->receiver,
			     op_recv(s->stall.page, MSG_MAX)));
	CHECK_EQ(1, waiting_are(ends->admin, 0, 1));
	return 0;
}

static int send_to_it(struct stalled *s, const struct ends *ends,
		      struct chan_op op)
{
	s->begun = now();
	CHECK_EQ(0, op_start(&s->send, ends->sender, op));
	CHECK_EQ(1, stall_reached(&s->stall));
	return 0;
}

TEST_F(way, copying_is_waited_for)
{
	struct stalled s;

	ASSERT_EQ(0, stall_the_receiver(&s, &self->ends));
	ASSERT_EQ(0, send_to_it(&s, &self->ends, op_late(variant)));
	stall_end(&s.stall, "", 1);
	EXPECT_TRUE(!op_finish(&s.send) ||
		    is_too_slow(s.begun, s.send.op.result));
	if (s.send.op.result)
		shut_down(self->ends.admin);
	EXPECT_EQ(s.send.op.result ? -ESHUTDOWN : 4, op_finish(&s.recv));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	stall_close(&s.stall);
}

static void stall_and_give_up(struct __test_metadata *_metadata,
			      FIXTURE_DATA(way) * self,
			      const FIXTURE_VARIANT(way) * variant,
			      struct chan_op op, int result)
{
	bool waits = way_waits(variant);
	struct stalled s;

	ASSERT_EQ(0, stall_the_receiver(&s, &self->ends));
	ASSERT_EQ(0, send_to_it(&s, &self->ends, op));
	EXPECT_EQ(waits ? result : 0, op_finish(&s.send));
	EXPECT_EQ(waits ? CHAN_STATE_WITHDRAWN : CHAN_STATE_QUEUED,
		  s.send.op.state);
	EXPECT_FALSE(s.recv.over);
	stall_end(&s.stall, "", 1);
	if (waits)
		shut_down(self->ends.admin);
	EXPECT_EQ(waits ? -ESHUTDOWN : (int)op.len, op_finish(&s.recv));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	stall_close(&s.stall);
}

/* A deadline is no less a deadline for having passed. */
TEST_F(way, copying_that_stalls_is_not_waited_for)
{
	stall_and_give_up(_metadata, self, variant, op_late(variant),
			  -ETIMEDOUT);
}

/* A receiver that never copies holds nobody who must not wait. */
TEST_F(way, copying_that_stalls_is_not_waited_for_with_NOWAIT)
{
	struct chan_op op = op_send("now", 3);

	if (variant->cap && way_waits(variant))
		SKIP(return, "only who waits for a receiver may ask for it");
	op.until = variant->until;
	op.flags = CHAN_NOWAIT;
	stall_and_give_up(_metadata, self, variant, op, -EAGAIN);
}

static ssize_t write_now(struct call *call)
{
	return put_bytes_now(call->fd, call->buf, call->len);
}

TEST_F(way, copying_that_stalls_is_not_waited_for_by_write)
{
	struct call call = {
		.fn = write_now,
		.fd = self->ends.sender,
		.buf = "now",
		.len = 3,
	};
	struct stalled s;

	if (variant->cap || variant->entry ||
	    variant->until == CHAN_UNTIL_QUEUED)
		SKIP(return, "once is enough");
	ASSERT_EQ(0, stall_the_receiver(&s, &self->ends));
	ASSERT_EQ(0, call_start(&call));
	ASSERT_TRUE(stall_reached(&s.stall));
	EXPECT_EQ(-EAGAIN, finish(&call));
	EXPECT_FALSE(s.recv.over);
	stall_end(&s.stall, "", 1);
	shut_down(self->ends.admin);
	EXPECT_EQ(-ESHUTDOWN, op_finish(&s.recv));
	stall_close(&s.stall);
}

TEST_F(way, copying_that_fails_was_the_only_try)
{
	bool waits = way_waits(variant);
	struct stalled s;

	ASSERT_EQ(0, stall_the_receiver(&s, &self->ends));
	ASSERT_EQ(0, send_to_it(&s, &self->ends, op_late(variant)));
	stall_fail(&s.stall);
	EXPECT_EQ(-EFAULT, op_finish(&s.recv));
	EXPECT_EQ(waits ? -ETIMEDOUT : 0, op_finish(&s.send));
	EXPECT_EQ(waits ? CHAN_STATE_WITHDRAWN : CHAN_STATE_QUEUED,
		  s.send.op.state);
	EXPECT_EQ(waits ? -EAGAIN : 4,
		  run_once(self->ends.receiver, op_now(self->in, MSG_MAX)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	stall_close(&s.stall);
}

/* The one that waits behind it gets it instead: that is the same try. */
TEST_F(way, copying_that_fails_leaves_it_to_others_who_wait)
{
	struct running next;
	struct stalled s;

	ASSERT_EQ(0, stall_the_receiver(&s, &self->ends));
	ASSERT_EQ(0, op_start(&next, self->ends.receiver,
			      op_recv(self->in, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 2));
	ASSERT_EQ(0, send_to_it(&s, &self->ends, op_late(variant)));
	stall_fail(&s.stall);
	EXPECT_EQ(-EFAULT, op_finish(&s.recv));
	EXPECT_TRUE(!op_finish(&s.send) ||
		    is_too_slow(s.begun, s.send.op.result));
	if (s.send.op.result)
		shut_down(self->ends.admin);
	EXPECT_EQ(s.send.op.result ? -ESHUTDOWN : 4, op_finish(&next));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	stall_close(&s.stall);
}

TEST_HARNESS_MAIN
