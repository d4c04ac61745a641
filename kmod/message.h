/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * message.h - bytes on their way, and the state they are in
 */
#ifndef CHAN_MESSAGE_H
#define CHAN_MESSAGE_H

#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/list.h>
#include <linux/types.h>

struct chan_waiter;
struct iov_iter;

/**
 * struct chan_payload - where in user space the bytes of an operation are
 * @address: in one piece, if @iter is NULL
 * @len: how many
 * @iter: otherwise: in pieces, or wherever io_uring has them
 *
 * Lives on the stack of a door.
 */
struct chan_payload {
	void __user *address;
	size_t len;
	struct iov_iter *iter;
};

/* A payload of up to this size lives in the message itself. */
#define CHAN_MESSAGE_INLINE 128

/**
 * enum chan_message_state - how far a message got
 * @CHAN_MESSAGE_NEW: in its sender's hands, nobody else knows it
 * @CHAN_MESSAGE_WAITING: in line for a slot, or with cap 0 for a receiver
 * @CHAN_MESSAGE_QUEUED: has a slot
 * @CHAN_MESSAGE_CLAIMED: a receiver is copying it
 * @CHAN_MESSAGE_RECEIVED: copied
 * @CHAN_MESSAGE_WITHDRAWN: taken back by its sender, or refused a slot
 * @CHAN_MESSAGE_DROPPED: had a slot, but no receiver is left
 * @CHAN_MESSAGE_STATES: how many states there are
 */
enum chan_message_state {
	CHAN_MESSAGE_NEW,
	CHAN_MESSAGE_WAITING,
	CHAN_MESSAGE_QUEUED,
	CHAN_MESSAGE_CLAIMED,
	CHAN_MESSAGE_RECEIVED,
	CHAN_MESSAGE_WITHDRAWN,
	CHAN_MESSAGE_DROPPED,
	CHAN_MESSAGE_STATES,
};

/* For each state, the bits of the states that may follow. */
extern const u8 chan_message_steps[CHAN_MESSAGE_STATES];

/**
 * struct chan_message - one message
 * @link: in the line or the queue of its channel, as @state says; under the
 *	channel's lock
 * @next_used: in the pool of its channel, when nobody uses it; likewise
 * @sender: the operation that waits for a slot or, with cap 0, for receipt;
 *	NULL when nobody waits; under the channel's lock
 * @id: its place in the order of the channel, given with its first state after
 *	NEW, never reused
 * @data: the payload: @bytes, or memory of its own
 * @len: of the payload
 * @state: changed only by chan_message_move(), under the channel's lock
 * @nowait: with cap 0: the sender does not wait for another receiver; set by
 *	whoever sets @sender
 * @bytes: room for a short payload
 *
 * Held by one at a time: the sender while NEW or WAITING, the channel while
 * QUEUED, the receiver while CLAIMED. Who takes it out of the last state frees
 * it; a message WITHDRAWN while it was being copied is freed by the receiver
 * that copies it.
 */
struct chan_message {
	union {
		struct list_head link;
		struct chan_message *next_used;
	};
	struct chan_waiter *sender;
	u64 id;
	void *data;
	u32 len;
	u8 state;
	bool nowait;
	u8 bytes[CHAN_MESSAGE_INLINE] __aligned(8);
};

/**
 * chan_message_init() - make the cache of messages
 *
 * Return: 0 or -ENOMEM.
 */
int chan_message_init(void);

/**
 * chan_message_exit() - give the cache back; no message is left
 */
void chan_message_exit(void);

/**
 * chan_message_create() - make a message
 * @len: of its payload
 *
 * Charged to the memory cgroup of the current task.
 *
 * Return: a NEW message without content, or NULL.
 */
struct chan_message *chan_message_create(u32 len);

/**
 * chan_message_renew() - make a used message NEW, for another payload
 * @message: that nobody else knows, with a short payload
 * @len: of the payload to come, at most CHAN_MESSAGE_INLINE
 */
static inline void chan_message_renew(struct chan_message *message, u32 len)
{
	message->sender = NULL;
	message->data = message->bytes;
	message->len = len;
	message->state = CHAN_MESSAGE_NEW;
}

/**
 * chan_message_destroy() - free a message
 * @message: in nobody's list
 */
void chan_message_destroy(struct chan_message *message);

/**
 * chan_message_destroy_list() - free many
 * @list: linked by their @link; empty afterwards; may sleep
 */
void chan_message_destroy_list(struct list_head *list);

/**
 * chan_message_destroy_used() - free many
 * @message: the first, linked by their @next_used; may sleep
 */
void chan_message_destroy_used(struct chan_message *message);

/**
 * chan_message_is_short() - is the payload in the message itself?
 * @message: which
 *
 * Return: true if the message can be renewed.
 */
static inline bool chan_message_is_short(const struct chan_message *message)
{
	return message->data == message->bytes;
}

/**
 * chan_message_move() - the one place where a message changes its state
 * @message: which; the caller holds the lock of its channel
 * @state: the next one; warns if that step is not legal
 */
static inline void chan_message_move(struct chan_message *message,
				     enum chan_message_state state)
{
	WARN_ON_ONCE(!(chan_message_steps[message->state] & BIT(state)));
	message->state = state;
}

/**
 * chan_message_copy_in() - take the payload from the sender
 * @message: NEW
 * @from: @message->len bytes; may fault and sleep
 *
 * Return: 0 or -EFAULT.
 */
int chan_message_copy_in(struct chan_message *message,
			 const struct chan_payload *from);

/**
 * chan_message_copy_out() - give the payload to a receiver
 * @message: CLAIMED by the caller
 * @to: has room for it; may fault and sleep
 *
 * What was copied may be copied over: an iterator ends where it began.
 *
 * Return: 0 or -EFAULT.
 */
int chan_message_copy_out(const struct chan_message *message,
			  const struct chan_payload *to);

#endif /* CHAN_MESSAGE_H */
