/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The styles of SEND, as one table: every mix of until, duty and on_death, on
 * every kind of channel, with and without CHAN_NOWAIT. The tests walk it and
 * the documentation shows it; neither knows better.
 */
#ifndef OP_ROWS_H
#define OP_ROWS_H

#include "chan_test.h"

enum op_style {
	REFUSED, /* EINVAL without effect */
	ASYNC,
	SYNC,
	TASK,
	CALL,
	WORK,
};

/*
 * What a style does: how far the message is when SEND returns, what its
 * receiver owes, and what the death of a receiver that owes it does.
 */
enum op_death {
	NOTHING, /* there is no duty that could be left */
	AS_ASKED, /* on_death: the sender gets EOWNERDEAD, or redelivery */
	COMES_BACK, /* redelivery */
};

/* clang-format off */

static const struct op_style_row {
	const char *name;
	__u32 state;
	__u8 duty;
	enum op_death death;
} op_styles[] = {
	[REFUSED] = { "refused" },
	[ASYNC]	= { "asynchronous", CHAN_STATE_QUEUED,	 CHAN_DUTY_NONE,  NOTHING },
	[SYNC]	= { "rendezvous",   CHAN_STATE_RECEIVED, CHAN_DUTY_NONE,  NOTHING },
	[TASK]	= { "acknowledged", CHAN_STATE_SETTLED,	 CHAN_DUTY_ACK,	  AS_ASKED },
	[CALL]	= { "call",	    CHAN_STATE_SETTLED,	 CHAN_DUTY_REPLY, AS_ASKED },
	[WORK]	= { "work queue",   CHAN_STATE_QUEUED,	 CHAN_DUTY_ACK,	  COMES_BACK },
};

#define OP_ROW(until, duty, on_death, ...)                                  \
	{ CHAN_UNTIL_##until, CHAN_DUTY_##duty, CHAN_ON_DEATH_##on_death,   \
	  #until " " #duty " " #on_death, { __VA_ARGS__ } }

/* The columns: which channel, and whether CHAN_NOWAIT is set. */
enum op_column {
	PLAIN, PLAIN_NOWAIT, WORKQUEUE, WORKQUEUE_NOWAIT, CAP_0, CAP_0_NOWAIT,
	OP_COLUMNS,
};

static const struct op_row {
	__u8 until, duty, on_death;
	const char *name;
	enum op_style styles[OP_COLUMNS];
} op_rows[] = {
/*
 * until    duty   on_death	   cap 1 or more     CHAN_WORKQUEUE    cap 0
 *					    NOWAIT	      NOWAIT		NOWAIT
 */
OP_ROW(QUEUED,	 NONE,	FAIL,	   ASYNC,   ASYNC,   WORK,    WORK,    SYNC,	SYNC),
OP_ROW(QUEUED,	 NONE,	REDELIVER, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(QUEUED,	 ACK,	FAIL,	   REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(QUEUED,	 ACK,	REDELIVER, WORK,    WORK,    WORK,    WORK,    REFUSED, REFUSED),
OP_ROW(QUEUED,	 REPLY, FAIL,	   REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(QUEUED,	 REPLY, REDELIVER, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(RECEIVED, NONE,	FAIL,	   SYNC,    REFUSED, SYNC,    REFUSED, SYNC,	SYNC),
OP_ROW(RECEIVED, NONE,	REDELIVER, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(RECEIVED, ACK,	FAIL,	   REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(RECEIVED, ACK,	REDELIVER, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(RECEIVED, REPLY, FAIL,	   REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(RECEIVED, REPLY, REDELIVER, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(SETTLED,	 NONE,	FAIL,	   REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(SETTLED,	 NONE,	REDELIVER, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
OP_ROW(SETTLED,	 ACK,	FAIL,	   TASK,    REFUSED, TASK,    REFUSED, TASK,	REFUSED),
OP_ROW(SETTLED,	 ACK,	REDELIVER, TASK,    REFUSED, TASK,    REFUSED, TASK,	REFUSED),
OP_ROW(SETTLED,	 REPLY, FAIL,	   CALL,    REFUSED, CALL,    REFUSED, CALL,	REFUSED),
OP_ROW(SETTLED,	 REPLY, REDELIVER, CALL,    REFUSED, CALL,    REFUSED, CALL,	REFUSED),
/* end of the table */
};

/* clang-format on */

/* The record of a row, but for its payload and its flags. */
static inline struct chan_op op_of_row(const struct op_row *row)
{
	return (struct chan_op){
		.code = CHAN_OP_SEND,
		.until = row->until,
		.duty = row->duty,
		.on_death = row->on_death,
	};
}

#endif /* OP_ROWS_H */
