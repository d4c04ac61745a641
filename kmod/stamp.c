// SPDX-License-Identifier: GPL-2.0-only
/*
 * stamp.c - who a message comes from
 *
 * Owns the identity that endpoints give to their messages, and how others see
 * it. Who bears a stamp, and until when, is said where messages move.
 */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include <linux/chan.h>

#include "compat.h"
#include "stamp.h"

struct chan_stamp *chan_stamp_create(u64 badge)
{
	struct chan_stamp *stamp;

	stamp = kmalloc(sizeof(*stamp), GFP_KERNEL_ACCOUNT);
	if (!stamp)
		return NULL;
	*stamp = (struct chan_stamp){
		.euid = current_euid(),
		.egid = current_egid(),
		.pid = get_pid(task_tgid(current)),
		.badge = badge,
		.bearers = 1,
	};
	return stamp;
}

void chan_stamp_destroy_list(struct chan_stamp *stamp)
{
	struct chan_stamp *next;

	for (; stamp; stamp = next) {
		next = stamp->next_retired;
		put_pid(stamp->pid);
		kfree(stamp);
	}
}

/*
 * The first namespaces show what there is; to look up that takes as long as a
 * copy.
 */

/* The number of a process that is gone may be another's by now. */
static pid_t visible_pid(struct pid *pid)
{
	struct pid_namespace *seen_from = ns_of_pid(task_pid(current));

	if (!pid_has_task(pid, PIDTYPE_TGID))
		return 0;
	if (likely(seen_from == &init_pid_ns))
		return pid_nr(pid);
	return pid_nr_ns(pid, seen_from);
}

static void show_user(const struct chan_stamp *stamp, struct chan_op *op)
{
	struct user_namespace *seen_from = current_user_ns();

	if (likely(seen_from == &init_user_ns)) {
		op->uid = __kuid_val(stamp->euid);
		op->gid = __kgid_val(stamp->egid);
	} else {
		op->uid = from_kuid_munged(seen_from, stamp->euid);
		op->gid = from_kgid_munged(seen_from, stamp->egid);
	}
}

void chan_stamp_show(const struct chan_stamp *stamp, struct chan_op *op)
{
	show_user(stamp, op);
	op->pid = visible_pid(stamp->pid);
	op->badge = stamp->badge;
}
