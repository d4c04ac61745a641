/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages that owe nothing, on their way: a fixture with both ends of a
 * channel, whose variants are all in which such a message can be sent, with a
 * queue and without one, until QUEUED and until RECEIVED; and one whose tests
 * make the channel that they need.
 */
#ifndef OP_WAY_H
#define OP_WAY_H

#include "op_steps.h"
#include "rings.h"

#define CAP	80
#define MSG_MAX 64

FIXTURE(way)
{
	int control;
	struct ends ends;
	int nr; /* messages in the channel */
	struct running sends[CAP];
	char in[MSG_MAX];
};

FIXTURE_VARIANT(way)
{
	__u32 cap;
	__u8 until;
	enum entry entry;
	enum ring_kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(way, queued) {
	.cap = CAP,
	.until = CHAN_UNTIL_QUEUED,
};
FIXTURE_VARIANT_ADD(way, received) {
	.cap = CAP,
	.until = CHAN_UNTIL_RECEIVED,
};
FIXTURE_VARIANT_ADD(way, rendezvous) {
	.cap = 0,
	.until = CHAN_UNTIL_RECEIVED,
};
FIXTURE_VARIANT_ADD(way, rendezvous_queued) {
	.cap = 0,
	.until = CHAN_UNTIL_QUEUED,
};
FIXTURE_VARIANT_ADD(way, queued_by_a_select) {
	.cap = CAP,
	.until = CHAN_UNTIL_QUEUED,
	.entry = AS_A_SELECT,
};
FIXTURE_VARIANT_ADD(way, rendezvous_by_a_select) {
	.cap = 0,
	.until = CHAN_UNTIL_QUEUED,
	.entry = AS_A_SELECT,
};
FIXTURE_VARIANT_ADD(way, queued_by_a_ring) {
	.cap = CAP,
	.until = CHAN_UNTIL_QUEUED,
	.entry = BY_A_RING,
	.kind = RING_PLAIN,
};
FIXTURE_VARIANT_ADD(way, received_by_a_ring) {
	.cap = CAP,
	.until = CHAN_UNTIL_RECEIVED,
	.entry = BY_A_RING,
	.kind = RING_DEFER,
};
FIXTURE_VARIANT_ADD(way, rendezvous_by_a_ring) {
	.cap = 0,
	.until = CHAN_UNTIL_RECEIVED,
	.entry = BY_A_RING,
	.kind = RING_COOP,
};
FIXTURE_VARIANT_ADD(way, rendezvous_queued_by_a_ring) {
	.cap = 0,
	.until = CHAN_UNTIL_QUEUED,
	.entry = BY_A_RING,
	.kind = RING_SQPOLL,
};
/* clang-format on */

FIXTURE_SETUP(way)
{
	entry = variant->entry;
	if (entry == BY_A_RING)
		enter_by_ring(variant->kind);
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, variant->cap,
				MSG_MAX, 0));
	self->nr = 0;
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(way)
{
	ends_close(&self->ends);
	close(self->control);
}

/* Its senders wait for a receiver; where not, the message is on its own. */
static inline bool way_waits(const FIXTURE_VARIANT(way) * variant)
{
	return !variant->cap || variant->until != CHAN_UNTIL_QUEUED;
}

/* So many messages can be received. */
static inline bool can_be_received(int fd, __u32 cap, __u32 nr)
{
	return cap ? STAT_BECOMES(fd, queued, nr) : waiting_are(fd, nr, 0);
}

/* The message is there when this returns, and its sender may wait. */
static inline int way_send(FIXTURE_DATA(way) * self,
			   const FIXTURE_VARIANT(way) * variant,
			   struct chan_op op)
{
	int nr = self->nr++;

	op.until = variant->until;
	CHECK_EQ(0, op_start(&self->sends[nr], self->ends.sender,
			     with_garbage(op)));
	CHECK_EQ(true,
		 can_be_received(self->ends.admin, variant->cap, self->nr));
	return 0;
}

/* All have been received: 0 if each sender was told so. */
static inline int way_end(FIXTURE_DATA(way) * self,
			  const FIXTURE_VARIANT(way) * variant)
{
	__u32 state = way_waits(variant) ? CHAN_STATE_RECEIVED :
					   CHAN_STATE_QUEUED;

	for (int i = 0; i < self->nr; i++) {
		CHECK_EQ(0, op_finish(&self->sends[i]));
		CHECK_EQ(0, self->sends[i].op.result);
		CHECK_EQ(state, self->sends[i].op.state);
	}
	CHECK_EQ(self->nr, stat_now(self->ends.admin).totals_sent);
	CHECK_EQ(self->nr, stat_now(self->ends.admin).totals_received);
	self->nr = 0;
	return nothing_is_left(self->ends.admin);
}

/* The channel is the test's own ------------------------------------------- */

FIXTURE(field)
{
	int control;
	struct ends ends;
	char in[MSG_MAX];
};

FIXTURE_SETUP(field)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->ends = (struct ends){ -1, -1, -1 };
}

FIXTURE_TEARDOWN(field)
{
	ends_close(&self->ends);
	close(self->control);
}

#endif /* OP_WAY_H */
