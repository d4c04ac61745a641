/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the library share. Those build each test twice, against the
 * shared library and against the archive, and call it through LIB(), which checks
 * a promise of all functions: that errno stays as it was.
 */
#ifndef LIB_TEST_H
#define LIB_TEST_H

#include <chan.h>

#include "op_steps.h"

/* No errno, so nobody else has set it. */
#define ERRNO_BEFORE 9876

/* What a function of the library returns. */
#define LIB(call)                                                     \
	({                                                            \
		errno = ERRNO_BEFORE;                                 \
		__typeof__(call) ret_ = (call);                       \
		if (errno != ERRNO_BEFORE) {                          \
			fprintf(stderr, "# %s:%d: errno is %d now\n", \
				__FILE__, __LINE__, errno);           \
			abort();                                      \
		}                                                     \
		ret_;                                                 \
	})

/* What must be there or come; a test that hangs tells less. */
#define SOON chan_in_ms(BUDGET * 1000)

/* The rights of an endpoint, as its fdinfo tells them: "sra", "s--", ... */
static inline int rights_of(int fd, char rights[4])
{
	char path[64], line[128];
	int ret = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (ret && fgets(line, sizeof(line), f))
		if (sscanf(line, "chan-rights: %3s", rights) == 1)
			ret = 0;
	fclose(f);
	return ret;
}

#define EXPECT_RIGHTS(want, fd)                       \
	do {                                          \
		char rights_[4] = "?";                \
		EXPECT_EQ(0, rights_of(fd, rights_)); \
		EXPECT_STREQ(want, rights_);          \
	} while (0)

/* A function of the library that waits, in a thread of its own. */
struct waiting {
	int (*run)(struct waiting *waiting);
	int fd;
	char buf[64];
	struct chan_op msg;
	int result;
	_Atomic bool over;
	_Atomic pid_t tid;
	pthread_t thread;
};

static inline void *waiting_main(void *arg)
{
	struct waiting *waiting = arg;

	waiting->tid = syscall(SYS_gettid);
	waiting->result = LIB(waiting->run(waiting));
	waiting->over = true;
	return NULL;
}

static inline int waiting_start(struct waiting *waiting, int fd,
				int (*run)(struct waiting *waiting))
{
	memset(waiting, 0, sizeof(*waiting));
	waiting->run = run;
	waiting->fd = fd;
	return -pthread_create(&waiting->thread, NULL, waiting_main, waiting);
}

static inline bool waiting_sleeps(struct waiting *waiting)
{
	return BECOMES(waiting->tid && sleeps_in(waiting->tid) == SYS_ioctl) &&
	       !waiting->over;
}

/* What it returned; -ETIME if it does not end. */
static inline int waiting_ends(struct waiting *waiting)
{
	if (!BECOMES(waiting->over))
		return -ETIME;
	pthread_join(waiting->thread, NULL);
	return waiting->result;
}

/* True once the handler has run. */
static inline bool waiting_interrupt(struct waiting *waiting)
{
	int before = signals_taken;

	pthread_kill(waiting->thread, SIGUSR1);
	return BECOMES(signals_taken > before);
}

/* The id as another thread finds it. */
static inline uint64_t waiting_id(struct waiting *waiting)
{
	return __atomic_load_n(&waiting->msg.id, __ATOMIC_RELAXED);
}

#endif /* LIB_TEST_H */
