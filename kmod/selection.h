/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * selection.h - what a select has to choose from
 */
#ifndef CHAN_SELECTION_H
#define CHAN_SELECTION_H

#include <linux/chan.h>
#include <linux/file.h>
#include <linux/types.h>

#include "endpoint.h"
#include "op.h"

/* So many arms need no memory but the stack. */
#define CHAN_SELECTION_FEW 8

/**
 * struct chan_place - where an arm is
 * @endpoint: on which; NULL: the descriptor is not open
 * @fd: what holds that
 */
struct chan_place {
	struct chan_endpoint *endpoint;
	struct fd fd;
};

/**
 * struct chan_selection - the arms of a select
 * @ops: their records; whole once they were needed
 * @whole: a bit for each record that was read whole, and not only what tells
 *	whether it is well-formed
 * @places: where they are
 * @referenced: does any of @places hold a reference?
 * @meets: has it a SEND with cap 0?
 * @fails: does an arm fail, whatever is there?
 * @uptr: where the records are in user space
 * @size: of one of them there
 * @nr: how many
 * @opened: of how many the place is known
 * @flags: CHAN_ORDERED, CHAN_NOWAIT
 * @deadline: CLOCK_MONOTONIC nanoseconds, 0 is none
 * @ready: the numbers of those that were not known to have to wait when they
 *	were opened, in their order
 * @nr_ready: how many
 * @index: the arm that has succeeded or failed, or -1
 * @random: where the choice at random goes on from; 0: it has not begun
 *
 * Lives on the stack of its task. Each field of a record is read once.
 */
struct chan_selection {
	struct chan_op *ops;
	u64 whole;
	struct chan_place *places;
	void __user *uptr;
	size_t size;
	unsigned int nr;
	unsigned int opened;
	bool referenced;
	bool meets;
	bool fails;
	u32 flags;
	u64 deadline;
	u8 *ready;
	unsigned int nr_ready;
	int index;
	u64 random;
};

/**
 * chan_selection_read() - read the records, and open what they name
 * @sel: with room for them, and what of them is known already zero
 * @file: an endpoint, for those that name no other
 *
 * Return: 0; -EFAULT, -EINVAL or -E2BIG: for one of them. To be closed in any
 * case.
 */
int chan_selection_read(struct chan_selection *sel, const struct file *file);

/**
 * chan_selection_close() - let go of the endpoints
 * @sel: that was read
 */
void chan_selection_close(struct chan_selection *sel);

/**
 * chan_selection_call() - one arm as an operation of its own
 * @sel: of which
 * @i: its number
 * @call: result: waits as the select does; must not wait itself
 *
 * Return: 0 or -EFAULT.
 */
int chan_selection_call(struct chan_selection *sel, unsigned int i,
			struct chan_call *call);

/**
 * chan_selection_restore() - put a record back as it was read
 * @sel: of which
 * @i: the number of an arm whose call has written it
 */
void chan_selection_restore(const struct chan_selection *sel, unsigned int i);

/**
 * chan_selection_draw() - choose at random, or with CHAN_ORDERED the first
 * @sel: for which
 * @from: how many there are, at least two
 *
 * Return: a number below @from, each as likely as the others.
 */
unsigned int chan_selection_draw(struct chan_selection *sel, unsigned int from);

#endif /* CHAN_SELECTION_H */
