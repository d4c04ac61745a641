// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running a command with a message on its standard input. That is a file in
 * memory, so a command need not read it, and nobody has to feed it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chanctl.h"
#include "command.h"

static int file_of(const struct bytes *message)
{
	int fd = memfd_create("message", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	while (fd >= 0 && done < message->len) {
		n = write(fd, message->data + done, message->len - done);
		if (n < 0) {
			close(fd);
			return -1;
		}
		done += n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static void tell(const char *name, unsigned long long number)
{
	char value[24];

	snprintf(value, sizeof(value), "%llu", number);
	setenv(name, value, 1);
}

static void tell_of(const struct chan_op *op)
{
	tell("CHAN_ATTEMPT", op->attempt);
	tell("CHAN_PRIO", op->prio);
	tell("CHAN_TAG", op->tag);
	tell("CHAN_UID", op->uid);
	tell("CHAN_GID", op->gid);
	tell("CHAN_PID", op->pid);
	tell("CHAN_BADGE", op->badge);
}

static _Noreturn void become(const char *command, const struct chan_op *op,
			     int in, int out)
{
	signal(SIGPIPE, SIG_DFL);
	tell_of(op);
	if (dup2(in, STDIN_FILENO) >= 0 &&
	    (out < 0 || dup2(out, STDOUT_FILENO) >= 0))
		execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(EXIT_CANNOT_RUN);
}

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_CANNOT_RUN;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static int run_with(const char *command, const struct chan_op *op, int in,
		    int ends[2], struct bytes *output, size_t most)
{
	bool read = true;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		become(command, op, in, ends[1]);
	close(ends[1]);
	if (pid > 0 && output)
		read = bytes_read(ends[0], output, most);
	close(ends[0]);
	status = pid > 0 ? status_of(pid) : EXIT_CANNOT_RUN;
	return read ? status : EXIT_CANNOT_RUN;
}

int command_run(const char *command, const struct bytes *message,
		const struct chan_op *op, struct bytes *output, size_t most)
{
	int ends[2] = { -1, -1 }, status = EXIT_CANNOT_RUN;
	int in = file_of(message);

	if (in >= 0 && (!output || !pipe2(ends, O_CLOEXEC)))
		status = run_with(command, op, in, ends, output, most);
	close(in);
	return status;
}
