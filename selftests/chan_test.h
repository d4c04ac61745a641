/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests share: records with garbage where results go, channels in
 * one line, children with other credentials, module parameters, waiting for
 * a state.  It expects nothing of the module by itself; expectations stand in
 * the tests.
 *
 * All helpers return what they made or a negative errno, as the kernel does,
 * so that a table can hold the errno.  Children report by their exit, never by
 * the harness's macros, whose jumps belong to the process that set them.
 */
#ifndef CHAN_TEST_H
#define CHAN_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/chan.h>

#include "kselftest_harness.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

/* Every name a test makes begins so, and names_sweep() finds it. */
#define T "t-"

/* Users that own nothing and have no capabilities. */
#define ALICE 40001
#define BOB   40002

#define RIGHTS_ALL (CHAN_RIGHT_SEND | CHAN_RIGHT_RECV | CHAN_RIGHT_ADMIN)

/* How many times as long as elsewhere things may take here. */
static inline int slowness(void)
{
	const char *text = getenv("SLOWNESS");
	int times = text ? atoi(text) : 0;

	return times > 0 ? times : 1;
}

/* Seconds to wait for a state that must come. */
#define BUDGET (10 * slowness())

/* All tests of the program have their time. */
static inline void be_patient(void)
{
	struct __fixture_metadata *fixture;
	struct __test_metadata *test;

	for (fixture = __fixture_list; fixture; fixture = fixture->next)
		for (test = fixture->tests; test; test = test->next)
			test->timeout *= slowness();
}

#undef TEST_HARNESS_MAIN
#define TEST_HARNESS_MAIN                            \
	int main(int argc, char **argv)              \
	{                                            \
		be_patient();                        \
		return test_harness_run(argc, argv); \
	}

/* In functions that return 0 or 1: says what differs and returns 1. */
#define CHECK_EQ(want, got)                                                \
	do {                                                               \
		long long want_ = (want), got_ = (got);                    \
		if (want_ != got_) {                                       \
			fprintf(stderr, "# %s:%d: %s is %lld, not %lld\n", \
				__FILE__, __LINE__, #got, got_, want_);    \
			return 1;                                          \
		}                                                          \
	} while (0)

/* Records ------------------------------------------------------------ */

/* 0, a positive result that no ioctl may have, or a negative errno. */
static inline int record_ioctl(int fd, unsigned long cmd, void *record)
{
	int ret = ioctl(fd, cmd, record);

	return ret < 0 ? -errno : ret;
}

static inline __u64 address(const void *p)
{
	return (__u64)(uintptr_t)p;
}

/*
 * Room for 16 messages, bytes for one, all rights; the result is garbage until
 * it is written.
 */
static inline struct chan_create create_record(const char *name)
{
	return (struct chan_create){
		.cap = 16,
		.msg_max = 64,
		.bytes_max = 64 + CHAN_MSG_OVERHEAD,
		.name = address(name),
		.fd = (__s32)0xcccccccc,
	};
}

static inline int create_with(int control, struct chan_create *c)
{
	int ret = record_ioctl(control, CHAN_IOC_CREATE, c);

	return ret ? ret : c->fd;
}

static inline int create_channel(int control, const char *name)
{
	struct chan_create c = create_record(name);

	return create_with(control, &c);
}

static inline int create_sized(int control, __u32 cap, __u32 msg_max,
			       __u64 bytes_max)
{
	struct chan_create c = create_record(NULL);

	c.cap = cap;
	c.msg_max = msg_max;
	c.bytes_max = bytes_max;
	return create_with(control, &c);
}

static inline int remove_name(int control, const char *name)
{
	struct chan_name n = { .name = address(name) };

	return record_ioctl(control, CHAN_IOC_REMOVE, &n);
}

static inline int derive_badge(int endpoint, __u32 rights, __u64 badge)
{
	struct chan_derive d = {
		.rights = rights,
		.badge = badge,
		.fd = (__s32)0xcccccccc,
	};
	int ret = record_ioctl(endpoint, CHAN_IOC_DERIVE, &d);

	return ret ? ret : d.fd;
}

static inline int derive(int endpoint, __u32 rights)
{
	return derive_badge(endpoint, rights, 0);
}

static inline int get_stat(int endpoint, struct chan_stat *s)
{
	memset(s, 0xcc, sizeof(*s));
	return record_ioctl(endpoint, CHAN_IOC_STAT, s);
}

static inline int get_query(int fd, struct chan_query *q)
{
	memset(q, 0xcc, sizeof(*q));
	return record_ioctl(fd, CHAN_IOC_QUERY, q);
}

/* What this version of the module has on the kernel that runs. */
static inline __u64 features_here(void)
{
	__u64 features = CHAN_FEATURE_OP | CHAN_FEATURE_BATCH |
			 CHAN_FEATURE_SELECT | CHAN_FEATURE_URING;
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		abort();
	if (major > 7 || (major == 7 && minor >= 2))
		features |= CHAN_FEATURE_URING_MULTISHOT;
	return features;
}

static inline int shut_down(int endpoint)
{
	return record_ioctl(endpoint, CHAN_IOC_SHUTDOWN, NULL);
}

/* Files -------------------------------------------------------------- */

static inline int open_path(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline int open_control(void)
{
	return open_path(CHAN_CONTROL_PATH, O_RDWR);
}

static inline const char *node_path(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "/dev/chan/%s", name);
	return path;
}

static inline int open_node(const char *name, int flags)
{
	char path[PATH_MAX];

	return open_path(node_path(path, name), flags);
}

/* Opens the file behind a descriptor again. */
static inline int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open_path(path, flags);
}

static inline bool node_exists(const char *name)
{
	char path[PATH_MAX];

	return !access(node_path(path, name), F_OK);
}

/* For what must succeed or fail, with nothing kept; 0 or the errno. */
static inline int close_made(int fd)
{
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static inline int entries_of(const char *directory)
{
	DIR *dir = opendir(directory);
	int nr = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static inline int count_fds(void)
{
	return entries_of("/proc/self/fd");
}

static inline int count_nodes(void)
{
	return entries_of("/dev/chan");
}

/* Removes what tests have left, so that the module can be unloaded. */
static inline void names_sweep(void)
{
	int control = open_control();
	struct dirent *entry;
	DIR *dir = opendir("/dev/chan");

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, T, strlen(T)))
			remove_name(control, entry->d_name);
	if (dir)
		closedir(dir);
	if (control >= 0)
		close(control);
}

/* Those of the kernel, which hold one value. */
static inline long long file_number(const char *path)
{
	long long value = -ENOENT;
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	if (fscanf(f, "%lld", &value) != 1)
		value = -EINVAL;
	fclose(f);
	return value;
}

/* As a shell does; 0, or why not. */
static inline int write_text(const char *path, const char *text)
{
	int fd = open_path(path, O_WRONLY | O_TRUNC);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = write(fd, text, strlen(text));
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

/* The system call that a task sleeps in; negative if it does not. */
static inline long long sleeps_in(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	return file_number(path);
}

/* No descriptor is left after this; what is open goes on. */
static inline void exhaust_fds(struct rlimit *old)
{
	struct rlimit none;
	int lowest = dup(0);

	close(lowest);
	getrlimit(RLIMIT_NOFILE, old);
	none = *old;
	none.rlim_cur = lowest;
	setrlimit(RLIMIT_NOFILE, &none);
}

/* Memory ------------------------------------------------------------- */

/* The first byte of a page that cannot be touched, after one that can. */
static inline char *page_edge(int protection)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + page, page, protection))
		abort();
	return p + page;
}

static inline void page_edge_free(char *edge)
{
	size_t page = sysconf(_SC_PAGESIZE);

	munmap(edge - page, 2 * page);
}

/* Other users -------------------------------------------------------- */

/* For good; /proc/self stays the process's own. */
static inline int become_user(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid) || prctl(PR_SET_DUMPABLE, 1))
		return -errno;
	return 0;
}

/* Takes one capability out of the effective set. */
static inline int drop_capability(int capability)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	data[capability / 32].effective &= ~(1U << (capability % 32));
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

typedef int child_fn(void *arg);

#define CHILD_LOST INT_MIN

/* Runs @fn in a child and tells what it returned, of any int. */
static inline int in_child(child_fn *fn, void *arg)
{
	int *result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ret, status = -1;
	pid_t pid;

	*result = CHILD_LOST;
	pid = fork();
	if (!pid) {
		*result = fn(arg);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		*result = CHILD_LOST;
	ret = *result;
	munmap(result, sizeof(*result));
	return ret;
}

struct user_call {
	uid_t uid;
	child_fn *fn;
	void *arg;
};

static inline int user_call_run(void *arg)
{
	struct user_call *call = arg;
	int ret = become_user(call->uid);

	return ret ? CHILD_LOST : call->fn(call->arg);
}

static inline int as_user(uid_t uid, child_fn *fn, void *arg)
{
	struct user_call call = { .uid = uid, .fn = fn, .arg = arg };

	return in_child(user_call_run, &call);
}

/* The commonest things that a child does. */
struct name_call {
	int control;
	const char *name;
	int flags;
};

static inline int call_create(void *arg)
{
	struct name_call *call = arg;

	return close_made(create_channel(call->control, call->name));
}

static inline int call_remove(void *arg)
{
	struct name_call *call = arg;

	return remove_name(call->control, call->name);
}

static inline int call_open(void *arg)
{
	struct name_call *call = arg;

	return close_made(open_node(call->name, call->flags));
}

/* What opening gives: has it ADMIN? */
static inline int call_open_shut_down(void *arg)
{
	struct name_call *call = arg;
	int fd = open_node(call->name, call->flags);

	return fd < 0 ? fd : shut_down(fd);
}

/* The module --------------------------------------------------------- */

static inline long long get_parameter(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/module/chan/parameters/%s", name);
	return file_number(path);
}

static inline int set_parameter_text(const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/module/chan/parameters/%s", name);
	return write_text(path, text);
}

static inline int set_parameter(const char *name, unsigned long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", value);
	return set_parameter_text(name, text);
}

static inline long long module_references(void)
{
	return file_number("/sys/module/chan/refcnt");
}

/* Time --------------------------------------------------------------- */

static inline double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The length of each race or storm. */
static inline int seconds_each(void)
{
	const char *text = getenv("SECONDS_EACH");
	int seconds = text ? atoi(text) : 0;

	return seconds > 0 ? seconds : 2;
}

/* What comes so often a second, of a race or storm, unless the kernel is slow. */
static inline long at_least(long nr)
{
	long least = nr * seconds_each() / slowness();

	return least > 0 ? least : 1;
}

/*
 * Is there more to do in a test that takes until then? On a slow kernel that may be
 * before it has seen what it is about.
 */
static inline bool storm_goes_on(double end, bool seen)
{
	return now() < (seen ? end : end + BUDGET);
}

/* Of the random numbers of one who takes part; with SEED the same once more. */
static inline unsigned int seed_of(int nr)
{
	const char *text = getenv("SEED");

	return (text ? strtoul(text, NULL, 10) : 1) + nr * 7919;
}

/* For TEST_F_TIMEOUT() of what lasts @nr times SECONDS_EACH. */
#define STORM_TIMEOUT(nr) (60 + 3 * (nr)*seconds_each())

/* True as soon as @condition is; false when the budget is spent. */
#define BECOMES(condition)                                   \
	({                                                   \
		double end_ = now() + BUDGET;                \
		bool is_;                                    \
		while (!(is_ = (condition)) && now() < end_) \
			usleep(1000);                        \
		is_;                                         \
	})

/* Processors --------------------------------------------------------- */

/* From now on this thread runs nowhere else. */
static inline int stay_on(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* How often this thread has slept. */
static inline long times_slept(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

/* The end of a child ------------------------------------------------- */

/* Waits for it; 0 if it was as it should be. */
static inline int child_ended(pid_t pid, bool killed)
{
	int status = -1;

	if (!BECOMES(waitpid(pid, &status, WNOHANG) == pid))
		return -ETIME;
	return killed ? !WIFSIGNALED(status) : status;
}

static inline int child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	return child_ended(pid, true);
}

/* Endpoints ---------------------------------------------------------- */

/* True when the channel has so many senders and receivers, or gets them. */
static inline bool endpoints_are(int fd, __u32 senders, __u32 receivers)
{
	struct chan_stat s;

	return BECOMES(!get_stat(fd, &s) && s.senders == senders &&
		       s.receivers == receivers);
}

#endif /* CHAN_TEST_H */
