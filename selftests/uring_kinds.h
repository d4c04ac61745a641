/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture for tests of the io_uring door: both ends of a channel and a ring,
 * in each kind of ring, with slots and without. And pages of their own for
 * records and buffers, so that they can go away while a command is pending. It
 * expects nothing of the module by itself.
 */
#ifndef URING_KINDS_H
#define URING_KINDS_H

#include "op_steps.h"
#include "rings.h"

#define CAP	4
#define MSG_MAX 64

FIXTURE(uring)
{
	int control;
	struct ends ends;
	struct io_uring ring;
	char in[MSG_MAX], reply[MSG_MAX];
};

FIXTURE_VARIANT(uring)
{
	enum ring_kind kind;
	__u32 cap;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(uring, plain) { .kind = RING_PLAIN, .cap = CAP };
FIXTURE_VARIANT_ADD(uring, defer) { .kind = RING_DEFER, .cap = CAP };
FIXTURE_VARIANT_ADD(uring, sqpoll) { .kind = RING_SQPOLL, .cap = CAP };
FIXTURE_VARIANT_ADD(uring, coop) { .kind = RING_COOP, .cap = CAP };
FIXTURE_VARIANT_ADD(uring, plain_rendezvous) { .kind = RING_PLAIN };
FIXTURE_VARIANT_ADD(uring, defer_rendezvous) { .kind = RING_DEFER };
FIXTURE_VARIANT_ADD(uring, sqpoll_rendezvous) { .kind = RING_SQPOLL };
FIXTURE_VARIANT_ADD(uring, coop_rendezvous) { .kind = RING_COOP };
/* clang-format on */

FIXTURE_SETUP(uring)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, variant->cap,
				MSG_MAX, 0));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->ring);
	ends_close(&self->ends);
	close(self->control);
}

/* With slots alone. */
FIXTURE(kind)
{
	int control;
	struct ends ends;
	struct io_uring ring;
	char in[MSG_MAX], reply[MSG_MAX];
};

FIXTURE_VARIANT(kind)
{
	enum ring_kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(kind, plain) { .kind = RING_PLAIN };
FIXTURE_VARIANT_ADD(kind, defer) { .kind = RING_DEFER };
FIXTURE_VARIANT_ADD(kind, sqpoll) { .kind = RING_SQPOLL };
FIXTURE_VARIANT_ADD(kind, coop) { .kind = RING_COOP };
/* clang-format on */

FIXTURE_SETUP(kind)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, CAP, MSG_MAX, 0));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(kind)
{
	io_uring_queue_exit(&self->ring);
	ends_close(&self->ends);
	close(self->control);
}

/* Steps --------------------------------------------------------------------- */

/* All are issued; the thread of a ring that polls does so a little later. */
static inline bool are_taken(struct io_uring *ring)
{
	return io_uring_submit(ring) >= 0 && BECOMES(!io_uring_sq_ready(ring));
}

/* For what needs the ring's own work, which some do only when they enter. */
#define RING_BECOMES(ring, condition) \
	BECOMES(io_uring_submit_and_get_events(ring) >= 0 && (condition))

/* The command waits for a message when this returns. */
static inline bool command_parks(struct io_uring *ring, int fd,
				 struct chan_op *op)
{
	__u32 before = stat_now(fd).parked_receivers;

	return command(ring, fd, op) &&
	       STAT_BECOMES(fd, parked_receivers, before + 1);
}

static inline unsigned int on_the_way(int fd)
{
	struct chan_stat s = stat_now(fd);

	return s.queued + s.parked_senders;
}

/* A send in a thread, where no receiver waits; it is in line. */
static inline int send_beside(struct running *running, int fd,
			      struct chan_op op)
{
	unsigned int before = on_the_way(fd);

	CHECK_EQ(0, op_start(running, fd, with_garbage(op)));
	CHECK_EQ(true, BECOMES(on_the_way(fd) == before + 1));
	return 0;
}

/* A call of 8 bytes on its way, which somebody has received. */
static inline int call_is_held(struct io_uring *ring, const struct ends *ends,
			       struct chan_op *call, __u64 *token)
{
	char in[MSG_MAX];
	struct chan_op got = op_soon(in, MSG_MAX);

	CHECK_EQ(true, command(ring, ends->sender, call));
	CHECK_EQ(8, run(ends->receiver, &got));
	*token = got.id;
	return 0;
}

/* Pages ---------------------------------------------------------------------- */

static inline void *own_page(void)
{
	void *page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		abort();
	return page;
}

static inline struct chan_op *own_record(struct chan_op op)
{
	struct chan_op *record = own_page();

	*record = op;
	return record;
}

static inline void page_may(void *page, int protection)
{
	if (mprotect(page, sysconf(_SC_PAGESIZE), protection))
		abort();
}

static inline void own_page_free(void *page)
{
	munmap(page, sysconf(_SC_PAGESIZE));
}

#endif /* URING_KINDS_H */
