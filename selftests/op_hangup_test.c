// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hang-up and shut-down where senders wait for more than a slot and receivers
 * hold duties: when the receivers have gone, what nobody had received is EPIPE
 * to its sender or dropped and counted, and what somebody had received is
 * EOWNERDEAD.  When the senders have gone, or after SHUTDOWN, receivers drain
 * and are then told ESHUTDOWN - but not while a duty that somebody else holds
 * may still come back; what one holds oneself keeps nobody waiting.  A new
 * endpoint ends the hang-up.  Named channels keep waiting until their name goes.
 * And poll says all of that, with slots that are taken until they are settled.
 */
#include <sys/epoll.h>

#include "duties.h"

#define NAME T "op-hangup"

FIXTURE(gone)
{
	int control;
	struct ends ends;
	struct sent sent[6];
	struct received received;
};

FIXTURE_VARIANT(gone)
{
	struct style style;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(gone, async) {
	.style = ASYNC(4),
};
FIXTURE_VARIANT_ADD(gone, meeting) {
	.style = MEETING(4),
};
FIXTURE_VARIANT_ADD(gone, task) {
	.style = TASK(4),
};
FIXTURE_VARIANT_ADD(gone, task_again) {
	.style = TASK_AGAIN(4),
};
FIXTURE_VARIANT_ADD(gone, call) {
	.style = CALL(4),
};
FIXTURE_VARIANT_ADD(gone, call_again) {
	.style = CALL_AGAIN(4),
};
FIXTURE_VARIANT_ADD(gone, work) {
	.style = WORK(4),
};
FIXTURE_VARIANT_ADD(gone, async_without_slots) {
	.style = ASYNC(0),
};
FIXTURE_VARIANT_ADD(gone, task_again_without_slots) {
	.style = TASK_AGAIN(0),
};
FIXTURE_VARIANT_ADD(gone, call_without_slots) {
	.style = CALL(0),
};
/* clang-format on */

FIXTURE_SETUP(gone)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, style_ends(self->control, &variant->style, &self->ends));
	catch_signal(SIGPIPE, 0);
}

FIXTURE_TEARDOWN(gone)
{
	EXPECT_EQ(0, signals_taken);
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ends_close(&self->ends);
	close(self->control);
}

static int send_many(FIXTURE_DATA(gone) * self,
		     const FIXTURE_VARIANT(gone) * variant, int nr)
{
	for (int i = 0; i < nr; i++)
		CHECK_EQ(0, send_styled(&self->sent[i], self->ends.sender,
					&variant->style, i + 1));
	return 0;
}

static bool is_owed(const FIXTURE_VARIANT(gone) * variant)
{
	return variant->style.duty != CHAN_DUTY_NONE;
}

/* Receivers gone ------------------------------------------------------------- */

TEST_F(gone, what_nobody_received_is_EPIPE_or_dropped)
{
	bool waits = style_waits(&variant->style);

	ASSERT_EQ(0, send_many(self, variant, 3));
	close_end(&self->ends.receiver);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, told_broken_pipe(&self->sent[i]));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(waits ? 0 : 3, stat_now(self->ends.admin).totals_dropped);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(POLLOUT | POLLERR, events_of(self->ends.sender));
}

/* Also what waits for a slot, and that is never counted. */
TEST_F(gone, what_has_no_slot_is_EPIPE)
{
	struct running behind[2];
	struct sent sent[2];

	if (!variant->style.cap)
		SKIP(return, "there are no slots");
	ASSERT_EQ(0, send_many(self, variant, 4));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, op_start(&behind[i], self->ends.sender,
				      styled(&sent[i], &variant->style, 5)));
		ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_senders,
					 (__u32)i + 1));
	}
	close_end(&self->ends.receiver);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-EPIPE, running_end(&behind[i]));
		EXPECT_EQ(CHAN_STATE_WITHDRAWN, behind[i].op.state);
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, told_broken_pipe(&self->sent[i]));
	EXPECT_EQ(4, stat_now(self->ends.admin).totals_sent);
	EXPECT_EQ(style_waits(&variant->style) ? 0 : 4,
		  stat_now(self->ends.admin).totals_dropped);
}

TEST_F(gone, what_is_sent_afterwards_is_EPIPE)
{
	struct sent *sent = &self->sent[0];
	struct chan_op op;

	close_end(&self->ends.receiver);
	for (int i = 0; i < 3; i++) {
		op = styled(sent, &variant->style, 1);
		EXPECT_EQ(-EPIPE, run(self->ends.sender, &op));
		EXPECT_EQ(-EPIPE, op.result);
		EXPECT_EQ(CHAN_STATE_WITHDRAWN, op.state);
		EXPECT_EQ(GARBAGE, sent->reply);
	}
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_sent);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_dropped);
}

/* The last receiver dies with one, and leaves two that it never had. */
TEST_F(gone, what_was_received_is_EOWNERDEAD)
{
	bool waits = style_waits(&variant->style);

	if (!is_owed(variant))
		SKIP(return, "nothing is owed");
	ASSERT_EQ(0, send_many(self, variant, 3));
	ASSERT_EQ(1, receive(self->ends.receiver, &self->received));
	close_end(&self->ends.receiver);
	EXPECT_EQ(0, told_owner_dead(&self->sent[0]));
	for (int i = 1; i < 3; i++)
		EXPECT_EQ(0, told_broken_pipe(&self->sent[i]));
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	EXPECT_EQ(waits ? 0 : 3, stat_now(self->ends.admin).totals_dropped);
	EXPECT_EQ(1, stat_now(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_settled);
}

/* It is in the queue again, but it had been received. */
TEST_F(gone, what_was_returned_is_EOWNERDEAD)
{
	if (!is_owed(variant))
		SKIP(return, "nothing is owed");
	ASSERT_EQ(0, send_many(self, variant, 2));
	ASSERT_EQ(1, receive(self->ends.receiver, &self->received));
	EXPECT_EQ(0, settle(self->ends.receiver, &self->received, CHAN_RETURN));
	close_end(&self->ends.receiver);
	EXPECT_EQ(0, told_owner_dead(&self->sent[0]));
	EXPECT_EQ(0, told_broken_pipe(&self->sent[1]));
	EXPECT_EQ(style_waits(&variant->style) ? 0 : 2,
		  stat_now(self->ends.admin).totals_dropped);
}

/* The one who holds it is a receiver too: nobody is gone. */
TEST_F(gone, holder_keeps_the_line)
{
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);

	if (!is_owed(variant))
		SKIP(return, "nothing is owed");
	ASSERT_EQ(0, send_many(self, variant, 2));
	ASSERT_EQ(1, receive(fd, &self->received));
	close_end(&self->ends.receiver);
	EXPECT_EQ(1, in_line(self->ends.admin));
	EXPECT_FALSE(is_over(&self->sent[0]));
	EXPECT_FALSE(is_over(&self->sent[1]));
	EXPECT_EQ(0, settle_well(fd, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	ASSERT_EQ(2, receive(fd, &self->received));
	EXPECT_EQ(0, settle_well(fd, &self->received));
	EXPECT_EQ(0, told_done(&self->sent[1]));
	close(fd);
	EXPECT_EQ(POLLOUT | POLLERR, events_of(self->ends.sender));
}

TEST_F(gone, new_receiver_ends_it)
{
	ASSERT_EQ(0, send_many(self, variant, 1));
	close_end(&self->ends.receiver);
	EXPECT_EQ(0, told_broken_pipe(&self->sent[0]));
	self->ends.receiver = derive(self->ends.admin, CHAN_RIGHT_RECV);
	ASSERT_LE(0, self->ends.receiver);
	EXPECT_EQ(variant->style.cap ? POLLOUT : 0,
		  events_of(self->ends.sender));
	EXPECT_EQ(-EAGAIN, receive_nothing(self->ends.receiver));
	ASSERT_EQ(0, send_styled(&self->sent[1], self->ends.sender,
				 &variant->style, 2));
	ASSERT_EQ(2, receive(self->ends.receiver, &self->received));
	EXPECT_EQ(1, self->received.op.attempt);
	if (is_owed(variant)) {
		EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
		EXPECT_EQ(0, told_done(&self->sent[1]));
	} else {
		EXPECT_EQ(0,
			  told(&self->sent[1], 0, CHAN_STATE_RECEIVED, 0, 0));
	}
}

/* SHUTDOWN ------------------------------------------------------------------- */

/* What has a slot is drained, and its sender hears of it. */
TEST_F(gone, shutdown_lets_the_queue_drain)
{
	bool owed = is_owed(variant);

	if (!variant->style.cap)
		SKIP(return, "there are no slots");
	ASSERT_EQ(0, send_many(self, variant, 3));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	for (int nr = 1; nr <= 3; nr++) {
		EXPECT_EQ(POLLIN | POLLHUP, events_of(self->ends.receiver));
		EXPECT_FALSE(is_over(&self->sent[nr - 1]));
		ASSERT_EQ(nr,
			  receive_now(self->ends.receiver, &self->received));
		if (owed)
			EXPECT_EQ(0, settle_well(self->ends.receiver,
						 &self->received));
		EXPECT_EQ(0, owed ? told_done(&self->sent[nr - 1]) :
				    told(&self->sent[nr - 1], 0,
					 CHAN_STATE_RECEIVED, 0, 0));
	}
	EXPECT_EQ(-ESHUTDOWN, receive_nothing(self->ends.receiver));
	EXPECT_EQ(-ESHUTDOWN, receive(self->ends.receiver, &self->received));
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_dropped);
}

TEST_F(gone, shutdown_is_EPIPE_for_who_sends_or_waits)
{
	struct running running;
	struct sent sent;
	struct chan_op op;

	for (int nr = 1; nr <= (int)variant->style.cap; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	op = styled(&sent, &variant->style, 9);
	ASSERT_EQ(0, op_start(&running, self->ends.sender, op));
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, parked_senders, 1));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(-EPIPE, running_end(&running));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, running.op.state);
	EXPECT_EQ(-EPIPE, run(self->ends.sender, &op));
	EXPECT_EQ(POLLOUT | POLLERR, events_of(self->ends.sender));
	for (int nr = 1; nr <= (int)variant->style.cap; nr++)
		EXPECT_EQ(nr, take(self->ends.receiver));
	EXPECT_EQ(-ESHUTDOWN, receive_nothing(self->ends.receiver));
}

/* The end, and what may still come back ---------------------------------------- */

/*
 * Two receivers, of whom @a holds duties when the end begins.  The senders go,
 * or it is shut down; that makes no difference to receivers.
 */
FIXTURE(end)
{
	int control;
	struct ends ends;
	int a, b;
	struct sent sent[4];
	struct received held;
	struct receiving waiting;
};

FIXTURE_VARIANT(end)
{
	struct style style;
	bool shut;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(end, work_of_senders_gone) {
	.style = WORK(4),
};
FIXTURE_VARIANT_ADD(end, work_shut_down) {
	.style = WORK(4),
	.shut = true,
};
FIXTURE_VARIANT_ADD(end, task_shut_down) {
	.style = TASK(4),
	.shut = true,
};
FIXTURE_VARIANT_ADD(end, call_again_shut_down) {
	.style = CALL_AGAIN(4),
	.shut = true,
};
/* clang-format on */

FIXTURE_SETUP(end)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, style_ends(self->control, &variant->style, &self->ends));
	self->a = self->ends.receiver;
	self->b = derive(self->ends.admin, CHAN_RIGHT_RECV);
	ASSERT_LE(0, self->b);
}

FIXTURE_TEARDOWN(end)
{
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	close(self->b);
	ends_close(&self->ends);
	close(self->control);
}

static void end_sending(FIXTURE_DATA(end) * self,
			const FIXTURE_VARIANT(end) * variant)
{
	if (variant->shut)
		shut_down(self->ends.admin);
	else
		close_end(&self->ends.sender);
}

/* Sends @nr, gives the first to @a, and ends the sending. */
static int begin_end(FIXTURE_DATA(end) * self,
		     const FIXTURE_VARIANT(end) * variant, int nr)
{
	for (int i = 0; i < nr; i++)
		CHECK_EQ(0, send_styled(&self->sent[i], self->ends.sender,
					&variant->style, i + 1));
	CHECK_EQ(1, receive(self->a, &self->held));
	end_sending(self, variant);
	return 0;
}

/* The end has come, and one is told as often as one asks. */
static int is_at_its_end(int fd)
{
	struct received received;

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(POLLIN | POLLHUP, events_of(fd));
		CHECK_EQ(-ESHUTDOWN, receive_now(fd, &received));
		CHECK_EQ(-ESHUTDOWN, receive(fd, &received));
		CHECK_EQ(0, take(fd));
		CHECK_EQ(0, take_now(fd));
	}
	return 0;
}

/* There may be more for this one. */
static int is_before_its_end(int fd)
{
	CHECK_EQ(POLLHUP, events_of(fd));
	CHECK_EQ(-EAGAIN, receive_nothing(fd));
	CHECK_EQ(-EAGAIN, take_now(fd));
	return 0;
}

TEST_F(end, holder_itself_is_told_at_once)
{
	ASSERT_EQ(0, begin_end(self, variant, 1));
	EXPECT_EQ(0, is_at_its_end(self->a));
	EXPECT_EQ(0, is_before_its_end(self->b));
	EXPECT_EQ(0, settle_well(self->a, &self->held));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	EXPECT_EQ(0, is_at_its_end(self->a));
	EXPECT_EQ(0, is_at_its_end(self->b));
}

/* Also when it waits where the end comes. */
TEST_F(end, holder_that_waits_is_told_when_it_comes)
{
	struct receiving holder;

	ASSERT_EQ(0, send_styled(&self->sent[0], self->ends.sender,
				 &variant->style, 1));
	ASSERT_EQ(1, receive(self->a, &self->held));
	ASSERT_TRUE(receive_start(&holder, self->a));
	ASSERT_TRUE(receive_start(&self->waiting, self->b));
	end_sending(self, variant);
	EXPECT_EQ(-ESHUTDOWN, receive_end(&holder));
	EXPECT_EQ(1, stat_now(self->ends.admin).parked_receivers);
	EXPECT_FALSE(self->waiting.running.over);
	EXPECT_EQ(0, settle_well(self->a, &self->held));
	EXPECT_EQ(-ESHUTDOWN, receive_end(&self->waiting));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

TEST_F(end, settling_ends_the_wait_of_others)
{
	ASSERT_EQ(0, begin_end(self, variant, 1));
	ASSERT_TRUE(receive_start(&self->waiting, self->b));
	EXPECT_EQ(0, settle_well(self->a, &self->held));
	EXPECT_EQ(-ESHUTDOWN, receive_end(&self->waiting));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

TEST_F(end, rejection_ends_the_wait_of_others)
{
	ASSERT_EQ(0, begin_end(self, variant, 1));
	ASSERT_TRUE(receive_start(&self->waiting, self->b));
	EXPECT_EQ(0, run_once(self->a, op_reject(self->held.op.id, EIO)));
	EXPECT_EQ(-ESHUTDOWN, receive_end(&self->waiting));
	EXPECT_EQ(0, told(&self->sent[0], -EREMOTEIO, CHAN_STATE_SETTLED,
			  CHAN_REJECT, EIO));
}

TEST_F(end, settling_ends_the_wait_of_a_read)
{
	struct call reader;

	ASSERT_EQ(0, begin_end(self, variant, 1));
	ASSERT_EQ(0, start_take(&reader, self->b));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(0, settle_well(self->a, &self->held));
	EXPECT_EQ(0, finish_take(&reader));
	EXPECT_EQ(0, told_done(&self->sent[0]));
}

static ssize_t poll_in(struct call *call)
{
	struct pollfd p = { .fd = call->fd, .events = POLLIN };

	return poll(&p, 1, -1) == 1 ? p.revents : -errno;
}

static int epoll_of(int fd, __u32 events)
{
	struct epoll_event e = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : epoll;
}

/* What is new since the last time; 0 is nothing. */
static int epoll_now(int epoll)
{
	struct epoll_event e;
	int nr = epoll_wait(epoll, &e, 1, 0);

	return nr < 0 ? -errno : nr ? (int)e.events : 0;
}

/* The end is an edge; poll() for POLLIN alone would be told of POLLHUP. */
TEST_F(end, settling_is_an_edge_for_others)
{
	int epoll = epoll_of(self->b, EPOLLIN | EPOLLET);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, begin_end(self, variant, 1));
	/* Perhaps more than once: messages that others took are edges too. */
	while (epoll_now(epoll))
		;
	EXPECT_EQ(0, settle_well(self->a, &self->held));
	EXPECT_EQ(EPOLLIN | EPOLLHUP, epoll_now(epoll));
	EXPECT_EQ(0, epoll_now(epoll));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	close(epoll);
}

/* What comes back goes to one that waits for it, and then the end comes. */
TEST_F(end, return_goes_to_one_that_waits)
{
	ASSERT_EQ(0, begin_end(self, variant, 1));
	ASSERT_TRUE(receive_start(&self->waiting, self->b));
	EXPECT_EQ(0, settle(self->a, &self->held, CHAN_RETURN));
	EXPECT_EQ(1, receive_end(&self->waiting));
	EXPECT_EQ(2, self->waiting.received.op.attempt);
	EXPECT_EQ(0, is_before_its_end(self->a));
	EXPECT_EQ(0, is_at_its_end(self->b));
	EXPECT_EQ(0, settle_well(self->b, &self->waiting.received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	EXPECT_EQ(0, is_at_its_end(self->a));
}

/* Who else waits there learns that what is left is owed by its own end now. */
TEST_F(end, return_makes_another_the_one_that_owes)
{
	struct receiving second;

	ASSERT_EQ(0, begin_end(self, variant, 1));
	ASSERT_TRUE(receive_start(&self->waiting, self->b));
	ASSERT_TRUE(receive_start(&second, self->b));
	EXPECT_EQ(0, settle(self->a, &self->held, CHAN_RETURN));
	EXPECT_EQ(1, receive_end(&self->waiting));
	EXPECT_EQ(-ESHUTDOWN, receive_end(&second));
	ASSERT_TRUE(receive_start(&second, self->a));
	EXPECT_EQ(0, settle(self->b, &self->waiting.received, CHAN_RETURN));
	EXPECT_EQ(1, receive_end(&second));
	EXPECT_EQ(0, settle_well(self->a, &second.received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	EXPECT_EQ(0, is_at_its_end(self->b));
}

/* The holder dies: it is redelivered, or nothing can come back any more. */
TEST_F(end, death_of_the_holder_is_told_to_one_that_waits)
{
	bool again = variant->style.on_death == CHAN_ON_DEATH_REDELIVER;

	ASSERT_EQ(0, begin_end(self, variant, 1));
	ASSERT_TRUE(receive_start(&self->waiting, self->b));
	close_end(&self->ends.receiver);
	EXPECT_EQ(again ? 1 : -ESHUTDOWN, receive_end(&self->waiting));
	if (!again) {
		EXPECT_EQ(0, told_owner_dead(&self->sent[0]));
		return;
	}
	EXPECT_EQ(2, self->waiting.received.op.attempt);
	EXPECT_EQ(0, settle_well(self->b, &self->waiting.received));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	EXPECT_EQ(0, is_at_its_end(self->b));
}

/* Both hold one: each waits for the other's, not for its own. */
TEST_F(end, two_holders_wait_for_each_other)
{
	struct receiving first;
	struct received other;

	ASSERT_EQ(0, begin_end(self, variant, 2));
	ASSERT_EQ(2, receive_now(self->b, &other));
	EXPECT_EQ(0, is_before_its_end(self->a));
	EXPECT_EQ(0, is_before_its_end(self->b));
	ASSERT_TRUE(receive_start(&first, self->a));
	ASSERT_TRUE(receive_start(&self->waiting, self->b));
	EXPECT_EQ(0, settle_well(self->a, &self->held));
	EXPECT_EQ(-ESHUTDOWN, receive_end(&self->waiting));
	EXPECT_FALSE(first.running.over);
	EXPECT_EQ(1, stat_now(self->ends.admin).parked_receivers);
	EXPECT_EQ(0, settle_well(self->b, &other));
	EXPECT_EQ(-ESHUTDOWN, receive_end(&first));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	EXPECT_EQ(0, told_done(&self->sent[1]));
}

/* As long as there is something to receive, that is what one is told. */
TEST_F(end, queue_comes_before_the_end)
{
	struct received received;

	ASSERT_EQ(0, begin_end(self, variant, 3));
	for (int nr = 2; nr <= 3; nr++) {
		EXPECT_EQ(POLLIN | POLLHUP, events_of(self->b));
		ASSERT_EQ(nr, receive(self->b, &received));
		EXPECT_EQ(0, settle_well(self->b, &received));
		EXPECT_EQ(0, told_done(&self->sent[nr - 1]));
	}
	EXPECT_EQ(0, is_before_its_end(self->b));
	EXPECT_EQ(0, settle_well(self->a, &self->held));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	EXPECT_EQ(0, is_at_its_end(self->b));
}

/* A call that its caller has left cannot come back. */
TEST_F(end, abandoned_call_keeps_nobody_waiting)
{
	if (variant->style.duty != CHAN_DUTY_REPLY)
		SKIP(return, "it cannot be abandoned");
	ASSERT_EQ(0, begin_end(self, variant, 1));
	ASSERT_TRUE(receive_start(&self->waiting, self->b));
	EXPECT_EQ(0, run_once(self->ends.sender,
			      op_cancel(id_of(&self->sent[0].running))));
	EXPECT_EQ(0,
		  told(&self->sent[0], -ECANCELED, CHAN_STATE_ABANDONED, 0, 0));
	EXPECT_EQ(-ESHUTDOWN, receive_end(&self->waiting));
	EXPECT_EQ(0, is_at_its_end(self->b));
	EXPECT_EQ(1, stat_now(self->ends.admin).unsettled);
	EXPECT_EQ(-ECANCELED, settle_well(self->a, &self->held));
}

TEST_F(end, new_sender_ends_the_hangup)
{
	struct received received;

	if (variant->shut)
		SKIP(return, "SHUTDOWN is for good");
	ASSERT_EQ(0, begin_end(self, variant, 1));
	EXPECT_EQ(0, is_at_its_end(self->a));
	self->ends.sender = derive(self->ends.admin, CHAN_RIGHT_SEND);
	ASSERT_LE(0, self->ends.sender);
	EXPECT_EQ(0, events_of(self->a));
	EXPECT_EQ(-EAGAIN, receive_nothing(self->a));
	ASSERT_TRUE(receive_start(&self->waiting, self->b));
	EXPECT_EQ(0, settle_well(self->a, &self->held));
	EXPECT_EQ(1, stat_now(self->ends.admin).parked_receivers);
	ASSERT_EQ(4, put_bytes(self->ends.sender, "\2\0\0", 4));
	EXPECT_EQ(2, receive_end(&self->waiting));
	EXPECT_EQ(-EAGAIN, receive_now(self->a, &received));
}

TEST_F(end, shutdown_is_for_good)
{
	int fd;

	if (!variant->shut)
		SKIP(return, "a hang-up is not");
	ASSERT_EQ(0, begin_end(self, variant, 1));
	EXPECT_EQ(0, settle_well(self->a, &self->held));
	EXPECT_EQ(0, told_done(&self->sent[0]));
	fd = derive(self->ends.admin, CHAN_RIGHT_SEND);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPIPE, put(fd, 1));
	EXPECT_EQ(0, is_at_its_end(self->a));
	close(fd);
}

/* Poll ------------------------------------------------------------------------ */

FIXTURE(ready)
{
	int control;
	struct ends ends;
	struct received received[3];
	struct sent sent;
	struct call poller;
};

/* Two slots, and a message in each that is held. */
FIXTURE_SETUP(ready)
{
	struct style work = WORK(2);

	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, style_ends(self->control, &work, &self->ends));
	for (int nr = 1; nr <= 2; nr++) {
		EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
		ASSERT_EQ(0, send_styled(&self->sent, self->ends.sender, &work,
					 nr));
		EXPECT_EQ(POLLIN, events_of(self->ends.receiver));
		ASSERT_EQ(nr,
			  receive(self->ends.receiver, &self->received[nr]));
		EXPECT_EQ(0, events_of(self->ends.receiver));
	}
}

FIXTURE_TEARDOWN(ready)
{
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ends_close(&self->ends);
	close(self->control);
}

static int settle_both(FIXTURE_DATA(ready) * self)
{
	for (int nr = 1; nr <= 2; nr++)
		CHECK_EQ(0,
			 settle_well(self->ends.receiver, &self->received[nr]));
	return 0;
}

TEST_F(ready, POLLOUT_counts_what_is_unsettled)
{
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 3));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received[2]));
	EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
	EXPECT_EQ(0, put_now(self->ends.sender, 3));
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 4));
	EXPECT_EQ(3, take_now(self->ends.receiver));
	EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received[1]));
}

static ssize_t poll_out(struct call *call)
{
	struct pollfd p = { .fd = call->fd, .events = POLLOUT };

	return poll(&p, 1, -1) == 1 ? p.revents : -errno;
}

TEST_F(ready, settling_wakes_who_polls_for_room)
{
	self->poller = (struct call){
		.fn = poll_out,
		.fd = self->ends.sender,
	};
	ASSERT_EQ(0, call_start(&self->poller));
	ASSERT_TRUE(call_sleeps_in(&self->poller, SYS_poll));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received[2]));
	EXPECT_EQ(POLLOUT, finish(&self->poller));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received[1]));
}

TEST_F(ready, return_is_no_room)
{
	EXPECT_EQ(0,
		  settle(self->ends.receiver, &self->received[1], CHAN_RETURN));
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 3));
	EXPECT_EQ(POLLIN, events_of(self->ends.receiver));
	EXPECT_EQ(1, take_now(self->ends.receiver));
	EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received[2]));
}

TEST_F(ready, return_wakes_who_polls_for_a_message)
{
	self->poller = (struct call){
		.fn = poll_in,
		.fd = self->ends.receiver,
	};
	ASSERT_EQ(0, call_start(&self->poller));
	ASSERT_TRUE(call_sleeps_in(&self->poller, SYS_poll));
	EXPECT_EQ(0,
		  settle(self->ends.receiver, &self->received[1], CHAN_RETURN));
	EXPECT_EQ(POLLIN, finish(&self->poller));
	EXPECT_EQ(1, receive_now(self->ends.receiver, &self->received[1]));
	EXPECT_EQ(0, settle_both(self));
}

/* Every message that can be received again is an edge, however it came back. */
TEST_F(ready, what_comes_back_is_an_edge)
{
	int epoll = epoll_of(self->ends.receiver, EPOLLIN | EPOLLET);
	int fd = derive(self->ends.admin, CHAN_RIGHT_RECV);

	ASSERT_LE(0, epoll);
	EXPECT_EQ(0, epoll_now(epoll));
	for (int nr = 1; nr <= 2; nr++) {
		EXPECT_EQ(0, settle(self->ends.receiver, &self->received[nr],
				    CHAN_RETURN));
		EXPECT_EQ(EPOLLIN, epoll_now(epoll));
		EXPECT_EQ(0, epoll_now(epoll));
	}
	ASSERT_EQ(2, receive(fd, &self->received[0]));
	EXPECT_EQ(0, epoll_now(epoll));
	close(fd);
	EXPECT_EQ(EPOLLIN, epoll_now(epoll));
	EXPECT_EQ(0, epoll_now(epoll));
	ASSERT_EQ(2, receive(self->ends.receiver, &self->received[2]));
	EXPECT_EQ(3, self->received[2].op.attempt);
	ASSERT_EQ(1, receive(self->ends.receiver, &self->received[1]));
	EXPECT_EQ(2, self->received[1].op.attempt);
	EXPECT_EQ(0, settle_both(self));
	close(epoll);
}

TEST_F(ready, settling_is_an_edge_for_who_waits_for_room)
{
	int epoll = epoll_of(self->ends.sender, EPOLLOUT | EPOLLET);

	ASSERT_LE(0, epoll);
	EXPECT_EQ(0, epoll_now(epoll));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received[1]));
	EXPECT_EQ(EPOLLOUT, epoll_now(epoll));
	EXPECT_EQ(0, epoll_now(epoll));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received[2]));
	close(epoll);
}

/* Named channels --------------------------------------------------------------- */

FIXTURE(named)
{
	int control;
	struct ends ends;
	struct sent sent[4];
	struct received received;
};

FIXTURE_VARIANT(named)
{
	struct style style;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(named, task) {
	.style = TASK(4),
};
FIXTURE_VARIANT_ADD(named, task_again) {
	.style = TASK_AGAIN(4),
};
FIXTURE_VARIANT_ADD(named, call_again_without_slots) {
	.style = CALL_AGAIN(0),
};
FIXTURE_VARIANT_ADD(named, work) {
	.style = WORK(4),
};
/* clang-format on */

FIXTURE_SETUP(named)
{
	struct chan_create c = roomy_record(NAME);

	self->control = open_control();
	ASSERT_LE(0, self->control);
	c.cap = variant->style.cap;
	ASSERT_EQ(0, ends_make(self->control, &c, &self->ends));
}

FIXTURE_TEARDOWN(named)
{
	EXPECT_EQ(0, nothing_is_left(self->ends.admin));
	ends_close(&self->ends);
	names_sweep();
	close(self->control);
}

/* One that was received and one that was not, and then nobody is there. */
static int begin_silence(FIXTURE_DATA(named) * self,
			 const FIXTURE_VARIANT(named) * variant)
{
	for (int i = 0; i < 2; i++)
		CHECK_EQ(0, send_styled(&self->sent[i], self->ends.sender,
					&variant->style, i + 1));
	CHECK_EQ(1, receive(self->ends.receiver, &self->received));
	close_end(&self->ends.receiver);
	return 0;
}

static bool comes_back(const FIXTURE_VARIANT(named) * variant)
{
	return variant->style.on_death == CHAN_ON_DEATH_REDELIVER;
}

TEST_F(named, what_comes_back_waits_for_a_new_receiver)
{
	int first = comes_back(variant) ? 1 : 2;

	ASSERT_EQ(0, begin_silence(self, variant));
	EXPECT_EQ(3 - first, in_line(self->ends.admin));
	if (!comes_back(variant))
		EXPECT_EQ(0, told_owner_dead(&self->sent[0]));
	EXPECT_FALSE(is_over(&self->sent[1]));
	self->ends.receiver = open_node(NAME, O_RDONLY);
	ASSERT_LE(0, self->ends.receiver);
	for (int nr = first; nr <= 2; nr++) {
		ASSERT_EQ(nr,
			  receive_now(self->ends.receiver, &self->received));
		EXPECT_EQ(3 - nr, self->received.op.attempt);
		EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
		EXPECT_EQ(0, told_done(&self->sent[nr - 1]));
	}
	EXPECT_EQ(0, stat_now(self->ends.admin).totals_dropped);
}

TEST_F(named, removal_ends_what_waits_for_a_receiver)
{
	ASSERT_EQ(0, begin_silence(self, variant));
	EXPECT_FALSE(is_over(&self->sent[1]));
	ASSERT_EQ(0, remove_name(self->control, NAME));
	EXPECT_EQ(0, told_owner_dead(&self->sent[0]));
	EXPECT_EQ(0, told_broken_pipe(&self->sent[1]));
	EXPECT_EQ(style_waits(&variant->style) ? 0 : 2,
		  stat_now(self->ends.admin).totals_dropped);
}

/* Nobody hangs up, so nobody is told of an end. */
TEST_F(named, receiver_waits_on_when_senders_have_gone)
{
	struct receiving receiving;
	struct style work = WORK(variant->style.cap);

	if (!variant->style.cap)
		SKIP(return, "there is no work without slots");
	ASSERT_EQ(0, send_styled(&self->sent[0], self->ends.sender, &work, 1));
	ASSERT_EQ(1, receive(self->ends.receiver, &self->received));
	close_end(&self->ends.sender);
	ASSERT_TRUE(receive_start(&receiving, self->ends.receiver));
	EXPECT_EQ(0, settle_well(self->ends.receiver, &self->received));
	EXPECT_EQ(1, stat_now(self->ends.admin).parked_receivers);
	/* Until the name goes. */
	ASSERT_EQ(0, remove_name(self->control, NAME));
	EXPECT_EQ(-ESHUTDOWN, receive_end(&receiving));
}

TEST_HARNESS_MAIN
