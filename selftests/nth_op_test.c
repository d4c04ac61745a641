// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injected faults, as nth.h says: in operations, alone and several in a batch.
 */
#include "nth.h"

/* Operations: SEND ------------------------------------------------------- */

/* The message comes back as the reply. */
static struct chan_op row_settle(struct room *room, __u64 token, __u8 duty,
				 __u32 verdict)
{
	struct chan_op op = op_settle(token, verdict);

	if (verdict == CHAN_REJECT)
		op.error = EDOM;
	if (verdict == CHAN_REPLY || (!verdict && duty == CHAN_DUTY_REPLY))
		return op_reply(token, room->in, len_of(room->row));
	op.verdict = verdict ?: CHAN_ACK;
	return op;
}

/* Receives one message and does what it owes. */
static ssize_t peer_serves(struct call *call)
{
	struct room *room = call->buf;
	struct chan_op op = op_recv(room->in, call->len);
	int n = run(call->fd, &op), ret;

	if (n < 0 || !op.id)
		return n;
	op = row_settle(room, op.id, op.duty, 0);
	ret = run(call->fd, &op);
	return ret ?: n;
}

static int setup_server(struct room *room)
{
	int ret = start_peer(room, peer_serves, room);

	return ret ?: waiting_are(room->admin, 0, 1) ? 0 : -ETIME;
}

/* Its own, or by the ring, whatever becomes of the calls that ask for it. */
static int run_in(struct room *room)
{
	struct io_uring_cqe *cqe;
	int ret;

	if (!room->row->has_ring)
		return run(room->admin, &room->op);
	add_command(&room->ring, room->admin, &room->op);
	while (io_uring_submit(&room->ring) < 1)
		;
	while (io_uring_wait_cqe(&room->ring, &cqe))
		;
	ret = cqe->res;
	io_uring_cqe_seen(&room->ring, cqe);
	return ret;
}

/* Goes on with what a failure has kept. */
static int operate_send(struct room *room)
{
	struct chan_op op = row_send(room->row, room);

	if (room->is_kept) {
		op.code = CHAN_OP_WAIT;
		op.id = room->op.id;
	}
	room->op = op;
	return run_in(room);
}

/*
 * An outcome that could not be written stays for WAIT, for who has the id; any
 * other failure is before receipt, and the receiver is as it was.
 */
static int undone_send_to_server(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(0, s.queued);
	CHECK_EQ(0, s.parked_senders);
	if (s.totals_received) {
		room->is_kept = true;
		CHECK_EQ(true, room->op.id != 0);
		return 0;
	}
	CHECK_EQ(1, s.parked_receivers);
	CHECK_EQ(0, s.unsettled);
	CHECK_EQ(0, s.bytes);
	return 0;
}

static int done_send_to_server(struct room *room)
{
	size_t len = len_of(room->row);
	struct chan_stat s;

	CHECK_EQ(0, arrived_whole(room, finish(&room->peer)));
	room->has_peer = false;
	if (room->row->duty == CHAN_DUTY_REPLY) {
		CHECK_EQ(len, room->op.reply_len);
		CHECK_EQ(true, is_stamped(room->reply, len, 1));
	}
	s = stat_of(room->admin);
	CHECK_EQ(1, s.totals_received);
	CHECK_EQ(0, s.unsettled);
	CHECK_EQ(room->row->duty != CHAN_DUTY_NONE, s.totals_settled);
	CHECK_EQ(-ENOENT, run_once(room->admin, op_wait(room->op.id)));
	return 0;
}

/* The one before may have gone meanwhile. */
static int undone_send_to_full(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(1, s.totals_sent);
	CHECK_EQ(0, s.parked_senders);
	return 0;
}

/* One piece of work and no other. */
static int done_work(struct room *room)
{
	struct chan_op op = op_recv(room->in, len_of(room->row));

	CHECK_EQ(1, stat_of(room->admin).queued);
	CHECK_EQ(0, arrived_whole(room, run(room->admin, &op)));
	CHECK_EQ(CHAN_DUTY_ACK, op.duty);
	CHECK_EQ(1, op.attempt);
	CHECK_EQ(0, run_once(room->admin, op_settle(op.id, CHAN_ACK)));
	CHECK_EQ(-EAGAIN, take_now(room->admin));
	return 0;
}

FIXTURE_VARIANT_ADD(nth, send_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_send,
		.done = done_write,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, send_long_without_waiting)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.op_flags = CHAN_NOWAIT,
		.operate = operate_send,
		.done = done_write,
		.least = 4,
	},
};

FIXTURE_VARIANT_ADD(nth, send_to_full)
{
	.row = {
		.has_channel = true,
		.cap = 1,
		.setup = setup_full,
		.operate = operate_send,
		.done = done_write_to_full,
		.undone = undone_send_to_full,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, send_until_received)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_RECEIVED,
		.setup = setup_server,
		.operate = operate_send,
		.done = done_send_to_server,
		.undone = undone_send_to_server,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, send_in_rendezvous)
{
	.row = {
		.has_channel = true,
		.len = 5000,
		.until = CHAN_UNTIL_RECEIVED,
		.setup = setup_server,
		.operate = operate_send,
		.done = done_send_to_server,
		.undone = undone_send_to_server,
		.least = 4,
	},
};

FIXTURE_VARIANT_ADD(nth, send_by_a_ring)
{
	.row = {
		.has_channel = true,
		.has_ring = true,
		.cap = 16,
		.operate = operate_send,
		.done = done_write,
		.least = 3,
	},
};

/* What it tried in vain at once is another message than the one that waits. */
FIXTURE_VARIANT_ADD(nth, send_to_full_by_a_ring)
{
	.row = {
		.has_channel = true,
		.has_ring = true,
		.cap = 1,
		.setup = setup_full,
		.operate = operate_send,
		.done = done_write_to_full,
		.undone = undone_send_to_full,
		.least = 5,
	},
};

FIXTURE_VARIANT_ADD(nth, send_in_rendezvous_by_a_ring)
{
	.row = {
		.has_channel = true,
		.has_ring = true,
		.len = 5000,
		.until = CHAN_UNTIL_RECEIVED,
		.setup = setup_server,
		.operate = operate_send,
		.done = done_send_to_server,
		.undone = undone_send_to_server,
		.least = 5,
	},
};

FIXTURE_VARIANT_ADD(nth, send_work)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.duty = CHAN_DUTY_ACK,
		.on_death = CHAN_ON_DEATH_REDELIVER,
		.operate = operate_send,
		.done = done_work,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, send_work_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.duty = CHAN_DUTY_ACK,
		.on_death = CHAN_ON_DEATH_REDELIVER,
		.operate = operate_send,
		.done = done_work,
		.least = 4,
	},
};

FIXTURE_VARIANT_ADD(nth, write_work)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.flags = CHAN_WORKQUEUE,
		.operate = operate_write,
		.done = done_work,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, send_until_acknowledged)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_ACK,
		.setup = setup_server,
		.operate = operate_send,
		.done = done_send_to_server,
		.undone = undone_send_to_server,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, send_until_acknowledged_again)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_ACK,
		.on_death = CHAN_ON_DEATH_REDELIVER,
		.setup = setup_server,
		.operate = operate_send,
		.done = done_send_to_server,
		.undone = undone_send_to_server,
		.least = 4,
	},
};

FIXTURE_VARIANT_ADD(nth, call_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_server,
		.operate = operate_send,
		.done = done_send_to_server,
		.undone = undone_send_to_server,
		.least = 4,
	},
};

FIXTURE_VARIANT_ADD(nth, call_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.on_death = CHAN_ON_DEATH_REDELIVER,
		.setup = setup_server,
		.operate = operate_send,
		.done = done_send_to_server,
		.undone = undone_send_to_server,
		.least = 5,
	},
};

/* Its outcome may be told by the completion alone. */
FIXTURE_VARIANT_ADD(nth, call_by_a_ring)
{
	.row = {
		.has_channel = true,
		.has_ring = true,
		.cap = 16,
		.len = 64,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_server,
		.operate = operate_send,
		.done = done_send_to_server,
		.undone = undone_send_to_server,
		.least = 5,
	},
};

FIXTURE_VARIANT_ADD(nth, call_in_rendezvous)
{
	.row = {
		.has_channel = true,
		.len = 64,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_server,
		.operate = operate_send,
		.done = done_send_to_server,
		.undone = undone_send_to_server,
		.least = 4,
	},
};

/* Operations: RECV -------------------------------------------------------- */

/* Sends what the row says and waits for its outcome. */
static ssize_t peer_sends(struct call *call)
{
	struct room *room = call->buf;

	room->peer_op = row_send(room->row, room);
	room->peer_op.flags = 0;
	return run(call->fd, &room->peer_op);
}

/* A message of the row's style is queued. */
static int setup_sent(struct room *room)
{
	struct chan_op op = row_send(room->row, room);
	int ret;

	op.flags = 0;
	if (op.until == CHAN_UNTIL_QUEUED)
		return run(room->admin, &op);
	ret = start_peer(room, peer_sends, room);
	return ret ?: STAT_BECOMES(room->admin, queued, 1) ? 0 : -ETIME;
}

static int operate_recv(struct room *room)
{
	room->op = op_recv(room->in, len_of(room->row));
	room->op.flags = room->row->op_flags;
	return run_in(room);
}

/* What the sender of this row is told in the end. */
static int peer_is_told(struct room *room, ssize_t told)
{
	if (!room->has_peer)
		return 0;
	CHECK_EQ(told, finish(&room->peer));
	room->has_peer = false;
	if (told > 0)
		CHECK_EQ(true, is_stamped(room->reply, told, 1));
	return 0;
}

static int done_recv(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);
	bool owes = room->row->duty != CHAN_DUTY_NONE &&
		    !(room->row->op_flags & CHAN_AUTOACK);
	struct chan_op op;

	CHECK_EQ(0, s.queued);
	CHECK_EQ(1, s.totals_received);
	CHECK_EQ(owes, s.unsettled);
	CHECK_EQ(owes, room->op.id != 0);
	CHECK_EQ(1, room->op.attempt);
	CHECK_EQ(len_of(room->row), room->op.result);
	CHECK_EQ(0, arrived_whole(room, room->op.len));
	op = row_settle(room, room->op.id, room->row->duty, 0);
	CHECK_EQ(owes ? 0 : -ESTALE, run(room->admin, &op));
	return peer_is_told(room, room->row->duty == CHAN_DUTY_REPLY ?
					  (ssize_t)len_of(room->row) :
					  0);
}

static int done_peek(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(1, s.queued);
	CHECK_EQ(0, s.totals_received);
	CHECK_EQ(0, room->op.id);
	CHECK_EQ(0, arrived_whole(room, room->op.len));
	memset(room->in, 0xcc, len_of(room->row));
	return done_write(room);
}

/* As undone_read_from_empty(), if it has waited at all. */
static int undone_recv_from_empty(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(s.totals_sent, s.queued);
	CHECK_EQ(0, s.parked_receivers);
	CHECK_EQ(0, s.totals_received);
	return 0;
}

static int done_recv_from_empty(struct room *room)
{
	CHECK_EQ(len_of(room->row), finish(&room->peer));
	room->has_peer = false;
	return done_recv(room);
}

/* The reader has acknowledged it. */
static int done_read_work(struct room *room)
{
	CHECK_EQ(1, stat_of(room->admin).totals_settled);
	return done_read(room);
}

FIXTURE_VARIANT_ADD(nth, recv_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_sent,
		.operate = operate_recv,
		.done = done_recv,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, recv_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.setup = setup_sent,
		.operate = operate_recv,
		.done = done_recv,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, recv_from_empty)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_sender,
		.operate = operate_recv,
		.done = done_recv_from_empty,
		.undone = undone_recv_from_empty,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, recv_in_rendezvous)
{
	.row = {
		.has_channel = true,
		.setup = setup_waiting_sender,
		.operate = operate_recv,
		.done = done_recv_from_empty,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, recv_work)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.duty = CHAN_DUTY_ACK,
		.on_death = CHAN_ON_DEATH_REDELIVER,
		.setup = setup_sent,
		.operate = operate_recv,
		.done = done_recv,
		.least = 3,
	},
};

/* Without its token it would not be received. */
FIXTURE_VARIANT_ADD(nth, recv_work_by_a_ring)
{
	.row = {
		.has_channel = true,
		.has_ring = true,
		.cap = 16,
		.duty = CHAN_DUTY_ACK,
		.on_death = CHAN_ON_DEATH_REDELIVER,
		.setup = setup_sent,
		.operate = operate_recv,
		.done = done_recv,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, recv_work_from_empty_by_a_ring)
{
	.row = {
		.has_channel = true,
		.has_ring = true,
		.cap = 16,
		.flags = CHAN_WORKQUEUE,
		.duty = CHAN_DUTY_ACK,
		.setup = setup_sender,
		.operate = operate_recv,
		.done = done_recv_from_empty,
		.undone = undone_recv_from_empty,
		.least = 4,
	},
};

FIXTURE_VARIANT_ADD(nth, recv_work_and_acknowledge)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.duty = CHAN_DUTY_ACK,
		.on_death = CHAN_ON_DEATH_REDELIVER,
		.op_flags = CHAN_AUTOACK,
		.setup = setup_sent,
		.operate = operate_recv,
		.done = done_recv,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, read_work)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.flags = CHAN_WORKQUEUE,
		.setup = setup_message,
		.operate = operate_read,
		.done = done_read_work,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, recv_until_received)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_RECEIVED,
		.setup = setup_sent,
		.operate = operate_recv,
		.done = done_recv,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, recv_call)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_sent,
		.operate = operate_recv,
		.done = done_recv,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, recv_call_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_sent,
		.operate = operate_recv,
		.done = done_recv,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, peek)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 5000,
		.op_flags = CHAN_PEEK,
		.setup = setup_sent,
		.operate = operate_recv,
		.done = done_peek,
		.least = 3,
	},
};

/* Operations: SETTLE ------------------------------------------------------ */

/* A message of the row's style is held. */
static int setup_held(struct room *room)
{
	struct chan_op op = op_recv(room->in, len_of(room->row));
	int n = setup_sent(room);

	if (n)
		return n;
	n = run(room->admin, &op);
	room->token = op.id;
	return n < 0 ? n : op.id ? 0 : -EBADE;
}

static int operate_settle(struct room *room)
{
	struct chan_op op = row_settle(room, room->token, room->row->duty,
				       room->row->verdict);

	return run(room->admin, &op);
}

static int done_settle(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);
	__u32 verdict = room->row->verdict;

	CHECK_EQ(0, s.unsettled);
	CHECK_EQ(0, s.queued);
	CHECK_EQ(1, s.totals_settled);
	CHECK_EQ(-ESTALE, operate_settle(room));
	if (verdict == CHAN_REPLY)
		return peer_is_told(room, len_of(room->row));
	return peer_is_told(room, verdict == CHAN_REJECT ? -EREMOTEIO : 0);
}

static int done_return(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);
	struct chan_op op = op_recv(room->in, len_of(room->row));

	CHECK_EQ(0, s.unsettled);
	CHECK_EQ(1, s.queued);
	CHECK_EQ(1, s.totals_redelivered);
	CHECK_EQ(-ESTALE, operate_settle(room));
	CHECK_EQ(0, arrived_whole(room, run(room->admin, &op)));
	CHECK_EQ(2, op.attempt);
	op = row_settle(room, op.id, op.duty, 0);
	CHECK_EQ(0, run(room->admin, &op));
	return peer_is_told(room, len_of(room->row));
}

FIXTURE_VARIANT_ADD(nth, settle_by_ack)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.duty = CHAN_DUTY_ACK,
		.on_death = CHAN_ON_DEATH_REDELIVER,
		.verdict = CHAN_ACK,
		.setup = setup_held,
		.operate = operate_settle,
		.done = done_settle,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, settle_by_ack_with_listener)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_ACK,
		.verdict = CHAN_ACK,
		.setup = setup_held,
		.operate = operate_settle,
		.done = done_settle,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, settle_by_short_reply)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.verdict = CHAN_REPLY,
		.setup = setup_held,
		.operate = operate_settle,
		.done = done_settle,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, settle_by_long_reply)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.verdict = CHAN_REPLY,
		.setup = setup_held,
		.operate = operate_settle,
		.done = done_settle,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, settle_by_reject)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.verdict = CHAN_REJECT,
		.setup = setup_held,
		.operate = operate_settle,
		.done = done_settle,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, settle_by_return)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.verdict = CHAN_RETURN,
		.setup = setup_held,
		.operate = operate_settle,
		.done = done_return,
		.least = 2,
	},
};

/* Operations: CANCEL and WAIT --------------------------------------------- */

static int operate_cancel(struct room *room)
{
	return run_once(room->admin, op_cancel(room->peer_op.id));
}

static int operate_cancel_tag(struct room *room)
{
	return run_once(room->admin, op_cancel_tag(5));
}

/* All of it or nothing: how many it ended is known only afterwards. */
static int undone_cancel_tag(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(0, s.unsettled);
	if (s.queued)
		CHECK_EQ(false, room->peer.done);
	else
		CHECK_EQ(true, BECOMES(room->peer.done));
	return 0;
}

static int done_cancel(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(0, s.queued);
	CHECK_EQ(0, s.bytes);
	CHECK_EQ(-ENOENT, operate_cancel(room));
	CHECK_EQ(0, operate_cancel_tag(room));
	CHECK_EQ(0, peer_is_told(room, -ECANCELED));
	CHECK_EQ(CHAN_STATE_WITHDRAWN, room->peer_op.state);
	return 0;
}

/* The outcome of a call that was interrupted after receipt is kept. */
static int setup_kept(struct room *room)
{
	struct chan_op op;
	int ret;

	catch_signal(SIGUSR1, 0);
	ret = setup_held(room);
	if (ret)
		return ret;
	if (!interrupt(&room->peer) || finish(&room->peer) != -EINTR)
		return -ETIME;
	room->has_peer = false;
	if (room->peer_op.code != CHAN_OP_WAIT)
		return -EBADE;
	op = row_settle(room, room->token, room->row->duty, 0);
	return run(room->admin, &op);
}

static int operate_wait(struct room *room)
{
	room->op = op_wait(room->peer_op.id);
	room->op.reply_buf = address(room->reply);
	room->op.reply_len = len_of(room->row);
	return run(room->admin, &room->op);
}

static int done_wait(struct room *room)
{
	size_t len = len_of(room->row);

	CHECK_EQ(CHAN_STATE_SETTLED, room->op.state);
	CHECK_EQ(CHAN_REPLY, room->op.verdict);
	CHECK_EQ(len, room->op.result);
	CHECK_EQ(len, room->op.reply_len);
	CHECK_EQ(true, is_stamped(room->reply, len, 1));
	CHECK_EQ(-ENOENT, operate_wait(room));
	return 0;
}

FIXTURE_VARIANT_ADD(nth, cancel)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_sent,
		.operate = operate_cancel,
		.done = done_cancel,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, cancel_by_tag)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_sent,
		.operate = operate_cancel_tag,
		.done = done_cancel,
		.undone = undone_cancel_tag,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, wait_for_short_reply)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_kept,
		.operate = operate_wait,
		.done = done_wait,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, wait_for_long_reply)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_kept,
		.operate = operate_wait,
		.done = done_wait,
		.least = 3,
	},
};

/* Batches ----------------------------------------------------------------- */

/* Behind those that are already there; no record tells a result yet. */
static void batch_add(struct room *room, struct chan_op op)
{
	op.result = GARBAGE;
	room->ops[room->nr_ops++] = op;
}

/*
 * Goes on with what a failure has left. That tells by its record how far the
 * batch came, or by the ioctl, if no record could be told or the batch not.
 */
static int operate_batch(struct room *room)
{
	int first = room->nr_done, ret;

	if (first == room->nr_ops)
		return 0;
	ret = run_ops(room->admin, room->ops + first, room->nr_ops - first);
	while (room->nr_done < room->nr_ops &&
	       room->ops[room->nr_done].result >= 0)
		room->nr_done++;
	if (ret < 0)
		return ret;
	if (first + ret != room->nr_done)
		return -EBADE;
	if (room->nr_done == room->nr_ops)
		return 0;
	ret = room->ops[room->nr_done].result;
	return ret == GARBAGE ? -EFAULT : ret;
}

static int setup_batch_of_sends(struct room *room)
{
	for (int i = 0; i < 3; i++)
		batch_add(room, row_send(room->row, room));
	return 0;
}

/* What was done is there, and nothing else. */
static int undone_batch_of_sends(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(room->nr_done, s.queued);
	CHECK_EQ(room->nr_done, s.totals_sent);
	CHECK_EQ(0, s.parked_senders);
	return 0;
}

static int done_batch_of_sends(struct room *room)
{
	size_t len = len_of(room->row);

	CHECK_EQ(3, room->nr_done);
	CHECK_EQ(3, stat_of(room->admin).queued);
	for (int i = 0; i < 3; i++) {
		memset(room->in, 0xcc, len);
		CHECK_EQ(0, arrived_whole(room, take_bytes(room->admin,
							   room->in, len)));
	}
	CHECK_EQ(-EAGAIN, take_now(room->admin));
	return 0;
}

/* A call is held, and another message has come. */
static int setup_batch_of_server(struct room *room)
{
	int ret = setup_held(room);

	if (ret)
		return ret;
	batch_add(room, row_settle(room, room->token, room->row->duty, 0));
	batch_add(room, op_recv(&room->next, sizeof(room->next)));
	return put(room->admin, 7);
}

static int undone_batch_of_server(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(room->nr_done == 0, s.unsettled);
	CHECK_EQ(room->nr_done >= 1, s.totals_settled);
	CHECK_EQ(room->nr_done < 2, s.queued);
	CHECK_EQ(1 + (room->nr_done == 2), s.totals_received);
	CHECK_EQ(0, s.parked_receivers);
	return 0;
}

static int done_batch_of_server(struct room *room)
{
	CHECK_EQ(2, room->nr_done);
	CHECK_EQ(0, undone_batch_of_server(room));
	CHECK_EQ(7, room->next);
	return peer_is_told(room, len_of(room->row));
}

FIXTURE_VARIANT_ADD(nth, batch_of_short_sends)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_batch_of_sends,
		.operate = operate_batch,
		.done = done_batch_of_sends,
		.undone = undone_batch_of_sends,
		.least = 12,
	},
};

FIXTURE_VARIANT_ADD(nth, batch_of_long_sends)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 5000,
		.setup = setup_batch_of_sends,
		.operate = operate_batch,
		.done = done_batch_of_sends,
		.undone = undone_batch_of_sends,
		.least = 15,
	},
};

FIXTURE_VARIANT_ADD(nth, batch_of_settle_and_recv)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_batch_of_server,
		.operate = operate_batch,
		.done = done_batch_of_server,
		.undone = undone_batch_of_server,
		.least = 9,
	},
};

FIXTURE_VARIANT_ADD(nth, batch_of_long_settle_and_recv)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.until = CHAN_UNTIL_SETTLED,
		.duty = CHAN_DUTY_REPLY,
		.setup = setup_batch_of_server,
		.operate = operate_batch,
		.done = done_batch_of_server,
		.undone = undone_batch_of_server,
		.least = 9,
	},
};

TEST_HARNESS_MAIN
