// SPDX-License-Identifier: GPL-2.0-only
/*
 * endpoint.c - one end of a channel: rights, identity, death
 *
 * Owns what an open file on a channel stands for. It does not know the file
 * itself, nor what is done through it.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "compat.h"
#include "device.h"
#include "endpoint.h"
#include "hangup.h"

struct chan_endpoint *chan_endpoint_create(struct chan_channel *channel,
					   u32 rights, u64 badge)
{
	struct chan_endpoint *endpoint;

	endpoint = kzalloc(sizeof(*endpoint), GFP_KERNEL_ACCOUNT);
	if (!endpoint)
		return ERR_PTR(-ENOMEM);
	endpoint->stamp = chan_stamp_create(badge);
	if (!endpoint->stamp) {
		kfree(endpoint);
		return ERR_PTR(-ENOMEM);
	}
	endpoint->channel = chan_channel_get(channel);
	endpoint->rights = rights;
	INIT_LIST_HEAD(&endpoint->sent);
	endpoint->owed = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&endpoint->waiting);
	INIT_LIST_HEAD(&endpoint->series);
	return endpoint;
}

void chan_endpoint_discard(struct chan_endpoint *endpoint)
{
	chan_stamp_destroy_list(endpoint->stamp);
	chan_channel_put(endpoint->channel);
	kfree(endpoint);
}

void chan_endpoint_destroy(struct chan_endpoint *endpoint)
{
	struct chan_channel *channel = endpoint->channel;

	if (endpoint->owns_name)
		chan_device_unpublish(channel);
	chan_hangup_leave(endpoint);
	if (endpoint->spare)
		chan_message_destroy(endpoint->spare);
	if (endpoint->used)
		chan_message_destroy(endpoint->used);
	kfree(endpoint);
	chan_channel_put(channel);
}

int chan_endpoint_may_derive(const struct chan_endpoint *endpoint, u32 rights,
			     u64 badge)
{
	if (!chan_endpoint_has(endpoint, CHAN_RIGHT_ADMIN) &&
	    !chan_endpoint_has(endpoint, rights))
		return -EPERM;
	if (badge && endpoint->stamp->badge && badge != endpoint->stamp->badge)
		return -EPERM;
	return 0;
}
