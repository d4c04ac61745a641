// SPDX-License-Identifier: GPL-2.0-only
/*
 * queue.c - the messages of a channel that can be received, in their order
 *
 * Owns the order alone: who may enter, and what becomes of what leaves, is
 * decided in flow.c.
 */
#include <linux/rbtree.h>

#include "compat.h"
#include "queue.h"

static struct chan_message *placed_entry(const struct rb_node *node)
{
	return rb_entry(node, struct chan_message, placed);
}

static bool is_before(struct rb_node *node, const struct rb_node *other)
{
	return placed_entry(node)->place < placed_entry(other)->place;
}

static struct chan_message *first_of(const struct chan_queue *queue, u8 prio)
{
	const struct list_head *list = &queue->prios[prio];

	if (list_empty(list))
		return NULL;
	return list_first_entry(list, struct chan_message, link);
}

void chan_queue_init(struct chan_queue *queue)
{
	queue->filled = 0;
	for (int prio = 0; prio < CHAN_QUEUE_PRIOS; prio++) {
		INIT_LIST_HEAD(&queue->prios[prio]);
		queue->placed[prio] = RB_ROOT_CACHED;
	}
}

struct chan_message *chan_queue_next(const struct chan_queue *queue,
				     const struct chan_message *message)
{
	u8 prio = message->terms.prio;
	u32 lower = queue->filled & (BIT(prio) - 1);
	const struct chan_message *first = first_of(queue, prio);
	struct rb_node *node = NULL;

	if (message == first)
		node = rb_first_cached(&queue->placed[prio]);
	else if (message->place)
		node = rb_next(&message->placed);
	if (node)
		return placed_entry(node);
	/* After the last of the tree comes the second of the list. */
	if (message->place)
		message = first;
	if (!list_is_last(&message->link, &queue->prios[prio]))
		return list_entry(message->link.next, struct chan_message,
				  link);
	return lower ? first_of(queue, __fls(lower)) : NULL;
}

/* It was the first, and so the tree need not be searched for where it goes. */
static void add_first_placed(struct rb_root_cached *placed,
			     struct chan_message *message)
{
	struct rb_node *second = rb_first_cached(placed);

	rb_link_node(&message->placed, second,
		     second ? &second->rb_left : &placed->rb_root.rb_node);
	rb_insert_color_cached(&message->placed, placed, true);
}

void chan_queue_restore(struct chan_queue *queue, struct chan_message *message)
{
	u8 prio = message->terms.prio;
	struct rb_root_cached *placed = &queue->placed[prio];
	struct chan_message *first = first_of(queue, prio);

	if (first && first->place) {
		if (message->place > first->place) {
			rb_add_cached(&message->placed, placed, is_before);
			return;
		}
		list_del(&first->link);
		add_first_placed(placed, first);
	}
	list_add(&message->link, &queue->prios[prio]);
	queue->filled |= BIT(prio);
}

void chan_queue_remove_placed(struct chan_queue *queue,
			      struct chan_message *message)
{
	u8 prio = message->terms.prio;
	struct rb_root_cached *placed = &queue->placed[prio];
	struct rb_node *second = rb_first_cached(placed);

	if (message != first_of(queue, prio)) {
		rb_erase_cached(&message->placed, placed);
		return;
	}
	list_del(&message->link);
	if (second) {
		rb_erase_cached(second, placed);
		list_add(&placed_entry(second)->link, &queue->prios[prio]);
	} else if (list_empty(&queue->prios[prio])) {
		queue->filled &= ~BIT(prio);
	}
}
