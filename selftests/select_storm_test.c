// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects that meet again and again: two that fit never miss each other, signals
 * or not; a loser leaves nothing in the way of the next round; and who locks the
 * same channels in another order holds up nobody. Each message passes once.
 * What else may happen to selects is in select_oracle_test.c.
 *
 * Each storm lasts its share of SECONDS_EACH and prints its rounds; too few
 * fail, so that a slow machine cannot pass by doing nothing.
 */
#include "duties.h"
#include "select.h"

#define LANES 4

FIXTURE(storm)
{
	int control;
	int lanes[LANES]; /* without a slot, twice, with one, and with four */
};

FIXTURE_SETUP(storm)
{
	static const __u32 caps[LANES] = { 0, 0, 1, 4 };

	self->control = open_control();
	ASSERT_LE(0, self->control);
	for (int i = 0; i < LANES; i++) {
		self->lanes[i] = whole_channel(self->control, caps[i]);
		ASSERT_LE(0, self->lanes[i]);
	}
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(storm)
{
	close_all(self->lanes, LANES);
	close(self->control);
}

/* Numbers ------------------------------------------------------------------------ */

/* Each number is sent once at most; by whom does not matter. */
#define NUMBERS (1 << 21)
#define CHUNK	64 /* rounds before anybody looks whether there are enough */
#define SENDS	8 /* of one select, at most */

struct weather {
	double seconds;
	_Atomic double end; /* that long after the signals have begun */
	int lanes[LANES];
	_Atomic int next;
	unsigned char *sent, *had; /* by number */
	_Atomic long untidy; /* have changed the record of another arm */
};

static struct weather *weather_new(FIXTURE_DATA(storm) * self, double seconds)
{
	struct weather *w = calloc(1, sizeof(*w) + 2 * NUMBERS);

	if (!w)
		abort();
	memcpy(w->lanes, self->lanes, sizeof(w->lanes));
	w->sent = (unsigned char *)(w + 1);
	w->had = w->sent + NUMBERS;
	w->next = 1;
	w->seconds = seconds;
	w->end = NOT_YET;
	return w;
}

static bool goes_on(struct weather *w)
{
	return now() < w->end && w->next < NUMBERS - 2 * CHUNK * SENDS;
}

static int note(unsigned char *list, int nr)
{
	if (nr < 1 || nr >= NUMBERS)
		return -EBADMSG;
	__atomic_fetch_add(&list[nr], 1, __ATOMIC_RELAXED);
	return 0;
}

/* What is left in the channels has been sent and not been had. */
static int drain(struct weather *w)
{
	int nr;

	for (int i = 0; i < LANES; i++)
		while ((nr = take_message(w->lanes[i])) != -EAGAIN)
			CHECK_EQ(0, nr < 0 ? nr : note(w->had, nr));
	return 0;
}

/* What was sent was had, once. */
static int is_accounted_for(struct weather *w)
{
	CHECK_EQ(0, drain(w));
	for (int nr = 0; nr < w->next; nr++)
		if (w->sent[nr] != w->had[nr] || w->sent[nr] > 1) {
			fprintf(stderr, "# %d was sent %d times, had %d\n", nr,
				w->sent[nr], w->had[nr]);
			return 1;
		}
	CHECK_EQ(0, nothing_is_left_on(w->lanes, LANES));
	CHECK_EQ(0, w->untidy);
	return 0;
}

static int run_in(struct weather *w, struct selecting *s)
{
	int ret = select_raw(s);

	w->untidy += !others_are_untouched(s, s->batch.index);
	return ret;
}

/* Two that fit ------------------------------------------------------------------------ */

/*
 * Two threads run through the same list of pairs, each its side of them, without
 * a deadline: in each round they meet once, or both wait for ever.
 */
static const char *const pairs[][2] = {
	{ "0!", "0?" },	      { "0!1?", "0?1!" },	{ "0!1!", "1?0?" },
	{ "0!0?", "0!0?" },   { "0?1?", "1!" },		{ "1?0!0?1!", "0!1?" },
	{ "0!0!1!", "0?1?" }, { "1!1?1!1?", "1?1!1?" },
};

struct partner {
	struct weather *w;
	int side;
	pthread_barrier_t *barrier; /* after each chunk of rounds */
	_Atomic bool *is_over;
	_Atomic long rounds;
};

static void list_side(struct weather *w, struct selecting *s, const char *arms)
{
	select_init(s, w->lanes[0]);
	for (; *arms; arms += 2) {
		int lane = w->lanes[arms[0] - '0'];

		if (arms[1] == '!')
			add_send(s, lane, w->next++);
		else
			add_recv(s, lane);
	}
}

/* Turned after each run through the list, in order after each second one. */
static int meet_once(struct partner *me, long round)
{
	const long nr = ARRAY_SIZE(pairs);
	const char *const *pair = pairs[round % nr];
	struct selecting s;
	int ret;

	list_side(me->w, &s, pair[me->side ^ (round / nr & 1)]);
	s.batch.flags = round / nr & 2 ? CHAN_ORDERED : 0;
	ret = run_in(me->w, &s);
	while (ret == -EINTR) {
		select_again(&s);
		ret = run_in(me->w, &s);
	}
	if (ret < 0)
		return ret;
	return note(s.arms[ret].code == CHAN_OP_SEND ? me->w->sent : me->w->had,
		    s.numbers[ret]);
}

static ssize_t meet_often(struct call *call)
{
	struct partner *me = call->buf;
	int ret;

	do {
		for (int i = 0; i < CHUNK; i++) {
			ret = meet_once(me, me->rounds);
			if (ret)
				return ret;
			me->rounds++;
		}
		pthread_barrier_wait(me->barrier);
		if (!me->side)
			*me->is_over = !goes_on(me->w);
		pthread_barrier_wait(me->barrier);
	} while (!*me->is_over);
	return 0;
}

static void meet_run(struct __test_metadata *_metadata, struct weather *w,
		     bool signals)
{
	_Atomic bool is_over = false;
	pthread_barrier_t barrier;
	struct partner partners[2];
	struct call calls[2];
	timer_t timers[2];

	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 2; i++) {
		partners[i] = (struct partner){
			.w = w,
			.side = i,
			.barrier = &barrier,
			.is_over = &is_over,
		};
		calls[i] = (struct call){
			.fn = meet_often,
			.buf = &partners[i],
		};
		ASSERT_EQ(0, call_start(&calls[i]));
	}
	for (int i = 0; signals && i < 2; i++)
		ASSERT_EQ(0, signal_often(&calls[i].tid, &timers[i]));
	w->end = now() + w->seconds;
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, finish(&calls[i]));
	for (int i = 0; signals && i < 2; i++)
		timer_delete(timers[i]);
	TH_LOG("%ld and %ld rounds, %d signals", partners[0].rounds,
	       partners[1].rounds, signals_taken);
	EXPECT_EQ(partners[0].rounds, partners[1].rounds);
	EXPECT_EQ(0, is_accounted_for(w));
	EXPECT_LE(at_least(2), partners[0].rounds);
}

TEST_F_TIMEOUT(storm, of_two_that_fit_always_meet, STORM_TIMEOUT(1))
{
	struct weather *w = weather_new(self, seconds_each() / 4.0);

	meet_run(_metadata, w, false);
	free(w);
}

TEST_F_TIMEOUT(storm, of_two_that_fit_always_meet_in_spite_of_signals,
	       STORM_TIMEOUT(1))
{
	for (int restarts = 0; restarts < 2; restarts++) {
		struct weather *w = weather_new(self, seconds_each() / 8.0);

		catch_signal(SIGUSR1, restarts ? SA_RESTART : 0);
		meet_run(_metadata, w, true);
		EXPECT_LE(at_least(1), signals_taken);
		free(w);
	}
}

/* Losers ------------------------------------------------------------------------------- */

/*
 * One select in a loop, with an arm in each direction on each lane, and somebody
 * who serves one of them at random. What is left of a loser would be in the
 * way of the next round, or be counted at the end.
 */
#define LAST (-1)

static ssize_t lose_often(struct call *call)
{
	struct weather *w = call->buf;
	long rounds = 0;
	int ret;

	for (;;) {
		struct selecting s;

		select_init(&s, w->lanes[0]);
		for (int i = 0; i < LANES; i++) {
			add_recv(&s, w->lanes[i]);
			if (i < 2)
				add_send(&s, w->lanes[i], w->next++);
		}
		ret = run_in(w, &s);
		if (ret < 0)
			return ret;
		if (s.arms[ret].code == CHAN_OP_RECV && s.numbers[ret] == LAST)
			return rounds;
		ret = note(s.arms[ret].code == CHAN_OP_SEND ? w->sent : w->had,
			   s.numbers[ret]);
		if (ret)
			return ret;
		rounds++;
	}
}

/* Waits for its turn, for that must come. */
static int serve_one(struct weather *w, unsigned int *seed)
{
	int lane = rand_r(seed) % LANES, nr = w->next++, ret;
	bool is_send = lane >= 2 || rand_r(seed) % 2;
	struct chan_op op = is_send ? op_send(&nr, sizeof(nr)) :
				      op_recv(&nr, sizeof(nr));

	op.deadline = in_ms(BUDGET * 1000);
	ret = run(w->lanes[lane], &op);
	return ret < 0 ? ret : note(is_send ? w->sent : w->had, nr);
}

/* 10^5 rounds in a soak. */
TEST_F_TIMEOUT(storm, of_losers_leaves_nothing, STORM_TIMEOUT(2))
{
	struct weather *w = weather_new(self, seconds_each() / 2.0);
	struct call loser = { .fn = lose_often, .buf = w };
	unsigned int seed = seed_of(0);
	int last = LAST;
	long rounds = 0;

	ASSERT_EQ(0, call_start(&loser));
	w->end = now() + w->seconds;
	while (goes_on(w)) {
		ASSERT_EQ(0, serve_one(w, &seed));
		rounds++;
	}
	ASSERT_EQ(0, run_once(w->lanes[0], op_send(&last, sizeof(last))));
	ASSERT_LE(0, finish(&loser));
	TH_LOG("%ld rounds", rounds);
	EXPECT_EQ(0, is_accounted_for(w));
	EXPECT_LE(at_least(10), rounds);
	free(w);
}

/* In opposite orders --------------------------------------------------------------------- */

/*
 * Those that do not wait, and never find anything, do little but lock all the
 * channels and look.
 */
static ssize_t look_often(struct call *call)
{
	struct weather *w = call->buf;
	struct selecting s;
	ssize_t rounds = 0;

	select_init(&s, w->lanes[0]);
	for (int i = 0; i < LANES; i++)
		add_recv(&s, w->lanes[call->nr % 2 ? LANES - 1 - i : i]);
	for (; goes_on(w); rounds++)
		if (select_now(&s) != -EAGAIN)
			return -EPROTO;
	return rounds;
}

TEST_F_TIMEOUT(storm, of_looks_in_opposite_orders_holds_up_nobody,
	       STORM_TIMEOUT(1))
{
	struct weather *w = weather_new(self, seconds_each() / 8.0);
	struct call calls[4];
	long rounds = 0;

	for (int i = 0; i < 4; i++) {
		calls[i] = (struct call){
			.fn = look_often,
			.buf = w,
			.nr = i,
		};
		ASSERT_EQ(0, call_start(&calls[i]));
	}
	w->end = now() + w->seconds;
	for (int i = 0; i < 4; i++) {
		ssize_t looks = finish(&calls[i]);

		EXPECT_LT(0, looks);
		rounds += looks;
	}
	TH_LOG("%ld rounds", rounds);
	EXPECT_LE(at_least(5), rounds);
	EXPECT_EQ(0, nothing_is_left_on(w->lanes, LANES));
	free(w);
}

TEST_HARNESS_MAIN
