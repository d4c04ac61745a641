/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of strangers share: the two ends of a pipe, a FIFO, a channel
 * without a name or one with a name, made alike, so that one body runs over
 * all of them.  A channel is made by an endpoint that may neither send nor
 * receive, and so hangs up when a pipe does; it stays open for CHAN_IOC_STAT.
 */
#ifndef STRANGERS_H
#define STRANGERS_H

#include "chan_test.h"

#include <poll.h>

#define NODE_NAME T "strange"
#define FIFO_PATH "/tmp/" T "strange-fifo"

enum kind { A_PIPE, A_FIFO, AN_ANONYMOUS_CHANNEL, A_NAMED_CHANNEL };

/* For all of them, the text that most tests write. */
#define TEXT "a message"

struct ends {
	enum kind kind;
	int in; /* where reading is done */
	int out; /* where writing is done */
	int admin; /* of a channel, otherwise -1 */
	char path[PATH_MAX]; /* "" without a name */
};

static inline bool is_channel(enum kind kind)
{
	return kind == AN_ANONYMOUS_CHANNEL || kind == A_NAMED_CHANNEL;
}

static inline int create_quiet(const char *name, __u32 cap)
{
	struct chan_create c = { .name = address(name), .cap = cap };
	int fd, control = open_control();

	if (control < 0)
		return control;
	c.flags = name ? CHAN_HANGUP : 0;
	c.rights = CHAN_RIGHT_ADMIN;
	fd = create_with(control, &c);
	close(control);
	return fd;
}

/* Makes what can be opened by its path. */
static inline int node_make(struct ends *e, enum kind kind)
{
	*e = (struct ends){ .kind = kind, .in = -1, .out = -1, .admin = -1 };
	if (kind == A_FIFO) {
		strcpy(e->path, FIFO_PATH);
		unlink(e->path);
		return mkfifo(e->path, 0600) ? -errno : 0;
	}
	node_path(e->path, NODE_NAME);
	e->admin = create_quiet(NODE_NAME, 16);
	return e->admin < 0 ? e->admin : 0;
}

/* A FIFO waits in open for its other end, but not so. */
static inline int node_open(struct ends *e)
{
	e->in = open_path(e->path, O_RDONLY | O_NONBLOCK);
	e->out = open_path(e->path, O_WRONLY);
	if (e->in < 0 || e->out < 0)
		return -EIO;
	return fcntl(e->in, F_SETFL, 0) ? -errno : 0;
}

static inline int pipe_make(struct ends *e)
{
	int fds[2];

	*e = (struct ends){ .kind = A_PIPE, .admin = -1 };
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	e->in = fds[0];
	e->out = fds[1];
	return 0;
}

static inline int anonymous_make(struct ends *e)
{
	*e = (struct ends){ .kind = AN_ANONYMOUS_CHANNEL };
	e->admin = create_quiet(NULL, 16);
	e->in = derive(e->admin, CHAN_RIGHT_RECV);
	e->out = derive(e->admin, CHAN_RIGHT_SEND);
	return e->admin < 0 || e->in < 0 || e->out < 0 ? -EIO : 0;
}

/* 0, or a negative errno. */
static inline int ends_make(struct ends *e, enum kind kind)
{
	int err;

	if (kind == A_PIPE)
		return pipe_make(e);
	if (kind == AN_ANONYMOUS_CHANNEL)
		return anonymous_make(e);
	err = node_make(e, kind);
	return err ? err : node_open(e);
}

/* Also for a parent that knows nothing but that there may be something. */
static inline void ends_sweep(void)
{
	unlink(FIFO_PATH);
	names_sweep();
}

/* Reads and writes that tell the errno --------------------------------- */

static inline int put(int fd, const char *text)
{
	ssize_t n = write(fd, text, strlen(text));

	return n < 0 ? -errno : n;
}

/* What is read stands in @buf as a string. */
static inline int get(int fd, char *buf, size_t size)
{
	ssize_t n;

	memset(buf, 0xcc, size);
	n = read(fd, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
	return n < 0 ? -errno : n;
}

static inline int set_nonblocking(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) ? -errno : 0;
}

/* What a read gives that does not wait, whatever the descriptor says. */
static inline int get_now(int fd, char *buf, size_t size)
{
	int flags = fcntl(fd, F_GETFL), ret;

	set_nonblocking(fd, true);
	ret = get(fd, buf, size);
	fcntl(fd, F_SETFL, flags);
	return ret;
}

static inline short poll_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

/* Writes until it would wait. */
static inline int fill(int fd)
{
	int nr = 0, err;

	fcntl(fd, F_SETPIPE_SZ, 4096);
	set_nonblocking(fd, true);
	while ((err = put(fd, TEXT)) > 0)
		nr++;
	set_nonblocking(fd, false);
	return err == -EAGAIN ? nr : err;
}

#endif /* STRANGERS_H */
