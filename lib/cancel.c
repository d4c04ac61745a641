// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Ending operations of others, threads or children, on the same endpoint.
 */
#include "internal.h"

int chan_cancel(int fd, uint64_t id)
{
	struct chan_op op = { .code = CHAN_OP_CANCEL, .id = id };

	return run(fd, &op);
}

int chan_cancel_tag(int fd, uint64_t tag)
{
	struct chan_op op = {
		.code = CHAN_OP_CANCEL,
		.flags = CHAN_BY_TAG,
		.tag = tag,
	};

	return run(fd, &op);
}
