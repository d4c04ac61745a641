// SPDX-License-Identifier: GPL-2.0-only
/*
 * A select through the library: it returns the arm that was taken, whose record
 * says what came of it, or why none was; the others are as they were.
 */
#include "lib_older.h"

#define TAG 0x7a68

/* What another thread selects from. */
static struct chan_op *waiting_arms;

/* Two arms that receive, one that sends. */
FIXTURE(clauses)
{
	int in[2], out[2]; /* of channels with room for one */
	int full_in, full_out; /* and of one that is full */
	struct chan_op arms[3], before[3];
	char buf[2][16];
	struct waiting waiting;
};

FIXTURE_SETUP(clauses)
{
	int fds[2];

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, LIB(chan_pair(fds, 1, 0)));
		self->in[i] = fds[0];
		self->out[i] = fds[1];
		chan_op_recv(&self->arms[i], fds[0], self->buf[i], 16);
	}
	ASSERT_EQ(0, LIB(chan_pair(fds, 1, 0)));
	self->full_in = fds[0];
	self->full_out = fds[1];
	ASSERT_EQ(0, LIB(chan_send(self->full_out, "full", 4, 0)));
	chan_op_send(&self->arms[2], self->full_out, "sent", 4);
	memcpy(self->before, self->arms, sizeof(self->arms));
	waiting_arms = self->arms;
	catch_signal(SIGUSR1, 0);
}

/* The end of the test's process closes the rest. */
FIXTURE_TEARDOWN(clauses)
{
	close(self->full_out);
}

static bool others_are_as_before(FIXTURE_DATA(clauses) * self, int taken)
{
	for (int i = 0; i < 3; i++)
		if (i != taken && memcmp(&self->arms[i], &self->before[i],
					 sizeof(self->arms[i])))
			return false;
	return true;
}

TEST_F(clauses, a_receive_is_taken)
{
	ASSERT_EQ(0, LIB(chan_send(self->out[1], "hello", 5, 0)));
	EXPECT_EQ(1, LIB(chan_select(self->arms, 3, 0, SOON)));
	EXPECT_EQ(5, self->arms[1].result);
	EXPECT_EQ(0, memcmp("hello", self->buf[1], 5));
	EXPECT_TRUE(others_are_as_before(self, 1));
	EXPECT_EQ(1, stat_of(self->full_in).queued);
}

TEST_F(clauses, a_send_is_taken)
{
	ASSERT_EQ(4, LIB(chan_recv(self->full_in, self->buf[0], 16, NULL, 0)));
	EXPECT_EQ(2, LIB(chan_select(self->arms, 3, 0, SOON)));
	EXPECT_EQ(0, self->arms[2].result);
	EXPECT_TRUE(others_are_as_before(self, 2));
	EXPECT_EQ(4, LIB(chan_recv(self->full_in, self->buf[0], 16, NULL, 0)));
	EXPECT_EQ(0, memcmp("sent", self->buf[0], 4));
}

TEST_F(clauses, the_first_is_taken_if_ordered)
{
	for (int round = 0; round < 20; round++) {
		LIB(chan_send(self->out[0], "0", 1, CHAN_AT_ONCE));
		LIB(chan_send(self->out[1], "1", 1, CHAN_AT_ONCE));
		EXPECT_EQ(0,
			  LIB(chan_select(self->arms, 3, CHAN_ORDERED, SOON)));
		memcpy(self->arms, self->before, sizeof(self->arms));
	}
	EXPECT_EQ(1, stat_of(self->in[1]).queued);
}

TEST_F(clauses, the_default_is_that_none_is_ready)
{
	EXPECT_EQ(-EAGAIN, LIB(chan_select(self->arms, 3, CHAN_NOWAIT, 0)));
	EXPECT_TRUE(others_are_as_before(self, -1));
}

TEST_F(clauses, the_end_of_the_time_is_told)
{
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_select(self->arms, 3, 0, CHAN_AT_ONCE)));
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_select(self->arms, 3, CHAN_ORDERED,
					      LIB(chan_in_ms(5)))));
	EXPECT_TRUE(others_are_as_before(self, -1));
}

static int select_arms(struct waiting *w)
{
	(void)w;
	return chan_select(waiting_arms, 3, 0, SOON);
}

TEST_F(clauses, what_comes_later_is_taken)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, -1, select_arms));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	ASSERT_EQ(0, LIB(chan_send(self->out[0], "late", 4, 0)));
	EXPECT_EQ(0, waiting_ends(&self->waiting));
	EXPECT_EQ(4, self->arms[0].result);
}

TEST_F(clauses, a_signal_ends_it)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, -1, select_arms));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_TRUE(waiting_interrupt(&self->waiting));
	EXPECT_EQ(-EINTR, waiting_ends(&self->waiting));
	EXPECT_TRUE(others_are_as_before(self, -1));
}

TEST_F(clauses, cancelling_an_arm_ends_it)
{
	self->arms[1].tag = TAG;
	self->before[1].tag = TAG;
	ASSERT_EQ(0, waiting_start(&self->waiting, -1, select_arms));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(1, LIB(chan_cancel_tag(self->in[1], TAG)));
	EXPECT_EQ(1, waiting_ends(&self->waiting));
	EXPECT_EQ(-ECANCELED, self->arms[1].result);
	EXPECT_TRUE(others_are_as_before(self, 1));
}

TEST_F(clauses, an_arm_that_would_fail_is_taken_and_tells_why)
{
	close(self->full_in);
	EXPECT_EQ(2, LIB(chan_select(self->arms, 3, 0, SOON)));
	EXPECT_EQ(-EPIPE, self->arms[2].result);
	EXPECT_TRUE(others_are_as_before(self, 2));

	close(self->out[1]);
	EXPECT_EQ(1, LIB(chan_select(self->arms, 2, 0, SOON)));
	EXPECT_EQ(-ESHUTDOWN, self->arms[1].result);
}

TEST_F(clauses, a_descriptor_that_is_not_open_is_such_an_arm)
{
	static const int none[] = { 12345, -1, -2 };

	for (int i = 0; i < 9; i++) {
		int arm = i % 3, fd = none[i / 3];

		self->arms[arm].fd = fd;
		EXPECT_EQ(arm, LIB(chan_select(self->arms, 3, 0, SOON)));
		EXPECT_EQ(-EBADF, self->arms[arm].result);
		EXPECT_EQ(fd, self->arms[arm].fd);
		EXPECT_TRUE(others_are_as_before(self, arm));
		self->arms[arm] = self->before[arm];
	}
}

TEST_F(clauses, what_is_no_arm_is_refused)
{
	int null = open_path("/dev/null", O_RDWR);
	struct chan_op arm = self->arms[0];

	EXPECT_EQ(-EINVAL, LIB(chan_select(self->arms, 0, 0, SOON)));
	EXPECT_EQ(-EINVAL,
		  LIB(chan_select(self->arms, CHAN_BATCH_MAX + 1, 0, SOON)));
	EXPECT_EQ(-EINVAL, LIB(chan_select(self->arms, 3, 0x8000, SOON)));
	chan_op_ack(&self->arms[0], self->in[0], 1);
	EXPECT_EQ(-EINVAL, LIB(chan_select(self->arms, 3, 0, SOON)));
	self->arms[0] = arm;
	self->arms[0].fd = null;
	EXPECT_EQ(-EINVAL, LIB(chan_select(self->arms, 3, 0, SOON)));
	self->arms[0] = arm;
	self->arms[1].fd = null;
	EXPECT_EQ(-EINVAL, LIB(chan_select(self->arms, 3, 0, SOON)));
	close(null);
}

TEST_F(clauses, a_module_older_than_selects_is_told)
{
	ASSERT_EQ(0, LIB(chan_send(self->out[1], "hello", 5, 0)));
	module_lacks(CHAN_IOC_SELECT, CHAN_FEATURE_OP | CHAN_FEATURE_BATCH);
	EXPECT_EQ(-EOPNOTSUPP, LIB(chan_select(self->arms, 3, 0, SOON)));
	module_is_itself();
	EXPECT_TRUE(others_are_as_before(self, -1));
	EXPECT_EQ(1, LIB(chan_select(self->arms, 3, 0, SOON)));
}

TEST_HARNESS_MAIN
