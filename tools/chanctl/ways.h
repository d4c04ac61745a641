/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways in which two processes pass messages to each other, to be measured beside
 * each other: channels by their styles, pipes, and AF_UNIX sockets.
 */
#ifndef WAYS_H
#define WAYS_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

/* Two directions; of each, as with pipe(2), the first end receives. */
struct ends {
	int there[2], back[2];
};

/**
 * struct way - how one process sends to another
 * @workload: what is measured: "round trip" or "stream"
 * @name: of the way
 * @open: makes the ends; all functions return 0 or a negative errno
 * @serve: the other process, until there is nothing more to receive
 * @round: one message there; in a round trip, until the answer is known
 * @finish: in a stream, waits until all that was sent has been received
 */
struct way {
	const char *workload, *name;
	int (*open)(struct ends *ends);
	int (*serve)(const struct ends *ends, struct bytes *message);
	int (*round)(const struct ends *ends, struct bytes *message);
	int (*finish)(const struct ends *ends, struct bytes *message);
};

#define NR_WAYS 9

/* Those of a workload stand together, and the pipe is the first. */
extern const struct way ways[NR_WAYS];

/*
 * How long a message of @size bytes takes, in nanoseconds, over at least @ns of them;
 * or a negative errno.
 */
double way_measure(const struct way *way, size_t size, uint64_t ns);

#endif /* WAYS_H */
