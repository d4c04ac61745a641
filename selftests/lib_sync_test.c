// SPDX-License-Identifier: GPL-2.0-only
/*
 * Semaphores, mutexes and barriers over empty messages: never more holders than
 * there may be, nobody through a barrier before all have come, and a mutex that is
 * free again when its holder dies.
 */
#include "lib_test.h"

#define NAME	T "lib-sync"
#define PARTIES 4

FIXTURE(sync)
{
	struct waiting waiting;
	int fds;
};

FIXTURE_SETUP(sync)
{
	self->fds = count_fds();
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN_PARENT(sync)
{
	names_sweep();
}

/* Semaphores ----------------------------------------------------------------- */

TEST_F(sync, a_semaphore_counts)
{
	int fd = LIB(chan_sem_create(NULL, 2, 3));

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, LIB(chan_sem_wait(fd, CHAN_AT_ONCE)));
	EXPECT_EQ(0, LIB(chan_sem_wait(fd, CHAN_AT_ONCE)));
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_sem_wait(fd, CHAN_AT_ONCE)));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, LIB(chan_sem_post(fd)));
	EXPECT_EQ(-EOVERFLOW, LIB(chan_sem_post(fd)));
	EXPECT_EQ(3, stat_of(fd).queued);
}

TEST_F(sync, a_semaphore_may_be_as_large_as_a_channel)
{
	int fd = LIB(chan_sem_create(NULL, CHAN_CAP_MAX, CHAN_CAP_MAX));

	ASSERT_LE(0, fd);
	EXPECT_EQ(CHAN_CAP_MAX, stat_of(fd).queued);
	EXPECT_EQ(-EOVERFLOW, LIB(chan_sem_post(fd)));
	EXPECT_EQ(-EINVAL, LIB(chan_sem_create(NULL, 0, 0)));
	EXPECT_EQ(-EINVAL, LIB(chan_sem_create(NULL, 3, 2)));
	EXPECT_EQ(-EINVAL, LIB(chan_sem_create(NULL, 1, CHAN_CAP_MAX + 1)));
	EXPECT_EQ(self->fds + 1, count_fds());
}

static int wait_for_one(struct waiting *w)
{
	return chan_sem_wait(w->fd, SOON);
}

TEST_F(sync, a_post_lets_one_go_who_has_it_open_by_name)
{
	int made = LIB(chan_sem_create(NAME, 0, 3));
	int fd = LIB(chan_open(NAME, CHAN_RIGHT_SEND | CHAN_RIGHT_RECV));

	ASSERT_LE(0, made);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EEXIST, LIB(chan_sem_create(NAME, 0, 3)));
	ASSERT_EQ(0, waiting_start(&self->waiting, fd, wait_for_one));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(0, LIB(chan_sem_post(made)));
	EXPECT_EQ(0, waiting_ends(&self->waiting));
	EXPECT_EQ(0, stat_of(made).queued);

	ASSERT_EQ(0, waiting_start(&self->waiting, fd, wait_for_one));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_TRUE(waiting_interrupt(&self->waiting));
	EXPECT_EQ(-EINTR, waiting_ends(&self->waiting));
}

/* Mutexes --------------------------------------------------------------------- */

TEST_F(sync, a_mutex_has_one_holder)
{
	int fd = LIB(chan_mutex_create(NULL));
	uint64_t token = 0, other = 0;

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, LIB(chan_mutex_lock(fd, &token, SOON)));
	EXPECT_NE(0, token);
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_mutex_lock(fd, &other, CHAN_AT_ONCE)));
	EXPECT_EQ(0, other);
	EXPECT_EQ(0, LIB(chan_mutex_unlock(fd, token)));
	EXPECT_EQ(-ESTALE, LIB(chan_mutex_unlock(fd, token)));
	EXPECT_EQ(0, LIB(chan_mutex_lock(fd, &other, SOON)));
	EXPECT_EQ(-ESTALE, LIB(chan_mutex_unlock(fd, token)));
	EXPECT_EQ(0, LIB(chan_mutex_unlock(fd, other)));
}

TEST_F(sync, a_mutex_is_free_when_its_holder_dies)
{
	int made = LIB(chan_mutex_create(NAME));
	int fd = LIB(chan_open(NAME, CHAN_RIGHT_RECV));
	uint64_t token;

	ASSERT_LE(0, made);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EEXIST, LIB(chan_mutex_create(NAME)));
	EXPECT_EQ(0, LIB(chan_mutex_lock(fd, &token, SOON)));
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_mutex_lock(made, &token, CHAN_AT_ONCE)));
	close(fd);
	EXPECT_EQ(0, LIB(chan_mutex_lock(made, &token, SOON)));
	EXPECT_EQ(0, LIB(chan_mutex_unlock(made, token)));
}

struct counter {
	int mutex;
	long value; /* guarded by the mutex */
	_Atomic long rounds;
	double end;
};

static void *count_up(void *arg)
{
	struct counter *counter = arg;
	uint64_t token;

	while (now() < counter->end) {
		if (chan_mutex_lock(counter->mutex, &token, 0))
			abort();
		counter->value = counter->value + 1;
		if (chan_mutex_unlock(counter->mutex, token))
			abort();
		counter->rounds++;
	}
	return NULL;
}

TEST_F_TIMEOUT(sync, a_mutex_excludes, STORM_TIMEOUT(1))
{
	struct counter counter = { .mutex = LIB(chan_mutex_create(NULL)) };
	pthread_t threads[3];

	ASSERT_LE(0, counter.mutex);
	counter.end = now() + seconds_each() / 2.0;
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, count_up,
					    &counter));
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	TH_LOG("%ld rounds", counter.rounds);
	EXPECT_LE(50, counter.rounds);
	EXPECT_EQ(counter.rounds, counter.value);
}

/* Barriers --------------------------------------------------------------------- */

struct meeting {
	struct chan_barrier barrier;
	_Atomic long come;
	_Atomic long led;
	_Atomic bool is_bad;
	long rounds;
};

/* Nobody is through before all have come, and nobody is a whole round ahead. */
static void *meet(void *arg)
{
	struct meeting *meeting = arg;
	long come;
	int ret;

	for (long round = 1; round <= meeting->rounds; round++) {
		meeting->come++;
		ret = chan_barrier_wait(&meeting->barrier, SOON);
		come = meeting->come;
		if (ret < 0 || come < round * PARTIES ||
		    come >= (round + 1) * PARTIES)
			meeting->is_bad = true;
		meeting->led += ret == 1;
	}
	return NULL;
}

TEST_F(sync, a_barrier_opens_when_all_have_come)
{
	struct meeting meeting = { .rounds = 100 };
	pthread_t threads[PARTIES];

	ASSERT_EQ(0, LIB(chan_barrier_create(&meeting.barrier, PARTIES)));
	for (int i = 0; i < PARTIES; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, meet, &meeting));
	for (int i = 0; i < PARTIES; i++)
		pthread_join(threads[i], NULL);
	EXPECT_FALSE(meeting.is_bad);
	EXPECT_EQ(meeting.rounds * PARTIES, meeting.come);
	EXPECT_EQ(meeting.rounds, meeting.led);
	EXPECT_EQ(0, nothing_is_left(meeting.barrier.arrivals));
	LIB((chan_barrier_close(&meeting.barrier), 0));
	EXPECT_EQ(self->fds, count_fds());
}

static struct chan_barrier barrier;

static int come(struct waiting *w)
{
	(void)w;
	return chan_barrier_wait(&barrier, SOON);
}

/* The leader that leaves early takes nobody along. */
TEST_F(sync, a_barrier_that_is_left_early_goes_on)
{
	ASSERT_EQ(0, LIB(chan_barrier_create(&barrier, 2)));
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_barrier_wait(&barrier, CHAN_AT_ONCE)));
	EXPECT_EQ(-ETIMEDOUT,
		  LIB(chan_barrier_wait(&barrier, LIB(chan_in_ms(5)))));
	ASSERT_EQ(0, waiting_start(&self->waiting, -1, come));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(0, LIB(chan_barrier_wait(&barrier, SOON)));
	EXPECT_EQ(1, waiting_ends(&self->waiting));
	EXPECT_EQ(0, nothing_is_left(barrier.arrivals));
}

TEST_F(sync, a_barrier_for_one_is_open)
{
	ASSERT_EQ(0, LIB(chan_barrier_create(&barrier, 1)));
	EXPECT_EQ(1, LIB(chan_barrier_wait(&barrier, CHAN_AT_ONCE)));
	EXPECT_EQ(1, LIB(chan_barrier_wait(&barrier, CHAN_AT_ONCE)));
	EXPECT_EQ(-EINVAL, LIB(chan_barrier_create(&barrier, 0)));
	EXPECT_EQ(-EINVAL,
		  LIB(chan_barrier_create(&barrier, CHAN_BARRIER_MAX + 1)));
}

TEST_HARNESS_MAIN
