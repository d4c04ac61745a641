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
#include <linux/slab.h>
#include <linux/uaccess.h>

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
 * @group: of the buffers for its messages, if it receives many
 */
struct command {
	u64 record;
	struct chan_pending *pending;
	u16 group;
};

/**
 * struct multishot - what is kept with a command that starts over
 * @series: of its pending operation
 * @cmd: the command
 * @issue_flags: of this turn
 * @has_buffer: @buffer is selected and not posted
 * @buffer: for the message of this turn
 * @is_unposted: its last message found no room among the completions
 */
struct multishot {
	struct chan_series series;
	struct io_uring_cmd *cmd;
	unsigned int issue_flags;
	bool has_buffer;
	struct chan_compat_uring_buffer buffer;
	bool is_unposted;
};

/* Messages that one command posts before others have their turn. */
#define TURN 32

static struct command *command_of(struct io_uring_cmd *cmd)
{
	return io_uring_cmd_to_pdu(cmd, struct command);
}

/* Of a command that has to wait; NULL if that is for one message only. */
static struct multishot *shots_of(struct io_uring_cmd *cmd)
{
	struct chan_series *series =
		chan_pending_series(command_of(cmd)->pending);

	if (likely(!series))
		return NULL;
	return container_of(series, struct multishot, series);
}

/* One whose success is not posted would not tell of its last message. */
static int read_flags(struct io_uring_cmd *cmd)
{
	struct command *command = command_of(cmd);

	if (!chan_compat_uring_is_multishot(cmd) ||
	    chan_compat_uring_is_silent(cmd) ||
	    chan_feature_lacks(CHAN_FEATURE_URING_MULTISHOT))
		return -EINVAL;
	command->group = READ_ONCE(cmd->sqe->buf_group);
	return 0;
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
	if (spare)
		return -EINVAL;
	command_of(cmd)->record = record;
	return cmd->flags & IORING_URING_CMD_MASK ? read_flags(cmd) : 0;
}

static void end(struct io_uring_cmd *cmd, int result, unsigned int issue_flags)
{
	chan_pending_destroy(command_of(cmd)->pending);
	chan_compat_uring_done(cmd, result, issue_flags);
}

static void end_shots(struct multishot *shots, int result)
{
	struct io_uring_cmd *cmd = shots->cmd;

	if (!shots->is_unposted) {
		end(cmd, result, shots->issue_flags);
	} else {
		chan_pending_destroy(command_of(cmd)->pending);
		chan_compat_uring_done_unposted(cmd, result,
						shots->issue_flags);
	}
	kfree(shots);
}

/* Its memory: also a task that is about to run another program. */
static bool is_leaving(bool dead)
{
	return dead || current->in_execve;
}

static void start_over(struct io_uring_cmd *cmd, unsigned int issue_flags,
		       bool dead);
CHAN_COMPAT_URING_WORK(start_over_in_task, start_over)

static void unselect(struct multishot *shots)
{
	if (shots->has_buffer)
		chan_compat_uring_unselect(shots->cmd, &shots->buffer,
					   shots->issue_flags);
	shots->has_buffer = false;
}

/* The message is received: whether or not it is the last, it is posted. */
static int post(struct multishot *shots, int len)
{
	int result = shots->series.call.record.usize + len;

	shots->has_buffer = false;
	if (chan_compat_uring_post(shots->cmd, result, &shots->buffer,
				   shots->issue_flags))
		return 0;
	shots->is_unposted = true;
	return result;
}

/* One message after the other, until there is none, or others are kept waiting. */
static int receive_all(struct multishot *shots, int result)
{
	struct chan_pending *pending = command_of(shots->cmd)->pending;

	for (unsigned int nr = 1; result >= 0; nr++) {
		result = post(shots, result);
		if (result)
			return result;
		if (nr == TURN) {
			io_uring_cmd_complete_in_task(shots->cmd,
						      start_over_in_task);
			return -EINPROGRESS;
		}
		result = chan_pending_start_over(pending);
	}
	unselect(shots);
	return result;
}

static void begin_turn(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct multishot *shots = shots_of(cmd);

	if (unlikely(shots))
		shots->issue_flags = issue_flags;
}

static noinline void end_turn_of_shots(struct multishot *shots, int result)
{
	result = receive_all(shots, result);
	if (result != -EINPROGRESS)
		end_shots(shots, result);
}

static __always_inline void end_turn(struct io_uring_cmd *cmd, int result,
				     unsigned int issue_flags)
{
	struct multishot *shots = shots_of(cmd);

	if (unlikely(shots))
		end_turn_of_shots(shots, result);
	else if (result != -EINPROGRESS)
		end(cmd, result, issue_flags);
}

static void go_on(struct io_uring_cmd *cmd, unsigned int issue_flags, bool dead)
{
	int result;

	begin_turn(cmd, issue_flags);
	result = chan_pending_continue(command_of(cmd)->pending,
				       is_leaving(dead));
	end_turn(cmd, result, issue_flags);
}

static void start_over(struct io_uring_cmd *cmd, unsigned int issue_flags,
		       bool dead)
{
	struct chan_pending *pending = command_of(cmd)->pending;
	int result = -ECANCELED;

	begin_turn(cmd, issue_flags);
	if (!is_leaving(dead) && !pending->canceled)
		result = chan_pending_start_over(pending);
	end_turn(cmd, result, issue_flags);
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

static int make_pending(struct io_uring_cmd *cmd, struct chan_call *call)
{
	struct chan_pending *pending;

	pending = chan_pending_create(cmd->file->private_data, call);
	if (IS_ERR(pending))
		return PTR_ERR(pending);
	pending->resume = resume;
	pending->owner = cmd;
	command_of(cmd)->pending = pending;
	return -EINPROGRESS;
}

/* What this kernel does not know of a record is zero there. */
static int blank_rest(const struct chan_record *record)
{
	size_t known = sizeof(struct chan_op);

	if (record->usize <= known)
		return 0;
	if (clear_user(record->uptr + known, record->usize - known))
		return -EFAULT;
	return 0;
}

/* The record and the payload, one behind the other, in the next buffer. */
static int provide(struct chan_series *series, u32 len, struct chan_payload *to)
{
	struct multishot *shots =
		container_of(series, struct multishot, series);
	struct chan_record *record = &series->call.record;
	size_t room;

	/* From a message that was taken back while it was being copied. */
	unselect(shots);
	record->uptr = chan_compat_uring_select(shots->cmd,
						command_of(shots->cmd)->group,
						&room, &shots->buffer,
						shots->issue_flags);
	if (!record->uptr)
		return -ENOBUFS;
	shots->has_buffer = true;
	if (room < record->usize || room - record->usize < len)
		return -EMSGSIZE;
	to->address = record->uptr + record->usize;
	series->call.op.buf = (uintptr_t)to->address;
	return blank_rest(record);
}

static noinline int begin_shots(struct io_uring_cmd *cmd,
				struct chan_call *call)
{
	struct multishot *shots;
	int result;

	result = chan_op_permit_series(cmd->file->private_data, &call->op);
	if (result)
		return chan_op_finish(call, result);
	shots = kzalloc(sizeof(*shots), CHAN_GFP);
	if (!shots)
		return chan_op_finish(call, -ENOMEM);
	shots->cmd = cmd;
	shots->series.provide = provide;
	result = make_pending(cmd, call);
	if (result == -EINPROGRESS)
		chan_pending_make_series(command_of(cmd)->pending,
					 &shots->series);
	else
		kfree(shots);
	return result;
}

static int begin(struct io_uring_cmd *cmd)
{
	struct chan_endpoint *endpoint = cmd->file->private_data;
	const struct chan_record record = {
		.uptr = u64_to_user_ptr(command_of(cmd)->record),
		.usize = _IOC_SIZE(cmd->cmd_op),
	};
	struct chan_call call __uninitialized;
	int result;

	result = chan_op_read(&call, &record);
	if (result)
		return result;
	call.posted = true;
	if (call.op.fd && call.op.fd != -1)
		return chan_op_finish(&call, -EINVAL);
	if (unlikely(chan_compat_uring_is_multishot(cmd)))
		return begin_shots(cmd, &call);
	result = chan_op_run_at_once(endpoint, &call);
	if (result != -EINPROGRESS)
		return result;
	return make_pending(cmd, &call);
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
	begin_turn(cmd, issue_flags);
	result = chan_pending_start(command_of(cmd)->pending);
	end_turn(cmd, result, issue_flags);
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
