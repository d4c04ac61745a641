// SPDX-License-Identifier: GPL-2.0-only
/*
 * settle.c - saying how a duty ends
 *
 * Owns the holder's course: copy the reply, tell, lock, settle, unlock. What a
 * settlement means is duty.c's. It never waits.
 */
#include "compat.h"
#include "duty.h"
#include "message.h"
#include "settle.h"
#include "supply.h"
#include "wait.h"

/* What takes time to copy is not copied in vain. */
static int check_long_reply(struct chan_endpoint *endpoint,
			    const struct chan_op *op)
{
	int err;

	if (op->len <= CHAN_MESSAGE_INLINE)
		return 0;
	spin_lock(&endpoint->channel->lock);
	err = chan_duty_check(endpoint, op->id, op->verdict, op->len);
	spin_unlock(&endpoint->channel->lock);
	return err;
}

static int make_reply(struct chan_endpoint *endpoint, const struct chan_op *op,
		      struct chan_settlement *settlement)
{
	const struct chan_payload from = {
		.address = u64_to_user_ptr(op->buf),
		.len = op->len,
	};
	int err;

	err = check_long_reply(endpoint, op);
	/* Nobody wants the reply; the settlement itself will say so, once. */
	if (err == -ECANCELED)
		return 0;
	if (err)
		return err;
	settlement->reply = chan_supply_take(endpoint, from.len);
	if (!settlement->reply)
		return -ENOMEM;
	settlement->reply_err = chan_message_copy_in(settlement->reply, &from);
	return 0;
}

static int settle(struct chan_endpoint *endpoint,
		  const struct chan_settlement *settlement)
{
	struct chan_channel *channel = endpoint->channel;
	struct chan_message *over;
	int err;

	spin_lock(&channel->lock);
	err = chan_duty_settle(endpoint, settlement, &over);
	over = chan_supply_reclaim(channel, over);
	chan_supply_refill(endpoint);
	chan_wait_unlock(channel);
	if (over)
		chan_message_destroy(over);
	if (err)
		chan_supply_give(endpoint, settlement->reply);
	return err;
}

int chan_settle_op(struct chan_endpoint *endpoint, struct chan_call *call)
{
	struct chan_op *op = &call->op;
	struct chan_settlement settlement = {
		.token = op->id,
		.verdict = op->verdict,
		.error = op->error,
	};
	int err;

	if (op->verdict == CHAN_REPLY) {
		err = make_reply(endpoint, op, &settlement);
		if (err)
			return err;
	}
	op->result = 0;
	err = chan_op_tell(call, op);
	if (err) {
		chan_supply_give(endpoint, settlement.reply);
		return err;
	}
	err = settle(endpoint, &settlement);
	call->told = !err;
	return err;
}
