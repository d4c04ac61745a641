// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl doctor --report: versions, flavour of the kernel, Secure Boot, parameters of
 * the module, and what the kernel's log says of chan. Nothing in it is a name of a
 * machine, a user or a channel, but for what the log says.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "chanctl.h"
#include "report.h"
#include "sysfs.h"

#define PARAMETERS "/sys/module/chan/parameters"
#define SECURE_BOOT \
	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define LOG_LINES 20
#define LINE	  256

static void print_kernel(void)
{
	struct utsname name;

	uname(&name);
	printf("\nkernel: %s %s %s\n", name.release, name.version,
	       name.machine);
}

/* The value is behind four bytes of attributes. */
static void print_secure_boot(void)
{
	FILE *f = fopen(SECURE_BOOT, "re");
	unsigned char value[5] = {};
	bool is_known = f && fread(value, sizeof(value), 1, f) == 1;

	if (f)
		fclose(f);
	printf("secure boot: %s\n", !is_known ? "not known" :
				    value[4]  ? "on" :
						"off");
}

static void print_parameter(const char *name)
{
	char path[LINE + sizeof(PARAMETERS)], value[LINE];

	snprintf(path, sizeof(path), PARAMETERS "/%.200s", name);
	sysfs_line(path, value, sizeof(value));
	printf("parameter %s: %s\n", name, value);
}

static void print_parameters(void)
{
	struct dirent *entry;
	DIR *directory = opendir(PARAMETERS);

	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "names"))
			print_parameter(entry->d_name);
	if (directory)
		closedir(directory);
}

/* The text of a record; NULL at the end of the log. */
static const char *next_record(int log, char record[8192])
{
	ssize_t n = read(log, record, 8191);
	char *text;

	if (n <= 0)
		return NULL;
	record[n] = '\0';
	text = strchr(record, ';');
	if (!text)
		return "";
	text[strcspn(text, "\n")] = '\0';
	return text + 1;
}

static void print_log(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192], lines[LOG_LINES][LINE];
	const char *text;
	unsigned int nr = 0;

	while (log >= 0 && (text = next_record(log, record)))
		if (strstr(text, "chan: ") || strstr(text, "[chan]"))
			snprintf(lines[nr++ % LOG_LINES], LINE, "%s", text);
	for (unsigned int i = nr > LOG_LINES ? nr - LOG_LINES : 0; i < nr; i++)
		printf("log: %s\n", lines[i % LOG_LINES]);
	if (log < 0)
		puts("log: not readable, try as root");
	else
		close(log);
}

void print_report(void)
{
	print_kernel();
	print_secure_boot();
	print_parameters();
	print_log();
	puts("");
	print_versions(false);
}
