// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that are meant for files, sockets, terminals or pipes, made on a
 * channel, and the ways to open a node.  Each call has the errno that a pipe
 * would give, or a comment that says why not, and none costs a message.
 */
#include "strangers.h"

#include <linux/falloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>

/* A pipe and a file that the rows may use, beside the two ends. */
struct stage {
	struct ends e;
	int pipe[2];
	int file; /* eight bytes, at their beginning */
};

typedef long call_fn(struct stage *s);

/* clang-format off */

/* A call as a function that gives its result or a negative errno. */
#define CALL(name, expression)						\
	static long call_##name(struct stage *s)			\
	{								\
		char page[16] __attribute__((unused)) = "0123456789";	\
		struct iovec iov __attribute__((unused)) = {		\
			.iov_base = page, .iov_len = sizeof(page),	\
		};							\
		int number __attribute__((unused)) = 0;			\
		long ret = (expression);				\
									\
		return ret < 0 ? -errno : ret > 0;			\
	}

CALL(lseek,		lseek(s->e.in, 0, SEEK_CUR))
CALL(pread,		pread(s->e.in, page, 16, 0))
CALL(pwrite,		pwrite(s->e.out, page, 16, 0))
CALL(preadv2,		preadv2(s->e.in, &iov, 1, 0, 0))
CALL(ftruncate,		ftruncate(s->e.out, 0))
CALL(mmap_read,		(long)mmap(NULL, 1, PROT_READ, MAP_SHARED, s->e.in, 0))
CALL(fsync,		fsync(s->e.out))
CALL(fdatasync,		fdatasync(s->e.out))
CALL(sync_file_range,	sync_file_range(s->e.out, 0, 0, 0))
CALL(fallocate,		fallocate(s->e.out, 0, 0, 1))
CALL(readahead,		readahead(s->e.in, 0, 1))
CALL(copy_file_range,	copy_file_range(s->e.in, NULL, s->file, NULL, 8, 0))
CALL(getdents,		syscall(SYS_getdents64, s->e.in, page, 16))
CALL(fchdir,		fchdir(s->e.in))
CALL(fexecve,		syscall(SYS_execveat, s->e.in, "", NULL, NULL, AT_EMPTY_PATH))
CALL(recv,		recv(s->e.in, page, 16, 0))
CALL(send,		send(s->e.out, page, 16, 0))
CALL(getsockname,	getsockname(s->e.in, (void *)page, (void *)&number))
CALL(tcgetattr,		tcgetattr(s->e.in, &(struct termios){}))
CALL(unknown_ioctl,	ioctl(s->e.in, _IOWR(0xee, 1, int), &number))
CALL(seals,		fcntl(s->e.in, F_GET_SEALS))
CALL(lease,		fcntl(s->e.in, F_SETLEASE, F_RDLCK))
CALL(flock,		flock(s->e.in, LOCK_EX | LOCK_NB))
CALL(set_owner,		fcntl(s->e.in, F_SETOWN, getpid()))
CALL(set_append,	fcntl(s->e.out, F_SETFL, O_APPEND))
CALL(epoll_in_itself,	epoll_ctl(s->e.in, EPOLL_CTL_ADD, s->e.out, NULL))
CALL(sendfile_from,	sendfile(s->file, s->e.in, NULL, 8))

CALL(splice_from,	splice(s->e.in, NULL, s->pipe[1], NULL, 16, SPLICE_F_NONBLOCK))
CALL(splice_to,		splice(s->pipe[0], NULL, s->e.out, NULL, 16, SPLICE_F_NONBLOCK))
CALL(tee,		tee(s->e.in, s->pipe[1], 16, SPLICE_F_NONBLOCK))
CALL(vmsplice,		vmsplice(s->e.out, &iov, 1, SPLICE_F_NONBLOCK))
CALL(sendfile_to,	sendfile(s->e.out, s->file, NULL, 8))
CALL(get_pipe_size,	fcntl(s->e.in, F_GETPIPE_SZ))
CALL(set_pipe_size,	fcntl(s->e.in, F_SETPIPE_SZ, 65536))
CALL(bytes_to_read,	ioctl(s->e.in, FIONREAD, &number))
CALL(signal_me,		ioctl(s->e.in, FIOASYNC, &(int){1}))
CALL(set_direct,	fcntl(s->e.out, F_SETFL, O_DIRECT))

static const struct row {
	const char *name;
	call_fn *fn;
	int pipe, channel;
} rows[] = {
#define SAME(name, want) { #name, call_##name, want, want }
#define DIFFERENT(name, pipe, channel) { #name, call_##name, pipe, channel }
	SAME(lseek, -ESPIPE),
	SAME(pread, -ESPIPE),
	SAME(pwrite, -ESPIPE),
	SAME(preadv2, -ESPIPE),
	SAME(ftruncate, -EINVAL),
	SAME(mmap_read, -ENODEV),
	SAME(fsync, -EINVAL),
	SAME(fdatasync, -EINVAL),
	SAME(sync_file_range, -ESPIPE),
	SAME(readahead, -EINVAL),
	SAME(copy_file_range, -EINVAL),
	SAME(getdents, -ENOTDIR),
	SAME(fchdir, -ENOTDIR),
	SAME(fexecve, -EACCES),
	SAME(recv, -ENOTSOCK),
	SAME(send, -ENOTSOCK),
	SAME(getsockname, -ENOTSOCK),
	SAME(tcgetattr, -ENOTTY),
	SAME(unknown_ioctl, -ENOTTY),
	SAME(seals, -EINVAL),
	SAME(lease, -EINVAL),
	SAME(flock, 0),
	SAME(set_owner, 0),
	SAME(set_append, 0),
	SAME(epoll_in_itself, -EFAULT),
	SAME(sendfile_from, -EINVAL),

	/* A pipe is told apart by its type, which the VFS does not know here. */
	DIFFERENT(fallocate, -ESPIPE, -ENODEV),

	/* Pages do not move in and out of channels, messages do. */
	DIFFERENT(splice_from, 1, -EINVAL),
	DIFFERENT(splice_to, 1, -EINVAL),
	DIFFERENT(tee, 1, -EINVAL),
	DIFFERENT(vmsplice, 1, -EBADF),
	DIFFERENT(sendfile_to, 1, -EINVAL),

	/* There are messages to read, not bytes; CHAN_IOC_STAT counts both. */
	DIFFERENT(bytes_to_read, 0, -ENOTTY),

	/* What a channel holds is fixed when it is made. */
	DIFFERENT(get_pipe_size, 1, -EBADF),
	DIFFERENT(set_pipe_size, 1, -EBADF),

	/* No SIGIO: there is poll. */
	DIFFERENT(signal_me, 0, -ENOTTY),

	/* Every write is a packet anyway. */
	DIFFERENT(set_direct, 0, -EINVAL),
};

FIXTURE(misfit) {
	struct stage s;
};

FIXTURE_VARIANT(misfit) {
	enum kind kind;
	mode_t type;		/* as in st_mode */
};

FIXTURE_VARIANT_ADD(misfit, pipe) { .kind = A_PIPE, .type = S_IFIFO, };
FIXTURE_VARIANT_ADD(misfit, fifo) { .kind = A_FIFO, .type = S_IFIFO, };

/* No type at all, like an eventfd; some programs insist on one. */
FIXTURE_VARIANT_ADD(misfit, anonymous) { .kind = AN_ANONYMOUS_CHANNEL, .type = 0, };
FIXTURE_VARIANT_ADD(misfit, named) { .kind = A_NAMED_CHANNEL, .type = S_IFCHR, };
/* clang-format on */

FIXTURE_SETUP(misfit)
{
	FILE *file = tmpfile();

	signal(SIGPIPE, SIG_IGN);
	ASSERT_TRUE(file);
	self->s.file = fileno(file);
	ASSERT_EQ(8, pwrite(self->s.file, "01234567", 8, 0));
	ASSERT_EQ(0, pipe2(self->s.pipe, O_CLOEXEC));
	ASSERT_EQ((int)strlen(TEXT), put(self->s.pipe[1], TEXT));
	ASSERT_EQ(0, ends_make(&self->s.e, variant->kind));
}

FIXTURE_TEARDOWN_PARENT(misfit)
{
	ends_sweep();
}

/* A message lies there meanwhile, and nothing must happen to it. */
TEST_F(misfit, calls_for_other_files_are_refused)
{
	struct chan_stat s;
	char buf[64];

	ASSERT_EQ((int)strlen(TEXT), put(self->s.e.out, TEXT));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];

		EXPECT_EQ(is_channel(variant->kind) ? row->channel : row->pipe,
			  row->fn(&self->s))
		{
			TH_LOG("%s", row->name);
		}
	}
	if (!is_channel(variant->kind))
		return;
	ASSERT_EQ(0, get_stat(self->s.e.admin, &s));
	EXPECT_EQ(1U, s.queued);
	EXPECT_EQ((int)strlen(TEXT), get_now(self->s.e.in, buf, sizeof(buf)));
	EXPECT_STREQ(TEXT, buf);
	EXPECT_EQ(-EAGAIN, get_now(self->s.e.in, buf, sizeof(buf)));
}

TEST_F(misfit, fstat_tells_the_type)
{
	struct stat in, out;

	ASSERT_EQ(0, fstat(self->s.e.in, &in));
	ASSERT_EQ(0, fstat(self->s.e.out, &out));
	EXPECT_EQ(variant->type, in.st_mode & S_IFMT);
	EXPECT_EQ(variant->type, out.st_mode & S_IFMT);
	EXPECT_EQ(0, in.st_size);
	if (variant->kind == A_NAMED_CHANNEL) {
		EXPECT_EQ(in.st_rdev, out.st_rdev);
		EXPECT_NE(0U, major(in.st_rdev));
	}
}

TEST_F(misfit, isatty_says_no)
{
	EXPECT_EQ(0, isatty(self->s.e.in));
	EXPECT_EQ(0, isatty(self->s.e.out));
}

/* Nodes ---------------------------------------------------------------- */

/* clang-format off */
FIXTURE(node) {
	struct ends e;
	char buf[64];
};

FIXTURE_VARIANT(node) {
	enum kind kind;
};

FIXTURE_VARIANT_ADD(node, fifo) { .kind = A_FIFO, };
FIXTURE_VARIANT_ADD(node, channel) { .kind = A_NAMED_CHANNEL, };
/* clang-format on */

FIXTURE_SETUP(node)
{
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, ends_make(&self->e, variant->kind));
}

FIXTURE_TEARDOWN_PARENT(node)
{
	ends_sweep();
}

/* Those of ">", ">>" and everything else that means nothing here. */
TEST_F(node, flags_of_files_are_taken)
{
	static const int flags[] = {
		O_CREAT,   O_TRUNC,    O_CREAT | O_TRUNC,
		O_APPEND,  O_NOFOLLOW, O_NOCTTY,
		O_SYNC,	   O_DSYNC,    O_LARGEFILE,
		O_NOATIME, O_EXCL,     O_CREAT | O_APPEND,
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int fd = open(self->e.path, O_WRONLY | flags[i], 0600);

		ASSERT_LE(0, fd)
		{
			TH_LOG("%#o", flags[i]);
		}
		EXPECT_EQ(3, put(fd, "abc"));
		close(fd);
		EXPECT_EQ(3, get_now(self->e.in, self->buf, 64));
		EXPECT_STREQ("abc", self->buf);
	}
}

TEST_F(node, flags_that_do_not_fit_are_refused)
{
	static const struct {
		int flags, err;
	} bad[] = {
		{ O_RDWR | O_CREAT | O_EXCL, -EEXIST },
		{ O_RDONLY | O_DIRECTORY, -ENOTDIR },
		{ O_RDWR | O_DIRECT, -EINVAL },
		{ O_RDWR | O_TMPFILE, -ENOTDIR },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(bad[i].err, open_path(self->e.path, bad[i].flags))
		{
			TH_LOG("%#o", bad[i].flags);
		}
	}
}

/* O_TRUNC takes nothing away: what is queued is not the node's content. */
TEST_F(node, truncation_keeps_the_messages)
{
	ASSERT_EQ(3, put(self->e.out, "abc"));
	EXPECT_LE(0, open_path(self->e.path, O_WRONLY | O_TRUNC));
	EXPECT_EQ(-1, truncate(self->e.path, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(3, get_now(self->e.in, self->buf, sizeof(self->buf)));
}

TEST_F(node, O_PATH_is_no_end)
{
	int fd = open_path(self->e.path, O_PATH);
	struct stat st;

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(-EBADF, get(fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(-EBADF, put(fd, TEXT));
	EXPECT_EQ(-EBADF, record_ioctl(fd, CHAN_IOC_STAT, self->buf));
	EXPECT_TRUE(!is_channel(variant->kind) ||
		    endpoints_are(self->e.admin, 1, 1));
	/* But a way to one. */
	EXPECT_LE(0, reopen(fd, O_RDONLY | O_NONBLOCK));
}

static int call_access(void *arg)
{
	const char *path = arg;
	int may = 0;

	may |= access(path, R_OK) ? 0 : 4;
	may |= access(path, W_OK) ? 0 : 2;
	may |= access(path, X_OK) ? 0 : 1;
	return may;
}

TEST_F(node, access_tells_what_open_will)
{
	ASSERT_EQ(0, chmod(self->e.path, 0622));
	EXPECT_EQ(6, call_access(self->e.path));
	EXPECT_EQ(2, as_user(ALICE, call_access, self->e.path));
	ASSERT_EQ(0, chmod(self->e.path, 0640));
	EXPECT_EQ(0, as_user(ALICE, call_access, self->e.path));
	ASSERT_EQ(0, chown(self->e.path, ALICE, ALICE));
	EXPECT_EQ(6, as_user(ALICE, call_access, self->e.path));
	EXPECT_EQ(0, as_user(BOB, call_access, self->e.path));
}

TEST_HARNESS_MAIN
