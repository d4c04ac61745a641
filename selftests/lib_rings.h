/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the library's rings share: the engines they run on, which are
 * io_uring, and poll where that is wanted, or where io_uring is forbidden by the
 * administrator or a filter of system calls, or missing; and what a ring tells.
 */
#ifndef LIB_RINGS_H
#define LIB_RINGS_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>

#include "lib_test.h"

#define SYSCTL "/proc/sys/kernel/io_uring_disabled"

/* Why there is no io_uring. */
enum obstacle { NONE, NOT_WANTED, DISABLED, FILTERED };

/* For this process, and for good. */
static inline int filter_io_uring(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return -errno;
	return 0;
}

static inline int forbid_io_uring(enum obstacle obstacle, int error)
{
	switch (obstacle) {
	case DISABLED:
		return write_text(SYSCTL, "2");
	case FILTERED:
		return filter_io_uring(error);
	default:
		return 0;
	}
}

/* A ring, once io_uring is forbidden. */
static inline int open_despite(struct chan_ring **ring, unsigned int capacity,
			       enum obstacle obstacle, int error)
{
	int ret = forbid_io_uring(obstacle, error);

	if (ret)
		return ret;
	return LIB(chan_ring_open(ring, capacity,
				  obstacle == NOT_WANTED ? CHAN_RING_POLL : 0));
}

/* In the parent, whatever became of the test. */
static inline void permit_io_uring(enum obstacle obstacle, long long before)
{
	if (obstacle == DISABLED)
		write_text(SYSCTL, before ? "1" : "0");
}

/* The result of the next that is over; -EUCLEAN if that is another one. */
static inline int ring_next(struct chan_ring *ring, uint64_t token)
{
	struct chan_done done = { .token = ~token };
	int ret = LIB(chan_ring_next(ring, &done, SOON));

	if (ret)
		return ret == -ENOENT ? -ENODATA : ret;
	if (done.token != token || done.op->result != done.result) {
		fprintf(stderr, "# %d is of %llu\n", done.result,
			(unsigned long long)done.token);
		return -EUCLEAN;
	}
	return done.result;
}

/* Nothing is over, but something is under way. */
static inline bool ring_is_quiet(struct chan_ring *ring)
{
	struct chan_done done;

	return LIB(chan_ring_next(ring, &done, CHAN_AT_ONCE)) == -ETIMEDOUT;
}

static inline bool ring_is_empty(struct chan_ring *ring)
{
	struct chan_done done;

	return LIB(chan_ring_next(ring, &done, 0)) == -ENOENT;
}

static inline bool is_readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && p.revents == POLLIN;
}

#endif /* LIB_RINGS_H */
