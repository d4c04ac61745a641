// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Deadlines from lengths of time.
 */
#include <time.h>

#include "internal.h"

#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000ULL

/* The latest that the kernel takes for a time of its clock. */
#define LATEST ((uint64_t)INT64_MAX)

uint64_t chan_in_ns(uint64_t ns)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	return ns < LATEST - now ? now + ns : LATEST;
}

uint64_t chan_in_ms(uint64_t ms)
{
	return chan_in_ns(ms < LATEST / NS_PER_MS ? ms * NS_PER_MS : LATEST);
}
