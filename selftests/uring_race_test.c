// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of io_uring whose end comes from two sides at once: a receiver is
 * found at the moment of its deadline, of a CANCEL, of a shutdown, of the close
 * of the other end, or of the end of its ring, while senders come and have
 * enough. Each command has one completion, each message one fate, and what
 * senders are told is what receivers have seen. And everything at once by rings,
 * judged by the oracle of op_oracle.h.
 *
 * Each storm lasts its share of SECONDS_EACH and prints its rounds; too few
 * fail, so that a slow machine cannot pass by doing nothing.
 */
#include "op_mix.h"
#include "rings.h"

#define CAP	  4
#define RECEIVERS 4
#define MESSAGES  4
#define TAG	  77
#define RIVALS	  2 /* threads beside the ring's */

/* Rounds ---------------------------------------------------------------------- */

enum event { DEADLINE, CANCEL, SHUTDOWN, CLOSE, RING_EXIT, EVENTS };

/* What a command that gets no message is told. */
static const int event_results[EVENTS] = {
	[DEADLINE] = -ETIMEDOUT,  [CANCEL] = -ECANCELED,
	[SHUTDOWN] = -ESHUTDOWN,  [CLOSE] = -ESHUTDOWN,
	[RING_EXIT] = -ECANCELED,
};

/*
 * Receivers wait on an endpoint of their own, @fd; @sent is what the sender of
 * each message was told. Senders who @wait do so until it is received, and not
 * for long; the others do not at all.
 */
struct round {
	enum event event;
	bool wait;
	__u32 cap;
	struct ends ends;
	int fd;
	struct chan_op recvs[RECEIVERS];
	int in[RECEIVERS], sent[MESSAGES];
	bool posted[RECEIVERS];
	int fates[MESSAGES + 1]; /* how often each was received */
};

struct race {
	enum ring_kind kind;
	int control;
	struct io_uring ring;
	struct round round;
	pthread_barrier_t begin, end;
	atomic_bool is_over;
	unsigned int seeds[1 + RIVALS];
	pthread_t rivals[RIVALS];
	unsigned int rounds, received[EVENTS], ended[EVENTS];
};

static void *sender_thread(void *arg)
{
	struct race *r = arg;
	struct round *round = &r->round;

	for (;;) {
		pthread_barrier_wait(&r->begin);
		if (r->is_over)
			break;
		hold_until(short_deadline(&r->seeds[1]));
		for (int nr = 1; nr <= MESSAGES; nr++) {
			struct chan_op op = op_send(&nr, sizeof(nr));

			if (round->wait) {
				op.until = CHAN_UNTIL_RECEIVED;
				op.deadline = short_deadline(&r->seeds[1]);
			} else {
				op.flags = CHAN_NOWAIT;
			}
			round->sent[nr - 1] = run(round->ends.sender, &op);
		}
		pthread_barrier_wait(&r->end);
	}
	return NULL;
}

static void event_comes(struct round *round)
{
	switch (round->event) {
	case CANCEL:
		run_once(round->fd, op_cancel_tag(TAG));
		break;
	case SHUTDOWN:
		shut_down(round->ends.admin);
		break;
	case CLOSE:
		close(round->ends.sender);
		break;
	default:
		break;
	}
}

static void *event_thread(void *arg)
{
	struct race *r = arg;

	for (;;) {
		pthread_barrier_wait(&r->begin);
		if (r->is_over)
			break;
		hold_until(short_deadline(&r->seeds[2]));
		event_comes(&r->round);
		pthread_barrier_wait(&r->end);
	}
	return NULL;
}

/* Receivers that wait; those with a deadline may be over already. */
static int round_begin(struct race *r)
{
	unsigned int *seed = &r->seeds[0];
	struct round *round = &r->round;

	*round = (struct round){
		.event = rand_r(seed) % EVENTS,
		.wait = rand_r(seed) % 2,
		.cap = rand_r(seed) % 2 ? CAP : 0,
	};
	/* What a dead ring was about to tell would not be overwritten. */
	if (round->event == RING_EXIT)
		round->wait = false;
	CHECK_EQ(0, ends_sized(r->control, &round->ends, round->cap,
			       sizeof(int), 0));
	round->fd = derive(round->ends.admin, CHAN_RIGHT_RECV);
	CHECK_EQ(true, round->fd >= 0);
	for (int i = 0; i < RECEIVERS; i++) {
		struct chan_op *op = &round->recvs[i];

		*op = op_recv(&round->in[i], sizeof(round->in[i]));
		op->tag = TAG;
		op->result = GARBAGE;
		if (round->event == DEADLINE)
			op->deadline =
				clock_ns() + 100000 + rand_r(seed) % 400000;
		add_command(&r->ring, round->fd, op);
	}
	CHECK_EQ(true, io_uring_submit(&r->ring) >= 0);
	CHECK_EQ(true, BECOMES(!io_uring_sq_ready(&r->ring)));
	return 0;
}

/* One completion of this round, which tells what its record tells. */
static int round_posts(struct round *round, const struct io_uring_cqe *cqe)
{
	size_t i = (struct chan_op *)(uintptr_t)cqe->user_data - round->recvs;

	CHECK_EQ(true, i < RECEIVERS);
	CHECK_EQ(false, round->posted[i]);
	CHECK_EQ(cqe->res, round->recvs[i].result);
	round->posted[i] = true;
	return 0;
}

/*
 * All completions there will be. Who was given what its sender then took back
 * waits again, and may have missed its CANCEL.
 */
static int round_completes(struct race *r)
{
	struct round *round = &r->round;
	double end = now() + BUDGET;
	struct io_uring_cqe *cqe;
	int nr = 0;

	while (nr < RECEIVERS && now() < end) {
		if (round->event == CANCEL)
			run_once(round->fd, op_cancel_tag(TAG));
		io_uring_submit_and_get_events(&r->ring);
		while (!io_uring_peek_cqe(&r->ring, &cqe)) {
			CHECK_EQ(0, round_posts(round, cqe));
			io_uring_cqe_seen(&r->ring, cqe);
			nr++;
		}
		sched_yield();
	}
	CHECK_EQ(RECEIVERS, nr);
	CHECK_EQ(true, is_quiet(&r->ring));
	return 0;
}

/* The ring ends while its receivers are found; nobody sees what it posts. */
static int round_loses_ring(struct race *r)
{
	hold_until(short_deadline(&r->seeds[0]));
	if (rand_r(&r->seeds[0]) % 2)
		io_uring_submit_and_get_events(&r->ring);
	io_uring_queue_exit(&r->ring);
	CHECK_EQ(0, ring_make(&r->ring, r->kind, RING_ENTRIES));
	pthread_barrier_wait(&r->end);
	close_end(&r->round.fd);
	/* The last of its commands lets go of the endpoint. */
	CHECK_EQ(true, STAT_BECOMES(r->round.ends.admin, receivers, 1));
	return 0;
}

/* What each receiver has got, or what it was told. */
static int count_received(struct race *r)
{
	struct round *round = &r->round;
	enum event event = round->event;

	for (int i = 0; i < RECEIVERS; i++) {
		int result = round->recvs[i].result;

		if (result == sizeof(int)) {
			CHECK_EQ(true,
				 round->in[i] >= 1 && round->in[i] <= MESSAGES);
			CHECK_EQ(1, round->recvs[i].attempt);
			round->fates[round->in[i]]++;
			r->received[event]++;
			continue;
		}
		/* Of a ring that has ended nobody is told anything. */
		if (event != RING_EXIT || result != GARBAGE)
			CHECK_EQ(event_results[event], result);
		r->ended[event]++;
	}
	return 0;
}

static int count_left(struct round *round)
{
	int nr;

	while ((nr = take_now(round->ends.receiver)) > 0)
		round->fates[nr]++;
	CHECK_EQ(true, nr == 0 || nr == -EAGAIN);
	return 0;
}

static bool may_be_told(const struct round *round, int result)
{
	switch (result) {
	case -ETIMEDOUT:
		return round->wait;
	case -EAGAIN:
		return !round->wait && !round->cap;
	case -EPIPE:
		return round->event == SHUTDOWN;
	case -EBADF:
		return round->event == CLOSE;
	default:
		return false;
	}
}

/* Whoever was told success was received once, the others never. */
static int round_judge(struct race *r)
{
	struct round *round = &r->round;
	unsigned int sum = 0;

	CHECK_EQ(0, count_received(r));
	CHECK_EQ(0, count_left(round));
	for (int nr = 1; nr <= MESSAGES; nr++) {
		int told = round->sent[nr - 1];

		CHECK_EQ(told == 0, round->fates[nr]);
		CHECK_EQ(true, told == 0 || may_be_told(round, told));
		sum += round->fates[nr];
	}
	CHECK_EQ(sum, stat_now(round->ends.admin).totals_received);
	CHECK_EQ(0, nothing_is_left(round->ends.admin));
	return 0;
}

/*
 * A sender that has met a receiver waits until that has copied, which the ring's
 * task might have to be asked for.
 */
static bool may_be_late(const struct race *r)
{
	return r->kind != RING_DEFER || r->round.wait || r->round.cap;
}

static int round_run(struct race *r)
{
	struct round *round = &r->round;
	int wrong;

	CHECK_EQ(0, round_begin(r));
	pthread_barrier_wait(&r->begin);
	if (round->event == RING_EXIT) {
		wrong = round_loses_ring(r);
	} else {
		/* Some rings work at once, some when they are asked to. */
		wrong = may_be_late(r) && rand_r(&r->seeds[0]) % 2 ?
				-1 :
				round_completes(r);
		pthread_barrier_wait(&r->end);
		if (wrong < 0)
			wrong = round_completes(r);
	}
	CHECK_EQ(0, wrong);
	CHECK_EQ(0, round_judge(r));
	if (round->event == CLOSE)
		round->ends.sender = -1;
	close_end(&round->fd);
	ends_close(&round->ends);
	r->rounds++;
	return 0;
}

FIXTURE(race)
{
	struct race race;
	long long references;
};

FIXTURE_VARIANT(race)
{
	enum ring_kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(race, plain) { .kind = RING_PLAIN };
FIXTURE_VARIANT_ADD(race, defer) { .kind = RING_DEFER };
FIXTURE_VARIANT_ADD(race, sqpoll) { .kind = RING_SQPOLL };
FIXTURE_VARIANT_ADD(race, coop) { .kind = RING_COOP };
/* clang-format on */

#define SHARE (seconds_each() / 4.0)

FIXTURE_SETUP(race)
{
	struct race *r = &self->race;

	r->kind = variant->kind;
	r->control = open_control();
	ASSERT_LE(0, r->control);
	self->references = module_references();
	ASSERT_EQ(0, ring_make(&r->ring, r->kind, RING_ENTRIES));
	ASSERT_EQ(0, pthread_barrier_init(&r->begin, NULL, 1 + RIVALS));
	ASSERT_EQ(0, pthread_barrier_init(&r->end, NULL, 1 + RIVALS));
	for (int i = 0; i <= RIVALS; i++)
		r->seeds[i] = 1 + i + 16 * variant->kind;
	ASSERT_EQ(0, pthread_create(&r->rivals[0], NULL, sender_thread, r));
	ASSERT_EQ(0, pthread_create(&r->rivals[1], NULL, event_thread, r));
}

FIXTURE_TEARDOWN(race)
{
	close(self->race.control);
}

TEST_F_TIMEOUT(race, each_command_and_each_message_ends_once, STORM_TIMEOUT(1))
{
	struct race *r = &self->race;
	double end = now() + 2 * SHARE;
	int wrong = 0;

	while (!wrong && now() < end)
		wrong = round_run(r);
	TH_LOG("%u rounds", r->rounds);
	for (int i = 0; i < EVENTS; i++)
		TH_LOG("event %d: %u received, %u ended", i, r->received[i],
		       r->ended[i]);
	ASSERT_EQ(0, wrong);
	EXPECT_LE(at_least(5), r->rounds);
	/* Of many, some have gone each way. */
	for (int i = 0; r->rounds > 1000 && i < EVENTS; i++) {
		EXPECT_LT(0, r->received[i]);
		EXPECT_LT(0, r->ended[i]);
	}
	r->is_over = true;
	pthread_barrier_wait(&r->begin);
	for (int i = 0; i < RIVALS; i++)
		pthread_join(r->rivals[i], NULL);
	io_uring_queue_exit(&r->ring);
	EXPECT_TRUE(BECOMES(module_references() == self->references));
}

/* Everything ------------------------------------------------------------------- */

FIXTURE(mixed)
{
	int control;
	long long references;
};

FIXTURE_VARIANT(mixed)
{
	enum ring_kind kind;
	__u32 cap;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(mixed, plain) { .kind = RING_PLAIN, .cap = CAP };
FIXTURE_VARIANT_ADD(mixed, defer) { .kind = RING_DEFER, .cap = CAP };
FIXTURE_VARIANT_ADD(mixed, sqpoll) { .kind = RING_SQPOLL, .cap = CAP };
FIXTURE_VARIANT_ADD(mixed, coop) { .kind = RING_COOP, .cap = CAP };
FIXTURE_VARIANT_ADD(mixed, plain_rendezvous) { .kind = RING_PLAIN };
FIXTURE_VARIANT_ADD(mixed, defer_rendezvous) { .kind = RING_DEFER };
FIXTURE_VARIANT_ADD(mixed, sqpoll_rendezvous) { .kind = RING_SQPOLL };
FIXTURE_VARIANT_ADD(mixed, coop_rendezvous) { .kind = RING_COOP };
/* clang-format on */

FIXTURE_SETUP(mixed)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->references = module_references();
	enter_by_ring(variant->kind);
}

FIXTURE_TEARDOWN(mixed)
{
	close(self->control);
}

TEST_F_TIMEOUT(mixed, every_message_has_one_outcome, STORM_TIMEOUT(1))
{
	static struct mix mix;
	struct chan_stat s;
	char text[256];

	ASSERT_EQ(0, mix_run(&mix, self->control, variant->cap, SHARE, 0));
	EXPECT_EQ(0, mix.oracle->objections);
	EXPECT_EQ(0, nothing_is_left(mix.ends.admin));
	s = stat_now(mix.ends.admin);
	EXPECT_EQ(mix.oracle->receipts, s.totals_received);
	EXPECT_LE(s.totals_received, s.totals_sent + s.totals_redelivered);
	EXPECT_EQ(mix.oracle->unheard, s.totals_dropped);
	TH_LOG("%s, %u cancelled", oracle_summary(mix.oracle, text),
	       mix.cancelled);
	EXPECT_LE(at_least(1), letters_sent(mix.oracle));
	ends_close(&mix.ends);
	EXPECT_TRUE(BECOMES(module_references() == self->references));
	oracle_free(mix.oracle);
}

TEST_HARNESS_MAIN
