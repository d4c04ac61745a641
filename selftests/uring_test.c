// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations as commands of io_uring, on each kind of ring: what is ready is
 * done at once, everything else goes on by itself and is posted when it has come
 * as far as its record asks, once. A call is one entry and one completion.
 */
#include "op_steps.h"
#include "rings.h"

#define CAP	4
#define MSG_MAX 64

FIXTURE(uring)
{
	int control;
	struct ends ends;
	struct io_uring ring;
	char in[MSG_MAX], reply[MSG_MAX];
};

FIXTURE_VARIANT(uring)
{
	enum ring_kind kind;
	__u32 cap;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(uring, plain) { .kind = RING_PLAIN, .cap = CAP };
FIXTURE_VARIANT_ADD(uring, defer) { .kind = RING_DEFER, .cap = CAP };
FIXTURE_VARIANT_ADD(uring, sqpoll) { .kind = RING_SQPOLL, .cap = CAP };
FIXTURE_VARIANT_ADD(uring, coop) { .kind = RING_COOP, .cap = CAP };
FIXTURE_VARIANT_ADD(uring, plain_rendezvous) { .kind = RING_PLAIN };
FIXTURE_VARIANT_ADD(uring, defer_rendezvous) { .kind = RING_DEFER };
FIXTURE_VARIANT_ADD(uring, sqpoll_rendezvous) { .kind = RING_SQPOLL };
FIXTURE_VARIANT_ADD(uring, coop_rendezvous) { .kind = RING_COOP };
/* clang-format on */

FIXTURE_SETUP(uring)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, variant->cap,
				MSG_MAX, 0));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->ring);
	close(self->control);
}

TEST_F(uring, receive_waits_for_the_message)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct running send;

	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &recv));
	ASSERT_TRUE(STAT_BECOMES(self->ends.receiver, parked_receivers, 1));
	ASSERT_TRUE(is_quiet(&self->ring));
	ASSERT_EQ(0, op_start(&send, self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(4, completes(&self->ring, &recv));
	EXPECT_EQ(0, op_finish(&send));
	EXPECT_EQ(4, recv.result);
	EXPECT_EQ(4, recv.len);
	EXPECT_EQ(0, memcmp("four", self->in, 4));
	EXPECT_EQ(0, nothing_is_left(self->ends.receiver));
}

/* Without slots it is received before it is queued, by a thread of its own. */
TEST_F(uring, send_is_posted_when_it_has_a_slot)
{
	struct chan_op sends[CAP + 1], got = op_soon(self->in, MSG_MAX);

	for (__u32 i = 0; i <= variant->cap; i++) {
		sends[i] = with_garbage(op_send("four", 4));
		ASSERT_TRUE(command(&self->ring, self->ends.sender, &sends[i]));
		if (i == variant->cap)
			break;
		EXPECT_EQ(0, completes(&self->ring, &sends[i]));
		EXPECT_EQ(CHAN_STATE_QUEUED, sends[i].state);
	}
	ASSERT_TRUE(STAT_BECOMES(self->ends.receiver, parked_senders, 1));
	EXPECT_TRUE(is_quiet(&self->ring));
	EXPECT_EQ(4, run(self->ends.receiver, &got));
	EXPECT_EQ(0, completes(&self->ring, &sends[variant->cap]));
	EXPECT_EQ(0, sends[variant->cap].result);
	for (__u32 i = 0; i < variant->cap; i++)
		EXPECT_EQ(4, take_bytes(self->ends.receiver, self->in, 4));
	EXPECT_EQ(0, nothing_is_left(self->ends.receiver));
}

TEST_F(uring, call_is_one_entry_and_one_completion)
{
	struct chan_op call =
		with_garbage(op_call("question", 8, self->reply, MSG_MAX));
	struct chan_op got = op_soon(self->in, MSG_MAX);

	ASSERT_TRUE(command(&self->ring, self->ends.sender, &call));
	ASSERT_EQ(8, run(self->ends.receiver, &got));
	EXPECT_EQ(MSG_MAX, got.reply_len);
	EXPECT_TRUE(is_quiet(&self->ring));
	EXPECT_EQ(0,
		  run_once(self->ends.receiver, op_reply(got.id, "answer", 6)));
	EXPECT_EQ(6, completes(&self->ring, &call));
	EXPECT_EQ(6, call.result);
	EXPECT_EQ(6, call.reply_len);
	EXPECT_EQ(CHAN_STATE_SETTLED, call.state);
	EXPECT_EQ(CHAN_REPLY, call.verdict);
	EXPECT_EQ(0, memcmp("answer", self->reply, 6));
	EXPECT_TRUE(is_quiet(&self->ring));
	EXPECT_EQ(0, nothing_is_left(self->ends.receiver));
}

TEST_F(uring, receive_and_settlement_in_two_commands)
{
	struct chan_op recv = with_garbage(op_recv(self->in, MSG_MAX)), ack;
	struct running task;

	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &recv));
	ASSERT_TRUE(STAT_BECOMES(self->ends.receiver, parked_receivers, 1));
	ASSERT_EQ(0, op_start(&task, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	ASSERT_EQ(4, completes(&self->ring, &recv));
	EXPECT_EQ(1, recv.attempt);
	EXPECT_EQ(CHAN_DUTY_ACK, recv.duty);
	ack = op_settle(recv.id, CHAN_ACK);
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &ack));
	EXPECT_EQ(0, completes(&self->ring, &ack));
	EXPECT_EQ(0, op_finish(&task));
	EXPECT_EQ(0, nothing_is_left(self->ends.receiver));
}

TEST_F(uring, deadline_ends_what_waits)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct chan_op call = op_call("question", 8, self->reply, MSG_MAX);

	recv.deadline = in_ms(10);
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &recv));
	EXPECT_EQ(-ETIMEDOUT, completes(&self->ring, &recv));
	EXPECT_EQ(-ETIMEDOUT, recv.result);
	call.deadline = 1;
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &call));
	EXPECT_EQ(-ETIMEDOUT, completes(&self->ring, &call));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, call.state);
	EXPECT_EQ(0, nothing_is_left(self->ends.receiver));
}

TEST_F(uring, deadline_after_receipt_abandons_the_call)
{
	struct chan_op call = op_call("question", 8, self->reply, MSG_MAX);
	struct chan_op got = op_soon(self->in, MSG_MAX);

	call.deadline = in_ms(300);
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &call));
	ASSERT_EQ(8, run(self->ends.receiver, &got));
	EXPECT_EQ(-ETIMEDOUT, completes(&self->ring, &call));
	EXPECT_EQ(CHAN_STATE_ABANDONED, call.state);
	EXPECT_EQ(-ECANCELED,
		  run_once(self->ends.receiver, op_reply(got.id, "late", 4)));
	EXPECT_EQ(0, nothing_is_left(self->ends.receiver));
}

TEST_F(uring, what_waits_is_canceled_by_tag_and_by_id)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX), cancel;
	struct chan_op call = op_call("question", 8, self->reply, MSG_MAX);

	recv.tag = 77;
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &recv));
	ASSERT_TRUE(STAT_BECOMES(self->ends.receiver, parked_receivers, 1));
	cancel = op_cancel_tag(77);
	EXPECT_EQ(1, run(self->ends.receiver, &cancel));
	EXPECT_EQ(-ECANCELED, completes(&self->ring, &recv));
	call.id = 0;
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &call));
	ASSERT_TRUE(BECOMES(__atomic_load_n(&call.id, __ATOMIC_RELAXED)));
	cancel = op_cancel(call.id);
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &cancel));
	EXPECT_LE(-ECANCELED, completion(&self->ring, NULL));
	EXPECT_LE(-ECANCELED, completion(&self->ring, NULL));
	EXPECT_EQ(0, cancel.result);
	EXPECT_EQ(-ECANCELED, call.result);
	EXPECT_EQ(0, nothing_is_left(self->ends.receiver));
}

TEST_F(uring, nothing_is_left_when_the_ring_ends)
{
	struct chan_op recvs[8], calls[8], got;
	/* Which lives as long as the commands that wait on it. */
	int sender = derive(self->ends.sender, CHAN_RIGHT_SEND);
	__u32 senders = stat_now(self->ends.receiver).senders;

	ASSERT_LE(0, sender);
	for (int i = 0; i < 8; i++) {
		recvs[i] = op_recv(self->in, MSG_MAX);
		ASSERT_TRUE(
			command(&self->ring, self->ends.receiver, &recvs[i]));
	}
	ASSERT_TRUE(STAT_BECOMES(self->ends.receiver, parked_receivers, 8));
	io_uring_queue_exit(&self->ring);
	EXPECT_TRUE(STAT_BECOMES(self->ends.receiver, parked_receivers, 0));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
	for (int i = 0; i < 8; i++) {
		calls[i] = op_call("question", 8, self->reply, MSG_MAX);
		ASSERT_TRUE(command(&self->ring, sender, &calls[i]));
	}
	got = op_soon(self->in, MSG_MAX);
	ASSERT_EQ(8, run(self->ends.receiver, &got));
	close(sender);
	EXPECT_EQ(senders, stat_now(self->ends.receiver).senders);
	io_uring_queue_exit(&self->ring);
	EXPECT_TRUE(STAT_BECOMES(self->ends.receiver, senders, senders - 1));
	EXPECT_TRUE(STAT_BECOMES(self->ends.receiver, parked_senders, 0));
	EXPECT_TRUE(STAT_BECOMES(self->ends.receiver, queued, 0));
	EXPECT_EQ(-ECANCELED,
		  run_once(self->ends.receiver, op_reply(got.id, "late", 4)));
	EXPECT_EQ(0, nothing_is_left(self->ends.receiver));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
}

TEST_F(uring, only_what_is_an_operation_is_taken)
{
	struct chan_op op = op_recv(self->in, MSG_MAX);
	static const __u32 others[] = { CHAN_IOC_BATCH, CHAN_IOC_SELECT,
					CHAN_IOC_QUERY, CHAN_IOC_STAT, 0 };
	struct io_uring_sqe *sqe;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		sqe = add_command(&self->ring, self->ends.receiver, &op);
		sqe->cmd_op = others[i];
		io_uring_submit(&self->ring);
		EXPECT_EQ(-EOPNOTSUPP, completes(&self->ring, &op));
	}
	for (int i = 8; i < 16; i++) {
		sqe = add_command(&self->ring, self->ends.receiver, &op);
		sqe->cmd[i] = 1;
		io_uring_submit(&self->ring);
		EXPECT_EQ(-EINVAL, completes(&self->ring, &op));
	}
	EXPECT_EQ(0, nothing_is_left(self->ends.receiver));
}

TEST_HARNESS_MAIN
