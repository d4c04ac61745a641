// SPDX-License-Identifier: GPL-2.0-only
/*
 * An arm that is taken does what its operation does alone: the same results in
 * its record, the same effect on its channel. That holds for copies that change
 * nothing and for those that acknowledge, for duties, priorities, tags and
 * stamps, for channels that make work of what they are sent or want one length,
 * and for messages of many pages; and for its failures, which leave everything
 * as it was.
 */
#include "duties.h"
#include "select.h"

#define LARGE CHAN_MSG_DEFAULT

FIXTURE(arm)
{
	int control;
	struct ends ends;
	int idle[2]; /* channels on which nothing happens */
	struct selecting s;
	char *hole;
};

FIXTURE_SETUP(arm)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, SLOTS, 64, 0));
	ASSERT_EQ(0, whole_channels(self->control, self->idle, 2, 1));
	self->hole = page_edge(PROT_NONE);
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(arm)
{
	page_edge_free(self->hole);
	close_all(self->idle, 2);
	ends_close(&self->ends);
	close(self->control);
}

/* As the second of three; the others are on channels where nothing happens. */
#define SECOND 1

static void list_second(FIXTURE_DATA(arm) * self, int fd, struct chan_op op)
{
	select_init(&self->s, self->idle[0]);
	add_recv(&self->s, self->idle[0]);
	add_arm(&self->s, fd, op);
	add_recv(&self->s, self->idle[1]);
}

/* Its result, or why the select ended otherwise. */
static int run_second_arm(FIXTURE_DATA(arm) * self, int fd, struct chan_op op)
{
	int ret;

	list_second(self, fd, op);
	ret = select_now(&self->s);
	return ret == SECOND ? self->s.arms[SECOND].result : ret;
}

/* As alone ------------------------------------------------------------------ */

/* Of two channels with the same history, one is used by OP, one by SELECT. */
struct twin {
	int fd, receiver, sender;
	char in[64];
};

/* What was there before the operation. */
struct scenario {
	const char *what;
	struct chan_op message; /* if it has a code */
	struct chan_op op;
	int by_receiver; /* on an endpoint that cannot send */
	int shut;
};

static int twin_open(FIXTURE_DATA(arm) * self, struct twin *t,
		     const struct scenario *scenario)
{
	struct chan_create c = roomy_record(NULL);

	t->fd = create_with(self->control, &c);
	t->receiver = derive(t->fd, CHAN_RIGHT_RECV);
	t->sender = derive_badge(t->fd, CHAN_RIGHT_SEND, 77);
	memset(t->in, 0xcc, sizeof(t->in));
	if (scenario->message.code)
		CHECK_EQ(0, run_once(t->sender, scenario->message));
	if (scenario->shut)
		CHECK_EQ(0, shut_down(t->fd));
	return 0;
}

static void twin_close(struct twin *t)
{
	close(t->fd);
	close(t->receiver);
	close(t->sender);
}

/* What has to be equal; numbers of messages may have gaps. */
static struct chan_op comparable(struct chan_op op, int ret)
{
	op.fd = 0;
	op.buf = 0;
	if (op.result >= 0 && op.code == CHAN_OP_RECV)
		op.sent_at = 0;
	if (op.id && op.id != 0xcccccccccccccccc)
		op.id = 1;
	/* A member of no such operation, for what the ioctl has told. */
	op.reply_buf = ret;
	return op;
}

static struct chan_op run_twin(FIXTURE_DATA(arm) * self, struct twin *t,
			       const struct scenario *scenario, bool selects)
{
	int fd = scenario->by_receiver ? t->receiver : t->fd, ret;
	struct chan_op op = with_garbage(scenario->op);

	if (op.code == CHAN_OP_RECV && !op.buf)
		op.buf = address(t->in);
	if (!selects) {
		ret = record_ioctl(fd, CHAN_IOC_OP, &op);
		return comparable(op, ret);
	}
	ret = run_second_arm(self, fd, op);
	return comparable(self->s.arms[SECOND], ret < 0 ? ret : 0);
}

static int is_equal(const struct chan_op *alone, const struct chan_op *arm)
{
	CHECK_EQ((int)alone->reply_buf, (int)arm->reply_buf);
	CHECK_EQ(alone->result, arm->result);
	CHECK_EQ(alone->len, arm->len);
	CHECK_EQ(alone->state, arm->state);
	CHECK_EQ(alone->id, arm->id);
	CHECK_EQ(alone->attempt, arm->attempt);
	CHECK_EQ(0, memcmp(alone, arm, sizeof(*alone)));
	return 0;
}

static int is_as_alone(FIXTURE_DATA(arm) * self,
		       const struct scenario *scenario)
{
	struct chan_stat stats[2];
	struct chan_op came[2];
	struct twin twins[2];

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(0, twin_open(self, &twins[i], scenario));
		came[i] = run_twin(self, &twins[i], scenario, i);
		stats[i] = stat_now(twins[i].fd);
	}
	CHECK_EQ(0, is_equal(&came[0], &came[1]));
	CHECK_EQ(0, memcmp(&stats[0], &stats[1], sizeof(stats[0])));
	CHECK_EQ(0, memcmp(twins[0].in, twins[1].in, sizeof(twins[0].in)));
	twin_close(&twins[0]);
	twin_close(&twins[1]);
	return 0;
}

/* With everything that a sender may say. */
static struct chan_op in_full(struct chan_op op)
{
	op.prio = 5;
	op.tag = 0x123456789abcdef0;
	return op;
}

/* With garbage in what a receiver only hears. */
static struct chan_op into(void *buf, size_t len, __u32 flags)
{
	struct chan_op op = op_recv(buf, len);

	op.flags = flags;
	op.duty = 0xcc;
	op.prio = 0xcc;
	op.reply_len = 0xcccccccccccccccc;
	op.tag = 0xcccccccccccccccc;
	return op;
}

TEST_F(arm, that_receives_does_as_alone)
{
	const struct chan_op work = in_full(op_work("work", 4));
	const struct chan_op text = in_full(op_send("text", 4));
	const struct chan_op whole = op_send(self->hole - 64, 64);
	const struct chan_op recv = into(NULL, 64, 0);
	const struct chan_op copy = into(NULL, 64, CHAN_PEEK);
	const struct chan_op read = into(NULL, 64, CHAN_AUTOACK);
	const struct scenario scenarios[] = {
		{ .what = "text", text, recv },
		{ .what = "nothing in it", op_send(NULL, 0), recv },
		{ .what = "as long as can be", whole, recv },
		{ .what = "work", work, recv },
		{ .what = "text, copied", text, copy },
		{ .what = "work, copied", work, copy },
		{ .what = "text, acknowledged", text, read },
		{ .what = "work, acknowledged", work, read },
		{ .what = "exactly fits", text, into(NULL, 4, 0) },
		{ .what = "too long", work, into(NULL, 3, 0) },
		{ .what = "too long to copy", work, into(NULL, 0, CHAN_PEEK) },
		{ .what = "fault", work, into(self->hole - 3, 64, 0) },
		{ .what = "fault at once", work, into(self->hole, 4, 0) },
		{ .what = "no memory", work, into((void *)1, 64, 0) },
		{ .what = "fault of a copy",
		  work,
		  into(self->hole - 3, 4, CHAN_PEEK) },
		{ .what = "too long, and a fault",
		  work,
		  into(self->hole, 3, 0) },
		{ .what = "drained", work, recv, .shut = 1 },
		{ .what = "shut down", .op = recv, .shut = 1 },
		{ .what = "shut down, to copy", .op = copy, .shut = 1 },
	};

	memset(self->hole - 64, 7, 64);
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		EXPECT_EQ(0, is_as_alone(self, &scenarios[i]))
		{
			TH_LOG("%s", scenarios[i].what);
		}
	}
}

TEST_F(arm, that_sends_does_as_alone)
{
	const struct chan_op text = in_full(op_send("text", 4));
	const struct chan_op whole = op_send(self->hole - 64, 64);
	const struct chan_op fault = op_send(self->hole - 3, 4);
	const struct scenario scenarios[] = {
		{ .what = "text", .op = text },
		{ .what = "behind another", text, text },
		{ .what = "nothing in it", .op = op_send(NULL, 0) },
		{ .what = "as long as can be", .op = whole },
		{ .what = "too long", .op = op_send(self->hole - 64, 65) },
		{ .what = "much too long", .op = op_send("", ~0ULL) },
		{ .what = "fault", .op = fault },
		{ .what = "shut down", .op = text, .shut = 1 },
		{ .what = "fault, and shut down", .op = fault, .shut = 1 },
		{ .what = "no right", .op = text, .by_receiver = 1 },
		{ .what = "no right, too long",
		  .op = op_send(self->hole, 65),
		  .by_receiver = 1 },
	};

	memset(self->hole - 64, 7, 64);
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		EXPECT_EQ(0, is_as_alone(self, &scenarios[i]))
		{
			TH_LOG("%s", scenarios[i].what);
		}
	}
}

/* Who sent it, and when; at once and after waiting. */
static int is_stamped_rightly(FIXTURE_DATA(arm) * self, __u64 begin)
{
	const struct chan_op *op = &self->s.arms[SECOND];

	CHECK_EQ(4, op->result);
	CHECK_EQ(0, memcmp("text", (void *)(uintptr_t)op->buf, 4));
	CHECK_EQ(4, op->len);
	CHECK_EQ(3, op->prio);
	CHECK_EQ(77, op->tag);
	CHECK_EQ(CHAN_DUTY_NONE, op->duty);
	CHECK_EQ(0, op->id);
	CHECK_EQ(1, op->attempt);
	CHECK_EQ(getuid(), op->uid);
	CHECK_EQ(getgid(), op->gid);
	CHECK_EQ(getpid(), op->pid);
	CHECK_EQ(0xbad9e, op->badge);
	CHECK_EQ(0, op->reply_len);
	CHECK_EQ(true, begin <= op->sent_at && op->sent_at <= clock_ns());
	return 0;
}

TEST_F(arm, that_receives_is_told_all_of_the_message)
{
	int badged = derive_badge(self->ends.admin, CHAN_RIGHT_SEND, 0xbad9e);
	struct chan_op sent = op_send("text", 4);
	__u64 begin = clock_ns();
	char in[64];

	ASSERT_LE(0, badged);
	sent.prio = 3;
	sent.tag = 77;
	ASSERT_EQ(0, run_once(badged, sent));
	EXPECT_EQ(4,
		  run_second_arm(self, self->ends.receiver, into(in, 64, 0)));
	EXPECT_EQ(0, is_stamped_rightly(self, begin));
	memset(in, 0xcc, sizeof(in));
	begin = clock_ns();
	list_second(self, self->ends.receiver, into(in, 64, 0));
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_EQ(0, run_once(badged, sent));
	EXPECT_EQ(SECOND, select_ends(&self->s));
	EXPECT_EQ(0, is_stamped_rightly(self, begin));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	close(badged);
}

TEST_F(arm, takes_the_highest_priority_first)
{
	static const __u8 prios[] = { 3, 0, CHAN_PRIO_MAX, 3, 7 };
	static const int order[] = { 2, 4, 0, 3, 1 };

	for (int i = 0; i < 5; i++) {
		struct chan_op op = op_send(&i, sizeof(i));

		op.prio = prios[i];
		ASSERT_EQ(0, run_second_arm(self, self->ends.sender, op));
	}
	for (int i = 0; i < 5; i++) {
		int nr = GARBAGE;

		EXPECT_EQ(4, run_second_arm(self, self->ends.receiver,
					    into(&nr, sizeof(nr), 0)));
		EXPECT_EQ(order[i], nr);
		EXPECT_EQ(prios[order[i]], self->s.arms[SECOND].prio);
	}
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* Duties -------------------------------------------------------------------- */

/* What has been received by an arm is settled as ever. */
static int arm_receives_duty(FIXTURE_DATA(arm) * self,
			     const struct style *style, bool parks)
{
	struct received received;
	struct sent sent;

	ends_close(&self->ends);
	CHECK_EQ(0, style_ends(self->control, style, &self->ends));

	list_second(self, self->ends.receiver, receive_op(&received));
	if (parks) {
		CHECK_EQ(0, select_start(&self->s));
		CHECK_EQ(true, waiting_are(self->ends.admin, 0, 1));
		CHECK_EQ(0, op_start(&sent.running, self->ends.sender,
				     styled(&sent, style, 7)));
		sent.waits = true;
		CHECK_EQ(SECOND, select_ends(&self->s));
	} else {
		CHECK_EQ(0, send_styled(&sent, self->ends.sender, style, 7));
		CHECK_EQ(SECOND, select_run(&self->s));
	}
	received.op = self->s.arms[SECOND];
	CHECK_EQ(7, received.nr);
	CHECK_EQ(style->duty, received.op.duty);
	CHECK_EQ(true, received.op.id != 0);
	CHECK_EQ(1, stat_now(self->ends.admin).unsettled);
	/* Whose it is: the endpoint that the arm was on. */
	CHECK_EQ(-ESTALE, settle(self->idle[0], &received, CHAN_RETURN));
	CHECK_EQ(0, settle_well(self->ends.receiver, &received));
	if (style_waits(style))
		CHECK_EQ(0, told_done(&sent));
	else if (parks)
		CHECK_EQ(0, op_finish(&sent.running));
	return nothing_is_left(self->ends.admin);
}

TEST_F(arm, that_receives_a_duty_can_settle_it)
{
	const struct style list[] = {
		WORK(SLOTS),   TASK(SLOTS),	  TASK_AGAIN(SLOTS),
		CALL(SLOTS),   CALL_AGAIN(SLOTS), TASK(0),
		TASK_AGAIN(0), CALL(0),		  CALL_AGAIN(0),
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		for (int parks = 0; parks < 2; parks++) {
			EXPECT_EQ(0, arm_receives_duty(self, &list[i], parks))
			{
				TH_LOG("style %zu, parks %d", i, parks);
			}
		}
}

/* A duty comes back when the endpoint of its arm ends. */
TEST_F(arm, whose_endpoint_dies_gives_its_duty_back)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV), nr = GARBAGE;

	ASSERT_EQ(0, run_once(self->ends.sender, op_work("work", 4)));
	EXPECT_EQ(4, run_second_arm(self, other, into(&nr, sizeof(nr), 0)));
	close(other);
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, queued, 1));
	EXPECT_EQ(4, run_second_arm(self, self->ends.receiver,
				    into(&nr, sizeof(nr), 0)));
	EXPECT_EQ(2, self->s.arms[SECOND].attempt);
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_settle(self->s.arms[SECOND].id, CHAN_ACK)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* PEEK and AUTOACK ------------------------------------------------------------ */

TEST_F(arm, that_looks_changes_nothing)
{
	struct chan_stat before;
	char in[64];

	ASSERT_EQ(0, run_once(self->ends.sender, op_work("first", 5)));
	ASSERT_EQ(0, run_once(self->ends.sender, op_work("second", 6)));
	before = stat_now(self->ends.admin);
	for (int i = 0; i < 3; i++) {
		memset(in, 0xcc, sizeof(in));
		EXPECT_EQ(5, run_second_arm(self, self->ends.receiver,
					    into(in, sizeof(in), CHAN_PEEK)));
		EXPECT_EQ(0, memcmp("first\xcc", in, 6));
		EXPECT_EQ(0, self->s.arms[SECOND].id);
	}
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	EXPECT_EQ(5, run_once(self->ends.receiver, op_now(in, sizeof(in))));
}

TEST_F(arm, that_waits_to_look_is_woken_and_takes_nothing)
{
	char in[64];

	list_second(self, self->ends.receiver, into(in, 64, CHAN_PEEK));
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_TRUE(waiting_are(self->idle[0], 0, 1));
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("text", 4)));
	EXPECT_EQ(SECOND, select_ends(&self->s));
	EXPECT_EQ(4, self->s.arms[SECOND].result);
	EXPECT_EQ(0, memcmp("text", in, 4));
	EXPECT_EQ(1, stat_now(self->ends.admin).queued);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_now(self->ends.admin).parked_receivers);
	EXPECT_EQ(4, run_once(self->ends.receiver, op_now(in, sizeof(in))));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(0, nothing_is_left_on(self->idle, 2));
}

/* A call is rejected, as read does it, and is not the message of the arm. */
TEST_F(arm, that_acknowledges_rejects_calls_and_takes_the_next)
{
	struct sent call, second;
	int nr = GARBAGE;

	ASSERT_EQ(0, send_styled(&call, self->ends.sender, &CALL(SLOTS), 1));
	ASSERT_EQ(0, put_message(self->ends.sender, 2));
	EXPECT_EQ(4, run_second_arm(self, self->ends.receiver,
				    into(&nr, sizeof(nr), CHAN_AUTOACK)));
	EXPECT_EQ(2, nr);
	EXPECT_EQ(0, told(&call, -EREMOTEIO, CHAN_STATE_SETTLED, CHAN_REJECT,
			  EOPNOTSUPP));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	/* And if there is no next, it waits for one. */
	list_second(self, self->ends.receiver,
		    into(&nr, sizeof(nr), CHAN_AUTOACK));
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	second.waits = true;
	ASSERT_EQ(0, op_start(&second.running, self->ends.sender,
			      styled(&second, &CALL(SLOTS), 3)));
	EXPECT_EQ(0, told(&second, -EREMOTEIO, CHAN_STATE_SETTLED, CHAN_REJECT,
			  EOPNOTSUPP));
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_TRUE(select_sleeps(&self->s));
	ASSERT_EQ(0, put_message(self->ends.sender, 4));
	EXPECT_EQ(SECOND, select_ends(&self->s));
	EXPECT_EQ(4, nr);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(0, nothing_is_left_on(self->idle, 2));
}

TEST_F(arm, that_acknowledges_settles_what_wants_it)
{
	struct sent task;
	int nr = GARBAGE;

	ASSERT_EQ(0, send_styled(&task, self->ends.sender, &TASK(SLOTS), 1));
	EXPECT_EQ(4, run_second_arm(self, self->ends.receiver,
				    into(&nr, sizeof(nr), CHAN_AUTOACK)));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(0, self->s.arms[SECOND].id);
	EXPECT_EQ(0, told_done(&task));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* Channels of other kinds ------------------------------------------------------ */

/* With these flags and up to 64 bytes in a message. */
static int flagged(FIXTURE_DATA(arm) * self, __u32 flags)
{
	struct chan_create c = roomy_record(NULL);

	c.flags = flags;
	c.cap = 1;
	c.rights = RIGHTS_ALL;
	return create_with(self->control, &c);
}

TEST_F(arm, that_sends_to_a_work_queue_sends_work)
{
	int fd = flagged(self, CHAN_WORKQUEUE);
	struct chan_op op;
	char in[64];

	ASSERT_LE(0, fd);
	for (int parks = 0; parks < 2; parks++) {
		list_second(self, fd, op_send("work", 4));
		if (!parks) {
			ASSERT_EQ(SECOND, select_run(&self->s));
			EXPECT_EQ(CHAN_DUTY_NONE, self->s.arms[SECOND].duty);
			continue;
		}
		ASSERT_EQ(0, select_start(&self->s));
		ASSERT_TRUE(waiting_are(fd, 1, 0));
		/* Received only: its slot is not free before it is done. */
		op = op_now(in, sizeof(in));
		EXPECT_EQ(4, run(fd, &op));
		EXPECT_EQ(CHAN_DUTY_ACK, op.duty);
		EXPECT_TRUE(waiting_are(fd, 1, 0));
		EXPECT_EQ(0, run_once(fd, op_settle(op.id, CHAN_ACK)));
		EXPECT_EQ(SECOND, select_ends(&self->s));
	}
	op = op_now(in, sizeof(in));
	EXPECT_EQ(4, run(fd, &op));
	EXPECT_EQ(CHAN_DUTY_ACK, op.duty);
	EXPECT_EQ(0, run_once(fd, op_settle(op.id, CHAN_ACK)));
	EXPECT_EQ(0, nothing_is_left(fd));
	EXPECT_EQ(0, nothing_is_left_on(self->idle, 2));
	close(fd);
}

TEST_F(arm, that_sends_another_length_than_a_channel_takes_is_EMSGSIZE)
{
	int fd = flagged(self, CHAN_FIXED);
	char out[65], in[65];

	ASSERT_LE(0, fd);
	stamp(out, sizeof(out), 1);
	for (size_t len = 0; len <= 65; len++) {
		int ret = run_second_arm(self, fd, op_send(out, len));

		EXPECT_EQ(len == 64 ? 0 : -EMSGSIZE, ret);
	}
	EXPECT_EQ(1, stat_now(fd).queued);
	/* Though there is no room for it anyway. */
	EXPECT_EQ(-EMSGSIZE, run_second_arm(self, fd, op_send(out, 63)));
	EXPECT_EQ(-EMSGSIZE, run_second_arm(self, fd, into(in, 63, 0)));
	EXPECT_EQ(64, self->s.arms[SECOND].len);
	EXPECT_EQ(64, run_second_arm(self, fd, into(in, 65, 0)));
	EXPECT_EQ(0, memcmp(out, in, 64));
	close(fd);
}

/* In all lengths around a page, and as long as a channel's default. */
static int passes(FIXTURE_DATA(arm) * self, int fd, size_t len, bool parks)
{
	static char out[LARGE], in[LARGE];

	stamp(out, len, len);
	memset(in, 0xcc, LARGE);
	if (!parks)
		CHECK_EQ(0, run_second_arm(self, fd, op_send(out, len)));
	list_second(self, fd, into(in, LARGE, 0));
	if (parks) {
		CHECK_EQ(0, select_start(&self->s));
		CHECK_EQ(true, waiting_are(fd, 0, 1));
		CHECK_EQ((ssize_t)len, put_bytes(fd, out, len));
		CHECK_EQ(SECOND, select_ends(&self->s));
	} else {
		CHECK_EQ(SECOND, select_run(&self->s));
	}
	CHECK_EQ((int)len, self->s.arms[SECOND].result);
	CHECK_EQ(len, self->s.arms[SECOND].len);
	CHECK_EQ(true, is_stamped(in, len, len));
	if (len < LARGE)
		CHECK_EQ((char)0xcc, in[len]);
	return nothing_is_left(fd);
}

TEST_F(arm, passes_messages_of_64_KiB)
{
	static const size_t lengths[] = { 1,	4095,	   4096, 4097,
					  8192, LARGE - 1, LARGE };
	int fd = create_sized(self->control, 1, 0, 0);
	int meeting = create_sized(self->control, 0, 0, 0);

	ASSERT_LE(0, fd);
	ASSERT_LE(0, meeting);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		EXPECT_EQ(0, passes(self, fd, lengths[i], false));
		EXPECT_EQ(0, passes(self, fd, lengths[i], true));
		EXPECT_EQ(0, passes(self, meeting, lengths[i], true));
	}
	close(fd);
	close(meeting);
}

/* The payload is of the time at which the select began, if it waits. */
TEST_F(arm, that_waits_to_send_a_long_message_sends_it_whole)
{
	static char out[LARGE], in[LARGE];
	int fds[2];

	fds[0] = create_sized(self->control, 1, 0, 0);
	fds[1] = create_sized(self->control, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		ASSERT_LE(0, fds[i]);
		if (!i)
			ASSERT_EQ(0, put_message(fds[i], OBSTACLE));
		stamp(out, LARGE, i);
		list_second(self, fds[i], op_send(out, LARGE));
		ASSERT_EQ(0, select_start(&self->s));
		ASSERT_TRUE(waiting_are(fds[i], 1, 0));
		if (!i)
			ASSERT_EQ(OBSTACLE, take_message(fds[i]));
		EXPECT_EQ(LARGE, run_once(fds[i], op_soon(in, LARGE)));
		EXPECT_EQ(SECOND, select_ends(&self->s));
		EXPECT_TRUE(is_stamped(in, LARGE, i));
		EXPECT_EQ(i ? CHAN_STATE_RECEIVED : CHAN_STATE_QUEUED,
			  self->s.arms[SECOND].state);
		EXPECT_EQ(0, nothing_is_left(fds[i]));
		close(fds[i]);
	}
}

/* Of as many channels as there can be, each with another payload. */
TEST_F(arm, that_waits_with_63_others_sends_its_own_message)
{
	static char outs[ARMS_MAX][LARGE], in[LARGE];
	int fds[ARMS_MAX];

	select_init(&self->s, self->idle[0]);
	for (int i = 0; i < ARMS_MAX; i++) {
		fds[i] = create_sized(self->control, 1, 0, 0);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, put_message(fds[i], OBSTACLE));
		stamp(outs[i], LARGE, i);
		add_arm(&self->s, fds[i], op_send(outs[i], LARGE));
	}
	for (int i = 0; i < ARMS_MAX; i += 9) {
		ASSERT_EQ(0, select_start(&self->s));
		for (int j = 0; j < ARMS_MAX; j++)
			ASSERT_TRUE(waiting_are(fds[j], 1, 0));
		ASSERT_EQ(OBSTACLE, take_message(fds[i]));
		EXPECT_EQ(i, select_ends(&self->s));
		EXPECT_EQ(LARGE, run_once(fds[i], op_now(in, LARGE)));
		EXPECT_TRUE(is_stamped(in, LARGE, i));
		ASSERT_EQ(0, put_message(fds[i], OBSTACLE));
		for (int j = 0; j < ARMS_MAX; j++)
			EXPECT_TRUE(waiting_are(fds[j], 0, 0));
		select_again(&self->s);
	}
	close_all(fds, ARMS_MAX);
}

TEST_HARNESS_MAIN
