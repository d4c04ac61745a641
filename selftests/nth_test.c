// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injected faults: whatever allocation or copy fails inside an operation, the
 * caller gets ENOMEM or EFAULT, nothing has happened, nothing is left, and the
 * same operation then works.
 *
 * The kernel fails the N-th place that can fail in what this thread does
 * (fail-nth); N goes from 1 until the operation ends before it is reached, so
 * that each place fails once, whatever its kind: slab, page, or user copy.  An
 * operation may also get by without what failed; then it must have done all
 * that it promises.  Memory that leaks is kmemleak's to find, after the run.
 *
 * An operation is a row, a variant below; it needs nothing but its functions.
 */
#include <sys/epoll.h>

#include "ops.h"
#include "traffic.h"

#define FAULT_DIRECTORY "/sys/kernel/debug/"
#define NTH_MAX		2000
#define NTH_TIMEOUT	120
#define NAME		T "nth"
#define MANY		100 /* more than fit into poll's first piece of memory */
#define VAST		((4 << 20) + 1) /* more than can be had in one piece */

/* Rows ------------------------------------------------------------------ */

struct room;

/*
 * @setup makes what the operation needs, beside the channel, if @has_channel.
 * @operate gives 0 or more, or a negative errno, and keeps what it makes in
 * @made; done again after a failure it works.  @done checks its effect and
 * returns 0.  @undone checks that there was none, where that can't be seen by
 * comparing; it returns 0, too.  No fewer than @least places can fail.
 */
struct row {
	int (*setup)(struct room *room);
	int (*operate)(struct room *room);
	int (*done)(struct room *room);
	int (*undone)(struct room *room);
	int least;
	bool has_channel;
	const char *name;
	__u32 cap, flags;
	size_t len;
	/* Of the record, where it is one. */
	__u8 until, duty, on_death;
	__u32 op_flags, verdict;
};

/* What an operation finds; descriptors that are not there are -1. */
struct room {
	const struct row *row;
	int control, admin, end, made;
	struct call peer;
	bool has_peer;
	unsigned char *out, *in, *reply;
	struct chan_op op, peer_op;
	__u64 token;
	bool is_kept; /* the outcome of what @op has sent */
	struct chan_op ops[3]; /* a batch, of which @nr_done are done */
	int nr_ops, nr_done, next;
};

static size_t len_of(const struct row *row)
{
	return row->len ?: 4;
}

static struct chan_create record_of(const struct row *row)
{
	struct chan_create c = roomy_record(row->name);

	c.cap = row->cap;
	c.flags = row->flags;
	c.msg_max = len_of(row) > 64 ? len_of(row) : 64;
	return c;
}

static int room_enter(struct room *room, const struct row *row)
{
	struct chan_create c = record_of(row);

	room->row = row;
	room->admin = -1;
	room->end = -1;
	room->made = -1;
	room->has_peer = false;
	room->is_kept = false;
	room->nr_ops = 0;
	room->nr_done = 0;
	room->token = 0;
	stamp(room->out, len_of(row), 1);
	memset(room->in, 0xcc, len_of(row));
	memset(room->reply, 0xcc, len_of(row));
	if (row->has_channel)
		room->admin = create_with(room->control, &c);
	if (row->has_channel && room->admin < 0)
		return room->admin;
	return row->setup ? row->setup(room) : 0;
}

static int room_leave(struct room *room)
{
	close_end(&room->made);
	close_end(&room->end);
	if (room->has_peer && finish(&room->peer) == -ETIME)
		return -ETIME;
	close_end(&room->admin);
	if (room->row->name)
		remove_name(room->control, room->row->name);
	return 0;
}

/* All that an operation without effect leaves as it was ----------------- */

struct census {
	struct chan_stat stat;
	long long references;
	int fds, lowest_fd, nodes, channels;
};

/* Below it are descriptors, also those that are taken but lead nowhere. */
static int lowest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* Channels that are paid for: one more than these is refused. */
static int channels_paid(int control)
{
	long long limit = get_parameter("max_channels");
	int nr = 0, fd;

	do {
		set_parameter("max_channels", nr + 1);
		fd = create_channel(control, NULL);
	} while (fd == -ENOSPC && nr++ < 100);
	set_parameter("max_channels", limit);
	close(fd);
	return nr;
}

static void census_take(struct census *census, const struct room *room)
{
	memset(census, 0, sizeof(*census));
	if (room->admin >= 0)
		get_stat(room->admin, &census->stat);
	census->references = module_references();
	census->channels = channels_paid(room->control);
	census->nodes = count_nodes();
	census->fds = count_fds();
	census->lowest_fd = lowest_fd();
}

/* 0, or 1 when something differs. */
static int census_compare(const struct census *was, const struct census *is)
{
	CHECK_EQ(was->fds, is->fds);
	CHECK_EQ(was->lowest_fd, is->lowest_fd);
	CHECK_EQ(was->nodes, is->nodes);
	CHECK_EQ(was->channels, is->channels);
	CHECK_EQ(was->references, is->references);
	CHECK_EQ(was->stat.senders, is->stat.senders);
	CHECK_EQ(was->stat.receivers, is->stat.receivers);
	CHECK_EQ(was->stat.queued, is->stat.queued);
	CHECK_EQ(was->stat.parked_senders, is->stat.parked_senders);
	CHECK_EQ(was->stat.parked_receivers, is->stat.parked_receivers);
	CHECK_EQ(0, memcmp(&was->stat, &is->stat, sizeof(is->stat)));
	return 0;
}

/* Ioctls ---------------------------------------------------------------- */

static int operate_query(struct room *room)
{
	struct chan_query q;
	int fd = room->admin < 0 ? room->control : room->admin;
	int ret = get_query(fd, &q);

	return ret ?: (int)q.abi;
}

static int done_nothing(struct room *room)
{
	(void)room;
	return 0;
}

/* A failure must not leave a descriptor in the record. */
static int operate_create(struct room *room)
{
	struct chan_create c = record_of(room->row);
	int ret = create_with(room->control, &c);

	if (ret < 0)
		return c.fd < 0 ? ret : -EBADE;
	room->made = ret;
	return 0;
}

static int passes_messages(int sender, int receiver)
{
	CHECK_EQ(0, put(sender, 7));
	CHECK_EQ(7, take(receiver));
	return 0;
}

static int done_create(struct room *room)
{
	const char *name = room->row->name;
	struct chan_stat s;
	int fd;

	CHECK_EQ(0, get_stat(room->made, &s));
	CHECK_EQ(0, strcmp(name ?: "", s.name));
	CHECK_EQ(1, s.senders);
	CHECK_EQ(1, s.receivers);
	if (!name)
		return passes_messages(room->made, room->made);
	CHECK_EQ(true, node_exists(name));
	fd = open_node(name, O_RDWR);
	CHECK_EQ(0, fd < 0 ? fd : 0);
	if (passes_messages(fd, room->made))
		return 1;
	close(fd);
	return 0;
}

static int done_create_ephemeral(struct room *room)
{
	if (done_create(room))
		return 1;
	close_end(&room->made);
	CHECK_EQ(false, node_exists(room->row->name));
	return 0;
}

static int operate_remove(struct room *room)
{
	return remove_name(room->control, room->row->name);
}

static int done_remove(struct room *room)
{
	struct chan_stat s;

	CHECK_EQ(false, node_exists(room->row->name));
	CHECK_EQ(-ENOENT, remove_name(room->control, room->row->name));
	CHECK_EQ(0, get_stat(room->admin, &s));
	return passes_messages(room->admin, room->admin);
}

static int operate_derive(struct room *room)
{
	struct chan_derive d = {
		.rights = CHAN_RIGHT_SEND,
		.badge = 5,
		.fd = (__s32)0xcccccccc,
	};
	int ret = record_ioctl(room->admin, CHAN_IOC_DERIVE, &d);

	if (ret < 0)
		return d.fd < 0 ? ret : -EBADE;
	room->made = d.fd;
	return ret;
}

static int done_derive(struct room *room)
{
	CHECK_EQ(true, endpoints_are(room->admin, 2, 1));
	CHECK_EQ(-EBADF, take(room->made));
	CHECK_EQ(-EPERM, shut_down(room->made));
	CHECK_EQ(-EPERM,
		 close_made(derive_badge(room->made, CHAN_RIGHT_SEND, 6)));
	return passes_messages(room->made, room->admin);
}

static int operate_stat(struct room *room)
{
	struct chan_stat s;
	int ret = get_stat(room->admin, &s);

	return ret ?: (int)s.cap;
}

static int operate_shutdown(struct room *room)
{
	return shut_down(room->admin);
}

static int done_shutdown(struct room *room)
{
	CHECK_EQ(-EPIPE, put(room->admin, 7));
	CHECK_EQ(0, take(room->admin));
	return 0;
}

/* Silent, and every allocation may fail; restored afterwards. */
struct knob {
	const char *file, *value;
	char old[16];
};

static const struct knob wanted_knobs[] = {
	{ "failslab/verbose", "0", "" },
	{ "failslab/ignore-gfp-wait", "N", "" },
	{ "failslab/cache-filter", "N", "" },
	{ "fail_page_alloc/verbose", "0", "" },
	{ "fail_page_alloc/ignore-gfp-wait", "N", "" },
	{ "fail_page_alloc/ignore-gfp-highmem", "N", "" },
	{ "fail_page_alloc/min-order", "0", "" },
	{ "fail_usercopy/verbose", "0", "" },
	{},
};

FIXTURE(nth)
{
	struct room room;
	struct knob knobs[ARRAY_SIZE(wanted_knobs)];
	long long max_channels;
	int trigger;
};

FIXTURE_VARIANT(nth)
{
	struct row row;
};

FIXTURE_VARIANT_ADD(nth, query_on_control)
{
	.row = {
		.operate = operate_query,
		.done = done_nothing,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, query_on_endpoint)
{
	.row = {
		.has_channel = true,
		.operate = operate_query,
		.done = done_nothing,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, create_anonymous)
{
	.row = {
		.cap = 16,
		.operate = operate_create,
		.done = done_create,
		.least = 6,
	},
};

FIXTURE_VARIANT_ADD(nth, create_named)
{
	.row = {
		.cap = 16,
		.name = NAME,
		.operate = operate_create,
		.done = done_create,
		.least = 30,
	},
};

FIXTURE_VARIANT_ADD(nth, create_ephemeral)
{
	.row = {
		.cap = 16,
		.name = NAME,
		.flags = CHAN_EPHEMERAL,
		.operate = operate_create,
		.done = done_create_ephemeral,
		.least = 30,
	},
};

FIXTURE_VARIANT_ADD(nth, remove)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.name = NAME,
		.operate = operate_remove,
		.done = done_remove,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, derive_from_anonymous)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_derive,
		.done = done_derive,
		.least = 4,
	},
};

FIXTURE_VARIANT_ADD(nth, derive_from_named)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.name = NAME,
		.operate = operate_derive,
		.done = done_derive,
		.least = 4,
	},
};

FIXTURE_VARIANT_ADD(nth, stat)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_stat,
		.done = done_nothing,
		.least = 2,
	},
};

/* Nothing in it can fail. */
FIXTURE_VARIANT_ADD(nth, shutdown)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_shutdown,
		.done = done_shutdown,
	},
};

/* Files ----------------------------------------------------------------- */

static int operate_open(struct room *room)
{
	int fd = open_node(room->row->name, O_RDWR);

	if (fd < 0)
		return fd;
	room->made = fd;
	return 0;
}

static int done_open(struct room *room)
{
	CHECK_EQ(true, endpoints_are(room->admin, 2, 2));
	return passes_messages(room->made, room->admin);
}

/* The endpoint that owns the name, with a message that is never received. */
static int setup_close(struct room *room)
{
	room->end = room->admin;
	room->admin = -1;
	return put(room->end, 7);
}

static int operate_close(struct room *room)
{
	int fd = room->end;

	room->end = -1;
	return close(fd) ? -errno : 0;
}

/* That the channel is gone is seen by who leaves the room. */
static int done_close(struct room *room)
{
	const char *name = room->row->name;

	CHECK_EQ(0, name && node_exists(name));
	CHECK_EQ(true, !name || remove_name(room->control, name) == -ENOENT);
	return 0;
}

FIXTURE_VARIANT_ADD(nth, open)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.name = NAME,
		.operate = operate_open,
		.done = done_open,
		.least = 4,
	},
};

/* Nothing in it can fail. */
FIXTURE_VARIANT_ADD(nth, close_last)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_close,
		.operate = operate_close,
		.done = done_close,
	},
};

FIXTURE_VARIANT_ADD(nth, close_ephemeral)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.name = NAME,
		.flags = CHAN_EPHEMERAL,
		.setup = setup_close,
		.operate = operate_close,
		.done = done_close,
		.least = 1,
	},
};

/* Sending --------------------------------------------------------------- */

/* More parts than the kernel has room for on its stack. */
#define PARTS 10

static struct iovec *vector_of(struct iovec vec[PARTS], void *buf, size_t len)
{
	char *p = buf;

	for (int i = 0; i < PARTS - 1; i++)
		vec[i] = (struct iovec){ p + i, 1 };
	vec[PARTS - 1] = (struct iovec){ p + PARTS - 1, len - (PARTS - 1) };
	return vec;
}

static int operate_write(struct room *room)
{
	return put_bytes(room->admin, room->out, len_of(room->row));
}

static int operate_writev(struct room *room)
{
	struct iovec vec[PARTS];
	ssize_t n = writev(room->admin,
			   vector_of(vec, room->out, len_of(room->row)), PARTS);

	return n < 0 ? -errno : n;
}

static int arrived_whole(struct room *room, ssize_t n)
{
	CHECK_EQ(len_of(room->row), n);
	CHECK_EQ(true, is_stamped(room->in, n, 1));
	return 0;
}

/* One message and no other. */
static int done_write(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(1, s.queued);
	if (arrived_whole(room,
			  take_bytes(room->admin, room->in, len_of(room->row))))
		return 1;
	CHECK_EQ(-EAGAIN, take_now(room->admin));
	return 0;
}

/* A used message is ready, so that nothing is allocated. */
static int setup_used_message(struct room *room)
{
	int nr;

	for (int i = 1; i <= 2; i++) {
		if (put(room->admin, i))
			return -EIO;
		nr = take(room->admin);
		if (nr != i)
			return nr < 0 ? nr : -EIO;
	}
	return 0;
}

/* Takes one message as soon as a sender waits. */
static ssize_t take_when_full(struct call *call)
{
	if (!waiting_are(call->fd, 1, 0))
		return -ETIME;
	return take(call->fd);
}

static int start_peer(struct room *room, ssize_t (*fn)(struct call *call),
		      void *buf)
{
	room->peer = (struct call){
		.fn = fn,
		.fd = room->admin,
		.buf = buf,
		.len = len_of(room->row),
	};
	room->has_peer = !call_start(&room->peer);
	return room->has_peer ? 0 : -EAGAIN;
}

static int setup_full(struct room *room)
{
	int ret = put(room->admin, 7);

	return ret ?: start_peer(room, take_when_full, NULL);
}

static int done_write_to_full(struct room *room)
{
	CHECK_EQ(7, finish(&room->peer));
	room->has_peer = false;
	return done_write(room);
}

/* A receiver waits for the sender. */
static int setup_receiver(struct room *room)
{
	int ret = start_peer(room, call_read, room->in);

	return ret ?: waiting_are(room->admin, 0, 1) ? 0 : -ETIME;
}

static int done_meet_receiver(struct room *room)
{
	ssize_t n = finish(&room->peer);

	room->has_peer = false;
	return arrived_whole(room, n);
}

FIXTURE_VARIANT_ADD(nth, write_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_write,
		.done = done_write,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, write_short_again)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_used_message,
		.operate = operate_write,
		.done = done_write,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, write_longest_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 128,
		.operate = operate_write,
		.done = done_write,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, write_shortest_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 129,
		.operate = operate_write,
		.done = done_write,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, write_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.operate = operate_write,
		.done = done_write,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, write_vast)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = VAST,
		.operate = operate_write,
		.done = done_write,
		.least = 5,
	},
};

FIXTURE_VARIANT_ADD(nth, writev_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 64,
		.operate = operate_writev,
		.done = done_write,
		.least = 10,
	},
};

FIXTURE_VARIANT_ADD(nth, writev_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.operate = operate_writev,
		.done = done_write,
		.least = 10,
	},
};

FIXTURE_VARIANT_ADD(nth, write_to_full)
{
	.row = {
		.has_channel = true,
		.cap = 1,
		.setup = setup_full,
		.operate = operate_write,
		.done = done_write_to_full,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, write_short_to_receiver)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_receiver,
		.operate = operate_write,
		.done = done_meet_receiver,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, write_long_in_rendezvous)
{
	.row = {
		.has_channel = true,
		.len = 5000,
		.setup = setup_receiver,
		.operate = operate_write,
		.done = done_meet_receiver,
		.least = 3,
	},
};

/* Receiving ------------------------------------------------------------- */

static int setup_message(struct room *room)
{
	int n = operate_write(room);

	return n < 0 ? n : 0;
}

static int operate_read(struct room *room)
{
	return take_bytes(room->admin, room->in, len_of(room->row));
}

static int operate_readv(struct room *room)
{
	struct iovec vec[PARTS];
	ssize_t n = readv(room->admin,
			  vector_of(vec, room->in, len_of(room->row)), PARTS);

	return n < 0 ? -errno : n;
}

static int done_read(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(0, s.queued);
	CHECK_EQ(0, s.parked_receivers);
	CHECK_EQ(1, s.totals_received);
	return arrived_whole(room, len_of(room->row));
}

/* Sends as soon as a receiver waits. */
static ssize_t put_when_empty(struct call *call)
{
	if (!waiting_are(call->fd, 0, 1))
		return -ETIME;
	return put_bytes(call->fd, call->buf, call->len);
}

static int setup_sender(struct room *room)
{
	return start_peer(room, put_when_empty, room->out);
}

/* It has come, could not be taken, and waits for the next receiver. */
static int undone_read_from_empty(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(1, s.queued);
	CHECK_EQ(0, s.parked_receivers);
	CHECK_EQ(0, s.totals_received);
	return 0;
}

static int setup_waiting_sender(struct room *room)
{
	int ret = start_peer(room, call_write, room->out);

	return ret ?: waiting_are(room->admin, 1, 0) ? 0 : -ETIME;
}

static int done_read_from_peer(struct room *room)
{
	CHECK_EQ(len_of(room->row), finish(&room->peer));
	room->has_peer = false;
	return done_read(room);
}

FIXTURE_VARIANT_ADD(nth, read_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_message,
		.operate = operate_read,
		.done = done_read,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, read_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.setup = setup_message,
		.operate = operate_read,
		.done = done_read,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, readv_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 64,
		.setup = setup_message,
		.operate = operate_readv,
		.done = done_read,
		.least = 10,
	},
};

FIXTURE_VARIANT_ADD(nth, readv_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.setup = setup_message,
		.operate = operate_readv,
		.done = done_read,
		.least = 10,
	},
};

FIXTURE_VARIANT_ADD(nth, read_from_empty)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_sender,
		.operate = operate_read,
		.done = done_read_from_peer,
		.undone = undone_read_from_empty,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, read_in_rendezvous)
{
	.row = {
		.has_channel = true,
		.setup = setup_waiting_sender,
		.operate = operate_read,
		.done = done_read_from_peer,
		.least = 1,
	},
};

/* Operations: SEND ------------------------------------------------------- */

/* The peers of these know the room; what they send is the row's. */
static struct chan_op row_send(const struct row *row, struct room *room)
{
	struct chan_op op = op_send(room->out, len_of(row));

	op.flags = row->op_flags;
	op.until = row->until;
	op.duty = row->duty;
	op.on_death = row->on_death;
	op.tag = 5;
	if (op.duty == CHAN_DUTY_REPLY) {
		op.reply_buf = address(room->reply);
		op.reply_len = len_of(row);
	}
	return op;
}

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

/* Goes on with what a failure has kept. */
static int operate_send(struct room *room)
{
	struct chan_op op = row_send(room->row, room);

	if (room->is_kept) {
		op.code = CHAN_OP_WAIT;
		op.id = room->op.id;
	}
	room->op = op;
	return run(room->admin, &room->op);
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
	return run(room->admin, &room->op);
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

/* Waiting for events ---------------------------------------------------- */

static int poll_many(int fd, int nr, int timeout)
{
	struct pollfd fds[MANY];

	for (int i = 0; i < nr; i++)
		fds[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	nr = poll(fds, nr, timeout);
	return nr < 0 ? -errno : nr;
}

static int operate_poll(struct room *room)
{
	return poll_many(room->admin, 1, 1);
}

static int operate_poll_many(struct room *room)
{
	return poll_many(room->admin, MANY, 1);
}

static int done_poll(struct room *room)
{
	CHECK_EQ(0, put(room->admin, 7));
	CHECK_EQ(MANY, poll_many(room->admin, MANY, 0));
	CHECK_EQ(7, take(room->admin));
	return 0;
}

static int setup_epoll(struct room *room)
{
	room->end = epoll_create1(EPOLL_CLOEXEC);
	return room->end < 0 ? -errno : 0;
}

static int operate_epoll(struct room *room)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	return epoll_ctl(room->end, EPOLL_CTL_ADD, room->admin, &event) ?
		       -errno :
		       0;
}

static int done_epoll(struct room *room)
{
	struct epoll_event event;

	CHECK_EQ(0, epoll_wait(room->end, &event, 1, 0));
	CHECK_EQ(0, put(room->admin, 7));
	CHECK_EQ(1, epoll_wait(room->end, &event, 1, BUDGET * 1000));
	CHECK_EQ(EPOLLIN, event.events);
	return 0;
}

FIXTURE_VARIANT_ADD(nth, poll)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_poll,
		.done = done_poll,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, poll_many)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_poll_many,
		.done = done_poll,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, epoll)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_epoll,
		.operate = operate_epoll,
		.done = done_epoll,
		.least = 3,
	},
};

/* The kernel's part ----------------------------------------------------- */

static int knob_access(const char *file, int flags, char *text, size_t len)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), FAULT_DIRECTORY "%s", file);
	fd = open_path(path, flags);
	if (fd < 0)
		return fd;
	n = flags == O_RDONLY ? take_bytes(fd, text, len) :
				put_bytes(fd, text, len);
	close(fd);
	return n < 0 ? n : 0;
}

static int knobs_set(struct knob *knobs)
{
	int ret = 0;

	for (struct knob *k = knobs; k->file && !ret; k++) {
		ret = knob_access(k->file, O_RDONLY, k->old,
				  sizeof(k->old) - 1);
		if (!ret)
			ret = knob_access(k->file, O_WRONLY, (char *)k->value,
					  strlen(k->value));
	}
	return ret;
}

static void knobs_restore(struct knob *knobs)
{
	for (struct knob *k = knobs; k->file; k++)
		if (k->old[0])
			knob_access(k->file, O_WRONLY, k->old, strlen(k->old));
}

static bool trigger_arm(int trigger, int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nth);

	return pwrite(trigger, text, len, 0) == len;
}

/*
 * True if the fault was injected: then the file says 0.  Reading the file and
 * disarming are copies that may fail themselves, if it was not.
 */
static bool trigger_disarm(int trigger)
{
	char text[16] = "";
	ssize_t n = pread(trigger, text, sizeof(text) - 1, 0);

	while (!trigger_arm(trigger, 0))
		;
	return n > 0 && !atoi(text);
}

/* The test -------------------------------------------------------------- */

/* With its pages, for a page that comes later is a place that can fail. */
static void *memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int trigger_open(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth",
		 syscall(SYS_gettid));
	return open_path(path, O_RDWR);
}

FIXTURE_SETUP(nth)
{
	self->trigger = trigger_open();
	if (self->trigger < 0)
		SKIP(return, "this kernel injects no faults");
	self->max_channels = get_parameter("max_channels");
	memcpy(self->knobs, wanted_knobs, sizeof(wanted_knobs));
	ASSERT_EQ(0, knobs_set(self->knobs))
	{
		TH_LOG("failslab, fail_page_alloc and fail_usercopy are needed, and root");
	}
	self->room.control = open_control();
	ASSERT_LE(0, self->room.control);
	self->room.out = memory(VAST);
	self->room.in = memory(VAST);
	self->room.reply = memory(VAST);
	ASSERT_NE(NULL, self->room.out);
	ASSERT_NE(NULL, self->room.in);
	ASSERT_NE(NULL, self->room.reply);
}

/* A node that should have gone must not spoil the next row. */
FIXTURE_TEARDOWN_PARENT(nth)
{
	char path[PATH_MAX];

	knobs_restore(self->knobs);
	if (self->max_channels > 0)
		set_parameter("max_channels", self->max_channels);
	names_sweep();
	unlink(node_path(path, NAME));
}

/* The outcome of one fault. */
enum outcome { NOT_REACHED, SURVIVED, FAILED, WRONG };

static bool error_is_told(int ret)
{
	return ret == -ENOMEM || ret == -EFAULT;
}

static int check_undone(struct room *room, const struct census *before)
{
	struct census after;

	if (room->row->undone)
		return room->row->undone(room);
	census_take(&after, room);
	return census_compare(before, &after);
}

static enum outcome fault_inject(FIXTURE_DATA(nth) * self, int nth)
{
	struct room *room = &self->room;
	const struct row *row = room->row;
	struct census before;
	bool injected;
	int ret;

	census_take(&before, room);
	if (!trigger_arm(self->trigger, nth))
		return WRONG;
	ret = row->operate(room);
	injected = trigger_disarm(self->trigger);
	if (ret < 0 && (!injected || !error_is_told(ret))) {
		fprintf(stderr, "# fault %d gives errno %d\n", nth, -ret);
		return WRONG;
	}
	if (ret < 0 && check_undone(room, &before))
		return WRONG;
	if (ret < 0 && row->operate(room) < 0) {
		fprintf(stderr, "# it does not work after fault %d\n", nth);
		return WRONG;
	}
	if (row->done(room))
		return WRONG;
	if (!injected)
		return NOT_REACHED;
	return ret < 0 ? FAILED : SURVIVED;
}

/* One fault in a room of its own, which must be left as it was. */
static enum outcome fault_try(FIXTURE_DATA(nth) * self, const struct row *row,
			      int nth)
{
	struct room *room = &self->room;
	struct census before, after;
	enum outcome outcome;
	int ret;

	room->admin = -1;
	census_take(&before, room);
	ret = room_enter(room, row);
	if (ret)
		fprintf(stderr, "# the setup gives errno %d\n", -ret);
	outcome = ret ? WRONG : fault_inject(self, nth);
	if (room_leave(room))
		return WRONG;
	census_take(&after, room);
	return census_compare(&before, &after) ? WRONG : outcome;
}

TEST_F_TIMEOUT(nth, fault_is_an_error_without_effect, NTH_TIMEOUT)
{
	int counts[WRONG + 1] = {}, nth;
	enum outcome outcome;

	for (nth = 1; nth < NTH_MAX; nth++) {
		outcome = fault_try(self, &variant->row, nth);
		counts[outcome]++;
		ASSERT_NE(WRONG, outcome)
		{
			TH_LOG("with fault %d", nth);
		}
		if (outcome == NOT_REACHED)
			break;
	}
	TH_LOG("%d faults: %d errors, %d got by", nth - 1, counts[FAILED],
	       counts[SURVIVED]);
	EXPECT_GT(NTH_MAX, nth);
	EXPECT_LE(variant->row.least, nth - 1);
}

TEST_HARNESS_MAIN
