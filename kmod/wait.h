/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wait.h - operations that wait, and how they are woken
 */
#ifndef CHAN_WAIT_H
#define CHAN_WAIT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/timekeeping.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "channel.h"
#include "spin.h"
#include "stamp.h"

struct chan_endpoint;
struct chan_message;
struct task_struct;

/**
 * chan_wait_has_passed() - is there a deadline, and is it over?
 * @deadline: CLOCK_MONOTONIC nanoseconds, 0 is none
 *
 * Return: true if both.
 */
static inline bool chan_wait_has_passed(u64 deadline)
{
	return deadline && ktime_get_ns() >= deadline;
}

/**
 * struct chan_want - what a receiver takes
 * @endpoint: which will hold the duty
 * @room: how long a message it takes
 * @autoack: it acknowledges at once, and cannot reply
 * @len: result, with -EMSGSIZE: how long the message is
 */
struct chan_want {
	struct chan_endpoint *endpoint;
	size_t room;
	bool autoack;
	u32 len;
};

/**
 * struct chan_choice - of several waiters of one task, one is to be decided
 * @chosen: which; NULL while none is; an ERR_PTR once their task has left
 *
 * The waiters, each in a list of its own channel, are the arms of a select.
 * Whoever is about to decide one of them, under the lock of its channel, has
 * to choose it first; the others have lost from then on, and whoever meets one
 * takes it out of its list and goes on. Once chosen, always chosen.
 * If the decision has to wait for something else, the task is woken at once, and
 * parts from the others.
 */
struct chan_choice {
	struct chan_waiter *chosen;
};

/**
 * struct chan_waiter - one operation that waits for its turn
 * @link: among the waiting receivers or peekers of a channel; under its lock
 * @next_decided: among the wake-ups of whoever decided
 * @mine: of a receiver or peeker with a tag: among those of its endpoint; under
 *	the channel's lock
 * @task: who sleeps; NULL: nobody, but @call is called
 * @call: by whoever decides, with no lock held; it does not sleep, and nobody
 *	else touches this struct once it is called
 * @choice: of which it is part, or NULL: it is all that its task waits for
 * @message: of a receiver: what it was given. Of a peeker: where the copy goes.
 *	Of a sender: what it has to free; when SETTLED, its outcome
 * @want: of a receiver or peeker: what it takes
 * @tag: of a receiver or peeker: for CHAN_OP_CANCEL; 0 is none
 * @result: 0 or a negative errno
 * @state: of a sender: CHAN_STATE_*, how far its message got
 * @back: of an arm that sends: its receiver could not copy the message, which is
 *	in line again
 * @parked: of a receiver or peeker: is it in @link's list?
 * @decided: @result stands, the operation is over; under the channel's lock
 * @done: nobody else will touch this struct any more
 *
 * Lives on the stack of its task, or with what @call knows. Somebody else decides
 * it under the lock of the channel and wakes it after unlocking; only then does
 * @done, or @call, let it go.
 */
struct chan_waiter {
	union {
		struct list_head link;
		struct chan_waiter *next_decided;
	};
	struct list_head mine;
	struct task_struct *task;
	void (*call)(struct chan_waiter *waiter);
	struct chan_choice *choice;
	struct chan_message *message;
	struct chan_want *want;
	u64 tag;
	int result;
	u8 state;
	bool back;
	bool parked;
	bool decided;
	bool done;
};

/**
 * chan_wait_init() - prepare to wait
 * @waiter: of the current task
 */
static inline void chan_wait_init(struct chan_waiter *waiter)
{
	*waiter = (struct chan_waiter){ .task = current };
}

/**
 * chan_wait_choose() - before a waiter is decided, or its message claimed
 * @waiter: the lock of its channel held
 *
 * Return: true; false: it has lost.
 */
static inline bool chan_wait_choose(struct chan_waiter *waiter)
{
	struct chan_waiter *chosen;

	if (likely(!waiter->choice))
		return true;
	chosen = cmpxchg(&waiter->choice->chosen, NULL, waiter);
	return !chosen || chosen == waiter;
}

/**
 * chan_wait_is_chosen() - is it the one to be decided?
 * @waiter: the lock of its channel held
 *
 * Return: true if it is, or the only one.
 */
static inline bool chan_wait_is_chosen(const struct chan_waiter *waiter)
{
	return likely(!waiter->choice) ||
	       READ_ONCE(waiter->choice->chosen) == waiter;
}

/**
 * chan_wait_has_lost() - has another one been chosen?
 * @waiter: the lock of its channel held
 *
 * Return: true if it can never be chosen any more.
 */
static inline bool chan_wait_has_lost(const struct chan_waiter *waiter)
{
	const struct chan_waiter *chosen;

	if (likely(!waiter->choice))
		return false;
	chosen = READ_ONCE(waiter->choice->chosen);
	return chosen && chosen != waiter;
}

/**
 * chan_wait_decide() - end an operation that waits
 * @channel: where it waits, its lock held
 * @waiter: chosen, not decided, and in no list any more
 * @result: of the operation
 */
void chan_wait_decide(struct chan_channel *channel, struct chan_waiter *waiter,
		      int result);

/**
 * chan_wait_for_decision() - wait for a decision, a signal, a kill or a time
 * @channel: that knows @waiter, and whose lock the caller has dropped
 * @waiter: of the current task
 * @deadline: CLOCK_MONOTONIC nanoseconds; 0 is none
 *
 * A decision wins over whatever comes at the same time.
 *
 * Return: 0, decided, and nobody else will touch @waiter any more; -ERESTARTSYS
 * or -ETIMEDOUT: that came first, and **the lock is held**, so that the caller
 * can leave before anybody decides.
 */
int chan_wait_for_decision(struct chan_channel *channel,
			   struct chan_waiter *waiter, u64 deadline);

/**
 * chan_wait_for_arm() - chan_wait_for_decision() of one that was chosen
 * @channel: as there
 * @waiter: part of a choice
 * @deadline: as there
 *
 * Return: as there, but -EAGAIN: it is @back, and the lock is not held.
 */
int chan_wait_for_arm(struct chan_channel *channel, struct chan_waiter *waiter,
		      u64 deadline);

/**
 * chan_wait_for_choice() - wait until one of several waiters is chosen
 * @choice: of the current task
 * @deadline: CLOCK_MONOTONIC nanoseconds; 0 is none
 * @spin: of a channel that one of the waiters is in
 *
 * Return: 0, @choice->chosen is decided or going to be, and the others have
 * lost; -ERESTARTSYS or -ETIMEDOUT: that came first, none will ever be chosen,
 * and @choice->chosen is that error.
 */
int chan_wait_for_choice(struct chan_choice *choice, u64 deadline,
			 struct chan_spin *spin);

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
 * chan_wait_note_chosen() - it will be decided later, but may part from others
 * @channel: which, its lock held
 * @waiter: chosen, not decided
 */
static inline void chan_wait_note_chosen(struct chan_channel *channel,
					 struct chan_waiter *waiter)
{
	channel->wake.chosen = get_task_struct(waiter->task);
	channel->wake.any = true;
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
 * chan_wait_retire() - the last bearer of a stamp has gone
 * @channel: which, its lock held
 * @stamp: freed after unlocking
 */
static inline void chan_wait_retire(struct chan_channel *channel,
				    struct chan_stamp *stamp)
{
	stamp->next_retired = channel->wake.retired;
	channel->wake.retired = stamp;
	channel->wake.any = true;
}

/**
 * chan_wait_drop() - drop the lock; for whoever holds those of several channels
 * @channel: which, its lock held; the caller keeps it alive
 * @wakeups: gets what chan_wait_wake() has to do, when all locks are dropped
 */
static inline void chan_wait_drop(struct chan_channel *channel,
				  struct chan_wakeups *wakeups)
{
	*wakeups = channel->wake;
	channel->wake = (struct chan_wakeups){};
	spin_unlock(&channel->lock);
}

/**
 * chan_wait_wake() - wake whoever there is to wake
 * @channel: which; no lock held; the caller keeps it alive
 * @wakeups: from chan_wait_drop()
 */
void chan_wait_wake(struct chan_channel *channel,
		    const struct chan_wakeups *wakeups);

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
