// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Deadlines from lengths of time.
 */
#include <time.h>

#include "internal.h"

#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000LL

/* The latest that the kernel takes for a time of its clock. */
#define LATEST INT64_MAX

uint64_t chan_in_ns(int64_t ns)
{
	struct timespec ts;
	uint64_t now;

	if (ns < 0)
		return CHAN_AT_ONCE;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	return (uint64_t)ns < LATEST - now ? now + (uint64_t)ns : LATEST;
}

uint64_t chan_in_ms(int64_t ms)
{
	if (ms < 0)
		return CHAN_AT_ONCE;
	return chan_in_ns(ms < LATEST / NS_PER_MS ? ms * NS_PER_MS : LATEST);
}
