// SPDX-License-Identifier: GPL-2.0-only
/*
 * rw.c - the door of read, write and poll
 *
 * Translates what any program may do to a descriptor into operations, and
 * their outcomes into what a pipe would say. It decides nothing about
 * messages.
 */
#include <linux/cleanup.h>
#include <linux/uio.h>

#include "compat.h"
#include "endpoint.h"
#include "flow.h"
#include "receive.h"
#include "rw.h"
#include "send.h"

static ssize_t receive(struct chan_endpoint *endpoint,
		       const struct chan_payload *to, bool nowait)
{
	ssize_t len;

	if (!to->len)
		return 0;
	len = chan_receive(endpoint, to, nowait);
	if (likely(len > 0))
		return len;
	if (len == -ESHUTDOWN)
		return 0;
	/* A length of 0 would say "the end". */
	return len ?: -EBADMSG;
}

static ssize_t send(struct chan_endpoint *endpoint,
		    const struct chan_payload *from, bool nowait)
{
	int err;

	if (!from->len)
		return 0;
	err = chan_send(endpoint, from, nowait);
	return err ?: from->len;
}

ssize_t chan_rw_read(struct file *file, char __user *buffer, size_t len,
		     loff_t *pos)
{
	const struct chan_payload to = { .address = buffer, .len = len };

	return receive(file->private_data, &to, file->f_flags & O_NONBLOCK);
}

ssize_t chan_rw_write(struct file *file, const char __user *buffer, size_t len,
		      loff_t *pos)
{
	const struct chan_payload from = {
		.address = (char __user *)buffer,
		.len = len,
	};

	return send(file->private_data, &from, file->f_flags & O_NONBLOCK);
}

static bool is_nowait(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT ||
	       iocb->ki_filp->f_flags & O_NONBLOCK;
}

ssize_t chan_rw_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	const struct chan_payload payload = {
		.iter = to,
		.len = iov_iter_count(to),
	};

	return receive(iocb->ki_filp->private_data, &payload, is_nowait(iocb));
}

ssize_t chan_rw_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	const struct chan_payload payload = {
		.iter = from,
		.len = iov_iter_count(from),
	};

	return send(iocb->ki_filp->private_data, &payload, is_nowait(iocb));
}

static __poll_t poll_receiving(struct chan_channel *channel,
			       const struct chan_endpoint *endpoint)
{
	__poll_t mask = 0;

	if (chan_flow_can_receive(channel, endpoint))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (channel->closing)
		mask |= EPOLLHUP;
	return mask;
}

static __poll_t poll_sending(struct chan_channel *channel)
{
	if (chan_channel_refuses(channel))
		return EPOLLOUT | EPOLLWRNORM | EPOLLERR;
	return chan_flow_can_send(channel) ? EPOLLOUT | EPOLLWRNORM : 0;
}

__poll_t chan_rw_poll(struct file *file, struct poll_table_struct *wait)
{
	struct chan_endpoint *endpoint = file->private_data;
	struct chan_channel *channel = endpoint->channel;
	bool receives = chan_endpoint_has(endpoint, CHAN_RIGHT_RECV);
	bool sends = chan_endpoint_has(endpoint, CHAN_RIGHT_SEND);
	__poll_t mask = 0;

	/* chan_poll: first into the wait queues, then look. */
	if (receives)
		poll_wait(file, &channel->readable, wait);
	if (sends)
		poll_wait(file, &channel->writable, wait);
	guard(spinlock)(&channel->lock);
	if (receives)
		mask |= poll_receiving(channel, endpoint);
	if (sends)
		mask |= poll_sending(channel);
	return mask;
}
