// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library sends in each style, receives, looks and settles, and each end is
 * told what became of the message.
 */
#include "lib_test.h"

FIXTURE(sending)
{
	int in, out; /* ends of a channel with room for two */
	int meet_in, meet_out; /* and of one without */
	struct waiting waiting;
	struct chan_op msg;
	char buf[64];
};

FIXTURE_SETUP(sending)
{
	int fds[2];

	ASSERT_EQ(0, LIB(chan_pair(fds, 2, 0)));
	self->in = fds[0];
	self->out = fds[1];
	ASSERT_EQ(0, LIB(chan_pair(fds, 0, 0)));
	self->meet_in = fds[0];
	self->meet_out = fds[1];
	memset(&self->msg, 0xcc, sizeof(self->msg));
}

FIXTURE_TEARDOWN(sending)
{
	close(self->in);
	close(self->out);
	close(self->meet_in);
	close(self->meet_out);
}

static bool is_text(const char *want, const char *got, int len)
{
	return len == (int)strlen(want) && !memcmp(want, got, len);
}

/* Sending without waiting for anybody -------------------------------------- */

TEST_F(sending, send_goes_on_with_a_slot)
{
	ASSERT_EQ(0, LIB(chan_send(self->out, "one", 3, 0)));
	ASSERT_EQ(0, LIB(chan_send(self->out, "", 0, 0)));
	EXPECT_EQ(2, stat_of(self->in).queued);
	EXPECT_EQ(-ETIMEDOUT,
		  LIB(chan_send(self->out, "three", 5, CHAN_AT_ONCE)));
	EXPECT_EQ(3, LIB(chan_recv(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_TRUE(is_text("one", self->buf, 3));
	EXPECT_EQ(CHAN_DUTY_NONE, self->msg.duty);
	EXPECT_EQ(0, self->msg.id);
	EXPECT_EQ(1, self->msg.attempt);
	EXPECT_EQ(getpid(), self->msg.pid);
	EXPECT_EQ(0, LIB(chan_recv(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

TEST_F(sending, send_says_why_not)
{
	size_t too_long = CHAN_MSG_DEFAULT + 1;
	char *text = calloc(1, too_long);

	EXPECT_EQ(-EMSGSIZE, LIB(chan_send(self->out, text, too_long, 0)));
	EXPECT_EQ(-EBADF, LIB(chan_send(self->in, text, 1, 0)));
	EXPECT_EQ(-EFAULT, LIB(chan_send(self->out, (void *)8, 1, 0)));
	EXPECT_EQ(-EMSGSIZE, LIB(chan_send_work(self->out, text, too_long, 0)));
	EXPECT_EQ(-EINVAL, LIB(chan_send_work(self->meet_out, text, 1, 0)));
	EXPECT_EQ(0, nothing_is_left(self->in));
	free(text);
}

TEST_F(sending, work_comes_back_when_its_holder_dies)
{
	int worker, admin = LIB(chan_create(NULL, 2, 0));

	ASSERT_LE(0, admin);
	worker = LIB(chan_derive(admin, CHAN_RIGHT_RECV, 0));
	ASSERT_EQ(0, LIB(chan_send_work(admin, "dig", 3, 0)));
	ASSERT_EQ(3, LIB(chan_recv(worker, self->buf, 64, &self->msg, 0)));
	EXPECT_EQ(CHAN_DUTY_ACK, self->msg.duty);
	EXPECT_EQ(1, self->msg.attempt);
	close(worker);
	ASSERT_EQ(3, LIB(chan_recv(admin, self->buf, 64, &self->msg, SOON)));
	EXPECT_EQ(2, self->msg.attempt);
	EXPECT_EQ(-EINVAL, LIB(chan_reply(admin, self->msg.id, "x", 1)));
	EXPECT_EQ(0, LIB(chan_ack(admin, self->msg.id)));
	EXPECT_EQ(-ESTALE, LIB(chan_ack(admin, self->msg.id)));
	EXPECT_EQ(0, nothing_is_left(admin));
	EXPECT_EQ(1, stat_of(admin).totals_settled);
}

TEST_F(sending, work_that_is_returned_comes_again)
{
	ASSERT_EQ(0, LIB(chan_send_work(self->out, "dig", 3, 0)));
	ASSERT_EQ(3, LIB(chan_recv(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_EQ(0, LIB(chan_return(self->in, self->msg.id)));
	EXPECT_EQ(-ESTALE, LIB(chan_return(self->in, self->msg.id)));
	ASSERT_EQ(3, LIB(chan_recv(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_EQ(2, self->msg.attempt);
	EXPECT_EQ(0, LIB(chan_reject(self->in, self->msg.id, EBUSY)));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

/* Sending until somebody has it -------------------------------------------- */

static int send_until_received(struct waiting *w)
{
	return chan_send_until(w->fd, "meet", 4, CHAN_UNTIL_RECEIVED, &w->msg,
			       SOON);
}

TEST_F(sending, until_received_waits_for_a_receiver)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out,
				   send_until_received));
	EXPECT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_EQ(0, waiting_ends(&self->waiting));
	EXPECT_EQ(CHAN_STATE_RECEIVED, self->waiting.msg.state);
	EXPECT_EQ(CHAN_DUTY_NONE, self->msg.duty);
	EXPECT_EQ(0, nothing_is_left(self->in));
}

TEST_F(sending, a_rendezvous_is_a_send_that_meets_a_receive)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->meet_out,
				   send_until_received));
	EXPECT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(4, LIB(chan_recv(self->meet_in, self->buf, 64, NULL, SOON)));
	EXPECT_TRUE(is_text("meet", self->buf, 4));
	EXPECT_EQ(0, waiting_ends(&self->waiting));
}

static int send_until_settled(struct waiting *w)
{
	return chan_send_until(w->fd, "task", 4, CHAN_UNTIL_SETTLED, &w->msg,
			       SOON);
}

TEST_F(sending, until_settled_waits_for_the_acknowledgement)
{
	ASSERT_EQ(0,
		  waiting_start(&self->waiting, self->out, send_until_settled));
	ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	EXPECT_EQ(CHAN_DUTY_ACK, self->msg.duty);
	EXPECT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->msg.id)));
	EXPECT_EQ(0, waiting_ends(&self->waiting));
	EXPECT_EQ(CHAN_STATE_SETTLED, self->waiting.msg.state);
	EXPECT_EQ(CHAN_ACK, self->waiting.msg.verdict);
}

TEST_F(sending, a_rejection_tells_its_reason)
{
	ASSERT_EQ(0,
		  waiting_start(&self->waiting, self->out, send_until_settled));
	ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	EXPECT_EQ(-EINVAL, LIB(chan_reject(self->in, self->msg.id, 0)));
	EXPECT_EQ(-EINVAL, LIB(chan_reject(self->in, self->msg.id, -5)));
	EXPECT_EQ(0, LIB(chan_reject(self->in, self->msg.id, EDOM)));
	EXPECT_EQ(-EREMOTEIO, waiting_ends(&self->waiting));
	EXPECT_EQ(EDOM, self->waiting.msg.error);
}

TEST_F(sending, the_death_of_the_holder_is_told)
{
	int admin = LIB(chan_create(NULL, 2, 0));
	int worker = LIB(chan_derive(admin, CHAN_RIGHT_RECV, 0));

	ASSERT_EQ(0, waiting_start(&self->waiting, admin, send_until_settled));
	ASSERT_EQ(4, LIB(chan_recv(worker, self->buf, 64, &self->msg, SOON)));
	close(worker);
	EXPECT_EQ(-EOWNERDEAD, waiting_ends(&self->waiting));
}

TEST_F(sending, until_queued_is_a_plain_send)
{
	EXPECT_EQ(0, LIB(chan_send_until(self->out, "one", 3, CHAN_UNTIL_QUEUED,
					 &self->msg, 0)));
	EXPECT_EQ(CHAN_STATE_QUEUED, self->msg.state);
	EXPECT_EQ(3, LIB(chan_recv(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_EQ(CHAN_DUTY_NONE, self->msg.duty);
	EXPECT_EQ(-EINVAL, LIB(chan_send_until(self->out, "one", 3, 3, NULL,
					       CHAN_AT_ONCE)));
	/* It would be QUEUED if only a byte of it were looked at. */
	EXPECT_EQ(-EINVAL, LIB(chan_send_until(self->out, "one", 3, 256, NULL,
					       CHAN_AT_ONCE)));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

TEST_F(sending, a_deadline_before_receipt_withdraws)
{
	EXPECT_EQ(-ETIMEDOUT,
		  LIB(chan_send_until(self->out, "x", 1, CHAN_UNTIL_RECEIVED,
				      &self->msg, LIB(chan_in_ms(5)))));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->msg.state);
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_call(self->out, "x", 1, self->buf, 64,
					    &self->msg, LIB(chan_in_ms(5)))));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->msg.state);
	EXPECT_EQ(0, nothing_is_left(self->in));
	EXPECT_EQ(0, stat_of(self->in).totals_received);
}

/* Calls --------------------------------------------------------------------- */

static int call(struct waiting *w)
{
	return chan_call(w->fd, "question", 8, w->buf, 10, &w->msg, SOON);
}

TEST_F(sending, a_call_returns_the_reply)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	EXPECT_TRUE(is_text("question", self->buf, 8));
	EXPECT_EQ(CHAN_DUTY_REPLY, self->msg.duty);
	EXPECT_EQ(10, self->msg.reply_len);
	EXPECT_EQ(-EINVAL, LIB(chan_ack(self->in, self->msg.id)));
	EXPECT_EQ(-EMSGSIZE,
		  LIB(chan_reply(self->in, self->msg.id, "far too long", 12)));
	EXPECT_EQ(0, LIB(chan_reply(self->in, self->msg.id, "answer", 6)));
	EXPECT_EQ(-ESTALE,
		  LIB(chan_reply(self->in, self->msg.id, "answer", 6)));
	ASSERT_EQ(6, waiting_ends(&self->waiting));
	EXPECT_TRUE(is_text("answer", self->waiting.buf, 6));
	EXPECT_EQ(CHAN_REPLY, self->waiting.msg.verdict);
}

TEST_F(sending, a_reply_that_comes_too_late_is_told_so)
{
	struct chan_op asked;

	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &asked, SOON)));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(0, LIB(chan_cancel(self->out, waiting_id(&self->waiting))));
	EXPECT_EQ(-ECANCELED, waiting_ends(&self->waiting));
	EXPECT_EQ(CHAN_STATE_ABANDONED, self->waiting.msg.state);
	EXPECT_EQ(-ECANCELED, LIB(chan_reply(self->in, asked.id, "late", 4)));
	EXPECT_EQ(-ESTALE, LIB(chan_reply(self->in, asked.id, "late", 4)));
}

/* Answering whatever came ----------------------------------------------------- */

static int answer(FIXTURE_DATA(sending) * self, const char *text)
{
	return LIB(chan_answer(self->in, &self->msg, text, strlen(text)));
}

TEST_F(sending, an_answer_is_the_reply_to_a_call)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	EXPECT_EQ(0, answer(self, "answer"));
	ASSERT_EQ(6, waiting_ends(&self->waiting));
	EXPECT_TRUE(is_text("answer", self->waiting.buf, 6));
	EXPECT_EQ(-ESTALE, answer(self, "answer"));
}

TEST_F(sending, an_answer_acknowledges_work)
{
	ASSERT_EQ(0, LIB(chan_send_work(self->out, "dig", 3, 0)));
	ASSERT_EQ(3, LIB(chan_recv(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_EQ(0, answer(self, "not wanted"));
	EXPECT_EQ(0, nothing_is_left(self->in));
	EXPECT_EQ(-ESTALE, answer(self, ""));
	ASSERT_EQ(0,
		  waiting_start(&self->waiting, self->out, send_until_settled));
	ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, &self->msg, SOON)));
	EXPECT_EQ(0, answer(self, ""));
	EXPECT_EQ(0, waiting_ends(&self->waiting));
	EXPECT_EQ(CHAN_ACK, self->waiting.msg.verdict);
}

TEST_F(sending, an_answer_where_nothing_is_owed_does_nothing)
{
	ASSERT_EQ(0, LIB(chan_send(self->out, "one", 3, 0)));
	ASSERT_EQ(3, LIB(chan_recv(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_EQ(0, answer(self, "answer"));
	ASSERT_EQ(0, LIB(chan_send_work(self->out, "dig", 3, 0)));
	ASSERT_EQ(3, LIB(chan_peek(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_EQ(0, answer(self, "answer"));
	EXPECT_EQ(1, stat_of(self->in).queued);
	EXPECT_EQ(0, stat_of(self->in).totals_settled);
}

/* Or its caller would keep the slot for as long as the server lives. */
TEST_F(sending, an_answer_that_cannot_be_given_is_a_rejection)
{
	const struct {
		const void *buf;
		size_t len;
		int error;
	} bad[] = {
		{ "far too long", 12, EMSGSIZE },
		{ "", SIZE_MAX, EMSGSIZE },
		{ (void *)8, 6, EFAULT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
		ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->msg,
					   SOON)));
		EXPECT_EQ(-bad[i].error,
			  LIB(chan_answer(self->in, &self->msg, bad[i].buf,
					  bad[i].len)));
		EXPECT_EQ(-EREMOTEIO, waiting_ends(&self->waiting));
		EXPECT_EQ(bad[i].error, self->waiting.msg.error);
		EXPECT_EQ(0, nothing_is_left(self->in));
		EXPECT_EQ(-ESTALE, answer(self, "answer"));
	}
}

TEST_F(sending, an_answer_to_who_has_left_ends_the_duty)
{
	static const char *const texts[] = { "late", "late and too long" };

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
		ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->msg,
					   SOON)));
		EXPECT_EQ(0, LIB(chan_cancel(self->out,
					     waiting_id(&self->waiting))));
		EXPECT_EQ(-ECANCELED, waiting_ends(&self->waiting));
		EXPECT_EQ(-ECANCELED, answer(self, texts[i]));
		EXPECT_EQ(-ESTALE, answer(self, texts[i]));
		EXPECT_EQ(0, nothing_is_left(self->in));
	}
	EXPECT_EQ(-EBADF, LIB(chan_answer(self->out, &self->msg, "answer", 6)));
	EXPECT_EQ(-EBADF, LIB(chan_answer(-1, &self->msg, "answer", 6)));
}

/* Receiving ------------------------------------------------------------------ */

TEST_F(sending, a_message_that_does_not_fit_stays)
{
	ASSERT_EQ(0, LIB(chan_send(self->out, "longer", 6, 0)));
	EXPECT_EQ(-EMSGSIZE,
		  LIB(chan_recv(self->in, self->buf, 5, &self->msg, 0)));
	EXPECT_EQ(6, self->msg.len);
	EXPECT_EQ(-EMSGSIZE, LIB(chan_recv(self->in, self->buf, 5, NULL, 0)));
	EXPECT_EQ(6, LIB(chan_recv(self->in, self->buf, 6, &self->msg, 0)));
	EXPECT_EQ(-ETIMEDOUT,
		  LIB(chan_recv(self->in, self->buf, 6, NULL, CHAN_AT_ONCE)));
}

TEST_F(sending, without_a_record_a_receive_acknowledges)
{
	ASSERT_EQ(0,
		  waiting_start(&self->waiting, self->out, send_until_settled));
	EXPECT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, NULL, SOON)));
	EXPECT_EQ(0, waiting_ends(&self->waiting));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

TEST_F(sending, without_a_record_a_receive_rejects_calls)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(-ETIMEDOUT,
		  LIB(chan_recv(self->in, self->buf, 64, NULL, CHAN_AT_ONCE)));
	EXPECT_EQ(-EREMOTEIO, waiting_ends(&self->waiting));
	EXPECT_EQ(EOPNOTSUPP, self->waiting.msg.error);
}

TEST_F(sending, a_look_changes_nothing)
{
	struct chan_stat before;

	ASSERT_EQ(0, LIB(chan_send_work(self->out, "dig", 3, 0)));
	before = stat_of(self->in);
	EXPECT_EQ(3, LIB(chan_peek(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_TRUE(is_text("dig", self->buf, 3));
	EXPECT_EQ(0, self->msg.id);
	EXPECT_EQ(-EMSGSIZE, LIB(chan_peek(self->in, self->buf, 2, NULL, 0)));
	EXPECT_TRUE(is_unchanged(self->in, &before));
	EXPECT_EQ(3, LIB(chan_recv(self->in, self->buf, 64, &self->msg, 0)));
	EXPECT_EQ(1, self->msg.attempt);
	EXPECT_EQ(-ETIMEDOUT,
		  LIB(chan_peek(self->in, self->buf, 64, NULL, CHAN_AT_ONCE)));
}

/* Deadlines ------------------------------------------------------------------ */

TEST_F(sending, deadlines_are_of_the_clock_and_do_not_wrap)
{
	uint64_t before = clock_ns();
	uint64_t ms = LIB(chan_in_ms(2)), ns = LIB(chan_in_ns(3));
	uint64_t after = clock_ns();
	uint64_t latest = LIB(chan_in_ns(INT64_MAX));

	EXPECT_LE(before + 2000000, ms);
	EXPECT_LE(ms, after + 2000000);
	EXPECT_LE(before + 3, ns);
	EXPECT_LE(ns, after + 3);
	EXPECT_LT(after, latest);
	EXPECT_EQ(latest, LIB(chan_in_ms(INT64_MAX)));
	EXPECT_EQ(latest, LIB(chan_in_ms(INT64_MAX / 1000)));
	EXPECT_EQ(latest, LIB(chan_in_ns((int64_t)latest)));
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_recv(self->in, self->buf, 64, NULL,
					    LIB(chan_in_ns(0)))));
	/* The latest is not taken for one that has passed. */
	ASSERT_EQ(0, LIB(chan_send(self->out, "x", 1, latest)));
	EXPECT_EQ(1, LIB(chan_recv(self->in, self->buf, 64, NULL, latest)));
}

/* As what is left of a time that is over: none of it waits. */
TEST_F(sending, a_negative_length_of_time_has_passed)
{
	const int64_t lengths[] = { -1, -5, -1000000000, INT_MIN, INT64_MIN };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		EXPECT_EQ(CHAN_AT_ONCE, LIB(chan_in_ms(lengths[i])));
		EXPECT_EQ(CHAN_AT_ONCE, LIB(chan_in_ns(lengths[i])));
	}
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_recv(self->in, self->buf, 64, NULL,
					    LIB(chan_in_ms(5 - 10)))));
}

TEST_HARNESS_MAIN
