/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * queue.h - the messages of a channel that can be received, in their order
 */
#ifndef CHAN_QUEUE_H
#define CHAN_QUEUE_H

#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/list.h>
#include <linux/rbtree_types.h>

#include "message.h"

#define CHAN_QUEUE_PRIOS (CHAN_PRIO_MAX + 1)

/**
 * struct chan_queue - messages by priority, in each the next one first
 * @filled: a bit for each priority that has a message
 * @prios: its first message, and behind it those without a place, in the order
 *	they came; linked by chan_message.link
 * @placed: the others, which have a place, by that; by chan_message.placed
 *
 * Those with a place precede those without, and so all that is in a tree comes
 * between the first in the list, which then has a place too, and the second.
 * What comes back, by the thousand and in any order, finds its place among as
 * many; to what never does the tree costs nothing but a look at chan_message.place.
 *
 * Part of a channel, guarded by its lock, which every function here needs.
 */
struct chan_queue {
	u32 filled;
	struct list_head prios[CHAN_QUEUE_PRIOS];
	struct rb_root_cached placed[CHAN_QUEUE_PRIOS];
};

/**
 * chan_queue_init() - make it empty
 * @queue: which
 */
void chan_queue_init(struct chan_queue *queue);

/**
 * chan_queue_first() - whose turn is it?
 * @queue: which
 *
 * Return: a message that stays where it is, or NULL.
 */
static inline struct chan_message *
chan_queue_first(const struct chan_queue *queue)
{
	if (!queue->filled)
		return NULL;
	return list_first_entry(&queue->prios[__fls(queue->filled)],
				struct chan_message, link);
}

/**
 * chan_queue_next() - who comes behind it, of its priority or a lower one?
 * @queue: which
 * @message: in @queue
 *
 * Return: a message that stays where it is, or NULL.
 */
struct chan_message *chan_queue_next(const struct chan_queue *queue,
				     const struct chan_message *message);

/**
 * chan_queue_append() - a new message, behind the others of its priority
 * @queue: which
 * @message: in no list
 */
static inline void chan_queue_append(struct chan_queue *queue,
				     struct chan_message *message)
{
	u8 prio = message->terms.prio;

	list_add_tail(&message->link, &queue->prios[prio]);
	queue->filled |= BIT(prio);
}

/**
 * chan_queue_restore() - a message comes back to where its place is
 * @queue: which
 * @message: in no list; without a place only if it was the first
 */
void chan_queue_restore(struct chan_queue *queue, struct chan_message *message);

/**
 * chan_queue_remove_placed() - chan_queue_remove() of what has a place
 * @queue: which
 * @message: in @queue
 */
void chan_queue_remove_placed(struct chan_queue *queue,
			      struct chan_message *message);

/**
 * chan_queue_remove() - take a message out
 * @queue: which
 * @message: in @queue; its place has not changed since
 */
static inline void chan_queue_remove(struct chan_queue *queue,
				     struct chan_message *message)
{
	/* If it is alone there, that is the head of the list. */
	struct list_head *others = message->link.prev;

	if (unlikely(message->place)) {
		chan_queue_remove_placed(queue, message);
		return;
	}
	list_del(&message->link);
	if (list_empty(others))
		queue->filled &= ~BIT(message->terms.prio);
}

#endif /* CHAN_QUEUE_H */
