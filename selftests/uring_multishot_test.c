// SPDX-License-Identifier: GPL-2.0-only
/*
 * One command of io_uring that receives message after message, on each kind of
 * ring: each is told in a buffer of the ring's, by a completion that says that
 * there will be more; the last one says why there will not. What it did not tell
 * is first in line for the next receiver, as if nothing had been tried.
 */
#include "multishot.h"
#include "stall.h"
#include "uring_kinds.h"

#define TAG	77
#define BUFFERS 8
#define SIZE	(sizeof(struct chan_op) + MSG_MAX)

/* Letters, none of which is like the one before. */
static size_t letter(unsigned char bytes[MSG_MAX], unsigned int nr)
{
	memset(bytes, 'a' + nr % 26, MSG_MAX);
	return nr % (MSG_MAX + 1);
}

struct writer {
	int fd;
	unsigned int nr;
	_Atomic int failed;
};

static void *writer_main(void *arg)
{
	struct writer *writer = arg;
	unsigned char bytes[MSG_MAX];

	for (unsigned int i = 0; i < writer->nr; i++) {
		struct chan_op send = op_send(bytes, letter(bytes, i));

		send.tag = i + 1;
		send.prio = 3;
		if (run(writer->fd, &send))
			writer->failed++;
	}
	return NULL;
}

static int letter_comes(struct pool *pool, const struct shot *shot,
			unsigned int nr)
{
	const struct chan_op *record = shot_record(pool, shot);
	unsigned char bytes[MSG_MAX];
	size_t len = letter(bytes, nr);

	CHECK_EQ(0, shot_brings(pool, shot, bytes, len));
	CHECK_EQ(nr + 1, record->tag);
	CHECK_EQ(3, record->prio);
	CHECK_EQ(CHAN_OP_RECV, record->code);
	CHECK_EQ(CHAN_DUTY_NONE, record->duty);
	CHECK_EQ(0, record->id);
	CHECK_EQ(1, record->attempt);
	CHECK_EQ(getuid(), record->uid);
	CHECK_EQ(getpid(), record->pid);
	CHECK_EQ(true, record->sent_at && record->sent_at <= clock_ns());
	return 0;
}

/* It is there to be canceled, and that ends it. */
static int is_canceled(struct pool *pool, int fd, struct chan_op *op)
{
	CHECK_EQ(1, run_once(fd, op_cancel_tag(TAG)));
	CHECK_EQ(0, next_ends(pool, op, -ECANCELED));
	CHECK_EQ(0, run_once(fd, op_cancel_tag(TAG)));
	return nothing_is_left(fd);
}

/* Message after message ------------------------------------------------------- */

#define LETTERS 100

TEST_F(uring, one_command_brings_a_hundred_in_order)
{
	struct chan_op recv = op_multishot(TAG);
	struct writer writer = { .fd = self->ends.sender, .nr = LETTERS };
	struct pool pool;
	pthread_t thread;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, 128, SIZE));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	EXPECT_TRUE(is_quiet(&self->ring));
	ASSERT_EQ(0, pthread_create(&thread, NULL, writer_main, &writer));
	for (unsigned int i = 0; i < LETTERS; i++) {
		struct shot shot = next_shot(&self->ring);

		ASSERT_EQ(0, letter_comes(&pool, &shot, i));
		ASSERT_TRUE(shot.more);
		ASSERT_TRUE(shot.of == &recv);
		pool_give(&pool, shot.id);
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, writer.failed);
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	EXPECT_EQ(LETTERS, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, is_canceled(&pool, self->ends.receiver, &recv));
	pool_free(&pool);
}

/* They are there before the command is: more than it may take in one turn. */
TEST_F(kind, a_hundred_that_wait_come_as_well)
{
	struct chan_op recv = op_multishot(TAG);
	struct writer writer = { .nr = LETTERS };
	struct pool pool;
	struct ends ends;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, ends_sized(self->control, &ends, LETTERS, MSG_MAX, 0));
	ASSERT_EQ(0, pool_open(&pool, &self->ring, 128, SIZE));
	writer.fd = ends.sender;
	writer_main(&writer);
	ASSERT_EQ(0, writer.failed);
	ASSERT_TRUE(multishot(&self->ring, ends.receiver, &recv));
	for (unsigned int i = 0; i < LETTERS; i++) {
		struct shot shot = next_shot(&self->ring);

		ASSERT_EQ(0, letter_comes(&pool, &shot, i));
		ASSERT_TRUE(shot.more);
	}
	EXPECT_TRUE(STAT_BECOMES(ends.admin, parked_receivers, 1));
	EXPECT_EQ(0, is_canceled(&pool, ends.receiver, &recv));
	pool_free(&pool);
	ends_close(&ends);
}

TEST_F(kind, worker_sends_it_back_to_its_task)
{
	struct chan_op recv = op_multishot(TAG);
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, BUFFERS, SIZE));
	add_multishot(&self->ring, self->ends.receiver, &recv)->flags |=
		IOSQE_ASYNC;
	ASSERT_LE(0, io_uring_submit(&self->ring));
	EXPECT_TRUE(RING_BECOMES(
		&self->ring, stat_now(self->ends.admin).parked_receivers == 1));
	for (int i = 0; i < 2 * BUFFERS; i++) {
		ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
		ASSERT_EQ(0, next_brings(&pool, "four", 4));
	}
	EXPECT_EQ(0, is_canceled(&pool, self->ends.receiver, &recv));
	pool_free(&pool);
}

/* Calls and tasks are settled while it goes on. */
TEST_F(uring, what_is_owed_is_settled_meanwhile)
{
	struct chan_op recv = op_multishot(TAG);
	struct running call, task;
	const struct chan_op *record;
	struct shot shot;
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, BUFFERS, SIZE));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	ASSERT_EQ(0, op_start(&call, self->ends.sender,
			      op_call("question", 8, self->reply, MSG_MAX)));
	shot = next_shot(&self->ring);
	ASSERT_EQ(0, shot_brings(&pool, &shot, "question", 8));
	record = shot_record(&pool, &shot);
	EXPECT_EQ(CHAN_DUTY_REPLY, record->duty);
	EXPECT_EQ(MSG_MAX, record->reply_len);
	ASSERT_EQ(0, op_start(&task, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(record->id, "answer", 6)));
	EXPECT_EQ(6, op_finish(&call));
	EXPECT_EQ(0, memcmp("answer", self->reply, 6));
	shot = next_shot(&self->ring);
	ASSERT_EQ(0, shot_brings(&pool, &shot, "task", 4));
	record = shot_record(&pool, &shot);
	EXPECT_EQ(CHAN_DUTY_ACK, record->duty);
	EXPECT_EQ(0, record->reply_len);
	/* It comes back to the same command. */
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_settle(record->id, CHAN_RETURN)));
	shot = next_shot(&self->ring);
	ASSERT_EQ(0, shot_brings(&pool, &shot, "task", 4));
	EXPECT_TRUE(shot.more);
	record = shot_record(&pool, &shot);
	EXPECT_EQ(2, record->attempt);
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_settle(record->id, CHAN_ACK)));
	EXPECT_EQ(0, op_finish(&task));
	EXPECT_EQ(0, is_canceled(&pool, self->ends.receiver, &recv));
	pool_free(&pool);
}

TEST_F(uring, autoack_settles_and_rejects)
{
	struct chan_op recv = op_multishot(TAG);
	struct running call, task;
	struct shot shot;
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, BUFFERS, SIZE));
	recv.flags = CHAN_AUTOACK;
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	ASSERT_EQ(0, op_start(&call, self->ends.sender,
			      op_call("question", 8, self->reply, MSG_MAX)));
	EXPECT_EQ(-EREMOTEIO, op_finish(&call));
	EXPECT_EQ(EOPNOTSUPP, call.op.error);
	ASSERT_EQ(0, op_start(&task, self->ends.sender,
			      op_task("task", 4, CHAN_ON_DEATH_FAIL)));
	shot = next_shot(&self->ring);
	EXPECT_EQ(0, shot_brings(&pool, &shot, "task", 4));
	EXPECT_EQ(0, shot_record(&pool, &shot)->id);
	EXPECT_EQ(0, op_finish(&task));
	EXPECT_EQ(0, is_canceled(&pool, self->ends.receiver, &recv));
	pool_free(&pool);
}

/* A newer program's record is longer; what is not known here is zero. */
TEST_F(kind, longer_record_is_blank_where_it_is_not_known)
{
	struct {
		struct chan_op op;
		__u64 more[2];
	} recv = { .op = op_multishot(TAG) };
	const size_t size = sizeof(recv);
	struct io_uring_sqe *sqe;
	unsigned char *buffer;
	struct shot shot;
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, BUFFERS, size + MSG_MAX));
	sqe = add_multishot(&self->ring, self->ends.receiver, &recv.op);
	sqe->cmd_op = _IOC(_IOC_DIR(CHAN_IOC_OP), CHAN_IOC_MAGIC,
			   _IOC_NR(CHAN_IOC_OP), size);
	ASSERT_LE(0, io_uring_submit(&self->ring));
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
	shot = next_shot(&self->ring);
	EXPECT_EQ(size + 4, shot.res);
	buffer = pool_buffer(&pool, shot.id);
	EXPECT_EQ(0, memcmp(buffer + sizeof(recv.op), recv.more,
			    sizeof(recv.more)));
	EXPECT_EQ(0, memcmp(buffer + size, "four", 4));
	EXPECT_EQ(0xcc, buffer[size + 4]);
	EXPECT_EQ(0, is_canceled(&pool, self->ends.receiver, &recv.op));
	pool_free(&pool);
}

/* Buffers of the older kind, which are handed in by a command. */
TEST_F(kind, buffers_of_the_older_kind_will_do)
{
	struct chan_op recv = op_multishot(TAG);
	struct io_uring_sqe *sqe;
	struct shot shot;
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_make(&pool, BUFFERS, SIZE));
	pool.ring = &self->ring;
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_provide_buffers(sqe, pool.buffers, SIZE, 2, GROUP, 0);
	ASSERT_LE(0, io_uring_submit(&self->ring));
	ASSERT_EQ(0, completion(&self->ring, NULL));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
		shot = next_shot(&self->ring);
		EXPECT_EQ(0, shot_brings(&pool, &shot, "four", 4));
		EXPECT_TRUE(shot.more);
	}
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("five!", 5)));
	EXPECT_EQ(0, next_ends(&pool, &recv, -ENOBUFS));
	EXPECT_EQ(5, take_bytes(self->ends.receiver, self->in, MSG_MAX));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	pool_free(&pool);
}

/* One behind the other, until the rest is too short, which stays the next one. */
TEST_F(kind, buffer_may_be_used_piece_by_piece)
{
	const size_t piece = sizeof(struct chan_op) + 4;
	struct chan_op recv = op_multishot(TAG), record;
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_make(&pool, 1, 3 * piece - 1));
	ASSERT_EQ(0, pool_register_with(&pool, &self->ring, IOU_PBUF_RING_INC));
	pool_give(&pool, 0);
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	for (int i = 0; i < 2; i++) {
		struct shot shot;

		ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
		shot = next_shot(&self->ring);
		EXPECT_EQ(piece, shot.res);
		EXPECT_TRUE(shot.more && shot.has_buffer && !shot.id);
		memcpy(&record, pool.buffers + i * piece, sizeof(record));
		EXPECT_EQ(4, record.len);
		EXPECT_EQ(address(pool.buffers + (i + 1) * piece - 4),
			  record.buf);
		EXPECT_EQ(0, memcmp(pool.buffers + (i + 1) * piece - 4, "four",
				    4));
	}
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(0, next_ends(&pool, &recv, -EMSGSIZE));
	EXPECT_EQ(4, take_bytes(self->ends.receiver, self->in, 4));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	pool_free(&pool);
}

/* The end --------------------------------------------------------------------- */

/* Received for the first time, by somebody else, and nothing is left. */
static int is_first(const struct ends *ends, const void *bytes, size_t len)
{
	char in[MSG_MAX];
	struct chan_op got = op_soon(in, MSG_MAX);

	CHECK_EQ(len, run(ends->receiver, &got));
	CHECK_EQ(1, got.attempt);
	CHECK_EQ(0, memcmp(bytes, in, len));
	CHECK_EQ(0, stat_now(ends->admin).totals_redelivered);
	return nothing_is_left(ends->admin);
}

TEST_F(kind, message_without_a_buffer_is_for_the_next_command)
{
	struct chan_op recv = op_multishot(TAG);
	struct shot shots[2];
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, 2, SIZE));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("one", 3)));
	shots[0] = next_shot(&self->ring);
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("two", 3)));
	shots[1] = next_shot(&self->ring);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0,
			  shot_brings(&pool, &shots[i], i ? "two" : "one", 3));
		EXPECT_TRUE(shots[i].more);
	}
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("three", 5)));
	EXPECT_EQ(0, next_ends(&pool, &recv, -ENOBUFS));
	EXPECT_EQ(1, stat_now(self->ends.admin).queued);
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
	pool_give(&pool, shots[0].id);
	pool_give(&pool, shots[1].id);
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	shots[0] = next_shot(&self->ring);
	EXPECT_EQ(0, shot_brings(&pool, &shots[0], "three", 5));
	EXPECT_EQ(1, shot_record(&pool, &shots[0])->attempt);
	EXPECT_EQ(0, next_brings(&pool, "four", 4));
	EXPECT_EQ(0, is_canceled(&pool, self->ends.receiver, &recv));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_redelivered);
	pool_free(&pool);
}

TEST_F(kind, group_that_is_not_there_has_no_buffer)
{
	struct chan_op recv = op_multishot(TAG);
	struct pool pool = { .ring = &self->ring };

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(0, next_ends(&pool, &recv, -ENOBUFS));
	EXPECT_EQ(0, is_first(&self->ends, "four", 4));
}

/* The record of the command says how long it is; the buffer is the next one's. */
TEST_F(kind, message_that_is_too_long_stays_first)
{
	struct chan_op recv = op_multishot(TAG);
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, 1, SIZE - 1));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	memset(self->in, 'x', MSG_MAX);
	ASSERT_EQ(0, run_once(self->ends.sender, op_send(self->in, MSG_MAX)));
	EXPECT_EQ(0, next_ends(&pool, &recv, -EMSGSIZE));
	EXPECT_EQ(MSG_MAX, recv.len);
	EXPECT_EQ(0, is_first(&self->ends, self->in, MSG_MAX));
	recv = op_multishot(TAG);
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	ASSERT_EQ(0,
		  run_once(self->ends.sender, op_send(self->in, MSG_MAX - 1)));
	EXPECT_EQ(0, next_brings(&pool, self->in, MSG_MAX - 1));
	EXPECT_EQ(0, is_canceled(&pool, self->ends.receiver, &recv));
	pool_free(&pool);
}

TEST_F(kind, buffer_has_room_for_the_record)
{
	struct chan_op recv = op_multishot(TAG);
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0,
		  pool_open(&pool, &self->ring, 1, sizeof(struct chan_op) - 1));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	ASSERT_EQ(0, run_once(self->ends.sender, op_send(NULL, 0)));
	EXPECT_EQ(0, next_ends(&pool, &recv, -EMSGSIZE));
	EXPECT_EQ(0, recv.len);
	EXPECT_EQ(0, is_first(&self->ends, "", 0));
	pool_free(&pool);
}

/* Neither the record nor the payload may be missing. */
TEST_F(kind, buffer_that_cannot_be_written_leaves_the_message_first)
{
	const size_t pages[] = { 0, sizeof(struct chan_op) };
	char *edge = page_edge(PROT_NONE);
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_make(&pool, 1, SIZE));
	ASSERT_EQ(0, pool_register(&pool, &self->ring));
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct chan_op recv = op_multishot(TAG);

		/* It stays in the list, for nobody has used it. */
		io_uring_buf_ring_add(pool.list, edge - pages[i], SIZE, 0, 0,
				      0);
		if (!i)
			io_uring_buf_ring_advance(pool.list, 1);
		ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
		ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
		EXPECT_EQ(0, next_ends(&pool, &recv, -EFAULT));
		EXPECT_EQ(0, is_first(&self->ends, "four", 4));
	}
	pool_free(&pool);
	page_edge_free(edge);
}

TEST_F(uring, deadline_ends_it)
{
	struct chan_op recv = op_multishot(TAG);
	struct running send;
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, BUFFERS, SIZE));
	recv.deadline = in_ms(300);
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	ASSERT_EQ(0, op_start(&send, self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(0, next_brings(&pool, "four", 4));
	EXPECT_EQ(0, op_finish(&send));
	EXPECT_EQ(0, next_ends(&pool, &recv, -ETIMEDOUT));
	EXPECT_LE(recv.deadline, clock_ns());
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	pool_free(&pool);
}

/* It tries once, like any other; what else is there stays there. */
TEST_F(kind, deadline_that_has_passed_lets_it_try_once)
{
	struct chan_op recv = op_multishot(TAG);
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, BUFFERS, SIZE));
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("one", 3)));
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
	recv.deadline = 1;
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	EXPECT_EQ(0, next_brings(&pool, "one", 3));
	EXPECT_EQ(0, next_ends(&pool, &recv, -ETIMEDOUT));
	EXPECT_EQ(0, is_first(&self->ends, "four", 4));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	EXPECT_EQ(0, next_ends(&pool, &recv, -ETIMEDOUT));
	pool_free(&pool);
}

TEST_F(kind, shutdown_ends_it_after_the_rest)
{
	struct chan_op recv = op_multishot(TAG);
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, BUFFERS, SIZE));
	for (int i = 0; i < CAP; i++)
		ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	for (int i = 0; i < CAP; i++)
		ASSERT_EQ(0, next_brings(&pool, "four", 4));
	EXPECT_EQ(0, next_ends(&pool, &recv, -ESHUTDOWN));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	pool_free(&pool);
}

TEST_F(uring, last_sender_ends_it_while_it_waits)
{
	struct chan_op recv = op_multishot(TAG);
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, BUFFERS, SIZE));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	close_end(&self->ends.sender);
	EXPECT_EQ(0, next_ends(&pool, &recv, -ESHUTDOWN));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	pool_free(&pool);
}

TEST_F(uring, nothing_is_left_of_it_when_its_ring_ends)
{
	struct chan_op recv = op_multishot(TAG);
	struct running send;
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, BUFFERS, SIZE));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recv));
	ASSERT_EQ(0, op_start(&send, self->ends.sender, op_send("four", 4)));
	EXPECT_EQ(0, next_brings(&pool, "four", 4));
	EXPECT_EQ(0, op_finish(&send));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	io_uring_queue_exit(&self->ring);
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 0));
	EXPECT_EQ(0, run_once(self->ends.receiver, op_cancel_tag(TAG)));
	ASSERT_EQ(0, op_start(&send, self->ends.sender, op_send("five!", 5)));
	EXPECT_EQ(0, is_first(&self->ends, "five!", 5));
	EXPECT_EQ(0, op_finish(&send));
	ASSERT_EQ(0, ring_make(&self->ring, variant->kind, RING_ENTRIES));
	pool_free(&pool);
}

/* No room for completions ------------------------------------------------------ */

#define FEW 4

/* The last one waits until there is room: it brings a message like the others. */
TEST_F(kind, nothing_is_lost_where_there_is_no_room_for_completions)
{
	const unsigned int room = 2 * FEW;
	struct chan_op recv = op_multishot(TAG);
	struct writer writer = { .nr = 4 * room };
	unsigned int nr = 0, commands = 0;
	struct io_uring ring;
	struct pool pool;
	struct ends ends;
	struct shot shot;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, ends_sized(self->control, &ends, 4 * room, MSG_MAX, 0));
	ASSERT_EQ(0, ring_make(&ring, variant->kind, FEW));
	ASSERT_EQ(0, pool_open(&pool, &ring, 64, SIZE));
	writer.fd = ends.sender;
	writer_main(&writer);
	ASSERT_EQ(0, writer.failed);
	while (nr < writer.nr) {
		ASSERT_TRUE(multishot(&ring, ends.receiver, &recv));
		commands++;
		/* All that fits, and one that has to wait. */
		ASSERT_TRUE(RING_BECOMES(&ring,
					 stat_now(ends.admin).totals_received ==
							 nr + room + 1 ||
						 !stat_now(ends.admin).queued));
		do {
			shot = next_shot(&ring);
			if (shot.res < 0)
				break;
			ASSERT_EQ(0, letter_comes(&pool, &shot, nr));
			nr++;
		} while (shot.more && nr < writer.nr);
		ASSERT_LE(0, shot.res);
	}
	EXPECT_EQ((writer.nr + room) / (room + 1), commands);
	EXPECT_EQ(writer.nr, stat_now(ends.admin).totals_received);
	if (shot.more)
		EXPECT_EQ(0, is_canceled(&pool, ends.receiver, &recv));
	EXPECT_EQ(0, nothing_is_left(ends.admin));
	io_uring_queue_exit(&ring);
	pool_free(&pool);
	ends_close(&ends);
}

/* Killed while it copies -------------------------------------------------------- */

/* Receives one after the other into a page that does not come. */
static void touch_by_multishot(int fd, void *page)
{
	static struct chan_op recv;
	struct io_uring ring;
	struct pool pool;

	recv = op_multishot(0);
	if (ring_make(&ring, ring_kind, RING_ENTRIES) ||
	    pool_make(&pool, 1, SIZE) || pool_register(&pool, &ring))
		return;
	io_uring_buf_ring_add(pool.list, page, SIZE, 0, 0, 0);
	io_uring_buf_ring_advance(pool.list, 1);
	multishot(&ring, fd, &recv);
	for (;;)
		next_shot(&ring);
}

TEST_F(uring, killed_while_it_copies_has_not_received)
{
	struct chan_op task = op_task("task", 4, CHAN_ON_DEATH_FAIL);
	struct stall_child child = {};
	struct running send;
	struct chan_op got;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ring_kind = variant->kind;
	ASSERT_EQ(0, stall_child_start(&child, stall_open, touch_by_multishot,
				       self->ends.receiver));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	ASSERT_EQ(0, op_start(&send, self->ends.sender, task));
	ASSERT_TRUE(stall_child_reached(&child));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, child_kill(child.pid));
	EXPECT_FALSE(send.over);
	got = op_soon(self->in, MSG_MAX);
	EXPECT_EQ(4, run(self->ends.receiver, &got));
	EXPECT_EQ(1, got.attempt);
	EXPECT_EQ(0,
		  run_once(self->ends.receiver, op_settle(got.id, CHAN_ACK)));
	EXPECT_EQ(0, op_finish(&send));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
}

/* What it is copying is taken back, and the command does not know of it. */
TEST_F(uring, killed_while_it_copies_what_was_taken_back)
{
	struct chan_op task = op_task("task", 4, CHAN_ON_DEATH_FAIL);
	struct stall_child child = {};
	struct running send;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ring_kind = variant->kind;
	ASSERT_EQ(0, stall_child_start(&child, stall_open, touch_by_multishot,
				       self->ends.receiver));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 1));
	task.tag = TAG;
	ASSERT_EQ(0, op_start(&send, self->ends.sender, task));
	ASSERT_TRUE(stall_child_reached(&child));
	EXPECT_EQ(1, run_once(self->ends.sender, op_cancel_tag(TAG)));
	EXPECT_EQ(-ECANCELED, op_finish(&send));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(0, child_kill(child.pid));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
}

/* Refused ---------------------------------------------------------------------- */

TEST_F(kind, record_that_is_no_template_is_refused)
{
	const struct chan_op bad[] = {
		op_send(NULL, 0),
		op_settle(1, CHAN_ACK),
		op_cancel_tag(TAG),
		op_wait(1),
		{ .code = 99 },
		{ .code = CHAN_OP_RECV, .flags = CHAN_PEEK },
		{ .code = CHAN_OP_RECV, .flags = CHAN_NOWAIT },
		{ .code = CHAN_OP_RECV, .flags = CHAN_BY_TAG },
		{ .code = CHAN_OP_RECV, .flags = 1 << 31 },
		{ .code = CHAN_OP_RECV, .buf = address(self->in) },
		{ .code = CHAN_OP_RECV, .len = 1 },
		{ .code = CHAN_OP_RECV, .fd = self->ends.receiver },
	};
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, pool_open(&pool, &self->ring, 1, SIZE));
	ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct chan_op op = bad[i];

		ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &op));
		EXPECT_EQ(0, next_ends(&pool, &op, -EINVAL))
		TH_LOG("record %zu", i);
	}
	EXPECT_EQ(0, is_first(&self->ends, "four", 4));
	pool_free(&pool);
}

static int entry_is_refused(FIXTURE_DATA(kind) * self, __u32 command_flags,
			    __u8 flags, int result)
{
	struct chan_op recv = op_multishot(TAG);
	struct io_uring_sqe *sqe =
		add_multishot(&self->ring, self->ends.receiver, &recv);

	sqe->uring_cmd_flags = command_flags;
	sqe->flags = flags;
	CHECK_EQ(true, io_uring_submit(&self->ring) >= 0);
	CHECK_EQ(result, completes(&self->ring, &recv));
	return nothing_is_left(self->ends.admin);
}

TEST_F(kind, entry_that_makes_no_sense_is_refused)
{
	const __u32 flag = IORING_URING_CMD_MULTISHOT;

	SKIP_WITHOUT_MULTISHOT(self->control);
	EXPECT_EQ(0, entry_is_refused(self, flag, 0, -EINVAL));
	EXPECT_EQ(0, entry_is_refused(self, 0, IOSQE_BUFFER_SELECT, -EINVAL));
	EXPECT_EQ(0, entry_is_refused(self, flag | IORING_URING_CMD_FIXED,
				      IOSQE_BUFFER_SELECT, -EINVAL));
	EXPECT_EQ(0,
		  entry_is_refused(self, flag,
				   IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS,
				   -EINVAL));
}

TEST_F(kind, endpoint_that_cannot_receive_is_refused)
{
	struct chan_op recv = op_multishot(TAG);
	struct pool pool = { .ring = &self->ring };

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_TRUE(multishot(&self->ring, self->ends.sender, &recv));
	EXPECT_EQ(0, next_ends(&pool, &recv, -EBADF));
}

/* Where the feature is missing, so is the flag. */
TEST_F(kind, kernel_without_it_refuses_the_flag)
{
	if (has_multishot(self->control))
		SKIP(return, "this kernel has it");
	EXPECT_EQ(0, entry_is_refused(self, IORING_URING_CMD_MULTISHOT, 0,
				      -EINVAL));
	EXPECT_EQ(0, entry_is_refused(self, IORING_URING_CMD_MULTISHOT,
				      IOSQE_BUFFER_SELECT, -EOPNOTSUPP));
}

/* It counts as one ------------------------------------------------------------- */

FIXTURE(crowd)
{
	int control;
	struct ends ends;
	struct io_uring ring;
	long long max_parked;
};

FIXTURE_SETUP(crowd)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, CAP, MSG_MAX, 0));
	ASSERT_EQ(0, ring_make(&self->ring, RING_PLAIN, RING_ENTRIES));
	self->max_parked = get_parameter("max_parked");
	ASSERT_LT(0, self->max_parked);
}

FIXTURE_TEARDOWN(crowd)
{
	set_parameter("max_parked", self->max_parked);
	io_uring_queue_exit(&self->ring);
	ends_close(&self->ends);
	close(self->control);
}

TEST_F(crowd, it_is_one_of_max_parked)
{
	struct chan_op recvs[3] = { op_multishot(1), op_multishot(2),
				    op_multishot(3) };
	struct pool pool;

	SKIP_WITHOUT_MULTISHOT(self->control);
	ASSERT_EQ(0, set_parameter("max_parked", 2));
	ASSERT_EQ(0, pool_open(&pool, &self->ring, BUFFERS, SIZE));
	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(
			multishot(&self->ring, self->ends.receiver, &recvs[i]));
	EXPECT_EQ(0, next_ends(&pool, &recvs[2], -EBUSY));
	/* Each in its turn. */
	for (int i = 0; i < 4; i++) {
		struct shot shot;

		ASSERT_EQ(0, run_once(self->ends.sender, op_send("four", 4)));
		shot = next_shot(&self->ring);
		EXPECT_EQ(0, shot_brings(&pool, &shot, "four", 4));
		EXPECT_TRUE(shot.of == &recvs[i % 2]);
		pool_give(&pool, shot.id);
	}
	EXPECT_EQ(1, run_once(self->ends.receiver, op_cancel_tag(1)));
	EXPECT_EQ(0, next_ends(&pool, &recvs[0], -ECANCELED));
	ASSERT_TRUE(multishot(&self->ring, self->ends.receiver, &recvs[2]));
	EXPECT_TRUE(STAT_BECOMES(self->ends.admin, parked_receivers, 2));
	pool_free(&pool);
}

TEST_HARNESS_MAIN
