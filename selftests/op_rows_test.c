// SPDX-License-Identifier: GPL-2.0-only
/*
 * The styles of SEND: of all mixes of until, duty and on_death, on every kind
 * of channel and with CHAN_NOWAIT, those of the table in op_rows.h do what it
 * says, from the wait for a slot to the death of the receiver, and all others
 * are refused without effect. So are values that no column of it has.
 */
#include "op_rows.h"
#include "op_steps.h"

#define TAG  0x123456789abcdefULL
#define PRIO 7

/* One field of the table. */
struct cell {
	const struct op_row *row;
	enum op_style style;
	__u32 cap, flags;
	bool nowait;
	int control;
	/* What it needs to be tried: */
	struct ends ends;
	int next; /* another receiver */
	struct chan_op op;
	char reply[8];
};

static int cell_enter(struct cell *cell)
{
	struct chan_create c = create_record(NULL);

	c.cap = cell->cap;
	c.flags = cell->flags;
	c.bytes_max = 0;
	CHECK_EQ(0, ends_make(cell->control, &c, &cell->ends));
	cell->next = derive(cell->ends.admin, CHAN_RIGHT_RECV);
	CHECK_EQ(true, cell->next >= 0);
	cell->op = with_garbage(op_of_row(cell->row));
	cell->op.flags = cell->nowait ? CHAN_NOWAIT : 0;
	cell->op.prio = PRIO;
	cell->op.tag = TAG;
	cell->op.buf = address("work");
	cell->op.len = 4;
	cell->op.reply_buf = address(cell->reply);
	cell->op.reply_len = sizeof(cell->reply);
	memset(cell->reply, 0xcc, sizeof(cell->reply));
	return 0;
}

static void cell_leave(struct cell *cell)
{
	close(cell->next);
	ends_close(&cell->ends);
}

/* The steps of a message -------------------------------------------------- */

static int refused(struct cell *cell)
{
	struct chan_stat before = stat_now(cell->ends.admin);

	/* For one that is taken after all, and waits. */
	cell->op.deadline = in_ms(1000);
	CHECK_EQ(-EINVAL, run(cell->ends.sender, &cell->op));
	CHECK_EQ(-EINVAL, cell->op.result);
	CHECK_EQ(true, is_unchanged(cell->ends.admin, &before));
	return 0;
}

/* No slot, or nobody to meet: NOWAIT gives up without effect. */
static int not_now(struct cell *cell)
{
	struct chan_op op = cell->op;
	struct chan_stat before;

	if (cell->cap)
		CHECK_EQ(0, put(cell->ends.sender, 1));
	before = stat_now(cell->ends.admin);
	CHECK_EQ(-EAGAIN, run(cell->ends.sender, &op));
	CHECK_EQ(-EAGAIN, op.result);
	CHECK_EQ(CHAN_STATE_WITHDRAWN, op.state);
	CHECK_EQ(true, is_unchanged(cell->ends.admin, &before));
	if (cell->cap)
		CHECK_EQ(1, take(cell->ends.receiver));
	return 0;
}

/*
 * The message is in the channel when this returns; it waited for its slot
 * before, or for its receiver still, unless it must not.
 */
static int sent(struct cell *cell, struct running *send)
{
	bool waits = cell->cap && !cell->nowait;

	if (waits)
		CHECK_EQ(0, put(cell->ends.sender, 1));
	CHECK_EQ(0, op_start(send, cell->ends.sender, cell->op));
	if (waits) {
		CHECK_EQ(true, waiting_are(cell->ends.admin, 1, 0));
		CHECK_EQ(true, op_sleeps(send));
		CHECK_EQ(1, take(cell->ends.receiver));
	}
	if (cell->cap)
		CHECK_EQ(true, STAT_BECOMES(cell->ends.admin, queued, 1));
	else
		CHECK_EQ(true, waiting_are(cell->ends.admin, 1, 0));
	return 0;
}

static int received_at_once(struct cell *cell, struct running *send,
			    struct chan_op *got, char *buf)
{
	struct running recv;

	CHECK_EQ(0, op_start(&recv, cell->ends.receiver, op_soon(buf, 4)));
	CHECK_EQ(true, waiting_are(cell->ends.admin, 0, 1));
	CHECK_EQ(0, op_start(send, cell->ends.sender, cell->op));
	CHECK_EQ(4, op_finish(&recv));
	*got = recv.op;
	return 0;
}

static int went_so_far(const struct cell *cell, struct running *send)
{
	CHECK_EQ(0, op_finish(send));
	CHECK_EQ(op_styles[cell->style].state, send->op.state);
	CHECK_EQ(0, send->op.verdict);
	CHECK_EQ(0, send->op.error);
	CHECK_EQ(true, send->op.id && send->op.id != cell->op.id);
	return 0;
}

static int is_received(const struct cell *cell, const struct chan_op *got,
		       const char *buf, __u32 attempt)
{
	__u8 duty = op_styles[cell->style].duty;

	CHECK_EQ(0, memcmp("work", buf, 4));
	CHECK_EQ(4, got->len);
	CHECK_EQ(TAG, got->tag);
	CHECK_EQ(PRIO, got->prio);
	CHECK_EQ(duty, got->duty);
	CHECK_EQ(duty != CHAN_DUTY_NONE, got->id != 0);
	CHECK_EQ(attempt, got->attempt);
	CHECK_EQ(duty == CHAN_DUTY_REPLY ? sizeof(cell->reply) : 0,
		 got->reply_len);
	CHECK_EQ(duty != CHAN_DUTY_NONE, stat_now(cell->ends.admin).unsettled);
	CHECK_EQ(0, stat_now(cell->ends.admin).queued);
	return 0;
}

/* Fulfils the duty, and the sender is told. */
static int settled(struct cell *cell, struct running *send, __u64 token)
{
	if (cell->style == CALL)
		CHECK_EQ(0, run_once(cell->next, op_reply(token, "answer", 6)));
	else
		CHECK_EQ(0, run_once(cell->next, op_settle(token, CHAN_ACK)));
	if (cell->style == WORK)
		return 0;
	CHECK_EQ(cell->style == CALL ? 6 : 0, op_finish(send));
	CHECK_EQ(cell->style == CALL ? CHAN_REPLY : CHAN_ACK, send->op.verdict);
	CHECK_EQ(CHAN_STATE_SETTLED, send->op.state);
	if (cell->style == CALL) {
		CHECK_EQ(6, send->op.reply_len);
		CHECK_EQ(0, memcmp("answer", cell->reply, 6));
	}
	return 0;
}

static int failed(struct cell *cell, struct running *send)
{
	CHECK_EQ(-EOWNERDEAD, op_finish(send));
	CHECK_EQ(-EOWNERDEAD, send->op.result);
	CHECK_EQ(CHAN_STATE_SETTLED, send->op.state);
	CHECK_EQ(0, send->op.verdict);
	CHECK_EQ(0xcc, (unsigned char)cell->reply[0]);
	return 0;
}

/* The receiver is closed with what it owes. */
static int receiver_dies(struct cell *cell, struct running *send,
			 const struct chan_op *first)
{
	enum op_death death = op_styles[cell->style].death;
	bool comes_back = death == COMES_BACK ||
			  (death == AS_ASKED &&
			   cell->row->on_death == CHAN_ON_DEATH_REDELIVER);
	struct chan_op got;
	char buf[4] = {};

	close_end(&cell->ends.receiver);
	if (comes_back) {
		got = op_soon(buf, 4);
		CHECK_EQ(4, run(cell->next, &got));
		if (is_received(cell, &got, buf, 2))
			return 1;
		CHECK_EQ(true, got.id != first->id);
		if (settled(cell, send, got.id))
			return 1;
	} else if (death == AS_ASKED && failed(cell, send)) {
		return 1;
	}
	CHECK_EQ(comes_back, stat_now(cell->next).totals_redelivered);
	CHECK_EQ(-EAGAIN, run_once(cell->next, op_now(buf, 4)));
	return 0;
}

/* 0 if the cell does what the table says. */
static int walk(struct cell *cell)
{
	bool returns_first = op_styles[cell->style].state == CHAN_STATE_QUEUED;
	bool is_met = cell->nowait && !cell->cap;
	struct running send;
	struct chan_op got;
	char buf[4] = {};

	if (cell->nowait && not_now(cell))
		return 1;
	if (is_met ? received_at_once(cell, &send, &got, buf) :
		     sent(cell, &send))
		return 1;
	if (returns_first) {
		if (went_so_far(cell, &send))
			return 1;
	} else if (!is_met) {
		CHECK_EQ(true, op_sleeps(&send));
	}
	if (!is_met) {
		got = op_soon(buf, 4);
		CHECK_EQ(4, run(cell->ends.receiver, &got));
	}
	if (is_received(cell, &got, buf, 1))
		return 1;
	if (cell->style == SYNC && went_so_far(cell, &send))
		return 1;
	if (op_styles[cell->style].death == AS_ASKED)
		CHECK_EQ(true, op_sleeps(&send));
	if (receiver_dies(cell, &send, &got))
		return 1;
	return nothing_is_left(cell->next);
}

/* The table --------------------------------------------------------------- */

FIXTURE(rows)
{
	int control;
	struct cell cell;
};

FIXTURE_VARIANT(rows)
{
	enum op_column column;
	__u32 cap, flags;
	bool nowait;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(rows, plain) {
	.column = PLAIN,
	.cap = 1,
};
FIXTURE_VARIANT_ADD(rows, plain_nowait) {
	.column = PLAIN_NOWAIT,
	.cap = 1,
	.nowait = true,
};
FIXTURE_VARIANT_ADD(rows, workqueue) {
	.column = WORKQUEUE,
	.cap = 1,
	.flags = CHAN_WORKQUEUE,
};
FIXTURE_VARIANT_ADD(rows, workqueue_nowait) {
	.column = WORKQUEUE_NOWAIT,
	.cap = 1,
	.flags = CHAN_WORKQUEUE,
	.nowait = true,
};
FIXTURE_VARIANT_ADD(rows, cap_0) {
	.column = CAP_0,
	.cap = 0,
};
FIXTURE_VARIANT_ADD(rows, cap_0_nowait) {
	.column = CAP_0_NOWAIT,
	.cap = 0,
	.nowait = true,
};
/* clang-format on */

FIXTURE_SETUP(rows)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->cell = (struct cell){
		.control = self->control,
		.cap = variant->cap,
		.flags = variant->flags,
		.nowait = variant->nowait,
	};
}

FIXTURE_TEARDOWN(rows)
{
	close(self->control);
}

/* A table that lacks a mix would be walked without complaint. */
TEST_F(rows, table_has_every_mix_once)
{
	bool seen[3][3][2] = {};

	for (size_t i = 0; i < ARRAY_SIZE(op_rows); i++) {
		const struct op_row *row = &op_rows[i];

		EXPECT_FALSE(seen[row->until][row->duty][row->on_death]);
		seen[row->until][row->duty][row->on_death] = true;
	}
	EXPECT_EQ(3 * 3 * 2, ARRAY_SIZE(op_rows));
}

TEST_F(rows, every_mix_does_what_the_table_says)
{
	struct cell *cell = &self->cell;

	for (size_t i = 0; i < ARRAY_SIZE(op_rows); i++) {
		cell->row = &op_rows[i];
		cell->style = cell->row->styles[variant->column];
		ASSERT_EQ(0, cell_enter(cell));
		EXPECT_EQ(0,
			  cell->style == REFUSED ? refused(cell) : walk(cell))
		{
			TH_LOG("%s should be: %s", cell->row->name,
			       op_styles[cell->style].name);
		}
		cell_leave(cell);
	}
}

/* The first value beyond each set, and all after it. */
static const struct beyond {
	const char *what;
	size_t offset;
	int first;
} beyond[] = {
	{ "until", offsetof(struct chan_op, until), CHAN_UNTIL_SETTLED + 1 },
	{ "duty", offsetof(struct chan_op, duty), CHAN_DUTY_REPLY + 1 },
	{ "on_death", offsetof(struct chan_op, on_death),
	  CHAN_ON_DEATH_REDELIVER + 1 },
	{ "prio", offsetof(struct chan_op, prio), CHAN_PRIO_MAX + 1 },
};

static int refused_with(struct cell *cell, const struct beyond *field,
			int value)
{
	const struct chan_op good = cell->op;
	int ret;

	((__u8 *)&cell->op)[field->offset] = value;
	ret = refused(cell);
	cell->op = good;
	return ret;
}

/* All of them beside the first mix, a few beside every mix. */
TEST_F(rows, value_beyond_its_set_is_refused_in_every_mix)
{
	struct cell *cell = &self->cell;

	for (size_t i = 0; i < ARRAY_SIZE(op_rows); i++) {
		cell->row = &op_rows[i];
		ASSERT_EQ(0, cell_enter(cell));
		for (size_t j = 0; j < ARRAY_SIZE(beyond); j++)
			for (int value = beyond[j].first; value < 256;
			     value += i ? 37 : 1) {
				ASSERT_EQ(0,
					  refused_with(cell, &beyond[j], value))
				{
					TH_LOG("%s, but %s is %d",
					       cell->row->name, beyond[j].what,
					       value);
				}
			}
		cell_leave(cell);
	}
}

/* Kinds of channels ------------------------------------------------------- */

FIXTURE(kinds)
{
	int control;
	struct ends ends;
};

FIXTURE_SETUP(kinds)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->ends = (struct ends){ -1, -1, -1 };
}

FIXTURE_TEARDOWN(kinds)
{
	ends_close(&self->ends);
	close(self->control);
}

/* The column that the table lacks. */
TEST_F(kinds, workqueue_without_a_queue_cannot_be_made)
{
	struct chan_create c = create_record(NULL);

	c.flags = CHAN_WORKQUEUE;
	c.cap = 0;
	EXPECT_EQ(-EINVAL, create_with(self->control, &c));
	EXPECT_EQ(-1, c.fd);
}

/* A write is a SEND of the first row. */
TEST_F(kinds, write_to_a_workqueue_is_work)
{
	struct chan_create c = create_record(NULL);
	struct chan_op got;
	int nr = 0, next;

	c.flags = CHAN_WORKQUEUE;
	ASSERT_EQ(0, ends_make(self->control, &c, &self->ends));
	ASSERT_EQ(0, put(self->ends.sender, 5));
	next = derive(self->ends.admin, CHAN_RIGHT_RECV);
	got = op_soon(&nr, sizeof(nr));
	ASSERT_EQ(4, run(self->ends.receiver, &got));
	EXPECT_EQ(CHAN_DUTY_ACK, got.duty);
	EXPECT_NE(0, got.id);
	EXPECT_EQ(1, stat_now(next).unsettled);
	close_end(&self->ends.receiver);
	nr = 0;
	got = op_soon(&nr, sizeof(nr));
	ASSERT_EQ(4, run(next, &got));
	EXPECT_EQ(5, nr);
	EXPECT_EQ(2, got.attempt);
	EXPECT_EQ(0, run_once(next, op_settle(got.id, CHAN_ACK)));
	EXPECT_EQ(0, nothing_is_left(next));
	/* And a read acknowledges it. */
	ASSERT_EQ(0, put(self->ends.sender, 6));
	EXPECT_EQ(6, take(next));
	EXPECT_EQ(0, nothing_is_left(next));
	EXPECT_EQ(2, stat_now(next).totals_settled);
	close(next);
}

TEST_F(kinds, write_elsewhere_owes_nothing)
{
	struct chan_create c = create_record(NULL);
	struct chan_op got;
	int nr = 0;

	ASSERT_EQ(0, ends_make(self->control, &c, &self->ends));
	ASSERT_EQ(0, put(self->ends.sender, 5));
	got = op_soon(&nr, sizeof(nr));
	ASSERT_EQ(4, run(self->ends.receiver, &got));
	EXPECT_EQ(5, nr);
	EXPECT_EQ(CHAN_DUTY_NONE, got.duty);
	EXPECT_EQ(0, got.id);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_settled);
}

TEST_HARNESS_MAIN
