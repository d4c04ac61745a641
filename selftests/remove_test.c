// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a name goes: REMOVE, judged by the credentials of the caller now, is
 * like unlink; a node that outlives its channel opens nothing, least of all
 * the next channel of this name; EPHEMERAL names go with the creator's
 * endpoint, before its last close returns; the module is pinned meanwhile.
 * Who waits for the names, because of somebody who lists them, can be killed.
 */
#include "passing.h"
#include "stall.h"
#include "traffic.h"

#define NAME T "remove"

FIXTURE(remove)
{
	int control;
	struct name_call call;
};

FIXTURE_SETUP(remove)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->call.control = self->control;
	self->call.name = NAME;
	umask(0);
}

FIXTURE_TEARDOWN_PARENT(remove)
{
	names_sweep();
}

static int create_flags(int control, __u32 flags, __u64 type)
{
	struct chan_create c = create_record(NAME);

	c.flags = flags;
	c.type = type;
	return create_with(control, &c);
}

static __u64 type_of(int fd)
{
	struct chan_stat s;

	return get_stat(fd, &s) ? ~0ULL : s.type;
}

TEST_F(remove, name_that_is_not_there_is_ENOENT)
{
	EXPECT_EQ(-ENOENT, remove_name(self->control, NAME));
	EXPECT_EQ(-ENOENT, as_user(ALICE, call_remove, &self->call));
	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	EXPECT_EQ(0, remove_name(self->control, NAME));
	EXPECT_EQ(-ENOENT, remove_name(self->control, NAME));
	EXPECT_EQ(-ENOENT, open_node(NAME, O_RDWR));
	EXPECT_FALSE(node_exists(NAME));
}

static int remove_without_admin(void *arg)
{
	if (drop_capability(CAP_SYS_ADMIN))
		return CHILD_LOST;
	return call_remove(arg);
}

static int open_control_in_child(void *arg)
{
	int *pair = arg;
	int fd = open_control();

	return fd < 0 ? fd : send_fd(pair[1], fd);
}

/* A control file that @uid has opened, in this process. */
static int control_of(uid_t uid)
{
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -errno;
	fd = as_user(uid, open_control_in_child, pair);
	if (!fd)
		fd = receive_fd(pair[0]);
	close(pair[0]);
	close(pair[1]);
	return fd;
}

/* Who opened the control file matters neither for nor against the caller. */
TEST_F(remove, caller_is_judged_as_he_is_now)
{
	int alices = control_of(ALICE);

	ASSERT_LE(0, alices);
	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	EXPECT_EQ(-EPERM, as_user(ALICE, call_remove, &self->call));
	EXPECT_TRUE(node_exists(NAME));
	self->call.control = alices;
	EXPECT_EQ(-EPERM, as_user(ALICE, call_remove, &self->call));
	EXPECT_EQ(0, remove_name(alices, NAME));

	/* Made through Alice's file, but by root. */
	ASSERT_EQ(0, close_made(create_channel(alices, NAME)));
	EXPECT_EQ(-EPERM, as_user(ALICE, call_remove, &self->call));
	EXPECT_EQ(0, in_child(remove_without_admin, &self->call));

	/* Made through root's file, but by Alice. */
	self->call.control = self->control;
	ASSERT_EQ(0, as_user(ALICE, call_create, &self->call));
	EXPECT_EQ(-EPERM, as_user(BOB, call_remove, &self->call));
	EXPECT_EQ(-EPERM, in_child(remove_without_admin, &self->call));
	EXPECT_EQ(0, as_user(ALICE, call_remove, &self->call));
	ASSERT_EQ(0, as_user(ALICE, call_create, &self->call));
	EXPECT_EQ(0, remove_name(self->control, NAME));
	close(alices);
}

TEST_F(remove, endpoints_go_on)
{
	int fd = create_flags(self->control, 0, 1);
	int opened = open_node(NAME, O_WRONLY);
	struct chan_stat s;

	ASSERT_LE(0, fd);
	ASSERT_LE(0, opened);
	ASSERT_EQ(0, remove_name(self->control, NAME));
	ASSERT_EQ(0, get_stat(fd, &s));
	EXPECT_STREQ(NAME, s.name);
	EXPECT_EQ(2U, s.senders);
	EXPECT_EQ(0, close_made(derive(fd, CHAN_RIGHT_RECV)));
	EXPECT_EQ(0, close_made(derive(opened, CHAN_RIGHT_SEND)));
	close(fd);
	EXPECT_EQ(1U, type_of(opened));
	EXPECT_TRUE(endpoints_are(opened, 1, 0));
	close(opened);
}

TEST_F(remove, name_may_be_taken_again_by_another)
{
	int old = create_flags(self->control, 0, 1);
	int new, opened;

	ASSERT_LE(0, old);
	ASSERT_EQ(0, remove_name(self->control, NAME));
	new = create_flags(self->control, 0, 2);
	ASSERT_LE(0, new);
	opened = open_node(NAME, O_RDWR);
	ASSERT_LE(0, opened);
	EXPECT_EQ(1U, type_of(old));
	EXPECT_EQ(2U, type_of(opened));
	EXPECT_TRUE(endpoints_are(old, 1, 1));
	EXPECT_TRUE(endpoints_are(new, 2, 2));
	EXPECT_EQ(0, shut_down(old));
	/* The end of the old channel does not touch the new one's name. */
	close(old);
	EXPECT_TRUE(node_exists(NAME));
	EXPECT_EQ(0, close_made(open_node(NAME, O_RDWR)));
	close(opened);
	close(new);
}

TEST_F(remove, node_that_outlives_its_channel_is_ENXIO)
{
	int path_fd, fd;

	fd = create_flags(self->control, 0, 1);
	ASSERT_LE(0, fd);
	path_fd = open_node(NAME, O_PATH);
	ASSERT_LE(0, path_fd);
	EXPECT_EQ(0, close_made(reopen(path_fd, O_RDWR)));
	ASSERT_EQ(0, remove_name(self->control, NAME));
	EXPECT_EQ(-ENXIO, reopen(path_fd, O_RDWR));
	close(fd);
	EXPECT_EQ(-ENXIO, reopen(path_fd, O_RDONLY));
	/* Nor does it lead to the channel that has taken the name. */
	ASSERT_EQ(0, close_made(create_flags(self->control, 0, 2)));
	EXPECT_EQ(-ENXIO, reopen(path_fd, O_WRONLY));
	close(path_fd);
}

/* Minors are handed out in turn: a stale node meets nobody for long. */
TEST_F(remove, stale_node_of_ones_own_is_ENXIO)
{
	char path[PATH_MAX], name[32];
	struct stat st;
	int fd;

	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	ASSERT_EQ(0, stat(node_path(path, NAME), &st));
	unlink("/dev/" T "stale");
	ASSERT_EQ(0, mknod("/dev/" T "stale", S_IFCHR | 0600, st.st_rdev));
	fd = open_path("/dev/" T "stale", O_RDWR);
	EXPECT_LE(0, fd);
	close_made(fd);
	ASSERT_EQ(0, remove_name(self->control, NAME));
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), T "stale%d", i);
		ASSERT_EQ(0, close_made(create_channel(self->control, name)));
		EXPECT_EQ(-ENXIO, open_path("/dev/" T "stale", O_RDWR));
	}
	EXPECT_EQ(0, unlink("/dev/" T "stale"));
}

TEST_F(remove, ephemeral_name_goes_before_the_last_close_returns)
{
	for (int i = 0; i < 50; i++) {
		int fd = create_flags(self->control, CHAN_EPHEMERAL, 0);

		ASSERT_LE(0, fd);
		ASSERT_TRUE(node_exists(NAME));
		close(fd);
		ASSERT_FALSE(node_exists(NAME));
		ASSERT_EQ(-ENOENT, remove_name(self->control, NAME));
	}
}

TEST_F(remove, ephemeral_name_stays_while_the_endpoint_is_shared)
{
	int fd = create_flags(self->control, CHAN_EPHEMERAL, 0);
	int pipe_fds[2], copy, status;
	char byte;
	pid_t pid;

	ASSERT_LE(0, fd);
	copy = dup(fd);
	close(fd);
	EXPECT_TRUE(node_exists(NAME));

	ASSERT_EQ(0, pipe(pipe_fds));
	pid = fork();
	if (!pid) {
		close(pipe_fds[1]);
		_exit(read(pipe_fds[0], &byte, 1));
	}
	ASSERT_LT(0, pid);
	close(copy);
	EXPECT_TRUE(node_exists(NAME));
	close(pipe_fds[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* A process that can be waited for has closed its files. */
	EXPECT_FALSE(node_exists(NAME));
	close(pipe_fds[0]);
}

TEST_F(remove, ephemeral_name_goes_with_a_killed_creator)
{
	int pipe_fds[2], fd;
	char byte = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(pipe_fds));
	pid = fork();
	if (!pid) {
		fd = create_flags(self->control, CHAN_EPHEMERAL, 0);
		byte = fd < 0;
		if (write(pipe_fds[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	ASSERT_EQ(1, read(pipe_fds[0], &byte, 1));
	EXPECT_EQ(0, byte);
	EXPECT_TRUE(node_exists(NAME));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_FALSE(node_exists(NAME));
}

TEST_F(remove, ephemeral_name_is_not_kept_by_other_endpoints)
{
	int fd = create_flags(self->control, CHAN_EPHEMERAL, 3);
	int opened = open_node(NAME, O_RDWR);
	int derived = derive(fd, RIGHTS_ALL);

	ASSERT_LE(0, opened);
	ASSERT_LE(0, derived);
	close(fd);
	EXPECT_FALSE(node_exists(NAME));
	EXPECT_EQ(3U, type_of(opened));
	EXPECT_EQ(0, shut_down(derived));
	EXPECT_TRUE(endpoints_are(opened, 2, 2));
	close(opened);
	close(derived);
}

TEST_F(remove, other_endpoints_do_not_end_an_ephemeral_name)
{
	int fd = create_flags(self->control, CHAN_EPHEMERAL, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, close_made(open_node(NAME, O_RDWR)));
	EXPECT_EQ(0, close_made(derive(fd, RIGHTS_ALL)));
	EXPECT_TRUE(node_exists(NAME));
	close(fd);
	EXPECT_FALSE(node_exists(NAME));
}

/* What once was the creator's name may be somebody else's by now. */
TEST_F(remove, ephemeral_creator_does_not_remove_its_successor)
{
	int fd = create_flags(self->control, CHAN_EPHEMERAL, 1);
	int new;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, remove_name(self->control, NAME));
	new = create_flags(self->control, 0, 2);
	ASSERT_LE(0, new);
	close(fd);
	EXPECT_TRUE(node_exists(NAME));
	fd = open_node(NAME, O_RDONLY);
	EXPECT_EQ(2U, type_of(fd));
	close(fd);
	close(new);
}

/* Mode, chown and another user's hands do not keep the kernel from it. */
TEST_F(remove, ephemeral_name_goes_whoever_closes)
{
	char path[PATH_MAX];
	int fd = create_flags(self->control, CHAN_EPHEMERAL, 0);
	pid_t pid;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, chown(node_path(path, NAME), ALICE, ALICE));
	ASSERT_EQ(0, chmod(path, 0444));
	pid = fork();
	if (!pid) {
		become_user(BOB);
		close(fd);
		_exit(0);
	}
	close(fd);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_FALSE(node_exists(NAME));
}

TEST_F(remove, named_channel_pins_the_module)
{
	long long before = module_references();
	int fd;

	if (before < 0)
		SKIP(return, "the kernel tells no reference count");
	ASSERT_EQ(0, close_made(create_channel(self->control, NAME)));
	EXPECT_TRUE(BECOMES(module_references() == before + 1));
	fd = open_node(NAME, O_RDWR);
	EXPECT_LT(before + 1, module_references());
	close(fd);
	EXPECT_TRUE(BECOMES(module_references() == before + 1));
	ASSERT_EQ(0, remove_name(self->control, NAME));
	EXPECT_TRUE(BECOMES(module_references() == before));

	/* An endpoint pins it too, with a name or without. */
	fd = create_flags(self->control, CHAN_EPHEMERAL, 0);
	EXPECT_LT(before, module_references());
	close(fd);
	EXPECT_TRUE(BECOMES(module_references() == before));
	fd = create_channel(self->control, NULL);
	EXPECT_LT(before, module_references());
	close(fd);
	EXPECT_TRUE(BECOMES(module_references() == before));
}

/* While /dev/chan is being listed ------------------------------------------ */

/*
 * Somebody lists it into a page that does not come. Meanwhile the kernel
 * neither adds a node there nor takes one away, and nothing ends the wait of
 * the one who has asked for that; CREATE and REMOVE wait behind him.
 */

#define FIRST T "listing-first"
#define OLD   T "listing-old"
#define NEW   T "listing-new"

FIXTURE(listing)
{
	int control;
	struct stall stall;
	struct call list, first;
	struct name_call first_name, create, remove;
};

FIXTURE_VARIANT(listing)
{
	bool removes; /* the first of those who wait */
};

/* clang-format off */
FIXTURE_VARIANT_ADD(listing, behind_a_create) {
	.removes = false,
};
FIXTURE_VARIANT_ADD(listing, behind_a_remove) {
	.removes = true,
};
/* clang-format on */

static ssize_t list_nodes(struct call *call)
{
	long n = syscall(SYS_getdents64, call->fd, call->buf, call->len);

	return n < 0 ? -errno : n;
}

static ssize_t create_first(struct call *call)
{
	return call_create(call->buf);
}

static ssize_t remove_first(struct call *call)
{
	return call_remove(call->buf);
}

/* The list has begun, and its page does not come. */
static int list_begins(FIXTURE_DATA(listing) * self)
{
	CHECK_EQ(0, stall_open(&self->stall));
	self->list = (struct call){
		.fn = list_nodes,
		.fd = open_path("/dev/chan", O_RDONLY | O_DIRECTORY),
		.buf = self->stall.page,
		.len = self->stall.size,
	};
	CHECK_EQ(0, call_start(&self->list));
	CHECK_EQ(1, stall_reached(&self->stall));
	return 0;
}

static int first_waits(FIXTURE_DATA(listing) * self, bool removes)
{
	self->first = (struct call){
		.fn = removes ? remove_first : create_first,
		.buf = &self->first_name,
	};
	CHECK_EQ(0, call_start(&self->first));
	CHECK_EQ(1, call_sleeps_in(&self->first, SYS_ioctl));
	return 0;
}

FIXTURE_SETUP(listing)
{
	self->control = open_control();
	ASSERT_LE(0, self->control);
	self->first_name = (struct name_call){ self->control, FIRST, 0 };
	self->create = (struct name_call){ self->control, NEW, 0 };
	self->remove = (struct name_call){ self->control, OLD, 0 };
	ASSERT_EQ(0, close_made(create_channel(self->control, OLD)));
	if (variant->removes)
		ASSERT_EQ(0, call_create(&self->first_name));
	ASSERT_EQ(0, list_begins(self));
	ASSERT_EQ(0, first_waits(self, variant->removes));
}

FIXTURE_TEARDOWN_PARENT(listing)
{
	names_sweep();
}

/* Until now neither the list nor the first of those who wait was done. */
static int list_ends(FIXTURE_DATA(listing) * self, bool removes)
{
	CHECK_EQ(0, self->list.done);
	CHECK_EQ(0, self->first.done);
	stall_let(&self->stall);
	CHECK_EQ(1, finish(&self->list) > 0);
	CHECK_EQ(0, finish(&self->first));
	CHECK_EQ(!removes, node_exists(FIRST));
	return 0;
}

/* A child that waits; or -1. */
static pid_t child_waits(child_fn *fn, struct name_call *call)
{
	pid_t pid = fork();

	if (!pid)
		_exit(fn(call) != 0);
	return BECOMES(sleeps_in(pid) == SYS_ioctl) ? pid : -1;
}

TEST_F_TIMEOUT(listing, who_waits_can_be_killed, 60)
{
	pid_t creator = child_waits(call_create, &self->create);
	pid_t remover = child_waits(call_remove, &self->remove);

	ASSERT_LT(0, creator);
	ASSERT_LT(0, remover);
	EXPECT_EQ(0, child_kill(creator));
	EXPECT_EQ(0, child_kill(remover));
	ASSERT_EQ(0, list_ends(self, variant->removes));
	EXPECT_TRUE(node_exists(OLD));
	EXPECT_FALSE(node_exists(NEW));
	/* Nor does the table say anything else. */
	EXPECT_EQ(0, call_remove(&self->remove));
	EXPECT_EQ(0, call_create(&self->create));
}

TEST_F(listing, who_waits_goes_on_when_it_is_done)
{
	pid_t creator = child_waits(call_create, &self->create);
	pid_t remover = child_waits(call_remove, &self->remove);

	ASSERT_LT(0, creator);
	ASSERT_LT(0, remover);
	ASSERT_EQ(0, list_ends(self, variant->removes));
	EXPECT_EQ(0, child_ended(creator, false));
	EXPECT_EQ(0, child_ended(remover, false));
	EXPECT_FALSE(node_exists(OLD));
	EXPECT_TRUE(node_exists(NEW));
	EXPECT_EQ(-ENOENT, call_remove(&self->remove));
	EXPECT_EQ(-EEXIST, call_create(&self->create));
}

/* The second has no name that could go with its creator. */
static ssize_t use_others(struct call *call)
{
	int named = open_node(OLD, O_RDWR);
	struct chan_create c = roomy_record(NULL);
	struct ends ends;

	CHECK_EQ(1, named >= 0);
	CHECK_EQ(0, put(named, 1));
	CHECK_EQ(1, take(named));
	CHECK_EQ(0, close(named));
	c.flags = CHAN_EPHEMERAL;
	CHECK_EQ(0, ends_make(call->fd, &c, &ends));
	CHECK_EQ(0, put(ends.sender, 2));
	CHECK_EQ(2, take(ends.receiver));
	ends_close(&ends);
	return 0;
}

TEST_F(listing, others_do_not_wait)
{
	struct call others = { .fn = use_others, .fd = self->control };

	ASSERT_EQ(0, call_start(&others));
	EXPECT_EQ(0, finish(&others));
	EXPECT_EQ(0, list_ends(self, variant->removes));
}

TEST_HARNESS_MAIN
