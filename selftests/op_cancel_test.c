// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaving early: CANCEL by id and by tag, and deadlines, at each place of a
 * message's way. What nobody has received is withdrawn and never received; a
 * call that somebody holds is abandoned; a task is done whether its sender
 * listens or not. An outcome that its sender could not take is kept until WAIT
 * fetches it, CANCEL forgets it or the endpoint ends. Whatever comes at the
 * same time, each send has one outcome, and the receiver has seen the same.
 */
#include "rings.h"
#include "scene.h"

FIXTURE(cancel)
{
	int control;
};

FIXTURE_VARIANT(cancel)
{
	__u32 cap;
	enum entry entry;
	enum ring_kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(cancel, slots) {
	.cap = SCENE_CAP,
};
FIXTURE_VARIANT_ADD(cancel, rendezvous) {
	.cap = 0,
};
FIXTURE_VARIANT_ADD(cancel, slots_by_a_ring) {
	.cap = SCENE_CAP,
	.entry = BY_A_RING,
	.kind = RING_DEFER,
};
FIXTURE_VARIANT_ADD(cancel, rendezvous_by_a_ring) {
	.cap = 0,
	.entry = BY_A_RING,
	.kind = RING_COOP,
};
/* clang-format on */

FIXTURE_SETUP(cancel)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	catch_signal(SIGUSR1, 0);
	if (variant->entry == BY_A_RING)
		enter_by_ring(variant->kind);
}

FIXTURE_TEARDOWN(cancel)
{
	close(self->control);
}

/* CANCEL at each place --------------------------------------------------- */

/* A task that somebody has received is not its sender's any more. */
static bool is_too_late(const struct scene *s)
{
	return was_received(s->place) && s->style->duty == CHAN_DUTY_ACK;
}

static int cancel(struct scene *s, bool by_tag)
{
	return run_once(s->ends.sender, by_tag ? op_cancel_tag(SCENE_TAG) :
						 op_cancel(scene_id(s)));
}

static int expect_undisturbed(struct scene *s)
{
	CHECK_EQ(0, s->send.over);
	CHECK_EQ(0, scene_go_on(s));
	CHECK_EQ(0, scene_ends_well(s));
	return scene_is_over(s);
}

/* As after CANCEL or a deadline. */
static int expect_gone(struct scene *s, __u32 state)
{
	if (!was_received(s->place)) {
		CHECK_EQ(CHAN_STATE_WITHDRAWN, state);
		return expect_withdrawn(s);
	}
	if (s->style->duty == CHAN_DUTY_REPLY)
		CHECK_EQ(CHAN_STATE_ABANDONED, state);
	else
		CHECK_EQ(is_held(s->place) ? CHAN_STATE_RECEIVED :
					     CHAN_STATE_QUEUED,
			 state);
	return expect_unheard(s);
}

static int cancelled(struct scene *s, bool by_tag)
{
	CHECK_EQ(0, scene_open(s));
	if (is_too_late(s)) {
		CHECK_EQ(by_tag ? 0 : -EALREADY, cancel(s, by_tag));
		return expect_undisturbed(s);
	}
	CHECK_EQ(by_tag, cancel(s, by_tag));
	CHECK_EQ(-ECANCELED, op_ends(&s->send));
	CHECK_EQ(CHAN_OP_SEND, s->send.op.code);
	CHECK_EQ(0, expect_gone(s, s->send.op.state));
	CHECK_EQ(by_tag ? 0 : -ENOENT, cancel(s, by_tag));
	return scene_is_over(s);
}

TEST_F_TIMEOUT(cancel, by_id_at_each_place, 60)
{
	struct scene *s;

	FOR_EACH_SCENE(s, variant->cap)
	EXPECT_SCENE(s, cancelled(s, false));
}

TEST_F_TIMEOUT(cancel, by_tag_at_each_place, 60)
{
	struct scene *s;

	FOR_EACH_SCENE(s, variant->cap)
	EXPECT_SCENE(s, cancelled(s, true));
}

/* Nor can anybody else wait for it. */
static int strangers_try(struct scene *s)
{
	int other;
	__u64 id;

	CHECK_EQ(0, scene_open(s));
	other = derive(s->ends.admin, CHAN_RIGHT_SEND);
	CHECK_EQ(1, other >= 0);
	id = scene_id(s);
	CHECK_EQ(-ENOENT, run_once(other, op_cancel(id)));
	CHECK_EQ(-ENOENT, run_once(s->ends.receiver, op_cancel(id)));
	CHECK_EQ(-ENOENT, run_once(s->ends.admin, op_cancel(id)));
	CHECK_EQ(0, run_once(other, op_cancel_tag(SCENE_TAG)));
	CHECK_EQ(0, run_once(s->ends.receiver, op_cancel_tag(SCENE_TAG)));
	CHECK_EQ(0, run_once(s->ends.sender, op_cancel_tag(SCENE_TAG + 1)));
	CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_cancel(id + 1000)));
	CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_cancel(0)));
	CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_cancel(-1ULL)));
	CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_wait(id + 1000)));
	CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_wait(0)));
	CHECK_EQ(-ENOENT, run_once(other, op_wait(id)));
	if (s->token) {
		CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_wait(s->token)));
		CHECK_EQ(-ENOENT,
			 run_once(s->ends.sender, op_cancel(s->token)));
		CHECK_EQ(-ENOENT,
			 run_once(s->ends.receiver, op_cancel(s->token)));
	}
	/* A thread waits for it already. */
	CHECK_EQ(-EBUSY, run_once(s->ends.sender, op_wait(id)));
	close(other);
	return expect_undisturbed(s);
}

TEST_F_TIMEOUT(cancel, strangers_and_wrong_numbers_do_nothing, 60)
{
	struct scene *s;

	FOR_EACH_SCENE(s, variant->cap)
	EXPECT_SCENE(s, strangers_try(s));
}

/* What has been told, and what nobody waits for, is nobody's any more. */
TEST_F(cancel, what_is_over_cannot_be_cancelled)
{
	int nr = 1;
	struct chan_op plain = op_send(&nr, sizeof(nr));
	struct chan_op work = op_work(&nr, sizeof(nr));
	struct chan_stat before, after;
	struct ends ends;

	ASSERT_EQ(0, ends_sized(self->control, &ends, SCENE_CAP, 64, 0));
	plain.tag = SCENE_TAG;
	work.tag = SCENE_TAG;
	ASSERT_EQ(0, run(ends.sender, &plain));
	ASSERT_EQ(0, run(ends.sender, &work));
	before = stat_now(ends.admin);
	EXPECT_EQ(-ENOENT, run_once(ends.sender, op_cancel(plain.id)));
	EXPECT_EQ(-ENOENT, run_once(ends.sender, op_cancel(work.id)));
	EXPECT_EQ(-ENOENT, run_once(ends.sender, op_wait(plain.id)));
	EXPECT_EQ(-ENOENT, run_once(ends.sender, op_wait(work.id)));
	EXPECT_EQ(0, run_once(ends.sender, op_cancel_tag(SCENE_TAG)));
	after = stat_now(ends.admin);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(2, after.queued);
	ends_close(&ends);
}

TEST_F(cancel, tag_0_and_foreign_flags_are_malformed)
{
	struct scene *s = scene_new(STYLE_CALL, variant->cap, AT_RECEIVER);
	struct chan_op op = op_cancel_tag(0);

	ASSERT_EQ(0, scene_open(s));
	EXPECT_EQ(-EINVAL, run(s->ends.sender, &op));
	for (int bit = 0; bit < 32; bit++) {
		op = op_cancel(scene_id(s));
		op.flags = 1U << bit;
		if (op.flags == CHAN_BY_TAG)
			continue;
		EXPECT_EQ(-EINVAL, run(s->ends.sender, &op));
		op = op_wait(scene_id(s));
		op.flags = 1U << bit;
		EXPECT_EQ(-EINVAL, run(s->ends.sender, &op));
	}
	EXPECT_SCENE(s, expect_undisturbed(s));
}

/* A RECV, and several at once --------------------------------------------- */

static int start_receive(struct running *receive, int fd, int *nr, __u64 tag)
{
	struct chan_op op = op_recv(nr, sizeof(*nr));

	op.tag = tag;
	return op_start(receive, fd, op);
}

TEST_F(cancel, receive_by_its_tag)
{
	struct running one, two, other;
	int nrs[3] = { GARBAGE, GARBAGE, GARBAGE };
	struct chan_stat before;
	struct ends ends;

	ASSERT_EQ(0, ends_sized(self->control, &ends, variant->cap, 64, 0));
	before = stat_now(ends.admin);
	ASSERT_EQ(0, start_receive(&one, ends.receiver, &nrs[0], 7));
	ASSERT_EQ(0, start_receive(&two, ends.receiver, &nrs[1], 7));
	ASSERT_EQ(0, start_receive(&other, ends.receiver, &nrs[2], 8));
	ASSERT_TRUE(waiting_are(ends.admin, 0, 3));
	EXPECT_EQ(0, run_once(ends.sender, op_cancel_tag(7)));
	EXPECT_EQ(0, run_once(ends.receiver, op_cancel_tag(9)));
	EXPECT_EQ(2, run_once(ends.receiver, op_cancel_tag(7)));
	EXPECT_EQ(-ECANCELED, op_ends(&one));
	EXPECT_EQ(-ECANCELED, op_ends(&two));
	EXPECT_TRUE(waiting_are(ends.admin, 0, 1));
	EXPECT_FALSE(other.over);
	EXPECT_EQ(0, run_once(ends.receiver, op_cancel_tag(7)));
	EXPECT_EQ(0, send_plain(ends.sender, 1));
	EXPECT_EQ(4, op_ends(&other));
	EXPECT_EQ(1, nrs[2]);
	EXPECT_EQ(GARBAGE, nrs[0]);
	EXPECT_EQ(GARBAGE, nrs[1]);
	EXPECT_EQ(before.totals_received + 1,
		  stat_now(ends.admin).totals_received);
	EXPECT_TRUE(waiting_are(ends.admin, 0, 0));
	/* It is over. */
	EXPECT_EQ(0, run_once(ends.receiver, op_cancel_tag(8)));
	ends_close(&ends);
}

static int start_call(struct running *send, int fd, int *nr, char *reply)
{
	struct chan_op op = op_call(nr, sizeof(*nr), reply, sizeof(ANSWER));

	op.tag = 7;
	return op_start(send, fd, op);
}

/* Two calls received, one kept, a RECV; one endpoint has them all. */
TEST_F(cancel, one_tag_ends_all_that_an_endpoint_has_pending)
{
	struct running calls[3], receive;
	char reply[sizeof(ANSWER)];
	struct ends ends;
	__u64 tokens[3];
	int nr = 1, got, both;

	if (entry == BY_A_RING)
		SKIP(return, "what is pending has no task to be interrupted");
	ASSERT_EQ(0, ends_sized(self->control, &ends, 4, 64, 0));
	both = derive(ends.admin, CHAN_RIGHT_SEND | CHAN_RIGHT_RECV);
	ASSERT_LE(0, both);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, start_call(&calls[i], both, &nr, reply));
		ASSERT_EQ(0,
			  receive_number(ends.receiver, 1, &tokens[i], NULL));
	}
	ASSERT_TRUE(op_interrupt(&calls[2]));
	ASSERT_EQ(-EINTR, op_ends(&calls[2]));
	ASSERT_EQ(0, start_receive(&receive, both, &got, 7));
	ASSERT_TRUE(waiting_are(ends.admin, 0, 1));
	EXPECT_EQ(4, run_once(both, op_cancel_tag(7)));
	EXPECT_EQ(-ECANCELED, op_ends(&calls[0]));
	EXPECT_EQ(-ECANCELED, op_ends(&calls[1]));
	EXPECT_EQ(-ECANCELED, op_ends(&receive));
	EXPECT_EQ(0, run_once(both, op_cancel_tag(7)));
	EXPECT_EQ(-ENOENT, run(both, &calls[2].op));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-ECANCELED,
			  run_once(ends.receiver, op_reply(tokens[i], "", 0)));
		EXPECT_EQ(-ESTALE,
			  run_once(ends.receiver, op_reply(tokens[i], "", 0)));
	}
	EXPECT_EQ(0, stat_now(ends.admin).bytes);
	close(both);
	ends_close(&ends);
}

/* Deadlines at each place ------------------------------------------------- */

#define SCENES_MAX 64

/* How many; all have the same deadline. */
static int open_all(struct scene **all, __u32 cap, __u64 deadline)
{
	struct scene *s;
	int nr = 0;

	FOR_EACH_SCENE(s, cap)
	{
		s->deadline = deadline;
		if (nr == SCENES_MAX || scene_open(s))
			return -1;
		all[nr++] = s;
	}
	return nr;
}

static int timed_out(struct scene *s)
{
	CHECK_EQ(-ETIMEDOUT, op_ends(&s->send));
	CHECK_EQ(1, clock_ns() >= s->deadline);
	CHECK_EQ(CHAN_OP_SEND, s->send.op.code);
	CHECK_EQ(0, expect_gone(s, s->send.op.state));
	CHECK_EQ(-ENOENT, cancel(s, false));
	CHECK_EQ(0, cancel(s, true));
	return scene_is_over(s);
}

/* All together, so that it takes only once as long. */
TEST_F_TIMEOUT(cancel, deadline_at_each_place, 240)
{
	struct scene *all[SCENES_MAX];
	__u64 deadline = 0;
	int nr = 0;

	OPEN_IN_TIME(nr, deadline, open_all(all, variant->cap, deadline));
	for (int i = 0; i < nr; i++)
		EXPECT_FALSE(all[i]->send.over && clock_ns() < deadline);
	sleep_until(deadline);
	for (int i = 0; i < nr; i++)
		EXPECT_SCENE(all[i], timed_out(all[i]));
}

TEST_F(cancel, deadline_that_has_passed_tries_once)
{
	int nr = 1, got = GARBAGE;
	struct chan_op send = op_send(&nr, sizeof(nr));
	struct chan_op receive = op_recv(&got, sizeof(got));
	struct chan_stat before;
	struct running other;
	struct ends ends;

	ASSERT_EQ(0, ends_sized(self->control, &ends, variant->cap, 64, 0));
	send.deadline = 1;
	receive.deadline = 1;
	before = stat_now(ends.admin);
	EXPECT_EQ(-ETIMEDOUT, run(ends.receiver, &receive));
	EXPECT_EQ(sizeof(got), receive.len);
	EXPECT_EQ(1, receive.deadline);
	EXPECT_EQ(GARBAGE, got);
	EXPECT_EQ(before.totals_received, stat_now(ends.admin).totals_received);
	EXPECT_TRUE(waiting_are(ends.admin, 0, 0));
	for (__u32 i = 0; i < variant->cap; i++)
		EXPECT_EQ(0, run(ends.sender, &send));
	EXPECT_EQ(-ETIMEDOUT, run(ends.sender, &send));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, send.state);
	EXPECT_EQ(variant->cap, stat_now(ends.admin).queued);
	for (__u32 i = 0; i < variant->cap; i++)
		EXPECT_EQ(4, run(ends.receiver, &receive));
	EXPECT_EQ(-ETIMEDOUT, run(ends.receiver, &receive));
	if (!variant->cap) {
		ASSERT_EQ(0, op_start(&other, ends.sender,
				      op_send(&nr, sizeof(nr))));
		ASSERT_TRUE(waiting_are(ends.admin, 1, 0));
		EXPECT_EQ(4, run(ends.receiver, &receive));
		EXPECT_EQ(0, op_ends(&other));
	}
	EXPECT_EQ(0, expect_nothing(ends.receiver));
	ends_close(&ends);
}

TEST_F(cancel, deadline_of_a_receive_ends_it_without_effect)
{
	int got = GARBAGE;
	struct chan_op op = op_recv(&got, sizeof(got));
	struct chan_stat before, after;
	struct ends ends;

	ASSERT_EQ(0, ends_sized(self->control, &ends, variant->cap, 64, 0));
	before = stat_now(ends.admin);
	for (int peek = 0; peek < 2; peek++) {
		op.flags = peek ? CHAN_PEEK : 0;
		op.deadline = in_ms(30);
		EXPECT_EQ(-ETIMEDOUT, run(ends.receiver, &op));
		EXPECT_LE(op.deadline, clock_ns());
		EXPECT_EQ(sizeof(got), op.len);
		after = stat_now(ends.admin);
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	}
	ends_close(&ends);
}

/* Outcomes that are kept -------------------------------------------------- */

/* Interrupted after receipt; the record is a WAIT. */
static int scene_keep(struct scene *s)
{
	CHECK_EQ(0, scene_open(s));
	CHECK_EQ(1, op_interrupt(&s->send));
	CHECK_EQ(-EINTR, op_ends(&s->send));
	CHECK_EQ(CHAN_OP_WAIT, s->send.op.code);
	return 0;
}

static int fetch(struct scene *s)
{
	struct chan_op op = s->send.op;

	return expect_good(s, run(s->ends.sender, &op), &op);
}

static int expect_forgotten(struct scene *s)
{
	CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_wait(s->send.op.id)));
	CHECK_EQ(-ENOENT, cancel(s, false));
	CHECK_EQ(0, cancel(s, true));
	return scene_is_over(s);
}

static int kept_and_cancelled(struct scene *s, bool settled, bool by_tag)
{
	CHECK_EQ(0, scene_keep(s));
	if (settled)
		CHECK_EQ(0, scene_go_on(s));
	if (is_too_late(s) && !settled) {
		CHECK_EQ(by_tag ? 0 : -EALREADY, cancel(s, by_tag));
		CHECK_EQ(0, scene_go_on(s));
		CHECK_EQ(0, fetch(s));
		return expect_forgotten(s);
	}
	CHECK_EQ(by_tag, cancel(s, by_tag));
	if (!settled)
		CHECK_EQ(0, expect_unheard(s));
	return expect_forgotten(s);
}

TEST_F_TIMEOUT(cancel, kept_outcome_is_forgotten, 60)
{
	struct scene *s;

	if (entry == BY_A_RING)
		SKIP(return, "what is pending has no task to be interrupted");
	for (int how = 0; how < 4; how++)
		FOR_EACH_RECEIVED(s, variant->cap)
	EXPECT_SCENE(s, kept_and_cancelled(s, how & 1, how & 2));
}

static int endpoint_ends(struct scene *s, bool settled)
{
	int old, other;

	CHECK_EQ(0, scene_keep(s));
	other = derive(s->ends.admin, CHAN_RIGHT_SEND);
	CHECK_EQ(1, other >= 0);
	if (settled)
		CHECK_EQ(0, scene_go_on(s));
	old = s->ends.sender;
	s->ends.sender = other;
	close(old);
	CHECK_EQ(1, endpoints_are(s->ends.admin, 1, 1));
	if (!settled)
		CHECK_EQ(0, expect_unheard(s));
	return expect_forgotten(s);
}

TEST_F_TIMEOUT(cancel, kept_outcome_ends_with_its_endpoint, 60)
{
	struct scene *s;

	if (entry == BY_A_RING)
		SKIP(return, "what is pending has no task to be interrupted");
	for (int settled = 0; settled < 2; settled++)
		FOR_EACH_RECEIVED(s, variant->cap)
	EXPECT_SCENE(s, endpoint_ends(s, settled));
}

static int told_past_the_deadline(struct scene *s, bool settled)
{
	struct chan_op op = s->send.op;

	if (settled) {
		CHECK_EQ(0, fetch(s));
		return expect_forgotten(s);
	}
	/* The send's own, if this has none. */
	op.deadline = 0;
	CHECK_EQ(-ETIMEDOUT, run(s->ends.sender, &op));
	CHECK_EQ(0, expect_gone(s, op.state));
	return expect_forgotten(s);
}

/* Every other pair is settled. */
static int keep_all(struct scene *all[4], __u32 cap, __u64 deadline)
{
	for (int i = 0; i < 4; i++) {
		all[i] = scene_new(i & 1 ? STYLE_CALL : STYLE_TASK, cap,
				   AT_RECEIVER);
		all[i]->deadline = deadline;
		if (scene_keep(all[i]) || (i & 2 && scene_go_on(all[i])))
			return -1;
	}
	return 4;
}

TEST_F_TIMEOUT(cancel, kept_outcome_is_told_also_past_the_deadline, 120)
{
	__u64 deadline = 0;
	struct scene *all[4];
	int nr = 0;

	if (entry == BY_A_RING)
		SKIP(return, "what is pending has no task to be interrupted");
	OPEN_IN_TIME(nr, deadline, keep_all(all, variant->cap, deadline));
	sleep_until(deadline);
	for (int i = 0; i < nr; i++)
		EXPECT_SCENE(all[i], told_past_the_deadline(all[i], i & 2));
}

/* What an endpoint keeps is bounded. */
TEST_F(cancel, who_keeps_max_parked_outcomes_must_fetch_first)
{
	struct scene *s = scene_new(STYLE_CALL, variant->cap, AT_RECEIVER);
	long long old = get_parameter("max_parked");
	struct chan_op op;

	if (entry == BY_A_RING)
		SKIP(return, "what is pending has no task to be interrupted");
	ASSERT_LT(0, old);
	ASSERT_EQ(0, scene_keep(s));
	ASSERT_EQ(0, set_parameter("max_parked", 1));
	op = scene_record(s);
	op.deadline = 1;
	EXPECT_EQ(-EBUSY, run(s->ends.sender, &op));
	op = op_send(&s->nr, sizeof(s->nr));
	op.deadline = 1;
	EXPECT_EQ(variant->cap ? 0 : -ETIMEDOUT, run(s->ends.sender, &op));
	if (variant->cap)
		EXPECT_EQ(0, expect_plain(s->ends.receiver, 1));
	EXPECT_EQ(0, cancel(s, false));
	op = scene_record(s);
	op.deadline = 1;
	EXPECT_EQ(-ETIMEDOUT, run(s->ends.sender, &op));
	EXPECT_EQ(0, set_parameter("max_parked", old));
	EXPECT_EQ(0, expect_late_settle(s));
	scene_close(s);
}

/* WAIT -------------------------------------------------------------------- */

FIXTURE(wait)
{
	struct scene *call, *task;
	char own[64];
	char *hole;
};

FIXTURE_VARIANT(wait)
{
	__u32 cap;
	enum entry entry; /* of the WAIT */
	enum ring_kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(wait, slots) {
	.cap = SCENE_CAP,
};
FIXTURE_VARIANT_ADD(wait, rendezvous) {
	.cap = 0,
};
FIXTURE_VARIANT_ADD(wait, rendezvous_by_a_ring) {
	.cap = 0,
	.entry = BY_A_RING,
	.kind = RING_DEFER,
};
FIXTURE_VARIANT_ADD(wait, slots_by_a_ring_that_polls) {
	.cap = SCENE_CAP,
	.entry = BY_A_RING,
	.kind = RING_SQPOLL,
};
/* clang-format on */

FIXTURE_SETUP(wait)
{
	catch_signal(SIGUSR1, 0);
	self->call = scene_new(STYLE_CALL, variant->cap, AT_RECEIVER);
	self->task = scene_new(STYLE_TASK, variant->cap, AT_RECEIVER);
	ASSERT_EQ(0, scene_keep(self->call));
	ASSERT_EQ(0, scene_keep(self->task));
	if (variant->entry == BY_A_RING)
		enter_by_ring(variant->kind);
	memset(self->own, 0xcc, sizeof(self->own));
	self->hole = page_edge(PROT_NONE);
}

FIXTURE_TEARDOWN(wait)
{
	page_edge_free(self->hole);
	scene_close(self->call);
	scene_close(self->task);
}

static struct chan_op wait_into(struct scene *s, void *reply, size_t len)
{
	struct chan_op op = op_wait(s->send.op.id);

	op.reply_buf = address(reply);
	op.reply_len = len;
	return op;
}

TEST_F(wait, takes_the_reply_into_the_buffer_of_its_own)
{
	struct chan_op op;

	ASSERT_EQ(0, scene_go_on(self->call));
	op = wait_into(self->call, self->own, sizeof(self->own));
	EXPECT_EQ(sizeof(ANSWER), run(self->call->ends.sender, &op));
	EXPECT_EQ(sizeof(ANSWER), op.reply_len);
	EXPECT_EQ(CHAN_STATE_SETTLED, op.state);
	EXPECT_EQ(CHAN_REPLY, op.verdict);
	EXPECT_STREQ(ANSWER, self->own);
	EXPECT_EQ((char)0xcc, self->own[sizeof(ANSWER)]);
	EXPECT_STREQ("", self->call->reply);
	EXPECT_EQ(0, expect_forgotten(self->call));
}

TEST_F(wait, takes_the_reply_into_the_buffer_of_the_send)
{
	struct chan_op op = op_wait(self->call->send.op.id);

	ASSERT_EQ(0, scene_go_on(self->call));
	EXPECT_EQ(sizeof(ANSWER), run(self->call->ends.sender, &op));
	EXPECT_STREQ(ANSWER, self->call->reply);
	EXPECT_EQ(0, expect_forgotten(self->call));
}

TEST_F(wait, that_has_begun_takes_it_into_the_buffer_of_its_own)
{
	struct running wait;
	struct chan_op op;

	op = wait_into(self->call, self->own, sizeof(self->own));
	ASSERT_EQ(0, op_start(&wait, self->call->ends.sender, op));
	ASSERT_TRUE(op_sleeps(&wait));
	ASSERT_EQ(0, scene_go_on(self->call));
	EXPECT_EQ(sizeof(ANSWER), op_ends(&wait));
	EXPECT_STREQ(ANSWER, self->own);
	EXPECT_STREQ("", self->call->reply);
	EXPECT_EQ(0, expect_forgotten(self->call));
}

TEST_F(wait, buffer_that_is_too_small_is_EMSGSIZE_and_the_reply_is_kept)
{
	struct chan_op op;

	ASSERT_EQ(0, scene_go_on(self->call));
	for (size_t len = 0; len < sizeof(ANSWER); len++) {
		op = wait_into(self->call, self->own, len);
		EXPECT_EQ(-EMSGSIZE, run(self->call->ends.sender, &op));
		EXPECT_EQ((char)0xcc, self->own[0]);
	}
	op = wait_into(self->call, self->own, sizeof(ANSWER));
	EXPECT_EQ(sizeof(ANSWER), run(self->call->ends.sender, &op));
	EXPECT_STREQ(ANSWER, self->own);
	EXPECT_EQ(0, expect_forgotten(self->call));
}

TEST_F(wait, buffer_that_cannot_be_written_is_EFAULT_and_the_reply_is_kept)
{
	struct chan_op op;

	ASSERT_EQ(0, scene_go_on(self->call));
	for (size_t part = 0; part < sizeof(ANSWER); part++) {
		op = wait_into(self->call, self->hole - part, sizeof(ANSWER));
		EXPECT_EQ(-EFAULT, run(self->call->ends.sender, &op));
		EXPECT_EQ(CHAN_OP_WAIT, op.code);
	}
	EXPECT_EQ(0, fetch(self->call));
	EXPECT_EQ(0, expect_forgotten(self->call));
}

TEST_F(wait, has_a_deadline_of_its_own)
{
	struct scene *both[] = { self->call, self->task };
	struct chan_op op;

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct scene *s = both[i];

		op = wait_into(s, self->own, sizeof(self->own));
		op.deadline = in_ms(30);
		EXPECT_EQ(-ETIMEDOUT, run(s->ends.sender, &op));
		EXPECT_LE(op.deadline, clock_ns());
		EXPECT_EQ(CHAN_OP_WAIT, op.code);
		EXPECT_EQ(0, expect_gone(s, op.state));
		EXPECT_EQ(0, expect_forgotten(s));
	}
}

TEST_F(wait, deadline_that_has_passed_still_fetches_what_is_settled)
{
	struct scene *both[] = { self->call, self->task };
	struct chan_op op;

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct scene *s = both[i];

		ASSERT_EQ(0, scene_go_on(s));
		op = s->send.op;
		op.deadline = 1;
		EXPECT_EQ(0, expect_good(s, run(s->ends.sender, &op), &op));
		EXPECT_EQ(0, expect_forgotten(s));
	}
}

TEST_F(wait, only_one_can_wait)
{
	struct scene *both[] = { self->call, self->task };

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct scene *s = both[i];

		ASSERT_EQ(0, op_start(&s->send, s->ends.sender, s->send.op));
		ASSERT_TRUE(op_sleeps(&s->send));
		EXPECT_EQ(-EBUSY,
			  run_once(s->ends.sender, op_wait(s->send.op.id)));
		EXPECT_EQ(0, expect_undisturbed(s));
	}
}

TEST_F(wait, can_be_cancelled)
{
	struct scene *s = self->call;

	ASSERT_EQ(0, op_start(&s->send, s->ends.sender, s->send.op));
	ASSERT_TRUE(op_sleeps(&s->send));
	EXPECT_EQ(0, cancel(s, false));
	EXPECT_EQ(-ECANCELED, op_ends(&s->send));
	EXPECT_EQ(CHAN_STATE_ABANDONED, s->send.op.state);
	EXPECT_EQ(0, expect_late_settle(s));
	EXPECT_EQ(0, expect_forgotten(s));
}

TEST_F(wait, needs_the_right_to_send)
{
	EXPECT_EQ(-EBADF, run_once(self->call->ends.receiver,
				   op_wait(self->call->send.op.id)));
	EXPECT_EQ(-EBADF, run_once(self->call->ends.admin, op_wait(0)));
}

/* A send that cannot take its reply, or tell that it has one. */

TEST_F(wait, reply_that_the_send_could_not_write_is_kept)
{
	struct scene *s = scene_new(STYLE_CALL, variant->cap, AT_QUEUE);
	struct chan_op op = scene_record(s);

	ASSERT_EQ(0, scene_ends(s));
	op.reply_buf = address(self->hole - 1);
	ASSERT_EQ(0, op_start(&s->send, s->ends.sender, op));
	ASSERT_EQ(0, scene_go_on(s));
	EXPECT_EQ(-EFAULT, op_ends(&s->send));
	EXPECT_EQ(CHAN_OP_SEND, s->send.op.code);
	op = wait_into(s, self->own, sizeof(self->own));
	EXPECT_EQ(sizeof(ANSWER), run(s->ends.sender, &op));
	EXPECT_STREQ(ANSWER, self->own);
	EXPECT_EQ(0, expect_forgotten(s));
	scene_close(s);
}

static void *send_from_page(void *arg)
{
	struct running *running = arg;
	void *record = (void *)(uintptr_t)running->op.buf;

	running->tid = syscall(SYS_gettid);
	running->result = record_ioctl(running->fd, CHAN_IOC_OP, record);
	running->over = true;
	return NULL;
}

static int record_becomes_read_only(struct scene *s, char *own)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct chan_op *record = mmap(NULL, page, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct chan_op op;

	CHECK_EQ(0, scene_ends(s));
	*record = scene_record(s);
	s->send.fd = s->ends.sender;
	s->send.op.buf = address(record);
	CHECK_EQ(0, pthread_create(&s->send.thread, NULL, send_from_page,
				   &s->send));
	CHECK_EQ(0, scene_receive(s));
	CHECK_EQ(1, op_sleeps(&s->send));
	CHECK_EQ(0, mprotect(record, page, PROT_READ));
	CHECK_EQ(0, scene_settle(s));
	CHECK_EQ(-EFAULT, op_ends(&s->send));
	s->send.op.id = record->id;
	op = wait_into(s, own, sizeof(ANSWER));
	CHECK_EQ((int)sizeof(ANSWER), run(s->ends.sender, &op));
	CHECK_EQ(0, strcmp(ANSWER, own));
	munmap(record, page);
	return expect_forgotten(s);
}

TEST_F(wait, outcome_that_the_send_could_not_tell_is_kept)
{
	struct scene *s = scene_new(STYLE_CALL, variant->cap, AT_RECEIVER);

	if (entry == BY_A_RING)
		SKIP(return, "its completion tells what the record cannot");
	EXPECT_SCENE(s, record_becomes_read_only(s, self->own));
}

/* Races -------------------------------------------------------------------- */

/*
 * A sender with deadlines, somebody who cancels, and a receiver, about as fast
 * as each other. The message's number is an index.
 */
#define RACE_MAX    1000000
#define UNDISTURBED 64

struct outcome {
	int result, settle;
	__u8 state, receipts, replied;
};

struct race {
	const struct style *style;
	struct ends ends;
	double end;
	__u64 unit; /* ns that a round may take */
	struct chan_op op; /* the sender's, whose id the other reads */
	struct outcome *outcomes;
	int nr;
	bool done, late, cancelled; /* has one been? */
	long cancels;
	atomic_bool over;
};

static unsigned int below(unsigned int *seed, __u64 limit)
{
	return rand_r(seed) % (limit ?: 1);
}

static void race_send(struct race *race, int nr, __u64 deadline)
{
	struct outcome *outcome = &race->outcomes[nr];
	struct chan_op *op = &race->op;
	int reply = GARBAGE;

	*op = op_call(&nr, sizeof(nr), &reply, sizeof(reply));
	op->until = race->style->until;
	op->duty = race->style->duty;
	op->tag = SCENE_TAG;
	op->deadline = deadline;
	outcome->result = run(race->ends.sender, op);
	outcome->state = op->state;
	outcome->replied = reply == -nr;
	race->done |= outcome->result >= 0;
	race->late |= outcome->result == -ETIMEDOUT;
	race->cancelled |= outcome->result == -ECANCELED;
}

/* Each of them has to win once. */
static bool race_goes_on(const struct race *race, int nr)
{
	bool seen = race->done && race->late && race->cancelled;

	return storm_goes_on(race->end, seen) && nr < RACE_MAX - 1;
}

static ssize_t race_sender(struct call *call)
{
	struct race *race = call->buf;
	unsigned int seed = 1;
	int nr = 0;

	/* Every other has none. */
	while (race_goes_on(race, nr)) {
		++nr;
		race_send(race, nr,
			  nr % 2 ? clock_ns() + below(&seed, race->unit) : 0);
	}
	race->nr = nr;
	race->over = true;
	return 0;
}

static ssize_t race_canceller(struct call *call)
{
	struct race *race = call->buf;
	unsigned int seed = 2;
	__u64 id;
	int ret;

	while (!race->over) {
		struct timespec pause = {
			.tv_nsec = below(&seed, race->unit),
		};

		nanosleep(&pause, NULL);
		id = __atomic_load_n(&race->op.id, __ATOMIC_RELAXED);
		if (rand_r(&seed) & 1) {
			ret = run_once(call->fd, op_cancel(id));
			if (ret && ret != -ENOENT && ret != -EALREADY)
				return ret;
			race->cancels += !ret;
		} else {
			ret = run_once(call->fd, op_cancel_tag(SCENE_TAG));
			if (ret < 0)
				return ret;
			race->cancels += ret;
		}
	}
	return 0;
}

static ssize_t race_receiver(struct call *call)
{
	struct race *race = call->buf;
	struct outcome *outcome;
	struct chan_op op;
	int nr, reply, ret;

	for (;;) {
		op = op_recv(&nr, sizeof(nr));
		ret = run(call->fd, &op);
		if (ret != sizeof(nr))
			return ret == -ESHUTDOWN ? 0 : ret;
		if (nr < 0 || nr >= RACE_MAX || op.attempt != 1)
			return -EBADMSG;
		outcome = &race->outcomes[nr];
		outcome->receipts++;
		reply = -nr;
		if (op.duty == CHAN_DUTY_REPLY)
			outcome->settle =
				run_once(call->fd, op_reply(op.id, &reply,
							    sizeof(reply)));
		else if (op.duty)
			outcome->settle =
				run_once(call->fd, op_settle(op.id, CHAN_ACK));
	}
}

/* Sender and receiver have seen the same. */
static int outcome_is_consistent(const struct race *race, int nr)
{
	const struct outcome *o = &race->outcomes[nr];

	if (o->result >= 0) {
		CHECK_EQ(1, o->receipts);
		CHECK_EQ(0, o->settle);
		if (race->style->duty == CHAN_DUTY_REPLY)
			CHECK_EQ(1, o->replied);
		return 0;
	}
	CHECK_EQ(1, o->result == -ETIMEDOUT || o->result == -ECANCELED);
	CHECK_EQ(0, o->replied);
	if (o->state == CHAN_STATE_WITHDRAWN) {
		CHECK_EQ(0, o->receipts);
		return 0;
	}
	CHECK_EQ(1, o->receipts);
	if (race->style->duty == CHAN_DUTY_REPLY) {
		CHECK_EQ(CHAN_STATE_ABANDONED, o->state);
		CHECK_EQ(-ECANCELED, o->settle);
		return 0;
	}
	/* A task: it was done, but too late for its sender. */
	CHECK_EQ(CHAN_DUTY_ACK, race->style->duty);
	CHECK_EQ(-ETIMEDOUT, o->result);
	CHECK_EQ(CHAN_STATE_RECEIVED, o->state);
	CHECK_EQ(0, o->settle);
	return 0;
}

/* The quickest, for those that come first may sleep where others look on. */
static __u64 race_unit(struct race *race)
{
	__u64 begun, quickest = ~0ULL;

	for (int i = 0; i < UNDISTURBED; i++) {
		begun = clock_ns();
		race_send(race, 0, 0);
		if (clock_ns() - begun < quickest)
			quickest = clock_ns() - begun;
	}
	return 2 * quickest;
}

static void race_run(struct __test_metadata *_metadata, int control, __u32 cap,
		     const struct style *style)
{
	struct race race = {
		.style = style,
		.outcomes = calloc(RACE_MAX, sizeof(struct outcome)),
	};
	struct call send = { .fn = race_sender, .buf = &race };
	struct call cancel = { .fn = race_canceller, .buf = &race };
	struct call receive = { .fn = race_receiver, .buf = &race };
	long done = 0, late = 0, cancelled = 0, received = UNDISTURBED;
	struct chan_stat stat;

	ASSERT_NE(NULL, race.outcomes);
	ASSERT_EQ(0, ends_sized(control, &race.ends, cap, 64, 0));
	cancel.fd = race.ends.sender;
	receive.fd = race.ends.receiver;
	ASSERT_EQ(0, call_start(&receive));
	race.unit = race_unit(&race);
	race.end = now() + seconds_each() / 10.0;
	ASSERT_EQ(0, call_start(&cancel));
	ASSERT_EQ(0, call_start(&send));
	ASSERT_EQ(0, finish(&send));
	ASSERT_EQ(0, finish(&cancel));
	close_end(&race.ends.sender);
	ASSERT_EQ(0, finish(&receive));
	for (int nr = 1; nr <= race.nr; nr++) {
		struct outcome *o = &race.outcomes[nr];

		ASSERT_EQ(0, outcome_is_consistent(&race, nr))
		{
			TH_LOG("%s: round %d of %d: result %d, state %d",
			       style->name, nr, race.nr, o->result, o->state);
		}
		done += o->result >= 0;
		late += o->result == -ETIMEDOUT;
		cancelled += o->result == -ECANCELED;
		received += o->receipts;
	}
	TH_LOG("%s: %d rounds: %ld done, %ld late, %ld cancelled", style->name,
	       race.nr, done, late, cancelled);
	EXPECT_EQ(race.cancels, cancelled);
	stat = stat_now(race.ends.admin);
	EXPECT_EQ((__u64)received, stat.totals_received);
	EXPECT_EQ(0, stat.queued);
	EXPECT_EQ(0, stat.unsettled);
	EXPECT_EQ(0, stat.bytes);
	EXPECT_TRUE(waiting_are(race.ends.admin, 0, 0));
	EXPECT_LE(at_least(5), race.nr);
	EXPECT_TRUE(done && late && cancelled);
	ends_close(&race.ends);
	free(race.outcomes);
}

TEST_F_TIMEOUT(cancel, races_against_receipt_and_deadline, STORM_TIMEOUT(1))
{
	race_run(_metadata, self->control, variant->cap, STYLE_MEET);
	race_run(_metadata, self->control, variant->cap, STYLE_TASK);
	race_run(_metadata, self->control, variant->cap, STYLE_CALL);
}

TEST_HARNESS_MAIN
