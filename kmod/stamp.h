/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stamp.h - who a message comes from
 */
#ifndef CHAN_STAMP_H
#define CHAN_STAMP_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct chan_op;
struct pid;

/**
 * struct chan_stamp - the identity of an endpoint, frozen when it was made
 * @euid: of whoever opened or derived it
 * @egid: likewise
 * @pid: likewise, the process; referenced
 * @badge: 0 is none
 * @bearers: the endpoint, and its messages on their way; under the channel's
 *	lock, so that no message costs an atomic operation
 * @next_retired: among the stamps that nobody bears any more
 *
 * Made with its endpoint and outlives it as long as one of its messages does.
 */
struct chan_stamp {
	kuid_t euid;
	kgid_t egid;
	struct pid *pid;
	u64 badge;
	unsigned int bearers;
	struct chan_stamp *next_retired;
};

/**
 * chan_stamp_create() - freeze the identity of the current task
 * @badge: goes with it
 *
 * Return: a stamp with one bearer, or NULL.
 */
struct chan_stamp *chan_stamp_create(u64 badge);

/**
 * chan_stamp_drop() - one bearer less
 * @stamp: which; the lock of its channel held
 *
 * Return: true if nobody bears it any more, and the caller sees to it that
 * chan_stamp_destroy_list() gets it.
 */
static inline bool chan_stamp_drop(struct chan_stamp *stamp)
{
	return !--stamp->bearers;
}

/**
 * chan_stamp_destroy_list() - free stamps that nobody bears
 * @stamp: the first, linked by their @next_retired, or NULL
 */
void chan_stamp_destroy_list(struct chan_stamp *stamp);

/**
 * chan_stamp_show() - tell it to a receiver
 * @stamp: borne by a message that the caller has claimed
 * @op: gets uid, gid, pid and badge as the current task's namespaces see them
 */
void chan_stamp_show(const struct chan_stamp *stamp, struct chan_op *op);

#endif /* CHAN_STAMP_H */
