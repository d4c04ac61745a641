// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl doctor: what keeps channels from being used here, and the command that
 * mends it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "chanctl.h"
#include "options.h"
#include "report.h"
#include "sysfs.h"
#include "table.h"

#define OLDEST "6.12"
#define FOUND  128

#define LOCKDOWN "/sys/kernel/security/lockdown"
#define ENFORCE	 "/sys/module/module/parameters/sig_enforce"
#define IO_URING "/proc/sys/kernel/io_uring_disabled"
#define MODULE	 "/sys/module/chan"

/*
 * Each looks for one thing: whether it is well. What it has found goes to @found.
 */

static bool kernel_is_new(char found[FOUND])
{
	struct utsname name;

	uname(&name);
	snprintf(found, FOUND, "%s", name.release);
	return strverscmp(name.release, OLDEST) >= 0;
}

static bool is_loaded(char found[FOUND])
{
	bool loaded = !access(MODULE, F_OK);

	snprintf(found, FOUND, "%s", loaded ? "loaded" : "not loaded");
	return loaded;
}

/* Headers are needed to build it; once it is loaded that is behind us. */
static bool has_headers(char found[FOUND])
{
	struct utsname name;
	bool there, loaded = !access(MODULE, F_OK);
	char path[FOUND];

	uname(&name);
	snprintf(path, sizeof(path), "/lib/modules/%.65s/build/Makefile",
		 name.release);
	there = !access(path, F_OK);
	snprintf(found, FOUND, "%s",
		 there	? "installed" :
		 loaded ? "not installed, not needed" :
			  "not installed");
	return there || loaded;
}

/* A kernel that is locked down, as with Secure Boot, takes only signed modules. */
static bool takes_unsigned(char found[FOUND])
{
	char line[FOUND];
	bool only_signed;

	only_signed = (sysfs_line(LOCKDOWN, line, FOUND) &&
		       !strstr(line, "[none]")) ||
		      (sysfs_line(ENFORCE, line, FOUND) && line[0] == 'Y');
	snprintf(found, FOUND, "%s",
		 only_signed ? "only signed modules" : "any module");
	return !only_signed || !access(MODULE, F_OK);
}

static bool may_use(char found[FOUND])
{
	struct chan_query query;
	int ret = chan_query(-1, &query);

	snprintf(found, FOUND, "%s", ret ? strerror(-ret) : "may be used");
	return !ret;
}

static bool has_io_uring(char found[FOUND])
{
	char line[FOUND];

	/* Kernels without the file have no switch. */
	if (!sysfs_line(IO_URING, line, FOUND))
		strcpy(line, "0");
	snprintf(found, FOUND, "%s",
		 line[0] == '0' ? "on" :
		 line[0] == '1' ? "off but for CAP_SYS_ADMIN" :
				  "off");
	return line[0] == '0';
}

/* clang-format off */

static const struct look {
	const char *what;
	bool (*is_well)(char found[FOUND]);
	const char *mend;
	bool is_optional;
	bool needs_module;
} looks[] = {
	{ .what = "kernel", .is_well = kernel_is_new,
	  .mend = "apt-get install -t bookworm-backports linux-image-amd64" },
	{ .what = "headers", .is_well = has_headers,
	  .mend = "apt-get install linux-headers-$(uname -r)" },
	{ .what = "signature", .is_well = takes_unsigned,
	  .mend = "/usr/lib/linux-kbuild-*/scripts/sign-file sha256 KEY CERTIFICATE chan.ko" },
	{ .what = "module", .is_well = is_loaded,
	  .mend = "insmod chan.ko" },
	{ .what = "permission", .is_well = may_use, .needs_module = true,
	  .mend = "chmod 666 " CHAN_CONTROL_PATH },
	{ .what = "io_uring", .is_well = has_io_uring, .is_optional = true,
	  .mend = "sysctl kernel.io_uring_disabled=0" },
};

static bool json, report;

static const struct option_of options[] = {
	{ 'r', "report", .flag = &report },
	{ 'J', "json", .flag = &json },
	{}
};

/* clang-format on */

static void add_look(struct libscols_table *table, const struct look *look,
		     bool is_well, const char *found)
{
	table_add(table,
		  (const char *[]){ look->what, table_truth(is_well, json),
				    found, is_well ? NULL : look->mend });
}

/* Each is a row; whether all is well that has to be. */
static bool look_at_all(void)
{
	static const struct column columns[] = {
		{ "what", KIND_STRING },
		{ "well", KIND_LITERAL },
		{ "found", KIND_STRING },
		{ "mend", KIND_STRING },
	};
	struct libscols_table *table =
		table_new("looks", columns, NR(columns), json);
	bool all_well = true, is_well;
	char found[FOUND];

	for (const struct look *look = looks; look < looks + NR(looks);
	     look++) {
		if (look->needs_module && access(MODULE, F_OK))
			continue;
		is_well = look->is_well(found);
		all_well &= is_well || look->is_optional;
		add_look(table, look, is_well, found);
	}
	table_print(table);
	return all_well;
}

int verb_doctor(int argc, char **argv)
{
	char **operands;
	bool all_well;

	if (take_options(options, argc, argv, &operands))
		usage_error(argv[0], "doctor takes no operand");
	if (report && json)
		usage_error(argv[0], "--report and --json exclude each other");
	all_well = look_at_all();
	if (report)
		print_report();
	return all_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
