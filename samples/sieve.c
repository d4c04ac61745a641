// SPDX-License-Identifier: GPL-2.0-only
/*
 * sieve - the primes up to 100, by a process for each
 *
 * The first process sends 2, 3, 4 and so on. Whatever arrives at the end of the
 * chain is a prime, and gets a process there that lets nothing through which it
 * divides. The channels hold nothing (rendezvous), so no process runs ahead of the
 * next. When the first one has sent its last number it ends, and the others
 * after it, one by one.
 *
 * It prints
 *
 *	2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59 61 67 71 73 79 83 89 97
 */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <unistd.h>

#include <chan.h>

#define LAST 100

/* 0 at the end. */
static int get(int in)
{
	int number, n = chan_recv(in, &number, sizeof(number), NULL, 0);

	if (n < 0 && n != -ESHUTDOWN)
		error(1, -n, "receiving");
	return n < 0 ? 0 : number;
}

static void put(int out, int number)
{
	int ret = chan_send(out, &number, sizeof(number), 0);

	if (ret)
		error(1, -ret, "sending");
}

static void count(int number, int in, int out)
{
	(void)in;
	for (; number <= LAST; number++)
		put(out, number);
}

static void sift(int prime, int in, int out)
{
	int number;

	while ((number = get(in)))
		if (number % prime)
			put(out, number);
}

/* Starts a process that takes from @in; what it sends comes out of the result. */
static int start(void (*process)(int number, int in, int out), int number,
		 int in)
{
	int ends[2], ret = chan_pair(ends, 0, 0);

	if (ret)
		error(1, -ret, "making a channel");
	if (!fork()) {
		close(ends[0]);
		process(number, in, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	close(in);
	return ends[0];
}

int main(void)
{
	int prime, numbers = start(count, 2, -1);

	while ((prime = get(numbers))) {
		printf(prime == 2 ? "%d" : " %d", prime);
		numbers = start(sift, prime, numbers);
	}
	printf("\n");
	return 0;
}
