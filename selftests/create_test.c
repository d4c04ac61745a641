// SPDX-License-Identifier: GPL-2.0-only
/*
 * What CREATE makes: the defaults and bounds of sizes, the formula of
 * bytes_max, rights and mode, attributes that STAT tells again, a descriptor
 * that is close-on-exec, -1 after a failure; anonymous channels and what comes
 * of opening an endpoint again through /proc.
 */
#include "chan_test.h"

#include <sys/mount.h>

#define NAME T "create"

#define OVER CHAN_MSG_OVERHEAD
#define MIB  (1U << 20)

FIXTURE(create)
{
	int control;
	int fds, nodes;
};

FIXTURE_SETUP(create)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->fds = count_fds();
	self->nodes = count_nodes();
	umask(022);
}

FIXTURE_TEARDOWN_PARENT(create)
{
	names_sweep();
}

/* clang-format off */
static const struct size_row {
	__u32 flags, cap, msg_max;
	__u64 bytes_max;
	int ret;
	__u32 msg_max_told;
	__u64 bytes_max_told;
} size_rows[] = {
	/* A message of the default length, whatever the capacity. */
	{ 0, 0, 0, 0, 0, 65536, 65536 + OVER },
	{ 0, 1, 0, 0, 0, 65536, 65536 + OVER },
	{ 0, 15, 0, 0, 0, 65536, 15 * (65536 + OVER) },
	{ 0, 16, 0, 0, 0, CHAN_MSG_DEFAULT, CHAN_BYTES_DEFAULT },
	{ 0, 65536, 0, 0, 0, 65536, MIB },
	/* Bytes follow from the capacity, up to 1 MiB, down to one message. */
	{ 0, 0, 1, 0, 0, 1, 1 + OVER },
	{ 0, 1, 1, 0, 0, 1, 1 + OVER },
	{ 0, 2, 1, 0, 0, 1, 2 * (1 + OVER) },
	{ 0, 4080, 1, 0, 0, 1, 4080 * (1 + OVER) },
	{ 0, 4081, 1, 0, 0, 1, MIB },
	{ 0, 65536, 1, 0, 0, 1, MIB },
	{ 0, 1, MIB - OVER, 0, 0, MIB - OVER, MIB },
	{ 0, 1, MIB - OVER + 1, 0, 0, MIB - OVER + 1, MIB + 1 },
	{ 0, 2, MIB - OVER + 1, 0, 0, MIB - OVER + 1, MIB + 1 },
	{ 0, 2, MIB, 0, 0, MIB, MIB + OVER },
	{ 0, 1, CHAN_MSG_MAX, 0, 0, CHAN_MSG_MAX, CHAN_MSG_MAX + OVER },
	{ 0, CHAN_CAP_MAX, CHAN_MSG_MAX, 0, 0,
	  CHAN_MSG_MAX, CHAN_MSG_MAX + OVER },
	/* What is asked for is what one gets. */
	{ 0, 4, 100, 100 + OVER, 0, 100, 100 + OVER },
	{ 0, 4, 100, 100 + OVER + 1, 0, 100, 100 + OVER + 1 },
	{ 0, 1, 100, 5000, 0, 100, 5000 },
	{ 0, 0, 100, 5000, 0, 100, 5000 },
	{ 0, 4, 0, 65536 + OVER, 0, 65536, 65536 + OVER },
	{ 0, 4, 100, 2 * MIB, 0, 100, 2 * MIB },
	/* One message must fit. */
	{ 0, 4, 100, 100 + OVER - 1, -EINVAL, 0, 0 },
	{ 0, 4, 100, 1, -EINVAL, 0, 0 },
	{ 0, 0, 100, 100 + OVER - 1, -EINVAL, 0, 0 },
	{ 0, 4, 0, 65536 + OVER - 1, -EINVAL, 0, 0 },
	{ 0, 4, CHAN_MSG_MAX, CHAN_MSG_MAX + OVER - 1, -EINVAL, 0, 0 },
	/* Bounds. */
	{ 0, CHAN_CAP_MAX + 1, 1, 0, -EINVAL, 0, 0 },
	{ 0, ~0U, 1, 0, -EINVAL, 0, 0 },
	{ 0, 0x80000000, 1, 0, -EINVAL, 0, 0 },
	{ 0, 1, CHAN_MSG_MAX + 1, 0, -EINVAL, 0, 0 },
	{ 0, 1, ~0U, 0, -EINVAL, 0, 0 },
	{ 0, 1, -OVER, 0, -EINVAL, 0, 0 },
	{ 0, 1, -OVER, 1, -EINVAL, 0, 0 },
	/* A rendezvous holds no work, but everything else. */
	{ CHAN_WORKQUEUE, 0, 1, 0, -EINVAL, 0, 0 },
	{ CHAN_WORKQUEUE, 1, 1, 0, 0, 1, 1 + OVER },
	{ CHAN_FIXED, 0, 8, 0, 0, 8, 8 + OVER },
	{ CHAN_HANGUP, 0, 8, 0, 0, 8, 8 + OVER },
	{ CHAN_WORKQUEUE | CHAN_FIXED, 0, 8, 0, -EINVAL, 0, 0 },
};
/* clang-format on */

TEST_F(create, sizes_have_defaults_and_bounds)
{
	for (size_t i = 0; i < ARRAY_SIZE(size_rows); i++) {
		const struct size_row *row = &size_rows[i];
		struct chan_create c = create_record(NULL);
		struct chan_stat s;
		int fd;

		c.flags = row->flags;
		c.cap = row->cap;
		c.msg_max = row->msg_max;
		c.bytes_max = row->bytes_max;
		fd = create_with(self->control, &c);
		EXPECT_EQ(row->ret, fd < 0 ? fd : 0)
		{
			TH_LOG("cap %u, msg_max %u, bytes_max %llu", row->cap,
			       row->msg_max, row->bytes_max);
		}
		if (fd < 0) {
			EXPECT_EQ(-1, c.fd);
			continue;
		}
		ASSERT_EQ(0, get_stat(fd, &s));
		EXPECT_EQ(row->flags, s.flags);
		EXPECT_EQ(row->cap, s.cap);
		EXPECT_EQ(row->msg_max_told, s.msg_max);
		EXPECT_EQ(row->bytes_max_told, s.bytes_max)
		{
			TH_LOG("cap %u, msg_max %u, bytes_max %llu", row->cap,
			       row->msg_max, row->bytes_max);
		}
		close(fd);
	}
	EXPECT_EQ(self->fds, count_fds());
}

TEST_F(create, record_goes_in_unchanged_and_stat_tells_it)
{
	static const __u64 types[] = { 0, 1, 0x8000000000000000, ~0ULL };
	static const __u32 attempts[] = { 0, 1, 0x80000000, ~0U };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct chan_create c = create_record(NAME), sent;
		char zero[CHAN_NAME_MAX + 1] = NAME;
		struct chan_stat s;
		int fd;

		c.type = types[i];
		c.max_attempts = attempts[i];
		c.mode = 0641;
		sent = c;
		fd = create_with(self->control, &c);
		ASSERT_LE(0, fd);
		sent.fd = fd;
		EXPECT_EQ(0, memcmp(&sent, &c, sizeof(c)));
		ASSERT_EQ(0, get_stat(fd, &s));
		EXPECT_EQ(types[i], s.type);
		EXPECT_EQ(attempts[i], s.max_attempts);
		EXPECT_EQ(0641U, s.mode);
		EXPECT_EQ(0U, s.owner_uid);
		EXPECT_EQ(0, memcmp(zero, s.name, sizeof(s.name)));
		close(fd);
		ASSERT_EQ(0, remove_name(self->control, NAME));
	}
}

TEST_F(create, new_channel_is_empty)
{
	struct chan_stat s, none = {};
	int fd = create_channel(self->control, NULL);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_stat(fd, &s));
	EXPECT_EQ(0U, s.bytes);
	EXPECT_EQ(0U, s.queued);
	EXPECT_EQ(0U, s.unsettled);
	EXPECT_EQ(0U, s.parked_senders);
	EXPECT_EQ(0U, s.parked_receivers);
	EXPECT_EQ(0U, s.totals_sent);
	EXPECT_EQ(0U, s.totals_received);
	EXPECT_EQ(0U, s.totals_settled);
	EXPECT_EQ(0U, s.totals_redelivered);
	EXPECT_EQ(0U, s.totals_dropped);
	EXPECT_EQ(0U, s.mode);
	EXPECT_EQ(0, memcmp(none.name, s.name, sizeof(s.name)));
	close(fd);
}

TEST_F(create, anonymous_channel_has_no_node)
{
	int fd = create_channel(self->control, NULL);

	ASSERT_LE(0, fd);
	EXPECT_EQ(self->nodes, count_nodes());
	close(fd);
}

TEST_F(create, rights_are_those_asked_for_and_admin)
{
	for (__u32 rights = 0; rights <= RIGHTS_ALL; rights++) {
		struct chan_create c = create_record(NULL);
		__u32 has = rights ? rights : RIGHTS_ALL;
		int fd;

		c.rights = rights;
		fd = create_with(self->control, &c);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(endpoints_are(fd, !!(has & CHAN_RIGHT_SEND),
					  !!(has & CHAN_RIGHT_RECV)))
		{
			TH_LOG("rights %u", rights);
		}
		EXPECT_EQ(0, shut_down(fd));
		close(fd);
	}
}

TEST_F(create, mode_is_less_the_umask)
{
	static const struct {
		__u32 mode, mask, is;
	} rows[] = {
		{ 0, 0, CHAN_MODE_DEFAULT },
		{ 0, 077, 0600 },
		{ 0, 0277, 0400 },
		{ 0777, 0, 0777 },
		{ 0777, 022, 0755 },
		{ 0622, 0, 0622 },
		{ 0622, 022, 0600 },
		{ 0660, 07, 0660 },
		{ 01, 0, 01 },
		{ 0600, 0777, 0 },
		{ 0400, 0, 0400 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct chan_create c = create_record(NAME);
		char path[PATH_MAX];
		struct chan_stat s;
		struct stat st;
		int fd;

		c.mode = rows[i].mode;
		umask(rows[i].mask);
		fd = create_with(self->control, &c);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, stat(node_path(path, NAME), &st));
		EXPECT_TRUE(S_ISCHR(st.st_mode));
		EXPECT_EQ(rows[i].is, st.st_mode & 07777)
		{
			TH_LOG("mode %o, umask %o", rows[i].mode, rows[i].mask);
		}
		ASSERT_EQ(0, get_stat(fd, &s));
		EXPECT_EQ(rows[i].is, s.mode);
		close(fd);
		ASSERT_EQ(0, remove_name(self->control, NAME));
	}
}

TEST_F(create, descriptor_is_close_on_exec_and_the_lowest)
{
	int fd, lowest = dup(0);

	close(lowest);
	fd = create_channel(self->control, NULL);
	EXPECT_EQ(lowest, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(0, fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	close(fd);
}

TEST_F(create, taken_name_is_EEXIST_and_stays_as_it_was)
{
	struct chan_create c = create_record(NAME);
	struct chan_stat before, after;
	int fd;

	c.type = 7;
	fd = create_with(self->control, &c);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_stat(fd, &before));

	c = create_record(NAME);
	c.mode = 0666;
	EXPECT_EQ(-EEXIST, create_with(self->control, &c));
	EXPECT_EQ(-1, c.fd);
	c = create_record(NAME);
	c.flags = CHAN_EPHEMERAL;
	EXPECT_EQ(-EEXIST, create_with(self->control, &c));
	ASSERT_EQ(0, get_stat(fd, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(self->fds + 1, count_fds());
	EXPECT_TRUE(node_exists(NAME));
	close(fd);

	/* Nobody has it open, but the name is as taken as before. */
	EXPECT_EQ(-EEXIST, create_channel(self->control, NAME));
}

TEST_F(create, endpoint_of_an_anonymous_channel_cannot_be_opened_again)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR };
	int fd = create_channel(self->control, NULL);
	int derived = derive(fd, CHAN_RIGHT_SEND);

	ASSERT_LE(0, derived);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		EXPECT_EQ(-ENXIO, reopen(fd, flags[i]));
		EXPECT_EQ(-ENXIO, reopen(derived, flags[i]));
	}
	EXPECT_TRUE(endpoints_are(fd, 2, 1));
	close(derived);
	close(fd);
}

/* Rights come from how it is opened now, not from what it is opened through. */
TEST_F(create, endpoint_of_a_named_channel_is_opened_afresh)
{
	int endpoints[3];
	int again;

	endpoints[0] = create_channel(self->control, NAME);
	ASSERT_LE(0, endpoints[0]);
	endpoints[1] = derive(endpoints[0], CHAN_RIGHT_SEND);
	ASSERT_LE(0, endpoints[1]);
	endpoints[2] = open_node(NAME, O_RDONLY);
	ASSERT_LE(0, endpoints[2]);
	EXPECT_TRUE(endpoints_are(endpoints[0], 2, 2));

	for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
		again = reopen(endpoints[i], O_RDONLY);
		EXPECT_LE(0, again)
		{
			TH_LOG("endpoint %zu", i);
			continue;
		}
		EXPECT_TRUE(endpoints_are(endpoints[0], 2, 3));
		EXPECT_EQ(-EPERM, shut_down(again));
		close(again);
		again = reopen(endpoints[i], O_WRONLY);
		ASSERT_LE(0, again);
		EXPECT_TRUE(endpoints_are(endpoints[0], 3, 2));
		EXPECT_EQ(-EPERM, derive(again, CHAN_RIGHT_RECV));
		close(again);
		again = reopen(endpoints[i], O_RDWR);
		ASSERT_LE(0, again);
		EXPECT_TRUE(endpoints_are(endpoints[0], 3, 3));
		close_made(derive(again, CHAN_RIGHT_ADMIN));
		close(again);
	}
	ASSERT_EQ(0, remove_name(self->control, NAME));
	for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
		EXPECT_EQ(-ENXIO, reopen(endpoints[i], O_RDWR));
		close(endpoints[i]);
	}
}

/* What stands at /dev/chan in the caller's view, if anything, is not asked. */
struct view {
	int control;
	const char *root; /* where he is confined, or NULL */
	mode_t decoy; /* what stands there instead of the node */
};

static int create_in_view(void *arg)
{
	const struct view *view = arg;
	int fd;

	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/dev/chan", "tmpfs", 0, NULL))
		return CHILD_LOST;
	if (view->decoy &&
	    mknod("/dev/chan/" NAME, view->decoy | 0600, makedev(1, 3)))
		return CHILD_LOST;
	if (view->root && (chroot(view->root) || chdir("/")))
		return CHILD_LOST;
	alarm(BUDGET);
	fd = create_channel(view->control, NAME);
	CHECK_EQ(0, fd < 0 ? fd : 0);
	CHECK_EQ(1, endpoints_are(fd, 1, 1));
	CHECK_EQ(0, close_made(derive(fd, CHAN_RIGHT_SEND)));
	CHECK_EQ(0, shut_down(fd));
	return 0;
}

TEST_F(create, callers_view_of_dev_does_not_matter)
{
	const struct view views[] = {
		{ .control = self->control },
		{ .control = self->control, .root = "/proc/self/fdinfo" },
		{ .control = self->control, .decoy = S_IFIFO },
		{ .control = self->control, .decoy = S_IFREG },
		{ .control = self->control, .decoy = S_IFCHR },
		{ .control = self->control, .decoy = S_IFSOCK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		EXPECT_EQ(0, in_child(create_in_view, (void *)&views[i]))
		{
			TH_LOG("view %zu", i);
		}
		EXPECT_TRUE(node_exists(NAME));
		EXPECT_EQ(0, remove_name(self->control, NAME));
	}
}

static int call_reopen(void *arg)
{
	struct name_call *call = arg;

	return close_made(reopen(call->control, call->flags));
}

/* A descriptor handed to somebody else does not open the node for him. */
TEST_F(create, opening_afresh_needs_the_permission_of_the_node)
{
	struct name_call call = { .flags = O_RDWR };

	call.control = create_channel(self->control, NAME);
	ASSERT_LE(0, call.control);
	EXPECT_EQ(-EACCES, as_user(ALICE, call_reopen, &call));
	call.control = derive(call.control, CHAN_RIGHT_SEND);
	ASSERT_LE(0, call.control);
	call.flags = O_RDONLY;
	EXPECT_EQ(-EACCES, as_user(ALICE, call_reopen, &call));
}

TEST_HARNESS_MAIN
