// SPDX-License-Identifier: GPL-2.0-only
/*
 * What nobody could copy, and what came back, is received in its old order:
 * also when it was claimed more than once, and by several at the same time. And
 * what senders leave behind stays within the room of the channel: messages on a
 * rendezvous channel, and replies that nobody fetches.
 */
#include "rings.h"
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

/* In any order ------------------------------------------------------------ */

#define LETTERS 96
#define CLAIMS	32 /* what rings have claimed at the same time */
#define PRIOS	3

/* A message and where it is: queued, claimed for a ring, or held with a token. */
struct letter {
	int prio;
	bool queued;
	int ring; /* from 1 */
	__u64 token;
	long long place; /* as in the module; 0: it was never claimed */
};

/* A ring's RECV cannot be copied, and fails when the ring enters the kernel. */
FIXTURE(places)
{
	int control;
	struct ends ends;
	struct io_uring rings[CLAIMS];
	struct chan_op recvs[CLAIMS];
	struct letter letters[LETTERS];
	long long last, front; /* places of the last claim, and return */
	unsigned int seed;
	char *edge;
};

FIXTURE_SETUP(places)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, LETTERS, 64, 0));
	for (int i = 0; i < CLAIMS; i++)
		ASSERT_EQ(0, ring_make(&self->rings[i], RING_DEFER, 1));
	self->edge = page_edge(PROT_NONE);
	self->seed = seed_of(0);
}

FIXTURE_TEARDOWN(places)
{
	for (int i = 0; i < CLAIMS; i++)
		io_uring_queue_exit(&self->rings[i]);
	page_edge_free(self->edge);
	ends_close(&self->ends);
	close(self->control);
}

static bool is_behind(const struct letter *letter, const struct letter *other)
{
	if (letter->prio != other->prio)
		return letter->prio < other->prio;
	if (!letter->place || !other->place)
		return !letter->place && (other->place || letter > other);
	return letter->place > other->place;
}

/* Whose turn it is, or NULL. */
static struct letter *next_letter(FIXTURE_DATA(places) * self)
{
	struct letter *next = NULL;

	for (struct letter *letter = self->letters;
	     letter < self->letters + LETTERS; letter++)
		if (letter->queued && (!next || is_behind(next, letter)))
			next = letter;
	return next;
}

static void letter_is_claimed(FIXTURE_DATA(places) * self,
			      struct letter *letter)
{
	if (!letter->place)
		letter->place = ++self->last;
}

static int letter_send(FIXTURE_DATA(places) * self, int nr)
{
	struct chan_op op = op_work(&nr, sizeof(nr));

	self->letters[nr] = (struct letter){
		.prio = rand_r(&self->seed) % PRIOS,
		.queued = true,
	};
	op.prio = self->letters[nr].prio;
	return run(self->ends.sender, &op);
}

/* The next one is received, if there is one, and held. */
static int letter_receive(FIXTURE_DATA(places) * self)
{
	struct letter *letter = next_letter(self);
	int got = GARBAGE;
	struct chan_op op = op_recv(&got, sizeof(got));

	op.flags = CHAN_NOWAIT;
	CHECK_EQ(letter ? (int)sizeof(got) : -EAGAIN,
		 run(self->ends.receiver, &op));
	if (!letter)
		return 0;
	CHECK_EQ(letter - self->letters, got);
	CHECK_EQ(letter->prio, op.prio);
	letter_is_claimed(self, letter);
	letter->queued = false;
	letter->token = op.id;
	return 0;
}

static int letter_receive_in_vain(FIXTURE_DATA(places) * self)
{
	struct letter *letter = next_letter(self);
	struct chan_op op = op_recv(self->edge, sizeof(int));

	op.flags = CHAN_NOWAIT;
	CHECK_EQ(letter ? -EFAULT : -EAGAIN, run(self->ends.receiver, &op));
	if (letter)
		letter_is_claimed(self, letter);
	return 0;
}

static int letter_return(FIXTURE_DATA(places) * self, struct letter *letter)
{
	struct chan_op op = op_settle(letter->token, CHAN_RETURN);

	letter->token = 0;
	letter->place = --self->front;
	letter->queued = true;
	return run(self->ends.receiver, &op);
}

/* The ring waits; it gets what comes next, and has a claim on it. */
static int ring_parks(FIXTURE_DATA(places) * self, int nr)
{
	struct chan_op *op = &self->recvs[nr];

	*op = op_recv(self->edge, sizeof(int));
	CHECK_EQ(true, command(&self->rings[nr], self->ends.receiver, op));
	CHECK_EQ(1, stat_now(self->ends.admin).parked_receivers);
	return 0;
}

static int ring_claims(FIXTURE_DATA(places) * self, int nr,
		       struct letter *letter)
{
	CHECK_EQ(0, stat_now(self->ends.admin).parked_receivers);
	letter_is_claimed(self, letter);
	letter->queued = false;
	letter->ring = nr + 1;
	return 0;
}

static int ring_fails(FIXTURE_DATA(places) * self, struct letter *letter)
{
	int nr = letter->ring - 1;

	CHECK_EQ(-EFAULT, completes(&self->rings[nr], &self->recvs[nr]));
	letter->ring = 0;
	letter->queued = true;
	return 0;
}

/* One that is held, or one that a ring has claimed. */
static struct letter *random_letter(FIXTURE_DATA(places) * self, bool held)
{
	int at = rand_r(&self->seed) % LETTERS;

	for (int i = 0; i < LETTERS; i++) {
		struct letter *letter = &self->letters[(at + i) % LETTERS];

		if (held ? letter->token != 0 : letter->ring != 0)
			return letter;
	}
	return NULL;
}

/* Half of the claims are of new messages, half of such as were received. */
static int places_spread(FIXTURE_DATA(places) * self)
{
	struct letter *letter;

	for (int nr = 0; nr < LETTERS; nr++) {
		bool claims = nr < CLAIMS / 2;

		if (claims)
			CHECK_EQ(0, ring_parks(self, nr));
		CHECK_EQ(0, letter_send(self, nr));
		if (claims)
			CHECK_EQ(0, ring_claims(self, nr, &self->letters[nr]));
	}
	while (next_letter(self))
		CHECK_EQ(0, letter_receive(self));
	for (int nr = CLAIMS / 2; nr < CLAIMS; nr++) {
		letter = random_letter(self, true);
		CHECK_EQ(0, ring_parks(self, nr));
		CHECK_EQ(0, letter_return(self, letter));
		CHECK_EQ(0, ring_claims(self, nr, letter));
	}
	return 0;
}

/* Now and then some are received, and the rings' claims become fewer. */
static int places_come_back(FIXTURE_DATA(places) * self)
{
	struct letter *letter;

	while (random_letter(self, false) || random_letter(self, true)) {
		letter = random_letter(self, rand_r(&self->seed) % 2);
		if (letter)
			CHECK_EQ(0, letter->ring ? ring_fails(self, letter) :
						   letter_return(self, letter));
		switch (random_letter(self, false) ? rand_r(&self->seed) % 4 :
						     0) {
		case 1:
			CHECK_EQ(0, letter_receive(self));
			break;
		case 2:
			CHECK_EQ(0, letter_receive_in_vain(self));
		}
	}
	return 0;
}

static int places_are_left(FIXTURE_DATA(places) * self)
{
	struct letter *letter;

	while ((letter = next_letter(self))) {
		CHECK_EQ(0, letter_receive(self));
		CHECK_EQ(0, run_once(self->ends.receiver,
				     op_settle(letter->token, CHAN_ACK)));
	}
	return nothing_is_left(self->ends.admin);
}

/*
 * What was claimed has its place from then on, and what was received is the
 * first of its priority when it comes back, whichever of them comes when.
 */
TEST_F_TIMEOUT(places, are_kept_in_whatever_order_they_come_back,
	       STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 2.0;
	int rounds = 0;

	do {
		ASSERT_EQ(0, places_spread(self));
		ASSERT_EQ(0, places_come_back(self));
		ASSERT_EQ(0, places_are_left(self));
	} while (rounds++, storm_goes_on(end, rounds > 0));
	TH_LOG("%d rounds of %d messages", rounds, LETTERS);
	EXPECT_GE(rounds, at_least(20));
}

/* The sender of a letter waits for it, and a ring has claimed it. */
static int letter_waits(FIXTURE_DATA(places) * self, int nr,
			struct running *sender)
{
	struct letter *letter = &self->letters[nr];
	struct chan_op op = op_task(&nr, sizeof(nr), CHAN_ON_DEATH_REDELIVER);

	*letter = (struct letter){ .prio = nr % PRIOS };
	op.prio = letter->prio;
	CHECK_EQ(0, ring_parks(self, nr));
	CHECK_EQ(0, op_start(sender, self->ends.sender, op));
	CHECK_EQ(true, STAT_BECOMES(self->ends.admin, parked_receivers, 0));
	return ring_claims(self, nr, letter);
}

/* The first of all is received and returned before the others come back. */
static int letters_come_back(FIXTURE_DATA(places) * self)
{
	CHECK_EQ(0, ring_fails(self, &self->letters[PRIOS - 1]));
	CHECK_EQ(0, letter_receive(self));
	CHECK_EQ(0, letter_return(self, &self->letters[PRIOS - 1]));
	for (int nr = 0; nr < CLAIMS; nr++)
		if (self->letters[nr].ring)
			CHECK_EQ(0, ring_fails(self, &self->letters[nr]));
	return 0;
}

/* Without slots they wait with their senders, but for what was received. */
TEST_F(places, of_those_who_wait_are_all_found_at_the_end)
{
	struct running senders[CLAIMS];

	ends_close(&self->ends);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 0, 64, 0));
	for (int nr = 0; nr < CLAIMS; nr++)
		ASSERT_EQ(0, letter_waits(self, nr, &senders[nr]));
	ASSERT_EQ(0, letters_come_back(self));
	EXPECT_EQ(CLAIMS - 1, stat_now(self->ends.admin).parked_senders);
	ASSERT_EQ(0, shut_down(self->ends.admin));
	for (int nr = 0; nr < CLAIMS; nr++) {
		if (nr == PRIOS - 1)
			continue;
		EXPECT_EQ(-EPIPE, op_finish(&senders[nr]));
		self->letters[nr].queued = false;
	}
	EXPECT_EQ(0, places_are_left(self));
	EXPECT_EQ(0, op_finish(&senders[PRIOS - 1]));
}

/* Left behind ------------------------------------------------------------- */

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

/* What may be left behind is more than the room, which can be all there is. */
static int call_in_vain(void *arg)
{
	static char text[CHAN_MSG_DEFAULT];
	struct chan_op call = op_call(text, sizeof(text), NULL, 0);
	int fd = create_sized(*(int *)arg, 0, CHAN_MSG_DEFAULT, ~0ULL);

	CHECK_EQ(0, fd < 0 ? fd : 0);
	call.deadline = 1;
	CHECK_EQ(-ETIMEDOUT, run_once(fd, call));
	return 0;
}

TEST_F(order, of_a_room_without_bounds_has_none)
{
	long long limit = get_parameter("user_bytes");

	ASSERT_EQ(0, set_parameter("user_bytes", ~0ULL));
	EXPECT_EQ(0, as_user(ALICE, call_in_vain, &self->control));
	EXPECT_EQ(0, set_parameter("user_bytes", limit));
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
