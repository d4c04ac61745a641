/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pool.h - used messages, kept so that the next send allocates nothing
 */
#ifndef CHAN_POOL_H
#define CHAN_POOL_H

#include <linux/bitops.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include <linux/chan.h>

#include "message.h"

/* Long payloads are kept by size: up to 128 bytes, up to 256, and so on. */
#define CHAN_POOL_SIZES 18

static_assert(CHAN_MSG_MAX == 128 << (CHAN_POOL_SIZES - 1));

/**
 * struct chan_pool_longs - messages with long payloads, by size
 * @first: of each size, the last used first
 */
struct chan_pool_longs {
	struct chan_message *first[CHAN_POOL_SIZES];
};

/**
 * struct chan_pool - messages that nobody uses
 * @first: those with short payloads, the last used first
 * @count: how many
 * @max: keep no more
 * @longs: those with long payloads
 * @nr_longs: how many
 * @weight: what they take, all together
 * @most: the room of the channel
 * @used: a long one was used since fade.c looked last
 * @fades: fade.c looks after the long ones
 *
 * All are linked by chan_message.next_used. Part of a channel, guarded by its
 * lock, which every function here needs. No more short ones are kept than the
 * channel could hold, and of long ones twice as many, for replies are long, too.
 * Long ones take no more than it had room for when the last of them came. But one
 * is kept in any case whose payload was not longer than the channel could hold.
 */
struct chan_pool {
	struct chan_message *first;
	unsigned int count;
	unsigned int max;
	struct chan_pool_longs longs;
	unsigned int nr_longs;
	u64 weight;
	u64 most;
	bool used;
	bool fades;
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

	*pool = (struct chan_pool){
		.max = min_t(u64, most, max(cap, 1U)),
		.most = bytes_max,
	};
}

/**
 * chan_pool_weight() - what keeping a message takes
 * @message: with a long payload
 *
 * Return: bytes, as chan_message_cost() counts them, but of all of its memory.
 */
static inline u64 chan_pool_weight(const struct chan_message *message)
{
	return (u64)message->space + CHAN_MSG_OVERHEAD;
}

/* The kept ones to which a payload of @len belongs; its space is of that size. */
static inline struct chan_message **chan_pool_of_size(struct chan_pool *pool,
						      u32 len)
{
	return &pool->longs.first[fls((len - 1) >> 7)];
}

/**
 * chan_pool_give() - keep a message that nobody needs any more
 * @pool: which
 * @message: with a short payload, in no list
 *
 * Return: true if it is kept; else the caller frees it after unlocking.
 */
static inline bool chan_pool_give(struct chan_pool *pool,
				  struct chan_message *message)
{
	if (pool->count >= pool->max)
		return false;
	message->next_used = pool->first;
	pool->first = message;
	pool->count++;
	return true;
}

/**
 * chan_pool_give_long() - chan_pool_give() for a long payload
 * @pool: which
 * @message: in no list
 * @room: of the channel, that its messages do not take
 *
 * Return: as chan_pool_give().
 */
static inline bool chan_pool_give_long(struct chan_pool *pool,
				       struct chan_message *message, u64 room)
{
	struct chan_message **first;
	u64 weight;

	if (!chan_message_is_sole(message) || pool->nr_longs >= 2 * pool->max)
		return false;
	weight = chan_pool_weight(message);
	if (pool->nr_longs ? pool->weight + weight > room :
			     chan_message_cost(message) > pool->most)
		return false;
	first = chan_pool_of_size(pool, message->space);
	message->next_used = *first;
	*first = message;
	pool->nr_longs++;
	pool->weight += weight;
	return true;
}

/**
 * chan_pool_take() - use one again, for a short payload
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

/**
 * chan_pool_take_long() - chan_pool_take() for a long payload
 * @pool: which
 * @len: of the payload
 *
 * Return: a message to be renewed, if its space is enough, or else to be
 * destroyed, for the next one is longer; or NULL.
 */
static inline struct chan_message *chan_pool_take_long(struct chan_pool *pool,
						       u32 len)
{
	struct chan_message **first = chan_pool_of_size(pool, len);
	struct chan_message *message = *first;

	if (message) {
		*first = message->next_used;
		pool->nr_longs--;
		pool->weight -= chan_pool_weight(message);
		pool->used = true;
	}
	return message;
}

/**
 * chan_pool_empty_long() - keep none with a long payload
 * @pool: which
 * @longs: result: what the caller destroys after unlocking
 */
static inline void chan_pool_empty_long(struct chan_pool *pool,
					struct chan_pool_longs *longs)
{
	*longs = pool->longs;
	pool->longs = (struct chan_pool_longs){};
	pool->nr_longs = 0;
	pool->weight = 0;
}

/**
 * chan_pool_destroy_long() - free what was kept
 * @longs: by chan_pool_empty_long(); may sleep
 *
 * Return: true if there was any.
 */
static inline bool chan_pool_destroy_long(const struct chan_pool_longs *longs)
{
	bool any = false;

	for (unsigned int i = 0; i < CHAN_POOL_SIZES; i++) {
		any |= !!longs->first[i];
		chan_message_destroy_used(longs->first[i]);
	}
	return any;
}

#endif /* CHAN_POOL_H */
