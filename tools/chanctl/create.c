// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl create NAME, chanctl shutdown NAME, chanctl rm NAME...: how a channel comes
 * into being, and how its sending and its name end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "chanctl.h"
#include "options.h"
#include "sysfs.h"

#define DIRECTORY "/dev/chan/"

static struct {
	uint64_t cap, msg_max, bytes_max, max_attempts, type;
	mode_t mode;
	bool workqueue, hangup, fixed;
} wish = { .cap = 64 };

/* clang-format off */

static const struct option_of create_options[] = {
	{ 'c', "cap", .number = &wish.cap, .most = CHAN_CAP_MAX },
	{ 'm', "msg-max", .number = &wish.msg_max, .most = CHAN_MSG_MAX },
	{ 'b', "bytes-max", .number = &wish.bytes_max },
	{ 'a', "max-attempts", .number = &wish.max_attempts, .most = UINT32_MAX },
	{ 'p', "mode", .mode = &wish.mode },
	{ 'y', "type", .number = &wish.type },
	{ 'w', "workqueue", .flag = &wish.workqueue },
	{ 'u', "hangup", .flag = &wish.hangup },
	{ 'f', "fixed", .flag = &wish.fixed },
	{}
};

/* clang-format on */

/* What of the module's rules concerns more than one option. */
static void check_rules(const char *verb)
{
	uint64_t msg_max = wish.msg_max ? wish.msg_max : CHAN_MSG_DEFAULT;

	if (wish.workqueue && !wish.cap)
		usage_error(
			verb,
			"--workqueue keeps work in the channel, so --cap cannot be 0");
	if (wish.bytes_max && wish.bytes_max < msg_max + CHAN_MSG_OVERHEAD)
		usage_error(
			verb,
			"--bytes-max has to be at least %llu, for one message of --msg-max counts %llu bytes and %d",
			(unsigned long long)msg_max + CHAN_MSG_OVERHEAD,
			(unsigned long long)msg_max, CHAN_MSG_OVERHEAD);
}

/* Without an end of its own: so a channel that hangs up does not do so at once. */
static struct chan_create wanted(const char *name)
{
	return (struct chan_create){
		.flags = (wish.workqueue ? CHAN_WORKQUEUE : 0) |
			 (wish.hangup ? CHAN_HANGUP : 0) |
			 (wish.fixed ? CHAN_FIXED : 0),
		.rights = CHAN_RIGHT_ADMIN,
		.cap = wish.cap,
		.msg_max = wish.msg_max,
		.bytes_max = wish.bytes_max,
		.max_attempts = wish.max_attempts,
		.mode = wish.mode,
		.type = wish.type,
		.name = (uintptr_t)name,
	};
}

/*
 * A file of that name, as "echo" to a channel that is not there makes it for root,
 * stays what it is, and then nobody could open the channel.
 */
static bool is_reachable(const char *name)
{
	char path[sizeof(DIRECTORY) + CHAN_NAME_MAX] = DIRECTORY;
	char number[SYSFS_VALUE], found[SYSFS_VALUE];
	struct stat node;

	/* Somebody has removed it since. */
	if (!sysfs_read(name, "dev", number))
		return true;
	strcat(path, name);
	if (stat(path, &node) || !S_ISCHR(node.st_mode))
		return false;
	snprintf(found, sizeof(found), "%u:%u", major(node.st_rdev),
		 minor(node.st_rdev));
	return !strcmp(found, number);
}

int verb_create(int argc, char **argv)
{
	struct chan_create create;
	char **names;
	bool reachable;
	int fd;

	if (take_options(create_options, argc, argv, &names) != 1)
		usage_error(argv[0], "create takes one name");
	need_name(argv[0], names[0]);
	check_rules(argv[0]);
	create = wanted(names[0]);
	if (wish.mode)
		umask(0);
	fd = chan_create_with(&create);
	if (fd < 0)
		return explain(names[0], fd);
	reachable = is_reachable(names[0]);
	if (!reachable)
		chan_remove(names[0]);
	close(fd);
	return reachable ? EXIT_SUCCESS : explain(names[0], NO_NODE);
}

/* An endpoint that comes and goes may be the last that was to receive. */
static bool would_drop(const char *name)
{
	char flags[SYSFS_VALUE], queued[SYSFS_VALUE], receivers[SYSFS_VALUE];

	return sysfs_read(name, "flags", flags) &&
	       strtoul(flags, NULL, 16) & CHAN_HANGUP &&
	       sysfs_read(name, "queued", queued) && strcmp(queued, "0") &&
	       sysfs_read(name, "receivers", receivers) &&
	       !strcmp(receivers, "0");
}

int verb_shutdown(int argc, char **argv)
{
	static const struct option_of options[] = { {} };
	char **names;
	int fd, ret;

	if (take_options(options, argc, argv, &names) != 1)
		usage_error(argv[0], "shutdown takes one name");
	need_name(argv[0], names[0]);
	if (would_drop(names[0])) {
		complain(
			"\"%s\" hangs up, and nobody is there to receive what is queued, which would be dropped; start a receiver first, or remove it with \"chanctl rm %s\"",
			names[0], names[0]);
		return EXIT_FAILURE;
	}
	/* With both rights an owner's endpoint has that to shut down, too. */
	fd = chan_open(names[0], CHAN_RIGHT_SEND | CHAN_RIGHT_RECV);
	ret = fd < 0 ? fd : chan_shutdown(fd);
	if (ret)
		return explain(names[0], ret == -ENOENT ? NOT_THERE : ret);
	close(fd);
	return EXIT_SUCCESS;
}

int verb_rm(int argc, char **argv)
{
	static const struct option_of options[] = { {} };
	int code = EXIT_SUCCESS, nr, ret;
	char **names;

	nr = take_options(options, argc, argv, &names);
	if (!nr)
		usage_error(argv[0], "rm takes names");
	for (int i = 0; i < nr; i++)
		need_name(argv[0], names[i]);
	for (int i = 0; i < nr; i++) {
		ret = chan_remove(names[i]);
		if (ret)
			code = explain(names[i],
				       ret == -ENOENT ? NOT_THERE : ret);
	}
	return code;
}
