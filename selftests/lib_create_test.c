// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library makes, opens, narrows, looks at, shuts down and removes channels;
 * what it returns is a descriptor, or why there is none, and then nothing is open
 * that was not before.
 */
#include "lib_test.h"

#define NAME T "lib-create"

FIXTURE(making)
{
	int fds;
};

FIXTURE_SETUP(making)
{
	self->fds = count_fds();
}

/* Also after a failed test: nothing of it may keep the module. */
FIXTURE_TEARDOWN_PARENT(making)
{
	names_sweep();
}

static bool is_closed_on_exec(int fd)
{
	return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

TEST_F(making, create_gives_a_channel_without_a_name)
{
	int fd = LIB(chan_create(NULL, 5, CHAN_FIXED));
	struct chan_stat s;

	ASSERT_LE(0, fd);
	EXPECT_RIGHTS("sra", fd);
	EXPECT_TRUE(is_closed_on_exec(fd));
	memset(&s, 0xcc, sizeof(s));
	ASSERT_EQ(0, LIB(chan_stat(fd, &s)));
	EXPECT_STREQ("", s.name);
	EXPECT_EQ(5, s.cap);
	EXPECT_EQ(CHAN_FIXED, s.flags);
	EXPECT_EQ(CHAN_MSG_DEFAULT, s.msg_max);
	EXPECT_EQ(self->fds + 1, count_fds());
}

TEST_F(making, create_gives_a_channel_with_a_name)
{
	int fd = LIB(chan_create(NAME, 5, 0));
	struct chan_stat s;

	ASSERT_LE(0, fd);
	EXPECT_TRUE(node_exists(NAME));
	ASSERT_EQ(0, LIB(chan_stat(fd, &s)));
	EXPECT_STREQ(NAME, s.name);
	EXPECT_EQ(CHAN_MODE_DEFAULT, s.mode);
	EXPECT_EQ(-EEXIST, LIB(chan_create(NAME, 5, 0)));
	EXPECT_EQ(-EINVAL, LIB(chan_create("", 5, 0)));
	EXPECT_EQ(-EINVAL, LIB(chan_create(NAME "2", CHAN_CAP_MAX + 1, 0)));
	EXPECT_EQ(-EINVAL, LIB(chan_create(NAME "2", 5, 0x8000)));
	EXPECT_FALSE(node_exists(NAME "2"));
	EXPECT_EQ(self->fds + 1, count_fds());
}

TEST_F(making, create_with_takes_the_whole_record)
{
	struct chan_create create = {
		.rights = CHAN_RIGHT_RECV,
		.cap = 3,
		.msg_max = 100,
		.bytes_max = 1000,
		.max_attempts = 4,
		.mode = 0622,
		.type = 0x1234567890abcdef,
		.name = address(NAME),
		.fd = -7,
	};
	int fd = LIB(chan_create_with(&create));
	struct chan_stat s;

	ASSERT_LE(0, fd);
	EXPECT_EQ(fd, create.fd);
	EXPECT_RIGHTS("-ra", fd);
	ASSERT_EQ(0, LIB(chan_stat(fd, &s)));
	EXPECT_EQ(100, s.msg_max);
	EXPECT_EQ(1000, s.bytes_max);
	EXPECT_EQ(4, s.max_attempts);
	EXPECT_EQ(0600, s.mode); /* 0622 less the guest's umask */
	EXPECT_EQ(0x1234567890abcdef, s.type);
	create.bytes_max = 1;
	EXPECT_EQ(-EINVAL, LIB(chan_create_with(&create)));
	EXPECT_EQ(self->fds + 1, count_fds());
}

TEST_F(making, without_a_descriptor_nothing_is_made)
{
	struct rlimit old;
	int fds[2] = { -7, -7 };

	exhaust_fds(&old);
	EXPECT_EQ(-EMFILE, LIB(chan_create(NAME, 5, 0)));
	EXPECT_EQ(-EMFILE, LIB(chan_open("jobs", CHAN_RIGHT_SEND)));
	EXPECT_EQ(-EMFILE, LIB(chan_pair(fds, 5, 0)));
	setrlimit(RLIMIT_NOFILE, &old);
	EXPECT_FALSE(node_exists(NAME));
	EXPECT_EQ(-7, fds[0]);
	EXPECT_EQ(-7, fds[1]);
	EXPECT_EQ(self->fds, count_fds());
}

/* Of the descriptors that a pair needs for a moment there are only so many. */
TEST_F(making, a_pair_is_made_whole_or_not_at_all)
{
	int fds[2] = { -7, -7 }, lowest = dup(0), made;
	struct rlimit old, few;

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	for (int left = 0; left < 3; left++) {
		few.rlim_cur = lowest + left;
		setrlimit(RLIMIT_NOFILE, &few);
		made = LIB(chan_pair(fds, 5, 0));
		setrlimit(RLIMIT_NOFILE, &old);
		EXPECT_EQ(-EMFILE, made);
		EXPECT_EQ(-7, fds[0]);
		EXPECT_EQ(-7, fds[1]);
		EXPECT_EQ(self->fds, count_fds());
	}
	few.rlim_cur = lowest + 3;
	setrlimit(RLIMIT_NOFILE, &few);
	made = LIB(chan_pair(fds, 5, 0));
	setrlimit(RLIMIT_NOFILE, &old);
	EXPECT_EQ(0, made);
}

TEST_F(making, a_pair_is_one_end_each_and_hangs_up)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, LIB(chan_pair(fds, 5, 0)));
	EXPECT_RIGHTS("-r-", fds[0]);
	EXPECT_RIGHTS("s--", fds[1]);
	EXPECT_TRUE(is_closed_on_exec(fds[0]));
	EXPECT_TRUE(is_closed_on_exec(fds[1]));
	ASSERT_EQ(0, LIB(chan_send(fds[1], "x", 1, 0)));
	close(fds[1]);
	EXPECT_EQ(1, LIB(chan_recv(fds[0], &c, 1, NULL, 0)));
	EXPECT_EQ('x', c);
	EXPECT_EQ(-ESHUTDOWN, LIB(chan_recv(fds[0], &c, 1, NULL, 0)));
	close(fds[0]);
	EXPECT_EQ(self->fds, count_fds());

	ASSERT_EQ(0, LIB(chan_pair(fds, 5, 0)));
	close(fds[0]);
	EXPECT_EQ(-EPIPE, LIB(chan_send(fds[1], "x", 1, 0)));
	EXPECT_EQ(-EINVAL, LIB(chan_pair(fds, 5, 0x8000)));
}

TEST_F(making, open_gives_the_rights_that_are_asked_for)
{
	int made = LIB(chan_create(NAME, 5, 0));
	int sends = LIB(chan_open(NAME, CHAN_RIGHT_SEND));
	int receives = LIB(chan_open(NAME, CHAN_RIGHT_RECV));
	int both = LIB(chan_open(NAME, CHAN_RIGHT_SEND | CHAN_RIGHT_RECV));

	ASSERT_LE(0, made);
	EXPECT_RIGHTS("s--", sends);
	EXPECT_RIGHTS("-r-", receives);
	EXPECT_RIGHTS("sra", both);
	EXPECT_TRUE(is_closed_on_exec(sends));
}

TEST_F(making, open_refuses_what_is_no_name_or_no_right)
{
	static const char *const no_names[] = {
		"",
		".",
		"..",
		".x",
		"control",
		"../null",
		"x/y",
		"0123456789012345678901234567890123456789012345678901234567890123",
	};

	for (size_t i = 0; i < ARRAY_SIZE(no_names); i++)
		EXPECT_EQ(-EINVAL,
			  LIB(chan_open(no_names[i], CHAN_RIGHT_SEND)));
	EXPECT_EQ(-EINVAL, LIB(chan_open("jobs", 0)));
	EXPECT_EQ(-EINVAL, LIB(chan_open("jobs", CHAN_RIGHT_ADMIN)));
	EXPECT_EQ(-EINVAL, LIB(chan_open("jobs", RIGHTS_ALL)));
	EXPECT_EQ(-EINVAL, LIB(chan_open("jobs", ~0U)));
	EXPECT_EQ(-ENOENT, LIB(chan_open(NAME, CHAN_RIGHT_SEND)));
	EXPECT_EQ(-ENOENT, LIB(chan_open(no_names[7] + 1, CHAN_RIGHT_SEND)));
	EXPECT_EQ(self->fds, count_fds());
}

static int open_to_receive(void *name)
{
	return close_made(LIB(chan_open(name, CHAN_RIGHT_RECV)));
}

static int remove_it(void *name)
{
	return LIB(chan_remove(name));
}

TEST_F(making, other_users_may_what_the_node_permits)
{
	ASSERT_LE(0, LIB(chan_create(NAME, 5, 0)));
	EXPECT_EQ(-EACCES, as_user(ALICE, open_to_receive, NAME));
	EXPECT_EQ(-EPERM, as_user(ALICE, remove_it, NAME));
	EXPECT_TRUE(node_exists(NAME));
}

/* As "echo > /dev/chan/NAME" by root leaves it there, if NAME is no channel. */
TEST_F(making, open_takes_nothing_but_a_channel)
{
	const char *const path = "/dev/chan/" NAME;
	int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	struct stat stat;

	ASSERT_LE(0, file);
	for (unsigned int rights = 1; rights <= 3; rights++)
		EXPECT_EQ(-ENOTTY, LIB(chan_open(NAME, rights)));
	EXPECT_EQ(self->fds + 1, count_fds());
	EXPECT_EQ(0, fstat(file, &stat));
	EXPECT_EQ(0, stat.st_size);
	EXPECT_EQ(-ENOTTY, LIB(chan_tell(NAME, "x", 1, SOON)));
	EXPECT_EQ(0, unlink(path));
	ASSERT_EQ(0, mkdir(path, 0700));
	EXPECT_EQ(-ENOTTY, LIB(chan_open(NAME, CHAN_RIGHT_RECV)));
	EXPECT_EQ(-EISDIR, LIB(chan_open(NAME, CHAN_RIGHT_SEND)));
	EXPECT_EQ(0, rmdir(path));
	EXPECT_EQ(self->fds + 1, count_fds());
}

TEST_F(making, derive_narrows)
{
	int whole = LIB(chan_create(NULL, 5, 0)), sender, receiver;
	struct chan_op msg;
	char c;

	ASSERT_LE(0, whole);
	sender = LIB(chan_derive(whole, CHAN_RIGHT_SEND, 77));
	receiver = LIB(chan_derive(whole, CHAN_RIGHT_RECV, 0));
	EXPECT_RIGHTS("s--", sender);
	EXPECT_RIGHTS("-r-", receiver);
	EXPECT_TRUE(is_closed_on_exec(sender));
	ASSERT_EQ(0, LIB(chan_send(sender, "x", 1, 0)));
	ASSERT_EQ(1, LIB(chan_recv(receiver, &c, 1, &msg, 0)));
	EXPECT_EQ(77, msg.badge);

	EXPECT_EQ(-EPERM, LIB(chan_derive(sender, CHAN_RIGHT_RECV, 0)));
	EXPECT_EQ(-EPERM, LIB(chan_derive(sender, CHAN_RIGHT_SEND, 78)));
	EXPECT_EQ(-EINVAL, LIB(chan_derive(whole, 0, 0)));
	EXPECT_EQ(self->fds + 3, count_fds());
}

TEST_F(making, remove_takes_the_name_and_leaves_the_endpoint)
{
	int fd = LIB(chan_create(NAME, 5, 0));
	char c;

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, LIB(chan_remove(NAME)));
	EXPECT_FALSE(node_exists(NAME));
	EXPECT_EQ(-ENOENT, LIB(chan_remove(NAME)));
	EXPECT_EQ(-EINVAL, LIB(chan_remove("x/y")));
	EXPECT_EQ(0, LIB(chan_send(fd, "x", 1, 0)));
	EXPECT_EQ(1, LIB(chan_recv(fd, &c, 1, NULL, 0)));
	EXPECT_EQ(self->fds + 1, count_fds());
}

TEST_F(making, shutdown_ends_the_sending)
{
	int fd = LIB(chan_create(NULL, 5, 0));
	int sender = LIB(chan_derive(fd, CHAN_RIGHT_SEND, 0));
	char c;

	ASSERT_EQ(0, LIB(chan_send(sender, "x", 1, 0)));
	EXPECT_EQ(-EPERM, LIB(chan_shutdown(sender)));
	EXPECT_EQ(0, LIB(chan_shutdown(fd)));
	EXPECT_EQ(0, LIB(chan_shutdown(fd)));
	EXPECT_EQ(-EPIPE, LIB(chan_send(sender, "x", 1, 0)));
	EXPECT_EQ(1, LIB(chan_recv(fd, &c, 1, NULL, 0)));
	EXPECT_EQ(-ESHUTDOWN, LIB(chan_recv(fd, &c, 1, NULL, 0)));
}

TEST_F(making, query_tells_of_the_module_with_a_channel_and_without)
{
	int fd = LIB(chan_create(NULL, 5, 0));
	struct chan_query with, without;

	memset(&with, 0xcc, sizeof(with));
	memset(&without, 0xdd, sizeof(without));
	ASSERT_EQ(0, LIB(chan_query(fd, &with)));
	ASSERT_EQ(0, LIB(chan_query(-1, &without)));
	EXPECT_EQ(0, memcmp(&with, &without, sizeof(with)));
	EXPECT_EQ(CHAN_ABI_VERSION, with.abi);
	EXPECT_EQ(get_parameter("max_channels"), with.max_channels);
	EXPECT_EQ(self->fds + 1, count_fds());
}

TEST_F(making, what_is_no_channel_is_told_so)
{
	int null = open_path("/dev/null", O_RDWR);
	struct chan_query q;
	struct chan_stat s;

	ASSERT_LE(0, null);
	EXPECT_EQ(-ENOTTY, LIB(chan_stat(null, &s)));
	EXPECT_EQ(-ENOTTY, LIB(chan_query(null, &q)));
	EXPECT_EQ(-ENOTTY, LIB(chan_shutdown(null)));
	EXPECT_EQ(-ENOTTY, LIB(chan_derive(null, CHAN_RIGHT_SEND, 0)));
	EXPECT_EQ(-ENOTTY, LIB(chan_send(null, "x", 1, 0)));
	EXPECT_EQ(-EBADF, LIB(chan_stat(-1, &s)));
	EXPECT_EQ(-EBADF, LIB(chan_send(-1, "x", 1, 0)));
}

/* One VERSION line in the Makefile feeds both. */
TEST_F(making, version_is_that_of_the_module)
{
	char module[32] = "";
	FILE *f = fopen("/sys/module/chan/version", "re");

	ASSERT_NE(NULL, f);
	EXPECT_EQ(1, fscanf(f, "%31s", module));
	fclose(f);
	EXPECT_STREQ(module, LIB(chan_version()));
}

TEST_HARNESS_MAIN
