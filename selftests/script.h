/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scripts as tests: a script gets the path of a FIFO or a channel in $N, of
 * another one in $M, and of a file in $OUT; a test looks at what it writes and
 * how it exits.  A script that hangs is ended when the budget is spent.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "strangers.h"

#include <signal.h>

#define SECOND_NAME NODE_NAME "-2"
#define SECOND_FIFO FIFO_PATH "-2"
#define OUTPUT	    "/tmp/" T "strange-output"

/* Takes one message, whatever its length, from descriptor 3. */
#define TAKE "dd bs=64k count=1 <&3 2>/dev/null; "

struct script {
	struct ends e;
	int second;
	int status;
	char out[4096];
};

static inline bool is_installed(const char *program)
{
	char path[PATH_MAX], *dirs = strdup(getenv("PATH") ?: "/bin:/usr/bin");
	bool found = false;

	for (char *d = strtok(dirs, ":"); d && !found; d = strtok(NULL, ":")) {
		snprintf(path, sizeof(path), "%s/%s", d, program);
		found = !access(path, X_OK);
	}
	free(dirs);
	return found;
}

static inline int script_setup(struct script *s, enum kind kind)
{
	int err;

	unlink(SECOND_FIFO);
	err = node_make(&s->e, kind);
	if (err)
		return err;
	if (kind == A_FIFO)
		s->second = mkfifo(SECOND_FIFO, 0600) ? -errno : 0;
	else
		s->second = create_quiet(SECOND_NAME, 16);
	setenv("N", s->e.path, 1);
	setenv("M", kind == A_FIFO ? SECOND_FIFO : "/dev/chan/" SECOND_NAME, 1);
	setenv("OUT", OUTPUT, 1);
	return s->second < 0 ? s->second : 0;
}

static inline void script_sweep(void)
{
	unlink(SECOND_FIFO);
	unlink(OUTPUT);
	ends_sweep();
}

static inline void script_exec(const char *shell, const char *text, int out)
{
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out, 1);
	dup2(out, 2);
	execlp(shell, shell, "-c", text, NULL);
	_exit(127);
}

/* All that is written until nobody can write any more; false if that lasts. */
static inline bool script_collect(struct script *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double end = now() + BUDGET;
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && poll(&p, 1, (end - now()) * 1000) > 0) {
		n = read(fd, s->out + len, sizeof(s->out) - 1 - len);
		len += n > 0 ? n : 0;
	}
	s->out[len] = '\0';
	return !n;
}

/* Its exit status, or a negative signal or errno. */
static inline int script_run(struct script *s, const char *shell,
			     const char *text)
{
	int fds[2], status = -1;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		script_exec(shell, text, fds[1]);
	close(fds[1]);
	if (!script_collect(s, fds[0]))
		kill(-pid, SIGKILL);
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The script exits with 0 and has written just this. */
#define SCRIPT_BY(shell, want, text)                             \
	do {                                                     \
		EXPECT_EQ(0, script_run(&self->s, shell, text)); \
		EXPECT_STREQ(want, self->s.out);                 \
	} while (0)

#define NEEDS(program)                                           \
	do {                                                     \
		if (!is_installed(program))                      \
			SKIP(return, "%s is not here", program); \
	} while (0)

#endif /* SCRIPT_H */
