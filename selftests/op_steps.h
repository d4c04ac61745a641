/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations on their way: one that sleeps, one that is interrupted, a receipt
 * that must come, and a channel in which nothing has changed or nothing is
 * left. It expects nothing of the module by itself.
 */
#ifndef OP_STEPS_H
#define OP_STEPS_H

#include "ops.h"
#include "traffic.h"

/* Garbage where the results of a SEND go, and where those of a RECV go. */
static inline struct chan_op with_garbage(struct chan_op op)
{
	op.id = 0xcccccccccccccccc;
	op.verdict = 0xcccccccc;
	op.error = 0xcccccccc;
	op.attempt = 0xcccccccc;
	op.state = 0xcccccccc;
	op.result = (__s32)0xcccccccc;
	op.uid = 0xcccccccc;
	op.gid = 0xcccccccc;
	op.pid = (__s32)0xcccccccc;
	op.badge = 0xcccccccccccccccc;
	op.sent_at = 0xcccccccccccccccc;
	return op;
}

/* Receives what is there or comes; a test that hangs tells less. */
static inline struct chan_op op_soon(void *buf, size_t len)
{
	struct chan_op op = with_garbage(op_recv(buf, len));

	op.duty = 0xcc;
	op.prio = 0xcc;
	op.tag = 0xcccccccccccccccc;
	op.deadline = in_ms(BUDGET * 1000);
	return op;
}

static inline struct chan_op op_now(void *buf, size_t len)
{
	struct chan_op op = op_soon(buf, len);

	op.deadline = 0;
	op.flags = CHAN_NOWAIT;
	return op;
}

static inline struct chan_op op_peek(void *buf, size_t len)
{
	struct chan_op op = op_soon(buf, len);

	op.flags = CHAN_PEEK;
	return op;
}

/* Sleeps in the entry to the kernel: one that has returned never does. */
static inline bool op_sleeps(struct running *running)
{
	int where = entry == BY_A_RING ? SYS_io_uring_enter : SYS_ioctl;

	return BECOMES(running->tid && sleeps_in(running->tid) == where) &&
	       !running->over;
}

/* The id as another thread finds it, in the record of one that waits. */
static inline __u64 id_of(struct running *running)
{
	return __atomic_load_n(&running->op.id, __ATOMIC_RELAXED);
}

/* Interrupts one that sleeps; true once the handler has run. */
static inline bool op_interrupt(struct running *running)
{
	int before = signals_taken;

	pthread_kill(running->thread, SIGUSR1);
	return BECOMES(signals_taken > before);
}

/* Nothing of what STAT tells has changed. */
static inline bool is_unchanged(int fd, const struct chan_stat *before)
{
	struct chan_stat after = stat_now(fd);

	return !memcmp(before, &after, sizeof(after));
}

/* 0 if nobody waits and no message is on its way. */
static inline int nothing_is_left(int fd)
{
	struct chan_stat s = stat_now(fd);

	CHECK_EQ(0, s.queued);
	CHECK_EQ(0, s.unsettled);
	CHECK_EQ(0, s.bytes);
	CHECK_EQ(0, s.parked_senders);
	CHECK_EQ(0, s.parked_receivers);
	return 0;
}

#endif /* OP_STEPS_H */
