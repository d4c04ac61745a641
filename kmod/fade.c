// SPDX-License-Identifier: GPL-2.0-only
/*
 * fade.c - memory that channels keep goes when they do not use it
 *
 * Owns the list of channels that keep long messages, and how long they may. A
 * channel keeps them for the next that are sent; but they are charged to whoever
 * sent the last ones, and nothing reclaims them. So what was not used from one look
 * to the next goes, and all of it when a message cannot be had otherwise.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "channel.h"
#include "compat.h"
#include "fade.h"

#define LOOK_EVERY HZ

static void look(struct work_struct *work);

static DEFINE_SPINLOCK(fade_lock); /* before the lock of a channel */
static LIST_HEAD(keepers); /* fade_lock; by chan_channel.fading */
static DECLARE_DELAYED_WORK(next_look, look);

/* True if it goes on keeping them. */
static bool spare(struct chan_channel *channel, bool all,
		  struct chan_pool_longs *longs)
{
	struct chan_pool *pool = &channel->pool;

	guard(spinlock)(&channel->lock);
	if (pool->used && !all) {
		pool->used = false;
		return true;
	}
	chan_pool_empty_long(pool, longs);
	pool->fades = false;
	return false;
}

/* True if any was let go. A channel that ends meanwhile leaves either list. */
static bool let_go(bool all)
{
	struct chan_pool_longs longs;
	struct chan_channel *channel;
	LIST_HEAD(left);
	bool any = false;

	spin_lock(&fade_lock);
	list_splice_init(&keepers, &left);
	while (!list_empty(&left)) {
		channel = list_first_entry(&left, typeof(*channel), fading);
		if (spare(channel, all, &longs)) {
			list_move(&channel->fading, &keepers);
			continue;
		}
		list_del_init(&channel->fading);
		spin_unlock(&fade_lock);
		any |= chan_pool_destroy_long(&longs);
		spin_lock(&fade_lock);
	}
	spin_unlock(&fade_lock);
	return any;
}

static void look(struct work_struct *work)
{
	let_go(false);
	/* Who enters later sees to it that there is another one. */
	if (!data_race(list_empty(&keepers)))
		schedule_delayed_work(&next_look, LOOK_EVERY);
}

void chan_fade_enter(struct chan_channel *channel)
{
	spin_lock(&fade_lock);
	list_add(&channel->fading, &keepers);
	spin_unlock(&fade_lock);
	schedule_delayed_work(&next_look, LOOK_EVERY);
}

void chan_fade_leave(struct chan_channel *channel)
{
	spin_lock(&fade_lock);
	list_del_init(&channel->fading);
	spin_unlock(&fade_lock);
}

bool chan_fade_all(void)
{
	return let_go(true);
}

void chan_fade_exit(void)
{
	cancel_delayed_work_sync(&next_look);
}
