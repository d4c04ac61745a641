// SPDX-License-Identifier: GPL-2.0-only
/*
 * series.c - a RECV that starts over after each message
 *
 * Owns who goes on receiving though it does not wait just now. How a message is
 * received is not its business: a series receives like anybody else.
 */
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/lockdep.h>

#include "compat.h"
#include "series.h"

void chan_series_begin(struct chan_series *series,
		       struct chan_endpoint *endpoint,
		       const struct chan_call *call,
		       const struct chan_waiter *waiter)
{
	struct chan_channel *channel = endpoint->channel;

	series->waiter = waiter;
	series->canceled = false;
	series->call = *call;
	/* What it cannot be told of there, it does not receive. */
	series->call.posted = false;
	spin_lock(&channel->lock);
	list_add_tail(&series->mine, &endpoint->series);
	spin_unlock(&channel->lock);
}

bool chan_series_end(struct chan_series *series, struct chan_endpoint *endpoint)
{
	struct chan_channel *channel = endpoint->channel;
	bool canceled;

	spin_lock(&channel->lock);
	list_del_init(&series->mine);
	canceled = series->canceled;
	spin_unlock(&channel->lock);
	return canceled;
}

int chan_series_cancel(struct chan_endpoint *endpoint, u64 tag)
{
	struct chan_series *series;
	int nr = 0;

	lockdep_assert_held(&endpoint->channel->lock);
	list_for_each_entry(series, &endpoint->series, mine) {
		if (series->call.op.tag != tag || series->canceled)
			continue;
		series->canceled = true;
		/* True only while it is in a list, which needs the lock. */
		nr += !data_race(series->waiter->parked);
	}
	return nr;
}
