// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl list, chanctl show NAME: what there is to see of channels from outside.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chanctl.h"
#include "options.h"
#include "sysfs.h"
#include "table.h"

#define COLUMNS_MAX 32

/* Named as in sysfs, but for the name itself, which is first. */
static const struct column list_columns[] = {
	{ "name", KIND_STRING },	   { "cap", KIND_NUMBER },
	{ "queued", KIND_NUMBER },	   { "unsettled", KIND_NUMBER },
	{ "parked_senders", KIND_NUMBER }, { "parked_receivers", KIND_NUMBER },
	{ "senders", KIND_NUMBER },	   { "receivers", KIND_NUMBER },
};

static const struct column show_columns[] = {
	{ "name", KIND_STRING },
	{ "owner_uid", KIND_NUMBER },
	{ "mode", KIND_STRING },
	{ "flags", KIND_STRING },
	{ "type", KIND_STRING },
	{ "cap", KIND_NUMBER },
	{ "msg_max", KIND_NUMBER },
	{ "bytes_max", KIND_NUMBER },
	{ "max_attempts", KIND_NUMBER },
	{ "queued", KIND_NUMBER },
	{ "unsettled", KIND_NUMBER },
	{ "bytes", KIND_NUMBER },
	{ "parked_senders", KIND_NUMBER },
	{ "parked_receivers", KIND_NUMBER },
	{ "senders", KIND_NUMBER },
	{ "receivers", KIND_NUMBER },
	{ "totals_sent", KIND_NUMBER },
	{ "totals_received", KIND_NUMBER },
	{ "totals_settled", KIND_NUMBER },
	{ "totals_redelivered", KIND_NUMBER },
	{ "totals_dropped", KIND_NUMBER },
};

/* The values of a channel, one for each column. */
struct seen {
	char text[COLUMNS_MAX][SYSFS_VALUE];
	const char *values[COLUMNS_MAX];
};

static bool json;

/* clang-format off */

static const struct option_of options[] = {
	{ 'J', "json", .flag = &json },
	{}
};

/* clang-format on */

/* 0x4 is "workqueue". */
static void name_flags(char value[SYSFS_VALUE])
{
	static const char *const names[] = { "hangup", "ephemeral", "workqueue",
					     "fixed" };

	table_name_bits(value, strtoul(value, NULL, 16), names, NR(names), ",");
}

/* False if the channel is gone, perhaps just now. */
static bool look_at(const char *name, const struct column *columns, size_t nr,
		    struct seen *seen)
{
	snprintf(seen->text[0], SYSFS_VALUE, "%s", name);
	for (size_t i = 0; i < nr; i++) {
		seen->values[i] = seen->text[i];
		if (i && !sysfs_read(name, columns[i].name, seen->text[i]))
			return false;
		if (!strcmp(columns[i].name, "flags"))
			name_flags(seen->text[i]);
	}
	return true;
}

int verb_list(int argc, char **argv)
{
	struct libscols_table *table;
	struct seen seen;
	char **operands, **names;

	if (take_options(options, argc, argv, &operands))
		usage_error(argv[0], "list takes no name");
	names = sysfs_channels();
	if (!names)
		return explain("", ENODEV);
	table = table_new("channels", list_columns, NR(list_columns), json);
	for (char **name = names; *name; name++)
		if (look_at(*name, list_columns, NR(list_columns), &seen))
			table_add(table, seen.values);
	sysfs_free(names);
	table_print(table);
	return EXIT_SUCCESS;
}

/* To be read, a channel is a column; for JSON it is an object. */
static void show_as_text(const struct seen *seen)
{
	for (size_t i = 0; i < NR(show_columns); i++)
		printf("%-18s  %s\n", show_columns[i].name, seen->values[i]);
}

static void show_as_json(const struct seen *seen)
{
	struct libscols_table *table;

	table = table_new("channels", show_columns, NR(show_columns), true);
	table_add(table, seen->values);
	table_print(table);
}

int verb_show(int argc, char **argv)
{
	struct seen seen;
	char **names;

	if (take_options(options, argc, argv, &names) != 1)
		usage_error(argv[0], "show takes one name");
	need_name(argv[0], names[0]);
	if (!look_at(names[0], show_columns, NR(show_columns), &seen))
		return explain(names[0], ENOENT);
	if (json)
		show_as_json(&seen);
	else
		show_as_text(&seen);
	return EXIT_SUCCESS;
}
