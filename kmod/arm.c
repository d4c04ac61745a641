// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm.c - one of the operations that a select chooses from
 *
 * Owns the course of an arm, which is that of an operation alone in pieces:
 * what may fault, then what needs the lock, then what comes of it. Which arm is
 * chosen, and when the locks are taken, is select.c's.
 */
#include "arm.h"
#include "compat.h"
#include "flow.h"
#include "leave.h"
#include "send.h"
#include "supply.h"

static int prepare_send(struct chan_arm *arm)
{
	struct chan_message *message;

	message = chan_send_prepare(arm->endpoint, &arm->call);
	if (IS_ERR(message))
		return PTR_ERR(message);
	arm->message = message;
	return 0;
}

int chan_arm_prepare(struct chan_arm *arm, struct chan_choice *choice)
{
	chan_wait_init(&arm->waiter);
	arm->waiter.choice = choice;
	if (chan_arm_sends(arm))
		return prepare_send(arm);
	return chan_receive_prepare(&arm->receiving, &arm->to, arm->endpoint,
				    &arm->call);
}

/* With cap 0 its receiver has to copy it before it is sent. */
static bool is_copied(const struct chan_arm *arm)
{
	return arm->message->terms.until == CHAN_UNTIL_RECEIVED;
}

static int try_send(struct chan_arm *arm)
{
	struct chan_message *message = arm->message;
	int err;

	if (message->state == CHAN_MESSAGE_WITHDRAWN)
		chan_message_move(message, CHAN_MESSAGE_NEW);
	message->sender = is_copied(arm) ? &arm->waiter : NULL;
	err = chan_flow_offer(arm->endpoint->channel, message);
	if (!err)
		chan_send_grant_try(message, &arm->call.deadline);
	arm->waiter.message = err ? message : NULL;
	return err;
}

bool chan_arm_try(struct chan_arm *arm)
{
	struct chan_waiter *waiter = &arm->waiter;
	int err;

	lockdep_assert_held(&arm->endpoint->channel->lock);
	waiter->choice->chosen = waiter;
	err = chan_arm_sends(arm) ? try_send(arm) :
				    chan_receive_try(&arm->receiving, waiter);
	if (err == -EAGAIN) {
		waiter->choice->chosen = NULL;
		return false;
	}
	if (err || !chan_arm_sends(arm) || !is_copied(arm)) {
		waiter->result = err;
		waiter->decided = true;
		waiter->done = true;
	}
	return true;
}

void chan_arm_park(struct chan_arm *arm)
{
	struct chan_channel *channel = arm->endpoint->channel;

	if (chan_arm_sends(arm)) {
		arm->message->sender = &arm->waiter;
		chan_flow_line_up(channel, arm->message);
		return;
	}
	chan_receive_park(&arm->receiving, &arm->waiter);
}

void chan_arm_part(struct chan_arm *arm)
{
	struct chan_channel *channel = arm->endpoint->channel;
	struct chan_message *back;

	spin_lock(&channel->lock);
	if (arm->waiter.parked)
		chan_flow_leave(channel, &arm->waiter);
	if (chan_arm_sends(arm) && arm->message->state == CHAN_MESSAGE_WAITING)
		chan_leave_message(channel, arm->message, &back);
	else if (chan_arm_sends(arm))
		/* Whoever took it out has not looked at those behind it. */
		chan_flow_balance(channel);
	chan_wait_unlock(channel);
}

int chan_arm_await(struct chan_arm *arm)
{
	struct chan_channel *channel = arm->endpoint->channel;
	int err;

	err = chan_wait_for_arm(channel, &arm->waiter, arm->call.deadline);
	if (!err || err == -EAGAIN)
		return err;
	/* If a receiver is copying it, that one will free it. */
	chan_leave_message(channel, arm->message, &arm->message);
	chan_wait_unlock(channel);
	return err;
}

bool chan_arm_take_back(struct chan_arm *arm)
{
	bool is_back = arm->waiter.back;

	/* Once it is decided, there is only that to be waited for. */
	arm->waiter.back = false;
	if (!is_back || arm->waiter.decided)
		return false;
	chan_leave_message(arm->endpoint->channel, arm->message, &arm->message);
	return true;
}

static int conclude_send(struct chan_arm *arm)
{
	/* NULL: it was sent, or a receiver that was copying it will free it. */
	arm->message = arm->waiter.message;
	if (arm->waiter.result)
		chan_send_retract(&arm->call, CHAN_STATE_WITHDRAWN);
	return arm->waiter.result;
}

static int conclude_receive(const struct chan_arm *arm)
{
	int len = chan_receive_conclude(&arm->receiving, &arm->waiter);

	/* Its sender took it back, but there may be another. */
	return len == -ECANCELED && !arm->waiter.result ? -EAGAIN : len;
}

int chan_arm_conclude(struct chan_arm *arm)
{
	return chan_arm_sends(arm) ? conclude_send(arm) : conclude_receive(arm);
}

void chan_arm_discard(struct chan_arm *arm)
{
	if (chan_arm_sends(arm))
		chan_supply_give(arm->endpoint, arm->message);
	else
		chan_receive_discard(&arm->receiving);
	arm->message = NULL;
}
