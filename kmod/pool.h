/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pool.h - used messages, kept so that the next send allocates nothing
 */
#ifndef CHAN_POOL_H
#define CHAN_POOL_H

#include <linux/math64.h>
#include <linux/minmax.h>

#include <linux/chan.h>

#include "message.h"

/**
 * struct chan_pool - messages with short payloads that nobody uses
 * @first: linked by chan_message.next_used, the last used first
 * @count: how many
 * @max: keep no more
 *
 * Part of a channel, guarded by its lock, which every function here needs. No
 * more are kept than the channel could hold: their memory is part of the
 * prepaid room, which counts CHAN_MSG_OVERHEAD for each message.
 */
struct chan_pool {
	struct chan_message *first;
	unsigned int count;
	unsigned int max;
};

/**
 * chan_pool_init() - make it empty
 * @pool: which
 * @cap: of its channel
 * @bytes_max: of its channel
 */
static inline void chan_pool_init(struct chan_pool *pool, u32 cap,
				  u64 bytes_max)
{
	u64 most = div_u64(bytes_max, CHAN_MSG_OVERHEAD);

	pool->first = NULL;
	pool->count = 0;
	pool->max = min_t(u64, most, max(cap, 1U));
}

/**
 * chan_pool_give() - keep a message that nobody needs any more
 * @pool: which
 * @message: in no list
 *
 * Return: true if it is kept; else the caller frees it after unlocking.
 */
static inline bool chan_pool_give(struct chan_pool *pool,
				  struct chan_message *message)
{
	if (pool->count >= pool->max || !chan_message_is_short(message))
		return false;
	message->next_used = pool->first;
	pool->first = message;
	pool->count++;
	return true;
}

/**
 * chan_pool_take() - use one again
 * @pool: which
 *
 * Return: a message to be renewed, or NULL.
 */
static inline struct chan_message *chan_pool_take(struct chan_pool *pool)
{
	struct chan_message *message = pool->first;

	if (message) {
		pool->first = message->next_used;
		pool->count--;
	}
	return message;
}

#endif /* CHAN_POOL_H */
