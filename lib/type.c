// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Types of messages: a number for each, which a channel carries, and which has to
 * agree where the channel is opened.
 */
#include "internal.h"

#define FNV_BASIS 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL

/* 0 is a channel without a type. */
uint64_t chan_hash(uint64_t before, const char *text)
{
	uint64_t hash = before ? before : FNV_BASIS;

	while (*text)
		hash = (hash ^ (unsigned char)*text++) * FNV_PRIME;
	return hash ? hash : 1;
}

int chan_create_typed(const char *name, unsigned int cap, unsigned int flags,
		      uint64_t type, size_t size)
{
	struct chan_create create = {
		.flags = flags | CHAN_FIXED,
		.cap = cap,
		.msg_max = size,
		.type = type,
		.name = address_of(name),
	};

	if (!size || size > CHAN_MSG_MAX)
		return -EINVAL;
	return chan_create_with(&create);
}

int chan_check_type(int fd, uint64_t type, size_t size)
{
	struct chan_stat stat;
	int ret = chan_stat(fd, &stat);

	if (ret)
		return ret;
	return stat.type == type && stat.msg_max == size &&
			       (stat.flags & CHAN_FIXED) ?
		       0 :
		       -EPROTOTYPE;
}

int chan_open_typed(const char *name, unsigned int rights, uint64_t type,
		    size_t size)
{
	int fd = chan_open(name, rights);
	int ret;

	if (fd < 0)
		return fd;
	ret = chan_check_type(fd, type, size);
	if (!ret)
		return fd;
	close_quietly(fd);
	return ret;
}
