/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * endpoint.h - one end of a channel: rights, identity, death
 */
#ifndef CHAN_ENDPOINT_H
#define CHAN_ENDPOINT_H

#include <linux/types.h>
#include <linux/uidgid.h>

#include "channel.h"

struct pid;

/**
 * struct chan_endpoint - what an open file on a channel stands for
 * @channel: referenced
 * @rights: CHAN_RIGHT_*
 * @owns_name: the creator's own endpoint of a CHAN_EPHEMERAL channel: the name
 *	goes with it
 * @badge: shown to receivers; 0 is none
 * @euid: of who opened or derived it, frozen then
 * @egid: likewise
 * @pid: likewise, the process; referenced
 * @spare: a used message for the next send, or NULL; taken by xchg(), put
 *	there under the lock of the channel
 *
 * Made by chan_endpoint_create() for one file, which owns it, and gone when
 * that file's last reference is. All but @spare is fixed before the file can be
 * seen by anyone.
 */
struct chan_endpoint {
	struct chan_channel *channel;
	u32 rights;
	bool owns_name;
	u64 badge;
	kuid_t euid;
	kgid_t egid;
	struct pid *pid;
	struct chan_message *spare;
};

/**
 * chan_endpoint_create() - make an endpoint, stamped with the current task
 * @channel: on which; the endpoint takes a reference of its own
 * @rights: CHAN_RIGHT_*
 * @badge: 0 is none
 *
 * Return: the endpoint or ERR_PTR(-ENOMEM).
 */
struct chan_endpoint *chan_endpoint_create(struct chan_channel *channel,
					   u32 rights, u64 badge);

/**
 * chan_endpoint_destroy() - the last reference of its file is gone
 * @endpoint: what chan_endpoint_create() made; may sleep
 */
void chan_endpoint_destroy(struct chan_endpoint *endpoint);

/**
 * chan_endpoint_may_derive() - may a narrower endpoint look like this?
 * @endpoint: from which
 * @rights: wanted
 * @badge: wanted; 0 keeps the one there is
 *
 * Return: 0 or -EPERM.
 */
int chan_endpoint_may_derive(const struct chan_endpoint *endpoint, u32 rights,
			     u64 badge);

/**
 * chan_endpoint_has() - does it carry these rights?
 * @endpoint: which
 * @rights: CHAN_RIGHT_*
 *
 * Return: true if it has all of them.
 */
static inline bool chan_endpoint_has(const struct chan_endpoint *endpoint,
				     u32 rights)
{
	return (endpoint->rights & rights) == rights;
}

#endif /* CHAN_ENDPOINT_H */
