// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answering, by the library: a call, or a question that came in an envelope. What an
 * envelope says is written and read here without the library, for others may do so.
 */
#include "lib_test.h"

#define ASKERS 3

/* One that asks, with a channel for the answers. */
struct asker {
	uint64_t channel;
	int results;
};

/* What was received by one that asked. */
struct answered {
	char bytes[64];
	struct chan_envelope envelope;
	struct chan_op msg;
};

FIXTURE(answer)
{
	struct chan_answers *answers;
	int in, out;
	struct chan_question question;
	struct answered answered;
	struct asker asker;
	struct waiting waiting;
	char buf[256];
};

static int asker_open(struct asker *asker, uint64_t channel, unsigned int cap)
{
	char name[32];

	snprintf(name, sizeof(name), "result-%016llx",
		 (unsigned long long)channel);
	asker->channel = channel;
	asker->results = LIB(chan_create(name, cap, CHAN_EPHEMERAL));
	return asker->results < 0 ? asker->results : 0;
}

FIXTURE_SETUP(answer)
{
	int fds[2];

	ASSERT_EQ(0, LIB(chan_answers_open(&self->answers, ASKERS - 1)));
	ASSERT_EQ(0, LIB(chan_pair(fds, 8, 0)));
	self->in = fds[0];
	self->out = fds[1];
	ASSERT_EQ(0, asker_open(&self->asker, 0xfeedfacecafebeefULL, 4));
}

FIXTURE_TEARDOWN(answer)
{
	chan_answers_close(self->answers);
	close(self->asker.results);
}

static struct chan_envelope envelope_of(const struct asker *asker, uint64_t id)
{
	return (struct chan_envelope){
		.id = id,
		.channel = asker->channel,
		.reply_len = 16,
		.version = CHAN_ENVELOPE_VERSION,
		.magic = CHAN_ENVELOPE_MAGIC,
	};
}

/* A text of 8 bytes, and the envelope. */
static int send_wrapped(int fd, const struct chan_envelope *envelope)
{
	char bytes[8 + sizeof(*envelope)] = "question";

	memcpy(bytes + 8, envelope, sizeof(*envelope));
	return LIB(chan_send_work(fd, bytes, sizeof(bytes), SOON));
}

static int ask(FIXTURE_DATA(answer) * self, const struct asker *asker,
	       uint64_t id)
{
	struct chan_envelope envelope = envelope_of(asker, id);

	return send_wrapped(self->out, &envelope);
}

static int receive(FIXTURE_DATA(answer) * self)
{
	memset(&self->question, 0xcc, sizeof(self->question));
	return LIB(chan_recv_question(self->in, self->buf, sizeof(self->buf),
				      &self->question, SOON));
}

static int reply(FIXTURE_DATA(answer) * self, const char *text)
{
	return LIB(chan_answers_reply(self->answers, &self->question, text,
				      strlen(text)));
}

/* The length of the answer that is there, without its envelope. */
static int answer_of(FIXTURE_DATA(answer) * self, const struct asker *asker)
{
	struct answered *answered = &self->answered;
	size_t len = sizeof(answered->envelope);
	char bytes[128];
	int ret;

	memset(answered, 0xcc, sizeof(*answered));
	ret = LIB(chan_recv(asker->results, bytes, sizeof(bytes),
			    &answered->msg, CHAN_AT_ONCE));
	if (ret < (int)len)
		return ret < 0 ? ret : -EUCLEAN;
	memcpy(&answered->envelope, bytes + ret - len, len);
	memcpy(answered->bytes, bytes, ret - len);
	return ret - (int)len;
}

static bool is_owed(FIXTURE_DATA(answer) * self)
{
	return stat_of(self->in).unsettled == 1;
}

/* Questions and answers -------------------------------------------------------- */

TEST_F(answer, a_question_is_received_without_its_envelope)
{
	struct chan_op *msg = &self->question.msg;

	ASSERT_EQ(0, ask(self, &self->asker, 77));
	ASSERT_EQ(8, receive(self));
	EXPECT_EQ(0, memcmp("question", self->buf, 8));
	EXPECT_EQ(8, msg->len);
	EXPECT_EQ(8, msg->result);
	EXPECT_EQ(CHAN_DUTY_REPLY, msg->duty);
	EXPECT_EQ(16, msg->reply_len);
	EXPECT_EQ(1, msg->attempt);
	EXPECT_EQ(getpid(), msg->pid);
	EXPECT_EQ(self->in, msg->fd);
}

TEST_F(answer, an_answer_has_the_number_of_its_question)
{
	const struct chan_envelope *envelope = &self->answered.envelope;

	ASSERT_EQ(0, ask(self, &self->asker, 77));
	ASSERT_EQ(8, receive(self));
	EXPECT_EQ(0, reply(self, "answer"));
	ASSERT_EQ(6, answer_of(self, &self->asker));
	EXPECT_EQ(0, memcmp("answer", self->answered.bytes, 6));
	EXPECT_EQ(77, envelope->id);
	EXPECT_EQ(0, envelope->channel);
	EXPECT_EQ(0, envelope->reply_len);
	EXPECT_EQ(CHAN_REPLY, envelope->verdict);
	EXPECT_EQ(0, envelope->error);
	EXPECT_EQ(CHAN_ENVELOPE_VERSION, envelope->version);
	EXPECT_EQ(0, envelope->reserved);
	EXPECT_EQ(CHAN_ENVELOPE_MAGIC, envelope->magic);
	EXPECT_EQ(CHAN_DUTY_NONE, self->answered.msg.duty);
	EXPECT_EQ(CHAN_PRIO_MAX, self->answered.msg.prio);
	EXPECT_EQ(0, nothing_is_left(self->in));
	EXPECT_EQ(1, stat_of(self->in).totals_settled);
}

TEST_F(answer, an_answer_may_be_empty_and_as_long_as_its_asker_says)
{
	static const char *const answers[] = { "", "sixteen letters!" };

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, ask(self, &self->asker, 1 + i));
		ASSERT_EQ(8, receive(self));
		EXPECT_EQ(-EMSGSIZE, reply(self, "seventeen letters"));
		EXPECT_TRUE(is_owed(self));
		EXPECT_EQ(-ETIMEDOUT, answer_of(self, &self->asker));
		EXPECT_EQ(0, reply(self, answers[i]));
		EXPECT_EQ(strlen(answers[i]), answer_of(self, &self->asker));
	}
}

TEST_F(answer, a_rejection_tells_why)
{
	const int no[] = { 0, -1, -EDOM, 4096, INT_MAX, INT_MIN };

	ASSERT_EQ(0, ask(self, &self->asker, 77));
	ASSERT_EQ(8, receive(self));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		EXPECT_EQ(-EINVAL,
			  LIB(chan_answers_reject(self->answers,
						  &self->question, no[i])));
	EXPECT_TRUE(is_owed(self));
	EXPECT_EQ(0, LIB(chan_answers_reject(self->answers, &self->question,
					     EDOM)));
	ASSERT_EQ(0, answer_of(self, &self->asker));
	EXPECT_EQ(77, self->answered.envelope.id);
	EXPECT_EQ(CHAN_REJECT, self->answered.envelope.verdict);
	EXPECT_EQ(EDOM, self->answered.envelope.error);
	EXPECT_EQ(0, nothing_is_left(self->in));
}

static int call(struct waiting *w)
{
	return chan_call(w->fd, "question", 8, w->buf, 16, &w->msg, SOON);
}

TEST_F(answer, a_call_is_answered_alike)
{
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, receive(self));
	EXPECT_EQ(CHAN_DUTY_REPLY, self->question.msg.duty);
	EXPECT_EQ(16, self->question.msg.reply_len);
	EXPECT_EQ(-EMSGSIZE, reply(self, "seventeen letters"));
	EXPECT_EQ(0, reply(self, "answer"));
	EXPECT_EQ(6, waiting_ends(&self->waiting));
	EXPECT_EQ(0, memcmp("answer", self->waiting.buf, 6));
	EXPECT_EQ(-ESTALE, reply(self, "answer"));
	ASSERT_EQ(0, waiting_start(&self->waiting, self->out, call));
	ASSERT_EQ(8, receive(self));
	EXPECT_EQ(0, LIB(chan_answers_reject(self->answers, &self->question,
					     EDOM)));
	EXPECT_EQ(-EREMOTEIO, waiting_ends(&self->waiting));
	EXPECT_EQ(EDOM, self->waiting.msg.error);
}

/* As by a ring, or a batch. */
TEST_F(answer, a_message_that_was_received_otherwise_is_unwrapped)
{
	struct chan_op *msg = &self->question.msg;

	ASSERT_EQ(0, ask(self, &self->asker, 77));
	memset(&self->question, 0xcc, sizeof(self->question));
	chan_op_recv(msg, self->in, self->buf, sizeof(self->buf));
	ASSERT_EQ(8 + (int)sizeof(struct chan_envelope), LIB(chan_run(msg)));
	EXPECT_EQ(8, LIB(chan_unwrap(&self->question)));
	EXPECT_EQ(0, reply(self, "answer"));
	EXPECT_EQ(6, answer_of(self, &self->asker));
	chan_op_recv(msg, self->in, self->buf, sizeof(self->buf));
	msg->flags = CHAN_NOWAIT;
	ASSERT_EQ(-EAGAIN, LIB(chan_run(msg)));
	EXPECT_EQ(-EAGAIN, LIB(chan_unwrap(&self->question)));
}

TEST_F(answer, a_question_may_be_given_back)
{
	ASSERT_EQ(0, ask(self, &self->asker, 77));
	ASSERT_EQ(8, receive(self));
	EXPECT_EQ(0, LIB(chan_return(self->in, self->question.msg.id)));
	EXPECT_EQ(-ESTALE, reply(self, "answer"));
	ASSERT_EQ(8, receive(self));
	EXPECT_EQ(2, self->question.msg.attempt);
	EXPECT_EQ(0, reply(self, "answer"));
	EXPECT_EQ(-ESTALE, reply(self, "answer"));
}

/* What is no question ------------------------------------------------------------ */

TEST_F(answer, other_messages_are_received_as_they_are)
{
	struct chan_envelope envelope = envelope_of(&self->asker, 77);
	const size_t len = sizeof(envelope);

	/* Nobody waits for this, whatever it says. */
	ASSERT_EQ(0, LIB(chan_send(self->out, &envelope, len, 0)));
	ASSERT_EQ(len, receive(self));
	EXPECT_EQ(CHAN_DUTY_NONE, self->question.msg.duty);
	EXPECT_EQ(-ESTALE, reply(self, "answer"));
	ASSERT_EQ(0, LIB(chan_send_work(self->out, "dig", 3, 0)));
	ASSERT_EQ(3, receive(self));
	EXPECT_EQ(CHAN_DUTY_ACK, self->question.msg.duty);
	EXPECT_EQ(-EINVAL, reply(self, "answer"));
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->question.msg.id)));
	envelope.magic++;
	ASSERT_EQ(0, send_wrapped(self->out, &envelope));
	ASSERT_EQ(8 + len, receive(self));
	EXPECT_EQ(CHAN_DUTY_ACK, self->question.msg.duty);
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->question.msg.id)));
	/* One byte too few. */
	envelope.magic--;
	ASSERT_EQ(0, LIB(chan_send_work(self->out, (char *)&envelope + 1,
					len - 1, 0)));
	ASSERT_EQ(len - 1, receive(self));
	EXPECT_EQ(CHAN_DUTY_ACK, self->question.msg.duty);
	EXPECT_EQ(-ETIMEDOUT, answer_of(self, &self->asker));
}

TEST_F(answer, an_envelope_that_makes_no_sense_is_refused)
{
	const struct chan_envelope good = envelope_of(&self->asker, 77);
	struct chan_envelope forged[7];

	for (int i = 0; i < 7; i++)
		forged[i] = good;
	forged[0].id = 0;
	forged[1].channel = 0;
	forged[2].reply_len = CHAN_ANSWER_MAX + 1;
	forged[3].verdict = CHAN_REPLY;
	forged[4].error = EDOM;
	forged[5].version++;
	forged[6].reserved = 1;
	for (int i = 0; i < 7; i++) {
		ASSERT_EQ(0, send_wrapped(self->out, &forged[i]));
		ASSERT_EQ(0, send_wrapped(self->out, &good));
		ASSERT_EQ(8, receive(self));
		EXPECT_EQ(77, self->question.id);
		EXPECT_EQ(0, reply(self, "answer"));
		EXPECT_EQ(6, answer_of(self, &self->asker));
		EXPECT_EQ(0, nothing_is_left(self->in));
	}
	EXPECT_EQ(14, stat_of(self->in).totals_settled);
	forged[0].reply_len = ~0ULL;
	ASSERT_EQ(0, send_wrapped(self->out, &forged[0]));
	chan_op_recv(&self->question.msg, self->in, self->buf, 256);
	ASSERT_LT(0, LIB(chan_run(&self->question.msg)));
	EXPECT_EQ(-EBADMSG, LIB(chan_unwrap(&self->question)));
	EXPECT_TRUE(is_owed(self));
}

TEST_F(answer, a_question_that_does_not_fit_stays)
{
	const int needed = 8 + sizeof(struct chan_envelope);

	ASSERT_EQ(0, ask(self, &self->asker, 77));
	EXPECT_EQ(-EMSGSIZE,
		  LIB(chan_recv_question(self->in, self->buf, needed - 1,
					 &self->question, SOON)));
	EXPECT_EQ(needed, self->question.msg.len);
	EXPECT_EQ(1, stat_of(self->in).queued);
	EXPECT_EQ(8, LIB(chan_recv_question(self->in, self->buf, needed,
					    &self->question, SOON)));
	EXPECT_EQ(-ETIMEDOUT,
		  LIB(chan_recv_question(self->in, self->buf, needed,
					 &self->question, CHAN_AT_ONCE)));
	EXPECT_EQ(-EBADF, LIB(chan_recv_question(self->out, self->buf, needed,
						 &self->question, SOON)));
}

/* Askers --------------------------------------------------------------------------- */

/* An answer is sent before its question is settled, or it might be lost. */
TEST_F(answer, who_does_not_take_answers_holds_up_nobody)
{
	ASSERT_EQ(0, ask(self, &self->asker, 77));
	ASSERT_EQ(8, receive(self));
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, LIB(chan_send(self->asker.results, "x", 1, 0)));
	EXPECT_EQ(-EAGAIN, reply(self, "answer"));
	EXPECT_EQ(-EAGAIN, LIB(chan_answers_reject(self->answers,
						   &self->question, EDOM)));
	EXPECT_TRUE(is_owed(self));
	ASSERT_EQ(1,
		  LIB(chan_recv(self->asker.results, self->buf, 1, NULL, 0)));
	EXPECT_EQ(0, reply(self, "answer"));
	EXPECT_FALSE(is_owed(self));
	for (int i = 0; i < 3; i++)
		answer_of(self, &self->asker);
	ASSERT_EQ(0, ask(self, &self->asker, 78));
	ASSERT_EQ(8, receive(self));
	for (int i = 0; i < 4; i++)
		LIB(chan_send(self->asker.results, "x", 1, CHAN_AT_ONCE));
	EXPECT_EQ(-EAGAIN, reply(self, "answer"));
	EXPECT_EQ(0, LIB(chan_ack(self->in, self->question.msg.id)));
}

TEST_F(answer, who_has_left_gets_no_answer)
{
	int fds = count_fds();

	/* It was never there, or has left before its first answer, or after it. */
	for (int i = 0; i < 3; i++) {
		struct asker asker = { .channel = 1234, .results = -1 };

		if (i)
			ASSERT_EQ(0, asker_open(&asker, 1234, 4));
		if (i == 2) {
			ASSERT_EQ(0, ask(self, &asker, 76));
			ASSERT_EQ(8, receive(self));
			EXPECT_EQ(0, reply(self, "answer"));
			EXPECT_EQ(fds + 2, count_fds());
		}
		ASSERT_EQ(0, ask(self, &asker, 77));
		ASSERT_EQ(8, receive(self));
		if (i)
			close(asker.results);
		EXPECT_EQ(-ECANCELED, reply(self, "answer"));
		EXPECT_EQ(-ESTALE,
			  LIB(chan_ack(self->in, self->question.msg.id)));
		EXPECT_EQ(0, nothing_is_left(self->in));
		EXPECT_EQ(fds, count_fds());
	}
	ASSERT_EQ(0, ask(self, &(struct asker){ .channel = 5 }, 77));
	ASSERT_EQ(8, receive(self));
	EXPECT_EQ(-ECANCELED, LIB(chan_answers_reject(self->answers,
						      &self->question, EDOM)));
}

/* Whatever the number, it is one of a channel of results that is opened. */
TEST_F(answer, nothing_but_channels_of_results_is_opened)
{
	const uint64_t numbers[] = { 1, ~0ULL, 0x2e2e2f2e2e2f2e2eULL };
	int fds = count_fds();

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct asker asker;

		ASSERT_EQ(0, asker_open(&asker, numbers[i], 4));
		ASSERT_EQ(0, ask(self, &asker, 77));
		ASSERT_EQ(8, receive(self));
		EXPECT_EQ(0, reply(self, "answer"));
		EXPECT_EQ(6, answer_of(self, &asker));
		EXPECT_EQ(1, stat_of(asker.results).totals_sent);
		close(asker.results);
	}
	EXPECT_GE(fds + ASKERS - 1, count_fds());
}

TEST_F(answer, channels_of_the_last_askers_stay_open)
{
	struct asker askers[ASKERS];
	int fds;

	for (int i = 0; i < ASKERS; i++)
		ASSERT_EQ(0, asker_open(&askers[i], 1 + i, 4));
	fds = count_fds();
	for (int i = 0; i < 4 * ASKERS; i++) {
		struct asker *asker = &askers[i % ASKERS];

		ASSERT_EQ(0, ask(self, asker, 1 + i));
		ASSERT_EQ(8, receive(self));
		EXPECT_EQ(0, reply(self, "answer"));
		ASSERT_EQ(6, answer_of(self, asker));
		EXPECT_EQ(1 + i, self->answered.envelope.id);
		EXPECT_EQ(fds + (i ? 2 : 1), count_fds());
		/* Its own end is one. */
		EXPECT_EQ(2, stat_of(asker->results).senders);
		EXPECT_EQ(1, stat_of(askers[(i + 1) % ASKERS].results).senders);
	}
	/* The one that is used again is not the oldest. */
	for (int i = 0; i < 4; i++) {
		struct asker *asker = &askers[i & 1 ? 1 + i / 2 : 0];

		ASSERT_EQ(0, ask(self, asker, 100 + i));
		ASSERT_EQ(8, receive(self));
		EXPECT_EQ(0, reply(self, "answer"));
		EXPECT_EQ(2, stat_of(askers[0].results).senders);
	}
}

/* Their users have paid for the channels. */
TEST_F(answer, who_has_left_is_forgotten_when_a_new_one_comes)
{
	struct asker first, second;
	int fds = count_fds();

	ASSERT_EQ(0, asker_open(&first, 1, 4));
	ASSERT_EQ(0, ask(self, &first, 1));
	ASSERT_EQ(8, receive(self));
	EXPECT_EQ(0, reply(self, "answer"));
	EXPECT_EQ(fds + 2, count_fds());
	close(first.results);
	ASSERT_EQ(0, asker_open(&second, 2, 4));
	ASSERT_EQ(0, ask(self, &second, 2));
	ASSERT_EQ(8, receive(self));
	EXPECT_EQ(0, reply(self, "answer"));
	EXPECT_EQ(fds + 2, count_fds());
	close(second.results);
	chan_answers_close(self->answers);
	EXPECT_EQ(fds, count_fds());
	ASSERT_EQ(0, LIB(chan_answers_open(&self->answers, 1)));
}

TEST_F(answer, a_lack_of_descriptors_keeps_the_duty)
{
	struct rlimit before;
	struct asker asker;

	ASSERT_EQ(0, asker_open(&asker, 1, 4));
	ASSERT_EQ(0, ask(self, &asker, 77));
	ASSERT_EQ(8, receive(self));
	exhaust_fds(&before);
	EXPECT_EQ(-EMFILE, reply(self, "answer"));
	EXPECT_TRUE(is_owed(self));
	setrlimit(RLIMIT_NOFILE, &before);
	EXPECT_EQ(0, reply(self, "answer"));
	EXPECT_EQ(6, answer_of(self, &asker));
	EXPECT_FALSE(is_owed(self));
}

TEST_F(answer, answers_are_for_1_to_1024_askers)
{
	struct chan_answers *other = NULL;
	const unsigned int no[] = { 0, CHAN_ANSWERS_MAX + 1, ~0U };

	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		EXPECT_EQ(-EINVAL, LIB(chan_answers_open(&other, no[i])));
	EXPECT_EQ(NULL, other);
	for (unsigned int nr = 1; nr <= CHAN_ANSWERS_MAX; nr += 1023) {
		ASSERT_EQ(0, LIB(chan_answers_open(&other, nr)));
		chan_answers_close(other);
	}
}

TEST_HARNESS_MAIN
