// SPDX-License-Identifier: GPL-2.0-only
/*
 * queue.c - the messages of a channel that can be received, in their order
 *
 * Owns the order alone: who may enter, and what becomes of what leaves, is
 * decided in flow.c.
 */
#include "compat.h"
#include "queue.h"

void chan_queue_init(struct chan_queue *queue)
{
	queue->filled = 0;
	for (int prio = 0; prio < CHAN_QUEUE_PRIOS; prio++)
		INIT_LIST_HEAD(&queue->prios[prio]);
}

/* Was it claimed before the other, or has it come back later? */
static bool precedes(const struct chan_message *message,
		     const struct chan_message *other)
{
	return message->place && message->place < other->place;
}

void chan_queue_restore(struct chan_queue *queue, struct chan_message *message)
{
	struct list_head *prio = &queue->prios[message->terms.prio];
	struct chan_message *behind;

	list_for_each_entry(behind, prio, link) {
		if (!precedes(behind, message))
			break;
	}
	/* Without a break this is the head itself, and adds at the end. */
	list_add_tail(&message->link, &behind->link);
	queue->filled |= BIT(message->terms.prio);
}
