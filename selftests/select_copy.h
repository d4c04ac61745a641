/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A select beside copies that fail or do not come: it sends on a rendezvous
 * channel or receives on another, and its own buffer may be a page that stalls.
 */
#ifndef SELECT_COPY_H
#define SELECT_COPY_H

#include "duties.h"
#include "select.h"
#include "stall.h"

FIXTURE(copy)
{
	int control;
	struct ends a, b; /* with slots */
	struct ends meet; /* without */
	struct selecting s;
	struct stall stall;
	struct running receiver, sender;
	char *edge;
	char in[64];
	int nr;
};

FIXTURE_SETUP(copy)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->a, 16, 64, 0));
	ASSERT_EQ(0, ends_sized(self->control, &self->b, 16, 64, 0));
	ASSERT_EQ(0, ends_sized(self->control, &self->meet, 0, 64, 0));
	ASSERT_EQ(0, stall_open(&self->stall));
	self->edge = page_edge(PROT_NONE);
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(copy)
{
	stall_close(&self->stall);
	page_edge_free(self->edge);
	ends_close(&self->a);
	ends_close(&self->b);
	ends_close(&self->meet);
	close(self->control);
}

static inline int nobody_waits(FIXTURE_DATA(copy) * self)
{
	const int fds[] = { self->a.admin, self->b.admin, self->meet.admin };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		CHECK_EQ(true, waiting_are(fds[i], 0, 0));
	return 0;
}

static inline int nothing_is_there(FIXTURE_DATA(copy) * self)
{
	CHECK_EQ(0, nothing_is_left(self->a.admin));
	CHECK_EQ(0, nothing_is_left(self->b.admin));
	return nothing_is_left(self->meet.admin);
}

/* Receives number @nr, and it was never received before. */
static inline int expect_first_attempt(int fd, int nr)
{
	int got = GARBAGE;
	struct chan_op op = op_soon(&got, sizeof(got));

	CHECK_EQ(4, run(fd, &op));
	CHECK_EQ(nr, got);
	CHECK_EQ(1, op.attempt);
	return 0;
}

enum { SEND_MEET, RECV_B };

/* It sends number 1 on the rendezvous channel, or receives on @b. */
static inline int start_sending(FIXTURE_DATA(copy) * self, __u64 deadline)
{
	select_init(&self->s, self->a.admin);
	add_send(&self->s, self->meet.sender, 1);
	self->s.arms[SEND_MEET].tag = 0x7a6;
	add_recv(&self->s, self->b.receiver);
	self->s.batch.deadline = deadline;
	CHECK_EQ(0, select_start(&self->s));
	CHECK_EQ(true, waiting_are(self->meet.admin, 1, 0));
	CHECK_EQ(true, waiting_are(self->b.admin, 0, 1));
	return 0;
}

/* It still waits, with both arms. */
static inline int goes_on(FIXTURE_DATA(copy) * self, __u32 senders)
{
	CHECK_EQ(true, waiting_are(self->meet.admin, senders, 0));
	CHECK_EQ(true, waiting_are(self->b.admin, 0, 1));
	CHECK_EQ(true, select_sleeps(&self->s));
	CHECK_EQ(0, stat_now(self->meet.admin).queued);
	CHECK_EQ(0, stat_now(self->meet.admin).totals_sent);
	return 0;
}

#endif /* SELECT_COPY_H */
