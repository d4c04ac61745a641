// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asking on a ring, by the library: the same on both engines as far as it can be. With
 * poll a question is left behind as work, and its answer comes by a channel of the
 * ring's own.
 */
#include "lib_rings.h"

#define CAPACITY  8
#define REPLY_MAX 64

FIXTURE(ask)
{
	struct chan_ring *ring;
	struct chan_answers *answers;
	int in, out; /* a channel for sixteen messages */
	struct chan_op ops[CAPACITY];
	struct chan_question questions[CAPACITY];
	char replies[CAPACITY][REPLY_MAX];
	char buf[256];
	long long disabled_before;
};

FIXTURE_VARIANT(ask)
{
	enum obstacle obstacle;
	int error; /* of io_uring_setup */
};

/* clang-format off */
FIXTURE_VARIANT_ADD(ask, uring) { .obstacle = NONE };
FIXTURE_VARIANT_ADD(ask, poll) { .obstacle = NOT_WANTED };
FIXTURE_VARIANT_ADD(ask, disabled) { .obstacle = DISABLED, .error = EPERM };
FIXTURE_VARIANT_ADD(ask, filtered) { .obstacle = FILTERED, .error = EPERM };
FIXTURE_VARIANT_ADD(ask, missing) { .obstacle = FILTERED, .error = ENOSYS };
/* clang-format on */

FIXTURE_SETUP(ask)
{
	int fds[2];

	self->disabled_before = file_number(SYSCTL);
	ASSERT_LE(0, self->disabled_before);
	ASSERT_EQ(0, open_despite(&self->ring, CAPACITY, variant->obstacle,
				  variant->error));
	ASSERT_EQ(0, LIB(chan_answers_open(&self->answers, 4)));
	ASSERT_EQ(0, LIB(chan_pair(fds, 16, 0)));
	self->in = fds[0];
	self->out = fds[1];
}

/* The end of the test's process closes the rest, whatever end it was. */
FIXTURE_TEARDOWN_PARENT(ask)
{
	permit_io_uring(variant->obstacle, self->disabled_before);
}

static bool is_uring(FIXTURE_DATA(ask) * self)
{
	return chan_ring_engine(self->ring) == CHAN_RING_URING;
}

static void prepare(FIXTURE_DATA(ask) * self, int nr)
{
	static const char *const texts[] = { "0", "1", "2", "3",
					     "4", "5", "6", "7" };

	memset(self->replies[nr], 0xcc, REPLY_MAX);
	chan_op_call(&self->ops[nr], self->out, texts[nr], 2, self->replies[nr],
		     REPLY_MAX);
}

static int start(FIXTURE_DATA(ask) * self, int nr)
{
	return LIB(chan_ring_ask(self->ring, &self->ops[nr], nr));
}

/* The question, the record and the room of this number. */
static int ask(FIXTURE_DATA(ask) * self, int nr)
{
	prepare(self, nr);
	return start(self, nr);
}

static int next(FIXTURE_DATA(ask) * self, int nr)
{
	return ring_next(self->ring, nr);
}

static bool is_quiet(FIXTURE_DATA(ask) * self)
{
	return ring_is_quiet(self->ring);
}

/* The number of the question that was received, by whom. */
static int receive_by(FIXTURE_DATA(ask) * self, int fd)
{
	struct chan_question question;
	int ret = LIB(chan_recv_question(fd, self->buf, sizeof(self->buf),
					 &question, SOON));
	int nr = self->buf[0] - '0';

	if (ret != 2 || nr < 0 || nr >= CAPACITY)
		return ret < 0 ? ret : -EUCLEAN;
	self->questions[nr] = question;
	return nr;
}

static int receive(FIXTURE_DATA(ask) * self)
{
	return receive_by(self, self->in);
}

static int reply(FIXTURE_DATA(ask) * self, int nr, const char *text)
{
	return LIB(chan_answers_reply(self->answers, &self->questions[nr], text,
				      strlen(text)));
}

/* What is in the room of a question: what was said, and nothing else. */
static bool was_told(FIXTURE_DATA(ask) * self, int nr, const char *text)
{
	return !memcmp(self->replies[nr], text, strlen(text)) &&
	       self->replies[nr][strlen(text)] == (char)0xcc;
}

/* Channels for the results of any rings. */
static int count_results(char *last)
{
	DIR *dir = opendir("/dev/chan");
	struct dirent *entry;
	int nr = 0;

	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "result-", 7)) {
			if (last)
				snprintf(last, 32, "%.31s", entry->d_name);
			nr++;
		}
	closedir(dir);
	return nr;
}

/* An end of the channel for the results of this ring, which has asked. */
static int open_results(void)
{
	char name[32];

	return count_results(name) == 1 ?
		       LIB(chan_open(name, CHAN_RIGHT_SEND)) :
		       -EUCLEAN;
}

/* Those of four letters, by somebody who knows how to write an envelope. */
static int answer_by_hand(int results, const char *text,
			  const struct chan_envelope *envelope,
			  unsigned int prio)
{
	char bytes[4 + sizeof(*envelope)];
	struct chan_op op;

	memcpy(bytes, text, 4);
	memcpy(bytes + 4, envelope, sizeof(*envelope));
	chan_op_send(&op, results, bytes, sizeof(bytes));
	op.prio = prio;
	return LIB(chan_run(&op));
}

/* Questions and answers -------------------------------------------------------- */

TEST_F(ask, a_question_gets_its_answer)
{
	ASSERT_EQ(0, ask(self, 3));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(3, receive(self));
	EXPECT_EQ(CHAN_DUTY_REPLY, self->questions[3].msg.duty);
	EXPECT_EQ(REPLY_MAX, self->questions[3].msg.reply_len);
	EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(0, reply(self, 3, "answer"));
	EXPECT_EQ(6, next(self, 3));
	EXPECT_TRUE(was_told(self, 3, "answer"));
	EXPECT_EQ(6, self->ops[3].reply_len);
	EXPECT_EQ(CHAN_STATE_SETTLED, self->ops[3].state);
	EXPECT_EQ(CHAN_REPLY, self->ops[3].verdict);
	EXPECT_EQ(CHAN_ON_DEATH_REDELIVER, self->ops[3].on_death);
	EXPECT_EQ(self->out, self->ops[3].fd);
	EXPECT_TRUE(ring_is_empty(self->ring));
	EXPECT_EQ(-ESTALE, reply(self, 3, "again"));
	EXPECT_TRUE(ring_is_empty(self->ring));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

TEST_F(ask, tag_and_priority_are_those_of_the_question)
{
	for (int i = 0; i < 2; i++) {
		prepare(self, i);
		self->ops[i].tag = 77 + i;
		self->ops[i].prio = i;
		ASSERT_EQ(0, start(self, i));
	}
	EXPECT_TRUE(is_quiet(self));
	for (int i = 1; i >= 0; i--) {
		ASSERT_EQ(i, receive(self));
		EXPECT_EQ(77 + i, self->questions[i].msg.tag);
		EXPECT_EQ(getpid(), self->questions[i].msg.pid);
	}
}

TEST_F(ask, question_and_answer_may_be_empty)
{
	struct chan_question *question = &self->questions[0];

	chan_op_call(&self->ops[0], self->out, NULL, 0, NULL, 0);
	ASSERT_EQ(0, start(self, 0));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, LIB(chan_recv_question(self->in, self->buf, 64, question,
					    SOON)));
	EXPECT_EQ(0, question->msg.reply_len);
	EXPECT_EQ(-EMSGSIZE, reply(self, 0, "x"));
	EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(0, LIB(chan_answers_reply(self->answers, question, NULL, 0)));
	EXPECT_EQ(0, next(self, 0));
}

TEST_F(ask, answers_come_in_any_order)
{
	char text[] = "answer 0";

	struct chan_op more;

	for (int i = 0; i < CAPACITY; i++)
		ASSERT_EQ(0, ask(self, i));
	more = self->ops[0];
	EXPECT_EQ(-EBUSY, LIB(chan_ring_ask(self->ring, &more, 0)));
	EXPECT_TRUE(is_quiet(self));
	for (int i = 0; i < CAPACITY; i++)
		ASSERT_EQ(i, receive(self));
	for (int i = CAPACITY - 1; i >= 0; i--) {
		text[7] = '0' + i;
		EXPECT_EQ(0, reply(self, i, text));
		EXPECT_EQ(8, next(self, i));
		EXPECT_TRUE(was_told(self, i, text));
	}
	EXPECT_TRUE(ring_is_empty(self->ring));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

TEST_F(ask, a_rejection_is_told_with_its_reason)
{
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive(self));
	EXPECT_EQ(-EINVAL, LIB(chan_answers_reject(self->answers,
						   &self->questions[0], 4096)));
	EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(0, LIB(chan_answers_reject(self->answers, &self->questions[0],
					     EDOM)));
	EXPECT_EQ(-EREMOTEIO, next(self, 0));
	EXPECT_EQ(EDOM, self->ops[0].error);
	EXPECT_EQ(CHAN_REJECT, self->ops[0].verdict);
	EXPECT_EQ(CHAN_STATE_SETTLED, self->ops[0].state);
	EXPECT_TRUE(was_told(self, 0, ""));
}

TEST_F(ask, too_long_an_answer_is_the_affair_of_who_answers)
{
	char text[REPLY_MAX + 2];

	memset(text, 'x', sizeof(text));
	text[REPLY_MAX + 1] = '\0';
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive(self));
	EXPECT_EQ(-EMSGSIZE, reply(self, 0, text));
	EXPECT_TRUE(is_quiet(self));
	text[REPLY_MAX] = '\0';
	EXPECT_EQ(0, reply(self, 0, text));
	EXPECT_EQ(REPLY_MAX, next(self, 0));
	EXPECT_EQ(0, memcmp(text, self->replies[0], REPLY_MAX));
}

TEST_F(ask, questions_wait_for_room_in_their_order)
{
	int fds[2];

	ASSERT_EQ(0, LIB(chan_pair(fds, 1, 0)));
	self->in = fds[0];
	self->out = fds[1];
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, ask(self, i));
	for (int i = 0; i < 4; i++) {
		EXPECT_TRUE(is_quiet(self));
		ASSERT_EQ(i, receive(self));
		EXPECT_EQ(0, reply(self, i, "answer"));
		EXPECT_EQ(6, next(self, i));
	}
	EXPECT_TRUE(ring_is_empty(self->ring));
	EXPECT_EQ(0, nothing_is_left(self->in));
}

/* Beside what else the ring does on the same endpoint. */
TEST_F(ask, questions_mix_with_operations)
{
	int both = LIB(chan_create(NULL, 2, 0));

	self->in = both;
	self->out = both;
	chan_op_recv(&self->ops[7], both, self->replies[7], REPLY_MAX);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->ops[7], 7)));
	chan_op_send(&self->ops[6], both, "six", 3);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->ops[6], 6)));
	EXPECT_EQ(0, next(self, 6));
	EXPECT_EQ(3, next(self, 7));
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive(self));
	chan_op_recv(&self->ops[7], both, self->replies[7], REPLY_MAX);
	ASSERT_EQ(0, LIB(chan_ring_start(self->ring, &self->ops[7], 7)));
	EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(0, reply(self, 0, "answer"));
	EXPECT_EQ(6, next(self, 0));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, LIB(chan_send(both, "seven", 5, 0)));
	EXPECT_EQ(5, next(self, 7));
}

TEST_F(ask, the_descriptor_tells_of_answers)
{
	int fd = LIB(chan_ring_fd(self->ring));

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, ask(self, 0));
		ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
		ASSERT_EQ(0, receive(self));
		EXPECT_FALSE(is_readable(fd, 0));
		EXPECT_EQ(0, reply(self, 0, "answer"));
		EXPECT_TRUE(is_readable(fd, BUDGET * 1000));
		EXPECT_EQ(6, next(self, 0));
		EXPECT_FALSE(is_readable(fd, 0));
	}
}

/* Errors ------------------------------------------------------------------------- */

TEST_F(ask, what_is_no_call_is_no_question)
{
	struct chan_op *op = &self->ops[0];

	chan_op_send(op, self->out, "x", 1);
	EXPECT_EQ(-EINVAL, start(self, 0));
	chan_op_recv(op, self->in, self->buf, 1);
	EXPECT_EQ(-EINVAL, start(self, 0));
	prepare(self, 0);
	op->duty = CHAN_DUTY_ACK;
	EXPECT_EQ(-EINVAL, start(self, 0));
	prepare(self, 0);
	op->flags = CHAN_NOWAIT;
	EXPECT_EQ(-EINVAL, start(self, 0));
	EXPECT_TRUE(ring_is_empty(self->ring));
	EXPECT_EQ(0, stat_of(self->in).totals_sent);
	EXPECT_EQ(0, count_results(NULL));
}

TEST_F(ask, what_is_wrong_is_the_result)
{
	int out = self->out, fds[2];

	self->out = -1;
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_EQ(-EBADF, next(self, 0));
	self->out = 12345;
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_EQ(-EBADF, next(self, 0));
	self->out = self->in;
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_EQ(-EBADF, next(self, 0));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->ops[0].state);
	ASSERT_EQ(0, pipe(fds));
	self->out = fds[1];
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_EQ(is_uring(self) ? -EOPNOTSUPP : -ENOTTY, next(self, 0));
	self->out = out;
	prepare(self, 0);
	self->ops[0].prio = CHAN_PRIO_MAX + 1;
	ASSERT_EQ(0, start(self, 0));
	EXPECT_EQ(-EINVAL, next(self, 0));
	/* Where nothing can be left behind there are calls alone. */
	ASSERT_EQ(0, LIB(chan_pair(fds, 0, 0)));
	self->out = fds[1];
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_TRUE(is_uring(self) ? is_quiet(self) : next(self, 0) == -EINVAL);
	EXPECT_EQ(0, stat_of(self->in).totals_sent);
}

TEST_F(ask, the_longest_question_has_room_for_its_envelope)
{
	size_t longest = CHAN_MSG_DEFAULT;
	char *text = malloc(longest + 1), *copy = malloc(longest);
	struct chan_op *op = &self->ops[0];

	if (!is_uring(self))
		longest -= sizeof(struct chan_envelope);
	memset(text, 'q', longest + 1);
	chan_op_call(op, self->out, text, longest + 1, self->buf, 6);
	ASSERT_EQ(0, start(self, 0));
	EXPECT_EQ(-EMSGSIZE, next(self, 0));
	chan_op_call(op, self->out, text, longest, self->replies[0], 6);
	ASSERT_EQ(0, start(self, 0));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(longest,
		  LIB(chan_recv_question(self->in, copy, CHAN_MSG_DEFAULT,
					 &self->questions[0], SOON)));
	EXPECT_EQ(0, memcmp(text, copy, longest));
	EXPECT_EQ(0, reply(self, 0, "answer"));
	EXPECT_EQ(6, next(self, 0));
	chan_op_call(op, self->out, text, CHAN_MSG_MAX + 1, self->buf, 6);
	if (is_uring(self)) {
		ASSERT_EQ(0, start(self, 0));
		EXPECT_EQ(-EMSGSIZE, next(self, 0));
	} else {
		EXPECT_EQ(-EMSGSIZE, start(self, 0));
	}
	free(text);
	free(copy);
}

/* More than a page of all that the ring has had room for before. */
TEST_F(ask, a_long_question_is_asked_of_a_channel_that_takes_it)
{
	struct chan_create create = { .cap = 2, .msg_max = 1 << 20 };
	size_t len = 1 << 19;
	char *text = malloc(len), *copy = malloc(1 << 20);
	int fd = LIB(chan_create_with(&create));

	ASSERT_LE(0, fd);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(i * 7 / 3);
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_TRUE(is_quiet(self));
	chan_op_call(&self->ops[1], fd, text, len, self->replies[1], REPLY_MAX);
	ASSERT_EQ(0, start(self, 1));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(len, LIB(chan_recv_question(fd, copy, 1 << 20,
					      &self->questions[1], SOON)));
	EXPECT_EQ(0, memcmp(text, copy, len));
	EXPECT_EQ(0, reply(self, 1, "answer"));
	EXPECT_EQ(6, next(self, 1));
	ASSERT_EQ(0, receive(self));
	EXPECT_EQ(0, reply(self, 0, "short"));
	EXPECT_EQ(5, next(self, 0));
	free(text);
	free(copy);
}

/* As many and as long as there may be: none finds no room. */
TEST_F(ask, there_is_room_for_the_answers_to_all_that_was_asked)
{
	size_t len = CHAN_ANSWER_MAX;
	char *replies = malloc(40 * len), *text = malloc(len);
	struct chan_op ops[41];
	int nr = 0, ret = 0, fds[2];

	chan_ring_close(self->ring);
	ASSERT_EQ(0, LIB(chan_ring_open(&self->ring, 40,
					variant->obstacle == NOT_WANTED ?
						CHAN_RING_POLL :
						0)));
	memset(text, 'a', len);
	ASSERT_EQ(0, LIB(chan_pair(fds, 64, 0)));
	self->in = fds[0];
	self->out = fds[1];
	chan_op_call(&ops[0], self->out, "0", 2, replies, len + 1);
	EXPECT_EQ(is_uring(self) ? 0 : -EMSGSIZE,
		  LIB(chan_ring_ask(self->ring, &ops[0], 99)));
	EXPECT_EQ(is_uring(self), LIB(chan_ring_cancel(self->ring, 99)));
	if (is_uring(self))
		EXPECT_EQ(-ECANCELED, next(self, 99));
	for (; !ret; nr++) {
		chan_op_call(&ops[nr], self->out, "0", 2, replies + nr * len,
			     len);
		ret = LIB(chan_ring_ask(self->ring, &ops[nr], nr));
	}
	EXPECT_EQ(-EBUSY, ret);
	EXPECT_EQ(is_uring(self) ? 40 : 15, --nr);
	EXPECT_TRUE(is_quiet(self));
	for (int i = 0; i < nr; i++) {
		ASSERT_EQ(0, receive(self));
		ASSERT_EQ(0, LIB(chan_answers_reply(self->answers,
						    &self->questions[0], text,
						    len)));
	}
	for (int i = 0; i < nr; i++)
		EXPECT_EQ(len, next(self, i));
	EXPECT_EQ(0, memcmp(replies + (nr - 1) * len, text, len));
	EXPECT_EQ(0, ask(self, 0));
	free(replies);
	free(text);
}

/* Deaths ------------------------------------------------------------------------- */

TEST_F(ask, a_question_survives_who_was_asked)
{
	int other = LIB(chan_derive(self->in, CHAN_RIGHT_RECV, 0));

	ASSERT_EQ(0, ask(self, 0));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive_by(self, other));
	close(other);
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive(self));
	EXPECT_EQ(2, self->questions[0].msg.attempt);
	EXPECT_EQ(0, reply(self, 0, "answer"));
	EXPECT_EQ(6, next(self, 0));
	EXPECT_TRUE(ring_is_empty(self->ring));
}

/* As if it had sent the answer, and died before it acknowledged the question. */
TEST_F(ask, of_two_answers_the_first_is_told)
{
	int other = LIB(chan_derive(self->in, CHAN_RIGHT_RECV, 0));
	struct chan_envelope envelope;
	int results;

	if (is_uring(self))
		SKIP(return, "a call is answered and settled at once");
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive_by(self, other));
	envelope = (struct chan_envelope){
		.id = self->questions[0].id,
		.verdict = CHAN_REPLY,
		.version = CHAN_ENVELOPE_VERSION,
		.magic = CHAN_ENVELOPE_MAGIC,
	};
	results = open_results();
	ASSERT_EQ(0, answer_by_hand(results, "done", &envelope, CHAN_PRIO_MAX));
	close(other);
	ASSERT_EQ(0, receive(self));
	EXPECT_EQ(0, reply(self, 0, "second"));
	EXPECT_EQ(4, next(self, 0));
	EXPECT_TRUE(was_told(self, 0, "done"));
	EXPECT_TRUE(ring_is_empty(self->ring));
	EXPECT_EQ(0, stat_of(results).queued);
	/* Nor is it of the next question, in the same place. */
	ASSERT_EQ(0, ask(self, 0));
	ASSERT_EQ(0, answer_by_hand(results, "done", &envelope, CHAN_PRIO_MAX));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive(self));
	EXPECT_EQ(0, reply(self, 0, "third"));
	EXPECT_EQ(5, next(self, 0));
	EXPECT_TRUE(was_told(self, 0, "third"));
}

TEST_F(ask, when_nobody_is_left_to_answer_that_is_told)
{
	ASSERT_EQ(0, ask(self, 0));
	ASSERT_EQ(0, ask(self, 1));
	ASSERT_EQ(0, ask(self, 2));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive(self));
	ASSERT_EQ(1, receive(self));
	/* An answer that is there counts. */
	EXPECT_EQ(0, reply(self, 0, "answer"));
	close(self->in);
	EXPECT_EQ(6, next(self, 0));
	EXPECT_TRUE(was_told(self, 0, "answer"));
	for (int i = 0; i < 2; i++) {
		struct chan_done done;

		ASSERT_EQ(0, LIB(chan_ring_next(self->ring, &done, SOON)));
		EXPECT_EQ(is_uring(self) && done.token == 1 ? -EOWNERDEAD :
							      -EPIPE,
			  done.result);
		if (!is_uring(self))
			EXPECT_EQ(CHAN_STATE_ABANDONED, done.op->state);
	}
	EXPECT_TRUE(ring_is_empty(self->ring));
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_EQ(-EPIPE, next(self, 0));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->ops[0].state);
}

/* Also who only waits for the descriptor. */
TEST_F(ask, the_descriptor_tells_that_nobody_is_left)
{
	int fd = LIB(chan_ring_fd(self->ring));

	ASSERT_EQ(0, ask(self, 0));
	EXPECT_TRUE(is_quiet(self));
	EXPECT_FALSE(is_readable(fd, 0));
	close(self->in);
	EXPECT_TRUE(is_readable(fd, BUDGET * 1000));
	EXPECT_EQ(-EPIPE, next(self, 0));
	EXPECT_FALSE(is_readable(fd, 0));
}

TEST_F(ask, a_channel_that_is_shut_still_answers)
{
	int admin = LIB(chan_create(NULL, 4, 0));

	self->in = LIB(chan_derive(admin, CHAN_RIGHT_RECV, 0));
	self->out = LIB(chan_derive(admin, CHAN_RIGHT_SEND, 0));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, ask(self, i));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive(self));
	EXPECT_EQ(0, LIB(chan_shutdown(admin)));
	EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(0, reply(self, 0, "before"));
	EXPECT_EQ(6, next(self, 0));
	ASSERT_EQ(1, receive(self));
	EXPECT_EQ(0, reply(self, 1, "after"));
	EXPECT_EQ(5, next(self, 1));
	ASSERT_EQ(0, ask(self, 3));
	EXPECT_EQ(-EPIPE, next(self, 3));
	EXPECT_TRUE(is_quiet(self));
	close(admin);
	close(self->in);
	EXPECT_EQ(-EPIPE, next(self, 2));
}

TEST_F(ask, who_answers_is_told_that_the_ring_is_closed)
{
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, ask(self, i));
	EXPECT_TRUE(is_quiet(self));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(i, receive(self));
	EXPECT_EQ(0, reply(self, 1, "answer"));
	chan_ring_close(self->ring);
	memset(self->ops, 0xcc, sizeof(self->ops));
	memset(self->replies, 0xcc, sizeof(self->replies));
	EXPECT_EQ(0, count_results(NULL));
	EXPECT_EQ(-ECANCELED, reply(self, 0, "answer"));
	EXPECT_EQ(-ECANCELED,
		  LIB(chan_answers_reject(self->answers, &self->questions[2],
					  EDOM)));
	EXPECT_EQ(0, nothing_is_left(self->in));
	for (size_t i = 0; i < sizeof(self->ops); i++)
		ASSERT_EQ(0xcc, ((unsigned char *)self->ops)[i]);
	for (int i = 0; i < CAPACITY; i++)
		EXPECT_TRUE(was_told(self, i, ""));
}

/* Time, and giving up --------------------------------------------------------------- */

TEST_F(ask, a_late_answer_is_dropped)
{
	int fd = LIB(chan_ring_fd(self->ring));

	for (int i = 0; i < 2; i++) {
		prepare(self, 0);
		self->ops[0].deadline = LIB(chan_in_ms(150 * slowness()));
		ASSERT_EQ(0, start(self, 0));
		ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
		ASSERT_EQ(0, receive(self));
		EXPECT_EQ(-ETIMEDOUT, next(self, 0));
		EXPECT_LE(self->ops[0].deadline, clock_ns());
		EXPECT_EQ(CHAN_STATE_ABANDONED, self->ops[0].state);
		if (i) {
			ASSERT_EQ(0, ask(self, 1));
			EXPECT_TRUE(is_quiet(self));
		}
		EXPECT_EQ(is_uring(self) ? -ECANCELED : 0,
			  reply(self, 0, "late"));
		EXPECT_TRUE(i ? is_quiet(self) : ring_is_empty(self->ring));
		EXPECT_FALSE(is_readable(fd, 0));
		EXPECT_TRUE(was_told(self, 0, ""));
	}
	ASSERT_EQ(1, receive(self));
	EXPECT_EQ(0, reply(self, 1, "answer"));
	EXPECT_EQ(6, next(self, 1));
	EXPECT_TRUE(was_told(self, 1, "answer"));
}

/* What is there when the time is over counts. */
TEST_F(ask, an_answer_in_time_may_be_taken_later)
{
	prepare(self, 0);
	self->ops[0].deadline = LIB(chan_in_ms(150 * slowness()));
	ASSERT_EQ(0, start(self, 0));
	EXPECT_EQ(0, LIB(chan_ring_submit(self->ring)));
	ASSERT_EQ(0, receive(self));
	ASSERT_EQ(0, reply(self, 0, "answer"));
	while (clock_ns() <= self->ops[0].deadline)
		usleep(1000);
	EXPECT_EQ(6, next(self, 0));
}

TEST_F(ask, a_question_that_waits_for_room_is_withdrawn)
{
	int fds[2];

	ASSERT_EQ(0, LIB(chan_pair(fds, 1, 0)));
	ASSERT_EQ(0, LIB(chan_send(fds[1], "full", 4, 0)));
	self->out = fds[1];
	for (int i = 0; i < 3; i++) {
		prepare(self, i);
		if (!i)
			self->ops[i].deadline = LIB(chan_in_ms(10));
		ASSERT_EQ(0, start(self, i));
	}
	EXPECT_EQ(-ETIMEDOUT, next(self, 0));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->ops[0].state);
	EXPECT_EQ(1, LIB(chan_ring_cancel(self->ring, 1)));
	EXPECT_EQ(-ECANCELED, next(self, 1));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->ops[1].state);
	EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(1, stat_of(self->out).totals_sent);
	close(fds[0]);
	EXPECT_EQ(-EPIPE, next(self, 2));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->ops[2].state);
}

TEST_F(ask, a_deadline_that_has_passed_asks_nobody)
{
	prepare(self, 0);
	self->ops[0].deadline = CHAN_AT_ONCE;
	ASSERT_EQ(0, start(self, 0));
	EXPECT_EQ(-ETIMEDOUT, next(self, 0));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->ops[0].state);
	EXPECT_EQ(0, nothing_is_left(self->in));
}

/* Behind one that has more time, and one that has all. */
TEST_F(ask, each_question_has_its_own_deadline)
{
	struct chan_done done;
	int over = 0;

	for (int i = 0; i < 4; i++) {
		prepare(self, i);
		if (i)
			self->ops[i].deadline = LIB(chan_in_ms(100 - 20 * i));
		ASSERT_EQ(0, start(self, i));
	}
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, LIB(chan_ring_next(self->ring, &done, SOON)));
		EXPECT_EQ(-ETIMEDOUT, done.result);
		EXPECT_LE(done.op->deadline, clock_ns());
		over |= 1 << done.token;
	}
	EXPECT_EQ(1 << 1 | 1 << 2 | 1 << 3, over);
	EXPECT_TRUE(is_quiet(self));
}

TEST_F(ask, what_is_cancelled_is_not_answered)
{
	for (int i = 0; i < 4; i++) {
		prepare(self, i);
		ASSERT_EQ(0,
			  LIB(chan_ring_ask(self->ring, &self->ops[i], i / 2)));
	}
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive(self));
	ASSERT_EQ(1, receive(self));
	EXPECT_EQ(2, LIB(chan_ring_cancel(self->ring, 0)));
	EXPECT_EQ(-ECANCELED, next(self, 0));
	EXPECT_EQ(-ECANCELED, next(self, 0));
	EXPECT_EQ(CHAN_STATE_ABANDONED, self->ops[0].state);
	EXPECT_EQ(0, LIB(chan_ring_cancel(self->ring, 0)));
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(is_uring(self) ? -ECANCELED : 0,
			  reply(self, i, "late"));
	EXPECT_TRUE(is_quiet(self));
	/* Before it was received, too; then io_uring takes it back. */
	EXPECT_EQ(2, LIB(chan_ring_cancel(self->ring, 1)));
	EXPECT_EQ(-ECANCELED, next(self, 1));
	EXPECT_EQ(-ECANCELED, next(self, 1));
	EXPECT_EQ(is_uring(self) ? 0 : 2, stat_of(self->in).queued);
	EXPECT_TRUE(ring_is_empty(self->ring));
	EXPECT_TRUE(was_told(self, 0, ""));
}

/* The channel for results --------------------------------------------------------- */

TEST_F(ask, many_questions_have_one_channel_for_their_answers)
{
	int fds = count_fds();

	EXPECT_EQ(0, count_results(NULL));
	for (int i = 0; i < 1000; i++) {
		ASSERT_EQ(0, ask(self, i % CAPACITY));
		ASSERT_EQ(0, LIB(chan_ring_submit(self->ring)));
		ASSERT_EQ(i % CAPACITY, receive(self));
		ASSERT_EQ(0, reply(self, i % CAPACITY, "answer"));
		ASSERT_EQ(6, next(self, i % CAPACITY));
	}
	EXPECT_EQ(!is_uring(self), count_results(NULL));
	EXPECT_EQ(fds + (is_uring(self) ? 0 : 2), count_fds());
	chan_ring_close(self->ring);
	EXPECT_EQ(0, count_results(NULL));
	chan_answers_close(self->answers);
	EXPECT_GE(fds, count_fds());
}

static int answer_this(void *arg)
{
	FIXTURE_DATA(ask) *self = arg;
	int nr = receive(self);

	return nr ? nr : reply(self, nr, "answer");
}

static int receive_results(void *arg)
{
	return LIB(chan_open(arg, CHAN_RIGHT_RECV));
}

TEST_F(ask, all_may_answer_and_nobody_else_receives)
{
	char name[32], path[64];
	struct stat node;
	mode_t mask;

	if (is_uring(self))
		SKIP(return, "a call needs no channel");
	mask = umask(077);
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_EQ(077, umask(mask));
	ASSERT_EQ(1, count_results(name));
	ASSERT_EQ(7 + 16, strlen(name));
	snprintf(path, sizeof(path), "/dev/chan/%s", name);
	ASSERT_EQ(0, stat(path, &node));
	EXPECT_EQ(0222, node.st_mode & 0777);
	EXPECT_EQ(1, stat_of(open_results()).receivers);
	EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(-EACCES, as_user(1000, receive_results, name));
	EXPECT_EQ(0, as_user(1000, answer_this, self));
	EXPECT_EQ(6, next(self, 0));
}

static int call_results(struct waiting *w)
{
	return chan_call(w->fd, "hello", 5, w->buf, 16, &w->msg, SOON);
}

/* More than it takes at once, also of those who guess nearly right. */
TEST_F(ask, what_strangers_send_is_dropped)
{
	struct waiting waiting;
	struct chan_envelope junk;
	int results;

	if (is_uring(self))
		SKIP(return, "a call needs no channel");
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive(self));
	results = open_results();
	ASSERT_LE(0, results);
	junk = (struct chan_envelope){
		.verdict = CHAN_REPLY,
		.version = CHAN_ENVELOPE_VERSION,
		.magic = CHAN_ENVELOPE_MAGIC,
	};
	for (int i = 0; i < 100; i++) {
		junk.id = self->questions[0].id;
		if (i < 64)
			junk.id ^= 1ULL << i;
		else if (i < 99)
			junk.id *= (uint64_t)i;
		else
			junk.magic++;
		ASSERT_EQ(0, answer_by_hand(results, "junk", &junk, i % 32));
		if (i % 2)
			ASSERT_EQ(0, LIB(chan_send(results, "junk", i % 5, 0)));
		EXPECT_TRUE(i % 3 || is_quiet(self));
	}
	EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(0, stat_of(results).queued);
	ASSERT_EQ(0, LIB(chan_send_work(results, "dig", 3, 0)));
	ASSERT_EQ(0, waiting_start(&waiting, results, call_results));
	while (!waiting.over)
		EXPECT_TRUE(is_quiet(self));
	EXPECT_EQ(-EREMOTEIO, waiting_ends(&waiting));
	EXPECT_EQ(0, nothing_is_left(results));
	EXPECT_EQ(0, reply(self, 0, "answer"));
	EXPECT_EQ(6, next(self, 0));
	EXPECT_TRUE(was_told(self, 0, "answer"));
	/* And while nothing was asked; all at once. */
	for (int i = 0; i < 2 * CAPACITY; i++)
		ASSERT_EQ(0, LIB(chan_send(results, "junk", 4, CHAN_AT_ONCE)));
	EXPECT_TRUE(is_readable(LIB(chan_ring_fd(self->ring)), 0));
	EXPECT_TRUE(ring_is_empty(self->ring));
	EXPECT_EQ(0, stat_of(results).queued);
	EXPECT_TRUE(ring_is_empty(self->ring));
	EXPECT_FALSE(is_readable(LIB(chan_ring_fd(self->ring)), 0));
}

struct flood {
	int results;
	_Atomic bool ends;
	pthread_t thread;
};

static void *flood_main(void *arg)
{
	struct flood *flood = arg;

	while (!flood->ends)
		chan_send(flood->results, "junk", 4, CHAN_AT_ONCE);
	return NULL;
}

/* A ring for one question takes few messages at once, and others come meanwhile. */
TEST_F(ask, a_flood_does_not_stop_answers)
{
	struct flood flood = { 0 };
	double end = now() + seconds_each() / 10.0;
	int ret, rounds = 0;

	if (is_uring(self))
		SKIP(return, "a call needs no channel");
	chan_ring_close(self->ring);
	ASSERT_EQ(0, LIB(chan_ring_open(&self->ring, 1, CHAN_RING_POLL)));
	ASSERT_EQ(0, ask(self, 0));
	flood.results = open_results();
	ASSERT_LE(0, flood.results);
	ASSERT_EQ(0, pthread_create(&flood.thread, NULL, flood_main, &flood));
	do {
		EXPECT_TRUE(is_quiet(self));
		ASSERT_EQ(0, receive(self));
		while ((ret = reply(self, 0, "answer")) == -EAGAIN)
			EXPECT_TRUE(is_quiet(self));
		ASSERT_EQ(0, ret);
		ASSERT_EQ(6, next(self, 0));
		rounds++;
	} while ((now() < end || rounds < 5) && !ask(self, 0));
	flood.ends = true;
	pthread_join(flood.thread, NULL);
	printf("# %d questions\n", rounds);
	EXPECT_LE(5, rounds);
}

/* By whom it was asked, and cannot answer. */
TEST_F(ask, an_answer_that_makes_no_sense_is_the_end_of_its_question)
{
	struct chan_envelope bad[4];
	int results;

	if (is_uring(self))
		SKIP(return, "a call needs no channel");
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(0, ask(self, i));
	EXPECT_TRUE(is_quiet(self));
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(i, receive(self));
	results = open_results();
	for (int i = 0; i < 4; i++)
		bad[i] = (struct chan_envelope){
			.id = self->questions[i].id,
			.verdict = i == 1 ? CHAN_REJECT : CHAN_REPLY,
			.error = i == 2 ? EDOM : 0,
			.version = CHAN_ENVELOPE_VERSION + (i == 3),
			.magic = CHAN_ENVELOPE_MAGIC,
		};
	bad[0].verdict = CHAN_ACK;
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, answer_by_hand(results, "junk", &bad[i], 0));
		EXPECT_EQ(-EBADMSG, next(self, i));
		EXPECT_TRUE(was_told(self, i, ""));
	}
	chan_op_send(&self->ops[7], results, self->buf, REPLY_MAX + 1 + 48);
	memset(self->buf, 'x', sizeof(self->buf));
	bad[3].id = self->questions[4].id;
	bad[3].version = CHAN_ENVELOPE_VERSION;
	memcpy(self->buf + REPLY_MAX + 1, &bad[3], 48);
	ASSERT_EQ(0, LIB(chan_run(&self->ops[7])));
	EXPECT_EQ(-EBADMSG, next(self, 4));
	EXPECT_TRUE(was_told(self, 4, ""));
}

/* Why there is no channel is told at once, and the next question may have one. */
TEST_F(ask, what_cannot_be_made_is_told_and_leaves_nothing)
{
	long long most = get_parameter("max_channels");
	struct rlimit before;
	int fds = count_fds();

	if (is_uring(self))
		SKIP(return, "a call needs no channel");
	set_parameter("max_channels", 0);
	EXPECT_EQ(-ENOSPC, ask(self, 0));
	set_parameter("max_channels", most);
	exhaust_fds(&before);
	EXPECT_EQ(-EMFILE, ask(self, 0));
	setrlimit(RLIMIT_NOFILE, &before);
	EXPECT_TRUE(ring_is_empty(self->ring));
	EXPECT_EQ(fds, count_fds());
	EXPECT_EQ(0, stat_of(self->in).totals_sent);
	ASSERT_EQ(0, ask(self, 0));
	EXPECT_TRUE(is_quiet(self));
	ASSERT_EQ(0, receive(self));
	EXPECT_EQ(0, reply(self, 0, "answer"));
	EXPECT_EQ(6, next(self, 0));
}

/* All at once ---------------------------------------------------------------------- */

/* One that answers with what was asked, but for some, with which it dies. */
struct answering {
	int fd;
	unsigned int seed;
	_Atomic uint64_t answered, died;
	const char *wrong;
	pthread_t thread;
};

static int answer_one(struct answering *a, struct chan_answers *answers, int fd)
{
	struct chan_question question;
	char text[64];
	int len = chan_recv_question(fd, text, sizeof(text), &question, 0);

	if (len < 0)
		return len;
	if (!(rand_r(&a->seed) % 32)) {
		a->died++;
		return -EOWNERDEAD;
	}
	len = chan_answers_reply(answers, &question, text, len);
	a->answered += !len;
	return len;
}

/* It dies with the endpoint, and what it has kept open. */
static void *answering_main(void *arg)
{
	struct answering *a = arg;
	int ret = -EOWNERDEAD;

	while (ret == -EOWNERDEAD) {
		int fd = chan_derive(a->fd, CHAN_RIGHT_RECV, 0);
		struct chan_answers *answers;

		ret = fd < 0 ? fd : chan_answers_open(&answers, 1);
		if (ret < 0)
			break;
		while (!(ret = answer_one(a, answers, fd)))
			;
		chan_answers_close(answers);
		close(fd);
	}
	if (ret != -ESHUTDOWN)
		a->wrong = "an answer";
	return NULL;
}

static bool has_died(const struct answering answering[2])
{
	return answering[0].died + answering[1].died;
}

/* As long as it takes to be one. */
TEST_F_TIMEOUT(ask, each_question_has_one_answer_whoever_dies, STORM_TIMEOUT(1))
{
	static struct answering answering[2];
	uint64_t numbers[CAPACITY], told = 0, asked = 0;
	double end = now() + seconds_each() / 5.0;

	for (int i = 0; i < 2; i++) {
		answering[i] = (struct answering){
			.fd = self->in,
			.seed = seed_of(i),
			.wrong = "",
		};
		ASSERT_EQ(0, pthread_create(&answering[i].thread, NULL,
					    answering_main, &answering[i]));
	}
	for (int i = 0; i < CAPACITY; i++) {
		numbers[i] = asked++;
		chan_op_call(&self->ops[i], self->out, &numbers[i], 8,
			     self->replies[i], 8);
		ASSERT_EQ(0, start(self, i));
	}
	while (told < asked) {
		struct chan_done done;
		int i;

		ASSERT_EQ(0, LIB(chan_ring_next(self->ring, &done, SOON)));
		i = (int)done.token;
		ASSERT_EQ(8, done.result);
		ASSERT_EQ(0, memcmp(&numbers[i], self->replies[i], 8));
		told++;
		if (now() >= end && asked >= 50 && has_died(answering))
			continue;
		numbers[i] = asked++;
		ASSERT_EQ(0, start(self, i));
	}
	EXPECT_TRUE(ring_is_empty(self->ring));
	close(self->out);
	for (int i = 0; i < 2; i++) {
		pthread_join(answering[i].thread, NULL);
		EXPECT_STREQ("", answering[i].wrong);
	}
	printf("# %llu questions, %llu deaths\n", (unsigned long long)told,
	       (unsigned long long)(answering[0].died + answering[1].died));
	EXPECT_EQ(told, answering[0].answered + answering[1].answered);
}

TEST_HARNESS_MAIN
