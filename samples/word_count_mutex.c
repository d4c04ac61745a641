// SPDX-License-Identifier: GPL-2.0-only
/*
 * word_count_mutex - words are counted in memory that threads share, under a mutex
 *
 * The same as word_count.c by other means: three threads count in one table, which each
 * locks for every word. The text is read from standard input.
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
 *	under a mutex, in 0.123 s
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
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void add(uint64_t word, uint64_t count)
{
	unsigned int i = word % BUCKETS;

	while (table[i].word && table[i].word != word)
		i = (i + 1) % BUCKETS;
	table[i].word = word;
	table[i].count += count;
}

/* Every third word. */
static void *worker(void *first)
{
	for (uint64_t *word = first; word < words + words_nr; word += WORKERS) {
		pthread_mutex_lock(&mutex);
		add(*word, 1);
		pthread_mutex_unlock(&mutex);
	}
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
	printf("under a mutex, in %.3f s\n", (chan_in_ns(0) - begun) / 1e9);
	return 0;
}
