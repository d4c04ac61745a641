// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settling: a duty ends with the verdict that fits it, a rejection or a return,
 * and its sender is told exactly that, once.  What does not fit, is too long or
 * cannot be read leaves the duty open.  A token is good for one attempt of one
 * message, at the endpoint that holds it, for every thread and child that has
 * that endpoint; any other is ESTALE.  Who settles a call that its caller has
 * left is told so once, and meets no other call.  `read` and AUTOACK
 * acknowledge what they have copied, and reject what wants an answer.
 */
#include "duties.h"

FIXTURE(settle)
{
	int control;
	struct ends ends;
	struct sent sent[4];
	struct received received;
};

FIXTURE_VARIANT(settle)
{
	struct style style;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(settle, task) {
	.style = TASK(SLOTS),
};
FIXTURE_VARIANT_ADD(settle, call) {
	.style = CALL(SLOTS),
};
FIXTURE_VARIANT_ADD(settle, work) {
	.style = WORK(SLOTS),
};
FIXTURE_VARIANT_ADD(settle, task_meeting) {
	.style = TASK(0),
};
FIXTURE_VARIANT_ADD(settle, call_meeting) {
	.style = CALL(0),
};
/* clang-format on */

FIXTURE_SETUP(settle)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, style_ends(self->control, &variant->style, &self->ends));
}

FIXTURE_TEARDOWN(settle)
{
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ends_close(&self->ends);
	close(self->control);
}

static int send_and_receive(FIXTURE_DATA(settle) * self,
			    const FIXTURE_VARIANT(settle) * variant)
{
	CHECK_EQ(0, send_styled(&self->sent[0], self->ends.sender,
				&variant->style, 1));
	CHECK_EQ(1, receive(self->ends.receiver, &self->received));
	return 0;
}

/* Nothing has happened to the one message that is held. */
static int is_open(FIXTURE_DATA(settle) * self)
{
	struct chan_stat s = stat_now(self->ends.admin);

	CHECK_EQ(1, s.unsettled);
	CHECK_EQ(4 + CHAN_MSG_OVERHEAD, s.bytes);
	CHECK_EQ(0, s.totals_settled);
	CHECK_EQ(0, in_line(self->ends.admin));
	CHECK_EQ(0, is_over(&self->sent[0]));
	return 0;
}

TEST_F(settle, receiver_is_told_what_it_owes)
{
	const struct chan_op *op = &self->received.op;
	__u64 before = clock_ns();

	ASSERT_EQ(0, send_and_receive(self, variant));
	EXPECT_EQ(variant->style.duty, op->duty);
	EXPECT_NE(0, op->id);
	EXPECT_EQ(100, op->tag);
	EXPECT_EQ(0, op->prio);
	EXPECT_EQ(1, op->attempt);
	EXPECT_EQ((int)sizeof(int), op->result);
	EXPECT_EQ((int)sizeof(int), op->len);
	EXPECT_EQ(op->duty == CHAN_DUTY_REPLY ? sizeof(int) : 0, op->reply_len);
	EXPECT_LE(before, op->sent_at);
	EXPECT_GE(clock_ns(), op->sent_at);
	EXPECT_EQ(getpid(), op->pid);
	EXPECT_EQ(0, is_open(self));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

TEST_F(settle, verdict_that_fits_ends_it)
{
	struct chan_stat s;

	ASSERT_EQ(0, send_and_receive(self, variant));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	s = stat_now(self->ends.admin);
	EXPECT_EQ(1, s.totals_sent);
	EXPECT_EQ(1, s.totals_received);
	EXPECT_EQ(1, s.totals_settled);
	EXPECT_EQ(0, s.totals_redelivered);
	EXPECT_EQ(0, s.totals_dropped);
}

/* Room for a reply to who owes none, and other things that do not matter. */
TEST_F(settle, what_settle_does_not_use_does_not_matter)
{
	struct chan_op op;
	int reply = -1;

	ASSERT_EQ(0, send_and_receive(self, variant));
	if (variant->style.duty == CHAN_DUTY_REPLY)
		op = op_reply(self->received.op.id, &reply, sizeof(reply));
	else
		op = op_settle(self->received.op.id, CHAN_ACK);
	op.until = 0xcc;
	op.duty = 0xcc;
	op.on_death = 0xcc;
	op.prio = 0xcc;
	op.reply_buf = 1;
	op.reply_len = ~0ULL;
	op.deadline = 1;
	op.tag = RUBBISH;
	op.error = RUBBISH;
	op.attempt = RUBBISH;
	op.state = RUBBISH;
	op.result = RUBBISH;
	EXPECT_EQ(0, run(self->ends.receiver, &op));
	EXPECT_EQ(0, op.result);
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

TEST_F(settle, rejection_tells_its_reason)
{
	static const __u32 errors[] = { 1, EOPNOTSUPP, 4095 };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		ASSERT_EQ(0, send_and_receive(self, variant));
		EXPECT_EQ(0,
			  run_once(self->ends.receiver,
				   op_reject(self->received.op.id, errors[i])));
		EXPECT_EQ(0, told(&self->sent[0], -EREMOTEIO,
				  CHAN_STATE_SETTLED, CHAN_REJECT, errors[i]));
		EXPECT_EQ(GARBAGE, self->sent[0].reply);
		EXPECT_EQ(i + 1, stat_now(self->ends.admin).totals_settled);
		EXPECT_EQ(0, stat_now(self->ends.admin).totals_redelivered);
	}
}

TEST_F(settle, rejection_without_a_reason_is_EINVAL)
{
	static const __u32 errors[] = { 0, 4096, 0x7fffffff, -1, -EIO };

	ASSERT_EQ(0, send_and_receive(self, variant));
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		EXPECT_EQ(-EINVAL,
			  run_once(self->ends.receiver,
				   op_reject(self->received.op.id, errors[i])));
		EXPECT_EQ(0, is_open(self));
	}
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

TEST_F(settle, verdict_that_does_not_fit_leaves_it_open)
{
	__u32 other = variant->style.duty == CHAN_DUTY_REPLY ? CHAN_ACK :
							       CHAN_REPLY;
	const __u32 verdicts[] = { other, 0, 5, 0x80000001, ~0U };

	ASSERT_EQ(0, send_and_receive(self, variant));
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		EXPECT_EQ(-EINVAL, settle(self->ends.receiver, &self->received,
					  verdicts[i]));
		EXPECT_EQ(0, is_open(self));
	}
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

TEST_F(settle, flags_are_unknown)
{
	struct chan_op op;

	ASSERT_EQ(0, send_and_receive(self, variant));
	for (int bit = 0; bit < 32; bit++) {
		op = op_reject(self->received.op.id, EIO);
		op.flags = 1U << bit;
		EXPECT_EQ(-EINVAL, run(self->ends.receiver, &op));
		EXPECT_EQ(-EINVAL, op.result);
	}
	EXPECT_EQ(0, is_open(self));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

/* Returning ----------------------------------------------------------------- */

TEST_F(settle, return_makes_it_the_first_again)
{
	struct received again;
	struct chan_stat s;

	ASSERT_EQ(0, send_and_receive(self, variant));
	ASSERT_EQ(0, send_styled(&self->sent[1], self->ends.sender,
				 &variant->style, 2));
	EXPECT_EQ(0, settle(self->ends.receiver, &self->received, CHAN_RETURN));
	EXPECT_FALSE(is_over(&self->sent[0]));
	s = stat_now(self->ends.admin);
	EXPECT_EQ(0, s.unsettled);
	EXPECT_EQ(2, s.queued + s.parked_senders);
	EXPECT_EQ(1, s.totals_redelivered);
	EXPECT_EQ(0, s.totals_settled);
	for (int nr = 1; nr <= 2; nr++) {
		ASSERT_EQ(nr, receive_now(self->ends.receiver, &again));
		EXPECT_EQ(nr == 1 ? 2 : 1, again.op.attempt);
		EXPECT_EQ(100 * nr, again.op.tag);
		EXPECT_NE(self->received.op.id, again.op.id);
		EXPECT_EQ(0, settle_well(self->ends.receiver, &again));
		EXPECT_EQ(0, told_done(&self->sent[nr - 1]));
	}
	EXPECT_EQ(2, stat_now(self->ends.admin).totals_settled);
	EXPECT_EQ(3, stat_now(self->ends.admin).totals_received);
}

/* Each to the very head: what is returned last comes first. */
TEST_F(settle, returns_come_back_last_first)
{
	static const int order[] = { 3, 1, 2 };
	struct received received[3];

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, send_styled(&self->sent[i], self->ends.sender,
					 &variant->style, i + 1));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(i + 1, receive(self->ends.receiver, &received[i]));
	EXPECT_EQ(0, settle(self->ends.receiver, &received[1], CHAN_RETURN));
	EXPECT_EQ(0, settle(self->ends.receiver, &received[0], CHAN_RETURN));
	EXPECT_EQ(0, settle(self->ends.receiver, &received[2], CHAN_RETURN));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(order[i],
			  receive_now(self->ends.receiver, &self->received));
		EXPECT_EQ(2, self->received.op.attempt);
		EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
		EXPECT_EQ(0, told_done(&self->sent[order[i] - 1]));
	}
}

TEST_F(settle, return_goes_to_one_that_waits)
{
	struct receiving receiving;

	ASSERT_EQ(0, send_and_receive(self, variant));
	ASSERT_TRUE(receive_start(&receiving, self->ends.receiver));
	EXPECT_EQ(0, settle(self->ends.receiver, &self->received, CHAN_RETURN));
	EXPECT_EQ(1, receive_end(&receiving));
	EXPECT_EQ(2, receiving.received.op.attempt);
	EXPECT_EQ(0, settle_well(self->ends.receiver, &receiving.received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

/* A return is an attempt: the sender is told that nobody would do it. */
TEST_F(settle, returns_end_at_max_attempts)
{
	struct chan_create c = roomy_record(NULL);

	ends_close(&self->ends);
	c.cap = variant->style.cap;
	c.max_attempts = 3;
	ASSERT_EQ(0, ends_make(self->control, &c, &self->ends));
	ASSERT_EQ(0, send_styled(&self->sent[0], self->ends.sender,
				 &variant->style, 1));
	for (__u32 attempt = 1; attempt <= 3; attempt++) {
		EXPECT_FALSE(is_over(&self->sent[0]));
		ASSERT_EQ(1, receive(self->ends.receiver, &self->received));
		EXPECT_EQ(attempt, self->received.op.attempt);
		EXPECT_EQ(0, settle(self->ends.receiver, &self->received,
				    CHAN_RETURN));
	}
	EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
	if (self->sent[0].waits)
		EXPECT_EQ(-EOWNERDEAD, running_end(&self->sent[0].running));
	EXPECT_EQ(2, stat_now(self->ends.admin).totals_redelivered);
	EXPECT_EQ(!self->sent[0].waits,
		  stat_now(self->ends.admin).totals_dropped);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_settled);
}

/* Tokens -------------------------------------------------------------------- */

/* None of the verdicts works with this token, and nothing has happened. */
static int is_stale(FIXTURE_DATA(settle) * self, int fd, __u64 token)
{
	CHECK_EQ(-ESTALE, run_once(fd, op_settle(token, CHAN_ACK)));
	CHECK_EQ(-ESTALE, run_once(fd, op_reply(token, "", 0)));
	CHECK_EQ(-ESTALE, run_once(fd, op_reject(token, EIO)));
	CHECK_EQ(-ESTALE, run_once(fd, op_settle(token, CHAN_RETURN)));
	return is_open(self);
}

TEST_F(settle, token_that_was_never_given_is_ESTALE)
{
	__u64 token;

	ASSERT_EQ(0, send_and_receive(self, variant));
	token = self->received.op.id;
	EXPECT_EQ(0, is_stale(self, self->ends.receiver, 0));
	EXPECT_EQ(0, is_stale(self, self->ends.receiver, token + 1));
	EXPECT_EQ(0, is_stale(self, self->ends.receiver, token - 1));
	EXPECT_EQ(0, is_stale(self, self->ends.receiver, token | 1ULL << 63));
	EXPECT_EQ(0, is_stale(self, self->ends.receiver, token | 1ULL << 32));
	EXPECT_EQ(0, is_stale(self, self->ends.receiver, ~0ULL));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

/* Whose reply it is comes before how long it is, and that before its bytes. */
TEST_F(settle, token_comes_before_the_reply)
{
	static const size_t lengths[] = { 1, 4097, CHAN_MSG_MAX,
					  CHAN_MSG_MAX + 1ULL, ~0ULL };

	ASSERT_EQ(0, send_and_receive(self, variant));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		EXPECT_EQ(-ESTALE, run_once(self->ends.receiver,
					    op_reply(0, NULL, lengths[i])))
		{
			TH_LOG("a reply of %zu", lengths[i]);
		}
		EXPECT_EQ(variant->style.duty == CHAN_DUTY_ACK ? -EINVAL :
			  lengths[i] > sizeof(int)	       ? -EMSGSIZE :
								 -EFAULT,
			  run_once(self->ends.receiver,
				   op_reply(self->received.op.id, NULL,
					    lengths[i])));
	}
	EXPECT_EQ(0, is_open(self));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

/* The sender's name of the message is in its record before it is queued. */
TEST_F(settle, id_is_no_token)
{
	ASSERT_EQ(0, send_and_receive(self, variant));
	ASSERT_NE(RUBBISH, id_of(&self->sent[0].running));
	ASSERT_NE(0, id_of(&self->sent[0].running));
	EXPECT_NE(id_of(&self->sent[0].running), self->received.op.id);
	EXPECT_EQ(0, is_stale(self, self->ends.receiver,
			      id_of(&self->sent[0].running)));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

TEST_F(settle, token_of_another_endpoint_is_ESTALE)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV);
	int both = derive(self->ends.admin, CHAN_RIGHT_SEND | CHAN_RIGHT_RECV);

	ASSERT_EQ(0, send_and_receive(self, variant));
	EXPECT_EQ(0, is_stale(self, other, self->received.op.id));
	EXPECT_EQ(0, is_stale(self, both, self->received.op.id));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	close(other);
	close(both);
}

TEST_F(settle, without_the_right_to_receive_it_is_EBADF)
{
	ASSERT_EQ(0, send_and_receive(self, variant));
	EXPECT_EQ(-EBADF, settle_well(self->ends.sender, &self->received));
	EXPECT_EQ(-EBADF, settle_well(self->ends.admin, &self->received));
	EXPECT_EQ(-EBADF, run_once(self->ends.sender, op_reply(0, "", 0)));
	EXPECT_EQ(0, is_open(self));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

TEST_F(settle, token_is_good_once)
{
	struct received first;

	ASSERT_EQ(0, send_and_receive(self, variant));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	first = self->received;
	EXPECT_EQ(-ESTALE, settle_well(self->ends.receiver, &first));
	EXPECT_EQ(-ESTALE, settle(self->ends.receiver, &first, CHAN_RETURN));
	/* Nor does it meet the next one. */
	ASSERT_EQ(0, send_styled(&self->sent[1], self->ends.sender,
				 &variant->style, 2));
	ASSERT_EQ(2, receive(self->ends.receiver, &self->received));
	EXPECT_LT(first.op.id, self->received.op.id);
	EXPECT_EQ(-ESTALE, settle_well(self->ends.receiver, &first));
	EXPECT_EQ(-ESTALE, settle(self->ends.receiver, &first, CHAN_RETURN));
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	EXPECT_FALSE(is_over(&self->sent[1]));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[1]));
}

TEST_F(settle, token_of_an_earlier_attempt_is_ESTALE)
{
	struct received first;

	ASSERT_EQ(0, send_and_receive(self, variant));
	first = self->received;
	EXPECT_EQ(0, settle(self->ends.receiver, &first, CHAN_RETURN));
	EXPECT_EQ(-ESTALE, settle_well(self->ends.receiver, &first));
	ASSERT_EQ(1, receive(self->ends.receiver, &self->received));
	EXPECT_LT(first.op.id, self->received.op.id);
	EXPECT_EQ(0, is_stale(self, self->ends.receiver, first.op.id));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

struct settling {
	int fd, result;
	struct received received;
};

static void *settle_in_thread(void *arg)
{
	struct settling *settling = arg;

	settling->result = settle_well(settling->fd, &settling->received);
	return NULL;
}

TEST_F(settle, another_thread_may_settle)
{
	struct settling settling = { .fd = self->ends.receiver };
	pthread_t thread;

	ASSERT_EQ(0, send_and_receive(self, variant));
	settling.received = self->received;
	ASSERT_EQ(0,
		  pthread_create(&thread, NULL, settle_in_thread, &settling));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, settling.result);
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

static int settle_in_child(void *arg)
{
	struct settling *settling = arg;

	return settle_well(settling->fd, &settling->received);
}

TEST_F(settle, child_that_shares_the_endpoint_may_settle)
{
	struct settling settling = { .fd = self->ends.receiver };

	ASSERT_EQ(0, send_and_receive(self, variant));
	settling.received = self->received;
	EXPECT_EQ(0, in_child(settle_in_child, &settling));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	EXPECT_EQ(-ESTALE, in_child(settle_in_child, &settling));
}

/* Ends of the channel ------------------------------------------------------- */

TEST_F(settle, after_shutdown_it_settles_all_the_same)
{
	ASSERT_EQ(0, send_and_receive(self, variant));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(0, is_open(self));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	EXPECT_EQ(-ESHUTDOWN, receive_nothing(self->ends.receiver));
	EXPECT_EQ(-ESTALE, settle_well(self->ends.receiver, &self->received));
}

TEST_F(settle, after_shutdown_it_can_be_rejected)
{
	ASSERT_EQ(0, send_and_receive(self, variant));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reject(self->received.op.id, EBUSY)));
	EXPECT_EQ(0, told(&self->sent[0], -EREMOTEIO, CHAN_STATE_SETTLED,
			  CHAN_REJECT, EBUSY));
}

/* What comes back is drained like the rest. */
TEST_F(settle, after_shutdown_it_can_be_returned)
{
	if (!variant->style.cap)
		SKIP(return, "there is no queue to be drained");
	ASSERT_EQ(0, send_and_receive(self, variant));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(0, settle(self->ends.receiver, &self->received, CHAN_RETURN));
	EXPECT_FALSE(is_over(&self->sent[0]));
	ASSERT_EQ(1, receive_now(self->ends.receiver, &self->received));
	EXPECT_EQ(2, self->received.op.attempt);
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

TEST_F(settle, after_the_senders_went_it_settles_all_the_same)
{
	if (style_waits(&variant->style))
		SKIP(return, "its sender stays");
	ASSERT_EQ(0, send_and_receive(self, variant));
	close_end(&self->ends.sender);
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_settled);
	EXPECT_EQ(-ESHUTDOWN, receive_nothing(self->ends.receiver));
}

/* read and AUTOACK ---------------------------------------------------------- */

static const __u32 autoack_flags[] = { CHAN_AUTOACK,
				       CHAN_AUTOACK | CHAN_NOWAIT };

TEST_F(settle, AUTOACK_acknowledges_once_copied)
{
	struct chan_op op;

	if (variant->style.duty == CHAN_DUTY_REPLY)
		SKIP(return, "it wants an answer");
	for (size_t i = 0; i < ARRAY_SIZE(autoack_flags); i++) {
		ASSERT_EQ(0, send_styled(&self->sent[0], self->ends.sender,
					 &variant->style, 1));
		op = receive_op(&self->received);
		op.flags = autoack_flags[i];
		EXPECT_EQ(1,
			  receive_by(self->ends.receiver, &self->received, op));
		EXPECT_EQ(0, self->received.op.id);
		EXPECT_EQ(1, self->received.op.attempt);
		EXPECT_EQ(100, self->received.op.tag);
		EXPECT_EQ(0, told_done(&self->sent[0]));
		EXPECT_EQ(i + 1, stat_now(self->ends.admin).totals_received);
		EXPECT_EQ(i + 1, stat_now(self->ends.admin).totals_settled);
	}
}

TEST_F(settle, read_acknowledges_once_copied)
{
	struct call call;

	if (variant->style.duty == CHAN_DUTY_REPLY)
		SKIP(return, "it wants an answer");
	ASSERT_EQ(0, send_styled(&self->sent[0], self->ends.sender,
				 &variant->style, 1));
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_settled);
	/* One that waits likewise; the sender then need not be in line. */
	ASSERT_EQ(0, start_take(&call, self->ends.receiver));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	self->sent[1].running.op = styled(&self->sent[1], &variant->style, 2);
	self->sent[1].running.result =
		run(self->ends.sender, &self->sent[1].running.op);
	EXPECT_EQ(0, self->sent[1].running.result);
	EXPECT_EQ(2, finish_take(&call));
	EXPECT_EQ(2, stat_now(self->ends.admin).totals_settled);
}

/* What is not copied is not acknowledged. */
TEST_F(settle, failed_read_leaves_it_untouched)
{
	char *edge = page_edge(PROT_NONE);
	struct chan_op op;

	if (variant->style.duty == CHAN_DUTY_REPLY)
		SKIP(return, "it wants an answer");
	ASSERT_EQ(0, send_styled(&self->sent[0], self->ends.sender,
				 &variant->style, 1));
	EXPECT_EQ(-EFAULT, take_bytes(self->ends.receiver, edge - 2, 4));
	EXPECT_EQ(-EMSGSIZE, take_bytes(self->ends.receiver, edge - 2, 2));
	op = op_recv(edge - 2, 4);
	op.flags = CHAN_AUTOACK;
	EXPECT_EQ(-EFAULT, run_once(self->ends.receiver, op));
	op.len = 2;
	EXPECT_EQ(-EMSGSIZE, run(self->ends.receiver, &op));
	EXPECT_EQ(4, op.len);
	EXPECT_FALSE(is_over(&self->sent[0]));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_settled);
	ASSERT_EQ(1, receive_now(self->ends.receiver, &self->received));
	EXPECT_EQ(1, self->received.op.attempt);
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	page_edge_free(edge);
}

/* Calls: replies ------------------------------------------------------------- */

#define REPLY_MAX 100000

FIXTURE(reply)
{
	int control;
	struct ends ends;
	struct running caller;
	struct received received;
	char *room, *reply;
};

FIXTURE_SETUP(reply)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, 64, 0));
	self->room = malloc(REPLY_MAX + 1);
	self->reply = malloc(REPLY_MAX + 1);
	memset(self->room, 0xcc, REPLY_MAX + 1);
}

FIXTURE_TEARDOWN(reply)
{
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ends_close(&self->ends);
	close(self->control);
	free(self->room);
	free(self->reply);
}

/* A call of number 1 with so much room, received. */
static int begin_call(FIXTURE_DATA(reply) * self, size_t room)
{
	static const int nr = 1;
	struct chan_op op = op_call(&nr, sizeof(nr), self->room, room);

	op.verdict = RUBBISH;
	op.state = RUBBISH;
	CHECK_EQ(0, op_start(&self->caller, self->ends.sender, op));
	CHECK_EQ(1, receive(self->ends.receiver, &self->received));
	CHECK_EQ(room, self->received.op.reply_len);
	return 0;
}

/* The caller has these bytes and none beyond. */
static int has_reply(FIXTURE_DATA(reply) * self, size_t len, unsigned int nr)
{
	CHECK_EQ((int)len, running_end(&self->caller));
	CHECK_EQ((int)len, self->caller.op.result);
	CHECK_EQ(len, self->caller.op.reply_len);
	CHECK_EQ(CHAN_REPLY, self->caller.op.verdict);
	CHECK_EQ(CHAN_STATE_SETTLED, self->caller.op.state);
	CHECK_EQ(1, is_stamped(self->room, len, nr));
	CHECK_EQ((char)0xcc, self->room[len]);
	return 0;
}

static const size_t reply_lengths[] = {
	0, 1, 64, 65, 127, 128, 129, 4095, 4096, 4097, 65536, REPLY_MAX,
};

TEST_F(reply, of_exactly_the_room_fits)
{
	for (size_t i = 0; i < ARRAY_SIZE(reply_lengths); i++) {
		size_t len = reply_lengths[i];

		memset(self->room, 0xcc, REPLY_MAX + 1);
		ASSERT_EQ(0, begin_call(self, len));
		stamp(self->reply, len, i);
		EXPECT_EQ(0, run_once(self->ends.receiver,
				      op_reply(self->received.op.id,
					       self->reply, len)));
		EXPECT_EQ(0, has_reply(self, len, i))
		{
			TH_LOG("a reply of %zu", len);
		}
	}
}

TEST_F(reply, shorter_than_the_room_fits)
{
	for (size_t i = 0; i < ARRAY_SIZE(reply_lengths); i++) {
		size_t len = reply_lengths[i];

		memset(self->room, 0xcc, REPLY_MAX + 1);
		ASSERT_EQ(0, begin_call(self, REPLY_MAX + 1));
		stamp(self->reply, len, i);
		EXPECT_EQ(0, run_once(self->ends.receiver,
				      op_reply(self->received.op.id,
					       self->reply, len)));
		EXPECT_EQ(0, has_reply(self, len, i));
	}
}

/* Its writer is told, tries again, and the caller loses nothing. */
TEST_F(reply, longer_than_the_room_is_its_writers_EMSGSIZE)
{
	static const size_t rooms[] = { 0, 1, 128, 4096, REPLY_MAX - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		size_t room = rooms[i];

		memset(self->room, 0xcc, REPLY_MAX + 1);
		ASSERT_EQ(0, begin_call(self, room));
		stamp(self->reply, room + 1, i);
		for (int again = 0; again < 3; again++)
			EXPECT_EQ(-EMSGSIZE,
				  run_once(self->ends.receiver,
					   op_reply(self->received.op.id,
						    self->reply, room + 1)));
		EXPECT_EQ(-EMSGSIZE, run_once(self->ends.receiver,
					      op_reply(self->received.op.id,
						       self->reply, ~0ULL)));
		EXPECT_FALSE(self->caller.over);
		EXPECT_EQ((char)0xcc, self->room[0]);
		EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
		stamp(self->reply, room, i);
		EXPECT_EQ(0, run_once(self->ends.receiver,
				      op_reply(self->received.op.id,
					       self->reply, room)));
		EXPECT_EQ(0, has_reply(self, room, i));
	}
}

TEST_F(reply, that_cannot_be_read_leaves_the_duty_open)
{
	char *edge = page_edge(PROT_NONE);
	static const size_t lengths[] = { 1, 2, 128, 4096 };

	ASSERT_EQ(0, begin_call(self, 4096));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t len = lengths[i];
		char *const bad[] = { edge, edge - len / 2, NULL, (char *)-1 };

		for (size_t j = 0; j < ARRAY_SIZE(bad); j++)
			EXPECT_EQ(-EFAULT,
				  run_once(self->ends.receiver,
					   op_reply(self->received.op.id,
						    bad[j], len)));
	}
	/* Its length comes first. */
	EXPECT_EQ(-EMSGSIZE,
		  run_once(self->ends.receiver,
			   op_reply(self->received.op.id, edge, 4097)));
	EXPECT_FALSE(self->caller.over);
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	stamp(self->reply, 4096, 9);
	EXPECT_EQ(0,
		  run_once(self->ends.receiver,
			   op_reply(self->received.op.id, self->reply, 4096)));
	EXPECT_EQ(0, has_reply(self, 4096, 9));
	page_edge_free(edge);
}

TEST_F(reply, without_bytes_needs_no_memory)
{
	ASSERT_EQ(0, begin_call(self, 0));
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(self->received.op.id, NULL, 0)));
	EXPECT_EQ(0, has_reply(self, 0, 0));
}

/* The caller's memory, not the channel's, takes it. */
TEST_F(reply, takes_no_room_in_the_channel)
{
	int nr = 2;

	ends_close(&self->ends);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 2, 4,
				2 * (4 + CHAN_MSG_OVERHEAD)));
	ASSERT_EQ(0, begin_call(self, REPLY_MAX));
	ASSERT_EQ(0, put(self->ends.sender, nr));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, nr));
	stamp(self->reply, REPLY_MAX, 3);
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(self->received.op.id, self->reply,
				       REPLY_MAX)));
	EXPECT_EQ(0, has_reply(self, REPLY_MAX, 3));
	EXPECT_EQ(nr, take(self->ends.receiver));
}

/* Abandoned ------------------------------------------------------------------ */

/* The caller leaves, after receipt. */
static int leave(FIXTURE_DATA(reply) * self)
{
	CHECK_EQ(0,
		 run_once(self->ends.sender, op_cancel(id_of(&self->caller))));
	CHECK_EQ(-ECANCELED, running_end(&self->caller));
	CHECK_EQ(CHAN_STATE_ABANDONED, self->caller.op.state);
	return 0;
}

static int abandon(FIXTURE_DATA(reply) * self)
{
	CHECK_EQ(0, begin_call(self, 8));
	CHECK_EQ(0, leave(self));
	CHECK_EQ(CHAN_OP_SEND, self->caller.op.code);
	CHECK_EQ(1, stat_now(self->ends.admin).unsettled);
	return 0;
}

/* Every way of settling is told so, once. */
TEST_F(reply, to_an_abandoned_call_is_ECANCELED_once)
{
	const struct chan_op ways[] = {
		op_reply(0, "late", 4),
		op_reject(0, EIO),
		op_settle(0, CHAN_RETURN),
		/* The duty comes before what does not fit it. */
		op_settle(0, CHAN_ACK),
		op_reply(0, "too long", 9),
		op_reply(0, NULL, 4),
		op_reply(0, NULL, ~0ULL),
	};
	struct chan_op op;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		ASSERT_EQ(0, abandon(self));
		op = ways[i];
		op.id = self->received.op.id;
		/* What is malformed is not even looked at. */
		op.flags = CHAN_NOWAIT;
		EXPECT_EQ(-EINVAL, run_once(self->ends.receiver, op));
		op.flags = 0;
		EXPECT_EQ(-ECANCELED, run_once(self->ends.receiver, op))
		{
			TH_LOG("way %zu", i);
		}
		EXPECT_EQ(-ESTALE, run_once(self->ends.receiver, op));
		EXPECT_EQ(0, nothing_is_left(self->ends.admin));
		EXPECT_EQ((char)0xcc, self->room[0]);
		EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
	}
}

TEST_F(reply, that_comes_late_meets_no_other_call)
{
	struct received late;

	ASSERT_EQ(0, abandon(self));
	late = self->received;
	/* The same caller, the same room. */
	ASSERT_EQ(0, begin_call(self, 8));
	EXPECT_EQ(2, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(-ECANCELED, run_once(self->ends.receiver,
				       op_reply(late.op.id, "late", 4)));
	EXPECT_EQ(-ESTALE, run_once(self->ends.receiver,
				    op_reply(late.op.id, "late", 4)));
	EXPECT_FALSE(self->caller.over);
	EXPECT_EQ((char)0xcc, self->room[0]);
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	stamp(self->reply, 6, 5);
	EXPECT_EQ(0, run_once(self->ends.receiver,
			      op_reply(self->received.op.id, self->reply, 6)));
	EXPECT_EQ(0, has_reply(self, 6, 5));
}

/* In a task nobody is disappointed: its duty is good without a listener. */
TEST_F(reply, acknowledgement_that_comes_late_is_good)
{
	static const int nr = 1;
	struct chan_op op = op_task(&nr, sizeof(nr), CHAN_ON_DEATH_FAIL);

	op.deadline = in_ms(500);
	ASSERT_EQ(0, op_start(&self->caller, self->ends.sender, op));
	ASSERT_EQ(1, receive(self->ends.receiver, &self->received));
	EXPECT_EQ(-ETIMEDOUT, running_end(&self->caller));
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(0, settle(self->ends.receiver, &self->received, CHAN_ACK));
	EXPECT_EQ(-ESTALE,
		  settle(self->ends.receiver, &self->received, CHAN_ACK));
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_settled);
}

/* It was returned, and its caller leaves: nobody gets it any more. */
TEST_F(reply, returned_call_that_is_abandoned_leaves_the_queue)
{
	ASSERT_EQ(0, begin_call(self, 8));
	EXPECT_EQ(0, settle(self->ends.receiver, &self->received, CHAN_RETURN));
	ASSERT_EQ(0, leave(self));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
}

/* Calls and read ------------------------------------------------------------- */

struct taker {
	const char *what;
	ssize_t (*fn)(int fd, void *buf, size_t len);
};

static ssize_t take_autoack(int fd, void *buf, size_t len)
{
	struct chan_op op = op_recv(buf, len);

	op.flags = CHAN_AUTOACK;
	return run(fd, &op);
}

static const struct taker takers[] = {
	{ "read", take_bytes },
	{ "AUTOACK", take_autoack },
};

/* The caller was refused, for the reason that it wants an answer. */
static int is_refused(FIXTURE_DATA(reply) * self)
{
	CHECK_EQ(-EREMOTEIO, running_end(&self->caller));
	CHECK_EQ(CHAN_REJECT, self->caller.op.verdict);
	CHECK_EQ(EOPNOTSUPP, self->caller.op.error);
	CHECK_EQ(CHAN_STATE_SETTLED, self->caller.op.state);
	CHECK_EQ((char)0xcc, self->room[0]);
	return 0;
}

static int call_in_line(FIXTURE_DATA(reply) * self, const void *buf, size_t len)
{
	CHECK_EQ(0, op_start(&self->caller, self->ends.sender,
			     op_call(buf, len, self->room, 8)));
	CHECK_EQ(1, STAT_BECOMES(self->ends.admin, queued, 1));
	return 0;
}

TEST_F(reply, is_not_in_the_power_of_who_only_reads)
{
	for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
		char buf[8] = "";

		ASSERT_EQ(0, call_in_line(self, "call", 4));
		ASSERT_EQ(4, put_bytes(self->ends.sender, "next", 4));
		EXPECT_EQ(4, takers[i].fn(self->ends.receiver, buf, 8));
		EXPECT_STREQ("next", buf)
		{
			TH_LOG("%s", takers[i].what);
		}
		EXPECT_EQ(0, is_refused(self));
		EXPECT_EQ(i + 1, stat_now(self->ends.admin).totals_received);
		EXPECT_EQ(i + 1, stat_now(self->ends.admin).totals_settled);
	}
}

/* Its length does not matter, nor where it would have been copied to. */
TEST_F(reply, is_refused_before_the_length_is_looked_at)
{
	char *edge = page_edge(PROT_NONE);

	for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
		char buf[4] = "";

		ASSERT_EQ(0, call_in_line(self, "longer than four", 16));
		ASSERT_EQ(4, put_bytes(self->ends.sender, "next", 4));
		EXPECT_EQ(4, takers[i].fn(self->ends.receiver, buf, 4));
		EXPECT_EQ(0, memcmp("next", buf, 4));
		EXPECT_EQ(0, is_refused(self));
		ASSERT_EQ(0, call_in_line(self, "call", 4));
		ASSERT_EQ(4, put_bytes(self->ends.sender, "next", 4));
		EXPECT_EQ(-EFAULT, takers[i].fn(self->ends.receiver, edge, 8));
		EXPECT_EQ(0, is_refused(self));
		EXPECT_EQ(4, take_bytes(self->ends.receiver, buf, 4));
	}
	page_edge_free(edge);
}

/* Only calls are there: nothing to read, and all are refused. */
TEST_F(reply, is_refused_although_nothing_follows)
{
	ASSERT_EQ(0, call_in_line(self, "call", 4));
	EXPECT_EQ(POLLIN, events_of(self->ends.receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	EXPECT_EQ(0, is_refused(self));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
}

struct taking {
	const struct taker *taker;
	int fd;
	char buf[4];
	ssize_t result;
	pthread_t thread;
};

static void *taking_run(void *arg)
{
	struct taking *taking = arg;

	taking->result = taking->taker->fn(taking->fd, taking->buf, 4);
	return NULL;
}

TEST_F(reply, is_refused_by_one_that_waits_who_waits_on)
{
	for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
		struct taking taking = {
			.taker = &takers[i],
			.fd = self->ends.receiver,
		};

		ASSERT_EQ(0, pthread_create(&taking.thread, NULL, taking_run,
					    &taking));
		ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
		ASSERT_EQ(0, op_start(&self->caller, self->ends.sender,
				      op_call("longer than four", 16,
					      self->room, 8)));
		EXPECT_EQ(0, is_refused(self));
		EXPECT_TRUE(waiting_are(self->ends.admin, 0, 1));
		ASSERT_EQ(4, put_bytes(self->ends.sender, "next", 4));
		ASSERT_EQ(0, pthread_join(taking.thread, NULL));
		EXPECT_EQ(4, taking.result);
		EXPECT_EQ(0, memcmp("next", taking.buf, 4));
	}
}

/* A call waits in a rendezvous, and is refused there too. */
TEST_F(reply, is_refused_without_slots)
{
	struct call writer;

	ends_close(&self->ends);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 0, 64, 0));
	ASSERT_EQ(0, op_start(&self->caller, self->ends.sender,
			      op_call("call", 4, self->room, 8)));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	ASSERT_EQ(0, start_put(&writer, self->ends.sender, 2));
	ASSERT_TRUE(waiting_are(self->ends.admin, 2, 0));
	EXPECT_EQ(2, take(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&writer));
	EXPECT_EQ(0, is_refused(self));
}

/* Work queues ---------------------------------------------------------------- */

TEST(write_on_a_work_queue_is_work)
{
	struct chan_create c = roomy_record(NULL);
	struct received received;
	struct ends ends;
	int control = open_control(), fd;
	struct chan_op op;

	c.flags = CHAN_WORKQUEUE;
	ASSERT_EQ(0, ends_make(control, &c, &ends));
	fd = derive(ends.admin, CHAN_RIGHT_RECV);
	for (int nr = 1; nr <= 3; nr++)
		ASSERT_EQ(0, put(ends.sender, nr));
	/* A plain SEND is as much. */
	op = op_send("\4\0\0", 4);
	ASSERT_EQ(0, run(ends.sender, &op));
	for (int nr = 1; nr <= 2; nr++) {
		ASSERT_EQ(nr, receive(fd, &received));
		EXPECT_EQ(CHAN_DUTY_ACK, received.op.duty);
		EXPECT_NE(0, received.op.id);
		EXPECT_EQ(1, received.op.attempt);
	}
	EXPECT_EQ(2, stat_now(ends.admin).unsettled);
	EXPECT_EQ(0, settle_well(fd, &received));
	close(fd);
	/* The first comes again; one reads it, and that is an ack. */
	EXPECT_EQ(1, take(ends.receiver));
	EXPECT_EQ(0, stat_now(ends.admin).unsettled);
	for (int nr = 3; nr <= 4; nr++) {
		ASSERT_EQ(nr, receive_now(ends.receiver, &received));
		EXPECT_EQ(CHAN_DUTY_ACK, received.op.duty);
		EXPECT_EQ(0, settle_well(ends.receiver, &received));
	}
	EXPECT_EQ(0, nothing_is_left(ends.admin));
	EXPECT_EQ(1, stat_now(ends.admin).totals_redelivered);
	EXPECT_EQ(4, stat_now(ends.admin).totals_settled);
	EXPECT_EQ(4, stat_now(ends.admin).totals_sent);
	EXPECT_EQ(5, stat_now(ends.admin).totals_received);
	/* Other styles stay what they are. */
	op = op_call("call", 4, NULL, 0);
	op.deadline = 1;
	EXPECT_EQ(-ETIMEDOUT, run(ends.sender, &op));
	ends_close(&ends);
	close(control);
}

/* Holding many ---------------------------------------------------------------- */

#define MANY 700

static void shuffle(struct received *received, int nr, unsigned int *seed)
{
	for (int i = nr - 1; i > 0; i--) {
		int other = rand_r(seed) % (i + 1);
		struct received swap = received[i];

		received[i] = received[other];
		received[other] = swap;
	}
}

TEST_F(settle, many_in_any_order)
{
	static struct received received[MANY];
	struct style work = WORK(MANY);
	unsigned int seed = 1;
	int returned = 0;

	if (style_waits(&variant->style))
		SKIP(return, "that takes as many threads");
	ends_close(&self->ends);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, MANY, 4, 0));
	for (int i = 0; i < MANY; i++)
		ASSERT_EQ(0, send_styled(&self->sent[0], self->ends.sender,
					 &work, i + 1));
	for (int i = 0; i < MANY; i++)
		ASSERT_EQ(i + 1,
			  receive_now(self->ends.receiver, &received[i]));
	EXPECT_EQ(MANY, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
	shuffle(received, MANY, &seed);
	for (int i = 0; i < MANY; i++) {
		__u32 verdict = i % 7 ? CHAN_ACK : CHAN_RETURN;

		ASSERT_EQ(0,
			  settle(self->ends.receiver, &received[i], verdict));
		ASSERT_EQ(-ESTALE,
			  settle(self->ends.receiver, &received[i], verdict));
		returned += verdict == CHAN_RETURN;
		ASSERT_EQ(MANY - i - 1, stat_now(self->ends.admin).unsettled);
	}
	EXPECT_EQ(returned, stat_now(self->ends.admin).queued);
	/* The last to be returned is the first to be had. */
	for (int i = MANY - 1; i >= 0; i--) {
		if (i % 7)
			continue;
		ASSERT_EQ(received[i].nr,
			  receive_now(self->ends.receiver, &self->received));
		ASSERT_EQ(2, self->received.op.attempt);
		ASSERT_EQ(0, settle_well(self->ends.receiver, &self->received));
	}
	EXPECT_EQ(MANY, stat_now(self->ends.admin).totals_settled);
}

TEST_HARNESS_MAIN
