// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that have a name: who tells or asks one learns whether it took the message,
 * was never there, or died, and its name lives no longer than it does.
 */
#include "lib_test.h"

#define NAME T "lib-task"

FIXTURE(task)
{
	struct waiting waiting;
	struct chan_op msg;
	char buf[16];
	int fds;
};

FIXTURE_SETUP(task)
{
	self->fds = count_fds();
}

FIXTURE_TEARDOWN_PARENT(task)
{
	names_sweep();
}

static int tell(struct waiting *w)
{
	(void)w;
	return chan_tell(NAME, "hello", 5, SOON);
}

static int ask(struct waiting *w)
{
	return chan_ask(NAME, "well?", 5, w->buf, 10, SOON);
}

/* A child that is the task, takes so many messages, and waits to be killed. */
static pid_t start_task(int messages)
{
	struct chan_op msg;
	char buf[16];
	pid_t pid;
	int fd;

	pid = fork();
	if (pid)
		return pid;
	fd = chan_task(NAME);
	if (fd < 0)
		_exit(1);
	while (messages--)
		chan_recv(fd, buf, sizeof(buf), &msg, 0);
	for (;;)
		pause();
}

TEST_F(task, what_it_is_told_it_receives)
{
	int fd = LIB(chan_task(NAME));

	ASSERT_LE(0, fd);
	EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	for (int i = 0; i < 2; i++) { /* it is not at its end in between */
		ASSERT_EQ(0, waiting_start(&self->waiting, -1, tell));
		ASSERT_EQ(5,
			  LIB(chan_recv(fd, self->buf, 16, &self->msg, SOON)));
		EXPECT_EQ(0, memcmp("hello", self->buf, 5));
		EXPECT_EQ(getpid(), self->msg.pid);
		EXPECT_EQ(0, waiting_ends(&self->waiting));
	}
	EXPECT_EQ(-ETIMEDOUT,
		  LIB(chan_recv(fd, self->buf, 16, &self->msg, CHAN_AT_ONCE)));
	EXPECT_EQ(self->fds + 1, count_fds());
}

TEST_F(task, what_it_is_asked_it_answers)
{
	int fd = LIB(chan_task(NAME));

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, waiting_start(&self->waiting, -1, ask));
	ASSERT_EQ(5, LIB(chan_recv(fd, self->buf, 16, &self->msg, SOON)));
	EXPECT_EQ(CHAN_DUTY_REPLY, self->msg.duty);
	EXPECT_EQ(10, self->msg.reply_len);
	EXPECT_EQ(0, LIB(chan_reply(fd, self->msg.id, "so so", 5)));
	EXPECT_EQ(5, waiting_ends(&self->waiting));
	EXPECT_EQ(0, memcmp("so so", self->waiting.buf, 5));
	EXPECT_EQ(self->fds + 1, count_fds());
}

TEST_F(task, a_name_is_one_task_s_and_ends_with_it)
{
	int fd = LIB(chan_task(NAME));

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EEXIST, LIB(chan_task(NAME)));
	EXPECT_EQ(-EINVAL, LIB(chan_task("x/y")));
	EXPECT_EQ(-EINVAL, LIB(chan_task(NULL)));
	close(fd);
	EXPECT_FALSE(node_exists(NAME));
	fd = LIB(chan_task(NAME));
	EXPECT_LE(0, fd);
}

TEST_F(task, one_that_is_not_there_is_told_so)
{
	EXPECT_EQ(-ENOENT, LIB(chan_tell(NAME, "x", 1, SOON)));
	EXPECT_EQ(-ENOENT, LIB(chan_ask(NAME, "x", 1, self->buf, 16, SOON)));
	EXPECT_EQ(-EINVAL, LIB(chan_tell("x/y", "x", 1, SOON)));
	EXPECT_EQ(self->fds, count_fds());
}

TEST_F(task, one_that_does_not_listen_is_left_in_time)
{
	int fd = LIB(chan_task(NAME));

	ASSERT_LE(0, fd);
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_tell(NAME, "x", 1, LIB(chan_in_ms(5)))));
	EXPECT_EQ(-ETIMEDOUT, LIB(chan_ask(NAME, "x", 1, self->buf, 16,
					   LIB(chan_in_ms(5)))));
	EXPECT_EQ(0, nothing_is_left(fd));
	EXPECT_EQ(self->fds + 1, count_fds());
}

TEST_F(task, one_that_dies_before_it_takes_the_message)
{
	pid_t pid = start_task(0);

	ASSERT_TRUE(BECOMES(node_exists(NAME)));
	ASSERT_EQ(0, waiting_start(&self->waiting, -1, tell));
	ASSERT_TRUE(waiting_sleeps(&self->waiting));
	EXPECT_EQ(0, child_kill(pid));
	EXPECT_EQ(-EPIPE, waiting_ends(&self->waiting));
	EXPECT_FALSE(node_exists(NAME));
}

static bool has_received(__u32 nr)
{
	int fd = open_node(NAME, O_WRONLY);
	bool has = fd >= 0 && STAT_BECOMES(fd, unsettled, nr);

	close(fd);
	return has;
}

TEST_F(task, one_that_dies_with_the_question)
{
	pid_t pid = start_task(1);

	ASSERT_TRUE(BECOMES(node_exists(NAME)));
	ASSERT_EQ(0, waiting_start(&self->waiting, -1, ask));
	ASSERT_TRUE(has_received(1));
	EXPECT_EQ(0, child_kill(pid));
	EXPECT_EQ(-EOWNERDEAD, waiting_ends(&self->waiting));
}

static int tell_as_other(void *unused)
{
	(void)unused;
	return LIB(chan_tell(NAME, "x", 1, CHAN_AT_ONCE));
}

TEST_F(task, other_users_do_not_reach_it)
{
	ASSERT_LE(0, LIB(chan_task(NAME)));
	EXPECT_EQ(-EACCES, as_user(ALICE, tell_as_other, NULL));
}

TEST_HARNESS_MAIN
