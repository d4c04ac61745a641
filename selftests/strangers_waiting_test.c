// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to a thread that waits in read, write, poll or epoll when
 * another thread closes its descriptor, the other end goes, or the channel is
 * shut down.  As on a pipe: a close wakes nobody, what waits goes on until the
 * state it waits for has come.
 */
#include "strangers.h"

#include <signal.h>
#include <sys/epoll.h>

/* clang-format off */
FIXTURE(waiting) {
	struct ends e;
	int nr;
	pthread_t thread;
	struct waiter {
		int fd;
		atomic_int tid;
		int result;
		char buf[64];
	} w;
};

FIXTURE_VARIANT(waiting) {
	enum kind kind;
};

FIXTURE_VARIANT_ADD(waiting, pipe) { .kind = A_PIPE, };
FIXTURE_VARIANT_ADD(waiting, fifo) { .kind = A_FIFO, };
FIXTURE_VARIANT_ADD(waiting, anonymous) { .kind = AN_ANONYMOUS_CHANNEL, };
FIXTURE_VARIANT_ADD(waiting, named) { .kind = A_NAMED_CHANNEL, };
/* clang-format on */

FIXTURE_SETUP(waiting)
{
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, ends_make(&self->e, variant->kind));
}

FIXTURE_TEARDOWN_PARENT(waiting)
{
	ends_sweep();
}

static void *wait_in_read(void *arg)
{
	struct waiter *w = arg;

	w->tid = gettid();
	w->result = get(w->fd, w->buf, sizeof(w->buf));
	return NULL;
}

static void *wait_in_write(void *arg)
{
	struct waiter *w = arg;

	w->tid = gettid();
	w->result = put(w->fd, "late");
	return NULL;
}

static void *wait_in_poll(void *arg)
{
	struct waiter *w = arg;
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	w->tid = gettid();
	w->result = ppoll(&p, 1, NULL, NULL) == 1 ? p.revents : -errno;
	return NULL;
}

/* True when the thread sleeps where it is meant to. */
static bool start(FIXTURE_DATA(waiting) * self, void *(*fn)(void *), int fd,
		  long nr)
{
	self->w.fd = fd;
	self->nr = nr;
	if (pthread_create(&self->thread, NULL, fn, &self->w))
		return false;
	return BECOMES(self->w.tid && sleeps_in(self->w.tid) == nr);
}

#define START(name, fd, nr) ASSERT_TRUE(start(self, wait_in_##name, fd, nr))
#define STILL_WAITS()	    EXPECT_TRUE(BECOMES(sleeps_in(self->w.tid) == self->nr))
#define ENDS_WITH(want)                                         \
	do {                                                    \
		ASSERT_EQ(0, pthread_join(self->thread, NULL)); \
		EXPECT_EQ(want, self->w.result);                \
	} while (0)
#define PUTS(text) EXPECT_EQ((int)strlen(text), put(self->e.out, text))

TEST_F(waiting, a_reader_ends_with_the_message)
{
	START(read, self->e.in, SYS_read);
	PUTS(TEXT);
	ENDS_WITH((int)strlen(TEXT));
	EXPECT_STREQ(TEXT, self->w.buf);
}

TEST_F(waiting, a_reader_goes_on_after_the_close)
{
	START(read, self->e.in, SYS_read);
	close(self->e.in);
	STILL_WAITS();
	EXPECT_EQ(-EBADF, get(self->e.in, self->w.buf, 1));
	PUTS(TEXT);
	ENDS_WITH((int)strlen(TEXT));
	EXPECT_STREQ(TEXT, self->w.buf);
	/* With the read its end has gone. */
	EXPECT_EQ(-EPIPE, put(self->e.out, TEXT));
}

/* What takes the number of the closed descriptor is another matter. */
TEST_F(waiting, a_reader_keeps_its_end_when_the_number_is_used_again)
{
	int zero = open_path("/dev/zero", O_RDONLY);

	START(read, self->e.in, SYS_read);
	ASSERT_EQ(self->e.in, dup2(zero, self->e.in));
	STILL_WAITS();
	PUTS(TEXT);
	ENDS_WITH((int)strlen(TEXT));
	EXPECT_STREQ(TEXT, self->w.buf);
}

TEST_F(waiting, a_reader_ends_when_the_other_end_goes)
{
	START(read, self->e.in, SYS_read);
	close(self->e.out);
	ENDS_WITH(0);
}

TEST_F(waiting, a_reader_without_its_descriptor_ends_when_the_other_end_goes)
{
	START(read, self->e.in, SYS_read);
	close(self->e.in);
	STILL_WAITS();
	close(self->e.out);
	ENDS_WITH(0);
}

TEST_F(waiting, a_writer_goes_on_after_the_close)
{
	int nr = fill(self->e.out);

	ASSERT_LT(0, nr);
	START(write, self->e.out, SYS_write);
	close(self->e.out);
	STILL_WAITS();
	for (int i = 0; i < nr; i++) {
		char buf[sizeof(TEXT)];

		ASSERT_EQ((int)strlen(TEXT), get(self->e.in, buf, sizeof(buf)));
		ASSERT_STREQ(TEXT, buf);
	}
	ENDS_WITH(4);
	EXPECT_EQ(4, get(self->e.in, self->w.buf, sizeof(self->w.buf)));
	EXPECT_STREQ("late", self->w.buf);
	EXPECT_EQ(0, get(self->e.in, self->w.buf, sizeof(self->w.buf)));
}

TEST_F(waiting, a_writer_ends_when_the_other_end_goes)
{
	ASSERT_LT(0, fill(self->e.out));
	START(write, self->e.out, SYS_write);
	close(self->e.in);
	ENDS_WITH(-EPIPE);
}

/* Woken, it looks the number up again and finds nothing there. */
TEST_F(waiting, poll_goes_on_after_the_close)
{
	START(poll, self->e.in, SYS_ppoll);
	close(self->e.in);
	STILL_WAITS();
	PUTS(TEXT);
	ENDS_WITH(POLLNVAL);
	EXPECT_EQ(-EPIPE, put(self->e.out, TEXT));
}

TEST_F(waiting, poll_ends_when_the_other_end_goes)
{
	START(poll, self->e.in, SYS_ppoll);
	close(self->e.out);
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	EXPECT_TRUE(self->w.result & POLLHUP);
}

/* A set of epoll does not hold what is in it. */
TEST_F(waiting, epoll_forgets_what_is_closed)
{
	int set = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };

	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_ADD, self->e.in, &event));
	PUTS(TEXT);
	EXPECT_EQ(1, epoll_wait(set, &event, 1, 0));
	close(self->e.in);
	EXPECT_EQ(0, epoll_wait(set, &event, 1, 0));
	EXPECT_EQ(-EPIPE, put(self->e.out, TEXT));
}

/* What a pipe has no word for. */
TEST_F(waiting, shutdown_ends_it_also_without_its_descriptor)
{
	START(read, self->e.in, SYS_read);
	close(self->e.in);
	STILL_WAITS();
	if (is_channel(variant->kind)) {
		EXPECT_EQ(0, shut_down(self->e.admin));
	} else {
		EXPECT_EQ(-ENOTTY, shut_down(self->e.out));
		close(self->e.out);
	}
	ENDS_WITH(0);
}

TEST_HARNESS_MAIN
