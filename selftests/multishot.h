/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One command that receives message after message: buffers that a ring may
 * take, the command, and what is posted for each message. It expects nothing of
 * the module by itself, but that a buffer is what a completion says.
 */
#ifndef MULTISHOT_H
#define MULTISHOT_H

#include "rings.h"

/* Of kernels that are newer than the headers. */
#ifndef IORING_URING_CMD_MULTISHOT
#define IORING_URING_CMD_MULTISHOT (1U << 1)
#endif

/* Buffers that are used up piece by piece. */
#ifndef IOU_PBUF_RING_INC
#define IOU_PBUF_RING_INC 2
#endif

#define GROUP 7

static inline bool has_multishot(int control)
{
	struct chan_query query;

	return !get_query(control, &query) &&
	       query.features & CHAN_FEATURE_URING_MULTISHOT;
}

#define SKIP_WITHOUT_MULTISHOT(control)                                           \
	do {                                                                      \
		if (!has_multishot(control))                                      \
			SKIP(return,                                              \
				   "this kernel's commands have one completion"); \
	} while (0)

/* Buffers -------------------------------------------------------------------- */

/* Buffers of one size, in memory that all share, and the ring that lists them. */
struct pool {
	struct io_uring *ring;
	struct io_uring_buf_ring *list;
	unsigned int nr, size;
	unsigned char *buffers;
};

static inline unsigned char *pool_buffer(const struct pool *pool,
					 unsigned int id)
{
	return pool->buffers + id * pool->size;
}

static inline void pool_give(struct pool *pool, unsigned int id)
{
	unsigned char *buffer = pool_buffer(pool, id);

	memset(buffer, 0xcc, pool->size);
	io_uring_buf_ring_add(pool->list, buffer, pool->size, id,
			      io_uring_buf_ring_mask(pool->nr), 0);
	io_uring_buf_ring_advance(pool->list, 1);
}

static inline void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* @nr is a power of two; the buffers are in no list yet. */
static inline int pool_make(struct pool *pool, unsigned int nr,
			    unsigned int size)
{
	*pool = (struct pool){ .nr = nr, .size = size };
	pool->list = shared_memory(nr * sizeof(struct io_uring_buf));
	pool->buffers = shared_memory(nr * size);
	return pool->list && pool->buffers ? 0 : -ENOMEM;
}

static inline int pool_register_with(struct pool *pool, struct io_uring *ring,
				     __u16 flags)
{
	struct io_uring_buf_reg reg = {
		.ring_addr = address(pool->list),
		.ring_entries = pool->nr,
		.bgid = GROUP,
	};

	/* What older headers call padding. */
	memcpy((char *)&reg + offsetof(struct io_uring_buf_reg, bgid) +
		       sizeof(reg.bgid),
	       &flags, sizeof(flags));
	pool->ring = ring;
	io_uring_buf_ring_init(pool->list);
	return io_uring_register_buf_ring(ring, &reg, 0);
}

static inline int pool_register(struct pool *pool, struct io_uring *ring)
{
	return pool_register_with(pool, ring, 0);
}

/* All of them are there for the ring. */
static inline int pool_open(struct pool *pool, struct io_uring *ring,
			    unsigned int nr, unsigned int size)
{
	int err;

	err = pool_make(pool, nr, size);
	if (!err)
		err = pool_register(pool, ring);
	for (unsigned int i = 0; !err && i < nr; i++)
		pool_give(pool, i);
	return err;
}

static inline void pool_free(struct pool *pool)
{
	munmap(pool->list, pool->nr * sizeof(struct io_uring_buf));
	munmap(pool->buffers, pool->nr * pool->size);
}

/* The command ---------------------------------------------------------------- */

static inline struct chan_op op_multishot(__u64 tag)
{
	return (struct chan_op){ .code = CHAN_OP_RECV, .tag = tag };
}

static inline struct io_uring_sqe *add_multishot(struct io_uring *ring, int fd,
						 struct chan_op *op)
{
	struct io_uring_sqe *sqe = add_command(ring, fd, op);

	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	sqe->uring_cmd_flags = IORING_URING_CMD_MULTISHOT;
	return sqe;
}

static inline bool multishot(struct io_uring *ring, int fd, struct chan_op *op)
{
	add_multishot(ring, fd, op);
	return io_uring_submit(ring) >= 0;
}

/* Completions ---------------------------------------------------------------- */

/* One completion, as it was posted. */
struct shot {
	int res;
	bool more;
	bool has_buffer;
	unsigned int id;
	const struct chan_op *of; /* the record of the command */
};

static inline struct shot shot_of(const struct io_uring_cqe *cqe)
{
	return (struct shot){
		.res = cqe->res,
		.more = cqe->flags & IORING_CQE_F_MORE,
		.has_buffer = cqe->flags & IORING_CQE_F_BUFFER,
		.id = cqe->flags >> IORING_CQE_BUFFER_SHIFT,
		.of = (const struct chan_op *)(uintptr_t)cqe->user_data,
	};
}

/* The next, in time. */
static inline struct shot next_shot(struct io_uring *ring)
{
	struct __kernel_timespec budget = { .tv_sec = BUDGET };
	struct io_uring_cqe *cqe;
	struct shot shot;
	int ret;

	do
		ret = io_uring_wait_cqe_timeout(ring, &cqe, &budget);
	while (ret == -EINTR);
	if (ret)
		return (struct shot){ .res = NO_COMPLETION };
	shot = shot_of(cqe);
	io_uring_cqe_seen(ring, cqe);
	return shot;
}

static inline const struct chan_op *shot_record(const struct pool *pool,
						const struct shot *shot)
{
	return (const struct chan_op *)pool_buffer(pool, shot->id);
}

static inline const unsigned char *shot_payload(const struct pool *pool,
						const struct shot *shot)
{
	return pool_buffer(pool, shot->id) + sizeof(struct chan_op);
}

/* 0: it brings these bytes, in a buffer that tells the same. */
static inline int shot_brings(const struct pool *pool, const struct shot *shot,
			      const void *bytes, size_t len)
{
	const struct chan_op *record = shot_record(pool, shot);

	CHECK_EQ(sizeof(*record) + len, shot->res);
	CHECK_EQ(true, shot->has_buffer);
	CHECK_EQ(true, shot->id < pool->nr);
	CHECK_EQ(len, record->len);
	CHECK_EQ(len, record->result);
	CHECK_EQ(address(shot_payload(pool, shot)), record->buf);
	CHECK_EQ(0, memcmp(bytes, shot_payload(pool, shot), len));
	return 0;
}

/* The same of the next, which is one of several; its buffer goes back. */
static inline int next_brings(struct pool *pool, const void *bytes, size_t len)
{
	struct shot shot = next_shot(pool->ring);

	CHECK_EQ(0, shot_brings(pool, &shot, bytes, len));
	CHECK_EQ(true, shot.more);
	pool_give(pool, shot.id);
	return 0;
}

/* 0: the next is the last, and says why; no buffer is used up for that. */
static inline int next_ends(struct pool *pool, const struct chan_op *op,
			    int result)
{
	struct shot shot = next_shot(pool->ring);

	CHECK_EQ(result, shot.res);
	CHECK_EQ(false, shot.more);
	CHECK_EQ(false, shot.has_buffer);
	CHECK_EQ(true, shot.of == op);
	CHECK_EQ(result, op->result);
	return 0;
}

#endif /* MULTISHOT_H */
