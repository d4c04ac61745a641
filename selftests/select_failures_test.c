// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one arm alone would fail with is that arm's: it is ready, it is named,
 * its record says why, and nothing has happened on any channel. What stands
 * behind an arm that is ready does not matter, where the order counts.
 */
#include "select_errors.h"

/* Failures of an arm ------------------------------------------------------------ */

/*
 * It fails by itself, in front of one that is ready and behind some that are
 * not; and does not matter behind one that is ready.
 */
static int fails(FIXTURE_DATA(errors) * self, int fd, struct chan_op op,
		 int why)
{
	for (int before = 0; before < 3; before++)
		for (int behind = 0; behind < 2; behind++) {
			select_init(&self->s, self->fds[5]);
			self->s.batch.flags = CHAN_ORDERED;
			for (int i = 0; i < before; i++)
				add_recv(&self->s, self->empty);
			add_arm(&self->s, fd, op);
			for (int i = 0; i < behind; i++)
				add_ready(self);
			CHECK_EQ(0, is_of_arm(self, before, why));
			select_again(&self->s);
			self->s.batch.flags |= CHAN_NOWAIT;
			CHECK_EQ(0, is_of_arm(self, before, why));
		}
	select_init(&self->s, self->fds[5]);
	self->s.batch.flags = CHAN_ORDERED;
	add_ready(self);
	add_arm(&self->s, fd, op);
	CHECK_EQ(0, select_run(&self->s));
	return put_message(self->ends.sender, OBSTACLE);
}

TEST_F(errors, descriptor_that_is_not_open_is_EBADF_of_its_arm)
{
	int closed = dup(self->empty);
	const int fds[] = { closed, -2, INT_MIN, INT_MAX, 1 << 20 };
	char in[4];

	close(closed);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(0, fails(self, fds[i], op_recv(in, 4), -EBADF))
		{
			TH_LOG("fd %d", fds[i]);
		}
		EXPECT_EQ(0, fails(self, fds[i], op_send("text", 4), -EBADF));
	}
}

TEST_F(errors, right_that_is_missing_is_EBADF_of_its_arm)
{
	struct chan_op read = flagged(op_recv("", 0), CHAN_AUTOACK);
	struct chan_op look = flagged(op_recv("", 0), CHAN_PEEK);
	struct chan_op text = op_send("text", 4);
	struct ends *ends = &self->ends;

	EXPECT_EQ(0, fails(self, ends->receiver, text, -EBADF));
	EXPECT_EQ(0, fails(self, ends->admin, text, -EBADF));
	EXPECT_EQ(0, fails(self, ends->sender, op_recv("", 0), -EBADF));
	EXPECT_EQ(0, fails(self, ends->sender, read, -EBADF));
	EXPECT_EQ(0, fails(self, ends->sender, look, -EBADF));
	EXPECT_EQ(0, fails(self, ends->admin, op_recv("", 0), -EBADF));
	/* It comes before what is wrong with length and payload. */
	EXPECT_EQ(0,
		  fails(self, ends->receiver, op_send(self->hole, 65), -EBADF));
}

/* Also where it would have to wait. */
TEST_F(errors, message_that_is_too_long_is_EMSGSIZE_of_its_arm)
{
	const int fds[] = { self->empty, self->full, self->meeting,
			    self->fixed };
	char out[MSG_MAX + 1];

	stamp(out, sizeof(out), 1);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(0, fails(self, fds[i], op_send(out, MSG_MAX + 1),
				   -EMSGSIZE));
		EXPECT_EQ(0,
			  fails(self, fds[i], op_send(out, ~0ULL), -EMSGSIZE));
		/* It comes before the payload. */
		EXPECT_EQ(0, fails(self, fds[i], op_send(self->hole, 65),
				   -EMSGSIZE));
	}
	EXPECT_EQ(0, fails(self, self->fixed, op_send(out, 63), -EMSGSIZE));
}

TEST_F(errors, payload_that_cannot_be_read_is_EFAULT_of_its_arm)
{
	const int fds[] = { self->empty, self->full, self->meeting };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(0,
			  fails(self, fds[i], op_send(self->hole, 1), -EFAULT));
		EXPECT_EQ(0, fails(self, fds[i], op_send(self->hole - 63, 64),
				   -EFAULT));
		EXPECT_EQ(0, fails(self, fds[i], op_send(NULL, 1), -EFAULT));
	}
}

/* The payload comes first. */
TEST_F(errors, channel_that_is_shut_is_EPIPE_and_ESHUTDOWN_of_its_arm)
{
	char in[4];

	ASSERT_EQ(0, shut_down(self->empty));
	ASSERT_EQ(0, shut_down(self->meeting));
	select_init(&self->s, self->fds[5]);
	for (int i = 0; i < 2; i++) {
		int fd = i ? self->meeting : self->empty;

		select_init(&self->s, self->fds[5]);
		add_recv(&self->s, self->fds[5]);
		add_send(&self->s, fd, 1);
		EXPECT_EQ(0, is_of_arm(self, 1, -EPIPE));
		select_init(&self->s, self->fds[5]);
		add_recv(&self->s, self->fds[5]);
		add_arm(&self->s, fd, op_send(self->hole, 1));
		EXPECT_EQ(0, is_of_arm(self, 1, -EFAULT));
		select_init(&self->s, self->fds[5]);
		add_recv(&self->s, self->fds[5]);
		add_arm(&self->s, fd, op_recv(in, sizeof(in)));
		EXPECT_EQ(0, is_of_arm(self, 1, -ESHUTDOWN));
	}
}

/* What is there is too long, or its buffer cannot be written. */
TEST_F(errors, receipt_that_fails_leaves_the_message)
{
	char in[4];

	EXPECT_EQ(0,
		  fails(self, self->ends.receiver, op_recv(in, 3), -EMSGSIZE));
	EXPECT_EQ(4, self->s.arms[0].result);
	select_init(&self->s, self->fds[5]);
	add_arm(&self->s, self->ends.receiver, op_recv(in, 3));
	EXPECT_EQ(0, is_of_arm(self, 0, -EMSGSIZE));
	EXPECT_EQ(4, self->s.arms[0].len);
	EXPECT_EQ(0, first_is_there(self));
	EXPECT_EQ(0, fails(self, self->ends.receiver,
			   op_recv(self->hole - 3, 4), -EFAULT));
	EXPECT_EQ(0,
		  fails(self, self->ends.receiver, op_recv(NULL, 4), -EFAULT));
	EXPECT_EQ(0, first_is_there(self));
}

/* A field that an operation does not use may hold anything. */
TEST_F(errors, unused_fields_do_not_matter)
{
	struct chan_op sent = op_send("text", 4), got;
	char in[MSG_MAX];

	sent.reply_buf = ~0ULL;
	sent.reply_len = ~0ULL;
	add_arm(&self->s, self->empty, sent);
	EXPECT_EQ(0, select_now(&self->s));
	memset(&got, 0xcc, sizeof(got));
	got.code = CHAN_OP_RECV;
	got.flags = 0;
	got.buf = address(in);
	got.len = sizeof(in);
	got.deadline = 0;
	select_init(&self->s, self->fds[5]);
	add_arm(&self->s, self->empty, got);
	EXPECT_EQ(0, select_now(&self->s));
	EXPECT_EQ(4, self->s.arms[0].result);
}

TEST_HARNESS_MAIN
