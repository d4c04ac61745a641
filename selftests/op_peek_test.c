// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two other ways to receive. CHAN_PEEK gives a copy and changes nothing: not
 * the order, not for large messages, not while it stalls. CHAN_AUTOACK
 * acknowledges what it has copied, and rejects what wants another answer.
 */
#include "op_way.h"
#include "stall.h"

#define LARGE_MAX 65536

/* CHAN_PEEK ------------------------------------------------------------------ */

TEST_F(way, peek_tells_of_the_first_message_and_changes_nothing)
{
	struct chan_op sent = op_send("first", 5), seen, got;
	struct chan_stat before;

	sent.tag = 9;
	sent.prio = 4;
	ASSERT_EQ(0, way_send(self, variant, sent));
	ASSERT_EQ(0, way_send(self, variant, op_send("second", 6)));
	before = stat_now(self->ends.admin);
	for (int i = 0; i < 3; i++) {
		memset(self->in, 0xcc, MSG_MAX);
		seen = op_peek(self->in, MSG_MAX);
		EXPECT_EQ(5, run(self->ends.receiver, &seen));
		EXPECT_EQ(5, seen.len);
		EXPECT_EQ(0, memcmp("first\xcc", self->in, 6));
		EXPECT_EQ(0, seen.id);
		EXPECT_EQ(9, seen.tag);
		EXPECT_EQ(4, seen.prio);
		EXPECT_EQ(getpid(), seen.pid);
	}
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	EXPECT_EQ(POLLIN, events_of(self->ends.receiver));
	got = op_now(self->in, MSG_MAX);
	EXPECT_EQ(5, run(self->ends.receiver, &got));
	EXPECT_EQ(1, got.attempt);
	EXPECT_EQ(seen.sent_at, got.sent_at);
	EXPECT_EQ(seen.uid, got.uid);
	EXPECT_EQ(6, run_once(self->ends.receiver, op_now(self->in, MSG_MAX)));
	EXPECT_EQ(0, way_end(self, variant));
}

/* What it would be to answer it, but not by whom. */
TEST_F(field, peek_tells_how_long_a_reply_may_be)
{
	struct running call;
	struct chan_op seen;
	char reply[17];

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, MSG_MAX, 0));
	ASSERT_EQ(0, op_start(&call, self->ends.sender,
			      op_call("four", 4, reply, sizeof(reply))));
	seen = op_peek(self->in, MSG_MAX);
	EXPECT_EQ(4, run(self->ends.receiver, &seen));
	EXPECT_EQ(CHAN_DUTY_REPLY, seen.duty);
	EXPECT_EQ(sizeof(reply), seen.reply_len);
	EXPECT_EQ(0, seen.id);
	seen = op_now(self->in, MSG_MAX);
	EXPECT_EQ(4, run(self->ends.receiver, &seen));
	EXPECT_EQ(sizeof(reply), seen.reply_len);
	EXPECT_EQ(0,
		  run_once(self->ends.receiver, op_reply(seen.id, "here", 4)));
	EXPECT_EQ(4, op_finish(&call));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* All who look see it, and who receives need not be the first of them. */
TEST_F(way, message_wakes_all_who_peek)
{
	struct running peeks[3];
	char bufs[3][MSG_MAX];

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, op_start(&peeks[i], self->ends.receiver,
				      op_peek(bufs[i], MSG_MAX)));
		ASSERT_TRUE(waiting_are(self->ends.admin, 0, i + 1));
		EXPECT_TRUE(op_sleeps(&peeks[i]));
	}
	ASSERT_EQ(0, op_start(&self->sends[0], self->ends.sender,
			      op_send("four", 4)));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(4, op_finish(&peeks[i]));
		EXPECT_EQ(0, memcmp("four", bufs[i], 4));
		EXPECT_EQ(0, peeks[i].op.id);
	}
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_now(self->ends.admin).parked_receivers);
	EXPECT_EQ(4, run_once(self->ends.receiver, op_soon(self->in, MSG_MAX)));
	EXPECT_EQ(0, op_finish(&self->sends[0]));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* A receiver that came later than one who only looks loses nothing. */
TEST_F(way, peek_in_front_takes_nothing_from_a_receiver)
{
	struct running peek, recv;
	char buf[MSG_MAX];

	ASSERT_EQ(0,
		  op_start(&peek, self->ends.receiver, op_peek(buf, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_EQ(0, op_start(&recv, self->ends.receiver,
			      op_soon(self->in, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 2));
	EXPECT_EQ(0, put(self->ends.sender, 1));
	EXPECT_EQ(4, op_finish(&recv));
	EXPECT_EQ(1, *(int *)self->in);
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_received);
	/* It has seen that one, or waits for the next. */
	EXPECT_TRUE(BECOMES(peek.over ||
			    stat_now(self->ends.admin).parked_receivers));
	if (!peek.over) {
		ASSERT_EQ(0, op_start(&self->sends[0], self->ends.sender,
				      op_send("\1\0\0", 4)));
		EXPECT_EQ(4, op_finish(&peek));
		EXPECT_EQ(4, run_once(self->ends.receiver,
				      op_soon(self->in, MSG_MAX)));
		EXPECT_EQ(0, op_finish(&self->sends[0]));
	} else {
		EXPECT_EQ(4, op_finish(&peek));
	}
	EXPECT_EQ(1, *(int *)buf);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(way, peek_that_waits_ends_with_the_channel)
{
	struct running peek;

	ASSERT_EQ(0, op_start(&peek, self->ends.receiver,
			      op_peek(self->in, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(-ESHUTDOWN, op_finish(&peek));
	EXPECT_EQ(-ESHUTDOWN,
		  run_once(self->ends.receiver, op_peek(self->in, MSG_MAX)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(way, peek_that_waits_can_be_interrupted)
{
	struct running peek;

	if (entry == BY_A_RING)
		SKIP(return, "a signal does not end a command");
	ASSERT_EQ(0, op_start(&peek, self->ends.receiver,
			      op_peek(self->in, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_TRUE(op_interrupt(&peek));
	EXPECT_EQ(-EINTR, op_finish(&peek));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* While a copy stalls, its message is as free as ever. */
TEST_F(way, message_can_be_received_while_a_peek_stalls)
{
	struct running peek;
	struct stall stall;

	ASSERT_EQ(0, stall_open(&stall));
	ASSERT_EQ(0, way_send(self, variant, op_send("first", 5)));
	ASSERT_EQ(0, way_send(self, variant, op_send("second", 6)));
	ASSERT_EQ(0, op_start(&peek, self->ends.receiver,
			      op_peek(stall.page, MSG_MAX)));
	ASSERT_TRUE(stall_reached(&stall));
	EXPECT_EQ(5, run_once(self->ends.receiver, op_now(self->in, MSG_MAX)));
	EXPECT_EQ(0, memcmp("first", self->in, 5));
	EXPECT_EQ(0, op_finish(&self->sends[0]));
	EXPECT_EQ(6, run_once(self->ends.receiver, op_now(self->in, MSG_MAX)));
	EXPECT_EQ(0, memcmp("second", self->in, 6));
	EXPECT_EQ(0, way_end(self, variant));
	EXPECT_FALSE(peek.over);
	stall_end(&stall, "", 1);
	EXPECT_EQ(5, op_finish(&peek));
	EXPECT_EQ(0, memcmp("first", stall.page, 5));
	stall_close(&stall);
}

/* What was sent for good stays. */
TEST_F(way, message_can_be_withdrawn_while_a_peek_stalls)
{
	bool waits = way_waits(variant);
	struct running peek;
	struct stall stall;

	ASSERT_EQ(0, stall_open(&stall));
	ASSERT_EQ(0, way_send(self, variant, op_send("four", 4)));
	ASSERT_EQ(0, op_start(&peek, self->ends.receiver,
			      op_peek(stall.page, MSG_MAX)));
	ASSERT_TRUE(stall_reached(&stall));
	EXPECT_EQ(waits ? 0 : -ENOENT,
		  run_once(self->ends.sender, op_cancel(self->sends[0].op.id)));
	EXPECT_EQ(waits ? -ECANCELED : 0, op_finish(&self->sends[0]));
	EXPECT_EQ(waits ? CHAN_STATE_WITHDRAWN : CHAN_STATE_QUEUED,
		  self->sends[0].op.state);
	EXPECT_EQ(waits ? -EAGAIN : 4,
		  run_once(self->ends.receiver, op_now(self->in, MSG_MAX)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	stall_fail(&stall);
	EXPECT_EQ(-EFAULT, op_finish(&peek));
	stall_close(&stall);
}

/* Large messages ------------------------------------------------------------- */

/* How long messages are may decide how they are kept; the order it must not. */
TEST_F(field, peek_leaves_the_order_of_large_messages)
{
	static const size_t lengths[] = { 5000,	 1,   4096,	 4097,
					  65536, 100, LARGE_MAX, 4095 };
	char *out = malloc(LARGE_MAX), *in = malloc(LARGE_MAX);
	struct running peeks[2];
	struct stall stalls[2];

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, LARGE_MAX,
				1 << 20));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		stamp(out, lengths[i], i);
		ASSERT_EQ(0, run_once(self->ends.sender,
				      op_send(out, lengths[i])));
	}
	/* These two stall in the copy of the first. */
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, stall_open(&stalls[i]));
		ASSERT_EQ(0, op_start(&peeks[i], self->ends.receiver,
				      op_peek(stalls[i].page, LARGE_MAX)));
		ASSERT_TRUE(stall_reached(&stalls[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		int len = lengths[i];

		EXPECT_EQ(-EMSGSIZE,
			  run_once(self->ends.receiver, op_peek(in, len - 1)));
		memset(in, 0xcc, LARGE_MAX);
		EXPECT_EQ(len, run_once(self->ends.receiver,
					op_peek(in, LARGE_MAX)));
		EXPECT_TRUE(is_stamped(in, len, i));
		if (i == 1)
			stall_fail(&stalls[0]);
		memset(in, 0xcc, LARGE_MAX);
		EXPECT_EQ(len,
			  run_once(self->ends.receiver, op_now(in, LARGE_MAX)));
		EXPECT_TRUE(is_stamped(in, len, i));
	}
	EXPECT_EQ(-EFAULT, op_finish(&peeks[0]));
	stall_fail(&stalls[1]);
	EXPECT_EQ(-EFAULT, op_finish(&peeks[1]));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	for (int i = 0; i < 2; i++)
		stall_close(&stalls[i]);
	free(out);
	free(in);
}

/* The slot is free as soon as its message is received, whoever still looks. */
TEST_F(field, slot_is_free_while_a_peek_of_its_message_stalls)
{
	struct running peek;
	struct stall stall;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, LARGE_MAX, 0));
	ASSERT_EQ(0, stall_open(&stall));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, op_start(&peek, self->ends.receiver,
			      op_peek(stall.page, MSG_MAX)));
	ASSERT_TRUE(stall_reached(&stall));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 2));
	EXPECT_EQ(1, take_now(self->ends.receiver));
	EXPECT_EQ(0, put_now(self->ends.sender, 2));
	stall_end(&stall, "", 1);
	EXPECT_EQ(4, op_finish(&peek));
	EXPECT_EQ(1, *(int *)stall.page);
	EXPECT_EQ(2, take_now(self->ends.receiver));
	stall_close(&stall);
}

/* The memory of a message serves the next ones; but not while somebody looks. */
TEST_F(field, message_stays_what_it_was_while_a_peek_of_it_stalls)
{
	static char out[LARGE_MAX], in[LARGE_MAX];
	struct running peek;
	struct stall stall;

	ASSERT_EQ(0, stall_open(&stall));
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, stall.size, 0));
	stamp(out, stall.size, 0);
	ASSERT_EQ(0, run_once(self->ends.sender, op_send(out, stall.size)));
	ASSERT_EQ(0, op_start(&peek, self->ends.receiver,
			      op_peek(stall.page, stall.size)));
	ASSERT_TRUE(stall_reached(&stall));
	for (int nr = 0; nr < 10; nr++) {
		ASSERT_EQ((int)stall.size, run_once(self->ends.receiver,
						    op_now(in, stall.size)));
		EXPECT_TRUE(is_stamped(in, stall.size, nr));
		stamp(out, stall.size, nr + 1);
		ASSERT_EQ(0, run_once(self->ends.sender,
				      op_send(out, stall.size)));
	}
	EXPECT_FALSE(peek.over);
	stall_end(&stall, "", 1);
	EXPECT_EQ((int)stall.size, op_finish(&peek));
	EXPECT_TRUE(is_stamped(stall.page, stall.size, 0));
	EXPECT_EQ((int)stall.size,
		  run_once(self->ends.receiver, op_now(in, stall.size)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	stall_close(&stall);
}

/* CHAN_AUTOACK --------------------------------------------------------------- */

static struct chan_op op_autoack(void *buf, size_t len)
{
	struct chan_op op = op_soon(buf, len);

	op.flags = CHAN_AUTOACK;
	return op;
}

TEST_F(field, autoack_acknowledges_once_copied)
{
	char *hole = page_edge(PROT_NONE);

	for (__u32 cap = 0; cap <= 1; cap++) {
		struct chan_op got = op_autoack(self->in, 3);
		struct running task;

		ASSERT_EQ(0, ends_sized(self->control, &self->ends, cap,
					MSG_MAX, 0));
		ASSERT_EQ(0, op_start(&task, self->ends.sender,
				      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
		ASSERT_TRUE(can_be_received(self->ends.admin, cap, 1));
		/* What could not be copied is not acknowledged. */
		EXPECT_EQ(-EMSGSIZE, run(self->ends.receiver, &got));
		EXPECT_EQ(-EFAULT, run_once(self->ends.receiver,
					    op_autoack(hole - 2, 4)));
		EXPECT_TRUE(op_sleeps(&task));
		EXPECT_EQ(0, stat_now(self->ends.admin).totals_settled);
		got = op_autoack(self->in, MSG_MAX);
		EXPECT_EQ(4, run(self->ends.receiver, &got));
		EXPECT_EQ(0, got.id);
		EXPECT_EQ(1, got.attempt);
		EXPECT_EQ(0, op_finish(&task));
		EXPECT_EQ(CHAN_ACK, task.op.verdict);
		EXPECT_EQ(CHAN_STATE_SETTLED, task.op.state);
		EXPECT_EQ(1, stat_now(self->ends.admin).totals_settled);
		EXPECT_EQ(1, stat_now(self->ends.admin).totals_received);
		EXPECT_EQ(0, nothing_is_left(self->ends.admin));
		ends_close(&self->ends);
	}
	page_edge_free(hole);
}

TEST_F(field, autoack_of_work_and_of_what_owes_nothing)
{
	struct chan_op got;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 2, MSG_MAX, 0));
	ASSERT_EQ(0, run_once(self->ends.sender, op_work("work", 4)));
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("plain", 5)));
	got = op_autoack(self->in, MSG_MAX);
	EXPECT_EQ(4, run(self->ends.receiver, &got));
	EXPECT_EQ(0, got.id);
	EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_settled);
	got = op_autoack(self->in, MSG_MAX);
	got.flags |= CHAN_NOWAIT;
	EXPECT_EQ(5, run(self->ends.receiver, &got));
	EXPECT_EQ(0, got.id);
	EXPECT_EQ(CHAN_DUTY_NONE, got.duty);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	/* Nothing was owed, so nothing was fulfilled. */
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_settled);
}

/* As read does: it could only be acknowledged, and that is no answer. */
TEST_F(field, autoack_rejects_a_call_and_takes_the_next)
{
	for (int too_long = 0; too_long <= 1; too_long++) {
		struct running call;
		struct chan_op got;
		char reply[8];

		ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, MSG_MAX,
					0));
		ASSERT_EQ(0, op_start(&call, self->ends.sender,
				      op_call("a call", 6, reply, 8)));
		ASSERT_TRUE(STAT_BECOMES(self->ends.admin, queued, 1));
		ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
		/* Its length does not matter. */
		got = op_autoack(self->in, too_long ? 4 : MSG_MAX);
		EXPECT_EQ(4, run(self->ends.receiver, &got));
		EXPECT_EQ(0, memcmp("four", self->in, 4));
		EXPECT_EQ(0, got.id);
		EXPECT_EQ(-EREMOTEIO, op_finish(&call));
		EXPECT_EQ(CHAN_REJECT, call.op.verdict);
		EXPECT_EQ(EOPNOTSUPP, call.op.error);
		EXPECT_EQ(CHAN_STATE_SETTLED, call.op.state);
		EXPECT_EQ(1, stat_now(self->ends.admin).totals_received);
		EXPECT_EQ(1, stat_now(self->ends.admin).totals_settled);
		EXPECT_EQ(0, nothing_is_left(self->ends.admin));
		ends_close(&self->ends);
	}
}

TEST_F(field, autoack_with_nothing_but_a_call_finds_nothing)
{
	struct chan_op got = op_autoack(self->in, MSG_MAX);
	struct running call;
	char reply[8];

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, MSG_MAX, 0));
	ASSERT_EQ(0, op_start(&call, self->ends.sender,
			      op_call("a call", 6, reply, 8)));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, queued, 1));
	got.flags |= CHAN_NOWAIT;
	EXPECT_EQ(-EAGAIN, run(self->ends.receiver, &got));
	EXPECT_EQ(-EREMOTEIO, op_finish(&call));
	EXPECT_EQ(EOPNOTSUPP, call.op.error);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
}

TEST_HARNESS_MAIN
