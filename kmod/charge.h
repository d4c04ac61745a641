/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * charge.h - who pays for a channel, and how much anyone may have
 */
#ifndef CHAN_CHARGE_H
#define CHAN_CHARGE_H

#include <linux/compiler.h>
#include <linux/cred.h>
#include <linux/types.h>

struct chan_user;

/**
 * struct chan_limits - the limits in force, as the administrator set them
 * @max_channels: channels on the whole machine, named and anonymous alike
 * @user_channels: channels of one user
 * @user_bytes: sum of bytes_max over the channels of one user
 * @max_parked: pending io_uring operations of one endpoint; outcomes that it
 *	keeps
 *
 * Module parameters, writable at any time. Lowering one refuses what is new
 * and takes nothing away.
 */
struct chan_limits {
	unsigned int max_channels;
	unsigned int user_channels;
	unsigned long long user_bytes;
	unsigned int max_parked;
};

/* Read by the functions below alone. */
extern struct chan_limits chan_charge_limits_set;

/**
 * chan_charge_max_parked() - read the one that many operations ask for
 *
 * Return: what is in force now.
 */
static inline unsigned int chan_charge_max_parked(void)
{
	return READ_ONCE(chan_charge_limits_set.max_parked);
}

/**
 * chan_charge_limits() - read the limits once
 *
 * Return: a copy of what is in force now.
 */
struct chan_limits chan_charge_limits(void);

/**
 * chan_charge_channel() - take the room of one channel from its creator
 * @cred: the creator
 * @bytes: what the channel may hold at most
 * @payer: result: to be given back to chan_charge_release()
 *
 * CAP_SYS_RESOURCE lifts the limits of the user, not that of the machine.
 *
 * Return: 0; -ENOSPC, the machine is full; -EDQUOT, the user is; -ENOMEM.
 */
int chan_charge_channel(const struct cred *cred, u64 bytes,
			struct chan_user **payer);

/**
 * chan_charge_release() - give back the room of one channel
 * @payer: as chan_charge_channel() gave it
 * @bytes: as was charged
 */
void chan_charge_release(struct chan_user *payer, u64 bytes);

/**
 * chan_charge_exit() - check that everything was given back
 */
void chan_charge_exit(void);

#endif /* CHAN_CHARGE_H */
