// SPDX-License-Identifier: GPL-2.0-only
/*
 * semaphore_barrier - few at a time, and all together
 *
 * A semaphore of 2 lets two of four threads into a room at a time. At a barrier each
 * waits until all have been there; one of them is told to speak for all.
 *
 * It prints
 *
 *	round 1: all 4 have been inside, never more than 2 at a time
 *	round 2: all 4 have been inside, never more than 2 at a time
 *	round 3: all 4 have been inside, never more than 2 at a time
 */
#include <error.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include <chan.h>

#define THREADS 4
#define ROOM	2
#define ROUNDS	3

static int semaphore;
static struct chan_barrier barrier;
static atomic_int inside, visits;

static void must(int ret, const char *what)
{
	if (ret < 0)
		error(1, -ret, "%s", what);
}

static void visit(void)
{
	must(chan_sem_wait(semaphore, 0), "waiting for the semaphore");
	if (++inside > ROOM)
		error(1, 0, "more than %d are inside", ROOM);
	usleep(1000);
	inside--;
	visits++;
	must(chan_sem_post(semaphore), "posting the semaphore");
}

static void meet(int round)
{
	int speaker = chan_barrier_wait(&barrier, 0);

	must(speaker, "waiting at the barrier");
	if (visits < THREADS * round)
		error(1, 0, "not all have been inside");
	if (speaker)
		printf("round %d: all %d have been inside, never more than %d at a time\n",
		       round, THREADS, ROOM);
}

static void *thread(void *unused)
{
	for (int round = 1; round <= ROUNDS; round++) {
		visit();
		meet(round);
	}
	return unused;
}

int main(void)
{
	pthread_t threads[THREADS];

	semaphore = chan_sem_create(NULL, ROOM, ROOM);
	must(semaphore, "making a semaphore");
	must(chan_barrier_create(&barrier, THREADS), "making a barrier");
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread, NULL))
			error(1, 0, "there is no room for a thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	chan_barrier_close(&barrier);
	close(semaphore);
	return 0;
}
