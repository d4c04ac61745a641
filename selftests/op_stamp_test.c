// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sender's stamp: effective user and group and the process of whoever
 * opened or derived the endpoint, frozen then, whoever sends through it later.
 * It is shown as the reader's namespaces have it: overflow ids and a pid of 0
 * stand for who cannot be seen from there, and a pid of 0 for who is gone.
 */
#include "op_steps.h"

#define NAME T "stamp"

/* Who opened the endpoint, as a reader finds it in a message. */
struct whose {
	int uid, gid, pid;
};

static int read_stamp(int receiver, struct whose *whose)
{
	char buf[64];
	struct chan_op got = op_soon(buf, sizeof(buf));
	int ret = run(receiver, &got);

	*whose = (struct whose){ got.uid, got.gid, got.pid };
	return ret;
}

/* A child that shares the descriptors: what it opens is there after it. */
static pid_t fork_sharing_files(void)
{
	return syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
}

/* What another process than the test's opened or derived, by whose order. */
struct opener {
	int admin;
	bool derives;
	uid_t uid;
	_Atomic int fd, pid;
	pid_t outside; /* another number of the same process */
	_Atomic bool end;
};

static int opener_main(struct opener *opener)
{
	if (setresgid(-1, opener->uid, -1) || setresuid(-1, opener->uid, -1))
		return 1;
	opener->pid = getpid();
	opener->fd = opener->derives ? derive(opener->admin, CHAN_RIGHT_SEND) :
				       open_node(NAME, O_WRONLY);
	/* It goes on as somebody else. */
	if (setresuid(0, 0, 0) || setresgid(0, 0, 0) ||
	    setresgid(BOB, BOB, BOB) || setresuid(BOB, BOB, BOB))
		return 1;
	run_once(opener->fd, op_send("opener", 6));
	while (!opener->end)
		usleep(1000);
	return 0;
}

static pid_t opener_start(struct opener *opener)
{
	pid_t pid = fork_sharing_files();

	if (!pid)
		_exit(opener_main(opener));
	return pid;
}

FIXTURE(stamp)
{
	int control;
	struct ends ends;
	struct opener *opener;
};

FIXTURE_VARIANT(stamp)
{
	bool derives;
};

/* clang-format off */
FIXTURE_VARIANT_ADD(stamp, opened) {
	.derives = false,
};
FIXTURE_VARIANT_ADD(stamp, derived) {
	.derives = true,
};
/* clang-format on */

FIXTURE_SETUP(stamp)
{
	struct chan_create c = roomy_record(NAME);

	umask(0);
	self->control = open_control();
	ASSERT_LE(0, self->control);
	c.mode = 0666;
	ASSERT_EQ(0, ends_make(self->control, &c, &self->ends));
	self->opener = mmap(NULL, sizeof(*self->opener), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->opener);
	self->opener->admin = self->ends.admin;
	self->opener->derives = variant->derives;
	self->opener->uid = ALICE;
}

FIXTURE_TEARDOWN_PARENT(stamp)
{
	names_sweep();
}

TEST_F(stamp, is_who_opened_then_whoever_sends_now)
{
	struct whose whose;
	int status;
	pid_t pid = opener_start(self->opener);

	ASSERT_LT(0, pid);
	/* Sent by the opener, who is Bob by now. */
	ASSERT_EQ(6, read_stamp(self->ends.receiver, &whose));
	EXPECT_EQ(ALICE, whose.uid);
	EXPECT_EQ(ALICE, whose.gid);
	EXPECT_EQ(pid, whose.pid);
	/* Sent by another process through the same endpoint. */
	ASSERT_LE(0, self->opener->fd);
	ASSERT_EQ(0, put(self->opener->fd, 1));
	ASSERT_EQ(4, read_stamp(self->ends.receiver, &whose));
	EXPECT_EQ(ALICE, whose.uid);
	EXPECT_EQ(ALICE, whose.gid);
	EXPECT_EQ(pid, whose.pid);
	/* What is sent while it lives is received when it is gone. */
	ASSERT_EQ(0, put(self->opener->fd, 1));
	self->opener->end = true;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, put(self->opener->fd, 1));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(4, read_stamp(self->ends.receiver, &whose));
		EXPECT_EQ(ALICE, whose.uid);
		EXPECT_EQ(ALICE, whose.gid);
		EXPECT_EQ(0, whose.pid);
	}
	close(self->opener->fd);
}

/* One thread opens: it is the process that has. */
static ssize_t derive_call(struct call *call)
{
	return call->nr ? derive(call->fd, CHAN_RIGHT_SEND) :
			  open_node(NAME, O_WRONLY);
}

TEST_F(stamp, pid_is_the_process_s_not_the_thread_s)
{
	struct call call = {
		.fn = derive_call,
		.fd = self->ends.admin,
		.nr = variant->derives,
	};
	struct whose whose;
	int fd;

	ASSERT_EQ(0, call_start(&call));
	fd = finish(&call);
	ASSERT_LE(0, fd);
	ASSERT_NE(getpid(), call.tid);
	ASSERT_EQ(0, put(fd, 1));
	ASSERT_EQ(4, read_stamp(self->ends.receiver, &whose));
	EXPECT_EQ(getpid(), whose.pid);
	close(fd);
}

/* Readers elsewhere ------------------------------------------------------------ */

/* The overflow ids, as this kernel has them. */
static int overflow_id(const char *kind)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/sys/kernel/overflow%s", kind);
	return file_number(path);
}

struct elsewhere {
	int receiver;
	int waits[2]; /* a pipe: the maps are written */
	struct whose whose[3];
};

/* Only Alice has an id here, and it is 7. */
static int write_maps(pid_t pid)
{
	char path[64], map[64];
	int err;

	snprintf(map, sizeof(map), "7 %d 1", ALICE);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	err = write_text(path, map);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	return write_text(path, map);
}

/* Reads three stamps: before there are maps, and two after. */
static int read_in_user_namespace(struct elsewhere *there, int told)
{
	char c;

	if (unshare(CLONE_NEWUSER))
		return errno == EINVAL ? 77 : 1;
	if (read_stamp(there->receiver, &there->whose[0]) < 0 ||
	    write(told, "", 1) != 1 || read(there->waits[0], &c, 1) != 1)
		return 1;
	for (int i = 1; i < 3; i++)
		if (read_stamp(there->receiver, &there->whose[i]) < 0)
			return 1;
	return 0;
}

static struct elsewhere *elsewhere_make(int receiver)
{
	struct elsewhere *there = mmap(NULL, sizeof(*there),
				       PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	there->receiver = receiver;
	if (pipe(there->waits))
		abort();
	return there;
}

TEST_F(stamp, ids_are_those_of_the_reader_s_user_namespace)
{
	struct elsewhere *there = elsewhere_make(self->ends.receiver);
	int status, told[2], nobody = overflow_id("uid");
	pid_t alice = opener_start(self->opener), pid;
	char c;

	ASSERT_LT(0, alice);
	ASSERT_EQ(0, pipe(told));
	ASSERT_EQ(nobody, overflow_id("gid"));
	pid = fork();
	if (!pid)
		_exit(read_in_user_namespace(there, told[1]));
	close(told[1]);
	if (read(told[0], &c, 1) != 1) {
		waitpid(pid, &status, 0);
		self->opener->end = true;
		waitpid(alice, NULL, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			SKIP(return, "this kernel has no user namespaces");
		ASSERT_EQ(0, status);
	}
	ASSERT_EQ(0, write_maps(pid));
	ASSERT_EQ(1, write(there->waits[1], "", 1));
	ASSERT_EQ(0, put(self->opener->fd, 1));
	ASSERT_EQ(0, put(self->ends.sender, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	/* Alice without a map, Alice with one, and root, who has none. */
	EXPECT_EQ(nobody, there->whose[0].uid);
	EXPECT_EQ(nobody, there->whose[0].gid);
	EXPECT_EQ(7, there->whose[1].uid);
	EXPECT_EQ(7, there->whose[1].gid);
	EXPECT_EQ(nobody, there->whose[2].uid);
	EXPECT_EQ(nobody, there->whose[2].gid);
	/* Processes are seen as ever. */
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(i < 2 ? alice : getpid(), there->whose[i].pid);
	self->opener->end = true;
	ASSERT_EQ(alice, waitpid(alice, NULL, 0));
}

/* The first process of a new pid namespace; gives its two stamps. */
static int read_in_pid_namespace(struct elsewhere *there, int admin)
{
	int sender = derive(admin, CHAN_RIGHT_SEND);

	if (sender < 0 || getpid() != 1 || put(sender, 1) ||
	    read_stamp(there->receiver, &there->whose[0]) < 0 ||
	    read_stamp(there->receiver, &there->whose[1]) < 0)
		return 1;
	/* And one for the reader outside. */
	return put(sender, 1);
}

static int in_pid_namespace(struct elsewhere *there, int admin)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		return errno == EINVAL ? 77 : 1;
	pid = fork();
	if (!pid)
		_exit(read_in_pid_namespace(there, admin));
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	return WEXITSTATUS(status);
}

/* Who is not there has no number there. */
TEST_F(stamp, pid_is_that_of_the_reader_s_pid_namespace)
{
	struct elsewhere *there = elsewhere_make(self->ends.receiver);
	struct whose whose;
	int status;
	pid_t pid;

	ASSERT_EQ(0, put(self->ends.sender, 1));
	pid = fork();
	if (!pid)
		_exit(in_pid_namespace(there, self->ends.admin));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP(return, "this kernel has no pid namespaces");
	ASSERT_EQ(0, status);
	/* The one outside, then itself. */
	EXPECT_EQ(0, there->whose[0].pid);
	EXPECT_EQ(0, there->whose[0].uid);
	EXPECT_EQ(1, there->whose[1].pid);
	/* It is gone by now: a number that nobody has. */
	ASSERT_EQ(4, read_stamp(self->ends.receiver, &whose));
	EXPECT_EQ(0, whose.pid);
}

/* A process inside has a number outside, too. */
static int stay_in_pid_namespace(struct opener *opener)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		return errno == EINVAL ? 77 : 1;
	pid = fork();
	if (!pid)
		_exit(opener_main(opener));
	opener->outside = pid;
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : 1;
}

TEST_F(stamp, pid_of_a_process_inside_is_another_one_outside)
{
	struct whose whose;
	int status, ret;
	pid_t pid = fork();

	if (!pid)
		_exit(stay_in_pid_namespace(self->opener));
	ret = read_stamp(self->ends.receiver, &whose);
	self->opener->end = true;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP(return, "this kernel has no pid namespaces");
	ASSERT_EQ(0, status);
	ASSERT_EQ(6, ret);
	EXPECT_EQ(1, self->opener->pid);
	EXPECT_EQ(self->opener->outside, whose.pid);
	EXPECT_EQ(ALICE, whose.uid);
}

TEST_HARNESS_MAIN
