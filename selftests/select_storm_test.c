// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects under fire: many at once on the same few channels, with random arms in
 * both directions, beside plain operations, with deadlines, signals, cancels,
 * failing copies, kills and endpoints that come and go. Each message passes
 * once or not at all, as its sender was told; no two that fit miss each other;
 * and afterwards nobody waits anywhere and nothing is left.
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
	char *edge;
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
	self->edge = page_edge(PROT_NONE);
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(storm)
{
	page_edge_free(self->edge);
	close_all(self->lanes, LANES);
	close(self->control);
}

/* Numbers ------------------------------------------------------------------------ */

/* Each number is sent once at most; by whom does not matter. */
#define NUMBERS (1 << 21)
#define WORKERS 6
#define TAG	0x57

struct weather {
	double seconds;
	_Atomic double end; /* that long after the signals have begun */
	int lanes[LANES];
	char *edge;
	_Atomic int next;
	unsigned char *sent, *had; /* by number; in memory that all share */
	_Atomic long selects, plain; /* that have passed a message */
	_Atomic long late, interrupted, cancelled, failed, none;
	_Atomic long untidy; /* have changed the record of another arm */
};

static struct weather *weather_new(FIXTURE_DATA(storm) * self, double seconds)
{
	struct weather *w = mmap(NULL, sizeof(*w) + 2 * NUMBERS,
				 PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (w == MAP_FAILED)
		abort();
	memcpy(w->lanes, self->lanes, sizeof(w->lanes));
	w->edge = self->edge;
	w->sent = (unsigned char *)(w + 1);
	w->had = w->sent + NUMBERS;
	w->next = 1;
	w->seconds = seconds;
	w->end = NOT_YET;
	return w;
}

static void weather_free(struct weather *w)
{
	munmap(w, sizeof(*w) + 2 * NUMBERS);
}

static bool goes_on(struct weather *w)
{
	return now() < w->end && w->next < NUMBERS - WORKERS * ARMS_MAX;
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

/* One step ------------------------------------------------------------------------ */

/* What a worker does; bits. */
#define CANCELS (1 << 0) /* some have a tag */
#define FAULTS	(1 << 1) /* some cannot take what comes */
#define PEEKS	(1 << 2) /* some only look */

static int run_in(struct weather *w, struct selecting *s)
{
	int ret = select_raw(s);

	w->untidy += !others_are_untouched(s, s->batch.index);
	return ret;
}

/* 0, if it is an end that may be. */
static int note_end(struct weather *w, int ret)
{
	switch (ret) {
	case -EAGAIN:
		w->none++;
		return 0;
	case -ETIMEDOUT:
		w->late++;
		return 0;
	case -EINTR:
		w->interrupted++;
		return 0;
	case -ECANCELED:
		w->cancelled++;
		return 0;
	case -EFAULT:
		w->failed++;
		return 0;
	default:
		return ret < 0 ? ret : -EPROTO;
	}
}

static void random_arm(struct weather *w, struct selecting *s,
		       unsigned int *seed, int what)
{
	int lane = w->lanes[rand_r(seed) % LANES], at;

	if (rand_r(seed) % 2) {
		at = add_send(s, lane, w->next++);
		if ((what & CANCELS) && rand_r(seed) % 4 == 0)
			s->arms[at].tag = TAG;
		return;
	}
	at = add_recv(s, lane);
	if ((what & CANCELS) && rand_r(seed) % 4 == 0)
		s->arms[at].tag = TAG;
	if ((what & PEEKS) && rand_r(seed) % 16 == 0)
		s->arms[at].flags = CHAN_PEEK;
	if ((what & FAULTS) && rand_r(seed) % 16 == 0)
		s->arms[at].buf = address(w->edge - 3);
	if ((what & FAULTS) && rand_r(seed) % 16 == 0)
		s->arms[at].len = 0;
}

static int random_select(struct weather *w, unsigned int *seed, int what)
{
	struct selecting s;
	int arms = 1 + rand_r(seed) % 6, ret;

	select_init(&s, w->lanes[0]);
	for (int i = 0; i < arms; i++)
		random_arm(w, &s, seed, what);
	if (rand_r(seed) % 4 == 0)
		s.batch.flags |= CHAN_NOWAIT;
	if (rand_r(seed) % 4 == 0)
		s.batch.flags |= CHAN_ORDERED;
	s.batch.deadline = clock_ns() + rand_r(seed) % 3000000;
	ret = run_in(w, &s);
	if (ret == -EMSGSIZE)
		ret = -EFAULT;
	if (ret < 0)
		return note_end(w, ret);
	if (s.arms[ret].flags & CHAN_PEEK)
		return 0;
	w->selects++;
	return note(s.arms[ret].code == CHAN_OP_SEND ? w->sent : w->had,
		    s.numbers[ret]);
}

static int random_operation(struct weather *w, unsigned int *seed)
{
	int lane = w->lanes[rand_r(seed) % LANES], nr = w->next++, ret;
	bool is_send = rand_r(seed) % 2;
	struct chan_op op = is_send ? op_send(&nr, sizeof(nr)) :
				      op_recv(&nr, sizeof(nr));

	if (rand_r(seed) % 4 == 0)
		op.flags = CHAN_NOWAIT;
	op.deadline = clock_ns() + rand_r(seed) % 3000000;
	ret = run(lane, &op);
	if (ret < 0)
		return note_end(w, ret);
	w->plain++;
	return note(is_send ? w->sent : w->had, nr);
}

static int random_step(struct weather *w, unsigned int *seed, int what)
{
	return rand_r(seed) % 4 ? random_select(w, seed, what) :
				  random_operation(w, seed);
}

struct worker {
	struct weather *w;
	unsigned int seed;
	int what;
};

static ssize_t work(struct call *call)
{
	struct worker *worker = call->buf;
	int ret = 0;

	while (!ret && goes_on(worker->w))
		ret = random_step(worker->w, &worker->seed, worker->what);
	return ret;
}

static unsigned int seed_of(int nr)
{
	const char *text = getenv("SEED");

	return (text ? atoi(text) : 1) + nr * 7919;
}

static void storm_run(struct __test_metadata *_metadata, struct weather *w,
		      int what, bool signals)
{
	struct worker workers[WORKERS];
	struct call calls[WORKERS];
	timer_t timers[2];

	for (int i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ w, seed_of(i), what };
		calls[i] = (struct call){ .fn = work, .buf = &workers[i] };
		ASSERT_EQ(0, call_start(&calls[i]));
	}
	for (int i = 0; signals && i < 2; i++)
		ASSERT_EQ(0, signal_often(&calls[i].tid, &timers[i]));
	w->end = now() + w->seconds;
	while (goes_on(w)) {
		usleep(500);
		for (int i = 0; (what & CANCELS) && i < LANES; i++)
			ASSERT_LE(0, run_once(w->lanes[i], op_cancel_tag(TAG)));
	}
	for (int i = 0; i < WORKERS; i++)
		EXPECT_EQ(0, finish(&calls[i]));
	for (int i = 0; signals && i < 2; i++)
		timer_delete(timers[i]);
	TH_LOG("%ld selects, %ld operations; %ld found nothing, %ld late, %ld interrupted, %ld cancelled, %ld failed",
	       w->selects, w->plain, w->none, w->late, w->interrupted,
	       w->cancelled, w->failed);
	EXPECT_EQ(0, is_accounted_for(w));
	EXPECT_LE(20 * seconds_each(), w->selects);
	EXPECT_LE(2 * seconds_each(), w->plain);
	EXPECT_LE(1, w->late);
}

TEST_F_TIMEOUT(storm, of_selects_neither_loses_nor_doubles, STORM_TIMEOUT(1))
{
	struct weather *w = weather_new(self, seconds_each() / 2.0);

	storm_run(_metadata, w, PEEKS, false);
	weather_free(w);
}

TEST_F_TIMEOUT(storm, of_signals_neither_loses_nor_doubles, STORM_TIMEOUT(1))
{
	for (int restarts = 0; restarts < 2; restarts++) {
		struct weather *w = weather_new(self, seconds_each() / 4.0);

		catch_signal(SIGUSR1, restarts ? SA_RESTART : 0);
		storm_run(_metadata, w, 0, true);
		EXPECT_EQ(!restarts, w->interrupted > 0);
		weather_free(w);
	}
}

TEST_F_TIMEOUT(storm, of_cancels_and_failures_neither_loses_nor_doubles,
	       STORM_TIMEOUT(1))
{
	struct weather *w = weather_new(self, seconds_each() / 2.0);

	storm_run(_metadata, w, CANCELS | FAULTS, true);
	EXPECT_LE(1, w->cancelled);
	EXPECT_LE(1, w->failed);
	weather_free(w);
}

/* Selects that are killed ----------------------------------------------------------- */

/*
 * In processes: one that is killed may have sent or had what it could not note
 * any more; nothing else may be missing, and nothing twice.
 */
static pid_t start_victim(struct weather *w, int nr)
{
	pid_t pid = fork();
	struct worker worker = { w, seed_of(nr), 0 };
	struct call call = { .buf = &worker };

	if (pid)
		return pid;
	_exit(work(&call) != 0);
}

/* 1; 0 if it has ended by itself, as it does when time is over; or an errno. */
static int kill_victim(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	if (!BECOMES(waitpid(pid, &status, WNOHANG) == pid))
		return -ETIME;
	return WIFSIGNALED(status) ? 1 : status ? -EPROTO : 0;
}

TEST_F_TIMEOUT(storm, of_kills_leaves_nobody_waiting, STORM_TIMEOUT(1))
{
	struct weather *w = weather_new(self, seconds_each() / 2.0);
	pid_t pids[WORKERS];
	long kills = 0, twice = 0, missing = 0;
	unsigned int seed = seed_of(0);

	for (int i = 0; i < WORKERS; i++)
		pids[i] = start_victim(w, i);
	w->end = now() + w->seconds;
	while (goes_on(w)) {
		int i = rand_r(&seed) % WORKERS, killed;

		usleep(rand_r(&seed) % 4000);
		killed = kill_victim(pids[i]);
		ASSERT_LE(0, killed);
		kills += killed;
		pids[i] = start_victim(w, WORKERS + kills);
	}
	for (int i = 0; i < WORKERS; i++)
		EXPECT_EQ(0, child_ended(pids[i], false));
	ASSERT_EQ(0, drain(w));
	for (int nr = 0; nr < NUMBERS; nr++) {
		twice += w->had[nr] > 1 || w->sent[nr] > 1;
		missing += w->sent[nr] != w->had[nr];
	}
	TH_LOG("%ld kills, %ld selects; %ld were not noted", kills, w->selects,
	       missing);
	EXPECT_EQ(0, twice);
	/* A kill stops one step, and that has one number. */
	EXPECT_LE(missing, kills);
	EXPECT_LE(2 * seconds_each(), kills);
	EXPECT_EQ(0, nothing_is_left_on(w->lanes, LANES));
	EXPECT_EQ(0, w->untidy);
	weather_free(w);
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

#define CHUNK 64

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
	EXPECT_LE(20 * seconds_each(), partners[0].rounds);
}

TEST_F_TIMEOUT(storm, of_two_that_fit_always_meet, STORM_TIMEOUT(1))
{
	struct weather *w = weather_new(self, seconds_each() / 2.0);

	meet_run(_metadata, w, false);
	weather_free(w);
}

TEST_F_TIMEOUT(storm, of_two_that_fit_always_meet_in_spite_of_signals,
	       STORM_TIMEOUT(1))
{
	for (int restarts = 0; restarts < 2; restarts++) {
		struct weather *w = weather_new(self, seconds_each() / 4.0);

		catch_signal(SIGUSR1, restarts ? SA_RESTART : 0);
		meet_run(_metadata, w, true);
		EXPECT_LE(seconds_each(), signals_taken);
		weather_free(w);
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
	struct weather *w = weather_new(self, seconds_each());
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
	EXPECT_LE(100 * seconds_each(), rounds);
	weather_free(w);
}

TEST_HARNESS_MAIN
