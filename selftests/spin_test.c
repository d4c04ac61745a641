// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who waits looks on for a moment before it sleeps, if its partner is fast and
 * runs on another processor. Then most rounds between the two are over without
 * either having slept; but not where that is switched off, where the partner needs
 * the same processor, or where it takes its time.
 */
#include <pthread.h>
#include <sys/resource.h>

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

static int stay_on(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static int receive_one(FIXTURE_DATA(spin) * self, struct chan_op *op,
		       bool selects)
{
	struct chan_op arms[2] = { *op, *op };
	struct chan_batch batch = {
		.ops = (uintptr_t)arms,
		.nr = 2,
		.op_size = sizeof(arms[0]),
	};
	int ret;

	if (!selects)
		return run(self->ends.receiver, op);
	arms[0].fd = -1;
	arms[1].fd = self->other.receiver;
	ret = ioctl(self->ends.receiver, CHAN_IOC_SELECT, &batch) ? -errno : 0;
	*op = arms[batch.index];
	return ret;
}

static void serve(FIXTURE_DATA(spin) * self, bool selects)
{
	struct chan_op op;
	int nr;

	stay_on(self->processor);
	for (;;) {
		op = op_recv(&nr, sizeof(nr));
		if (receive_one(self, &op, selects) < 0)
			return;
		if (self->delay)
			usleep(self->delay);
		run_once(self->ends.receiver, op_reply(op.id, &nr, sizeof(nr)));
	}
}

static void *serve_receiving(void *self)
{
	serve(self, false);
	return NULL;
}

static void *serve_selecting(void *self)
{
	serve(self, true);
	return NULL;
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
}

FIXTURE_TEARDOWN(spin)
{
	set_parameter("spin_us", self->before);
	ends_close(&self->ends);
	ends_close(&self->other);
	close(self->control);
}

static void start_server(FIXTURE_DATA(spin) * self, bool selects, int processor)
{
	self->processor = processor;
	stay_on(0);
	pthread_create(&self->server, NULL,
		       selects ? serve_selecting : serve_receiving, self);
}

static void end_server(FIXTURE_DATA(spin) * self)
{
	shut_down(self->ends.admin);
	pthread_join(self->server, NULL);
}

static long times_slept(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
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
	start_server(self, variant->selects, self->last);
	EXPECT_TRUE(ROUNDS_ARE(seldom_slept(rounds)));
	end_server(self);
}

TEST_F(spin, who_may_not_spin_sleeps)
{
	if (!self->last)
		SKIP(return, "there is one processor");
	ASSERT_EQ(0, set_parameter("spin_us", 0));
	start_server(self, variant->selects, self->last);
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
	start_server(self, variant->selects, 0);
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
	start_server(self, variant->selects, self->last);
	make_rounds(self);
	self->delay = 3 * LONGEST_SPIN;
	EXPECT_TRUE(ROUNDS_ARE(rounds.slept >= rounds.made &&
			       rounds.spent < LONGEST_SPIN / 2));
	end_server(self);
}

/* A deadline and a signal come as they do to one who sleeps. */
static void ignore(int signal)
{
	(void)signal;
}

static void *interrupt_often(void *arg)
{
	pthread_t *thread = arg;

	while (!usleep(1000))
		if (pthread_kill(*thread, SIGUSR1))
			break;
	return NULL;
}

TEST_F(spin, signals_and_deadlines_end_it)
{
	struct sigaction action = { .sa_handler = ignore };
	double end = now() + seconds_each() / 2.0;
	long interrupted = 0, expired = 0;
	pthread_t self_ = pthread_self(), thread;
	struct chan_op op;
	int nr, ret;

	ASSERT_EQ(0, set_parameter("spin_us", LONGEST_SPIN));
	sigaction(SIGUSR1, &action, NULL);
	ASSERT_EQ(0, pthread_create(&thread, NULL, interrupt_often, &self_));
	while (now() < end || !interrupted || !expired) {
		op = op_recv(&nr, sizeof(nr));
		op.deadline = (now() + rand() % 2000 / 1e6) * 1e9;
		ret = run(self->ends.receiver, &op);
		interrupted += ret == -EINTR;
		expired += ret == -ETIMEDOUT;
		ASSERT_TRUE(ret == -EINTR || ret == -ETIMEDOUT);
		ASSERT_GT(end + BUDGET, now());
	}
	TH_LOG("%ld interrupted, %ld expired", interrupted, expired);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, stat_of(self->ends.admin).parked_receivers);
}

TEST_HARNESS_MAIN
