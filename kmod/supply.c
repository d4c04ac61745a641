// SPDX-License-Identifier: GPL-2.0-only
/*
 * supply.c - where messages come from, and where used ones go
 *
 * Owns the way of messages between the allocator, the pool of a channel and
 * the spare one of an endpoint. A message gets its id on the way out, while the
 * lock is held anyway.
 */
#include "compat.h"
#include "supply.h"

static struct chan_message *take_used(struct chan_endpoint *endpoint)
{
	struct chan_channel *channel = endpoint->channel;
	struct chan_message *message;

	spin_lock(&channel->lock);
	message = chan_supply_take_used(endpoint);
	spin_unlock(&channel->lock);
	return message;
}

static struct chan_message *create(struct chan_endpoint *endpoint, u32 len)
{
	struct chan_channel *channel = endpoint->channel;
	struct chan_message *message = chan_message_create(len);

	if (!message)
		return NULL;
	spin_lock(&channel->lock);
	message->id = channel->next_number++;
	spin_unlock(&channel->lock);
	return message;
}

struct chan_message *chan_supply_find(struct chan_endpoint *endpoint, u32 len)
{
	struct chan_message *message = NULL;

	if (len <= CHAN_MESSAGE_INLINE)
		message = take_used(endpoint);
	if (!message)
		return create(endpoint, len);
	chan_message_renew(message, len);
	return message;
}

void chan_supply_give_back(struct chan_endpoint *endpoint,
			   struct chan_message *message)
{
	struct chan_channel *channel = endpoint->channel;

	spin_lock(&channel->lock);
	message = chan_supply_reclaim(channel, message);
	chan_supply_refill(endpoint);
	spin_unlock(&channel->lock);
	if (message)
		chan_message_destroy(message);
}
