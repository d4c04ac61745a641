/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * A ring as both of its engines know it: places for operations, which are taken when
 * one starts and free again when its end was told. All memory is there from the
 * beginning; what an engine keeps beside stands in its own file.
 */
#ifndef RING_H
#define RING_H

#include <linux/io_uring.h>

#include "internal.h"

/**
 * struct slot - a place for an operation
 * @next: behind this one in a line
 * @op: its record; NULL: the slot is free
 * @token: what the program knows it by
 * @tag: that of the record when it began
 * @fd: the endpoint, while the record does not have it
 * @flags: those of the record when it began
 * @asks: it is a question of chan_ring_ask()
 * @reply_len: how much its answer may have
 * @id: of a question of the engine poll; who answers has to know it
 * @is_asked: it was sent, and its answer is waited for
 * @result: once it is over
 */
struct slot {
	struct slot *next;
	struct chan_op *op;
	uint64_t token;
	uint64_t tag;
	int fd;
	unsigned int flags;
	bool asks;
	bool is_asked;
	uint64_t reply_len;
	uint64_t id;
	int result;
};

/**
 * struct line - slots, first come first served
 * @first: NULL: there are none
 * @last: only if there is a first
 */
struct line {
	struct slot *first, *last;
};

static void line_append(struct line *line, struct slot *slot)
{
	slot->next = NULL;
	if (line->first)
		line->last->next = slot;
	else
		line->first = slot;
	line->last = slot;
}

static struct slot *line_shift(struct line *line)
{
	struct slot *first = line->first;

	if (first)
		line->first = first->next;
	return first;
}

/**
 * struct engine - one of the two
 * @name: CHAN_RING_URING or CHAN_RING_POLL
 * @accepts: 0, or -EOPNOTSUPP for an operation that it cannot do
 * @asks: 0, or why a question cannot be asked
 * @start: takes note of a slot
 * @submit: begins what was started
 * @reap: the next slot that is over, or NULL
 * @wait: submits, and waits until one may be over; -ETIMEDOUT, -EINTR
 * @rest: nothing is under way: does what has to be done nevertheless
 * @cancel: ends what has a token, and says how many
 * @close: ends everything; then nothing writes to a record any more
 */
struct engine {
	int name;
	int (*accepts)(const struct chan_op *op);
	int (*asks)(struct chan_ring *ring, const struct chan_op *op);
	void (*start)(struct chan_ring *ring, struct slot *slot);
	int (*submit)(struct chan_ring *ring);
	struct slot *(*reap)(struct chan_ring *ring);
	int (*wait)(struct chan_ring *ring, uint64_t deadline);
	void (*rest)(struct chan_ring *ring);
	int (*cancel)(struct chan_ring *ring, uint64_t token);
	void (*close)(struct chan_ring *ring);
};

/**
 * struct uring - what the engine io_uring keeps, all of it shared with the kernel
 * @queues: both queues, as they are mapped
 * @queues_size: how much that is
 * @sqes: the entries of the submission queue
 * @sqes_size: how much they are
 * @sq_head: how many the kernel has taken
 * @sq_tail: how many were written
 * @sq_mask: of a number its place
 * @cq_head: how many completions were seen
 * @cq_tail: how many were posted
 * @cq_mask: of a number its place
 * @cqes: the completions
 */
struct uring {
	void *queues;
	size_t queues_size;
	struct io_uring_sqe *sqes;
	size_t sqes_size;
	unsigned int *sq_head, *sq_tail, sq_mask;
	unsigned int *cq_head, *cq_tail, cq_mask;
	struct io_uring_cqe *cqes;
};

/* What waits on an endpoint, by what it waits for. */
enum direction { RECEIVING, SENDING, DIRECTIONS };

/**
 * struct lane - an endpoint on which operations wait
 * @next: in its bucket, or among those that are free
 * @fd: its descriptor
 * @events: what epoll watches it for
 * @nr_asked: questions that were sent to it and have no answer
 * @waiting: operations; the first of each line is tried when it is ready
 */
struct lane {
	struct lane *next;
	int fd;
	uint32_t events;
	unsigned int nr_asked;
	struct line waiting[DIRECTIONS];
};

/* Numbers that are fetched at once. */
#define CHANCES 32

/**
 * struct asking - what questions of the engine poll have in common
 * @fd: the channel for their answers; -1: there is none yet
 * @channel: the number in its name
 * @bytes_max: what the answers that it holds may count
 * @promised: what those may count that are still to come
 * @buf: room for one message, on its way out or in
 * @size: how much that is
 * @chances: numbers that nobody can guess
 * @nr_chances: how many of them are left
 */
struct asking {
	int fd;
	uint64_t channel;
	uint64_t bytes_max;
	uint64_t promised;
	void *buf;
	size_t size;
	uint64_t chances[CHANCES];
	unsigned int nr_chances;
};

/**
 * struct polling - what the engine poll keeps
 * @alarm: a timer; it makes the descriptor of the ring readable
 * @alarm_at: when it goes off; 0: never
 * @earliest: no operation that waits has a deadline before; 0: none has one
 * @nr_waiting: operations in all lanes, questions without an answer among them
 * @started: operations that nobody has tried yet
 * @over: operations whose end was not told yet
 * @free: lanes
 * @buckets: the other lanes, by their descriptor
 * @mask: of a descriptor its bucket
 * @asking: of questions
 */
struct polling {
	int alarm;
	uint64_t alarm_at;
	uint64_t earliest;
	unsigned int nr_waiting;
	struct line started;
	struct line over;
	struct lane *free;
	struct lane **buckets;
	unsigned int mask;
	struct asking asking;
};

/**
 * struct chan_ring - operations that are under way
 * @engine: who does them
 * @fd: readable when one may be over
 * @capacity: how many slots there are
 * @under_way: how many of them are taken
 * @size: of all this memory
 * @tags: what the tags of its receives have in common
 * @free: slots
 * @uring: of the one engine
 * @polling: of the other
 * @slots: all of them; behind them are lanes and buckets
 */
struct chan_ring {
	const struct engine *engine;
	int fd;
	unsigned int capacity;
	unsigned int under_way;
	size_t size;
	uint64_t tags;
	struct slot *free;
	union {
		struct uring uring;
		struct polling polling;
	};
	struct slot slots[];
};

/* Nanoseconds; no longer than any clock can count from now. */
static uint64_t time_left(uint64_t deadline)
{
	const uint64_t longest = INT64_MAX / 2;
	uint64_t now = chan_in_ns(0);

	if (deadline <= now)
		return 0;
	return deadline - now < longest ? deadline - now : longest;
}

static bool has_passed(uint64_t deadline)
{
	return deadline && !time_left(deadline);
}

static struct __kernel_timespec timespec_of(uint64_t ns)
{
	return (struct __kernel_timespec){
		.tv_sec = (long long)(ns / 1000000000),
		.tv_nsec = (long long)(ns % 1000000000),
	};
}

#endif /* RING_H */
