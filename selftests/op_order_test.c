// SPDX-License-Identifier: GPL-2.0-only
/*
 * What nobody could copy, and what came back, is received in its old order:
 * also when it was claimed more than once, and by several at the same time. And
 * what senders leave behind stays within the room of the channel: messages on a
 * rendezvous channel, and replies that nobody fetches.
 */
#include "scene.h"

FIXTURE(order)
{
	int control;
	struct ends ends;
	struct running receivers[2];
	struct stall stalls[2];
	char *edge;
};

FIXTURE_SETUP(order)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, 64, 0));
	self->edge = page_edge(PROT_NONE);
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(order)
{
	page_edge_free(self->edge);
	ends_close(&self->ends);
	close(self->control);
}

static int send_work(FIXTURE_DATA(order) * self, int from, int to)
{
	for (int nr = from; nr <= to; nr++)
		CHECK_EQ(0,
			 run_once(self->ends.sender, op_work(&nr, sizeof(nr))));
	return 0;
}

static int receive_in_vain(FIXTURE_DATA(order) * self)
{
	struct chan_op op = op_recv(self->edge, sizeof(int));

	return run(self->ends.receiver, &op);
}

/* The first two are claimed at the same time, and neither can be copied. */
static int receive_two_in_vain(FIXTURE_DATA(order) * self)
{
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(0, stall_open(&self->stalls[i]));
		CHECK_EQ(0, op_start(&self->receivers[i], self->ends.receiver,
				     op_recv(self->stalls[i].page, 64)));
		CHECK_EQ(true, stall_reached(&self->stalls[i]));
	}
	for (int i = 0; i < 2; i++) {
		stall_fail(&self->stalls[i]);
		CHECK_EQ(-EFAULT, op_finish(&self->receivers[i]));
		stall_close(&self->stalls[i]);
	}
	return 0;
}

static int receive_in_order(FIXTURE_DATA(order) * self, const int *numbers,
			    int count)
{
	int number;

	for (int i = 0; i < count; i++) {
		struct chan_op op = op_recv(&number, sizeof(number));

		op.flags = CHAN_NOWAIT;
		CHECK_EQ((int)sizeof(number), run(self->ends.receiver, &op));
		CHECK_EQ(numbers[i], number);
	}
	return 0;
}

TEST_F(order, survives_copies_that_fail_again_and_again)
{
	ASSERT_EQ(0, send_work(self, 1, 3));
	ASSERT_EQ(0, receive_two_in_vain(self));
	ASSERT_EQ(-EFAULT, receive_in_vain(self));
	EXPECT_EQ(0, receive_in_order(self, (int[]){ 1, 2, 3 }, 3));
}

TEST_F(order, survives_copies_that_fail_of_what_came_back)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV), number;

	ASSERT_EQ(0, send_work(self, 1, 2));
	for (int nr = 1; nr <= 2; nr++)
		ASSERT_EQ((int)sizeof(number),
			  run_once(other, op_recv(&number, sizeof(number))));
	close(other);
	ASSERT_TRUE(STAT_BECOMES(self->ends.admin, queued, 2));
	ASSERT_EQ(0, receive_two_in_vain(self));
	EXPECT_EQ(0, receive_in_order(self, (int[]){ 1, 2 }, 2));
}

TEST_F(order, has_what_was_returned_before_what_was_never_copied)
{
	struct chan_op op;
	int number;

	ASSERT_EQ(0, send_work(self, 1, 2));
	ASSERT_EQ(0, stall_open(&self->stalls[0]));
	ASSERT_EQ(0, op_start(&self->receivers[0], self->ends.receiver,
			      op_recv(self->stalls[0].page, 64)));
	ASSERT_TRUE(stall_reached(&self->stalls[0]));
	op = op_recv(&number, sizeof(number));
	ASSERT_EQ((int)sizeof(number), run(self->ends.receiver, &op));
	ASSERT_EQ(2, number);
	stall_fail(&self->stalls[0]);
	ASSERT_EQ(-EFAULT, op_finish(&self->receivers[0]));
	stall_close(&self->stalls[0]);
	ASSERT_EQ(0,
		  run_once(self->ends.receiver, op_settle(op.id, CHAN_RETURN)));
	ASSERT_EQ(-EFAULT, receive_in_vain(self));
	EXPECT_EQ(0, receive_in_order(self, (int[]){ 2, 1 }, 2));
}

/* Calls, is received, and leaves; the receiver is left with the duty. */
static int leave_behind(int fd, struct chan_op op, __u64 *token)
{
	static char in[4096];
	struct chan_op receive = op_recv(in, sizeof(in));
	struct running sender;

	CHECK_EQ(0, op_start(&sender, fd, op));
	CHECK_EQ((int)sizeof(in), run(fd, &receive));
	*token = receive.id;
	CHECK_EQ(0, run_once(fd, op_cancel(id_of(&sender))));
	CHECK_EQ(-ECANCELED, op_finish(&sender));
	return 0;
}

TEST_F(order, of_what_senders_leave_in_a_rendezvous_has_bounds)
{
	enum { COST = 4096 + CHAN_MSG_OVERHEAD };
	enum { MOST = (COST + CHAN_MSG_DEFAULT) / COST };
	static char text[4096];
	struct chan_op call = op_call(text, sizeof(text), NULL, 0);
	int fd = create_sized(self->control, 0, 4096, COST);
	__u64 tokens[MOST];

	ASSERT_LE(0, fd);
	for (int i = 0; i < MOST; i++)
		ASSERT_EQ(0, leave_behind(fd, call, &tokens[i]));
	EXPECT_EQ(-ENOMEM, run_once(fd, call));
	EXPECT_EQ(MOST, stat_now(fd).unsettled);
	ASSERT_EQ(-ECANCELED, run_once(fd, op_reply(tokens[0], NULL, 0)));
	ASSERT_EQ(0, leave_behind(fd, call, &tokens[0]));
	EXPECT_EQ(-ENOMEM, run_once(fd, call));
	for (int i = 0; i < MOST; i++)
		EXPECT_EQ(-ECANCELED,
			  run_once(fd, op_reply(tokens[i], NULL, 0)));
	EXPECT_EQ(0, stat_now(fd).bytes);
	close(fd);
}

/* A call that is interrupted after receipt, and answered then. */
static int leave_reply(FIXTURE_DATA(order) * self, char *reply, size_t len,
		       __u64 *id)
{
	struct running caller;
	struct chan_op op;
	char in[64];

	CHECK_EQ(0, op_start(&caller, self->ends.sender,
			     op_call("call", 4, reply, len)));
	op = op_recv(in, sizeof(in));
	CHECK_EQ(4, run(self->ends.receiver, &op));
	CHECK_EQ(true, op_sleeps(&caller));
	op_interrupt(&caller);
	CHECK_EQ(-EINTR, op_finish(&caller));
	*id = caller.op.id;
	CHECK_EQ(0, run_once(self->ends.receiver, op_reply(op.id, reply, len)));
	return 0;
}

TEST_F(order, of_replies_that_nobody_fetches_has_bounds)
{
	static char reply[2 * CHAN_MSG_DEFAULT];
	struct chan_op op;
	__u64 id;

	ASSERT_GT(CHAN_MSG_DEFAULT, stat_now(self->ends.admin).bytes_max);
	ASSERT_EQ(0, leave_reply(self, reply, sizeof(reply), &id));
	EXPECT_EQ(-EBUSY,
		  run_once(self->ends.sender, op_call("call", 4, reply, 1)));
	/* Whoever wants no outcome is not concerned. */
	EXPECT_EQ(0, run_once(self->ends.sender, op_send("text", 4)));
	op = op_wait(id);
	EXPECT_EQ((int)sizeof(reply), run(self->ends.sender, &op));
	op = op_call("call", 4, reply, 1);
	op.deadline = 1;
	EXPECT_EQ(-ETIMEDOUT, run(self->ends.sender, &op));
}

TEST_HARNESS_MAIN
