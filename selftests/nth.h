/* SPDX-License-Identifier: GPL-2.0-only */
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
 * An operation is a row, a variant of the one test; it needs nothing but its
 * functions. Those that send or receive one message share what is here.
 */
#ifndef NTH_H
#define NTH_H

#include "ops.h"
#include "rings.h"
#include "traffic.h"

#define FAULT_DIRECTORY "/sys/kernel/debug/"
#define NTH_MAX		2000
#define NTH_TIMEOUT	300
#define NAME		T "nth"

/* Rows ------------------------------------------------------------------ */

struct room;

/*
 * @setup makes what the operation needs, beside the channel, if @has_channel.
 * @operate gives 0 or more, or a negative errno, and keeps what it makes in
 * @made; done again after a failure it works.  @done checks its effect and
 * returns 0.  @undone checks that there was none, where that can't be seen by
 * comparing; it returns 0, too.  No fewer than @least places can fail; where
 * many are alike, only each that is a multiple of @stride does.  With @is_warm
 * none of them may be an allocation.
 */
struct row {
	int (*setup)(struct room *room);
	int (*operate)(struct room *room);
	int (*done)(struct room *room);
	int (*undone)(struct room *room);
	int least, stride;
	bool has_channel, has_ring, is_warm;
	const char *name;
	__u32 cap, flags;
	size_t len;
	/* Of the record, where it is one. */
	__u8 until, duty, on_death;
	__u32 op_flags, verdict;
	int arms; /* or of a select */
};

/* What an operation finds; descriptors that are not there are -1. */
struct room {
	const struct row *row;
	int control, admin, end, made;
	struct io_uring ring;
	struct call peer;
	bool has_peer;
	unsigned char *out, *in, *reply;
	struct chan_op op, peer_op;
	__u64 token;
	bool is_kept; /* the outcome of what @op has sent */
	struct chan_op ops[3]; /* a batch, of which @nr_done are done */
	int nr_ops, nr_done, next;
};

static inline size_t len_of(const struct row *row)
{
	return row->len ?: 4;
}

static inline struct chan_create record_of(const struct row *row)
{
	struct chan_create c = roomy_record(row->name);

	c.cap = row->cap;
	c.flags = row->flags;
	c.msg_max = len_of(row) > 64 ? len_of(row) : 64;
	return c;
}

/* With memory of its own for what it does, which is not what is tried here. */
static inline int enter_ring(struct room *room)
{
	int ret = ring_make(&room->ring, RING_PLAIN, 4);

	if (ret)
		return ret;
	io_uring_prep_nop(io_uring_get_sqe(&room->ring));
	ret = io_uring_submit(&room->ring);
	return ret < 0 ? ret : completion(&room->ring, NULL);
}

static inline int room_enter(struct room *room, const struct row *row)
{
	struct chan_create c = record_of(row);
	int ret;

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
	ret = row->has_ring ? enter_ring(room) : 0;
	if (ret)
		return ret;
	return row->setup ? row->setup(room) : 0;
}

static inline int room_leave(struct room *room)
{
	close_end(&room->made);
	close_end(&room->end);
	if (room->has_peer && finish(&room->peer) == -ETIME)
		return -ETIME;
	close_end(&room->admin);
	if (room->row->has_ring)
		io_uring_queue_exit(&room->ring);
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
static inline int lowest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* Channels that are paid for: one more than these is refused. */
static inline int channels_paid(int control)
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

static inline void census_take(struct census *census, const struct room *room)
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
static inline int census_compare(const struct census *was,
				 const struct census *is)
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

/* One message ------------------------------------------------------------ */

static inline int operate_write(struct room *room)
{
	return put_bytes(room->admin, room->out, len_of(room->row));
}

static inline int arrived_whole(struct room *room, ssize_t n)
{
	CHECK_EQ(len_of(room->row), n);
	CHECK_EQ(true, is_stamped(room->in, n, 1));
	return 0;
}

/* One message and no other. */
static inline int done_write(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(1, s.queued);
	if (arrived_whole(room,
			  take_bytes(room->admin, room->in, len_of(room->row))))
		return 1;
	CHECK_EQ(-EAGAIN, take_now(room->admin));
	return 0;
}

/* Takes one message as soon as a sender waits. */
static inline ssize_t take_when_full(struct call *call)
{
	if (!waiting_are(call->fd, 1, 0))
		return -ETIME;
	return take(call->fd);
}

static inline int start_peer(struct room *room,
			     ssize_t (*fn)(struct call *call), void *buf)
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

static inline int setup_full(struct room *room)
{
	int ret = put(room->admin, 7);

	return ret ?: start_peer(room, take_when_full, NULL);
}

static inline int done_write_to_full(struct room *room)
{
	CHECK_EQ(7, finish(&room->peer));
	room->has_peer = false;
	return done_write(room);
}

static inline int setup_message(struct room *room)
{
	int n = operate_write(room);

	return n < 0 ? n : 0;
}

static inline int operate_read(struct room *room)
{
	return take_bytes(room->admin, room->in, len_of(room->row));
}

static inline int done_read(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(0, s.queued);
	CHECK_EQ(0, s.parked_receivers);
	CHECK_EQ(1, s.totals_received);
	return arrived_whole(room, len_of(room->row));
}

/* Sends as soon as a receiver waits. */
static inline ssize_t put_when_empty(struct call *call)
{
	if (!waiting_are(call->fd, 0, 1))
		return -ETIME;
	return put_bytes(call->fd, call->buf, call->len);
}

static inline int setup_sender(struct room *room)
{
	return start_peer(room, put_when_empty, room->out);
}

/* It has come, could not be taken, and waits for the next receiver. */
static inline int undone_read_from_empty(struct room *room)
{
	struct chan_stat s = stat_of(room->admin);

	CHECK_EQ(1, s.queued);
	CHECK_EQ(0, s.parked_receivers);
	CHECK_EQ(0, s.totals_received);
	return 0;
}

static inline int setup_waiting_sender(struct room *room)
{
	int ret = start_peer(room, call_write, room->out);

	return ret ?: waiting_are(room->admin, 1, 0) ? 0 : -ETIME;
}

/* The peers of these know the room; what they send is the row's. */
static inline struct chan_op row_send(const struct row *row, struct room *room)
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

/* The kernel's part ----------------------------------------------------- */

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

static inline int knob_access(const char *file, int flags, char *text,
			      size_t len)
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

static inline int knobs_set(struct knob *knobs)
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

static inline void knobs_restore(struct knob *knobs)
{
	for (struct knob *k = knobs; k->file; k++)
		if (k->old[0])
			knob_access(k->file, O_WRONLY, k->old, strlen(k->old));
}

static inline bool trigger_arm(int trigger, int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nth);

	return pwrite(trigger, text, len, 0) == len;
}

/*
 * True if the fault was injected: then the file says 0.  Reading the file and
 * disarming are copies that may fail themselves, if it was not.
 */
static inline bool trigger_disarm(int trigger)
{
	char text[16] = "";
	ssize_t n = pread(trigger, text, sizeof(text) - 1, 0);

	while (!trigger_arm(trigger, 0))
		;
	return n > 0 && !atoi(text);
}

/* The test -------------------------------------------------------------- */

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

/* With its pages, for a page that comes later is a place that can fail. */
static inline void *memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static inline int trigger_open(void)
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
	self->room.out = memory(len_of(&variant->row));
	self->room.in = memory(len_of(&variant->row));
	self->room.reply = memory(len_of(&variant->row));
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

static inline bool error_is_told(const struct row *row, int ret)
{
	return ret == -EFAULT || (ret == -ENOMEM && !row->is_warm);
}

static inline int check_undone(struct room *room, const struct census *before)
{
	struct census after;

	if (room->row->undone)
		return room->row->undone(room);
	census_take(&after, room);
	return census_compare(before, &after);
}

static inline enum outcome fault_inject(FIXTURE_DATA(nth) * self, int nth)
{
	struct room *room = &self->room;
	const struct row *row = room->row;
	struct census before;
	bool injected;
	int ret;

	if (!row->undone)
		census_take(&before, room);
	if (!trigger_arm(self->trigger, nth))
		return WRONG;
	ret = row->operate(room);
	injected = trigger_disarm(self->trigger);
	if (ret < 0 && (!injected || !error_is_told(row, ret))) {
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
	if (ret >= 0 && injected && row->is_warm) {
		fprintf(stderr, "# fault %d was of no copy\n", nth);
		return WRONG;
	}
	if (!injected)
		return NOT_REACHED;
	return ret < 0 ? FAILED : SURVIVED;
}

/* One fault in a room of its own, which leaves nothing. */
static inline enum outcome fault_try(FIXTURE_DATA(nth) * self,
				     const struct row *row, int nth,
				     const struct census *nothing)
{
	struct room *room = &self->room;
	enum outcome outcome;
	struct census after;
	int ret;

	ret = room_enter(room, row);
	if (ret)
		fprintf(stderr, "# the setup gives errno %d\n", -ret);
	outcome = ret ? WRONG : fault_inject(self, nth);
	if (room_leave(room))
		return WRONG;
	census_take(&after, room);
	return census_compare(nothing, &after) ? WRONG : outcome;
}

TEST_F_TIMEOUT(nth, fault_is_an_error_without_effect, NTH_TIMEOUT)
{
	int counts[WRONG + 1] = {}, nth;
	int stride = variant->row.stride ?: 1;
	struct census nothing;
	enum outcome outcome;

	self->room.admin = -1;
	census_take(&nothing, &self->room);
	for (nth = stride; nth < NTH_MAX; nth += stride) {
		outcome = fault_try(self, &variant->row, nth, &nothing);
		counts[outcome]++;
		ASSERT_NE(WRONG, outcome)
		{
			TH_LOG("with fault %d", nth);
		}
		if (outcome == NOT_REACHED)
			break;
	}
	TH_LOG("%d places, %d errors, %d got by", nth - stride, counts[FAILED],
	       counts[SURVIVED]);
	EXPECT_GT(NTH_MAX, nth);
	EXPECT_LE(variant->row.least, nth - stride);
}

#endif /* NTH_H */
