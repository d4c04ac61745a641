// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Tasks that have a name: mailboxes that live as long as who receives from them.
 */
#include "internal.h"

#define MAILBOX 64

/* It may send, too: a mailbox whose senders have gone is not at its end. */
int chan_task(const char *name)
{
	if (!name)
		return -EINVAL;
	return chan_create(name, MAILBOX, CHAN_HANGUP | CHAN_EPHEMERAL);
}

/* A node whose task dies at this moment is as good as gone. */
static int find(const char *name)
{
	int fd = chan_open(name, CHAN_RIGHT_SEND);

	return fd == -ENXIO ? -ENOENT : fd;
}

int chan_tell(const char *name, const void *buf, size_t len, uint64_t deadline)
{
	int fd = find(name);
	int ret;

	if (fd < 0)
		return fd;
	ret = chan_send_until(fd, buf, len, CHAN_UNTIL_RECEIVED, NULL,
			      deadline);
	close_quietly(fd);
	return ret;
}

int chan_ask(const char *name, const void *buf, size_t len, void *reply,
	     size_t reply_len, uint64_t deadline)
{
	int fd = find(name);
	int ret;

	if (fd < 0)
		return fd;
	ret = chan_call(fd, buf, len, reply, reply_len, NULL, deadline);
	close_quietly(fd);
	return ret;
}
