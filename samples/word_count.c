// SPDX-License-Identifier: GPL-2.0-only
/*
 * word_count - words are counted by processes that share nothing
 *
 * Three workers receive the words of a text, a hundred in a message, and count them in
 * tables of their own. At the end each sends its table, in one message, and these are
 * added up. Nobody waits for a lock, and nobody could forget one; compare it with
 * word_count_mutex.c and word_count_atomics.c. The text is read from standard input.
 *
 * It prints
 *
 *	a 5847
 *	and 2537
 *	channel 1398
 *	is 987
 *	message 3325
 *	of 4269
 *	queue 281
 *	sender 628
 *	the 8754
 *	to 1974
 *	by messages, in 0.123 s
 */
#include <errno.h>
#include <error.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <chan.h>

enum { WORKERS = 3, PAGE = 100, WORDS = 100000, BUCKETS = 1021 };

/* A word has up to eight letters, which are taken for a number. */
struct bucket {
	uint64_t word, count;
};

static uint64_t words[WORDS + PAGE]; /* there is a 0 behind the last */
static struct bucket table[BUCKETS];

static void add(uint64_t word, uint64_t count)
{
	unsigned int i = word % BUCKETS;

	while (table[i].word && table[i].word != word)
		i = (i + 1) % BUCKETS;
	table[i].word = word;
	table[i].count += count;
}

static int worker(int pages, int tables)
{
	uint64_t page[PAGE];
	int n;

	while ((n = chan_recv(pages, page, sizeof(page), NULL, 0)) >= 0)
		for (int i = 0; i < PAGE && page[i]; i++)
			add(page[i], 1);
	if (n != -ESHUTDOWN)
		error(1, -n, "receiving a page");
	return chan_send(tables, table, sizeof(table), 0) < 0;
}

static void send_pages(int pages)
{
	for (int i = 0; words[i]; i += PAGE)
		if (chan_send(pages, &words[i], PAGE * sizeof(words[0]), 0))
			error(1, 0, "nobody counts any more");
}

static void add_tables(int tables)
{
	struct bucket part[BUCKETS];

	while (chan_recv(tables, part, sizeof(part), NULL, 0) > 0)
		for (int i = 0; i < BUCKETS; i++)
			if (part[i].count)
				add(part[i].word, part[i].count);
}

static int by_word(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint64_t));
}

int main(void)
{
	int pages[2], tables[2];
	uint64_t begun;

	for (int i = 0; i < WORDS; i++)
		if (scanf("%8s", (char *)&words[i]) != 1)
			break;
	begun = chan_in_ns(0); /* now */
	if (chan_pair(pages, 16, 0) || chan_pair(tables, WORKERS, 0))
		error(1, 0, "there are no channels, see chan(4)");
	for (int i = 0; i < WORKERS; i++) {
		if (!fork()) {
			close(pages[1]);
			return worker(pages[0], tables[1]);
		}
	}
	close(pages[0]);
	close(tables[1]);
	send_pages(pages[1]);
	close(pages[1]);
	add_tables(tables[0]);

	qsort(table, BUCKETS, sizeof(table[0]), by_word);
	for (int i = 0; i < BUCKETS; i++)
		if (table[i].count)
			printf("%.8s %d\n", (char *)&table[i].word,
			       (int)table[i].count);
	printf("by messages, in %.3f s\n", (chan_in_ns(0) - begun) / 1e9);
	return 0;
}
