// SPDX-License-Identifier: GPL-2.0-only
/*
 * queue.c - the messages of a channel that have a slot, in their order
 *
 * Owns the order alone: who may enter, and what becomes of what leaves, is
 * decided in flow.c.
 */
#include "compat.h"
#include "queue.h"

void chan_queue_restore(struct chan_queue *queue, struct chan_message *message)
{
	struct chan_message *behind;

	list_for_each_entry(behind, &queue->messages, link) {
		if (behind->id > message->id)
			break;
	}
	/* Without a break this is the head itself, and adds at the end. */
	list_add_tail(&message->link, &behind->link);
}
