// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects on channels without a slot. One that waits to receive is a receiver
 * that waits, for a send that does not want to wait and for who polls; two that
 * select meet, whatever else they would do and whoever comes first, on one
 * channel and once; and no select meets itself, whatever its arms.
 */
#include "duties.h"
#include "select.h"

#define CHANNELS 3

FIXTURE(meet)
{
	int control;
	struct ends ends[CHANNELS]; /* X, Y and Z */
	struct selecting first, second;
	char *edge;
};

FIXTURE_SETUP(meet)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	for (int i = 0; i < CHANNELS; i++)
		ASSERT_EQ(0,
			  ends_sized(self->control, &self->ends[i], 0, 64, 0));
	self->edge = page_edge(PROT_NONE);
	catch_signal(SIGUSR1, 0);
}

FIXTURE_TEARDOWN(meet)
{
	page_edge_free(self->edge);
	for (int i = 0; i < CHANNELS; i++)
		ends_close(&self->ends[i]);
	close(self->control);
}

/* Shapes -------------------------------------------------------------------- */

/* Arms as text: "X!Y?" would send on X or receive on Y; "X." looks at X. */
static struct ends *channel_at(FIXTURE_DATA(meet) * self, const char *shape,
			       int arm)
{
	return &self->ends[shape[2 * arm] - 'X'];
}

static bool sends_at(const char *shape, int arm)
{
	return shape[2 * arm + 1] == '!';
}

static int arms_of(const char *shape)
{
	return strlen(shape) / 2;
}

static void list_shape(FIXTURE_DATA(meet) * self, struct selecting *s,
		       const char *shape, int nr)
{
	select_init(s, self->ends[0].admin);
	for (int i = 0; i < arms_of(shape); i++) {
		struct ends *ends = channel_at(self, shape, i);
		int at;

		if (sends_at(shape, i)) {
			add_send(s, ends->sender, nr + i);
			continue;
		}
		at = add_recv(s, ends->receiver);
		if (shape[2 * i + 1] == '.')
			s->arms[at].flags = CHAN_PEEK;
	}
}

/* So many arms of @shape, times @nr, wait on each channel. */
static int shape_waits(FIXTURE_DATA(meet) * self, const char *shape, int nr)
{
	for (int c = 0; c < CHANNELS; c++) {
		int senders = 0, receivers = 0;

		for (int i = 0; i < arms_of(shape); i++) {
			if (channel_at(self, shape, i) != &self->ends[c])
				continue;
			senders += sends_at(shape, i);
			receivers += !sends_at(shape, i);
		}
		CHECK_EQ(true, waiting_are(self->ends[c].admin, nr * senders,
					   nr * receivers));
	}
	return 0;
}

/* At once, nobody waits; and so many have passed through all channels. */
static int is_quiet(FIXTURE_DATA(meet) * self, __u64 passed)
{
	__u64 sent = 0, received = 0;

	for (int c = 0; c < CHANNELS; c++) {
		struct chan_stat s = stat_now(self->ends[c].admin);

		CHECK_EQ(0, s.parked_senders);
		CHECK_EQ(0, s.parked_receivers);
		CHECK_EQ(0, s.queued);
		CHECK_EQ(0, s.bytes);
		CHECK_EQ(s.totals_sent, s.totals_received);
		sent += s.totals_sent;
		received += s.totals_received;
	}
	CHECK_EQ(passed, sent);
	CHECK_EQ(passed, received);
	return 0;
}

static int start_shape(FIXTURE_DATA(meet) * self, const char *shape)
{
	list_shape(self, &self->first, shape, 100);
	CHECK_EQ(0, select_start(&self->first));
	return shape_waits(self, shape, 1);
}

/* Would these two arms meet? */
static bool fit(FIXTURE_DATA(meet) * self, const char *one, int i,
		const char *other, int j)
{
	return channel_at(self, one, i) == channel_at(self, other, j) &&
	       sends_at(one, i) != sends_at(other, j);
}

/* The first arm of @shape that meets some arm of @other; -1 if none does. */
static int first_fit(FIXTURE_DATA(meet) * self, const char *shape,
		     const char *other)
{
	for (int j = 0; j < arms_of(shape); j++)
		for (int i = 0; i < arms_of(other); i++)
			if (fit(self, other, i, shape, j))
				return j;
	return -1;
}

static __u64 passed_so_far(FIXTURE_DATA(meet) * self)
{
	__u64 passed = 0;

	for (int c = 0; c < CHANNELS; c++)
		passed += stat_now(self->ends[c].admin).totals_received;
	return passed;
}

/* Two that select meet ------------------------------------------------------- */

/* One waits, the other comes: what both tell is of one message. */
static int two_meet(FIXTURE_DATA(meet) * self, const char *one,
		    const char *other, __u32 flags)
{
	__u64 passed = passed_so_far(self);
	int i, j;

	CHECK_EQ(0, start_shape(self, one));
	list_shape(self, &self->second, other, 200);
	self->second.batch.flags = flags;
	j = select_soon(&self->second);
	CHECK_EQ(true, j >= 0);
	i = select_ends(&self->first);
	CHECK_EQ(true, i >= 0);
	CHECK_EQ(true, fit(self, one, i, other, j));
	if (flags & CHAN_ORDERED)
		CHECK_EQ(first_fit(self, other, one), j);
	if (sends_at(one, i)) {
		CHECK_EQ(100 + i, self->second.numbers[j]);
		CHECK_EQ(CHAN_STATE_RECEIVED, self->first.arms[i].state);
		CHECK_EQ(4, self->second.arms[j].result);
	} else {
		CHECK_EQ(200 + j, self->first.numbers[i]);
		CHECK_EQ(CHAN_STATE_RECEIVED, self->second.arms[j].state);
		CHECK_EQ(4, self->first.arms[i].result);
	}
	return is_quiet(self, passed + 1);
}

static const char *const pairs[][2] = {
	{ "X!", "X?" },
	{ "X!Y?", "X?Y!" },
	{ "X!Y?", "Y!X?" },
	{ "X!Y!", "X?Y?" },
	{ "X!Y!", "Y?X?" },
	{ "X!X?", "X!X?" },
	{ "X!X?", "X?X!" },
	{ "X!X!", "X?X?" },
	{ "X!", "Y?Z?X?" },
	{ "X!Y!Z!", "Z?" },
	{ "X!Y!", "Y?Z!" },
	{ "X!Y?Z!", "X!Y?Z?" },
	{ "X!X?Y!Y?Z!Z?", "Z?Z!Y?Y!X?X!" },
	{ "X!X!X!Y?Y?Y?", "Y!X?Y!X?Y!X?" },
};

TEST_F(meet, two_selects_meet_whatever_their_arms)
{
	static const __u32 flags[] = { 0, CHAN_NOWAIT, CHAN_ORDERED,
				       CHAN_ORDERED | CHAN_NOWAIT };

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		for (int turned = 0; turned < 2; turned++)
			for (size_t f = 0; f < ARRAY_SIZE(flags); f++) {
				EXPECT_EQ(0,
					  two_meet(self, pairs[i][turned],
						   pairs[i][!turned], flags[f]))
				{
					TH_LOG("%s, then %s, flags %#x",
					       pairs[i][turned],
					       pairs[i][!turned], flags[f]);
				}
			}
}

/* None that fits: they wait beside each other, and a third meets either. */
TEST_F(meet, two_selects_that_do_not_fit_wait_beside_each_other)
{
	static const char *const others[][2] = {
		{ "X!", "X!" },	    { "X?", "X?" },	{ "X!", "Y?" },
		{ "X!Y!", "X!Z?" }, { "X?Y!", "Y!X?" }, { "X!Y?", "Z?Z!X!" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		__u64 passed = passed_so_far(self);

		ASSERT_EQ(0, start_shape(self, others[i][0]));
		list_shape(self, &self->second, others[i][1], 200);
		EXPECT_EQ(-EAGAIN, select_now(&self->second));
		select_again(&self->second);
		self->second.batch.flags = 0;
		self->second.batch.deadline = in_ms(20);
		EXPECT_EQ(-ETIMEDOUT, select_run(&self->second));
		EXPECT_EQ(0, shape_waits(self, others[i][0], 1));
		ASSERT_TRUE(select_interrupt(&self->first));
		EXPECT_EQ(-EINTR, select_ends(&self->first));
		EXPECT_EQ(0, is_quiet(self, passed));
	}
}

/* As many arms as there can be, in another order. */
TEST_F(meet, selects_of_64_arms_meet)
{
	int fds[ARMS_MAX];

	ASSERT_EQ(0, whole_channels(self->control, fds, ARMS_MAX, 0));
	for (int send = 0; send < 2; send++) {
		int i, j;

		select_init(&self->first, fds[0]);
		select_init(&self->second, fds[0]);
		for (int at = 0; at < ARMS_MAX; at++) {
			if (send) {
				add_send(&self->first, fds[at], at);
				add_recv(&self->second, fds[ARMS_MAX - 1 - at]);
			} else {
				add_recv(&self->first, fds[at]);
				add_send(&self->second, fds[ARMS_MAX - 1 - at],
					 at);
			}
		}
		ASSERT_EQ(0, select_start(&self->first));
		for (int at = 0; at < ARMS_MAX; at++)
			ASSERT_TRUE(waiting_are(fds[at], send, !send));
		j = select_soon(&self->second);
		i = select_ends(&self->first);
		EXPECT_EQ(ARMS_MAX - 1, i + j);
		EXPECT_EQ(send ? i : j, send ? self->second.numbers[j] :
					       self->first.numbers[i]);
		EXPECT_EQ(0, nothing_is_left_on(fds, ARMS_MAX));
	}
	close_all(fds, ARMS_MAX);
}

/* Each comes while two others wait: it meets the first of them. */
TEST_F(meet, select_meets_the_first_of_those_who_wait)
{
	struct selecting third;

	for (int send = 0; send < 2; send++) {
		const char *wait = send ? "X!Y?" : "X?Y?";
		const char *come = send ? "X?Z!" : "X!Z!";

		ASSERT_EQ(0, start_shape(self, wait));
		list_shape(self, &third, wait, 300);
		ASSERT_EQ(0, select_start(&third));
		ASSERT_EQ(0, shape_waits(self, wait, 2));
		list_shape(self, &self->second, come, 200);
		EXPECT_EQ(0, select_soon(&self->second));
		EXPECT_EQ(0, select_ends(&self->first));
		EXPECT_EQ(0, shape_waits(self, wait, 1));
		list_shape(self, &self->second, come, 200);
		EXPECT_EQ(0, select_soon(&self->second));
		EXPECT_EQ(0, select_ends(&third));
		EXPECT_EQ(0, shape_waits(self, wait, 0));
	}
	EXPECT_EQ(0, is_quiet(self, 4));
}

/* Never itself ---------------------------------------------------------------- */

static const char *const selves[] = {
	"X!X?", "X?X!", "X!X!X?X?", "X?Y!Y?X!", "X!X.", "X.X!", "X!X?X.",
};

static int waits_in_vain(FIXTURE_DATA(meet) * self, const char *shape)
{
	list_shape(self, &self->first, shape, 100);
	for (int round = 0; round < 20; round++) {
		CHECK_EQ(-EAGAIN, select_now(&self->first));
		select_again(&self->first);
	}
	CHECK_EQ(0, is_quiet(self, 0));
	CHECK_EQ(0, start_shape(self, shape));
	CHECK_EQ(true, select_sleeps(&self->first));
	CHECK_EQ(0, shape_waits(self, shape, 1));
	CHECK_EQ(true, select_interrupt(&self->first));
	CHECK_EQ(-EINTR, select_ends(&self->first));
	return is_quiet(self, 0);
}

TEST_F(meet, select_never_meets_itself)
{
	for (size_t i = 0; i < ARRAY_SIZE(selves); i++) {
		EXPECT_EQ(0, waits_in_vain(self, selves[i]))
		{
			TH_LOG("%s, which is over: %d, and says %d", selves[i],
			       self->first.over, self->first.result);
		}
	}
}

/* Though both arms are on one endpoint. */
TEST_F(meet, select_never_meets_itself_on_one_endpoint)
{
	int fd = whole_channel(self->control, 0);

	for (int ordered = 0; ordered < 2; ordered++) {
		select_init(&self->first, fd);
		self->first.batch.flags = ordered ? CHAN_ORDERED : 0;
		add_send(&self->first, -1, 1);
		add_recv(&self->first, -1);
		add_recv(&self->first, fd);
		ASSERT_EQ(0, select_start(&self->first));
		ASSERT_TRUE(waiting_are(fd, 1, 2));
		EXPECT_TRUE(select_sleeps(&self->first));
		EXPECT_EQ(1, take_message(fd));
		EXPECT_EQ(0, select_ends(&self->first));
		EXPECT_EQ(0, nothing_is_left(fd));
	}
	close(fd);
}

TEST_F(meet, third_party_meets_one_that_cannot_meet_itself)
{
	__u64 passed = 0;

	for (size_t i = 0; i < 4; i++) {
		const char *shape = selves[i];
		int at;

		/* A receiver, a sender, and both in one. */
		ASSERT_EQ(0, start_shape(self, shape));
		at = take_message(self->ends[0].receiver);
		EXPECT_EQ(at - 100, select_ends(&self->first));
		EXPECT_EQ(0, is_quiet(self, ++passed));
		ASSERT_EQ(0, start_shape(self, shape));
		ASSERT_EQ(0, put_message(self->ends[0].sender, 7));
		at = select_ends(&self->first);
		ASSERT_LE(0, at);
		EXPECT_EQ(7, self->first.numbers[at]);
		EXPECT_EQ(0, is_quiet(self, ++passed));
		EXPECT_EQ(0, two_meet(self, shape, shape, 0));
		passed++;
	}
}

/* A receiver that waits --------------------------------------------------------- */

TEST_F(meet, send_that_does_not_wait_needs_a_select_that_receives)
{
	__u64 passed = 0;

	for (int way = 0; way < 2; way++) {
		ASSERT_EQ(0, start_shape(self, "X?Y?Z!"));
		/* Where it would send, nobody receives. */
		EXPECT_EQ(-EAGAIN, put_message(self->ends[2].sender, 1));
		EXPECT_EQ(0, way ? put_now(self->ends[1].sender, 7) :
				   put_message(self->ends[1].sender, 7));
		EXPECT_EQ(1, select_ends(&self->first));
		EXPECT_EQ(7, self->first.numbers[1]);
		EXPECT_EQ(-EAGAIN, put_message(self->ends[0].sender, 1));
		EXPECT_EQ(-EAGAIN, put_message(self->ends[1].sender, 1));
		EXPECT_EQ(0, is_quiet(self, ++passed));
	}
}

TEST_F(meet, receive_that_does_not_wait_needs_a_select_that_sends)
{
	ASSERT_EQ(0, start_shape(self, "X?Y!Z!"));
	EXPECT_EQ(-EAGAIN, take_message(self->ends[0].receiver));
	EXPECT_EQ(101, take_now(self->ends[1].receiver));
	EXPECT_EQ(1, select_ends(&self->first));
	EXPECT_EQ(-EAGAIN, take_message(self->ends[1].receiver));
	EXPECT_EQ(-EAGAIN, take_message(self->ends[2].receiver));
	EXPECT_EQ(0, is_quiet(self, 1));
}

TEST_F(meet, POLLOUT_and_POLLIN_are_a_select_that_waits)
{
	struct ends *x = &self->ends[0], *y = &self->ends[1];

	ASSERT_EQ(0, start_shape(self, "X?Y!"));
	EXPECT_EQ(POLLOUT, events_of(x->sender));
	EXPECT_EQ(0, events_of(x->receiver));
	EXPECT_EQ(0, events_of(y->sender));
	EXPECT_EQ(POLLIN, events_of(y->receiver));
	EXPECT_EQ(0, put_message(x->sender, 7));
	EXPECT_EQ(0, select_ends(&self->first));
	EXPECT_EQ(0, events_of(x->sender));
	EXPECT_EQ(0, events_of(y->receiver));
	EXPECT_EQ(-EAGAIN, take_message(y->receiver));
	EXPECT_EQ(0, is_quiet(self, 1));
}

static ssize_t poll_call(struct call *call)
{
	struct pollfd p = { .fd = call->fd, .events = call->nr };

	return poll(&p, 1, -1) == 1 ? p.revents : -errno;
}

TEST_F(meet, select_that_comes_wakes_who_polls_for_it)
{
	struct call out = {
		.fn = poll_call,
		.fd = self->ends[0].sender,
		.nr = POLLOUT,
	};
	struct call in = {
		.fn = poll_call,
		.fd = self->ends[1].receiver,
		.nr = POLLIN,
	};

	ASSERT_EQ(0, call_start(&out));
	ASSERT_EQ(0, call_start(&in));
	ASSERT_TRUE(call_sleeps_in(&out, SYS_poll));
	ASSERT_TRUE(call_sleeps_in(&in, SYS_poll));
	ASSERT_EQ(0, start_shape(self, "X?Y!"));
	EXPECT_EQ(POLLOUT, finish(&out));
	EXPECT_EQ(POLLIN, finish(&in));
	EXPECT_EQ(101, take_message(self->ends[1].receiver));
	EXPECT_EQ(1, select_ends(&self->first));
	EXPECT_EQ(0, events_of(self->ends[0].sender));
	EXPECT_EQ(0, is_quiet(self, 1));
}

/* Two that do not wait never meet, and nobody else learns of them. */
TEST_F(meet, selects_that_do_not_wait_never_meet)
{
	for (int i = 0; i < 20; i++) {
		list_shape(self, &self->first, "X!Y?", 100);
		EXPECT_EQ(-EAGAIN, select_now(&self->first));
		list_shape(self, &self->second, "X?Y!", 200);
		EXPECT_EQ(-EAGAIN, select_now(&self->second));
		EXPECT_EQ(0, events_of(self->ends[0].sender));
		EXPECT_EQ(0, events_of(self->ends[0].receiver));
	}
	EXPECT_EQ(0, is_quiet(self, 0));
}

/* Who only looks receives nothing: no sender meets it. */
TEST_F(meet, select_that_looks_is_no_receiver_that_waits)
{
	struct running send;
	int nr = 7;

	ASSERT_EQ(0, start_shape(self, "X.Y?"));
	EXPECT_EQ(-EAGAIN, put_message(self->ends[0].sender, 1));
	EXPECT_EQ(0, events_of(self->ends[0].sender));
	ASSERT_EQ(0, op_start(&send, self->ends[0].sender, op_send(&nr, 4)));
	EXPECT_EQ(0, select_ends(&self->first));
	EXPECT_EQ(7, self->first.numbers[0]);
	EXPECT_TRUE(waiting_are(self->ends[0].admin, 1, 0));
	EXPECT_EQ(0, stat_now(self->ends[0].admin).totals_sent);
	EXPECT_EQ(7, take_message(self->ends[0].receiver));
	EXPECT_EQ(0, running_end(&send));
	EXPECT_EQ(0, is_quiet(self, 1));
}

/* Receivers that fail ------------------------------------------------------------- */

/* What is sent to it stays with its sender; what does not wait fails. */
TEST_F(meet, select_that_does_not_wait_meets_no_receiver_that_faults)
{
	struct running recv;

	ASSERT_EQ(0, op_start(&recv, self->ends[0].receiver,
			      op_recv(self->edge, 4)));
	ASSERT_TRUE(waiting_are(self->ends[0].admin, 0, 1));
	list_shape(self, &self->first, "X!Y?", 100);
	EXPECT_EQ(-EAGAIN, select_now(&self->first));
	EXPECT_EQ(-EFAULT, running_end(&recv));
	EXPECT_EQ(0, is_quiet(self, 0));
}

/* One that waits does so, and is met by the next. */
TEST_F(meet, select_goes_on_when_the_receiver_that_it_meets_faults)
{
	struct running recv;

	for (int at = 0; at < 2; at++) {
		ASSERT_EQ(0, op_start(&recv, self->ends[0].receiver,
				      op_recv(self->edge - 3, 4)));
		ASSERT_TRUE(waiting_are(self->ends[0].admin, 0, 1));
		list_shape(self, &self->first, "X!Y?", 100);
		ASSERT_EQ(0, select_start(&self->first));
		EXPECT_EQ(-EFAULT, running_end(&recv));
		ASSERT_EQ(0, shape_waits(self, "X!Y?", 1));
		ASSERT_EQ(at ? 0 : 100,
			  at ? put_message(self->ends[1].sender, 7) :
			       take_message(self->ends[0].receiver));
		EXPECT_EQ(at, select_ends(&self->first));
		EXPECT_EQ(0, is_quiet(self, at + 1));
	}
}

/* One select fails at the buffer of its arm, the other finds somebody else. */
TEST_F(meet, select_goes_on_when_the_select_that_it_meets_fails)
{
	for (int why = 0; why < 2; why++) {
		list_shape(self, &self->first, "Y?X?", 100);
		self->first.arms[1].len = why ? 4 : 3;
		if (why)
			self->first.arms[1].buf = address(self->edge - 3);
		ASSERT_EQ(0, select_start(&self->first));
		ASSERT_EQ(0, shape_waits(self, "Y?X?", 1));
		list_shape(self, &self->second, "X!Z?", 200);
		ASSERT_EQ(0, select_start(&self->second));
		EXPECT_EQ(why ? -EFAULT : -EMSGSIZE, select_ends(&self->first));
		EXPECT_EQ(1, self->first.batch.index);
		EXPECT_EQ(4, self->first.arms[1].len);
		ASSERT_EQ(0, shape_waits(self, "X!Z?", 1));
		EXPECT_EQ(200, take_message(self->ends[0].receiver));
		EXPECT_EQ(0, select_ends(&self->second));
		EXPECT_EQ(0, is_quiet(self, why + 1));
	}
}

TEST_HARNESS_MAIN
