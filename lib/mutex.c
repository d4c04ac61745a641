// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A mutex is one empty message that has to be acknowledged, and never is: who has
 * received it holds it, and returns it, or has it returned by dying.
 */
#include "internal.h"

int chan_mutex_create(const char *name)
{
	int fd = create_for_empty(name, 1);
	int ret;

	if (fd < 0)
		return fd;
	ret = chan_send_work(fd, NULL, 0, CHAN_AT_ONCE);
	return ret ? undo_create(name, fd, ret) : fd;
}

int chan_mutex_lock(int fd, uint64_t *token, uint64_t deadline)
{
	struct chan_op msg;
	int ret = chan_recv(fd, NULL, 0, &msg, deadline);

	if (!ret)
		*token = msg.id;
	return ret;
}

int chan_mutex_unlock(int fd, uint64_t token)
{
	return chan_return(fd, token);
}
