/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * supply.h - where messages come from, and where used ones go
 */
#ifndef CHAN_SUPPLY_H
#define CHAN_SUPPLY_H

#include <linux/atomic.h>
#include <linux/lockdep.h>

#include "endpoint.h"
#include "message.h"

/**
 * chan_supply_find() - chan_supply_take() when there is no spare one
 * @endpoint: for whose use
 * @len: of the payload
 *
 * Return: a NEW message with an id, or NULL.
 */
struct chan_message *chan_supply_find(struct chan_endpoint *endpoint, u32 len);

/**
 * chan_supply_take() - get a message, if possible a used one
 * @endpoint: for whose use
 * @len: of the payload
 *
 * Return: a NEW message with an id, or NULL.
 */
static inline struct chan_message *
chan_supply_take(struct chan_endpoint *endpoint, u32 len)
{
	struct chan_message *message;

	if (len <= CHAN_MESSAGE_INLINE) {
		message = xchg(&endpoint->spare, NULL);
		if (likely(message)) {
			chan_message_renew(message, len);
			return message;
		}
	}
	return chan_supply_find(endpoint, len);
}

/**
 * chan_supply_take_used() - get one that is to be renewed
 * @endpoint: for whose use; the lock of its channel held
 *
 * Return: a used message with a new id, or NULL.
 */
static inline struct chan_message *
chan_supply_take_used(struct chan_endpoint *endpoint)
{
	struct chan_channel *channel = endpoint->channel;
	struct chan_message *message = NULL;

	lockdep_assert_held(&channel->lock);
	if (READ_ONCE(endpoint->used))
		message = xchg(&endpoint->used, NULL);
	if (!message)
		message = chan_pool_take(&channel->pool);
	if (message)
		message->id = channel->next_number++;
	return message;
}

/**
 * chan_supply_refill() - see to it that the next send allocates nothing
 * @endpoint: whose next send; the lock of its channel held
 *
 * Everyone who fills @spare holds the lock; everyone else only empties it.
 */
static inline void chan_supply_refill(struct chan_endpoint *endpoint)
{
	struct chan_message *message;

	lockdep_assert_held(&endpoint->channel->lock);
	if (READ_ONCE(endpoint->spare))
		return;
	message = chan_supply_take_used(endpoint);
	if (!message)
		return;
	/* spare: pairs with the xchg() of whoever takes it, without the lock. */
	smp_store_release(&endpoint->spare, message);
}

/**
 * chan_supply_reclaim_long() - chan_supply_reclaim() of what is not short
 * @channel: for its pool; its lock held
 * @message: that nobody else knows
 *
 * Return: as chan_supply_reclaim().
 */
struct chan_message *chan_supply_reclaim_long(struct chan_channel *channel,
					      struct chan_message *message);

/**
 * chan_supply_reclaim() - a message has been used
 * @channel: for its pool; its lock held
 * @message: that nobody else knows, or NULL
 *
 * Return: what the caller destroys after unlocking, or NULL.
 */
static inline struct chan_message *
chan_supply_reclaim(struct chan_channel *channel, struct chan_message *message)
{
	if (!message)
		return NULL;
	if (unlikely(!chan_message_is_short(message)))
		return chan_supply_reclaim_long(channel, message);
	return chan_pool_give(&channel->pool, message) ? NULL : message;
}

/**
 * chan_supply_give_back() - chan_supply_give() when there is one already
 * @endpoint: by which
 * @message: that nobody else knows; no lock held
 */
void chan_supply_give_back(struct chan_endpoint *endpoint,
			   struct chan_message *message);

/**
 * chan_supply_give() - a message has been used, and the lock is free
 * @endpoint: by which
 * @message: that nobody else knows, or NULL; no lock held
 */
static inline void chan_supply_give(struct chan_endpoint *endpoint,
				    struct chan_message *message)
{
	if (message && chan_message_is_short(message))
		message = xchg(&endpoint->used, message);
	if (message)
		chan_supply_give_back(endpoint, message);
}

#endif /* CHAN_SUPPLY_H */
