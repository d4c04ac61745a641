/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rw.h - the door of read, write and poll
 */
#ifndef CHAN_RW_H
#define CHAN_RW_H

#include <linux/fs.h>
#include <linux/poll.h>

/**
 * chan_rw_read() - receive one message, as a pipe would be read
 * @file: of an endpoint
 * @buffer: where it goes
 * @len: how long a message fits there
 * @pos: unused, there is no position
 *
 * Return: its length; 0 at the end; a negative errno.
 */
ssize_t chan_rw_read(struct file *file, char __user *buffer, size_t len,
		     loff_t *pos);

/**
 * chan_rw_write() - send one message
 * @file: of an endpoint
 * @buffer: all of it
 * @len: its length; nothing to send is no message
 * @pos: unused, there is no position
 *
 * Return: its length or a negative errno.
 */
ssize_t chan_rw_write(struct file *file, const char __user *buffer, size_t len,
		      loff_t *pos);

/**
 * chan_rw_read_iter() - the same for readv, preadv2 and io_uring
 * @iocb: of an endpoint's file
 * @to: where it goes
 *
 * Return: as chan_rw_read().
 */
ssize_t chan_rw_read_iter(struct kiocb *iocb, struct iov_iter *to);

/**
 * chan_rw_write_iter() - the same for writev, pwritev2 and io_uring
 * @iocb: of an endpoint's file
 * @from: all of it, one message
 *
 * Return: as chan_rw_write().
 */
ssize_t chan_rw_write_iter(struct kiocb *iocb, struct iov_iter *from);

/**
 * chan_rw_poll() - what could be done now?
 * @file: of an endpoint
 * @wait: of poll, select, epoll or io_uring
 *
 * Return: EPOLL* of the sides that the endpoint has a right to.
 */
__poll_t chan_rw_poll(struct file *file, struct poll_table_struct *wait);

#endif /* CHAN_RW_H */
