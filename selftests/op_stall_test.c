// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that do not come, of a userfaultfd and of FUSE, under each part of an
 * operation: the payload, the buffer, the reply, the room for it and the record
 * itself. Who waits for such a page waits alone, while others pass messages
 * through the same channel as fast as ever; when the page comes the operation
 * is done, and when it fails nothing was done. A message whose copy is stalled
 * can be taken back by its sender, and then it is never received.
 */
#include "scene.h"

FIXTURE(stall)
{
	int control;
	struct ends ends, others;
	struct stall stall;
	struct running send;
	char reply[sizeof(ANSWER)];
	int nr;
	long before, during, passed;
	double seconds; /* in which those before did */
};

FIXTURE_VARIANT(stall)
{
	int (*open)(struct stall * stall);
};

/* clang-format off */
FIXTURE_VARIANT_ADD(stall, userfaultfd) {
	.open = stall_open,
};
FIXTURE_VARIANT_ADD(stall, fuse) {
	.open = stall_open_fuse,
};
/* clang-format on */

static int open_ends(FIXTURE_DATA(stall) * self)
{
	self->control = open_control();
	CHECK_EQ(0, ends_sized(self->control, &self->ends, 8, 64, 0));
	self->others.sender = derive(self->ends.admin, CHAN_RIGHT_SEND);
	self->others.receiver = derive(self->ends.admin, CHAN_RIGHT_RECV);
	self->nr = 1;
	return 0;
}

static void close_ends(FIXTURE_DATA(stall) * self)
{
	stall_close(&self->stall);
	close(self->others.sender);
	close(self->others.receiver);
	ends_close(&self->ends);
	close(self->control);
}

FIXTURE_SETUP(stall)
{
	int err = variant->open(&self->stall);

	if (err == -ENODEV)
		SKIP(return, "this kernel has no FUSE");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, open_ends(self));
}

FIXTURE_TEARDOWN(stall)
{
	close_ends(self);
}

/* Others ------------------------------------------------------------------ */

/* Messages with a duty that two others pass to each other until then. */
static long passing(struct ends *ends, long least, long most, double end)
{
	struct chan_op op;
	int nr = 1000, got;

	do {
		nr++;
		op = op_work(&nr, sizeof(nr));
		op.flags = CHAN_NOWAIT;
		if (run(ends->sender, &op))
			return -1;
		op = op_recv(&got, sizeof(got));
		op.flags = CHAN_NOWAIT;
		if (run(ends->receiver, &op) != sizeof(got) || got != nr)
			return -1;
		if (run_once(ends->receiver, op_settle(op.id, CHAN_ACK)))
			return -1;
	} while (storm_goes_on(end, nr - 1000 >= least) && nr - 1000 < most);
	return nr - 1000;
}

#define WINDOW (seconds_each() / 20.0)

/* How many pass as long as nothing is stalled, and in what time. */
#define PASS_BEFORE()                                                        \
	do {                                                                 \
		double begun_ = now();                                       \
		self->before = passing(&self->others, at_least(20), INT_MAX, \
				       begun_ + WINDOW);                     \
		self->seconds = now() - begun_;                              \
		ASSERT_LE(at_least(20), self->before);                       \
	} while (0)

/*
 * It is stalled, and as many pass as before; that they may take some times as
 * long is for the other users of a machine.
 */
#define PASS_MEANWHILE()                                                \
	do {                                                            \
		double begun_;                                          \
		ASSERT_TRUE(stall_reached(&self->stall));               \
		begun_ = now();                                         \
		self->during = passing(&self->others, 0, self->before,  \
				       begun_ + 10 * self->seconds);    \
		TH_LOG("%ld messages in %.2f s, and in %.2f s stalled", \
		       self->before, self->seconds, now() - begun_);    \
		EXPECT_EQ(self->before, self->during);                  \
		self->passed = self->before + self->during;             \
	} while (0)

static int start_call(FIXTURE_DATA(stall) * self, void *buf, void *reply)
{
	struct chan_op op = op_call(buf, sizeof(int), reply, sizeof(ANSWER));

	return op_start(&self->send, self->ends.sender, op);
}

static int receive_call(FIXTURE_DATA(stall) * self, __u64 *token)
{
	__u32 attempt;

	CHECK_EQ(0, receive_number(self->ends.receiver, self->nr, token,
				   &attempt));
	CHECK_EQ(1, *token != 0);
	CHECK_EQ(1, attempt);
	return 0;
}

static int answer(FIXTURE_DATA(stall) * self, __u64 token)
{
	return run_once(self->ends.receiver,
			op_reply(token, ANSWER, sizeof(ANSWER)));
}

static int expect_answered(FIXTURE_DATA(stall) * self, const char *reply)
{
	CHECK_EQ((int)sizeof(ANSWER), op_ends(&self->send));
	CHECK_EQ(0, strcmp(ANSWER, reply));
	return 0;
}

/* Nothing is left, and so many have been received beside the others'. */
static int expect_over(FIXTURE_DATA(stall) * self, int received)
{
	struct chan_stat stat;

	CHECK_EQ(1, waiting_are(self->ends.admin, 0, 0));
	stat = stat_now(self->ends.admin);
	CHECK_EQ(0, stat.queued);
	CHECK_EQ(0, stat.unsettled);
	CHECK_EQ(0, stat.bytes);
	CHECK_EQ(self->passed + received, stat.totals_received);
	CHECK_EQ(0, stat.totals_redelivered);
	return expect_nothing(self->ends.receiver);
}

/* The payload -------------------------------------------------------------- */

TEST_F_TIMEOUT(stall, payload_of_a_send, STORM_TIMEOUT(1))
{
	__u64 token;

	PASS_BEFORE();
	ASSERT_EQ(0, start_call(self, self->stall.page, self->reply));
	PASS_MEANWHILE();
	EXPECT_EQ(0, stat_now(self->ends.admin).queued);
	EXPECT_EQ((__u64)self->passed, stat_now(self->ends.admin).totals_sent);
	EXPECT_FALSE(self->send.over);
	stall_end(&self->stall, &self->nr, sizeof(self->nr));
	ASSERT_EQ(0, receive_call(self, &token));
	EXPECT_EQ(0, answer(self, token));
	EXPECT_EQ(0, expect_answered(self, self->reply));
	EXPECT_EQ(0, expect_over(self, 1));
}

TEST_F(stall, payload_that_never_comes_was_not_sent)
{
	ASSERT_EQ(0, start_call(self, self->stall.page, self->reply));
	ASSERT_TRUE(stall_reached(&self->stall));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, op_ends(&self->send));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_sent);
	EXPECT_EQ(0, expect_over(self, 0));
}

/* The buffer --------------------------------------------------------------- */

static int start_receive(struct running *receive, FIXTURE_DATA(stall) * self)
{
	return op_start(receive, self->ends.receiver,
			op_recv(self->stall.page, 64));
}

TEST_F_TIMEOUT(stall, buffer_of_a_receive, STORM_TIMEOUT(1))
{
	struct running receive;

	PASS_BEFORE();
	ASSERT_EQ(0, start_call(self, &self->nr, self->reply));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, queued, 1));
	ASSERT_EQ(0, start_receive(&receive, self));
	PASS_MEANWHILE();
	EXPECT_EQ(1, stat_now(self->ends.admin).queued);
	EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(0, expect_nothing(self->others.receiver));
	EXPECT_FALSE(receive.over);
	stall_let(&self->stall);
	ASSERT_EQ(4, op_ends(&receive));
	EXPECT_EQ(1, *(int *)self->stall.page);
	EXPECT_EQ(1, receive.op.attempt);
	EXPECT_FALSE(self->send.over);
	EXPECT_EQ(0, answer(self, receive.op.id));
	EXPECT_EQ(0, expect_answered(self, self->reply));
	EXPECT_EQ(0, expect_over(self, 1));
}

TEST_F(stall, buffer_that_never_comes_leaves_the_message_first)
{
	struct running receive;
	__u64 token;

	ASSERT_EQ(0, start_call(self, &self->nr, self->reply));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, queued, 1));
	ASSERT_EQ(0, start_receive(&receive, self));
	ASSERT_TRUE(stall_reached(&self->stall));
	ASSERT_EQ(0, send_plain(self->others.sender, 2));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, op_ends(&receive));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(2, stat_now(self->ends.admin).queued);
	ASSERT_EQ(0, receive_call(self, &token));
	EXPECT_EQ(0, expect_plain(self->ends.receiver, 2));
	EXPECT_EQ(0, answer(self, token));
	EXPECT_EQ(0, expect_answered(self, self->reply));
	EXPECT_EQ(0, expect_over(self, 2));
}

static void receive_into(int fd, void *page)
{
	run_once(fd, op_recv(page, 64));
}

TEST_F(stall, receiver_that_is_killed_there_has_not_received)
{
	struct chan_stat before, after;
	__u64 token;
	pid_t pid;

	ASSERT_EQ(0, start_call(self, &self->nr, self->reply));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, queued, 1));
	before = stat_now(self->ends.admin);
	pid = stalled_child(variant->open, receive_into, self->ends.receiver);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, child_kill(pid));
	after = stat_now(self->ends.admin);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_FALSE(self->send.over);
	ASSERT_EQ(0, receive_call(self, &token));
	EXPECT_EQ(0, answer(self, token));
	EXPECT_EQ(0, expect_answered(self, self->reply));
	EXPECT_EQ(0, expect_over(self, 1));
}

/* The reply, where it comes from -------------------------------------------- */

/* A call is received, and the answer to it does not come. */
static int start_reply(struct running *settle, FIXTURE_DATA(stall) * self,
		       __u64 *token)
{
	CHECK_EQ(0, start_call(self, &self->nr, self->reply));
	CHECK_EQ(0, receive_call(self, token));
	return op_start(settle, self->ends.receiver,
			op_reply(*token, self->stall.page, sizeof(ANSWER)));
}

static int stall_reply(struct running *settle, FIXTURE_DATA(stall) * self,
		       __u64 *token)
{
	CHECK_EQ(0, start_reply(settle, self, token));
	CHECK_EQ(1, stall_reached(&self->stall));
	return 0;
}

TEST_F_TIMEOUT(stall, reply_of_a_settle, STORM_TIMEOUT(1))
{
	struct running settle;
	__u64 token;

	PASS_BEFORE();
	ASSERT_EQ(0, start_reply(&settle, self, &token));
	PASS_MEANWHILE();
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	EXPECT_FALSE(self->send.over);
	EXPECT_FALSE(settle.over);
	stall_end(&self->stall, ANSWER, sizeof(ANSWER));
	EXPECT_EQ(0, op_ends(&settle));
	EXPECT_EQ(0, expect_answered(self, self->reply));
	EXPECT_EQ(-ESTALE, answer(self, token));
	EXPECT_EQ(0, expect_over(self, 1));
}

TEST_F(stall, reply_that_never_comes_leaves_the_duty_open)
{
	struct running settle;
	__u64 token;

	ASSERT_EQ(0, stall_reply(&settle, self, &token));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, op_ends(&settle));
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	EXPECT_FALSE(self->send.over);
	EXPECT_EQ(0, answer(self, token));
	EXPECT_EQ(0, expect_answered(self, self->reply));
	EXPECT_EQ(0, expect_over(self, 1));
}

TEST_F(stall, caller_can_leave_while_its_reply_is_stalled)
{
	struct running settle;
	__u64 token;

	ASSERT_EQ(0, stall_reply(&settle, self, &token));
	EXPECT_EQ(0, run_once(self->ends.sender, op_cancel(self->send.op.id)));
	EXPECT_EQ(-ECANCELED, op_ends(&self->send));
	EXPECT_EQ(CHAN_STATE_ABANDONED, self->send.op.state);
	EXPECT_FALSE(settle.over);
	stall_end(&self->stall, ANSWER, sizeof(ANSWER));
	EXPECT_EQ(-ECANCELED, op_ends(&settle));
	EXPECT_EQ(-ESTALE, answer(self, token));
	EXPECT_STREQ("", self->reply);
	EXPECT_EQ(0, expect_over(self, 1));
}

/* Another thread settles meanwhile: one of both has done it. */
TEST_F(stall, duty_is_settled_once_while_a_reply_is_stalled)
{
	struct running settle;
	__u64 token;
	int rejected, replied, told;

	ASSERT_EQ(0, stall_reply(&settle, self, &token));
	rejected = run_once(self->ends.receiver, op_reject(token, ENOLINK));
	stall_end(&self->stall, ANSWER, sizeof(ANSWER));
	replied = op_ends(&settle);
	told = op_ends(&self->send);
	EXPECT_EQ(rejected ? 0 : -ESTALE, replied);
	EXPECT_EQ(replied ? 0 : -ESTALE, rejected);
	EXPECT_EQ(replied ? -EREMOTEIO : (int)sizeof(ANSWER), told);
	EXPECT_EQ(replied ? ENOLINK : 0, self->send.op.error);
	EXPECT_EQ(-ESTALE, answer(self, token));
	EXPECT_EQ(0, expect_over(self, 1));
}

/* The reply, where it goes --------------------------------------------------- */

TEST_F_TIMEOUT(stall, room_of_the_caller, STORM_TIMEOUT(1))
{
	__u64 token;

	PASS_BEFORE();
	ASSERT_EQ(0, start_call(self, &self->nr, self->stall.page));
	ASSERT_EQ(0, receive_call(self, &token));
	/* The one who replies does not wait for the page. */
	EXPECT_EQ(0, answer(self, token));
	PASS_MEANWHILE();
	EXPECT_FALSE(self->send.over);
	EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(0, stat_now(self->ends.admin).bytes);
	stall_let(&self->stall);
	EXPECT_EQ(0, expect_answered(self, self->stall.page));
	EXPECT_EQ(0, expect_over(self, 1));
}

TEST_F(stall, room_that_never_comes_keeps_the_reply)
{
	struct chan_op op;
	__u64 token;

	ASSERT_EQ(0, start_call(self, &self->nr, self->stall.page));
	ASSERT_EQ(0, receive_call(self, &token));
	EXPECT_EQ(0, answer(self, token));
	ASSERT_TRUE(stall_reached(&self->stall));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, op_ends(&self->send));
	op = op_wait(self->send.op.id);
	op.reply_buf = address(self->reply);
	op.reply_len = sizeof(self->reply);
	EXPECT_EQ(sizeof(ANSWER), run(self->ends.sender, &op));
	EXPECT_STREQ(ANSWER, self->reply);
	EXPECT_EQ(-ENOENT, run(self->ends.sender, &op));
	EXPECT_EQ(0, expect_over(self, 1));
}

/* The record ----------------------------------------------------------------- */

/* Its record is where its buffer points. */
static void *record_main(void *arg)
{
	struct running *running = arg;
	void *record = (void *)(uintptr_t)running->op.buf;

	running->result = run(running->fd, record);
	running->over = true;
	return NULL;
}

static int start_record(struct running *running, int fd, struct stall *stall)
{
	*running = (struct running){ .fd = fd };
	running->op.buf = address(stall->page);
	return -pthread_create(&running->thread, NULL, record_main, running);
}

TEST_F_TIMEOUT(stall, record_of_a_send, STORM_TIMEOUT(1))
{
	struct chan_op op = op_send(&self->nr, sizeof(self->nr));

	PASS_BEFORE();
	ASSERT_EQ(0,
		  start_record(&self->send, self->ends.sender, &self->stall));
	PASS_MEANWHILE();
	EXPECT_EQ((__u64)self->passed, stat_now(self->ends.admin).totals_sent);
	EXPECT_FALSE(self->send.over);
	stall_end(&self->stall, &op, sizeof(op));
	EXPECT_EQ(0, op_ends(&self->send));
	EXPECT_EQ(0, expect_plain(self->ends.receiver, 1));
	EXPECT_EQ(0, expect_over(self, 1));
}

TEST_F_TIMEOUT(stall, record_of_a_receive, STORM_TIMEOUT(1))
{
	int got = GARBAGE;
	struct chan_op op = op_recv(&got, sizeof(got));
	struct running receive;

	PASS_BEFORE();
	ASSERT_EQ(0, start_record(&receive, self->ends.receiver, &self->stall));
	PASS_MEANWHILE();
	EXPECT_EQ(0, stat_now(self->ends.admin).parked_receivers);
	stall_end(&self->stall, &op, sizeof(op));
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(0, send_plain(self->ends.sender, 1));
	EXPECT_EQ(4, op_ends(&receive));
	EXPECT_EQ(1, got);
	EXPECT_EQ(0, expect_over(self, 1));
}

TEST_F_TIMEOUT(stall, record_of_a_settle, STORM_TIMEOUT(1))
{
	struct running settle;
	struct chan_op op;
	__u64 token;

	PASS_BEFORE();
	ASSERT_EQ(0, start_call(self, &self->nr, self->reply));
	ASSERT_EQ(0, receive_call(self, &token));
	ASSERT_EQ(0, start_record(&settle, self->ends.receiver, &self->stall));
	PASS_MEANWHILE();
	EXPECT_FALSE(self->send.over);
	op = op_reply(token, ANSWER, sizeof(ANSWER));
	stall_end(&self->stall, &op, sizeof(op));
	EXPECT_EQ(0, op_ends(&settle));
	EXPECT_EQ(0, expect_answered(self, self->reply));
	EXPECT_EQ(0, expect_over(self, 1));
}

TEST_F(stall, record_that_never_comes_has_no_effect)
{
	ASSERT_EQ(0,
		  start_record(&self->send, self->ends.sender, &self->stall));
	ASSERT_TRUE(stall_reached(&self->stall));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, op_ends(&self->send));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_sent);
	EXPECT_EQ(0, expect_over(self, 0));
}

/* The record, where results go: the page can be read, but not written yet. */

FIXTURE(record)
{
	FIXTURE_DATA(stall) site;
};

FIXTURE_SETUP(record)
{
	ASSERT_EQ(0, stall_open(&self->site.stall));
	ASSERT_EQ(0, open_ends(&self->site));
}

FIXTURE_TEARDOWN(record)
{
	close_ends(&self->site);
}

static int protect_record(FIXTURE_DATA(stall) * self, struct chan_op op)
{
	stall_close(&self->stall);
	return stall_open_written(&self->stall, &op, sizeof(op));
}

static void send_to_protected(struct __test_metadata *_metadata,
			      FIXTURE_DATA(stall) * self)
{
	struct chan_op op = op_send(&self->nr, sizeof(self->nr));

	PASS_BEFORE();
	ASSERT_EQ(0, protect_record(self, op));
	ASSERT_EQ(0,
		  start_record(&self->send, self->ends.sender, &self->stall));
	PASS_MEANWHILE();
	EXPECT_EQ((__u64)self->passed, stat_now(self->ends.admin).totals_sent);
	EXPECT_EQ(0, stat_now(self->ends.admin).queued);
	stall_let(&self->stall);
	EXPECT_EQ(0, op_ends(&self->send));
	EXPECT_EQ(0, expect_plain(self->ends.receiver, 1));
	EXPECT_EQ(0, expect_over(self, 1));
	/* And if it cannot be: */
	ASSERT_EQ(0, protect_record(self, op));
	ASSERT_EQ(0,
		  start_record(&self->send, self->ends.sender, &self->stall));
	ASSERT_TRUE(stall_reached(&self->stall));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, op_ends(&self->send));
	EXPECT_EQ(0, expect_over(self, 1));
}

TEST_F_TIMEOUT(record, id_is_written_before_the_message_is_sent,
	       STORM_TIMEOUT(1))
{
	send_to_protected(_metadata, &self->site);
}

static void receive_to_protected(struct __test_metadata *_metadata,
				 FIXTURE_DATA(stall) * self)
{
	int got = GARBAGE;
	struct chan_op op = op_recv(&got, sizeof(got));
	struct running receive;
	__u64 token;

	PASS_BEFORE();
	ASSERT_EQ(0, start_call(self, &self->nr, self->reply));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, queued, 1));
	ASSERT_EQ(0, protect_record(self, op));
	ASSERT_EQ(0, start_record(&receive, self->ends.receiver, &self->stall));
	PASS_MEANWHILE();
	EXPECT_EQ(1, stat_now(self->ends.admin).queued);
	EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, op_ends(&receive));
	EXPECT_FALSE(self->send.over);
	ASSERT_EQ(0, protect_record(self, op));
	ASSERT_EQ(0, start_record(&receive, self->ends.receiver, &self->stall));
	ASSERT_TRUE(stall_reached(&self->stall));
	EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
	stall_let(&self->stall);
	EXPECT_EQ(4, op_ends(&receive));
	EXPECT_EQ(1, got);
	EXPECT_EQ(1, ((struct chan_op *)self->stall.page)->attempt);
	token = ((struct chan_op *)self->stall.page)->id;
	EXPECT_EQ(0, answer(self, token));
	EXPECT_EQ(0, expect_answered(self, self->reply));
	EXPECT_EQ(0, expect_over(self, 1));
}

TEST_F_TIMEOUT(record, is_written_before_the_message_is_received,
	       STORM_TIMEOUT(1))
{
	receive_to_protected(_metadata, &self->site);
}

/* Taken back ------------------------------------------------------------------ */

FIXTURE(claimed)
{
	int control;
};

FIXTURE_VARIANT(claimed)
{
	int (*open)(struct stall * stall);
	__u32 cap;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(claimed, userfaultfd_slots) {
	.open = stall_open,
	.cap = SCENE_CAP,
};
FIXTURE_VARIANT_ADD(claimed, userfaultfd_rendezvous) {
	.open = stall_open,
	.cap = 0,
};
FIXTURE_VARIANT_ADD(claimed, fuse_slots) {
	.open = stall_open_fuse,
	.cap = SCENE_CAP,
};
FIXTURE_VARIANT_ADD(claimed, fuse_rendezvous) {
	.open = stall_open_fuse,
	.cap = 0,
};
/* clang-format on */

FIXTURE_SETUP(claimed)
{
	if (variant->open == stall_open_fuse && access("/dev/fuse", F_OK))
		SKIP(return, "this kernel has no FUSE");
	self->control = open_control();
	ASSERT_LE(0, self->control);
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(claimed)
{
	close(self->control);
}

enum way { BY_SIGNAL, BY_CANCEL, BY_TAG, WAYS };

/* What the sender is told, after it has been made to leave. */
static int leave(struct scene *s, enum way way)
{
	switch (way) {
	case BY_SIGNAL:
		CHECK_EQ(1, op_interrupt(&s->send));
		return -EINTR;
	case BY_CANCEL:
		CHECK_EQ(0, run_once(s->ends.sender, op_cancel(scene_id(s))));
		return -ECANCELED;
	default:
		CHECK_EQ(1, run_once(s->ends.sender, op_cancel_tag(SCENE_TAG)));
		return -ECANCELED;
	}
}

/* As many as there are slots: it has left its own. */
static int fill(struct scene *s)
{
	int nr = 10;
	struct chan_op op;

	for (__u32 i = 0; i <= s->cap; i++, nr++) {
		op = op_send(&nr, sizeof(nr));
		op.flags = CHAN_NOWAIT;
		CHECK_EQ(i == s->cap ? -EAGAIN : 0, run(s->ends.sender, &op));
	}
	return 0;
}

/* The receiver has the first of those that came later, and the others stay. */
static int expect_next_received(struct scene *s)
{
	struct running next;
	int nr = 10;

	CHECK_EQ(0, fill(s));
	if (!s->cap) {
		CHECK_EQ(0, op_start(&next, s->ends.sender,
				     op_send(&nr, sizeof(nr))));
		CHECK_EQ(1, waiting_are(s->ends.admin, 1, 0));
	}
	CHECK_EQ(s->cap, stat_now(s->ends.admin).queued);
	CHECK_EQ(0, s->receive.over);
	stall_let(&s->stall);
	CHECK_EQ(0, scene_copied(s, 10));
	CHECK_EQ(0, s->receive.op.id);
	CHECK_EQ(0, s->receive.op.tag);
	if (!s->cap)
		CHECK_EQ(0, op_ends(&next));
	for (__u32 i = 1; i < s->cap; i++)
		CHECK_EQ(0, expect_plain(s->ends.receiver, 10 + i));
	s->deliveries += s->cap ?: 1;
	s->place = AT_QUEUE;
	return 0;
}

static int taken_back(struct scene *s, int (*open)(struct stall *stall),
		      enum way way, bool others)
{
	int told;

	s->stall_open = open;
	CHECK_EQ(0, scene_open(s));
	told = leave(s, way);
	/* At once, while the copy goes on being stalled. */
	CHECK_EQ(told, op_ends(&s->send));
	CHECK_EQ(CHAN_OP_SEND, s->send.op.code);
	CHECK_EQ(CHAN_STATE_WITHDRAWN, s->send.op.state);
	CHECK_EQ(0, s->receive.over);
	CHECK_EQ(0, stat_now(s->ends.admin).bytes);
	CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_cancel(s->send.op.id)));
	if (others)
		CHECK_EQ(0, expect_next_received(s));
	else
		CHECK_EQ(0, expect_withdrawn(s));
	return scene_is_over(s);
}

/* Those that can be claimed while they wait. */
static const struct style *const claimable[] = {
	STYLE_MEET,
	STYLE_TASK,
	STYLE_CALL,
};

#define CLAIMABLE ARRAY_SIZE(claimable)

TEST_F_TIMEOUT(claimed, receiver_goes_on_waiting, 60)
{
	struct scene *s;

	for (int way = 0; way < WAYS; way++)
		for (size_t i = 0; i < CLAIMABLE; i++) {
			s = scene_new(claimable[i], variant->cap, AT_COPY);
			EXPECT_SCENE(s,
				     taken_back(s, variant->open, way, false));
		}
}

TEST_F_TIMEOUT(claimed, receiver_gets_the_next_that_has_come, 60)
{
	struct scene *s;

	for (int way = 0; way < WAYS; way++)
		for (size_t i = 0; i < CLAIMABLE; i++) {
			s = scene_new(claimable[i], variant->cap, AT_COPY);
			EXPECT_SCENE(s,
				     taken_back(s, variant->open, way, true));
		}
}

static int is_open(struct stall *stall)
{
	return stall->page ? 0 : -EBADF;
}

/*
 * All with the same deadline, which begins when the pages are there; false if
 * it was too soon for one of them.
 */
static bool claim_all(struct scene **all, int (*open)(struct stall *stall),
		      __u32 cap, unsigned int ms)
{
	bool good = true;
	__u64 deadline;

	for (size_t i = 0; i < CLAIMABLE; i++) {
		all[i] = scene_new(claimable[i], cap, AT_COPY);
		all[i]->stall_open = is_open;
		good &= !open(&all[i]->stall);
	}
	deadline = in_ms(ms);
	for (size_t i = 0; good && i < CLAIMABLE; i++) {
		all[i]->deadline = deadline;
		good &= !scene_open(all[i]);
	}
	return good;
}

static int expect_timed_out(struct scene *s)
{
	CHECK_EQ(-ETIMEDOUT, op_ends(&s->send));
	CHECK_EQ(1, clock_ns() >= s->deadline);
	CHECK_EQ(CHAN_STATE_WITHDRAWN, s->send.op.state);
	CHECK_EQ(0, stat_now(s->ends.admin).bytes);
	CHECK_EQ(0, expect_withdrawn(s));
	return scene_is_over(s);
}

TEST_F_TIMEOUT(claimed, receiver_goes_on_after_a_deadline, 120)
{
	struct scene *all[CLAIMABLE];
	bool claimed = false;

	for (int ms = 500; !claimed && ms <= 32000; ms *= 4)
		claimed = claim_all(all, variant->open, variant->cap, ms);
	ASSERT_TRUE(claimed);
	sleep_until(all[0]->deadline);
	for (size_t i = 0; i < CLAIMABLE; i++)
		EXPECT_SCENE(all[i], expect_timed_out(all[i]));
}

/* Claimed again, after somebody has returned it: it has been received. */
static int claimed_again(struct scene *s, int (*open)(struct stall *stall))
{
	bool calls = s->style->duty == CHAN_DUTY_REPLY;
	int ret;

	s->stall_open = open;
	CHECK_EQ(0, scene_open(s));
	CHECK_EQ(0, scene_claim(s));
	ret = run_once(s->ends.sender, op_cancel(scene_id(s)));
	CHECK_EQ(calls ? 0 : -EALREADY, ret);
	if (!calls) {
		stall_let(&s->stall);
		CHECK_EQ(0, scene_copied(s, 1));
		CHECK_EQ(2, s->receive.op.attempt);
		s->token = s->receive.op.id;
		s->deliveries++;
		CHECK_EQ(0, scene_settle(s));
		CHECK_EQ(0, scene_ends_well(s));
		return scene_is_over(s);
	}
	CHECK_EQ(-ECANCELED, op_ends(&s->send));
	CHECK_EQ(CHAN_STATE_ABANDONED, s->send.op.state);
	CHECK_EQ(0, stat_now(s->ends.admin).bytes);
	CHECK_EQ(0, s->receive.over);
	stall_let(&s->stall);
	CHECK_EQ(1, waiting_are(s->ends.admin, 0, 1));
	CHECK_EQ(0, send_plain(s->ends.sender, 2));
	CHECK_EQ(0, scene_copied(s, 2));
	s->deliveries++;
	return scene_is_over(s);
}

TEST_F(claimed, again_can_be_abandoned_but_not_withdrawn)
{
	struct scene *s;

	s = scene_new(STYLE_CALL, variant->cap, AT_RETURNED);
	EXPECT_SCENE(s, claimed_again(s, variant->open));
	s = scene_new(STYLE_TASK, variant->cap, AT_RETURNED);
	EXPECT_SCENE(s, claimed_again(s, variant->open));
}

TEST_HARNESS_MAIN
