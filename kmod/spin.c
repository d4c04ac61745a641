// SPDX-License-Identifier: GPL-2.0-only
/*
 * spin.c - to look on for a moment before going to sleep
 *
 * Owns how long that moment is. To sleep and to be woken takes longer than most
 * partners on another processor need for an answer. So who had to sleep, but not for
 * long, will look on for longer the next time, and where that would not have been
 * enough, for less, until nobody looks on any more.
 */
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/time64.h>

#include "compat.h"
#include "spin.h"

#define SPIN_LEAST (5 * (u32)NSEC_PER_USEC)
#define SPIN_MOST  USEC_PER_MSEC

static unsigned int spin_us = 100;
module_param(spin_us, uint, 0644);
MODULE_PARM_DESC(spin_us, "microseconds to look on before sleeping, at most");

static u32 most(void)
{
	return min(READ_ONCE(spin_us), SPIN_MOST) * NSEC_PER_USEC;
}

u32 chan_spin_time(const struct chan_spin *spin)
{
	return min(READ_ONCE(spin->ns), most());
}

void chan_spin_learn(struct chan_spin *spin, u64 waited)
{
	u32 ns = READ_ONCE(spin->ns);
	u32 better;

	if (waited <= most())
		better = min(max(2 * ns, SPIN_LEAST), most());
	else
		better = ns / 2 < SPIN_LEAST ? 0 : ns / 2;
	if (better != ns)
		WRITE_ONCE(spin->ns, better);
}
