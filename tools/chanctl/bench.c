// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl bench: what a message costs here, in nanoseconds, by the styles of channels,
 * by pipes and by sockets. All are measured in turn, again and again, so that what else
 * the machine does meets each of them.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "chanctl.h"
#include "options.h"
#include "plot.h"
#include "sysfs.h"
#include "table.h"
#include "ways.h"

#define COUNT_MAX 1000
#define DECIMAL	  24
#define TITLE	  160

static struct {
	uint64_t size, count, ns;
	const char *plot;
	bool apart, json;
} wish = { .size = 64, .count = 5, .ns = 100000000 };

/* clang-format off */

static const struct option_of options[] = {
	{ 's', "size", .number = &wish.size, .most = CHAN_MSG_DEFAULT },
	{ 'c', "count", .number = &wish.count, .most = COUNT_MAX },
	{ 't', "time", .ns = &wish.ns, .least = 1000000 },
	{ 'a', "apart", .flag = &wish.apart },
	{ 'p', "plot", .text = &wish.plot },
	{ 'J', "json", .flag = &wish.json },
	{}
};

/* clang-format on */

/* Both processes are on the processor of this one, unless they shall be apart. */
static void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
}

/* For a person on a terminal, on a line of its own that goes away. */
static void show_progress(const struct way *way, uint64_t round)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (way)
		fprintf(stderr, "\r\033[K%s, %s: %llu of %llu", way->workload,
			way->name, (unsigned long long)round + 1,
			(unsigned long long)wish.count);
	else
		fputs("\r\033[K", stderr);
}

/* 0, or the exit code. */
static int measure(double (*samples)[COUNT_MAX])
{
	for (uint64_t round = 0; round < wish.count; round++) {
		for (int i = 0; i < NR_WAYS; i++) {
			show_progress(&ways[i], round);
			samples[i][round] =
				way_measure(&ways[i], wish.size, wish.ns);
			if (samples[i][round] >= 0)
				continue;
			show_progress(NULL, 0);
			complain(
				"%s, %s cannot be measured: %s; look for what is wrong with \"chanctl doctor\"",
				ways[i].workload, ways[i].name,
				strerror(-samples[i][round]));
			return EXIT_FAILURE;
		}
	}
	show_progress(NULL, 0);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return (one > other) - (one < other);
}

/* The median, and how far the others are from it. */
static void sum_up(double (*samples)[COUNT_MAX], struct figure figures[NR_WAYS])
{
	for (int i = 0; i < NR_WAYS; i++) {
		qsort(samples[i], wish.count, sizeof(double), by_value);
		figures[i] = (struct figure){
			.group = ways[i].workload,
			.name = ways[i].name,
			.value = samples[i][wish.count / 2],
			.least = samples[i][0],
			.most = samples[i][wish.count - 1],
		};
	}
}

static void print(const struct figure figures[NR_WAYS])
{
	static const struct column columns[] = {
		{ "workload", KIND_STRING }, { "by", KIND_STRING },
		{ "ns", KIND_NUMBER },	     { "least", KIND_NUMBER },
		{ "most", KIND_NUMBER },     { "of_pipe", KIND_NUMBER },
	};
	struct libscols_table *table =
		table_new("results", columns, NR(columns), wish.json);
	const struct figure *figure, *pipe = NULL;
	char texts[4][DECIMAL];

	for (figure = figures; figure < figures + NR_WAYS; figure++) {
		if (!pipe || strcmp(pipe->group, figure->group))
			pipe = figure;
		snprintf(texts[0], DECIMAL, "%.0f", figure->value);
		snprintf(texts[1], DECIMAL, "%.0f", figure->least);
		snprintf(texts[2], DECIMAL, "%.0f", figure->most);
		snprintf(texts[3], DECIMAL, "%.2f",
			 figure->value / pipe->value);
		table_add(table, (const char *[]){ figure->group, figure->name,
						   texts[0], texts[1], texts[2],
						   texts[3] });
	}
	table_print(table);
}

static int draw(struct plot *plot, const struct figure figures[NR_WAYS])
{
	struct utsname name;
	char title[TITLE];

	uname(&name);
	snprintf(title, TITLE, "Messages of %llu bytes, Linux %.100s",
		 (unsigned long long)wish.size, name.release);
	return plot_end(plot, title, figures, NR_WAYS);
}

static int bench(struct plot *plot)
{
	static double samples[NR_WAYS][COUNT_MAX];
	struct figure figures[NR_WAYS];
	int code;

	if (!wish.apart)
		stay_here();
	code = measure(samples);
	if (code)
		return code;
	sum_up(samples, figures);
	print(figures);
	return plot ? draw(plot, figures) : EXIT_SUCCESS;
}

int verb_bench(int argc, char **argv)
{
	struct plot plot;
	char **operands;
	int code;

	if (take_options(options, argc, argv, &operands))
		usage_error(argv[0], "bench takes no operand");
	if (!wish.size || !wish.count)
		usage_error(argv[0], "--size and --count take at least 1");
	if (wish.plot)
		plot_choose(&plot, argv[0], wish.plot);
	if (!sysfs_is_there())
		return explain("", ENODEV);
	if (!wish.plot)
		return bench(NULL);
	code = plot_begin(&plot);
	if (!code)
		code = bench(&plot);
	if (code)
		plot_forget(&plot);
	return code;
}
