// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injected faults, as nth.h says: in selects of few arms and of many, that find
 * one ready or wait. What is told to be done is all that was done.
 */
#include "nth.h"
#include "select.h"

static struct selecting selecting;

/*
 * The last arm is the one that is possible, on the room's own channel; on the
 * other one nothing is to be had, and nobody is there to receive.
 */
static struct chan_op row_arm(struct room *room, int i, bool sends)
{
	struct chan_op op;

	if (sends)
		return row_send(room->row, room);
	op = op_recv(room->in, len_of(room->row));
	if (i != room->row->arms - 1 && i % 3 == 1)
		op.flags = CHAN_PEEK;
	return op;
}

static void prepare_arms(struct room *room, bool sends)
{
	struct selecting *s = &selecting;
	int last = room->row->arms - 1;

	select_init(s, room->end);
	s->batch.flags = CHAN_ORDERED;
	for (int i = 0; i <= last; i++)
		add_arm(s, i == last ? room->admin : room->end,
			row_arm(room, i, sends));
}

/* One arm at most tells that it is done; the others do not once it is over. */
static int arms_done(const struct room *room)
{
	int nr = 0;

	for (int i = 0; i < room->row->arms; i++)
		nr += selecting.arms[i].result >= 0;
	return nr;
}

/*
 * If the last thing that fails is to write the number of the arm, that is done
 * all the same, as its record tells.
 */
static int operate_select(struct room *room, bool sends)
{
	int ret;

	if (room->nr_done)
		return 0;
	prepare_arms(room, sends);
	ret = select_raw(&selecting);
	if (ret >= 0 && ret != room->row->arms - 1)
		return -EBADE;
	room->nr_done = ret < 0 ? arms_done(room) : 1;
	return ret < 0 ? ret : 0;
}

static int operate_select_to_send(struct room *room)
{
	return operate_select(room, true);
}

static int operate_select_to_receive(struct room *room)
{
	return operate_select(room, false);
}

/* Another channel, without slots. */
static int setup_select(struct room *room)
{
	/* With its pages, as all memory here. */
	memset(&selecting, 0, sizeof(selecting));
	room->end = create_sized(room->control, 0, 64 + len_of(room->row), 0);
	return room->end < 0 ? room->end : 0;
}

static int setup_select_to_receive(struct room *room)
{
	return setup_select(room) ?: setup_message(room);
}

/* Comes when all arms wait. */
static ssize_t peer_comes(struct call *call)
{
	struct room *room = call->buf;
	int others = room->row->arms - 1;
	bool sends = room->row->cap;

	if (!waiting_are(room->end, sends ? 0 : others, sends ? others : 0) ||
	    !waiting_are(room->admin, !sends, sends))
		return -ETIME;
	if (sends)
		return put_bytes(room->admin, room->out, call->len);
	return take_bytes(room->admin, room->in, call->len);
}

/* With slots it waits for a message, without for a receiver. */
static int setup_select_that_waits(struct room *room)
{
	return setup_select(room) ?: start_peer(room, peer_comes, room);
}

/* What is told to be done is all that was done. */
static int undone_select(struct room *room)
{
	struct chan_stat s = stat_of(room->admin), other = stat_of(room->end);
	bool sends = selecting.arms[0].code == CHAN_OP_SEND;

	CHECK_EQ(true, room->nr_done == 0 || room->nr_done == 1);
	CHECK_EQ(room->nr_done, sends ? s.totals_sent : s.totals_received);
	CHECK_EQ(s.totals_sent - s.totals_received, s.queued);
	CHECK_EQ(0, s.parked_senders + s.parked_receivers);
	CHECK_EQ(0, other.parked_senders + other.parked_receivers);
	CHECK_EQ(0, other.queued);
	CHECK_EQ(0, other.totals_sent);
	return 0;
}

static int peer_has_come(struct room *room)
{
	if (!room->has_peer)
		return 0;
	CHECK_EQ(len_of(room->row), finish(&room->peer));
	room->has_peer = false;
	return 0;
}

static int done_select_to_receive(struct room *room)
{
	CHECK_EQ(1, room->nr_done);
	CHECK_EQ(0, peer_has_come(room));
	CHECK_EQ(0, undone_select(room));
	return done_read(room);
}

static int done_select_to_send(struct room *room)
{
	CHECK_EQ(1, room->nr_done);
	CHECK_EQ(0, peer_has_come(room));
	CHECK_EQ(0, undone_select(room));
	return room->row->cap ? done_write(room) :
				arrived_whole(room, len_of(room->row));
}

FIXTURE_VARIANT_ADD(nth, select_receives_of_3)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.arms = 3,
		.setup = setup_select_to_receive,
		.operate = operate_select_to_receive,
		.done = done_select_to_receive,
		.undone = undone_select,
		.least = 5,
	},
};

FIXTURE_VARIANT_ADD(nth, select_receives_of_64)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 5000,
		.arms = 64,
		.setup = setup_select_to_receive,
		.operate = operate_select_to_receive,
		.done = done_select_to_receive,
		.undone = undone_select,
		.least = 8,
	},
};

FIXTURE_VARIANT_ADD(nth, select_sends_of_3)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.arms = 3,
		.setup = setup_select,
		.operate = operate_select_to_send,
		.done = done_select_to_send,
		.undone = undone_select,
		.least = 12,
	},
};

FIXTURE_VARIANT_ADD(nth, select_sends_of_64)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.arms = 64,
		.setup = setup_select,
		.operate = operate_select_to_send,
		.done = done_select_to_send,
		.undone = undone_select,
		.least = 200,
		.stride = 17,
	},
};

FIXTURE_VARIANT_ADD(nth, select_waits_to_receive_of_3)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.arms = 3,
		.setup = setup_select_that_waits,
		.operate = operate_select_to_receive,
		.done = done_select_to_receive,
		.undone = undone_select,
		.least = 8,
	},
};

FIXTURE_VARIANT_ADD(nth, select_waits_to_receive_of_64)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.arms = 64,
		.setup = setup_select_that_waits,
		.operate = operate_select_to_receive,
		.done = done_select_to_receive,
		.undone = undone_select,
		.least = 40,
		.stride = 5,
	},
};

FIXTURE_VARIANT_ADD(nth, select_waits_to_send_of_3)
{
	.row = {
		.has_channel = true,
		.arms = 3,
		.setup = setup_select_that_waits,
		.operate = operate_select_to_send,
		.done = done_select_to_send,
		.undone = undone_select,
		.least = 20,
	},
};

TEST_HARNESS_MAIN
