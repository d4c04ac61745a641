// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The end of the sending on a channel, and the end of its name.
 */
#include "internal.h"

int chan_shutdown(int fd)
{
	return kernel(fd, CHAN_IOC_SHUTDOWN, NULL);
}

int chan_remove(const char *name)
{
	struct chan_name record = { .name = address_of(name) };

	return control(CHAN_IOC_REMOVE, &record);
}
