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

#endif /* _LINUX_IO_URING_CMD_H */

#endif /* CHAN_COMPAT_H */
