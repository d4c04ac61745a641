// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals and cancelling, through the library: a record that was interrupted
 * after receipt waits on, nothing is sent twice, and who has no record to wait on
 * with is not sent away from what was received.
 */
#include "lib_test.h"

#define TAG 0x7a67

FIXTURE(interrupted)
{
	int in, out;
	struct waiting waiting;
	struct chan_op msg;
	char buf[64];
};

FIXTURE_SETUP(interrupted)
{
	int fds[2];

	ASSERT_EQ(0, LIB(chan_pair(fds, 2, 0)));
	self->in = fds[0];
	self->out = fds[1];
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(interrupted)
{
	close(self->in);
	close(self->out);
}

static int call(struct waiting *w)
{
	return chan_call(w->fd, "question", 8, w->buf, sizeof(w->buf), &w->msg,
			 SOON);
}

static int call_without_record(struct waiting *w)
{
	return chan_call(w->fd, "question", 8, w->buf, sizeof(w->buf), NULL,
			 SOON);
}

static int task(struct waiting *w)
{
	return chan_send_until(w->fd, "task", 4, CHAN_UNTIL_SETTLED, &w->msg,
			       SOON);
}

static int task_without_record(struct waiting *w)
{
	return chan_send_until(w->fd, "task", 4, CHAN_UNTIL_SETTLED, NULL,
			       SOON);
}

static int receive(struct waiting *w)
{
	return chan_recv(w->fd, w->buf, sizeof(w->buf), &w->msg, SOON);
}

TEST_F(interrupted, before_receipt_a_call_is_withdrawn)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_TRUE(waiting_interrupt(&self->waiting));
	EXPECT_EQ(-EINTR, waiting_ends(&self->waiting));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->waiting.msg.state);
	EXPECT_EQ(0, nothing_is_left(self->in));
	/* What was not sent cannot be waited for, and is not sent by that. */
	EXPECT_EQ(-ENOENT, LIB(chan_wait(self->out, &self->waiting.msg)));
	EXPECT_EQ(0, stat_of(self->in).queued);
}

TEST_F(interrupted, before_receipt_also_without_a_record)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out,
				   call_without_record));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_TRUE(waiting_interrupt(&self->waiting));
	EXPECT_EQ(-EINTR, waiting_ends(&self->waiting));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

TEST_F(interrupted, after_receipt_wait_gets_the_reply)
{
	struct chan_op *asked = &self->waiting.msg;

	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_TRUE(waiting_interrupt(&self->waiting));
	ASSERT_EQ(-EINTR, waiting_ends(&self->waiting));
	EXPECT_EQ(CHAN_STATE_RECEIVED, asked->state);
	EXPECT_EQ(0, LIB(chan_reply(self->in, self->msg.id, "answer", 6)));
	EXPECT_EQ(6, LIB(chan_wait(self->out, asked)));
	EXPECT_EQ(0, memcmp("answer", self->waiting.buf, 6));
	EXPECT_EQ(CHAN_STATE_SETTLED, asked->state);
	EXPECT_EQ(1, stat_of(self->in).totals_sent);
	EXPECT_EQ(-ENOENT, LIB(chan_wait(self->out, asked)));
}

TEST_F(interrupted, after_receipt_run_waits_on_as_well)
{
	struct chan_op *asked = &self->waiting.msg;

	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, task));
	ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_TRUE(waiting_interrupt(&self->waiting));
	ASSERT_EQ(-EINTR, waiting_ends(&self->waiting));
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->msg.id)));
	EXPECT_EQ(0, LIB(chan_run(asked)));
	EXPECT_EQ(CHAN_ACK, asked->verdict);
	EXPECT_EQ(1, stat_of(self->in).totals_sent);
}

TEST_F(interrupted, after_receipt_who_has_no_record_waits_on)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out,
				   call_without_record));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(waiting_interrupt(&self->waiting));
		EXPECT_TRUE(waiting_sleeps(&self->waiting));
	}
	EXPECT_EQ(0, LIB(chan_reply(self->in, self->msg.id, "answer", 6)));
	EXPECT_EQ(6, waiting_ends(&self->waiting));
	EXPECT_EQ(0, memcmp("answer", self->waiting.buf, 6));
	EXPECT_EQ(1, stat_of(self->in).totals_sent);
}

TEST_F(interrupted, after_receipt_an_acknowledgement_is_awaited_too)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out,
				   task_without_record));
	ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_TRUE(waiting_interrupt(&self->waiting));
	EXPECT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->msg.id)));
	EXPECT_EQ(0, waiting_ends(&self->waiting));
}

TEST_F(interrupted, a_receive_takes_nothing)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->in, receive));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_TRUE(waiting_interrupt(&self->waiting));
	EXPECT_EQ(-EINTR, waiting_ends(&self->waiting));
	ASSERT_EQ(0, LIB(chan_send(self->out, "x", 1, 0)));
	EXPECT_EQ(1, stat_of(self->in).queued);
}

TEST_F(interrupted, cancel_before_receipt_withdraws)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, task));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(0, LIB(chan_cancel(self->out, waiting_id(&self->waiting))));
	EXPECT_EQ(-ECANCELED, waiting_ends(&self->waiting));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->waiting.msg.state);
	EXPECT_EQ(0, nothing_is_left(self->in));
	EXPECT_EQ(-ENOENT, LIB(chan_cancel(self->out, self->waiting.msg.id)));
}

TEST_F(interrupted, cancel_does_not_undo_what_will_be_acknowledged)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, task));
	ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	EXPECT_EQ(-EALREADY,
		  LIB(chan_cancel(self->out, waiting_id(&self->waiting))));
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->msg.id)));
	EXPECT_EQ(0, waiting_ends(&self->waiting));
}

static int receive_with_tag(struct waiting *w)
{
	chan_op_recv(&w->msg, w->fd, w->buf, sizeof(w->buf));
	w->msg.tag = TAG;
	w->msg.deadline = SOON;
	return chan_run(&w->msg);
}

TEST_F(interrupted, cancel_by_tag_ends_what_has_it)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->in, receive_with_tag));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(-EINVAL, LIB(chan_cancel_tag(self->in, 0)));
	EXPECT_EQ(0, LIB(chan_cancel_tag(self->in, TAG + 1)));
	EXPECT_EQ(0, LIB(chan_cancel_tag(self->out, TAG)));
	EXPECT_EQ(1, LIB(chan_cancel_tag(self->in, TAG)));
	EXPECT_EQ(-ECANCELED, waiting_ends(&self->waiting));
}

TEST_HARNESS_MAIN
