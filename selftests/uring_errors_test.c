// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of io_uring that fail: what is malformed in the entry, in the record
 * or in the ring; too many that wait; and memory that cannot be read, or cannot
 * be written any more once the command is pending. An error means no effect,
 * each command has its one completion, and what the completion tells is true
 * although its record cannot.
 */
#include "uring_kinds.h"

#define TAG 77

/* What came of it; the channel is as before. */
static int fails(struct io_uring *ring, int fd)
{
	struct chan_stat before = stat_now(fd);
	struct chan_op *of;
	int result;

	if (io_uring_submit(ring) < 0)
		return -EIO;
	result = completion(ring, &of);
	if (!is_unchanged(fd, &before) || !is_quiet(ring))
		return -EUCLEAN;
	return result;
}

/* Entries ---------------------------------------------------------------------- */

TEST_F(kind, size_of_the_record_is_in_the_number)
{
	struct {
		struct chan_op op;
		char tail[32];
	} r = { .op = op_recv(self->in, MSG_MAX) };
	const size_t v1 = offsetof(struct chan_op, sent_at) + sizeof(__u64);
	const struct {
		size_t size;
		char last;
		int result;
	} rows[] = {
		{ 0, 0, -EINVAL },
		{ 1, 0, -EINVAL },
		{ v1 - 1, 0, -EINVAL },
		{ v1, 0, -EAGAIN },
		{ sizeof(r.op), 0, -EAGAIN },
		{ sizeof(r), 0, -EAGAIN },
		{ sizeof(r), 1, -E2BIG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct io_uring_sqe *sqe;

		r.op.flags = CHAN_NOWAIT;
		r.op.result = 1;
		r.tail[31] = rows[i].last;
		sqe = add_command(&self->ring, self->ends.receiver, &r.op);
		sqe->cmd_op = _IOC(_IOC_READ | _IOC_WRITE,
				   _IOC_TYPE(CHAN_IOC_OP), _IOC_NR(CHAN_IOC_OP),
				   rows[i].size);
		EXPECT_EQ(rows[i].result, fails(&self->ring, self->ends.admin))
		{
			TH_LOG("row %zu", i);
		}
		/* One that is too short has no place for it. */
		EXPECT_EQ(rows[i].result == -EINVAL ? 1 : rows[i].result,
			  r.op.result);
	}
}

/* By a newer program; the command is told after it has waited. */
TEST_F(kind, longer_record_is_told_when_it_is_over)
{
	struct {
		struct chan_op op;
		char tail[32];
	} r = { .op = op_recv(self->in, MSG_MAX) };
	struct io_uring_sqe *sqe;

	r.op.deadline = in_ms(10);
	sqe = add_command(&self->ring, self->ends.receiver, &r.op);
	sqe->cmd_op = _IOC(_IOC_READ | _IOC_WRITE, _IOC_TYPE(CHAN_IOC_OP),
			   _IOC_NR(CHAN_IOC_OP), sizeof(r));
	ASSERT_LE(0, io_uring_submit(&self->ring));
	EXPECT_EQ(-ETIMEDOUT, completes(&self->ring, &r.op));
	EXPECT_EQ(-ETIMEDOUT, r.op.result);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(kind, record_longer_than_its_memory_cannot_be_read)
{
	char *hole = page_edge(PROT_NONE);
	struct chan_op *op = (void *)(hole - sizeof(*op));
	struct io_uring_sqe *sqe;

	*op = op_recv(self->in, MSG_MAX);
	sqe = add_command(&self->ring, self->ends.receiver, op);
	sqe->cmd_op = _IOC(_IOC_READ | _IOC_WRITE, _IOC_TYPE(CHAN_IOC_OP),
			   _IOC_NR(CHAN_IOC_OP), _IOC_SIZEMASK);
	EXPECT_EQ(-EFAULT, fails(&self->ring, self->ends.admin));
	page_edge_free(hole);
}

TEST_F(kind, other_directions_and_letters_are_other_commands)
{
	struct chan_op op = op_recv(self->in, MSG_MAX);
	const __u32 type = _IOC_TYPE(CHAN_IOC_OP), nr = _IOC_NR(CHAN_IOC_OP);
	const __u32 others[] = {
		_IOC(_IOC_NONE, type, nr, sizeof(op)),
		_IOC(_IOC_READ, type, nr, sizeof(op)),
		_IOC(_IOC_WRITE, type, nr, sizeof(op)),
		_IOC(_IOC_READ | _IOC_WRITE, type + 1, nr, sizeof(op)),
		_IOC(_IOC_READ | _IOC_WRITE, type, nr + 100, sizeof(op)),
		~0U,
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct io_uring_sqe *sqe =
			add_command(&self->ring, self->ends.receiver, &op);

		sqe->cmd_op = others[i];
		EXPECT_EQ(-EOPNOTSUPP, fails(&self->ring, self->ends.admin));
	}
}

/* Some are refused before chan is asked, and not each by the same errno. */
TEST_F(kind, no_flag_of_commands_is_taken)
{
	struct chan_op op = op_recv(self->in, MSG_MAX);
	struct iovec vec = { self->in, sizeof(self->in) };

	ASSERT_EQ(0, io_uring_register_buffers(&self->ring, &vec, 1));
	for (int bit = 0; bit < 32; bit++) {
		struct io_uring_sqe *sqe =
			add_command(&self->ring, self->ends.receiver, &op);
		int result;

		sqe->rw_flags = 1U << bit;
		result = fails(&self->ring, self->ends.admin);
		if (bit == 0)
			EXPECT_EQ(-EINVAL, result);
		EXPECT_TRUE(result == -EINVAL || result == -EFAULT ||
			    result == -EOPNOTSUPP)
		{
			TH_LOG("bit %d: %d", bit, result);
		}
	}
}

/* A ring whose other bits are chosen by the caller. */
static bool ring_with(struct io_uring *ring, enum ring_kind kind,
		      unsigned int flags)
{
	struct io_uring_params params = {
		.flags = ring_kinds[kind].flags | flags,
		.sq_thread_idle = 100,
	};

	return !io_uring_queue_init_params(8, ring, &params);
}

TEST_F(kind, ring_that_polls_for_completions_is_refused)
{
	struct chan_op op = op_recv(self->in, MSG_MAX);
	struct io_uring ring;

	if (!ring_with(&ring, variant->kind, IORING_SETUP_IOPOLL))
		SKIP(return, "no IORING_SETUP_IOPOLL on this kind of ring");
	ASSERT_TRUE(command(&ring, self->ends.receiver, &op));
	EXPECT_EQ(-EOPNOTSUPP, completes(&ring, &op));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	io_uring_queue_exit(&ring);
}

/* And the second half of such a completion says nothing. */
TEST_F(kind, long_entries_and_long_completions_work)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct running send;
	struct io_uring_cqe *cqe;
	struct io_uring ring;

	ASSERT_TRUE(ring_with(&ring, variant->kind,
			      IORING_SETUP_SQE128 | IORING_SETUP_CQE32));
	for (int i = 0; i < 20; i++) {
		ASSERT_TRUE(command(&ring, self->ends.receiver, &recv));
		ASSERT_TRUE(
			STAT_BECOMES(self->ends.admin, parked_receivers, 1));
		ASSERT_EQ(0, op_start(&send, self->ends.sender,
				      op_send("four", 4)));
		ASSERT_EQ(0, io_uring_wait_cqe(&ring, &cqe));
		EXPECT_EQ(address(&recv), cqe->user_data);
		EXPECT_EQ(4, cqe->res);
		EXPECT_EQ(0, cqe->big_cqe[0]);
		EXPECT_EQ(0, cqe->big_cqe[1]);
		io_uring_cqe_seen(&ring, cqe);
		EXPECT_EQ(0, op_finish(&send));
	}
	EXPECT_TRUE(is_quiet(&ring));
	io_uring_queue_exit(&ring);
}

TEST_F(kind, only_endpoints_have_operations)
{
	struct chan_op op = op_recv(self->in, MSG_MAX);
	int fds[2], closed = dup(self->ends.receiver);

	ASSERT_EQ(0, pipe(fds));
	close(closed);
	add_command(&self->ring, self->control, &op);
	EXPECT_EQ(-EOPNOTSUPP, fails(&self->ring, self->ends.admin));
	add_command(&self->ring, fds[0], &op);
	EXPECT_EQ(-EOPNOTSUPP, fails(&self->ring, self->ends.admin));
	add_command(&self->ring, closed, &op);
	EXPECT_EQ(-EBADF, fails(&self->ring, self->ends.admin));
	close(fds[0]);
	close(fds[1]);
}

/* Records ----------------------------------------------------------------------- */

TEST_F(kind, record_that_cannot_be_read_is_no_operation)
{
	char *hole = page_edge(PROT_NONE);
	char *const bad[] = {
		NULL,
		(char *)1,
		hole,
		hole - 8,
		hole - sizeof(struct chan_op) + 1,
		(char *)0xffff888000000000,
		(char *)-1,
		(char *)-4096,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		add_command(&self->ring, self->ends.receiver, (void *)bad[i]);
		EXPECT_EQ(-EFAULT, fails(&self->ring, self->ends.admin))
		{
			TH_LOG("row %zu", i);
		}
	}
	page_edge_free(hole);
}

TEST_F(kind, record_may_lie_anywhere)
{
	char *hole = page_edge(PROT_NONE);
	struct chan_op op = op_recv(self->in, MSG_MAX);
	struct running send;

	for (size_t behind = 0; behind < 8; behind++) {
		char *at = hole - sizeof(op) - behind;

		memcpy(at, &op, sizeof(op));
		ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver,
					  (void *)at));
		ASSERT_EQ(0, op_start(&send, self->ends.sender,
				      op_send("four", 4)));
		EXPECT_EQ(4, completes(&self->ring, (void *)at));
		EXPECT_EQ(0, op_finish(&send));
	}
	page_edge_free(hole);
}

TEST_F(kind, malformed_operations_are_told_in_the_record_too)
{
	struct chan_op good = op_recv(self->in, MSG_MAX);
	struct chan_op rows[] = { good, good, good, good, good };
	const int right = ARRAY_SIZE(rows) - 2;

	rows[0].code = 0;
	rows[1].flags = 1U << 31;
	rows[2].fd = self->ends.receiver;
	rows[right].fd = -1;
	rows[right].flags = CHAN_NOWAIT;
	rows[right + 1].flags = CHAN_PEEK | CHAN_AUTOACK;
	for (int i = 0; i < (int)ARRAY_SIZE(rows); i++) {
		int want = i == right ? -EAGAIN : -EINVAL;

		add_command(&self->ring, self->ends.receiver, &rows[i]);
		EXPECT_EQ(want, fails(&self->ring, self->ends.admin));
		EXPECT_EQ(want, rows[i].result);
	}
}

TEST_F(kind, rights_are_the_endpoint_s)
{
	struct chan_op recv = op_recv(self->in, MSG_MAX);
	struct chan_op send = op_send("four", 4),
		       settle = op_settle(1, CHAN_ACK);

	add_command(&self->ring, self->ends.sender, &recv);
	EXPECT_EQ(-EBADF, fails(&self->ring, self->ends.admin));
	add_command(&self->ring, self->ends.receiver, &send);
	EXPECT_EQ(-EBADF, fails(&self->ring, self->ends.admin));
	add_command(&self->ring, self->ends.sender, &settle);
	EXPECT_EQ(-EBADF, fails(&self->ring, self->ends.admin));
	add_command(&self->ring, self->ends.admin, &recv);
	EXPECT_EQ(-EBADF, fails(&self->ring, self->ends.admin));
	EXPECT_EQ(-EBADF, recv.result);
}

/* Read once, and answered when the submission is: it needs no worker. */
TEST_F(kind, what_does_not_wait_is_answered_at_once)
{
	struct chan_op recvs[8];
	struct io_uring_cqe *cqe;
	int threads = entries_of("/proc/self/task");

	for (size_t i = 0; i < ARRAY_SIZE(recvs); i++) {
		recvs[i] = op_recv(self->in, MSG_MAX);
		recvs[i].flags = CHAN_NOWAIT;
		ASSERT_TRUE(
			command(&self->ring, self->ends.receiver, &recvs[i]));
		if (variant->kind != RING_SQPOLL)
			EXPECT_EQ(0, io_uring_peek_cqe(&self->ring, &cqe));
		EXPECT_EQ(-EAGAIN, completes(&self->ring, &recvs[i]));
	}
	EXPECT_EQ(threads, entries_of("/proc/self/task"));
}

/* Too many ------------------------------------------------------------------------ */

FIXTURE(crowd)
{
	int control;
	struct ends ends;
	struct io_uring ring;
	long long max_parked;
	char in[MSG_MAX], reply[MSG_MAX];
};

FIXTURE_VARIANT(crowd)
{
	enum ring_kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(crowd, plain) { .kind = RING_PLAIN };
FIXTURE_VARIANT_ADD(crowd, defer) { .kind = RING_DEFER };
FIXTURE_VARIANT_ADD(crowd, sqpoll) { .kind = RING_SQPOLL };
FIXTURE_VARIANT_ADD(crowd, coop) { .kind = RING_COOP };
/* clang-format on */

#define MOST 3

FIXTURE_SETUP(crowd)
{
	self->max_parked = get_parameter("max_parked");
	ASSERT_LT(0, self->max_parked);
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, CAP, MSG_MAX, 0));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
	ASSERT_EQ(0, set_parameter("max_parked", MOST));
}

FIXTURE_TEARDOWN_PARENT(crowd)
{
	set_parameter("max_parked", self->max_parked);
}

/* Of an endpoint, of all that it has pending; what is ready needs no place. */
TEST_F(crowd, no_more_than_max_parked_wait)
{
	struct chan_op recvs[MOST], more = op_recv(self->in, MSG_MAX);
	struct chan_op cancel = op_cancel_tag(TAG);
	int another = derive(self->ends.admin, CHAN_RIGHT_RECV);

	for (int i = 0; i < MOST; i++) {
		recvs[i] = op_recv(self->in, MSG_MAX);
		recvs[i].tag = i ? i : TAG;
		recvs[i].flags = i == 1 ? CHAN_PEEK : 0;
		ASSERT_TRUE(
			command(&self->ring, self->ends.receiver, &recvs[i]));
	}
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, MOST));
	for (int i = 0; i < 5; i++) {
		more.result = 0;
		ASSERT_TRUE(command(&self->ring, self->ends.receiver, &more));
		EXPECT_EQ(-EBUSY, completes(&self->ring, &more));
		EXPECT_EQ(-EBUSY, more.result);
	}
	more.flags = CHAN_NOWAIT;
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &more));
	EXPECT_EQ(-EAGAIN, completes(&self->ring, &more));
	more.flags = 0;
	/* Another endpoint has places of its own, and an ioctl needs none. */
	more.deadline = 1;
	ASSERT_TRUE(command(&self->ring, another, &more));
	EXPECT_EQ(-ETIMEDOUT, completes(&self->ring, &more));
	EXPECT_EQ(-ETIMEDOUT, run(self->ends.receiver, &more));
	more.deadline = 0;
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &cancel));
	EXPECT_LE(-ECANCELED, completion(&self->ring, NULL));
	EXPECT_LE(-ECANCELED, completion(&self->ring, NULL));
	EXPECT_EQ(1, cancel.result);
	EXPECT_EQ(-ECANCELED, recvs[0].result);
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, &more));
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, MOST));
	EXPECT_TRUE(is_quiet(&self->ring));
	close(another);
}

/* They count until their completion, and what is refused was never sent. */
TEST_F(crowd, calls_count_as_long_as_they_are_unanswered)
{
	struct chan_op calls[MOST + 1], got;
	struct chan_stat before;

	for (int i = 0; i <= MOST; i++) {
		calls[i] = with_garbage(
			op_call("question", 8, self->reply, MSG_MAX));
		if (i == MOST)
			break;
		ASSERT_TRUE(command(&self->ring, self->ends.sender, &calls[i]));
	}
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, queued, MOST));
	before = stat_now(self->ends.admin);
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &calls[MOST]));
	EXPECT_EQ(-EBUSY, completes(&self->ring, &calls[MOST]));
	EXPECT_EQ(-EBUSY, calls[MOST].result);
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, calls[MOST].state);
	EXPECT_TRUE(is_unchanged(self->ends.admin, &before));
	for (int i = 0; i < MOST; i++) {
		got = op_soon(self->in, MSG_MAX);
		ASSERT_EQ(8, run(self->ends.receiver, &got));
		EXPECT_EQ(0, run_once(self->ends.receiver,
				      op_reply(got.id, "answer", 6)));
		EXPECT_EQ(6, completes(&self->ring, &calls[i]));
	}
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &calls[MOST]));
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, queued, 1));
	io_uring_queue_exit(&self->ring);
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, queued, 0));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
}

/* Memory that cannot be written ----------------------------------------------------- */

TEST_F(uring, send_that_cannot_tell_its_id_is_not_sent)
{
	struct chan_op *op = own_record(op_send("four", 4));
	const __u8 untils[] = { CHAN_UNTIL_QUEUED, CHAN_UNTIL_RECEIVED };

	for (size_t i = 0; i < ARRAY_SIZE(untils); i++) {
		page_may(op, PROT_READ | PROT_WRITE);
		op->until = untils[i];
		page_may(op, PROT_READ);
		add_command(&self->ring, self->ends.sender, op);
		EXPECT_EQ(-EFAULT, fails(&self->ring, self->ends.admin));
	}
	page_may(op, PROT_READ | PROT_WRITE);
	*op = op_call("question", 8, self->reply, MSG_MAX);
	page_may(op, PROT_READ);
	add_command(&self->ring, self->ends.sender, op);
	EXPECT_EQ(-EFAULT, fails(&self->ring, self->ends.admin));
	own_page_free(op);
}

TEST_F(uring, what_owes_nothing_is_received_by_a_record_that_cannot_be_written)
{
	struct chan_op *op = own_record(op_recv(self->in, MSG_MAX));
	struct running send;

	/* It becomes so while it waits; then it is so from the beginning. */
	for (int i = 0; i < 2; i++) {
		memset(self->in, 0xcc, MSG_MAX);
		ASSERT_TRUE(
			command_parks(&self->ring, self->ends.receiver, op));
		page_may(op, PROT_READ);
		ASSERT_EQ(0, op_start(&send, self->ends.sender,
				      op_send("four", 4)));
		EXPECT_EQ(4, completes(&self->ring, op));
		EXPECT_EQ(0, op_finish(&send));
		EXPECT_EQ(0, memcmp("four", self->in, 4));
		EXPECT_EQ(0, op->result);
		EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	}
	/* And one that is ready. */
	ASSERT_EQ(0,
		  send_beside(&send, self->ends.sender, op_send("five!", 5)));
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, op));
	EXPECT_EQ(5, completes(&self->ring, op));
	EXPECT_EQ(0, op_finish(&send));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	own_page_free(op);
}

/* What it owes is read, and acknowledged: no token is needed. */
TEST_F(kind, autoack_needs_no_record_to_be_written)
{
	struct chan_op *op = own_record(op_recv(self->in, MSG_MAX));
	struct running send;

	op->flags = CHAN_AUTOACK;
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, op));
	page_may(op, PROT_READ);
	ASSERT_EQ(0, op_start(&send, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	EXPECT_EQ(4, completes(&self->ring, op));
	EXPECT_EQ(0, op_finish(&send));
	EXPECT_EQ(CHAN_ACK, send.op.verdict);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	own_page_free(op);
}

/* Somebody else takes it and settles it: it is in line, and not received yet. */
static int first_in_line_is(int fd, const char *text, struct running *send)
{
	char in[MSG_MAX];
	struct chan_op got = op_soon(in, MSG_MAX);

	CHECK_EQ(4, run(fd, &got));
	CHECK_EQ(0, memcmp(text, in, 4));
	CHECK_EQ(1, got.attempt);
	if (got.id)
		CHECK_EQ(0, run_once(fd, op_settle(got.id, CHAN_ACK)));
	CHECK_EQ(0, op_finish(send));
	return 0;
}

TEST_F(uring, duty_is_not_taken_on_by_a_record_that_cannot_be_written)
{
	struct chan_op *op = own_record(op_recv(self->in, MSG_MAX));
	struct running first, second;

	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, op));
	page_may(op, PROT_READ);
	ASSERT_EQ(0, op_start(&first, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	EXPECT_EQ(-EFAULT, completes(&self->ring, op));
	EXPECT_EQ(0, stat_now(self->ends.admin).unsettled);
	ASSERT_EQ(0,
		  send_beside(&second, self->ends.sender, op_send("next", 4)));
	/* A second time: it is ready. */
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, op));
	EXPECT_EQ(-EFAULT, completes(&self->ring, op));
	EXPECT_FALSE(first.over);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, first_in_line_is(self->ends.receiver, "task", &first));
	EXPECT_EQ(0, first_in_line_is(self->ends.receiver, "next", &second));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	own_page_free(op);
}

TEST_F(uring, payload_that_cannot_be_copied_is_the_next_one_s)
{
	char *page = own_page();
	struct chan_op bad = op_recv(page, MSG_MAX);
	struct chan_op good = op_recv(self->in, MSG_MAX);
	struct running first, second;

	/* The next one is there already. */
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &bad));
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &good));
	page_may(page, PROT_NONE);
	ASSERT_EQ(0, op_start(&first, self->ends.sender, op_send("frst", 4)));
	EXPECT_LE(-EFAULT, completion(&self->ring, NULL));
	EXPECT_LE(-EFAULT, completion(&self->ring, NULL));
	EXPECT_EQ(-EFAULT, bad.result);
	EXPECT_EQ(4, good.result);
	EXPECT_EQ(1, good.attempt);
	EXPECT_EQ(0, memcmp("frst", self->in, 4));
	EXPECT_EQ(0, op_finish(&first));
	/* Or comes later. */
	page_may(page, PROT_READ | PROT_WRITE);
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &bad));
	page_may(page, PROT_READ);
	ASSERT_EQ(0, op_start(&first, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	EXPECT_EQ(-EFAULT, completes(&self->ring, &bad));
	ASSERT_EQ(0,
		  send_beside(&second, self->ends.sender, op_send("next", 4)));
	EXPECT_EQ(0, first_in_line_is(self->ends.receiver, "task", &first));
	EXPECT_EQ(0, first_in_line_is(self->ends.receiver, "next", &second));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	own_page_free(page);
}

TEST_F(kind, look_that_cannot_be_copied_changes_nothing)
{
	char *page = own_page();
	struct chan_op look = op_recv(page, MSG_MAX);
	struct running send;

	look.flags = CHAN_PEEK;
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, &look));
	page_may(page, PROT_NONE);
	ASSERT_EQ(0, send_beside(&send, self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(-EFAULT, completes(&self->ring, &look));
	EXPECT_EQ(0, first_in_line_is(self->ends.receiver, "four", &send));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	own_page_free(page);
}

TEST_F(uring, reply_that_cannot_be_copied_is_kept_for_wait)
{
	char *page = own_page();
	struct chan_op call = op_call("question", 8, page, MSG_MAX);
	struct chan_op wait;
	__u64 token;

	ASSERT_EQ(0, call_is_held(&self->ring, &self->ends, &call, &token));
	page_may(page, PROT_NONE);
	EXPECT_EQ(0,
		  run_once(self->ends.receiver, op_reply(token, "answer", 6)));
	EXPECT_EQ(-EFAULT, completes(&self->ring, &call));
	EXPECT_EQ(-EFAULT, call.result);
	EXPECT_EQ(CHAN_STATE_SETTLED, call.state);
	wait = op_wait(call.id);
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &wait));
	EXPECT_EQ(-EFAULT, completes(&self->ring, &wait));
	wait = op_wait(call.id);
	wait.reply_buf = address(self->reply);
	wait.reply_len = MSG_MAX;
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &wait));
	EXPECT_EQ(6, completes(&self->ring, &wait));
	EXPECT_EQ(0, memcmp("answer", self->reply, 6));
	EXPECT_EQ(CHAN_REPLY, wait.verdict);
	ASSERT_TRUE(command(&self->ring, self->ends.sender, &wait));
	EXPECT_EQ(-ENOENT, completes(&self->ring, &wait));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	own_page_free(page);
}

TEST_F(kind, completion_tells_what_the_record_of_a_call_cannot)
{
	struct chan_op *call =
		own_record(op_call("question", 8, self->reply, MSG_MAX));
	__u64 token;

	ASSERT_EQ(0, call_is_held(&self->ring, &self->ends, call, &token));
	page_may(call, PROT_READ);
	EXPECT_EQ(0,
		  run_once(self->ends.receiver, op_reply(token, "answer", 6)));
	EXPECT_EQ(6, completes(&self->ring, call));
	EXPECT_EQ(0, memcmp("answer", self->reply, 6));
	EXPECT_EQ(-ENOENT, run_once(self->ends.sender, op_wait(call->id)));
	page_may(call, PROT_READ | PROT_WRITE);
	/* Not even there any more; and rejected. */
	*call = op_call("question", 8, self->reply, MSG_MAX);
	ASSERT_EQ(0, call_is_held(&self->ring, &self->ends, call, &token));
	own_page_free(call);
	EXPECT_EQ(0, run_once(self->ends.receiver, op_reject(token, EPERM)));
	EXPECT_EQ(-EREMOTEIO, completes(&self->ring, call));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

TEST_F(kind, record_that_is_gone_keeps_no_command_from_ending)
{
	struct chan_op *recv = own_record(op_recv(self->in, MSG_MAX));

	recv->tag = TAG;
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, recv));
	page_may(recv, PROT_NONE);
	EXPECT_EQ(1, run_once(self->ends.receiver, op_cancel_tag(TAG)));
	EXPECT_EQ(-ECANCELED, completes(&self->ring, recv));
	page_may(recv, PROT_READ | PROT_WRITE);
	recv->deadline = in_ms(300);
	ASSERT_TRUE(command_parks(&self->ring, self->ends.receiver, recv));
	own_page_free(recv);
	EXPECT_EQ(-ETIMEDOUT, completes(&self->ring, recv));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* It could be settled again if this were told and not true. */
TEST_F(kind, settlement_that_cannot_be_told_has_no_effect)
{
	struct chan_op got = op_soon(self->in, MSG_MAX), *settle;
	struct running send;

	ASSERT_EQ(0, send_beside(&send, self->ends.sender,
				 op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	ASSERT_EQ(4, run(self->ends.receiver, &got));
	settle = own_record(op_settle(got.id, CHAN_ACK));
	page_may(settle, PROT_READ);
	add_command(&self->ring, self->ends.receiver, settle);
	EXPECT_EQ(-EFAULT, fails(&self->ring, self->ends.admin));
	EXPECT_FALSE(send.over);
	page_may(settle, PROT_READ | PROT_WRITE);
	ASSERT_TRUE(command(&self->ring, self->ends.receiver, settle));
	EXPECT_EQ(0, completes(&self->ring, settle));
	EXPECT_EQ(0, op_finish(&send));
	own_page_free(settle);
}

TEST_HARNESS_MAIN
