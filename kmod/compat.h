/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - the kernel versions chan builds for, and nothing else
 *
 * The only file that asks for a version. A difference between kernels gets the
 * name of the feature here, and the other files use that name. The goal of
 * this file is to be empty.
 */
#ifndef CHAN_COMPAT_H
#define CHAN_COMPAT_H

#include <linux/version.h>

#if KERNEL_VERSION(6, 12, 0) > LINUX_VERSION_CODE
#error "chan needs Linux 6.12 or newer; point KDIR at the headers of such a kernel"
#endif

#endif /* CHAN_COMPAT_H */
