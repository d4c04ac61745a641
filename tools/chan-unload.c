// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unloads the module without losing a message: removes every named channel
 * that is empty and not open, then the module. If a channel is left it refuses
 * and says what keeps it. It must not disturb a channel that stays: it looks
 * through endpoints without rights, which are neither sender nor receiver.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/chan.h>

#define DIRECTORY "/dev/chan"
#define TRIES	  100 /* of 10 ms, for closes that are under way */

/* True if the channel can go; otherwise says what keeps it. */
static bool is_idle(const char *name)
{
	char path[sizeof(DIRECTORY) + CHAN_NAME_MAX + 2];
	struct chan_stat stat = {};
	unsigned int messages, endpoints;
	int fd;

	snprintf(path, sizeof(path), DIRECTORY "/%s", name);
	fd = open(path, O_ACCMODE | O_CLOEXEC);
	if (fd < 0) {
		/* Removed meanwhile. */
		if (errno == ENXIO || errno == ENOENT)
			return true;
		printf("%s: cannot be opened: %s\n", name, strerror(errno));
		return false;
	}
	if (ioctl(fd, CHAN_IOC_STAT, &stat)) {
		printf("%s: does not tell its state: %s\n", name,
		       strerror(errno));
		close(fd);
		return false;
	}
	close(fd);

	messages = stat.queued + stat.unsettled;
	endpoints = stat.senders + stat.receivers;
	if (!messages && !endpoints)
		return true;
	printf("%s: %u messages queued, %u received and not settled, open for sending %u times, for receiving %u times\n",
	       name, stat.queued, stat.unsettled, stat.senders, stat.receivers);
	return false;
}

static bool remove_channel(int control, const char *name)
{
	struct chan_name arg = { .name = (unsigned long)name };

	if (!ioctl(control, CHAN_IOC_REMOVE, &arg) || errno == ENOENT)
		return true;
	printf("%s: cannot be removed: %s\n", name, strerror(errno));
	return false;
}

/* How many channels are left. */
static int remove_idle(int control)
{
	struct dirent *entry;
	DIR *dir = opendir(DIRECTORY);
	int left = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    !strcmp(entry->d_name, "control"))
			continue;
		if (!is_idle(entry->d_name) ||
		    !remove_channel(control, entry->d_name))
			left++;
	}
	closedir(dir);
	return left;
}

static int unload(void)
{
	for (int i = 0; i < TRIES; i++) {
		if (!syscall(SYS_delete_module, "chan", O_NONBLOCK))
			return 0;
		if (errno != EAGAIN)
			break;
		usleep(10000);
	}
	if (errno == EAGAIN)
		fputs("The module is not unloaded: processes have channels without a name open; end them and try again.\n",
		      stderr);
	else
		fprintf(stderr, "The module is not unloaded: %s.\n",
			strerror(errno));
	return 1;
}

int main(void)
{
	int control, left;

	if (access("/sys/module/chan", F_OK)) {
		puts("The module is not loaded.");
		return 0;
	}
	control = open(CHAN_CONTROL_PATH, O_RDWR | O_CLOEXEC);
	if (control < 0) {
		fprintf(stderr, CHAN_CONTROL_PATH " cannot be opened: %s.\n",
			strerror(errno));
		return 1;
	}
	left = remove_idle(control);
	close(control);
	if (left) {
		fprintf(stderr,
			"The module is not unloaded: channels are left (see above); empty and close them and try again.\n");
		return 1;
	}
	return unload();
}
