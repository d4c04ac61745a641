// SPDX-License-Identifier: GPL-2.0-only
/*
 * What programs do with a descriptor that they were given: duplicate it, pass
 * it on by fork, exec, a socket or a pidfd, look it up in /proc, set its flags.
 * Each body runs over a pipe, a FIFO and both sorts of channel; where a channel
 * is meant to differ, the test says so.
 */
#include "passing.h"
#include "strangers.h"

#include <signal.h>
#include <sys/select.h>

/* clang-format off */
FIXTURE(descriptor) {
	struct ends e;
	char buf[256];
};

FIXTURE_VARIANT(descriptor) {
	enum kind kind;
	const char *link;	/* how /proc shows it */
	int reopened;		/* what opening it there gives */
	bool kills;		/* SIGPIPE */
};

FIXTURE_VARIANT_ADD(descriptor, pipe) {
	.kind = A_PIPE, .link = "pipe:[", .kills = true,
};

FIXTURE_VARIANT_ADD(descriptor, fifo) {
	.kind = A_FIFO, .link = FIFO_PATH, .kills = true,
};

/* The link of another process's descriptor must not be a way in. */
FIXTURE_VARIANT_ADD(descriptor, anonymous) {
	.kind = AN_ANONYMOUS_CHANNEL, .link = "anon_inode:[chan]", .reopened = -ENXIO,
};

FIXTURE_VARIANT_ADD(descriptor, named) {
	.kind = A_NAMED_CHANNEL, .link = "/dev/chan/" NODE_NAME,
};
/* clang-format on */

FIXTURE_SETUP(descriptor)
{
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, ends_make(&self->e, variant->kind));
}

FIXTURE_TEARDOWN_PARENT(descriptor)
{
	ends_sweep();
}

/* What the reading end gives now, as a number and as the text. */
#define GETS(want, text)                                                      \
	do {                                                                  \
		EXPECT_EQ(want,                                               \
			  get_now(self->e.in, self->buf, sizeof(self->buf))); \
		EXPECT_STREQ(text, self->buf);                                \
	} while (0)
#define GETS_TEXT()  GETS((int)strlen(TEXT), TEXT)
#define GETS_AGAIN() GETS(-EAGAIN, "")
#define GETS_END()   GETS(0, "")
#define PUTS(fd)     EXPECT_EQ((int)strlen(TEXT), put(fd, TEXT))

TEST_F(descriptor, child_writes_and_parent_reads_to_the_end)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		close(self->e.in);
		_exit(put(self->e.out, TEXT) != strlen(TEXT));
	}
	close(self->e.out);
	EXPECT_EQ((int)strlen(TEXT),
		  get(self->e.in, self->buf, sizeof(self->buf)));
	EXPECT_STREQ(TEXT, self->buf);
	EXPECT_EQ(0, get(self->e.in, self->buf, sizeof(self->buf)));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(descriptor, both_ends_in_both_processes_are_one_queue)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		get(self->e.in, self->buf, sizeof(self->buf));
		_exit(strcmp(TEXT, self->buf) || put(self->e.out, "back") != 4);
	}
	ASSERT_TRUE(BECOMES(sleeps_in(pid) == SYS_read));
	PUTS(self->e.out);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	GETS(4, "back");
}

TEST_F(descriptor, hang_up_comes_with_the_last_duplicate)
{
	int last = dup(self->e.out);

	close(self->e.out);
	GETS_AGAIN();
	EXPECT_EQ(0, poll_now(self->e.in, POLLIN));
	PUTS(last);
	close(last);
	EXPECT_EQ(POLLIN | POLLHUP, poll_now(self->e.in, POLLIN));
	GETS_TEXT();
	GETS_END();
	/* A pipe is not POLLIN at its end, only POLLHUP; select sees both. */
	EXPECT_EQ(POLLHUP | (is_channel(variant->kind) ? POLLIN : 0),
		  poll_now(self->e.in, POLLIN));
}

TEST_F(descriptor, writing_without_a_reader_is_EPIPE)
{
	close(self->e.in);
	EXPECT_EQ(-EPIPE, put(self->e.out, TEXT));
	EXPECT_EQ(POLLOUT | POLLERR, poll_now(self->e.out, POLLOUT));
}

/* A channel never sends SIGPIPE: a program that ignores EPIPE goes on. */
TEST_F(descriptor, writing_without_a_reader_kills_at_a_pipe_only)
{
	int status;
	pid_t pid;

	close(self->e.in);
	pid = fork();
	if (!pid) {
		signal(SIGPIPE, SIG_DFL);
		_exit(put(self->e.out, TEXT) == -EPIPE ? 0 : 1);
	}
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(variant->kills ? SIGPIPE : 0, status);
}

TEST_F(descriptor, each_duplicate_is_the_same_end)
{
	int dups[] = {
		dup(self->e.out),
		dup2(self->e.out, 100),
		dup3(self->e.out, 101, O_CLOEXEC),
		fcntl(self->e.out, F_DUPFD, 102),
		fcntl(self->e.out, F_DUPFD_CLOEXEC, 102),
	};

	for (size_t i = 0; i < ARRAY_SIZE(dups); i++) {
		ASSERT_LE(0, dups[i]);
		PUTS(dups[i]);
		GETS_TEXT();
		EXPECT_EQ(i == 2 || i == 4 ? FD_CLOEXEC : 0,
			  fcntl(dups[i], F_GETFD));
	}
	EXPECT_TRUE(!is_channel(variant->kind) ||
		    endpoints_are(self->e.admin, 1, 1));
}

/* dup2 onto the only descriptor is how a program closes it unseen. */
TEST_F(descriptor, dup2_over_the_last_one_hangs_up)
{
	ASSERT_EQ(self->e.out, dup2(0, self->e.out));
	GETS_END();
}

TEST_F(descriptor, O_NONBLOCK_is_shared_by_duplicates_only)
{
	int shared = dup(self->e.in);
	int other = variant->kind == AN_ANONYMOUS_CHANNEL ?
			    derive(self->e.admin, CHAN_RIGHT_RECV) :
			    reopen(self->e.in, O_RDONLY);
	int on = 1;

	ASSERT_LE(0, other);
	EXPECT_EQ(0, set_nonblocking(shared, true));
	EXPECT_TRUE(fcntl(self->e.in, F_GETFL) & O_NONBLOCK);
	EXPECT_FALSE(fcntl(other, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(-EAGAIN, get(self->e.in, self->buf, sizeof(self->buf)));
	EXPECT_EQ(0, set_nonblocking(self->e.in, false));
	EXPECT_FALSE(fcntl(shared, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(0, ioctl(other, FIONBIO, &on));
	EXPECT_EQ(-EAGAIN, get(other, self->buf, sizeof(self->buf)));
	EXPECT_LT(0, fill(self->e.out));
	EXPECT_EQ(0, set_nonblocking(self->e.out, true));
	EXPECT_EQ(-EAGAIN, put(self->e.out, TEXT));
}

TEST_F(descriptor, each_end_works_one_way)
{
	EXPECT_EQ(O_RDONLY, fcntl(self->e.in, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(O_WRONLY, fcntl(self->e.out, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(-EBADF, put(self->e.in, TEXT));
	EXPECT_EQ(-EBADF, get(self->e.out, self->buf, sizeof(self->buf)));
	EXPECT_EQ(0, poll_now(self->e.in, POLLOUT));
	EXPECT_EQ(0, poll_now(self->e.out, POLLIN));
}

TEST_F(descriptor, select_sees_what_poll_sees)
{
	fd_set in, out;
	struct timeval none = {};
	int nr = (self->e.in > self->e.out ? self->e.in : self->e.out) + 1;

	for (int round = 0; round < 2; round++) {
		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_SET(self->e.in, &in);
		FD_SET(self->e.out, &out);
		EXPECT_EQ(1, select(nr, &in, &out, NULL, &none));
		/* First there is room and no message, then the reverse. */
		EXPECT_EQ(round == 1, !!FD_ISSET(self->e.in, &in));
		EXPECT_EQ(round == 0, !!FD_ISSET(self->e.out, &out));
		EXPECT_LT(0, round ? 1 : fill(self->e.out));
	}
}

TEST_F(descriptor, proc_shows_and_reopens_it)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->e.in);
	ASSERT_LT(0, readlink(path, self->buf, sizeof(self->buf) - 1));
	EXPECT_EQ(0, strncmp(self->buf, variant->link, strlen(variant->link)))
	{
		TH_LOG("%s", self->buf);
	}
	/* The reading end, opened as a new writing one. */
	fd = reopen(self->e.in, O_WRONLY);
	EXPECT_EQ(variant->reopened, fd < 0 ? fd : 0);
	if (fd < 0)
		return;
	close(self->e.out);
	PUTS(fd);
	close(fd);
	GETS_TEXT();
	GETS_END();
}

static int take_name_away(enum kind kind)
{
	int control = open_control(), err = 0;

	if (kind == A_FIFO)
		err = unlink(FIFO_PATH);
	else if (kind == A_NAMED_CHANNEL)
		err = remove_name(control, NODE_NAME);
	close(control);
	return err;
}

/* A FIFO goes on after unlink; so does a channel, for who has it open. */
TEST_F(descriptor, a_name_taken_away_leaves_the_ends)
{
	int fd;

	EXPECT_EQ(0, take_name_away(variant->kind));
	PUTS(self->e.out);
	GETS_TEXT();
	fd = reopen(self->e.out, O_WRONLY);
	EXPECT_EQ(is_channel(variant->kind) ? -ENXIO : 0, fd < 0 ? fd : 0);
	close(fd);
	close(self->e.out);
	GETS_END();
}

static bool file_has(const char *path, const char *text)
{
	char content[2048] = "";
	int fd = open_path(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, content, sizeof(content) - 1);

	close(fd);
	return n > 0 && strstr(content, text);
}

TEST_F(descriptor, fdinfo_can_be_read_by_another_process)
{
	char path[64];
	pid_t pid = fork();
	int status;

	if (!pid) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", getppid(),
			 self->e.in);
		_exit(!file_has(path, "pos:\t0\n") ||
		      !file_has(path, "flags:\t") ||
		      file_has(path, "chan-queued:\t0\n") !=
			      is_channel(variant->kind));
	}
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Passing it on -------------------------------------------------------- */

/* A child sends the writing end and exits; then it is nowhere but on its way. */
static int put_on_its_way(struct ends *e, int sockets[2])
{
	int status = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	pid = fork();
	if (!pid)
		_exit(send_fd(sockets[1], e->out) != 0);
	close(e->out);
	close(sockets[1]);
	return waitpid(pid, &status, 0) == pid ? status : -ECHILD;
}

TEST_F(descriptor, an_end_on_its_way_is_alive)
{
	int sockets[2], out;

	PUTS(self->e.out);
	ASSERT_EQ(0, put_on_its_way(&self->e, sockets));
	GETS_TEXT();
	GETS_AGAIN();
	EXPECT_EQ(0, poll_now(self->e.in, POLLIN));
	out = receive_fd(sockets[0]);
	ASSERT_LE(0, out);
	PUTS(out);
	GETS_TEXT();
	GETS_AGAIN();
	close(out);
	GETS_END();
}

TEST_F(descriptor, an_end_dropped_on_its_way_hangs_up)
{
	int sockets[2];

	ASSERT_EQ(0, put_on_its_way(&self->e, sockets));
	GETS_AGAIN();
	close(sockets[0]);
	EXPECT_TRUE(BECOMES(poll_now(self->e.in, POLLIN) & POLLHUP));
	GETS_END();
}

/* A socket whose only descriptor is queued in itself: the collector's case. */
TEST_F(descriptor, an_end_in_a_forgotten_cycle_hangs_up)
{
	int sockets[2], more[2];

	ASSERT_EQ(0, put_on_its_way(&self->e, sockets));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, more));
	ASSERT_EQ(0, send_fd(more[0], sockets[0]));
	ASSERT_EQ(0, send_fd(more[0], more[1]));
	close(sockets[0]);
	close(more[1]);
	GETS_AGAIN();
	close(more[0]);
	EXPECT_TRUE(BECOMES(poll_now(self->e.in, POLLIN) & POLLHUP));
	GETS_END();
}

TEST_F(descriptor, pidfd_getfd_takes_it_from_another)
{
	int keep[2], pidfd, out;
	pid_t pid;

	ASSERT_EQ(0, pipe2(keep, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		close(keep[1]);
		_exit(read(keep[0], self->buf, 1) != 0);
	}
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	ASSERT_LE(0, pidfd);
	out = syscall(SYS_pidfd_getfd, pidfd, self->e.out, 0);
	ASSERT_LE(0, out);
	close(self->e.out);
	PUTS(out);
	GETS_TEXT();
	close(keep[1]);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	GETS_AGAIN();
	close(out);
	GETS_END();
}

/* The child stays until @keep is closed, as another program. */
static pid_t exec_and_stay(struct ends *e, int keep[2], bool cloexec)
{
	pid_t pid;

	if (pipe2(keep, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		dup2(keep[0], 0);
		fcntl(e->out, F_SETFD, cloexec ? FD_CLOEXEC : 0);
		execlp("cat", "cat", NULL);
		_exit(127);
	}
	close(keep[0]);
	return pid;
}

TEST_F(descriptor, exec_closes_what_is_close_on_exec)
{
	int keep[2];
	pid_t pid = exec_and_stay(&self->e, keep, true);

	ASSERT_LT(0, pid);
	/* What CREATE and DERIVE give is so by itself. */
	if (is_channel(variant->kind)) {
		int derived = derive(self->e.admin, CHAN_RIGHT_RECV);

		EXPECT_EQ(FD_CLOEXEC, fcntl(self->e.admin, F_GETFD));
		EXPECT_EQ(FD_CLOEXEC, fcntl(derived, F_GETFD));
	}
	close(self->e.out);
	EXPECT_EQ(0, get(self->e.in, self->buf, sizeof(self->buf)));
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	close(keep[1]);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
}

TEST_F(descriptor, exec_keeps_the_others)
{
	int keep[2];
	pid_t pid = exec_and_stay(&self->e, keep, false);
	char path[64];

	ASSERT_LT(0, pid);
	close(self->e.out);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	EXPECT_TRUE(
		BECOMES(file_has(path, "cat") || file_has(path, "busybox")));
	GETS_AGAIN();
	close(keep[1]);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	GETS_END();
}

TEST_HARNESS_MAIN
