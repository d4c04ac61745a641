// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two processes that pass messages, and the time that takes. The one who measures has
 * a child for each measurement, which ends when it has hung up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chanctl.h"
#include "ways.h"

#define CAP    1024 /* a pipe holds as many messages of 64 bytes */
#define ROUNDS 8 /* between two looks at the clock */

/* By descriptors ------------------------------------------------------------ */

/* The first byte of a message says whether it is to be sent back. */
enum { KEEP, ANSWER };

static int open_pipes(struct ends *ends)
{
	return pipe2(ends->there, O_CLOEXEC) || pipe2(ends->back, O_CLOEXEC) ?
		       -errno :
		       0;
}

static int open_sockets(struct ends *ends)
{
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC;

	return socketpair(AF_UNIX, type, 0, ends->there) ||
			       socketpair(AF_UNIX, type, 0, ends->back) ?
		       -errno :
		       0;
}

static int put(int fd, const struct bytes *message)
{
	ssize_t n;

	for (size_t done = 0; done < message->len; done += n) {
		n = write(fd, message->data + done, message->len - done);
		if (n < 0)
			return -errno;
	}
	return 0;
}

/* The end of what there is to read is an error like any other. */
static int get(int fd, struct bytes *message)
{
	ssize_t n;

	for (size_t done = 0; done < message->len; done += n) {
		n = read(fd, message->data + done, message->len - done);
		if (n <= 0)
			return n ? -errno : -ESHUTDOWN;
	}
	return 0;
}

static int keep(const struct ends *ends, struct bytes *message)
{
	message->data[0] = KEEP;
	return put(ends->there[1], message);
}

static int exchange(const struct ends *ends, struct bytes *message)
{
	int ret;

	message->data[0] = ANSWER;
	ret = put(ends->there[1], message);
	return ret ? ret : get(ends->back[0], message);
}

static int answer(const struct ends *ends, struct bytes *message)
{
	int ret;

	do {
		ret = get(ends->there[0], message);
		if (!ret && message->data[0] == ANSWER)
			ret = put(ends->back[1], message);
	} while (!ret);
	return ret;
}

/* By the styles of channels --------------------------------------------------- */

static int open_channel_pair(struct ends *ends)
{
	return chan_pair(ends->there, CAP, 0);
}

static int send_queued(const struct ends *ends, struct bytes *message)
{
	return chan_send(ends->there[1], message->data, message->len, 0);
}

static int send_work(const struct ends *ends, struct bytes *message)
{
	return chan_send_work(ends->there[1], message->data, message->len, 0);
}

static int send_received(const struct ends *ends, struct bytes *message)
{
	return chan_send_until(ends->there[1], message->data, message->len,
			       CHAN_UNTIL_RECEIVED, NULL, 0);
}

static int send_acknowledged(const struct ends *ends, struct bytes *message)
{
	return chan_send_until(ends->there[1], message->data, message->len,
			       CHAN_UNTIL_SETTLED, NULL, 0);
}

static int call(const struct ends *ends, struct bytes *message)
{
	int ret = chan_call(ends->there[1], message->data, message->len,
			    message->data, message->len, NULL, 0);

	return ret < 0 ? ret : 0;
}

static int settle(const struct ends *ends, struct bytes *message)
{
	int fd = ends->there[0], ret;
	struct chan_op op;

	do {
		ret = chan_recv(fd, message->data, message->len, &op, 0);
		if (ret >= 0 && op.duty == CHAN_DUTY_ACK)
			ret = chan_ack(fd, op.id);
		else if (ret >= 0 && op.duty == CHAN_DUTY_REPLY)
			ret = chan_reply(fd, op.id, message->data,
					 message->len);
	} while (ret >= 0);
	return ret;
}

/* clang-format off */

const struct way ways[NR_WAYS] = {
	{ "round trip", "pipe", open_pipes, answer, exchange, NULL },
	{ "round trip", "seqpacket", open_sockets, answer, exchange, NULL },
	{ "round trip", "chan, received", open_channel_pair, settle, send_received, NULL },
	{ "round trip", "chan, acknowledged", open_channel_pair, settle, send_acknowledged, NULL },
	{ "round trip", "chan, call", open_channel_pair, settle, call, NULL },
	{ "stream", "pipe", open_pipes, answer, keep, exchange },
	{ "stream", "seqpacket", open_sockets, answer, keep, exchange },
	{ "stream", "chan, queued", open_channel_pair, settle, send_queued, send_acknowledged },
	{ "stream", "chan, work", open_channel_pair, settle, send_work, send_acknowledged },
};

/* clang-format on */

/* The measurement ------------------------------------------------------------- */

static void close_all(int one, int other)
{
	close(one);
	close(other);
}

/* The other process keeps no end of this one, so it knows when that has hung up. */
static pid_t start_other(const struct way *way, const struct ends *ends,
			 struct bytes *message)
{
	pid_t pid = fork();

	if (!pid) {
		close_all(ends->there[1], ends->back[0]);
		way->serve(ends, message);
		_exit(EXIT_SUCCESS);
	}
	close_all(ends->there[0], ends->back[1]);
	return pid;
}

static int finish(const struct way *way, const struct ends *ends,
		  struct bytes *message)
{
	return way->finish ? way->finish(ends, message) : 0;
}

static double time_rounds(const struct way *way, const struct ends *ends,
			  struct bytes *message, uint64_t ns)
{
	uint64_t begun = chan_in_ns(0), rounds = 0;
	int ret = 0;

	do {
		for (int i = 0; !ret && i < ROUNDS; i++)
			ret = way->round(ends, message);
		rounds += ROUNDS;
	} while (!ret && chan_in_ns(0) - begun < ns);
	if (!ret)
		ret = finish(way, ends, message);
	return ret ? ret : (double)(chan_in_ns(0) - begun) / rounds;
}

double way_measure(const struct way *way, size_t size, uint64_t ns)
{
	struct ends ends = { { -1, -1 }, { -1, -1 } };
	struct bytes message = bytes_room(size);
	double result = way->open(&ends);
	pid_t pid = -1;

	memset(message.data, 0, size);
	if (!result) {
		pid = start_other(way, &ends, &message);
		result = pid < 0 ? -errno :
				   time_rounds(way, &ends, &message, ns);
	} else {
		close_all(ends.there[0], ends.back[1]);
	}
	close_all(ends.there[1], ends.back[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	free(message.data);
	return result;
}
