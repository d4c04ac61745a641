// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readiness and io_uring: poll, select and epoll tell the truth - who is told
 * POLLIN receives, who is told POLLOUT can send msg_max - each endpoint only
 * of what it has the right to; every message is an edge, and wakes one of
 * several that wait exclusively.  READ, WRITE, READ_FIXED, POLL_ADD and
 * READ_MULTISHOT of io_uring wait, complete once, and can be cancelled.
 */
#include <sys/epoll.h>
#include <sys/select.h>

#include "doors.h"
#include "ops.h"

#define OUT_EVENTS (POLLOUT | POLLWRNORM)
#define IN_EVENTS  (POLLIN | POLLRDNORM)
#define ALL_EVENTS \
	(OUT_EVENTS | IN_EVENTS | POLLPRI | POLLRDBAND | POLLWRBAND | POLLRDHUP)

/* poll and select --------------------------------------------------------- */

FIXTURE(ready)
{
	int control;
	struct ends ends;
	int both;
	struct call poller;
};

FIXTURE_SETUP(ready)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 2, 64, 0));
	self->both =
		derive(self->ends.admin, CHAN_RIGHT_SEND | CHAN_RIGHT_RECV);
	ASSERT_LE(0, self->both);
}

FIXTURE_TEARDOWN(ready)
{
	close_end(&self->both);
	ends_close(&self->ends);
	close(self->control);
}

static int all_events_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = ALL_EVENTS };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

/* What sender, receiver, both and admin are told. */
#define EXPECT_EVENTS(out, in)                                              \
	do {                                                                \
		EXPECT_EQ((out), all_events_of(self->ends.sender));         \
		EXPECT_EQ((in), all_events_of(self->ends.receiver));        \
		if (self->both >= 0)                                        \
			EXPECT_EQ((out) | (in), all_events_of(self->both)); \
		EXPECT_EQ(0, all_events_of(self->ends.admin));              \
	} while (0)

TEST_F(ready, each_right_is_told_its_own)
{
	EXPECT_EVENTS(OUT_EVENTS, 0);
	ASSERT_EQ(0, put(self->ends.sender, 1));
	EXPECT_EVENTS(OUT_EVENTS, IN_EVENTS);
	ASSERT_EQ(0, put(self->ends.sender, 2));
	EXPECT_EVENTS(0, IN_EVENTS);
	/* As often as one asks. */
	EXPECT_EVENTS(0, IN_EVENTS);
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EVENTS(OUT_EVENTS, IN_EVENTS);
	EXPECT_EQ(2, take(self->ends.receiver));
	EXPECT_EVENTS(OUT_EVENTS, 0);
	EXPECT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EVENTS(OUT_EVENTS | POLLERR, IN_EVENTS | POLLHUP);
}

TEST_F(ready, hangup_is_for_receivers_and_error_for_senders)
{
	close_end(&self->both);
	ASSERT_EQ(0, put(self->ends.sender, 1));
	close_end(&self->ends.sender);
	EXPECT_EQ(IN_EVENTS | POLLHUP, all_events_of(self->ends.receiver));
	self->ends.sender = derive(self->ends.admin, CHAN_RIGHT_SEND);
	EXPECT_EVENTS(OUT_EVENTS, IN_EVENTS);
	close_end(&self->ends.receiver);
	EXPECT_EQ(OUT_EVENTS | POLLERR, all_events_of(self->ends.sender));
	EXPECT_EQ(0, all_events_of(self->ends.admin));
}

TEST_F(ready, select_tells_the_same)
{
	struct timeval none = {};
	fd_set in, out;
	int max = self->both + 1;

	for (int nr = 0; nr <= 2; nr++) {
		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_SET(self->ends.receiver, &in);
		FD_SET(self->both, &in);
		FD_SET(self->ends.sender, &out);
		FD_SET(self->both, &out);
		EXPECT_EQ(2 * (nr > 0) + 2 * (nr < 2),
			  select(max, &in, &out, NULL, &none));
		EXPECT_EQ(nr > 0, !!FD_ISSET(self->ends.receiver, &in));
		EXPECT_EQ(nr > 0, !!FD_ISSET(self->both, &in));
		EXPECT_EQ(nr < 2, !!FD_ISSET(self->ends.sender, &out));
		EXPECT_EQ(nr < 2, !!FD_ISSET(self->both, &out));
		if (nr < 2)
			ASSERT_EQ(0, put(self->both, nr + 1));
	}
}

/* Told at once that it can send msg_max, so it can; and the other way. */
TEST_F_TIMEOUT(ready, POLLOUT_and_POLLIN_are_the_truth, STORM_TIMEOUT(1))
{
	enum { CAP = 6, MSG = 700, BYTES = 3000 };
	double end = now() + seconds_each() / 4.0;
	char buf[MSG] = {};
	unsigned int seed = 1;
	long rounds = 0, refused = 0;
	struct chan_stat s;
	bool room, any;
	ssize_t len, n;

	close_end(&self->both);
	ends_close(&self->ends);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, CAP, MSG, BYTES));
	for (; now() < end; rounds++) {
		s = stat_of(self->ends.admin);
		ASSERT_GE(CAP, s.queued);
		ASSERT_GE(BYTES, s.bytes);
		room = s.queued < CAP &&
		       s.bytes + MSG + CHAN_MSG_OVERHEAD <= BYTES;
		any = s.queued;
		ASSERT_EQ(room ? POLLOUT : 0, events_of(self->ends.sender));
		ASSERT_EQ(any ? POLLIN : 0, events_of(self->ends.receiver));
		if (rand_r(&seed) % 16 < 7) {
			n = take_bytes_now(self->ends.receiver, buf, MSG);
			ASSERT_EQ(any, n > 0);
		} else {
			len = rand_r(&seed) % 3 ? 1 + rand_r(&seed) % MSG : MSG;
			n = put_bytes_now(self->ends.sender, buf, len);
			if (room || len == MSG)
				ASSERT_EQ(room ? len : -EAGAIN, n);
			refused += n < 0;
		}
	}
	TH_LOG("%ld rounds, %ld without room", rounds, refused);
	EXPECT_LE(at_least(25), rounds);
	EXPECT_LE(at_least(3), refused);
}

TEST_F(ready, POLLOUT_is_not_for_those_behind_one_that_waits)
{
	struct call writer;
	char big[64] = {};

	close_end(&self->both);
	ends_close(&self->ends);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, 64, 600));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, put(self->ends.sender, 2));
	ASSERT_EQ(0, start_write(&writer, self->ends.sender, big, 64));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(1, take(self->ends.receiver));
	/* It got the room, and there is no more. */
	EXPECT_EQ(64, finish(&writer));
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(2, take(self->ends.receiver));
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_EQ(64, take_bytes(self->ends.receiver, big, 64));
	EXPECT_EQ(POLLOUT, events_of(self->ends.sender));
}

/* Polls for @nr and tells what came. */
static ssize_t poll_call(struct call *call)
{
	struct pollfd p = { .fd = call->fd, .events = call->nr };

	return poll(&p, 1, -1) == 1 ? p.revents : -errno;
}

static bool poll_start(struct call *call, int fd, int events)
{
	*call = (struct call){ .fn = poll_call, .fd = fd, .nr = events };
	return !call_start(call) && call_sleeps_in(call, SYS_poll);
}

TEST_F(ready, message_wakes_who_polls)
{
	ASSERT_TRUE(poll_start(&self->poller, self->ends.receiver, POLLIN));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	EXPECT_EQ(POLLIN, finish(&self->poller));
}

TEST_F(ready, room_wakes_who_polls)
{
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, put(self->ends.sender, 2));
	ASSERT_TRUE(poll_start(&self->poller, self->ends.sender, POLLOUT));
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(POLLOUT, finish(&self->poller));
}

/* But only room for the longest. */
TEST_F(ready, too_little_room_leaves_who_polls_asleep)
{
	char buf[200] = {};

	close_end(&self->both);
	ends_close(&self->ends);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 16, 200, 600));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(40, put_bytes(self->ends.sender, buf, 40));
	ASSERT_TRUE(poll_start(&self->poller, self->ends.sender, POLLOUT));
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(0, events_of(self->ends.sender));
	EXPECT_TRUE(call_sleeps_in(&self->poller, SYS_poll));
	EXPECT_FALSE(self->poller.done);
	EXPECT_EQ(40, take_bytes(self->ends.receiver, buf, 200));
	EXPECT_EQ(POLLOUT, finish(&self->poller));
}

TEST_F(ready, shutdown_wakes_who_polls)
{
	struct call other;

	ASSERT_TRUE(poll_start(&self->poller, self->ends.receiver, POLLIN));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	EXPECT_EQ(POLLIN, finish(&self->poller));
	ASSERT_EQ(0, put(self->ends.sender, 2));
	ASSERT_TRUE(poll_start(&self->poller, self->ends.receiver, 0));
	ASSERT_TRUE(poll_start(&other, self->ends.sender, POLLOUT));
	EXPECT_EQ(0, shut_down(self->ends.admin));
	EXPECT_EQ(POLLHUP, finish(&self->poller));
	EXPECT_EQ(POLLOUT | POLLERR, finish(&other));
}

TEST_F(ready, departures_wake_who_polls)
{
	close_end(&self->both);
	ASSERT_TRUE(poll_start(&self->poller, self->ends.receiver, POLLIN));
	close_end(&self->ends.sender);
	EXPECT_EQ(POLLIN | POLLHUP, finish(&self->poller));
	self->ends.sender = derive(self->ends.admin, CHAN_RIGHT_SEND);
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, put(self->ends.sender, 2));
	ASSERT_TRUE(poll_start(&self->poller, self->ends.sender, POLLOUT));
	close_end(&self->ends.receiver);
	EXPECT_EQ(POLLOUT | POLLERR, finish(&self->poller));
}

/* epoll --------------------------------------------------------------------- */

FIXTURE(epoll)
{
	int control, epoll;
	struct ends ends;
};

FIXTURE_SETUP(epoll)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, 64, 0));
}

FIXTURE_TEARDOWN(epoll)
{
	close(self->epoll);
	ends_close(&self->ends);
	close(self->control);
}

static int epoll_add(int epoll, int fd, __u32 events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

/* What is reported now; 0 is nothing. */
static int epoll_now(int epoll)
{
	struct epoll_event e;
	int nr = epoll_wait(epoll, &e, 1, 0);

	return nr < 0 ? -errno : nr ? (int)e.events : 0;
}

TEST_F(epoll, level_is_told_as_long_as_it_lasts)
{
	ASSERT_EQ(0, epoll_add(self->epoll, self->ends.receiver, EPOLLIN));
	EXPECT_EQ(0, epoll_now(self->epoll));
	for (int nr = 1; nr <= 2; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	for (int nr = 1; nr <= 2; nr++) {
		EXPECT_EQ(EPOLLIN, epoll_now(self->epoll));
		EXPECT_EQ(EPOLLIN, epoll_now(self->epoll));
		EXPECT_EQ(nr, take(self->ends.receiver));
	}
	EXPECT_EQ(0, epoll_now(self->epoll));
	close_end(&self->ends.sender);
	EXPECT_EQ(EPOLLIN | EPOLLHUP, epoll_now(self->epoll));
	EXPECT_EQ(EPOLLIN | EPOLLHUP, epoll_now(self->epoll));
}

TEST_F(epoll, every_message_is_an_edge)
{
	ASSERT_EQ(0, epoll_add(self->epoll, self->ends.receiver,
			       EPOLLIN | EPOLLET));
	EXPECT_EQ(0, epoll_now(self->epoll));
	for (int nr = 1; nr <= 4; nr++) {
		ASSERT_EQ(0, put(self->ends.sender, nr));
		EXPECT_EQ(EPOLLIN, epoll_now(self->epoll));
		EXPECT_EQ(0, epoll_now(self->epoll));
	}
	/* What is taken is none. */
	for (int nr = 1; nr <= 4; nr++) {
		EXPECT_EQ(nr, take_now(self->ends.receiver));
		EXPECT_EQ(0, epoll_now(self->epoll));
	}
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	ASSERT_EQ(0, put(self->ends.sender, 5));
	EXPECT_EQ(EPOLLIN, epoll_now(self->epoll));
}

/* Also one whose sender had to wait for its slot. */
TEST_F(epoll, late_slot_is_an_edge)
{
	struct call writer;

	for (int nr = 1; nr <= 4; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	ASSERT_EQ(0, start_put(&writer, self->ends.sender, 5));
	ASSERT_TRUE(waiting_are(self->ends.admin, 1, 0));
	ASSERT_EQ(0, epoll_add(self->epoll, self->ends.receiver,
			       EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, epoll_now(self->epoll));
	EXPECT_EQ(0, epoll_now(self->epoll));
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(0, finish_put(&writer));
	EXPECT_EQ(EPOLLIN, epoll_now(self->epoll));
	EXPECT_EQ(0, epoll_now(self->epoll));
}

TEST_F(epoll, room_is_an_edge)
{
	ASSERT_EQ(0, epoll_add(self->epoll, self->ends.sender,
			       EPOLLOUT | EPOLLET));
	EXPECT_EQ(EPOLLOUT, epoll_now(self->epoll));
	for (int nr = 1; nr <= 4; nr++)
		ASSERT_EQ(0, put_now(self->ends.sender, nr));
	EXPECT_EQ(-EAGAIN, put_now(self->ends.sender, 5));
	EXPECT_EQ(0, epoll_now(self->epoll));
	EXPECT_EQ(1, take(self->ends.receiver));
	EXPECT_EQ(EPOLLOUT, epoll_now(self->epoll));
	EXPECT_EQ(0, epoll_now(self->epoll));
}

TEST_F(epoll, hangup_and_error_are_edges)
{
	ASSERT_EQ(0, epoll_add(self->epoll, self->ends.receiver,
			       EPOLLIN | EPOLLET));
	EXPECT_EQ(0, epoll_now(self->epoll));
	close_end(&self->ends.sender);
	EXPECT_EQ(EPOLLIN | EPOLLHUP, epoll_now(self->epoll));
	EXPECT_EQ(0, epoll_now(self->epoll));
	self->ends.sender = derive(self->ends.admin, CHAN_RIGHT_SEND);
	ASSERT_EQ(0, epoll_add(self->epoll, self->ends.sender,
			       EPOLLOUT | EPOLLET));
	EXPECT_EQ(EPOLLOUT, epoll_now(self->epoll));
	close_end(&self->ends.receiver);
	EXPECT_EQ(EPOLLOUT | EPOLLERR, epoll_now(self->epoll));
	EXPECT_EQ(0, epoll_now(self->epoll));
}

/* Several that wait exclusively: as many wake as there are messages. */

#define WAITERS 5

static ssize_t epoll_call(struct call *call)
{
	struct epoll_event e;

	return epoll_wait(call->fd, &e, 1, -1) == 1 ? (int)e.events : -errno;
}

static int sleepers(struct call *calls, int nr)
{
	int asleep = 0;

	for (int i = 0; i < nr; i++)
		asleep += sleeps_in(calls[i].tid) == SYS_epoll_wait;
	return asleep;
}

/* A wake-up is done when the call that causes it returns; each is for @nr. */
static void exclusive_waiters(struct __test_metadata *_metadata,
			      FIXTURE_DATA(epoll) * self, int fd, __u32 event,
			      int (*cause)(struct ends *ends), int nr)
{
	struct call calls[WAITERS];

	for (int i = 0; i < WAITERS; i++) {
		calls[i] = (struct call){
			.fn = epoll_call,
			.fd = epoll_create1(EPOLL_CLOEXEC),
		};
		ASSERT_EQ(0,
			  epoll_add(calls[i].fd, fd, event | EPOLLEXCLUSIVE));
		ASSERT_EQ(0, call_start(&calls[i]));
		ASSERT_TRUE(call_sleeps_in(&calls[i], SYS_epoll_wait));
	}
	for (int left = WAITERS - nr; left >= WAITERS - 3; left -= nr) {
		ASSERT_EQ(0, cause(&self->ends));
		EXPECT_TRUE(BECOMES(sleepers(calls, WAITERS) <= left));
		EXPECT_EQ(left, sleepers(calls, WAITERS));
	}
	/* The others have what is left of it: an end is for all. */
	shut_down(self->ends.admin);
	for (int i = 0; i < WAITERS; i++) {
		EXPECT_LT(0, finish(&calls[i]));
		close(calls[i].fd);
	}
}

static int cause_message(struct ends *ends)
{
	return put_now(ends->sender, 1);
}

static int cause_room(struct ends *ends)
{
	return take_now(ends->receiver) > 0 ? 0 : -EIO;
}

TEST_F(epoll, one_message_wakes_one_exclusive_waiter)
{
	exclusive_waiters(_metadata, self, self->ends.receiver, EPOLLIN,
			  cause_message, 1);
}

TEST_F(epoll, one_slot_wakes_one_exclusive_waiter)
{
	for (int nr = 1; nr <= 4; nr++)
		ASSERT_EQ(0, put(self->ends.sender, nr));
	exclusive_waiters(_metadata, self, self->ends.sender, EPOLLOUT,
			  cause_room, 1);
}

#define TAG 5

/* Three slots and one more; the three are over when they come to their end. */
static int fill_with_tasks(struct ends *ends, struct running *tasks)
{
	struct chan_op op = op_task("task", 4, CHAN_ON_DEATH_FAIL);

	op.tag = TAG;
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(0, op_start(&tasks[i], ends->sender, op));
		CHECK_EQ(1, STAT_BECOMES(ends->admin, queued, (__u32)i + 1));
	}
	return put(ends->sender, 4);
}

static int cause_cancellation(struct ends *ends)
{
	return run_once(ends->sender, op_cancel_tag(TAG)) == 3 ? 0 : -EIO;
}

static int cause_death(struct ends *ends)
{
	close_end(&ends->receiver);
	return 0;
}

TEST_F(epoll, slots_of_a_tag_wake_one_exclusive_waiter_each)
{
	struct running tasks[3];

	ASSERT_EQ(0, fill_with_tasks(&self->ends, tasks));
	exclusive_waiters(_metadata, self, self->ends.sender, EPOLLOUT,
			  cause_cancellation, 3);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-ECANCELED, op_finish(&tasks[i]));
}

TEST_F(epoll, slots_of_a_receiver_wake_one_exclusive_waiter_each)
{
	int other = derive(self->ends.admin, CHAN_RIGHT_RECV);
	struct running tasks[3];
	char in[64];

	ASSERT_LE(0, other);
	ASSERT_EQ(0, fill_with_tasks(&self->ends, tasks));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(4, run_once(self->ends.receiver,
				      op_recv(in, sizeof(in))));
	exclusive_waiters(_metadata, self, self->ends.sender, EPOLLOUT,
			  cause_death, 3);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-EOWNERDEAD, op_finish(&tasks[i]));
	close(other);
}

/* Two loops, each with its own end, at full speed: no edge is missed. */
static ssize_t edge_receiver(struct call *call)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), got, nr = 0;
	struct epoll_event e;

	epoll_add(epoll, call->fd, EPOLLIN | EPOLLET);
	for (;;) {
		if (epoll_wait(epoll, &e, 1, BUDGET * 1000) != 1)
			return -ETIME;
		while ((got = take_now(call->fd)) == nr + 1)
			nr++;
		if (got != -EAGAIN)
			return got ? -EBADMSG : nr;
	}
}

TEST_F_TIMEOUT(epoll, no_edge_is_missed, STORM_TIMEOUT(1))
{
	double end = now() + seconds_each() / 2.0;
	struct call reader = {
		.fn = edge_receiver,
		.fd = self->ends.receiver,
	};
	struct epoll_event e;
	int ret, nr = 0;

	ASSERT_EQ(0, epoll_add(self->epoll, self->ends.sender,
			       EPOLLOUT | EPOLLET));
	ASSERT_EQ(0, call_start(&reader));
	do {
		ASSERT_EQ(1, epoll_wait(self->epoll, &e, 1, BUDGET * 1000));
		while (!(ret = put_now(self->ends.sender, nr + 1)))
			nr++;
		ASSERT_EQ(-EAGAIN, ret);
	} while (now() < end);
	close_end(&self->ends.sender);
	EXPECT_EQ(nr, finish(&reader));
	TH_LOG("%d rounds", nr);
	EXPECT_LE(at_least(50), nr);
}

/* io_uring ------------------------------------------------------------------- */

#define OP_READ_MULTISHOT 49
#define GROUP		  3
#define BUFFERS		  4
#define BUFFER_SIZE	  32

FIXTURE(ring)
{
	int control;
	struct ends ends;
	struct io_uring ring;
	struct io_uring_cqe cqe;
	int in[8], out;
	struct io_uring_buf_ring *buffers;
	char space[BUFFERS][BUFFER_SIZE];
};

FIXTURE_SETUP(ring)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 4, 64, 0));
	ASSERT_EQ(0, io_uring_queue_init(64, &self->ring, 0));
}

FIXTURE_TEARDOWN(ring)
{
	io_uring_queue_exit(&self->ring);
	ends_close(&self->ends);
	close(self->control);
}

static int ring_start(struct io_uring *ring, struct io_uring_sqe *sqe, int data)
{
	io_uring_sqe_set_data64(sqe, data);
	return io_uring_submit(ring);
}

static bool ring_is_quiet(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	return io_uring_get_events(ring) >= 0 &&
	       io_uring_peek_cqe(ring, &cqe) == -EAGAIN;
}

static int start_ring_read(FIXTURE_DATA(ring) * self, int i)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	io_uring_prep_read(sqe, self->ends.receiver, &self->in[i], 4, -1);
	return ring_start(&self->ring, sqe, i);
}

TEST_F(ring, READ_waits_for_a_message)
{
	ASSERT_EQ(1, start_ring_read(self, 1));
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	ASSERT_EQ(0, put(self->ends.sender, 77));
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(1, self->cqe.user_data);
	EXPECT_EQ(4, self->cqe.res);
	EXPECT_EQ(77, self->in[1]);
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	EXPECT_EQ(1, stat_of(self->ends.admin).totals_received);
}

TEST_F(ring, each_READ_takes_one_message)
{
	int sum = 0;

	for (int i = 0; i < 8; i++)
		ASSERT_EQ(1, start_ring_read(self, i));
	for (int nr = 1; nr <= 8; nr++)
		ASSERT_EQ(0, put(self->ends.sender, 1 << nr));
	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
		EXPECT_EQ(4, self->cqe.res);
		sum += self->in[self->cqe.user_data];
		self->in[self->cqe.user_data] = 0;
	}
	EXPECT_EQ((1 << 9) - 2, sum);
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	EXPECT_EQ(8, stat_of(self->ends.admin).totals_received);
}

/* In a worker of io_uring's own, which must not be stuck there. */
TEST_F(ring, READ_by_a_worker_waits_and_is_cancelled)
{
	struct io_uring_sqe *sqe;

	for (int i = 0; i < 2; i++) {
		sqe = io_uring_get_sqe(&self->ring);
		io_uring_prep_read(sqe, self->ends.receiver, &self->in[i], 4,
				   -1);
		sqe->flags |= IOSQE_ASYNC;
		ASSERT_EQ(1, ring_start(&self->ring, sqe, i + 1));
	}
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	ASSERT_EQ(0, put(self->ends.sender, 5));
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(4, self->cqe.res);
	EXPECT_EQ(5, self->in[self->cqe.user_data - 1]);
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_cancel64(sqe, 3 - self->cqe.user_data, 0);
	ASSERT_EQ(1, ring_start(&self->ring, sqe, 9));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
		if (self->cqe.user_data != 9) {
			EXPECT_TRUE(self->cqe.res == -ECANCELED ||
				    self->cqe.res == -EINTR);
		}
	}
	ASSERT_EQ(0, put(self->ends.sender, 6));
	EXPECT_EQ(6, take_now(self->ends.receiver));
}

TEST_F(ring, READ_ends_with_the_senders)
{
	ASSERT_EQ(1, start_ring_read(self, 1));
	close_end(&self->ends.sender);
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(0, self->cqe.res);
}

static int fill_slots(struct ends *ends, int nr)
{
	for (int i = 1; i <= nr; i++)
		if (put_now(ends->sender, i))
			return i;
	return 0;
}

static int start_ring_write(FIXTURE_DATA(ring) * self, int nr)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	self->out = nr;
	io_uring_prep_write(sqe, self->ends.sender, &self->out, 4, -1);
	return ring_start(&self->ring, sqe, 1);
}

TEST_F(ring, WRITE_waits_for_a_slot)
{
	ASSERT_EQ(0, fill_slots(&self->ends, 4));
	ASSERT_EQ(1, start_ring_write(self, 5));
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	EXPECT_EQ(4, stat_of(self->ends.admin).queued);
	EXPECT_EQ(1, take(self->ends.receiver));
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(4, self->cqe.res);
	for (int nr = 2; nr <= 5; nr++)
		EXPECT_EQ(nr, take_now(self->ends.receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	EXPECT_EQ(5, stat_of(self->ends.admin).totals_sent);
}

TEST_F(ring, WRITE_ends_with_the_receivers)
{
	ASSERT_EQ(0, fill_slots(&self->ends, 4));
	ASSERT_EQ(1, start_ring_write(self, 5));
	close_end(&self->ends.receiver);
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(-EPIPE, self->cqe.res);
	EXPECT_EQ(4, stat_of(self->ends.admin).totals_sent);
}

TEST_F(ring, cancelled_READ_takes_nothing)
{
	int results[2] = { 1, 1 };
	struct io_uring_sqe *sqe;

	ASSERT_EQ(1, start_ring_read(self, 0));
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_cancel64(sqe, 0, 0);
	ASSERT_EQ(1, ring_start(&self->ring, sqe, 1));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
		results[self->cqe.user_data] = self->cqe.res;
	}
	EXPECT_EQ(-ECANCELED, results[0]);
	EXPECT_EQ(0, results[1]);
	ASSERT_EQ(0, put(self->ends.sender, 1));
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	EXPECT_EQ(1, take_now(self->ends.receiver));
}

TEST_F(ring, cancelled_WRITE_sends_nothing)
{
	int results[2] = { 1, 1 };
	struct io_uring_sqe *sqe;

	ASSERT_EQ(0, fill_slots(&self->ends, 4));
	ASSERT_EQ(1, start_ring_write(self, 5));
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_cancel64(sqe, 1, 0);
	ASSERT_EQ(1, ring_start(&self->ring, sqe, 0));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
		results[self->cqe.user_data] = self->cqe.res;
	}
	EXPECT_EQ(-ECANCELED, results[1]);
	for (int nr = 1; nr <= 4; nr++)
		EXPECT_EQ(nr, take_now(self->ends.receiver));
	EXPECT_EQ(-EAGAIN, take_now(self->ends.receiver));
	EXPECT_EQ(4, stat_of(self->ends.admin).totals_sent);
}

/* The ring goes: it had the endpoint open, and now nobody has. */
TEST_F(ring, pending_READ_ends_with_its_ring)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;

	ASSERT_EQ(0, io_uring_queue_init(4, &ring, 0));
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, self->ends.receiver, self->in, 4, -1);
	ASSERT_EQ(1, ring_start(&ring, sqe, 1));
	close_end(&self->ends.receiver);
	EXPECT_EQ(1, stat_of(self->ends.admin).receivers);
	io_uring_queue_exit(&ring);
	EXPECT_TRUE(endpoints_are(self->ends.admin, 1, 0));
	EXPECT_EQ(-EPIPE, put(self->ends.sender, 1));
}

TEST_F(ring, registered_buffers_carry_messages)
{
	struct iovec vec = { self->space, sizeof(self->space) };
	struct io_uring_sqe *sqe;

	ASSERT_EQ(0, io_uring_register_buffers(&self->ring, &vec, 1));
	stamp(self->space, 60, 1);
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_write_fixed(sqe, self->ends.sender, self->space, 60, -1,
				  0);
	ASSERT_EQ(1, ring_start(&self->ring, sqe, 1));
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(60, self->cqe.res);
	memset(self->space, 0xcc, sizeof(self->space));
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_read_fixed(sqe, self->ends.receiver,
				 (char *)self->space + 5, 64, -1, 0);
	ASSERT_EQ(1, ring_start(&self->ring, sqe, 1));
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(60, self->cqe.res);
	EXPECT_TRUE(is_stamped((char *)self->space + 5, 60, 1));
}

TEST_F(ring, POLL_ADD_tells_once)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	io_uring_prep_poll_add(sqe, self->ends.receiver, POLLIN);
	ASSERT_EQ(1, ring_start(&self->ring, sqe, 1));
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(POLLIN, self->cqe.res);
	EXPECT_FALSE(self->cqe.flags & IORING_CQE_F_MORE);
	ASSERT_EQ(0, put(self->ends.sender, 2));
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	/* What is ready already is told at once. */
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_poll_add(sqe, self->ends.sender, POLLOUT);
	ASSERT_EQ(1, ring_start(&self->ring, sqe, 1));
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(POLLOUT, self->cqe.res);
}

TEST_F(ring, multishot_POLL_ADD_tells_every_message)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	io_uring_prep_poll_multishot(sqe, self->ends.receiver, POLLIN);
	ASSERT_EQ(1, ring_start(&self->ring, sqe, 1));
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	for (int nr = 1; nr <= 4; nr++) {
		ASSERT_EQ(0, put(self->ends.sender, nr));
		ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		EXPECT_TRUE(self->cqe.flags & IORING_CQE_F_MORE);
		EXPECT_TRUE(ring_is_quiet(&self->ring));
	}
	close_end(&self->ends.sender);
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(POLLIN | POLLHUP, self->cqe.res);
}

static void give_buffer(FIXTURE_DATA(ring) * self, int i)
{
	io_uring_buf_ring_add(self->buffers, self->space[i], BUFFER_SIZE, i,
			      io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(self->buffers, 1);
}

static int start_multishot(FIXTURE_DATA(ring) * self)
{
	struct io_uring_sqe *sqe;
	struct io_uring_buf_reg reg = {
		.ring_entries = BUFFERS,
		.bgid = GROUP,
	};

	if (!self->buffers) {
		self->buffers = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		reg.ring_addr = address(self->buffers);
		if (io_uring_register_buf_ring(&self->ring, &reg, 0))
			return -EINVAL;
		io_uring_buf_ring_init(self->buffers);
		for (int i = 0; i < BUFFERS; i++)
			give_buffer(self, i);
	}
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_rw(OP_READ_MULTISHOT, sqe, self->ends.receiver, NULL, 0,
			 -1);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	return ring_start(&self->ring, sqe, 1);
}

TEST_F(ring, READ_MULTISHOT_takes_message_after_message)
{
	unsigned int buffer;

	ASSERT_EQ(1, start_multishot(self));
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	for (int nr = 1; nr <= 3 * BUFFERS; nr++) {
		memset(self->space, 0xcc, sizeof(self->space));
		ASSERT_EQ(0, put(self->ends.sender, nr));
		ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
		ASSERT_EQ(4, self->cqe.res);
		EXPECT_TRUE(self->cqe.flags & IORING_CQE_F_MORE);
		ASSERT_TRUE(self->cqe.flags & IORING_CQE_F_BUFFER);
		buffer = self->cqe.flags >> IORING_CQE_BUFFER_SHIFT;
		ASSERT_GT(BUFFERS, buffer);
		EXPECT_EQ(nr, *(int *)self->space[buffer]);
		give_buffer(self, buffer);
	}
	EXPECT_EQ(3 * BUFFERS, stat_of(self->ends.admin).totals_received);
	close_end(&self->ends.sender);
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(0, self->cqe.res);
	EXPECT_FALSE(self->cqe.flags & IORING_CQE_F_MORE);
}

/* A burst, some of it there before. */
TEST_F(ring, READ_MULTISHOT_drains_what_is_queued)
{
	ASSERT_EQ(0, fill_slots(&self->ends, 4));
	ASSERT_EQ(1, start_multishot(self));
	for (int nr = 1; nr <= 4; nr++) {
		ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
		ASSERT_EQ(4, self->cqe.res);
		EXPECT_EQ(nr, *(int *)self->space[self->cqe.flags >>
						  IORING_CQE_BUFFER_SHIFT]);
	}
	EXPECT_EQ(0, stat_of(self->ends.admin).queued);
}

TEST_F(ring, READ_MULTISHOT_without_a_buffer_leaves_the_message)
{
	ASSERT_EQ(1, start_multishot(self));
	for (int nr = 1; nr <= BUFFERS + 1; nr++) {
		ASSERT_EQ(0, put(self->ends.sender, nr));
		ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
		ASSERT_EQ(nr <= BUFFERS ? 4 : -ENOBUFS, self->cqe.res);
	}
	EXPECT_FALSE(self->cqe.flags & IORING_CQE_F_MORE);
	EXPECT_EQ(1, stat_of(self->ends.admin).queued);
	EXPECT_EQ(BUFFERS + 1, take_now(self->ends.receiver));
}

TEST_F(ring, READ_MULTISHOT_of_too_long_a_message_leaves_it)
{
	char buf[64] = {};

	ASSERT_EQ(1, start_multishot(self));
	ASSERT_EQ(BUFFER_SIZE + 1,
		  put_bytes(self->ends.sender, buf, BUFFER_SIZE + 1));
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(-EMSGSIZE, self->cqe.res);
	EXPECT_FALSE(self->cqe.flags & IORING_CQE_F_MORE);
	EXPECT_EQ(BUFFER_SIZE + 1, take_bytes(self->ends.receiver, buf, 64));
}

/* A blocked call and a pending one on a rendezvous do meet. */
TEST_F(ring, rendezvous_with_one_that_is_blocked)
{
	struct call call;

	ends_close(&self->ends);
	ASSERT_EQ(0, ends_sized(self->control, &self->ends, 0, 64, 0));
	ASSERT_EQ(1, start_ring_read(self, 1));
	EXPECT_EQ(0, put(self->ends.sender, 8));
	ASSERT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(4, self->cqe.res);
	EXPECT_EQ(8, self->in[1]);
	ASSERT_EQ(1, start_ring_write(self, 9));
	EXPECT_TRUE(ring_is_quiet(&self->ring));
	ASSERT_EQ(0, start_take(&call, self->ends.receiver));
	EXPECT_EQ(0, ring_result(&self->ring, &self->cqe));
	EXPECT_EQ(4, self->cqe.res);
	EXPECT_EQ(9, finish_take(&call));
}

TEST_HARNESS_MAIN
