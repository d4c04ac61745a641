// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a select ends that waits, and is not served: a deadline, a signal, a kill,
 * CANCEL, a close, a hang-up and a shutdown end it as they end an operation,
 * and nothing is left of it, in any line; or, where only a descriptor has gone,
 * it waits on. Where one arm alone has come to its end, that arm is named.
 */
#include "select_wait.h"

/* Deadlines and signals ------------------------------------------------------------- */

TEST_F(wait, deadline_ends_it_without_a_trace)
{
	list_all(self, &self->s);
	self->s.batch.deadline = in_ms(100);
	ASSERT_EQ(0, select_start(&self->s));
	EXPECT_EQ(0, ends_without_effect(self, -ETIMEDOUT, UNTOLD));
	EXPECT_LE(self->s.batch.deadline, clock_ns());
}

TEST_F(wait, signal_ends_it_without_a_trace)
{
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, start_all(self));
		ASSERT_TRUE(select_interrupt(&self->s));
		EXPECT_EQ(0, ends_without_effect(self, -EINTR, UNTOLD));
	}
	/* And it can be run again as it is. */
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_EQ(0, all_wait(self, 1));
	ASSERT_EQ(0, serve(self, RECV_B));
	EXPECT_EQ(0, is_served(self, RECV_B));
}

TEST_F(wait, signal_restarts_it_if_its_action_says_so)
{
	catch_signal(SIGUSR1, SA_RESTART);
	for (int at = 0; at < ARMS; at++) {
		ASSERT_EQ(0, start_all(self));
		for (int i = 0; i < 3; i++) {
			ASSERT_TRUE(select_interrupt(&self->s));
			ASSERT_EQ(0, all_wait(self, 1));
			ASSERT_TRUE(select_sleeps(&self->s));
		}
		ASSERT_EQ(0, serve(self, at));
		EXPECT_EQ(0, is_served(self, at));
	}
}

/* It was absolute, and stays where it was. */
TEST_F(wait, restart_leaves_the_deadline)
{
	__u64 deadline = in_ms(300);
	int interrupts = 0;

	catch_signal(SIGUSR1, SA_RESTART);
	list_all(self, &self->s);
	self->s.batch.deadline = deadline;
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(BECOMES(self->s.tid));
	while (!self->s.over &&
	       clock_ns() < deadline + BUDGET * 1000000000ULL) {
		pthread_kill(self->s.thread, SIGUSR1);
		interrupts++;
		usleep(1000);
	}
	EXPECT_EQ(0, ends_without_effect(self, -ETIMEDOUT, UNTOLD));
	EXPECT_EQ(deadline, self->s.batch.deadline);
	EXPECT_LE(deadline, clock_ns());
	EXPECT_LE(1, interrupts);
}

TEST_F(wait, kill_ends_it_without_a_trace)
{
	for (int own = 0; own < 2; own++) {
		pid_t pid = fork();

		if (!pid) {
			if (own)
				self->a.receiver =
					derive(self->a.admin, CHAN_RIGHT_RECV);
			list_all(self, &self->s);
			select_run(&self->s);
			_exit(0);
		}
		ASSERT_EQ(0, all_wait(self, 1));
		EXPECT_EQ(0, child_kill(pid));
		EXPECT_EQ(0, none_waits(self));
		EXPECT_TRUE(endpoints_are(self->a.admin, 1, 1));
		ASSERT_EQ(0, put_message(self->a.sender, 7));
		EXPECT_EQ(7, take_message(self->a.receiver));
		ASSERT_EQ(OBSTACLE, take_message(self->full.receiver));
		EXPECT_EQ(-EAGAIN, take_message(self->full.receiver));
		ASSERT_EQ(0, put_message(self->full.sender, OBSTACLE));
		EXPECT_EQ(-EAGAIN, take_message(self->meet.receiver));
		EXPECT_EQ(-EAGAIN, put_message(self->meet.sender, 7));
	}
}

/* CANCEL ----------------------------------------------------------------------------- */

#define TAG 0x7a6ULL

/* The endpoint that an arm is on. */
static int endpoint_of(FIXTURE_DATA(wait) * self, int at)
{
	return self->s.arms[at].fd;
}

static int start_tagged(FIXTURE_DATA(wait) * self, int at)
{
	list_all(self, &self->s);
	self->s.arms[at].tag = TAG;
	CHECK_EQ(0, select_start(&self->s));
	return all_wait(self, 1);
}

TEST_F(wait, cancel_of_an_arm_by_its_tag_ends_it)
{
	for (int at = 0; at < ARMS; at++) {
		ASSERT_EQ(0, start_tagged(self, at));
		/* Not on other endpoints, nor with other tags. */
		EXPECT_EQ(0, run_once(self->a.admin, op_cancel_tag(TAG)));
		EXPECT_EQ(0, run_once(endpoint_of(self, (at + 1) % ARMS),
				      op_cancel_tag(TAG)));
		EXPECT_EQ(0, run_once(endpoint_of(self, at),
				      op_cancel_tag(TAG + 1)));
		ASSERT_EQ(0, all_wait(self, 1));
		EXPECT_EQ(1,
			  run_once(endpoint_of(self, at), op_cancel_tag(TAG)));
		EXPECT_EQ(0, ends_without_effect(self, -ECANCELED, at));
		EXPECT_EQ(0,
			  run_once(endpoint_of(self, at), op_cancel_tag(TAG)));
	}
}

static struct chan_op tagged_recv(int *nr)
{
	struct chan_op op = op_recv(nr, sizeof(*nr));

	op.tag = TAG;
	return op;
}

/* One operation has ended, however many of its arms have the tag. */
TEST_F(wait, cancel_counts_a_select_once)
{
	struct running plain;
	int nr;

	list_all(self, &self->s);
	for (int i = 0; i < 3; i++) {
		int at = add_recv(&self->s, self->a.receiver);

		self->s.arms[at].tag = TAG;
	}
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(self->a.admin, 0, 4));
	EXPECT_EQ(1, run_once(self->a.receiver, op_cancel_tag(TAG)));
	EXPECT_EQ(-ECANCELED, select_ends(&self->s));
	EXPECT_LE(ARMS, self->s.batch.index);
	EXPECT_EQ(0, none_waits(self));
	/* Beside another operation. */
	ASSERT_EQ(0, start_tagged(self, RECV_A));
	ASSERT_EQ(0, op_start(&plain, self->a.receiver, tagged_recv(&nr)));
	ASSERT_TRUE(waiting_are(self->a.admin, 0, 2));
	EXPECT_EQ(2, run_once(self->a.receiver, op_cancel_tag(TAG)));
	EXPECT_EQ(0, ends_without_effect(self, -ECANCELED, RECV_A));
	EXPECT_EQ(-ECANCELED, running_end(&plain));
}

/* Two arms with the tag on two endpoints: it is ended where it is cancelled. */
TEST_F(wait, cancel_names_the_arm_of_its_endpoint)
{
	for (int at = RECV_A; at <= RECV_B; at++) {
		list_all(self, &self->s);
		self->s.arms[RECV_A].tag = TAG;
		self->s.arms[RECV_B].tag = TAG;
		ASSERT_EQ(0, select_start(&self->s));
		ASSERT_EQ(0, all_wait(self, 1));
		EXPECT_EQ(1, run_once(self->s.arms[at].fd, op_cancel_tag(TAG)));
		EXPECT_EQ(0, ends_without_effect(self, -ECANCELED, at));
	}
}

/* If its number can be known before it is sent. */
TEST_F(wait, cancel_of_a_send_by_its_id_ends_it)
{
	for (int at = SEND_FULL; at <= SEND_MEET; at++) {
		__u64 id;
		int ret;

		ASSERT_EQ(0, start_all(self));
		id = __atomic_load_n(&self->s.arms[at].id, __ATOMIC_RELAXED);
		ret = run_once(self->s.arms[at].fd, op_cancel(id));
		TH_LOG("arm %d: id %#llx, CANCEL %d", at, id, ret);
		if (id == 0xcccccccccccccccc) {
			/* It cannot. */
			EXPECT_EQ(-ENOENT, ret);
			EXPECT_EQ(0, all_wait(self, 1));
			ASSERT_EQ(0, serve(self, at));
			EXPECT_EQ(0, is_served(self, at));
			continue;
		}
		EXPECT_EQ(0, ret);
		EXPECT_EQ(0, ends_without_effect(self, -ECANCELED, at));
	}
}

/* Closes --------------------------------------------------------------------- */

/* A descriptor is not the endpoint: what waits on that waits on. */
TEST_F(wait, descriptor_that_is_closed_meanwhile_is_served_all_the_same)
{
	for (int at = 0; at < ARMS; at++) {
		int kept;

		list_all(self, &self->s);
		kept = self->s.arms[at].fd;
		self->s.arms[at].fd = dup(kept);
		ASSERT_EQ(0, select_start(&self->s));
		ASSERT_EQ(0, all_wait(self, 1));
		close(self->s.arms[at].fd);
		ASSERT_EQ(0, all_wait(self, 1));
		ASSERT_EQ(0, serve(self, at));
		EXPECT_EQ(0, is_served(self, at));
	}
}

/* The last of an endpoint: it goes when the select does. */
TEST_F(wait, endpoint_that_is_closed_meanwhile_is_there_until_it_ends)
{
	for (int at = RECV_A; at <= RECV_B; at++) {
		int other = derive(self->a.admin, CHAN_RIGHT_RECV);

		list_all(self, &self->s);
		self->s.arms[RECV_A].fd = other;
		ASSERT_EQ(0, select_start(&self->s));
		ASSERT_EQ(0, all_wait(self, 1));
		EXPECT_EQ(2, stat_now(self->a.admin).receivers);
		close(other);
		EXPECT_EQ(2, stat_now(self->a.admin).receivers);
		ASSERT_EQ(0, serve(self, at));
		EXPECT_EQ(0, is_served(self, at));
		EXPECT_TRUE(endpoints_are(self->a.admin, 1, 1));
	}
}

/* And a duty that it has received by then comes back. */
TEST_F(wait, duty_of_an_endpoint_that_is_closed_meanwhile_comes_back)
{
	int other = derive(self->a.admin, CHAN_RIGHT_RECV), nr = GARBAGE;
	struct chan_op op;

	list_all(self, &self->s);
	self->s.arms[RECV_A].fd = other;
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_EQ(0, all_wait(self, 1));
	close(other);
	ASSERT_EQ(0, run_once(self->a.sender, op_work("work", 4)));
	EXPECT_EQ(RECV_A, select_ends(&self->s));
	EXPECT_TRUE(endpoints_are(self->a.admin, 1, 1));
	op = op_now(&nr, sizeof(nr));
	EXPECT_EQ(4, run(self->a.receiver, &op));
	EXPECT_EQ(2, op.attempt);
	EXPECT_EQ(0, run_once(self->a.receiver, op_settle(op.id, CHAN_ACK)));
	EXPECT_EQ(0, nothing_is_left(self->a.admin));
}

/* The endpoint that the ioctl is on, with no arm and with one. */
TEST_F(wait, own_endpoint_that_is_closed_meanwhile_stays)
{
	for (int own = 0; own < 2; own++) {
		int other = derive(self->a.admin, CHAN_RIGHT_RECV);

		list_all(self, &self->s);
		self->s.fd = other;
		if (own)
			self->s.arms[RECV_A].fd = -1;
		ASSERT_EQ(0, select_start(&self->s));
		ASSERT_EQ(0, all_wait(self, 1));
		close(other);
		ASSERT_EQ(0, serve(self, RECV_A));
		EXPECT_EQ(0, is_served(self, RECV_A));
		EXPECT_TRUE(endpoints_are(self->a.admin, 1, 1));
	}
}

/* Other endpoints of its channels come and go. */
TEST_F(wait, closes_of_others_do_not_matter)
{
	struct ends others;

	ASSERT_EQ(0, start_all(self));
	for (int i = 0; i < 20; i++) {
		struct ends *ends[] = { &self->a, &self->full, &self->meet };

		for (size_t j = 0; j < ARRAY_SIZE(ends); j++) {
			others.admin = derive(ends[j]->admin, CHAN_RIGHT_ADMIN);
			others.sender = derive(ends[j]->admin, CHAN_RIGHT_SEND);
			others.receiver =
				derive(ends[j]->admin, CHAN_RIGHT_RECV);
			ends_close(&others);
		}
	}
	ASSERT_EQ(0, all_wait(self, 1));
	ASSERT_EQ(0, serve(self, RECV_MEET));
	EXPECT_EQ(0, is_served(self, RECV_MEET));
}

/* Hang-up and shutdown ----------------------------------------------------------- */

TEST_F(wait, senders_gone_ends_it_with_ESHUTDOWN_of_its_arm)
{
	ASSERT_EQ(0, start_all(self));
	close_end(&self->a.sender);
	EXPECT_EQ(0, ends_without_effect(self, -ESHUTDOWN, RECV_A));
	list_all(self, &self->s);
	EXPECT_EQ(-ESHUTDOWN, select_run(&self->s));
	EXPECT_EQ(RECV_A, self->s.batch.index);
	/* A new one ends the hang-up. */
	self->a.sender = derive(self->a.admin, CHAN_RIGHT_SEND);
	ASSERT_EQ(0, start_all(self));
	ASSERT_EQ(0, serve(self, RECV_A));
	EXPECT_EQ(0, is_served(self, RECV_A));
}

TEST_F(wait, receivers_gone_ends_it_with_EPIPE_of_its_arm)
{
	struct ends meet;

	catch_signal(SIGPIPE, 0);
	ASSERT_EQ(0, ends_sized(self->control, &meet, 0, 64, 0));
	list_all(self, &self->s);
	self->s.arms[SEND_MEET].fd = meet.sender;
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(meet.admin, 1, 0));
	close_end(&meet.receiver);
	EXPECT_EQ(0, ends_without_effect(self, -EPIPE, SEND_MEET));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->s.arms[SEND_MEET].state);
	EXPECT_EQ(0, nothing_is_left(meet.admin));
	ends_close(&meet);

	ASSERT_EQ(0, start_all(self));
	close_end(&self->full.receiver);
	EXPECT_EQ(-EPIPE, select_ends(&self->s));
	EXPECT_EQ(SEND_FULL, self->s.batch.index);
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->s.arms[SEND_FULL].state);
	EXPECT_EQ(0, none_waits(self));
	EXPECT_EQ(0, nothing_is_left(self->full.admin));
	EXPECT_EQ(0, signals_taken);
}

TEST_F(wait, shutdown_ends_it_with_the_error_of_its_arm)
{
	ASSERT_EQ(0, start_all(self));
	ASSERT_EQ(0, shut_down(self->a.admin));
	EXPECT_EQ(0, ends_without_effect(self, -ESHUTDOWN, RECV_A));
	list_all(self, &self->s);
	self->s.arms[RECV_A].fd = self->b.receiver;
	self->s.before[RECV_A] = self->s.arms[RECV_A];
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(self->full.admin, 1, 0));
	ASSERT_EQ(0, shut_down(self->full.admin));
	EXPECT_EQ(0, ends_without_effect(self, -EPIPE, SEND_FULL));
	EXPECT_EQ(CHAN_STATE_WITHDRAWN, self->s.arms[SEND_FULL].state);
}

/* Both arms of it have ended: one of them is told. */
TEST_F(wait, shutdown_ends_it_once_though_two_arms_end)
{
	list_all(self, &self->s);
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_EQ(0, all_wait(self, 1));
	ASSERT_EQ(0, shut_down(self->meet.admin));
	EXPECT_GT(0, select_ends(&self->s));
	EXPECT_EQ(self->s.batch.index == SEND_MEET ? -EPIPE : -ESHUTDOWN,
		  self->s.result);
	EXPECT_LE(SEND_MEET, self->s.batch.index);
	EXPECT_EQ(0, none_waits(self));
}

/* A name that is removed hangs up, if nobody is left at the other end. */
TEST_F(wait, removal_of_a_name_ends_it_if_nobody_is_left)
{
	int receiver, sender;
	int fd = create_channel(self->control, T "removed");

	ASSERT_LE(0, fd);
	receiver = open_node(T "removed", O_RDONLY);
	sender = open_node(T "removed", O_WRONLY);
	ASSERT_LE(0, receiver);
	ASSERT_LE(0, sender);
	close(sender);
	close(fd);
	select_init(&self->s, self->b.admin);
	add_recv(&self->s, receiver);
	add_recv(&self->s, self->b.receiver);
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(receiver, 0, 1));
	ASSERT_TRUE(waiting_are(self->b.admin, 0, 1));
	ASSERT_EQ(0, remove_name(self->control, T "removed"));
	EXPECT_EQ(-ESHUTDOWN, select_ends(&self->s));
	EXPECT_EQ(0, self->s.batch.index);
	EXPECT_TRUE(waiting_are(self->b.admin, 0, 0));
	close(receiver);
}

/* Otherwise it goes on, and so does the channel. */
TEST_F(wait, removal_of_a_name_does_not_matter_while_there_are_senders)
{
	int fd = create_channel(self->control, T "removed");

	ASSERT_LE(0, fd);
	select_init(&self->s, self->b.admin);
	add_recv(&self->s, fd);
	add_recv(&self->s, self->b.receiver);
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(fd, 0, 1));
	ASSERT_EQ(0, remove_name(self->control, T "removed"));
	EXPECT_TRUE(select_sleeps(&self->s));
	EXPECT_TRUE(waiting_are(fd, 0, 1));
	ASSERT_EQ(0, put_message(fd, 7));
	EXPECT_EQ(0, select_ends(&self->s));
	EXPECT_EQ(7, self->s.numbers[0]);
	close(fd);
}

/* What is queued comes before the end. */
TEST_F(wait, drain_comes_before_the_end)
{
	ASSERT_EQ(0, put_message(self->a.sender, 1));
	ASSERT_EQ(0, put_message(self->a.sender, 2));
	close_end(&self->a.sender);
	select_init(&self->s, self->b.admin);
	add_recv(&self->s, self->b.receiver);
	add_recv(&self->s, self->a.receiver);
	for (int nr = 1; nr <= 2; nr++) {
		EXPECT_EQ(1, select_run(&self->s));
		EXPECT_EQ(nr, self->s.numbers[1]);
		select_again(&self->s);
	}
	EXPECT_EQ(-ESHUTDOWN, select_run(&self->s));
	EXPECT_EQ(1, self->s.batch.index);
}

/* What somebody holds may come back: it waits until it cannot. */
TEST_F(wait, what_can_come_back_is_waited_for)
{
	int other = derive(self->a.admin, CHAN_RIGHT_RECV), nr = GARBAGE;
	struct chan_op op = op_now(&nr, sizeof(nr));

	ASSERT_EQ(0, run_once(self->a.sender, op_work("work", 4)));
	ASSERT_EQ(4, run(other, &op));
	close_end(&self->a.sender);
	for (int back = 1; back >= 0; back--) {
		select_init(&self->s, self->b.admin);
		add_recv(&self->s, self->b.receiver);
		add_recv(&self->s, self->a.receiver);
		ASSERT_EQ(0, select_start(&self->s));
		ASSERT_TRUE(waiting_are(self->a.admin, 0, 1));
		ASSERT_EQ(0,
			  run_once(other, op_settle(op.id, back ? CHAN_RETURN :
								  CHAN_ACK)));
		EXPECT_EQ(back ? 1 : -ESHUTDOWN, select_ends(&self->s));
		EXPECT_EQ(1, self->s.batch.index);
		if (!back)
			break;
		EXPECT_EQ(2, self->s.arms[1].attempt);
		/* Given to the other again. */
		ASSERT_EQ(0,
			  run_once(self->a.receiver,
				   op_settle(self->s.arms[1].id, CHAN_RETURN)));
		op = op_now(&nr, sizeof(nr));
		ASSERT_EQ(4, run(other, &op));
	}
	EXPECT_EQ(0, nothing_is_left(self->a.admin));
	close(other);
}

TEST_HARNESS_MAIN
