// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies that fail. A message that an arm cannot take stays first in line, and
 * the select ends with the error of that arm; a receiver that cannot take what a
 * select sends leaves it waiting where it was, in all its lines.
 */
#include "select_copy.h"

/* Arms that cannot take what comes --------------------------------------------- */

#define THE_ARM 1

/* Behind one on @b, an arm on @ends that cannot take four bytes. */
static void list_bad(FIXTURE_DATA(copy) * self, const struct ends *ends,
		     int why)
{
	struct chan_op op = op_recv(self->in, 3);

	if (why == -EFAULT)
		op = op_recv(self->edge - 3, 4);
	select_init(&self->s, self->a.admin);
	add_recv(&self->s, self->b.receiver);
	add_arm(&self->s, ends->receiver, op);
}

static int start_bad(FIXTURE_DATA(copy) * self, const struct ends *ends,
		     int why)
{
	list_bad(self, ends, why);
	CHECK_EQ(0, select_start(&self->s));
	CHECK_EQ(true, waiting_are(ends->admin, 0, 1));
	return 0;
}

static int has_failed(FIXTURE_DATA(copy) * self, int why)
{
	CHECK_EQ(why, select_ends(&self->s));
	CHECK_EQ(THE_ARM, self->s.batch.index);
	CHECK_EQ(why, self->s.arms[THE_ARM].result);
	if (why == -EMSGSIZE)
		CHECK_EQ(4, self->s.arms[THE_ARM].len);
	return 0;
}

/* Nobody else is there: the message stays, or its sender waits on. */
static int fails_alone(FIXTURE_DATA(copy) * self, struct ends *ends, int why)
{
	__u64 received = stat_now(ends->admin).totals_received;

	CHECK_EQ(0, start_bad(self, ends, why));
	self->nr = 7;
	CHECK_EQ(0,
		 op_start(&self->sender, ends->sender, op_send(&self->nr, 4)));
	CHECK_EQ(0, has_failed(self, why));
	CHECK_EQ(received, stat_now(ends->admin).totals_received);
	CHECK_EQ(0, stat_now(self->b.admin).parked_receivers);
	/* Again, now that it is there. */
	list_bad(self, ends, why);
	CHECK_EQ(true, BECOMES(events_of(ends->receiver) == POLLIN));
	CHECK_EQ(why, select_run(&self->s));
	CHECK_EQ(THE_ARM, self->s.batch.index);
	CHECK_EQ(received, stat_now(ends->admin).totals_received);
	CHECK_EQ(0, expect_first_attempt(ends->receiver, 7));
	CHECK_EQ(0, running_end(&self->sender));
	return nothing_is_there(self);
}

/* The next in line has it. */
static int fails_in_front(FIXTURE_DATA(copy) * self, struct ends *ends, int why)
{
	struct received received;

	CHECK_EQ(0, start_bad(self, ends, why));
	CHECK_EQ(0, op_start(&self->receiver, ends->receiver,
			     receive_op(&received)));
	CHECK_EQ(true, waiting_are(ends->admin, 0, 2));
	self->nr = 7;
	CHECK_EQ(0, run_once(ends->sender, op_send(&self->nr, 4)));
	CHECK_EQ(0, has_failed(self, why));
	CHECK_EQ(4, running_end(&self->receiver));
	CHECK_EQ(7, received.nr);
	CHECK_EQ(1, self->receiver.op.attempt);
	return nothing_is_there(self);
}

TEST_F(copy, that_an_arm_cannot_take_stays_first_in_line)
{
	static const int whys[] = { -EMSGSIZE, -EFAULT };

	for (size_t i = 0; i < ARRAY_SIZE(whys); i++) {
		EXPECT_EQ(0, fails_alone(self, &self->a, whys[i]));
		EXPECT_EQ(0, fails_alone(self, &self->meet, whys[i]));
		EXPECT_EQ(0, fails_in_front(self, &self->a, whys[i]));
		EXPECT_EQ(0, fails_in_front(self, &self->meet, whys[i]));
	}
}

/* Where others have waited longer, it does not come to that. */
TEST_F(copy, that_an_arm_could_not_take_goes_to_who_is_in_front)
{
	struct received received;

	ASSERT_EQ(0, op_start(&self->receiver, self->a.receiver,
			      receive_op(&received)));
	ASSERT_TRUE(waiting_are(self->a.admin, 0, 1));
	list_bad(self, &self->a, -EFAULT);
	ASSERT_EQ(0, select_start(&self->s));
	ASSERT_TRUE(waiting_are(self->a.admin, 0, 2));
	ASSERT_EQ(0, put_message(self->a.sender, 7));
	EXPECT_EQ(4, running_end(&self->receiver));
	EXPECT_TRUE(waiting_are(self->a.admin, 0, 1));
	ASSERT_EQ(0, put_message(self->b.sender, 8));
	EXPECT_EQ(0, select_ends(&self->s));
	EXPECT_EQ(0, nothing_is_there(self));
}

/* Order and duties survive it, however often. */
TEST_F(copy, that_fails_again_and_again_changes_no_order)
{
	for (int nr = 1; nr <= 3; nr++)
		ASSERT_EQ(0, run_once(self->a.sender, op_work(&nr, 4)));
	for (int nr = 1; nr <= 3; nr++) {
		struct chan_op op;

		for (int i = 0; i < 4; i++) {
			list_bad(self, &self->a, i % 2 ? -EMSGSIZE : -EFAULT);
			EXPECT_GT(0, select_run(&self->s));
			EXPECT_EQ(THE_ARM, self->s.batch.index);
		}
		op = op_now(&self->nr, 4);
		EXPECT_EQ(4, run(self->a.receiver, &op));
		EXPECT_EQ(nr, self->nr);
		EXPECT_EQ(1, op.attempt);
		EXPECT_EQ(0, run_once(self->a.receiver,
				      op_settle(op.id, CHAN_ACK)));
	}
	EXPECT_EQ(0, stat_now(self->a.admin).totals_redelivered);
	EXPECT_EQ(0, nothing_is_there(self));
}

/* Receivers that cannot take what an arm sends ----------------------------------- */

/* Somebody with number 2 waits behind it. */
static int start_behind(FIXTURE_DATA(copy) * self)
{
	self->nr = 2;
	CHECK_EQ(0, op_start(&self->sender, self->meet.sender,
			     op_send(&self->nr, 4)));
	CHECK_EQ(true, waiting_are(self->meet.admin, 2, 0));
	return 0;
}

/* Receives in vain, several times and in several ways. */
static int receive_in_vain(FIXTURE_DATA(copy) * self)
{
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(-EFAULT,
			 run_once(self->meet.receiver, op_soon(self->edge, 4)));
		CHECK_EQ(-EFAULT, run_once(self->meet.receiver,
					   op_soon(self->edge - 3, 4)));
		CHECK_EQ(-EMSGSIZE,
			 run_once(self->meet.receiver, op_soon(self->in, 3)));
	}
	return 0;
}

TEST_F(copy, that_a_receiver_cannot_take_leaves_the_select_in_its_place)
{
	ASSERT_EQ(0, start_sending(self, 0));
	ASSERT_EQ(0, start_behind(self));
	ASSERT_EQ(0, receive_in_vain(self));
	ASSERT_EQ(0, goes_on(self, 2));
	EXPECT_EQ(1, take_message(self->meet.receiver));
	EXPECT_EQ(SEND_MEET, select_ends(&self->s));
	EXPECT_EQ(2, take_message(self->meet.receiver));
	EXPECT_EQ(0, running_end(&self->sender));
	EXPECT_EQ(0, nothing_is_there(self));
}

/* Not only when it waits again: at once, so that nobody overtakes it. */
static int is_first_at_once(FIXTURE_DATA(copy) * self)
{
	CHECK_EQ(0, start_sending(self, 0));
	CHECK_EQ(0, start_behind(self));
	CHECK_EQ(-EFAULT, run_once(self->meet.receiver, op_now(self->edge, 4)));
	CHECK_EQ(1, take_message(self->meet.receiver));
	CHECK_EQ(SEND_MEET, select_ends(&self->s));
	CHECK_EQ(2, take_message(self->meet.receiver));
	CHECK_EQ(0, running_end(&self->sender));
	return nothing_is_there(self);
}

TEST_F(copy, that_a_receiver_cannot_take_is_not_overtaken)
{
	for (int round = 0; round < 100; round++) {
		ASSERT_EQ(0, is_first_at_once(self))
		{
			TH_LOG("round %d", round);
		}
	}
}

/* Nor does it seem to be gone for a moment. */
static int is_there_at_once(FIXTURE_DATA(copy) * self)
{
	CHECK_EQ(0, start_sending(self, 0));
	CHECK_EQ(-EFAULT, run_once(self->meet.receiver, op_now(self->edge, 4)));
	CHECK_EQ(1, take_message(self->meet.receiver));
	CHECK_EQ(SEND_MEET, select_ends(&self->s));
	return nothing_is_there(self);
}

TEST_F(copy, that_a_receiver_cannot_take_is_there_for_the_next_at_once)
{
	for (int round = 0; round < 100; round++) {
		ASSERT_EQ(0, is_there_at_once(self))
		{
			TH_LOG("round %d", round);
		}
	}
}

TEST_F(copy, that_a_receiver_cannot_take_leaves_the_other_arm)
{
	ASSERT_EQ(0, start_sending(self, 0));
	ASSERT_EQ(0, start_behind(self));
	ASSERT_EQ(0, receive_in_vain(self));
	ASSERT_EQ(0, put_message(self->b.sender, 7));
	EXPECT_EQ(RECV_B, select_ends(&self->s));
	EXPECT_EQ(7, self->s.numbers[RECV_B]);
	/* And its message is gone. */
	EXPECT_EQ(2, take_message(self->meet.receiver));
	EXPECT_EQ(0, running_end(&self->sender));
	EXPECT_EQ(-EAGAIN, take_message(self->meet.receiver));
	EXPECT_EQ(0, nothing_is_there(self));
}

/* Somebody else in the other line: each has one message, the select too. */
TEST_F(copy, that_a_receiver_cannot_take_leaves_the_other_arm_in_line)
{
	struct received received;

	ASSERT_EQ(0, start_sending(self, 0));
	ASSERT_EQ(0, op_start(&self->receiver, self->b.receiver,
			      receive_op(&received)));
	ASSERT_TRUE(waiting_are(self->b.admin, 0, 2));
	EXPECT_EQ(-EFAULT,
		  run_once(self->meet.receiver, op_soon(self->edge, 4)));
	ASSERT_TRUE(waiting_are(self->meet.admin, 1, 0));
	ASSERT_TRUE(waiting_are(self->b.admin, 0, 2));
	ASSERT_EQ(0, put_message(self->b.sender, 7));
	ASSERT_TRUE(waiting_are(self->b.admin, 0, 1));
	ASSERT_EQ(0, put_message(self->b.sender, 8));
	EXPECT_EQ(RECV_B, select_ends(&self->s));
	EXPECT_EQ(4, running_end(&self->receiver));
	EXPECT_EQ(15, self->s.numbers[RECV_B] + received.nr);
	EXPECT_EQ(0, nothing_is_there(self));
}

TEST_F(copy, that_a_receiver_cannot_take_leaves_the_deadline)
{
	double begun = now();
	__u64 deadline;

	ASSERT_EQ(0, start_sending(self, 0));
	ASSERT_EQ(0, receive_in_vain(self));
	ASSERT_TRUE(select_interrupt(&self->s));
	ASSERT_EQ(-EINTR, select_ends(&self->s));
	deadline = deadline_after(begun);
	ASSERT_EQ(0, start_sending(self, deadline));
	ASSERT_EQ(0, receive_in_vain(self));
	EXPECT_EQ(-ETIMEDOUT, select_ends(&self->s));
	EXPECT_LE(deadline, clock_ns());
	EXPECT_EQ(0, nobody_waits(self));
	EXPECT_EQ(0, nothing_is_there(self));
}

TEST_HARNESS_MAIN
