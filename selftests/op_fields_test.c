// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the fields of an operation do and tell, for messages that owe nothing:
 * priority, tag, length, badge, times, ids and tokens, how far the message is
 * when SEND returns; deadlines and CHAN_NOWAIT; CHAN_FIXED. And nothing else is
 * told: what is not a result stays as it was.
 */
#include "op_way.h"
#include "stall.h"

/* Two rounds, in an order that is neither that of priorities nor its reverse. */
TEST_F(way, higher_priority_is_first_and_equals_are_first_in_first_out)
{
	const int levels = CHAN_PRIO_MAX + 1;

	for (int i = 0; i < 2 * levels; i++) {
		struct chan_op op = op_send("", 1);

		op.prio = i * 13 % levels;
		op.tag = i / levels;
		ASSERT_EQ(0, way_send(self, variant, op));
	}
	for (int i = 0; i < 2 * levels; i++) {
		struct chan_op got = op_now(self->in, MSG_MAX);

		ASSERT_EQ(1, run(self->ends.receiver, &got));
		EXPECT_EQ(CHAN_PRIO_MAX - i / 2, got.prio);
		EXPECT_EQ((__u64)i % 2, got.tag);
	}
	EXPECT_EQ(0, way_end(self, variant));
}

/* What comes later and higher is received before what waits already. */
TEST_F(way, read_takes_the_highest_priority_too)
{
	for (int i = 0; i < 3; i++) {
		int nr = i + 1;
		struct chan_op op = op_send(&nr, sizeof(nr));

		op.prio = i;
		ASSERT_EQ(0, way_send(self, variant, op));
	}
	for (int nr = 3; nr >= 1; nr--)
		EXPECT_EQ(nr, take(self->ends.receiver));
	EXPECT_EQ(0, way_end(self, variant));
}

/* What could not be received is where it was: the first of its equals. */
TEST_F(way, failed_receipt_leaves_a_message_the_first_of_its_priority)
{
	static const __u8 prios[] = { 5, 4, 5, 5, 4 };
	static const __u64 order[] = { 0, 2, 3, 1, 4 };
	char *hole = page_edge(PROT_NONE);

	for (size_t i = 0; i < ARRAY_SIZE(prios); i++) {
		struct chan_op op = op_send("four", 4);

		op.prio = prios[i];
		op.tag = i;
		ASSERT_EQ(0, way_send(self, variant, op));
	}
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		struct chan_op got = op_now(self->in, MSG_MAX);

		EXPECT_EQ(-EFAULT,
			  run_once(self->ends.receiver, op_now(hole - 2, 4)));
		EXPECT_EQ(-EMSGSIZE,
			  run_once(self->ends.receiver, op_now(self->in, 3)));
		ASSERT_EQ(4, run(self->ends.receiver, &got));
		EXPECT_EQ(order[i], got.tag);
		EXPECT_EQ(1, got.attempt);
	}
	EXPECT_EQ(0, way_end(self, variant));
	page_edge_free(hole);
}

TEST_F(way, tag_is_the_sender_s)
{
	static const __u64 tags[] = { 0, 1, 0xffffffff, 1ULL << 32, ~0ULL };

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		struct chan_op op = op_send("tag", 3);

		op.tag = tags[i];
		ASSERT_EQ(0, way_send(self, variant, op));
	}
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		struct chan_op got = op_now(self->in, MSG_MAX);

		EXPECT_EQ(3, run(self->ends.receiver, &got));
		EXPECT_EQ(tags[i], got.tag);
		EXPECT_EQ(0, memcmp("tag", self->in, 3));
	}
	EXPECT_EQ(0, way_end(self, variant));
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		EXPECT_EQ(tags[i], self->sends[i].op.tag);
}

TEST_F(way, length_is_told_also_where_it_is_0)
{
	static const size_t lengths[] = { 0, 1, 2, MSG_MAX - 1, MSG_MAX };
	char out[MSG_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct chan_op got = op_soon(self->in, MSG_MAX);

		stamp(out, lengths[i], i);
		memset(self->in, 0xcc, MSG_MAX);
		/* An empty message needs no memory, here and there. */
		ASSERT_EQ(0, way_send(self, variant,
				      op_send(lengths[i] ? out : NULL,
					      lengths[i])));
		if (!lengths[i]) {
			got.buf = 0;
			got.len = 0;
		}
		EXPECT_EQ((int)lengths[i], run(self->ends.receiver, &got));
		EXPECT_EQ((int)lengths[i], got.result);
		EXPECT_EQ(lengths[i], got.len);
		EXPECT_TRUE(is_stamped(self->in, lengths[i], i));
		if (lengths[i] < MSG_MAX)
			EXPECT_EQ('\xcc', self->in[lengths[i]]);
		self->nr = 0;
		EXPECT_EQ(0, op_finish(&self->sends[0]));
	}
}

/* An empty message is a message: the end of the channel is another result. */
TEST_F(way, empty_message_is_not_the_end)
{
	struct chan_op got = op_now(self->in, MSG_MAX);

	ASSERT_EQ(0, way_send(self, variant, op_send(NULL, 0)));
	EXPECT_EQ(0, run(self->ends.receiver, &got));
	EXPECT_EQ(0, way_end(self, variant));
	ASSERT_EQ(0, shut_down(self->ends.admin));
	got = op_soon(self->in, MSG_MAX);
	EXPECT_EQ(-ESHUTDOWN, run(self->ends.receiver, &got));
	EXPECT_EQ(-ESHUTDOWN, got.result);
}

/* What is told is what the message is; what is not told stays. */
TEST_F(way, receiver_s_record)
{
	struct chan_op sent = op_send("four", 4), got, before;
	__u64 begin = clock_ns(), end;

	sent.prio = 3;
	sent.tag = 77;
	sent.reply_buf = address(self);
	sent.reply_len = 99;
	ASSERT_EQ(0, way_send(self, variant, sent));
	got = op_soon(self->in, MSG_MAX);
	got.reply_buf = 5;
	got.fd = -1;
	before = got;
	ASSERT_EQ(4, run(self->ends.receiver, &got));
	end = clock_ns();
	EXPECT_EQ(4, got.result);
	EXPECT_EQ(4, got.len);
	EXPECT_EQ(CHAN_DUTY_NONE, got.duty);
	EXPECT_EQ(3, got.prio);
	EXPECT_EQ(0, got.id);
	EXPECT_EQ(77, got.tag);
	EXPECT_EQ(1, got.attempt);
	EXPECT_EQ(getuid(), got.uid);
	EXPECT_EQ(getgid(), got.gid);
	EXPECT_EQ(getpid(), got.pid);
	EXPECT_EQ(0, got.badge);
	EXPECT_LE(begin, got.sent_at);
	EXPECT_LE(got.sent_at, end);
	/* Nobody waits for a reply, whatever else the sender's record says. */
	EXPECT_EQ(0, got.reply_len);
	/* Where the sender's memory is, is nobody's business. */
	EXPECT_EQ(5, got.reply_buf);
	EXPECT_EQ(before.code, got.code);
	EXPECT_EQ(before.flags, got.flags);
	EXPECT_EQ(before.fd, got.fd);
	EXPECT_EQ(before.buf, got.buf);
	EXPECT_EQ(before.deadline, got.deadline);
	EXPECT_EQ(0, way_end(self, variant));
}

TEST_F(way, sender_s_record)
{
	struct chan_op sent = op_send("four", 4), *told = &self->sends[0].op;

	sent.prio = 3;
	sent.tag = 77;
	sent.fd = -1;
	sent.deadline = in_ms(10000);
	ASSERT_EQ(0, way_send(self, variant, sent));
	EXPECT_EQ(4, run_once(self->ends.receiver, op_now(self->in, MSG_MAX)));
	EXPECT_EQ(0, way_end(self, variant));
	EXPECT_EQ(0, told->result);
	EXPECT_EQ(0, told->verdict);
	EXPECT_EQ(0, told->error);
	EXPECT_NE(0, told->id);
	EXPECT_NE(0xcccccccccccccccc, told->id);
	EXPECT_EQ(sent.code, told->code);
	EXPECT_EQ(sent.flags, told->flags);
	EXPECT_EQ(sent.fd, told->fd);
	EXPECT_EQ(variant->until, told->until);
	EXPECT_EQ(sent.duty, told->duty);
	EXPECT_EQ(sent.on_death, told->on_death);
	EXPECT_EQ(sent.prio, told->prio);
	EXPECT_EQ(sent.buf, told->buf);
	EXPECT_EQ(sent.len, told->len);
	EXPECT_EQ(sent.deadline, told->deadline);
	EXPECT_EQ(sent.tag, told->tag);
}

/* A field that an operation does not use may hold anything. */
TEST_F(way, unused_fields_do_not_matter)
{
	struct chan_op sent = op_send("four", 4), got;

	sent.reply_buf = ~0ULL;
	sent.reply_len = ~0ULL;
	ASSERT_EQ(0, way_send(self, variant, sent));
	memset(&got, 0xcc, sizeof(got));
	got.code = CHAN_OP_RECV;
	got.flags = CHAN_NOWAIT;
	got.fd = 0;
	got.buf = address(self->in);
	got.len = MSG_MAX;
	got.deadline = 0;
	EXPECT_EQ(4, run(self->ends.receiver, &got));
	EXPECT_EQ(0, way_end(self, variant));
}

TEST_F(way, badge_is_that_of_the_sender_s_endpoint)
{
	static const __u64 badges[] = { 1, 1ULL << 32, ~0ULL };
	int plain = self->ends.sender;

	for (size_t i = 0; i < ARRAY_SIZE(badges); i++) {
		struct chan_op got = op_soon(self->in, MSG_MAX);
		int badged = derive_badge(self->ends.admin, CHAN_RIGHT_SEND,
					  badges[i]);

		/* It is inherited, too. */
		self->ends.sender = derive(badged, CHAN_RIGHT_SEND);
		ASSERT_LE(0, self->ends.sender);
		self->nr = 0;
		ASSERT_EQ(0, way_send(self, variant, op_send("four", 4)));
		EXPECT_EQ(4, run(self->ends.receiver, &got));
		EXPECT_EQ(badges[i], got.badge);
		EXPECT_EQ(0, op_finish(&self->sends[0]));
		close_end(&self->ends.sender);
		close(badged);
	}
	self->ends.sender = plain;
}

/* Ids and tokens are one set of numbers, and none comes twice. */
TEST_F(way, ids_and_tokens_are_unique_and_begin_with_1)
{
	__u64 seen[4 * CAP], nr = 0;
	int other = derive(self->ends.admin, CHAN_RIGHT_SEND);

	for (int round = 0; round < 8; round++) {
		struct running task;
		struct chan_op got = op_soon(self->in, MSG_MAX);

		ASSERT_EQ(0, way_send(self, variant, op_send("four", 4)));
		EXPECT_EQ(4, run_once(self->ends.receiver,
				      op_soon(self->in, MSG_MAX)));
		EXPECT_EQ(0, op_finish(&self->sends[0]));
		seen[nr++] = self->sends[0].op.id;
		self->nr = 0;

		ASSERT_EQ(0, op_start(&task, other,
				      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
		EXPECT_EQ(4, run(self->ends.receiver, &got));
		seen[nr++] = got.id;
		EXPECT_EQ(0, run_once(self->ends.receiver,
				      op_settle(got.id, CHAN_RETURN)));
		got = op_soon(self->in, MSG_MAX);
		EXPECT_EQ(4, run(self->ends.receiver, &got));
		EXPECT_EQ(2, got.attempt);
		seen[nr++] = got.id;
		EXPECT_EQ(0, run_once(self->ends.receiver,
				      op_settle(got.id, CHAN_ACK)));
		EXPECT_EQ(0, op_finish(&task));
		seen[nr++] = task.op.id;
	}
	/* A select may have counted an arm that was not ready at first. */
	if (entry != AS_A_SELECT)
		EXPECT_EQ(1, seen[0]);
	for (__u64 i = 0; i < nr; i++) {
		EXPECT_NE(0, seen[i]);
		for (__u64 j = 0; j < i; j++)
			EXPECT_NE(seen[i], seen[j]);
	}
	close(other);
}

/* Another thread finds it in the record while the sender still waits. */
TEST_F(way, id_is_there_before_the_message)
{
	struct running *send = &self->sends[0];

	ASSERT_EQ(0, way_send(self, variant, op_send("four", 4)));
	EXPECT_NE(0, id_of(send));
	EXPECT_NE(0xcccccccccccccccc, id_of(send));
	if (!way_waits(variant)) {
		EXPECT_EQ(4, take_bytes(self->ends.receiver, self->in, 4));
		EXPECT_EQ(0, way_end(self, variant));
		return;
	}
	EXPECT_TRUE(op_sleeps(send));
	EXPECT_EQ(0, run_once(self->ends.sender, op_cancel(id_of(send))));
	EXPECT_EQ(-ECANCELED, op_finish(send));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, send->op.state);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
}

/* Nothing but a receipt lets a sender go on that waits for one. */
TEST_F(way, sender_goes_on_when_its_message_is_received)
{
	char *hole = page_edge(PROT_NONE);
	struct chan_op got = op_now(self->in, 3);
	struct stall stall;
	struct running recv;

	ASSERT_EQ(0, stall_open(&stall));
	ASSERT_EQ(0, way_send(self, variant, op_send("four", 4)));
	EXPECT_EQ(-EMSGSIZE, run(self->ends.receiver, &got));
	EXPECT_EQ(-EFAULT, run_once(self->ends.receiver, op_now(hole - 2, 4)));
	got = op_now(self->in, 4);
	got.flags |= CHAN_PEEK;
	EXPECT_EQ(4, run(self->ends.receiver, &got));
	ASSERT_EQ(0,
		  op_start(&recv, self->ends.receiver, op_soon(stall.page, 4)));
	ASSERT_TRUE(stall_reached(&stall));
	if (way_waits(variant))
		EXPECT_TRUE(op_sleeps(&self->sends[0]));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	stall_end(&stall, "", 1);
	EXPECT_EQ(4, op_finish(&recv));
	EXPECT_EQ(1, recv.op.attempt);
	EXPECT_EQ(0, memcmp("four", stall.page, 4));
	EXPECT_EQ(0, way_end(self, variant));
	stall_close(&stall);
	page_edge_free(hole);
}

TEST_F(way, too_small_a_buffer_is_EMSGSIZE_with_the_true_length)
{
	char out[MSG_MAX];
	struct chan_stat before;

	stamp(out, MSG_MAX, 1);
	ASSERT_EQ(0, way_send(self, variant, op_send(out, MSG_MAX)));
	before = stat_now(self->ends.admin);
	for (size_t len = 0; len < MSG_MAX; len += 21) {
		struct chan_op got = op_now(self->in, len);

		memset(self->in, 0xcc, MSG_MAX);
		EXPECT_EQ(-EMSGSIZE, run(self->ends.receiver, &got));
		EXPECT_EQ(-EMSGSIZE, got.result);
		EXPECT_EQ(MSG_MAX, got.len);
		for (int i = 0; i < MSG_MAX; i++)
			ASSERT_EQ('\xcc', self->in[i]);
		got = op_now(self->in, len);
		got.flags |= CHAN_PEEK;
		EXPECT_EQ(-EMSGSIZE, run(self->ends.receiver, &got));
		EXPECT_EQ(MSG_MAX, got.len);
	}
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	EXPECT_EQ(MSG_MAX,
		  run_once(self->ends.receiver, op_now(self->in, MSG_MAX)));
	EXPECT_TRUE(is_stamped(self->in, MSG_MAX, 1));
	EXPECT_EQ(0, way_end(self, variant));
}

/* It may say more than there is memory; the message is no longer for that. */
TEST_F(way, any_length_of_buffer_will_do)
{
	static const __u64 lengths[] = {
		MSG_MAX + 1, CHAN_MSG_MAX, CHAN_MSG_MAX + 1ULL,
		1ULL << 31,  1ULL << 32,   1ULL << 63,
		~0ULL
	};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct chan_op got = op_soon(self->in, lengths[i]);

		ASSERT_EQ(0, way_send(self, variant, op_send("four", 4)));
		EXPECT_EQ(4, run(self->ends.receiver, &got))
		{
			TH_LOG("%llx", lengths[i]);
		}
		EXPECT_EQ(4, got.len);
		EXPECT_EQ(0, op_finish(&self->sends[0]));
		self->nr = 0;
	}
}

TEST_F(way, too_long_a_message_is_EMSGSIZE_without_effect)
{
	static const __u64 lengths[] = {
		MSG_MAX + 1,	  CHAN_MSG_MAX + 1ULL, 1ULL << 31, 1ULL << 32,
		(1ULL << 32) + 4, 1ULL << 63,	       ~0ULL
	};
	struct chan_stat before = stat_now(self->ends.admin);

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct chan_op op = with_garbage(op_send("four", lengths[i]));

		op.until = variant->until;
		op.deadline = in_ms(10000);
		EXPECT_EQ(-EMSGSIZE, run(self->ends.sender, &op))
		{
			TH_LOG("%llx", lengths[i]);
		}
		EXPECT_EQ(-EMSGSIZE, op.result);
		EXPECT_EQ(lengths[i], op.len);
	}
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
}

/* Deadlines ---------------------------------------------------------------- */

/* The past, as near and as far as it goes. */
static const __u64 pasts[] = { 1, 1000000000 };

/* The future, where a sum or a sign could fail. */
static const __u64 futures[] = { ~0ULL, ~0ULL - 1, 1ULL << 63,
				 (1ULL << 63) - 1 };

TEST_F(way, recv_after_its_deadline_tries_once)
{
	for (size_t i = 0; i < ARRAY_SIZE(pasts); i++) {
		struct chan_op op = op_soon(self->in, MSG_MAX);

		op.deadline = pasts[i];
		EXPECT_EQ(-ETIMEDOUT, run(self->ends.receiver, &op));
		EXPECT_EQ(-ETIMEDOUT, op.result);
		EXPECT_EQ(pasts[i], op.deadline);
		op.flags = CHAN_PEEK;
		EXPECT_EQ(-ETIMEDOUT, run(self->ends.receiver, &op));
		ASSERT_EQ(0, way_send(self, variant, op_send("four", 4)));
		op = op_soon(self->in, MSG_MAX);
		op.deadline = pasts[i];
		EXPECT_EQ(4, run(self->ends.receiver, &op));
		EXPECT_EQ(0, op_finish(&self->sends[0]));
		self->nr = 0;
	}
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(way, recv_waits_until_its_deadline)
{
	for (__u32 flags = 0; flags <= CHAN_PEEK; flags += CHAN_PEEK) {
		struct chan_op op = op_soon(self->in, MSG_MAX);
		__u64 deadline = in_ms(20);

		op.flags = flags;
		op.deadline = deadline;
		EXPECT_EQ(-ETIMEDOUT, run(self->ends.receiver, &op));
		EXPECT_LE(deadline, clock_ns());
		EXPECT_GT(deadline + BUDGET * 1000000000ULL, clock_ns());
		EXPECT_EQ(deadline, op.deadline);
		EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	}
}

TEST_F(way, deadline_far_away_is_none)
{
	for (size_t i = 0; i < ARRAY_SIZE(futures); i++) {
		struct chan_op op = op_send("four", 4);
		struct running recv;

		op.deadline = futures[i];
		ASSERT_EQ(0, way_send(self, variant, op));
		EXPECT_EQ(4, run_once(self->ends.receiver,
				      op_soon(self->in, MSG_MAX)));
		EXPECT_EQ(0, op_finish(&self->sends[0]));
		self->nr = 0;
		op = op_recv(self->in, MSG_MAX);
		op.deadline = futures[i];
		ASSERT_EQ(0, op_start(&recv, self->ends.receiver, op));
		EXPECT_TRUE(waiting_are(self->ends.admin, 0, 1));
		EXPECT_TRUE(op_sleeps(&recv));
		EXPECT_EQ(0, put(self->ends.sender, 1));
		EXPECT_EQ(4, op_finish(&recv));
	}
}

/* Nobody receives: who waits for that gives up, and has never sent. */
TEST_F(way, send_waits_for_a_receiver_until_its_deadline)
{
	const __u64 begin = clock_ns(), deadlines[] = { 1, in_ms(20) };

	for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++) {
		struct chan_op op = with_garbage(op_send("four", 4));

		op.until = variant->until;
		op.deadline = deadlines[i];
		if (way_waits(variant)) {
			EXPECT_EQ(-ETIMEDOUT, run(self->ends.sender, &op));
			EXPECT_EQ(-ETIMEDOUT, op.result);
			EXPECT_EQ(CHAN_STATE_WITHDRAWN, op.state);
			EXPECT_LE(deadlines[i], clock_ns());
		} else {
			EXPECT_EQ(0, run(self->ends.sender, &op));
			EXPECT_EQ(CHAN_STATE_QUEUED, op.state);
			EXPECT_EQ(4,
				  take_bytes(self->ends.receiver, self->in, 4));
		}
		EXPECT_GT(begin + BUDGET * 1000000000ULL, clock_ns());
		EXPECT_EQ(deadlines[i], op.deadline);
		EXPECT_NE(0xcccccccccccccccc, op.id);
		EXPECT_EQ(0, nothing_is_left(self->ends.admin));
		EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	}
	EXPECT_EQ(way_waits(variant) ? 0 : 2,
		  stat_now(self->ends.admin).totals_received);
}

/*
 * Its copy does not come to an end in time: it was never received. But where
 * its sender has gone on, nobody is there to take it back.
 */
TEST_F(way, message_that_is_not_copied_in_time_is_taken_back)
{
	struct chan_op op = op_send("four", 4);
	struct running recv;
	struct stall stall;

	ASSERT_EQ(0, stall_open(&stall));
	ASSERT_EQ(0, op_start(&recv, self->ends.receiver,
			      op_recv(stall.page, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	op.until = variant->until;
	op.deadline = in_ms(200);
	ASSERT_EQ(0, op_start(&self->sends[0], self->ends.sender, op));
	ASSERT_TRUE(stall_reached(&stall));
	if (way_waits(variant)) {
		EXPECT_EQ(-ETIMEDOUT, op_finish(&self->sends[0]));
		EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->sends[0].op.state);
		EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	} else {
		EXPECT_EQ(0, op_finish(&self->sends[0]));
		EXPECT_EQ(CHAN_STATE_QUEUED, self->sends[0].op.state);
		EXPECT_EQ(1, stat_now(self->ends.admin).queued);
	}
	EXPECT_FALSE(recv.over);
	stall_end(&stall, "", 1);
	if (way_waits(variant)) {
		/* The receiver gets the next one, as if it had been first. */
		EXPECT_EQ(0, put(self->ends.sender, 5));
		EXPECT_EQ(4, op_finish(&recv));
		EXPECT_EQ(5, *(int *)stall.page);
	} else {
		EXPECT_EQ(4, op_finish(&recv));
		EXPECT_EQ(0, memcmp("four", stall.page, 4));
	}
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_received);
	stall_close(&stall);
}

/* CHAN_NOWAIT ---------------------------------------------------------------- */

TEST_F(way, recv_with_NOWAIT_is_EAGAIN_without_a_message)
{
	struct chan_op op = op_now(self->in, MSG_MAX);
	struct chan_stat before = stat_now(self->ends.admin);

	EXPECT_EQ(-EAGAIN, run(self->ends.receiver, &op));
	EXPECT_EQ(-EAGAIN, op.result);
	/* Also where there is time to wait. */
	op = op_soon(self->in, MSG_MAX);
	op.flags = CHAN_NOWAIT;
	EXPECT_EQ(-EAGAIN, run(self->ends.receiver, &op));
	op.flags |= CHAN_PEEK;
	EXPECT_EQ(-EAGAIN, run(self->ends.receiver, &op));
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	ASSERT_EQ(0, way_send(self, variant, op_send("four", 4)));
	op = op_now(self->in, MSG_MAX);
	EXPECT_EQ(4, run(self->ends.receiver, &op));
	EXPECT_EQ(0, way_end(self, variant));
}

/* It is for read and write; an operation says itself whether it waits. */
TEST_F(way, nonblocking_file_does_not_matter)
{
	struct running recv;

	set_nonblock(self->ends.receiver, true);
	set_nonblock(self->ends.sender, true);
	ASSERT_EQ(0, op_start(&recv, self->ends.receiver,
			      op_soon(self->in, MSG_MAX)));
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(0, put(self->ends.sender, 1));
	EXPECT_EQ(4, op_finish(&recv));
	ASSERT_EQ(0, way_send(self, variant, op_send("four", 4)));
	if (way_waits(variant))
		EXPECT_TRUE(op_sleeps(&self->sends[0]));
	EXPECT_EQ(4, run_once(self->ends.receiver, op_now(self->in, MSG_MAX)));
	EXPECT_EQ(0, op_finish(&self->sends[0]));
}

/* Room --------------------------------------------------------------------- */

TEST_F(field, send_without_a_slot_waits_until_its_deadline)
{
	const __u8 untils[] = { CHAN_UNTIL_QUEUED, CHAN_UNTIL_RECEIVED };

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, MSG_MAX, 0));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	for (size_t i = 0; i < 4; i++) {
		struct chan_op op = with_garbage(op_send("four", 4));
		struct chan_stat before = stat_now(self->ends.admin);
		__u64 begin = clock_ns(), deadline = i < 2 ? 1 : in_ms(20);

		op.until = untils[i % 2];
		op.deadline = deadline;
		EXPECT_EQ(-ETIMEDOUT, run(self->ends.sender, &op));
		EXPECT_LE(deadline, clock_ns());
		EXPECT_GT(begin + BUDGET * 1000000000ULL, clock_ns());
		EXPECT_EQ(-ETIMEDOUT, op.result);
		EXPECT_EQ(CHAN_STATE_WITHDRAWN, op.state);
		EXPECT_EQ(deadline, op.deadline);
		EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	}
	EXPECT_EQ(1, take_now(self->ends.receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
}

/* Room in bytes, where there are slots enough. */
TEST_F(field, send_without_bytes_waits_until_its_deadline)
{
	char buf[MSG_MAX] = {};
	struct chan_op op = op_send(buf, MSG_MAX);

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, MSG_MAX,
				MSG_MAX + CHAN_MSG_OVERHEAD));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	op.deadline = in_ms(20);
	EXPECT_EQ(-ETIMEDOUT, run(self->ends.sender, &op));
	op.deadline = 0;
	op.flags = CHAN_NOWAIT;
	EXPECT_EQ(-EAGAIN, run(self->ends.sender, &op));
	EXPECT_EQ(1, take_now(self->ends.receiver));
	op.flags = 0;
	op.deadline = 1;
	EXPECT_EQ(0, run(self->ends.sender, &op));
	EXPECT_EQ(CHAN_STATE_QUEUED, op.state);
	EXPECT_EQ(1, stat_now(self->ends.admin).queued);
}

/* The slot comes in time, and the deadline is over with the wait. */
TEST_F(field, send_gets_a_slot_before_its_deadline)
{
	struct chan_op op = op_send("four", 4);
	struct running send;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, MSG_MAX, 0));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	op.deadline = in_ms(10000);
	ASSERT_EQ(0, op_start(&send, self->ends.sender, op));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(0, op_finish(&send));
	EXPECT_EQ(CHAN_STATE_QUEUED, send.op.state);
	EXPECT_EQ(1, stat_now(self->ends.admin).queued);
}

/* Priority is among messages; for slots, who came first is served first. */
TEST_F(field, slots_are_given_in_the_order_of_coming)
{
	static const __u8 prios[] = { 0, 31, 5, 31, 0, 7 };
	static const int numbers[] = { 1, 2, 3, 4, 5, 6 };
	struct running sends[6];

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, MSG_MAX, 0));
	ASSERT_EQ(0, put(self->ends.sender, 100));
	for (int i = 0; i < 6; i++) {
		struct chan_op op = op_send(&numbers[i], sizeof(int));

		op.prio = prios[i];
		ASSERT_EQ(0, op_start(&sends[i], self->ends.sender, op));
		ASSERT_TRUE(waiting_are(self->ends.admin, i + 1, 0));
	}
	EXPECT_EQ(100, take(self->ends.receiver));
	for (int i = 0; i < 6; i++) {
		EXPECT_EQ(0, op_finish(&sends[i]));
		EXPECT_EQ(numbers[i], take(self->ends.receiver));
	}
}

/* The id is there for CANCEL while there is no slot yet. */
TEST_F(field, id_is_there_while_the_sender_waits_for_a_slot)
{
	struct running send;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 1, MSG_MAX, 0));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, op_start(&send, self->ends.sender,
			      with_garbage(op_send("four", 4))));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_NE(0, id_of(&send));
	EXPECT_NE(0xcccccccccccccccc, id_of(&send));
	EXPECT_EQ(0, run_once(self->ends.sender, op_cancel(id_of(&send))));
	EXPECT_EQ(-ECANCELED, op_finish(&send));
	EXPECT_EQ(-ECANCELED, send.op.result);
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, send.op.state);
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* Who only looks is nobody to meet; who waits to receive is. */
TEST_F(field, rendezvous_with_NOWAIT_needs_a_receiver)
{
	struct chan_op op = op_send("four", 4);
	struct running peek, recv;
	char buf[MSG_MAX];

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 0, MSG_MAX, 0));
	op.flags = CHAN_NOWAIT;
	EXPECT_EQ(-EAGAIN, run_once(self->ends.sender, op));
	ASSERT_EQ(0,
		  op_start(&peek, self->ends.receiver, op_peek(buf, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(-EAGAIN, run_once(self->ends.sender, op));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 1));
	op.until = CHAN_UNTIL_RECEIVED;
	EXPECT_EQ(-EAGAIN, run_once(self->ends.sender, op));
	EXPECT_TRUE(op_sleeps(&peek));
	ASSERT_EQ(0, op_start(&recv, self->ends.receiver,
			      op_soon(self->in, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 2));
	EXPECT_EQ(0, run(self->ends.sender, &op));
	EXPECT_EQ(CHAN_STATE_RECEIVED, op.state);
	EXPECT_EQ(4, op_finish(&recv));
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_sent);
	/* It may have seen that one. */
	ASSERT_EQ(0, shut_down(self->ends.admin));
	if (op_finish(&peek) != -ESHUTDOWN)
		EXPECT_EQ(4, peek.op.result);
}

/* Exactly one of the two is told, and it is the truth. */
TEST_F(field, rendezvous_after_its_deadline_happens_or_not)
{
	struct chan_op op = op_send("four", 4);
	struct running recv;
	int ret;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 0, MSG_MAX, 0));
	ASSERT_EQ(0, op_start(&recv, self->ends.receiver,
			      op_soon(self->in, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	op.deadline = 1;
	ret = run(self->ends.sender, &op);
	if (ret) {
		EXPECT_EQ(-ETIMEDOUT, ret);
		EXPECT_EQ(CHAN_STATE_WITHDRAWN, op.state);
		EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
		ASSERT_EQ(0, put(self->ends.sender, 1));
	} else {
		EXPECT_EQ(CHAN_STATE_RECEIVED, op.state);
	}
	EXPECT_EQ(4, op_finish(&recv));
	EXPECT_EQ(ret ? 1 : *(int *)"four", *(int *)self->in);
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_received);
}

/* CHAN_FIXED --------------------------------------------------- */

TEST_F(field, fixed_messages_have_one_length)
{
	static const __u64 lengths[] = { 0, 1, MSG_MAX - 1, MSG_MAX + 1,
					 ~0ULL };
	struct chan_create c = roomy_record(NULL);
	char out[MSG_MAX];
	struct chan_stat before;

	for (__u32 cap = 0; cap <= 1; cap++) {
		struct running recv;

		c.flags = CHAN_FIXED;
		c.cap = cap;
		ASSERT_EQ(0, ends_make(self->control, &c, &self->ends));
		before = stat_now(self->ends.admin);
		for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
			struct chan_op op = op_send(out, lengths[i]);

			op.flags = CHAN_NOWAIT;
			EXPECT_EQ(-EMSGSIZE, run(self->ends.sender, &op))
			{
				TH_LOG("%llx", lengths[i]);
			}
			EXPECT_EQ(-EMSGSIZE, op.result);
		}
		EXPECT_EQ(-EMSGSIZE, put(self->ends.sender, 1));
		EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
		stamp(out, MSG_MAX, cap);
		ASSERT_EQ(0, op_start(&recv, self->ends.receiver,
				      op_soon(self->in, MSG_MAX)));
		ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
		EXPECT_EQ(0,
			  run_once(self->ends.sender, op_send(out, MSG_MAX)));
		EXPECT_EQ(MSG_MAX, op_finish(&recv));
		EXPECT_TRUE(is_stamped(self->in, MSG_MAX, cap));
		ends_close(&self->ends);
	}
}

/* A reply is no message, and as long as its caller takes. */
TEST_F(field, fixed_does_not_bind_replies)
{
	struct chan_create c = roomy_record(NULL);
	char out[2 * MSG_MAX] = {}, reply[2 * MSG_MAX];
	struct chan_op got = op_soon(self->in, MSG_MAX);
	struct running call;

	c.flags = CHAN_FIXED;
	ASSERT_EQ(0, ends_make(self->control, &c, &self->ends));
	ASSERT_EQ(0, op_start(&call, self->ends.sender,
			      op_call(out, MSG_MAX, reply, sizeof(reply))));
	ASSERT_EQ(MSG_MAX, run(self->ends.receiver, &got));
	EXPECT_EQ(sizeof(reply), got.reply_len);
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(got.id, out, MSG_MAX - 1)));
	EXPECT_EQ(MSG_MAX - 1, op_finish(&call));
	EXPECT_EQ(MSG_MAX - 1, call.op.reply_len);

	ASSERT_EQ(0, op_start(&call, self->ends.sender,
			      op_call(out, MSG_MAX, reply, sizeof(reply))));
	got = op_soon(self->in, MSG_MAX);
	ASSERT_EQ(MSG_MAX, run(self->ends.receiver, &got));
	stamp(out, sizeof(out), 1);
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(got.id, out, sizeof(out))));
	EXPECT_EQ((int)sizeof(reply), op_finish(&call));
	EXPECT_TRUE(is_stamped(reply, sizeof(reply), 1));
}

/* Between the doors ---------------------------------------------------------- */

TEST_F(field, written_message_has_the_plainest_fields)
{
	struct chan_op got = op_soon(self->in, MSG_MAX);
	__u64 begin = clock_ns();
	int badged;

	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, MSG_MAX, 0));
	badged = derive_badge(self->ends.admin, CHAN_RIGHT_SEND, 8);
	ASSERT_EQ(0, put(badged, 1));
	EXPECT_EQ(4, run(self->ends.receiver, &got));
	EXPECT_EQ(CHAN_DUTY_NONE, got.duty);
	EXPECT_EQ(0, got.prio);
	EXPECT_EQ(0, got.tag);
	EXPECT_EQ(0, got.id);
	EXPECT_EQ(1, got.attempt);
	EXPECT_EQ(8, got.badge);
	EXPECT_EQ(getuid(), got.uid);
	EXPECT_EQ(getpid(), got.pid);
	EXPECT_LE(begin, got.sent_at);
	EXPECT_GE(clock_ns(), got.sent_at);
	close(badged);
}

TEST_HARNESS_MAIN
