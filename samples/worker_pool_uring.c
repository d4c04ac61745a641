// SPDX-License-Identifier: GPL-2.0-only
/*
 * worker_pool_uring - workers are killed at random, over io_uring
 *
 * The same as worker_pool.c, but a worker enters the kernel once for each job: to send
 * its result, then acknowledge it, then receive the next is one chain of commands, and
 * only the last completes with a word. A worker that is killed takes its ring along,
 * and its job goes back to the queue. It needs liburing:
 *
 *	cc worker_pool_uring.c $(pkg-config --cflags --libs libchan liburing)
 *
 * It prints
 *
 *	20 workers were killed, jobs came back
 *	all 400 jobs are done, 0 are left
 */
#include <errno.h>
#include <error.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chan.h>
#include <liburing.h>

enum { JOBS = 400, WORKERS = 4, KILLS = 20 };

static void must(int ret, const char *what)
{
	if (ret < 0)
		error(1, -ret, "%s", what);
}

static int work(int jobs, int results)
{
	const unsigned int then = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	struct io_uring_sqe *sqe;
	int own = chan_derive(jobs, CHAN_RIGHT_RECV, 0), job, ret;
	struct chan_op recv, send, ack;
	struct io_uring_cqe *cqe;
	struct io_uring ring;

	must(own, "making an endpoint of its own");
	must(io_uring_queue_init(8, &ring, 0), "making a ring");
	for (;;) {
		sqe = io_uring_get_sqe(&ring);
		chan_prep_recv(sqe, &recv, own, &job, sizeof(job), 0);
		must(io_uring_submit_and_wait(&ring, 1), "entering the kernel");
		must(io_uring_wait_cqe(&ring, &cqe), "waiting");
		ret = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
		if (ret == -ESHUTDOWN)
			return 0;
		must(ret, "working");
		usleep(1000); /* which is the work */
		sqe = io_uring_get_sqe(&ring);
		chan_prep_send(sqe, &send, results, &job, sizeof(job), 0);
		io_uring_sqe_set_flags(sqe, then);
		sqe = io_uring_get_sqe(&ring);
		chan_prep_ack(sqe, &ack, own, recv.id);
		io_uring_sqe_set_flags(sqe, then);
	}
}

int main(void)
{
	int jobs = chan_create(NULL, JOBS, 0), nr, all = 0;
	int results = chan_create(NULL, JOBS / 2, 0); /* not all, at first */
	pid_t workers[WORKERS], *worker;
	bool done[JOBS] = { false };
	struct chan_stat stat;

	must(jobs, "making a channel for jobs");
	must(results, "making a channel for results");
	for (nr = 0; nr < JOBS; nr++)
		must(chan_send_work(jobs, &nr, sizeof(nr), 0), "sending a job");
	must(chan_shutdown(jobs), "saying that these are all");

	for (nr = 0; nr < WORKERS + KILLS; nr++) {
		worker = &workers[nr < WORKERS ? nr : rand() % WORKERS];
		if (nr >= WORKERS) {
			usleep(rand() % 4000);
			kill(*worker, SIGKILL);
			waitpid(*worker, NULL, 0);
		}
		*worker = fork();
		if (!*worker)
			return work(jobs, results);
	}
	while (all < JOBS) {
		must(chan_recv(results, &nr, sizeof(nr), NULL,
			       chan_in_ms(10000)),
		     "waiting for a result");
		all += !done[nr];
		done[nr] = true;
	}
	while (wait(NULL) > 0)
		;

	must(chan_stat(jobs, &stat), "looking at the jobs");
	printf("%d workers were killed, jobs %s back\n", KILLS,
	       stat.totals_redelivered ? "came" : "never came");
	printf("all %d jobs are done, %d are left\n", all,
	       stat.queued + stat.unsettled);
	return 0;
}
