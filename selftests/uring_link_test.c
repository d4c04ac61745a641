// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of io_uring in an order: linked, a command begins when the one before
 * it has been posted, so a call to which another is linked has been answered
 * before that is sent; what fails breaks the chain. Drained, it begins when all
 * before it are over. Many at once keep their order, and IOSQE_ASYNC and fixed
 * files change nothing of it.
 */
#include "uring_kinds.h"

/* An entry that has these flags as well. */
static struct io_uring_sqe *add_flagged(struct io_uring *ring, int fd,
					struct chan_op *op, unsigned int flags)
{
	struct io_uring_sqe *sqe = add_command(ring, fd, op);

	sqe->flags |= flags;
	return sqe;
}

/* Receives what there is, and that is @text; the token to settle with, or 0. */
static int receives(int fd, const char *text, __u64 *token)
{
	char in[MSG_MAX];
	struct chan_op got = op_soon(in, MSG_MAX);

	CHECK_EQ((int)strlen(text), run(fd, &got));
	CHECK_EQ(0, memcmp(text, in, strlen(text)));
	CHECK_EQ(1, got.attempt);
	*token = got.id;
	return 0;
}

static int replies(int fd, __u64 token, const char *text)
{
	return run_once(fd, op_reply(token, text, strlen(text)));
}

/* Links ------------------------------------------------------------------------ */

TEST_F(uring, call_that_is_linked_is_sent_after_the_answer)
{
	struct chan_op calls[3];
	char answers[3][MSG_MAX];
	const char *const texts[] = { "one", "two", "three" };
	__u64 token;

	for (int i = 0; i < 3; i++) {
		calls[i] = op_call(texts[i], strlen(texts[i]), answers[i],
				   MSG_MAX);
		add_flagged(&self->ring, self->ends.sender, &calls[i],
			    i < 2 ? IOSQE_IO_LINK : 0);
	}
	ASSERT_TRUE(are_taken(&self->ring));
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(RING_BECOMES(&self->ring,
					 on_the_way(self->ends.admin) == 1));
		ASSERT_EQ(0, receives(self->ends.receiver, texts[i], &token));
		EXPECT_TRUE(is_quiet(&self->ring));
		EXPECT_EQ(0, on_the_way(self->ends.admin));
		EXPECT_EQ(i + 1, stat_now(self->ends.admin).totals_sent);
		EXPECT_EQ(0, replies(self->ends.receiver, token, texts[i]));
		EXPECT_EQ((int)strlen(texts[i]),
			  completes(&self->ring, &calls[i]));
		EXPECT_EQ(0, memcmp(texts[i], answers[i], strlen(texts[i])));
	}
	EXPECT_TRUE(is_quiet(&self->ring));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(uring, call_that_fails_breaks_the_chain)
{
	struct chan_op first = op_call("first", 5, self->reply, MSG_MAX);
	struct chan_op second = op_call("second", 6, self->reply, MSG_MAX);
	struct chan_op third = op_recv(self->in, MSG_MAX), fourth;
	__u64 token;

	add_flagged(&self->ring, self->ends.sender, &first, IOSQE_IO_LINK);
	add_flagged(&self->ring, self->ends.sender, &second, IOSQE_IO_LINK);
	add_flagged(&self->ring, self->ends.receiver, &third, 0);
	/* Not part of it. */
	fourth = op_cancel_tag(~0ULL);
	add_flagged(&self->ring, self->ends.sender, &fourth, 0);
	ASSERT_TRUE(are_taken(&self->ring));
	EXPECT_EQ(0, completes(&self->ring, &fourth));
	ASSERT_EQ(0, receives(self->ends.receiver, "first", &token));
	EXPECT_EQ(0, run_once(self->ends.receiver, op_reject(token, EPERM)));
	EXPECT_EQ(-EREMOTEIO, completes(&self->ring, &first));
	EXPECT_EQ(EPERM, first.error);
	EXPECT_EQ(-ECANCELED, completes(&self->ring, &second));
	EXPECT_EQ(-ECANCELED, completes(&self->ring, &third));
	EXPECT_TRUE(is_quiet(&self->ring));
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_sent);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* Each way to fail: at once, by deadline, by CANCEL; and a hard link goes on. */
TEST_F(kind, whatever_fails_breaks_a_chain_but_a_hard_one)
{
	for (int hard = 0; hard < 2; hard++) {
		for (int way = 0; way < 3; way++) {
			struct chan_op first = op_recv(self->in, MSG_MAX);
			struct chan_op second = op_send("four", 4);
			__u64 token;

			first.tag = 7;
			first.flags = way == 0 ? CHAN_NOWAIT : 0;
			first.deadline = way == 1 ? in_ms(5) : 0;
			add_flagged(&self->ring, self->ends.receiver, &first,
				    hard ? IOSQE_IO_HARDLINK : IOSQE_IO_LINK);
			add_flagged(&self->ring, self->ends.sender, &second, 0);
			ASSERT_TRUE(are_taken(&self->ring));
			if (way == 2) {
				ASSERT_TRUE(STAT_BECOMES(self->ends.admin,
							 parked_receivers, 1));
				EXPECT_EQ(1, run_once(self->ends.receiver,
						      op_cancel_tag(7)));
			}
			EXPECT_EQ(way == 0 ? -EAGAIN :
				  way == 1 ? -ETIMEDOUT :
					     -ECANCELED,
				  completes(&self->ring, &first));
			EXPECT_EQ(hard ? 0 : -ECANCELED,
				  completes(&self->ring, &second));
			if (hard)
				EXPECT_EQ(0, receives(self->ends.receiver,
						      "four", &token));
			EXPECT_EQ(0, nothing_is_left(self->ends.admin));
		}
	}
}

/* A server's loop is [SETTLE, RECV]. */
TEST_F(kind, settlement_and_the_next_receipt)
{
	struct chan_op got = op_recv(self->in, MSG_MAX), settle;
	struct running tasks[5];
	const int nr = ARRAY_SIZE(tasks);

	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &got));
	for (int i = 0; i < nr; i++) {
		ASSERT_EQ(0, op_start(&tasks[i], self->ends.sender,
				      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
		if (i)
			EXPECT_EQ(0, completes(&self->ring, &settle));
		ASSERT_EQ(4, completes(&self->ring, &got));
		EXPECT_EQ(CHAN_DUTY_ACK, got.duty);
		settle = op_settle(got.id, CHAN_ACK);
		got = op_recv(self->in, MSG_MAX);
		got.tag = 7;
		add_flagged(&self->ring, self->ends.receiver, &settle,
			    IOSQE_IO_LINK);
		add_flagged(&self->ring, self->ends.receiver, &got, 0);
		ASSERT_TRUE(are_taken(&self->ring));
		EXPECT_EQ(0, op_finish(&tasks[i]));
	}
	EXPECT_EQ(0, completes(&self->ring, &settle));
	EXPECT_TRUE(RING_BECOMES(&self->ring,
				 stat_now(self->ends.admin).parked_receivers));
	EXPECT_EQ(1, run_once(self->ends.receiver, op_cancel_tag(7)));
	EXPECT_EQ(-ECANCELED, completes(&self->ring, &got));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* With IOSQE_ASYNC an entry may be used again before its turn has come. */
TEST_F(kind, entry_of_a_later_turn_is_copied_if_it_is_async)
{
	struct chan_op call = op_call("question", 8, self->reply, MSG_MAX);
	struct chan_op send = op_call("later", 5, self->reply, MSG_MAX);
	struct io_uring_sqe *entries[2];
	__u64 token;

	entries[0] = add_flagged(&self->ring, self->ends.sender, &call,
				 IOSQE_IO_LINK);
	entries[1] =
		add_flagged(&self->ring, self->ends.sender, &send, IOSQE_ASYNC);
	ASSERT_TRUE(are_taken(&self->ring));
	ASSERT_EQ(0, receives(self->ends.receiver, "question", &token));
	for (int i = 0; i < 2; i++)
		memset(entries[i], 0xff, sizeof(*entries[i]));
	EXPECT_EQ(0, replies(self->ends.receiver, token, "answer"));
	EXPECT_EQ(6, completes(&self->ring, &call));
	ASSERT_TRUE(
		RING_BECOMES(&self->ring, on_the_way(self->ends.admin) == 1));
	ASSERT_EQ(0, receives(self->ends.receiver, "later", &token));
	EXPECT_EQ(0, replies(self->ends.receiver, token, "answer"));
	EXPECT_EQ(6, completes(&self->ring, &send));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* What is pending is not looked at again: neither its entry nor its record. */
TEST_F(kind, entry_and_record_are_read_once)
{
	struct chan_op recv = op_recv(self->in, 8), was;
	struct running send;
	struct io_uring_sqe *sqe;

	sqe = add_command(&self->ring, self->ends.receiver, &recv);
	was = recv;
	ASSERT_TRUE(are_taken(&self->ring));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	memset(sqe, 0xff, sizeof(*sqe));
	memset(&recv, 0xff, sizeof(recv));
	ASSERT_EQ(0, op_start(&send, self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(4, completes(&self->ring, &recv));
	EXPECT_EQ(0, op_finish(&send));
	EXPECT_EQ(0, memcmp("four", self->in, 4));
	EXPECT_EQ(4, recv.result);
	EXPECT_EQ(was.code, recv.code);
	EXPECT_EQ(was.flags, recv.flags);
	EXPECT_EQ(was.deadline, recv.deadline);
	EXPECT_EQ(was.buf, recv.buf);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(kind, chain_ends_with_its_ring)
{
	struct chan_op call = op_call("question", 8, self->reply, MSG_MAX);
	struct chan_op next = op_call("never", 5, self->reply, MSG_MAX);
	__u64 token;

	add_flagged(&self->ring, self->ends.sender, &call, IOSQE_IO_LINK);
	add_flagged(&self->ring, self->ends.sender, &next, 0);
	ASSERT_TRUE(are_taken(&self->ring));
	ASSERT_EQ(0, receives(self->ends.receiver, "question", &token));
	io_uring_queue_exit(&self->ring);
	close_end(&self->ends.sender);
	/* When it has ended, so has the last that could send. */
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, senders, 0));
	EXPECT_EQ(-ECANCELED, replies(self->ends.receiver, token, "late"));
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_sent);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
}

/* Flags of entries ------------------------------------------------------------------ */

TEST_F(kind, async_changes_nothing)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX), cancel;
	struct chan_op call = op_call("question", 8, self->reply, MSG_MAX);
	struct chan_op nowait = op_recv(self->in, MSG_MAX);
	struct io_uring_sqe *sqe;
	struct running send;
	__u64 token;

	add_flagged(&self->ring, self->ends.receiver, &recv, IOSQE_ASYNC);
	ASSERT_TRUE(RING_BECOMES(&self->ring,
				 stat_now(self->ends.admin).parked_receivers));
	ASSERT_EQ(0, op_start(&send, self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(4, completes(&self->ring, &recv));
	EXPECT_EQ(0, op_finish(&send));
	nowait.flags = CHAN_NOWAIT;
	add_flagged(&self->ring, self->ends.receiver, &nowait, IOSQE_ASYNC);
	ASSERT_TRUE(are_taken(&self->ring));
	EXPECT_EQ(-EAGAIN, completes(&self->ring, &nowait));
	sqe = add_flagged(&self->ring, self->ends.receiver, &nowait,
			  IOSQE_ASYNC);
	sqe->cmd_op = CHAN_IOC_SELECT;
	ASSERT_TRUE(are_taken(&self->ring));
	EXPECT_EQ(-EOPNOTSUPP, completes(&self->ring, &nowait));
	add_flagged(&self->ring, self->ends.sender, &call, IOSQE_ASYNC);
	ASSERT_TRUE(
		RING_BECOMES(&self->ring, on_the_way(self->ends.admin) == 1));
	ASSERT_EQ(0, receives(self->ends.receiver, "question", &token));
	cancel = op_cancel(call.id);
	add_flagged(&self->ring, self->ends.sender, &cancel, IOSQE_ASYNC);
	ASSERT_TRUE(are_taken(&self->ring));
	EXPECT_LE(-ECANCELED, completion(&self->ring, NULL));
	EXPECT_LE(-ECANCELED, completion(&self->ring, NULL));
	EXPECT_EQ(0, cancel.result);
	EXPECT_EQ(-ECANCELED, call.result);
	EXPECT_EQ(CHAN_STATE_ABANDONED, call.state);
	EXPECT_EQ(-ECANCELED, replies(self->ends.receiver, token, "late"));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(kind, drained_command_waits_for_all_before_it)
{
	struct chan_op calls[2], last = op_send("last", 4);
	const char *const texts[] = { "one", "two" };
	__u64 tokens[2], token;

	for (int i = 0; i < 2; i++) {
		calls[i] = op_call(texts[i], 3, self->reply, MSG_MAX);
		add_flagged(&self->ring, self->ends.sender, &calls[i], 0);
	}
	last.deadline = in_ms(BUDGET * 1000);
	add_flagged(&self->ring, self->ends.sender, &last, IOSQE_IO_DRAIN);
	ASSERT_TRUE(are_taken(&self->ring));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0,
			  receives(self->ends.receiver, texts[i], &tokens[i]));
	/* Not in the order in which they were sent. */
	for (int i = 1; i >= 0; i--) {
		EXPECT_TRUE(is_quiet(&self->ring));
		EXPECT_EQ(0, on_the_way(self->ends.admin));
		EXPECT_EQ(0, replies(self->ends.receiver, tokens[i], "answer"));
		EXPECT_EQ(6, completes(&self->ring, &calls[i]));
	}
	ASSERT_TRUE(
		RING_BECOMES(&self->ring, on_the_way(self->ends.admin) == 1));
	EXPECT_EQ(0, receives(self->ends.receiver, "last", &token));
	EXPECT_EQ(0, completes(&self->ring, &last));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* Whoever asks for it is told of failures only. */
TEST_F(kind, success_may_go_without_a_completion)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct chan_op next = op_recv(self->in, MSG_MAX);

	if (!(self->ring.features & IORING_FEAT_CQE_SKIP))
		SKIP(return, "this kernel has no IOSQE_CQE_SKIP_SUCCESS");
	add_flagged(&self->ring, self->ends.receiver, &recv,
		    IOSQE_CQE_SKIP_SUCCESS);
	ASSERT_TRUE(are_taken(&self->ring));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	ASSERT_EQ(4, put_bytes(self->ends.sender, "four", 4));
	EXPECT_TRUE(RING_BECOMES(&self->ring,
				 stat_now(self->ends.admin).totals_received));
	EXPECT_TRUE(is_quiet(&self->ring));
	EXPECT_EQ(4, recv.result);
	next.tag = 7;
	add_flagged(&self->ring, self->ends.receiver, &next,
		    IOSQE_CQE_SKIP_SUCCESS);
	ASSERT_TRUE(are_taken(&self->ring));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	EXPECT_EQ(1, run_once(self->ends.receiver, op_cancel_tag(7)));
	EXPECT_EQ(-ECANCELED, completes(&self->ring, &next));
	EXPECT_TRUE(is_quiet(&self->ring));
}

/* Many --------------------------------------------------------------------------------- */

/* As many as a ring takes at once; most of them wait for a slot. */
TEST_F(uring, order_of_entries_is_the_order_of_messages)
{
	struct chan_op sends[RING_ENTRIES];
	int numbers[RING_ENTRIES];

	for (int i = 0; i < RING_ENTRIES; i++) {
		numbers[i] = i + 1;
		sends[i] = op_send(&numbers[i], sizeof(numbers[i]));
		add_flagged(&self->ring, self->ends.sender, &sends[i], 0);
	}
	ASSERT_TRUE(are_taken(&self->ring));
	for (int i = 0; i < RING_ENTRIES; i++) {
		struct running take;

		/* Beside, so that this task can do what its ring has to. */
		ASSERT_EQ(0, op_start(&take, self->ends.receiver,
				      op_soon(self->in, MSG_MAX)));
		EXPECT_EQ(0, completes(&self->ring, &sends[i]));
		EXPECT_EQ(4, op_finish(&take));
		EXPECT_EQ(numbers[i], *(int *)self->in);
	}
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(kind, receivers_get_messages_in_the_order_of_their_entries)
{
	struct chan_op recvs[RING_ENTRIES];
	int numbers[RING_ENTRIES];

	for (int i = 0; i < RING_ENTRIES; i++) {
		recvs[i] = op_recv(&numbers[i], sizeof(numbers[i]));
		add_flagged(&self->ring, self->ends.receiver, &recvs[i], 0);
	}
	ASSERT_TRUE(are_taken(&self->ring));
	ASSERT_TRUE(
		STAT_BECOMES(self->ends.admin, parked_receivers, RING_ENTRIES));
	for (int i = 0; i < RING_ENTRIES; i++) {
		struct running send;
		int nr = i + 1;

		ASSERT_EQ(0, op_start(&send, self->ends.sender,
				      op_send(&nr, sizeof(nr))));
		EXPECT_EQ(4, completes(&self->ring, &recvs[i]));
		EXPECT_EQ(0, op_finish(&send));
		EXPECT_EQ(nr, numbers[i]);
	}
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* Fixed files ----------------------------------------------------------------------------- */

TEST_F(kind, fixed_file_is_an_endpoint_like_any)
{
	int fds[2] = { self->ends.receiver, self->ends.sender };
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct chan_op send = op_send("four", 4);

	ASSERT_EQ(0, io_uring_register_files(&self->ring, fds, 2));
	close_end(&self->ends.receiver);
	close_end(&self->ends.sender);
	add_flagged(&self->ring, 0, &recv, IOSQE_FIXED_FILE);
	ASSERT_TRUE(are_taken(&self->ring));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	add_flagged(&self->ring, 1, &send, IOSQE_FIXED_FILE);
	ASSERT_TRUE(are_taken(&self->ring));
	EXPECT_LE(0, completion(&self->ring, NULL));
	EXPECT_LE(0, completion(&self->ring, NULL));
	EXPECT_EQ(4, recv.result);
	EXPECT_EQ(0, send.result);
	add_flagged(&self->ring, 2, &recv, IOSQE_FIXED_FILE);
	ASSERT_TRUE(are_taken(&self->ring));
	EXPECT_EQ(-EBADF, completes(&self->ring, &recv));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* The command keeps it open, as it does a descriptor that is closed. */
TEST_F(kind, fixed_file_may_go_while_a_command_is_pending)
{
	int fds[1] = { self->ends.receiver };
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct running send;

	ASSERT_EQ(0, io_uring_register_files(&self->ring, fds, 1));
	close_end(&self->ends.receiver);
	add_flagged(&self->ring, 0, &recv, IOSQE_FIXED_FILE);
	ASSERT_TRUE(are_taken(&self->ring));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	fds[0] = -1;
	ASSERT_EQ(1, io_uring_register_files_update(&self->ring, 0, fds, 1));
	EXPECT_EQ(1, stat_now(self->ends.admin).receivers);
	ASSERT_EQ(0, op_start(&send, self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(4, completes(&self->ring, &recv));
	EXPECT_EQ(0, op_finish(&send));
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, receivers, 0));
	EXPECT_EQ(-EPIPE, run_once(self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_HARNESS_MAIN
