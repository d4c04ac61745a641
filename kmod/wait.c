// SPDX-License-Identifier: GPL-2.0-only
/*
 * wait.c - operations that wait, and how they are woken
 *
 * Owns sleeping and waking. Who waits for what, and when it is over, is
 * decided in flow.c under the lock of the channel; waking comes after it.
 */
#include <linux/hrtimer.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "channel.h"
#include "compat.h"
#include "fade.h"
#include "wait.h"

void chan_wait_decide(struct chan_channel *channel, struct chan_waiter *waiter,
		      int result)
{
	lockdep_assert_held(&channel->lock);
	WARN_ON_ONCE(!chan_wait_is_chosen(waiter));
	waiter->result = result;
	waiter->decided = true;
	waiter->next_decided = channel->wake.decided;
	channel->wake.decided = waiter;
	channel->wake.any = true;
}

/* False when the time has come. */
static bool sleep_until(u64 deadline)
{
	ktime_t at = min_t(u64, deadline, KTIME_MAX);

	if (!deadline) {
		schedule();
		return true;
	}
	return schedule_hrtimeout_range(&at, current->timer_slack_ns,
					HRTIMER_MODE_ABS);
}

static __always_inline bool is_done(const void *what)
{
	const struct chan_waiter *waiter = what;

	/* chan_done: pairs with the release in wake_waiter(). */
	return smp_load_acquire(&waiter->done);
}

static __always_inline bool is_done_or_back(const void *what)
{
	const struct chan_waiter *waiter = what;

	return is_done(waiter) || READ_ONCE(waiter->back);
}

static __always_inline bool is_made(const void *what)
{
	const struct chan_choice *choice = what;

	return READ_ONCE(choice->chosen);
}

/* False: it has not come, and looking on makes no sense any more. */
static __always_inline bool spin_until(bool (*has_come)(const void *what),
				       const void *what, u64 end)
{
	while (!has_come(what)) {
		if (ktime_get_ns() >= end || !chan_spin_may() ||
		    signal_pending(current))
			return false;
		cpu_relax();
	}
	return true;
}

/* 0: what was waited for; otherwise what came before that was seen. */
static __always_inline int sleep_on(bool (*has_come)(const void *what),
				    const void *what, u64 deadline,
				    bool expired)
{
	int err;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (has_come(what)) {
			err = 0;
			break;
		}
		if (expired || signal_pending(current)) {
			err = expired ? -ETIMEDOUT : -ERESTARTSYS;
			break;
		}
		expired = !sleep_until(deadline);
	}
	__set_current_state(TASK_RUNNING);
	return err;
}

static __always_inline int wait_until(bool (*has_come)(const void *what),
				      const void *what, u64 deadline,
				      struct chan_spin *spin)
{
	u64 begun, end;
	int err;

	/* Whoever was woken before may do all that is waited for here. */
	cond_resched();
	if (!chan_spin_may())
		return sleep_on(has_come, what, deadline, false);
	begun = ktime_get_ns();
	end = begun + chan_spin_time(spin);
	if (spin_until(has_come, what, deadline ? min(end, deadline) : end))
		return 0;
	err = sleep_on(has_come, what, deadline,
		       chan_wait_has_passed(deadline));
	/* What did not come says nothing of how long it would have taken. */
	if (!err)
		chan_spin_learn(spin, ktime_get_ns() - begun);
	return err;
}

/* Bounded by what a decider does between unlocking and waking. */
static void wait_for_decider(struct chan_waiter *waiter)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (is_done(waiter))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/* True, and the lock is held; false, and it is done. */
static bool is_undecided(struct chan_channel *channel,
			 struct chan_waiter *waiter)
{
	spin_lock(&channel->lock);
	if (!waiter->decided)
		return true;
	spin_unlock(&channel->lock);
	wait_for_decider(waiter);
	return false;
}

int chan_wait_for_decision(struct chan_channel *channel,
			   struct chan_waiter *waiter, u64 deadline)
{
	struct chan_spin *spin = waiter->want ? &channel->receive_spin :
						&channel->send_spin;
	int err = wait_until(is_done, waiter, deadline, spin);

	return err && is_undecided(channel, waiter) ? err : 0;
}

int chan_wait_for_arm(struct chan_channel *channel, struct chan_waiter *waiter,
		      u64 deadline)
{
	int err = wait_until(is_done_or_back, waiter, deadline,
			     &channel->send_spin);

	if (!err)
		return is_done(waiter) ? 0 : -EAGAIN;
	return is_undecided(channel, waiter) ? err : 0;
}

int chan_wait_for_choice(struct chan_choice *choice, u64 deadline,
			 struct chan_spin *spin)
{
	int err = wait_until(is_made, choice, deadline, spin);

	if (err && !cmpxchg(&choice->chosen, NULL, ERR_PTR(err)))
		return err;
	return 0;
}

/*
 * The waiter is gone the moment it is done, and its task may be soon after:
 * the task is read first, and RCU, which the caller holds, keeps it.
 */
static void wake_waiter(struct chan_waiter *waiter)
{
	struct task_struct *task = waiter->task;

	if (unlikely(!task)) {
		waiter->call(waiter);
		return;
	}
	/* chan_done: pairs with the acquire in is_done(). */
	smp_store_release(&waiter->done, true);
	wake_up_process(task);
}

static void wake_waiters(struct chan_waiter *waiter)
{
	struct chan_waiter *next;

	guard(rcu)();
	for (; waiter; waiter = next) {
		next = waiter->next_decided;
		wake_waiter(waiter);
	}
}

/* Exclusive pollers are woken one for each message or slot; all for 0. */
static void wake_pollers(struct wait_queue_head *pollers, unsigned int nr,
			 __poll_t key)
{
	if (nr == 1)
		wake_up_interruptible_sync_poll(pollers, key);
	else
		__wake_up(pollers, TASK_INTERRUPTIBLE, nr, poll_to_key(key));
}

static void wake_all_pollers(struct chan_channel *channel)
{
	wake_pollers(&channel->readable, 0, EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	wake_pollers(&channel->writable, 0, EPOLLOUT | EPOLLWRNORM | EPOLLERR);
}

static __always_inline void wake(struct chan_channel *channel,
				 const struct chan_wakeups *wakeups)
{
	wake_waiters(wakeups->decided);
	if (unlikely(wakeups->chosen)) {
		wake_up_process(wakeups->chosen);
		put_task_struct(wakeups->chosen);
	}
	chan_stamp_destroy_list(wakeups->retired);
	if (unlikely(wakeups->fades))
		chan_fade_enter(channel);
	if (wakeups->ended)
		wake_all_pollers(channel);
	if (wakeups->readable)
		wake_pollers(&channel->readable, wakeups->readable,
			     EPOLLIN | EPOLLRDNORM);
	if (wakeups->writable)
		wake_pollers(&channel->writable, wakeups->writable,
			     EPOLLOUT | EPOLLWRNORM);
}

void chan_wait_wake(struct chan_channel *channel,
		    const struct chan_wakeups *wakeups)
{
	wake(channel, wakeups);
}

void chan_wait_unlock_and_wake(struct chan_channel *channel)
{
	struct chan_wakeups wakeups;

	chan_wait_drop(channel, &wakeups);
	wake(channel, &wakeups);
}
