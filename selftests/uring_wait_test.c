// SPDX-License-Identifier: GPL-2.0-only
/*
 * WAIT and CANCEL between the doors: a SEND that a signal has interrupted in an
 * ioctl is gone on with by a command, and CANCEL ends by either door what was
 * begun by the other, all that has its tag and nothing else, and says how many
 * that were.
 */
#include "uring_kinds.h"

#define TAG 77

/* WAIT ------------------------------------------------------------------------ */

/* A call by ioctl, received and then interrupted: its record is a WAIT. */
struct broken {
	struct running send;
	__u64 token;
};

static int call_breaks(struct broken *broken, const struct ends *ends,
		       char *reply, __u64 deadline)
{
	struct chan_op call = op_call("question", 8, reply, MSG_MAX);
	char in[MSG_MAX];
	struct chan_op got = op_soon(in, MSG_MAX);

	call.tag = TAG;
	call.deadline = deadline;
	CHECK_EQ(0, op_start(&broken->send, ends->sender, call));
	CHECK_EQ(8, run(ends->receiver, &got));
	broken->token = got.id;
	CHECK_EQ(true, op_sleeps(&broken->send));
	CHECK_EQ(true, op_interrupt(&broken->send));
	CHECK_EQ(-EINTR, op_finish(&broken->send));
	CHECK_EQ(CHAN_OP_WAIT, broken->send.op.code);
	CHECK_EQ(CHAN_STATE_RECEIVED, broken->send.op.state);
	return 0;
}

TEST_F(uring, interrupted_call_goes_on_as_a_command)
{
	struct broken broken;
	struct chan_op wait;

	/* Once before the answer, once after it. */
	for (int late = 0; late < 2; late++) {
		memset(self->reply, 0xcc, MSG_MAX);
		ASSERT_EQ(0, call_breaks(&broken, &self->ends, self->reply, 0));
		wait = broken.send.op;
		if (late)
			EXPECT_EQ(0, run_once(self->ends.receiver,
					      op_reply(broken.token, "answer",
						       6)));
		ASSERT_TRUE(command(&self->ring, self->ends.sender, &wait));
		if (!late) {
			ASSERT_TRUE(are_taken(&self->ring));
			EXPECT_TRUE(is_quiet(&self->ring));
			EXPECT_EQ(0, run_once(self->ends.receiver,
					      op_reply(broken.token, "answer",
						       6)));
		}
		EXPECT_EQ(6, completes(&self->ring, &wait));
		EXPECT_EQ(6, wait.result);
		EXPECT_EQ(6, wait.reply_len);
		EXPECT_EQ(CHAN_REPLY, wait.verdict);
		EXPECT_EQ(CHAN_STATE_SETTLED, wait.state);
		EXPECT_EQ(0, memcmp("answer", self->reply, 6));
		/* And that was all. */
		ASSERT_TRUE(command(&self->ring, self->ends.sender, &wait));
		EXPECT_EQ(-ENOENT, completes(&self->ring, &wait));
		EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	}
}

/* Of a wait whose deadline is that of its SEND, or an earlier one of its own. */
TEST_F(kind, deadline_of_the_call_is_that_of_its_wait)
{
	struct broken broken;
	struct chan_op wait;

	for (int own = 0; own < 2; own++) {
		ASSERT_EQ(0, call_breaks(&broken, &self->ends, self->reply,
					 in_ms(own ? BUDGET * 1000 : 400)));
		wait = op_wait(broken.send.op.id);
		wait.deadline = own ? in_ms(20) : 0;
		ASSERT_TRUE(command(&self->ring, self->ends.sender, &wait));
		EXPECT_EQ(-ETIMEDOUT, completes(&self->ring, &wait));
		EXPECT_EQ(CHAN_STATE_ABANDONED, wait.state);
		EXPECT_EQ(-ECANCELED,
			  run_once(self->ends.receiver,
				   op_reply(broken.token, "late", 4)));
		EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	}
}

TEST_F(kind, answer_that_does_not_fit_a_wait_is_kept)
{
	struct broken broken;
	struct chan_op wait;
	char small[3];

	ASSERT_EQ(0, call_breaks(&broken, &self->ends, self->reply, 0));
	wait = op_wait(broken.send.op.id);
	wait.reply_buf = address(small);
	wait.reply_len = sizeof(small);
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &wait));
	ASSERT_TRUE(are_taken(&self->ring));
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(broken.token, "answer", 6)));
	EXPECT_EQ(-EMSGSIZE, completes(&self->ring, &wait));
	EXPECT_EQ(CHAN_STATE_SETTLED, wait.state);
	/* The call's own room is large enough. */
	wait = op_wait(wait.id);
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &wait));
	EXPECT_EQ(6, completes(&self->ring, &wait));
	EXPECT_EQ(0, memcmp("answer", self->reply, 6));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* The ring ends: a call is abandoned, a task goes on without a listener. */
TEST_F(kind, wait_ends_with_its_ring)
{
	struct broken broken;
	struct chan_op wait;

	ASSERT_EQ(0, call_breaks(&broken, &self->ends, self->reply, 0));
	wait = broken.send.op;
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &wait));
	ASSERT_TRUE(are_taken(&self->ring));
	io_uring_queue_exit(&self->ring);
	EXPECT_TRUE(BECOMES(run_once(self->ends.sender, op_wait(wait.id)) ==
			    -ENOENT));
	EXPECT_EQ(-ECANCELED, run_once(self->ends.receiver,
				       op_reply(broken.token, "late", 4)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
}

TEST_F(kind, task_goes_on_when_its_ring_ends)
{
	struct chan_op task = op_task("task", 4, CHAN_ON_DEATH_FAIL);
	struct chan_op got = op_soon(self->in, MSG_MAX);

	ASSERT_TRUE(command(&self->ring, self->ends.sender, &task));
	ASSERT_EQ(4, run(self->ends.receiver, &got));
	io_uring_queue_exit(&self->ring);
	close_end(&self->ends.sender);
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, senders, 0));
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(0,
		  run_once(self->ends.receiver, op_settle(got.id, CHAN_ACK)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
}

/* CANCEL ------------------------------------------------------------------------ */

/* What CANCEL says, by this door. */
static int cancel_by(struct io_uring *ring, int fd, struct chan_op cancel)
{
	if (!ring)
		return run_once(fd, cancel);
	if (!command(ring, fd, &cancel))
		return -EIO;
	return completes(ring, &cancel);
}

/* A ring of its own, so that no other completion comes between. */
static bool second_ring(struct io_uring *ring, enum ring_kind kind)
{
	return !ring_make(ring, kind, 8);
}

/* Two by ring and two by ioctl, one of each a look; one with another tag. */
TEST_F(kind, tag_ends_the_receivers_of_both_doors)
{
	struct chan_op ops[3] = { op_recv(self->in, MSG_MAX),
				  op_recv(self->in, MSG_MAX),
				  op_recv(self->in, MSG_MAX) };
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV);
	struct running beside[2];
	struct io_uring ring;

	ASSERT_TRUE(second_ring(&ring, variant->kind));
	ops[2].tag = TAG + 1;
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &ops[2]));
	for (int door = 0; door < 2; door++) {
		struct io_uring *by = door ? &ring : NULL;

		for (int i = 0; i < 2; i++) {
			ops[i].tag = TAG;
			ops[i].flags = i ? CHAN_PEEK : 0;
			ASSERT_TRUE(command(&self->ring, self->ends.receiver,
					    &ops[i]));
			ASSERT_EQ(0, op_start(&beside[i], self->ends.receiver,
					      ops[i]));
		}
		ASSERT_TRUE(
			STAT_BECOMES(self->ends.admin, parked_receivers, 5));
		/* An endpoint knows its own. */
		EXPECT_EQ(0, cancel_by(by, other, op_cancel_tag(TAG)));
		EXPECT_EQ(4, cancel_by(by, self->ends.receiver,
				       op_cancel_tag(TAG)));
		EXPECT_EQ(0, cancel_by(by, self->ends.receiver,
				       op_cancel_tag(TAG)));
		/* In whatever order. */
		for (int i = 0; i < 2; i++)
			EXPECT_EQ(-ECANCELED, completion(&self->ring, NULL));
		for (int i = 0; i < 2; i++) {
			EXPECT_EQ(-ECANCELED, ops[i].result);
			EXPECT_EQ(-ECANCELED, op_finish(&beside[i]));
		}
		EXPECT_TRUE(is_quiet(&self->ring));
		EXPECT_EQ(1, stat_now(self->ends.admin).parked_receivers);
	}
	EXPECT_EQ(1, cancel_by(&ring, self->ends.receiver,
			       op_cancel_tag(TAG + 1)));
	EXPECT_EQ(-ECANCELED, completes(&self->ring, &ops[2]));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	close(other);
	io_uring_queue_exit(&ring);
}

/* By id and by tag; before receipt, and after it. */
TEST_F(uring, call_of_one_door_is_canceled_by_the_other)
{
	struct chan_op call, got, cancel;
	struct running beside;
	struct io_uring ring;

	ASSERT_TRUE(second_ring(&ring, variant->kind));
	for (int way = 0; way < 8; way++) {
		bool by_ring = way & 1, by_tag = way & 2, received = way & 4;
		struct chan_op *record = by_ring ? &call : &beside.op;

		call = op_call("question", 8, self->reply, MSG_MAX);
		call.tag = TAG;
		ASSERT_EQ(0,
			  by_ring ? !command(&self->ring, self->ends.sender,
					     &call) :
				    op_start(&beside, self->ends.sender, call));
		ASSERT_TRUE(BECOMES(on_the_way(self->ends.admin) == 1));
		got = op_soon(self->in, MSG_MAX);
		if (received)
			ASSERT_EQ(8, run(self->ends.receiver, &got));
		cancel = by_tag ? op_cancel_tag(TAG) :
				  op_cancel(__atomic_load_n(&record->id,
							    __ATOMIC_RELAXED));
		EXPECT_EQ(by_tag, cancel_by(by_ring ? NULL : &ring,
					    self->ends.sender, cancel));
		EXPECT_EQ(-ECANCELED, by_ring ? completes(&self->ring, &call) :
						op_finish(&beside));
		EXPECT_EQ(received ? CHAN_STATE_ABANDONED :
				     CHAN_STATE_WITHDRAWN,
			  record->state);
		if (received)
			EXPECT_EQ(-ECANCELED,
				  run_once(self->ends.receiver,
					   op_reply(got.id, "late", 4)));
		/* Nobody has it any more. */
		if (!by_tag)
			EXPECT_EQ(-ENOENT,
				  cancel_by(by_ring ? NULL : &ring,
					    self->ends.sender, cancel));
		EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	}
	io_uring_queue_exit(&ring);
}

TEST_F(kind, task_that_somebody_has_is_not_its_sender_s_any_more)
{
	struct chan_op task = op_task("task", 4, CHAN_ON_DEATH_FAIL);
	struct chan_op got = op_soon(self->in, MSG_MAX), cancel;
	struct io_uring ring;

	ASSERT_TRUE(second_ring(&ring, variant->kind));
	task.tag = TAG;
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &task));
	ASSERT_EQ(4, run(self->ends.receiver, &got));
	cancel = op_cancel(task.id);
	EXPECT_EQ(-EALREADY, cancel_by(&ring, self->ends.sender, cancel));
	EXPECT_EQ(-EALREADY, cancel_by(NULL, self->ends.sender, cancel));
	EXPECT_EQ(0, cancel_by(&ring, self->ends.sender, op_cancel_tag(TAG)));
	EXPECT_TRUE(is_quiet(&self->ring));
	EXPECT_EQ(0,
		  run_once(self->ends.receiver, op_settle(got.id, CHAN_ACK)));
	EXPECT_EQ(0, completes(&self->ring, &task));
	EXPECT_EQ(CHAN_STATE_SETTLED, task.state);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	io_uring_queue_exit(&ring);
}

/* Of 32 calls in one submission all that have the tag, and nothing else. */
TEST_F(kind, tag_ends_what_has_it_and_tells_how_many)
{
	struct chan_op calls[32], *op = NULL;
	struct io_uring ring;
	const int nr = ARRAY_SIZE(calls), odd = nr / 2;

	ASSERT_TRUE(second_ring(&ring, variant->kind));
	for (int i = 0; i < nr; i++) {
		calls[i] = op_call("question", 8, self->reply, MSG_MAX);
		calls[i].tag = i % 2 ? TAG : 0;
		add_command(&self->ring, self->ends.sender, &calls[i]);
	}
	ASSERT_LE(0, io_uring_submit(&self->ring));
	ASSERT_TRUE(BECOMES(on_the_way(self->ends.admin) == (unsigned int)nr));
	EXPECT_EQ(odd, cancel_by(&ring, self->ends.sender, op_cancel_tag(TAG)));
	EXPECT_EQ(nr - odd, (int)on_the_way(self->ends.admin));
	for (int i = 0; i < odd; i++) {
		EXPECT_EQ(-ECANCELED, completion(&self->ring, &op));
		ASSERT_EQ(TAG, op->tag);
		op->tag = 1;
	}
	EXPECT_TRUE(is_quiet(&self->ring));
	for (int i = 0; i < nr - odd; i++) {
		struct chan_op got = op_soon(self->in, MSG_MAX);

		ASSERT_EQ(8, run(self->ends.receiver, &got));
		EXPECT_EQ(0, got.tag);
		EXPECT_EQ(0, run_once(self->ends.receiver,
				      op_reply(got.id, "answer", 6)));
		EXPECT_EQ(6, completes(&self->ring, &calls[2 * i]));
	}
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	io_uring_queue_exit(&ring);
}

/* In one submission with what it cancels: each has its completion. */
TEST_F(kind, command_may_be_canceled_by_the_next_entry)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct chan_op cancel = op_cancel_tag(TAG), *op = NULL;

	recv.tag = TAG;
	for (int i = 0; i < 20; i++) {
		recv.result = 0;
		cancel.result = 0;
		add_command(&self->ring, self->ends.receiver, &recv);
		add_command(&self->ring, self->ends.receiver, &cancel);
		ASSERT_LE(0, io_uring_submit(&self->ring));
		for (int j = 0; j < 2; j++) {
			int result = completion(&self->ring, &op);

			EXPECT_EQ(op == &recv ? -ECANCELED : 1, result);
		}
		EXPECT_EQ(1, cancel.result);
		EXPECT_EQ(-ECANCELED, recv.result);
		EXPECT_TRUE(is_quiet(&self->ring));
	}
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_HARNESS_MAIN
