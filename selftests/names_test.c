// SPDX-License-Identifier: GPL-2.0-only
/*
 * A named channel is a node: who owns it, who may open it and with which
 * rights, who has ADMIN.  The owner is the creator's euid for ever; mode bits
 * decide opens and nothing else; only capabilities over the whole machine
 * count.
 */
#include "chan_test.h"

#define NAME T "names"

FIXTURE(names)
{
	int control;
	struct name_call call;
};

FIXTURE_SETUP(names)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->call.control = self->control;
	self->call.name = NAME;
	self->call.flags = O_RDWR;
	umask(0);
}

FIXTURE_TEARDOWN_PARENT(names)
{
	names_sweep();
}

struct mode_call {
	int control;
	__u32 mode;
};

static int call_create_mode(void *arg)
{
	struct mode_call *call = arg;
	struct chan_create c = create_record(NAME);

	c.mode = call->mode;
	return close_made(create_with(call->control, &c));
}

static int create_as(uid_t uid, int control, __u32 mode)
{
	struct mode_call call = { .control = control, .mode = mode };

	return as_user(uid, call_create_mode, &call);
}

TEST_F(names, control_is_open_to_everyone)
{
	struct stat st;

	ASSERT_EQ(0, stat(CHAN_CONTROL_PATH, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0666U, st.st_mode & 07777);
	EXPECT_EQ(0U, st.st_uid);
	self->call.name = "control";
	EXPECT_EQ(0, as_user(ALICE, call_open, &self->call));
}

TEST_F(names, node_belongs_to_its_creator)
{
	char path[PATH_MAX];
	struct stat st;

	/* The control file is root's; the creator is who calls. */
	ASSERT_EQ(0, create_as(ALICE, self->control, 0640));
	ASSERT_EQ(0, stat(node_path(path, NAME), &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0640U, st.st_mode & 07777);
	EXPECT_EQ((uid_t)ALICE, st.st_uid);
	EXPECT_EQ((gid_t)ALICE, st.st_gid);
}

static int create_as_effective(void *arg)
{
	struct name_call *call = arg;

	if (setresgid(0, BOB, 0) || setresuid(0, BOB, 0))
		return CHILD_LOST;
	return close_made(create_channel(call->control, call->name));
}

TEST_F(names, owner_is_the_effective_user)
{
	char path[PATH_MAX];
	struct chan_stat s;
	struct stat st;
	int fd;

	ASSERT_EQ(0, in_child(create_as_effective, &self->call));
	ASSERT_EQ(0, stat(node_path(path, NAME), &st));
	EXPECT_EQ((uid_t)BOB, st.st_uid);
	EXPECT_EQ((gid_t)BOB, st.st_gid);
	fd = open_node(NAME, O_RDONLY);
	ASSERT_EQ(0, get_stat(fd, &s));
	EXPECT_EQ((__u32)BOB, s.owner_uid);
	EXPECT_EQ(0, as_user(BOB, call_remove, &self->call));
	close(fd);
}

TEST_F(names, open_mode_gives_the_rights)
{
	static const struct {
		int flags;
		__u32 senders, receivers;
	} rows[] = {
		{ O_WRONLY, 1, 0 },
		{ O_RDONLY, 0, 1 },
		{ O_RDWR, 1, 1 },
		{ O_RDWR | O_NONBLOCK | O_TRUNC | O_CREAT | O_APPEND, 1, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		__u32 has = rows[i].senders * CHAN_RIGHT_SEND |
			    rows[i].receivers * CHAN_RIGHT_RECV;
		int fd, derived;

		ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
		fd = open_node(NAME, rows[i].flags);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(
			endpoints_are(fd, rows[i].senders, rows[i].receivers))
		{
			TH_LOG("flags 0%o", rows[i].flags);
		}
		derived = derive(fd, has);
		EXPECT_LE(0, derived);
		close_made(derived);
		/* ADMIN needs O_RDWR, also for root and for the owner. */
		EXPECT_EQ(has == 3 ? 0 : -EPERM, shut_down(fd));
		close(fd);
		ASSERT_EQ(0, remove_name(self->control, NAME));
	}
}

/* Linux opens with access mode 3 for ioctls only: no right comes of it. */
TEST_F(names, open_for_ioctl_only_gives_no_right)
{
	int fd;

	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	fd = open_node(NAME, O_ACCMODE);
	if (fd < 0)
		return;
	EXPECT_TRUE(endpoints_are(fd, 0, 0));
	EXPECT_EQ(-EPERM, shut_down(fd));
	EXPECT_EQ(-EPERM, derive(fd, CHAN_RIGHT_SEND));
	EXPECT_EQ(-EPERM, derive(fd, CHAN_RIGHT_RECV));
	close(fd);
}

TEST_F(names, permission_bits_decide_opens)
{
	static const struct {
		__u32 mode;
		uid_t uid;
		int recv, send, both;
	} rows[] = {
		{ 0600, ALICE, 0, 0, 0 },
		{ 0600, BOB, -EACCES, -EACCES, -EACCES },
		{ 0622, ALICE, 0, 0, 0 },
		{ 0622, BOB, -EACCES, 0, -EACCES },
		{ 0644, BOB, 0, -EACCES, -EACCES },
		{ 0666, BOB, 0, 0, 0 },
		{ 0200, ALICE, -EACCES, 0, -EACCES },
		{ 0400, ALICE, 0, -EACCES, -EACCES },
		{ 0066, ALICE, -EACCES, -EACCES, -EACCES },
		{ 0111, BOB, -EACCES, -EACCES, -EACCES },
		{ 0066, 0, 0, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR };
		const int want[] = { rows[i].recv, rows[i].send, rows[i].both };

		ASSERT_EQ(0, create_as(ALICE, self->control, rows[i].mode));
		for (size_t j = 0; j < ARRAY_SIZE(flags); j++) {
			self->call.flags = flags[j];
			EXPECT_EQ(want[j],
				  as_user(rows[i].uid, call_open, &self->call))
			{
				TH_LOG("mode %o, user %d, flags %d",
				       rows[i].mode, rows[i].uid, flags[j]);
			}
		}
		ASSERT_EQ(0, remove_name(self->control, NAME));
	}
}

static int open_in_group(void *arg)
{
	struct name_call *call = arg;

	if (setgroups(0, NULL) || setresgid(ALICE, ALICE, ALICE) ||
	    setresuid(BOB, BOB, BOB))
		return CHILD_LOST;
	return call_open(arg) ? -EACCES :
				shut_down(open_node(call->name, call->flags));
}

TEST_F(names, group_bits_are_for_the_creators_group)
{
	ASSERT_EQ(0, create_as(ALICE, self->control, 0660));
	EXPECT_EQ(-EPERM, in_child(open_in_group, &self->call));
	EXPECT_EQ(-EACCES, as_user(BOB, call_open, &self->call));
}

TEST_F(names, admin_is_for_the_owner)
{
	ASSERT_EQ(0, create_as(ALICE, self->control, 0666));
	EXPECT_EQ(-EPERM, as_user(BOB, call_open_shut_down, &self->call));
	self->call.flags = O_RDONLY;
	EXPECT_EQ(-EPERM, as_user(ALICE, call_open_shut_down, &self->call));
	self->call.flags = O_WRONLY;
	EXPECT_EQ(-EPERM, as_user(ALICE, call_open_shut_down, &self->call));
	self->call.flags = O_RDWR;
	EXPECT_EQ(0, as_user(ALICE, call_open_shut_down, &self->call));
}

static int open_without_admin(void *arg)
{
	if (drop_capability(CAP_SYS_ADMIN))
		return CHILD_LOST;
	return call_open_shut_down(arg);
}

TEST_F(names, admin_is_for_cap_sys_admin)
{
	ASSERT_EQ(0, create_as(ALICE, self->control, 0600));
	/* Root can open it, but is not the owner and has no say. */
	EXPECT_EQ(-EPERM, in_child(open_without_admin, &self->call));
	EXPECT_EQ(0, in_child(call_open_shut_down, &self->call));
}

/* Root without CAP_SYS_ADMIN is still the owner of what is root's. */
TEST_F(names, admin_of_the_owner_needs_no_capability)
{
	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	EXPECT_EQ(0, in_child(open_without_admin, &self->call));
}

/* A user who is root of a namespace of his own has every capability there. */
static int in_own_namespace(void *arg)
{
	struct user_call *call = arg;

	if (unshare(CLONE_NEWUSER))
		return -EPROTO;
	return call->fn(call->arg);
}

TEST_F(names, capabilities_of_a_user_namespace_do_not_count)
{
	struct user_call inside = { .arg = &self->call };

	ASSERT_EQ(0, create_as(ALICE, self->control, 0666));
	inside.fn = call_open_shut_down;
	EXPECT_EQ(-EPERM, as_user(BOB, in_own_namespace, &inside));
	inside.fn = call_remove;
	EXPECT_EQ(-EPERM, as_user(BOB, in_own_namespace, &inside));
	EXPECT_TRUE(node_exists(NAME));
	/* The owner stays the owner in there. */
	inside.fn = call_open_shut_down;
	EXPECT_EQ(0, as_user(ALICE, in_own_namespace, &inside));
	inside.fn = call_remove;
	EXPECT_EQ(0, as_user(ALICE, in_own_namespace, &inside));
}

static int owner_seen(void *arg)
{
	struct chan_stat s;
	int ret = get_stat(*(int *)arg, &s);

	return ret ? ret : (int)s.owner_uid;
}

static int owner_seen_mapped(void *arg)
{
	char map[64];
	int err;

	if (unshare(CLONE_NEWUSER))
		return -EPROTO;
	snprintf(map, sizeof(map), "7 %d 1", ALICE);
	err = write_text("/proc/self/uid_map", map);
	if (err)
		return err;
	return owner_seen(arg);
}

TEST_F(names, owner_is_told_in_the_callers_namespace)
{
	struct user_call inside = { .fn = owner_seen };
	int fd;

	ASSERT_EQ(0, create_as(ALICE, self->control, 0666));
	fd = open_node(NAME, O_RDONLY);
	ASSERT_LE(0, fd);
	inside.arg = &fd;
	EXPECT_EQ(ALICE, as_user(BOB, owner_seen, &fd));
	EXPECT_EQ(65534, as_user(BOB, in_own_namespace, &inside));
	EXPECT_EQ(7, as_user(ALICE, owner_seen_mapped, &fd));
	close(fd);
}

TEST_F(names, chown_and_chmod_do_not_change_the_owner)
{
	char path[PATH_MAX];
	struct chan_stat s;
	int fd;

	ASSERT_EQ(0, create_as(ALICE, self->control, 0600));
	ASSERT_EQ(0, chown(node_path(path, NAME), BOB, BOB));
	EXPECT_EQ(-EACCES, as_user(ALICE, call_open, &self->call));
	EXPECT_EQ(-EPERM, as_user(BOB, call_open_shut_down, &self->call));
	EXPECT_EQ(-EPERM, as_user(BOB, call_remove, &self->call));
	ASSERT_EQ(0, chmod(path, 0666));
	fd = open_node(NAME, O_RDONLY);
	ASSERT_EQ(0, get_stat(fd, &s));
	EXPECT_EQ((__u32)ALICE, s.owner_uid);
	EXPECT_EQ(0600U, s.mode);
	close(fd);
	EXPECT_EQ(0, as_user(ALICE, call_open_shut_down, &self->call));
	EXPECT_EQ(0, as_user(ALICE, call_remove, &self->call));
	EXPECT_FALSE(node_exists(NAME));
}

/* What is named at load: 64 messages, defaults otherwise, 0660. */
TEST_F(names, channels_of_the_module_parameter_are_there)
{
	char names[4096] = "", *name, *rest = names;
	FILE *f = fopen("/sys/module/chan/parameters/names", "re");
	struct chan_stat s;
	int fd, nr = 0;

	if (f && fgets(names, sizeof(names), f))
		names[strcspn(names, "\n")] = '\0';
	if (f)
		fclose(f);
	if (!names[0] || !strcmp(names, "(null)"))
		SKIP(return, "the module was loaded without names=");
	while ((name = strsep(&rest, ","))) {
		fd = open_node(name, O_RDONLY);
		if (fd == -ENOENT)
			continue; /* Somebody has removed it since. */
		ASSERT_EQ(0, get_stat(fd, &s));
		EXPECT_STREQ(name, s.name);
		EXPECT_EQ(64U, s.cap);
		EXPECT_EQ(65536U, s.msg_max);
		EXPECT_EQ(1048576U, s.bytes_max);
		EXPECT_EQ(0660U, s.mode);
		EXPECT_EQ(0U, s.owner_uid);
		close(fd);
		nr++;
	}
	TH_LOG("%d channels", nr);
}

TEST_HARNESS_MAIN
