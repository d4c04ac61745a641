/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * series.h - a RECV that starts over after each message
 */
#ifndef CHAN_SERIES_H
#define CHAN_SERIES_H

#include <linux/list.h>
#include <linux/types.h>

#include "endpoint.h"
#include "op.h"
#include "wait.h"

/**
 * struct chan_series - what such a RECV has beside a pending operation
 * @mine: among those of its endpoint; under the lock of its channel
 * @waiter: of the pending operation, which waits for one message after the other
 * @canceled: by CHAN_OP_CANCEL: it does not start over; under the channel's lock
 * @call: whose record tells of the next message
 * @provide: finds room for a message of @len bytes, for @call's record and @to;
 *	0: what is copied there will be told; or a negative errno, then it stays
 *	first in line
 *
 * Made by a door, and its own before chan_series_begin() and after
 * chan_pending_destroy(). Between two messages nothing of it waits in the channel,
 * so a CANCEL has to find it here.
 */
struct chan_series {
	struct list_head mine;
	const struct chan_waiter *waiter;
	bool canceled;
	struct chan_call call;
	int (*provide)(struct chan_series *series, u32 len,
		       struct chan_payload *to);
};

/**
 * chan_series_begin() - let it be found by CHAN_OP_CANCEL
 * @series: with @provide
 * @endpoint: with CHAN_RIGHT_RECV
 * @call: well-formed, see chan_op_permit_series(); copied
 * @waiter: not waiting
 */
void chan_series_begin(struct chan_series *series,
		       struct chan_endpoint *endpoint,
		       const struct chan_call *call,
		       const struct chan_waiter *waiter);

/**
 * chan_series_end() - it does not start over, and is not found any more
 * @series: begun; perhaps ended before
 * @endpoint: as it began
 *
 * Return: true if CHAN_OP_CANCEL came first, and has counted it.
 */
bool chan_series_end(struct chan_series *series,
		     struct chan_endpoint *endpoint);

/**
 * chan_series_cancel() - end those of a tag that are between two messages
 * @endpoint: whose; the lock of its channel held
 * @tag: not 0
 *
 * Those that wait for a message are not counted, but end as well: whoever calls
 * this decides them as he does any other receiver that waits.
 *
 * Return: how many.
 */
int chan_series_cancel(struct chan_endpoint *endpoint, u64 tag);

#endif /* CHAN_SERIES_H */
