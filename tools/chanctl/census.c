// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is counted of channels, out of sysfs. It has a file for each number, so the
 * numbers of a channel are not quite of the same moment; each by itself is right.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census.h"
#include "chanctl.h"
#include "sysfs.h"

static const char *const attributes[NR_COUNTS] = {
	[COUNT_SENT] = "totals_sent",
	[COUNT_RECEIVED] = "totals_received",
	[COUNT_SETTLED] = "totals_settled",
	[COUNT_REDELIVERED] = "totals_redelivered",
	[COUNT_DROPPED] = "totals_dropped",
	[COUNT_QUEUED] = "queued",
	[COUNT_UNSETTLED] = "unsettled",
	[COUNT_CAP] = "cap",
	[COUNT_PARKED_SENDERS] = "parked_senders",
	[COUNT_PARKED_RECEIVERS] = "parked_receivers",
};

/* False if the channel is gone, perhaps just now. */
static bool count(struct counted *channel, const char *name)
{
	char value[SYSFS_VALUE];

	snprintf(channel->name, sizeof(channel->name), "%s", name);
	channel->identity = sysfs_identity(name);
	for (int i = 0; i < NR_COUNTS; i++) {
		if (!sysfs_read(name, attributes[i], value))
			return false;
		channel->counts[i] = strtoull(value, NULL, 10);
	}
	return true;
}

static bool is_among(const char *name, char **names, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(name, names[i]))
			return true;
	return !nr;
}

bool census_take(struct census *census, char **names, size_t nr)
{
	char **all = sysfs_channels();
	size_t most = 0;

	if (!all)
		return false;
	while (all[most])
		most++;
	*census = (struct census){
		.at = chan_in_ns(0),
		.channels = calloc(most + 1, sizeof(*census->channels)),
	};
	need_memory(census->channels);
	for (char **name = all; *name; name++)
		if (is_among(*name, names, nr) &&
		    count(&census->channels[census->nr], *name))
			census->nr++;
	sysfs_free(all);
	return true;
}

int census_need(const char *verb, char **names, size_t nr)
{
	char cap[SYSFS_VALUE];

	for (size_t i = 0; i < nr; i++)
		need_name(verb, names[i]);
	for (size_t i = 0; i < nr; i++)
		if (!sysfs_read(names[i], "cap", cap))
			return explain(names[i], NOT_THERE);
	return sysfs_is_there() ? 0 : explain("", ENODEV);
}

void census_free(struct census *census)
{
	free(census->channels);
	*census = (struct census){};
}

static int by_name(const void *a, const void *b)
{
	const struct counted *one = a, *other = b;

	return strcmp(one->name, other->name);
}

const struct counted *census_find(const struct census *census,
				  const struct counted *channel)
{
	const struct counted *found;

	if (!census->nr)
		return NULL;
	found = bsearch(channel, census->channels, census->nr, sizeof(*channel),
			by_name);
	return found && found->identity == channel->identity ? found : NULL;
}

uint64_t census_growth(const struct counted *before,
		       const struct counted *after, enum count total)
{
	uint64_t old = before ? before->counts[total] : 0;

	/* Less only if another channel took the name while its files were read. */
	return after->counts[total] > old ? after->counts[total] - old : 0;
}
