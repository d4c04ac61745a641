// SPDX-License-Identifier: GPL-2.0-only
/*
 * duty.c - what receivers owe, and how that ends
 *
 * Owns the duties of an endpoint: a tree of messages by token, for a holder may
 * have many and settles them in any order. What becomes of a message that
 * comes back is flow.c's, what its sender is told outcome.c's.
 */
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/rbtree.h>

#include "compat.h"
#include "duty.h"
#include "flow.h"
#include "outcome.h"

static struct chan_message *owed_entry(const struct rb_node *node)
{
	return rb_entry(node, struct chan_message, owed);
}

static bool is_before(struct rb_node *node, const struct rb_node *other)
{
	return owed_entry(node)->token < owed_entry(other)->token;
}

static int compare_token(const void *token, const struct rb_node *node)
{
	const u64 wanted = *(const u64 *)token;
	const u64 found = owed_entry(node)->token;

	return wanted < found ? -1 : wanted > found;
}

void chan_duty_open(struct chan_endpoint *holder, struct chan_message *message)
{
	lockdep_assert_held(&holder->channel->lock);
	message->holder = holder;
	rb_add_cached(&message->owed, &holder->owed, is_before);
	if (!holder->returnable++)
		holder->channel->holders++;
}

/* An abandoned one is not counted as returnable any more. */
static void close_duty(struct chan_message *message)
{
	struct chan_endpoint *holder = message->holder;

	rb_erase_cached(&message->owed, &holder->owed);
	if (message->state != CHAN_MESSAGE_ABANDONED)
		chan_duty_forget_one(holder);
}

static bool fits(u8 duty, u8 verdict)
{
	switch (verdict) {
	case CHAN_ACK:
		return duty == CHAN_DUTY_ACK;
	case CHAN_REPLY:
		return duty == CHAN_DUTY_REPLY;
	default:
		return true;
	}
}

static struct chan_message *find(struct chan_endpoint *holder, u64 token)
{
	struct rb_node *node;

	node = rb_find(&token, &holder->owed.rb_root, compare_token);
	return node ? owed_entry(node) : NULL;
}

static int check(const struct chan_message *message, u8 verdict, u64 reply_len)
{
	if (!message)
		return -ESTALE;
	if (message->state == CHAN_MESSAGE_ABANDONED)
		return -ECANCELED;
	if (!fits(message->terms.duty, verdict))
		return -EINVAL;
	if (verdict == CHAN_REPLY &&
	    reply_len > min_t(u64, message->answer.len, CHAN_MSG_MAX))
		return -EMSGSIZE;
	return 0;
}

int chan_duty_check(struct chan_endpoint *holder, u64 token, u8 verdict,
		    u64 reply_len)
{
	lockdep_assert_held(&holder->channel->lock);
	return check(find(holder, token), verdict, reply_len);
}

/* The caller has left, and its message goes with the duty. */
static struct chan_message *bury(struct chan_channel *channel,
				 struct chan_message *message)
{
	close_duty(message);
	chan_flow_close(channel, message);
	chan_outcome_unstamp(channel, message);
	return message;
}

static struct chan_message *end_duty(struct chan_channel *channel,
				     struct chan_message *message,
				     const struct chan_settlement *settlement)
{
	close_duty(message);
	if (settlement->verdict == CHAN_RETURN)
		return chan_flow_come_back(channel, message);
	chan_flow_close(channel, message);
	channel->settled++;
	return chan_outcome_conclude(channel, message, settlement->verdict,
				     settlement->error, settlement->reply);
}

int chan_duty_settle(struct chan_endpoint *holder,
		     const struct chan_settlement *settlement,
		     struct chan_message **over)
{
	struct chan_message *message = find(holder, settlement->token);
	struct chan_channel *channel = holder->channel;
	const struct chan_message *reply = settlement->reply;
	int err;

	lockdep_assert_held(&channel->lock);
	*over = NULL;
	err = check(message, settlement->verdict, reply ? reply->len : 0);
	if (!err)
		err = settlement->reply_err;
	if (!err)
		*over = end_duty(channel, message, settlement);
	else if (err == -ECANCELED)
		*over = bury(channel, message);
	else
		return err;
	chan_flow_balance(channel);
	return err;
}

static struct chan_message *lose_holder(struct chan_channel *channel,
					struct chan_message *message)
{
	if (message->state == CHAN_MESSAGE_ABANDONED)
		return bury(channel, message);
	close_duty(message);
	if (message->terms.on_death == CHAN_ON_DEATH_FAIL)
		return chan_flow_give_up(channel, message);
	return chan_flow_come_back(channel, message);
}

/*
 * The last received first: each that comes back is put in front, and so they
 * end up in their old order.
 */
void chan_duty_bequeath(struct chan_endpoint *holder, struct list_head *over)
{
	struct chan_channel *channel = holder->channel;
	const unsigned int used = chan_channel_used(channel);
	struct chan_message *message;
	struct rb_node *node;

	lockdep_assert_held(&channel->lock);
	while ((node = rb_last(&holder->owed.rb_root))) {
		message = lose_holder(channel, owed_entry(node));
		if (message)
			list_add(&message->link, over);
	}
	chan_flow_note_freed(channel, used);
}
