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

struct chan_message *chan_queue_next(const struct chan_queue *queue,
				     const struct chan_message *message)
{
	u8 prio = message->terms.prio;
	u32 lower = queue->filled & (BIT(prio) - 1);

	if (!list_is_last(&message->link, &queue->prios[prio]))
		return list_entry(message->link.next, struct chan_message,
				  link);
	return lower ? list_first_entry(&queue->prios[__fls(lower)],
					struct chan_message, link) :
		       NULL;
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
