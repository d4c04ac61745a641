// SPDX-License-Identifier: GPL-2.0-only
/*
 * Duels: a select waits on two channels, and at the same moment two rivals each
 * want something of it, without waiting themselves. The one gets it, and the
 * other finds nobody; the select is told the same.
 *
 * The variants share SECONDS_EACH, and print their rounds; too few fail, so that
 * a slow machine cannot pass by doing nothing.
 */
#include <semaphore.h>

#include "select.h"

/* Rivals ------------------------------------------------------------------ */

/*
 * Whoever has won begins a little later the next time, until it is a matter of
 * chance.
 */
enum duel_kind {
	BOTH_SEND, /* to it, on a channel each */
	BOTH_RECEIVE, /* from it */
	BOTH_MAKE_ROOM, /* for what it sends, in a channel each */
	SEND_OR_CANCEL,
	SEND_OR_SIGNAL,
	SEND_OR_DEADLINE,
	DUEL_KINDS,
};

#define DUEL_TAG 5

struct duel {
	enum duel_kind kind;
	struct ends ends[2];
	pthread_t self;
	__u64 deadline;
	unsigned int distance; /* of the deadline, in nanoseconds */
	/* Rounds: begun and ended by the select; and rivals that were ready. */
	unsigned int begun;
	atomic_uint ended, ready;
	atomic_bool is_over;
	struct rival {
		struct duel *duel;
		int which;
		unsigned int seed;
		int result;
		sem_t begin, end;
		pthread_t thread;
	} rivals[2];
	unsigned int won[2];
	int winner; /* of the last round */
	int lead, step; /* of the second before the first, in turns of a loop */
	int in[2];
};

static bool is_receiving(const struct duel *d)
{
	return d->kind != BOTH_RECEIVE && d->kind != BOTH_MAKE_ROOM;
}

static bool duel_waits(const struct duel *d)
{
	struct chan_stat s = stat_now(d->ends[1].admin);

	return is_receiving(d) ? s.parked_receivers : s.parked_senders;
}

static int rival_sends(struct rival *r)
{
	int nr = r->which;
	struct chan_op op = op_send(&nr, sizeof(nr));

	op.flags = CHAN_NOWAIT;
	return run(r->duel->ends[r->which].sender, &op);
}

static int rival_receives(struct rival *r)
{
	struct ends *ends = &r->duel->ends[r->which];
	int nr = GARBAGE;
	struct chan_op op = op_recv(&nr, sizeof(nr));
	int n;

	op.flags = CHAN_NOWAIT;
	n = run(ends->receiver, &op);
	if (n < 0)
		return n;
	return n == sizeof(nr) && nr == r->which ? 0 : -EIO;
}

/* 0, or -EAGAIN if the other one has it. */
static int rival_strikes(struct rival *r)
{
	struct duel *d = r->duel;
	int n;

	if (!is_receiving(d))
		return rival_receives(r);
	if (d->kind == SEND_OR_DEADLINE)
		hold_until(d->deadline + d->lead);
	if (d->kind == BOTH_SEND || r->which == 0)
		return rival_sends(r);
	if (d->kind == SEND_OR_SIGNAL)
		return -pthread_kill(d->self, SIGUSR1);
	n = run_once(d->ends[1].receiver, op_cancel_tag(DUEL_TAG));
	return n == 1 ? 0 : n ?: -EAGAIN;
}

/*
 * Until the select waits; from there on both go at the same time. Its deadline
 * may come before.
 */
static void rival_awaits(struct rival *r, unsigned int round)
{
	struct duel *d = r->duel;

	while (d->ended != round && !duel_waits(d))
		usleep(10);
	d->ready++;
	while (d->ready < 2 * round && d->ended != round)
		;
	if (d->ended == round && r->which == 0)
		d->distance += d->distance / 2;
}

static void rival_hesitates(struct rival *r)
{
	int lead = r->which ? -r->duel->lead : r->duel->lead;
	int turns = rand_r(&r->seed) % 100;

	if (lead > 0 && r->duel->kind != SEND_OR_DEADLINE)
		turns += lead;
	for (; turns; turns--)
		__asm__ volatile("");
}

/* Each has a processor of its own, if there are two. */
static void rival_takes_place(const struct rival *r)
{
	stay_on(r->which % sysconf(_SC_NPROCESSORS_ONLN));
}

static void *rival_main(void *arg)
{
	struct rival *r = arg;
	struct duel *d = r->duel;

	rival_takes_place(r);
	for (unsigned int round = 1;; round++) {
		sem_wait(&r->begin);
		if (d->is_over)
			return NULL;
		rival_awaits(r, round);
		rival_hesitates(r);
		/* The clock may be the other one. */
		if (d->kind != SEND_OR_DEADLINE || r->which == 0)
			r->result = rival_strikes(r);
		sem_post(&r->end);
	}
}

/* What the arm gave that was done, or an errno. */
static int duel_select(struct duel *d, __u32 *arm)
{
	struct selecting s;
	int ret;

	select_init(&s, d->ends[0].admin);
	for (int i = 0; i < 2; i++) {
		if (is_receiving(d))
			add_recv(&s, d->ends[i].receiver);
		else
			add_send(&s, d->ends[i].sender, i);
		s.arms[i].tag = DUEL_TAG;
	}
	s.batch.deadline = d->deadline;
	d->begun++;
	for (int i = 0; i < 2; i++)
		sem_post(&d->rivals[i].begin);
	ret = select_raw(&s);
	d->ended = d->begun;
	*arm = s.batch.index;
	memcpy(d->in, s.numbers, sizeof(d->in));
	if (!others_are_untouched(&s, *arm))
		return TWO_STORIES;
	return ret < 0 ? ret : s.arms[ret].result;
}

static void has_won(struct duel *d, int which)
{
	d->won[which]++;
	d->step = d->winner == which ? d->step * 2 : 25;
	if (d->step > 2000)
		d->step = 2000;
	d->winner = which;
	d->lead += which ? -d->step : d->step;
}

/* It has received this rival's number. */
static int expect_received(const struct duel *d, int which, int result,
			   __u32 arm)
{
	CHECK_EQ((int)sizeof(d->in[which]), result);
	CHECK_EQ(which, arm);
	CHECK_EQ(which, d->in[which]);
	return 0;
}

/* Either rival, and the other one is told that it came too late. */
static int expect_one_won(struct duel *d, int result, __u32 arm)
{
	int won = d->rivals[0].result ? 1 : 0;

	CHECK_EQ(0, d->rivals[won].result);
	CHECK_EQ(-EAGAIN, d->rivals[!won].result);
	has_won(d, won);
	if (d->kind == BOTH_SEND || (d->kind == SEND_OR_CANCEL && !won))
		return expect_received(d, won, result, arm);
	CHECK_EQ(d->kind == SEND_OR_CANCEL ? -ECANCELED : 0, result);
	CHECK_EQ(won, arm);
	return 0;
}

/* The rival that sends, or what ends the select without an arm. */
static int expect_won_or_ended(struct duel *d, int result, __u32 arm)
{
	int won = d->rivals[0].result ? 1 : 0;

	has_won(d, won);
	if (!won)
		return expect_received(d, 0, result, arm);
	CHECK_EQ(-EAGAIN, d->rivals[0].result);
	CHECK_EQ(d->kind == SEND_OR_SIGNAL ? -EINTR : -ETIMEDOUT, result);
	CHECK_EQ(UNTOLD, arm);
	return 0;
}

/* Both have made room, and one slot is taken. */
static int expect_one_sent(struct duel *d, int result, __u32 arm)
{
	CHECK_EQ(0, d->rivals[0].result);
	CHECK_EQ(0, d->rivals[1].result);
	CHECK_EQ(0, result);
	CHECK_EQ(true, arm < 2);
	CHECK_EQ((int)arm, take_now(d->ends[arm].receiver));
	CHECK_EQ(-EAGAIN, take_now(d->ends[!arm].receiver));
	has_won(d, arm);
	return 0;
}

static int duel_once(struct duel *d)
{
	int signals = signals_taken, result;
	__u32 arm;

	if (d->kind == BOTH_MAKE_ROOM)
		for (int i = 0; i < 2; i++)
			CHECK_EQ(0, put_now(d->ends[i].sender, i));
	if (d->kind == SEND_OR_DEADLINE)
		d->deadline = clock_ns() + d->distance;
	result = duel_select(d, &arm);
	for (int i = 0; i < 2; i++)
		while (sem_wait(&d->rivals[i].end))
			;
	if (d->kind == SEND_OR_SIGNAL)
		CHECK_EQ(true, BECOMES(signals_taken > signals));
	if (d->kind == BOTH_MAKE_ROOM)
		CHECK_EQ(0, expect_one_sent(d, result, arm));
	else if (d->kind == SEND_OR_SIGNAL || d->kind == SEND_OR_DEADLINE)
		CHECK_EQ(0, expect_won_or_ended(d, result, arm));
	else
		CHECK_EQ(0, expect_one_won(d, result, arm));
	CHECK_EQ(0, nothing_is_left(d->ends[0].admin));
	return nothing_is_left(d->ends[1].admin);
}

/* Duels ------------------------------------------------------------------- */

FIXTURE(duel)
{
	int control;
	long long references;
	struct duel duel;
};

FIXTURE_VARIANT(duel)
{
	enum duel_kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(duel, both_send) {
	.kind = BOTH_SEND,
};
FIXTURE_VARIANT_ADD(duel, both_receive) {
	.kind = BOTH_RECEIVE,
};
FIXTURE_VARIANT_ADD(duel, both_make_room) {
	.kind = BOTH_MAKE_ROOM,
};
FIXTURE_VARIANT_ADD(duel, send_or_cancel) {
	.kind = SEND_OR_CANCEL,
};
FIXTURE_VARIANT_ADD(duel, send_or_signal) {
	.kind = SEND_OR_SIGNAL,
};
FIXTURE_VARIANT_ADD(duel, send_or_deadline) {
	.kind = SEND_OR_DEADLINE,
};
/* clang-format on */

FIXTURE_SETUP(duel)
{
	struct duel *d = &self->duel;

	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->references = module_references();
	*d = (struct duel){ .kind = variant->kind, .distance = 200000 };
	d->self = pthread_self();
	catch_signal(SIGUSR1, 0);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, ends_sized(self->control, &d->ends[i],
					d->kind == BOTH_MAKE_ROOM, 64, 0));
	for (int i = 0; i < 2; i++) {
		struct rival *r = &d->rivals[i];

		*r = (struct rival){
			.duel = d,
			.which = i,
			.seed = seed_of(i),
		};
		sem_init(&r->begin, 0, 0);
		sem_init(&r->end, 0, 0);
		ASSERT_EQ(0, pthread_create(&r->thread, NULL, rival_main, r));
	}
}

FIXTURE_TEARDOWN(duel)
{
	close(self->control);
}

TEST_F_TIMEOUT(duel, one_of_two_has_it, STORM_TIMEOUT(1))
{
	double end = now() + 1.0 * seconds_each() / DUEL_KINDS;
	struct duel *d = &self->duel;

	while (now() < end)
		ASSERT_EQ(0, duel_once(d));
	d->is_over = true;
	for (int i = 0; i < 2; i++) {
		sem_post(&d->rivals[i].begin);
		pthread_join(d->rivals[i].thread, NULL);
	}
	TH_LOG("%u rounds, won by the one %u times, by the other %u", d->begun,
	       d->won[0], d->won[1]);
	EXPECT_LE(at_least(1), d->begun);
	/* Among many there is one that each has won. */
	EXPECT_TRUE(d->begun < 1000 || (d->won[0] && d->won[1]));
	for (int i = 0; i < 2; i++)
		ends_close(&d->ends[i]);
	EXPECT_TRUE(BECOMES(module_references() == self->references));
}

TEST_HARNESS_MAIN
