/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Channels with a name, as /sys/class/chan shows them: without an endpoint, so
 * that looking changes nothing and needs no permission.
 */
#ifndef SYSFS_H
#define SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSFS_VALUE 64

/* Reads the one line of a file of the kernel; false, and empty, if there is none. */
bool sysfs_line(const char *path, char *line, size_t size);

/* Reads an attribute of a channel; false if it is not there (any more). */
bool sysfs_read(const char *channel, const char *attribute,
		char value[SYSFS_VALUE]);

/* Whether the module is loaded. */
bool sysfs_is_there(void);

/* A number that no other channel has, not even a later one of that name. */
uint64_t sysfs_identity(const char *channel);

/*
 * The names of all channels, sorted; the last is NULL. If there are none because
 * the module is not loaded, it is NULL itself.
 */
char **sysfs_channels(void);

void sysfs_free(char **names);

#endif /* SYSFS_H */
