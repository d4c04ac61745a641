// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library on a module that claims to have less, as the one of a debug kernel
 * does when its parameter "lacks" says so: it is told by QUERY, what is not there is
 * -EOPNOTSUPP, and everything else works.
 */
#include "lib_test.h"

FIXTURE(feature)
{
	int in, out;
	struct chan_op op;
	char buf[16];
};

FIXTURE_SETUP(feature)
{
	int fds[2];

	if (get_parameter("lacks") < 0)
		SKIP(return,
			   "on this kernel the module does not play an older one");
	ASSERT_EQ(0, LIB(chan_pair(fds, 4, 0)));
	self->in = fds[0];
	self->out = fds[1];
	chan_op_send(&self->op, self->out, "hello", 5);
}

FIXTURE_TEARDOWN_PARENT(feature)
{
	set_parameter("lacks", 0);
}

static int features_are(__u64 features)
{
	struct chan_query query;

	CHECK_EQ(0, LIB(chan_query(-1, &query)));
	CHECK_EQ(features, query.features);
	return 0;
}

static int has_received(FIXTURE_DATA(feature) * self)
{
	int n = LIB(chan_recv(self->in, self->buf, 16, NULL, SOON));

	CHECK_EQ(5, n);
	return memcmp(self->buf, "hello", 5);
}

TEST_F(feature, that_lacks_is_told_by_query)
{
	const __u64 all = features_here();

	ASSERT_EQ(0, features_are(all));
	for (__u64 bit = 1; bit & all; bit <<= 1) {
		ASSERT_EQ(0, set_parameter("lacks", bit));
		EXPECT_EQ(0, features_are(all & ~bit));
	}
	ASSERT_EQ(0, set_parameter("lacks", 0));
	EXPECT_EQ(0, features_are(all));
}

TEST_F(feature, operations)
{
	ASSERT_EQ(0, set_parameter("lacks", CHAN_FEATURE_OP));
	EXPECT_EQ(-EOPNOTSUPP, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(-EOPNOTSUPP,
		  LIB(chan_recv(self->in, self->buf, 16, NULL, SOON)));
	EXPECT_EQ(-ENOTTY, LIB(chan_send(STDIN_FILENO, "hello", 5, 0)));
	/* What is older than all of them. */
	EXPECT_EQ(5, write(self->out, "hello", 5));
	EXPECT_EQ(1, stat_of(self->in).queued);
	ASSERT_EQ(0, set_parameter("lacks", 0));
	EXPECT_EQ(0, has_received(self));
}

TEST_F(feature, batches)
{
	ASSERT_EQ(0, set_parameter("lacks", CHAN_FEATURE_BATCH));
	EXPECT_EQ(-EOPNOTSUPP, LIB(chan_batch(&self->op, 1)));
	EXPECT_EQ(0, stat_of(self->in).queued);
	EXPECT_EQ(0, LIB(chan_run(&self->op)));
	EXPECT_EQ(0, has_received(self));
	EXPECT_EQ(0, LIB(chan_select(&self->op, 1, 0, SOON)));
	EXPECT_EQ(0, has_received(self));
}

TEST_F(feature, selects)
{
	ASSERT_EQ(0, set_parameter("lacks", CHAN_FEATURE_SELECT));
	EXPECT_EQ(-EOPNOTSUPP, LIB(chan_select(&self->op, 1, 0, SOON)));
	EXPECT_EQ(0, stat_of(self->in).queued);
	EXPECT_EQ(1, LIB(chan_batch(&self->op, 1)));
	EXPECT_EQ(0, has_received(self));
}

/* A ring goes on by the other engine; one that was there before is told. */
TEST_F(feature, commands_of_io_uring)
{
	struct chan_ring *before, *ring;
	struct chan_done done;

	ASSERT_EQ(0, LIB(chan_ring_open(&before, 4, CHAN_RING_URING)));
	ASSERT_EQ(0, set_parameter("lacks", CHAN_FEATURE_URING));
	EXPECT_EQ(-EOPNOTSUPP, LIB(chan_ring_open(&ring, 4, CHAN_RING_URING)));
	ASSERT_EQ(0, LIB(chan_ring_open(&ring, 4, 0)));
	EXPECT_EQ(CHAN_RING_POLL, LIB(chan_ring_engine(ring)));
	ASSERT_EQ(0, LIB(chan_ring_start(ring, &self->op, 1)));
	ASSERT_EQ(0, LIB(chan_ring_next(ring, &done, SOON)));
	EXPECT_EQ(0, done.result);
	EXPECT_EQ(0, has_received(self));
	chan_ring_close(ring);
	ASSERT_EQ(0, LIB(chan_ring_start(before, &self->op, 1)));
	ASSERT_EQ(0, LIB(chan_ring_next(before, &done, SOON)));
	EXPECT_EQ(-EOPNOTSUPP, done.result);
	chan_ring_close(before);
}

TEST_HARNESS_MAIN
