// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies that do not come. Whether a page of the receiver stalls or one of the
 * select itself, nobody else is held up on any of its channels; meanwhile the
 * message can be taken back, by its sender or with the select, and then it has
 * left no trace; and when the page fails, all is as it was.
 */
#include "select_copy.h"

/* With a page and a rendezvous channel that nobody has used. */
static int start_again(FIXTURE_DATA(copy) * self)
{
	ends_close(&self->meet);
	CHECK_EQ(0, ends_sized(self->control, &self->meet, 0, 64, 0));
	stall_close(&self->stall);
	return stall_open(&self->stall);
}

/* Receivers whose copy is stalled -------------------------------------------------- */

/* Somebody has claimed what the select sends, and nobody else is in line. */
static int stall_receiver(FIXTURE_DATA(copy) * self, __u64 deadline)
{
	CHECK_EQ(0, start_sending(self, deadline));
	CHECK_EQ(0, op_start(&self->receiver, self->meet.receiver,
			     op_recv(self->stall.page, 64)));
	CHECK_EQ(true, stall_reached(&self->stall));
	CHECK_EQ(0, self->s.over);
	CHECK_EQ(0, stat_now(self->meet.admin).totals_sent);
	/* Nobody else receives it. */
	CHECK_EQ(-EAGAIN, take_message(self->meet.receiver));
	return 0;
}

TEST_F(copy, that_stalls_and_comes_is_the_one)
{
	ASSERT_EQ(0, stall_receiver(self, 0));
	stall_let(&self->stall);
	EXPECT_EQ(SEND_MEET, select_ends(&self->s));
	EXPECT_EQ(4, running_end(&self->receiver));
	EXPECT_EQ(1, *(int *)self->stall.page);
	EXPECT_EQ(CHAN_STATE_RECEIVED, self->s.arms[SEND_MEET].state);
	EXPECT_EQ(0, nobody_waits(self));
	EXPECT_EQ(0, nothing_is_there(self));
}

TEST_F(copy, that_stalls_and_fails_leaves_the_select_in_its_place)
{
	ASSERT_EQ(0, stall_receiver(self, 0));
	self->nr = 2;
	ASSERT_EQ(0, op_start(&self->sender, self->meet.sender,
			      op_send(&self->nr, 4)));
	ASSERT_TRUE(op_sleeps(&self->sender));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, running_end(&self->receiver));
	ASSERT_EQ(0, goes_on(self, 2));
	EXPECT_EQ(1, take_message(self->meet.receiver));
	EXPECT_EQ(SEND_MEET, select_ends(&self->s));
	EXPECT_EQ(2, take_message(self->meet.receiver));
	EXPECT_EQ(0, running_end(&self->sender));
	EXPECT_EQ(0, nothing_is_there(self));
}

TEST_F(copy, that_stalls_and_fails_leaves_the_other_arm)
{
	ASSERT_EQ(0, stall_receiver(self, 0));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, running_end(&self->receiver));
	ASSERT_EQ(0, goes_on(self, 1));
	ASSERT_EQ(0, put_message(self->b.sender, 7));
	EXPECT_EQ(RECV_B, select_ends(&self->s));
	EXPECT_EQ(-EAGAIN, take_message(self->meet.receiver));
	EXPECT_EQ(0, nothing_is_there(self));
}

/* The receiver whose copy was in vain has the next message, and only that. */
static int has_the_next(FIXTURE_DATA(copy) * self)
{
	CHECK_EQ(0, stat_now(self->meet.admin).totals_sent);
	CHECK_EQ(0, self->receiver.over);
	stall_let(&self->stall);
	CHECK_EQ(true, waiting_are(self->meet.admin, 0, 1));
	CHECK_EQ(0, put_message(self->meet.sender, 2));
	CHECK_EQ(4, running_end(&self->receiver));
	CHECK_EQ(2, *(int *)self->stall.page);
	CHECK_EQ(0, nobody_waits(self));
	return nothing_is_there(self);
}

TEST_F(copy, that_stalls_is_taken_back_by_a_signal)
{
	ASSERT_EQ(0, stall_receiver(self, 0));
	ASSERT_TRUE(select_interrupt(&self->s));
	EXPECT_EQ(-EINTR, select_ends(&self->s));
	EXPECT_EQ(UNTOLD, self->s.batch.index);
	EXPECT_EQ(0, has_the_next(self));
}

TEST_F(copy, that_stalls_is_taken_back_by_the_deadline)
{
	double begun = now();
	__u64 deadline;

	ASSERT_EQ(0, stall_receiver(self, 0));
	ASSERT_TRUE(select_interrupt(&self->s));
	ASSERT_EQ(-EINTR, select_ends(&self->s));
	ASSERT_EQ(0, has_the_next(self));
	ASSERT_EQ(0, start_again(self));
	deadline = deadline_after(begun);
	ASSERT_EQ(0, stall_receiver(self, deadline));
	EXPECT_EQ(-ETIMEDOUT, select_ends(&self->s));
	EXPECT_LE(deadline, clock_ns());
	EXPECT_EQ(0, has_the_next(self));
}

TEST_F(copy, that_stalls_is_taken_back_by_CANCEL_of_its_tag)
{
	ASSERT_EQ(0, stall_receiver(self, 0));
	EXPECT_EQ(1, run_once(self->meet.sender, op_cancel_tag(0x7a6)));
	EXPECT_EQ(-ECANCELED, select_ends(&self->s));
	EXPECT_EQ(SEND_MEET, self->s.batch.index);
	EXPECT_EQ(0, has_the_next(self));
}

TEST_F(copy, that_stalls_is_taken_back_by_CANCEL_of_its_id)
{
	__u64 id;

	ASSERT_EQ(0, stall_receiver(self, 0));
	id = __atomic_load_n(&self->s.arms[SEND_MEET].id, __ATOMIC_RELAXED);
	if (id == 0xcccccccccccccccc)
		SKIP(return, "its id cannot be known");
	EXPECT_EQ(0, run_once(self->meet.sender, op_cancel(id)));
	EXPECT_EQ(-ECANCELED, select_ends(&self->s));
	EXPECT_EQ(SEND_MEET, self->s.batch.index);
	EXPECT_EQ(0, has_the_next(self));
}

/* What is claimed is not waiting any more, but if it comes back it cannot. */
TEST_F(copy, that_stalls_and_fails_after_a_shutdown_is_EPIPE)
{
	ASSERT_EQ(0, stall_receiver(self, 0));
	ASSERT_EQ(0, shut_down(self->meet.admin));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, running_end(&self->receiver));
	EXPECT_EQ(-EPIPE, select_ends(&self->s));
	EXPECT_EQ(SEND_MEET, self->s.batch.index);
	EXPECT_EQ(0, stat_now(self->meet.admin).totals_sent);
	EXPECT_EQ(0, nobody_waits(self));
	EXPECT_EQ(0, nothing_is_there(self));
}

/* As a send alone would be told, and what its receiver has seen. */
static int stalls_over_a_shutdown(FIXTURE_DATA(copy) * self, int plain)
{
	bool sent;
	int ret;

	if (plain) {
		self->nr = 1;
		CHECK_EQ(0, op_start(&self->sender, self->meet.sender,
				     op_send(&self->nr, 4)));
		CHECK_EQ(true, waiting_are(self->meet.admin, 1, 0));
		CHECK_EQ(0, op_start(&self->receiver, self->meet.receiver,
				     op_recv(self->stall.page, 64)));
		CHECK_EQ(true, stall_reached(&self->stall));
	} else {
		CHECK_EQ(0, stall_receiver(self, 0));
	}
	CHECK_EQ(0, shut_down(self->meet.admin));
	stall_let(&self->stall);
	ret = plain ? running_end(&self->sender) : select_ends(&self->s);
	sent = running_end(&self->receiver) == 4;
	CHECK_EQ(sent, !ret);
	CHECK_EQ(sent, stat_now(self->meet.admin).totals_sent);
	CHECK_EQ(0, nobody_waits(self));
	return 16 + sent;
}

TEST_F(copy, that_stalls_over_a_shutdown_ends_as_alone)
{
	int alone = stalls_over_a_shutdown(self, true);

	ASSERT_EQ(0, start_again(self));
	EXPECT_LE(16, alone);
	EXPECT_EQ(alone, stalls_over_a_shutdown(self, false));
}

TEST_F(copy, that_stalls_is_taken_back_by_a_kill)
{
	pid_t pid = fork();

	if (!pid) {
		start_sending(self, 0);
		pause();
		_exit(0);
	}
	ASSERT_TRUE(waiting_are(self->meet.admin, 1, 0));
	ASSERT_TRUE(waiting_are(self->b.admin, 0, 1));
	ASSERT_EQ(0, op_start(&self->receiver, self->meet.receiver,
			      op_recv(self->stall.page, 64)));
	ASSERT_TRUE(stall_reached(&self->stall));
	EXPECT_EQ(0, child_kill(pid));
	EXPECT_EQ(0, has_the_next(self));
}

/*
 * A message for the other arm: it is the select's, which takes the first back,
 * or anybody's who receives there; nobody waits because somebody has stalled.
 */
TEST_F(copy, that_stalls_holds_up_nobody_at_the_other_arm)
{
	int got;

	ASSERT_EQ(0, stall_receiver(self, 0));
	ASSERT_EQ(0, put_message(self->b.sender, 7));
	BECOMES(self->s.over || stat_now(self->b.admin).queued == 1);
	got = take_message(self->b.receiver);
	TH_LOG("select over: %d, another receiver of its other arm: %d",
	       self->s.over, got);
	if (got == 7) {
		EXPECT_FALSE(self->s.over);
		stall_let(&self->stall);
		EXPECT_EQ(SEND_MEET, select_ends(&self->s));
		EXPECT_EQ(4, running_end(&self->receiver));
	} else {
		EXPECT_EQ(-EAGAIN, got);
		EXPECT_EQ(RECV_B, select_ends(&self->s));
		EXPECT_EQ(7, self->s.numbers[RECV_B]);
		EXPECT_EQ(0, has_the_next(self));
	}
	EXPECT_EQ(0, nothing_is_there(self));
}

/* And if it fails, that message is the select's. */
TEST_F(copy, that_stalls_and_fails_gives_the_other_arm_what_has_come)
{
	ASSERT_EQ(0, stall_receiver(self, 0));
	ASSERT_EQ(0, put_message(self->b.sender, 7));
	stall_fail(&self->stall);
	EXPECT_EQ(-EFAULT, running_end(&self->receiver));
	EXPECT_EQ(RECV_B, select_ends(&self->s));
	EXPECT_EQ(7, self->s.numbers[RECV_B]);
	EXPECT_EQ(-EAGAIN, take_message(self->meet.receiver));
	EXPECT_EQ(0, nobody_waits(self));
	EXPECT_EQ(0, nothing_is_there(self));
}

/* The select's own buffer is stalled ------------------------------------------------ */

/* It has claimed number 1 of @a or of a sender, and stalls; or waits on @b. */
static int stall_select(FIXTURE_DATA(copy) * self, const struct ends *ends,
			bool parks)
{
	select_init(&self->s, self->a.admin);
	add_arm(&self->s, ends->receiver, op_recv(self->stall.page, 64));
	add_recv(&self->s, self->b.receiver);
	self->nr = 1;
	if (parks) {
		CHECK_EQ(0, select_start(&self->s));
		CHECK_EQ(true, waiting_are(ends->admin, 0, 1));
	}
	CHECK_EQ(0,
		 op_start(&self->sender, ends->sender, op_send(&self->nr, 4)));
	if (!parks) {
		CHECK_EQ(true, BECOMES(events_of(ends->receiver) == POLLIN));
		CHECK_EQ(0, select_start(&self->s));
	}
	CHECK_EQ(true, stall_reached(&self->stall));
	CHECK_EQ(0, self->s.over);
	return 0;
}

/* Others send and receive on both of its channels. */
static int others_go_on(FIXTURE_DATA(copy) * self, const struct ends *ends)
{
	struct received received;

	for (int nr = 10; nr < 20; nr++) {
		CHECK_EQ(0, put_message(self->b.sender, nr));
		CHECK_EQ(nr, take_message(self->b.receiver));
	}
	if (ends == &self->a) {
		for (int nr = 10; nr < 20; nr++) {
			CHECK_EQ(0, put_message(self->a.sender, nr));
			CHECK_EQ(nr, take_message(self->a.receiver));
		}
		return 0;
	}
	CHECK_EQ(0, op_start(&self->receiver, ends->receiver,
			     receive_op(&received)));
	CHECK_EQ(true, op_sleeps(&self->receiver));
	CHECK_EQ(true, STAT_BECOMES(ends->admin, parked_receivers, 1));
	CHECK_EQ(0, put_message(ends->sender, 10));
	CHECK_EQ(4, running_end(&self->receiver));
	CHECK_EQ(10, received.nr);
	return 0;
}

static int stalls_and_comes(FIXTURE_DATA(copy) * self, const struct ends *ends,
			    bool parks)
{
	CHECK_EQ(0, stall_select(self, ends, parks));
	CHECK_EQ(0, others_go_on(self, ends));
	CHECK_EQ(0, self->s.over);
	stall_let(&self->stall);
	CHECK_EQ(0, select_ends(&self->s));
	CHECK_EQ(4, self->s.arms[0].result);
	CHECK_EQ(1, *(int *)self->stall.page);
	CHECK_EQ(0, running_end(&self->sender));
	CHECK_EQ(0, nobody_waits(self));
	return nothing_is_there(self);
}

static int stalls_and_fails(FIXTURE_DATA(copy) * self, const struct ends *ends,
			    bool parks)
{
	CHECK_EQ(0, stall_select(self, ends, parks));
	CHECK_EQ(0, others_go_on(self, ends));
	stall_fail(&self->stall);
	CHECK_EQ(-EFAULT, select_ends(&self->s));
	CHECK_EQ(0, self->s.batch.index);
	CHECK_EQ(0, expect_first_attempt(ends->receiver, 1));
	CHECK_EQ(0, running_end(&self->sender));
	CHECK_EQ(0, nobody_waits(self));
	return nothing_is_there(self);
}

/* The message is taken back meanwhile: the select waits on, with all its arms. */
static int stalls_in_vain(FIXTURE_DATA(copy) * self, bool parks, int at)
{
	CHECK_EQ(0, stall_select(self, &self->meet, parks));
	CHECK_EQ(0,
		 run_once(self->meet.sender, op_cancel(id_of(&self->sender))));
	CHECK_EQ(-ECANCELED, running_end(&self->sender));
	CHECK_EQ(0, self->s.over);
	stall_let(&self->stall);
	CHECK_EQ(true, waiting_are(self->meet.admin, 0, 1));
	CHECK_EQ(true, waiting_are(self->b.admin, 0, 1));
	CHECK_EQ(true, select_sleeps(&self->s));
	if (at == 0)
		CHECK_EQ(0, put_message(self->meet.sender, 2));
	else
		CHECK_EQ(0, put_message(self->b.sender, 2));
	CHECK_EQ(at, select_ends(&self->s));
	CHECK_EQ(2, at ? self->s.numbers[1] : *(int *)self->stall.page);
	CHECK_EQ(0, nobody_waits(self));
	return nothing_is_there(self);
}

/*
 * The record of the arm is for the message that it receives in the end: what
 * was taken back has left nothing there, and a restart finds all of the buffer.
 */
static int has_all_of_its_buffer(FIXTURE_DATA(copy) * self, bool restarts)
{
	static const char text[] = "longer than the other";
	struct chan_op longer = op_send(text, sizeof(text));

	longer.deadline = in_ms(BUDGET * 1000);
	CHECK_EQ(0, stall_select(self, &self->meet, true));
	CHECK_EQ(0,
		 run_once(self->meet.sender, op_cancel(id_of(&self->sender))));
	CHECK_EQ(-ECANCELED, running_end(&self->sender));
	stall_let(&self->stall);
	CHECK_EQ(true, waiting_are(self->meet.admin, 0, 1));
	if (restarts) {
		CHECK_EQ(true, select_interrupt(&self->s));
		CHECK_EQ(true, waiting_are(self->meet.admin, 0, 1));
		CHECK_EQ(true, select_sleeps(&self->s));
	}
	CHECK_EQ(0, run_once(self->meet.sender, longer));
	CHECK_EQ(0, select_ends(&self->s));
	CHECK_EQ((int)sizeof(text), self->s.arms[0].result);
	CHECK_EQ(0, strcmp(text, self->stall.page));
	return nothing_is_there(self);
}

/* It ends without effect, by a signal or late, and so has every record of it. */
static int leaves_no_trace(FIXTURE_DATA(copy) * self, __u64 late)
{
	select_init(&self->s, self->a.admin);
	self->s.batch.deadline = late;
	add_arm(&self->s, self->meet.receiver, op_recv(self->stall.page, 64));
	CHECK_EQ(0, select_start(&self->s));
	CHECK_EQ(true, waiting_are(self->meet.admin, 0, 1));
	self->nr = 1;
	CHECK_EQ(0, op_start(&self->sender, self->meet.sender,
			     op_send(&self->nr, 4)));
	CHECK_EQ(true, stall_reached(&self->stall));
	CHECK_EQ(0,
		 run_once(self->meet.sender, op_cancel(id_of(&self->sender))));
	CHECK_EQ(-ECANCELED, running_end(&self->sender));
	stall_let(&self->stall);
	if (!late) {
		CHECK_EQ(true, waiting_are(self->meet.admin, 0, 1));
		CHECK_EQ(true, select_interrupt(&self->s));
	}
	CHECK_EQ(late ? -ETIMEDOUT : -EINTR, select_ends(&self->s));
	CHECK_EQ(UNTOLD, self->s.batch.index);
	return nothing_is_there(self);
}

TEST_F(copy, that_was_taken_back_has_left_nothing_in_the_record)
{
	double begun = now();

	ASSERT_EQ(0, leaves_no_trace(self, 0));
	ASSERT_EQ(0, start_again(self));
	EXPECT_EQ(0, leaves_no_trace(self, deadline_after(begun)));
}

TEST_F(copy, that_was_taken_back_is_followed_by_any_other)
{
	catch_signal(SIGUSR1, SA_RESTART);
	EXPECT_EQ(0, has_all_of_its_buffer(self, false));
}

TEST_F(copy, that_was_taken_back_leaves_a_restart_all_of_the_buffer)
{
	catch_signal(SIGUSR1, SA_RESTART);
	EXPECT_EQ(0, has_all_of_its_buffer(self, true));
}

TEST_F(copy, of_a_select_that_stalls_holds_up_nobody)
{
	const struct ends *both[] = { &self->a, &self->meet };

	for (int e = 0; e < 2; e++)
		for (int parks = 0; parks < 2; parks++) {
			EXPECT_EQ(0, stalls_and_comes(self, both[e], parks));
			ASSERT_EQ(0, start_again(self));
			EXPECT_EQ(0, stalls_and_fails(self, both[e], parks));
			ASSERT_EQ(0, start_again(self));
		}
}

TEST_F(copy, of_a_select_that_stalls_can_be_taken_back)
{
	for (int parks = 0; parks < 2; parks++)
		for (int at = 0; at < 2; at++) {
			EXPECT_EQ(0, stalls_in_vain(self, parks, at))
			{
				TH_LOG("parks %d, arm %d", parks, at);
			}
			ASSERT_EQ(0, start_again(self));
		}
}

/* A receipt that is cancelled while it stalls: as that of an operation alone. */
static int cancelled_while_it_stalls(FIXTURE_DATA(copy) * self, bool plain)
{
	struct chan_op op = op_recv(self->stall.page, 64);
	int count, ret;

	op.tag = 0x7a6;
	CHECK_EQ(0, put_message(self->a.sender, 1));
	if (plain) {
		CHECK_EQ(0, op_start(&self->receiver, self->a.receiver, op));
	} else {
		select_init(&self->s, self->a.admin);
		add_arm(&self->s, self->a.receiver, op);
		add_recv(&self->s, self->b.receiver);
		CHECK_EQ(0, select_start(&self->s));
	}
	CHECK_EQ(true, stall_reached(&self->stall));
	count = run_once(self->a.receiver, op_cancel_tag(0x7a6));
	stall_let(&self->stall);
	ret = plain ? running_end(&self->receiver) : select_ends(&self->s);
	/* Had, or still there. */
	CHECK_EQ(ret < 0, stat_now(self->a.admin).queued);
	CHECK_EQ(ret < 0 ? 1 : -EAGAIN, take_message(self->a.receiver));
	CHECK_EQ(0, nobody_waits(self));
	return 16 + 2 * count + (ret < 0);
}

TEST_F(copy, of_a_select_that_stalls_is_cancelled_as_alone)
{
	int alone = cancelled_while_it_stalls(self, true);

	ASSERT_EQ(0, start_again(self));
	EXPECT_LE(16, alone);
	EXPECT_EQ(alone, cancelled_while_it_stalls(self, false));
}

/* Receives into the page, or on a channel where nothing comes. */
static void select_into(int fd, void *page)
{
	static struct selecting s;
	int control = open_control();
	int never = whole_channel(control, 1);

	select_init(&s, never);
	add_recv(&s, never);
	add_arm(&s, fd, op_recv(page, 64));
	select_run(&s);
}

/* It was claimed by somebody who is no more. */
static int survives_a_kill(FIXTURE_DATA(copy) * self, const struct ends *ends)
{
	pid_t pid;

	self->nr = 1;
	CHECK_EQ(0,
		 op_start(&self->sender, ends->sender, op_send(&self->nr, 4)));
	CHECK_EQ(true, BECOMES(events_of(ends->receiver) == POLLIN));
	pid = stalled_child(stall_open, select_into, ends->receiver);
	CHECK_EQ(true, pid > 0);
	CHECK_EQ(-EAGAIN, take_message(ends->receiver));
	CHECK_EQ(0, child_kill(pid));
	CHECK_EQ(0, expect_first_attempt(ends->receiver, 1));
	CHECK_EQ(0, running_end(&self->sender));
	CHECK_EQ(0, nobody_waits(self));
	return nothing_is_there(self);
}

TEST_F(copy, of_a_select_that_is_killed_is_there_for_the_next)
{
	EXPECT_EQ(0, survives_a_kill(self, &self->a));
	EXPECT_EQ(0, survives_a_kill(self, &self->meet));
}

/*
 * Whose message was taken back waits on, in front of somebody who came after it
 * or behind: as an operation alone does. 16, and 1 if it has the next message.
 */
static int is_served_again(FIXTURE_DATA(copy) * self, bool plain)
{
	struct received received;
	struct running behind;
	bool first;

	if (plain) {
		CHECK_EQ(0, op_start(&self->receiver, self->meet.receiver,
				     op_recv(self->stall.page, 64)));
		CHECK_EQ(true, waiting_are(self->meet.admin, 0, 1));
		self->nr = 1;
		CHECK_EQ(0, op_start(&self->sender, self->meet.sender,
				     op_send(&self->nr, 4)));
		CHECK_EQ(true, stall_reached(&self->stall));
	} else {
		CHECK_EQ(0, stall_select(self, &self->meet, true));
	}
	CHECK_EQ(0,
		 op_start(&behind, self->meet.receiver, receive_op(&received)));
	CHECK_EQ(true, STAT_BECOMES(self->meet.admin, parked_receivers, 1));
	CHECK_EQ(0,
		 run_once(self->meet.sender, op_cancel(id_of(&self->sender))));
	CHECK_EQ(-ECANCELED, running_end(&self->sender));
	stall_let(&self->stall);
	CHECK_EQ(true, waiting_are(self->meet.admin, 0, 2));
	CHECK_EQ(0, put_message(self->meet.sender, 2));
	CHECK_EQ(true, waiting_are(self->meet.admin, 0, 1));
	CHECK_EQ(true, BECOMES(behind.over ||
			       (plain ? self->receiver.over : self->s.over)));
	first = !behind.over;
	CHECK_EQ(0, put_message(self->meet.sender, 3));
	CHECK_EQ(4, running_end(&behind));
	CHECK_EQ(first ? 3 : 2, received.nr);
	CHECK_EQ(plain ? 4 : 0,
		 plain ? running_end(&self->receiver) : select_ends(&self->s));
	CHECK_EQ(0, nobody_waits(self));
	return 16 + first;
}

TEST_F(copy, that_was_taken_back_leaves_the_select_the_place_of_one_alone)
{
	int alone = is_served_again(self, true);

	ASSERT_EQ(0, start_again(self));
	EXPECT_LE(16, alone);
	EXPECT_EQ(alone, is_served_again(self, false));
}

/* A peek that stalls has claimed nothing. */
TEST_F(copy, of_a_select_that_looks_leaves_the_message_free)
{
	ASSERT_EQ(0, put_message(self->a.sender, 1));
	select_init(&self->s, self->a.admin);
	add_arm(&self->s, self->a.receiver, op_recv(self->stall.page, 64));
	self->s.arms[0].flags = CHAN_PEEK;
	add_recv(&self->s, self->b.receiver);
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(stall_reached(&self->stall));
	EXPECT_EQ(1, take_message(self->a.receiver));
	EXPECT_EQ(0, others_go_on(self, &self->a));
	stall_let(&self->stall);
	EXPECT_EQ(0, select_ends(&self->s));
	EXPECT_EQ(1, *(int *)self->stall.page);
	EXPECT_EQ(0, nobody_waits(self));
	EXPECT_EQ(0, nothing_is_there(self));
}

/* Records that are stalled ----------------------------------------------------------- */

/* Its records lie in a page that does not come, to be read or to be written. */
static int start_with_records(FIXTURE_DATA(copy) * self)
{
	self->s.batch.ops = address(self->stall.page);
	CHECK_EQ(0, select_start(&self->s));
	CHECK_EQ(true, stall_reached(&self->stall));
	CHECK_EQ(0, self->s.over);
	return 0;
}

TEST_F(copy, of_its_records_that_stalls_holds_up_nobody)
{
	ASSERT_EQ(0, put_message(self->a.sender, 1));
	select_init(&self->s, self->a.admin);
	add_recv(&self->s, self->b.receiver);
	add_recv(&self->s, self->a.receiver);
	ASSERT_EQ(0, start_with_records(self));
	EXPECT_EQ(1, take_message(self->a.receiver));
	EXPECT_EQ(0, others_go_on(self, &self->a));
	ASSERT_EQ(0, put_message(self->a.sender, 2));
	stall_end(&self->stall, self->s.arms, 2 * sizeof(struct chan_op));
	EXPECT_EQ(1, select_ends(&self->s));
	EXPECT_EQ(2, self->s.numbers[1]);
	EXPECT_EQ(0, nobody_waits(self));
	EXPECT_EQ(0, nothing_is_there(self));
}

TEST_F(copy, of_its_results_that_stalls_holds_up_nobody)
{
	for (int send = 0; send < 2; send++) {
		select_init(&self->s, self->a.admin);
		add_recv(&self->s, self->b.receiver);
		if (send) {
			add_send(&self->s, self->a.sender, 1);
		} else {
			add_recv(&self->s, self->a.receiver);
			ASSERT_EQ(0, put_message(self->a.sender, 1));
		}
		stall_close(&self->stall);
		ASSERT_EQ(0, stall_open_written(&self->stall, self->s.arms,
						2 * sizeof(struct chan_op)));
		ASSERT_EQ(0, start_with_records(self));
		EXPECT_EQ(0, others_go_on(self, &self->a));
		stall_let(&self->stall);
		EXPECT_EQ(1, select_ends(&self->s));
		EXPECT_EQ(1, send ? take_message(self->a.receiver) :
				    self->s.numbers[1]);
		EXPECT_EQ(0, nobody_waits(self));
		EXPECT_EQ(0, nothing_is_there(self));
	}
}

TEST_HARNESS_MAIN
