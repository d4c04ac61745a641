// SPDX-License-Identifier: GPL-2.0-only
/*
 * uring.c - the io_uring door
 *
 * Owns the way of an operation through io_uring: the command is read once, runs
 * at once if it can, and otherwise goes on as a pending operation, until its
 * completion is posted. It decides nothing about messages.
 *
 * All that is done with a pending operation here is done under the lock of its
 * ring: issuing, going on and canceling. Whatever would come without that lock
 * is sent to the ring's task first. That task is also the only one that copies:
 * when it is gone, or the ring is, nothing is copied any more.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/io_uring/cmd.h>

#include "compat.h"
#include "endpoint.h"
#include "feature.h"
#include "op.h"
#include "pending.h"
#include "record.h"
#include "uring.h"

/**
 * struct entry - the bytes of a command in its submission queue entry
 * @record: the address of its struct chan_op
 * @spare: 0
 */
struct entry {
	u64 record;
	u64 spare;
};

/**
 * struct command - what is kept with a command
 * @record: the address of its record
 * @pending: its operation, once it has to wait
 */
struct command {
	u64 record;
	struct chan_pending *pending;
};

static struct command *command_of(struct io_uring_cmd *cmd)
{
	return io_uring_cmd_to_pdu(cmd, struct command);
}

/* The entry is in memory that user space may be writing to. */
static int read_entry(struct io_uring_cmd *cmd)
{
	const struct entry *entry;
	u64 record, spare;

	entry = chan_compat_uring_entry(cmd->sqe, struct entry);
	record = READ_ONCE(entry->record);
	spare = READ_ONCE(entry->spare);

	if (CHAN_IOC_BARE(cmd->cmd_op) != CHAN_IOC_BARE(CHAN_IOC_OP))
		return -EOPNOTSUPP;
	if (spare || cmd->flags & IORING_URING_CMD_MASK)
		return -EINVAL;
	*command_of(cmd) = (struct command){ .record = record };
	return 0;
}

static void end(struct io_uring_cmd *cmd, int result, unsigned int issue_flags)
{
	chan_pending_destroy(command_of(cmd)->pending);
	chan_compat_uring_done(cmd, result, issue_flags);
}

/* Its memory: also a task that is about to run another program. */
static bool is_leaving(bool dead)
{
	return dead || current->in_execve;
}

static void go_on(struct io_uring_cmd *cmd, unsigned int issue_flags, bool dead)
{
	int result;

	result = chan_pending_continue(command_of(cmd)->pending,
				       is_leaving(dead));
	if (result != -EINPROGRESS)
		end(cmd, result, issue_flags);
}

CHAN_COMPAT_URING_WORK(go_on_in_task, go_on)

/*
 * Not lazily: a task that waits for several completions would not be woken for
 * the first, whose sender may be waiting for its receipt.
 */
static void resume(struct chan_pending *pending)
{
	io_uring_cmd_complete_in_task(pending->owner, go_on_in_task);
}

static int begin(struct io_uring_cmd *cmd)
{
	struct chan_endpoint *endpoint = cmd->file->private_data;
	const struct chan_record record = {
		.uptr = u64_to_user_ptr(command_of(cmd)->record),
		.usize = _IOC_SIZE(cmd->cmd_op),
	};
	struct chan_call call __uninitialized;
	struct chan_pending *pending;
	int result;

	result = chan_op_read(&call, &record);
	if (result)
		return result;
	call.posted = true;
	if (call.op.fd && call.op.fd != -1)
		return chan_op_finish(&call, -EINVAL);
	result = chan_op_run_at_once(endpoint, &call);
	if (result != -EINPROGRESS)
		return result;
	pending = chan_pending_create(endpoint, &call);
	if (IS_ERR(pending))
		return PTR_ERR(pending);
	pending->resume = resume;
	pending->owner = cmd;
	command_of(cmd)->pending = pending;
	return -EINPROGRESS;
}

/*
 * The ring has to know that it can be canceled before anybody else knows of it
 * at all; and what the ring knows has to be completed by a call.
 */
static int issue(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	int result;

	result = begin(cmd);
	if (result != -EINPROGRESS)
		return result;
	io_uring_cmd_mark_cancelable(cmd, issue_flags);
	result = chan_pending_start(command_of(cmd)->pending);
	if (result != -EINPROGRESS)
		end(cmd, result, issue_flags);
	return -EIOCBQUEUED;
}

/* To io_uring, -EAGAIN means that the command is to be issued by a worker. */
static int issue_now(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	int result = issue(cmd, issue_flags);

	if (result != -EAGAIN)
		return result;
	chan_compat_uring_done(cmd, result, issue_flags);
	return -EIOCBQUEUED;
}

static void issue_late(struct io_uring_cmd *cmd, unsigned int issue_flags,
		       bool dead)
{
	int result = is_leaving(dead) ? -ECANCELED : issue(cmd, issue_flags);

	if (result != -EIOCBQUEUED)
		chan_compat_uring_done(cmd, result, issue_flags);
}

CHAN_COMPAT_URING_WORK(issue_in_task, issue_late)

int chan_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	int err;

	if (issue_flags & IO_URING_F_CANCEL) {
		chan_pending_cancel(command_of(cmd)->pending);
		return 0;
	}
	/* A ring that polls for completions would never see one that waits. */
	if (chan_compat_uring_polls(cmd) ||
	    chan_feature_lacks(CHAN_FEATURE_URING))
		return -EOPNOTSUPP;
	err = read_entry(cmd);
	if (err)
		return err;
	if (!(issue_flags & IO_URING_F_UNLOCKED))
		return issue_now(cmd, issue_flags);
	io_uring_cmd_complete_in_task(cmd, issue_in_task);
	return -EIOCBQUEUED;
}
