// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels without a slot: a write returns when a receiver has the message and
 * not before; who does not want to wait succeeds only if somebody waits for a
 * message, and who polls does not wait, so two event loops never meet.  The
 * message stays with its sender until it is received: a receiver that fails
 * leaves it to the next, and a sender that gives up takes it along.
 */
#include "traffic.h"

FIXTURE(rendezvous)
{
	int control;
	struct ends ends;
	struct call writer, reader;
};

FIXTURE_SETUP(rendezvous)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 0, 4096, 0));
}

FIXTURE_TEARDOWN(rendezvous)
{
	ends_close(&self->ends);
	close(self->control);
}

TEST_F(rendezvous, sender_waits_for_a_receiver)
{
	struct chan_stat s;

	ASSERT_EQ(0, start_put(&self->writer, self->ends.sender, 1));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	s = stat_of(self->ends.admin);
	EXPECT_EQ(0, s.queued);
	EXPECT_EQ(0, s.bytes);
	EXPECT_EQ(0, s.totals_sent);
	EXPECT_FALSE(self->writer.done);
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&self->writer));
	s = stat_of(self->ends.admin);
	EXPECT_EQ(0, s.parked_senders);
	EXPECT_EQ(0, s.queued);
	EXPECT_EQ(1, s.totals_sent);
	EXPECT_EQ(1, s.totals_received);
}

TEST_F(rendezvous, receiver_waits_for_a_sender)
{
	ASSERT_EQ(0, start_take(&self->reader, self->ends.receiver));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(0, put(self->ends.sender, 1));
	/* The write has returned, so the message is there. */
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_received);
	EXPECT_EQ(0, stat_of(self->ends.admin).queued);
	EXPECT_EQ(1, finish_take(&self->reader));
}

TEST_F(rendezvous, long_message_goes_whole)
{
	char out[4097], in[4096];

	stamp(out, 4096, 1);
	EXPECT_EQ(-EMSGSIZE, put_bytes(self->ends.sender, out, 4097));
	ASSERT_EQ(0, start_read(&self->reader, self->ends.receiver, in, 4096));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(4096, put_bytes(self->ends.sender, out, 4096));
	EXPECT_EQ(4096, finish(&self->reader));
	EXPECT_TRUE(is_stamped(in, 4096, 1));
}

TEST_F(rendezvous, nonblocking_send_needs_a_waiting_receiver)
{
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 1));
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_sent);
	ASSERT_EQ(0, start_take(&self->reader, self->ends.receiver));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(0, put_now(self->ends.sender, 2));
	EXPECT_EQ(2, finish_take(&self->reader));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 3));
	set_nonblock(self->ends.sender, true);
	EXPECT_EQ(-EAGAIN, put(self->ends.sender, 3));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_sent);
}

TEST_F(rendezvous, nonblocking_receive_needs_a_waiting_sender)
{
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	ASSERT_EQ(0, start_put(&self->writer, self->ends.sender, 1));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_EQ(1, take_now(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&self->writer));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
}

TEST_F(rendezvous, POLLOUT_is_a_waiting_receiver)
{
	EXPECT_EQ(0, events_of(self->ends.sender));
	ASSERT_EQ(0, start_take(&self->reader, self->ends.receiver));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
	EXPECT_EQ(0, events_of(self->ends.receiver));
	EXPECT_EQ(0, put_now(self->ends.sender, 1));
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(1, finish_take(&self->reader));
	EXPECT_EQ(0, events_of(self->ends.sender));
}

TEST_F(rendezvous, POLLIN_is_a_waiting_sender)
{
	EXPECT_EQ(0, events_of(self->ends.receiver));
	ASSERT_EQ(0, start_put(&self->writer, self->ends.sender, 1));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_EQ(POLLIN, events_of(self->ends.receiver));
	/* One that waits for a receiver leaves no other room. */
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 2));
	EXPECT_EQ(1, take_now(self->ends.receiver));
	EXPECT_EQ(0, events_of(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&self->writer));
}

/* Somebody polls while the other comes: it is woken. */
static ssize_t poll_call(struct call *call)
{
	struct pollfd p = { .fd = call->fd, .events = call->nr };

	return poll(&p, 1, -1) == 1 ? p.revents : -errno;
}

TEST_F(rendezvous, waiting_receiver_wakes_who_polls_for_it)
{
	struct call poller = {
		.fn = poll_call,
		.fd = self->ends.sender,
		.nr = POLLOUT,
	};

	ASSERT_EQ(0, call_start(&poller));
	ASSERT_TRUE(call_sleeps_in(&poller, SYS_poll));
	ASSERT_EQ(0, start_take(&self->reader, self->ends.receiver));
	EXPECT_EQ(POLLOUT, finish(&poller));
	EXPECT_EQ(0, put_now(self->ends.sender, 1));
	EXPECT_EQ(1, finish_take(&self->reader));
}

TEST_F(rendezvous, waiting_sender_wakes_who_polls_for_it)
{
	struct call poller = {
		.fn = poll_call,
		.fd = self->ends.receiver,
		.nr = POLLIN,
	};

	ASSERT_EQ(0, call_start(&poller));
	ASSERT_TRUE(call_sleeps_in(&poller, SYS_poll));
	ASSERT_EQ(0, start_put(&self->writer, self->ends.sender, 1));
	EXPECT_EQ(POLLIN, finish(&poller));
	EXPECT_EQ(1, take_now(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&self->writer));
}

TEST_F(rendezvous, two_event_loops_never_meet)
{
	struct call out = {
		.fn = poll_call,
		.fd = self->ends.sender,
		.nr = POLLOUT,
	};
	struct call in = {
		.fn = poll_call,
		.fd = self->ends.receiver,
		.nr = POLLIN,
	};

	ASSERT_EQ(0, call_start(&out));
	ASSERT_EQ(0, call_start(&in));
	ASSERT_TRUE(call_sleeps_in(&out, SYS_poll));
	ASSERT_TRUE(call_sleeps_in(&in, SYS_poll));
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(0, events_of(self->ends.receiver));
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 1));
		EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	}
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 0));
	EXPECT_FALSE(out.done);
	EXPECT_FALSE(in.done);
	/* One that waits helps either. */
	ASSERT_EQ(0, start_take(&self->reader, self->ends.receiver));
	EXPECT_EQ(POLLOUT, finish(&out));
	ASSERT_EQ(0, put_now(self->ends.sender, 1));
	EXPECT_EQ(1, finish_take(&self->reader));
	ASSERT_EQ(0, start_put(&self->writer, self->ends.sender, 2));
	EXPECT_EQ(POLLIN, finish(&in));
	EXPECT_EQ(2, take(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&self->writer));
}

TEST_F(rendezvous, sender_that_gives_up_was_never_there)
{
	catch_signal(SIGUSR1, 0);
	ASSERT_EQ(0, start_put(&self->writer, self->ends.sender, 1));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	ASSERT_TRUE(interrupt(&self->writer));
	EXPECT_EQ(-EINTR, finish(&self->writer));
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 0));
	EXPECT_EQ(0, events_of(self->ends.receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_sent);
}

TEST_F(rendezvous, receiver_that_gives_up_was_never_there)
{
	catch_signal(SIGUSR1, 0);
	ASSERT_EQ(0, start_take(&self->reader, self->ends.receiver));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_TRUE(interrupt(&self->reader));
	EXPECT_EQ(-EINTR, finish(&self->reader));
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 0));
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 1));
}

TEST_F(rendezvous, senders_are_served_in_the_order_they_came)
{
	struct call calls[5];

	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, start_put(&calls[i], self->ends.sender, i + 1));
		ASSERT_TRUE(waiting_are(self->ends.admin, i + 1, 0));
	}
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(i + 1, take(self->ends.receiver));
		EXPECT_EQ(0, finish_put(&calls[i]));
		EXPECT_EQ(4 - i, stat_of(self->ends.admin).parked_senders);
	}
}

TEST_F(rendezvous, receivers_are_served_in_the_order_they_came)
{
	struct call calls[5];

	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, start_take(&calls[i], self->ends.receiver));
		ASSERT_TRUE(waiting_are(self->ends.admin, 0, i + 1));
	}
	for (int nr = 1; nr <= 5; nr++)
		ASSERT_EQ(0, put_now(self->ends.sender, nr));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(i + 1, finish_take(&calls[i]));
}

TEST_F(rendezvous, too_small_a_buffer_leaves_the_sender_waiting)
{
	char out[100], in[100];

	stamp(out, sizeof(out), 1);
	ASSERT_EQ(0, start_write(&self->writer, self->ends.sender, out, 100));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_EQ(-EMSGSIZE, take_bytes(self->ends.receiver, in, 99));
	EXPECT_EQ(1, stat_of(self->ends.admin).parked_senders);
	EXPECT_FALSE(self->writer.done);
	EXPECT_EQ(100, take_bytes(self->ends.receiver, in, 100));
	EXPECT_TRUE(is_stamped(in, 100, 1));
	EXPECT_EQ(100, finish(&self->writer));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_received);
}

TEST_F(rendezvous, waiting_receiver_with_too_small_a_buffer_is_EMSGSIZE)
{
	char out[100], in[100], small[99];

	stamp(out, sizeof(out), 1);
	ASSERT_EQ(0, start_read(&self->reader, self->ends.receiver, small, 99));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_EQ(0, start_write(&self->writer, self->ends.sender, out, 100));
	EXPECT_EQ(-EMSGSIZE, finish(&self->reader));
	EXPECT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_FALSE(self->writer.done);
	EXPECT_EQ(100, take_bytes(self->ends.receiver, in, 100));
	EXPECT_EQ(100, finish(&self->writer));
}

/* The message is too long for the first; the second has it. */
TEST_F(rendezvous, too_small_a_buffer_leaves_the_message_to_the_next)
{
	char out[100], in[100], small[99];
	struct call next;

	stamp(out, sizeof(out), 1);
	ASSERT_EQ(0, start_read(&self->reader, self->ends.receiver, small, 99));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_EQ(0, start_read(&next, self->ends.receiver, in, 100));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 2));
	set_nonblock(self->ends.sender, true);
	EXPECT_EQ(100, put_bytes(self->ends.sender, out, 100));
	EXPECT_EQ(-EMSGSIZE, finish(&self->reader));
	EXPECT_EQ(100, finish(&next));
	EXPECT_TRUE(is_stamped(in, 100, 1));
}

TEST_F(rendezvous, receiver_that_faults_leaves_the_sender_waiting)
{
	char out[100], in[100], *edge = page_edge(PROT_NONE);

	stamp(out, sizeof(out), 1);
	ASSERT_EQ(0, start_write(&self->writer, self->ends.sender, out, 100));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_EQ(-EFAULT, take_bytes(self->ends.receiver, edge - 99, 100));
	EXPECT_EQ(-EFAULT, take_bytes(self->ends.receiver, edge, 100));
	EXPECT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_FALSE(self->writer.done);
	EXPECT_EQ(0, stat_of(self->ends.admin).queued);
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_received);
	EXPECT_EQ(POLLIN, events_of(self->ends.receiver));
	EXPECT_EQ(100, take_bytes(self->ends.receiver, in, 100));
	EXPECT_TRUE(is_stamped(in, 100, 1));
	EXPECT_EQ(100, finish(&self->writer));
	page_edge_free(edge);
}

/* It waits first, then faults: the sender is already there. */
TEST_F(rendezvous, waiting_receiver_that_faults_leaves_the_sender_waiting)
{
	char out[100], in[100], *edge = page_edge(PROT_NONE);

	stamp(out, sizeof(out), 1);
	ASSERT_EQ(0, start_read(&self->reader, self->ends.receiver, edge, 100));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	ASSERT_EQ(0, start_write(&self->writer, self->ends.sender, out, 100));
	EXPECT_EQ(-EFAULT, finish(&self->reader));
	EXPECT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_EQ(100, take_bytes(self->ends.receiver, in, 100));
	EXPECT_TRUE(is_stamped(in, 100, 1));
	EXPECT_EQ(100, finish(&self->writer));
	page_edge_free(edge);
}

/* Where nobody waits for the outcome but who cannot wait: no effect. */
TEST_F(rendezvous, nonblocking_send_to_a_receiver_that_faults_is_EAGAIN)
{
	char *edge = page_edge(PROT_NONE);

	ASSERT_EQ(0, start_read(&self->reader, self->ends.receiver, edge, 100));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 1));
	EXPECT_EQ(-EFAULT, finish(&self->reader));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_sent);
	page_edge_free(edge);
}

TEST_F(rendezvous, faulting_receiver_keeps_the_order_of_senders)
{
	char *edge = page_edge(PROT_NONE);
	struct call calls[3];

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, start_put(&calls[i], self->ends.sender, i + 1));
		ASSERT_TRUE(waiting_are(self->ends.admin, i + 1, 0));
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-EFAULT, take_bytes(self->ends.receiver, edge, 4));
		EXPECT_EQ(i + 1, take(self->ends.receiver));
		EXPECT_EQ(0, finish_put(&calls[i]));
	}
	page_edge_free(edge);
}

TEST_F(rendezvous, receivers_gone_ends_the_sender_that_waits)
{
	ASSERT_EQ(0, start_put(&self->writer, self->ends.sender, 1));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	catch_signal(SIGPIPE, 0);
	close_end(&self->ends.receiver);
	EXPECT_EQ(-EPIPE, finish(&self->writer));
	EXPECT_EQ(-EPIPE, put(self->ends.sender, 1));
	EXPECT_EQ(POLLOUT | POLLERR, events_of(self->ends.sender));
	EXPECT_EQ(0, signals_taken);
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_sent);
	EXPECT_EQ(0, stat_of(self->ends.admin).totals_dropped);
}

TEST_F(rendezvous, senders_gone_ends_the_receiver_that_waits)
{
	ASSERT_EQ(0, start_take(&self->reader, self->ends.receiver));
	ASSERT_TRUE(waiting_are(self->ends.admin, 0, 1));
	close_end(&self->ends.sender);
	EXPECT_EQ(0, finish_take(&self->reader));
	EXPECT_EQ(POLLIN | POLLHUP, events_of(self->ends.receiver));
}

/* The message waits for a slot, so it goes the way of all that wait. */
TEST_F(rendezvous, shutdown_ends_sender_and_receiver)
{
	ASSERT_EQ(0, start_put(&self->writer, self->ends.sender, 1));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(-EPIPE, finish(&self->writer));
	EXPECT_EQ(0, take(self->ends.receiver));
	EXPECT_EQ(-EPIPE, put(self->ends.sender, 1));
}

/* Sender and receiver that give up and come again, against each other. */
static ssize_t send_stubbornly(struct call *call)
{
	double end = now() + seconds_each() / 2.0;
	int ret, nr = 0;

	do {
		ret = nr % 2 ? put(call->fd, nr + 1) :
			       put_now(call->fd, nr + 1);
		if (!ret)
			nr++;
		else if (ret != -EINTR && ret != -EAGAIN)
			return ret;
	} while (now() < end);
	close(call->fd);
	return nr;
}

static ssize_t receive_stubbornly(struct call *call)
{
	int got, nr = 0;

	do {
		got = take(call->fd);
		if (got == nr + 1)
			nr++;
		else if (got && got != -EINTR)
			return got > 0 ? -EBADMSG : got;
	} while (got);
	return nr;
}

TEST_F_TIMEOUT(rendezvous, storm_of_signals_neither_loses_nor_doubles,
	       STORM_TIMEOUT(1))
{
	struct call *writer = &self->writer, *reader = &self->reader;
	long rounds;

	catch_signal(SIGUSR1, 0);
	*writer = (struct call){
		.fn = send_stubbornly,
		.fd = self->ends.sender,
	};
	*reader = (struct call){
		.fn = receive_stubbornly,
		.fd = self->ends.receiver,
	};
	ASSERT_EQ(0, call_start(writer));
	ASSERT_EQ(0, call_start(reader));
	while (!writer->done && !reader->done) {
		pthread_kill(writer->thread, SIGUSR1);
		usleep(50);
		pthread_kill(reader->thread, SIGUSR1);
		usleep(50);
	}
	self->ends.sender = -1;
	rounds = finish(reader);
	EXPECT_EQ(rounds, finish(writer));
	TH_LOG("%ld rounds, %d signals", rounds, signals_taken);
	EXPECT_LE(at_least(5), rounds);
	EXPECT_LE(at_least(20), signals_taken);
	EXPECT_EQ((__u64)rounds, stat_of(self->ends.admin).totals_sent);
	EXPECT_EQ((__u64)rounds, stat_of(self->ends.admin).totals_received);
	EXPECT_TRUE(waiting_are(self->ends.admin, 0, 0));
}

TEST_HARNESS_MAIN
