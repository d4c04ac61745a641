// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors as sentences: the cause and the next step, and the exit code that goes
 * with them. Every errno of the module that a verb can meet has its row here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chanctl.h"

/* In place of an errno: what no channel means without a control node. */
#define NOT_LOADED ENODEV

/* clang-format off */

/* An @ stands for the name of the channel. */
static const struct {
	int error;
	int code;
	const char *sentence;
} rows[] = {
	{ NOT_LOADED, EXIT_FAILURE,
	  "the module is not loaded; load it with \"insmod chan.ko\", or with \"make load\" in its sources"
	},
	{ ENOENT, EXIT_FAILURE,
	  "there is no channel \"@\"; see which there are with \"chanctl list\", or make it with \"chanctl create @\""
	},
	{ NOT_THERE, EXIT_FAILURE,
	  "there is no channel \"@\"; see which there are with \"chanctl list\""
	},
	{ ENXIO, EXIT_FAILURE,
	  "the channel \"@\" was just removed; make it again with \"chanctl create @\""
	},
	{ ENOTTY, EXIT_FAILURE,
	  "\"/dev/chan/@\" is a file, not a channel; remove it with \"rm /dev/chan/@\""
	},
	{ EEXIST, EXIT_FAILURE,
	  "there is a channel \"@\" already; take another name, or remove it with \"chanctl rm @\""
	},
	{ NO_NODE, EXIT_FAILURE,
	  "\"/dev/chan/@\" does not lead to the new channel, which is removed again; if a file is in its place, remove that with \"rm /dev/chan/@\""
	},
	{ EACCES, EXIT_FAILURE,
	  "you may not open \"@\" for that; see who may with \"ls -l /dev/chan/@\", its owner can change it with chmod"
	},
	{ EPERM, EXIT_FAILURE,
	  "the channel \"@\" belongs to somebody else; ask its owner (\"chanctl show @\" tells who), or do it as root"
	},
	{ EINVAL, EXIT_FAILURE,
	  "the module refuses that for \"@\", values that do not go together; see what each verb takes with \"chanctl help\""
	},
	{ EDQUOT, EXIT_FAILURE,
	  "you have as many channels, or bytes in them, as a user may; remove one, or have /sys/module/chan/parameters/user_channels or user_bytes raised"
	},
	{ ENOSPC, EXIT_FAILURE,
	  "the machine has as many channels as it may; remove one, or have /sys/module/chan/parameters/max_channels raised"
	},
	{ EMSGSIZE, EXIT_FAILURE,
	  "the message does not have a length that \"@\" takes; see msg_max and flags in \"chanctl show @\""
	},
	{ EPIPE, EXIT_FAILURE,
	  "the channel \"@\" takes no messages any more, it is shut down or nobody is left to receive; see its receivers with \"chanctl show @\""
	},
	{ ESHUTDOWN, EXIT_FAILURE,
	  "nothing is left in \"@\" and nothing will come, it is shut down or nobody is left to send; see its senders with \"chanctl show @\""
	},
	{ EOWNERDEAD, EXIT_FAILURE,
	  "the receiver of the message has died with it, or it came back from the last of max_attempts deliveries, and nobody else gets it; see to the receivers, then send it again, with --redeliver if the next one shall have it"
	},
	{ EAGAIN, EXIT_NOTHING,
	  "there is nothing to be had from \"@\" without waiting; try without --nowait, or look at it with \"chanctl show @\""
	},
	{ NO_ROOM, EXIT_NOTHING,
	  "there is no room in \"@\" without waiting, or nobody waits to receive if its cap is 0; try without --nowait, or look at it with \"chanctl show @\""
	},
	{ ETIMEDOUT, EXIT_DEADLINE,
	  "the time was over before it was done on \"@\"; give it more with --deadline, or look at who waits with \"chanctl show @\""
	},
	{ EBUSY, EXIT_FAILURE,
	  "the endpoint on \"@\" has too much under way; try again"
	},
	{ ENOMEM, EXIT_FAILURE,
	  "there is no memory for a message in \"@\"; free some, or have what is unsettled in it settled (\"chanctl show @\")"
	},
};

/* clang-format on */

static void say(const char *fmt, va_list args)
{
	fputs("chanctl: ", stderr);
	vfprintf(stderr, fmt, args);
	fputs(".\n", stderr);
}

void complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void need_memory(bool there)
{
	if (there)
		return;
	complain("there is not enough memory; free some and try again");
	exit(EXIT_FAILURE);
}

_Noreturn void usage_error(const char *verb, const char *fmt, ...)
{
	va_list args;

	fputs("chanctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "; see \"chanctl help%s%s\".\n", *verb ? " " : "",
		verb);
	exit(EXIT_USAGE);
}

static void say_of(const char *name, const char *sentence)
{
	fputs("chanctl: ", stderr);
	for (; *sentence; sentence++) {
		if (*sentence == '@')
			fputs(name, stderr);
		else
			fputc(*sentence, stderr);
	}
	fputs(".\n", stderr);
}

int explain(const char *name, int error)
{
	error = error < 0 ? -error : error;
	if ((error == ENOENT || error == NOT_THERE) &&
	    access(CHAN_CONTROL_PATH, F_OK))
		error = NOT_LOADED;
	for (size_t i = 0; i < NR(rows); i++) {
		if (rows[i].error != error)
			continue;
		say_of(name, rows[i].sentence);
		return rows[i].code;
	}
	complain(
		"\"%s\" cannot be used: %s; look at it with \"chanctl show %s\"",
		name, strerror(error), name);
	return EXIT_FAILURE;
}

int open_channel(const char *name, unsigned int rights, int *code)
{
	int fd = chan_open(name, rights);

	if (fd >= 0)
		return fd;
	*code = explain(name, fd);
	return -1;
}

void need_name(const char *verb, const char *name)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	if (!len || len > CHAN_NAME_MAX || name[0] == '.' ||
	    name[strspn(name, letters)] || !strcmp(name, "control"))
		usage_error(
			verb,
			"\"%s\" is no name of a channel, that is 1 to %d of A-Z a-z 0-9 . _ -, not beginning with a dot, not \"control\"",
			name, CHAN_NAME_MAX);
}
