/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A select that waits for everything: to receive on two channels, for a slot of
 * a third, and to send and to receive on a rendezvous channel; that each of its
 * arms is in its line, what serves which arm, and that no arm is left.
 */
#ifndef SELECT_WAIT_H
#define SELECT_WAIT_H

#include "duties.h"
#include "select.h"

/* Arms of the select that waits for everything. */
enum { RECV_A, RECV_B, SEND_FULL, SEND_MEET, RECV_MEET, ARMS };

FIXTURE(wait)
{
	int control;
	struct ends a, b; /* empty */
	struct ends full; /* one slot, and it is taken */
	struct ends meet; /* without a slot */
	struct selecting s;
};

FIXTURE_SETUP(wait)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->a, 16, 64, 0));
	ASSERT_EQ(0, ends_sized(self->control, &self->b, 16, 64, 0));
	ASSERT_EQ(0, ends_sized(self->control, &self->full, 1, 64, 0));
	ASSERT_EQ(0, ends_sized(self->control, &self->meet, 0, 64, 0));
	ASSERT_EQ(0, put_message(self->full.sender, OBSTACLE));
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(wait)
{
	ends_close(&self->a);
	ends_close(&self->b);
	ends_close(&self->full);
	ends_close(&self->meet);
	close(self->control);
}

/* All arms; their numbers are 1 more than their places. */
static inline void list_all(FIXTURE_DATA(wait) * self, struct selecting *s)
{
	select_init(s, self->a.admin);
	add_recv(s, self->a.receiver);
	add_recv(s, self->b.receiver);
	add_send(s, self->full.sender, SEND_FULL + 1);
	add_send(s, self->meet.sender, SEND_MEET + 1);
	add_recv(s, self->meet.receiver);
}

/* So many selects wait for everything, and nobody else for anything. */
static inline int all_wait(FIXTURE_DATA(wait) * self, __u32 nr)
{
	CHECK_EQ(true, waiting_are(self->a.admin, 0, nr));
	CHECK_EQ(true, waiting_are(self->b.admin, 0, nr));
	CHECK_EQ(true, waiting_are(self->full.admin, nr, 0));
	CHECK_EQ(true, waiting_are(self->meet.admin, nr, nr));
	return 0;
}

/* At once, for what waits ends with its select. */
static inline int none_waits(FIXTURE_DATA(wait) * self)
{
	const int fds[] = { self->a.admin, self->b.admin, self->full.admin,
			    self->meet.admin };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		CHECK_EQ(0, stat_now(fds[i]).parked_senders);
		CHECK_EQ(0, stat_now(fds[i]).parked_receivers);
	}
	return 0;
}

/* Also of a select that is not over: as soon as its task has run. */
static inline bool none_waits_any_more(FIXTURE_DATA(wait) * self)
{
	return waiting_are(self->a.admin, 0, 0) &&
	       waiting_are(self->b.admin, 0, 0) &&
	       waiting_are(self->full.admin, 0, 0) &&
	       waiting_are(self->meet.admin, 0, 0);
}

static inline int start_all(FIXTURE_DATA(wait) * self)
{
	list_all(self, &self->s);
	CHECK_EQ(0, select_start(&self->s));
	return all_wait(self, 1);
}

/* It has ended so, and nothing has passed through any channel. */
static inline int ends_without_effect(FIXTURE_DATA(wait) * self, int why,
				      __u32 index)
{
	CHECK_EQ(why, select_ends(&self->s));
	CHECK_EQ(index, self->s.batch.index);
	CHECK_EQ(0, none_waits(self));
	CHECK_EQ(0, stat_now(self->a.admin).totals_received);
	CHECK_EQ(0, stat_now(self->b.admin).totals_received);
	CHECK_EQ(1, stat_now(self->full.admin).totals_sent);
	CHECK_EQ(1, stat_now(self->full.admin).queued);
	CHECK_EQ(0, stat_now(self->meet.admin).totals_sent);
	CHECK_EQ(-EAGAIN, take_message(self->meet.receiver));
	return 0;
}

/* What it waits for comes ------------------------------------------------------ */

/* Serves arm @at; the number that it gives or gets is 1 more. */
static inline int serve(FIXTURE_DATA(wait) * self, int at)
{
	switch (at) {
	case RECV_A:
		return put_message(self->a.sender, at + 1);
	case RECV_B:
		return put_message(self->b.sender, at + 1);
	case SEND_FULL:
		CHECK_EQ(OBSTACLE, take_message(self->full.receiver));
		return 0;
	case SEND_MEET:
		CHECK_EQ(at + 1, take_message(self->meet.receiver));
		return 0;
	default:
		return put_message(self->meet.sender, at + 1);
	}
}

static inline int is_served(FIXTURE_DATA(wait) * self, int at)
{
	struct selecting *s = &self->s;

	CHECK_EQ(at, select_ends(s));
	CHECK_EQ(at + 1, s->numbers[at]);
	CHECK_EQ(0, none_waits(self));
	if (at == SEND_FULL) {
		CHECK_EQ(CHAN_STATE_QUEUED, s->arms[at].state);
		CHECK_EQ(at + 1, take_message(self->full.receiver));
		CHECK_EQ(0, put_message(self->full.sender, OBSTACLE));
	}
	if (at == SEND_MEET)
		CHECK_EQ(CHAN_STATE_RECEIVED, s->arms[at].state);
	CHECK_EQ(0, stat_now(self->a.admin).queued);
	CHECK_EQ(0, stat_now(self->b.admin).queued);
	CHECK_EQ(0, stat_now(self->meet.admin).queued);
	CHECK_EQ(1, stat_now(self->full.admin).queued);
	return 0;
}

#endif /* SELECT_WAIT_H */
