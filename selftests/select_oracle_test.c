// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects under fire, mixed with everything else and judged by the oracle of
 * op_oracle.h: exactly one arm is done and the others were never there, whatever
 * is cancelled, late, interrupted, killed, or given to somebody who cannot take
 * it.  Afterwards nothing is left: no message, no operation, no reference to the
 * module.
 *
 * The variants of a storm share SECONDS_EACH, and print their rounds; too few
 * fail, so that a slow machine cannot pass by doing nothing.
 */
#include "select_mix.h"

/* Everything mixed -------------------------------------------------------- */

FIXTURE(mixed)
{
	int control;
	long long references;
};

FIXTURE_VARIANT(mixed)
{
	struct select_plan plan;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(mixed, rendezvous) {
	.plan = {
		.nr = 3, .caps = { 0, 0, 0 },
		.senders = 2, .both = 2, .receivers = 3,
	},
};
FIXTURE_VARIANT_ADD(mixed, rendezvous_with_faults) {
	.plan = {
		.nr = 2, .caps = { 0, 0 }, .faults = true,
		.senders = 2, .both = 1, .receivers = 3,
	},
};
FIXTURE_VARIANT_ADD(mixed, slots) {
	.plan = {
		.nr = 3, .caps = { 1, 2, 16 },
		.senders = 2, .both = 2, .receivers = 3,
	},
};
FIXTURE_VARIANT_ADD(mixed, all_kinds) {
	.plan = {
		.nr = 4, .caps = { 0, 1, 0, 16 },
		.senders = 2, .both = 2, .receivers = 2, .faults = true,
	},
};
FIXTURE_VARIANT_ADD(mixed, only_both) {
	.plan = {
		.nr = 2, .caps = { 0, 1 },
		.both = 4, .receivers = 1,
	},
};
/* clang-format on */

#define MIXED_VARIANTS 5

FIXTURE_SETUP(mixed)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->references = module_references();
}

FIXTURE_TEARDOWN(mixed)
{
	close(self->control);
}

/* Where nothing is sent and nobody waits, readiness is that of a new one. */
static int check_readiness(struct mix *mix)
{
	int sender = derive(mix->ends.admin, CHAN_RIGHT_SEND);
	int receiver = derive(mix->ends.admin, CHAN_RIGHT_RECV);

	CHECK_EQ(mix->cap ? POLLOUT : 0, events_of(sender));
	CHECK_EQ(0, events_of(receiver));
	close(receiver);
	close(sender);
	return 0;
}

/* Nothing is left on any channel; @received gets the deliveries of all. */
static int check_channels(struct select_mix *all, __u64 *received)
{
	*received = 0;
	for (int i = 0; i < all->nr; i++) {
		CHECK_EQ(0, nothing_is_left(all->mixes[i].ends.admin));
		CHECK_EQ(0, check_readiness(&all->mixes[i]));
		*received += stat_now(all->mixes[i].ends.admin).totals_received;
	}
	return 0;
}

/* Among many selects there is one to which each thing has happened. */
static bool has_every_came(const struct select_mix *all)
{
	if (selects_done(all) < 20000)
		return true;
	for (int i = 0; i < CAMES; i++) {
		if (!all->came[i] && (i != CAME_EFAULT || all->faults)) {
			fprintf(stderr, "# none was %s\n", came_names[i]);
			return false;
		}
	}
	return true;
}

TEST_F_TIMEOUT(mixed, exactly_one_arm_is_done, STORM_TIMEOUT(1))
{
	struct select_mix *all;
	unsigned int cancelled = 0;
	__u64 received;
	char text[256];

	all = select_mix_make(self->control, &variant->plan,
			      1.0 * seconds_each() / MIXED_VARIANTS);
	ASSERT_NE(NULL, all);
	ASSERT_EQ(0, select_mix_run(all));
	EXPECT_EQ(0, all->oracle->objections);
	EXPECT_EQ(0, check_channels(all, &received));
	EXPECT_EQ(all->oracle->receipts, received);
	for (int i = 0; i < all->nr; i++)
		cancelled += all->mixes[i].cancelled;
	TH_LOG("%s, %u cancelled", selects_summary(all, text), cancelled);
	TH_LOG("%s", oracle_summary(all->oracle, text));
	EXPECT_LE(at_least(2), selects_done(all));
	EXPECT_GE(cancelled, all->came[CAME_ECANCELED]);
	EXPECT_TRUE(has_every_came(all));
	select_mix_free(all);
	EXPECT_TRUE(BECOMES(module_references() == self->references));
}

/* Killed ------------------------------------------------------------------ */

/*
 * Each party is a process; some are killed whatever they are doing, and others
 * follow.
 */
FIXTURE(killed)
{
	int control;
	long long references;
	struct select_mix *all;
	pid_t pids[PARTIES];
	unsigned int seed, kills[DOES_BOTH + 1]; /* by role */
};

FIXTURE_VARIANT(killed)
{
	struct select_plan plan;
	enum role victims;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(killed, receivers) {
	.plan = {
		.nr = 3, .caps = { 0, 1, 0 }, .senders = 3, .receivers = 3,
	},
	.victims = RECEIVES,
};
FIXTURE_VARIANT_ADD(killed, senders) {
	.plan = {
		.nr = 3, .caps = { 0, 1, 0 }, .senders = 3, .receivers = 3,
	},
	.victims = SENDS,
};
FIXTURE_VARIANT_ADD(killed, all) {
	.plan = {
		.nr = 4, .caps = { 0, 4, 1, 0 },
		.senders = 2, .both = 2, .receivers = 2,
	},
	.victims = SENDS | RECEIVES,
};
/* clang-format on */

#define KILLED_VARIANTS 3

FIXTURE_SETUP(killed)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->references = module_references();
	self->all = select_mix_make(self->control, &variant->plan,
				    1.0 * seconds_each() / KILLED_VARIANTS);
	ASSERT_NE(NULL, self->all);
	self->all->unordered = true;
	self->all->oracle->receivers_die = variant->victims & RECEIVES;
	self->all->oracle->senders_die = variant->victims & SENDS;
	self->seed = seed_of(PARTIES);
}

FIXTURE_TEARDOWN(killed)
{
	close(self->control);
}

/* @ends are the parent's, which may close them at any time. */
static void child_goes_on(struct party *p, struct ends ends[CHANNELS])
{
	int err = party_enters(p);

	for (int i = 0; i < p->all->nr; i++) {
		close(ends[i].sender);
		close(ends[i].receiver);
	}
	if (!err)
		party_main(p);
	_exit(err || p->error ? 1 : 0);
}

/* What the one before knew dies with it, but for the oracle. */
static pid_t child_start(struct select_mix *all, int nr, unsigned int seed)
{
	struct party *p = &all->parties[nr];
	struct ends ends[CHANNELS];
	pid_t pid;

	for (int i = 0; i < all->nr; i++)
		ends[i] = all->mixes[i].ends;
	pid = fork();
	if (pid)
		return pid;
	p->error = 0;
	p->seed = seed;
	memset(p->ended, 0, sizeof(p->ended));
	child_goes_on(p, ends);
	_exit(1);
}

static int children_start(FIXTURE_DATA(killed) * self)
{
	for (int nr = 0; nr < self->all->nr_parties; nr++) {
		self->pids[nr] = child_start(self->all, nr, seed_of(nr));
		CHECK_EQ(true, self->pids[nr] > 0);
	}
	return 0;
}

/* Another takes its place. One that has ended by itself has ended well. */
static int kill_one(FIXTURE_DATA(killed) * self, int nr)
{
	int status;

	kill(self->pids[nr], SIGKILL);
	CHECK_EQ(self->pids[nr], waitpid(self->pids[nr], &status, 0));
	CHECK_EQ(true, WIFSIGNALED(status) || !status);
	self->kills[self->all->parties[nr].role] += WIFSIGNALED(status);
	self->pids[nr] = child_start(self->all, nr, rand_r(&self->seed));
	CHECK_EQ(true, self->pids[nr] > 0);
	return 0;
}

/* However slow they are, something comes of some of them. */
static void let_some_go_on(FIXTURE_DATA(killed) * self)
{
	unsigned int done = selects_done(self->all);

	do
		usleep(rand_r(&self->seed) % 8000);
	while (selects_done(self->all) == done &&
	       now() < self->all->oracle->end);
}

static int kill_for_a_while(FIXTURE_DATA(killed) * self, enum role victims)
{
	struct select_mix *all = self->all;
	int nr;

	all->oracle->end = now() + all->seconds;
	do {
		let_some_go_on(self);
		do
			nr = rand_r(&self->seed) % all->nr_parties;
		while (!(all->parties[nr].role & victims));
		CHECK_EQ(0, kill_one(self, nr));
	} while (now() < all->oracle->end);
	return 0;
}

static void say_what_is_left(const struct select_mix *all)
{
	for (int i = 0; i < all->nr; i++) {
		struct chan_stat s = stat_now(all->mixes[i].ends.admin);

		fprintf(stderr,
			"# channel %d: %u queued, %u held, %u and %u parked, %u senders, %u receivers\n",
			i, s.queued, s.unsettled, s.parked_senders,
			s.parked_receivers, s.senders, s.receivers);
	}
}

/* Those that send end by themselves; then the others are told the end. */
static int children_end(FIXTURE_DATA(killed) * self, bool senders)
{
	int status;

	for (int nr = 0; nr < self->all->nr_parties; nr++) {
		if (senders != !!(self->all->parties[nr].role & SENDS))
			continue;
		if (!BECOMES(waitpid(self->pids[nr], &status, WNOHANG) ==
			     self->pids[nr])) {
			say_what_is_left(self->all);
			return 1;
		}
		CHECK_EQ(0, status);
	}
	return 0;
}

/* Said to be sent and never received: who has them must have died. */
static unsigned int letters_lost(const struct oracle *o)
{
	unsigned int lost = 0;

	for (int sender = 0; sender < SENDERS; sender++)
		for (unsigned int nr = 0; nr < o->sent[sender]; nr++) {
			const struct fate *fate = &o->fates[sender][nr];

			lost += fate->told == DONE && !fate->receipts &&
				duty_of(fate->style) == CHAN_DUTY_NONE;
		}
	return lost;
}

TEST_F_TIMEOUT(killed, what_is_lost_died_with_its_receiver, STORM_TIMEOUT(1))
{
	struct select_mix *all = self->all;
	unsigned int takers, kills;
	__u64 received, dropped = 0;
	char text[256];

	ASSERT_EQ(0, children_start(self));
	ASSERT_EQ(0, kill_for_a_while(self, variant->victims));
	ASSERT_EQ(0, children_end(self, true));
	close_senders(all);
	ASSERT_EQ(0, children_end(self, false));
	select_mix_judge(all);
	EXPECT_EQ(0, all->oracle->objections);
	EXPECT_EQ(0, check_channels(all, &received));
	takers = self->kills[RECEIVES] + self->kills[DOES_BOTH];
	kills = takers + self->kills[SENDS];
	EXPECT_GE(takers, letters_lost(all->oracle));
	EXPECT_LE(all->oracle->receipts, received);
	EXPECT_GE(all->oracle->receipts + takers, received);
	for (int i = 0; i < all->nr; i++)
		dropped += stat_now(all->mixes[i].ends.admin).totals_dropped;
	TH_LOG("%s, %u kills, %u letters lost, %llu dropped",
	       selects_summary(all, text), kills, letters_lost(all->oracle),
	       dropped);
	TH_LOG("%s", oracle_summary(all->oracle, text));
	EXPECT_LE(at_least(1), selects_done(all));
	EXPECT_LE(1, kills);
	select_mix_free(all);
	EXPECT_TRUE(BECOMES(module_references() == self->references));
}

TEST_HARNESS_MAIN
