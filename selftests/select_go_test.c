// SPDX-License-Identifier: GPL-2.0-only
/*
 * What programs that select are made of, where processes share nothing but
 * channels: a way out beside the work, the end of a channel as a signal to all,
 * an arm that is never ready, a default, a turn for what is urgent, merging and
 * spreading, a semaphore, a time limit; and the classic that needs a hundred of
 * them in a row. Each message passes once, whoever selects.
 */
#include "duties.h"
#include "select.h"

FIXTURE(go)
{
	int control;
	struct ends work, done;
	struct selecting s;
};

FIXTURE_VARIANT(go)
{
	__u32 cap;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(go, meeting) {
	.cap = 0,
};
FIXTURE_VARIANT_ADD(go, one_slot) {
	.cap = 1,
};
FIXTURE_VARIANT_ADD(go, slots) {
	.cap = 16,
};
/* clang-format on */

FIXTURE_SETUP(go)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0,
		  ends_sized(self->control, &self->work, variant->cap, 64, 0));
	ASSERT_EQ(0, ends_sized(self->control, &self->done, 0, 64, 0));
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(go)
{
	ends_close(&self->work);
	ends_close(&self->done);
	close(self->control);
}

/* One step in a thread that runs on: a number, 0 at the end, or an errno. */
static int receive_or_done(int work, int done)
{
	struct selecting s;
	int ret;

	select_init(&s, work);
	add_recv(&s, work);
	add_recv(&s, done);
	ret = select_run(&s);
	if (ret == 0)
		return s.numbers[0];
	return ret == -ESHUTDOWN ? 0 : ret < 0 ? ret : -EPROTO;
}

/* 1 when it was sent, 0 at the end. */
static int send_or_done(int work, int done, int nr)
{
	struct selecting s;
	int ret;

	select_init(&s, work);
	add_send(&s, work, nr);
	add_recv(&s, done);
	ret = select_run(&s);
	return ret == 0 ? 1 : ret == -ESHUTDOWN || ret == -EPIPE ? 0 : ret;
}

/* Cases ------------------------------------------------------------------------- */

TEST_F(go, default_is_what_is_left_if_none_is_ready)
{
	select_init(&self->s, self->done.admin);
	add_recv(&self->s, self->work.receiver);
	add_recv(&self->s, self->done.receiver);
	EXPECT_EQ(-EAGAIN, select_now(&self->s));
	EXPECT_EQ(UNTOLD, self->s.batch.index);
	if (variant->cap) {
		select_again(&self->s);
		ASSERT_EQ(0, put_message(self->work.sender, 1));
		EXPECT_EQ(0, select_now(&self->s));
		EXPECT_EQ(1, self->s.numbers[0]);
	}
	EXPECT_EQ(0, nothing_is_left(self->work.admin));
	EXPECT_EQ(0, nothing_is_left(self->done.admin));
}

/* Nobody but the select itself is at that channel. */
TEST_F(go, arm_that_is_never_ready_does_not_matter)
{
	int never = whole_channel(self->control, variant->cap);
	struct running send;

	for (int nr = 1; nr <= 20; nr++) {
		select_init(&self->s, never);
		add_recv(&self->s, never);
		add_recv(&self->s, self->work.receiver);
		add_recv(&self->s, never);
		ASSERT_EQ(0, op_start(&send, self->work.sender,
				      op_send(&nr, sizeof(nr))));
		EXPECT_EQ(1, select_run(&self->s));
		EXPECT_EQ(nr, self->s.numbers[1]);
		EXPECT_EQ(0, running_end(&send));
	}
	EXPECT_EQ(0, nothing_is_left(never));
	EXPECT_EQ(0, nothing_is_left(self->work.admin));
	close(never);
}

/* A channel that has ended is always ready, to whoever looks again. */
TEST_F(go, channel_that_has_ended_is_always_ready)
{
	close_end(&self->done.sender);
	for (int i = 0; i < 20; i++) {
		select_init(&self->s, self->work.admin);
		add_recv(&self->s, self->work.receiver);
		add_recv(&self->s, self->done.receiver);
		EXPECT_EQ(-ESHUTDOWN, select_run(&self->s));
		EXPECT_EQ(1, self->s.batch.index);
	}
	close_end(&self->work.receiver);
	for (int i = 0; i < 20; i++) {
		select_init(&self->s, self->work.admin);
		add_send(&self->s, self->work.sender, 1);
		EXPECT_EQ(-EPIPE, select_run(&self->s));
		EXPECT_EQ(0, self->s.batch.index);
	}
}

/* The end of one channel ends all who wait for it, whatever else they want. */
TEST_F(go, end_of_a_channel_is_told_to_all_who_wait)
{
	struct selecting *all = calloc(16, sizeof(*all));

	for (int i = 0; i < 16; i++) {
		select_init(&all[i], self->work.admin);
		add_recv(&all[i], self->work.receiver);
		add_recv(&all[i], self->done.receiver);
		ASSERT_EQ(0, select_start(&all[i]));
	}
	ASSERT_TRUE(waiting_are(self->done.admin, 0, 16));
	ASSERT_TRUE(waiting_are(self->work.admin, 0, 16));
	close_end(&self->done.sender);
	for (int i = 0; i < 16; i++) {
		EXPECT_EQ(-ESHUTDOWN, select_ends(&all[i]));
		EXPECT_EQ(1, all[i].batch.index);
	}
	EXPECT_EQ(0, nothing_is_left(self->work.admin));
	EXPECT_EQ(0, nothing_is_left(self->done.admin));
	free(all);
}

/* What is urgent first: in the order of the list. */
TEST_F(go, urgent_channel_has_its_turn_first)
{
	struct ends urgent;

	if (!variant->cap)
		return;
	ASSERT_EQ(0, ends_sized(self->control, &urgent, 8, 64, 0));
	for (int nr = 1; nr <= 8; nr++)
		ASSERT_EQ(0, put_message(urgent.sender, nr));
	ASSERT_EQ(0, put_message(self->work.sender, 9));
	for (int nr = 1; nr <= 9; nr++) {
		select_init(&self->s, self->work.admin);
		self->s.batch.flags = CHAN_ORDERED;
		add_recv(&self->s, urgent.receiver);
		add_recv(&self->s, self->work.receiver);
		EXPECT_EQ(nr == 9, select_run(&self->s));
		EXPECT_EQ(nr, self->s.numbers[nr == 9]);
	}
	ends_close(&urgent);
}

/* As many as there are slots may have it at a time; the next has a limit. */
TEST_F(go, semaphore_is_had_or_waited_for_until_a_time)
{
	if (!variant->cap)
		return;
	for (__u32 i = 0; i < variant->cap; i++) {
		select_init(&self->s, self->work.sender);
		add_send(&self->s, -1, 1);
		EXPECT_EQ(0, select_now(&self->s));
	}
	select_init(&self->s, self->work.sender);
	add_send(&self->s, -1, 1);
	add_recv(&self->s, self->done.receiver);
	self->s.batch.deadline = in_ms(20);
	EXPECT_EQ(-ETIMEDOUT, select_run(&self->s));
	EXPECT_LE(self->s.batch.deadline, clock_ns());
	select_again(&self->s);
	self->s.batch.deadline = in_ms(BUDGET * 1000);
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(self->work.admin, 1, 0));
	EXPECT_EQ(1, take_message(self->work.receiver));
	EXPECT_EQ(0, select_ends(&self->s));
	EXPECT_EQ(variant->cap, stat_now(self->work.admin).queued);
}

/* Both sides select ------------------------------------------------------------- */

#define SIDES 3 /* producers, and as many consumers */

/* Numbers that were sent and received, each by its index. */
struct market {
	int work[2], done; /* what the threads of a side use */
	int made;
	unsigned char *had;
	bool sends;
	unsigned int seed;
};

#define GOODS (1 << 20)

/* Sends its numbers on either of two channels; how many. */
static ssize_t produce(struct call *call)
{
	struct market *market = call->buf;
	struct selecting s;
	int nr = 0, ret;

	while (nr < GOODS / SIDES - 1) {
		select_init(&s, market->done);
		add_send(&s, market->work[0], nr * SIDES + call->nr);
		add_send(&s, market->work[1], nr * SIDES + call->nr);
		add_recv(&s, market->done);
		ret = select_run(&s);
		if (ret == -ESHUTDOWN)
			break;
		if (ret < 0 || ret > 1)
			return ret < 0 ? ret : -EPROTO;
		nr++;
	}
	return nr;
}

/* Receives from either until both have ended; how many. */
static ssize_t consume(struct call *call)
{
	struct market *market = call->buf;
	int nr = 0, ended = 0, ret;
	struct selecting s;

	while (ended < 2) {
		select_init(&s, market->done);
		add_recv(&s, market->work[0]);
		if (!ended)
			add_recv(&s, market->work[1]);
		ret = select_run(&s);
		if (ret == -ESHUTDOWN) {
			if (s.batch.index == 0)
				market->work[0] = market->work[1];
			ended++;
			continue;
		}
		if (ret < 0)
			return ret;
		if (s.numbers[ret] < 0 || s.numbers[ret] >= GOODS)
			return -EBADMSG;
		__atomic_fetch_add(&market->had[s.numbers[ret]], 1,
				   __ATOMIC_RELAXED);
		nr++;
	}
	return nr;
}

TEST_F_TIMEOUT(go, producers_and_consumers_select_on_both_sides,
	       STORM_TIMEOUT(1))
{
	struct call producers[SIDES], consumers[SIDES];
	struct market markets[2 * SIDES];
	unsigned char *had = calloc(1, GOODS);
	long made = 0, taken = 0, wrong = 0, rounds;
	struct ends other;

	ASSERT_EQ(0, ends_sized(self->control, &other, variant->cap, 64, 0));
	for (int i = 0; i < SIDES; i++) {
		markets[i] = (struct market){
			.work = { self->work.sender, other.sender },
			.done = self->done.receiver,
		};
		markets[SIDES + i] = (struct market){
			.work = { self->work.receiver, other.receiver },
			.done = self->work.admin,
			.had = had,
		};
		producers[i] = (struct call){ .fn = produce,
					      .buf = &markets[i],
					      .nr = i };
		consumers[i] = (struct call){ .fn = consume,
					      .buf = &markets[SIDES + i] };
		ASSERT_EQ(0, call_start(&producers[i]));
		ASSERT_EQ(0, call_start(&consumers[i]));
	}
	usleep(seconds_each() * 1000000 / 6);
	close_end(&self->done.sender);
	for (int i = 0; i < SIDES; i++) {
		ASSERT_LE(0, rounds = finish(&producers[i]));
		made += rounds;
		for (int nr = 0; nr < rounds; nr++)
			had[nr * SIDES + i] += 2;
	}
	close_end(&self->work.sender);
	close_end(&other.sender);
	for (int i = 0; i < SIDES; i++) {
		ASSERT_LE(0, rounds = finish(&consumers[i]));
		taken += rounds;
	}
	EXPECT_EQ(made, taken);
	/* Made, and had once; or neither. */
	for (int nr = 0; nr < GOODS; nr++)
		wrong += had[nr] != 0 && had[nr] != 3;
	EXPECT_EQ(0, wrong);
	TH_LOG("%ld messages", made);
	EXPECT_LE(at_least(2), made);
	EXPECT_EQ(0, nothing_is_left(self->work.admin));
	EXPECT_EQ(0, nothing_is_left(self->done.admin));
	EXPECT_EQ(0, nothing_is_left(other.admin));
	ends_close(&other);
	free(had);
}

/* Sends each number on one of four channels, whichever takes it. */
#define LANES 4

struct spread {
	int lanes[LANES], merged;
	double seconds;
};

static ssize_t spread_numbers(struct call *call)
{
	struct spread *spread = call->buf;
	double end = now() + spread->seconds;
	struct selecting s;
	int nr = 0, ret;

	do {
		select_init(&s, spread->lanes[0]);
		for (int i = 0; i < LANES; i++)
			add_send(&s, spread->lanes[i], nr + 1);
		ret = select_run(&s);
		if (ret < 0)
			return ret;
		nr++;
	} while (now() < end);
	return nr;
}

/* From one lane, in order; how many. */
static ssize_t merge_numbers(struct call *call)
{
	struct spread *spread = call->buf;
	int nr = 0, last = 0, got, ret;

	for (;;) {
		struct chan_op op = op_recv(&got, sizeof(got));

		ret = run(call->fd, &op);
		if (ret == -ESHUTDOWN)
			return nr;
		if (ret != sizeof(got) || got <= last)
			return ret < 0 ? ret : -EBADMSG;
		last = got;
		nr++;
		op = op_send(&got, sizeof(got));
		ret = run(spread->merged, &op);
		if (ret)
			return ret;
	}
}

/* Neither lost nor doubled: the sum of the first n numbers, of n. */
TEST_F_TIMEOUT(go, numbers_sent_on_any_of_four_channels_come_once,
	       STORM_TIMEOUT(1))
{
	struct spread spread = { .seconds = seconds_each() / 6.0 };
	struct call sender = { .fn = spread_numbers, .buf = &spread };
	struct call mergers[LANES];
	long rounds, merged = 0, nr = 0;
	struct ends lanes[LANES];
	__u64 sum = 0;
	int got;

	spread.merged = self->work.sender;
	for (int i = 0; i < LANES; i++) {
		ASSERT_EQ(0, ends_sized(self->control, &lanes[i], variant->cap,
					64, 0));
		spread.lanes[i] = lanes[i].sender;
		mergers[i] = (struct call){ .fn = merge_numbers,
					    .fd = lanes[i].receiver,
					    .buf = &spread };
		ASSERT_EQ(0, call_start(&mergers[i]));
	}
	ASSERT_EQ(0, call_start(&sender));
	while (!sender.done || nr < sender.result) {
		struct chan_op op = op_recv(&got, sizeof(got));

		op.deadline = in_ms(10);
		if (run(self->work.receiver, &op) == sizeof(got)) {
			sum += got;
			nr++;
		}
	}
	rounds = finish(&sender);
	ASSERT_LE(0, rounds);
	for (int i = 0; i < LANES; i++) {
		close_end(&lanes[i].sender);
		got = finish(&mergers[i]);
		ASSERT_LE(0, got);
		merged += got;
	}
	EXPECT_EQ(rounds, nr);
	EXPECT_EQ(rounds, merged);
	EXPECT_EQ((__u64)rounds * (rounds + 1) / 2, sum);
	TH_LOG("%ld numbers", rounds);
	EXPECT_LE(at_least(2), rounds);
	for (int i = 0; i < LANES; i++) {
		EXPECT_EQ(0, nothing_is_left(lanes[i].admin));
		ends_close(&lanes[i]);
	}
}

/* Up to a hundred in a row, that meet ------------------------------------------ */

FIXTURE(sieve)
{
	int control;
	struct ends done;
};

FIXTURE_SETUP(sieve)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->done, 0, 64, 0));
}

FIXTURE_TEARDOWN(sieve)
{
	ends_close(&self->done);
	close(self->control);
}

#define PRIMES 100

/* All but these are closed, so that each channel ends with its processes. */
static void keep_only(int one, int other, int third)
{
	for (int fd = 3; fd < 64; fd++)
		if (fd != one && fd != other && fd != third)
			close(fd);
}

static int generate(int out, int done)
{
	int nr = 2, ret;

	keep_only(out, done, -1);
	while ((ret = send_or_done(out, done, nr)) == 1)
		nr++;
	return ret;
}

/* Passes what @prime does not divide. */
static int filter(int prime, int in, int out, int done)
{
	int nr, ret = 0;

	keep_only(in, out, done);
	while ((nr = receive_or_done(in, done)) > 0) {
		if (nr % prime == 0)
			continue;
		ret = send_or_done(out, done, nr);
		if (ret != 1)
			return ret;
	}
	return nr;
}

/* A channel's two ends, and nothing else of it. */
static int pipe_of(int control, int ends[2])
{
	int fd = create_sized(control, 0, 64, 0);

	ends[0] = derive(fd, CHAN_RIGHT_RECV);
	ends[1] = derive(fd, CHAN_RIGHT_SEND);
	close(fd);
	return ends[0] < 0 || ends[1] < 0 ? -EMFILE : 0;
}

static int is_prime(int nr)
{
	for (int i = 2; i * i <= nr; i++)
		if (nr % i == 0)
			return 0;
	return nr > 1;
}

/* One more process, for the prime that comes out; or an errno. */
static int sieve_grows(int control, int *out, int done, int *prime, pid_t *pid)
{
	struct chan_op op = op_soon(prime, sizeof(*prime));
	int next[2], ret;

	ret = run(*out, &op);
	if (ret != sizeof(*prime))
		return ret < 0 ? ret : -EBADMSG;
	ret = pipe_of(control, next);
	if (ret)
		return ret;
	*pid = fork();
	if (!*pid)
		_exit(filter(*prime, *out, next[1], done) != 0);
	close(*out);
	close(next[1]);
	*out = next[0];
	return *pid < 0 ? -EAGAIN : 0;
}

/* A hundred, if the kernel is not a slow one. */
TEST_F_TIMEOUT(sieve, of_processes_finds_the_primes, STORM_TIMEOUT(2))
{
	int channel[2], prime, last = 1, nr = 0, good = 0;
	double end = now() + 1.5 * seconds_each();
	pid_t pids[PRIMES + 1];

	ASSERT_EQ(0, pipe_of(self->control, channel));
	pids[0] = fork();
	if (!pids[0])
		_exit(generate(channel[1], self->done.receiver) != 0);
	close(channel[1]);
	while (nr < PRIMES && now() < end) {
		ASSERT_EQ(0, sieve_grows(self->control, &channel[0],
					 self->done.receiver, &prime,
					 &pids[++nr]));
		while (++last < prime)
			EXPECT_FALSE(is_prime(last));
		EXPECT_TRUE(is_prime(prime));
	}
	/* The end of one channel ends them all. */
	close_end(&self->done.sender);
	for (int i = 0; i <= nr; i++)
		good += !child_ended(pids[i], false);
	EXPECT_EQ(nr + 1, good);
	TH_LOG("%d processes, the last for %d", nr, last);
	EXPECT_TRUE(nr == PRIMES || nr >= at_least(2));
	EXPECT_EQ(0, nothing_is_left(self->done.admin));
	close(channel[0]);
}

/* Or the end of the last, from one to the next. */
TEST_F_TIMEOUT(sieve, of_20_processes_ends_when_nobody_listens, 120)
{
	int channel[2], next[2], got, good = 0;
	pid_t pids[20];

	ASSERT_EQ(0, pipe_of(self->control, channel));
	pids[0] = fork();
	if (!pids[0])
		_exit(generate(channel[1], self->done.receiver) != 0);
	close(channel[1]);
	for (int i = 1; i < 20; i++) {
		ASSERT_EQ(0, pipe_of(self->control, next));
		pids[i] = fork();
		if (!pids[i])
			_exit(filter(1000000, channel[0], next[1],
				     self->done.receiver) != 0);
		close(channel[0]);
		close(next[1]);
		channel[0] = next[0];
	}
	for (int nr = 2; nr < 20; nr++) {
		ASSERT_EQ(4, run_once(channel[0], op_soon(&got, sizeof(got))));
		EXPECT_EQ(nr, got);
	}
	close(channel[0]);
	for (int i = 0; i < 20; i++)
		good += !child_ended(pids[i], false);
	EXPECT_EQ(20, good);
	EXPECT_EQ(0, nothing_is_left(self->done.admin));
}

TEST_HARNESS_MAIN
