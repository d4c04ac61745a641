// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel that has been used allocates nothing for another message of the same
 * size: of all the places that can fail in an operation, as nth.h finds them,
 * each is a copy from or to the caller.  What failed would otherwise be ENOMEM,
 * or would be got by.
 *
 * Rows are ways of a message through a channel and out again, all by one thread,
 * or the one half of a call.
 */
#include "nth.h"
#include "select.h"

/* So many messages went before. */
#define WARM 4

/* The partner of a call goes no further than it is told. */
static atomic_int calls_wanted;

static int settle(struct room *room, __u32 verdict)
{
	struct chan_op op = op_settle(room->token, verdict);
	int ret;

	if (verdict == CHAN_REPLY)
		op = op_reply(room->token, room->in, len_of(room->row));
	ret = run(room->admin, &op);
	if (!ret)
		room->token = 0;
	return ret;
}

/* What was there before is not taken for what comes. */
static void forget(struct room *room)
{
	memset(room->in, 0xcc, len_of(room->row));
	memset(room->reply, 0xcc, len_of(room->row));
}

/* What came is remembered: a failure may be anywhere on its way. */
static int receive(struct room *room, __u32 flags)
{
	struct chan_op op = op_recv(room->in, len_of(room->row));
	int n;

	op.flags = flags;
	forget(room);
	n = run(room->admin, &op);
	if (n >= 0 && !(flags & CHAN_PEEK))
		room->token = op.id;
	return n;
}

static int arrived(struct room *room, int n)
{
	if (n < 0)
		return n;
	return arrived_whole(room, n) ? -EBADE : 0;
}

/* Nothing of what failed halfway is left. */
static int clear_way(struct room *room)
{
	do {
		if (room->token && settle(room, CHAN_ACK))
			return 1;
	} while (receive(room, CHAN_NOWAIT) >= 0);
	return 0;
}

static int way_is_clear(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(0, s.queued);
	CHECK_EQ(0, s.unsettled);
	return 0;
}

/* Alone --------------------------------------------------------------------- */

static int way_by_write(struct room *room)
{
	int ret = operate_write(room);

	forget(room);
	return ret < 0 ? ret : arrived(room, operate_read(room));
}

static int way_by_op(struct room *room)
{
	struct chan_op op = row_send(room->row, room);
	int ret = run(room->admin, &op);

	if (ret < 0)
		return ret;
	ret = arrived(room, receive(room, 0));
	return !ret && room->token ? settle(room, CHAN_ACK) : ret;
}

static int way_by_peek(struct room *room)
{
	struct chan_op op = row_send(room->row, room);
	int ret = run(room->admin, &op);

	if (ret < 0)
		return ret;
	ret = arrived(room, receive(room, CHAN_PEEK));
	return ret ?: arrived(room, receive(room, 0));
}

static int way_by_batch(struct room *room)
{
	size_t len = len_of(room->row);
	struct chan_op ops[] = {
		row_send(room->row, room),
		row_send(room->row, room),
		op_recv(room->in, len),
		op_recv(room->reply, len),
	};
	int ret;

	forget(room);
	ret = run_ops(room->admin, ops, ARRAY_SIZE(ops));
	if (ret < 0)
		return ret;
	/* A record that cannot be read tells nothing. */
	if (ret < (int)ARRAY_SIZE(ops))
		return ops[ret].result ?: -EFAULT;
	return arrived(room, ops[2].result);
}

/* Gives what came of the second, for nothing comes to the first. */
static int select_of_two(struct room *room, struct chan_op op)
{
	static struct selecting s;
	int ret;

	select_init(&s, room->admin);
	add_arm(&s, room->end, op_recv(room->reply, len_of(room->row)));
	add_arm(&s, room->admin, op);
	ret = select_raw(&s);
	return ret < 0 ? ret : s.arms[1].result;
}

static int way_by_select(struct room *room)
{
	size_t len = len_of(room->row);
	int ret = select_of_two(room, row_send(room->row, room));

	forget(room);
	if (ret < 0)
		return ret;
	return arrived(room, select_of_two(room, op_recv(room->in, len)));
}

static int warm_up(struct room *room)
{
	int ret = 0;

	for (int i = 0; i < WARM && ret >= 0; i++)
		ret = room->row->operate(room);
	return ret < 0 ? ret : 0;
}

/* With another channel, on which there is nothing. */
static int warm_up_selects(struct room *room)
{
	room->end = create_channel(room->control, NULL);
	return room->end < 0 ? room->end : warm_up(room);
}

/* Calls --------------------------------------------------------------------- */

/* Until a message comes that nobody waits for. */
static ssize_t peer_replies(struct call *call)
{
	struct room *room = call->buf;
	unsigned char in[4096];
	struct chan_op op;
	int ret;

	do {
		op = op_recv(in, sizeof(in));
		ret = run(call->fd, &op);
		if (ret < 0 || !op.id)
			return ret;
		op = op_reply(op.id, in, len_of(room->row));
		ret = run(call->fd, &op);
	} while (!ret || ret == -ECANCELED);
	return ret;
}

static int setup_caller(struct room *room)
{
	int ret = start_peer(room, peer_replies, room);

	return ret ?: warm_up(room);
}

static int way_of_a_call(struct room *room)
{
	int ret;

	room->op = row_send(room->row, room);
	forget(room);
	ret = run(room->admin, &room->op);
	if (ret < 0)
		return ret;
	return is_stamped(room->reply, len_of(room->row), 1) ? 0 : -EBADE;
}

/* Its outcome may be kept, or is yet to come. */
static int clear_call(struct room *room)
{
	struct chan_op op = op_wait(room->op.id);
	int ret;

	if (!room->op.id)
		return 0;
	op.reply_buf = address(room->reply);
	op.reply_len = len_of(room->row);
	ret = run(room->admin, &op);
	return ret < 0 && ret != -ENOENT;
}

static int end_server(struct room *room)
{
	CHECK_EQ(1, put_bytes(room->admin, "", 1));
	CHECK_EQ(1, finish(&room->peer));
	room->has_peer = false;
	return way_is_clear(room);
}

static ssize_t peer_calls(struct call *call)
{
	struct room *room = call->buf;
	unsigned char reply[4096];
	struct chan_op op;
	int ret = 0;

	for (int made = 0; ret >= 0; made++) {
		while (calls_wanted == made)
			sched_yield();
		if (calls_wanted < 0)
			return 0;
		op = op_call(room->out, len_of(room->row), reply,
			     sizeof(reply));
		ret = run(call->fd, &op);
	}
	return ret;
}

static int setup_server_of_calls(struct room *room)
{
	int ret;

	calls_wanted = 0;
	ret = start_peer(room, peer_calls, room);
	return ret ?: warm_up(room);
}

static int way_of_a_reply(struct room *room)
{
	int ret;

	calls_wanted++;
	ret = arrived(room, receive(room, 0));
	return ret ?: settle(room, CHAN_REPLY);
}

/* The call that was asked for ends in any case. */
static int clear_reply(struct room *room)
{
	if (!room->token && receive(room, 0) < 0)
		return 1;
	return settle(room, CHAN_REPLY);
}

static int end_caller(struct room *room)
{
	calls_wanted = -1;
	CHECK_EQ(0, finish(&room->peer));
	room->has_peer = false;
	return way_is_clear(room);
}

/* Rows ---------------------------------------------------------------------- */

#define WARM_CHANNEL(size) \
	.is_warm = true, .has_channel = true, .cap = 4, .len = size

#define WARM_ROW(way, size)                                            \
	WARM_CHANNEL(size), .setup = warm_up, .operate = way,          \
			    .undone = clear_way, .done = way_is_clear, \
			    .least = 2

/* clang-format off */
FIXTURE_VARIANT_ADD(nth, warm_write_and_read) {
	.row = { WARM_ROW(way_by_write, 8) },
};
FIXTURE_VARIANT_ADD(nth, warm_write_and_read_of_1000) {
	.row = { WARM_ROW(way_by_write, 1000) },
};
FIXTURE_VARIANT_ADD(nth, warm_write_and_read_of_60000) {
	.row = { WARM_ROW(way_by_write, 60000) },
};
FIXTURE_VARIANT_ADD(nth, warm_operations) {
	.row = { WARM_ROW(way_by_op, 8) },
};
FIXTURE_VARIANT_ADD(nth, warm_operations_of_97) {
	.row = { WARM_ROW(way_by_op, 97) },
};
FIXTURE_VARIANT_ADD(nth, warm_work) {
	.row = {
		WARM_ROW(way_by_op, 8),
		.duty = CHAN_DUTY_ACK,
		.on_death = CHAN_ON_DEATH_REDELIVER,
	},
};
FIXTURE_VARIANT_ADD(nth, warm_work_of_5000) {
	.row = {
		WARM_ROW(way_by_op, 5000),
		.duty = CHAN_DUTY_ACK,
		.on_death = CHAN_ON_DEATH_REDELIVER,
	},
};
FIXTURE_VARIANT_ADD(nth, warm_look) {
	.row = { WARM_ROW(way_by_peek, 8) },
};
FIXTURE_VARIANT_ADD(nth, warm_look_of_1000) {
	.row = { WARM_ROW(way_by_peek, 1000) },
};
FIXTURE_VARIANT_ADD(nth, warm_batch) {
	.row = { WARM_ROW(way_by_batch, 8) },
};
FIXTURE_VARIANT_ADD(nth, warm_batch_of_1000) {
	.row = { WARM_ROW(way_by_batch, 1000) },
};
/* clang-format on */

FIXTURE_VARIANT_ADD(nth, warm_select)
{
	.row = {
		WARM_CHANNEL(1000),
		.setup = warm_up_selects,
		.operate = way_by_select,
		.undone = clear_way,
		.done = way_is_clear,
		.least = 4,
	},
};

#define CALL_ROW(size)                                                      \
	WARM_CHANNEL(size), .until = CHAN_UNTIL_SETTLED,                    \
			    .duty = CHAN_DUTY_REPLY, .setup = setup_caller, \
			    .operate = way_of_a_call, .undone = clear_call, \
			    .done = end_server, .least = 4

/* clang-format off */
FIXTURE_VARIANT_ADD(nth, warm_call) {
	.row = { CALL_ROW(8) },
};
FIXTURE_VARIANT_ADD(nth, warm_call_of_3000) {
	.row = { CALL_ROW(3000) },
};
/* clang-format on */

#define REPLY_ROW(size)                                                       \
	WARM_CHANNEL(size), .setup = setup_server_of_calls,                   \
			    .operate = way_of_a_reply, .undone = clear_reply, \
			    .done = end_caller, .least = 4

/* clang-format off */
FIXTURE_VARIANT_ADD(nth, warm_reply) {
	.row = { REPLY_ROW(8) },
};
FIXTURE_VARIANT_ADD(nth, warm_reply_of_3000) {
	.row = { REPLY_ROW(3000) },
};
/* clang-format on */

TEST_HARNESS_MAIN
