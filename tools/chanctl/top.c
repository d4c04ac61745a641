// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl top [NAME]...: the busiest channels, again and again, for a person on a
 * terminal; line after line for whoever else reads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "census.h"
#include "chanctl.h"
#include "options.h"
#include "output.h"
#include "screen.h"
#include "table.h"

#define SECOND	1000000000ULL
#define DECIMAL 24
#define TITLE	128

static struct {
	uint64_t interval, count;
	bool json;
} wish = { .interval = SECOND };

/* clang-format off */

static const struct option_of options[] = {
	{ 'i', "interval", .ns = &wish.interval, .least = SECOND / 100 },
	{ 'c', "count", .number = &wish.count },
	{ 'J', "json", .flag = &wish.json },
	{}
};

/* What is seen of a channel beside its name; of a total its growth in a second. */
static const struct {
	const char *name;
	enum count count;
} shown[] = {
	{ "queued", COUNT_QUEUED },
	{ "cap", COUNT_CAP },
	{ "unsettled", COUNT_UNSETTLED },
	{ "sent/s", COUNT_SENT },
	{ "received/s", COUNT_RECEIVED },
	{ "settled/s", COUNT_SETTLED },
	{ "redelivered/s", COUNT_REDELIVERED },
	{ "parked_senders", COUNT_PARKED_SENDERS },
	{ "parked_receivers", COUNT_PARKED_RECEIVERS },
};

/* clang-format on */

/* A channel now, and as it was before, if it was there. */
struct row {
	const struct counted *before, *now;
};

static uint64_t busyness(const struct row *row)
{
	return census_growth(row->before, row->now, COUNT_SENT) +
	       census_growth(row->before, row->now, COUNT_RECEIVED);
}

static uint64_t load(const struct row *row)
{
	return row->now->counts[COUNT_QUEUED] +
	       row->now->counts[COUNT_UNSETTLED];
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_busyness(const void *a, const void *b)
{
	int order = compare(busyness(b), busyness(a));

	if (!order)
		order = compare(load(b), load(a));
	return order ? order :
		       strcmp(((const struct row *)a)->now->name,
			      ((const struct row *)b)->now->name);
}

/* A total without the time in which it has grown has no value yet. */
static const char *value_of(const struct row *row, enum count count,
			    double seconds, char text[DECIMAL])
{
	double rate;

	if (count >= NR_TOTALS) {
		snprintf(text, DECIMAL, "%llu",
			 (unsigned long long)row->now->counts[count]);
		return text;
	}
	if (seconds <= 0)
		return NULL;
	rate = census_growth(row->before, row->now, count) / seconds;
	snprintf(text, DECIMAL, "%.*f", rate > 0 && rate < 10, rate);
	return text;
}

static void add_row(struct libscols_table *table, const struct row *row,
		    double seconds)
{
	const char *values[1 + NR(shown)] = { row->now->name };
	char texts[NR(shown)][DECIMAL];

	for (size_t i = 0; i < NR(shown); i++)
		values[1 + i] =
			value_of(row, shown[i].count, seconds, texts[i]);
	table_add(table, values);
}

static struct libscols_table *empty_table(void)
{
	struct column columns[1 + NR(shown)] = { { "name", KIND_STRING } };

	for (size_t i = 0; i < NR(shown); i++)
		columns[1 + i] = (struct column){ shown[i].name, KIND_NUMBER };
	return table_new("channels", columns, NR(columns), wish.json);
}

static struct libscols_table *table_of(const struct census *before,
				       const struct census *now)
{
	struct libscols_table *table = empty_table();
	struct row *rows = calloc(now->nr + 1, sizeof(*rows));
	double seconds = before->at ? (now->at - before->at) / 1e9 : 0;

	need_memory(rows);
	for (size_t i = 0; i < now->nr; i++) {
		rows[i].now = &now->channels[i];
		rows[i].before = census_find(before, rows[i].now);
	}
	qsort(rows, now->nr, sizeof(*rows), by_busyness);
	for (size_t i = 0; i < now->nr; i++)
		add_row(table, &rows[i], seconds);
	free(rows);
	return table;
}

static void make_title(char title[TITLE], size_t channels)
{
	char hour[16];
	time_t now = time(NULL);

	strftime(hour, sizeof(hour), "%H:%M:%S", localtime(&now));
	snprintf(title, TITLE,
		 "chanctl top, %s: %zu channel%s, every %g s; q ends", hour,
		 channels, channels == 1 ? "" : "s", wish.interval / 1e9);
}

/* What is drawn stays until the next, whatever becomes of the terminal. */
static enum wake draw(const struct census *before, const struct census *now,
		      uint64_t until)
{
	char *text = table_text(table_of(before, now));
	enum wake wake = WAKE_REDRAW;
	char title[TITLE];

	make_title(title, now->nr);
	while (wake == WAKE_REDRAW && output_is_good()) {
		screen_draw(title, text);
		wake = screen_wait(until);
	}
	free(text);
	return wake;
}

/* Tables for a reader who is no terminal are apart by an empty line. */
static enum wake print(const struct census *before, const struct census *now,
		       uint64_t until)
{
	static bool is_second;

	if (before->at && wish.json) {
		table_print_line(table_of(before, now));
	} else if (before->at) {
		if (is_second)
			putchar('\n');
		is_second = true;
		table_print(table_of(before, now));
	}
	if (!output_is_unread())
		return screen_wait(until);
	output_abandon();
	return WAKE_QUIT;
}

/* A person sees the last table as long as any other. False: there is no module. */
static bool watch(char **names, size_t nr, bool on_screen)
{
	struct census before = {}, now;
	enum wake wake = WAKE_TIME;
	bool is_last = false;
	uint64_t done = 0;

	while (wake != WAKE_QUIT && !is_last && output_is_good()) {
		if (!census_take(&now, names, nr))
			break;
		is_last = before.at && ++done == wish.count;
		wake = on_screen ?
			       draw(&before, &now, now.at + wish.interval) :
			       print(&before, &now,
				     is_last ? now.at : now.at + wish.interval);
		census_free(&before);
		before = now;
	}
	census_free(&before);
	return wake == WAKE_QUIT || is_last || !output_is_good();
}

int verb_top(int argc, char **argv)
{
	bool on_screen, is_done;
	char **names;
	int nr, code;

	nr = take_options(options, argc, argv, &names);
	code = census_need(argv[0], names, nr);
	if (code)
		return code;
	on_screen = screen_is_there() && !wish.json;
	if (on_screen)
		screen_begin();
	is_done = watch(names, nr, on_screen);
	if (on_screen)
		screen_end();
	return is_done ? EXIT_SUCCESS : explain("", ENODEV);
}
