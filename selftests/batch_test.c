// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several operations in one entry: each does what it does alone, in their
 * order, on the endpoint it names, until one fails; the batch says how many
 * were done, that one says why it was not, and those behind it are untouched.
 * What was done is done, whatever a signal or a death does to the next. Where a
 * signal meets a single operation is op_resume_test's, which runs in batches
 * too.
 */
#include "op_steps.h"

#define CAP	64
#define MSG_MAX 64

FIXTURE(batch)
{
	int control;
	struct ends ends;
	int both; /* an endpoint that sends and receives */
	char *hole, *read_only;
};

FIXTURE_SETUP(batch)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, CAP, MSG_MAX, 0));
	self->both =
		derive(self->ends.admin, CHAN_RIGHT_SEND | CHAN_RIGHT_RECV);
	ASSERT_LE(0, self->both);
	self->hole = page_edge(PROT_NONE);
	self->read_only = page_edge(PROT_READ);
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(batch)
{
	close_end(&self->both);
	ends_close(&self->ends);
	close(self->control);
}

/* Records ------------------------------------------------------------------ */

static int numbers[CHAN_BATCH_MAX + 2];

/* The payload that is this number. */
static int *number(int nr)
{
	numbers[nr] = nr;
	return &numbers[nr];
}

static struct chan_op on(int fd, struct chan_op op)
{
	op.fd = fd;
	return op;
}

/* A plain send of a number. */
static struct chan_op number_send(int nr)
{
	return on(-1, with_garbage(op_send(number(nr), sizeof(nr))));
}

/* A call with a number. */
static struct chan_op number_call(int nr, int *reply)
{
	*reply = GARBAGE;
	return on(-1, with_garbage(op_call(number(nr), sizeof(nr), reply,
					   sizeof(*reply))));
}

static struct chan_op number_recv(int *nr)
{
	*nr = GARBAGE;
	return on(-1, op_soon(nr, sizeof(*nr)));
}

static struct chan_op number_recv_now(int *nr)
{
	*nr = GARBAGE;
	return on(-1, op_now(nr, sizeof(*nr)));
}

/* From the first number on. */
static void number_sends(struct chan_op *ops, __u32 nr)
{
	for (__u32 i = 0; i < nr; i++)
		ops[i] = number_send(i + 1);
}

/* Numbers 1 to @nr are in the channel, and nothing else. */
static int numbers_are_there(int fd, int nr)
{
	CHECK_EQ(nr, stat_now(fd).queued);
	for (int i = 1; i <= nr; i++)
		CHECK_EQ(i, take_now(fd));
	CHECK_EQ(-EAGAIN, take_now(fd));
	return 0;
}

/* A batch is refused as a whole: nothing is sent, no record is touched. */
static int is_refused(int fd, struct chan_batch batch, int why,
		      const struct chan_op *ops, __u32 nr)
{
	static struct chan_op before[CHAN_BATCH_MAX + 2];
	struct chan_stat stat = stat_now(fd);

	memcpy(before, ops, nr * sizeof(*ops));
	CHECK_EQ(why, run_batch(fd, &batch));
	CHECK_EQ(0, memcmp(before, ops, nr * sizeof(*ops)));
	CHECK_EQ(true, is_unchanged(fd, &stat));
	return 0;
}

/* As alone ----------------------------------------------------------------- */

/* Room for what the operations of a list leave, on a channel of its own. */
struct alike {
	int fd;
	bool in_batch;
	__u64 token;
	char in[MSG_MAX];
};

/* What has to be equal, of two runs of the same operation. */
static struct chan_op run_alike(struct alike *a, struct chan_op op)
{
	struct chan_batch batch = batch_of(&op, 1);
	int ret;

	op.fd = -1;
	if (op.code == CHAN_OP_RECV)
		op.buf = address(a->in);
	ret = a->in_batch ? run_batch(a->fd, &batch) :
			    record_ioctl(a->fd, CHAN_IOC_OP, &op);
	if (a->in_batch && ret > 0)
		ret -= batch.done;
	if (op.code == CHAN_OP_RECV && op.result >= 0) {
		op.sent_at = 0;
		a->token = op.id ?: a->token;
	}
	op.buf = 0;
	/* A member of no operation, for what the ioctl has told. */
	op.reply_buf = ret;
	return op;
}

static int list_alike(FIXTURE_DATA(batch) * self, int fds[2])
{
	struct alike alike[2] = { { .fd = fds[0] },
				  { .fd = fds[1], .in_batch = true } };
	struct chan_op list[] = {
		op_work("work", 4),
		op_send("plain", 5),
		op_send("", 0),
		op_recv(NULL, MSG_MAX),
		op_settle(1000, CHAN_ACK),
		op_settle(0, CHAN_REPLY), /* from here on 0 is the token */
		op_settle(0, CHAN_RETURN),
		op_settle(0, CHAN_ACK),
		op_recv(NULL, MSG_MAX),
		op_settle(0, CHAN_ACK),
		op_settle(0, CHAN_ACK),
		op_settle(0, 0),
		op_recv(NULL, 1),
		op_peek(NULL, MSG_MAX),
		op_recv(NULL, MSG_MAX),
		op_now(NULL, MSG_MAX),
		op_now(NULL, MSG_MAX),
		op_send(self->hole, 1),
		op_send("long", MSG_MAX + 1),
		op_cancel(1),
		op_cancel(1000),
		op_cancel_tag(1),
		op_cancel_tag(0),
		op_wait(1),
		{ .code = 0 },
		{ .code = 6 },
		{ .code = CHAN_OP_RECV, .flags = 1U << 31 },
		{ .code = CHAN_OP_RECV, .deadline = 1 },
		{ .code = CHAN_OP_SEND, .prio = 32 },
		{ .code = CHAN_OP_SEND, .until = CHAN_UNTIL_SETTLED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct chan_op came[2];

		memset(alike[0].in, 0xcc, MSG_MAX);
		memset(alike[1].in, 0xcc, MSG_MAX);
		for (int j = 0; j < 2; j++) {
			struct chan_op op = with_garbage(list[i]);

			op.id = list[i].id;
			op.verdict = list[i].verdict;
			if (op.code == CHAN_OP_SETTLE && !op.id)
				op.id = alike[j].token;
			came[j] = run_alike(&alike[j], op);
		}
		if (memcmp(&came[0], &came[1], sizeof(came[0])) ||
		    memcmp(alike[0].in, alike[1].in, MSG_MAX)) {
			fprintf(stderr, "# operation %zu differs: %d, %d\n", i,
				came[0].result, came[1].result);
			return 1;
		}
	}
	return 0;
}

TEST_F(batch, each_operation_does_as_alone)
{
	struct chan_create c = create_record(NULL);
	struct chan_stat stats[2];
	int fds[2];

	c.bytes_max = 0;
	for (int i = 0; i < 2; i++) {
		fds[i] = create_with(self->control, &c);
		ASSERT_LE(0, fds[i]);
	}
	EXPECT_EQ(0, list_alike(self, fds));
	stats[0] = stat_now(fds[0]);
	stats[1] = stat_now(fds[1]);
	EXPECT_EQ(0, memcmp(&stats[0], &stats[1], sizeof(stats[0])));
	EXPECT_EQ(0, stats[0].unsettled);
	EXPECT_EQ(1, stats[0].totals_settled);
}

TEST_F(batch, operations_are_run_in_their_order)
{
	int in[3];
	struct chan_op ops[] = {
		number_send(1), number_send(2),	     number_recv(&in[0]),
		number_send(3), number_recv(&in[1]), number_recv(&in[2]),
	};
	struct chan_batch batch = batch_of(ops, 6), before = batch;

	ASSERT_EQ(6, run_batch(self->both, &batch));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(i + 1, in[i]);
	EXPECT_EQ(0, ops[0].result);
	EXPECT_EQ(4, ops[2].result);
	EXPECT_EQ(4, ops[5].result);
	/* Nothing else is a result, nor is @fd of a record. */
	before.done = 6;
	EXPECT_EQ(0, memcmp(&before, &batch, sizeof(batch)));
	EXPECT_EQ(-1, ops[0].fd);
	EXPECT_EQ(0, nothing_is_left(self->both));
}

/* Where it stops ----------------------------------------------------------- */

/* Each of four sends is the one that fails. */
static int stops_at(FIXTURE_DATA(batch) * self, struct chan_op wrong, int why)
{
	struct chan_op ops[4], before[4];
	struct chan_batch batch;

	for (int at = 0; at < 4; at++) {
		number_sends(ops, 4);
		ops[at] = on(-1, wrong);
		memcpy(before, ops, sizeof(ops));
		batch = batch_of(ops, 4);
		CHECK_EQ(at ? at : why, run_batch(self->both, &batch));
		CHECK_EQ(at, batch.done);
		CHECK_EQ(why, ops[at].result);
		for (int i = 0; i < at; i++)
			CHECK_EQ(0, ops[i].result);
		CHECK_EQ(0, memcmp(&before[at + 1], &ops[at + 1],
				   (3 - at) * sizeof(ops[0])));
		CHECK_EQ(0, numbers_are_there(self->both, at));
	}
	return 0;
}

TEST_F(batch, first_failure_stops_it_and_says_why)
{
	struct chan_op malformed = op_send("text", 4);

	malformed.flags = 1U << 31;
	EXPECT_EQ(0, stops_at(self, malformed, -EINVAL));
	EXPECT_EQ(0, stops_at(self, op_send(self->hole - 3, 4), -EFAULT));
	EXPECT_EQ(0, stops_at(self, op_send("long", MSG_MAX + 1), -EMSGSIZE));
	EXPECT_EQ(0, stops_at(self, op_settle(1000, CHAN_ACK), -ESTALE));
	EXPECT_EQ(0, stops_at(self, op_cancel(1000), -ENOENT));
	EXPECT_EQ(0, stops_at(self, op_wait(1000), -ENOENT));
	EXPECT_EQ(0, stops_at(self, (struct chan_op){ .code = 6 }, -EINVAL));
}

TEST_F(batch, drain_takes_what_is_there)
{
	struct chan_op ops[16], before[16];
	int in[16];
	struct chan_batch batch;

	for (int i = 1; i <= 10; i++)
		ASSERT_EQ(0, put(self->ends.sender, i));
	ops[0] = number_recv(&in[0]);
	for (int i = 1; i < 16; i++)
		ops[i] = number_recv_now(&in[i]);
	memcpy(before, ops, sizeof(ops));
	batch = batch_of(ops, 16);
	ASSERT_EQ(10, run_batch(self->ends.receiver, &batch));
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(4, ops[i].result);
		EXPECT_EQ(i + 1, in[i]);
	}
	EXPECT_EQ(-EAGAIN, ops[10].result);
	EXPECT_EQ(GARBAGE, in[10]);
	EXPECT_EQ(0, memcmp(&before[11], &ops[11], 5 * sizeof(ops[0])));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(batch, each_waits_as_it_says)
{
	int in[2];
	struct chan_op ops[] = { number_recv(&in[0]), number_recv(&in[1]),
				 number_send(1) };
	struct chan_op before = ops[2];

	ops[1].deadline = in_ms(20);
	ASSERT_EQ(0, put(self->ends.sender, 7));
	EXPECT_EQ(1, run_ops(self->both, ops, 3));
	EXPECT_EQ(7, in[0]);
	EXPECT_EQ(-ETIMEDOUT, ops[1].result);
	EXPECT_LE(ops[1].deadline, clock_ns());
	EXPECT_EQ(0, memcmp(&before, &ops[2], sizeof(before)));
	EXPECT_EQ(0, nothing_is_left(self->both));
}

/* The record of a batch ---------------------------------------------------- */

TEST_F(batch, one_to_sixty_four_may_be_asked_for)
{
	static const __u32 refused[] = { 0, CHAN_BATCH_MAX + 1, 128, ~0U };
	struct chan_op ops[CHAN_BATCH_MAX + 1];
	struct chan_batch batch;

	number_sends(ops, ARRAY_SIZE(ops));
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		EXPECT_EQ(0, is_refused(self->both, batch_of(ops, refused[i]),
					-EINVAL, ops, ARRAY_SIZE(ops)));
	}
	batch = batch_of(ops, CHAN_BATCH_MAX);
	EXPECT_EQ(CHAN_BATCH_MAX, run_batch(self->both, &batch));
	EXPECT_EQ(0, numbers_are_there(self->both, CHAN_BATCH_MAX));
	batch = batch_of(ops, 1);
	EXPECT_EQ(1, run_batch(self->both, &batch));
	EXPECT_EQ(0, numbers_are_there(self->both, 1));
}

TEST_F(batch, malformed_batch_has_no_effect)
{
	struct chan_op ops[2];
	struct chan_batch good = batch_of(ops, 2), bad;

	number_sends(ops, 2);
	for (int bit = 0; bit < 32; bit++) {
		bad = good;
		bad.flags = 1U << bit;
		EXPECT_EQ(0, is_refused(self->both, bad, -EINVAL, ops, 2));
		bad = good;
		bad.reserved = 1U << bit;
		EXPECT_EQ(0, is_refused(self->both, bad, -EINVAL, ops, 2));
	}
	for (int bit = 0; bit < 64; bit++) {
		bad = good;
		bad.deadline = 1ULL << bit;
		EXPECT_EQ(0, is_refused(self->both, bad, -EINVAL, ops, 2));
	}
	EXPECT_EQ(2, run_batch(self->both, &good));
	EXPECT_EQ(0, numbers_are_there(self->both, 2));
}

TEST_F(batch, refused_batch_says_that_none_was_done)
{
	struct chan_op op = number_send(1);
	struct chan_batch batch = batch_of(&op, 1), before;

	batch.flags = CHAN_NOWAIT;
	before = batch;
	EXPECT_EQ(-EINVAL, run_batch(self->both, &batch));
	before.done = 0;
	EXPECT_EQ(0, memcmp(&before, &batch, sizeof(batch)));
	op.flags = 1U << 31;
	batch = batch_of(&op, 1);
	EXPECT_EQ(-EINVAL, run_batch(self->both, &batch));
	EXPECT_EQ(0, batch.done);
}

TEST_F(batch, unreadable_batch_is_EFAULT)
{
	struct chan_op op = number_send(1);
	struct chan_batch batch = batch_of(&op, 1);
	char *at = self->hole - sizeof(batch) + 8;

	memcpy(at, &batch, sizeof(batch) - 8);
	EXPECT_EQ(-EFAULT, record_ioctl(self->both, CHAN_IOC_BATCH, at));
	EXPECT_EQ(-EFAULT, record_ioctl(self->both, CHAN_IOC_BATCH, NULL));
	EXPECT_EQ(-EFAULT,
		  record_ioctl(self->both, CHAN_IOC_BATCH, self->hole));
	EXPECT_EQ(0, numbers_are_there(self->both, 0));
}

/* @record, of which the last @behind bytes cannot be written. */
static void *put_read_only(FIXTURE_DATA(batch) * self, const void *record,
			   size_t size, size_t behind)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *at = self->read_only - size + behind;

	mprotect(self->read_only, page, PROT_READ | PROT_WRITE);
	memcpy(at, record, size);
	mprotect(self->read_only, page, PROT_READ);
	return at;
}

TEST_F(batch, batch_that_cannot_be_written_is_EFAULT_without_effect)
{
	struct chan_op ops[2], before[2];
	struct chan_batch batch = batch_of(ops, 2);
	/* From @reserved alone to all of it: @done is at 20. */
	const size_t behind[] = { 20, 24, 32, sizeof(batch) };

	number_sends(ops, 2);
	memcpy(before, ops, sizeof(ops));
	for (size_t i = 0; i < ARRAY_SIZE(behind); i++) {
		void *at =
			put_read_only(self, &batch, sizeof(batch), behind[i]);

		EXPECT_EQ(-EFAULT,
			  record_ioctl(self->both, CHAN_IOC_BATCH, at));
		EXPECT_EQ(0, memcmp(before, ops, sizeof(ops)));
		EXPECT_EQ(0, numbers_are_there(self->both, 0));
	}
}

/* Sizes of a record -------------------------------------------------------- */

/* Sends of numbers, in records of @size bytes. */
static void *wide_sends(size_t size, __u32 nr)
{
	char *at = calloc(nr, size);

	for (__u32 i = 0; i < nr; i++) {
		struct chan_op op = number_send(i + 1);

		memcpy(at + i * size, &op, sizeof(op));
	}
	return at;
}

static struct chan_op *wide_op(void *ops, size_t size, __u32 nr)
{
	return (struct chan_op *)((char *)ops + nr * size);
}

TEST_F(batch, record_has_at_least_the_size_of_an_operation)
{
	static const __u32 sizes[] = {
		0,
		1,
		8,
		sizeof(struct chan_op) - 8,
		sizeof(struct chan_op) - 1,
		/* And no more than a page. */
		4097,
		8192,
		1U << 31,
		~0U,
	};
	struct chan_op op = number_send(1);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct chan_batch batch = batch_of(&op, 1);

		batch.op_size = sizes[i];
		EXPECT_EQ(0, is_refused(self->both, batch, -EINVAL, &op, 1))
		{
			TH_LOG("op_size %u", sizes[i]);
		}
	}
}

static int wide_run(int fd, size_t size)
{
	char *ops = wide_sends(size, 3);
	struct chan_batch batch = batch_of(ops, 3);

	batch.op_size = size;
	CHECK_EQ(3, run_batch(fd, &batch));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(0, wide_op(ops, size, i)->result);
		CHECK_EQ(CHAN_STATE_QUEUED, wide_op(ops, size, i)->state);
		for (size_t j = sizeof(struct chan_op); j < size; j++)
			CHECK_EQ(0, ops[i * size + j]);
	}
	free(ops);
	return numbers_are_there(fd, 3);
}

TEST_F(batch, longer_records_with_zero_tails_are_accepted)
{
	const size_t sizes[] = { sizeof(struct chan_op),
				 sizeof(struct chan_op) + 1,
				 sizeof(struct chan_op) + 8, 4095, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(0, wide_run(self->both, sizes[i]))
		{
			TH_LOG("op_size %zu", sizes[i]);
		}
	}
}

/* Number @at of three knows more than this kernel does. */
static int wide_and_unknown(int fd, int at)
{
	const size_t size = sizeof(struct chan_op) + 8;
	char *ops = wide_sends(size, 3);
	struct chan_batch batch = batch_of(ops, 3);
	struct chan_op last = *wide_op(ops, size, 2);

	batch.op_size = size;
	ops[at * size + size - 1] = 1;
	CHECK_EQ(at ? at : -E2BIG, run_batch(fd, &batch));
	CHECK_EQ(at, batch.done);
	CHECK_EQ(1, ops[at * size + size - 1]);
	if (at < 2)
		CHECK_EQ(0, memcmp(&last, wide_op(ops, size, 2), sizeof(last)));
	CHECK_EQ(0, numbers_are_there(fd, at));
	/* The batch does not say why it has stopped; who else would? */
	if (at)
		CHECK_EQ(-E2BIG, wide_op(ops, size, at)->result);
	free(ops);
	return 0;
}

TEST_F(batch, longer_record_with_unknown_member_is_E2BIG)
{
	for (int at = 0; at < 3; at++)
		EXPECT_EQ(0, wide_and_unknown(self->both, at));
}

/* Records that cannot be accessed ------------------------------------------ */

TEST_F(batch, unreadable_records_are_EFAULT)
{
	const __u64 nowhere[] = {
		0, 1, address(self->hole), 0x800000000000ULL, ~0ULL, ~0ULL - 119
	};

	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		struct chan_batch batch = batch_of(NULL, 2);

		batch.ops = nowhere[i];
		EXPECT_EQ(-EFAULT, run_batch(self->both, &batch));
		EXPECT_EQ(0, batch.done);
	}
	EXPECT_EQ(0, numbers_are_there(self->both, 0));
}

TEST_F(batch, unreadable_record_stops_it)
{
	for (int at = 1; at < 4; at++) {
		struct chan_op ops[4];
		char *where = self->hole - at * sizeof(ops[0]) - 60;
		struct chan_batch batch = batch_of(where, 4);

		number_sends(ops, 4);
		memcpy(where, ops, at * sizeof(ops[0]) + 60);
		EXPECT_EQ(at, run_batch(self->both, &batch));
		EXPECT_EQ(0, numbers_are_there(self->both, at));
	}
}

/* What it cannot tell it does not do. */
TEST_F(batch, record_that_cannot_be_written_stops_it_without_effect)
{
	struct chan_op ops[3], *at;
	struct chan_batch batch;
	int in;

	number_sends(ops, 3);
	at = put_read_only(self, ops, sizeof(ops), 2 * sizeof(ops[0]));
	batch = batch_of(at, 3);
	EXPECT_EQ(1, run_batch(self->both, &batch));
	EXPECT_EQ(0, at[0].result);
	EXPECT_EQ(0, memcmp(&ops[1], &at[1], 2 * sizeof(ops[0])));
	EXPECT_EQ(1, stat_now(self->both).queued);

	ops[0] = number_send(2);
	ops[1] = number_recv(&in);
	at = put_read_only(self, ops, sizeof(ops), 2 * sizeof(ops[0]));
	batch = batch_of(at, 3);
	EXPECT_EQ(1, run_batch(self->both, &batch));
	EXPECT_EQ(0, stat_now(self->both).totals_received);

	batch = batch_of(&at[1], 2);
	EXPECT_EQ(-EFAULT, run_batch(self->both, &batch));
	EXPECT_EQ(0, batch.done);
	EXPECT_EQ(0, numbers_are_there(self->both, 2));
}

/* Which endpoint ----------------------------------------------------------- */

TEST_F(batch, fd_says_which_endpoint)
{
	struct ends other;
	int in[3];
	struct chan_op ops[6];

	ASSERT_EQ(0, ends_sized(self->control, &other, CAP, MSG_MAX, 0));
	ops[0] = on(other.sender, number_send(1));
	ops[1] = number_send(2);
	ops[2] = on(self->ends.sender, number_send(3));
	ops[3] = on(other.receiver, number_recv(&in[0]));
	ops[4] = on(self->ends.receiver, number_recv(&in[1]));
	ops[5] = on(self->both, number_recv(&in[2]));
	/* Once on an endpoint that some are on, once on one that none is on. */
	EXPECT_EQ(6, run_ops(self->both, ops, 6));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(i + 1, in[i]);
	ops[1].fd = self->both;
	EXPECT_EQ(6, run_ops(other.admin, ops, 6));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(i + 1, in[i]);
	EXPECT_EQ(2, stat_now(other.admin).totals_received);
	EXPECT_EQ(4, stat_now(self->both).totals_received);
	EXPECT_EQ(other.sender, ops[0].fd);
	ends_close(&other);
}

/* Here 0 is a descriptor as any other is. */
TEST_F(batch, fd_0_is_descriptor_0)
{
	struct chan_op op = on(0, number_send(1));
	struct chan_batch batch = batch_of(&op, 1);
	int zero = dup(0);

	ASSERT_EQ(0, dup2(self->ends.sender, 0));
	EXPECT_EQ(1, run_batch(self->ends.receiver, &batch));
	EXPECT_EQ(1, stat_now(self->both).queued);
	ASSERT_EQ(0, dup2(self->ends.receiver, 0));
	EXPECT_EQ(-EBADF, run_batch(self->ends.sender, &batch));
	ASSERT_EQ(0, dup2(self->control, 0));
	EXPECT_EQ(-EINVAL, run_batch(self->ends.sender, &batch));
	close(0);
	EXPECT_EQ(-EBADF, run_batch(self->ends.sender, &batch));
	EXPECT_EQ(-EBADF, op.result);
	EXPECT_EQ(1, stat_now(self->both).queued);
	if (zero > 0)
		dup2(zero, 0);
}

/* Alone, and behind one that is done. */
static int fd_is_refused(FIXTURE_DATA(batch) * self, int fd, int why)
{
	struct chan_op ops[] = { number_send(1), on(fd, number_send(2)),
				 number_send(3) };
	struct chan_op last = ops[2];
	struct chan_batch batch = batch_of(&ops[1], 2);

	CHECK_EQ(why, run_batch(self->both, &batch));
	CHECK_EQ(0, batch.done);
	CHECK_EQ(why, ops[1].result);
	CHECK_EQ(0, numbers_are_there(self->both, 0));
	batch = batch_of(ops, 3);
	CHECK_EQ(1, run_batch(self->both, &batch));
	CHECK_EQ(why, ops[1].result);
	CHECK_EQ(fd, ops[1].fd);
	CHECK_EQ(0, memcmp(&last, &ops[2], sizeof(last)));
	return numbers_are_there(self->both, 1);
}

TEST_F(batch, fd_that_is_not_open_is_EBADF)
{
	int closed = dup(self->both);
	const int fds[] = { closed, -2, INT_MIN, INT_MAX, 1 << 20 };

	close(closed);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(0, fd_is_refused(self, fds[i], -EBADF))
		{
			TH_LOG("fd %d", fds[i]);
		}
	}
}

TEST_F(batch, fd_of_no_endpoint_is_EINVAL)
{
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(0, fd_is_refused(self, self->control, -EINVAL));
	EXPECT_EQ(0, fd_is_refused(self, pipes[0], -EINVAL));
	EXPECT_EQ(0, fd_is_refused(self, pipes[1], -EINVAL));
}

TEST_F(batch, right_that_is_missing_is_EBADF)
{
	EXPECT_EQ(0, fd_is_refused(self, self->ends.receiver, -EBADF));
	EXPECT_EQ(0, fd_is_refused(self, self->ends.admin, -EBADF));
}

TEST_F(batch, endpoint_needs_only_the_rights_of_its_operations)
{
	struct chan_op ops[3];
	int in;

	ops[0] = number_send(1);
	ops[1] = number_send(2);
	ops[2] = number_recv(&in);
	EXPECT_EQ(2, run_ops(self->ends.sender, ops, 3));
	EXPECT_EQ(-EBADF, ops[2].result);
	EXPECT_EQ(-EBADF, run_ops(self->ends.sender, &ops[2], 1));
	EXPECT_EQ(-EBADF, run_ops(self->ends.receiver, ops, 2));
	EXPECT_EQ(-EBADF, run_ops(self->ends.admin, ops, 2));
	ops[2].fd = self->ends.receiver;
	EXPECT_EQ(1, run_ops(self->ends.admin, &ops[2], 1));
	EXPECT_EQ(1, in);
	EXPECT_EQ(1, stat_now(self->both).queued);
}

/* In a thread -------------------------------------------------------------- */

#define OPS_MAX 8

/* A batch in a thread; the records can be looked at meanwhile. */
struct batching {
	int fd, result;
	struct chan_op ops[OPS_MAX], sent[OPS_MAX];
	struct chan_batch batch;
	_Atomic bool over;
	_Atomic pid_t tid;
	pthread_t thread;
};

static void *batching_main(void *arg)
{
	struct batching *b = arg;

	b->tid = syscall(SYS_gettid);
	b->result = run_batch(b->fd, &b->batch);
	b->over = true;
	return NULL;
}

/* Runs what is in @ops from @first on. */
static int batch_start(struct batching *b, int fd, __u32 first, __u32 nr)
{
	b->fd = fd;
	b->over = false;
	b->tid = 0;
	b->batch = batch_of(b->ops + first, nr);
	memcpy(b->sent, b->ops, sizeof(b->ops));
	return -pthread_create(&b->thread, NULL, batching_main, b);
}

/* What came of it; -ETIME if it does not end. */
static int batch_ends(struct batching *b)
{
	if (!BECOMES(b->over))
		return -ETIME;
	pthread_join(b->thread, NULL);
	return b->result;
}

static bool batch_sleeps(struct batching *b)
{
	return BECOMES(b->tid && sleeps_in(b->tid) == SYS_ioctl) && !b->over;
}

static bool batch_interrupt(struct batching *b)
{
	int before = signals_taken;

	pthread_kill(b->thread, SIGUSR1);
	return BECOMES(signals_taken > before);
}

/* Records from @first on are as they were handed over. */
static bool are_untouched(const struct batching *b, __u32 first, __u32 nr)
{
	return !memcmp(&b->sent[first], &b->ops[first], nr * sizeof(b->ops[0]));
}

/* One that takes a number and owes a reply. */
static int expect_call(int fd, int nr, __u64 *token)
{
	int in;
	struct chan_op op = number_recv(&in);

	CHECK_EQ(4, run(fd, &op));
	CHECK_EQ(nr, in);
	CHECK_EQ(CHAN_DUTY_REPLY, op.duty);
	CHECK_EQ(1, op.attempt);
	*token = op.id;
	return 0;
}

static int reply_to(int fd, int nr, __u64 token)
{
	int reply = -nr;

	return run_once(fd, op_reply(token, &reply, sizeof(reply)));
}

/* The descriptor that an operation waits on is closed: it goes on. */
TEST_F(batch, descriptor_that_is_closed_meanwhile_ends_with_its_operation)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV), in[2];
	struct batching b;

	b.ops[0] = on(other, number_recv(&in[0]));
	b.ops[1] = on(other, number_recv(&in[1]));
	ASSERT_EQ(0, batch_start(&b, self->ends.admin, 0, 2));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	close(other);
	EXPECT_EQ(3, stat_now(self->ends.admin).receivers);
	ASSERT_EQ(0, put(self->ends.sender, 7));
	EXPECT_EQ(1, batch_ends(&b));
	EXPECT_EQ(7, in[0]);
	EXPECT_EQ(-EBADF, b.ops[1].result);
	EXPECT_TRUE(endpoints_are(self->ends.admin, 2, 2));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* And a duty that it has received by then comes back. */
TEST_F(batch, duty_of_a_descriptor_that_is_closed_meanwhile_comes_back)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV), in;
	struct batching b;
	struct chan_op op;

	b.ops[0] = on(other, number_recv(&in));
	ASSERT_EQ(0, batch_start(&b, self->ends.admin, 0, 1));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	close(other);
	ASSERT_EQ(0, run_once(self->ends.sender, op_work(number(7), 4)));
	EXPECT_EQ(1, batch_ends(&b));
	EXPECT_EQ(7, in);
	EXPECT_TRUE(endpoints_are(self->ends.admin, 2, 2));
	op = number_recv(&in);
	EXPECT_EQ(4, run(self->ends.receiver, &op));
	EXPECT_EQ(2, op.attempt);
	EXPECT_EQ(0, run_once(self->ends.receiver, op_settle(op.id, CHAN_ACK)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* The batch keeps its own endpoint to its end. */
TEST_F(batch, endpoint_of_the_batch_that_is_closed_meanwhile_goes_on)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV), in[2];
	struct batching b;

	b.ops[0] = number_recv(&in[0]);
	b.ops[1] = number_recv(&in[1]);
	ASSERT_EQ(0, batch_start(&b, other, 0, 2));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	close(other);
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, put(self->ends.sender, 2));
	EXPECT_EQ(2, batch_ends(&b));
	EXPECT_EQ(1, in[0]);
	EXPECT_EQ(2, in[1]);
	EXPECT_TRUE(endpoints_are(self->ends.admin, 2, 2));
}

/* It is gone as soon as its operation is over, not with the whole batch. */
TEST_F(batch, endpoint_that_is_closed_meanwhile_is_no_sender_to_the_next)
{
	struct batching b;
	int in[2];

	b.ops[0] = on(self->both, number_recv(&in[0]));
	b.ops[1] = number_recv(&in[1]);
	b.ops[1].deadline = 0;
	ASSERT_EQ(0, batch_start(&b, self->ends.receiver, 0, 2));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	close_end(&self->both);
	ASSERT_EQ(0, put(self->ends.sender, 7));
	close_end(&self->ends.sender);
	EXPECT_TRUE(endpoints_are(self->ends.admin, 0, 1));
	EXPECT_EQ(1, batch_ends(&b));
	EXPECT_EQ(-ESHUTDOWN, b.ops[1].result);
}

TEST_F(batch, duty_that_a_closed_endpoint_leaves_is_had_by_the_next)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV), in[2];
	struct batching b;

	b.ops[0] = on(other, number_recv(&in[0]));
	b.ops[1] = number_recv(&in[1]);
	b.ops[1].deadline = 0;
	ASSERT_EQ(0, batch_start(&b, self->ends.receiver, 0, 2));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	close(other);
	ASSERT_EQ(0, run_once(self->ends.sender, op_work(number(7), 4)));
	EXPECT_EQ(2, batch_ends(&b));
	EXPECT_EQ(7, in[1]);
	EXPECT_EQ(2, b.ops[1].attempt);
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_settle(b.ops[1].id, CHAN_ACK)));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* Servers and their clients ------------------------------------------------ */

#define CALLS 500

/* How many calls were answered, or why one was not. */
static ssize_t client_calls(struct call *call)
{
	int reply, ret;
	struct chan_op op;

	for (int nr = 1; nr <= CALLS; nr++) {
		reply = GARBAGE;
		op = op_call(&nr, sizeof(nr), &reply, sizeof(reply));
		ret = run(call->fd, &op);
		if (ret != sizeof(reply) || reply != -nr)
			return ret < 0 ? ret : -EBADMSG;
	}
	close(call->fd);
	return CALLS;
}

TEST_F(batch, server_settles_and_receives_in_one_entry)
{
	struct call client = { .fn = client_calls };
	struct chan_op ops[2], *settle = &ops[0], *recv = &ops[1];
	int in, reply;

	close_end(&self->both);
	client.fd = self->ends.sender;
	ASSERT_EQ(0, call_start(&client));
	*recv = number_recv(&in);
	ASSERT_EQ(1, run_ops(self->ends.receiver, recv, 1));
	for (int nr = 1; nr < CALLS; nr++) {
		ASSERT_EQ(nr, in);
		reply = -nr;
		*settle = on(-1, op_reply(recv->id, &reply, sizeof(reply)));
		*recv = number_recv(&in);
		ASSERT_EQ(2, run_ops(self->ends.receiver, ops, 2));
		ASSERT_EQ(1, recv->attempt);
	}
	/* The last is answered, and no more will come. */
	reply = -CALLS;
	*settle = on(-1, op_reply(recv->id, &reply, sizeof(reply)));
	*recv = number_recv(&in);
	EXPECT_EQ(1, run_ops(self->ends.receiver, ops, 2));
	EXPECT_EQ(0, settle->result);
	EXPECT_EQ(-ESHUTDOWN, recv->result);
	EXPECT_EQ(CALLS, finish(&client));
	self->ends.sender = -1;
	EXPECT_EQ(CALLS, stat_now(self->ends.admin).totals_settled);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(batch, settle_that_fails_stops_before_the_receipt)
{
	struct chan_op ops[3], before;
	int in[2];

	ASSERT_EQ(0, run_once(self->ends.sender, op_work(number(1), 4)));
	ASSERT_EQ(0, put(self->ends.sender, 2));
	ops[0] = on(-1, op_settle(1000, CHAN_ACK));
	ops[1] = number_recv(&in[0]);
	before = ops[1];
	EXPECT_EQ(-ESTALE, run_ops(self->ends.receiver, ops, 2));
	EXPECT_EQ(-ESTALE, ops[0].result);
	EXPECT_EQ(0, memcmp(&before, &ops[1], sizeof(before)));
	EXPECT_EQ(2, stat_now(self->ends.admin).queued);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);

	/* Settled once, and then not again. */
	ASSERT_EQ(1, run_ops(self->ends.receiver, &ops[1], 1));
	EXPECT_EQ(1, in[0]);
	ops[0] = on(-1, op_settle(ops[1].id, CHAN_ACK));
	ops[1] = ops[0];
	ops[2] = number_recv(&in[1]);
	before = ops[2];
	EXPECT_EQ(1, run_ops(self->ends.receiver, ops, 3));
	EXPECT_EQ(-ESTALE, ops[1].result);
	EXPECT_EQ(0, memcmp(&before, &ops[2], sizeof(before)));
	EXPECT_EQ(1, stat_now(self->ends.admin).queued);
	EXPECT_EQ(2, take(self->ends.receiver));
}

TEST_F(batch, calls_are_made_one_after_the_other)
{
	struct batching b;
	int replies[3];
	__u64 token;

	for (int i = 0; i < 3; i++)
		b.ops[i] = number_call(i + 1, &replies[i]);
	ASSERT_EQ(0, batch_start(&b, self->ends.sender, 0, 3));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, expect_call(self->ends.receiver, i + 1, &token));
		ASSERT_TRUE(batch_sleeps(&b));
		EXPECT_EQ((__u64)i + 1, stat_now(self->both).totals_sent);
		EXPECT_TRUE(are_untouched(&b, i + 1, 2 - i));
		ASSERT_EQ(0, reply_to(self->ends.receiver, i + 1, token));
	}
	EXPECT_EQ(3, batch_ends(&b));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(4, b.ops[i].result);
		EXPECT_EQ(-i - 1, replies[i]);
		EXPECT_EQ(CHAN_STATE_SETTLED, b.ops[i].state);
	}
	EXPECT_EQ(0, nothing_is_left(self->both));
}

TEST_F(batch, rejected_call_stops_it)
{
	struct batching b;
	int replies[3];
	__u64 token;

	for (int i = 0; i < 3; i++)
		b.ops[i] = number_call(i + 1, &replies[i]);
	ASSERT_EQ(0, batch_start(&b, self->ends.sender, 0, 3));
	ASSERT_EQ(0, expect_call(self->ends.receiver, 1, &token));
	ASSERT_EQ(0, reply_to(self->ends.receiver, 1, token));
	ASSERT_EQ(0, expect_call(self->ends.receiver, 2, &token));
	ASSERT_EQ(0, run_once(self->ends.receiver, op_reject(token, EDOM)));
	EXPECT_EQ(1, batch_ends(&b));
	EXPECT_EQ(-EREMOTEIO, b.ops[1].result);
	EXPECT_EQ(EDOM, b.ops[1].error);
	EXPECT_TRUE(are_untouched(&b, 2, 1));
	EXPECT_EQ(2U, stat_now(self->both).totals_sent);
	EXPECT_EQ(0, nothing_is_left(self->both));
}

TEST_F(batch, death_of_the_receiver_stops_it)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV), replies[3];
	struct batching b;
	__u64 token;

	for (int i = 0; i < 3; i++)
		b.ops[i] = number_call(i + 1, &replies[i]);
	ASSERT_EQ(0, batch_start(&b, self->ends.sender, 0, 3));
	ASSERT_EQ(0, expect_call(other, 1, &token));
	ASSERT_EQ(0, reply_to(other, 1, token));
	ASSERT_EQ(0, expect_call(other, 2, &token));
	close(other);
	EXPECT_EQ(1, batch_ends(&b));
	EXPECT_EQ(-EOWNERDEAD, b.ops[1].result);
	EXPECT_EQ(GARBAGE, replies[1]);
	EXPECT_TRUE(are_untouched(&b, 2, 1));
	EXPECT_EQ(0, nothing_is_left(self->both));
}

/* Canceled in the middle by its tag: what was done is not undone. */
TEST_F(batch, cancel_ends_the_operation_that_waits)
{
	struct batching b;
	int in[2];

	b.ops[0] = number_send(1);
	b.ops[1] = number_recv(&in[0]);
	b.ops[2] = number_recv(&in[1]);
	b.ops[1].tag = 5;
	b.ops[2].tag = 5;
	ASSERT_EQ(0, batch_start(&b, self->both, 0, 3));
	ASSERT_TRUE(waiting_are(self->both, 0, 1));
	EXPECT_EQ(1, in[0]);
	EXPECT_EQ(1, run_once(self->both, op_cancel_tag(5)));
	EXPECT_EQ(2, batch_ends(&b));
	EXPECT_EQ(-ECANCELED, b.ops[2].result);
	EXPECT_EQ(0, nothing_is_left(self->both));
}

/* Signals ------------------------------------------------------------------ */

/* Nothing was done, so it is as if there had been no batch. */
static int first_is_interrupted(FIXTURE_DATA(batch) * self, int flags)
{
	struct batching b;
	int in[2];

	catch_signal(SIGUSR1, flags);
	b.ops[0] = number_recv(&in[0]);
	b.ops[1] = number_recv(&in[1]);
	CHECK_EQ(0, batch_start(&b, self->ends.receiver, 0, 2));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(true, waiting_are(self->both, 0, 1));
		CHECK_EQ(true, batch_interrupt(&b));
		if (flags) {
			CHECK_EQ(true, batch_sleeps(&b));
			CHECK_EQ(0, b.batch.done);
			continue;
		}
		CHECK_EQ(-EINTR, batch_ends(&b));
		CHECK_EQ(0, b.batch.done);
		CHECK_EQ(-EINTR, b.ops[0].result);
		CHECK_EQ(CHAN_OP_RECV, b.ops[0].code);
		CHECK_EQ(true, are_untouched(&b, 1, 1));
		CHECK_EQ(0, batch_start(&b, self->ends.receiver, 0, 2));
	}
	CHECK_EQ(true, waiting_are(self->both, 0, 1));
	CHECK_EQ(0, put(self->ends.sender, 1));
	CHECK_EQ(0, put(self->ends.sender, 2));
	CHECK_EQ(2, batch_ends(&b));
	CHECK_EQ(1, in[0]);
	CHECK_EQ(2, in[1]);
	return nothing_is_left(self->both);
}

TEST_F(batch, signal_while_the_first_waits_is_as_alone)
{
	EXPECT_EQ(0, first_is_interrupted(self, 0));
	EXPECT_EQ(0, first_is_interrupted(self, SA_RESTART));
}

/* The first has been received: it is resumed, and the second comes after. */
static int first_call_is_interrupted(FIXTURE_DATA(batch) * self, int flags)
{
	__u64 token, sent = stat_now(self->both).totals_sent;
	int replies[2];
	struct batching b;

	catch_signal(SIGUSR1, flags);
	for (int i = 0; i < 2; i++)
		b.ops[i] = number_call(i + 1, &replies[i]);
	CHECK_EQ(0, batch_start(&b, self->ends.sender, 0, 2));
	CHECK_EQ(0, expect_call(self->ends.receiver, 1, &token));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(true, batch_sleeps(&b));
		CHECK_EQ(true, batch_interrupt(&b));
		if (flags)
			continue;
		CHECK_EQ(-EINTR, batch_ends(&b));
		CHECK_EQ(0, b.batch.done);
		CHECK_EQ(CHAN_OP_WAIT, b.ops[0].code);
		CHECK_EQ(CHAN_STATE_RECEIVED, b.ops[0].state);
		CHECK_EQ(true, are_untouched(&b, 1, 1));
		CHECK_EQ(0, batch_start(&b, self->ends.sender, 0, 2));
	}
	CHECK_EQ(true, batch_sleeps(&b));
	CHECK_EQ(sent + 1, stat_now(self->both).totals_sent);
	CHECK_EQ(0, reply_to(self->ends.receiver, 1, token));
	CHECK_EQ(0, expect_call(self->ends.receiver, 2, &token));
	CHECK_EQ(0, reply_to(self->ends.receiver, 2, token));
	CHECK_EQ(2, batch_ends(&b));
	CHECK_EQ(-1, replies[0]);
	CHECK_EQ(-2, replies[1]);
	CHECK_EQ(CHAN_OP_WAIT, b.ops[0].code);
	CHECK_EQ(CHAN_OP_SEND, b.ops[1].code);
	return nothing_is_left(self->both);
}

TEST_F(batch, signal_after_the_receipt_of_the_first_resumes_it)
{
	EXPECT_EQ(0, first_call_is_interrupted(self, 0));
	EXPECT_EQ(0, first_call_is_interrupted(self, SA_RESTART));
}

/* A later one is told by its record, and never restarted. */
static int later_call_is_interrupted(FIXTURE_DATA(batch) * self, int flags,
				     bool received)
{
	__u64 token = 0, id;
	struct batching b;
	int reply;

	catch_signal(SIGUSR1, flags);
	b.ops[0] = number_send(1);
	b.ops[1] = number_call(2, &reply);
	b.ops[2] = number_send(3);
	CHECK_EQ(0, batch_start(&b, self->ends.sender, 0, 3));
	CHECK_EQ(1, take(self->ends.receiver));
	if (received)
		CHECK_EQ(0, expect_call(self->ends.receiver, 2, &token));
	else
		CHECK_EQ(true, STAT_BECOMES(self->both, queued, 1));
	CHECK_EQ(true, batch_sleeps(&b));
	CHECK_EQ(true, batch_interrupt(&b));
	CHECK_EQ(1, batch_ends(&b));
	CHECK_EQ(0, b.ops[0].result);
	CHECK_EQ(-EINTR, b.ops[1].result);
	CHECK_EQ(received ? CHAN_OP_WAIT : CHAN_OP_SEND, b.ops[1].code);
	CHECK_EQ(received ? CHAN_STATE_RECEIVED : CHAN_STATE_WITHDRAWN,
		 b.ops[1].state);
	CHECK_EQ(true, are_untouched(&b, 2, 1));
	CHECK_EQ(0, stat_now(self->both).queued);
	CHECK_EQ(received, stat_now(self->both).unsettled);
	id = b.ops[1].id;
	/* It goes on where it was. */
	CHECK_EQ(0, batch_start(&b, self->ends.sender, 1, 2));
	if (!received)
		CHECK_EQ(0, expect_call(self->ends.receiver, 2, &token));
	CHECK_EQ(true, batch_sleeps(&b));
	CHECK_EQ(0, reply_to(self->ends.receiver, 2, token));
	CHECK_EQ(2, batch_ends(&b));
	CHECK_EQ(-2, reply);
	CHECK_EQ(received, id == b.ops[1].id);
	CHECK_EQ(3, take(self->ends.receiver));
	return nothing_is_left(self->both);
}

TEST_F(batch, signal_while_a_later_one_waits_stops_it)
{
	for (int received = 0; received < 2; received++) {
		EXPECT_EQ(0, later_call_is_interrupted(self, 0, received));
		EXPECT_EQ(0, later_call_is_interrupted(self, SA_RESTART,
						       received));
	}
}

/* A server has answered, and then waits for the next. */
static int server_is_interrupted(FIXTURE_DATA(batch) * self, int flags)
{
	struct running call;
	int in, reply, answer = -1;
	struct batching b;
	__u64 token;

	catch_signal(SIGUSR1, flags);
	CHECK_EQ(0, op_start(&call, self->ends.sender, number_call(1, &reply)));
	CHECK_EQ(0, expect_call(self->ends.receiver, 1, &token));
	b.ops[0] = on(-1, op_reply(token, &answer, sizeof(answer)));
	b.ops[1] = number_recv(&in);
	CHECK_EQ(0, batch_start(&b, self->ends.receiver, 0, 2));
	CHECK_EQ(4, op_finish(&call));
	CHECK_EQ(-1, reply);
	CHECK_EQ(true, waiting_are(self->both, 0, 1));
	CHECK_EQ(true, batch_interrupt(&b));
	CHECK_EQ(1, batch_ends(&b));
	CHECK_EQ(0, b.ops[0].result);
	CHECK_EQ(-EINTR, b.ops[1].result);
	CHECK_EQ(CHAN_OP_RECV, b.ops[1].code);
	CHECK_EQ(GARBAGE, in);
	CHECK_EQ(0, put(self->ends.sender, 2));
	CHECK_EQ(1, run_ops(self->ends.receiver, &b.ops[1], 1));
	CHECK_EQ(2, in);
	return nothing_is_left(self->both);
}

TEST_F(batch, signal_after_the_settlement_does_not_settle_again)
{
	EXPECT_EQ(0, server_is_interrupted(self, 0));
	EXPECT_EQ(0, server_is_interrupted(self, SA_RESTART));
}

/* What it runs when it is killed; on an endpoint of its own or a shared one. */
static pid_t batch_fork(FIXTURE_DATA(batch) * self, bool own)
{
	struct chan_op ops[3];
	pid_t pid = fork();
	int fd, reply;

	if (pid)
		return pid;
	fd = own ? derive(self->ends.admin, CHAN_RIGHT_SEND) :
		   self->ends.sender;
	ops[0] = number_send(1);
	ops[1] = number_call(2, &reply);
	ops[2] = number_send(3);
	run_ops(fd, ops, 3);
	_exit(0);
}

static int is_killed(FIXTURE_DATA(batch) * self, bool own, bool received)
{
	__u64 token = 0, sent = stat_now(self->both).totals_sent;
	pid_t pid = batch_fork(self, own);

	CHECK_EQ(1, take(self->ends.receiver));
	if (received)
		CHECK_EQ(0, expect_call(self->ends.receiver, 2, &token));
	else
		CHECK_EQ(true, STAT_BECOMES(self->both, queued, 1));
	CHECK_EQ(0, child_kill(pid));
	CHECK_EQ(true, endpoints_are(self->both, 2, 2));
	if (received) {
		CHECK_EQ(-ECANCELED, reply_to(self->ends.receiver, 2, token));
		CHECK_EQ(-ESTALE, reply_to(self->ends.receiver, 2, token));
	}
	CHECK_EQ(sent + 2, stat_now(self->both).totals_sent);
	CHECK_EQ(-EAGAIN, take_now(self->ends.receiver));
	return nothing_is_left(self->both);
}

TEST_F(batch, killed_in_the_middle_does_not_go_on)
{
	for (int own = 0; own < 2; own++)
		for (int received = 0; received < 2; received++) {
			EXPECT_EQ(0, is_killed(self, own, received))
			{
				TH_LOG("own %d, received %d", own, received);
			}
		}
}

/* Storms ------------------------------------------------------------------- */

/* Both sides only run batches, and go on where they stopped. */
struct storm {
	_Atomic double end;
	atomic_int stopped; /* by a signal, before or in the middle */
};

/* All @nr of them, whatever signals do; or why one failed. */
static int run_to_the_end(struct storm *storm, int fd, struct chan_op *ops,
			  int nr)
{
	int done = 0, ret;

	while (done < nr) {
		ret = run_ops(fd, ops + done, nr - done);
		if (ret < 0 && ret != -EINTR)
			return ret;
		done += ret < 0 ? 0 : ret;
		if (done == nr)
			break;
		if (ops[done].result != -EINTR)
			return ops[done].result;
		storm->stopped++;
	}
	return 0;
}

static ssize_t storm_calls(struct call *call)
{
	struct storm *storm = call->buf;
	int nrs[4], replies[4], nr = 0, ret;
	struct chan_op ops[4];

	do {
		for (int i = 0; i < 4; i++) {
			nrs[i] = ++nr;
			replies[i] = GARBAGE;
			ops[i] = op_call(&nrs[i], 4, &replies[i], 4);
		}
		ret = run_to_the_end(storm, call->fd, ops, 4);
		for (int i = 0; i < 4 && !ret; i++)
			ret = replies[i] == -nrs[i] ? 0 : -EBADMSG;
		if (ret)
			return ret;
	} while (now() < storm->end);
	return nr;
}

/* Each number exactly once, and each for the first time. */
static ssize_t storm_serves(struct call *call)
{
	struct storm *storm = call->buf;
	struct chan_op ops[2];
	int in, reply, ret;

	ops[1] = op_recv(&in, sizeof(in));
	ret = run_to_the_end(storm, call->fd, &ops[1], 1);
	for (int nr = 1; !ret; nr++) {
		if (in != nr || ops[1].attempt != 1)
			return -EBADMSG;
		reply = -nr;
		ops[0] = op_reply(ops[1].id, &reply, sizeof(reply));
		ops[1] = op_recv(&in, sizeof(in));
		ret = run_to_the_end(storm, call->fd, ops, 2);
		if (ret == -ESHUTDOWN)
			return nr;
	}
	return ret;
}

static void storm_run(struct __test_metadata *_metadata,
		      FIXTURE_DATA(batch) * self, int flags)
{
	struct storm storm = { .end = NOT_YET };
	struct call client = { .fn = storm_calls, .buf = &storm };
	struct call server = { .fn = storm_serves, .buf = &storm };
	timer_t timers[2];
	long rounds;

	close_end(&self->both);
	catch_signal(SIGUSR1, flags);
	client.fd = self->ends.sender;
	server.fd = self->ends.receiver;
	ASSERT_EQ(0, call_start(&server));
	ASSERT_EQ(0, call_start(&client));
	ASSERT_EQ(0, signal_often(&client.tid, &timers[0]));
	ASSERT_EQ(0, signal_often(&server.tid, &timers[1]));
	storm.end = now() + seconds_each() / 4.0;
	rounds = finish(&client);
	timer_delete(timers[0]);
	close_end(&self->ends.sender);
	EXPECT_EQ(rounds, finish(&server));
	timer_delete(timers[1]);
	EXPECT_LE(4, rounds);
	EXPECT_EQ((__u64)rounds, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	TH_LOG("%ld rounds, %d signals, stopped %d times", rounds,
	       signals_taken, storm.stopped);
	EXPECT_LE(at_least(1), storm.stopped);
}

TEST_F_TIMEOUT(batch, storm_of_signals_with_EINTR, STORM_TIMEOUT(1))
{
	storm_run(_metadata, self, 0);
}

TEST_F_TIMEOUT(batch, storm_of_signals_restarted, STORM_TIMEOUT(1))
{
	storm_run(_metadata, self, SA_RESTART);
}

TEST_HARNESS_MAIN
