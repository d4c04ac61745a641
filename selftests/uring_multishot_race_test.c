// SPDX-License-Identifier: GPL-2.0-only
/*
 * One command that receives message after message, and its end from another side
 * in the middle of them: a CANCEL, a ring that has no room for completions, or a
 * receiver that is killed. Every message is told in one completion or received by
 * the next receiver, once in sum and in order; and a CANCEL that counts the
 * command ends it, wherever it was.
 *
 * Each storm lasts its share of SECONDS_EACH and prints its rounds; too few
 * fail, so that a slow machine cannot pass by doing nothing.
 */
#include "multishot.h"
#include "op_steps.h"

#define TAG	77
#define SHARE	(seconds_each() / 4.0)
#define SIZE	(sizeof(struct chan_op) + sizeof(__u32))
#define CAP	256
#define BUFFERS 256

FIXTURE(storm)
{
	int control;
	struct ends ends;
	unsigned int seed, rounds;
};

FIXTURE_VARIANT(storm)
{
	enum ring_kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(storm, plain) { .kind = RING_PLAIN };
FIXTURE_VARIANT_ADD(storm, defer) { .kind = RING_DEFER };
FIXTURE_VARIANT_ADD(storm, sqpoll) { .kind = RING_SQPOLL };
FIXTURE_VARIANT_ADD(storm, coop) { .kind = RING_COOP };
/* clang-format on */

FIXTURE_SETUP(storm)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, CAP, sizeof(__u32),
				0));
	self->seed = seed_of(variant->kind);
}

FIXTURE_TEARDOWN(storm)
{
	ends_close(&self->ends);
	close(self->control);
}

/* Numbers ----------------------------------------------------------------------- */

/* Sends one number after the other until it is over. */
struct flood {
	int fd;
	_Atomic bool is_over;
	_Atomic __u32 next;
	pthread_t thread;
};

static void *flood_main(void *arg)
{
	struct flood *flood = arg;

	while (!flood->is_over) {
		__u32 number = flood->next;
		struct chan_op send = op_send(&number, sizeof(number));

		send.flags = CHAN_NOWAIT;
		if (!run(flood->fd, &send))
			flood->next++;
	}
	return NULL;
}

static int flood_start(struct flood *flood, int fd)
{
	flood->fd = fd;
	return -pthread_create(&flood->thread, NULL, flood_main, flood);
}

static __u32 flood_end(struct flood *flood)
{
	flood->is_over = true;
	pthread_join(flood->thread, NULL);
	return flood->next;
}

/* 0: it is this number, received for the first time. */
static int is_number(const struct pool *pool, const struct shot *shot,
		     __u32 number)
{
	CHECK_EQ(0, shot_brings(pool, shot, &number, sizeof(number)));
	CHECK_EQ(1, shot_record(pool, shot)->attempt);
	return 0;
}

/* 0: what is left are the numbers from here on; @*number counts them. */
static int rest_is(int fd, __u32 *number, __u32 end)
{
	for (; *number < end; ++*number) {
		__u32 in = ~0;
		struct chan_op got = op_soon(&in, sizeof(in));

		CHECK_EQ(sizeof(in), run(fd, &got));
		CHECK_EQ(*number, in);
		CHECK_EQ(1, got.attempt);
	}
	return nothing_is_left(fd);
}

/* CANCEL ---------------------------------------------------------------------------- */

/* Once in each round, at any moment. */
struct canceler {
	int fd;
	const struct flood *flood;
	unsigned int seed;
	_Atomic bool is_over;
	_Atomic int count;
	_Atomic __u32 sent; /* when it was done */
	pthread_barrier_t begin, end;
	pthread_t thread;
};

static void *canceler_main(void *arg)
{
	struct canceler *canceler = arg;

	for (;;) {
		pthread_barrier_wait(&canceler->begin);
		if (canceler->is_over)
			return NULL;
		hold_until(clock_ns() + rand_r(&canceler->seed) % 300000);
		canceler->count = run_once(canceler->fd, op_cancel_tag(TAG));
		canceler->sent = canceler->flood->next;
		pthread_barrier_wait(&canceler->end);
	}
}

static int canceler_start(struct canceler *canceler, int fd,
			  const struct flood *flood)
{
	canceler->fd = fd;
	canceler->flood = flood;
	canceler->seed = seed_of(99);
	pthread_barrier_init(&canceler->begin, NULL, 2);
	pthread_barrier_init(&canceler->end, NULL, 2);
	return -pthread_create(&canceler->thread, NULL, canceler_main,
			       canceler);
}

static void canceler_end(struct canceler *canceler)
{
	canceler->is_over = true;
	pthread_barrier_wait(&canceler->begin);
	pthread_join(canceler->thread, NULL);
}

/* Takes the next completion, which most often brings the next number. */
static int take_next(struct pool *pool, struct shot *shot, __u32 *number)
{
	*shot = next_shot(pool->ring);
	if (!shot->has_buffer)
		return 0;
	CHECK_EQ(0, is_number(pool, shot, (*number)++));
	pool_give(pool, shot->id);
	return 0;
}

/* Takes what comes until the last completion; what that was. */
static int take_all(struct pool *pool, __u32 *number, int *result)
{
	struct shot shot;

	do
		CHECK_EQ(0, take_next(pool, &shot, number));
	while (shot.more);
	*result = shot.res;
	return 0;
}

static int cancel_round(struct pool *pool, struct canceler *canceler,
			__u32 *number, unsigned int ended[2])
{
	struct chan_op recv = op_multishot(TAG);
	struct shot first;
	int result;

	CHECK_EQ(true, multishot(pool->ring, canceler->fd, &recv));
	/* From then on it goes on. */
	CHECK_EQ(0, take_next(pool, &first, number));
	CHECK_EQ(true, first.more);
	pthread_barrier_wait(&canceler->begin);
	CHECK_EQ(0, take_all(pool, number, &result));
	pthread_barrier_wait(&canceler->end);
	/* It has one end: it is canceled and says so, or it was too late for that. */
	CHECK_EQ(canceler->count ? -ECANCELED : -ENOBUFS, result);
	CHECK_EQ(result, recv.result);
	/* Nothing that was sent later; one may have been sent, and not counted. */
	if (canceler->count)
		CHECK_EQ(true, *number <= canceler->sent + 1);
	ended[canceler->count]++;
	return 0;
}

TEST_F_TIMEOUT(storm, cancel_ends_it_wherever_it_is, STORM_TIMEOUT(1))
{
	struct flood flood = {};
	struct canceler canceler = {};
	unsigned int ended[2] = {};
	int wrong = 0;
	double end = now() + SHARE;
	struct io_uring ring;
	struct pool pool;
	__u32 number = 0;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, ring_make(&ring, variant->kind, CAP));
	ASSERT_EQ(0, pool_open(&pool, &ring, BUFFERS, SIZE));
	ASSERT_EQ(0, flood_start(&flood, self->ends.sender));
	ASSERT_EQ(0, canceler_start(&canceler, self->ends.receiver, &flood));
	for (; !wrong && now() < end; self->rounds++)
		wrong = cancel_round(&pool, &canceler, &number, ended);
	ASSERT_EQ(0, wrong);
	canceler_end(&canceler);
	EXPECT_EQ(0, rest_is(self->ends.receiver, &number, flood_end(&flood)));
	TH_LOG("%u rounds, %u numbers, %u canceled", self->rounds, number,
	       ended[1]);
	EXPECT_LE(at_least(2), self->rounds);
	EXPECT_LT(0, ended[1]);
	io_uring_queue_exit(&ring);
	pool_free(&pool);
}

/* No room ----------------------------------------------------------------------------- */

static bool overflows(struct io_uring *ring)
{
	io_uring_get_events(ring);
	return io_uring_cq_has_overflow(ring);
}

/* Completions that nobody looks at until there is no room for more. */
TEST_F_TIMEOUT(storm, nothing_is_lost_where_nobody_looks, STORM_TIMEOUT(1))
{
	const unsigned int room = 8;
	struct flood flood = {};
	double end = now() + SHARE;
	struct io_uring ring;
	struct pool pool;
	__u32 number = 0;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, ring_make(&ring, variant->kind, room / 2));
	ASSERT_EQ(0, pool_open(&pool, &ring, BUFFERS, SIZE));
	ASSERT_EQ(0, flood_start(&flood, self->ends.sender));
	for (; now() < end; self->rounds++) {
		struct chan_op recv = op_multishot(TAG);
		__u32 first = number;
		int result;

		ASSERT_TRUE(multishot(&ring, self->ends.receiver, &recv));
		ASSERT_TRUE(BECOMES(overflows(&ring)));
		ASSERT_EQ(0, take_all(&pool, &number, &result));
		/* The last one brings a number, too. */
		ASSERT_EQ((int)SIZE, result);
		ASSERT_EQ(first + room + 1, number);
	}
	EXPECT_EQ(0, rest_is(self->ends.receiver, &number, flood_end(&flood)));
	TH_LOG("%u rounds, %u numbers", self->rounds, number);
	EXPECT_LE(at_least(5), self->rounds);
	io_uring_queue_exit(&ring);
	pool_free(&pool);
}

/* Death --------------------------------------------------------------------------------- */

/* What a child says of its ring, in memory that all share. */
struct told {
	struct io_uring_params params;
	int fd;
	_Atomic bool is_ready;
};

/* Receives for ever; nobody takes its completions, and there is room for all. */
static void receiver_main(int fd, enum ring_kind kind, struct pool *pool,
			  struct told *told)
{
	static struct chan_op recv;
	struct io_uring ring;

	recv = op_multishot(0);
	told->params = (struct io_uring_params){
		.flags = ring_kinds[kind].flags,
		.sq_thread_idle = 1,
	};
	if (io_uring_queue_init_params(CAP, &ring, &told->params) ||
	    pool_register(pool, &ring))
		_exit(1);
	for (unsigned int i = 0; i < pool->nr; i++)
		pool_give(pool, i);
	multishot(&ring, fd, &recv);
	told->fd = ring.ring_fd;
	told->is_ready = true;
	for (;;)
		io_uring_submit_and_get_events(&ring);
}

/* The ring of a child as this process sees it, also when the child is dead. */
static int ring_of(pid_t pid, struct told *told, struct io_uring *ring)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	int fd = syscall(SYS_pidfd_getfd, pidfd, told->fd, 0);

	close(pidfd);
	CHECK_EQ(true, fd >= 0);
	memset(ring, 0, sizeof(*ring));
	CHECK_EQ(0, io_uring_queue_mmap(fd, &told->params, ring));
	return 0;
}

/* What was told to a child that is dead. */
static int told_numbers(struct pool *pool, struct io_uring *ring, __u32 *number)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(ring, &cqe)) {
		struct shot shot = shot_of(cqe);

		io_uring_cqe_seen(ring, cqe);
		if (!shot.has_buffer)
			break;
		CHECK_EQ(0, is_number(pool, &shot, (*number)++));
	}
	return 0;
}

static bool first_is(int fd, __u32 number)
{
	__u32 in = ~0;
	struct chan_op look = op_peek(&in, sizeof(in));

	look.flags |= CHAN_NOWAIT;
	return run(fd, &look) == sizeof(in) && in == number;
}

static int death_round(FIXTURE_DATA(storm) * self, enum ring_kind kind,
		       struct pool *pool, struct told *told, __u32 *number,
		       __u32 *by_ring)
{
	struct flood flood = { .next = *number };
	__u32 first = *number;
	struct io_uring ring;
	pid_t pid;

	told->is_ready = false;
	pid = fork();
	if (!pid)
		receiver_main(self->ends.receiver, kind, pool, told);
	CHECK_EQ(true, BECOMES(told->is_ready));
	CHECK_EQ(0, ring_of(pid, told, &ring));
	CHECK_EQ(0, flood_start(&flood, self->ends.sender));
	hold_until(clock_ns() + rand_r(&self->seed) % 2000000);
	CHECK_EQ(0, child_kill(pid));
	flood_end(&flood);
	CHECK_EQ(0, told_numbers(pool, &ring, number));
	*by_ring += *number - first;
	io_uring_queue_exit(&ring);
	/* A dead task has its command until its ring is closed, or a little longer. */
	CHECK_EQ(true, STAT_BECOMES(self->ends.receiver, parked_receivers, 0));
	if (*number < flood.next)
		CHECK_EQ(true, BECOMES(first_is(self->ends.receiver, *number)));
	return rest_is(self->ends.receiver, number, flood.next);
}

TEST_F_TIMEOUT(storm, killed_receiver_has_received_what_it_was_told,
	       STORM_TIMEOUT(1))
{
	struct told *told = shared_memory(sizeof(*told));
	double end = now() + SHARE;
	__u32 number = 0, by_ring = 0;
	struct pool pool;
	int wrong = 0;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_NE(NULL, told);
	ASSERT_EQ(0, pool_make(&pool, BUFFERS, SIZE));
	for (; !wrong && now() < end; self->rounds++)
		wrong = death_round(self, variant->kind, &pool, told, &number,
				    &by_ring);
	ASSERT_EQ(0, wrong);
	TH_LOG("%u rounds, %u numbers, %u of them told", self->rounds, number,
	       by_ring);
	EXPECT_LE(at_least(1), self->rounds);
	EXPECT_LT(0, by_ring);
	EXPECT_EQ(number, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_redelivered);
	munmap(told, sizeof(*told));
	pool_free(&pool);
}

TEST_HARNESS_MAIN
