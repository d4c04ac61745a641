// SPDX-License-Identifier: GPL-2.0-only
/*
 * word_count_atomics - words are counted in memory that threads share, by atomics
 *
 * The same as word_count.c by other means: three threads count in one table, without
 * a lock. Who comes first to a bucket makes it that of a word, by compare and swap,
 * and its count is changed by an atomic addition. The text is read from standard input.
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
 *	by atomics, in 0.123 s
 */
#include <error.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chan.h>

enum { WORKERS = 3, WORDS = 100000, BUCKETS = 1021 };

/* A word has up to eight letters, which are taken for a number. */
struct bucket {
	uint64_t word, count;
};

static uint64_t words[WORDS + 1]; /* with room for a NUL */
static int words_nr;
static struct bucket table[BUCKETS];

static void add(uint64_t word, uint64_t count)
{
	unsigned int i = word % BUCKETS;
	uint64_t there = 0;

	while (!__atomic_compare_exchange_n(&table[i].word, &there, word, 0,
					    __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED) &&
	       there != word) {
		i = (i + 1) % BUCKETS;
		there = 0;
	}
	__atomic_fetch_add(&table[i].count, count, __ATOMIC_RELAXED);
}

/* Every third word. */
static void *worker(void *first)
{
	for (uint64_t *word = first; word < words + words_nr; word += WORKERS)
		add(*word, 1);
	return NULL;
}

static int by_word(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint64_t));
}

int main(void)
{
	pthread_t threads[WORKERS];
	uint64_t begun;

	while (words_nr < WORDS && scanf("%8s", (char *)&words[words_nr]) == 1)
		words_nr++;
	begun = chan_in_ns(0); /* now */
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, worker, &words[i]))
			error(1, 0, "there is no room for a thread");
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);

	qsort(table, BUCKETS, sizeof(table[0]), by_word);
	for (int i = 0; i < BUCKETS; i++)
		if (table[i].count)
			printf("%.8s %d\n", (char *)&table[i].word,
			       (int)table[i].count);
	printf("by atomics, in %.3f s\n", (chan_in_ns(0) - begun) / 1e9);
	return 0;
}
