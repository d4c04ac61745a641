/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - the kernel versions chan builds for, and nothing else
 *
 * The only file that asks for a version. A difference between kernels gets the
 * name of the feature here, and the other files use that name. The goal of
 * this file is to be empty.
 */
#ifndef CHAN_COMPAT_H
#define CHAN_COMPAT_H

#include <linux/version.h>

#if KERNEL_VERSION(6, 12, 0) > LINUX_VERSION_CODE
#error "chan needs Linux 6.12 or newer; point KDIR at the headers of such a kernel"
#endif

/* A timer is set up in one call. */
#if KERNEL_VERSION(6, 13, 0) > LINUX_VERSION_CODE
#include <linux/hrtimer.h>

static inline void
hrtimer_setup(struct hrtimer *timer,
	      enum hrtimer_restart (*expired)(struct hrtimer *),
	      clockid_t clock, const enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = expired;
}
#endif

/* A command of io_uring may have many completions. */
#define CHAN_COMPAT_URING_MULTISHOT \
	(KERNEL_VERSION(7, 2, 0) <= LINUX_VERSION_CODE)

/*
 * Commands of io_uring, for the file that includes its header before this one;
 * that header tells by itself what it has.
 *
 * CHAN_COMPAT_URING_WORK() makes of @function (command, issue flags, is its task
 * dead) what io_uring calls in the task of a command.
 */
#ifdef _LINUX_IO_URING_CMD_H

#ifdef IORING_URING_CMD_MULTISHOT
#define chan_compat_uring_done(cmd, result, issue_flags) \
	io_uring_cmd_done(cmd, result, issue_flags)
#else
#define chan_compat_uring_done(cmd, result, issue_flags) \
	io_uring_cmd_done(cmd, result, 0, issue_flags)
#endif

#ifdef IO_URING_CMD_TASK_WORK_ISSUE_FLAGS
#define CHAN_COMPAT_URING_WORK(name, function)                              \
	static void name(struct io_tw_req request, io_tw_token_t token)     \
	{                                                                   \
		function(io_uring_cmd_from_tw(request),                     \
			 IO_URING_CMD_TASK_WORK_ISSUE_FLAGS, token.cancel); \
	}
#else
#define CHAN_COMPAT_URING_WORK(name, function)                         \
	static void name(struct io_uring_cmd *cmd, unsigned int flags) \
	{                                                              \
		function(cmd, flags & ~IO_URING_F_TASK_DEAD,           \
			 flags & IO_URING_F_TASK_DEAD);                \
	}
#endif

#ifdef io_uring_sqe128_cmd
#define chan_compat_uring_entry(sqe, type) io_uring_sqe_cmd(sqe, type)
#else
#define chan_compat_uring_entry(sqe, type) ((const type *)io_uring_sqe_cmd(sqe))
#endif

/* 6.12 refuses them by itself. */
#define chan_compat_uring_polls(cmd) \
	(cmd_to_io_kiocb(cmd)->ctx->flags & IORING_SETUP_IOPOLL)

/*
 * Those of a command with many completions.
 *
 * chan_compat_uring_select() says where its next buffer is, and how long; NULL: there
 * is none. Each is posted or unselected before the next is selected, and before
 * the lock of the ring is dropped.
 *
 * chan_compat_uring_post() is false if there is no room for a completion. The
 * buffer is used up all the same: then chan_compat_uring_done_unposted() makes it
 * the last one, for which room is made. It is completed when the lock of the ring is
 * dropped; until then it can be said that it has a buffer.
 */
#if CHAN_COMPAT_URING_MULTISHOT
/**
 * struct chan_compat_uring_buffer - one that is selected
 * @selected: what io_uring knows of it
 */
struct chan_compat_uring_buffer {
	struct io_br_sel selected;
};

static inline bool chan_compat_uring_is_multishot(struct io_uring_cmd *cmd)
{
	return (cmd->flags & IORING_URING_CMD_MASK) ==
	       IORING_URING_CMD_MULTISHOT;
}

static inline bool chan_compat_uring_is_silent(struct io_uring_cmd *cmd)
{
	return cmd_to_io_kiocb(cmd)->flags & REQ_F_CQE_SKIP;
}

static inline void __user *
chan_compat_uring_select(struct io_uring_cmd *cmd, u16 group, size_t *len,
			 struct chan_compat_uring_buffer *buffer,
			 unsigned int issue_flags)
{
	*len = 0;
	buffer->selected =
		io_uring_cmd_buffer_select(cmd, group, len, issue_flags);
	if (IS_ERR_VALUE(buffer->selected.val))
		return NULL;
	return buffer->selected.addr;
}

static inline void
chan_compat_uring_unselect(struct io_uring_cmd *cmd,
			   struct chan_compat_uring_buffer *buffer,
			   unsigned int issue_flags)
{
	buffer->selected.val = 0;
	io_uring_mshot_cmd_post_cqe(cmd, &buffer->selected, issue_flags);
}

static inline bool
chan_compat_uring_post(struct io_uring_cmd *cmd, int result,
		       struct chan_compat_uring_buffer *buffer,
		       unsigned int issue_flags)
{
	buffer->selected.val = result;
	return !io_uring_mshot_cmd_post_cqe(cmd, &buffer->selected,
					    issue_flags);
}

static inline void chan_compat_uring_done_unposted(struct io_uring_cmd *cmd,
						   int result,
						   unsigned int issue_flags)
{
	struct io_kiocb *request = cmd_to_io_kiocb(cmd);
	u32 flags = request->cqe.flags;

	io_uring_cmd_done(cmd, result, issue_flags);
	if (issue_flags & IO_URING_F_COMPLETE_DEFER)
		request->cqe.flags = flags;
}
#else
/**
 * struct chan_compat_uring_buffer - there is none
 */
struct chan_compat_uring_buffer {
};

static inline bool chan_compat_uring_is_multishot(struct io_uring_cmd *cmd)
{
	return false;
}

static inline bool chan_compat_uring_is_silent(struct io_uring_cmd *cmd)
{
	return false;
}

static inline void __user *
chan_compat_uring_select(struct io_uring_cmd *cmd, u16 group, size_t *len,
			 struct chan_compat_uring_buffer *buffer,
			 unsigned int issue_flags)
{
	return NULL;
}

static inline void
chan_compat_uring_unselect(struct io_uring_cmd *cmd,
			   struct chan_compat_uring_buffer *buffer,
			   unsigned int issue_flags)
{
}

static inline bool
chan_compat_uring_post(struct io_uring_cmd *cmd, int result,
		       struct chan_compat_uring_buffer *buffer,
		       unsigned int issue_flags)
{
	return false;
}

static inline void chan_compat_uring_done_unposted(struct io_uring_cmd *cmd,
						   int result,
						   unsigned int issue_flags)
{
	chan_compat_uring_done(cmd, result, issue_flags);
}
#endif /* CHAN_COMPAT_URING_MULTISHOT */

#endif /* _LINUX_IO_URING_CMD_H */

#endif /* CHAN_COMPAT_H */
