/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * The engine io_uring: an operation is a command, and the kernel goes on with it. The
 * queues are as large as the ring, so they are never full.
 */
#ifndef RING_URING_H
#define RING_URING_H

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "ring.h"

/* Every kernel that chan is for has both. */
#define URING_FEATURES (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_EXT_ARG)

static int uring_accepts(const struct chan_op *op)
{
	(void)op;
	return 0;
}

/* It is a call. */
static int uring_asks(struct chan_ring *ring, const struct chan_op *op)
{
	(void)ring;
	return uring_accepts(op);
}

static void uring_rest(struct chan_ring *ring)
{
	(void)ring;
}

/*
 * io_uring's own ways to cancel do not reach a command. A receive is ended by its
 * tag, so it gets one that nobody else has on this endpoint.
 */
static uint64_t uring_tag(const struct chan_ring *ring, const struct slot *slot)
{
	return ring->tags | (uint32_t)(address_of(slot) / sizeof(void *));
}

/* The record is the program's again; a message has told it the sender's tag. */
static void uring_give_back(struct slot *slot, bool done)
{
	struct chan_op *op = slot->op;

	op->fd = slot->fd;
	if (op->code == CHAN_OP_RECV && !done)
		op->tag = slot->tag;
}

static void uring_start(struct chan_ring *ring, struct slot *slot)
{
	struct uring *uring = &ring->uring;
	unsigned int tail = *uring->sq_tail;
	struct io_uring_sqe *sqe = &uring->sqes[tail & uring->sq_mask];
	struct chan_op *op = slot->op;

	if (op->code == CHAN_OP_RECV)
		op->tag = uring_tag(ring, slot);
	else if (op->code == CHAN_OP_SEND)
		op->id = 0;
	chan_prep_run(sqe, op);
	sqe->user_data = address_of(slot);
	__atomic_store_n(uring->sq_tail, tail + 1, __ATOMIC_RELEASE);
}

static unsigned int uring_unsubmitted(const struct uring *uring)
{
	return *uring->sq_tail -
	       __atomic_load_n(uring->sq_head, __ATOMIC_ACQUIRE);
}

static bool uring_is_quiet(const struct uring *uring)
{
	return *uring->cq_head ==
	       __atomic_load_n(uring->cq_tail, __ATOMIC_ACQUIRE);
}

/* How many were submitted, or why none was and the waiting has ended. */
static int uring_enter(struct chan_ring *ring, unsigned int wanted,
		       unsigned int flags, uint64_t deadline)
{
	struct __kernel_timespec left = timespec_of(time_left(deadline));
	struct io_uring_getevents_arg arg = {
		.ts = deadline ? address_of(&left) : 0,
	};

	return QUIETLY(syscall(
		SYS_io_uring_enter, ring->fd, uring_unsubmitted(&ring->uring),
		wanted, flags | IORING_ENTER_EXT_ARG, &arg, sizeof(arg)));
}

static int uring_submit(struct chan_ring *ring)
{
	int ret = 0;

	if (uring_unsubmitted(&ring->uring))
		ret = uring_enter(ring, 0, 0, 0);
	return ret < 0 ? ret : 0;
}

static struct slot *uring_take(struct uring *uring)
{
	unsigned int head = *uring->cq_head;
	const struct io_uring_cqe *cqe = &uring->cqes[head & uring->cq_mask];
	struct slot *slot;

	if (uring_is_quiet(uring))
		return NULL;
	slot = (struct slot *)(uintptr_t)cqe->user_data;
	slot->result = cqe->res;
	__atomic_store_n(uring->cq_head, head + 1, __ATOMIC_RELEASE);
	return slot;
}

/* What was started meanwhile must not wait for those that are over. */
static struct slot *uring_reap(struct chan_ring *ring)
{
	struct slot *slot = uring_take(&ring->uring);

	if (!slot)
		return NULL;
	uring_submit(ring);
	uring_give_back(slot, slot->result >= 0);
	return slot;
}

/* Of an entry that has submitted as well, the end of the waiting is not told. */
static int uring_wait(struct chan_ring *ring, uint64_t deadline)
{
	unsigned int wanted = !has_passed(deadline);
	int ret = uring_enter(ring, wanted, IORING_ENTER_GETEVENTS, deadline);

	if (ret == -ETIME)
		return -ETIMEDOUT;
	if (ret < 0)
		return ret;
	if (!uring_is_quiet(&ring->uring))
		return 0;
	return has_passed(deadline) ? -ETIMEDOUT : -EINTR;
}

/*
 * 0: it will be over. -ENOENT: it is. -EALREADY: it will be when its receiver
 * acknowledges it. The id may be written meanwhile.
 */
static int uring_end(const struct chan_ring *ring, const struct slot *slot)
{
	int ret;

	switch (slot->op->code) {
	case CHAN_OP_RECV:
		ret = chan_cancel_tag(slot->fd, uring_tag(ring, slot));
		return ret > 0 ? 0 : -ENOENT;
	case CHAN_OP_SEND:
	case CHAN_OP_WAIT:
		return chan_cancel(slot->fd, __atomic_load_n(&slot->op->id,
							     __ATOMIC_RELAXED));
	default:
		return -ENOENT;
	}
}

static int uring_cancel(struct chan_ring *ring, uint64_t token)
{
	int ended = 0;

	uring_submit(ring);
	for (unsigned int i = 0; i < ring->capacity; i++) {
		struct slot *slot = &ring->slots[i];

		if (slot->op && slot->token == token && !uring_end(ring, slot))
			ended++;
	}
	return ended;
}

/* True if one is left that is over or will be. */
static bool uring_end_all(struct chan_ring *ring)
{
	bool more = false;

	for (unsigned int i = 0; i < ring->capacity; i++) {
		struct slot *slot = &ring->slots[i];

		if (slot->op && uring_end(ring, slot) != -EALREADY)
			more = true;
	}
	return more;
}

/* What was started and not submitted never will be. */
static void uring_forget_started(struct chan_ring *ring)
{
	struct uring *uring = &ring->uring;

	while (uring_unsubmitted(uring)) {
		unsigned int tail = *uring->sq_tail - 1;
		const struct io_uring_sqe *sqe =
			&uring->sqes[tail & uring->sq_mask];
		struct slot *slot = (struct slot *)(uintptr_t)sqe->user_data;

		uring_give_back(slot, false);
		slot->op = NULL;
		*uring->sq_tail = tail;
	}
}

static void uring_unmap(struct chan_ring *ring)
{
	struct uring *uring = &ring->uring;

	if (uring->sqes)
		munmap(uring->sqes, uring->sqes_size);
	if (uring->queues)
		munmap(uring->queues, uring->queues_size);
	close_quietly(ring->fd);
}

/*
 * All that can be ended; nothing that is over is told any more. What is not reached,
 * for its descriptor is another one's now, is not waited for without end.
 */
static void uring_end_commands(struct chan_ring *ring, uint64_t patience)
{
	struct slot *slot;
	int ret = 0;

	while (uring_end_all(ring) && (!ret || ret == -EINTR)) {
		ret = uring_wait(ring, patience);
		while ((slot = uring_take(&ring->uring))) {
			uring_give_back(slot, slot->result >= 0);
			slot->op = NULL;
		}
	}
}

/*
 * What has to be acknowledged ends with the ring, which the kernel ends when it
 * likes, and not at all while a child has it.
 */
static void uring_await_rest(const struct chan_ring *ring, uint64_t patience)
{
	for (unsigned int i = 0; i < ring->capacity; i++) {
		const struct slot *slot = &ring->slots[i];

		while (slot->op && uring_end(ring, slot) == -EALREADY &&
		       !has_passed(patience))
			sched_yield();
	}
}

/* So nothing is written to a record after this. */
static void uring_close(struct chan_ring *ring)
{
	const uint64_t patience = chan_in_ms(1000);

	uring_forget_started(ring);
	uring_end_commands(ring, patience);
	uring_unmap(ring);
	uring_await_rest(ring, patience);
}

static const struct engine uring_engine = {
	.name = CHAN_RING_URING,
	.accepts = uring_accepts,
	.asks = uring_asks,
	.start = uring_start,
	.submit = uring_submit,
	.reap = uring_reap,
	.wait = uring_wait,
	.rest = uring_rest,
	.cancel = uring_cancel,
	.close = uring_close,
};

static void *uring_map(const struct chan_ring *ring, size_t size, off_t what)
{
	int before = errno;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, ring->fd, what);

	errno = before;
	return p == MAP_FAILED ? NULL : p;
}

/* Places in the submission queue are names of entries: always their own. */
static void uring_find_queues(struct uring *uring,
			      const struct io_uring_params *params)
{
	char *queues = uring->queues;
	unsigned int *array = (void *)(queues + params->sq_off.array);

	uring->sq_head = (void *)(queues + params->sq_off.head);
	uring->sq_tail = (void *)(queues + params->sq_off.tail);
	uring->sq_mask = params->sq_entries - 1;
	uring->cq_head = (void *)(queues + params->cq_off.head);
	uring->cq_tail = (void *)(queues + params->cq_off.tail);
	uring->cq_mask = params->cq_entries - 1;
	uring->cqes = (void *)(queues + params->cq_off.cqes);
	for (unsigned int i = 0; i < params->sq_entries; i++)
		array[i] = i;
}

static size_t uring_size(const struct io_uring_params *params)
{
	size_t submissions = params->sq_off.array +
			     params->sq_entries * sizeof(unsigned int);
	size_t completions = params->cq_off.cqes +
			     params->cq_entries * sizeof(struct io_uring_cqe);

	return submissions > completions ? submissions : completions;
}

static int uring_map_queues(struct chan_ring *ring,
			    const struct io_uring_params *params)
{
	struct uring *uring = &ring->uring;

	uring->queues_size = uring_size(params);
	uring->sqes_size = params->sq_entries * sizeof(*uring->sqes);
	uring->queues = uring_map(ring, uring->queues_size, IORING_OFF_SQ_RING);
	uring->sqes = uring_map(ring, uring->sqes_size, IORING_OFF_SQES);
	if (!uring->queues || !uring->sqes)
		return -ENOMEM;
	uring_find_queues(uring, params);
	return 0;
}

/* One entry that fails must not keep the others from being submitted. */
static int uring_open(struct chan_ring *ring)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SUBMIT_ALL };
	int ret = QUIETLY(syscall(SYS_io_uring_setup, ring->capacity, &params));

	if (ret < 0)
		return ret;
	ring->fd = ret;
	ring->tags = (uint64_t)getpid() << 32;
	if ((params.features & URING_FEATURES) != URING_FEATURES)
		ret = -EOPNOTSUPP;
	else
		ret = uring_map_queues(ring, &params);
	if (ret)
		uring_unmap(ring);
	else
		ring->engine = &uring_engine;
	return ret;
}

#endif /* RING_URING_H */
