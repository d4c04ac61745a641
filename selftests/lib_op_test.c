// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations as records: the library writes them down so that they do what the
 * function of the same name does, runs one or a batch, and tells apart a module
 * that is older than batches from what is no channel.
 */
#include "lib_older.h"

FIXTURE(records)
{
	int in, out;
	struct waiting waiting;
	struct chan_op op, msg;
	char buf[64];
};

FIXTURE_SETUP(records)
{
	int fds[2];

	ASSERT_EQ(0, LIB(chan_pair(fds, 4, 0)));
	self->in = fds[0];
	self->out = fds[1];
	memset(&self->op, 0xcc, sizeof(self->op));
	memset(&self->msg, 0xcc, sizeof(self->msg));
}

FIXTURE_TEARDOWN(records)
{
	close(self->in);
	close(self->out);
}

TEST_F(records, a_send_may_be_changed_before_it_runs)
{
	chan_op_send(&self->op, self->out, "low", 3);
	self->op.prio = 1;
	ASSERT_EQ(0, LIB(chan_run(&self->op)));
	chan_op_send(&self->op, self->out, "high", 4);
	self->op.prio = CHAN_PRIO_MAX;
	self->op.tag = 99;
	ASSERT_EQ(0, LIB(chan_run(&self->op)));
	EXPECT_EQ(CHAN_STATE_QUEUED, self->op.state);
	chan_op_recv(&self->msg, self->in, self->buf, 64);
	ASSERT_EQ(4, LIB(chan_run(&self->msg)));
	EXPECT_EQ(0, memcmp("high", self->buf, 4));
	EXPECT_EQ(CHAN_PRIO_MAX, self->msg.prio);
	EXPECT_EQ(99, self->msg.tag);
}

/* Its endpoint is still in it. */
TEST_F(records, a_record_that_has_run_runs_again)
{
	chan_op_send(&self->op, self->out, "x", 1);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, LIB(chan_run(&self->op)));
	EXPECT_EQ(self->out, self->op.fd);
	EXPECT_EQ(3, stat_of(self->in).queued);
}

static int call(struct waiting *w)
{
	chan_op_call(&w->msg, w->fd, "question", 8, w->buf, 10);
	w->msg.deadline = SOON;
	return chan_run(&w->msg);
}

TEST_F(records, a_call_a_return_and_a_reply)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	EXPECT_EQ(CHAN_DUTY_REPLY, self->msg.duty);
	EXPECT_EQ(10, self->msg.reply_len);
	chan_op_return(&self->op, self->in, self->msg.id);
	EXPECT_EQ(0, LIB(chan_run(&self->op)));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	EXPECT_EQ(2, self->msg.attempt);
	chan_op_reply(&self->op, self->in, self->msg.id, "answer", 6);
	EXPECT_EQ(0, LIB(chan_run(&self->op)));
	EXPECT_EQ(6, waiting_ends(&self->waiting));
	EXPECT_EQ(0, memcmp("answer", self->waiting.buf, 6));
}

TEST_F(records, a_rejection)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	chan_op_reject(&self->op, self->in, self->msg.id, ERANGE);
	EXPECT_EQ(0, LIB(chan_run(&self->op)));
	EXPECT_EQ(-EREMOTEIO, waiting_ends(&self->waiting));
	EXPECT_EQ(ERANGE, self->waiting.msg.error);
}

TEST_F(records, an_acknowledgement)
{
	ASSERT_EQ(0, LIB(chan_send_work(self->out, "dig", 3, 0)));
	ASSERT_EQ(3, LIB(chan_recv(self->in, self->buf, 64, &self->msg, 0)));
	chan_op_ack(&self->op, self->in, self->msg.id);
	EXPECT_EQ(0, LIB(chan_run(&self->op)));
	EXPECT_EQ(-ESTALE, LIB(chan_run(&self->op)));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

/* Batches --------------------------------------------------------------------- */

TEST_F(records, a_batch_runs_in_order_on_several_endpoints)
{
	struct chan_op ops[3];

	chan_op_send(&ops[0], self->out, "one", 3);
	chan_op_recv(&ops[1], self->in, self->buf, 64);
	chan_op_send(&ops[2], self->out, "two", 3);
	EXPECT_EQ(3, LIB(chan_batch(ops, 3)));
	EXPECT_EQ(3, ops[1].result);
	EXPECT_EQ(0, memcmp("one", self->buf, 3));
	EXPECT_EQ(1, stat_of(self->in).queued);
}

TEST_F(records, a_batch_stops_where_one_fails)
{
	struct chan_op ops[3], last;

	chan_op_send(&ops[0], self->out, "one", 3);
	chan_op_ack(&ops[1], self->in, 12345);
	chan_op_send(&ops[2], self->out, "two", 3);
	last = ops[2];
	EXPECT_EQ(1, LIB(chan_batch(ops, 3)));
	EXPECT_EQ(-ESTALE, ops[1].result);
	EXPECT_EQ(0, memcmp(&last, &ops[2], sizeof(last)));
	EXPECT_EQ(-ESTALE, LIB(chan_batch(&ops[1], 2)));
	EXPECT_EQ(1, stat_of(self->in).queued);
}

TEST_F(records, a_batch_of_what_is_no_channel)
{
	int null = open_path("/dev/null", O_RDWR);
	struct chan_op ops[2];

	chan_op_send(&ops[0], null, "one", 3);
	chan_op_send(&ops[1], self->out, "two", 3);
	EXPECT_EQ(-EINVAL, LIB(chan_batch(ops, 2)));
	ops[0].fd = -1;
	EXPECT_EQ(-EBADF, LIB(chan_batch(ops, 2)));
	EXPECT_EQ(-EINVAL, LIB(chan_batch(&ops[1], 0)));
	EXPECT_EQ(-EINVAL, LIB(chan_batch(&ops[1], CHAN_BATCH_MAX + 1)));
	EXPECT_EQ(0, stat_of(self->in).queued);
	close(null);
}

/* Such as the return of a function that failed; it stands for no other. */
TEST_F(records, a_batch_stops_at_a_descriptor_that_is_none)
{
	struct chan_op ops[3], last;

	chan_op_send(&ops[0], self->out, "one", 3);
	chan_op_send(&ops[1], -1, "two", 3);
	chan_op_send(&ops[2], -1, "three", 5);
	last = ops[2];
	EXPECT_EQ(1, LIB(chan_batch(ops, 3)));
	EXPECT_EQ(-EBADF, ops[1].result);
	EXPECT_EQ(-1, ops[1].fd);
	EXPECT_EQ(0, memcmp(&last, &ops[2], sizeof(last)));
	EXPECT_EQ(-EBADF, LIB(chan_batch(&ops[1], 2)));
	EXPECT_EQ(1, stat_of(self->in).queued);
}

/* An older module ------------------------------------------------------------- */

TEST_F(records, a_module_older_than_batches_is_told)
{
	chan_op_send(&self->op, self->out, "one", 3);
	module_lacks(CHAN_IOC_BATCH, CHAN_FEATURE_OP);
	EXPECT_EQ(-EOPNOTSUPP, LIB(chan_batch(&self->op, 1)));
	module_is_itself();
	EXPECT_EQ(0, stat_of(self->in).queued);
	EXPECT_EQ(1, LIB(chan_batch(&self->op, 1)));
}

TEST_HARNESS_MAIN
