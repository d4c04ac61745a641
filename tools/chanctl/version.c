// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl version: program, library and module side by side, and who is behind.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chanctl.h"
#include "options.h"
#include "sysfs.h"
#include "table.h"

#define TEXT	    64
#define MODULE_FILE "/sys/module/chan/version"
#define FEATURES_HERE                                                 \
	(CHAN_FEATURE_OP | CHAN_FEATURE_BATCH | CHAN_FEATURE_SELECT | \
	 CHAN_FEATURE_URING | CHAN_FEATURE_URING_MULTISHOT)

/* What a module may lack because its kernel does. */
#define FEATURES_OF_KERNELS CHAN_FEATURE_URING_MULTISHOT

enum { PROGRAM, LIBRARY, MODULE, PARTS };

/* What one of them says of itself; empty if it does not, and then it is not behind. */
struct part {
	const char *name;
	char version[TEXT], abi[TEXT], features[TEXT];
	bool is_behind;
};

static void name_features(char text[TEXT], uint64_t features)
{
	static const char *const names[] = { "op", "batch", "select", "uring",
					     "multishot" };

	table_name_bits(text, features, names, NR(names), " ");
}

/* 0, or a negative errno: what it says stays empty. */
static int ask_module(struct part *module)
{
	struct chan_query query;
	int ret = chan_query(-1, &query);

	if (ret)
		return ret;
	sysfs_line(MODULE_FILE, module->version, TEXT);
	snprintf(module->abi, TEXT, "%u", query.abi);
	name_features(module->features, query.features);
	module->is_behind =
		query.abi < CHAN_ABI_VERSION ||
		(FEATURES_HERE & ~FEATURES_OF_KERNELS & ~query.features);
	return 0;
}

/* Also behind is who has a lower version than another. */
static void compare_versions(struct part parts[PARTS])
{
	for (int i = 0; i < PARTS; i++)
		for (int j = 0; j < PARTS; j++)
			if (parts[i].version[0] && parts[j].version[0] &&
			    strverscmp(parts[i].version, parts[j].version) < 0)
				parts[i].is_behind = true;
}

static const char *behind(const struct part *part, bool json)
{
	return part->version[0] ? table_truth(part->is_behind, json) : NULL;
}

static void print_parts(const struct part parts[PARTS], bool json)
{
	static const struct column columns[] = {
		{ "part", KIND_STRING },    { "version", KIND_STRING },
		{ "abi", KIND_NUMBER },	    { "features", KIND_STRING },
		{ "behind", KIND_LITERAL },
	};
	struct libscols_table *table =
		table_new("parts", columns, NR(columns), json);

	for (const struct part *part = parts; part < parts + PARTS; part++)
		table_add(table, (const char *[]){ part->name, part->version,
						   part->abi, part->features,
						   behind(part, json) });
	table_print(table);
}

static void say_who_is_behind(const struct part parts[PARTS])
{
	static const char *const steps[PARTS] = {
		[PROGRAM] = "install the chanctl that belongs to the others",
		[LIBRARY] = "install the library that belongs to the others",
		[MODULE] =
			"unload it, and load the one that belongs to the others",
	};

	for (int i = 0; i < PARTS; i++)
		if (parts[i].is_behind)
			printf("The %s is behind; %s.\n", parts[i].name,
			       steps[i]);
}

static void say_who_is_silent(int error)
{
	if (error == -ENOENT)
		puts("The module is not loaded; load it with \"insmod chan.ko\".");
	else if (error)
		printf("The module cannot be asked: %s; see \"chanctl doctor\".\n",
		       strerror(-error));
}

void print_versions(bool json)
{
	struct part parts[PARTS] = {
		[PROGRAM] = { .name = "program", .version = VERSION },
		[LIBRARY] = { .name = "library" },
		[MODULE] = { .name = "module" },
	};
	int ret;

	snprintf(parts[PROGRAM].abi, TEXT, "%d", CHAN_ABI_VERSION);
	name_features(parts[PROGRAM].features, FEATURES_HERE);
	snprintf(parts[LIBRARY].version, TEXT, "%s", chan_version());
	ret = ask_module(&parts[MODULE]);
	compare_versions(parts);
	print_parts(parts, json);
	if (json)
		return;
	say_who_is_behind(parts);
	say_who_is_silent(ret);
}

int verb_version(int argc, char **argv)
{
	static bool json;
	static const struct option_of options[] = {
		/* clang-format off */
		{ 'J', "json", .flag = &json },
		{}
		/* clang-format on */
	};
	char **operands;

	if (take_options(options, argc, argv, &operands))
		usage_error(argv[0], "version takes no operand");
	print_versions(json);
	return EXIT_SUCCESS;
}
