// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The ways in which a duty ends.
 */
#include "internal.h"

static int settle(int fd, uint64_t token, unsigned int verdict, int error,
		  const void *buf, size_t len)
{
	struct chan_op op;

	blank(&op, CHAN_OP_SETTLE);
	op.verdict = verdict;
	op.id = token;
	op.error = error;
	op.buf = address_of(buf);
	op.len = len;
	return run(fd, &op);
}

int chan_ack(int fd, uint64_t token)
{
	return settle(fd, token, CHAN_ACK, 0, NULL, 0);
}

int chan_reply(int fd, uint64_t token, const void *buf, size_t len)
{
	return settle(fd, token, CHAN_REPLY, 0, buf, len);
}

int chan_reject(int fd, uint64_t token, int error)
{
	return settle(fd, token, CHAN_REJECT, error, NULL, 0);
}

/* Whatever keeps a reply from its caller, a call that stays open keeps its slot for ever. */
int chan_answer(int fd, const struct chan_op *msg, const void *buf, size_t len)
{
	int ret, refused;

	if (!msg->id)
		return 0;
	if (msg->duty == CHAN_DUTY_ACK)
		return chan_ack(fd, msg->id);
	ret = chan_reply(fd, msg->id, buf, len);
	if (!ret || ret == -ECANCELED || ret == -ESTALE)
		return ret;
	refused = chan_reject(fd, msg->id, -ret);
	return refused ? refused : ret;
}

int chan_return(int fd, uint64_t token)
{
	return settle(fd, token, CHAN_RETURN, 0, NULL, 0);
}
