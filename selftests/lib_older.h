/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An older module, for the tests of the library: it stands between the library
 * and the kernel, and does not know an ioctl that this one knows.
 */
#ifndef LIB_OLDER_H
#define LIB_OLDER_H

#include <stdarg.h>

#include "lib_test.h"

static unsigned long unknown_request;
static __u64 older_features;

static inline void module_lacks(unsigned long request, __u64 features)
{
	unknown_request = request;
	older_features = features;
}

static inline void module_is_itself(void)
{
	unknown_request = 0;
}

/* Instead of the C library's, for the whole program. */
int ioctl(int fd, unsigned long request, ...)
{
	struct chan_query *query;
	va_list args;
	void *record;
	int ret;

	va_start(args, request);
	record = va_arg(args, void *);
	va_end(args);
	if (unknown_request && request == unknown_request) {
		errno = ENOTTY;
		return -1;
	}
	ret = syscall(SYS_ioctl, fd, request, record);
	if (unknown_request && !ret && request == CHAN_IOC_QUERY) {
		query = record;
		query->features = older_features;
	}
	return ret;
}

#endif /* LIB_OLDER_H */
