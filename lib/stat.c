// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * What there is to know: of a channel, of the module, of the library.
 */
#include "internal.h"

int chan_stat(int fd, struct chan_stat *stat)
{
	return kernel(fd, CHAN_IOC_STAT, stat);
}

int chan_query(int fd, struct chan_query *query)
{
	if (fd == -1)
		return control(CHAN_IOC_QUERY, query);
	return kernel(fd, CHAN_IOC_QUERY, query);
}

const char *chan_version(void)
{
	return VERSION;
}
