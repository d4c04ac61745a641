// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a select refuses as a whole: what is malformed, in the batch or in any
 * arm, before an arm is tried, though one is ready; what cannot be read, and a
 * batch that cannot be written. No arm is named then, and nothing has happened
 * on any channel.
 */
#include "select_errors.h"

/* The batch ------------------------------------------------------------------- */

TEST_F(errors, one_to_sixty_four_arms)
{
	static const __u32 refused[] = { 0, ARMS_MAX + 1, 128, 1U << 31, ~0U };

	for (int i = 0; i < ARMS_MAX; i++)
		add_ready(self);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		self->s.batch.nr = refused[i];
		EXPECT_EQ(0, is_refused(self, -EINVAL))
		{
			TH_LOG("%u arms", refused[i]);
		}
	}
	self->s.batch.nr = ARMS_MAX;
	EXPECT_LE(0, select_run(&self->s));
	select_again(&self->s);
	ASSERT_EQ(0, put_message(self->ends.sender, OBSTACLE));
	self->s.batch.nr = 1;
	EXPECT_EQ(0, select_run(&self->s));
}

TEST_F(errors, malformed_batch_is_EINVAL)
{
	const __u32 flags = CHAN_ORDERED | CHAN_NOWAIT;
	struct chan_batch good;

	add_ready(self);
	good = self->s.batch;
	for (int bit = 0; bit < 32; bit++) {
		self->s.batch = good;
		self->s.batch.flags = 1U << bit;
		if (!(self->s.batch.flags & flags))
			EXPECT_EQ(0, is_refused(self, -EINVAL));
		self->s.batch.flags |= flags;
		if (self->s.batch.flags != flags)
			EXPECT_EQ(0, is_refused(self, -EINVAL));
		self->s.batch = good;
		self->s.batch.reserved = 1U << bit;
		EXPECT_EQ(0, is_refused(self, -EINVAL));
	}
	/* What is malformed is not looked at further. */
	self->s.batch = good;
	self->s.batch.flags = 1U << 31;
	self->s.batch.ops = 0;
	EXPECT_EQ(0, is_refused(self, -EINVAL));
	self->s.batch = good;
	EXPECT_EQ(0, select_run(&self->s));
}

TEST_F(errors, unreadable_batch_is_EFAULT)
{
	char *at = self->hole - sizeof(struct chan_batch) + 8;

	add_ready(self);
	memcpy(at, &self->s.batch, sizeof(self->s.batch) - 8);
	remember(self);
	EXPECT_EQ(-EFAULT, record_ioctl(self->empty, CHAN_IOC_SELECT, at));
	EXPECT_EQ(-EFAULT, record_ioctl(self->empty, CHAN_IOC_SELECT, NULL));
	EXPECT_EQ(-EFAULT,
		  record_ioctl(self->empty, CHAN_IOC_SELECT, self->hole));
	EXPECT_EQ(0, nothing_has_happened(self));
}

/* @record, of which the last @behind bytes cannot be written. */
static void *put_read_only(FIXTURE_DATA(errors) * self, const void *record,
			   size_t size, size_t behind)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *at = self->read_only - size + behind;

	mprotect(self->read_only, page, PROT_READ | PROT_WRITE);
	memcpy(at, record, size);
	mprotect(self->read_only, page, PROT_READ);
	return at;
}

TEST_F(errors, batch_that_cannot_be_written_is_EFAULT_without_effect)
{
	/* From @index, which is at 32, to all of it. */
	const size_t behind[] = { 8, 20, 24, 32, sizeof(struct chan_batch) };

	for (int send = 0; send < 2; send++) {
		select_init(&self->s, self->fds[5]);
		if (send)
			add_send(&self->s, self->empty, 1);
		else
			add_ready(self);
		remember(self);
		for (size_t i = 0; i < ARRAY_SIZE(behind); i++) {
			void *at = put_read_only(self, &self->s.batch,
						 sizeof(self->s.batch),
						 behind[i]);

			EXPECT_EQ(-EFAULT, record_ioctl(self->empty,
							CHAN_IOC_SELECT, at));
			EXPECT_TRUE(others_are_untouched(&self->s, UNTOLD));
			EXPECT_EQ(0, nothing_has_happened(self));
		}
	}
	EXPECT_EQ(0, first_is_there(self));
}

TEST_F(errors, only_endpoints_have_it)
{
	int pipes[2], null = open_path("/dev/null", O_RDWR);

	ASSERT_EQ(0, pipe(pipes));
	add_ready(self);
	self->s.fd = self->control;
	EXPECT_EQ(0, is_refused(self, -ENOTTY));
	self->s.fd = null;
	EXPECT_EQ(0, is_refused(self, -ENOTTY));
	self->s.fd = pipes[0];
	EXPECT_EQ(0, is_refused(self, -ENOTTY));
	self->s.fd = open_path("/", O_PATH);
	EXPECT_EQ(0, is_refused(self, -EBADF));
	self->s.fd = -1;
	EXPECT_EQ(0, is_refused(self, -EBADF));
	EXPECT_EQ(0, first_is_there(self));
}

/* Records --------------------------------------------------------------------- */

TEST_F(errors, record_has_at_least_the_size_of_an_operation)
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

	add_ready(self);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->s.batch.op_size = sizes[i];
		EXPECT_EQ(0, is_refused(self, -EINVAL))
		{
			TH_LOG("op_size %u", sizes[i]);
		}
	}
}

/* The arms in records of @size bytes. */
static char *widen(struct selecting *s, size_t size)
{
	char *at = calloc(s->batch.nr, size);

	for (__u32 i = 0; i < s->batch.nr; i++)
		memcpy(at + i * size, &s->arms[i], sizeof(s->arms[i]));
	s->batch.ops = address(at);
	s->batch.op_size = size;
	return at;
}

/* The second of three is taken, and nothing behind a record is written. */
static int wide_run(FIXTURE_DATA(errors) * self, size_t size)
{
	struct chan_op *second;
	char *records, *was;

	select_init(&self->s, self->fds[5]);
	add_recv(&self->s, self->empty);
	add_ready(self);
	add_send(&self->s, self->full, 1);
	records = widen(&self->s, size);
	was = malloc(3 * size);
	memcpy(was, records, 3 * size);
	second = (struct chan_op *)(records + size);
	CHECK_EQ(0, record_ioctl(self->empty, CHAN_IOC_SELECT, &self->s.batch));
	CHECK_EQ(1, self->s.batch.index);
	CHECK_EQ(4, second->result);
	CHECK_EQ(OBSTACLE, self->s.numbers[1]);
	memcpy(was + size, second, sizeof(*second));
	CHECK_EQ(0, memcmp(was, records, 3 * size));
	free(records);
	free(was);
	return put_message(self->ends.sender, OBSTACLE);
}

TEST_F(errors, longer_records_with_zero_tails_are_accepted)
{
	const size_t sizes[] = { sizeof(struct chan_op),
				 sizeof(struct chan_op) + 1,
				 sizeof(struct chan_op) + 8, 4095, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(0, wide_run(self, sizes[i]))
		{
			TH_LOG("op_size %zu", sizes[i]);
		}
	}
}

TEST_F(errors, longer_record_with_unknown_member_is_E2BIG_of_all)
{
	const size_t size = sizeof(struct chan_op) + 8;
	char *records, *was;

	for (int i = 0; i < 3; i++)
		add_ready(self);
	records = widen(&self->s, size);
	was = malloc(3 * size);
	for (int at = 0; at < 3; at++) {
		memset(records + at * size + size - 8, 0, 8);
		records[at * size + size - 1] = 1;
		memcpy(was, records, 3 * size);
		self->s.batch.flags = CHAN_ORDERED;
		EXPECT_EQ(0, is_refused(self, -E2BIG));
		EXPECT_EQ(0, memcmp(was, records, 3 * size));
		records[at * size + size - 1] = 0;
	}
	EXPECT_EQ(0, first_is_there(self));
	free(records);
	free(was);
}

TEST_F(errors, unreadable_records_are_EFAULT)
{
	const __u64 nowhere[] = {
		0, 1, address(self->hole), 0x800000000000ULL, ~0ULL, ~0ULL - 119
	};

	add_ready(self);
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		self->s.batch.ops = nowhere[i];
		EXPECT_EQ(0, is_refused(self, -EFAULT));
	}
}

TEST_F(errors, unreadable_record_is_EFAULT_though_one_before_it_is_ready)
{
	for (int i = 0; i < 4; i++)
		add_ready(self);
	self->s.batch.flags = CHAN_ORDERED;
	for (int at = 1; at < 4; at++) {
		char *where = self->hole - at * sizeof(struct chan_op) - 60;

		memcpy(where, self->s.arms, at * sizeof(struct chan_op) + 60);
		self->s.batch.ops = address(where);
		EXPECT_EQ(0, is_refused(self, -EFAULT));
	}
	EXPECT_EQ(0, first_is_there(self));
}

/* What it cannot tell it does not do. */
TEST_F(errors, record_that_cannot_be_written_is_EFAULT_without_effect)
{
	for (int send = 0; send < 2; send++)
		for (size_t behind = 8; behind <= 120; behind += 8) {
			void *at;

			select_init(&self->s, self->fds[5]);
			if (send)
				add_send(&self->s, self->empty, 1);
			else
				add_ready(self);
			at = put_read_only(self, self->s.arms,
					   sizeof(struct chan_op), behind);
			self->s.batch.ops = address(at);
			remember(self);
			EXPECT_EQ(-EFAULT,
				  record_ioctl(self->empty, CHAN_IOC_SELECT,
					       &self->s.batch));
			EXPECT_EQ(0, nothing_has_happened(self))
			{
				TH_LOG("send %d, behind %zu", send, behind);
			}
		}
	EXPECT_EQ(0, first_is_there(self));
}

/* The record of one that might have received is not for writing. */
TEST_F(errors, record_of_another_arm_need_not_be_writable)
{
	void *at;

	for (int round = 0; round < 20; round++) {
		select_init(&self->s, self->fds[5]);
		add_ready(self);
		add_recv(&self->s, self->empty);
		add_recv(&self->s, self->meeting);
		at = put_read_only(self, self->s.arms,
				   3 * sizeof(struct chan_op),
				   2 * sizeof(struct chan_op));
		self->s.batch.ops = address(at);
		ASSERT_EQ(0, record_ioctl(self->empty, CHAN_IOC_SELECT,
					  &self->s.batch));
		EXPECT_EQ(0, self->s.batch.index);
		EXPECT_EQ(OBSTACLE, self->s.numbers[0]);
		ASSERT_EQ(0, put_message(self->ends.sender, OBSTACLE));
	}
}

/* A send tells its number before it waits: what cannot be told fails. */
TEST_F(errors, record_of_a_send_that_cannot_be_written_is_EFAULT_of_its_arm)
{
	struct chan_op op = op_send("text", 4);
	void *at;

	/* As alone. */
	op.flags = CHAN_NOWAIT;
	at = put_read_only(self, &op, sizeof(op), sizeof(op));
	EXPECT_EQ(-EFAULT, record_ioctl(self->full, CHAN_IOC_OP, at));
	add_recv(&self->s, self->empty);
	add_send(&self->s, self->full, 1);
	at = put_read_only(self, self->s.arms, 2 * sizeof(struct chan_op),
			   2 * sizeof(struct chan_op));
	self->s.batch.ops = address(at);
	remember(self);
	EXPECT_EQ(-EFAULT,
		  record_ioctl(self->empty, CHAN_IOC_SELECT, &self->s.batch));
	EXPECT_EQ(1, self->s.batch.index);
	EXPECT_EQ(0, nothing_has_happened(self));
}

/* Arms that may not be ---------------------------------------------------------- */

/* Whether ready arms stand before it, behind it or not at all. */
static int refuses_arm(FIXTURE_DATA(errors) * self, int fd, struct chan_op op)
{
	for (int before = 0; before < 3; before++)
		for (int behind = 0; behind < 2; behind++) {
			select_init(&self->s, self->fds[5]);
			self->s.batch.flags = CHAN_ORDERED;
			for (int i = 0; i < before; i++)
				add_ready(self);
			add_arm(&self->s, fd, op);
			for (int i = 0; i < behind; i++)
				add_ready(self);
			CHECK_EQ(0, is_refused(self, -EINVAL));
		}
	return 0;
}

static struct chan_op due(struct chan_op op, __u64 deadline)
{
	op.deadline = deadline;
	return op;
}

static struct chan_op styled(__u8 until, __u8 duty, __u8 on_death)
{
	struct chan_op op = op_send("text", 4);

	op.until = until;
	op.duty = duty;
	op.on_death = on_death;
	return op;
}

static struct chan_op with_prio(__u8 prio)
{
	struct chan_op op = op_send("text", 4);

	op.prio = prio;
	return op;
}

TEST_F(errors, arm_that_neither_sends_nor_receives_is_EINVAL)
{
	struct chan_op op = op_send("text", 4);
	const struct chan_op others[] = {
		op_settle(1, CHAN_ACK), op_cancel(1),
		op_cancel_tag(1),	op_wait(1),
		{ .code = 0 },		{ .code = 6 },
		{ .code = ~0U },
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		EXPECT_EQ(0, refuses_arm(self, self->empty, others[i]))
		{
			TH_LOG("code %u", others[i].code);
		}
	}
	for (int bit = 3; bit < 32; bit++) {
		op.code = 1U << bit;
		EXPECT_EQ(0, refuses_arm(self, self->empty, op));
	}
	EXPECT_EQ(0, first_is_there(self));
}

TEST_F(errors, arm_with_unknown_flags_is_EINVAL)
{
	char in[4];

	for (int bit = 0; bit < 32; bit++) {
		const __u32 flag = 1U << bit;

		EXPECT_EQ(0, refuses_arm(self, self->empty,
					 flagged(op_send("text", 4), flag)));
		if (flag & (CHAN_PEEK | CHAN_AUTOACK))
			continue;
		EXPECT_EQ(0, refuses_arm(self, self->ends.receiver,
					 flagged(op_recv(in, 4), flag)));
	}
	EXPECT_EQ(0, refuses_arm(self, self->ends.receiver,
				 flagged(op_recv(in, 4),
					 CHAN_PEEK | CHAN_AUTOACK)));
	EXPECT_EQ(0, first_is_there(self));
}

/* The time is the select's, for all. */
TEST_F(errors, arm_with_a_deadline_or_nowait_is_EINVAL)
{
	static const __u64 deadlines[] = { 1, 1ULL << 32, 1ULL << 63, ~0ULL };
	char in[4];

	for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++) {
		EXPECT_EQ(0,
			  refuses_arm(self, self->empty,
				      due(op_send("text", 4), deadlines[i])));
		EXPECT_EQ(0, refuses_arm(self, self->ends.receiver,
					 due(op_recv(in, 4), deadlines[i])));
	}
	EXPECT_EQ(0, refuses_arm(self, self->meeting,
				 flagged(op_send("text", 4), CHAN_NOWAIT)));
	EXPECT_EQ(0, first_is_there(self));
}

/* Every mix of these on one channel, but until @most with nothing else. */
static int refuses_mixes(FIXTURE_DATA(errors) * self, int fd, int most)
{
	for (int until = 0; until < 4; until++)
		for (int duty = 0; duty < 4; duty++)
			for (int death = 0; death < 3; death++)
				if (duty || death || until > most)
					CHECK_EQ(0,
						 refuses_arm(self, fd,
							     styled(until, duty,
								    death)));
	return 0;
}

TEST_F(errors, arm_that_sends_more_than_asynchronously_is_EINVAL)
{
	EXPECT_EQ(0, refuses_mixes(self, self->empty, CHAN_UNTIL_QUEUED));
	EXPECT_EQ(0, refuses_mixes(self, self->full, CHAN_UNTIL_QUEUED));
	EXPECT_EQ(0, refuses_mixes(self, self->meeting, CHAN_UNTIL_RECEIVED));
	EXPECT_EQ(0, refuses_arm(self, self->empty, with_prio(32)));
	EXPECT_EQ(0, refuses_arm(self, self->empty, with_prio(255)));
	EXPECT_EQ(0, first_is_there(self));
}

/* On a rendezvous channel both words mean the same. */
TEST_F(errors, arm_of_a_rendezvous_may_say_QUEUED_or_RECEIVED)
{
	for (int until = 0; until < 2; until++) {
		select_init(&self->s, self->meeting);
		add_arm(&self->s, -1, styled(until, 0, 0));
		EXPECT_EQ(-EAGAIN, select_now(&self->s));
	}
}

TEST_F(errors, descriptor_of_no_endpoint_is_EINVAL)
{
	int pipes[2], path = open_path("/", O_RDONLY);
	char in[4];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(0, refuses_arm(self, self->control, op_recv(in, 4)));
	EXPECT_EQ(0, refuses_arm(self, pipes[0], op_recv(in, 4)));
	EXPECT_EQ(0, refuses_arm(self, pipes[1], op_send("text", 4)));
	EXPECT_EQ(0, refuses_arm(self, path, op_recv(in, 4)));
	EXPECT_EQ(0, first_is_there(self));
}

/* Being malformed comes before what is wrong with a descriptor or payload. */
TEST_F(errors, malformed_arm_wins_over_failures_of_others)
{
	int closed = dup(self->empty);
	char in[4];

	close(closed);
	for (int last = 0; last < 2; last++) {
		select_init(&self->s, self->fds[5]);
		self->s.batch.flags = CHAN_ORDERED;
		if (last)
			add_arm(&self->s, self->empty,
				flagged(op_recv(in, 4), 1U << 31));
		add_recv(&self->s, closed);
		add_send(&self->s, self->ends.receiver, 1);
		add_arm(&self->s, self->empty, op_send(in, MSG_MAX + 1));
		add_arm(&self->s, self->empty, op_send(self->hole, 1));
		if (!last)
			add_arm(&self->s, self->empty,
				flagged(op_recv(in, 4), 1U << 31));
		EXPECT_EQ(0, is_refused(self, -EINVAL));
	}
	EXPECT_EQ(0, refuses_arm(self, closed, op_settle(1, CHAN_ACK)));
	EXPECT_EQ(0, refuses_arm(self, closed, due(op_recv(in, 4), 1)));
	EXPECT_EQ(0,
		  refuses_arm(self, closed, styled(CHAN_UNTIL_SETTLED, 0, 0)));
	EXPECT_EQ(0, refuses_arm(self, self->ends.receiver, styled(0, 1, 0)));
	EXPECT_EQ(0, refuses_arm(self, self->empty,
				 due(op_send(self->hole, 1), 1)));
}

TEST_HARNESS_MAIN
