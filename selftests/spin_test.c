// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who waits looks on for a moment before it sleeps, if its partner is fast and
 * runs on another processor. Then most rounds between the two are over without
 * either having slept; but not where that is switched off, where the partner needs
 * the same processor, or where it takes its time.
 */
#include "ops.h"
#include "traffic.h"

#define LONGEST_SPIN 1000 /* microseconds, the most there is */

struct rounds {
	long made, slept; /* of the one who calls */
	double spent; /* microseconds of its processor, on each of them */
};

FIXTURE(spin)
{
	int control, last;
	struct ends ends, other;
	long long before;
	pthread_t server;
	int processor; /* of the server */
	bool selects; /* it receives by select */
	_Atomic long delay; /* microseconds that it takes over each call */
};

FIXTURE_VARIANT(spin)
{
	bool selects;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(spin, receives) {};
FIXTURE_VARIANT_ADD(spin, selects) {
	.selects = true,
};
/* clang-format on */

static int receive_one(FIXTURE_DATA(spin) * self, struct chan_op *op)
{
	struct chan_op arms[2] = { *op, *op };
	struct chan_batch batch = batch_of(arms, 2);
	int ret;

	if (!self->selects)
		return run(self->ends.receiver, op);
	arms[0].fd = -1;
	arms[1].fd = self->other.receiver;
	ret = record_ioctl(self->ends.receiver, CHAN_IOC_SELECT, &batch);
	if (!ret)
		*op = arms[batch.index];
	return ret;
}

static void *serve(void *arg)
{
	FIXTURE_DATA(spin) *self = arg;
	struct chan_op op;
	int nr;

	stay_on(self->processor);
	for (;;) {
		op = op_recv(&nr, sizeof(nr));
		if (receive_one(self, &op) < 0)
			return NULL;
		if (self->delay)
			usleep(self->delay);
		run_once(self->ends.receiver, op_reply(op.id, &nr, sizeof(nr)));
	}
}

FIXTURE_SETUP(spin)
{
	self->control = open_control();
	self->last = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	self->before = get_parameter("spin_us");
	ASSERT_LE(0, self->before);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, 64, 0));
	ASSERT_EQ(0, ends_sized(self->control, &self->other, 4, 64, 0));
	self->delay = 0;
	self->selects = variant->selects;
	stay_on(0);
}

FIXTURE_TEARDOWN(spin)
{
	set_parameter("spin_us", self->before);
	ends_close(&self->ends);
	ends_close(&self->other);
	close(self->control);
}

static void start_server(FIXTURE_DATA(spin) * self, int processor)
{
	self->processor = processor;
	pthread_create(&self->server, NULL, serve, self);
}

static void end_server(FIXTURE_DATA(spin) * self)
{
	shut_down(self->ends.admin);
	pthread_join(self->server, NULL);
}

static double time_spent(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* For some time, or as long as it takes to make one. */
static struct rounds make_rounds(FIXTURE_DATA(spin) * self)
{
	double end = now() + seconds_each() / 10.0;
	struct rounds rounds = { .slept = -times_slept(),
				 .spent = -time_spent() };
	int nr = 1, reply;

	do {
		if (run_once(self->ends.sender,
			     op_call(&nr, sizeof(nr), &reply, sizeof(reply))) !=
		    sizeof(reply))
			return (struct rounds){};
		rounds.made++;
	} while (now() < end);
	rounds.slept += times_slept();
	rounds.spent = (rounds.spent + time_spent()) / rounds.made;
	fprintf(stderr, "# %ld rounds, slept in %ld, %.0f us of each spent\n",
		rounds.made, rounds.slept, rounds.spent);
	return rounds;
}

static bool seldom_slept(struct rounds rounds)
{
	return rounds.slept < rounds.made / 4 * 3;
}

static bool mostly_slept(struct rounds rounds)
{
	return rounds.slept >= rounds.made / 2;
}

/* Whatever else the machine does may spoil some of them, but not all. */
#define ROUNDS_ARE(condition)                                  \
	({                                                     \
		double end_ = now() + 2 * BUDGET;              \
		struct rounds rounds;                          \
		bool is_;                                      \
		do {                                           \
			rounds = make_rounds(self);            \
			is_ = rounds.made && (condition);      \
		} while (!is_ && rounds.made && now() < end_); \
		is_;                                           \
	})

TEST_F(spin, who_waits_for_another_processor_seldom_sleeps)
{
	if (!self->last)
		SKIP(return, "there is one processor");
	ASSERT_EQ(0, set_parameter("spin_us", LONGEST_SPIN));
	start_server(self, self->last);
	EXPECT_TRUE(ROUNDS_ARE(seldom_slept(rounds)));
	end_server(self);
}

TEST_F(spin, who_may_not_spin_sleeps)
{
	if (!self->last)
		SKIP(return, "there is one processor");
	ASSERT_EQ(0, set_parameter("spin_us", 0));
	start_server(self, self->last);
	EXPECT_TRUE(ROUNDS_ARE(mostly_slept(rounds)));
	end_server(self);
}

/* It would only keep its partner from running, which does not ask for its turn. */
TEST_F(spin, who_shares_its_processor_sleeps)
{
	const struct sched_param none = { 0 };
	long made;

	ASSERT_EQ(0, sched_setscheduler(0, SCHED_BATCH, &none));
	ASSERT_EQ(0, set_parameter("spin_us", 0));
	start_server(self, 0);
	made = make_rounds(self).made;
	ASSERT_LT(0, made);
	ASSERT_EQ(0, set_parameter("spin_us", LONGEST_SPIN));
	EXPECT_TRUE(
		ROUNDS_ARE(rounds.made >= made / 2 && mostly_slept(rounds)));
	end_server(self);
}

/* Nobody looks on for longer than that would have helped. */
TEST_F(spin, who_waits_for_long_sleeps)
{
	ASSERT_EQ(0, set_parameter("spin_us", LONGEST_SPIN));
	start_server(self, self->last);
	make_rounds(self);
	self->delay = 3 * LONGEST_SPIN;
	EXPECT_TRUE(ROUNDS_ARE(rounds.slept >= rounds.made &&
			       rounds.spent < LONGEST_SPIN / 2));
	end_server(self);
}

/* The end of looking on ---------------------------------------------------- */

#define TAUGHT_NS 900000 /* for so long it looks on, and longer */
#define ENDS_NS	  150000
#define LATE_NS	  500000 /* and by then, or it would have looked on */
#define GONE_NS	  2000000 /* it was the processor that was late */

/* Whom the test waits for, on another processor. */
struct partner {
	FIXTURE_DATA(spin) * self;
	pthread_t thread, waiter;
	enum { NOTHING, SEND, SIGNAL, ENOUGH, GO } _Atomic wish;
	_Atomic __u64 signalled; /* when first */
};

static void send_later(struct partner *p)
{
	int nr = 1;

	hold_until(clock_ns() + TAUGHT_NS);
	p->wish = NOTHING;
	run_once(p->self->ends.sender, op_send(&nr, sizeof(nr)));
}

/* Again and again, for one may come before the operation waits. */
static void signal_later(struct partner *p)
{
	p->signalled = 0;
	while (p->wish == SIGNAL) {
		hold_until(clock_ns() + ENDS_NS);
		if (!p->signalled)
			p->signalled = clock_ns();
		pthread_kill(p->waiter, SIGALRM);
	}
	p->wish = NOTHING;
}

static void *partner_run(void *arg)
{
	struct partner *p = arg;

	stay_on(p->self->last);
	while (p->wish != GO) {
		if (p->wish == SEND)
			send_later(p);
		else if (p->wish == SIGNAL)
			signal_later(p);
	}
	return NULL;
}

/* Whoever waits for messages here looks on for as long as one took to come. */
static int teach(struct partner *p)
{
	long slept;
	int nr;

	for (int i = 0; i < 40; i++) {
		slept = times_slept();
		p->wish = SEND;
		CHECK_EQ((int)sizeof(nr), run_once(p->self->ends.receiver,
						   op_recv(&nr, sizeof(nr))));
		if (times_slept() == slept)
			return 0;
	}
	return -ETIME;
}

/*
 * One that looked on until then, not for longer, and did not sleep after it, counts
 * for it; otherwise against. A signal that comes late, or a processor that others have
 * meanwhile, says nothing.
 */
static int ends_at_once(struct partner *p, int result)
{
	__u64 begun, end, ended;
	struct chan_op op;
	long slept;
	int nr, ret;

	if (teach(p))
		return 0;
	op = op_recv(&nr, sizeof(nr));
	slept = times_slept();
	begun = clock_ns();
	end = begun + ENDS_NS;
	if (result == -EINTR)
		p->wish = SIGNAL;
	else
		op.deadline = end;
	ret = run(p->self->ends.receiver, &op);
	ended = clock_ns();
	slept = times_slept() - slept;
	if (result == -EINTR) {
		p->wish = ENOUGH;
		while (p->wish != NOTHING)
			;
		end = p->signalled;
	}
	fprintf(stderr, "# %d after %lld us, %lld of them late, slept %ld\n",
		ret, (ended - begun) / 1000LL, (__s64)(ended - end) / 1000LL,
		slept);
	if (end > begun + 2 * ENDS_NS || ended > begun + GONE_NS)
		return 0;
	if (ret != result || ended < end || ended >= end + LATE_NS || slept)
		return -1;
	return 1;
}

static void partner_start(struct partner *p, FIXTURE_DATA(spin) * self)
{
	*p = (struct partner){ .self = self, .waiter = pthread_self() };
	catch_signal(SIGALRM, 0);
	pthread_create(&p->thread, NULL, partner_run, p);
}

static void partner_end(struct partner *p)
{
	p->wish = GO;
	pthread_join(p->thread, NULL);
}

/* A tick of the clock may end it as well: it is to be so again and again. */
static bool ended_by(struct partner *p, int result)
{
	double end = now() + 2 * BUDGET;
	int score = 0;

	while (score < 8 && now() < end) {
		score += ends_at_once(p, result);
		if (score < 0)
			score = 0;
	}
	return score == 8;
}

static void end_looking_on(struct __test_metadata *_metadata,
			   FIXTURE_DATA(spin) * self,
			   const FIXTURE_VARIANT(spin) * variant, int result)
{
	struct partner partner;

	if (variant->selects)
		SKIP(return, "once is enough");
	if (!self->last || slowness() > 1)
		SKIP(return, "it takes two processors that are fast");
	ASSERT_EQ(0, set_parameter("spin_us", LONGEST_SPIN));
	partner_start(&partner, self);
	EXPECT_TRUE(ended_by(&partner, result));
	partner_end(&partner);
	EXPECT_EQ(0, stat_of(self->ends.admin).parked_receivers);
}

TEST_F(spin, deadline_ends_it)
{
	end_looking_on(_metadata, self, variant, -ETIMEDOUT);
}

TEST_F(spin, signal_ends_it)
{
	end_looking_on(_metadata, self, variant, -EINTR);
}

TEST_HARNESS_MAIN
