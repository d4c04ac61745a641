// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading /sys/class/chan.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysfs.h"

#define DIRECTORY "/sys/class/chan"

bool sysfs_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool good = f && fgets(line, size, f);

	if (f)
		fclose(f);
	line[good ? strcspn(line, "\n") : 0] = '\0';
	return good;
}

bool sysfs_read(const char *channel, const char *attribute,
		char value[SYSFS_VALUE])
{
	char path[512];

	snprintf(path, sizeof(path), DIRECTORY "/%s/%s", channel, attribute);
	return sysfs_line(path, value, SYSFS_VALUE);
}

bool sysfs_is_there(void)
{
	return !access(DIRECTORY, F_OK);
}

uint64_t sysfs_identity(const char *channel)
{
	struct stat stat_of;
	char path[512];

	snprintf(path, sizeof(path), DIRECTORY "/%s", channel);
	return stat(path, &stat_of) ? 0 : stat_of.st_ino;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

char **sysfs_channels(void)
{
	struct dirent **entries;
	int nr = scandir(DIRECTORY, &entries, is_visible, alphasort);
	char **names;

	if (nr < 0)
		return NULL;
	names = calloc(nr + 1, sizeof(*names));
	for (int i = 0; i < nr; i++) {
		if (names)
			names[i] = strdup(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return names;
}

void sysfs_free(char **names)
{
	for (char **name = names; *name; name++)
		free(*name);
	free(names);
}
