/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * feature.h - what this module has, and an older one lacks
 */
#ifndef CHAN_FEATURE_H
#define CHAN_FEATURE_H

#include <linux/chan.h>
#include <linux/kconfig.h>
#include <linux/types.h>

#include "compat.h"

/**
 * CHAN_FEATURES_URING - those of a kernel with io_uring
 */
#define CHAN_FEATURES_URING   \
	(CHAN_FEATURE_URING | \
	 (CHAN_COMPAT_URING_MULTISHOT ? CHAN_FEATURE_URING_MULTISHOT : 0))

/**
 * CHAN_FEATURES - all that there is, on this kernel
 */
#define CHAN_FEATURES                                                 \
	(CHAN_FEATURE_OP | CHAN_FEATURE_BATCH | CHAN_FEATURE_SELECT | \
	 (IS_ENABLED(CONFIG_IO_URING) ? CHAN_FEATURES_URING : 0))

#ifdef CONFIG_FAULT_INJECTION
/**
 * chan_features() - what there is for those who ask
 *
 * On a kernel that injects faults the module can be made to play an older one, by
 * its parameter "lacks", for programs that have to get by with such.
 *
 * Return: CHAN_FEATURE_*
 */
u64 chan_features(void);
#else
static inline u64 chan_features(void)
{
	return CHAN_FEATURES;
}
#endif

/**
 * chan_feature_lacks() - is this a module without it?
 * @feature: CHAN_FEATURE_*
 *
 * Return: true if it plays one.
 */
static inline bool chan_feature_lacks(u64 feature)
{
	return IS_ENABLED(CONFIG_FAULT_INJECTION) &&
	       !(chan_features() & feature);
}

#endif /* CHAN_FEATURE_H */
