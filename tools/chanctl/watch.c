// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl watch [NAME]...: what happens to channels, a line for each that something
 * has happened to since the last look. It adds up totals, so no message is missed
 * between two looks, but for those of a channel that is gone at the second.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "census.h"
#include "chanctl.h"
#include "options.h"
#include "output.h"
#include "screen.h"
#include "table.h"

#define MILLISECOND 1000000ULL
#define DECIMAL	    24

static struct {
	uint64_t interval, count;
	bool json;
} wish = { .interval = 250 * MILLISECOND };

/* clang-format off */

static const struct option_of options[] = {
	{ 'i', "interval", .ns = &wish.interval, .least = 10 * MILLISECOND },
	{ 'c', "count", .number = &wish.count },
	{ 'J', "json", .flag = &wish.json },
	{}
};

/* clang-format on */

/* What is told of a channel beside its name; totals come first, as in enum count. */
static const char *const told[] = {
	[COUNT_SENT] = "sent",		 [COUNT_RECEIVED] = "received",
	[COUNT_SETTLED] = "settled",	 [COUNT_REDELIVERED] = "redelivered",
	[COUNT_DROPPED] = "dropped",	 [COUNT_QUEUED] = "queued",
	[COUNT_UNSETTLED] = "unsettled",
};

/* What has happened to a channel; one that is not there @after was removed. */
struct change {
	const struct counted *before, *after;
	struct timespec seen;
};

/* Of a total, by how much it has grown. */
static uint64_t number_of(const struct change *change, enum count count)
{
	return count < NR_TOTALS ?
		       census_growth(change->before, change->after, count) :
		       change->after->counts[count];
}

static bool is_change(const struct change *change)
{
	if (!change->before || !change->after)
		return true;
	for (int i = 0; i < NR_TOTALS; i++)
		if (number_of(change, i))
			return true;
	return false;
}

static const char *name_of(const struct change *change)
{
	return (change->after ? change->after : change->before)->name;
}

static const char *event_of(const struct change *change)
{
	return !change->before ? "created" :
	       !change->after  ? "removed" :
				 "changed";
}

/* "jobs: created, sent 3; queued 3, unsettled 0" */
static void print_text(const struct change *change)
{
	const char *between = "";
	char hour[16];

	strftime(hour, sizeof(hour), "%H:%M:%S",
		 localtime(&change->seen.tv_sec));
	printf("%s.%03ld %s: ", hour, change->seen.tv_nsec / (long)MILLISECOND,
	       name_of(change));
	if (!change->before || !change->after) {
		fputs(event_of(change), stdout);
		between = ", ";
	}
	for (size_t i = 0; change->after && i < NR(told); i++) {
		if (i == NR_TOTALS)
			between = "; ";
		else if (i < NR_TOTALS && !number_of(change, i))
			continue;
		printf("%s%s %llu", between, told[i],
		       (unsigned long long)number_of(change, i));
		between = ", ";
	}
	putchar('\n');
}

/* Of a channel that is gone there are no numbers. */
static void print_json(const struct change *change)
{
	struct column columns[3 + NR(told)] = { { "time", KIND_NUMBER },
						{ "name", KIND_STRING },
						{ "event", KIND_STRING } };
	char texts[NR(told)][DECIMAL], seen[DECIMAL + 4];
	const char *values[NR(columns)] = { seen, name_of(change),
					    event_of(change) };
	struct libscols_table *table;

	snprintf(seen, sizeof(seen), "%lld.%03ld",
		 (long long)change->seen.tv_sec,
		 change->seen.tv_nsec / (long)MILLISECOND);
	for (size_t i = 0; i < NR(told); i++) {
		columns[3 + i] = (struct column){ told[i], KIND_NUMBER };
		if (!change->after)
			continue;
		snprintf(texts[i], DECIMAL, "%llu",
			 (unsigned long long)number_of(change, i));
		values[3 + i] = texts[i];
	}
	table = table_new("changes", columns, NR(columns), true);
	table_add(table, values);
	table_print_line(table);
}

/* False when there have been as many lines as were wanted, or nobody reads them. */
static bool tell(struct change change)
{
	static uint64_t done;

	if (!is_change(&change))
		return true;
	(wish.json ? print_json : print_text)(&change);
	return ++done != wish.count && output_is_good();
}

/* A channel whose name is another's now was removed before that was created. */
static bool tell_all(const struct census *before, const struct census *now)
{
	struct change change = {};
	bool more = true;

	clock_gettime(CLOCK_REALTIME, &change.seen);
	for (size_t i = 0; more && i < before->nr; i++) {
		change.before = &before->channels[i];
		if (!census_find(now, change.before))
			more = tell(change);
	}
	for (size_t i = 0; more && i < now->nr; i++) {
		change.after = &now->channels[i];
		change.before = census_find(before, change.after);
		more = tell(change);
	}
	return more;
}

/* Until there is nothing more to tell; false: there is no module any more. */
static bool watch(char **names, size_t nr)
{
	struct census before, now;
	bool more = true;

	if (!census_take(&before, names, nr))
		return false;
	while (more && (before.nr || !nr)) {
		screen_wait(before.at + wish.interval);
		if (output_is_unread()) {
			output_abandon();
			break;
		}
		if (!census_take(&now, names, nr))
			return false;
		more = tell_all(&before, &now);
		census_free(&before);
		before = now;
	}
	census_free(&before);
	return true;
}

int verb_watch(int argc, char **argv)
{
	char **names;
	int nr, code;

	nr = take_options(options, argc, argv, &names);
	code = census_need(argv[0], names, nr);
	if (code)
		return code;
	return watch(names, nr) ? EXIT_SUCCESS : explain("", ENODEV);
}
