// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A semaphore is a channel of empty messages: sending is V, receiving is P.
 */
#include "internal.h"

/* Those that it begins with; there is room. */
static int fill(int fd, unsigned int value)
{
	int ret = 0;

	while (!ret && value--)
		ret = chan_sem_post(fd);
	return ret;
}

int chan_sem_create(const char *name, unsigned int value, unsigned int max)
{
	int fd, ret;

	if (!max || value > max)
		return -EINVAL;
	fd = create_for_empty(name, max);
	if (fd < 0)
		return fd;
	ret = fill(fd, value);
	return ret ? undo_create(name, fd, ret) : fd;
}

int chan_sem_wait(int fd, uint64_t deadline)
{
	return chan_recv(fd, NULL, 0, NULL, deadline);
}

int chan_sem_post(int fd)
{
	int ret = chan_send(fd, NULL, 0, CHAN_AT_ONCE);

	return ret == -ETIMEDOUT ? -EOVERFLOW : ret;
}
