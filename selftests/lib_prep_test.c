// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of the library on a ring of the program's own: each does what the
 * function of the same name does, its completion has what that would return, and
 * the record the rest.
 */
#include "lib_test.h"
#include "multishot.h"

#define TAG 0x7a69

FIXTURE(prep)
{
	int in, out;
	struct io_uring ring;
	struct chan_op sent, got, other;
	struct waiting waiting;
	char buf[64], reply[64];
};

FIXTURE_VARIANT(prep)
{
	enum ring_kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(prep, plain) { .kind = RING_PLAIN };
FIXTURE_VARIANT_ADD(prep, defer) { .kind = RING_DEFER };
FIXTURE_VARIANT_ADD(prep, sqpoll) { .kind = RING_SQPOLL };
/* clang-format on */

FIXTURE_SETUP(prep)
{
	int fds[2];

	ASSERT_EQ(0, LIB(chan_pair(fds, 2, 0)));
	self->in = fds[0];
	self->out = fds[1];
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
	memset(&self->sent, 0xcc, sizeof(self->sent));
	memset(&self->got, 0xcc, sizeof(self->got));
	memset(&self->other, 0xcc, sizeof(self->other));
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(prep)
{
	io_uring_queue_exit(&self->ring);
	close(self->in);
	close(self->out);
}

/* An entry as its last user has left it. */
static struct io_uring_sqe *entry_of(FIXTURE_DATA(prep) * self)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	memset(sqe, 0xcc, sizeof(*sqe));
	return sqe;
}

static int submit(FIXTURE_DATA(prep) * self, struct chan_op *op)
{
	if (io_uring_submit(&self->ring) < 0)
		return -EUCLEAN;
	return completes(&self->ring, op);
}

static int receive(FIXTURE_DATA(prep) * self)
{
	chan_prep_recv(entry_of(self), &self->got, self->in, self->buf, 64,
		       SOON);
	return submit(self, &self->got);
}

TEST_F(prep, a_receive_waits_for_a_send)
{
	chan_prep_recv(entry_of(self), &self->got, self->in, self->buf, 64, 0);
	EXPECT_EQ(-1, self->got.fd);
	ASSERT_LE(0, io_uring_submit(&self->ring));
	ASSERT_TRUE(STAT_BECOMES(self->in, parked_receivers, 1));
	EXPECT_TRUE(is_quiet(&self->ring));
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	EXPECT_EQ(5, completes(&self->ring, &self->got));
	EXPECT_EQ(5, self->got.result);
	EXPECT_EQ(CHAN_DUTY_NONE, self->got.duty);
	EXPECT_EQ(getpid(), self->got.pid);
	EXPECT_EQ(0, memcmp("hello", self->buf, 5));
}

TEST_F(prep, a_send_waits_for_room)
{
	ASSERT_EQ(0, LIB(chan_send(self->out, "one", 3, 0)));
	ASSERT_EQ(0, LIB(chan_send(self->out, "two", 3, 0)));
	chan_prep_send(entry_of(self), &self->sent, self->out, "three", 5, 0);
	ASSERT_LE(0, io_uring_submit(&self->ring));
	ASSERT_TRUE(STAT_BECOMES(self->in, parked_senders, 1));
	EXPECT_TRUE(is_quiet(&self->ring));
	ASSERT_EQ(3, LIB(chan_recv(self->in, self->buf, 64, NULL, 0)));
	EXPECT_EQ(0, completes(&self->ring, &self->sent));
	EXPECT_EQ(CHAN_STATE_QUEUED, self->sent.state);
	EXPECT_EQ(2, stat_of(self->in).queued);
}

TEST_F(prep, deadlines_end_what_waits)
{
	chan_prep_recv(entry_of(self), &self->got, self->in, self->buf, 64,
		       CHAN_AT_ONCE);
	EXPECT_EQ(-ETIMEDOUT, submit(self, &self->got));
	chan_prep_peek(entry_of(self), &self->got, self->in, self->buf, 64,
		       LIB(chan_in_ms(5)));
	EXPECT_EQ(-ETIMEDOUT, submit(self, &self->got));
	chan_prep_send_until(entry_of(self), &self->sent, self->out, "x", 1,
			     CHAN_UNTIL_RECEIVED, LIB(chan_in_ms(5)));
	EXPECT_EQ(-ETIMEDOUT, submit(self, &self->sent));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->sent.state);
	chan_prep_call(entry_of(self), &self->sent, self->out, "x", 1,
		       self->reply, 64, LIB(chan_in_ms(5)));
	EXPECT_EQ(-ETIMEDOUT, submit(self, &self->sent));
	EXPECT_EQ(0, nothing_is_left(self->in));
	ASSERT_EQ(0, LIB(chan_send(self->out, "one", 3, 0)));
	ASSERT_EQ(0, LIB(chan_send(self->out, "two", 3, 0)));
	chan_prep_send(entry_of(self), &self->sent, self->out, "x", 1,
		       CHAN_AT_ONCE);
	EXPECT_EQ(-ETIMEDOUT, submit(self, &self->sent));
	chan_prep_send_work(entry_of(self), &self->sent, self->out, "x", 1,
			    CHAN_AT_ONCE);
	EXPECT_EQ(-ETIMEDOUT, submit(self, &self->sent));
	EXPECT_EQ(2, stat_of(self->in).queued);
}

TEST_F(prep, work_is_given_back_and_acknowledged)
{
	chan_prep_send_work(entry_of(self), &self->sent, self->out, "dig", 3,
			    0);
	ASSERT_EQ(0, submit(self, &self->sent));
	ASSERT_EQ(3, receive(self));
	EXPECT_EQ(CHAN_DUTY_ACK, self->got.duty);
	chan_prep_return(entry_of(self), &self->other, self->in, self->got.id);
	EXPECT_EQ(0, submit(self, &self->other));
	ASSERT_EQ(3, receive(self));
	EXPECT_EQ(2, self->got.attempt);
	chan_prep_ack(entry_of(self), &self->other, self->in, self->got.id);
	EXPECT_EQ(0, submit(self, &self->other));
	chan_prep_ack(entry_of(self), &self->other, self->in, self->got.id);
	EXPECT_EQ(-ESTALE, submit(self, &self->other));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

static bool send_until(FIXTURE_DATA(prep) * self, unsigned int until)
{
	chan_prep_send_until(entry_of(self), &self->sent, self->out, "task", 4,
			     until, SOON);
	return io_uring_submit(&self->ring) >= 0 &&
	       STAT_BECOMES(self->in, queued, 1);
}

TEST_F(prep, a_send_gets_as_far_as_it_says)
{
	ASSERT_TRUE(send_until(self, CHAN_UNTIL_QUEUED));
	EXPECT_EQ(0, completes(&self->ring, &self->sent));
	ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, NULL, 0)));
	ASSERT_TRUE(send_until(self, CHAN_UNTIL_RECEIVED));
	EXPECT_TRUE(is_quiet(&self->ring));
	ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, NULL, 0)));
	EXPECT_EQ(0, completes(&self->ring, &self->sent));
	ASSERT_TRUE(send_until(self, CHAN_UNTIL_SETTLED));
	ASSERT_EQ(4, LIB(chan_recv(self->in, self->buf, 64, &self->got, SOON)));
	EXPECT_TRUE(is_quiet(&self->ring));
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->got.id)));
	EXPECT_EQ(0, completes(&self->ring, &self->sent));
	EXPECT_EQ(CHAN_STATE_SETTLED, self->sent.state);
	EXPECT_EQ(CHAN_ACK, self->sent.verdict);
}

TEST_F(prep, there_is_no_other_way_to_send)
{
	const unsigned int no_until[] = { 3, 255, 256, 258, ~0U };

	for (size_t i = 0; i < ARRAY_SIZE(no_until); i++) {
		chan_prep_send_until(entry_of(self), &self->sent, self->out,
				     "x", 1, no_until[i], SOON);
		EXPECT_EQ(-EINVAL, submit(self, &self->sent));
		EXPECT_EQ(-EINVAL,
			  LIB(chan_send_until(self->out, "x", 1, no_until[i],
					      NULL, SOON)));
	}
	EXPECT_EQ(0, stat_of(self->in).queued);
}

TEST_F(prep, a_call_gets_its_reply)
{
	chan_prep_call(entry_of(self), &self->sent, self->out, "question", 8,
		       self->reply, 10, SOON);
	ASSERT_LE(0, io_uring_submit(&self->ring));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->got, SOON)));
	EXPECT_EQ(10, self->got.reply_len);
	EXPECT_TRUE(is_quiet(&self->ring));
	chan_prep_reply(entry_of(self), &self->other, self->in, self->got.id,
			"much too long", 13);
	EXPECT_EQ(-EMSGSIZE, submit(self, &self->other));
	ASSERT_EQ(0, LIB(chan_reply(self->in, self->got.id, "answer", 6)));
	EXPECT_EQ(6, completes(&self->ring, &self->sent));
	EXPECT_EQ(0, memcmp("answer", self->reply, 6));
	EXPECT_EQ(CHAN_REPLY, self->sent.verdict);
}

static int call(struct waiting *w)
{
	return chan_call(w->fd, "question", 8, w->buf, sizeof(w->buf), &w->msg,
			 SOON);
}

TEST_F(prep, a_server_replies_and_rejects)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, receive(self));
	chan_prep_reply(entry_of(self), &self->other, self->in, self->got.id,
			"answer", 6);
	EXPECT_EQ(0, submit(self, &self->other));
	EXPECT_EQ(6, waiting_ends(&self->waiting));
	EXPECT_EQ(0, memcmp("answer", self->waiting.buf, 6));
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, receive(self));
	chan_prep_reject(entry_of(self), &self->other, self->in, self->got.id,
			 ERANGE);
	EXPECT_EQ(0, submit(self, &self->other));
	EXPECT_EQ(-EREMOTEIO, waiting_ends(&self->waiting));
	EXPECT_EQ(ERANGE, self->waiting.msg.error);
}

/* What was received so does not know its endpoint any more. */
TEST_F(prep, a_question_is_answered)
{
	struct chan_question question;
	struct chan_answers *answers;

	ASSERT_EQ(0, LIB(chan_answers_open(&answers, 1)));
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	memset(&question, 0xcc, sizeof(question));
	chan_prep_recv(entry_of(self), &question.msg, self->in, self->buf, 64,
		       SOON);
	ASSERT_EQ(8, submit(self, &question.msg));
	EXPECT_EQ(8, LIB(chan_unwrap(&question)));
	EXPECT_EQ(-EBADF,
		  LIB(chan_answers_reply(answers, &question, "answer", 6)));
	EXPECT_EQ(-EBADF, LIB(chan_answers_reject(answers, &question, EDOM)));
	EXPECT_EQ(1, stat_of(self->in).unsettled);
	question.msg.fd = self->in;
	EXPECT_EQ(0, LIB(chan_answers_reply(answers, &question, "answer", 6)));
	EXPECT_EQ(6, waiting_ends(&self->waiting));
	EXPECT_EQ(0, memcmp("answer", self->waiting.buf, 6));
	chan_answers_close(answers);
}

TEST_F(prep, a_peek_leaves_the_message)
{
	ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
	chan_prep_peek(entry_of(self), &self->got, self->in, self->buf, 64, 0);
	EXPECT_EQ(5, submit(self, &self->got));
	EXPECT_EQ(0, memcmp("hello", self->buf, 5));
	EXPECT_EQ(1, stat_of(self->in).queued);
	EXPECT_EQ(0, stat_of(self->in).totals_received);
}

TEST_F(prep, a_send_is_cancelled_by_its_id)
{
	chan_prep_send_until(entry_of(self), &self->sent, self->out, "task", 4,
			     CHAN_UNTIL_SETTLED, 0);
	ASSERT_LE(0, io_uring_submit(&self->ring));
	ASSERT_TRUE(STAT_BECOMES(self->in, queued, 1));
	/* Two are over now: whichever is posted first. */
	chan_prep_cancel(entry_of(self), &self->other, self->out,
			 self->sent.id);
	ASSERT_LE(0, io_uring_submit(&self->ring));
	EXPECT_NE(NO_COMPLETION, completion(&self->ring, NULL));
	EXPECT_NE(NO_COMPLETION, completion(&self->ring, NULL));
	EXPECT_EQ(0, self->other.result);
	EXPECT_EQ(-ECANCELED, self->sent.result);
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->sent.state);
	chan_prep_cancel(entry_of(self), &self->other, self->out,
			 self->sent.id);
	EXPECT_EQ(-ENOENT, submit(self, &self->other));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

TEST_F(prep, receives_are_cancelled_by_their_tag)
{
	struct chan_op receives[3];

	for (int i = 0; i < 3; i++) {
		chan_prep_recv(entry_of(self), &receives[i], self->in,
			       self->buf, 64, 0);
		receives[i].tag = i < 2 ? TAG : TAG + 1;
	}
	ASSERT_LE(0, io_uring_submit(&self->ring));
	ASSERT_TRUE(STAT_BECOMES(self->in, parked_receivers, 3));
	chan_prep_cancel_tag(entry_of(self), &self->other, self->in, TAG);
	ASSERT_LE(0, io_uring_submit(&self->ring));
	for (int i = 0; i < 3; i++)
		EXPECT_NE(NO_COMPLETION, completion(&self->ring, NULL));
	EXPECT_EQ(2, self->other.result);
	EXPECT_EQ(-ECANCELED, receives[0].result);
	EXPECT_EQ(-ECANCELED, receives[1].result);
	EXPECT_EQ(1, stat_of(self->in).parked_receivers);
	chan_prep_cancel_tag(entry_of(self), &self->other, self->in, 0);
	EXPECT_EQ(-EINVAL, submit(self, &self->other));
}

TEST_F(prep, what_was_interrupted_waits_on)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, LIB(chan_recv(self->in, self->buf, 64, &self->got, SOON)));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_TRUE(waiting_interrupt(&self->waiting));
	ASSERT_EQ(-EINTR, waiting_ends(&self->waiting));
	chan_prep_wait(entry_of(self), self->out, &self->waiting.msg);
	ASSERT_LE(0, io_uring_submit(&self->ring));
	EXPECT_TRUE(is_quiet(&self->ring));
	EXPECT_EQ(0, LIB(chan_reply(self->in, self->got.id, "answer", 6)));
	EXPECT_EQ(6, completes(&self->ring, &self->waiting.msg));
	EXPECT_EQ(0, memcmp("answer", self->waiting.buf, 6));
	EXPECT_EQ(1, stat_of(self->in).totals_sent);
	/* Once, and never as another send. */
	chan_prep_wait(entry_of(self), self->out, &self->waiting.msg);
	EXPECT_EQ(-ENOENT, submit(self, &self->waiting.msg));
	EXPECT_EQ(1, stat_of(self->in).totals_sent);
}

TEST_F(prep, a_record_may_be_changed_before_it_is_put_on_the_ring)
{
	chan_op_send(&self->sent, self->out, "low", 3);
	chan_prep_run(entry_of(self), &self->sent);
	EXPECT_EQ(0, submit(self, &self->sent));
	chan_op_send(&self->sent, self->out, "high", 4);
	self->sent.prio = CHAN_PRIO_MAX;
	self->sent.tag = TAG;
	chan_prep_run(entry_of(self), &self->sent);
	EXPECT_EQ(0, submit(self, &self->sent));
	ASSERT_EQ(4, receive(self));
	EXPECT_EQ(0, memcmp("high", self->buf, 4));
	EXPECT_EQ(TAG, self->got.tag);
}

/* User data and flags are the caller's. */
TEST_F(prep, an_entry_may_be_changed_before_it_is_submitted)
{
	struct io_uring_sqe *sqe = entry_of(self);
	struct io_uring_cqe *cqe;

	chan_prep_send(sqe, &self->sent, self->out, "hello", 5, 0);
	sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	sqe = entry_of(self);
	chan_prep_recv(sqe, &self->got, self->in, self->buf, 64, 0);
	sqe->flags |= IOSQE_ASYNC;
	sqe->user_data = TAG;
	ASSERT_LE(0, io_uring_submit(&self->ring));
	ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
	EXPECT_EQ(TAG, cqe->user_data);
	EXPECT_EQ(5, cqe->res);
	io_uring_cqe_seen(&self->ring, cqe);
	EXPECT_EQ(0, memcmp("hello", self->buf, 5));
	EXPECT_TRUE(is_quiet(&self->ring));
}

/* A ring may have entries of twice the size; only the first half is written. */
TEST_F(prep, an_entry_is_64_bytes)
{
	struct io_uring_sqe entries[2];
	char after[sizeof(*entries)];

	memset(entries, 0xcc, sizeof(entries));
	memset(after, 0xcc, sizeof(after));
	chan_prep_send(&entries[0], &self->sent, self->out, "hello", 5, 0);
	EXPECT_EQ(64, sizeof(*entries));
	EXPECT_EQ(0, memcmp(after, &entries[1], sizeof(after)));
	EXPECT_EQ(self->out, entries[0].fd);
	EXPECT_EQ(address(&self->sent), entries[0].user_data);
	EXPECT_EQ(0, entries[0].flags);
}

TEST_F(prep, message_after_message)
{
	struct pool pool;

	if (!(features_here() & CHAN_FEATURE_URING_MULTISHOT))
		SKIP(return, "this kernel's commands have one completion");
	ASSERT_EQ(0, pool_open(&pool, &self->ring, 2,
			       sizeof(struct chan_op) + 64));
	chan_prep_recv_multishot(entry_of(self), &self->got, self->in, GROUP,
				 0);
	self->got.tag = TAG;
	ASSERT_LE(0, io_uring_submit(&self->ring));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, LIB(chan_send(self->out, "hello", 5, 0)));
		ASSERT_EQ(0, next_brings(&pool, "hello", 5));
	}
	EXPECT_EQ(1, LIB(chan_cancel_tag(self->in, TAG)));
	EXPECT_EQ(0, next_ends(&pool, &self->got, -ECANCELED));
	chan_prep_recv_multishot(entry_of(self), &self->got, self->in, GROUP,
				 1);
	ASSERT_LE(0, io_uring_submit(&self->ring));
	EXPECT_EQ(0, next_ends(&pool, &self->got, -ETIMEDOUT));
	pool_free(&pool);
}

TEST_F(prep, what_is_wrong_is_told_by_the_completion)
{
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	chan_prep_recv(entry_of(self), &self->got, fds[0], self->buf, 64, 0);
	EXPECT_EQ(-EOPNOTSUPP, submit(self, &self->got));
	close(fds[0]);
	close(fds[1]);
	chan_prep_recv(entry_of(self), &self->got, self->out, self->buf, 64, 0);
	EXPECT_EQ(-EBADF, submit(self, &self->got));
	chan_prep_send(entry_of(self), &self->sent, self->in, "x", 1, 0);
	EXPECT_EQ(-EBADF, submit(self, &self->sent));
	chan_prep_send(entry_of(self), &self->sent, -1, "x", 1, 0);
	EXPECT_EQ(-EBADF, submit(self, &self->sent));
	chan_prep_return(entry_of(self), &self->other, self->in, 12345);
	EXPECT_EQ(-ESTALE, submit(self, &self->other));
	chan_prep_reject(entry_of(self), &self->other, self->in, 12345, 0);
	EXPECT_EQ(-EINVAL, submit(self, &self->other));
	EXPECT_EQ(0, stat_of(self->in).queued);
}

TEST_HARNESS_MAIN
