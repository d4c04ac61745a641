// SPDX-License-Identifier: GPL-2.0-only
/*
 * worker_pool - workers are killed at random, and no job is lost
 *
 * Jobs are sent as work, which their receiver has to acknowledge. A worker does so
 * when it has sent the result, and each has an endpoint of its own: when one is killed,
 * whatever it has not acknowledged goes back to the head of the queue, for the next.
 * So a job may be done twice, but not never.
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

enum { JOBS = 400, WORKERS = 4, KILLS = 20 };

static void must(int ret, const char *what)
{
	if (ret < 0)
		error(1, -ret, "%s", what);
}

static int work(int jobs, int results)
{
	struct chan_op msg;
	int own, job, ret;

	own = chan_derive(jobs, CHAN_RIGHT_RECV, 0);
	must(own, "making an endpoint of its own");
	for (;;) {
		ret = chan_recv(own, &job, sizeof(job), &msg, 0);
		if (ret == -ESHUTDOWN)
			return 0;
		must(ret, "receiving a job");
		usleep(1000); /* which is the work */
		must(chan_send(results, &job, sizeof(job), 0), "sending");
		must(chan_ack(own, msg.id), "acknowledging");
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
