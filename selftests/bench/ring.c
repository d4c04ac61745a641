// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring.c - the workloads by io_uring
 *
 * Owns the rings. Those of channels are of the kind that has its work done when
 * its task enters the kernel; two rings that post to each other do that by the
 * other's task, so they are plain. Commands are as a program gives them that is
 * in a hurry: files are registered, and records are used again.
 */
#include <err.h>
#include <liburing.h>
#include <string.h>
#include <x86intrin.h>

#include "bench.h"

static void make_ring(struct io_uring *ring, unsigned int flags)
{
	int ret = io_uring_queue_init(2 * BATCH, ring, flags);

	if (ret)
		errx(1, "io_uring_setup: %s", strerror(-ret));
}

static void make_command_ring(struct io_uring *ring)
{
	make_ring(ring,
		  IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

/* That of the process that measures; its partners inherit it, and cannot use it. */
static struct io_uring *own_ring(void)
{
	static struct io_uring ring;

	if (!ring.ring_fd)
		make_command_ring(&ring);
	return &ring;
}

/* Each ring has one file, that of all its entries. */
static void register_file(struct io_uring *ring, int fd)
{
	io_uring_unregister_files(ring);
	if (io_uring_register_files(ring, &fd, 1))
		errx(1, "io_uring_register");
}

static struct io_uring_sqe *add_command(struct io_uring *ring,
					const struct chan_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	const uint64_t command[2] = { (uintptr_t)op };

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, 0, NULL, 0, 0);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->cmd_op = CHAN_IOC_OP;
	memcpy(sqe->cmd, command, sizeof(command));
	return sqe;
}

static void enter(struct io_uring *ring, unsigned int completions)
{
	if (io_uring_submit_and_wait(ring, completions) < 0)
		errx(1, "io_uring_enter");
}

/* Of the next completion, which is there. */
static int take_result(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int result;

	if (io_uring_peek_cqe(ring, &cqe))
		errx(1, "a completion is missing");
	result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return result;
}

/* Of as many completions as there are, at once. */
static void take_successes(struct io_uring *ring, unsigned int nr)
{
	struct io_uring_cqe *cqe;
	unsigned int head, taken = 0;

	io_uring_for_each_cqe(ring, head, cqe) {
		if (cqe->res)
			errx(1, "a send that failed");
		taken++;
	}
	if (taken != nr)
		errx(1, "a completion is missing");
	io_uring_cq_advance(ring, taken);
}

/* Two rings ----------------------------------------------------------------- */

static struct io_uring rings[2];
static unsigned int nr_rings;

struct lane open_rings(void)
{
	struct io_uring *ring = &rings[nr_rings++ % 2];

	make_ring(ring, 0);
	return (struct lane){ .in = ring->ring_fd, .out = ring->ring_fd };
}

/* A ring cannot be registered with another. */
static void post(struct io_uring *from, const struct io_uring *to,
		 unsigned int completions)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(from);

	io_uring_prep_msg_ring(sqe, to->ring_fd, SIZE, 0, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	enter(from, completions);
}

void echo_ring(const struct lane *there, const struct lane *back)
{
	(void)there;
	(void)back;
	enter(&rings[0], 1);
	for (;;) {
		take_result(&rings[0]);
		post(&rings[0], &rings[1], 1);
	}
}

uint64_t round_trips_ring(const struct lane *there, const struct lane *back,
			  unsigned int rounds)
{
	uint64_t begun = __rdtsc();

	(void)there;
	(void)back;
	for (unsigned int i = 0; i < rounds; i++) {
		post(&rings[1], &rings[0], 1);
		if (take_result(&rings[1]) != SIZE)
			errx(1, "a post of another length");
	}
	return __rdtsc() - begun;
}

/* Commands ------------------------------------------------------------------ */

/* Answers the one, and waits for the next, in one entry. */
void serve_uring(const struct lane *there, const struct lane *back)
{
	char message[SIZE];
	struct chan_op receive = receive_op(message);
	struct chan_op settle = {
		.code = CHAN_OP_SETTLE,
		.verdict = CHAN_REPLY,
		.buf = (uintptr_t)message,
		.len = SIZE,
	};
	struct io_uring own, *ring = &own;

	(void)back;
	make_command_ring(ring);
	register_file(ring, there->in);
	add_command(ring, &receive);
	enter(ring, 1);
	for (;;) {
		if (take_result(ring) != SIZE)
			errx(1, "a call of another length");
		settle.id = receive.id;
		add_command(ring, &settle)->flags |= IOSQE_CQE_SKIP_SUCCESS;
		add_command(ring, &receive);
		enter(ring, 1);
	}
}

uint64_t calls_uring(const struct lane *there, const struct lane *back,
		     unsigned int rounds)
{
	struct io_uring *ring = own_ring();
	char message[SIZE] = "message", reply[SIZE];
	struct chan_op op =
		send_op(CHAN_UNTIL_SETTLED, CHAN_DUTY_REPLY, message);
	uint64_t begun;

	(void)back;
	op.reply_buf = (uintptr_t)reply;
	op.reply_len = sizeof(reply);
	register_file(ring, there->out);
	begun = __rdtsc();
	for (unsigned int i = 0; i < rounds; i++) {
		add_command(ring, &op);
		enter(ring, 1);
		if (take_result(ring) != SIZE)
			errx(1, "a reply of another length");
	}
	return __rdtsc() - begun;
}

uint64_t send_many_uring(int fd, unsigned int nr)
{
	struct io_uring *ring = own_ring();
	char message[SIZE] = "message";
	struct chan_op ops[BATCH];
	uint64_t begun;

	register_file(ring, fd);
	for (int i = 0; i < BATCH; i++)
		ops[i] = send_op(CHAN_UNTIL_QUEUED, CHAN_DUTY_NONE, message);
	begun = __rdtsc();
	for (unsigned int done = 0, now; done < nr; done += now) {
		now = nr - done < BATCH ? nr - done : BATCH;
		for (unsigned int i = 0; i < now; i++)
			add_command(ring, &ops[i]);
		enter(ring, now);
		take_successes(ring, now);
	}
	return __rdtsc() - begun;
}
