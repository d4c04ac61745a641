// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals while a read or write waits, with a slot or without: without
 * SA_RESTART it ends with EINTR, with it goes on, and in both cases nothing was
 * sent or received by then; who is killed is gone at once and leaves no trace;
 * who is stopped or frozen neither loses a message nor keeps others from one;
 * and a storm of signals neither loses nor doubles any.
 */
#include "traffic.h"

#define CAP 2

/* Where a call can wait. */
enum place { FULL, EMPTY, MEETING_SENDER, MEETING_RECEIVER };

FIXTURE(waiting)
{
	int control;
	struct ends ends;
	struct chan_stat before;
	struct call call;
	__u32 senders, receivers;
};

FIXTURE_VARIANT(waiting)
{
	enum place place;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(waiting, write_to_a_full_channel) {
	.place = FULL,
};
FIXTURE_VARIANT_ADD(waiting, read_from_an_empty_channel) {
	.place = EMPTY,
};
FIXTURE_VARIANT_ADD(waiting, write_to_a_rendezvous) {
	.place = MEETING_SENDER,
};
FIXTURE_VARIANT_ADD(waiting, read_from_a_rendezvous) {
	.place = MEETING_RECEIVER,
};
/* clang-format on */

FIXTURE_SETUP(waiting)
{
	bool meeting = variant->place >= MEETING_SENDER;

	self->senders = variant->place == FULL ||
			variant->place == MEETING_SENDER;
	self->receivers = !self->senders;
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, meeting ? 0 : CAP,
				64, 0));
	if (variant->place == FULL)
		for (int nr = 1; nr <= CAP; nr++)
			ASSERT_EQ(0, put(self->ends.sender, nr));
	self->before = stat_of(self->ends.admin);
}

FIXTURE_TEARDOWN(waiting)
{
	ends_close(&self->ends);
	close(self->control);
}

/* Sends 5 or receives. */
static bool call_waits(FIXTURE_DATA(waiting) * self)
{
	int err = self->senders ? start_put(&self->call, self->ends.sender, 5) :
				  start_take(&self->call, self->ends.receiver);

	return !err &&
	       waiting_are(self->ends.admin, self->senders, self->receivers);
}

static bool is_as_before(FIXTURE_DATA(waiting) * self)
{
	struct chan_stat s;

	return BECOMES((s = stat_of(self->ends.admin),
			!memcmp(&s, &self->before, sizeof(s))));
}

/* What comes before the call is received, and the call meets its like. */
static int other_side(FIXTURE_DATA(waiting) * self)
{
	if (self->receivers) {
		CHECK_EQ(0, put(self->ends.sender, 5));
		return 0;
	}
	for (__u32 nr = 1; nr <= self->before.queued; nr++)
		CHECK_EQ(nr, take(self->ends.receiver));
	CHECK_EQ(5, take(self->ends.receiver));
	return 0;
}

/* The other side comes, and the call ends as if nothing had been. */
static int go_on(FIXTURE_DATA(waiting) * self)
{
	CHECK_EQ(0, other_side(self));
	if (self->receivers) {
		CHECK_EQ(5, finish_take(&self->call));
		return 0;
	}
	CHECK_EQ(0, finish_put(&self->call));
	CHECK_EQ(-EAGAIN, take_now(self->ends.receiver));
	return 0;
}

TEST_F(waiting, signal_is_EINTR_without_effect)
{
	catch_signal(SIGUSR1, 0);
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(call_waits(self));
		ASSERT_TRUE(interrupt(&self->call));
		EXPECT_EQ(-EINTR, finish(&self->call));
		EXPECT_TRUE(is_as_before(self));
	}
	ASSERT_TRUE(call_waits(self));
	EXPECT_EQ(0, go_on(self));
}

TEST_F(waiting, signal_with_SA_RESTART_goes_on_waiting)
{
	catch_signal(SIGUSR1, SA_RESTART);
	ASSERT_TRUE(call_waits(self));
	for (int i = 0; i < 5; i++) {
		ASSERT_TRUE(interrupt(&self->call));
		EXPECT_TRUE(waiting_are(self->ends.admin, self->senders,
					self->receivers));
		EXPECT_FALSE(self->call.done);
	}
	EXPECT_EQ(0, go_on(self));
	EXPECT_EQ(self->before.totals_sent + 1,
		  stat_of(self->ends.admin).totals_sent);
}

TEST_F(waiting, ignored_signal_changes_nothing)
{
	signal(SIGUSR1, SIG_IGN);
	ASSERT_TRUE(call_waits(self));
	for (int i = 0; i < 5; i++)
		pthread_kill(self->call.thread, SIGUSR1);
	EXPECT_TRUE(
		waiting_are(self->ends.admin, self->senders, self->receivers));
	EXPECT_EQ(0, go_on(self));
}

/* A child that waits there and exits with 0 if it got through. */
static pid_t child_waits(FIXTURE_DATA(waiting) * self)
{
	pid_t pid = fork();

	if (!pid)
		_exit(self->senders ? put(self->ends.sender, 5) != 0 :
				      take(self->ends.receiver) != 5);
	if (!waiting_are(self->ends.admin, self->senders, self->receivers))
		return -1;
	return pid;
}

TEST_F(waiting, killed_is_gone_at_once)
{
	double begun;
	pid_t pid;

	for (int i = 0; i < 3; i++) {
		pid = child_waits(self);
		ASSERT_LT(0, pid);
		begun = now();
		kill(pid, SIGKILL);
		EXPECT_EQ(pid, waitpid(pid, NULL, 0));
		EXPECT_GT(slowness(), now() - begun);
		EXPECT_TRUE(is_as_before(self));
	}
	ASSERT_TRUE(call_waits(self));
	EXPECT_EQ(0, go_on(self));
}

/* A message that came in the same moment is the next one's. */
TEST_F_TIMEOUT(waiting, killed_at_the_moment_of_the_message, STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 8.0;
	int rounds = 0, went = 0, status, got;
	pid_t pid;

	for (; now() < end; rounds++) {
		pid = child_waits(self);
		ASSERT_LT(0, pid);
		if (rounds % 2)
			kill(pid, SIGKILL);
		/* The other side, which does not wait. */
		got = self->receivers ? put_now(self->ends.sender, 5) :
					take_now(self->ends.receiver);
		if (!(rounds % 2))
			kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		went += !status;
		if (variant->place == FULL) {
			ASSERT_EQ(1, got);
			ASSERT_EQ(2, take_now(self->ends.receiver));
			got = take_now(self->ends.receiver);
			ASSERT_TRUE(got == 5 || got == -EAGAIN);
			/* Who got through has sent. */
			ASSERT_TRUE(got == 5 || status);
			ASSERT_EQ(0, put(self->ends.sender, 1));
			ASSERT_EQ(0, put(self->ends.sender, 2));
		} else if (self->receivers && !got) {
			/* Received by the child, or still there. */
			got = take_now(self->ends.receiver);
			ASSERT_TRUE(got == 5 || got == -EAGAIN);
			ASSERT_TRUE(!status ? got == -EAGAIN : true);
		} else {
			ASSERT_TRUE(got == 5 || got == -EAGAIN);
			ASSERT_TRUE(got == 5 || status);
		}
		ASSERT_TRUE(waiting_are(self->ends.admin, 0, 0));
		ASSERT_EQ(self->before.queued,
			  stat_of(self->ends.admin).queued);
	}
	TH_LOG("%d rounds, %d got through", rounds, went);
	EXPECT_LE((at_least(1) + 1) / 2, rounds);
}

/* Stopped, it does not stand in the way, and then it goes on. */
static int stop_and_continue(FIXTURE_DATA(waiting) * self)
{
	pid_t pid = child_waits(self);
	int status;

	CHECK_EQ(1, pid > 0);
	kill(pid, SIGSTOP);
	CHECK_EQ(pid, waitpid(pid, &status, WUNTRACED));
	CHECK_EQ(1, WIFSTOPPED(status));
	if (self->receivers) {
		struct call other;

		CHECK_EQ(0, start_take(&other, self->ends.receiver));
		CHECK_EQ(1, waiting_are(self->ends.admin, 0, 1));
		CHECK_EQ(0, put(self->ends.sender, 6));
		CHECK_EQ(6, finish_take(&other));
		kill(pid, SIGCONT);
		CHECK_EQ(0, put(self->ends.sender, 5));
	} else if (self->before.queued) {
		CHECK_EQ(1, take(self->ends.receiver));
		CHECK_EQ(0, put_now(self->ends.sender, 6));
		kill(pid, SIGCONT);
		CHECK_EQ(1, waiting_are(self->ends.admin, 1, 0));
		CHECK_EQ(2, take(self->ends.receiver));
		CHECK_EQ(6, take(self->ends.receiver));
		CHECK_EQ(5, take(self->ends.receiver));
	} else {
		CHECK_EQ(-EAGAIN, take_now(self->ends.receiver));
		kill(pid, SIGCONT);
		CHECK_EQ(5, take(self->ends.receiver));
	}
	CHECK_EQ(pid, waitpid(pid, &status, 0));
	CHECK_EQ(0, status);
	return 0;
}

TEST_F(waiting, stopped_does_not_stand_in_the_way_and_goes_on)
{
	EXPECT_EQ(0, stop_and_continue(self));
}

/* Frozen ------------------------------------------------------------------ */

#define CGROUP "/sys/fs/cgroup/chan-test"

static bool is_frozen(void)
{
	char text[128] = {};
	int fd = open_path(CGROUP "/cgroup.events", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	return n > 0 && strstr(text, "frozen 1");
}

TEST_F(waiting, frozen_goes_on_when_it_thaws)
{
	char number[16];
	int status;
	pid_t pid;

	if (mkdir(CGROUP, 0755) && errno != EEXIST)
		SKIP(return, "no cgroup can be made here");
	pid = child_waits(self);
	ASSERT_LT(0, pid);
	snprintf(number, sizeof(number), "%d", pid);
	ASSERT_EQ(0, write_text(CGROUP "/cgroup.procs", number));
	ASSERT_EQ(0, write_text(CGROUP "/cgroup.freeze", "1"));
	EXPECT_TRUE(BECOMES(is_frozen()));
	ASSERT_EQ(0, write_text(CGROUP "/cgroup.freeze", "0"));
	EXPECT_TRUE(
		waiting_are(self->ends.admin, self->senders, self->receivers));
	EXPECT_EQ(0, other_side(self));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* Storms ------------------------------------------------------------------- */

FIXTURE(storm)
{
	int control;
	struct ends there, back;
	struct call far, near;
};

FIXTURE_VARIANT(storm)
{
	__u32 cap;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(storm, slots) {
	.cap = 3,
};
FIXTURE_VARIANT_ADD(storm, rendezvous) {
	.cap = 0,
};
/* clang-format on */

FIXTURE_SETUP(storm)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0,
		  ends_sized(self->control, &self->there, variant->cap, 8, 0));
	ASSERT_EQ(0,
		  ends_sized(self->control, &self->back, variant->cap, 8, 0));
}

FIXTURE_TEARDOWN(storm)
{
	ends_close(&self->there);
	ends_close(&self->back);
	close(self->control);
}

/* One that was interrupted had no effect, so it is done again. */
static int put_again(int fd, int nr)
{
	int ret;

	do {
		ret = put(fd, nr);
	} while (ret == -EINTR);
	return ret;
}

static int take_again(int fd)
{
	int ret;

	do {
		ret = take(fd);
	} while (ret == -EINTR);
	return ret;
}

/* What both have to know; the buffer of a call points to it. */
struct pair {
	int in, out;
	_Atomic double end;
};

static ssize_t echo(struct call *call)
{
	struct pair *pair = call->buf;
	int got, ret, nr = 0;

	while ((got = take_again(pair->in)) == nr + 1) {
		nr++;
		ret = put_again(pair->out, nr);
		if (ret)
			return ret;
	}
	return got ? -EBADMSG : nr;
}

static ssize_t ask(struct call *call)
{
	struct pair *pair = call->buf;
	int ret, nr = 0;

	do {
		ret = put_again(pair->out, ++nr);
		if (!ret)
			ret = take_again(pair->in);
		if (ret != nr)
			return ret < 0 ? ret : -EBADMSG;
	} while (now() < pair->end);
	return nr;
}

static ssize_t stream_out(struct call *call)
{
	struct pair *pair = call->buf;
	int ret, nr = 0;

	do {
		ret = put_again(pair->out, ++nr);
		if (ret)
			return ret;
	} while (now() < pair->end);
	return nr;
}

static ssize_t stream_in(struct call *call)
{
	struct pair *pair = call->buf;
	int got, nr = 0;

	while ((got = take_again(pair->in)) == nr + 1)
		nr++;
	return got ? -EBADMSG : nr;
}

static void storm_run(struct __test_metadata *_metadata,
		      FIXTURE_DATA(storm) * self, int flags, bool streams)
{
	struct call *near = &self->near, *far = &self->far;
	struct pair near_pair = {
		.in = self->back.receiver,
		.out = self->there.sender,
		.end = NOT_YET,
	};
	struct pair far_pair = {
		.in = self->there.receiver,
		.out = self->back.sender,
	};
	timer_t timers[2];
	long rounds;

	catch_signal(SIGUSR1, flags);
	*near = (struct call){
		.fn = streams ? stream_out : ask,
		.buf = &near_pair,
	};
	*far = (struct call){
		.fn = streams ? stream_in : echo,
		.buf = &far_pair,
	};
	ASSERT_EQ(0, call_start(far));
	ASSERT_EQ(0, call_start(near));
	ASSERT_EQ(0, signal_often(&near->tid, &timers[0]));
	ASSERT_EQ(0, signal_often(&far->tid, &timers[1]));
	near_pair.end = now() + seconds_each() / 8.0;
	rounds = finish(near);
	EXPECT_LT(0, rounds);
	close_end(&self->there.sender);
	EXPECT_EQ(rounds, finish(far));
	timer_delete(timers[0]);
	timer_delete(timers[1]);
	EXPECT_EQ((__u64)rounds, stat_of(self->there.admin).totals_sent);
	EXPECT_EQ((__u64)rounds, stat_of(self->there.admin).totals_received);
	EXPECT_EQ(streams ? 0 : (__u64)rounds,
		  stat_of(self->back.admin).totals_received);
	EXPECT_EQ(0, stat_of(self->there.admin).queued);
	EXPECT_TRUE(waiting_are(self->there.admin, 0, 0));
	TH_LOG("%ld rounds, %d signals", rounds, signals_taken);
	EXPECT_LE((at_least(1) + 1) / 2, rounds);
	EXPECT_LE(at_least(50), signals_taken);
}

TEST_F_TIMEOUT(storm, round_trips_with_EINTR, STORM_TIMEOUT(1))
{
	storm_run(_metadata, self, 0, false);
}

TEST_F_TIMEOUT(storm, round_trips_restarted, STORM_TIMEOUT(1))
{
	storm_run(_metadata, self, SA_RESTART, false);
}

TEST_F_TIMEOUT(storm, stream_with_EINTR, STORM_TIMEOUT(1))
{
	storm_run(_metadata, self, 0, true);
}

TEST_F_TIMEOUT(storm, stream_restarted, STORM_TIMEOUT(1))
{
	storm_run(_metadata, self, SA_RESTART, true);
}

TEST_HARNESS_MAIN
