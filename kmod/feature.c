// SPDX-License-Identifier: GPL-2.0-only
/*
 * feature.c - playing an older module
 *
 * Owns what is kept from programs. It is part of the module on kernels that inject
 * faults alone.
 */
#include <linux/compiler.h>
#include <linux/moduleparam.h>

#include "compat.h"
#include "feature.h"

static unsigned long lacks;
module_param(lacks, ulong, 0600);
MODULE_PARM_DESC(lacks, "features that an older module does not have");

u64 chan_features(void)
{
	return CHAN_FEATURES & ~READ_ONCE(lacks);
}
