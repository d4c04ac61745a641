/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * What the files of the library share: the way into the kernel, and the words
 * for it. Everything here is inline, so that the archive has no names but those
 * of chan.h.
 */
#ifndef INTERNAL_H
#define INTERNAL_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chan.h"

static inline __u64 address_of(const void *p)
{
	return (uintptr_t)p;
}

/* What a system call returns, or a negative errno; errno stays as it was. */
#define QUIETLY(call)                    \
	({                               \
		int before_ = errno;     \
		int ret_ = (int)(call);  \
		if (ret_ < 0) {          \
			ret_ = -errno;   \
			errno = before_; \
		}                        \
		ret_;                    \
	})

static inline int kernel(int fd, unsigned long request, void *record)
{
	return QUIETLY(ioctl(fd, request, record));
}

static inline int open_path(const char *path, int flags)
{
	return QUIETLY(open(path, flags | O_CLOEXEC));
}

static inline void close_quietly(int fd)
{
	int before = errno;

	close(fd);
	errno = before;
}

/* All zero; NULL: there is none. */
static inline void *map_quietly(size_t size)
{
	int before = errno;
	void *made = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	errno = before;
	return made == MAP_FAILED ? NULL : made;
}

/* The same on the control node, which is opened for it. */
static inline int control(unsigned long request, void *record)
{
	int fd = open_path(CHAN_CONTROL_PATH, O_RDWR);
	int ret;

	if (fd < 0)
		return fd;
	ret = kernel(fd, request, record);
	close_quietly(fd);
	return ret;
}

/*
 * A record in which nothing is said, by halves: compilers clear as much with a few
 * wide stores, and all of it with a slow loop.
 */
static inline void blank(struct chan_op *op, unsigned int code)
{
	const size_t half = offsetof(struct chan_op, id);

	memset(op, 0, half);
	memset((char *)op + half, 0, sizeof(*op) - half);
	op->code = code;
}

/* As far as it says; what does not exist is for the kernel to refuse. */
static inline void make_until(struct chan_op *op, unsigned int until)
{
	op->until = until <= CHAN_UNTIL_SETTLED ? until : UINT8_MAX;
	if (until == CHAN_UNTIL_SETTLED)
		op->duty = CHAN_DUTY_ACK;
}

static inline void make_work(struct chan_op *op)
{
	op->duty = CHAN_DUTY_ACK;
	op->on_death = CHAN_ON_DEATH_REDELIVER;
}

/*
 * Why the kernel does not know an ioctl of that feature: it is -EOPNOTSUPP if the
 * module is too old, otherwise @err. What the others pay for is an ioctl that works.
 */
static inline int why_unknown(int fd, __u64 feature, int err)
{
	struct chan_query query;

	if (chan_query(fd, &query) || query.features & feature)
		return err;
	return -EOPNOTSUPP;
}

/* The result; @op is left to be run again. */
static inline int run(int fd, struct chan_op *op)
{
	int ret;

	op->fd = -1;
	ret = kernel(fd, CHAN_IOC_OP, op);
	op->fd = fd;
	if (__builtin_expect(ret == -ENOTTY, 0))
		return why_unknown(fd, CHAN_FEATURE_OP, ret);
	return ret ? ret : op->result;
}

/*
 * To the kernel -1 is the endpoint that the ioctl is on. Here it is none, such as
 * the return of a function that failed; and so is any other that is never open.
 */
#define NEVER_OPEN INT_MIN

static inline bool exchange_fds(const struct chan_batch *batch, int from,
				int to)
{
	struct chan_op *op = (void *)(uintptr_t)batch->ops;
	bool any = false;

	for (unsigned int i = 0; i < batch->nr; i++, op++) {
		if (op->fd != from)
			continue;
		op->fd = to;
		any = true;
	}
	return any;
}

/* On the endpoint of the first record. */
static inline int run_several(unsigned long request, __u64 feature,
			      struct chan_batch *batch)
{
	const struct chan_op *first = (void *)(uintptr_t)batch->ops;
	bool none;
	int ret;

	if (!batch->nr || batch->nr > CHAN_BATCH_MAX)
		return -EINVAL;
	none = exchange_fds(batch, -1, NEVER_OPEN);
	ret = kernel(first->fd, request, batch);
	if (none)
		exchange_fds(batch, NEVER_OPEN, -1);
	return ret == -ENOTTY ? why_unknown(first->fd, feature, -EINVAL) : ret;
}

/* A channel with room for so many empty messages, and paid for no more than that. */
static inline int create_for_empty(const char *name, unsigned int cap)
{
	struct chan_create create = {
		.cap = cap,
		.msg_max = 1,
		.bytes_max = (cap + 1ULL) * CHAN_MSG_OVERHEAD,
		.name = address_of(name),
	};

	return chan_create_with(&create);
}

/* The error that made it useless. */
static inline int undo_create(const char *name, int fd, int error)
{
	if (name)
		chan_remove(name);
	close_quietly(fd);
	return error;
}

#endif /* INTERNAL_H */
