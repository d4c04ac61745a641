// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rights belong to the endpoint, not to who holds it: DERIVE never widens,
 * but from ADMIN; a badge is set once; SHUTDOWN is for ADMIN.  They travel
 * with the descriptor, to other users too, and STAT counts each endpoint
 * once, however many descriptors it has.
 */
#include "passing.h"

#define S CHAN_RIGHT_SEND
#define R CHAN_RIGHT_RECV
#define A CHAN_RIGHT_ADMIN

FIXTURE(rights)
{
	int control, admin;
	int fds;
};

FIXTURE_SETUP(rights)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->admin = create_channel(self->control, NULL);
	ASSERT_LE(0, self->admin);
	self->fds = count_fds();
}

FIXTURE_TEARDOWN_PARENT(rights)
{
	names_sweep();
}

/* Every endpoint against every wish. */
TEST_F(rights, derive_narrows_and_only_admin_widens)
{
	for (__u32 has = 1; has <= RIGHTS_ALL; has++) {
		int from = derive(self->admin, has);

		ASSERT_LE(0, from);
		for (__u32 wish = 0; wish <= RIGHTS_ALL; wish++) {
			bool wider = !(has & A) && (wish & ~has);
			int want = !wish ? -EINVAL : wider ? -EPERM : 0;
			struct chan_derive d = { .rights = wish, .fd = 0 };
			int ret = record_ioctl(from, CHAN_IOC_DERIVE, &d);

			EXPECT_EQ(want, ret)
			{
				TH_LOG("%u from %u", wish, has);
			}
			if (ret) {
				EXPECT_EQ(-1, d.fd);
				EXPECT_TRUE(endpoints_are(self->admin,
							  1 + !!(has & S),
							  1 + !!(has & R)));
				continue;
			}
			EXPECT_EQ(FD_CLOEXEC, fcntl(d.fd, F_GETFD));
			EXPECT_TRUE(endpoints_are(
				self->admin, 1 + !!(has & S) + !!(wish & S),
				1 + !!(has & R) + !!(wish & R)));
			EXPECT_EQ(wish & A ? 0 : -EPERM,
				  close_made(derive(d.fd, A)));
			close(d.fd);
		}
		close(from);
		EXPECT_TRUE(endpoints_are(self->admin, 1, 1));
	}
	EXPECT_EQ(self->fds, count_fds());
}

/* ADMIN beside nothing else, as CREATE gives it, can still hand out all. */
TEST_F(rights, admin_alone_derives_any_right)
{
	struct chan_create c = create_record(NULL);
	int fd, derived;

	c.rights = A;
	fd = create_with(self->control, &c);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(endpoints_are(fd, 0, 0));
	derived = derive(fd, S | R | A);
	ASSERT_LE(0, derived);
	EXPECT_TRUE(endpoints_are(fd, 1, 1));
	close(derived);
	EXPECT_TRUE(endpoints_are(fd, 0, 0));
	close(fd);
}

TEST_F(rights, descriptor_without_the_right_is_EBADF)
{
	int sender = derive(self->admin, S);
	int receiver = derive(self->admin, R);
	int neither = derive(self->admin, A);
	char byte = 0;

	EXPECT_EQ(-1, read(sender, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, write(receiver, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, read(neither, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, write(neither, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	close(sender);
	close(receiver);
	close(neither);
}

TEST_F(rights, badge_is_set_once)
{
	/* A parent without a badge takes any; one with a badge keeps it. */
	static const struct {
		__u64 parent, wish;
		int ret;
	} rows[] = {
		{ 0, 0, 0 },
		{ 0, 1, 0 },
		{ 0, ~0ULL, 0 },
		{ 1, 0, 0 },
		{ 1, 2, -EPERM },
		{ 1, ~0ULL, -EPERM },
		{ 1ULL << 32, 0, 0 },
		{ 1ULL << 32, 1, -EPERM },
		{ 1ULL << 32, 1ULL << 33, -EPERM },
		{ ~0ULL, 1, -EPERM },
	};
	static const __u32 rights[] = { S, R, S | R, S | R | A };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t j = 0; j < ARRAY_SIZE(rights); j++) {
			int fd = derive_badge(self->admin, rights[j],
					      rows[i].parent);

			ASSERT_LE(0, fd);
			EXPECT_EQ(rows[i].ret,
				  close_made(derive_badge(fd, rights[j],
							  rows[i].wish)))
			{
				TH_LOG("rights %u: %llx after %llx", rights[j],
				       rows[i].wish, rows[i].parent);
			}
			close(fd);
		}
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_TRUE(endpoints_are(self->admin, 1, 1));
}

/* A badge of 0 hands the parent's on, through any number of hands. */
TEST_F(rights, badge_is_inherited)
{
	int fd = derive_badge(self->admin, RIGHTS_ALL, 9), next;

	for (int i = 0; i < 5; i++) {
		next = derive_badge(fd, RIGHTS_ALL, 0);
		ASSERT_LE(0, next);
		close(fd);
		fd = next;
		EXPECT_EQ(-EPERM, derive_badge(fd, S, 10));
	}
	close(fd);
	/* The endpoint that gave the badge out has none itself. */
	EXPECT_EQ(0, close_made(derive_badge(self->admin, S, 10)));
	EXPECT_EQ(self->fds, count_fds());
}

TEST_F(rights, shutdown_is_for_admin_and_idempotent)
{
	int plain = derive(self->admin, S | R);
	int other = derive(self->admin, A);
	struct chan_stat before, after;

	EXPECT_EQ(-EPERM, shut_down(plain));
	EXPECT_EQ(0, shut_down(other));
	ASSERT_EQ(0, get_stat(self->admin, &before));
	EXPECT_EQ(0, shut_down(other));
	EXPECT_EQ(0, shut_down(self->admin));
	EXPECT_EQ(-EPERM, shut_down(plain));
	ASSERT_EQ(0, get_stat(self->admin, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	/* It ends sending, not deriving. */
	EXPECT_EQ(0, close_made(derive(plain, S)));
	EXPECT_EQ(0, close_made(derive(self->admin, R)));
	close(plain);
	close(other);
}

TEST_F(rights, endpoint_counts_once_however_often_it_is_shared)
{
	int copy = dup(self->admin), copy2 = dup(self->admin);
	int pipe_fds[2];
	char byte;
	pid_t pid;

	EXPECT_TRUE(endpoints_are(self->admin, 1, 1));
	ASSERT_EQ(0, pipe(pipe_fds));
	pid = fork();
	if (!pid) {
		close(pipe_fds[1]);
		_exit(read(pipe_fds[0], &byte, 1));
	}
	EXPECT_TRUE(endpoints_are(self->admin, 1, 1));
	close(pipe_fds[1]);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	close(copy);
	EXPECT_TRUE(endpoints_are(copy2, 1, 1));
	close(copy2);
	close(pipe_fds[0]);
	EXPECT_TRUE(endpoints_are(self->admin, 1, 1));
}

TEST_F(rights, channel_lives_as_long_as_any_endpoint)
{
	struct chan_create c = create_record(NULL);
	struct chan_stat s;
	int fd, last;

	c.type = 0x1234;
	fd = create_with(self->control, &c);
	ASSERT_LE(0, fd);
	last = derive(fd, R);
	ASSERT_LE(0, last);
	close(fd);
	ASSERT_EQ(0, get_stat(last, &s));
	EXPECT_EQ(0x1234U, s.type);
	EXPECT_EQ(0U, s.senders);
	EXPECT_EQ(1U, s.receivers);
	close(last);
}

/* Passing descriptors to another user: @pair[0] receives what was sent. */

static int use_passed(void *arg)
{
	int *pair = arg;
	int sender = receive_fd(pair[0]), admin = receive_fd(pair[0]);
	struct chan_stat s;

	CHECK_EQ(1, sender >= 0 && admin >= 0);
	CHECK_EQ(0, get_stat(sender, &s));
	CHECK_EQ(2, s.senders);
	CHECK_EQ(-EPERM, derive(sender, R));
	CHECK_EQ(-EPERM, derive(sender, A));
	CHECK_EQ(-EPERM, shut_down(sender));
	CHECK_EQ(0, close_made(derive(sender, S)));
	/* Either errno will do: there is no node whose permission could count. */
	CHECK_EQ(1, reopen(sender, O_RDWR) < 0);
	/* ADMIN was given away, to a user without any capability. */
	CHECK_EQ(0, close_made(derive(admin, S | R | A)));
	CHECK_EQ(0, shut_down(admin));
	return 0;
}

TEST_F(rights, passed_descriptors_keep_their_rights)
{
	int sender = derive(self->admin, S);
	int pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ASSERT_EQ(0, send_fd(pair[1], sender));
	ASSERT_EQ(0, send_fd(pair[1], self->admin));
	close(sender);
	/* On its way it is as alive as anywhere. */
	EXPECT_TRUE(endpoints_are(self->admin, 2, 1));
	EXPECT_EQ(0, as_user(ALICE, use_passed, pair));
	close(pair[0]);
	close(pair[1]);
	EXPECT_TRUE(endpoints_are(self->admin, 1, 1));
}

/* A descriptor that nobody has taken dies with the socket. */
TEST_F(rights, descriptor_in_flight_dies_with_its_socket)
{
	int sender = derive(self->admin, S);
	int pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ASSERT_EQ(0, send_fd(pair[1], sender));
	close(sender);
	close(pair[1]);
	EXPECT_TRUE(endpoints_are(self->admin, 2, 1));
	close(pair[0]);
	EXPECT_TRUE(endpoints_are(self->admin, 1, 1));
}

TEST_HARNESS_MAIN
