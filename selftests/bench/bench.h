/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.h - what the workloads have in common
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

#include <linux/chan.h>

#define SIZE  8
#define BATCH 32 /* messages in an entry, where there are many */

/* One direction: what is written to the one descriptor is read from the other. */
struct lane {
	int in;
	int out;
};

static inline struct chan_op send_op(uint8_t until, uint8_t duty,
				     const void *message)
{
	return (struct chan_op){
		.code = CHAN_OP_SEND,
		.until = until,
		.duty = duty,
		.buf = (uintptr_t)message,
		.len = SIZE,
	};
}

static inline struct chan_op receive_op(void *message)
{
	return (struct chan_op){
		.code = CHAN_OP_RECV,
		.buf = (uintptr_t)message,
		.len = SIZE,
	};
}

/* Two rings that post to each other: the peers of a round trip have one each. */
struct lane open_rings(void);
void echo_ring(const struct lane *there, const struct lane *back);
uint64_t round_trips_ring(const struct lane *there, const struct lane *back,
			  unsigned int rounds);

/* Calls as commands of io_uring: one entry and one completion of the caller. */
void serve_uring(const struct lane *there, const struct lane *back);
uint64_t calls_uring(const struct lane *there, const struct lane *back,
		     unsigned int rounds);

/* @nr sends, BATCH in an entry. */
uint64_t send_many_uring(int fd, unsigned int nr);

#endif /* BENCH_H */
