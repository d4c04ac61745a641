// SPDX-License-Identifier: GPL-2.0-only
/*
 * message_queue - many producers, many workers
 *
 * Five processes put numbers into one channel, three take them out: each number
 * goes to one of them. The channel holds 1024, so those who are faster wait for the
 * others. When the last producer has gone the workers come to the end, and send
 * what they have counted into a second channel.
 *
 * It prints
 *
 *	65545 numbers from 5 producers to 3 workers
 *	received are 65545, their sum is 2148040740
 *	that took 1.234 s
 */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <unistd.h>

#include <chan.h>

#define NUMBERS	  65545L
#define PRODUCERS 5
#define WORKERS	  3

struct total {
	long count, sum;
};

/* Every fifth number. */
static int produce(int queue, long number)
{
	int ret;

	for (; number < NUMBERS; number += PRODUCERS) {
		ret = chan_send(queue, &number, sizeof(number), 0);
		if (ret)
			error(1, -ret, "producing");
	}
	return 0;
}

static int work(int queue, int totals)
{
	struct total total = { 0 };
	long number;
	int n;

	while ((n = chan_recv(queue, &number, sizeof(number), NULL, 0)) >= 0) {
		total.count++;
		total.sum += number;
	}
	if (n != -ESHUTDOWN)
		error(1, -n, "working");
	return chan_send(totals, &total, sizeof(total), 0) < 0;
}

static struct total add_up(int totals)
{
	struct total all = { 0 }, one;

	while (chan_recv(totals, &one, sizeof(one), NULL, 0) >= 0) {
		all.count += one.count;
		all.sum += one.sum;
	}
	return all;
}

int main(void)
{
	uint64_t begun = chan_in_ns(0); /* now */
	int queue[2], totals[2];
	struct total all;

	if (chan_pair(queue, 1024, 0) || chan_pair(totals, WORKERS, 0))
		error(1, 0, "there are no channels, see chan(4)");
	printf("%ld numbers from %d producers to %d workers\n", NUMBERS,
	       PRODUCERS, WORKERS);
	fflush(stdout);
	for (int i = 0; i < PRODUCERS; i++)
		if (!fork())
			return produce(queue[1], i);
	close(queue[1]);
	for (int i = 0; i < WORKERS; i++)
		if (!fork())
			return work(queue[0], totals[1]);
	close(queue[0]);
	close(totals[1]);

	all = add_up(totals[0]);
	printf("received are %ld, their sum is %ld\n", all.count, all.sum);
	printf("that took %.3f s\n", (chan_in_ns(0) - begun) / 1e9);
	return all.count != NUMBERS;
}
