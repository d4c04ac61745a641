/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * leave.h - senders and receivers that leave before the end
 *
 * Every function here needs the lock of the channel.
 */
#ifndef CHAN_LEAVE_H
#define CHAN_LEAVE_H

#include "endpoint.h"
#include "message.h"
#include "wait.h"

/**
 * chan_leave_message() - a sender gives up
 * @channel: where
 * @message: whose sender is not decided
 * @back: result: a message that is the caller's to free, or NULL
 *
 * Return: CHAN_STATE_*: what becomes of the message.
 */
u8 chan_leave_message(struct chan_channel *channel,
		      struct chan_message *message, struct chan_message **back);

/**
 * chan_leave_cancel_id() - end a send
 * @endpoint: it was sent by
 * @id: of the message
 * @over: gets the messages that are the caller's to free
 *
 * Return: 0, -ENOENT or -EALREADY.
 */
int chan_leave_cancel_id(struct chan_endpoint *endpoint, u64 id,
			 struct list_head *over);

/**
 * chan_leave_cancel_tag() - end all that was started with a tag
 * @endpoint: by which
 * @tag: not 0
 * @over: gets the messages that are the caller's to free
 *
 * Return: how many operations that were.
 */
int chan_leave_cancel_tag(struct chan_endpoint *endpoint, u64 tag,
			  struct list_head *over);

/**
 * chan_leave_for_ever() - the endpoint dies, and nobody will come back
 * @endpoint: no operation of it is under way
 * @over: gets the messages that are the caller's to free
 */
void chan_leave_for_ever(struct chan_endpoint *endpoint,
			 struct list_head *over);

#endif /* CHAN_LEAVE_H */
