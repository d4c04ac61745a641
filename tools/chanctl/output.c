// SPDX-License-Identifier: GPL-2.0-only
/*
 * Standard output, from the beginning of the program to its end.
 */
#include <poll.h>
#include <pthread.h>
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

static struct {
	void (*end)(void *of);
	void *of;
} watch;

/* poll() tells of errors unasked; what is no pipe has no reader who could leave. */
static void *watch_reader(void *unused)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	if (poll(&out, 1, -1) > 0 && (out.revents & POLLERR))
		watch.end(watch.of);
	return unused;
}

void output_watch(void (*end)(void *of), void *of)
{
	pthread_t thread;

	watch.end = end;
	watch.of = of;
	pthread_create(&thread, NULL, watch_reader, NULL);
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
