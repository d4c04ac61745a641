// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injected faults, as nth.h says: in what makes, removes, opens and closes
 * channels and endpoints, in read and write, and in waiting for events.
 */
#include <sys/epoll.h>

#include "nth.h"

#define MANY 100 /* more than fit into poll's first piece of memory */
#define VAST ((4 << 20) + 1) /* more than can be had in one piece */

/* Ioctls ---------------------------------------------------------------- */

static int operate_query(struct room *room)
{
	struct chan_query q;
	int fd = room->admin < 0 ? room->control : room->admin;
	int ret = get_query(fd, &q);

	return ret ?: (int)q.abi;
}

static int done_nothing(struct room *room)
{
	(void)room;
	return 0;
}

/* A failure must not leave a descriptor in the record. */
static int operate_create(struct room *room)
{
	struct chan_create c = record_of(room->row);
	int ret = create_with(room->control, &c);

	if (ret < 0)
		return c.fd < 0 ? ret : -EBADE;
	room->made = ret;
	return 0;
}

static int passes_messages(int sender, int receiver)
{
	CHECK_EQ(0, put(sender, 7));
	CHECK_EQ(7, take(receiver));
	return 0;
}

static int done_create(struct room *room)
{
	const char *name = room->row->name;
	struct chan_stat s;
	int fd;

	CHECK_EQ(0, get_stat(room->made, &s));
	CHECK_EQ(0, strcmp(name ?: "", s.name));
	CHECK_EQ(1, s.senders);
	CHECK_EQ(1, s.receivers);
	if (!name)
		return passes_messages(room->made, room->made);
	CHECK_EQ(true, node_exists(name));
	fd = open_node(name, O_RDWR);
	CHECK_EQ(0, fd < 0 ? fd : 0);
	if (passes_messages(fd, room->made))
		return 1;
	close(fd);
	return 0;
}

static int done_create_ephemeral(struct room *room)
{
	if (done_create(room))
		return 1;
	close_end(&room->made);
	CHECK_EQ(false, node_exists(room->row->name));
	return 0;
}

static int operate_remove(struct room *room)
{
	return remove_name(room->control, room->row->name);
}

static int done_remove(struct room *room)
{
	struct chan_stat s;

	CHECK_EQ(false, node_exists(room->row->name));
	CHECK_EQ(-ENOENT, remove_name(room->control, room->row->name));
	CHECK_EQ(0, get_stat(room->admin, &s));
	return passes_messages(room->admin, room->admin);
}

static int operate_derive(struct room *room)
{
	struct chan_derive d = {
		.rights = CHAN_RIGHT_SEND,
		.badge = 5,
		.fd = (__s32)0xcccccccc,
	};
	int ret = record_ioctl(room->admin, CHAN_IOC_DERIVE, &d);

	if (ret < 0)
		return d.fd < 0 ? ret : -EBADE;
	room->made = d.fd;
	return ret;
}

static int done_derive(struct room *room)
{
	CHECK_EQ(true, endpoints_are(room->admin, 2, 1));
	CHECK_EQ(-EBADF, take(room->made));
	CHECK_EQ(-EPERM, shut_down(room->made));
	CHECK_EQ(-EPERM,
		 close_made(derive_badge(room->made, CHAN_RIGHT_SEND, 6)));
	return passes_messages(room->made, room->admin);
}

static int operate_stat(struct room *room)
{
	struct chan_stat s;
	int ret = get_stat(room->admin, &s);

	return ret ?: (int)s.cap;
}

static int operate_shutdown(struct room *room)
{
	return shut_down(room->admin);
}

static int done_shutdown(struct room *room)
{
	CHECK_EQ(-EPIPE, put(room->admin, 7));
	CHECK_EQ(0, take(room->admin));
	return 0;
}

FIXTURE_VARIANT_ADD(nth, query_on_control)
{
	.row = {
		.operate = operate_query,
		.done = done_nothing,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, query_on_endpoint)
{
	.row = {
		.has_channel = true,
		.operate = operate_query,
		.done = done_nothing,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, create_anonymous)
{
	.row = {
		.cap = 16,
		.operate = operate_create,
		.done = done_create,
		.least = 6,
	},
};

FIXTURE_VARIANT_ADD(nth, create_named)
{
	.row = {
		.cap = 16,
		.name = NAME,
		.operate = operate_create,
		.done = done_create,
		.least = 30,
	},
};

/* Its places are those of the one before. */
FIXTURE_VARIANT_ADD(nth, create_ephemeral)
{
	.row = {
		.stride = 7,
		.cap = 16,
		.name = NAME,
		.flags = CHAN_EPHEMERAL,
		.operate = operate_create,
		.done = done_create_ephemeral,
		.least = 30,
	},
};

FIXTURE_VARIANT_ADD(nth, remove)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.name = NAME,
		.operate = operate_remove,
		.done = done_remove,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, derive_from_anonymous)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_derive,
		.done = done_derive,
		.least = 4,
	},
};

FIXTURE_VARIANT_ADD(nth, derive_from_named)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.name = NAME,
		.operate = operate_derive,
		.done = done_derive,
		.least = 4,
	},
};

FIXTURE_VARIANT_ADD(nth, stat)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_stat,
		.done = done_nothing,
		.least = 2,
	},
};

/* Nothing in it can fail. */
FIXTURE_VARIANT_ADD(nth, shutdown)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_shutdown,
		.done = done_shutdown,
	},
};

/* Files ----------------------------------------------------------------- */

static int operate_open(struct room *room)
{
	int fd = open_node(room->row->name, O_RDWR);

	if (fd < 0)
		return fd;
	room->made = fd;
	return 0;
}

static int done_open(struct room *room)
{
	CHECK_EQ(true, endpoints_are(room->admin, 2, 2));
	return passes_messages(room->made, room->admin);
}

/* The endpoint that owns the name, with a message that is never received. */
static int setup_close(struct room *room)
{
	room->end = room->admin;
	room->admin = -1;
	return put(room->end, 7);
}

static int operate_close(struct room *room)
{
	int fd = room->end;

	room->end = -1;
	return close(fd) ? -errno : 0;
}

/* That the channel is gone is seen by who leaves the room. */
static int done_close(struct room *room)
{
	const char *name = room->row->name;

	CHECK_EQ(0, name && node_exists(name));
	CHECK_EQ(true, !name || remove_name(room->control, name) == -ENOENT);
	return 0;
}

FIXTURE_VARIANT_ADD(nth, open)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.name = NAME,
		.operate = operate_open,
		.done = done_open,
		.least = 4,
	},
};

/* Nothing in it can fail. */
FIXTURE_VARIANT_ADD(nth, close_last)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_close,
		.operate = operate_close,
		.done = done_close,
	},
};

FIXTURE_VARIANT_ADD(nth, close_ephemeral)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.name = NAME,
		.flags = CHAN_EPHEMERAL,
		.setup = setup_close,
		.operate = operate_close,
		.done = done_close,
		.least = 1,
	},
};

/* Sending --------------------------------------------------------------- */

/* More parts than the kernel has room for on its stack. */
#define PARTS 10

static struct iovec *vector_of(struct iovec vec[PARTS], void *buf, size_t len)
{
	char *p = buf;

	for (int i = 0; i < PARTS - 1; i++)
		vec[i] = (struct iovec){ p + i, 1 };
	vec[PARTS - 1] = (struct iovec){ p + PARTS - 1, len - (PARTS - 1) };
	return vec;
}

static int operate_writev(struct room *room)
{
	struct iovec vec[PARTS];
	ssize_t n = writev(room->admin,
			   vector_of(vec, room->out, len_of(room->row)), PARTS);

	return n < 0 ? -errno : n;
}

/* A used message is ready, so that nothing is allocated. */
static int setup_used_message(struct room *room)
{
	int nr;

	for (int i = 1; i <= 2; i++) {
		if (put(room->admin, i))
			return -EIO;
		nr = take(room->admin);
		if (nr != i)
			return nr < 0 ? nr : -EIO;
	}
	return 0;
}

/* A receiver waits for the sender. */
static int setup_receiver(struct room *room)
{
	int ret = start_peer(room, call_read, room->in);

	return ret ?: waiting_are(room->admin, 0, 1) ? 0 : -ETIME;
}

static int done_meet_receiver(struct room *room)
{
	ssize_t n = finish(&room->peer);

	room->has_peer = false;
	return arrived_whole(room, n);
}

FIXTURE_VARIANT_ADD(nth, write_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_write,
		.done = done_write,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, write_short_again)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_used_message,
		.operate = operate_write,
		.done = done_write,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, write_longest_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 128,
		.operate = operate_write,
		.done = done_write,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, write_shortest_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 129,
		.operate = operate_write,
		.done = done_write,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, write_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.operate = operate_write,
		.done = done_write,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, write_vast)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = VAST,
		.operate = operate_write,
		.done = done_write,
		.least = 5,
	},
};

FIXTURE_VARIANT_ADD(nth, writev_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 64,
		.operate = operate_writev,
		.done = done_write,
		.least = 10,
	},
};

FIXTURE_VARIANT_ADD(nth, writev_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.operate = operate_writev,
		.done = done_write,
		.least = 10,
	},
};

FIXTURE_VARIANT_ADD(nth, write_to_full)
{
	.row = {
		.has_channel = true,
		.cap = 1,
		.setup = setup_full,
		.operate = operate_write,
		.done = done_write_to_full,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, write_short_to_receiver)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_receiver,
		.operate = operate_write,
		.done = done_meet_receiver,
		.least = 2,
	},
};

FIXTURE_VARIANT_ADD(nth, write_long_in_rendezvous)
{
	.row = {
		.has_channel = true,
		.len = 5000,
		.setup = setup_receiver,
		.operate = operate_write,
		.done = done_meet_receiver,
		.least = 3,
	},
};

/* Receiving ------------------------------------------------------------- */

static int operate_readv(struct room *room)
{
	struct iovec vec[PARTS];
	ssize_t n = readv(room->admin,
			  vector_of(vec, room->in, len_of(room->row)), PARTS);

	return n < 0 ? -errno : n;
}

static int done_read_from_peer(struct room *room)
{
	CHECK_EQ(len_of(room->row), finish(&room->peer));
	room->has_peer = false;
	return done_read(room);
}

FIXTURE_VARIANT_ADD(nth, read_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_message,
		.operate = operate_read,
		.done = done_read,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, read_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.setup = setup_message,
		.operate = operate_read,
		.done = done_read,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, readv_short)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 64,
		.setup = setup_message,
		.operate = operate_readv,
		.done = done_read,
		.least = 10,
	},
};

FIXTURE_VARIANT_ADD(nth, readv_long)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.len = 60000,
		.setup = setup_message,
		.operate = operate_readv,
		.done = done_read,
		.least = 10,
	},
};

FIXTURE_VARIANT_ADD(nth, read_from_empty)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_sender,
		.operate = operate_read,
		.done = done_read_from_peer,
		.undone = undone_read_from_empty,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, read_in_rendezvous)
{
	.row = {
		.has_channel = true,
		.setup = setup_waiting_sender,
		.operate = operate_read,
		.done = done_read_from_peer,
		.least = 1,
	},
};

/* Waiting for events ---------------------------------------------------- */

static int poll_many(int fd, int nr, int timeout)
{
	struct pollfd fds[MANY];

	for (int i = 0; i < nr; i++)
		fds[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	nr = poll(fds, nr, timeout);
	return nr < 0 ? -errno : nr;
}

static int operate_poll(struct room *room)
{
	return poll_many(room->admin, 1, 1);
}

static int operate_poll_many(struct room *room)
{
	return poll_many(room->admin, MANY, 1);
}

static int done_poll(struct room *room)
{
	CHECK_EQ(0, put(room->admin, 7));
	CHECK_EQ(MANY, poll_many(room->admin, MANY, 0));
	CHECK_EQ(7, take(room->admin));
	return 0;
}

static int setup_epoll(struct room *room)
{
	room->end = epoll_create1(EPOLL_CLOEXEC);
	return room->end < 0 ? -errno : 0;
}

static int operate_epoll(struct room *room)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	return epoll_ctl(room->end, EPOLL_CTL_ADD, room->admin, &event) ?
		       -errno :
		       0;
}

static int done_epoll(struct room *room)
{
	struct epoll_event event;

	CHECK_EQ(0, epoll_wait(room->end, &event, 1, 0));
	CHECK_EQ(0, put(room->admin, 7));
	CHECK_EQ(1, epoll_wait(room->end, &event, 1, BUDGET * 1000));
	CHECK_EQ(EPOLLIN, event.events);
	return 0;
}

FIXTURE_VARIANT_ADD(nth, poll)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_poll,
		.done = done_poll,
		.least = 1,
	},
};

FIXTURE_VARIANT_ADD(nth, poll_many)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.operate = operate_poll_many,
		.done = done_poll,
		.least = 3,
	},
};

FIXTURE_VARIANT_ADD(nth, epoll)
{
	.row = {
		.has_channel = true,
		.cap = 16,
		.setup = setup_epoll,
		.operate = operate_epoll,
		.done = done_epoll,
		.least = 3,
	},
};

TEST_HARNESS_MAIN
