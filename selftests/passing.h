/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptors that go from one process to another through a socket, one with
 * each message. It expects nothing of the module.
 */
#ifndef PASSING_H
#define PASSING_H

#include <sys/socket.h>

#include "chan_test.h"

union passing_control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int))];
};

/* 0, or why not. */
static inline int send_fd(int socket, int fd)
{
	union passing_control control = {
		.head = {
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int)),
		},
	};
	struct iovec vec = { "", 1 };
	struct msghdr msg = {
		.msg_iov = &vec,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -errno;
}

/* The descriptor, or -EIO. */
static inline int receive_fd(int socket)
{
	union passing_control control = {};
	char byte;
	struct iovec vec = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &vec,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) != 1 ||
	    !CMSG_FIRSTHDR(&msg))
		return -EIO;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

#endif /* PASSING_H */
