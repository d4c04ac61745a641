// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * How one comes by an endpoint: making a channel, opening its node, deriving
 * from another endpoint.
 */

#include <sys/stat.h>

#include "internal.h"

#define DIRECTORY "/dev/chan/"

int chan_create_with(struct chan_create *create)
{
	int ret = control(CHAN_IOC_CREATE, create);

	return ret ? ret : create->fd;
}

int chan_create(const char *name, unsigned int cap, unsigned int flags)
{
	struct chan_create create = {
		.flags = flags,
		.cap = cap,
		.name = address_of(name),
	};

	return chan_create_with(&create);
}

/* No more than open(2) needs to stay where the channels are. */
static bool is_node(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= CHAN_NAME_MAX && name[0] != '.' &&
	       !strchr(name, '/') && strcmp(name, "control");
}

/* Anything else there is no node: a file has come from a shell that was to send. */
static int take_node(int fd)
{
	struct stat stat;
	int ret;

	if (fd < 0)
		return fd;
	ret = QUIETLY(fstat(fd, &stat));
	if (!ret && !S_ISCHR(stat.st_mode))
		ret = -ENOTTY;
	if (!ret)
		return fd;
	close_quietly(fd);
	return ret;
}

int chan_open(const char *name, unsigned int rights)
{
	static const int modes[] = {
		[CHAN_RIGHT_SEND] = O_WRONLY,
		[CHAN_RIGHT_RECV] = O_RDONLY,
		[CHAN_RIGHT_SEND | CHAN_RIGHT_RECV] = O_RDWR,
	};
	char path[sizeof(DIRECTORY) + CHAN_NAME_MAX] = DIRECTORY;

	if (!rights || rights > (CHAN_RIGHT_SEND | CHAN_RIGHT_RECV) ||
	    !is_node(name))
		return -EINVAL;
	strcat(path, name);
	return take_node(open_path(path, modes[rights]));
}

int chan_derive(int fd, unsigned int rights, uint64_t badge)
{
	struct chan_derive derive = { .rights = rights, .badge = badge };
	int ret = kernel(fd, CHAN_IOC_DERIVE, &derive);

	return ret ? ret : derive.fd;
}

/* Both ends of the channel, from an endpoint that is neither. */
static int derive_ends(int admin, int fds[2])
{
	int in = chan_derive(admin, CHAN_RIGHT_RECV, 0);
	int out;

	if (in < 0)
		return in;
	out = chan_derive(admin, CHAN_RIGHT_SEND, 0);
	if (out < 0) {
		close_quietly(in);
		return out;
	}
	fds[0] = in;
	fds[1] = out;
	return 0;
}

int chan_pair(int fds[2], unsigned int cap, unsigned int flags)
{
	struct chan_create create = {
		.flags = flags,
		.rights = CHAN_RIGHT_ADMIN,
		.cap = cap,
	};
	int admin = chan_create_with(&create);
	int ret;

	if (admin < 0)
		return admin;
	ret = derive_ends(admin, fds);
	close_quietly(admin);
	return ret;
}
