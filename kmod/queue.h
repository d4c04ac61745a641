/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * queue.h - the messages of a channel that have a slot, in their order
 */
#ifndef CHAN_QUEUE_H
#define CHAN_QUEUE_H

#include <linux/list.h>

#include "message.h"

/**
 * struct chan_queue - messages in the order of their ids
 * @messages: linked by chan_message.link
 *
 * Part of a channel, guarded by its lock, which every function here needs.
 */
struct chan_queue {
	struct list_head messages;
};

/**
 * chan_queue_init() - make it empty
 * @queue: which
 */
static inline void chan_queue_init(struct chan_queue *queue)
{
	INIT_LIST_HEAD(&queue->messages);
}

/**
 * chan_queue_first() - whose turn is it?
 * @queue: which
 *
 * Return: a message that stays where it is, or NULL.
 */
static inline struct chan_message *
chan_queue_first(const struct chan_queue *queue)
{
	if (list_empty(&queue->messages))
		return NULL;
	return list_first_entry(&queue->messages, struct chan_message, link);
}

/**
 * chan_queue_append() - a new message, the greatest id yet
 * @queue: which
 * @message: in no list
 */
static inline void chan_queue_append(struct chan_queue *queue,
				     struct chan_message *message)
{
	list_add_tail(&message->link, &queue->messages);
}

/**
 * chan_queue_restore() - a message comes back to where it was
 * @queue: which
 * @message: in no list, with an id
 *
 * Near the head: all that stand before it came back as well.
 */
void chan_queue_restore(struct chan_queue *queue, struct chan_message *message);

/**
 * chan_queue_remove() - take a message out
 * @message: in a queue
 */
static inline void chan_queue_remove(struct chan_message *message)
{
	list_del(&message->link);
}

#endif /* CHAN_QUEUE_H */
