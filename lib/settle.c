// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The ways in which a duty ends.
 */
#include "internal.h"

int chan_ack(int fd, uint64_t token)
{
	struct chan_op op = {
		.code = CHAN_OP_SETTLE,
		.verdict = CHAN_ACK,
		.id = token,
	};

	return run(fd, &op);
}

int chan_reply(int fd, uint64_t token, const void *buf, size_t len)
{
	struct chan_op op = {
		.code = CHAN_OP_SETTLE,
		.verdict = CHAN_REPLY,
		.id = token,
		.buf = address_of(buf),
		.len = len,
	};

	return run(fd, &op);
}

int chan_reject(int fd, uint64_t token, int error)
{
	struct chan_op op = {
		.code = CHAN_OP_SETTLE,
		.verdict = CHAN_REJECT,
		.id = token,
		.error = error,
	};

	return run(fd, &op);
}

int chan_return(int fd, uint64_t token)
{
	struct chan_op op = {
		.code = CHAN_OP_SETTLE,
		.verdict = CHAN_RETURN,
		.id = token,
	};

	return run(fd, &op);
}
