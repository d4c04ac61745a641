// SPDX-License-Identifier: GPL-2.0-only
/*
 * Standard output, from the beginning of the program to its end.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chanctl.h"
#include "output.h"

static bool sigpipe_kills, abandoned;

void output_begin(void)
{
	sigpipe_kills = signal(SIGPIPE, SIG_IGN) != SIG_IGN;
	setvbuf(stdout, NULL, _IOLBF, 0);
}

bool output_is_good(void)
{
	return !fflush(stdout) && !ferror(stdout);
}

bool output_is_unread(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) > 0 && (out.revents & POLLERR);
}

void output_abandon(void)
{
	abandoned = true;
}

int output_end(int code)
{
	if (!abandoned && output_is_good())
		return code;
	if (sigpipe_kills && output_is_unread()) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	complain(
		"the output could not be written; make room for it, or look at what reads it");
	return EXIT_FAILURE;
}
