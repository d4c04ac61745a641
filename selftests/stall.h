/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that do not come until they are told to: of memory with a userfaultfd,
 * of memory that a userfaultfd protects against writing only, or of a file of
 * FUSE, whose server is a process of its own here and speaks the protocol
 * itself. Who touches such a page sleeps in the fault; a fatal signal ends it.
 *
 * It expects nothing of the module.
 */
#ifndef STALL_H
#define STALL_H

#include <linux/fuse.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/uio.h>

#include "chan_test.h"

struct stall {
	char *page;
	size_t size;
	int uffd; /* -1: of a file */
	bool written; /* only who writes is stalled */
	int reached, release; /* pipes: from the server, to the server */
	pid_t server;
};

static inline int stall_map(struct stall *stall, int file)
{
	stall->size = sysconf(_SC_PAGESIZE);
	stall->page = mmap(NULL, stall->size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | (file < 0 ? MAP_ANONYMOUS : 0), file,
			   0);
	return stall->page == MAP_FAILED ? -errno : 0;
}

/* Userfaultfd ------------------------------------------------------------ */

static inline int stall_register(struct stall *stall, __u64 mode)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { address(stall->page), stall->size },
		.mode = mode,
	};

	stall->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (stall->uffd < 0 || ioctl(stall->uffd, UFFDIO_API, &api) ||
	    ioctl(stall->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

static inline int stall_protect(struct stall *stall, __u64 mode)
{
	struct uffdio_writeprotect protect = {
		.range = { address(stall->page), stall->size },
		.mode = mode,
	};

	return ioctl(stall->uffd, UFFDIO_WRITEPROTECT, &protect) ? -errno : 0;
}

static inline int stall_open(struct stall *stall)
{
	int err;

	*stall = (struct stall){ .reached = -1, .release = -1 };
	err = stall_map(stall, -1);
	return err ?: stall_register(stall, UFFDIO_REGISTER_MODE_MISSING);
}

/* Can be read, with these bytes; who writes there waits. */
static inline int stall_open_written(struct stall *stall, const void *bytes,
				     size_t len)
{
	int err;

	*stall = (struct stall){
		.reached = -1,
		.release = -1,
		.written = true,
	};
	err = stall_map(stall, -1);
	if (err)
		return err;
	memcpy(stall->page, bytes, len);
	err = stall_register(stall, UFFDIO_REGISTER_MODE_WP);
	return err ?: stall_protect(stall, UFFDIO_WRITEPROTECT_MODE_WP);
}

/* FUSE ------------------------------------------------------------------- */

#define STALL_FILE_SIZE 4096

/* What the server is told by the pipe. */
struct stall_answer {
	int error;
	char bytes[STALL_FILE_SIZE];
};

static inline void fuse_answer(int fuse, __u64 unique, int error,
			       const void *body, size_t len)
{
	struct fuse_out_header head = {
		.len = sizeof(head) + len,
		.error = -error,
		.unique = unique,
	};
	struct iovec vec[] = {
		{ &head, sizeof(head) },
		{ (void *)body, len },
	};

	(void)!writev(fuse, vec, len ? 2 : 1);
}

static inline void fuse_init(int fuse, __u64 unique)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_readahead = STALL_FILE_SIZE,
		.flags = FUSE_ASYNC_READ, /* so that who waits can be killed */
		.max_write = STALL_FILE_SIZE,
	};

	fuse_answer(fuse, unique, 0, &out, sizeof(out));
}

static inline void fuse_getattr(int fuse, __u64 unique)
{
	struct fuse_attr_out out = {
		.attr_valid = 3600,
		.attr = {
			.ino = FUSE_ROOT_ID,
			.mode = S_IFREG | 0600,
			.size = STALL_FILE_SIZE,
			.nlink = 1,
			.blksize = STALL_FILE_SIZE,
		},
	};

	fuse_answer(fuse, unique, 0, &out, sizeof(out));
}

/* Once told what to say, it says so for ever. */
static inline void fuse_read(int fuse, __u64 unique, int reached, int release)
{
	static struct stall_answer answer;
	static bool known;

	if (!known) {
		(void)!write(reached, "", 1);
		known = read(release, &answer, sizeof(answer)) ==
			sizeof(answer);
		if (!known)
			_exit(0);
	}
	fuse_answer(fuse, unique, answer.error, answer.bytes,
		    answer.error ? 0 : sizeof(answer.bytes));
}

static inline void fuse_serve(int fuse, int reached, int release)
{
	static char buf[FUSE_MIN_READ_BUFFER + STALL_FILE_SIZE];
	struct fuse_in_header *in = (void *)buf;
	struct fuse_open_out opened = { .fh = 1 };

	while (read(fuse, buf, sizeof(buf)) >= (ssize_t)sizeof(*in)) {
		switch (in->opcode) {
		case FUSE_INIT:
			fuse_init(fuse, in->unique);
			break;
		case FUSE_GETATTR:
			fuse_getattr(fuse, in->unique);
			break;
		case FUSE_OPEN:
			fuse_answer(fuse, in->unique, 0, &opened,
				    sizeof(opened));
			break;
		case FUSE_READ:
			fuse_read(fuse, in->unique, reached, release);
			break;
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			break;
		default:
			fuse_answer(fuse, in->unique, EOPNOTSUPP, NULL, 0);
		}
	}
}

/*
 * A process of its own, so that whoever is stalled can be killed without
 * waiting for himself; it holds none of the test's endpoints.
 */
static inline pid_t fuse_server(int fuse, int reached, int release)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int fd = 3; fd < 1024; fd++)
		if (fd != fuse && fd != reached && fd != release)
			close(fd);
	fuse_serve(fuse, reached, release);
	_exit(0);
}

/* The root of the file system is the file. */
static inline int fuse_mount(int fuse, char *path)
{
	char options[128];
	int file = mkstemp(path);

	if (file < 0)
		return -errno;
	close(file);
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=100000,user_id=0,group_id=0", fuse);
	if (mount("stall", path, "fuse", MS_NOSUID | MS_NODEV, options)) {
		int err = -errno;

		unlink(path);
		return err;
	}
	return 0;
}

/* -ENODEV, if this kernel has no FUSE. */
static inline int stall_open_fuse(struct stall *stall)
{
	char path[] = "/tmp/stall-XXXXXX";
	int fuse = open_path("/dev/fuse", O_RDWR), reached[2], release[2];
	struct stat attributes;
	int err, file;

	*stall = (struct stall){ .uffd = -1 };
	if (fuse < 0)
		return -ENODEV;
	if (pipe2(reached, O_CLOEXEC) || pipe2(release, O_CLOEXEC))
		return -errno;
	err = fuse_mount(fuse, path);
	if (err)
		return err;
	stall->reached = reached[0];
	stall->release = release[1];
	stall->server = fuse_server(fuse, reached[1], release[0]);
	close(fuse);
	close(reached[1]);
	close(release[0]);
	file = open_path(path, O_RDWR);
	umount2(path, MNT_DETACH);
	unlink(path);
	if (file < 0)
		return file;
	/* The size comes with it. */
	err = fstat(file, &attributes) ? -errno : stall_map(stall, file);
	close(file);
	return err;
}

static inline void stall_answer(struct stall *stall, int error,
				const void *bytes, size_t len)
{
	struct stall_answer *answer = calloc(1, sizeof(*answer));

	answer->error = error;
	memcpy(answer->bytes, bytes, len);
	if (write(stall->release, answer, sizeof(*answer)) != sizeof(*answer))
		abort();
	free(answer);
}

/* All sorts -------------------------------------------------------------- */

/* True once somebody waits for the page. */
static inline bool stall_reached(struct stall *stall)
{
	struct pollfd p = { .events = POLLIN };
	struct uffd_msg msg;
	char byte;

	p.fd = stall->uffd < 0 ? stall->reached : stall->uffd;
	if (poll(&p, 1, BUDGET * 1000) != 1)
		return false;
	if (stall->uffd < 0)
		return read(stall->reached, &byte, 1) == 1;
	return read(stall->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT;
}

static inline void stall_copy(struct stall *stall, const void *bytes,
			      size_t len)
{
	struct uffdio_copy copy = {
		.dst = address(stall->page),
		.len = stall->size,
	};
	char *page = calloc(1, stall->size);

	memcpy(page, bytes, len);
	copy.src = address(page);
	if (ioctl(stall->uffd, UFFDIO_COPY, &copy))
		abort();
	free(page);
}

/* The page comes, with these bytes. */
static inline void stall_end(struct stall *stall, const void *bytes, size_t len)
{
	if (stall->uffd < 0)
		stall_answer(stall, 0, bytes, len);
	else
		stall_copy(stall, bytes, len);
}

/* The page comes, zeroed; one that can be read already may be written. */
static inline void stall_let(struct stall *stall)
{
	if (!stall->written)
		stall_end(stall, "", 1);
	else if (stall_protect(stall, 0))
		abort();
}

/* The page will never come. */
static inline void stall_fail(struct stall *stall)
{
	struct uffdio_range range = {
		.start = address(stall->page),
		.len = stall->size,
	};

	if (stall->uffd < 0) {
		stall_answer(stall, EIO, "", 0);
		return;
	}
	if (mprotect(stall->page, stall->size, PROT_NONE) ||
	    ioctl(stall->uffd, UFFDIO_WAKE, &range))
		abort();
}

static inline void stall_close(struct stall *stall)
{
	munmap(stall->page, stall->size);
	if (stall->uffd >= 0) {
		close(stall->uffd);
		return;
	}
	kill(stall->server, SIGKILL);
	waitpid(stall->server, NULL, 0);
	close(stall->reached);
	close(stall->release);
}

/* Children, which will be killed where they are stalled -------------------- */

/* A thread of the child tells by a byte that the other one is stalled. */
struct stall_teller {
	struct stall *stall;
	int fd;
};

static inline void *stall_tell(void *arg)
{
	struct stall_teller *teller = arg;

	if (stall_reached(teller->stall))
		(void)!write(teller->fd, "", 1);
	return NULL;
}

/* What the child does with its page. */
typedef void stall_touch_fn(int fd, void *page);

struct stall_child {
	pid_t pid;
	int told;
};

static inline void stall_child_main(int (*open)(struct stall *stall),
				    stall_touch_fn *touch, int fd, int told)
{
	struct stall stall;
	struct stall_teller teller = { &stall, told };
	pthread_t thread;

	if (open(&stall) || pthread_create(&thread, NULL, stall_tell, &teller))
		_exit(1);
	touch(fd, stall.page);
	_exit(1);
}

static inline int stall_child_start(struct stall_child *child,
				    int (*open)(struct stall *stall),
				    stall_touch_fn *touch, int fd)
{
	int told[2];

	if (pipe(told))
		return -errno;
	child->pid = fork();
	if (!child->pid)
		stall_child_main(open, touch, fd, told[1]);
	close(told[1]);
	child->told = told[0];
	return child->pid < 0 ? -EAGAIN : 0;
}

/* Once it is stalled; false if it never will be. */
static inline bool stall_child_reached(struct stall_child *child)
{
	char byte;
	bool reached = read(child->told, &byte, 1) == 1;

	close(child->told);
	return reached;
}

/* A child that is stalled when this returns; or -1. */
static inline pid_t stalled_child(int (*open)(struct stall *stall),
				  stall_touch_fn *touch, int fd)
{
	struct stall_child child = { .pid = -1 };

	if (stall_child_start(&child, open, touch, fd) ||
	    !stall_child_reached(&child))
		return -1;
	return child.pid;
}

#endif /* STALL_H */
