/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A select that fails: channels that are full, empty, without a slot or of one
 * length, with a message that could be received; that nothing has happened on
 * any of them; and whose error it was, of all or of one arm.
 */
#ifndef SELECT_ERRORS_H
#define SELECT_ERRORS_H

#include "select.h"

#define MSG_MAX 64

FIXTURE(errors)
{
	int control;
	struct ends ends; /* with a message to receive */
	int full, empty, meeting, fixed;
	int fds[6]; /* one for each channel, to look at */
	struct chan_stat before[6];
	char *hole, *read_only;
	struct selecting s;
};

FIXTURE_SETUP(errors)
{
	struct chan_create c = roomy_record(NULL);

	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, MSG_MAX, 0));
	ASSERT_EQ(0, put_message(self->ends.sender, OBSTACLE));
	c.flags = CHAN_FIXED;
	self->full = whole_channel(self->control, 1);
	self->empty = whole_channel(self->control, 1);
	self->meeting = whole_channel(self->control, 0);
	self->fixed = create_with(self->control, &c);
	self->fds[0] = self->ends.admin;
	self->fds[1] = self->full;
	self->fds[2] = self->empty;
	self->fds[3] = self->meeting;
	self->fds[4] = self->fixed;
	self->fds[5] = whole_channel(self->control, 1);
	for (int i = 0; i < 6; i++)
		ASSERT_LE(0, self->fds[i]);
	ASSERT_EQ(0, put_message(self->full, OBSTACLE));
	self->hole = page_edge(PROT_NONE);
	self->read_only = page_edge(PROT_READ);
	select_init(&self->s, self->fds[5]);
}

FIXTURE_TEARDOWN(errors)
{
	page_edge_free(self->hole);
	page_edge_free(self->read_only);
	ends_close(&self->ends);
	close_all(&self->fds[1], 5);
	close(self->control);
}

/* Nothing has happened -------------------------------------------------------- */

static inline void remember(FIXTURE_DATA(errors) * self)
{
	for (int i = 0; i < 6; i++)
		self->before[i] = stat_now(self->fds[i]);
}

static inline int nothing_has_happened(FIXTURE_DATA(errors) * self)
{
	for (int i = 0; i < 6; i++)
		CHECK_EQ(true, is_unchanged(self->fds[i], &self->before[i]));
	return 0;
}

/* The message that could be had is still there, at its first attempt. */
static inline int first_is_there(FIXTURE_DATA(errors) * self)
{
	int nr = GARBAGE;
	struct chan_op op = op_now(&nr, sizeof(nr));

	CHECK_EQ((int)sizeof(nr), run(self->ends.receiver, &op));
	CHECK_EQ(OBSTACLE, nr);
	CHECK_EQ(1, op.attempt);
	return put_message(self->ends.sender, OBSTACLE);
}

/* No arm is named and no record touched. */
static inline int is_refused(FIXTURE_DATA(errors) * self, int why)
{
	remember(self);
	CHECK_EQ(why, select_run(&self->s));
	CHECK_EQ(UNTOLD, self->s.batch.index);
	CHECK_EQ(true, others_are_untouched(&self->s, UNTOLD));
	return nothing_has_happened(self);
}

/* The error is that of arm @index, which says so. */
static inline int is_of_arm(FIXTURE_DATA(errors) * self, __u32 index, int why)
{
	remember(self);
	CHECK_EQ(why, select_run(&self->s));
	CHECK_EQ(index, self->s.batch.index);
	CHECK_EQ(why, self->s.arms[index].result);
	return nothing_has_happened(self);
}

static inline void add_ready(FIXTURE_DATA(errors) * self)
{
	add_recv(&self->s, self->ends.receiver);
}

static inline struct chan_op flagged(struct chan_op op, __u32 flags)
{
	op.flags = flags;
	return op;
}

#endif /* SELECT_ERRORS_H */
