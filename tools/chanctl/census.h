/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All channels that have a name and what is counted of each, at one moment; two of
 * these, one after the other, tell what has happened in between.
 */
#ifndef CENSUS_H
#define CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <chan.h>

/* The first are totals, which only grow; the others are as they are just now. */
enum count {
	COUNT_SENT,
	COUNT_RECEIVED,
	COUNT_SETTLED,
	COUNT_REDELIVERED,
	COUNT_DROPPED,
	NR_TOTALS,
	COUNT_QUEUED = NR_TOTALS,
	COUNT_UNSETTLED,
	COUNT_CAP,
	COUNT_PARKED_SENDERS,
	COUNT_PARKED_RECEIVERS,
	NR_COUNTS,
};

/**
 * struct counted - a channel at that moment
 * @name: its name
 * @identity: of this channel and no other, unlike the name
 * @counts: by enum count
 */
struct counted {
	char name[CHAN_NAME_MAX + 1];
	uint64_t identity;
	uint64_t counts[NR_COUNTS];
};

/**
 * struct census - all channels at that moment
 * @at: the moment, in nanoseconds of CLOCK_MONOTONIC
 * @channels: @nr of them, sorted by their names
 */
struct census {
	uint64_t at;
	struct counted *channels;
	size_t nr;
};

/*
 * Says it if one of these names can be none, or there is no such channel, or no module
 * at all. 0, or the exit code.
 */
int census_need(const char *verb, char **names, size_t nr);

/*
 * Looks at the channels of these @nr names, or at all if that is 0. It is empty if
 * there are none; false if the module is not loaded.
 */
bool census_take(struct census *census, char **names, size_t nr);

void census_free(struct census *census);

/* The channel, if it was there; not another that had its name. */
const struct counted *census_find(const struct census *census,
				  const struct counted *channel);

/* How much a total has grown, from 0 if the channel was not there @before. */
uint64_t census_growth(const struct counted *before,
		       const struct counted *after, enum count total);

#endif /* CENSUS_H */
