// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals at each place of a message's way: before receipt a send has had no
 * effect, and after receipt it waits on, by SA_RESTART or by running the same
 * record again, and in both cases the message is delivered as often as if
 * nothing had been; a handler may call meanwhile. A sender that is killed takes
 * back what nobody has received, and leaves what somebody has: a call is
 * abandoned, a task is done for nobody. A receive that is interrupted has done
 * nothing.
 *
 * The same holds in a batch; but what comes there behind another operation is
 * never restarted, for that has been done.
 */
#include "scene.h"

FIXTURE(resume)
{
	int control;
};

FIXTURE_VARIANT(resume)
{
	__u32 cap;
	enum entry entry;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(resume, slots) {
	.cap = SCENE_CAP,
};
FIXTURE_VARIANT_ADD(resume, rendezvous) {
	.cap = 0,
};
FIXTURE_VARIANT_ADD(resume, rendezvous_as_a_batch) {
	.cap = 0,
	.entry = AS_A_BATCH,
};
FIXTURE_VARIANT_ADD(resume, slots_behind_another) {
	.cap = SCENE_CAP,
	.entry = BEHIND_ANOTHER,
};
/* clang-format on */

/* Does a signal of such an action restart what a thread does? */
static bool is_restarted(int flags)
{
	return flags && entry != BEHIND_ANOTHER;
}

FIXTURE_SETUP(resume)
{
	entry = variant->entry;
	self->control = open_control();
	ASSERT_LE(0, self->control);
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(resume)
{
	close(self->control);
}

/* Interrupted ------------------------------------------------------------- */

/* The record says how far it got, and what it said it still says. */
static int expect_interrupted(struct scene *s, __u64 id)
{
	const struct chan_op *op = &s->send.op;
	struct chan_op sent = scene_record(s);

	CHECK_EQ(-EINTR, op_ends(&s->send));
	CHECK_EQ(sent.buf, op->buf);
	CHECK_EQ(sent.len, op->len);
	CHECK_EQ(sent.reply_buf, op->reply_buf);
	CHECK_EQ(sent.reply_len, op->reply_len);
	CHECK_EQ(sent.deadline, op->deadline);
	CHECK_EQ(sent.tag, op->tag);
	CHECK_EQ(sent.until, op->until);
	CHECK_EQ(sent.duty, op->duty);
	CHECK_EQ(sent.on_death, op->on_death);
	CHECK_EQ(id, op->id);
	if (!was_received(s->place)) {
		CHECK_EQ(CHAN_OP_SEND, op->code);
		CHECK_EQ(CHAN_STATE_WITHDRAWN, op->state);
		return 0;
	}
	CHECK_EQ(CHAN_OP_WAIT, op->code);
	CHECK_EQ(is_held(s->place) ? CHAN_STATE_RECEIVED : CHAN_STATE_QUEUED,
		 op->state);
	return 0;
}

/* What has been told is told once. */
static int expect_told(struct scene *s, __u64 id)
{
	CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_wait(id)));
	CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_cancel(id)));
	return scene_is_over(s);
}

static int without_effect_then_again(struct scene *s)
{
	CHECK_EQ(0, scene_open(s));
	CHECK_EQ(1, op_interrupt(&s->send));
	CHECK_EQ(0, expect_interrupted(s, scene_id(s)));
	CHECK_EQ(0, expect_withdrawn(s));
	CHECK_EQ(0, op_start(&s->send, s->ends.sender, s->send.op));
	CHECK_EQ(0, scene_go_on(s));
	CHECK_EQ(0, scene_ends_well(s));
	return expect_told(s, s->send.op.id);
}

static int waits_again(struct scene *s, bool settled_first)
{
	struct chan_op op;
	__u64 id;

	CHECK_EQ(0, scene_open(s));
	id = scene_id(s);
	CHECK_EQ(1, op_interrupt(&s->send));
	CHECK_EQ(0, expect_interrupted(s, id));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(0, op_start(&s->send, s->ends.sender, s->send.op));
		CHECK_EQ(1, op_sleeps(&s->send));
		CHECK_EQ(1, op_interrupt(&s->send));
		CHECK_EQ(0, expect_interrupted(s, id));
	}
	op = s->send.op;
	if (settled_first) {
		CHECK_EQ(0, scene_go_on(s));
		CHECK_EQ(0, expect_good(s, run(s->ends.sender, &op), &op));
	} else {
		CHECK_EQ(0, op_start(&s->send, s->ends.sender, op));
		CHECK_EQ(1, op_sleeps(&s->send));
		CHECK_EQ(0, scene_go_on(s));
		CHECK_EQ(0, scene_ends_well(s));
	}
	CHECK_EQ(1, stat_now(s->ends.admin).totals_sent);
	return expect_told(s, id);
}

static int restarts(struct scene *s)
{
	CHECK_EQ(0, scene_open(s));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(1, op_interrupt(&s->send));
		if (!was_received(s->place))
			CHECK_EQ(1, scene_waits(s));
		CHECK_EQ(1, op_sleeps(&s->send));
		CHECK_EQ(0, s->send.over);
	}
	if (was_received(s->place))
		CHECK_EQ(1, stat_now(s->ends.admin).totals_sent);
	CHECK_EQ(0, scene_go_on(s));
	CHECK_EQ(0, scene_ends_well(s));
	return scene_is_over(s);
}

/* What cannot be restarted ends as if the action did not ask for it. */
static int restarts_or_tells(struct scene *s)
{
	if (is_restarted(SA_RESTART))
		return restarts(s);
	return was_received(s->place) ? waits_again(s, false) :
					without_effect_then_again(s);
}

TEST_F_TIMEOUT(resume, interrupted_before_receipt_was_never_sent, 60)
{
	struct scene *s;

	FOR_EACH_UNRECEIVED(s, variant->cap)
	EXPECT_SCENE(s, without_effect_then_again(s));
}

TEST_F_TIMEOUT(resume, interrupted_after_receipt_waits_on_by_its_record, 60)
{
	struct scene *s;

	FOR_EACH_RECEIVED(s, variant->cap)
	EXPECT_SCENE(s, waits_again(s, false));
}

TEST_F_TIMEOUT(resume, settled_meanwhile_is_told_by_its_record, 60)
{
	struct scene *s;

	FOR_EACH_RECEIVED(s, variant->cap)
	EXPECT_SCENE(s, waits_again(s, true));
}

TEST_F_TIMEOUT(resume, restarted_everywhere_is_delivered_once, 60)
{
	struct scene *s;

	catch_signal(SIGUSR1, SA_RESTART);
	FOR_EACH_SCENE(s, variant->cap)
	EXPECT_SCENE(s, restarts_or_tells(s));
}

/* Settled, and it cannot take the answer --------------------------------- */

static int answered_then_signal(struct scene *s)
{
	struct stall stall;
	struct chan_op op = scene_record(s);
	int signals = signals_taken;

	CHECK_EQ(0, stall_open(&stall));
	CHECK_EQ(0, scene_ends(s));
	op.reply_buf = address(stall.page);
	CHECK_EQ(0, op_start(&s->send, s->ends.sender, op));
	CHECK_EQ(0, scene_go_on(s));
	CHECK_EQ(1, stall_reached(&stall));
	CHECK_EQ(0, stat_now(s->ends.admin).unsettled);
	pthread_kill(s->send.thread, SIGUSR1);
	stall_let(&stall);
	memcpy(s->reply, ANSWER, sizeof(ANSWER));
	CHECK_EQ(0, scene_ends_well(s));
	CHECK_EQ(signals + 1, signals_taken);
	CHECK_EQ(0, memcmp(stall.page, ANSWER, sizeof(ANSWER)));
	CHECK_EQ(0, expect_told(s, s->send.op.id));
	stall_close(&stall);
	return 0;
}

TEST_F(resume, completion_wins_over_a_signal_that_comes_later)
{
	struct scene *s;

	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		catch_signal(SIGUSR1, flags);
		s = scene_new(STYLE_CALL, variant->cap, AT_QUEUE);
		EXPECT_SCENE(s, answered_then_signal(s));
	}
}

/* A handler that calls --------------------------------------------------- */

static struct {
	int fd, result;
	atomic_bool begun;
} handler;

static void handler_calls(int signal)
{
	char reply[sizeof(ANSWER)];
	int nr = 2;
	struct chan_op op = op_call(&nr, sizeof(nr), reply, sizeof(reply));

	(void)signal;
	handler.begun = true;
	handler.result = run(handler.fd, &op);
	if (memcmp(reply, ANSWER, sizeof(ANSWER)))
		handler.result = -EBADMSG;
	signals_taken++;
}

/* Message 2 is answered; 1 may come before, if it has been received before. */
static int serve_handler(struct scene *s)
{
	struct chan_op op;
	int nr;

	CHECK_EQ(0, scene_take_fillers(s));
	s->deliveries += fillers_of(s);
	do {
		op = op_recv(&nr, sizeof(nr));
		op.deadline = in_ms(BUDGET * 1000);
		CHECK_EQ((int)sizeof(nr), run(s->ends.receiver, &op));
		s->deliveries++;
		if (nr == 1) {
			s->token = op.id;
			s->attempt = op.attempt;
		}
	} while (nr == 1);
	CHECK_EQ(2, nr);
	CHECK_EQ(0, run_once(s->ends.receiver,
			     op_reply(op.id, ANSWER, sizeof(ANSWER))));
	CHECK_EQ(1, BECOMES(signals_taken > 0));
	CHECK_EQ((int)sizeof(ANSWER), handler.result);
	return 0;
}

static int handler_calls_meanwhile(struct scene *s, int flags)
{
	struct sigaction action = {
		.sa_handler = handler_calls,
		.sa_flags = flags,
	};

	/* A receiver that is stalled would get the handler's message. */
	if (s->place == AT_COPY)
		return 0;
	CHECK_EQ(0, scene_open(s));
	handler.fd = s->ends.sender;
	handler.begun = false;
	signals_taken = 0;
	sigaction(SIGUSR1, &action, NULL);
	pthread_kill(s->send.thread, SIGUSR1);
	CHECK_EQ(1, BECOMES(handler.begun));
	CHECK_EQ(0, serve_handler(s));
	if (!is_restarted(flags)) {
		CHECK_EQ(-EINTR, op_ends(&s->send));
		CHECK_EQ(was_received(s->place) ? CHAN_OP_WAIT : CHAN_OP_SEND,
			 s->send.op.code);
		CHECK_EQ(0, op_start(&s->send, s->ends.sender, s->send.op));
	}
	/* From here on it is where serving the handler has left it. */
	if (!was_received(s->place))
		s->place = AT_QUEUE;
	else
		s->place = s->attempt == 1 ? AT_RECEIVER : AT_SECOND;
	CHECK_EQ(0, scene_go_on(s));
	CHECK_EQ(0, scene_ends_well(s));
	return scene_is_over(s);
}

TEST_F_TIMEOUT(resume, handler_that_calls_does_not_disturb, 60)
{
	struct scene *s;

	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART)
		FOR_EACH_SCENE(s, variant->cap)
	EXPECT_SCENE(s, handler_calls_meanwhile(s, flags));
}

/* Its deadline stays ------------------------------------------------------ */

/* Interrupts it; one that has ended with EINTR goes on by its record. */
static int disturb(struct scene *s)
{
	if (!s->send.over) {
		pthread_kill(s->send.thread, SIGUSR1);
		return 0;
	}
	if (op_finish(&s->send) != -EINTR)
		return -EALREADY;
	return op_start(&s->send, s->ends.sender, s->send.op);
}

static int expect_deadline(struct scene *s)
{
	CHECK_EQ(-ETIMEDOUT, s->send.result);
	CHECK_EQ(s->deadline, s->send.op.deadline);
	CHECK_EQ(1, clock_ns() >= s->deadline);
	CHECK_EQ(1, clock_ns() < s->deadline + BUDGET * 1000000000ULL);
	if (!was_received(s->place))
		return expect_withdrawn(s);
	CHECK_EQ(CHAN_STATE_ABANDONED, s->send.op.state);
	return expect_late_settle(s);
}

static void deadlines_stay(struct __test_metadata *_metadata, __u32 cap,
			   int flags)
{
	struct scene *both[] = {
		scene_new(STYLE_CALL, cap, AT_RECEIVER),
		scene_new(STYLE_MEET, cap, AT_QUEUE),
	};
	bool ended[] = { false, false };
	__u64 deadline = in_ms(500);
	int ret;

	catch_signal(SIGUSR1, flags);
	for (int i = 0; i < 2; i++) {
		both[i]->deadline = deadline;
		ASSERT_EQ(0, scene_open(both[i]));
	}
	while (!ended[0] || !ended[1]) {
		for (int i = 0; i < 2; i++) {
			ret = ended[i] ? 0 : disturb(both[i]);
			ASSERT_TRUE(!ret || ret == -EALREADY);
			ended[i] |= ret;
		}
		usleep(20000);
	}
	EXPECT_LE(5, signals_taken);
	for (int i = 0; i < 2; i++)
		EXPECT_SCENE(both[i], expect_deadline(both[i]));
}

TEST_F(resume, signals_do_not_move_the_deadline)
{
	deadlines_stay(_metadata, variant->cap, 0);
	deadlines_stay(_metadata, variant->cap, SA_RESTART);
}

/* Killed ------------------------------------------------------------------ */

static int killed(struct scene *s, bool own)
{
	s->forks = true;
	s->own = own;
	CHECK_EQ(0, scene_open(s));
	CHECK_EQ(own ? 2 : 1, stat_now(s->ends.admin).senders);
	CHECK_EQ(0, child_kill(s->child));
	CHECK_EQ(1, endpoints_are(s->ends.admin, 1, 1));
	if (was_received(s->place))
		CHECK_EQ(0, expect_unheard(s));
	else
		CHECK_EQ(0, expect_withdrawn(s));
	return scene_is_over(s);
}

TEST_F_TIMEOUT(resume, killed_sender_leaves_nothing, 60)
{
	struct scene *s;

	FOR_EACH_SCENE(s, variant->cap)
	EXPECT_SCENE(s, killed(s, true));
}

TEST_F_TIMEOUT(resume, killed_sharer_of_an_endpoint_leaves_nothing, 60)
{
	struct scene *s;

	FOR_EACH_SCENE(s, variant->cap)
	EXPECT_SCENE(s, killed(s, false));
}

/* Answered, and killed before it could take the answer. */

static void call_into(int fd, void *page)
{
	int nr = 1;

	run_once(fd, op_call(&nr, sizeof(nr), page, sizeof(ANSWER)));
}

static void call_into_by_its_own(int admin, void *page)
{
	call_into(derive(admin, CHAN_RIGHT_SEND), page);
}

static int killed_with_its_answer(struct scene *s, bool own)
{
	struct stall_child child;

	CHECK_EQ(0, scene_ends(s));
	CHECK_EQ(0, stall_child_start(&child, stall_open,
				      own ? call_into_by_its_own : call_into,
				      own ? s->ends.admin : s->ends.sender));
	CHECK_EQ(0, scene_go_on(s));
	CHECK_EQ(1, stall_child_reached(&child));
	CHECK_EQ(0, stat_now(s->ends.admin).unsettled);
	CHECK_EQ(0, stat_now(s->ends.admin).bytes);
	CHECK_EQ(0, child_kill(child.pid));
	CHECK_EQ(1, endpoints_are(s->ends.admin, 1, 1));
	CHECK_EQ(-ESTALE, scene_settle(s));
	/* Nor is the answer kept for one who is no more; the ids are small. */
	for (__u64 id = 1; id <= 8; id++)
		CHECK_EQ(-ENOENT, run_once(s->ends.sender, op_wait(id)));
	return scene_is_over(s);
}

TEST_F(resume, killed_with_its_answer_leaves_nothing)
{
	struct scene *s;

	for (int own = 0; own < 2; own++) {
		s = scene_new(STYLE_CALL, variant->cap, AT_QUEUE);
		EXPECT_SCENE(s, killed_with_its_answer(s, own));
	}
}

/* Interrupted, and its process ends without waiting on. */

static int left_its_outcome(struct scene *s, bool own)
{
	struct chan_op op;
	char reply[sizeof(ANSWER)] = {};

	s->forks = true;
	s->own = own;
	CHECK_EQ(0, scene_open(s));
	kill(s->child, SIGUSR1);
	CHECK_EQ(0, child_ended(s->child, false));
	CHECK_EQ(-EINTR, s->send.result);
	CHECK_EQ(CHAN_OP_WAIT, s->send.op.code);
	CHECK_EQ(1, endpoints_are(s->ends.admin, 1, 1));
	op = s->send.op;
	op.reply_buf = s->style->duty == CHAN_DUTY_REPLY ? address(reply) : 0;
	if (own) {
		CHECK_EQ(-ENOENT, run(s->ends.sender, &op));
		CHECK_EQ(0, expect_unheard(s));
	} else {
		CHECK_EQ(0, scene_go_on(s));
		CHECK_EQ(good_result(s), run(s->ends.sender, &op));
		CHECK_EQ(0, op.reply_buf ?
				    memcmp(reply, ANSWER, sizeof(reply)) :
				    0);
	}
	return expect_told(s, op.id);
}

TEST_F_TIMEOUT(resume, outcome_is_kept_as_long_as_the_endpoint, 60)
{
	struct scene *s;

	for (int own = 0; own < 2; own++)
		FOR_EACH_RECEIVED(s, variant->cap)
	EXPECT_SCENE(s, left_its_outcome(s, own));
}

/* Stopped ----------------------------------------------------------------- */

static int stopped_and_continued(struct scene *s)
{
	int status;

	s->forks = true;
	CHECK_EQ(0, scene_open(s));
	kill(s->child, SIGSTOP);
	CHECK_EQ(s->child, waitpid(s->child, &status, WUNTRACED));
	CHECK_EQ(1, WIFSTOPPED(status));
	if (was_received(s->place))
		CHECK_EQ(0, scene_go_on(s));
	else
		CHECK_EQ(0, expect_withdrawn(s));
	kill(s->child, SIGCONT);
	if (!was_received(s->place))
		CHECK_EQ(0, scene_go_on(s));
	CHECK_EQ(0, child_ended(s->child, false));
	CHECK_EQ(0, expect_good(s, s->send.result, &s->send.op));
	return scene_is_over(s);
}

TEST_F_TIMEOUT(resume, stopped_goes_on_and_its_answer_waits, 60)
{
	struct scene *s;

	if (!is_restarted(SA_RESTART))
		SKIP(return, "it is not restarted");
	FOR_EACH_SCENE(s, variant->cap)
	EXPECT_SCENE(s, stopped_and_continued(s));
}

/* Receivers --------------------------------------------------------------- */

static int receive_interrupted(struct ends *ends, __u32 op_flags, int flags)
{
	struct chan_stat before = stat_now(ends->admin), after;
	struct running receive;
	int nr = GARBAGE;
	struct chan_op op = op_recv(&nr, sizeof(nr));

	op.flags = op_flags;
	catch_signal(SIGUSR1, flags);
	CHECK_EQ(0, op_start(&receive, ends->receiver, op));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(1, waiting_are(ends->admin, 0, 1));
		CHECK_EQ(1, op_interrupt(&receive));
		if (is_restarted(flags)) {
			CHECK_EQ(1, op_sleeps(&receive));
			CHECK_EQ(0, receive.over);
			continue;
		}
		CHECK_EQ(-EINTR, op_ends(&receive));
		CHECK_EQ(CHAN_OP_RECV, receive.op.code);
		CHECK_EQ(op.flags, receive.op.flags);
		CHECK_EQ(op.buf, receive.op.buf);
		CHECK_EQ(op.len, receive.op.len);
		CHECK_EQ(GARBAGE, nr);
		CHECK_EQ(1, waiting_are(ends->admin, 0, 0));
		after = stat_now(ends->admin);
		CHECK_EQ(0, memcmp(&before, &after, sizeof(before)));
		CHECK_EQ(0, op_start(&receive, ends->receiver, receive.op));
	}
	CHECK_EQ(1, waiting_are(ends->admin, 0, 1));
	CHECK_EQ(0, send_plain(ends->sender, 1));
	CHECK_EQ((int)sizeof(nr), op_ends(&receive));
	CHECK_EQ(1, nr);
	if (op_flags & CHAN_PEEK)
		CHECK_EQ(0, expect_plain(ends->receiver, 1));
	CHECK_EQ(before.totals_received + 1,
		 stat_now(ends->admin).totals_received);
	return expect_nothing(ends->receiver);
}

TEST_F(resume, interrupted_receive_has_done_nothing)
{
	struct ends ends;

	ASSERT_EQ(0, ends_sized(self->control, &ends, variant->cap, 64, 0));
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		EXPECT_EQ(0, receive_interrupted(&ends, 0, flags));
		EXPECT_EQ(0, receive_interrupted(&ends, CHAN_AUTOACK, flags));
		/* With no slot there is nothing to send to who peeks. */
		if (variant->cap)
			EXPECT_EQ(0,
				  receive_interrupted(&ends, CHAN_PEEK, flags));
	}
	ends_close(&ends);
}

/* Storms ------------------------------------------------------------------ */

/* A program that loops on EINTR with the same record, and its like. */
struct storm {
	const struct style *style;
	_Atomic double end;
	atomic_int interrupted;
};

static int until_done(struct storm *storm, int fd, struct chan_op *op)
{
	struct running running = { .fd = fd, .op = *op };
	int ret;

	while ((ret = run_running(&running)) == -EINTR)
		storm->interrupted++;
	*op = running.op;
	return ret;
}

static ssize_t storm_send(struct call *call)
{
	struct storm *storm = call->buf;
	int nr = 0, reply, ret;
	struct chan_op op;

	do {
		nr++;
		reply = GARBAGE;
		op = op_call(&nr, sizeof(nr), &reply, sizeof(reply));
		op.until = storm->style->until;
		op.duty = storm->style->duty;
		op.on_death = storm->style->on_death;
		ret = until_done(storm, call->fd, &op);
		if (op.duty == CHAN_DUTY_REPLY && ret == sizeof(reply))
			ret = reply == -nr ? 0 : -EBADMSG;
		if (ret)
			return ret < 0 ? ret : -EIO;
	} while (now() < storm->end);
	return nr;
}

/* Each number exactly once, and each for the first time. */
static ssize_t storm_receive(struct call *call)
{
	struct storm *storm = call->buf;
	bool calls = storm->style->duty == CHAN_DUTY_REPLY;
	int got, ret, reply;
	struct chan_op op;

	for (int nr = 1;; nr++) {
		op = op_recv(&got, sizeof(got));
		ret = until_done(storm, call->fd, &op);
		if (ret == -ESHUTDOWN)
			return nr - 1;
		if (ret != sizeof(got) || got != nr || op.attempt != 1)
			return ret < 0 ? ret : -EBADMSG;
		reply = -nr;
		ret = 0;
		if (calls)
			ret = run_once(call->fd,
				       op_reply(op.id, &reply, sizeof(reply)));
		else if (op.id)
			ret = run_once(call->fd, op_settle(op.id, CHAN_ACK));
		if (ret)
			return ret;
	}
}

static void storm_run(struct __test_metadata *_metadata, int control, __u32 cap,
		      const struct style *style, int flags)
{
	struct storm storm = {
		.style = style,
		.end = NOT_YET,
	};
	struct call send = { .fn = storm_send, .buf = &storm };
	struct call receive = { .fn = storm_receive, .buf = &storm };
	struct chan_stat stat;
	struct ends ends;
	timer_t timers[2];
	long rounds;

	ASSERT_EQ(0, ends_sized(control, &ends, cap, 64, 0));
	catch_signal(SIGUSR1, flags);
	send.fd = ends.sender;
	receive.fd = ends.receiver;
	ASSERT_EQ(0, call_start(&receive));
	ASSERT_EQ(0, call_start(&send));
	ASSERT_EQ(0, signal_often(&send.tid, &timers[0]));
	ASSERT_EQ(0, signal_often(&receive.tid, &timers[1]));
	storm.end = now() + seconds_each() / 16.0;
	rounds = finish(&send);
	timer_delete(timers[0]);
	close_end(&ends.sender);
	ASSERT_EQ(rounds, finish(&receive));
	timer_delete(timers[1]);
	stat = stat_now(ends.admin);
	EXPECT_EQ((__u64)rounds, stat.totals_received);
	EXPECT_EQ(0, stat.bytes);
	EXPECT_EQ(0, stat.queued);
	EXPECT_EQ(0, stat.unsettled);
	EXPECT_EQ(0, stat.totals_redelivered);
	EXPECT_TRUE(waiting_are(ends.admin, 0, 0));
	TH_LOG("%s: %ld rounds, %d signals, %d times EINTR", style->name,
	       rounds, signals_taken, storm.interrupted);
	EXPECT_LE(at_least(1), rounds);
	EXPECT_LE(at_least(5), signals_taken);
	EXPECT_LE(is_restarted(flags) ? 0 : 1, storm.interrupted);
	EXPECT_TRUE(!is_restarted(flags) || !storm.interrupted);
	ends_close(&ends);
}

static void storms_run(struct __test_metadata *_metadata, int control,
		       __u32 cap, int flags)
{
	storm_run(_metadata, control, cap, STYLE_MEET, flags);
	storm_run(_metadata, control, cap, STYLE_TASK, flags);
	storm_run(_metadata, control, cap, STYLE_CALL, flags);
	if (cap)
		storm_run(_metadata, control, cap, STYLE_WORK, flags);
}

TEST_F_TIMEOUT(resume, storm_of_signals_with_EINTR, STORM_TIMEOUT(1))
{
	storms_run(_metadata, self->control, variant->cap, 0);
}

TEST_F_TIMEOUT(resume, storm_of_signals_restarted, STORM_TIMEOUT(1))
{
	storms_run(_metadata, self->control, variant->cap, SA_RESTART);
}

TEST_HARNESS_MAIN
