// SPDX-License-Identifier: GPL-2.0-only
/*
 * op.c - operations: what every door calls
 *
 * Owns the course of an operation: copy, lock, step, unlock, wake, sleep. The
 * steps themselves are flow.c's. Payloads are copied while no lock is held, so
 * a page that does not come stops nobody but its owner.
 */
#include <linux/cleanup.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "flow.h"
#include "op.h"

static int check_length(const struct chan_attributes *attr, size_t len)
{
	if (len > attr->msg_max)
		return -EMSGSIZE;
	if (attr->flags & CHAN_FIXED && len != attr->msg_max)
		return -EMSGSIZE;
	return 0;
}

static struct chan_message *take_message(struct chan_endpoint *endpoint,
					 u32 len)
{
	struct chan_message *message;

	if (len <= CHAN_MESSAGE_INLINE) {
		message = xchg(&endpoint->spare, NULL);
		if (message) {
			chan_message_renew(message, len);
			return message;
		}
	}
	return chan_message_create(len);
}

/* Everyone who fills @spare holds the lock; everyone else only empties it. */
static void refill_spare(struct chan_endpoint *endpoint)
{
	lockdep_assert_held(&endpoint->channel->lock);
	if (!READ_ONCE(endpoint->spare))
		WRITE_ONCE(endpoint->spare,
			   chan_pool_take(&endpoint->channel->pool));
}

/* Called with the lock held: the sender gives up what nobody has received. */
static int withdraw(struct chan_channel *channel, struct chan_message *message)
{
	bool mine;

	lockdep_assert_held(&channel->lock);
	mine = chan_flow_withdraw(channel, message);
	chan_wait_unlock(channel);
	if (mine)
		chan_message_destroy(message);
	return -ERESTARTSYS;
}

/* Success wins over a signal that comes at the same time. */
static int await_sent(struct chan_channel *channel, struct chan_waiter *waiter,
		      struct chan_message *message)
{
	if (chan_wait_sleep(waiter)) {
		spin_lock(&channel->lock);
		if (!waiter->decided)
			return withdraw(channel, message);
		spin_unlock(&channel->lock);
		chan_wait_settle(waiter);
	}
	if (waiter->result)
		chan_message_destroy(message);
	return waiter->result;
}

/* Called with the lock held, after an offer that had to wait. */
static noinline int send_in_line(struct chan_channel *channel,
				 struct chan_message *message)
{
	struct chan_waiter waiter;

	lockdep_assert_held(&channel->lock);
	chan_wait_init(&waiter);
	message->sender = &waiter;
	chan_flow_line_up(channel, message);
	chan_wait_unlock(channel);
	return await_sent(channel, &waiter, message);
}

/* With cap 0 even a message that meets its receiver waits for the copying. */
static noinline int send_rendezvous(struct chan_channel *channel,
				    struct chan_message *message, bool nowait)
{
	struct chan_waiter waiter;
	int err;

	chan_wait_init(&waiter);
	message->sender = &waiter;
	message->nowait = nowait;
	spin_lock(&channel->lock);
	err = chan_flow_offer(channel, message);
	if (err == -EAGAIN && !nowait) {
		chan_flow_line_up(channel, message);
		err = 0;
	}
	chan_wait_unlock(channel);
	if (err) {
		chan_message_destroy(message);
		return err;
	}
	return await_sent(channel, &waiter, message);
}

static int send_queued(struct chan_endpoint *endpoint,
		       struct chan_message *message, bool nowait)
{
	struct chan_channel *channel = endpoint->channel;
	int err;

	spin_lock(&channel->lock);
	err = chan_flow_offer(channel, message);
	refill_spare(endpoint);
	if (err == -EAGAIN && !nowait)
		return send_in_line(channel, message);
	chan_wait_unlock(channel);
	if (err)
		chan_message_destroy(message);
	return err;
}

int chan_op_send(struct chan_endpoint *endpoint,
		 const struct chan_payload *from, bool nowait)
{
	struct chan_message *message;
	int err;

	err = check_length(&endpoint->channel->attr, from->len);
	if (err)
		return err;
	message = take_message(endpoint, from->len);
	if (!message)
		return -ENOMEM;
	err = chan_message_copy_in(message, from);
	if (err) {
		chan_message_destroy(message);
		return err;
	}
	if (!endpoint->channel->attr.cap)
		return send_rendezvous(endpoint->channel, message, nowait);
	return send_queued(endpoint, message, nowait);
}

/* What was handed over in the same moment as the signal is not lost. */
static struct chan_message *await_message(struct chan_channel *channel,
					  struct chan_waiter *waiter)
{
	if (chan_wait_sleep(waiter)) {
		spin_lock(&channel->lock);
		if (!waiter->decided) {
			chan_flow_leave(channel, waiter);
			spin_unlock(&channel->lock);
			return ERR_PTR(-ERESTARTSYS);
		}
		spin_unlock(&channel->lock);
		chan_wait_settle(waiter);
	}
	return waiter->result ? ERR_PTR(waiter->result) : waiter->message;
}

/* Called with the lock held, after a claim that found nothing. */
static noinline struct chan_message *claim_in_turn(struct chan_channel *channel,
						   size_t room)
{
	struct chan_waiter waiter;

	lockdep_assert_held(&channel->lock);
	chan_wait_init(&waiter);
	waiter.room = room;
	chan_flow_await(channel, &waiter);
	chan_wait_unlock(channel);
	return await_message(channel, &waiter);
}

static struct chan_message *claim_message(struct chan_channel *channel,
					  size_t room, bool nowait)
{
	struct chan_message *message;

	spin_lock(&channel->lock);
	message = chan_flow_claim(channel, room);
	if (message == ERR_PTR(-EAGAIN) && !nowait)
		return claim_in_turn(channel, room);
	spin_unlock(&channel->lock);
	return message;
}

/* 0: received; -ECANCELED: its sender took it back, there may be another. */
static int finish_receipt(struct chan_channel *channel,
			  struct chan_message *message, int err)
{
	bool mine = true;

	spin_lock(&channel->lock);
	if (err)
		mine = !chan_flow_return(channel, message);
	else if (!chan_flow_receive(channel, message))
		err = -ECANCELED;
	if (mine && chan_pool_give(&channel->pool, message))
		mine = false;
	chan_wait_unlock(channel);
	if (mine)
		chan_message_destroy(message);
	return err;
}

static int copy_to_receiver(const struct chan_message *message,
			    const struct chan_payload *to)
{
	/* Nobody will ever see what a dying task receives. */
	if (fatal_signal_pending(current))
		return -EINTR;
	return chan_message_copy_out(message, to);
}

ssize_t chan_op_receive(struct chan_endpoint *endpoint,
			const struct chan_payload *to, bool nowait)
{
	struct chan_channel *channel = endpoint->channel;
	struct chan_message *message;
	size_t len;
	int err;

	for (;;) {
		message = claim_message(channel, to->len, nowait);
		if (IS_ERR(message))
			return PTR_ERR(message);
		len = message->len;
		err = copy_to_receiver(message, to);
		err = finish_receipt(channel, message, err);
		if (err != -ECANCELED)
			return err ?: len;
	}
}
