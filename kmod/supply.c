// SPDX-License-Identifier: GPL-2.0-only
/*
 * supply.c - where messages come from, and where used ones go
 *
 * Owns the way of messages between the allocator, the pool of a channel and
 * the spare one of an endpoint. A message gets its id on the way out, while the
 * lock is held anyway.
 */
#include "compat.h"
#include "fade.h"
#include "supply.h"
#include "wait.h"

static struct chan_message *take_used_long(struct chan_channel *channel,
					   u32 len)
{
	struct chan_message *message;

	message = chan_pool_take_long(&channel->pool, len);
	if (message)
		message->id = channel->next_number++;
	return message;
}

static struct chan_message *take_used(struct chan_endpoint *endpoint, u32 len)
{
	bool is_short = len <= CHAN_MESSAGE_INLINE;
	struct chan_channel *channel = endpoint->channel;
	struct chan_message *message;

	spin_lock(&channel->lock);
	message = is_short ? chan_supply_take_used(endpoint) :
			     take_used_long(channel, len);
	spin_unlock(&channel->lock);
	if (!message || is_short || len <= message->space)
		return message;
	chan_message_destroy(message);
	return NULL;
}

static u64 room_left(const struct chan_channel *channel)
{
	return channel->attr.bytes_max -
	       min(channel->bytes, channel->attr.bytes_max);
}

/* What is used no more makes room for what comes. */
static noinline void give_way(struct chan_channel *channel, u32 len)
{
	u64 cost = (u64)len + CHAN_MSG_OVERHEAD;
	struct chan_pool_longs longs = {};

	spin_lock(&channel->lock);
	if (channel->pool.weight + cost > room_left(channel))
		chan_pool_empty_long(&channel->pool, &longs);
	spin_unlock(&channel->lock);
	chan_pool_destroy_long(&longs);
}

static struct chan_message *create(struct chan_endpoint *endpoint, u32 len)
{
	struct chan_channel *channel = endpoint->channel;
	struct chan_message *message;

	/* give_way() looks again, with the lock. */
	if (data_race(channel->pool.weight))
		give_way(channel, len);
	message = chan_message_create(len);
	/* What is kept may be charged to the same memory cgroup. */
	if (unlikely(!message) && chan_fade_all())
		message = chan_message_create(len);
	if (!message)
		return NULL;
	spin_lock(&channel->lock);
	message->id = channel->next_number++;
	spin_unlock(&channel->lock);
	return message;
}

struct chan_message *chan_supply_find(struct chan_endpoint *endpoint, u32 len)
{
	struct chan_message *message = take_used(endpoint, len);

	if (!message)
		return create(endpoint, len);
	chan_message_renew(message, len);
	return message;
}

struct chan_message *chan_supply_reclaim_long(struct chan_channel *channel,
					      struct chan_message *message)
{
	struct chan_pool *pool = &channel->pool;

	lockdep_assert_held(&channel->lock);
	if (!chan_pool_give_long(pool, message, room_left(channel)))
		return message;
	if (!pool->fades) {
		pool->fades = true;
		pool->used = true;
		channel->wake.fades = true;
		channel->wake.any = true;
	}
	return NULL;
}

void chan_supply_give_back(struct chan_endpoint *endpoint,
			   struct chan_message *message)
{
	struct chan_channel *channel = endpoint->channel;

	spin_lock(&channel->lock);
	message = chan_supply_reclaim(channel, message);
	chan_supply_refill(endpoint);
	chan_wait_unlock(channel);
	if (message)
		chan_message_destroy(message);
}
