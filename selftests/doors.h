/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The doors through which plain messages go in and out: read and write, readv
 * and writev, READ and WRITE of io_uring.  For tests whose promise is the same
 * through each, as variants.
 *
 * A door's functions return the length or a negative errno.  The first two wait
 * if they must; the others give up instead, by RWF_NOWAIT, for io_uring waits
 * even where O_NONBLOCK is set.
 */
#ifndef DOORS_H
#define DOORS_H

#include <liburing.h>

#include "traffic.h"

struct door {
	ssize_t (*send)(int fd, const void *buf, size_t len);
	ssize_t (*receive)(int fd, void *buf, size_t len);
	ssize_t (*send_now)(int fd, const void *buf, size_t len);
	ssize_t (*receive_now)(int fd, void *buf, size_t len);
};

/* In five parts: the first byte, nothing, a third, nothing, the others. */
#define PARTS 5

static inline void part(struct iovec vec[PARTS], void *buf, size_t len)
{
	size_t first = len ? 1 : 0, third = len / 3;
	char *p = buf;

	if (first + third > len)
		third = 0;
	vec[0] = (struct iovec){ p, first };
	vec[1] = (struct iovec){ NULL, 0 };
	vec[2] = (struct iovec){ p + first, third };
	vec[3] = (struct iovec){ NULL, 0 };
	vec[4] = (struct iovec){ p + first + third, len - first - third };
}

static inline ssize_t gather(int fd, const void *buf, size_t len)
{
	struct iovec vec[PARTS];
	ssize_t n;

	part(vec, (void *)buf, len);
	n = writev(fd, vec, PARTS);
	return n < 0 ? -errno : n;
}

static inline ssize_t scatter(int fd, void *buf, size_t len)
{
	struct iovec vec[PARTS];
	ssize_t n;

	part(vec, buf, len);
	n = readv(fd, vec, PARTS);
	return n < 0 ? -errno : n;
}

static inline ssize_t gather_now(int fd, const void *buf, size_t len)
{
	struct iovec vec[PARTS];
	ssize_t n;

	part(vec, (void *)buf, len);
	n = pwritev2(fd, vec, PARTS, -1, RWF_NOWAIT);
	return n < 0 ? -errno : n;
}

static inline ssize_t scatter_now(int fd, void *buf, size_t len)
{
	struct iovec vec[PARTS];
	ssize_t n;

	part(vec, buf, len);
	n = preadv2(fd, vec, PARTS, -1, RWF_NOWAIT);
	return n < 0 ? -errno : n;
}

/* The calling thread's own ring. */
static inline struct io_uring *ring_of_thread(void)
{
	static __thread struct io_uring ring;
	static __thread bool is_made;

	if (!is_made && io_uring_queue_init(16, &ring, 0))
		abort();
	is_made = true;
	return &ring;
}

/* The next result, whatever for; -ETIME if none comes in time. */
static inline int ring_result(struct io_uring *ring, struct io_uring_cqe *copy)
{
	struct __kernel_timespec budget = { .tv_sec = BUDGET };
	struct io_uring_cqe *cqe;
	int ret = io_uring_wait_cqe_timeout(ring, &cqe, &budget);

	if (ret)
		return ret;
	*copy = *cqe;
	io_uring_cqe_seen(ring, cqe);
	return 0;
}

static inline ssize_t ring_run(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	ssize_t n;

	if (io_uring_submit(ring) != 1)
		abort();
	while (io_uring_wait_cqe(ring, &cqe))
		;
	n = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return n;
}

static inline ssize_t ring_write(int fd, const void *buf, size_t len, int flags)
{
	struct io_uring *ring = ring_of_thread();
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_write(sqe, fd, buf, len, -1);
	sqe->rw_flags = flags;
	return ring_run(ring);
}

static inline ssize_t ring_read(int fd, void *buf, size_t len, int flags)
{
	struct io_uring *ring = ring_of_thread();
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_read(sqe, fd, buf, len, -1);
	sqe->rw_flags = flags;
	return ring_run(ring);
}

static inline ssize_t ring_send(int fd, const void *buf, size_t len)
{
	return ring_write(fd, buf, len, 0);
}

static inline ssize_t ring_receive(int fd, void *buf, size_t len)
{
	return ring_read(fd, buf, len, 0);
}

static inline ssize_t ring_send_now(int fd, const void *buf, size_t len)
{
	return ring_write(fd, buf, len, RWF_NOWAIT);
}

static inline ssize_t ring_receive_now(int fd, void *buf, size_t len)
{
	return ring_read(fd, buf, len, RWF_NOWAIT);
}

/* Never sleeps in the channel: polls, then tries; @fd has O_NONBLOCK. */
static inline ssize_t poll_and_receive(int fd, void *buf, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	do {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
		n = take_bytes(fd, buf, len);
	} while (n == -EAGAIN);
	return n;
}

static const struct door door_plain = {
	.send = put_bytes,
	.receive = take_bytes,
	.send_now = put_bytes_now,
	.receive_now = take_bytes_now,
};

static const struct door door_vector = {
	.send = gather,
	.receive = scatter,
	.send_now = gather_now,
	.receive_now = scatter_now,
};

static const struct door door_ring = {
	.send = ring_send,
	.receive = ring_receive,
	.send_now = ring_send_now,
	.receive_now = ring_receive_now,
};

#endif /* DOORS_H */
