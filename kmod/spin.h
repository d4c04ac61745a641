/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * spin.h - to look on for a moment before going to sleep
 */
#ifndef CHAN_SPIN_H
#define CHAN_SPIN_H

#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/types.h>

/**
 * struct chan_spin - how long those who wait for the same look on
 * @ns: before they sleep
 *
 * Part of a channel: one for its senders, one for its receivers. Nothing guards
 * it, for a wrong guess costs but a moment.
 */
struct chan_spin {
	u32 ns;
};

/**
 * chan_spin_may() - is there sense in it?
 *
 * Return: true if others can run meanwhile, and nobody wants this processor.
 */
static inline bool chan_spin_may(void)
{
	return num_online_cpus() > 1 && single_task_running() &&
	       !need_resched();
}

/**
 * chan_spin_time() - for how long?
 * @spin: of those who wait for the same
 *
 * Return: nanoseconds.
 */
u32 chan_spin_time(const struct chan_spin *spin);

/**
 * chan_spin_learn() - it had to sleep all the same
 * @spin: of those who wait for the same
 * @waited: nanoseconds, from the beginning
 */
void chan_spin_learn(struct chan_spin *spin, u64 waited);

#endif /* CHAN_SPIN_H */
