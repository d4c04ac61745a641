/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * arm.h - one of the operations that a select chooses from
 */
#ifndef CHAN_ARM_H
#define CHAN_ARM_H

#include "endpoint.h"
#include "message.h"
#include "op.h"
#include "receive.h"
#include "wait.h"

/**
 * struct chan_arm - a SEND, a RECV or a look that waits among others
 * @call: its record; of a SEND, told in advance
 * @endpoint: on which; held by the select
 * @receiving: of a RECV: what it takes
 * @to: of a RECV: where to
 * @message: of a SEND: what is to be sent; the arm's own, until it is chosen
 * @waiter: one of those of @waiter.choice
 * @wake: for its select, and perhaps not of its own channel: what there is to
 *	do once the locks are dropped
 *
 * Owned by its select. Others know @waiter from chan_arm_park() on, until it
 * is chosen and done, or chan_arm_part().
 */
struct chan_arm {
	struct chan_call call;
	struct chan_endpoint *endpoint;
	struct chan_receiving receiving;
	struct chan_payload to;
	struct chan_message *message;
	struct chan_waiter waiter;
	struct chan_wakeups wake;
};

/**
 * chan_arm_prepare() - do what may fault or allocate
 * @arm: with @call and @endpoint
 * @choice: of which it is part from now on
 *
 * Return: 0, or why it would fail.
 */
int chan_arm_prepare(struct chan_arm *arm, struct chan_choice *choice);

/**
 * chan_arm_try() - do it now, if that is possible
 * @arm: prepared; the locks of the channels of all arms held, none is parked
 *
 * Return: true if it is chosen: done or, with cap 0, being copied by a
 * receiver; or it has failed.
 */
bool chan_arm_try(struct chan_arm *arm);

/**
 * chan_arm_sends() - is it a SEND?
 * @arm: which
 *
 * Return: true if it is.
 */
static inline bool chan_arm_sends(const struct chan_arm *arm)
{
	return arm->call.op.code == CHAN_OP_SEND;
}

/**
 * chan_arm_park() - wait behind those who wait already
 * @arm: tried in vain; the locks of the channels of all arms held
 *
 * Those that send come first: what a sender offers is shown to all who wait for
 * a look, and a select does not meet itself.
 */
void chan_arm_park(struct chan_arm *arm);

/**
 * chan_arm_part() - wait no longer
 * @arm: prepared, perhaps parked, not chosen; takes the lock of its channel
 */
void chan_arm_part(struct chan_arm *arm);

/**
 * chan_arm_await() - wait until a chosen arm is decided, or leave it
 * @arm: chosen
 *
 * Return: 0; -ERESTARTSYS or -ETIMEDOUT: that came first, and it has no effect;
 * -EAGAIN: it waits again, at its place, and may be taken back.
 */
int chan_arm_await(struct chan_arm *arm);

/**
 * chan_arm_take_back() - make an arm that waits again one of several
 * @arm: chosen, and then waiting again; the locks of the channels of all arms
 *	held
 *
 * Return: true: it can be tried or parked, and keeps its place; false: it is
 * chosen once more, or decided.
 */
bool chan_arm_take_back(struct chan_arm *arm);

/**
 * chan_arm_conclude() - fetch what came of it
 * @arm: chosen and decided; no lock held
 *
 * Return: a length or 0; -EAGAIN: its sender took it back, and another may be
 * chosen; any other negative errno is the select's.
 */
int chan_arm_conclude(struct chan_arm *arm);

/**
 * chan_arm_discard() - give back what chan_arm_prepare() has got
 * @arm: known to nobody any more
 */
void chan_arm_discard(struct chan_arm *arm);

#endif /* CHAN_ARM_H */
