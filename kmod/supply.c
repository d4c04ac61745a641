// SPDX-License-Identifier: GPL-2.0-only
/*
 * supply.c - where messages come from, and where used ones go
 *
 * Owns the way of messages between the allocator, the pool of a channel and
 * the spare one of an endpoint. A message gets its id on the way out, while the
 * lock is held anyway.
 */
#include <linux/atomic.h>
#include <linux/lockdep.h>

#include "compat.h"
#include "supply.h"

static struct chan_message *create_numbered(struct chan_channel *channel,
					    u32 len)
{
	struct chan_message *message = chan_message_create(len);

	if (!message)
		return NULL;
	spin_lock(&channel->lock);
	message->id = channel->next_number++;
	spin_unlock(&channel->lock);
	return message;
}

struct chan_message *chan_supply_take(struct chan_endpoint *endpoint, u32 len)
{
	struct chan_message *message;

	if (len <= CHAN_MESSAGE_INLINE) {
		message = xchg(&endpoint->spare, NULL);
		if (message) {
			chan_message_renew(message, len);
			return message;
		}
	}
	return create_numbered(endpoint->channel, len);
}

/* Everyone who fills @spare holds the lock; everyone else only empties it. */
void chan_supply_refill(struct chan_endpoint *endpoint)
{
	struct chan_channel *channel = endpoint->channel;
	struct chan_message *message;

	lockdep_assert_held(&channel->lock);
	if (READ_ONCE(endpoint->spare))
		return;
	message = chan_pool_take(&channel->pool);
	if (!message)
		return;
	message->id = channel->next_number++;
	WRITE_ONCE(endpoint->spare, message);
}

void chan_supply_give(struct chan_endpoint *endpoint,
		      struct chan_message *message)
{
	struct chan_channel *channel = endpoint->channel;
	bool kept;

	if (!message)
		return;
	spin_lock(&channel->lock);
	kept = chan_pool_give(&channel->pool, message);
	chan_supply_refill(endpoint);
	spin_unlock(&channel->lock);
	if (!kept)
		chan_message_destroy(message);
}
