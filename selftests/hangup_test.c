// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hang-up and shut-down: when the senders of a channel have gone, receivers
 * drain it and then read the end; when the receivers have gone, senders get
 * EPIPE, new ones and those that wait, and what nobody can receive is dropped
 * and counted.  That holds for anonymous channels, for those whose name was
 * removed, and for those with CHAN_HANGUP; other named channels keep waiting
 * and keep their messages.  Gone means: there has been one and none is left,
 * however it ended.  SHUTDOWN is for good, in every kind of channel.
 */
#include "traffic.h"

#define NAME T "hangup"

enum kind { ANONYMOUS, REMOVED, FLAGGED, NAMED };

struct line {
	int control;
	struct ends ends;
	struct call first, second;
};

static int line_open(struct line *line, enum kind kind, __u32 cap)
{
	struct chan_create c = roomy_record(kind == ANONYMOUS ? NULL : NAME);
	int ret;

	line->control = open_control();
	if (line->control < 0)
		return line->control;
	c.cap = cap;
	c.flags = kind == FLAGGED ? CHAN_HANGUP : 0;
	ret = ends_make(line->control, &c, &line->ends);
	if (!ret && kind == REMOVED)
		ret = remove_name(line->control, NAME);
	/* Broken pipes are told by errno; the signal would be counted. */
	catch_signal(SIGPIPE, 0);
	return ret;
}

static void line_close(struct line *line)
{
	ends_close(&line->ends);
	names_sweep();
	close(line->control);
}

/* Those that hang up ------------------------------------------------------ */

FIXTURE(hangup)
{
	struct line line;
	struct ends *ends;
};

FIXTURE_VARIANT(hangup)
{
	enum kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(hangup, anonymous) {
	.kind = ANONYMOUS,
};
FIXTURE_VARIANT_ADD(hangup, removed) {
	.kind = REMOVED,
};
FIXTURE_VARIANT_ADD(hangup, flagged) {
	.kind = FLAGGED,
};
/* clang-format on */

FIXTURE_SETUP(hangup)
{
	self->ends = &self->line.ends;
	ASSERT_EQ(0, line_open(&self->line, variant->kind, 4));
}

FIXTURE_TEARDOWN(hangup)
{
	EXPECT_EQ(0, signals_taken);
	line_close(&self->line);
}

TEST_F(hangup, senders_gone_is_the_end_after_the_last_message)
{
	for (int nr = 1; nr <= 3; nr++)
		ASSERT_EQ(0, put(self->ends->sender, nr));
	EXPECT_EQ(POLLIN, events_of(self->ends->receiver));
	close_end(&self->ends->sender);
	for (int nr = 1; nr <= 3; nr++) {
		EXPECT_EQ(POLLIN | POLLHUP, events_of(self->ends->receiver));
		EXPECT_EQ(nr, take(self->ends->receiver));
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(POLLIN | POLLHUP, events_of(self->ends->receiver));
		EXPECT_EQ(0, take(self->ends->receiver));
		EXPECT_EQ(0, take_now(self->ends->receiver));
	}
	EXPECT_EQ(3, stat_of(self->ends->admin).totals_received);
	EXPECT_EQ(0, stat_of(self->ends->admin).totals_dropped);
}

TEST_F(hangup, senders_gone_ends_those_who_wait_for_a_message)
{
	struct call *first = &self->line.first, *second = &self->line.second;

	ASSERT_EQ(0, start_take(first, self->ends->receiver));
	ASSERT_EQ(0, start_take(second, self->ends->receiver));
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 2));
	close_end(&self->ends->sender);
	EXPECT_EQ(0, finish_take(first));
	EXPECT_EQ(0, finish_take(second));
	EXPECT_TRUE(waiting_are(self->ends->admin, 0, 0));
}

TEST_F(hangup, every_time_the_senders_go_those_who_wait_are_told)
{
	for (int time = 0; time < 3; time++) {
		ASSERT_EQ(0,
			  start_take(&self->line.first, self->ends->receiver));
		ASSERT_TRUE(waiting_are(self->ends->admin, 0, 1));
		close_end(&self->ends->sender);
		EXPECT_EQ(0, finish_take(&self->line.first));
		self->ends->sender = derive(self->ends->admin, CHAN_RIGHT_SEND);
		ASSERT_LE(0, self->ends->sender);
	}
}

TEST_F(hangup, receivers_gone_is_EPIPE_without_SIGPIPE)
{
	close_end(&self->ends->receiver);
	EXPECT_EQ(POLLOUT | POLLERR, events_of(self->ends->sender));
	EXPECT_EQ(-EPIPE, put(self->ends->sender, 1));
	EXPECT_EQ(-EPIPE, put_now(self->ends->sender, 1));
	EXPECT_EQ(-EPIPE, put(self->ends->sender, 1));
	EXPECT_EQ(0, stat_of(self->ends->admin).totals_sent);
	EXPECT_EQ(0, stat_of(self->ends->admin).totals_dropped);
}

TEST_F(hangup, receivers_gone_drops_what_is_queued_and_counts_it)
{
	struct chan_stat s;

	for (int nr = 1; nr <= 3; nr++)
		ASSERT_EQ(0, put(self->ends->sender, nr));
	ASSERT_EQ(1, take(self->ends->receiver));
	close_end(&self->ends->receiver);
	s = stat_of(self->ends->admin);
	EXPECT_EQ(0, s.queued);
	EXPECT_EQ(0, s.bytes);
	EXPECT_EQ(3, s.totals_sent);
	EXPECT_EQ(1, s.totals_received);
	EXPECT_EQ(2, s.totals_dropped);
}

TEST_F(hangup, receivers_gone_ends_those_who_wait_for_a_slot)
{
	struct call *first = &self->line.first, *second = &self->line.second;
	struct chan_stat s;

	for (int nr = 1; nr <= 4; nr++)
		ASSERT_EQ(0, put(self->ends->sender, nr));
	ASSERT_EQ(0, start_put(first, self->ends->sender, 5));
	ASSERT_EQ(0, start_put(second, self->ends->sender, 6));
	ASSERT_TRUE(waiting_are(self->ends->admin, 2, 0));
	close_end(&self->ends->receiver);
	EXPECT_EQ(-EPIPE, finish(first));
	EXPECT_EQ(-EPIPE, finish(second));
	s = stat_of(self->ends->admin);
	EXPECT_EQ(0, s.parked_senders);
	EXPECT_EQ(0, s.queued);
	/* Those two never had a slot, so they were not dropped either. */
	EXPECT_EQ(4, s.totals_sent);
	EXPECT_EQ(4, s.totals_dropped);
}

TEST_F(hangup, new_sender_ends_the_hangup)
{
	ASSERT_EQ(0, put(self->ends->sender, 1));
	close_end(&self->ends->sender);
	EXPECT_EQ(POLLIN | POLLHUP, events_of(self->ends->receiver));
	self->ends->sender = derive(self->ends->admin, CHAN_RIGHT_SEND);
	ASSERT_LE(0, self->ends->sender);
	EXPECT_EQ(POLLIN, events_of(self->ends->receiver));
	EXPECT_EQ(1, take(self->ends->receiver));
	EXPECT_EQ(0, events_of(self->ends->receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends->receiver));
	ASSERT_EQ(0, start_take(&self->line.first, self->ends->receiver));
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 1));
	EXPECT_EQ(0, put(self->ends->sender, 2));
	EXPECT_EQ(2, finish_take(&self->line.first));
	/* And it can go again. */
	close_end(&self->ends->sender);
	EXPECT_EQ(0, take(self->ends->receiver));
}

TEST_F(hangup, new_receiver_ends_the_hangup)
{
	ASSERT_EQ(0, put(self->ends->sender, 1));
	close_end(&self->ends->receiver);
	EXPECT_EQ(-EPIPE, put(self->ends->sender, 2));
	self->ends->receiver = derive(self->ends->admin, CHAN_RIGHT_RECV);
	ASSERT_LE(0, self->ends->receiver);
	EXPECT_EQ(POLLOUT, events_of(self->ends->sender));
	/* What was dropped does not come back. */
	EXPECT_EQ(-EAGAIN, take_now(self->ends->receiver));
	EXPECT_EQ(0, put(self->ends->sender, 3));
	EXPECT_EQ(3, take(self->ends->receiver));
}

TEST_F(hangup, whoever_is_left_keeps_the_line)
{
	int sender = derive(self->ends->admin, CHAN_RIGHT_SEND);
	int both = derive(self->ends->admin, CHAN_RIGHT_SEND | CHAN_RIGHT_RECV);

	close_end(&self->ends->sender);
	EXPECT_EQ(-EAGAIN, take_now(self->ends->receiver));
	close(sender);
	EXPECT_EQ(-EAGAIN, take_now(self->ends->receiver));
	EXPECT_EQ(0, events_of(self->ends->receiver));
	close_end(&self->ends->receiver);
	EXPECT_EQ(0, put(both, 1));
	EXPECT_EQ(POLLIN | POLLOUT, events_of(both));
	EXPECT_EQ(1, take(both));
	close(both);
	EXPECT_TRUE(endpoints_are(self->ends->admin, 0, 0));
}

TEST_F(hangup, duplicate_keeps_the_line)
{
	int same = dup(self->ends->sender);

	close_end(&self->ends->sender);
	EXPECT_EQ(-EAGAIN, take_now(self->ends->receiver));
	EXPECT_EQ(0, put(same, 1));
	close(same);
	EXPECT_EQ(1, take(self->ends->receiver));
	EXPECT_EQ(0, take(self->ends->receiver));
}

/* A child that inherits both ends is both. */
TEST_F(hangup, child_keeps_the_line_until_it_ends)
{
	int go[2], status;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &c, 1));
	}
	close(go[0]);
	close_end(&self->ends->sender);
	EXPECT_EQ(-EAGAIN, take_now(self->ends->receiver));
	ASSERT_EQ(0, start_take(&self->line.first, self->ends->receiver));
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 1));
	close(go[1]);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, finish_take(&self->line.first));
}

TEST_F(hangup, killed_sender_is_gone)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	close_end(&self->ends->sender);
	ASSERT_EQ(0, start_take(&self->line.first, self->ends->receiver));
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 1));
	kill(pid, SIGKILL);
	EXPECT_EQ(0, finish_take(&self->line.first));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
}

/* It dies where it waits, and with it the last receiver. */
TEST_F(hangup, killed_receiver_that_waits_is_gone)
{
	pid_t pid = fork();

	if (!pid) {
		close_end(&self->ends->sender);
		_exit(take(self->ends->receiver));
	}
	close_end(&self->ends->receiver);
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 1));
	EXPECT_EQ(POLLOUT, events_of(self->ends->sender));
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_TRUE(endpoints_are(self->ends->admin, 1, 0));
	EXPECT_EQ(-EPIPE, put(self->ends->sender, 1));
}

TEST_F(hangup, hangup_wakes_those_who_poll)
{
	struct pollfd in = { .fd = self->ends->receiver, .events = POLLIN };
	pid_t pid = fork();
	int status;

	if (!pid) {
		close_end(&self->ends->sender);
		if (poll(&in, 1, BUDGET * 1000) != 1)
			_exit(1);
		_exit(in.revents != (POLLIN | POLLHUP));
	}
	ASSERT_TRUE(endpoints_are(self->ends->admin, 1, 1));
	close_end(&self->ends->sender);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Nobody has come yet, so nobody has gone. */

/* On a channel that nobody has sent to or received from. */
static int begin_again(struct line *line, enum kind kind, __u32 cap)
{
	struct chan_create c =
		roomy_record(kind == ANONYMOUS ? NULL : NAME "2");

	ends_close(&line->ends);
	c.cap = cap;
	c.flags = kind == FLAGGED ? CHAN_HANGUP : 0;
	c.rights = CHAN_RIGHT_ADMIN;
	line->ends.admin = create_with(line->control, &c);
	if (line->ends.admin < 0)
		return line->ends.admin;
	return kind == REMOVED ? remove_name(line->control, NAME "2") : 0;
}

TEST_F(hangup, receiver_waits_for_the_first_sender)
{
	struct ends *ends = self->ends;

	ASSERT_EQ(0, begin_again(&self->line, variant->kind, 4));
	ends->receiver = derive(ends->admin, CHAN_RIGHT_RECV);
	EXPECT_EQ(0, events_of(ends->receiver));
	EXPECT_EQ(-EAGAIN, take_now(ends->receiver));
	ASSERT_EQ(0, start_take(&self->line.first, ends->receiver));
	ASSERT_TRUE(waiting_are(ends->admin, 0, 1));
	ends->sender = derive(ends->admin, CHAN_RIGHT_SEND);
	EXPECT_TRUE(waiting_are(ends->admin, 0, 1));
	EXPECT_EQ(0, put(ends->sender, 1));
	EXPECT_EQ(1, finish_take(&self->line.first));
}

TEST_F(hangup, sender_waits_for_the_first_receiver)
{
	struct ends *ends = self->ends;

	ASSERT_EQ(0, begin_again(&self->line, variant->kind, 1));
	ends->sender = derive(ends->admin, CHAN_RIGHT_SEND);
	EXPECT_EQ(POLLOUT, events_of(ends->sender));
	EXPECT_EQ(0, put(ends->sender, 1));
	EXPECT_EQ(0, events_of(ends->sender));
	ASSERT_EQ(0, start_put(&self->line.first, ends->sender, 2));
	ASSERT_TRUE(waiting_are(ends->admin, 1, 0));
	ends->receiver = derive(ends->admin, CHAN_RIGHT_RECV);
	EXPECT_TRUE(waiting_are(ends->admin, 1, 0));
	EXPECT_EQ(1, take(ends->receiver));
	EXPECT_EQ(2, take(ends->receiver));
	EXPECT_EQ(0, finish_put(&self->line.first));
}

/* A receiver never came, so what was sent waits even for a later one. */
TEST_F(hangup, messages_without_a_receiver_yet_outlive_their_sender)
{
	struct ends *ends = self->ends;

	ASSERT_EQ(0, begin_again(&self->line, variant->kind, 4));
	ends->sender = derive(ends->admin, CHAN_RIGHT_SEND);
	EXPECT_EQ(0, put(ends->sender, 1));
	close_end(&ends->sender);
	EXPECT_EQ(1, stat_of(ends->admin).queued);
	ends->receiver = derive(ends->admin, CHAN_RIGHT_RECV);
	EXPECT_EQ(POLLIN | POLLHUP, events_of(ends->receiver));
	EXPECT_EQ(1, take(ends->receiver));
	EXPECT_EQ(0, take(ends->receiver));
}

/* Whoever is no administrator gets no file while there may be none. */
#define FILE_MAX "/proc/sys/fs/file-max"

struct attempt {
	int from;
	__u32 rights;
};

static int attempt_to_derive(void *arg)
{
	const struct attempt *attempt = arg;

	return close_made(derive(attempt->from, attempt->rights));
}

static int derive_in_vain(int from, __u32 rights)
{
	struct attempt attempt = { .from = from, .rights = rights };
	char before[24];
	int ret;

	snprintf(before, sizeof(before), "%lld", file_number(FILE_MAX));
	ret = write_text(FILE_MAX, "0");
	if (!ret)
		ret = as_user(ALICE, attempt_to_derive, &attempt);
	return write_text(FILE_MAX, before) ?: ret;
}

/* What could not be had has not been there, and does not leave. */
TEST_F(hangup, receiver_that_never_was_drops_nothing)
{
	struct ends *ends = self->ends;

	ASSERT_EQ(0, begin_again(&self->line, variant->kind, 4));
	ends->sender = derive(ends->admin, CHAN_RIGHT_SEND);
	EXPECT_EQ(0, put(ends->sender, 1));
	ASSERT_EQ(-ENFILE, derive_in_vain(ends->admin, CHAN_RIGHT_RECV));
	EXPECT_EQ(1, stat_of(ends->admin).queued);
	EXPECT_EQ(0, stat_of(ends->admin).totals_dropped);
	EXPECT_EQ(0, put(ends->sender, 2));
	ends->receiver = derive(ends->admin, CHAN_RIGHT_RECV);
	EXPECT_EQ(1, take(ends->receiver));
	EXPECT_EQ(2, take(ends->receiver));
}

TEST_F(hangup, sender_that_never_was_ends_no_wait)
{
	struct ends *ends = self->ends;

	ASSERT_EQ(0, begin_again(&self->line, variant->kind, 4));
	ends->receiver = derive(ends->admin, CHAN_RIGHT_RECV);
	ASSERT_EQ(0, start_take(&self->line.first, ends->receiver));
	ASSERT_TRUE(waiting_are(ends->admin, 0, 1));
	ASSERT_EQ(-ENFILE, derive_in_vain(ends->admin, CHAN_RIGHT_SEND));
	EXPECT_EQ(0, events_of(ends->receiver));
	ends->sender = derive(ends->admin, CHAN_RIGHT_SEND);
	EXPECT_EQ(0, put(ends->sender, 1));
	EXPECT_EQ(1, finish_take(&self->line.first));
}

/* The kernel closes again what it has opened in a way that a file has not. */
TEST(open_that_fails_drops_nothing)
{
	struct line line;

	ASSERT_EQ(0, line_open(&line, FLAGGED, 4));
	ASSERT_EQ(0, begin_again(&line, FLAGGED, 4));
	line.ends.sender = derive(line.ends.admin, CHAN_RIGHT_SEND);
	EXPECT_EQ(0, put(line.ends.sender, 1));
	EXPECT_EQ(-EINVAL, open_node(NAME "2", O_RDONLY | O_DIRECT));
	EXPECT_EQ(1, stat_of(line.ends.admin).queued);
	EXPECT_EQ(0, put(line.ends.sender, 2));
	line_close(&line);
}

/* The last receiver goes while others send: each message has one fate. */
static atomic_int racer_go;

static ssize_t race_send(struct call *call)
{
	ssize_t ret;
	int nr = 0;

	while (!racer_go)
		;
	do {
		ret = put(call->fd, ++nr);
	} while (!ret);
	return ret == -EPIPE ? nr - 1 : ret;
}

TEST_F_TIMEOUT(hangup, receiver_that_goes_in_between_loses_no_count,
	       STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 6.0;
	long rounds = 0, sent = 0, received = 0;
	struct call call = { .fn = race_send };
	struct chan_stat s;
	ssize_t n;

	for (; now() < end; rounds++) {
		call.fd = self->ends->sender;
		racer_go = 0;
		ASSERT_EQ(0, call_start(&call));
		racer_go = 1;
		for (int i = rounds % 7; i > 0; i--) {
			ASSERT_LT(0, take(self->ends->receiver));
			received++;
		}
		close_end(&self->ends->receiver);
		n = finish(&call);
		ASSERT_LE(0, n);
		sent += n;
		s = stat_of(self->ends->admin);
		ASSERT_EQ((__u64)sent, s.totals_sent);
		ASSERT_EQ((__u64)received, s.totals_received);
		ASSERT_EQ((__u64)(sent - received), s.totals_dropped);
		ASSERT_EQ(0, s.queued);
		ASSERT_EQ(0, s.bytes);
		self->ends->receiver =
			derive(self->ends->admin, CHAN_RIGHT_RECV);
	}
	TH_LOG("%ld rounds, %ld sent, %ld received", rounds, sent, received);
	EXPECT_LE(at_least(2), rounds);
}

/* Named channels that keep waiting ---------------------------------------- */

FIXTURE(named)
{
	struct line line;
	struct ends *ends;
};

FIXTURE_SETUP(named)
{
	self->ends = &self->line.ends;
	ASSERT_EQ(0, line_open(&self->line, NAMED, 4));
}

FIXTURE_TEARDOWN(named)
{
	EXPECT_EQ(0, signals_taken);
	line_close(&self->line);
}

TEST_F(named, receiver_keeps_waiting_when_senders_have_gone)
{
	struct call *call = &self->line.first;

	ASSERT_EQ(0, put(self->ends->sender, 1));
	close_end(&self->ends->sender);
	EXPECT_EQ(POLLIN, events_of(self->ends->receiver));
	EXPECT_EQ(1, take(self->ends->receiver));
	EXPECT_EQ(0, events_of(self->ends->receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends->receiver));
	ASSERT_EQ(0, start_take(call, self->ends->receiver));
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 1));
	self->ends->sender = open_node(NAME, O_WRONLY);
	ASSERT_LE(0, self->ends->sender);
	EXPECT_EQ(0, put(self->ends->sender, 2));
	EXPECT_EQ(2, finish_take(call));
	/* Also one that waits while they go. */
	ASSERT_EQ(0, start_take(call, self->ends->receiver));
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 1));
	close_end(&self->ends->sender);
	EXPECT_TRUE(waiting_are(self->ends->admin, 0, 1));
	self->ends->sender = open_node(NAME, O_WRONLY);
	EXPECT_EQ(0, put(self->ends->sender, 3));
	EXPECT_EQ(3, finish_take(call));
}

TEST_F(named, sender_keeps_waiting_when_receivers_have_gone)
{
	struct call *call = &self->line.first;

	ASSERT_EQ(0, put(self->ends->sender, 1));
	close_end(&self->ends->receiver);
	EXPECT_EQ(POLLOUT, events_of(self->ends->sender));
	for (int nr = 2; nr <= 4; nr++)
		EXPECT_EQ(0, put(self->ends->sender, nr));
	EXPECT_EQ(0, events_of(self->ends->sender));
	ASSERT_EQ(0, start_put(call, self->ends->sender, 5));
	ASSERT_TRUE(waiting_are(self->ends->admin, 1, 0));
	EXPECT_EQ(4, stat_of(self->ends->admin).queued);
	self->ends->receiver = open_node(NAME, O_RDONLY);
	ASSERT_LE(0, self->ends->receiver);
	for (int nr = 1; nr <= 5; nr++)
		EXPECT_EQ(nr, take(self->ends->receiver));
	EXPECT_EQ(0, finish_put(call));
	EXPECT_EQ(0, stat_of(self->ends->admin).totals_dropped);
}

TEST_F(named, messages_stay_while_nobody_has_it_open)
{
	struct chan_stat s;

	for (int nr = 1; nr <= 3; nr++)
		ASSERT_EQ(0, put(self->ends->sender, nr));
	ends_close(self->ends);
	self->ends->receiver = open_node(NAME, O_RDONLY);
	ASSERT_LE(0, self->ends->receiver);
	s = stat_of(self->ends->receiver);
	EXPECT_EQ(3, s.queued);
	EXPECT_EQ(3 * (4 + CHAN_MSG_OVERHEAD), s.bytes);
	EXPECT_EQ(0, s.senders);
	EXPECT_EQ(1, s.receivers);
	EXPECT_EQ(0, s.totals_dropped);
	EXPECT_EQ(POLLIN, events_of(self->ends->receiver));
	for (int nr = 1; nr <= 3; nr++)
		EXPECT_EQ(nr, take(self->ends->receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends->receiver));
}

/* From then on it is like any other without a name. */

TEST_F(named, removal_ends_those_who_wait_for_senders_that_have_gone)
{
	struct call *call = &self->line.first;

	ASSERT_EQ(0, put(self->ends->sender, 1));
	close_end(&self->ends->sender);
	EXPECT_EQ(1, take(self->ends->receiver));
	ASSERT_EQ(0, start_take(call, self->ends->receiver));
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 1));
	ASSERT_EQ(0, remove_name(self->line.control, NAME));
	EXPECT_EQ(0, finish_take(call));
	EXPECT_EQ(POLLIN | POLLHUP, events_of(self->ends->receiver));
}

TEST_F(named, removal_ends_those_who_wait_for_receivers_that_have_gone)
{
	struct call *call = &self->line.first;
	struct chan_stat s;

	close_end(&self->ends->receiver);
	for (int nr = 1; nr <= 4; nr++)
		ASSERT_EQ(0, put(self->ends->sender, nr));
	ASSERT_EQ(0, start_put(call, self->ends->sender, 5));
	ASSERT_TRUE(waiting_are(self->ends->admin, 1, 0));
	ASSERT_EQ(0, remove_name(self->line.control, NAME));
	EXPECT_EQ(-EPIPE, finish(call));
	s = stat_of(self->ends->admin);
	EXPECT_EQ(0, s.queued);
	EXPECT_EQ(0, s.bytes);
	EXPECT_EQ(4, s.totals_dropped);
	EXPECT_EQ(POLLOUT | POLLERR, events_of(self->ends->sender));
	EXPECT_EQ(-EPIPE, put(self->ends->sender, 1));
}

TEST_F(named, removal_leaves_those_who_have_each_other)
{
	struct call *reader = &self->line.first, *writer = &self->line.second;

	ASSERT_EQ(0, start_take(reader, self->ends->receiver));
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 1));
	ASSERT_EQ(0, remove_name(self->line.control, NAME));
	EXPECT_TRUE(waiting_are(self->ends->admin, 0, 1));
	EXPECT_EQ(0, put(self->ends->sender, 1));
	EXPECT_EQ(1, finish_take(reader));
	for (int nr = 1; nr <= 4; nr++)
		EXPECT_EQ(0, put(self->ends->sender, nr));
	ASSERT_EQ(0, start_put(writer, self->ends->sender, 5));
	ASSERT_TRUE(waiting_are(self->ends->admin, 1, 0));
	for (int nr = 1; nr <= 5; nr++)
		EXPECT_EQ(nr, take(self->ends->receiver));
	EXPECT_EQ(0, finish_put(writer));
}

TEST_F(named, removal_makes_a_later_departure_a_hangup)
{
	ASSERT_EQ(0, remove_name(self->line.control, NAME));
	EXPECT_EQ(-EAGAIN, take_now(self->ends->receiver));
	ASSERT_EQ(0, start_take(&self->line.first, self->ends->receiver));
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 1));
	close_end(&self->ends->sender);
	EXPECT_EQ(0, finish_take(&self->line.first));
}

/* The name goes with its creator's endpoint, and with it the waiting. */
TEST_F(named, ephemeral_name_that_goes_ends_those_who_wait)
{
	struct chan_create c = roomy_record(NAME "2");
	struct ends mailbox;

	c.flags = CHAN_EPHEMERAL;
	ASSERT_EQ(0, ends_make(self->line.control, &c, &mailbox));
	close_end(&mailbox.sender);
	ASSERT_EQ(0, start_take(&self->line.first, mailbox.receiver));
	ASSERT_TRUE(waiting_are(mailbox.admin, 0, 1));
	close_end(&mailbox.admin);
	EXPECT_EQ(0, finish_take(&self->line.first));
	ends_close(&mailbox);
}

/* SHUTDOWN, the same in every kind ----------------------------------------- */

FIXTURE(shutdown)
{
	struct line line;
	struct ends *ends;
};

FIXTURE_VARIANT(shutdown)
{
	enum kind kind;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(shutdown, anonymous) {
	.kind = ANONYMOUS,
};
FIXTURE_VARIANT_ADD(shutdown, removed) {
	.kind = REMOVED,
};
FIXTURE_VARIANT_ADD(shutdown, flagged) {
	.kind = FLAGGED,
};
FIXTURE_VARIANT_ADD(shutdown, named) {
	.kind = NAMED,
};
/* clang-format on */

FIXTURE_SETUP(shutdown)
{
	self->ends = &self->line.ends;
	ASSERT_EQ(0, line_open(&self->line, variant->kind, 4));
}

FIXTURE_TEARDOWN(shutdown)
{
	EXPECT_EQ(0, signals_taken);
	line_close(&self->line);
}

TEST_F(shutdown, queue_drains_and_then_is_the_end)
{
	for (int nr = 1; nr <= 3; nr++)
		ASSERT_EQ(0, put(self->ends->sender, nr));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, shut_down(self->ends->admin));
		EXPECT_EQ(-EPIPE, put(self->ends->sender, 9));
		EXPECT_EQ(-EPIPE, put_now(self->ends->sender, 9));
		EXPECT_EQ(POLLOUT | POLLERR, events_of(self->ends->sender));
		EXPECT_EQ(POLLIN | POLLHUP, events_of(self->ends->receiver));
	}
	EXPECT_EQ(3, stat_of(self->ends->admin).queued);
	for (int nr = 1; nr <= 3; nr++)
		EXPECT_EQ(nr, take(self->ends->receiver));
	EXPECT_EQ(0, take(self->ends->receiver));
	EXPECT_EQ(0, take_now(self->ends->receiver));
	EXPECT_EQ(POLLIN | POLLHUP, events_of(self->ends->receiver));
	EXPECT_EQ(0, shut_down(self->ends->admin));
	EXPECT_EQ(0, take(self->ends->receiver));
	EXPECT_EQ(3, stat_of(self->ends->admin).totals_sent);
	EXPECT_EQ(0, stat_of(self->ends->admin).totals_dropped);
}

TEST_F(shutdown, needs_ADMIN)
{
	EXPECT_EQ(-EPERM, shut_down(self->ends->sender));
	EXPECT_EQ(-EPERM, shut_down(self->ends->receiver));
	EXPECT_EQ(0, put(self->ends->sender, 1));
	EXPECT_EQ(1, take(self->ends->receiver));
}

TEST_F(shutdown, ends_those_who_wait_for_a_slot)
{
	struct call *first = &self->line.first, *second = &self->line.second;

	for (int nr = 1; nr <= 4; nr++)
		ASSERT_EQ(0, put(self->ends->sender, nr));
	ASSERT_EQ(0, start_put(first, self->ends->sender, 5));
	ASSERT_EQ(0, start_put(second, self->ends->sender, 6));
	ASSERT_TRUE(waiting_are(self->ends->admin, 2, 0));
	EXPECT_EQ(0, shut_down(self->ends->admin));
	EXPECT_EQ(-EPIPE, finish(first));
	EXPECT_EQ(-EPIPE, finish(second));
	for (int nr = 1; nr <= 4; nr++)
		EXPECT_EQ(nr, take(self->ends->receiver));
	EXPECT_EQ(0, take(self->ends->receiver));
	EXPECT_EQ(4, stat_of(self->ends->admin).totals_sent);
}

TEST_F(shutdown, ends_those_who_wait_for_a_message)
{
	struct call *first = &self->line.first, *second = &self->line.second;

	ASSERT_EQ(0, start_take(first, self->ends->receiver));
	ASSERT_EQ(0, start_take(second, self->ends->receiver));
	ASSERT_TRUE(waiting_are(self->ends->admin, 0, 2));
	EXPECT_EQ(0, shut_down(self->ends->admin));
	EXPECT_EQ(0, finish_take(first));
	EXPECT_EQ(0, finish_take(second));
	EXPECT_TRUE(waiting_are(self->ends->admin, 0, 0));
}

TEST_F(shutdown, new_endpoints_change_nothing)
{
	ASSERT_EQ(0, put(self->ends->sender, 1));
	EXPECT_EQ(0, shut_down(self->ends->admin));
	close_end(&self->ends->sender);
	self->ends->sender = derive(self->ends->admin, CHAN_RIGHT_SEND);
	ASSERT_LE(0, self->ends->sender);
	EXPECT_EQ(-EPIPE, put(self->ends->sender, 2));
	EXPECT_EQ(POLLIN | POLLHUP, events_of(self->ends->receiver));
	EXPECT_EQ(1, take(self->ends->receiver));
	EXPECT_EQ(0, take(self->ends->receiver));
}

TEST_HARNESS_MAIN
