// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which arm a select takes, when one is ready: that one among up to 64, one of
 * several at random and each as often as the others, or the first in order. It
 * is done as alone, and the others have never been there: their records are
 * untouched to the byte, and so are their channels. Without a ready one, it
 * does not wait where it is told not to.
 */
#include "select.h"

FIXTURE(select)
{
	int control;
	int fds[ARMS_MAX];
	struct chan_stat before[ARMS_MAX];
	struct selecting s;
};

FIXTURE_SETUP(select)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	/* One slot: a SEND is ready where a RECV is not. */
	ASSERT_EQ(0, whole_channels(self->control, self->fds, ARMS_MAX, 1));
	select_init(&self->s, self->fds[0]);
}

FIXTURE_TEARDOWN(select)
{
	close_all(self->fds, ARMS_MAX);
	close(self->control);
}

/* What the arms of a list are. */
enum mix { RECVS, SENDS, BOTH };

static const char *const mixes[] = { "RECVs", "SENDs", "both" };

static bool sends(enum mix mix, int i)
{
	return mix == SENDS || (mix == BOTH && i % 2);
}

/* The arm's channel has a message where it sends, and none where it receives. */
static int make_unready(FIXTURE_DATA(select) * self, enum mix mix, int i)
{
	int got = take_message(self->fds[i]);

	CHECK_EQ(true, got > 0 || got == -EAGAIN);
	return sends(mix, i) ? put_message(self->fds[i], OBSTACLE) : 0;
}

static int make_ready(FIXTURE_DATA(select) * self, enum mix mix, int i)
{
	if (!sends(mix, i))
		return put_message(self->fds[i], OBSTACLE + i);
	CHECK_EQ(OBSTACLE, take_message(self->fds[i]));
	return 0;
}

/* Arm @i sends number 100 + i, or receives. */
static void list_arms(FIXTURE_DATA(select) * self, enum mix mix, int nr)
{
	select_init(&self->s, self->s.fd);
	for (int i = 0; i < nr; i++) {
		if (sends(mix, i))
			add_send(&self->s, self->fds[i], 100 + i);
		else
			add_recv(&self->s, self->fds[i]);
	}
}

/* @nr arms, none of which is ready. */
static int list_unready(FIXTURE_DATA(select) * self, enum mix mix, int nr)
{
	list_arms(self, mix, nr);
	for (int i = 0; i < nr; i++)
		CHECK_EQ(0, make_unready(self, mix, i));
	return 0;
}

static void remember(FIXTURE_DATA(select) * self)
{
	for (int i = 0; i < ARMS_MAX; i++)
		self->before[i] = stat_now(self->fds[i]);
}

/* All channels but number @index, or all if there is none, are as remembered. */
static int others_are_as_before(FIXTURE_DATA(select) * self, int index)
{
	for (int i = 0; i < ARMS_MAX; i++) {
		if (i == index)
			continue;
		if (!is_unchanged(self->fds[i], &self->before[i])) {
			fprintf(stderr, "# channel %d has changed\n", i);
			return 1;
		}
	}
	return 0;
}

/* Arm @i was done, once, on its channel, which was ready for it. */
static int is_done(FIXTURE_DATA(select) * self, enum mix mix, int i)
{
	const struct chan_stat *before = &self->before[i];
	const struct chan_op *arm = &self->s.arms[i];
	struct chan_stat after = stat_now(self->fds[i]);
	bool is_send = sends(mix, i);

	CHECK_EQ(before->totals_sent + is_send, after.totals_sent);
	CHECK_EQ(before->totals_received + !is_send, after.totals_received);
	CHECK_EQ(0, after.parked_senders);
	CHECK_EQ(0, after.parked_receivers);
	CHECK_EQ(is_send, after.queued);
	if (!is_send) {
		CHECK_EQ((int)sizeof(int), arm->result);
		CHECK_EQ(OBSTACLE + i, self->s.numbers[i]);
		return 0;
	}
	CHECK_EQ(0, arm->result);
	CHECK_EQ(CHAN_STATE_QUEUED, arm->state);
	CHECK_EQ(true, arm->id && arm->id != 0xcccccccccccccccc);
	CHECK_EQ(100 + i, take_message(self->fds[i]));
	return put_message(self->fds[i], OBSTACLE);
}

/* One that is ready --------------------------------------------------------- */

static int one_is_taken(FIXTURE_DATA(select) * self, enum mix mix, int at,
			__u32 flags)
{
	select_again(&self->s);
	CHECK_EQ(0, make_ready(self, mix, at));
	remember(self);
	self->s.batch.flags = flags;
	CHECK_EQ(at, select_run(&self->s));
	CHECK_EQ(0, others_are_as_before(self, at));
	return is_done(self, mix, at);
}

static int each_alone_is_taken(FIXTURE_DATA(select) * self, enum mix mix,
			       int nr)
{
	CHECK_EQ(0, list_unready(self, mix, nr));
	for (int at = 0; at<nr; at += nr> 8 ? 7 : 1) {
		CHECK_EQ(0, one_is_taken(self, mix, at, 0));
		CHECK_EQ(0, one_is_taken(self, mix, at, CHAN_NOWAIT));
		CHECK_EQ(0, one_is_taken(self, mix, at, CHAN_ORDERED));
	}
	return 0;
}

TEST_F(select, the_one_that_is_ready_is_taken)
{
	static const int nrs[] = { 1, 2, 8, 64 };

	for (int mix = RECVS; mix <= BOTH; mix++) {
		for (size_t i = 0; i < ARRAY_SIZE(nrs); i++) {
			EXPECT_EQ(0, each_alone_is_taken(self, mix, nrs[i]))
			{
				TH_LOG("%s, %d", mixes[mix], nrs[i]);
			}
		}
	}
}

TEST_F(select, arms_without_a_descriptor_are_on_its_own_endpoint)
{
	add_recv(&self->s, self->fds[1]);
	add_recv(&self->s, -1);
	ASSERT_EQ(0, put_message(self->fds[0], 7));
	EXPECT_EQ(1, select_now(&self->s));
	EXPECT_EQ(7, self->s.numbers[1]);
	select_init(&self->s, self->fds[0]);
	ASSERT_EQ(0, put_message(self->fds[1], OBSTACLE));
	add_send(&self->s, self->fds[1], 1);
	add_send(&self->s, -1, 2);
	EXPECT_EQ(1, select_now(&self->s));
	EXPECT_EQ(2, take_message(self->fds[0]));
}

/* It needs no right itself, if no arm is on it. */
TEST_F(select, endpoint_needs_only_the_rights_of_its_arms)
{
	int admin = derive(self->fds[0], CHAN_RIGHT_ADMIN);

	select_init(&self->s, admin);
	add_recv(&self->s, self->fds[1]);
	ASSERT_EQ(0, put_message(self->fds[1], 7));
	EXPECT_EQ(0, select_run(&self->s));
	EXPECT_EQ(7, self->s.numbers[0]);
	close(admin);
}

/* Here 0 is a descriptor as any other is. */
TEST_F(select, fd_0_is_descriptor_0)
{
	int zero = dup(0);

	ASSERT_EQ(0, dup2(self->fds[1], 0));
	ASSERT_EQ(0, put_message(self->fds[1], 7));
	add_recv(&self->s, 0);
	EXPECT_EQ(0, select_now(&self->s));
	EXPECT_EQ(7, self->s.numbers[0]);
	close(0);
	if (zero > 0)
		dup2(zero, 0);
}

/* Two that want the same: one has it, and the other is ready no more. */
TEST_F(select, arms_on_one_endpoint_are_two_arms)
{
	static const int rounds = 64;
	int seen[3] = { 0 };

	for (int i = 0; i < rounds; i++) {
		select_init(&self->s, self->fds[0]);
		add_recv(&self->s, -1);
		add_recv(&self->s, -1);
		add_recv(&self->s, self->fds[0]);
		ASSERT_EQ(0, put_message(self->fds[0], 7));
		ASSERT_LE(0, select_now(&self->s));
		seen[self->s.batch.index]++;
		EXPECT_EQ(7, self->s.numbers[self->s.batch.index]);
		select_again(&self->s);
		EXPECT_EQ(-EAGAIN, select_now(&self->s));

		select_init(&self->s, self->fds[0]);
		for (int nr = 1; nr <= 3; nr++)
			add_send(&self->s, -1, nr);
		ASSERT_LE(0, select_now(&self->s));
		EXPECT_EQ(1, stat_now(self->fds[0]).queued);
		EXPECT_EQ((int)self->s.batch.index + 1,
			  take_message(self->fds[0]));
	}
	/* That one of three never comes: 3 x (2/3)^64, 2e-11. */
	for (int i = 0; i < 3; i++)
		EXPECT_LT(0, seen[i]);
	EXPECT_EQ(0, nothing_is_left(self->fds[0]));
}

/* At random ------------------------------------------------------------------ */

#define CHOICES		10000
#define CHOICES_TIMEOUT 300 /* on a slow kernel */

/*
 * Counts of a fair choice among n differ from equal ones by a chi-squared of
 * n - 1 degrees of freedom, on average n - 1. These are the values that it
 * exceeds with a probability of 1e-6, the upper quantiles of that distribution:
 * for 1, 2, 3 and 63 degrees. A seed does not help, for the choice is the
 * kernel's; a module that chooses fairly fails one such test in a million.
 */
static double chi_squared_bound(int n)
{
	switch (n) {
	case 2:
		return 23.93;
	case 3:
		return 27.63;
	case 4:
		return 30.66;
	case 64:
		return 131.37;
	default:
		return 0;
	}
}

/* How far the counts of @n are from equal ones. */
static double chi_squared(const long *counts, int n)
{
	double expected = (double)CHOICES / n, sum = 0;

	for (int i = 0; i < n; i++)
		sum += (counts[i] - expected) * (counts[i] - expected) /
		       expected;
	return sum;
}

static void expect_fair(struct __test_metadata *_metadata, const char *what,
			const long *counts, int n)
{
	double found = chi_squared(counts, n);
	long sum = 0;

	for (int i = 0; i < n; i++)
		sum += counts[i];
	EXPECT_EQ(CHOICES, sum);
	TH_LOG("%s: chi-squared %.1f of %d, at most %.1f", what, found, n,
	       chi_squared_bound(n));
	EXPECT_LT(found, chi_squared_bound(n));
}

static int make_ready_again(FIXTURE_DATA(select) * self, enum mix mix, int i)
{
	if (!sends(mix, i))
		return put_message(self->fds[i], OBSTACLE);
	CHECK_EQ(100 + i, take_message(self->fds[i]));
	return 0;
}

static int list_ready(FIXTURE_DATA(select) * self, enum mix mix, int n)
{
	CHECK_EQ(0, list_unready(self, mix, n));
	for (int i = 0; i < n; i++)
		CHECK_EQ(0, make_ready(self, mix, i));
	return 0;
}

/* Of @n that are ready; what was taken is made ready again. */
static void choose_among(struct __test_metadata *_metadata,
			 FIXTURE_DATA(select) * self, enum mix mix, int n)
{
	long counts[ARMS_MAX] = { 0 };

	for (long i = 0; i < CHOICES; i++) {
		int index = select_run(&self->s);

		ASSERT_LE(0, index);
		counts[index]++;
		ASSERT_EQ(0, make_ready_again(self, mix, index));
		select_again(&self->s);
	}
	expect_fair(_metadata, mixes[mix], counts, n);
}

TEST_F_TIMEOUT(select, random_choice_of_2_is_fair, CHOICES_TIMEOUT)
{
	for (int mix = RECVS; mix <= SENDS; mix++) {
		ASSERT_EQ(0, list_ready(self, mix, 2));
		choose_among(_metadata, self, mix, 2);
	}
}

TEST_F_TIMEOUT(select, random_choice_of_3_is_fair, CHOICES_TIMEOUT)
{
	ASSERT_EQ(0, list_ready(self, BOTH, 3));
	choose_among(_metadata, self, BOTH, 3);
}

TEST_F_TIMEOUT(select, random_choice_of_64_is_fair, CHOICES_TIMEOUT)
{
	ASSERT_EQ(0, list_ready(self, BOTH, 64));
	choose_among(_metadata, self, BOTH, 64);
}

/* Then all arms are tried together. */
TEST_F_TIMEOUT(select, random_choice_beside_one_that_would_meet_is_fair,
	       CHOICES_TIMEOUT)
{
	int meeting = whole_channel(self->control, 0);

	ASSERT_EQ(0, list_ready(self, BOTH, 3));
	add_send(&self->s, meeting, 5);
	choose_among(_metadata, self, BOTH, 3);
	close(meeting);
}

/* Wherever they stand among those that are not ready. */
TEST_F_TIMEOUT(select, random_choice_does_not_depend_on_the_place_in_the_list,
	       CHOICES_TIMEOUT)
{
	static const int ready[] = { 0, 1, 15 };
	long counts[ARRAY_SIZE(ready)] = { 0 };

	ASSERT_EQ(0, list_unready(self, BOTH, 16));
	for (size_t i = 0; i < ARRAY_SIZE(ready); i++)
		ASSERT_EQ(0, make_ready(self, BOTH, ready[i]));
	for (long i = 0; i < CHOICES; i++) {
		int index = select_run(&self->s);

		ASSERT_LE(0, index);
		for (size_t j = 0; j < ARRAY_SIZE(ready); j++)
			counts[j] += index == ready[j];
		ASSERT_EQ(0, make_ready_again(self, BOTH, index));
		select_again(&self->s);
	}
	expect_fair(_metadata, "3 of 16", counts, 3);
}

/* Each arm counts, not each endpoint. */
TEST_F_TIMEOUT(select, random_choice_counts_arms_on_one_endpoint_apart,
	       CHOICES_TIMEOUT)
{
	long counts[3] = { 0 };

	add_recv(&self->s, self->fds[0]);
	add_recv(&self->s, self->fds[0]);
	add_recv(&self->s, self->fds[1]);
	ASSERT_EQ(0, put_message(self->fds[0], OBSTACLE));
	ASSERT_EQ(0, put_message(self->fds[1], OBSTACLE));
	for (long i = 0; i < CHOICES; i++) {
		int index = select_run(&self->s);

		ASSERT_LE(0, index);
		counts[index]++;
		ASSERT_EQ(0, put_message(self->s.arms[index].fd, OBSTACLE));
		select_again(&self->s);
	}
	expect_fair(_metadata, "twice on one endpoint", counts, 3);
}

/* Two that fail and two that succeed; what was taken is ready again. */
static int choose_with_failures(FIXTURE_DATA(select) * self, int first_error)
{
	int ret = select_run(&self->s);

	switch (self->s.batch.index) {
	case 0:
		CHECK_EQ(first_error, ret);
		return 0;
	case 1:
		CHECK_EQ(1, ret);
		CHECK_EQ(2, take_message(self->fds[1]));
		return 0;
	case 2:
		CHECK_EQ(-EMSGSIZE, ret);
		return 0;
	default:
		CHECK_EQ(3, ret);
		return put_message(self->fds[3], OBSTACLE);
	}
}

/* Behind one that fails. */
static int list_with_failures(FIXTURE_DATA(select) * self)
{
	add_send(&self->s, self->fds[1], 2);
	add_arm(&self->s, self->fds[2], op_send("", 65));
	add_recv(&self->s, self->fds[3]);
	return put_message(self->fds[3], OBSTACLE);
}

static void choose_among_failures(struct __test_metadata *_metadata,
				  FIXTURE_DATA(select) * self, int first_error,
				  const char *what)
{
	long counts[4] = { 0 };

	for (long i = 0; i < CHOICES; i++) {
		ASSERT_EQ(0, choose_with_failures(self, first_error));
		counts[self->s.batch.index]++;
		select_again(&self->s);
	}
	expect_fair(_metadata, what, counts, 4);
}

/* What would fail is as likely as what would succeed. */
TEST_F_TIMEOUT(select, random_choice_takes_failures_too, CHOICES_TIMEOUT)
{
	int no_sender = derive(self->fds[0], CHAN_RIGHT_RECV);

	add_send(&self->s, no_sender, 1);
	ASSERT_EQ(0, list_with_failures(self));
	choose_among_failures(_metadata, self, -EBADF, "2 of 4 fail");
	close(no_sender);
}

/* Also of a select that will wait, which prepares all arms before one is tried. */
TEST_F_TIMEOUT(select, random_choice_takes_failures_beside_one_that_would_meet,
	       CHOICES_TIMEOUT)
{
	int meeting = whole_channel(self->control, 0);

	add_arm(&self->s, self->fds[0], op_send("", 65));
	ASSERT_EQ(0, list_with_failures(self));
	add_send(&self->s, meeting, 5);
	choose_among_failures(_metadata, self, -EMSGSIZE, "2 of 4 fail");
	close(meeting);
}

/* In order ------------------------------------------------------------------ */

/* Each set of five arms is ready. */
static int first_of_set(FIXTURE_DATA(select) * self, enum mix mix,
			unsigned int set)
{
	int first = __builtin_ctz(set);

	CHECK_EQ(0, list_unready(self, mix, 5));
	for (int i = 0; i < 5; i++)
		if (set & 1U << i)
			CHECK_EQ(0, make_ready(self, mix, i));
	remember(self);
	self->s.batch.flags = CHAN_ORDERED;
	CHECK_EQ(first, select_run(&self->s));
	CHECK_EQ(0, others_are_as_before(self, first));
	return is_done(self, mix, first);
}

TEST_F(select, ordered_takes_the_first_that_is_ready)
{
	for (int mix = RECVS; mix <= BOTH; mix++)
		for (unsigned int set = 1; set < 32; set++) {
			EXPECT_EQ(0, first_of_set(self, mix, set))
			{
				TH_LOG("%s, set %#x", mixes[mix], set);
			}
		}
}

TEST_F(select, ordered_never_takes_another)
{
	static const int firsts[] = { 0, 1, 40, 63 };

	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		int first = firsts[i];

		ASSERT_EQ(0, list_unready(self, RECVS, ARMS_MAX));
		for (int at = first; at < ARMS_MAX; at++)
			ASSERT_EQ(0, make_ready(self, RECVS, at));
		self->s.batch.flags = CHAN_ORDERED;
		for (int round = 0; round < 200; round++) {
			ASSERT_EQ(first, select_run(&self->s));
			ASSERT_EQ(0, put_message(self->fds[first], OBSTACLE));
			select_again(&self->s);
		}
	}
}

/* Sends by the first arm, then by the last; the next time when it is told to. */
struct one_after_the_other {
	int first, last;
	_Atomic int round; /* -1: the end */
};

static void *send_one_after_the_other(void *arg)
{
	struct one_after_the_other *both = arg;
	unsigned int seed = seed_of(0);
	int round = 0, next;

	while ((next = both->round) >= 0) {
		if (next == round)
			continue;
		round = next;
		hold_until(clock_ns() + rand_r(&seed) % 10000);
		put_message(both->first, round);
		put_message(both->last, round);
	}
	return NULL;
}

/* Whoever finds the last one ready could have found the first one so. */
TEST_F_TIMEOUT(select, ordered_takes_what_was_ready_before, STORM_TIMEOUT(1))
{
	struct one_after_the_other both = {
		.first = self->fds[0],
		.last = self->fds[ARMS_MAX - 1],
	};
	double end = now() + seconds_each() / 2.0;
	pthread_t thread;
	int round = 0;

	ASSERT_EQ(0, list_unready(self, RECVS, ARMS_MAX));
	self->s.batch.flags = CHAN_ORDERED | CHAN_NOWAIT;
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_one_after_the_other,
				    &both));
	while (now() < end) {
		both.round = ++round;
		for (int turn = 0; turn < 2; turn++) {
			int index;

			do {
				select_again(&self->s);
				index = select_run(&self->s);
			} while (index == -EAGAIN);
			ASSERT_EQ(turn ? ARMS_MAX - 1 : 0, index);
		}
	}
	both.round = -1;
	pthread_join(thread, NULL);
	TH_LOG("%d rounds", round);
	EXPECT_LE(at_least(50), round);
}

/* What would fail is ready: it stops what comes after it, and only that. */
TEST_F(select, ordered_failure_is_told_in_its_turn)
{
	int no_sender = derive(self->fds[0], CHAN_RIGHT_RECV);

	self->s.batch.flags = CHAN_ORDERED;
	add_recv(&self->s, self->fds[0]);
	add_recv(&self->s, self->fds[1]);
	add_send(&self->s, no_sender, 1);
	add_send(&self->s, self->fds[2], 2);
	remember(self);
	EXPECT_EQ(-EBADF, select_run(&self->s));
	EXPECT_EQ(2, self->s.batch.index);
	EXPECT_EQ(0, others_are_as_before(self, -1));
	select_again(&self->s);
	ASSERT_EQ(0, put_message(self->fds[1], 7));
	EXPECT_EQ(1, select_run(&self->s));
	EXPECT_EQ(7, self->s.numbers[1]);
	close(no_sender);
}

/* It is not known to fail before it is tried. */
TEST_F(select, ordered_failure_to_come_is_told_in_its_turn)
{
	int late;

	self->s.batch.flags = CHAN_ORDERED;
	add_recv(&self->s, self->fds[0]);
	add_recv(&self->s, self->fds[1]);
	late = add_send(&self->s, self->fds[2], 1);
	self->s.arms[late].len = CHAN_MSG_MAX;
	self->s.before[late].len = CHAN_MSG_MAX;
	ASSERT_EQ(0, put_message(self->fds[1], 7));
	EXPECT_EQ(1, select_run(&self->s));
	EXPECT_EQ(7, self->s.numbers[1]);
	select_again(&self->s);
	remember(self);
	EXPECT_EQ(-EMSGSIZE, select_run(&self->s));
	EXPECT_EQ(2, self->s.batch.index);
	EXPECT_EQ(0, others_are_as_before(self, -1));
}

/* None is ready --------------------------------------------------------------- */

/* Alone and among many: nothing has happened, nothing is told. */
static int is_tried_in_vain(FIXTURE_DATA(select) * self, __u32 flags,
			    __u64 deadline, int why)
{
	static const int nrs[] = { 1, 2, 64 };

	for (int mix = RECVS; mix <= BOTH; mix++)
		for (size_t i = 0; i < ARRAY_SIZE(nrs); i++) {
			CHECK_EQ(0, list_unready(self, mix, nrs[i]));
			remember(self);
			self->s.batch.flags = flags;
			self->s.batch.deadline = deadline;
			CHECK_EQ(why, select_run(&self->s));
			CHECK_EQ(UNTOLD, self->s.batch.index);
			CHECK_EQ(0, others_are_as_before(self, -1));
		}
	return 0;
}

TEST_F(select, nowait_is_EAGAIN_if_none_is_ready)
{
	EXPECT_EQ(0, is_tried_in_vain(self, CHAN_NOWAIT, 0, -EAGAIN));
	EXPECT_EQ(0, is_tried_in_vain(self, CHAN_NOWAIT | CHAN_ORDERED, 0,
				      -EAGAIN));
	EXPECT_EQ(0,
		  is_tried_in_vain(self, CHAN_NOWAIT, in_ms(100000), -EAGAIN));
}

TEST_F(select, deadline_that_has_passed_is_ETIMEDOUT_if_none_is_ready)
{
	EXPECT_EQ(0, is_tried_in_vain(self, 0, 1, -ETIMEDOUT));
	EXPECT_EQ(0,
		  is_tried_in_vain(self, CHAN_ORDERED, clock_ns(), -ETIMEDOUT));
}

TEST_F(select, deadline_that_has_passed_takes_what_is_ready)
{
	for (int mix = RECVS; mix <= BOTH; mix++) {
		ASSERT_EQ(0, list_unready(self, mix, 8));
		self->s.batch.deadline = 1;
		for (int at = 0; at < 8; at++)
			EXPECT_EQ(0, one_is_taken(self, mix, at, 0));
	}
}

TEST_F(select, deadline_in_the_farthest_future_takes_what_is_ready)
{
	ASSERT_EQ(0, list_unready(self, RECVS, 8));
	self->s.batch.deadline = ~0ULL;
	EXPECT_EQ(0, one_is_taken(self, RECVS, 3, 0));
}

TEST_F(select, deadline_comes)
{
	static const int nrs[] = { 1, 2, 64 };

	for (int mix = RECVS; mix <= BOTH; mix++)
		for (size_t i = 0; i < ARRAY_SIZE(nrs); i++) {
			ASSERT_EQ(0, list_unready(self, mix, nrs[i]));
			remember(self);
			self->s.batch.deadline = in_ms(20);
			EXPECT_EQ(-ETIMEDOUT, select_run(&self->s));
			EXPECT_LE(self->s.batch.deadline, clock_ns());
			EXPECT_EQ(UNTOLD, self->s.batch.index);
			EXPECT_EQ(0, others_are_as_before(self, -1));
		}
}

TEST_HARNESS_MAIN
