// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which error an operation tells: of all that is wrong with it, the first row
 * of the header's table that applies. For each operation every row is tried
 * alone and beside each later one. And an error means no effect: the channel
 * is as before, the message still first, the duty still open, the outcome
 * still there.
 */
#include "op_steps.h"
#include "rings.h"

#define CAP	  4
#define MSG_MAX	  16
#define REPLY_MAX 8

/* 17 bytes, one more than a message may have, and 9 more than a reply. */
#define TEXT "0123456789abcdef"

/* A row of the table that applies, and what is told. */
struct wrong {
	const char *what;
	int ret;
};

/* What all operations have in common, first in each list. */
#define RECORD	  (1 << 0)
#define MALFORMED (1 << 1)

FIXTURE(op_errors)
{
	int control;
	struct ends ends;
	long long max_parked;
	char *hole, *read_only;
	struct running send;
	__u64 token;
	char reply[REPLY_MAX], in[MSG_MAX];
};

FIXTURE_VARIANT(op_errors)
{
	enum entry entry;
	enum ring_kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(op_errors, alone) {
	.entry = ALONE,
};
FIXTURE_VARIANT_ADD(op_errors, as_a_batch) {
	.entry = AS_A_BATCH,
};
FIXTURE_VARIANT_ADD(op_errors, as_a_select) {
	.entry = AS_A_SELECT,
};
FIXTURE_VARIANT_ADD(op_errors, by_a_ring) {
	.entry = BY_A_RING,
	.kind = RING_PLAIN,
};
/* clang-format on */

FIXTURE_SETUP(op_errors)
{
	entry = variant->entry;
	if (entry == BY_A_RING)
		enter_by_ring(variant->kind);
	self->max_parked = get_parameter("max_parked");
	ASSERT_LT(0, self->max_parked);
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, CAP, MSG_MAX, 0));
	self->hole = page_edge(PROT_NONE);
	self->read_only = page_edge(PROT_READ);
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN_PARENT(op_errors)
{
	set_parameter("max_parked", self->max_parked);
}

/* Two wrongs at once ------------------------------------------------------- */

typedef int try_fn(FIXTURE_DATA(op_errors) * self, unsigned int wrong);

/* Each wrong alone and with each later one; @try gives what it was told. */
static void expect_first_row(struct __test_metadata *_metadata,
			     FIXTURE_DATA(op_errors) * self,
			     const struct wrong *wrongs, int nr, try_fn *try)
{
	for (int i = 0; i < nr; i++)
		for (int j = i; j < nr; j++) {
			EXPECT_EQ(wrongs[i].ret, try(self, 1U << i | 1U << j))
			{
				TH_LOG("%s, %s", wrongs[i].what,
				       wrongs[j].what);
			}
		}
}

/* run(), where the record may not be looked at; its fd is -1. */
static int run_at(int fd, void *record)
{
	struct chan_batch batch = batch_of(record, 1);
	int ret;

	if (entry == BY_A_RING)
		return run_by_ring(fd, record);
	if (entry != AS_A_BATCH)
		return record_ioctl(fd, CHAN_IOC_OP, record);
	ret = run_batch(fd, &batch);
	return ret < 0 ? ret : 0;
}

/* In memory that ends before the record does. */
static int run_half_mapped(FIXTURE_DATA(op_errors) * self, int fd,
			   const struct chan_op *op)
{
	char *at = self->hole - sizeof(*op) + 8;

	memcpy(at, op, sizeof(*op) - 8);
	((struct chan_op *)at)->fd = -1;
	return run_at(fd, at);
}

static void *put_read_only(FIXTURE_DATA(op_errors) * self,
			   const struct chan_op *op, size_t behind)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *at = self->read_only - sizeof(*op) + behind;

	mprotect(self->read_only, page, PROT_READ | PROT_WRITE);
	memcpy(at, op, sizeof(*op));
	((struct chan_op *)at)->fd = -1;
	mprotect(self->read_only, page, PROT_READ);
	return at;
}

/* What is told, or 1 if anything has happened or the record tells another. */
static int run_wrong(FIXTURE_DATA(op_errors) * self, int fd, struct chan_op *op,
		     unsigned int wrong)
{
	struct chan_stat before = stat_now(self->ends.admin);
	int ret;

	if (wrong & MALFORMED)
		op->flags |= 1U << 31;
	if (wrong & RECORD) {
		ret = run_half_mapped(self, fd, op);
	} else {
		ret = run(fd, op);
		CHECK_EQ(ret, op->result);
	}
	CHECK_EQ(true, is_unchanged(self->ends.admin, &before));
	return ret;
}

static int remake(FIXTURE_DATA(op_errors) * self, __u32 cap)
{
	ends_close(&self->ends);
	return ends_sized(self->control, &self->ends, cap, MSG_MAX, 0);
}

/*
 * A call that has been received; its sender sleeps, @token is what it owes. No
 * signal would interrupt what a ring does.
 */
static int open_duty(FIXTURE_DATA(op_errors) * self, struct chan_op op)
{
	struct chan_op got = op_soon(self->in, sizeof(self->in));
	enum entry others = entry;

	op.tag = 1;
	entry = entry == BY_A_RING ? ALONE : entry;
	CHECK_EQ(0, op_start(&self->send, self->ends.sender, op));
	CHECK_EQ(4, run(self->ends.receiver, &got));
	CHECK_EQ(true, got.id != 0);
	CHECK_EQ(true, op_sleeps(&self->send));
	entry = others;
	self->token = got.id;
	return 0;
}

static int open_call(FIXTURE_DATA(op_errors) * self)
{
	return open_duty(self,
			 op_call("call", 4, self->reply, sizeof(self->reply)));
}

static int open_task(FIXTURE_DATA(op_errors) * self)
{
	return open_duty(self, op_task("task", 4, CHAN_ON_DEATH_FAIL));
}

/* Its outcome will be kept; the record has become a WAIT. */
static int leave_call(FIXTURE_DATA(op_errors) * self)
{
	CHECK_EQ(true, op_interrupt(&self->send));
	CHECK_EQ(-EINTR, op_finish(&self->send));
	CHECK_EQ(CHAN_OP_WAIT, self->send.op.code);
	return 0;
}

/* SEND --------------------------------------------------------------------- */

enum {
	SEND_RIGHT = 1 << 2,
	SEND_LENGTH = 1 << 3,
	SEND_PAYLOAD = 1 << 4,
	SEND_SHUT = 1 << 5,
	SEND_ROOM = 1 << 6,
	SEND_BUSY = 1 << 7
};

static const struct wrong send_now[] = {
	{ "unreadable record", -EFAULT }, { "unknown flag", -EINVAL },
	{ "no right", -EBADF },		  { "too long", -EMSGSIZE },
	{ "unreadable text", -EFAULT },	  { "shut down", -EPIPE },
	{ "no room", -EAGAIN },
};

static const struct wrong send_in_time[] = {
	{ "unreadable record", -EFAULT }, { "unknown flag", -EINVAL },
	{ "no right", -EBADF },		  { "too long", -EMSGSIZE },
	{ "unreadable text", -EFAULT },	  { "shut down", -EPIPE },
	{ "no room", -ETIMEDOUT },
};

/* Only who waits for an outcome can have too many of them. */
static const struct wrong call_in_time[] = {
	{ "unreadable record", -EFAULT }, { "unknown flag", -EINVAL },
	{ "no right", -EBADF },		  { "outcomes unfetched", -EBUSY },
	{ "too long", -EMSGSIZE },	  { "unreadable text", -EFAULT },
	{ "shut down", -EPIPE },	  { "no room", -ETIMEDOUT },
};

/* The bits of call_in_time, as they are named above. */
static unsigned int send_wrong(unsigned int call_wrong)
{
	const unsigned int busy = SEND_RIGHT << 1;
	unsigned int before = call_wrong & (busy - 1);
	unsigned int after = call_wrong & ~(2 * busy - 1);

	return before | after >> 1 | (call_wrong & busy ? SEND_BUSY : 0);
}

/* Makes the channel as wrong as asked for. */
static int send_setup(FIXTURE_DATA(op_errors) * self, __u32 cap,
		      unsigned int wrong)
{
	CHECK_EQ(0, remake(self, cap));
	if (wrong & SEND_BUSY && (open_call(self) || leave_call(self)))
		return 1;
	while (cap && wrong & SEND_ROOM && !put_now(self->ends.sender, 1))
		;
	if (wrong & SEND_SHUT)
		CHECK_EQ(0, shut_down(self->ends.admin));
	return 0;
}

static int try_send(FIXTURE_DATA(op_errors) * self, struct chan_op *op,
		    __u32 cap, unsigned int wrong)
{
	if (send_setup(self, cap, wrong))
		return 1;
	op->buf = address(wrong & SEND_PAYLOAD ? self->hole - 3 : TEXT);
	op->len = wrong & SEND_LENGTH ? MSG_MAX + 1 : 4;
	return run_wrong(self,
			 wrong & SEND_RIGHT ? self->ends.receiver :
					      self->ends.sender,
			 op, wrong);
}

static int try_send_now(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op op = op_send(NULL, 0);

	op.flags = CHAN_NOWAIT;
	return try_send(self, &op, CAP, wrong);
}

static int try_meet_now(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op op = op_send(NULL, 0);

	op.flags = CHAN_NOWAIT;
	op.until = CHAN_UNTIL_RECEIVED;
	return try_send(self, &op, 0, wrong);
}

/* The past where there is no room, or it would be told too early. */
static __u64 deadline_for(unsigned int wrong)
{
	return wrong & SEND_ROOM ? 1 : in_ms(BUDGET * 1000);
}

static int try_send_in_time(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op op = op_send(NULL, 0);

	op.deadline = deadline_for(wrong);
	return try_send(self, &op, CAP, wrong);
}

static int try_meet_in_time(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op op = op_send(NULL, 0);

	op.deadline = deadline_for(wrong);
	return try_send(self, &op, 0, wrong);
}

static int try_call(FIXTURE_DATA(op_errors) * self, unsigned int call_wrong)
{
	struct chan_op op = op_call(NULL, 0, self->reply, sizeof(self->reply));
	unsigned int wrong = send_wrong(call_wrong);

	op.deadline = deadline_for(wrong);
	return try_send(self, &op, CAP, wrong);
}

TEST_F(op_errors, send_tells_the_first_row_that_applies)
{
	expect_first_row(_metadata, self, send_now, ARRAY_SIZE(send_now),
			 try_send_now);
	expect_first_row(_metadata, self, send_now, ARRAY_SIZE(send_now),
			 try_meet_now);
	expect_first_row(_metadata, self, send_in_time,
			 ARRAY_SIZE(send_in_time), try_send_in_time);
	expect_first_row(_metadata, self, send_in_time,
			 ARRAY_SIZE(send_in_time), try_meet_in_time);
	ASSERT_EQ(0, set_parameter("max_parked", 1));
	expect_first_row(_metadata, self, call_in_time,
			 ARRAY_SIZE(call_in_time), try_call);
}

/* RECV --------------------------------------------------------------------- */

enum { RECV_RIGHT = 1 << 2, RECV_LENGTH = 1 << 3, RECV_PAYLOAD = 1 << 4 };

static const struct wrong recv_message[] = {
	{ "unreadable record", -EFAULT },
	{ "unknown flag", -EINVAL },
	{ "no right", -EBADF },
	{ "too long", -EMSGSIZE },
	{ "buffer cannot be written", -EFAULT },
};

static int try_recv_with(FIXTURE_DATA(op_errors) * self, __u32 flags,
			 unsigned int wrong)
{
	char *buf = wrong & RECV_PAYLOAD ? self->hole - 2 : self->in;
	struct chan_op op = op_soon(buf, wrong & RECV_LENGTH ? 3 : MSG_MAX);
	int ret;

	CHECK_EQ(0, remake(self, CAP));
	CHECK_EQ(0, put(self->ends.sender, 1));
	CHECK_EQ(0, put(self->ends.sender, 2));
	op.flags = flags;
	ret = run_wrong(self,
			wrong & RECV_RIGHT ? self->ends.sender :
					     self->ends.receiver,
			&op, wrong);
	CHECK_EQ(1, take_now(self->ends.receiver));
	CHECK_EQ(2, take_now(self->ends.receiver));
	return ret;
}

static int try_recv(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	return try_recv_with(self, 0, wrong);
}

static int try_peek(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	return try_recv_with(self, CHAN_PEEK | CHAN_NOWAIT, wrong);
}

static int try_autoack(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	return try_recv_with(self, CHAN_AUTOACK, wrong);
}

/* The same, where the sender waits with the message. */
static int try_meeting(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	char *buf = wrong & RECV_PAYLOAD ? self->hole - 2 : self->in;
	struct chan_op op = op_soon(buf, wrong & RECV_LENGTH ? 3 : MSG_MAX);
	int ret;

	CHECK_EQ(0, remake(self, 0));
	CHECK_EQ(0,
		 op_start(&self->send, self->ends.sender, op_send("4444", 4)));
	CHECK_EQ(true, waiting_are(self->ends.admin, 1, 0));
	ret = run_wrong(self,
			wrong & RECV_RIGHT ? self->ends.sender :
					     self->ends.receiver,
			&op, wrong);
	CHECK_EQ(false, self->send.over);
	CHECK_EQ(4, run_once(self->ends.receiver, op_soon(self->in, 4)));
	CHECK_EQ(0, op_finish(&self->send));
	return ret;
}

TEST_F(op_errors, receipt_tells_the_first_row_that_applies)
{
	const int nr = ARRAY_SIZE(recv_message);

	expect_first_row(_metadata, self, recv_message, nr, try_recv);
	expect_first_row(_metadata, self, recv_message, nr, try_peek);
	expect_first_row(_metadata, self, recv_message, nr, try_autoack);
	expect_first_row(_metadata, self, recv_message, nr, try_meeting);
}

enum { RECV_SHUT = 1 << 3 };

static const struct wrong recv_nothing[] = {
	{ "unreadable record", -EFAULT }, { "unknown flag", -EINVAL },
	{ "no right", -EBADF },		  { "shut down", -ESHUTDOWN },
	{ "no message", -EAGAIN },
};

static const struct wrong recv_too_late[] = {
	{ "unreadable record", -EFAULT }, { "unknown flag", -EINVAL },
	{ "no right", -EBADF },		  { "shut down", -ESHUTDOWN },
	{ "no message", -ETIMEDOUT },
};

static int try_recv_nothing(FIXTURE_DATA(op_errors) * self, struct chan_op op,
			    unsigned int wrong)
{
	CHECK_EQ(0, remake(self, CAP));
	if (wrong & RECV_SHUT)
		CHECK_EQ(0, shut_down(self->ends.admin));
	return run_wrong(self,
			 wrong & RECV_RIGHT ? self->ends.sender :
					      self->ends.receiver,
			 &op, wrong);
}

static int try_nothing_now(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	return try_recv_nothing(self, op_now(self->in, MSG_MAX), wrong);
}

static int try_peek_now(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op op = op_now(self->in, MSG_MAX);

	op.flags |= CHAN_PEEK;
	return try_recv_nothing(self, op, wrong);
}

/* Where no message is, no buffer is needed, and none is looked at. */
static int try_nowhere_now(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	return try_recv_nothing(self, op_now(self->hole, MSG_MAX), wrong);
}

static int try_too_late(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op op = op_recv(self->in, MSG_MAX);

	op.deadline = 1;
	return try_recv_nothing(self, op, wrong);
}

TEST_F(op_errors, recv_of_nothing_tells_the_first_row_that_applies)
{
	const int nr = ARRAY_SIZE(recv_nothing);

	expect_first_row(_metadata, self, recv_nothing, nr, try_nothing_now);
	expect_first_row(_metadata, self, recv_nothing, nr, try_peek_now);
	expect_first_row(_metadata, self, recv_nothing, nr, try_nowhere_now);
	expect_first_row(_metadata, self, recv_too_late, nr, try_too_late);
}

/* SETTLE ------------------------------------------------------------------- */

enum {
	SETTLE_RIGHT = 1 << 2,
	SETTLE_TOKEN = 1 << 3,
	SETTLE_VERDICT = 1 << 4,
	SETTLE_LENGTH = 1 << 5,
	SETTLE_PAYLOAD = 1 << 6
};

static const struct wrong settle_call[] = {
	{ "unreadable record", -EFAULT }, { "unknown flag", -EINVAL },
	{ "no right", -EBADF },		  { "unknown token", -ESTALE },
	{ "unfit verdict", -EINVAL },	  { "too long", -EMSGSIZE },
	{ "unreadable reply", -EFAULT },
};

/* The caller is gone in all of them. */
static const struct wrong settle_abandoned[] = {
	{ "unreadable record", -EFAULT },
	{ "unknown flag", -EINVAL },
	{ "no right", -EBADF },
	{ "nothing else", -ECANCELED },
	{ "unfit verdict", -ECANCELED },
	{ "too long", -ECANCELED },
	{ "unreadable reply", -ECANCELED },
};

static int try_settle_with(FIXTURE_DATA(op_errors) * self, struct chan_op op,
			   unsigned int wrong)
{
	op.buf = address(wrong & SETTLE_PAYLOAD ? self->hole - 3 : TEXT);
	op.len = wrong & SETTLE_LENGTH ? REPLY_MAX + 1 : 4;
	op.result = (__s32)0xcccccccc;
	return run_wrong(self,
			 wrong & SETTLE_RIGHT ? self->ends.sender :
						self->ends.receiver,
			 &op, wrong);
}

/* All with one call: nothing happens to it. */
static int try_reply(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	__u64 token = self->token + (wrong & SETTLE_TOKEN ? 1000 : 0);
	__u32 verdict = wrong & SETTLE_VERDICT ? CHAN_ACK : CHAN_REPLY;
	int ret = try_settle_with(self, op_settle(token, verdict), wrong);

	CHECK_EQ(false, self->send.over);
	return ret;
}

/* The verdict that does not fit is a reply, which nobody has room for. */
static int try_reply_to_a_task(FIXTURE_DATA(op_errors) * self,
			       unsigned int wrong)
{
	int ret = try_settle_with(self, op_settle(self->token, CHAN_REPLY),
				  wrong);

	CHECK_EQ(false, self->send.over);
	return ret;
}

/* It is told once, and then the token is as any other. */
static int try_late_reply(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	__u32 verdict = wrong & SETTLE_VERDICT ? CHAN_ACK : CHAN_REPLY;
	struct chan_op op = op_settle(self->token, verdict);

	op.buf = address(wrong & SETTLE_PAYLOAD ? self->hole - 3 : TEXT);
	op.len = wrong & SETTLE_LENGTH ? REPLY_MAX + 1 : 4;
	return run(self->ends.receiver, &op);
}

static int try_abandoned(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op good;
	int ret;

	CHECK_EQ(0, remake(self, CAP));
	if (open_call(self))
		return 1;
	CHECK_EQ(0, run_once(self->ends.sender, op_cancel(self->send.op.id)));
	CHECK_EQ(-ECANCELED, op_finish(&self->send));
	CHECK_EQ(CHAN_STATE_ABANDONED, self->send.op.state);
	CHECK_EQ(1, stat_now(self->ends.admin).unsettled);
	good = op_reply(self->token, TEXT, 4);
	if (wrong & (RECORD | MALFORMED | SETTLE_RIGHT)) {
		ret = try_settle_with(self, good, wrong);
		CHECK_EQ(-ECANCELED, run(self->ends.receiver, &good));
	} else {
		ret = try_late_reply(self, wrong);
	}
	CHECK_EQ(-ESTALE, run(self->ends.receiver, &good));
	CHECK_EQ(0, nothing_is_left(self->ends.admin));
	return ret;
}

TEST_F(op_errors, reply_tells_the_first_row_that_applies)
{
	ASSERT_EQ(0, open_call(self));
	expect_first_row(_metadata, self, settle_call, ARRAY_SIZE(settle_call),
			 try_reply);
	/* A verdict that is none is malformed, one that does not fit is not. */
	EXPECT_EQ(-EINVAL, run_once(self->ends.sender,
				    op_settle(self->token + 1000, 5)));
	EXPECT_EQ(-EBADF, run_once(self->ends.sender,
				   op_settle(self->token, CHAN_ACK)));
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(self->token, TEXT, REPLY_MAX)));
	EXPECT_EQ(REPLY_MAX, op_finish(&self->send));
	EXPECT_EQ(0, memcmp(TEXT, self->reply, REPLY_MAX));
}

TEST_F(op_errors, unfit_reply_is_not_measured)
{
	ASSERT_EQ(0, open_task(self));
	EXPECT_EQ(-EINVAL, try_reply_to_a_task(self, 0));
	EXPECT_EQ(-EINVAL, try_reply_to_a_task(self, SETTLE_LENGTH));
	EXPECT_EQ(-EINVAL, try_reply_to_a_task(self, SETTLE_PAYLOAD));
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_settle(self->token, CHAN_ACK)));
	EXPECT_EQ(0, op_finish(&self->send));
}

TEST_F(op_errors, late_reply_tells_the_first_row_that_applies)
{
	expect_first_row(_metadata, self, settle_abandoned,
			 ARRAY_SIZE(settle_abandoned), try_abandoned);
}

/* No more sends, but what was received may be settled. */
TEST_F(op_errors, shutdown_is_no_error_for_SETTLE)
{
	ASSERT_EQ(0, open_call(self));
	ASSERT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(self->token, TEXT, 4)));
	EXPECT_EQ(4, op_finish(&self->send));
}

/* CANCEL, WAIT ------------------------------------------------------------- */

enum { CANCEL_LATE = 1 << 2, WAIT_RIGHT = 1 << 2, WAIT_UNKNOWN = 1 << 3 };

static const struct wrong cancel_unknown[] = {
	{ "unreadable record", -EFAULT },
	{ "unknown flag", -EINVAL },
	{ "unknown id", -ENOENT },
};

static const struct wrong cancel_late[] = {
	{ "unreadable record", -EFAULT },
	{ "unknown flag", -EINVAL },
	{ "received, and to be acknowledged", -EALREADY },
};

static int try_cancel(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op op = op_cancel(wrong & CANCEL_LATE ?
					      self->send.op.id + 1000 :
					      self->send.op.id);
	int ret = run_wrong(self, self->ends.sender, &op, wrong);

	CHECK_EQ(false, self->send.over);
	return ret;
}

static int try_late_cancel(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op op = op_cancel(self->send.op.id);
	int ret = run_wrong(self, self->ends.sender, &op, wrong);

	CHECK_EQ(false, self->send.over);
	return ret;
}

TEST_F(op_errors, cancel_tells_the_first_row_that_applies)
{
	struct chan_op by_tag = op_cancel_tag(1);

	ASSERT_EQ(0, open_task(self));
	expect_first_row(_metadata, self, cancel_unknown,
			 ARRAY_SIZE(cancel_unknown), try_cancel);
	expect_first_row(_metadata, self, cancel_late, ARRAY_SIZE(cancel_late),
			 try_late_cancel);
	/* By tag it is passed over. */
	EXPECT_EQ(0, run_wrong(self, self->ends.sender, &by_tag, 0));
	EXPECT_FALSE(self->send.over);
	/* No right is needed, so none is missed. */
	EXPECT_EQ(-ENOENT,
		  run_once(self->ends.receiver, op_cancel(self->send.op.id)));
	EXPECT_EQ(-ENOENT,
		  run_once(self->ends.admin, op_cancel(self->send.op.id)));
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_settle(self->token, CHAN_ACK)));
	EXPECT_EQ(0, op_finish(&self->send));
	EXPECT_EQ(-ENOENT,
		  run_once(self->ends.sender, op_cancel(self->send.op.id)));
}

static const struct wrong wait_unknown[] = {
	{ "unreadable record", -EFAULT },
	{ "unknown flag", -EINVAL },
	{ "no right", -EBADF },
	{ "unknown id", -ENOENT },
};

/* Beside it there is no buffer and no time either. */
static int try_wait_unknown(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op op =
		op_wait(self->send.op.id + (wrong & WAIT_UNKNOWN ? 1000 : 0));

	op.reply_buf = address(self->hole);
	op.reply_len = REPLY_MAX;
	op.deadline = 1;
	return run_wrong(self,
			 wrong & WAIT_RIGHT ? self->ends.receiver :
					      self->ends.sender,
			 &op, wrong);
}

enum { WAIT_LENGTH = 1 << 3, WAIT_PAYLOAD = 1 << 4 };

static const struct wrong wait_settled[] = {
	{ "unreadable record", -EFAULT },
	{ "unknown flag", -EINVAL },
	{ "no right", -EBADF },
	{ "reply too long", -EMSGSIZE },
	{ "buffer cannot be written", -EFAULT },
};

static int try_wait_settled(FIXTURE_DATA(op_errors) * self, unsigned int wrong)
{
	struct chan_op op = op_wait(self->send.op.id);

	op.reply_buf =
		address(wrong & WAIT_PAYLOAD ? self->hole - 2 : self->in);
	op.reply_len = wrong & WAIT_LENGTH ? 3 : REPLY_MAX;
	return run_wrong(self,
			 wrong & WAIT_RIGHT ? self->ends.receiver :
					      self->ends.sender,
			 &op, wrong);
}

TEST_F(op_errors, wait_tells_the_first_row_that_applies)
{
	struct chan_op op;

	ASSERT_EQ(0, open_call(self));
	ASSERT_EQ(0, leave_call(self));
	expect_first_row(_metadata, self, wait_unknown,
			 ARRAY_SIZE(wait_unknown), try_wait_unknown);
	ASSERT_EQ(0, run_once(self->ends.receiver,
			      op_reply(self->token, TEXT, 4)));
	expect_first_row(_metadata, self, wait_settled,
			 ARRAY_SIZE(wait_settled), try_wait_settled);
	/* All the while it was kept. */
	op = with_garbage(op_wait(self->send.op.id));
	op.id = self->send.op.id;
	EXPECT_EQ(4, run(self->ends.sender, &op));
	EXPECT_EQ(4, op.reply_len);
	EXPECT_EQ(CHAN_REPLY, op.verdict);
	EXPECT_EQ(CHAN_STATE_SETTLED, op.state);
	EXPECT_EQ(0, memcmp(TEXT, self->reply, 4));
	EXPECT_EQ(-ENOENT,
		  run_once(self->ends.sender, op_wait(self->send.op.id)));
}

/* Its own deadline ends the wait; the call goes the way of all late ones. */
TEST_F(op_errors, wait_that_is_too_late_is_ETIMEDOUT)
{
	struct chan_op op;

	ASSERT_EQ(0, open_call(self));
	ASSERT_EQ(0, leave_call(self));
	op = op_wait(self->send.op.id);
	op.reply_buf = address(self->hole);
	op.reply_len = REPLY_MAX;
	op.deadline = 1;
	EXPECT_EQ(-ETIMEDOUT, run(self->ends.sender, &op));
	EXPECT_EQ(-ETIMEDOUT, op.result);
	EXPECT_EQ(CHAN_STATE_ABANDONED, op.state);
	EXPECT_EQ(-ENOENT, run(self->ends.sender, &op));
	EXPECT_EQ(-ECANCELED, run_once(self->ends.receiver,
				       op_reply(self->token, TEXT, 4)));
}

/* What is malformed --------------------------------------------------------- */

/* A record of each code that would succeed, some of them only once. */
static struct chan_op good_op(FIXTURE_DATA(op_errors) * self, __u32 code)
{
	struct chan_op op;

	switch (code) {
	case CHAN_OP_SEND:
		op = op_send(TEXT, 4);
		op.flags = CHAN_NOWAIT;
		return op;
	case CHAN_OP_RECV:
		return op_now(self->in, MSG_MAX);
	case CHAN_OP_SETTLE:
		return op_reply(self->token, TEXT, 4);
	case CHAN_OP_CANCEL:
		return op_cancel_tag(1);
	default:
		op = op_wait(self->send.op.id);
		op.deadline = 1;
		return op;
	}
}

static int end_for(FIXTURE_DATA(op_errors) * self, __u32 code)
{
	return code == CHAN_OP_RECV || code == CHAN_OP_SETTLE ?
		       self->ends.receiver :
		       self->ends.sender;
}

/* A message that can be received beside a call that can be settled. */
static int all_possible(FIXTURE_DATA(op_errors) * self)
{
	if (open_call(self) || leave_call(self))
		return 1;
	CHECK_EQ(0, put(self->ends.sender, 1));
	return 0;
}

/* EINVAL, also where the right is missing, and without effect. */
static int is_refused(FIXTURE_DATA(op_errors) * self, struct chan_op op)
{
	struct chan_op same = op;

	CHECK_EQ(-EINVAL, run_wrong(self, end_for(self, op.code), &op, 0));
	CHECK_EQ(-EINVAL, run_wrong(self, self->ends.admin, &same, 0));
	return 0;
}

/* And all of them succeed in the end. */
static int all_succeed(FIXTURE_DATA(op_errors) * self)
{
	struct chan_op op = good_op(self, CHAN_OP_RECV);

	CHECK_EQ(4, run(self->ends.receiver, &op));
	CHECK_EQ(0, run_once(self->ends.sender, good_op(self, CHAN_OP_SEND)));
	CHECK_EQ(0,
		 run_once(self->ends.receiver, good_op(self, CHAN_OP_SETTLE)));
	CHECK_EQ(4, run_once(self->ends.sender, good_op(self, CHAN_OP_WAIT)));
	CHECK_EQ(0, run_once(self->ends.sender, good_op(self, CHAN_OP_CANCEL)));
	return 0;
}

TEST_F(op_errors, unknown_code_is_EINVAL)
{
	static const __u32 codes[] = { 0,	   6,	      7,   8,
				       100,	   255,	      256, 257,
				       258,	   0x10001,   ~0U, ~0U - 1,
				       0x80000001, 0x80000002 };

	ASSERT_EQ(0, all_possible(self));
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		for (__u32 like = CHAN_OP_SEND; like <= CHAN_OP_WAIT; like++) {
			struct chan_op op = good_op(self, like);

			op.code = codes[i];
			EXPECT_EQ(0, is_refused(self, op))
			{
				TH_LOG("code %u", codes[i]);
			}
		}
	EXPECT_EQ(0, all_succeed(self));
}

/* The flags that each code knows. */
static const __u32 known_flags[] = {
	[CHAN_OP_SEND] = CHAN_NOWAIT,
	[CHAN_OP_RECV] = CHAN_NOWAIT | CHAN_PEEK | CHAN_AUTOACK,
	[CHAN_OP_SETTLE] = 0,
	[CHAN_OP_CANCEL] = CHAN_BY_TAG,
	[CHAN_OP_WAIT] = 0,
};

TEST_F(op_errors, unlisted_flag_is_EINVAL)
{
	ASSERT_EQ(0, all_possible(self));
	for (__u32 code = CHAN_OP_SEND; code <= CHAN_OP_WAIT; code++)
		for (int bit = 0; bit < 32; bit++) {
			struct chan_op op = good_op(self, code);

			if (known_flags[code] & (1U << bit))
				continue;
			op.flags |= 1U << bit;
			EXPECT_EQ(0, is_refused(self, op))
			{
				TH_LOG("code %u, bit %d", code, bit);
			}
			op.flags = 1U << bit;
			EXPECT_EQ(0, is_refused(self, op));
		}
	EXPECT_EQ(0, all_succeed(self));
}

TEST_F(op_errors, copy_that_acknowledges_is_EINVAL)
{
	struct chan_op op;

	ASSERT_EQ(0, all_possible(self));
	op = good_op(self, CHAN_OP_RECV);
	op.flags |= CHAN_PEEK | CHAN_AUTOACK;
	EXPECT_EQ(0, is_refused(self, op));
	op.flags = CHAN_PEEK | CHAN_AUTOACK;
	EXPECT_EQ(0, is_refused(self, op));
	EXPECT_EQ(0, all_succeed(self));
}

/* It is for batches; here it could only contradict the descriptor. */
TEST_F(op_errors, fd_is_0_or_minus_1)
{
	/* In a batch it says which endpoint. */
	if (entry != BY_A_RING)
		entry = ALONE;
	ASSERT_EQ(0, all_possible(self));
	for (__u32 code = CHAN_OP_SEND; code <= CHAN_OP_WAIT; code++) {
		const int fds[] = { 1,
				    2,
				    -2,
				    -100,
				    INT_MAX,
				    INT_MIN,
				    self->control,
				    self->ends.sender,
				    self->ends.receiver };

		for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
			struct chan_op op = good_op(self, code);

			op.fd = fds[i];
			EXPECT_EQ(0, is_refused(self, op))
			{
				TH_LOG("code %u, fd %d", code, fds[i]);
			}
		}
	}
	for (int fd = -1; fd <= 0; fd++) {
		struct chan_op op = good_op(self, CHAN_OP_SEND);

		op.fd = fd;
		EXPECT_EQ(0, run(self->ends.sender, &op));
		EXPECT_EQ(fd, op.fd);
		op = good_op(self, CHAN_OP_RECV);
		op.fd = fd;
		EXPECT_EQ(4, run(self->ends.receiver, &op));
		EXPECT_EQ(fd, op.fd);
	}
	EXPECT_EQ(0, all_succeed(self));
}

TEST_F(op_errors, unknown_verdict_is_EINVAL)
{
	static const __u32 verdicts[] = { 0,	      5,   6,
					  255,	      256, CHAN_ACK | 256,
					  0x80000001, ~0U };

	ASSERT_EQ(0, all_possible(self));
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct chan_op op = good_op(self, CHAN_OP_SETTLE);

		op.verdict = verdicts[i];
		op.error = EIO;
		EXPECT_EQ(0, is_refused(self, op))
		{
			TH_LOG("verdict %u", verdicts[i]);
		}
		/* So it is for a token that nobody has. */
		op.id += 1000;
		EXPECT_EQ(0, is_refused(self, op));
	}
	EXPECT_EQ(0, all_succeed(self));
}

TEST_F(op_errors, rejection_needs_a_positive_errno)
{
	static const __u32 bad[] = { 0, 4096, 4097, ~0U, -EIO, 1U << 31 };
	static const __u32 good[] = { 1, EIO, 4095 };

	ASSERT_EQ(0, open_call(self));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(0, is_refused(self, op_reject(self->token, bad[i])))
		{
			TH_LOG("error %u", bad[i]);
		}
		EXPECT_EQ(0, is_refused(self,
					op_reject(self->token + 1000, bad[i])));
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, run_once(self->ends.receiver,
				      op_reject(self->token, good[i])));
		EXPECT_EQ(-EREMOTEIO, op_finish(&self->send));
		EXPECT_EQ(-EREMOTEIO, self->send.op.result);
		EXPECT_EQ(CHAN_REJECT, self->send.op.verdict);
		EXPECT_EQ(good[i], self->send.op.error);
		EXPECT_EQ(CHAN_STATE_SETTLED, self->send.op.state);
		ASSERT_EQ(0, open_task(self));
	}
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_settle(self->token, CHAN_ACK)));
	EXPECT_EQ(0, op_finish(&self->send));
}

/* What was sent without a tag has none, and is not all to be cancelled. */
TEST_F(op_errors, cancel_by_tag_needs_a_tag)
{
	struct running recv;

	ASSERT_EQ(0, op_start(&recv, self->ends.receiver,
			      op_recv(self->in, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(0, is_refused(self, op_cancel_tag(0)));
	EXPECT_EQ(-EINVAL, run_once(self->ends.receiver, op_cancel_tag(0)));
	EXPECT_TRUE(op_sleeps(&recv));
	EXPECT_EQ(0, put(self->ends.sender, 1));
	EXPECT_EQ(4, op_finish(&recv));
}

TEST_F(op_errors, size_of_the_record_comes_before_the_right)
{
	struct {
		struct chan_op op;
		__u64 tail;
	} longer = { .tail = 1 };

	ASSERT_EQ(0, all_possible(self));
	for (__u32 code = CHAN_OP_SEND; code <= CHAN_OP_WAIT; code++) {
		unsigned long as_long = _IOC(_IOC_READ | _IOC_WRITE,
					     CHAN_IOC_MAGIC, 6, sizeof(longer));
		unsigned long shorter = _IOC(_IOC_READ | _IOC_WRITE,
					     CHAN_IOC_MAGIC, 6,
					     sizeof(longer.op) - 8);
		struct chan_stat before = stat_now(self->ends.admin);

		longer.op = good_op(self, code);
		longer.op.result = GARBAGE;
		EXPECT_EQ(-E2BIG,
			  record_ioctl(end_for(self, code), as_long, &longer));
		EXPECT_EQ(-E2BIG, longer.op.result);
		EXPECT_EQ(-E2BIG,
			  record_ioctl(self->ends.admin, as_long, &longer));
		EXPECT_EQ(-EINVAL,
			  record_ioctl(end_for(self, code), shorter, &longer));
		EXPECT_EQ(-EINVAL,
			  record_ioctl(self->ends.admin, shorter, &longer));
		EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	}
	EXPECT_EQ(0, all_succeed(self));
}

/* Whose it is -------------------------------------------------------------- */

TEST_F(op_errors, token_is_good_once_and_for_its_holder)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV);
	struct chan_op got = op_now(self->in, MSG_MAX);

	ASSERT_EQ(0, open_call(self));
	EXPECT_EQ(-ESTALE, run_once(other, op_reply(self->token, TEXT, 4)));
	EXPECT_EQ(-ESTALE, run_once(self->ends.receiver,
				    op_reply(self->send.op.id, TEXT, 4)));
	EXPECT_EQ(-ESTALE, run_once(self->ends.receiver, op_reply(0, TEXT, 4)));
	EXPECT_EQ(-ESTALE,
		  run_once(self->ends.receiver, op_reply(~0ULL, TEXT, 4)));
	/* Given back, it has another token when it comes again. */
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_settle(self->token, CHAN_RETURN)));
	EXPECT_EQ(-ESTALE, run_once(self->ends.receiver,
				    op_reply(self->token, TEXT, 4)));
	ASSERT_EQ(4, run(other, &got));
	EXPECT_EQ(-ESTALE, run_once(other, op_reply(self->token, TEXT, 4)));
	EXPECT_EQ(-ESTALE,
		  run_once(self->ends.receiver, op_reply(got.id, TEXT, 4)));
	EXPECT_FALSE(self->send.over);
	EXPECT_EQ(0, run_once(other, op_reply(got.id, TEXT, 4)));
	EXPECT_EQ(-ESTALE, run_once(other, op_reply(got.id, TEXT, 4)));
	EXPECT_EQ(4, op_finish(&self->send));
	close(other);
}

TEST_F(op_errors, id_is_good_for_its_sender_while_it_is_outstanding)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_SEND);
	struct chan_op sent = op_send(TEXT, 4);
	__u64 id;

	ASSERT_EQ(0, open_call(self));
	id = self->send.op.id;
	EXPECT_EQ(-ENOENT, run_once(other, op_cancel(id)));
	EXPECT_EQ(-ENOENT, run_once(other, op_wait(id)));
	EXPECT_EQ(-ENOENT, run_once(self->ends.sender, op_cancel(self->token)));
	EXPECT_EQ(-ENOENT, run_once(self->ends.sender, op_wait(self->token)));
	EXPECT_EQ(-ENOENT, run_once(self->ends.sender, op_cancel(0)));
	EXPECT_EQ(-ENOENT, run_once(self->ends.sender, op_wait(0)));
	EXPECT_EQ(-ENOENT, run_once(self->ends.sender, op_cancel(~0ULL)));
	/* Its sender waits for it already. */
	EXPECT_EQ(-EBUSY, run_once(self->ends.sender, op_wait(id)));
	/* Nobody waits for this one: it is not outstanding. */
	ASSERT_EQ(0, run(self->ends.sender, &sent));
	EXPECT_EQ(-ENOENT, run_once(self->ends.sender, op_wait(sent.id)));
	EXPECT_EQ(-ENOENT, run_once(self->ends.sender, op_cancel(sent.id)));
	EXPECT_FALSE(self->send.over);
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(self->token, TEXT, 4)));
	EXPECT_EQ(4, op_finish(&self->send));
	EXPECT_EQ(-ENOENT, run_once(self->ends.sender, op_wait(id)));
	EXPECT_EQ(-ENOENT, run_once(self->ends.sender, op_cancel(id)));
	close(other);
}

/* Results that cannot be written --------------------------------------------- */

static int run_read_only(FIXTURE_DATA(op_errors) * self, int fd,
			 struct chan_op op, size_t behind)
{
	struct chan_stat before = stat_now(self->ends.admin);
	int ret = run_at(fd, put_read_only(self, &op, behind));

	CHECK_EQ(true, is_unchanged(self->ends.admin, &before));
	return ret;
}

TEST_F(op_errors, read_only_record_is_EFAULT_without_effect)
{
	const size_t all = sizeof(struct chan_op);

	if (entry == BY_A_RING)
		SKIP(return, "its completion tells what the record cannot");
	ASSERT_EQ(0, all_possible(self));
	EXPECT_EQ(-EFAULT, run_read_only(self, self->ends.sender,
					 good_op(self, CHAN_OP_SEND), all));
	EXPECT_EQ(-EFAULT, run_read_only(self, self->ends.receiver,
					 good_op(self, CHAN_OP_SETTLE), all));
	EXPECT_EQ(-EFAULT, run_read_only(self, self->ends.sender,
					 op_cancel(self->send.op.id), all));
	/* The duty is still open, the call not cancelled. */
	EXPECT_EQ(0,
		  run_once(self->ends.receiver, good_op(self, CHAN_OP_SETTLE)));
	EXPECT_EQ(-EFAULT, run_read_only(self, self->ends.sender,
					 good_op(self, CHAN_OP_WAIT), all));
	EXPECT_EQ(4, run_once(self->ends.sender, good_op(self, CHAN_OP_WAIT)));
	EXPECT_EQ(1, take_now(self->ends.receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
}

/* A receiver that cannot be told whose message it is has not received it. */
TEST_F(op_errors, receipt_that_cannot_be_told_leaves_the_message_first)
{
	static const size_t behind[] = {
		8, 16, 24, 40, 56, 64, 96, 97, 112, sizeof(struct chan_op)
	};

	if (entry == BY_A_RING)
		SKIP(return, "its completion tells what the record cannot");
	ASSERT_EQ(0, run_once(self->ends.sender, op_work("work", 4)));
	ASSERT_EQ(0, put(self->ends.sender, 2));
	for (size_t i = 0; i < ARRAY_SIZE(behind); i++) {
		struct chan_op op = op_now(self->in, MSG_MAX);

		EXPECT_EQ(-EFAULT, run_read_only(self, self->ends.receiver, op,
						 behind[i]))
		{
			TH_LOG("%zu bytes are read-only", behind[i]);
		}
		op.flags |= CHAN_PEEK;
		EXPECT_EQ(-EFAULT, run_read_only(self, self->ends.receiver, op,
						 behind[i]));
		op.flags = CHAN_NOWAIT | CHAN_AUTOACK;
		EXPECT_EQ(-EFAULT, run_read_only(self, self->ends.receiver, op,
						 behind[i]));
	}
	for (int nr = 1; nr <= 2; nr++) {
		struct chan_op op = op_now(self->in, MSG_MAX);

		EXPECT_EQ(4, run(self->ends.receiver, &op));
		EXPECT_EQ(1, op.attempt);
		EXPECT_EQ(nr == 1 ? CHAN_DUTY_ACK : CHAN_DUTY_NONE, op.duty);
	}
}

static ssize_t call_ioctl(struct call *call)
{
	return run_at(call->fd, call->buf);
}

/* The record could be written when the call began, and no longer. */
TEST_F(op_errors, outcome_that_cannot_be_written_stays_for_WAIT)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct chan_op *op = (void *)self->read_only;
	struct chan_op got = op_soon(self->in, MSG_MAX), wait;
	struct call sender = {
		.fn = call_ioctl,
		.fd = self->ends.sender,
		.buf = op,
	};

	if (entry == BY_A_RING)
		SKIP(return, "its completion tells what the record cannot");
	ASSERT_EQ(0, mprotect(op, page, PROT_READ | PROT_WRITE));
	*op = op_call("call", 4, self->reply, REPLY_MAX);
	op->fd = -1;
	ASSERT_EQ(0, call_start(&sender));
	ASSERT_EQ(4, run(self->ends.receiver, &got));
	ASSERT_TRUE(call_sleeps_in(&sender, SYS_ioctl));
	ASSERT_EQ(0, mprotect(op, page, PROT_READ));
	/* The replier has done its part. */
	EXPECT_EQ(0, run_once(self->ends.receiver, op_reply(got.id, TEXT, 4)));
	EXPECT_EQ(-EFAULT, finish(&sender));
	EXPECT_EQ(CHAN_OP_SEND, op->code);
	wait = op_wait(op->id);
	memset(self->reply, 0xcc, REPLY_MAX);
	EXPECT_EQ(4, run(self->ends.sender, &wait));
	EXPECT_EQ(CHAN_STATE_SETTLED, wait.state);
	EXPECT_EQ(CHAN_REPLY, wait.verdict);
	EXPECT_EQ(0, memcmp(TEXT, self->reply, 4));
	EXPECT_EQ(-ENOENT, run(self->ends.sender, &wait));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(op_errors, reply_that_cannot_be_written_stays_for_WAIT)
{
	struct chan_op wait;

	ASSERT_EQ(0, open_duty(self,
			       op_call("call", 4, self->hole - 2, REPLY_MAX)));
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(self->token, TEXT, 4)));
	EXPECT_EQ(-EFAULT, op_finish(&self->send));
	EXPECT_EQ(-EFAULT, self->send.op.result);
	wait = op_wait(self->send.op.id);
	/* As long as it names no better place, that one is tried. */
	EXPECT_EQ(-EFAULT, run(self->ends.sender, &wait));
	wait.reply_buf = address(self->reply);
	wait.reply_len = REPLY_MAX;
	EXPECT_EQ(4, run(self->ends.sender, &wait));
	EXPECT_EQ(4, wait.reply_len);
	EXPECT_EQ(0, memcmp(TEXT, self->reply, 4));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* Signals ------------------------------------------------------------------ */

TEST_F(op_errors, interrupted_before_anything_happened_is_EINTR)
{
	struct chan_stat before;

	if (entry == BY_A_RING)
		SKIP(return, "what is pending has no task to be interrupted");
	for (int nr = 1; nr <= CAP; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	before = stat_now(self->ends.admin);
	ASSERT_EQ(0, op_start(&self->send, self->ends.sender,
			      with_garbage(op_send(TEXT, 4))));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	ASSERT_TRUE(op_interrupt(&self->send));
	EXPECT_EQ(-EINTR, op_finish(&self->send));
	EXPECT_EQ(-EINTR, self->send.op.result);
	EXPECT_EQ(CHAN_OP_SEND, self->send.op.code);
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->send.op.state);
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));

	for (int nr = 1; nr <= CAP; nr++)
		EXPECT_EQ(nr, take(self->ends.receiver));
	before = stat_now(self->ends.admin);
	ASSERT_EQ(0, op_start(&self->send, self->ends.receiver,
			      op_recv(self->in, MSG_MAX)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_TRUE(op_interrupt(&self->send));
	EXPECT_EQ(-EINTR, op_finish(&self->send));
	EXPECT_EQ(-EINTR, self->send.op.result);
	EXPECT_EQ(CHAN_OP_RECV, self->send.op.code);
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
}

TEST_HARNESS_MAIN
