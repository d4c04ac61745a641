// SPDX-License-Identifier: GPL-2.0-only
/*
 * charge.c - who pays for a channel, and how much anyone may have
 *
 * Owns the limits and one account for each user that has channels. It counts
 * creations only: a message is paid for by its channel's prepaid room, and its
 * memory by the memory cgroup of its sender.
 */
#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include "charge.h"
#include "compat.h"

/**
 * struct chan_user - what one user has
 * @uid: the user, by the number the kernel itself uses
 * @channels: channels charged
 * @bytes: sum of their bytes_max
 *
 * Made by a user's first channel, freed with the last. All members are guarded
 * by charge_lock.
 */
struct chan_user {
	kuid_t uid;
	unsigned int channels;
	u64 bytes;
};

static DEFINE_MUTEX(charge_lock);
static DEFINE_XARRAY(users); /* charge_lock; by kuid */
static unsigned int nr_channels; /* charge_lock */

struct chan_limits chan_charge_limits_set = {
	.max_channels = 4096,
	.user_channels = 1024,
	.user_bytes = 64 << 20,
	.max_parked = 4096,
};

module_param_named(max_channels, chan_charge_limits_set.max_channels, uint,
		   0644);
MODULE_PARM_DESC(max_channels, "channels on the whole machine");
module_param_named(user_channels, chan_charge_limits_set.user_channels, uint,
		   0644);
MODULE_PARM_DESC(user_channels, "channels of one user");
module_param_named(user_bytes, chan_charge_limits_set.user_bytes, ullong, 0644);
MODULE_PARM_DESC(user_bytes, "bytes that the channels of one user may hold");
module_param_named(max_parked, chan_charge_limits_set.max_parked, uint, 0644);
MODULE_PARM_DESC(max_parked, "pending io_uring operations of one endpoint");

struct chan_limits chan_charge_limits(void)
{
	return (struct chan_limits){
		.max_channels = READ_ONCE(chan_charge_limits_set.max_channels),
		.user_channels =
			READ_ONCE(chan_charge_limits_set.user_channels),
		.user_bytes = READ_ONCE(chan_charge_limits_set.user_bytes),
		.max_parked = READ_ONCE(chan_charge_limits_set.max_parked),
	};
}

static struct chan_user *user_get(kuid_t uid)
{
	struct chan_user *user = xa_load(&users, __kuid_val(uid));

	lockdep_assert_held(&charge_lock);
	if (user)
		return user;
	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		return NULL;
	user->uid = uid;
	if (xa_err(xa_store(&users, __kuid_val(uid), user,
			    GFP_KERNEL_ACCOUNT))) {
		kfree(user);
		return NULL;
	}
	return user;
}

static void user_put(struct chan_user *user)
{
	lockdep_assert_held(&charge_lock);
	if (user->channels)
		return;
	WARN_ON_ONCE(user->bytes);
	xa_erase(&users, __kuid_val(user->uid));
	kfree(user);
}

/* What the machine allows may still be too much for this user. */
static bool over_limits(const struct chan_user *user, u64 sum)
{
	const struct chan_limits now = chan_charge_limits();

	return user->channels >= now.user_channels || sum > now.user_bytes;
}

static int user_charge(struct chan_user *user, u64 bytes)
{
	u64 sum;

	if (check_add_overflow(user->bytes, bytes, &sum))
		return -EDQUOT;
	if (over_limits(user, sum) && !capable(CAP_SYS_RESOURCE))
		return -EDQUOT;
	user->bytes = sum;
	user->channels++;
	return 0;
}

int chan_charge_channel(const struct cred *cred, u64 bytes,
			struct chan_user **payer)
{
	struct chan_user *user;
	int err;

	guard(mutex)(&charge_lock);
	if (nr_channels >= READ_ONCE(chan_charge_limits_set.max_channels))
		return -ENOSPC;
	user = user_get(cred->euid);
	if (!user)
		return -ENOMEM;
	err = user_charge(user, bytes);
	if (err) {
		user_put(user);
		return err;
	}
	nr_channels++;
	*payer = user;
	return 0;
}

void chan_charge_release(struct chan_user *payer, u64 bytes)
{
	guard(mutex)(&charge_lock);
	nr_channels--;
	payer->channels--;
	payer->bytes -= bytes;
	user_put(payer);
}

void chan_charge_exit(void)
{
	WARN_ON_ONCE(nr_channels || !xa_empty(&users));
	xa_destroy(&users);
}
