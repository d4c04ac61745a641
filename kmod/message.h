/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * message.h - bytes on their way, and the state they are in
 */
#ifndef CHAN_MESSAGE_H
#define CHAN_MESSAGE_H

#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/rbtree_types.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include <linux/chan.h>

#include "copy.h"

/*
 * For what an operation needs: at the limit of a memory cgroup it fails; it does
 * not get anyone killed, nor fill the log.
 */
#define CHAN_GFP (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

struct chan_endpoint;
struct chan_stamp;
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
	u64 len;
	struct iov_iter *iter;
};

/* A payload of up to this size lives in the message itself. */
#define CHAN_MESSAGE_INLINE 96

/**
 * struct chan_terms - what a sender asks for its message
 * @until: CHAN_UNTIL_*: how far it waits
 * @duty: CHAN_DUTY_*: what the receiver owes
 * @on_death: CHAN_ON_DEATH_*: what a receiver's death means
 * @prio: 0 to CHAN_PRIO_MAX
 * @nowait: it does not wait for a slot or, with cap 0, for a receiver
 * @late: its deadline had passed before: if who copies it cannot, it does not
 *	wait for another
 * @tag: told to the receiver
 */
struct chan_terms {
	u8 until;
	u8 duty;
	u8 on_death;
	u8 prio;
	bool nowait;
	bool late;
	u64 tag;
};

/**
 * struct chan_answer - how a sender waits for the outcome of its message
 * @buf: where in user space a reply goes
 * @len: how long it may be
 * @deadline: CLOCK_MONOTONIC nanoseconds, 0 is none
 */
struct chan_answer {
	u64 buf;
	u64 len;
	u64 deadline;
};

/**
 * enum chan_message_state - how far a message got
 * @CHAN_MESSAGE_NEW: in its sender's hands, nobody else knows it
 * @CHAN_MESSAGE_WAITING: in line for a slot, or with cap 0 for a receiver
 * @CHAN_MESSAGE_QUEUED: has a slot, or came back from a receiver
 * @CHAN_MESSAGE_CLAIMED: a receiver is copying it
 * @CHAN_MESSAGE_RECEIVED: copied; its duty, if any, is open
 * @CHAN_MESSAGE_SETTLED: its duty has ended, or it is a reply
 * @CHAN_MESSAGE_WITHDRAWN: taken back by its sender, or refused
 * @CHAN_MESSAGE_ABANDONED: its caller has left after receipt
 * @CHAN_MESSAGE_DROPPED: nobody can receive it any more, nor is told so
 * @CHAN_MESSAGE_STATES: how many states there are
 */
enum chan_message_state {
	CHAN_MESSAGE_NEW,
	CHAN_MESSAGE_WAITING,
	CHAN_MESSAGE_QUEUED,
	CHAN_MESSAGE_CLAIMED,
	CHAN_MESSAGE_RECEIVED,
	CHAN_MESSAGE_SETTLED,
	CHAN_MESSAGE_WITHDRAWN,
	CHAN_MESSAGE_ABANDONED,
	CHAN_MESSAGE_DROPPED,
	CHAN_MESSAGE_STATES,
};

/* For each state, the bits of the states that may follow. */
extern const u16 chan_message_steps[CHAN_MESSAGE_STATES];

/**
 * struct chan_message - one message
 * @link: in the line or the queue of its channel, as @state says
 * @placed: in the queue, instead of @link, as @place and struct chan_queue say
 * @owed: among the duties of its @holder, while RECEIVED or ABANDONED
 * @next_used: in the pool of its channel, when nobody uses it
 * @sent: among those that @origin may ask for, while @sender or @kept
 * @sender: the operation that waits for it, or NULL
 * @origin: the endpoint it was sent by, while @sender or @kept
 * @holder: the endpoint that owes its duty, while RECEIVED or ABANDONED
 * @place: in the order of those that were claimed or came back, while it waits
 *	to be received; 0 before the first claim
 * @stamp: of the endpoint it was sent by; borne from the first state after NEW
 *	to the last
 * @id: its sender's name for it, never reused
 * @token: its receiver's name for it
 * @sent_at: when, by CLOCK_MONOTONIC
 * @terms: what its sender asked for
 * @answer: how it waits for the outcome; only if it does until SETTLED
 * @data: the payload: @bytes, or memory of its own
 * @len: of the payload
 * @attempt: how often it was received
 * @error: of the outcome, when SETTLED: as @verdict says
 * @state: changed only by chan_message_move()
 * @verdict: of the outcome, when SETTLED; 0: it failed with @error
 * @kept: nobody waits for its outcome now, but @origin may come back for it
 * @orphan: with cap 0: its sender has left it to its receiver; counted
 * @bytes: room for a short payload
 * @owner: of a long payload: the message it came with, or this one
 * @owners: in @owner: messages that have its payload
 * @space: of a long payload: how much there is at @data
 *
 * Held by one at a time: the sender while NEW or WAITING, the channel while
 * QUEUED, the receiver while CLAIMED, its @holder while its duty is open, and
 * once it is SETTLED whoever is told the outcome: the waiting sender, or
 * @origin. Who takes it out of the last state frees it; a message that was
 * taken back while it was being copied is freed by the receiver that copies it.
 * All but the payload is guarded by the lock of the channel once it is not NEW.
 */
struct chan_message {
	union {
		struct list_head link;
		struct rb_node placed;
		struct rb_node owed;
		struct chan_message *next_used;
	};
	struct list_head sent;
	struct chan_waiter *sender;
	struct chan_endpoint *origin;
	union {
		struct chan_endpoint *holder;
		s64 place;
	};
	struct chan_stamp *stamp;
	u64 id;
	u64 token;
	u64 sent_at;
	struct chan_terms terms;
	struct chan_answer answer;
	void *data;
	u32 len;
	u32 attempt;
	u32 error;
	u8 state;
	u8 verdict;
	bool kept;
	bool orphan;
	union {
		u8 bytes[CHAN_MESSAGE_INLINE] __aligned(8);
		struct {
			struct chan_message *owner;
			refcount_t owners;
			u32 space;
		};
	};
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
 * @message: that nobody else knows, with memory for it
 * @len: of the payload to come
 */
static inline void chan_message_renew(struct chan_message *message, u32 len)
{
	message->sender = NULL;
	message->token = 0;
	message->place = 0;
	message->len = len;
	message->attempt = 0;
	message->state = CHAN_MESSAGE_NEW;
	message->kept = false;
	message->orphan = false;
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
 * Return: true if the message can be renewed for another short one.
 */
static inline bool chan_message_is_short(const struct chan_message *message)
{
	return message->data == message->bytes;
}

/**
 * chan_message_is_sole() - is a long payload its own, and of nobody else?
 * @message: not short, and known to nobody else
 *
 * Return: true if the message can be renewed for another long one.
 */
static inline bool chan_message_is_sole(const struct chan_message *message)
{
	if (message->owner != message || refcount_read(&message->owners) != 1)
		return false;
	/* owners: pairs with the decrement by those who had it, too. */
	smp_acquire__after_ctrl_dep();
	return true;
}

/**
 * chan_message_cost() - what a message counts against its channel's room
 * @message: which
 *
 * Return: bytes.
 */
static inline u64 chan_message_cost(const struct chan_message *message)
{
	return (u64)message->len + CHAN_MSG_OVERHEAD;
}

/**
 * chan_message_is_heard() - is there someone to be told its outcome?
 * @message: which, the lock of its channel held
 *
 * Return: true if its sender waits, or may come back and ask.
 */
static inline bool chan_message_is_heard(const struct chan_message *message)
{
	return message->sender || message->kept;
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
 * chan_message_copy_in_long() - chan_message_copy_in() of what is not short
 * @message: NEW
 * @address: as that of a struct chan_payload
 * @iter: likewise
 *
 * Return: 0 or -EFAULT.
 */
int chan_message_copy_in_long(struct chan_message *message,
			      const void __user *address,
			      struct iov_iter *iter);

/**
 * chan_message_copy_out_long() - chan_message_copy_out() of what is not short
 * @message: CLAIMED by the caller
 * @address: as that of a struct chan_payload with room for it
 * @iter: likewise
 *
 * Return: 0 or -EFAULT.
 */
int chan_message_copy_out_long(const struct chan_message *message,
			       void __user *address, struct iov_iter *iter);

/**
 * chan_message_copy_in() - take the payload from the sender
 * @message: NEW
 * @from: @message->len bytes; may fault and sleep
 *
 * Return: 0 or -EFAULT.
 */
static __always_inline int chan_message_copy_in(struct chan_message *message,
						const struct chan_payload *from)
{
	might_fault();
	if (from->iter || !chan_message_is_short(message))
		return chan_message_copy_in_long(message, from->address,
						 from->iter);
	if (!chan_copy_in(message->bytes, from->address, message->len))
		return -EFAULT;
	return 0;
}

/**
 * chan_message_copy_out() - give the payload to a receiver
 * @message: CLAIMED by the caller
 * @to: has room for it; may fault and sleep
 *
 * What was copied may be copied over: an iterator ends where it began.
 *
 * Return: 0 or -EFAULT.
 */
static __always_inline int
chan_message_copy_out(const struct chan_message *message,
		      const struct chan_payload *to)
{
	might_fault();
	if (to->iter || !chan_message_is_short(message))
		return chan_message_copy_out_long(message, to->address,
						  to->iter);
	if (!chan_copy_out(to->address, message->bytes, message->len))
		return -EFAULT;
	return 0;
}

/**
 * chan_message_mirror() - make a copy that others may look at
 * @copy: NEW, of length 0; destroyed like any other message, or used again after
 *	chan_message_unmirror()
 * @message: which; the caller holds the lock of its channel
 *
 * Long payloads are shared. All that is said of the message is copied too; the
 * caller counts the stamp.
 */
void chan_message_mirror(struct chan_message *copy,
			 const struct chan_message *message);

/**
 * chan_message_unmirror() - make a copy a short message again
 * @copy: perhaps by chan_message_mirror(); no lock held
 */
void chan_message_unmirror(struct chan_message *copy);

#endif /* CHAN_MESSAGE_H */
