/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations through io_uring: the kinds of ring there are, a command in one
 * line, and what is posted for it. It expects nothing of the module by itself,
 * but that one completion comes for each command, and tells what its record
 * tells.
 */
#ifndef RINGS_H
#define RINGS_H

#include <liburing.h>

#include "ops.h"

/* The kinds -------------------------------------------------------------- */

#define RING_ENTRIES 64

/* How a ring's work gets to its task: by a signal, or when it enters. */
enum ring_kind { RING_PLAIN, RING_DEFER, RING_SQPOLL, RING_COOP, RING_KINDS };

static const struct {
	const char *name;
	unsigned int flags;
} ring_kinds[RING_KINDS] = {
	[RING_PLAIN] = { "plain", 0 },
	[RING_DEFER] = { "defer", IORING_SETUP_SINGLE_ISSUER |
					  IORING_SETUP_DEFER_TASKRUN },
	[RING_SQPOLL] = { "sqpoll", IORING_SETUP_SQPOLL },
	[RING_COOP] = { "coop", IORING_SETUP_COOP_TASKRUN },
};

static inline int ring_make(struct io_uring *ring, enum ring_kind kind,
			    unsigned int entries)
{
	struct io_uring_params params = {
		.flags = ring_kinds[kind].flags,
		.sq_thread_idle = 1, /* ms; it takes a processor as long */
	};

	return io_uring_queue_init_params(entries, ring, &params);
}

/* Commands --------------------------------------------------------------- */

/* The record stays where it is until the completion has come. */
static inline void prep_command(struct io_uring_sqe *sqe, int fd,
				struct chan_op *op, __u64 user_data)
{
	const __u64 command[2] = { address(op) };

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = CHAN_IOC_OP;
	memcpy(sqe->cmd, command, sizeof(command));
	sqe->user_data = user_data;
}

/* Named after its record. */
static inline struct io_uring_sqe *add_command(struct io_uring *ring, int fd,
					       struct chan_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe)
		abort();
	prep_command(sqe, fd, op, address(op));
	return sqe;
}

/*
 * One command, on its way; true unless the ring is in trouble. The thread of a
 * ring that polls may have taken it before it is counted.
 */
static inline bool command(struct io_uring *ring, int fd, struct chan_op *op)
{
	add_command(ring, fd, op);
	return io_uring_submit(ring) >= 0;
}

/* Completions ------------------------------------------------------------ */

#define NO_COMPLETION (-ETIME)

/* The next, in time; *@op says whose. */
static inline int completion(struct io_uring *ring, struct chan_op **op)
{
	struct __kernel_timespec budget = { .tv_sec = BUDGET };
	struct io_uring_cqe *cqe;
	int ret;

	do
		ret = io_uring_wait_cqe_timeout(ring, &cqe, &budget);
	while (ret == -EINTR);
	if (ret)
		return ret;
	if (op)
		*op = (struct chan_op *)(uintptr_t)cqe->user_data;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

/* Of this one, which is the next to come. */
static inline int completes(struct io_uring *ring, const struct chan_op *op)
{
	struct chan_op *of = NULL;
	int result = completion(ring, &of);

	if (of && of != op) {
		fprintf(stderr, "# %d is posted for another command\n", result);
		return -EUCLEAN;
	}
	return result;
}

/* Nothing is posted that has not been seen; lets the ring do what it can. */
static inline bool is_quiet(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	io_uring_submit_and_get_events(ring);
	return io_uring_peek_cqe(ring, &cqe) == -EAGAIN;
}

/* Operations -------------------------------------------------------------- */

/* By which kind of ring run() goes, where it is BY_A_RING. */
static enum ring_kind ring_kind;

/* The calling thread's own of that kind. */
static inline struct io_uring *ring_of_this_thread(void)
{
	static __thread struct io_uring rings[RING_KINDS];
	static __thread bool is_made[RING_KINDS];

	if (!is_made[ring_kind] &&
	    ring_make(&rings[ring_kind], ring_kind, RING_ENTRIES))
		abort();
	is_made[ring_kind] = true;
	return &rings[ring_kind];
}

static inline int run_by_ring(int fd, struct chan_op *op)
{
	struct io_uring *ring = ring_of_this_thread();
	struct io_uring_cqe *cqe;
	int result;

	if (!command(ring, fd, op))
		abort();
	/* Who sees it wait for a completion takes the command for issued. */
	while (io_uring_sq_ready(ring))
		usleep(100);
	while (io_uring_wait_cqe(ring, &cqe))
		;
	result = cqe->res;
	if (cqe->user_data != address(op))
		abort();
	io_uring_cqe_seen(ring, cqe);
	return result;
}

static inline void enter_by_ring(enum ring_kind kind)
{
	ring_kind = kind;
	entry = BY_A_RING;
	run_command = run_by_ring;
}

#endif /* RINGS_H */
