/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * duty.h - what receivers owe, and how that ends
 *
 * Every function here needs the lock of the channel.
 */
#ifndef CHAN_DUTY_H
#define CHAN_DUTY_H

#include "channel.h"
#include "endpoint.h"
#include "message.h"

/**
 * struct chan_settlement - what a holder has to say
 * @token: of the duty
 * @verdict: CHAN_ACK and the others
 * @error: with CHAN_REJECT
 * @reply: with CHAN_REPLY, NEW; given away if that succeeds
 * @reply_err: with CHAN_REPLY: why @reply is not what was to be said, or 0
 */
struct chan_settlement {
	u64 token;
	u8 verdict;
	u32 error;
	struct chan_message *reply;
	int reply_err;
};

/**
 * chan_duty_open() - an endpoint owes the duty of a message
 * @holder: which
 * @message: RECEIVED just now
 */
void chan_duty_open(struct chan_endpoint *holder, struct chan_message *message);

/**
 * chan_duty_forget_one() - what an endpoint owes will not come back
 * @holder: which; one message less may come back from it
 */
static inline void chan_duty_forget_one(struct chan_endpoint *holder)
{
	if (!--holder->returnable)
		holder->channel->holders--;
}

/**
 * chan_duty_check() - could it be settled so?
 * @holder: endpoint that says so
 * @token: of the duty
 * @verdict: CHAN_ACK and the others
 * @reply_len: of the reply
 *
 * Return: 0; -ESTALE, -EINVAL, -EMSGSIZE or, abandoned, -ECANCELED.
 */
int chan_duty_check(struct chan_endpoint *holder, u64 token, u8 verdict,
		    u64 reply_len);

/**
 * chan_duty_settle() - a holder fulfils its duty or gives it back
 * @holder: which
 * @settlement: what it says
 * @over: result: a message that is the caller's to free, or NULL
 *
 * Return: as chan_duty_check(), or @settlement->reply_err; without effect, but
 * -ECANCELED, which closes the duty.
 */
int chan_duty_settle(struct chan_endpoint *holder,
		     const struct chan_settlement *settlement,
		     struct chan_message **over);

/**
 * chan_duty_bequeath() - the holder dies
 * @holder: which, not counted as a receiver any more
 * @over: gets the messages that are the caller's to free
 */
void chan_duty_bequeath(struct chan_endpoint *holder, struct list_head *over);

#endif /* CHAN_DUTY_H */
