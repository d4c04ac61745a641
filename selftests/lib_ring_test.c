// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings of the library: operations that go on while their thread does something
 * else. The same on both engines: io_uring, and poll, which is taken where io_uring
 * is forbidden by the administrator or a filter of system calls, or missing. What
 * only io_uring can do is refused by the other, with nothing begun.
 */
#include <sys/epoll.h>

#include "lib_older.h"
#include "lib_rings.h"

#define CAPACITY 8

FIXTURE(ring)
{
	struct chan_ring *ring;
	int in, out; /* a channel for two messages */
	struct chan_op op, msg;
	struct waiting waiting;
	char buf[CAPACITY][64];
	long long disabled_before;
};

FIXTURE_VARIANT(ring)
{
	enum obstacle obstacle;
	int error; /* of io_uring_setup */
};

/* clang-format off */
FIXTURE_VARIANT_ADD(ring, uring) { .obstacle = NONE };
FIXTURE_VARIANT_ADD(ring, poll) { .obstacle = NOT_WANTED };
FIXTURE_VARIANT_ADD(ring, disabled) { .obstacle = DISABLED, .error = EPERM };
FIXTURE_VARIANT_ADD(ring, filtered) { .obstacle = FILTERED, .error = EPERM };
FIXTURE_VARIANT_ADD(ring, missing) { .obstacle = FILTERED, .error = ENOSYS };
/* clang-format on */

FIXTURE_SETUP(ring)
{
	int fds[2];

	self->disabled_before = file_number(SYSCTL);
	ASSERT_LE(0, self->disabled_before);
	ASSERT_EQ(0, open_despite(&self->ring, CAPACITY, variant->obstacle,
				  variant->error));
	ASSERT_EQ(0, LIB(chan_pair(fds, 2, 0)));
	self->in = fds[0];
	self->out = fds[1];
	catch_signal(SIGUSR1, 0);
}

/* The end of the test's process closes the rest, whatever end it was. */
FIXTURE_TEARDOWN_PARENT(ring)
{
	permit_io_uring(variant->obstacle, self->disabled_before);
}

static bool is_uring(FIXTURE_DATA(ring) * self)
{
	return chan_ring_engine(self->ring) == CHAN_RING_URING;
}

static int next(FIXTURE_DATA(ring) * self, uint64_t token)
{
	return ring_next(self->ring, token);
}

/* So many are over, in any order, with one result; the bits of their tokens. */
static int next_of(FIXTURE_DATA(ring) * self, int nr, int result)
{
	struct chan_done done;
	int tokens = 0;

	while (nr--) {
		if (LIB(chan_ring_next(self->ring, &done, SOON)) ||
		    done.result != result)
			return -EUCLEAN;
		tokens |= 1 << done.token;
	}
	return tokens;
}

static bool is_quiet(FIXTURE_DATA(ring) * self)
{
	return ring_is_quiet(self->ring);
}

static bool is_empty(FIXTURE_DATA(ring) * self)
{
	return ring_is_empty(self->ring);
}

/* The record and the buffer of this number. */
static int start_receive(FIXTURE_DATA(ring) * self, struct chan_op *op, int nr)
{
	chan_op_recv(op, self->in, self->buf[nr], 64);
	return LIB(chan_ring_start(self->ring, op, nr));
}

static int start_send(FIXTURE_DATA(ring) * self, struct chan_op *op, int nr)
{
	snprintf(self->buf[nr], 64, "%d", nr);
	chan_op_send(op, self->out, self->buf[nr], 2);
	return LIB(chan_ring_start(self->ring, op, nr));
}

static int fill(FIXTURE_DATA(ring) * self)
{
	int ret = 0;

	while (!ret)
		ret = LIB(chan_send(self->out, "full", 4, CHAN_AT_ONCE));
	return ret == -ETIMEDOUT ? 0 : ret;
}

/* Making --------------------------------------------------------------------- */

TEST_F(ring, the_engine_is_the_one_that_can_be_had)
{
	struct chan_ring *other = NULL;
	bool can = variant->obstacle == NONE || variant->obstacle == NOT_WANTED;

	EXPECT_EQ(variant->obstacle == NONE ? CHAN_RING_URING : CHAN_RING_POLL,
		  LIB(chan_ring_engine(self->ring)));
	EXPECT_EQ(can ? 0 : -variant->error,
		  LIB(chan_ring_open(&other, 1, CHAN_RING_URING)));
	EXPECT_EQ(can, !!other);
	EXPECT_EQ(0, LIB(chan_ring_open(&other, 1, CHAN_RING_POLL)));
	EXPECT_EQ(CHAN_RING_POLL, LIB(chan_ring_engine(other)));
	chan_ring_close(other);
	EXPECT_EQ(0, LIB(chan_ring_open(&other, 1,
					CHAN_RING_URING | CHAN_RING_POLL)));
	EXPECT_EQ(can ? CHAN_RING_URING : CHAN_RING_POLL,
		  LIB(chan_ring_engine(other)));
	chan_ring_close(other);
}

TEST_F(ring, a_module_older_than_io_uring_is_polled)
{
	struct chan_ring *other;

	module_lacks(CHAN_IOC_SELECT, CHAN_FEATURE_OP);
	EXPECT_GT(0, LIB(chan_ring_open(&other, 1, CHAN_RING_URING)));
	ASSERT_EQ(0, LIB(chan_ring_open(&other, 1, 0)));
	EXPECT_EQ(CHAN_RING_POLL, LIB(chan_ring_engine(other)));
	module_is_itself();
	chan_ring_close(other);
}

TEST_F(ring, a_ring_has_room_for_1_to_4096)
{
	const unsigned int no[] = { 0, CHAN_RING_MAX + 1, ~0U };
	const unsigned int yes[] = { 1, 2, 3, CHAN_RING_MAX };
	unsigned int engine = LIB(chan_ring_engine(self->ring));
	struct chan_ring *other = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		EXPECT_EQ(-EINVAL, LIB(chan_ring_open(&other, no[i], engine)));
	EXPECT_EQ(-EINVAL, LIB(chan_ring_open(&other, 1, 4)));
	EXPECT_EQ(NULL, other);
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		ASSERT_EQ(0, LIB(chan_ring_open(&other, yes[i], engine)));
		for (unsigned int nr = 0; nr < yes[i]; nr++) {
			chan_op_recv(&self->op, self->in, self->buf[0], 64);
			ASSERT_EQ(0,
				  LIB(chan_ring_start(other, &self->op, nr)));
		}
		EXPECT_EQ(-EBUSY, LIB(chan_ring_start(other, &self->op, 0)));
		chan_ring_close(other);
	}
}

TEST_F(ring, nothing_is_left_of_a_ring_or_of_one_that_could_not_be_made)
{
	unsigned int engine = LIB(chan_ring_engine(self->ring));
	struct chan_ring *other = NULL;
	struct rlimit before, one_left;
	int fds = count_fds();

	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, LIB(chan_ring_open(&other, CAPACITY, engine)));
		chan_ring_close(other);
	}
	EXPECT_EQ(fds, count_fds());
	other = NULL;
	exhaust_fds(&before);
	EXPECT_EQ(-EMFILE, LIB(chan_ring_open(&other, CAPACITY, engine)));
	getrlimit(RLIMIT_NOFILE, &one_left);
	one_left.rlim_cur++;
	setrlimit(RLIMIT_NOFILE, &one_left);
	EXPECT_EQ(engine == CHAN_RING_URING ? 0 : -EMFILE,
		  LIB(chan_ring_open(&other, CAPACITY, engine)));
	if (other)
		chan_ring_close(other);
	setrlimit(RLIMIT_NOFILE, &before);
	EXPECT_EQ(fds, count_fds());
}

/* Operations ------------------------------------------------------------------- */

TEST_F(ring, a_receive_waits_for_a_message)
{
	ASSERT_EQ(0, start_receive(self, &self->op, 1));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(5, next(self, 1));
	EXPECT_EQ(0, memcmp("hello", self->buf[1], 5));
	EXPECT_EQ(getpid(), self->op.pid);
	EXPECT_EQ(self->in, self->op.fd);
	EXPECT_EQ(0, self->op.flags);
	EXPECT_TRUE(is_empty(self));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

TEST_F(ring, a_send_waits_for_room)
{
	ASSERT_EQ(0, fill(self));
	ASSERT_EQ(0, start_send(self, &self->op, 7));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf[0], 64, NULL, 0)));
	EXPECT_EQ(0, next(self, 7));
	EXPECT_EQ(CHAN_STATE_QUEUED, self->op.state);
	EXPECT_EQ(2, stat_of(self->in).queued);
	EXPECT_TRUE(is_empty(self));
}

TEST_F(ring, what_is_ready_is_over_at_once)
{
	struct chan_op ops[3];

	ASSERT_EQ(0, start_send(self, &ops[1], 1));
	ASSERT_EQ(0, start_send(self, &ops[2], 2));
	ASSERT_EQ(0, start_receive(self, &ops[0], 0));
	EXPECT_EQ(0, stat_of(self->in).totals_sent);
	EXPECT_EQ(0, LIB(chan_ring_submit(self->ring)));
	EXPECT_EQ(2, stat_of(self->in).totals_sent);
	EXPECT_EQ(1, stat_of(self->in).totals_received);
	EXPECT_EQ(0, next(self, 1));
	EXPECT_EQ(0, next(self, 2));
	EXPECT_EQ(2, next(self, 0));
	EXPECT_STREQ("1", self->buf[0]);
}

/* What is started behind something that is over does not wait until it is told. */
TEST_F(ring, next_begins_what_was_started)
{
	struct chan_op ops[2];

	ASSERT_EQ(0, start_send(self, &ops[0], 0));
	ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
	ASSERT_EQ(0, start_send(self, &ops[1], 1));
	EXPECT_EQ(0, next(self, 0));
	EXPECT_EQ(2, stat_of(self->in).queued);
	EXPECT_EQ(0, next(self, 1));
}

TEST_F(ring, sends_keep_their_order)
{
	struct chan_op ops[CAPACITY];

	for (int i = 0; i < CAPACITY; i++)
		ASSERT_EQ(0, start_send(self, &ops[i], i));
	EXPECT_EQ(-EBUSY, start_send(self, &self->op, 0));
	for (int i = 0; i < CAPACITY; i++) {
		EXPECT_EQ(0, next(self, i));
		ASSERT_EQ(2, LIB(chan_recv(self->in, self->buf[i], 64, NULL,
					   SOON)));
		EXPECT_EQ('0' + i, self->buf[i][0]);
	}
	EXPECT_TRUE(is_empty(self));
	EXPECT_EQ(0, start_send(self, &self->op, 0));
	EXPECT_EQ(0, next(self, 0));
}

TEST_F(ring, receives_get_the_messages_in_their_order)
{
	struct chan_op ops[CAPACITY];
	char text[2] = "0";

	for (int i = 0; i < CAPACITY; i++)
		ASSERT_EQ(0, start_receive(self, &ops[i], i));
	EXPECT_TRUE(is_quiet(self));
	for (int i = 0; i < CAPACITY; i++) {
		text[0] = '0' + i;
		ASSERT_EQ(0, LIB(chan_send(self->out, text, 2, SOON)));
		EXPECT_EQ(2, next(self, i));
		EXPECT_STREQ(text, self->buf[i]);
	}
	EXPECT_TRUE(is_empty(self));
}

/* Two that send, and two that receive, on two channels, from both ends. */
TEST_F(ring, endpoints_do_not_wait_for_each_other)
{
	int fds[2];
	struct chan_op ops[4];

	ASSERT_EQ(0, LIB(chan_pair(fds, 1, 0)));
	ASSERT_EQ(0, LIB(chan_send(fds[1], "full", 4, 0)));
	ASSERT_EQ(0, start_receive(self, &ops[0], 0));
	chan_op_send(&ops[1], fds[1], "late", 4);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[1], 1)));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(4, LIB(chan_recv(fds[0], self->buf[3], 64, NULL, 0)));
	EXPECT_EQ(0, next(self, 1));
	chan_op_recv(&ops[2], fds[0], self->buf[2], 64);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[2], 2)));
	EXPECT_EQ(4, next(self, 2));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(5, next(self, 0));
}

/* One endpoint with both rights, which waits for both. */
TEST_F(ring, one_endpoint_sends_and_receives)
{
	int both = LIB(chan_create(NULL, 1, 0));
	struct chan_op ops[3];

	ASSERT_LE(0, both);
	chan_op_recv(&ops[0], both, self->buf[0], 64);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[0], 0)));
	EXPECT_TRUE(is_quiet(self));
	for (int i = 1; i <= 2; i++) {
		chan_op_send(&ops[i], both, "x", 1);
		ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[i], i)));
	}
	/* Three are over: one receives what another one sends. */
	for (int i = 0; i < 3; i++) {
		struct chan_done done;

		ASSERT_EQ(0, LIB(chan_ring_next(self->ring, &done, SOON)));
		EXPECT_EQ(done.token ? 0 : 1, done.result);
	}
	EXPECT_EQ(1, stat_of(both).queued);
	EXPECT_TRUE(is_empty(self));
}

TEST_F(ring, flags_and_stamps_are_those_of_the_operation)
{
	chan_op_send(&self->op, self->out, "hello", 5);
	self->op.tag = 77;
	self->op.prio = 3;
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 1)));
	EXPECT_EQ(0, next(self, 1));
	chan_op_recv(&self->msg, self->in, self->buf[0], 64);
	self->msg.flags = CHAN_PEEK;
	self->msg.tag = 99;
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->msg, 2)));
	EXPECT_EQ(5, next(self, 2));
	EXPECT_EQ(CHAN_PEEK, self->msg.flags);
	EXPECT_EQ(77, self->msg.tag);
	EXPECT_EQ(3, self->msg.prio);
	EXPECT_EQ(1, stat_of(self->in).queued);
}

TEST_F(ring, who_does_not_want_to_wait_does_not)
{
	chan_op_recv(&self->op, self->in, self->buf[0], 64);
	self->op.flags = CHAN_NOWAIT;
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 1)));
	EXPECT_EQ(-EAGAIN, next(self, 1));
	EXPECT_EQ(CHAN_NOWAIT, self->op.flags);
	ASSERT_EQ(0, start_receive(self, &self->msg, 2));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 1)));
	EXPECT_EQ(-EAGAIN, next(self, 1));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(5, next(self, 2));
}

TEST_F(ring, a_rendezvous_meets_who_waits_at_the_other_end)
{
	int fds[2];

	ASSERT_EQ(0, LIB(chan_pair(fds, 0, 0)));
	self->in = fds[0];
	self->out = fds[1];
	for (unsigned int until = 0; until <= CHAN_UNTIL_RECEIVED; until++) {
		struct running receiver;

		chan_op_send(&self->op, self->out, "hello", 5);
		self->op.until = until;
		ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 1)));
		EXPECT_TRUE(is_quiet(self));
		ASSERT_EQ(0, op_start(&receiver, self->in,
				      op_soon(self->buf[0], 64)));
		EXPECT_EQ(0, next(self, 1));
		EXPECT_EQ(5, op_finish(&receiver));
	}
	for (int i = 0; i < 2; i++) {
		struct running sender;

		ASSERT_EQ(0, start_receive(self, &self->op, i));
		EXPECT_TRUE(is_quiet(self));
		ASSERT_EQ(0, op_start(&sender, self->out, op_send("hello", 5)));
		EXPECT_EQ(5, next(self, i));
		EXPECT_EQ(0, op_finish(&sender));
	}
	EXPECT_EQ(0, nothing_is_left(self->in));
}

static int call(struct waiting *w)
{
	return chan_call(w->fd, "question", 8, w->buf, sizeof(w->buf), &w->msg,
			 SOON);
}

TEST_F(ring, a_server_receives_and_replies)
{
	ASSERT_EQ(0, start_receive(self, &self->op, 1));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, next(self, 1));
	EXPECT_EQ(CHAN_DUTY_REPLY, self->op.duty);
	chan_op_return(&self->msg, self->in, self->op.id);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->msg, 2)));
	EXPECT_EQ(0, next(self, 2));
	ASSERT_EQ(0, start_receive(self, &self->op, 3));
	ASSERT_EQ(8, next(self, 3));
	EXPECT_EQ(2, self->op.attempt);
	chan_op_reply(&self->msg, self->in, self->op.id, "answer", 6);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->msg, 4)));
	EXPECT_EQ(0, next(self, 4));
	EXPECT_EQ(6, waiting_ends(&self->waiting));
	EXPECT_EQ(0, memcmp("answer", self->waiting.buf, 6));
}

/* What ends later than with a slot ------------------------------------------------ */

TEST_F(ring, a_call_gets_its_reply_or_is_refused)
{
	chan_op_call(&self->op, self->out, "question", 8, self->buf[0], 64);
	if (!is_uring(self)) {
		EXPECT_EQ(-EOPNOTSUPP,
			  LIB(chan_ring_start(self->ring, &self->op, 1)));
		EXPECT_TRUE(is_empty(self));
		EXPECT_EQ(0, stat_of(self->in).totals_sent);
		return;
	}
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 1)));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf[1], 64, &self->msg, 0)));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, LIB(chan_reply(self->in, self->msg.id, "answer", 6)));
	EXPECT_EQ(6, next(self, 1));
	EXPECT_EQ(0, memcmp("answer", self->buf[0], 6));
	EXPECT_EQ(CHAN_STATE_SETTLED, self->op.state);
}

TEST_F(ring, a_send_gets_as_far_as_it_says_or_is_refused)
{
	for (__u8 until = 1; until <= CHAN_UNTIL_SETTLED; until++) {
		chan_op_send(&self->op, self->out, "task", 4);
		self->op.until = until;
		self->op.duty = until == CHAN_UNTIL_SETTLED ? CHAN_DUTY_ACK : 0;
		EXPECT_EQ(is_uring(self) ? 0 : -EOPNOTSUPP,
			  LIB(chan_ring_start(self->ring, &self->op, until)));
		if (!is_uring(self))
			continue;
		EXPECT_TRUE(is_quiet(self));
		ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf[1], 64,
					   &self->msg, 0)));
		if (until == CHAN_UNTIL_SETTLED)
			ASSERT_EQ(0, LIB(chan_ack(self->in, self->msg.id)));
		EXPECT_EQ(0, next(self, until));
	}
	EXPECT_TRUE(is_empty(self));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

TEST_F(ring, what_was_interrupted_waits_on_or_is_refused)
{
	struct chan_op *asked = &self->waiting.msg;

	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8,
		  LIB(chan_recv(self->in, self->buf[0], 64, &self->msg, SOON)));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_TRUE(waiting_interrupt(&self->waiting));
	ASSERT_EQ(-EINTR, waiting_ends(&self->waiting));
	EXPECT_EQ(is_uring(self) ? 0 : -EOPNOTSUPP,
		  LIB(chan_ring_start(self->ring, asked, 1)));
	EXPECT_EQ(0, LIB(chan_reply(self->in, self->msg.id, "answer", 6)));
	EXPECT_EQ(6, is_uring(self) ? next(self, 1) :
				      LIB(chan_wait(self->out, asked)));
	EXPECT_EQ(1, stat_of(self->in).totals_sent);
}

/* Errors ----------------------------------------------------------------------- */

TEST_F(ring, what_is_wrong_is_the_result)
{
	const struct {
		int fd;
		__u32 code, flags;
		int result;
	} rows[] = {
		{ -1, CHAN_OP_RECV, 0, -EBADF },
		{ 12345, CHAN_OP_SEND, 0, -EBADF },
		{ self->out, CHAN_OP_RECV, 0, -EBADF },
		{ self->in, CHAN_OP_SEND, 0, -EBADF },
		{ self->in, CHAN_OP_RECV, 1 << 30, -EINVAL },
		{ self->in, 99, 0, -EINVAL },
		{ self->in, CHAN_OP_SETTLE, 0, -EINVAL },
		{ self->out, CHAN_OP_CANCEL, 0, -ENOENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		chan_op_recv(&self->op, rows[i].fd, self->buf[0], 64);
		self->op.code = rows[i].code;
		self->op.flags = rows[i].flags;
		ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, i)));
		EXPECT_EQ(rows[i].result, next(self, i));
		EXPECT_EQ(rows[i].fd, self->op.fd);
		EXPECT_EQ(rows[i].flags, self->op.flags);
	}
	EXPECT_EQ(0, stat_of(self->in).queued);
}

/* The first of several does not keep the others. */
TEST_F(ring, each_has_its_own_error)
{
	struct chan_op ops[3];

	chan_op_send(&ops[0], -1, "x", 1);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[0], 0)));
	ASSERT_EQ(0, start_send(self, &ops[1], 1));
	chan_op_send(&ops[2], self->in, "x", 1);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[2], 2)));
	EXPECT_EQ(-EBADF, next(self, 0));
	EXPECT_EQ(0, next(self, 1));
	EXPECT_EQ(-EBADF, next(self, 2));
}

TEST_F(ring, a_descriptor_that_is_no_channel)
{
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	chan_op_recv(&self->op, fds[0], self->buf[0], 64);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 1)));
	EXPECT_EQ(is_uring(self) ? -EOPNOTSUPP : -ENOTTY, next(self, 1));
}

TEST_F(ring, too_long_a_message_stays_and_tells_its_length)
{
	chan_op_recv(&self->op, self->in, self->buf[0], 3);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 1)));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(-EMSGSIZE, next(self, 1));
	EXPECT_EQ(5, self->op.len);
	EXPECT_EQ(1, stat_of(self->in).queued);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 1)));
	EXPECT_EQ(5, next(self, 1));
}

TEST_F(ring, the_end_of_a_channel_ends_what_waits)
{
	struct chan_op ops[4];
	int fds[2];

	ASSERT_EQ(0, LIB(chan_pair(fds, 1, 0)));
	ASSERT_EQ(0, LIB(chan_send(fds[1], "full", 4, 0)));
	ASSERT_EQ(0, start_receive(self, &ops[0], 0));
	ASSERT_EQ(0, start_receive(self, &ops[1], 1));
	for (int i = 2; i < 4; i++) {
		chan_op_send(&ops[i], fds[1], "late", 4);
		ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[i], i)));
	}
	EXPECT_TRUE(is_quiet(self));
	close(self->out);
	EXPECT_EQ(1 << 0 | 1 << 1, next_of(self, 2, -ESHUTDOWN));
	close(fds[0]);
	EXPECT_EQ(1 << 2 | 1 << 3, next_of(self, 2, -EPIPE));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, ops[3].state);
}

/*
 * No sender is left, but what another receiver owes may come back. Who waits does
 * not try all the time meanwhile.
 */
TEST_F(ring, a_receive_waits_for_what_may_come_back)
{
	int other = LIB(chan_derive(self->in, CHAN_RIGHT_RECV, 0));
	struct timespec spent[2];

	ASSERT_LE(0, other);
	ASSERT_EQ(0, LIB(chan_send_work(self->out, "dig", 3, 0)));
	ASSERT_EQ(3, LIB(chan_recv(other, self->buf[1], 64, &self->msg, 0)));
	close(self->out);
	ASSERT_EQ(0, start_receive(self, &self->op, 0));
	EXPECT_TRUE(is_quiet(self));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent[0]);
	is_readable(LIB(chan_ring_fd(self->ring)), 300);
	for (int i = 0; i < 3; i++) {
		struct chan_done done;

		EXPECT_EQ(-ETIMEDOUT, LIB(chan_ring_next(self->ring, &done,
							 chan_in_ms(100))));
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent[1]);
	EXPECT_GT(100000000, (spent[1].tv_sec - spent[0].tv_sec) * 1000000000 +
				     spent[1].tv_nsec - spent[0].tv_nsec);
	EXPECT_EQ(0, LIB(chan_return(other, self->msg.id)));
	EXPECT_EQ(3, next(self, 0));
	EXPECT_EQ(2, self->op.attempt);
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->op.id)));
	ASSERT_EQ(0, start_receive(self, &self->op, 0));
	EXPECT_EQ(-ESHUTDOWN, next(self, 0));
}

/* Time ------------------------------------------------------------------------- */

TEST_F(ring, deadlines_end_operations)
{
	struct chan_op ops[4];

	for (int i = 0; i < 3; i++) {
		chan_op_recv(&ops[i], self->in, self->buf[i], 64);
		ops[i].deadline = i == 1 ? CHAN_AT_ONCE :
					   LIB(chan_in_ms(80 - 20 * i));
		ops[i].tag = 99;
		ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[i], i)));
	}
	ASSERT_EQ(0, start_receive(self, &ops[3], 3));
	EXPECT_EQ(7, next_of(self, 3, -ETIMEDOUT));
	EXPECT_LE(ops[0].deadline, clock_ns());
	EXPECT_EQ(99, ops[0].tag);
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(5, next(self, 3));
	ASSERT_EQ(0, fill(self));
	chan_op_send(&self->op, self->out, "late", 4);
	self->op.deadline = LIB(chan_in_ms(5));
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 4)));
	EXPECT_EQ(-ETIMEDOUT, next(self, 4));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->op.state);
	EXPECT_EQ(2, stat_of(self->in).queued);
}

TEST_F(ring, a_deadline_that_has_passed_tries_once)
{
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	chan_op_recv(&self->op, self->in, self->buf[0], 64);
	self->op.deadline = CHAN_AT_ONCE;
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 1)));
	EXPECT_EQ(5, next(self, 1));
	chan_op_send(&self->op, self->out, "hello", 5);
	self->op.deadline = CHAN_AT_ONCE;
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 1)));
	EXPECT_EQ(0, next(self, 1));
}

TEST_F(ring, next_waits_no_longer_than_its_deadline)
{
	struct chan_done done;
	uint64_t deadline = LIB(chan_in_ms(20));

	EXPECT_EQ(-ENOENT, LIB(chan_ring_next(self->ring, &done, deadline)));
	ASSERT_EQ(0, start_receive(self, &self->op, 1));
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_ring_next(self->ring, &done, deadline)));
	EXPECT_LE(deadline, clock_ns());
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_ring_next(self->ring, &done, deadline)));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(5, next(self, 1));
	/* The latest there is, and one that is later. */
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, start_send(self, &self->op, 1));
		ASSERT_EQ(0, LIB(chan_ring_next(self->ring, &done,
						i ? UINT64_MAX :
						    chan_in_ms(INT64_MAX))));
	}
}

static FIXTURE_DATA(ring) * interrupted;

static int wait_for_next(struct waiting *w)
{
	struct chan_done done;

	(void)w;
	return chan_ring_next(interrupted->ring, &done, SOON);
}

static bool sleeps_in_next(struct waiting *waiting)
{
	int where = is_uring(interrupted) ? SYS_io_uring_enter :
					    SYS_epoll_pwait2;

	return BECOMES(waiting->tid && sleeps_in(waiting->tid) == where) &&
	       !waiting->over;
}

static int interrupt_next(FIXTURE_DATA(ring) * self)
{
	interrupted = self;
	if (waiting_start(&self->waiting, -1, wait_for_next) ||
	    !sleeps_in_next(&self->waiting) ||
	    !waiting_interrupt(&self->waiting))
		return -EUCLEAN;
	return waiting_ends(&self->waiting);
}

TEST_F(ring, a_signal_ends_the_waiting)
{
	ASSERT_EQ(0, start_receive(self, &self->op, 1));
	ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
	EXPECT_EQ(-EINTR, interrupt_next(self));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(5, next(self, 1));
}

/* The thread that has begun it is gone then, and it can be ended all the same. */
TEST_F(ring, a_signal_ends_waiting_that_has_begun_something)
{
	ASSERT_EQ(0, start_receive(self, &self->op, 1));
	EXPECT_EQ(-EINTR, interrupt_next(self));
	EXPECT_EQ(1, LIB(chan_ring_cancel(self->ring, 1)));
	EXPECT_EQ(-ECANCELED, next(self, 1));
	EXPECT_TRUE(is_empty(self));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

/* The descriptor ------------------------------------------------------------------ */

TEST_F(ring, the_descriptor_is_readable_when_something_is_over)
{
	int fd = LIB(chan_ring_fd(self->ring));

	EXPECT_FALSE(is_readable(fd, 0));
	ASSERT_EQ(0, start_receive(self, &self->op, 1));
	ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
	EXPECT_FALSE(is_readable(fd, 0));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_TRUE(is_readable(fd, BUDGET * 1000));
	EXPECT_EQ(5, next(self, 1));
	EXPECT_FALSE(is_readable(fd, 0));
}

TEST_F(ring, the_descriptor_tells_of_what_was_over_at_once)
{
	int fd = LIB(chan_ring_fd(self->ring));
	struct chan_op ops[2];

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, start_send(self, &ops[i], i));
	ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
	for (int i = 0; i < 2; i++) {
		EXPECT_TRUE(is_readable(fd, BUDGET * 1000));
		EXPECT_EQ(0, next(self, i));
	}
	EXPECT_FALSE(is_readable(fd, 0));
}

/* Also behind one that has more time. */
TEST_F(ring, the_descriptor_tells_of_deadlines)
{
	int fd = LIB(chan_ring_fd(self->ring));

	chan_op_recv(&self->msg, self->in, self->buf[0], 64);
	self->msg.deadline = SOON;
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->msg, 0)));
	for (int i = 1; i <= 2; i++) {
		chan_op_recv(&self->op, self->in, self->buf[i], 64);
		self->op.deadline = LIB(chan_in_ms(20));
		ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, i)));
		ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
		EXPECT_TRUE(is_readable(fd, BUDGET * 1000));
		EXPECT_LE(self->op.deadline, clock_ns());
		EXPECT_EQ(-ETIMEDOUT, next(self, i));
		EXPECT_FALSE(is_readable(fd, 0));
	}
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(5, next(self, 0));
}

TEST_F(ring, the_descriptor_may_be_watched_by_epoll)
{
	int fd = LIB(chan_ring_fd(self->ring)),
	    epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };

	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, start_receive(self, &self->op, i));
		ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
		EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
		ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
		EXPECT_EQ(1, epoll_wait(epoll, &event, 1, BUDGET * 1000));
		EXPECT_EQ(EPOLLIN, event.events);
		EXPECT_EQ(5, next(self, i));
	}
}

/* Ends --------------------------------------------------------------------------- */

TEST_F(ring, cancelling_ends_what_has_the_token)
{
	struct chan_op ops[6];

	ASSERT_EQ(0, fill(self));
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, start_send(self, &ops[i], i / 2));
	EXPECT_EQ(2, LIB(chan_ring_cancel(self->ring, 0)));
	EXPECT_EQ(-ECANCELED, next(self, 0));
	EXPECT_EQ(-ECANCELED, next(self, 0));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, ops[0].state);
	EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(0, LIB(chan_ring_cancel(self->ring, 0)));
	EXPECT_EQ(0, LIB(chan_ring_cancel(self->ring, 77)));
	EXPECT_EQ(2, LIB(chan_ring_cancel(self->ring, 1)));
	EXPECT_EQ(-ECANCELED, next(self, 1));
	EXPECT_EQ(-ECANCELED, next(self, 1));
	EXPECT_EQ(2, stat_of(self->in).queued);
	EXPECT_EQ(0, stat_of(self->in).parked_senders);
	EXPECT_TRUE(is_empty(self));
}

TEST_F(ring, what_is_cancelled_receives_nothing)
{
	struct chan_op ops[3];

	for (int i = 0; i < 3; i++) {
		chan_op_recv(&ops[i], self->in, self->buf[i], 64);
		ops[i].tag = 99;
		ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[i], i)));
	}
	EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(1, LIB(chan_ring_cancel(self->ring, 1)));
	EXPECT_EQ(-ECANCELED, next(self, 1));
	EXPECT_EQ(99, ops[1].tag);
	EXPECT_EQ(1, LIB(chan_ring_cancel(self->ring, 0)));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(-ECANCELED, next(self, 0));
	EXPECT_EQ(5, next(self, 2));
	EXPECT_EQ(0, memcmp("hello", self->buf[2], 5));
	EXPECT_EQ(0, self->buf[0][0]);
}

/* What was received and has to be acknowledged does not end by that. */
TEST_F(ring, cancelling_abandons_a_call)
{
	struct chan_op ops[2];

	if (!is_uring(self))
		SKIP(return, "polling makes no calls");
	chan_op_call(&ops[0], self->out, "question", 8, self->buf[0], 64);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[0], 0)));
	chan_op_send(&ops[1], self->out, "task", 4);
	ops[1].until = CHAN_UNTIL_SETTLED;
	ops[1].duty = CHAN_DUTY_ACK;
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[1], 1)));
	ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
	ASSERT_EQ(8,
		  LIB(chan_recv(self->in, self->buf[2], 64, &self->op, SOON)));
	ASSERT_EQ(4,
		  LIB(chan_recv(self->in, self->buf[2], 64, &self->msg, SOON)));
	EXPECT_EQ(1, LIB(chan_ring_cancel(self->ring, 0)));
	EXPECT_EQ(0, LIB(chan_ring_cancel(self->ring, 1)));
	EXPECT_EQ(-ECANCELED, next(self, 0));
	EXPECT_EQ(CHAN_STATE_ABANDONED, ops[0].state);
	EXPECT_EQ(-ECANCELED, LIB(chan_reply(self->in, self->op.id, "", 0)));
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->msg.id)));
	EXPECT_EQ(0, next(self, 1));
}

TEST_F(ring, closing_ends_what_is_under_way)
{
	struct chan_op ops[4];
	int fds[2];

	ASSERT_EQ(0, LIB(chan_pair(fds, 1, 0)));
	ASSERT_EQ(0, LIB(chan_send(fds[1], "full", 4, 0)));
	memset(self->buf, 0xcc, sizeof(self->buf));
	for (int i = 0; i < 2; i++) {
		chan_op_recv(&ops[i], self->in, self->buf[i], 64);
		ops[i].tag = 7 + i;
		ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[i], i)));
	}
	chan_op_send(&ops[2], fds[1], "late", 4);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[2], 2)));
	EXPECT_TRUE(is_quiet(self));
	/* And one that has not begun. */
	chan_op_send(&ops[3], self->out, "never", 5);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &ops[3], 3)));
	chan_ring_close(self->ring);
	/* All records are the program's again, as it wrote them down. */
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(i < 2	 ? self->in :
			  i == 2 ? fds[1] :
				   self->out,
			  ops[i].fd);
		EXPECT_EQ(i < 2 ? 7U + i : 0U, ops[i].tag);
	}
	memset(ops, 0xcc, sizeof(ops));
	EXPECT_EQ(0, stat_of(self->in).parked_receivers);
	EXPECT_EQ(0, stat_of(fds[0]).parked_senders);
	EXPECT_EQ(0, stat_of(self->in).totals_sent);
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(1, stat_of(self->in).queued);
	EXPECT_EQ(1, stat_of(fds[0]).queued);
	for (size_t i = 0; i < sizeof(ops); i++)
		ASSERT_EQ(0xcc, ((unsigned char *)ops)[i]);
	for (size_t i = 0; i < 64; i++)
		ASSERT_EQ(0xcc, (unsigned char)self->buf[0][i]);
}

/* Its record is not written once the ring is closed. */
TEST_F(ring, closing_does_not_end_what_has_to_be_acknowledged)
{
	if (!is_uring(self))
		SKIP(return, "polling does not send so");
	chan_op_send(&self->op, self->out, "task", 4);
	self->op.until = CHAN_UNTIL_SETTLED;
	self->op.duty = CHAN_DUTY_ACK;
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->op, 0)));
	ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
	ASSERT_EQ(4,
		  LIB(chan_recv(self->in, self->buf[0], 64, &self->msg, SOON)));
	chan_ring_close(self->ring);
	memset(&self->op, 0xcc, sizeof(self->op));
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->msg.id)));
	for (size_t i = 0; i < sizeof(self->op); i++)
		ASSERT_EQ(0xcc, ((unsigned char *)&self->op)[i]);
	EXPECT_EQ(0, nothing_is_left(self->in));
}

/*
 * An endpoint that is closed too early, and its number given to another one. By
 * poll it is forgotten; io_uring keeps it open.
 */
TEST_F(ring, a_descriptor_closed_too_early_harms_nobody)
{
	int copy = dup(self->in), fds[2];
	struct chan_op ops[2];

	ASSERT_EQ(0, start_receive(self, &ops[0], 0));
	EXPECT_TRUE(is_quiet(self));
	close(self->in);
	ASSERT_EQ(0, LIB(chan_pair(fds, 1, 0)));
	ASSERT_EQ(self->in, fds[0]);
	if (!is_uring(self))
		EXPECT_EQ(1, LIB(chan_ring_cancel(self->ring, 0)));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(is_uring(self) ? 5 : -ECANCELED, next(self, 0));
	ASSERT_EQ(0, start_receive(self, &ops[1], 1));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, LIB(chan_send(fds[1], "world", 5, 0)));
	EXPECT_EQ(5, next(self, 1));
	EXPECT_EQ(0, memcmp("world", self->buf[1], 5));
	EXPECT_EQ(is_uring(self) ? 1 : 2, stat_of(copy).queued);
	/* And the end of the ring comes though it is not reached any more. */
	ASSERT_EQ(0, start_receive(self, &ops[0], 0));
	EXPECT_TRUE(is_quiet(self));
	close(fds[0]);
	chan_ring_close(self->ring);
	EXPECT_TRUE(BECOMES(LIB(chan_send(fds[1], "world", 5, CHAN_AT_ONCE)) ==
			    -EPIPE));
}

/* All at once ---------------------------------------------------------------------- */

#define CHANNELS 3
#define EACH	 4

/* What one thread has under way on the channels; a message is its number. */
struct traffic {
	struct chan_ring *ring;
	int fds[CHANNELS];
	struct chan_op ops[CHANNELS][EACH];
	uint64_t numbers[CHANNELS][EACH], expected[CHANNELS][EACH];
	uint64_t begun[CHANNELS], over;
	double end;
	bool sends;
	const char *wrong;
};

static int traffic_begin(struct traffic *t, int token)
{
	int c = token / EACH, i = token % EACH;
	struct chan_op *op = &t->ops[c][i];

	t->expected[c][i] = t->begun[c]++;
	if (t->sends) {
		t->numbers[c][i] = t->expected[c][i];
		chan_op_send(op, t->fds[c], &t->numbers[c][i], 8);
	} else {
		chan_op_recv(op, t->fds[c], &t->numbers[c][i], 8);
	}
	return chan_ring_start(t->ring, op, token);
}

/* True if it begins again. */
static bool traffic_went_well(struct traffic *t, const struct chan_done *done)
{
	int c = done->token / EACH, i = done->token % EACH;

	if (!t->sends && done->result == -ESHUTDOWN)
		return false;
	if (done->result != (t->sends ? 0 : 8))
		t->wrong = "a result";
	else if (t->numbers[c][i] != t->expected[c][i])
		t->wrong = "an order";
	t->over++;
	return !*t->wrong &&
	       (!t->sends || storm_goes_on(t->end, t->over > CHANNELS * EACH));
}

/* Each end waits in another way. */
static int traffic_wait(struct traffic *t, struct chan_done *done)
{
	int ret;

	if (t->sends)
		return chan_ring_next(t->ring, done, SOON);
	for (;;) {
		ret = chan_ring_next(t->ring, done, CHAN_AT_ONCE);
		if (ret != -ETIMEDOUT)
			return ret;
		if (!is_readable(chan_ring_fd(t->ring), BUDGET * 1000))
			return -ETIME;
	}
}

static void *traffic_main(void *arg)
{
	struct traffic *t = arg;
	struct chan_done done;
	int ret = 0;

	for (int token = 0; token < CHANNELS * EACH && !ret; token++)
		ret = traffic_begin(t, token);
	while (!ret && !(ret = traffic_wait(t, &done)))
		if (traffic_went_well(t, &done))
			ret = traffic_begin(t, done.token);
	if (ret != -ENOENT)
		t->wrong = "a wait";
	for (int c = 0; c < CHANNELS; c++)
		close(t->fds[c]);
	return NULL;
}

/* The variants share the time. */
TEST_F_TIMEOUT(ring, no_message_is_lost_between_two_rings, STORM_TIMEOUT(1))
{
	unsigned int engine = LIB(chan_ring_engine(self->ring));
	static struct traffic ends[2];
	pthread_t threads[2];

	for (int c = 0; c < CHANNELS; c++) {
		int fds[2];

		ASSERT_EQ(0, LIB(chan_pair(fds, c + 1, 0)));
		for (int i = 0; i < 2; i++)
			ends[i].fds[c] = fds[i];
	}
	for (int i = 0; i < 2; i++) {
		ends[i].sends = i;
		ends[i].wrong = "";
		ends[i].end = now() + seconds_each() / 5.0;
		ASSERT_EQ(0, LIB(chan_ring_open(&ends[i].ring, CHANNELS * EACH,
						engine)));
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, traffic_main,
					    &ends[i]));
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_STREQ("", ends[i].wrong);
		chan_ring_close(ends[i].ring);
	}
	EXPECT_LT(CHANNELS * EACH, ends[0].over);
	EXPECT_EQ(ends[0].over, ends[1].over);
}

TEST_HARNESS_MAIN
