/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uring.h - the io_uring door
 */
#ifndef CHAN_URING_H
#define CHAN_URING_H

struct io_uring_cmd;

/**
 * chan_uring_cmd() - IORING_OP_URING_CMD on an endpoint
 * @cmd: the command; 16 bytes of it are the address of the record, and zero
 * @issue_flags: from io_uring
 *
 * Return: the result, or -EIOCBQUEUED: it will be posted.
 */
int chan_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

#endif /* CHAN_URING_H */
