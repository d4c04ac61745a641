/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wait.h - operations that wait, and how they are woken
 */
#ifndef CHAN_WAIT_H
#define CHAN_WAIT_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "channel.h"

struct chan_message;
struct task_struct;

/**
 * struct chan_waiter - one operation that waits for its turn
 * @link: among the waiting receivers of a channel; under its lock
 * @next_decided: among the wake-ups of whoever decided
 * @task: who sleeps
 * @message: of a receiver: what it was given
 * @room: of a receiver: how long a message it takes
 * @result: 0 or a negative errno
 * @decided: @result stands, the operation is over; under the channel's lock
 * @done: nobody else will touch this struct any more
 *
 * Lives on the stack of its task. Somebody else decides it under the lock of
 * the channel and wakes it after unlocking; only then does @done let it go.
 */
struct chan_waiter {
	union {
		struct list_head link;
		struct chan_waiter *next_decided;
	};
	struct task_struct *task;
	struct chan_message *message;
	size_t room;
	int result;
	bool decided;
	bool done;
};

/**
 * chan_wait_init() - prepare to wait
 * @waiter: of the current task
 */
void chan_wait_init(struct chan_waiter *waiter);

/**
 * chan_wait_decide() - end an operation that waits
 * @channel: where it waits, its lock held
 * @waiter: not decided, and in no list any more
 * @result: of the operation
 */
void chan_wait_decide(struct chan_channel *channel, struct chan_waiter *waiter,
		      int result);

/**
 * chan_wait_sleep() - wait for a decision, a signal or a kill
 * @waiter: known to a channel, whose lock the caller has dropped
 *
 * Return: 0, decided and done; -ERESTARTSYS, a signal came first and the
 * caller has to find out under the lock whether it was decided meanwhile.
 */
int chan_wait_sleep(struct chan_waiter *waiter);

/**
 * chan_wait_settle() - wait for whoever decided to let go
 * @waiter: decided
 *
 * Bounded by what a decider does between unlocking and waking.
 */
void chan_wait_settle(struct chan_waiter *waiter);

/*
 * chan_poll: a poller adds itself to the wait queue, then takes the lock of
 * the channel and looks. Whoever changes something looks for pollers while it
 * holds that lock. So either the poller sees the change, or it is seen here.
 */

/**
 * chan_wait_note_readable() - there is something to be told to a receiver
 * @channel: which, its lock held
 */
static inline void chan_wait_note_readable(struct chan_channel *channel)
{
	/* chan_poll: ordered by the lock. */
	if (waitqueue_active(&channel->readable)) {
		channel->wake.readable++;
		channel->wake.any = true;
	}
}

/**
 * chan_wait_note_writable() - there is something to be told to a sender
 * @channel: which, its lock held
 */
static inline void chan_wait_note_writable(struct chan_channel *channel)
{
	/* chan_poll: ordered by the lock. */
	if (waitqueue_active(&channel->writable)) {
		channel->wake.writable++;
		channel->wake.any = true;
	}
}

/**
 * chan_wait_note_ended() - an end of the channel is gone, for all who poll
 * @channel: which, its lock held
 */
static inline void chan_wait_note_ended(struct chan_channel *channel)
{
	channel->wake.ended = true;
	channel->wake.any = true;
}

/**
 * chan_wait_unlock_and_wake() - chan_wait_unlock() when there is news
 * @channel: which
 */
void chan_wait_unlock_and_wake(struct chan_channel *channel);

/**
 * chan_wait_unlock() - drop the lock, then wake whoever there is to wake
 * @channel: which, its lock held; the caller keeps it alive
 *
 * The other half of spin_lock() for everyone who may have decided something.
 */
static inline void chan_wait_unlock(struct chan_channel *channel)
{
	if (unlikely(channel->wake.any))
		chan_wait_unlock_and_wake(channel);
	else
		spin_unlock(&channel->lock);
}

#endif /* CHAN_WAIT_H */
