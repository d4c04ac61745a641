// SPDX-License-Identifier: GPL-2.0-only
/*
 * A select that waits stands in each of its lines like any other who waits
 * there, and is counted: whoever came first is served first, and the first that
 * is served ends it, with all its other arms gone from theirs. Who leaves a
 * line, because another arm was served, keeps nobody behind it waiting.
 */
#include "select_wait.h"

/* What it waits for comes ---------------------------------------------------- */

TEST_F(wait, ends_with_the_arm_that_is_served_and_leaves_nothing)
{
	for (int round = 0; round < 3; round++)
		for (int at = 0; at < ARMS; at++) {
			ASSERT_EQ(0, start_all(self));
			ASSERT_EQ(0, serve(self, at));
			EXPECT_EQ(0, is_served(self, at))
			{
				TH_LOG("round %d, arm %d", round, at);
			}
		}
}

/* The order of the list is of what is ready, not of what comes. */
TEST_F(wait, ends_with_the_arm_that_is_served_also_in_order)
{
	for (int at = ARMS - 1; at >= 0; at--) {
		list_all(self, &self->s);
		self->s.batch.flags = CHAN_ORDERED;
		ASSERT_EQ(0, select_start(&self->s));
		ASSERT_EQ(0, all_wait(self, 1));
		ASSERT_EQ(0, serve(self, at));
		EXPECT_EQ(0, is_served(self, at));
	}
}

/* Each arm is counted, also two on one endpoint, and one of them is served. */
TEST_F(wait, arms_are_counted_apart)
{
	list_all(self, &self->s);
	for (int i = 0; i < 3; i++) {
		add_recv(&self->s, self->a.receiver);
		add_send(&self->s, self->full.sender, 100 + i);
	}
	ASSERT_EQ(0, select_start(&self->s));
	EXPECT_TRUE(waiting_are(self->a.admin, 0, 4));
	EXPECT_TRUE(waiting_are(self->b.admin, 0, 1));
	EXPECT_TRUE(waiting_are(self->full.admin, 4, 0));
	EXPECT_TRUE(waiting_are(self->meet.admin, 1, 1));
	ASSERT_EQ(0, put_message(self->a.sender, 7));
	ASSERT_LE(0, select_ends(&self->s));
	EXPECT_EQ(7, self->s.numbers[self->s.batch.index]);
	EXPECT_EQ(0, none_waits(self));
	EXPECT_EQ(0, nothing_is_left(self->a.admin));
}

TEST_F(wait, waits_on_64_channels)
{
	static const int served[] = { 0, 1, 31, 63 };
	int fds[ARMS_MAX];

	ASSERT_EQ(0, whole_channels(self->control, fds, ARMS_MAX, 1));
	for (size_t i = 0; i < ARRAY_SIZE(served); i++) {
		select_init(&self->s, self->a.admin);
		for (int at = 0; at < ARMS_MAX; at++)
			add_recv(&self->s, fds[at]);
		ASSERT_EQ(0, select_start(&self->s));
		for (int at = 0; at < ARMS_MAX; at++)
			ASSERT_TRUE(waiting_are(fds[at], 0, 1));
		ASSERT_EQ(0, put_message(fds[served[i]], 7));
		EXPECT_EQ(served[i], select_ends(&self->s));
		EXPECT_EQ(7, self->s.numbers[served[i]]);
		EXPECT_EQ(0, nothing_is_left_on(fds, ARMS_MAX));
	}
	close_all(fds, ARMS_MAX);
}

/* In its turn -------------------------------------------------------------------- */

/* Somebody in a line: a select with another arm, an operation, a call. */
#define IN_LINE 9

struct waiter {
	int kind, number;
	struct selecting s;
	struct running op;
	struct call call;
};

static struct chan_op numbered(struct waiter *w, bool is_send, int nr)
{
	w->number = is_send ? nr : GARBAGE;
	return is_send ? op_send(&w->number, sizeof(w->number)) :
			 op_recv(&w->number, sizeof(w->number));
}

/* @other is an endpoint that nothing comes from. */
static int join_line(struct waiter *w, int kind, int fd, int other,
		     bool is_send, int nr)
{
	w->kind = kind % 3;
	if (w->kind == 1)
		return op_start(&w->op, fd, numbered(w, is_send, nr));
	if (w->kind == 2)
		return is_send ? start_put(&w->call, fd, nr) :
				 start_take(&w->call, fd);
	select_init(&w->s, other);
	add_recv(&w->s, other);
	if (is_send)
		add_send(&w->s, fd, nr);
	else
		add_recv(&w->s, fd);
	return select_start(&w->s);
}

/* 0 if it has ended with this number. */
static int had_its_turn(struct waiter *w, bool is_send, int nr)
{
	if (w->kind == 1) {
		CHECK_EQ(is_send ? 0 : 4, running_end(&w->op));
		CHECK_EQ(nr, w->number);
	} else if (w->kind == 2) {
		CHECK_EQ(is_send ? 0 : nr, is_send ? finish_put(&w->call) :
						     finish_take(&w->call));
	} else {
		CHECK_EQ(1, select_ends(&w->s));
		CHECK_EQ(nr, w->s.numbers[1]);
	}
	return 0;
}

static bool line_is(int fd, bool is_send, __u32 nr)
{
	return is_send ? waiting_are(fd, nr, 0) : waiting_are(fd, 0, nr);
}

static int queue_up(struct waiter *line, const struct ends *ends, int other,
		    bool is_send)
{
	for (int i = 0; i < IN_LINE; i++) {
		CHECK_EQ(0, join_line(&line[i], i,
				      is_send ? ends->sender : ends->receiver,
				      other, is_send, i + 1));
		CHECK_EQ(true, line_is(ends->admin, is_send, i + 1));
	}
	return 0;
}

TEST_F(wait, receivers_are_served_in_the_order_they_came)
{
	const struct ends *both[] = { &self->a, &self->meet };
	static struct waiter line[IN_LINE];

	for (int e = 0; e < 2; e++) {
		ASSERT_EQ(0, queue_up(line, both[e], self->b.receiver, false));
		for (int i = 0; i < IN_LINE; i++) {
			ASSERT_EQ(0, put_message(both[e]->sender, i + 1));
			EXPECT_EQ(0, had_its_turn(&line[i], false, i + 1));
			EXPECT_TRUE(line_is(both[e]->admin, false,
					    IN_LINE - 1 - i));
		}
		EXPECT_EQ(0, nothing_is_left(both[e]->admin));
		EXPECT_EQ(0, nothing_is_left(self->b.admin));
	}
}

/* Many at once: each of them gets its own. */
TEST_F(wait, messages_that_come_at_once_are_shared_in_order)
{
	static struct waiter line[IN_LINE];

	ASSERT_EQ(0, queue_up(line, &self->a, self->b.receiver, false));
	for (int i = 0; i < IN_LINE; i++)
		ASSERT_EQ(0, put_message(self->a.sender, i + 1));
	for (int i = 0; i < IN_LINE; i++)
		EXPECT_EQ(0, had_its_turn(&line[i], false, i + 1));
	EXPECT_EQ(0, nothing_is_left(self->a.admin));
}

TEST_F(wait, senders_get_slots_in_the_order_they_came)
{
	static struct waiter line[IN_LINE];
	int expected = OBSTACLE;

	ASSERT_EQ(0, queue_up(line, &self->full, self->b.receiver, true));
	for (int i = 0; i < IN_LINE; i++) {
		ASSERT_EQ(expected, take_message(self->full.receiver));
		EXPECT_EQ(0, had_its_turn(&line[i], true, i + 1));
		EXPECT_TRUE(line_is(self->full.admin, true, IN_LINE - 1 - i));
		expected = i + 1;
	}
	EXPECT_EQ(IN_LINE, take_message(self->full.receiver));
	EXPECT_EQ(0, nothing_is_left(self->full.admin));
	EXPECT_EQ(0, nothing_is_left(self->b.admin));
}

TEST_F(wait, senders_meet_receivers_in_the_order_they_came)
{
	static struct waiter line[IN_LINE];

	ASSERT_EQ(0, queue_up(line, &self->meet, self->b.receiver, true));
	for (int i = 0; i < IN_LINE; i++) {
		ASSERT_EQ(i + 1, take_message(self->meet.receiver));
		EXPECT_EQ(0, had_its_turn(&line[i], true, i + 1));
	}
	EXPECT_EQ(0, nothing_is_left(self->meet.admin));
	EXPECT_EQ(0, nothing_is_left(self->b.admin));
}

/* Among those who wait to be met the priority counts, and then the order. */
TEST_F(wait, higher_priority_is_met_first)
{
	static const __u8 prios[] = { 3, 7, 0, 7, CHAN_PRIO_MAX, 3 };
	static const int order[] = { 4, 1, 3, 0, 5, 2 };
	struct selecting *all = calloc(6, sizeof(*all));

	for (int i = 0; i < 6; i++) {
		select_init(&all[i], self->a.admin);
		add_recv(&all[i], self->b.receiver);
		add_send(&all[i], self->meet.sender, i);
		all[i].arms[1].prio = prios[i];
		ASSERT_EQ(0, select_start(&all[i]));
		ASSERT_TRUE(waiting_are(self->meet.admin, i + 1, 0));
	}
	for (int i = 0; i < 6; i++) {
		EXPECT_EQ(order[i], take_message(self->meet.receiver));
		EXPECT_EQ(1, select_ends(&all[order[i]]));
	}
	EXPECT_EQ(0, nothing_is_left(self->meet.admin));
	EXPECT_EQ(0, nothing_is_left(self->b.admin));
	free(all);
}

/* One that has left its line for another is not served there any more. */
static int leaves_a_line(FIXTURE_DATA(wait) * self, const struct ends *ends,
			 bool is_send)
{
	static struct waiter behind[3];
	int got;

	select_init(&self->s, self->a.admin);
	add_recv(&self->s, self->b.receiver);
	if (is_send)
		add_send(&self->s, ends->sender, 100);
	else
		add_recv(&self->s, ends->receiver);
	CHECK_EQ(0, select_start(&self->s));
	CHECK_EQ(true, line_is(ends->admin, is_send, 1));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(0, join_line(&behind[i], i,
				      is_send ? ends->sender : ends->receiver,
				      self->meet.receiver, is_send, i + 1));
		CHECK_EQ(true, line_is(ends->admin, is_send, i + 2));
	}
	CHECK_EQ(0, put_message(self->b.sender, 50));
	CHECK_EQ(0, select_ends(&self->s));
	CHECK_EQ(50, self->s.numbers[0]);
	CHECK_EQ(true, line_is(ends->admin, is_send, 3));
	for (int i = 0; i < 3; i++) {
		if (!is_send) {
			CHECK_EQ(0, put_message(ends->sender, i + 1));
		} else {
			got = take_message(ends->receiver);
			CHECK_EQ(ends == &self->full ? i ?: OBSTACLE : i + 1,
				 got);
		}
		CHECK_EQ(0, had_its_turn(&behind[i], is_send, i + 1));
	}
	if (ends == &self->full)
		CHECK_EQ(3, take_message(ends->receiver));
	return nothing_is_left(ends->admin);
}

TEST_F(wait, loser_in_front_leaves_its_turn_to_the_next)
{
	struct ends meet;

	ASSERT_EQ(0, ends_sized(self->control, &meet, 0, 64, 0));
	EXPECT_EQ(0, leaves_a_line(self, &self->a, false));
	EXPECT_EQ(0, leaves_a_line(self, &meet, false));
	EXPECT_EQ(0, leaves_a_line(self, &meet, true));
	EXPECT_EQ(0, leaves_a_line(self, &self->full, true));
	EXPECT_EQ(0, none_waits(self));
	ends_close(&meet);
}

/* Room for bytes ------------------------------------------------------------------ */

/*
 * 600 bytes: an empty message counts 256 and one of 64 bytes 320. The select
 * wants to send one of 64, and somebody behind it an empty one.
 */
static int fill_with_bytes(FIXTURE_DATA(wait) * self, struct ends *ends,
			   struct running *behind)
{
	static char text[64];

	CHECK_EQ(0, ends_sized(self->control, ends, 16, 64, 600));
	CHECK_EQ(0, run_once(ends->sender, op_send("", 0)));
	CHECK_EQ(0, run_once(ends->sender, op_send(text, 64)));
	select_init(&self->s, self->a.admin);
	add_recv(&self->s, self->b.receiver);
	add_arm(&self->s, ends->sender, op_send(text, 64));
	CHECK_EQ(0, select_start(&self->s));
	CHECK_EQ(true, waiting_are(ends->admin, 1, 0));
	CHECK_EQ(0, op_start(behind, ends->sender, op_send("", 0)));
	CHECK_EQ(true, waiting_are(ends->admin, 2, 0));
	/* Enough for the second, but it is not its turn. */
	CHECK_EQ(0, run_once(ends->receiver, op_now(text, 64)));
	CHECK_EQ(2, stat_now(ends->admin).parked_senders);
	CHECK_EQ(true, select_sleeps(&self->s));
	CHECK_EQ(true, op_sleeps(behind));
	CHECK_EQ(2, stat_now(ends->admin).parked_senders);
	return 0;
}

TEST_F(wait, sender_waits_for_bytes_in_its_turn)
{
	struct running behind;
	struct ends ends;
	char in[64];

	ASSERT_EQ(0, fill_with_bytes(self, &ends, &behind));
	EXPECT_EQ(64, run_once(ends.receiver, op_now(in, 64)));
	EXPECT_EQ(1, select_ends(&self->s));
	EXPECT_EQ(0, running_end(&behind));
	EXPECT_EQ(64, run_once(ends.receiver, op_now(in, 64)));
	EXPECT_EQ(0, run_once(ends.receiver, op_now(in, 64)));
	EXPECT_EQ(0, nothing_is_left(ends.admin));
	EXPECT_EQ(0, none_waits(self));
	ends_close(&ends);
}

/* Who only waited behind a select need not wait when that has left. */
TEST_F(wait, loser_that_waits_for_bytes_leaves_what_is_free)
{
	struct running behind;
	struct ends ends;
	char in[64];

	ASSERT_EQ(0, fill_with_bytes(self, &ends, &behind));
	ASSERT_EQ(0, put_message(self->b.sender, 7));
	EXPECT_EQ(0, select_ends(&self->s));
	EXPECT_EQ(0, running_end(&behind));
	EXPECT_EQ(64, run_once(ends.receiver, op_now(in, 64)));
	EXPECT_EQ(0, run_once(ends.receiver, op_now(in, 64)));
	EXPECT_EQ(0, nothing_is_left(ends.admin));
	ends_close(&ends);
}

/* Also if somebody looks at the line in just that moment. */
struct onlooker {
	int fd;
	_Atomic bool over;
	long looks;
};

static ssize_t look_on(struct call *call)
{
	struct onlooker *onlooker = call->buf;

	while (!onlooker->over) {
		events_of(onlooker->fd);
		onlooker->looks++;
	}
	return 0;
}

static int leaves_what_is_free(FIXTURE_DATA(wait) * self)
{
	struct onlooker onlooker = { .fd = -1 };
	struct call call = { .fn = look_on, .buf = &onlooker };
	struct running behind;
	struct ends ends;

	CHECK_EQ(0, fill_with_bytes(self, &ends, &behind));
	onlooker.fd = ends.sender;
	CHECK_EQ(0, call_start(&call));
	CHECK_EQ(true, BECOMES(call.tid));
	CHECK_EQ(0, put_message(self->b.sender, 7));
	CHECK_EQ(0, select_ends(&self->s));
	CHECK_EQ(0, running_end(&behind));
	onlooker.over = true;
	CHECK_EQ(0, finish(&call));
	CHECK_EQ(true, waiting_are(ends.admin, 0, 0));
	ends_close(&ends);
	return 0;
}

TEST_F_TIMEOUT(wait, loser_leaves_what_is_free_whoever_looks_on,
	       STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 4.0;
	long rounds = 0;

	do {
		ASSERT_EQ(0, leaves_what_is_free(self));
		rounds++;
	} while (now() < end);
	TH_LOG("%ld rounds", rounds);
	EXPECT_LE(at_least(1), rounds);
}

/* Nor when it has been interrupted. */
TEST_F(wait, select_that_is_interrupted_leaves_what_is_free)
{
	struct running behind;
	struct ends ends;

	ASSERT_EQ(0, fill_with_bytes(self, &ends, &behind));
	ASSERT_TRUE(select_interrupt(&self->s));
	EXPECT_EQ(-EINTR, select_ends(&self->s));
	EXPECT_EQ(0, running_end(&behind));
	EXPECT_TRUE(waiting_are(ends.admin, 0, 0));
	ends_close(&ends);
}

TEST_HARNESS_MAIN
