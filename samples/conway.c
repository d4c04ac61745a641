// SPDX-License-Identifier: GPL-2.0-only
/*
 * conway - filters that turn cards into lines, a character at a time
 *
 * Conway's problem: what stands on cards of 20 characters is to be printed in lines
 * of 33, with an arrow for two stars in a row, also where a card ends between
 * them. In one loop that is a puzzle. Here it is a chain of three processes, each of
 * which knows of one of these things; a character goes from one to the next as a
 * message of its own, and what comes out are lines.
 *
 * It prints
 *
 *	|Each character is a message of it|
 *	|s own. Two stars, as in xy^2, bec|
 *	|ome an arrow; one * stays a star.|
 */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <chan.h>

#define LINE 33

/* How much came; 0 at the end. */
static int get(int in, char *buf, size_t len)
{
	int n = chan_recv(in, buf, len, NULL, 0);

	if (n < 0 && n != -ESHUTDOWN)
		error(1, -n, "receiving");
	return n < 0 ? 0 : n;
}

static void put(int out, const char *buf, size_t len)
{
	int ret = chan_send(out, buf, len, 0);

	if (ret)
		error(1, -ret, "sending");
}

static void read_cards(int in, int out)
{
	static const char *const cards[] = { "Each character is a ",
					     "message of its own. ",
					     "Two stars, as in xy*",
					     "*2, become an arrow;",
					     " one * stays a star." };

	(void)in;
	for (int i = 0; i < 5; i++)
		for (const char *c = cards[i]; *c; c++)
			put(out, c, 1);
}

static void squash(int in, int out)
{
	char c, next;

	while (get(in, &c, 1)) {
		if (c != '*' || !get(in, &next, 1)) {
			put(out, &c, 1);
		} else if (next == '*') {
			put(out, "^", 1);
		} else {
			put(out, &c, 1);
			put(out, &next, 1);
		}
	}
}

static void assemble(int in, int out)
{
	char line[LINE];
	int n = 0;

	while (get(in, &line[n], 1)) {
		if (++n == LINE) {
			put(out, line, n);
			n = 0;
		}
	}
	if (n)
		put(out, line, n);
}

/* Starts a process that takes from @in; what it makes comes out of the result. */
static int start(void (*filter)(int in, int out), int in)
{
	int ends[2], ret = chan_pair(ends, 0, 0);

	if (ret)
		error(1, -ret, "making a channel");
	if (!fork()) {
		close(ends[0]);
		filter(in, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	close(in);
	return ends[0];
}

int main(void)
{
	int lines = start(assemble, start(squash, start(read_cards, -1)));
	char line[LINE];
	int n;

	while ((n = get(lines, line, LINE)))
		printf("|%.*s|\n", n, line);
	return 0;
}
