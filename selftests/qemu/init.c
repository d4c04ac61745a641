// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of the test guest, and the kernel log check.
 *
 * It owns the guest: it mounts the file systems, runs the entries of /list one
 * after the other, and judges each by its exit status, its TAP lines, the
 * kernel log since its mark, the taint flags and whether all its processes
 * die. It must not know what an entry tests, and it reports only over the
 * second serial port, where nobody else writes:
 *
 *	hello
 *	start NAME
 *	out MILLISECONDS TEXT	a line of the entry's output
 *	log TEXT		a line of the kernel log that the check objects to
 *	end NAME PASSED FAILED SKIPPED MILLISECONDS REASON
 *	note TEXT		a sentence for the user
 *	done PASSED FAILED SKIPPED NONCE
 *
 * A line of /list is "KIND SECONDS NAME COMMAND". KIND is "tap" for a test,
 * "step" for a command that must exit with 0 and otherwise ends the run, and
 * "shell" for a command that gets the serial port as its terminal (then nothing
 * is reported but failures, in plain words).
 *
 * With GUEST_RACES in the environment the kernel is one with KCSAN, which finds
 * data races of its own: the check objects to those whose report names chan, and
 * counts the others.
 *
 * "init --scan PATTERNS" reads a log on standard input and prints what the
 * check objects to.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))

#define LINE_MAX_LEN 2000
#define OUTPUT_MAX   (512 * 1024) /* per entry; then only TAP lines go on */
#define REAP_MS	     10000 /* for killed processes to be gone */
#define PATTERNS_MAX 128
#define RACE_LINES   200 /* of a report of KCSAN */
#define RACE_LEN     160

struct verdict {
	int passed, failed, skipped;
};

struct entry {
	char *kind, *name, *command;
	int seconds;
};

/* What one entry has shown so far. */
struct outcome {
	struct verdict tap;
	int planned; /* of "1..N", -1 without */
	bool skip_all; /* "1..0" */
	long long begun;
	size_t sent;
	char line[LINE_MAX_LEN + 1];
	size_t len;
	char reason[256];
};

/* A report of KCSAN, kept until its last line: then it is known whose it is. */
struct race {
	bool open, ours;
	int lines_nr;
	char lines[RACE_LINES][RACE_LEN];
};

static struct race race;
static int races_of_others;
static bool races_gathered;
static bool scanning; /* a log on standard input, not this kernel's */
static regex_t patterns[PATTERNS_MAX];
static int patterns_nr;
static int verdict_fd = 1;
static int kmsg_fd = -1;
static bool on_terminal;
static bool stuck; /* a process does not die: no entry can follow */
static unsigned long taint_known;

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			buf += n;
			len -= n;
		}
	}
}

static void __printf(1, 2) report(const char *fmt, ...)
{
	char buf[LINE_MAX_LEN + 200];
	va_list args;
	int n;

	if (on_terminal)
		return;
	va_start(args, fmt);
	n = vsnprintf(buf, sizeof(buf) - 1, fmt, args);
	va_end(args);
	if (n > (int)sizeof(buf) - 2)
		n = sizeof(buf) - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)buf[i] < ' ' && buf[i] != '\t')
			buf[i] = '?';
	buf[n] = '\n';
	write_all(verdict_fd, buf, n + 1);
}

/* The pattern file: one extended regular expression a line, '#' comments. */
static int patterns_load(const char *path)
{
	char line[512];
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		if (patterns_nr == PATTERNS_MAX ||
		    regcomp(&patterns[patterns_nr], line,
			    REG_EXTENDED | REG_NOSUB)) {
			fprintf(stderr, "%s: cannot use the pattern: %s\n",
				path, line);
			fclose(f);
			return -EINVAL;
		}
		patterns_nr++;
	}
	fclose(f);
	return patterns_nr ? 0 : -ENOENT;
}

static bool log_line_is_bad(const char *line)
{
	for (int i = 0; i < patterns_nr; i++)
		if (!regexec(&patterns[i], line, 0, NULL, 0))
			return true;
	return false;
}

static void log_object(const char *line)
{
	if (scanning)
		puts(line);
	else
		report("log %s", line);
	if (on_terminal)
		dprintf(verdict_fd, "The kernel log says: %s\r\n", line);
}

/* False if the race is chan's. */
static bool race_end(void)
{
	bool good = !race.open || !race.ours;

	if (race.open && !race.ours)
		races_of_others++;
	for (int i = 0; !good && i < race.lines_nr; i++)
		log_object(race.lines[i]);
	memset(&race, 0, sizeof(race));
	return good;
}

static bool race_take(const char *line)
{
	if (strstr(line, "======") || race.lines_nr == RACE_LINES)
		return race_end();
	race.open = true;
	race.ours |= !!strstr(line, "[chan]");
	snprintf(race.lines[race.lines_nr++], RACE_LEN, "%s", line);
	return true;
}

/* Takes a line of the log; false if the check objects. */
static bool log_take(const char *line, bool judge)
{
	bool header = races_gathered && strstr(line, "BUG: KCSAN: ");
	bool good = true;

	if (header)
		good = race_end();
	if (header || race.open)
		good &= race_take(line);
	if (header || !judge || !strncmp(line, "guest: start ", 13) ||
	    !log_line_is_bad(line))
		return good;
	log_object(line);
	return false;
}

static int scan_stdin(const char *path)
{
	char *line = NULL;
	size_t size = 0;
	int bad = 0;

	scanning = true;

	if (patterns_load(path)) {
		fprintf(stderr, "init: no patterns in %s\n", path);
		return 2;
	}
	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		bad |= !log_take(line, true);
	}
	bad |= !race_end();
	free(line);
	return bad;
}

static void kmsg_mark(const char *name)
{
	char buf[256];
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	int n = snprintf(buf, sizeof(buf), "guest: start %s\n", name);

	if (fd < 0)
		return;
	write_all(fd, buf, n);
	close(fd);
}

/* Reads the log up to its end; true if the check objects to nothing. */
static bool kmsg_check(bool judge)
{
	char record[8192], *text;
	bool good = true;
	ssize_t n;

	for (;;) {
		n = read(kmsg_fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE) {
			if (judge) {
				report("log (records were lost: the log is too small)");
				good = false;
			}
			continue;
		}
		if (n <= 0)
			return good;
		record[n] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		good &= log_take(text + 1, judge);
	}
}

static unsigned long taint_read(void)
{
	unsigned long taint = 0;
	FILE *f = fopen("/proc/sys/kernel/tainted", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%lu", &taint) != 1)
		taint = 0;
	fclose(f);
	return taint;
}

/* 12 and 13: an out-of-tree module, an unsigned one. */
static bool taint_is_new(void)
{
	unsigned long taint = taint_read() & ~(1UL << 12 | 1UL << 13);
	bool is_new = taint & ~taint_known;

	taint_known |= taint;
	return is_new;
}

static void __printf(2, 3) fail(struct outcome *out, const char *fmt, ...)
{
	size_t used = strlen(out->reason);
	va_list args;

	out->tap.failed++;
	if (used && used + 3 < sizeof(out->reason)) {
		strcat(out->reason, "; ");
		used += 2;
	}
	va_start(args, fmt);
	vsnprintf(out->reason + used, sizeof(out->reason) - used, fmt, args);
	va_end(args);
}

static bool tap_count(struct outcome *out, const char *line)
{
	int first, last;

	if (sscanf(line, "%d..%d", &first, &last) == 2 && first == 1) {
		if (out->planned >= 0)
			fail(out, "two plans");
		out->planned = last;
		out->skip_all = last == 0;
	} else if (!strncmp(line, "ok ", 3)) {
		if (strstr(line, "# SKIP"))
			out->tap.skipped++;
		else
			out->tap.passed++;
	} else if (!strncmp(line, "not ok ", 7)) {
		out->tap.failed++;
	} else if (!strncmp(line, "Bail out!", 9)) {
		fail(out, "it bailed out");
	} else {
		return false;
	}
	return true;
}

static void line_end(struct outcome *out)
{
	bool tap;

	out->line[out->len] = '\0';
	tap = tap_count(out, out->line);
	if (tap || out->sent < OUTPUT_MAX)
		report("out %lld %s", now_ms() - out->begun, out->line);
	out->sent += out->len + 1;
	out->len = 0;
}

/* Takes what is in the pipe; false at its end. */
static bool output_take(struct outcome *out, int fd)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n')
			line_end(out);
		else if (buf[i] != '\r' && out->len < LINE_MAX_LEN)
			out->line[out->len++] = buf[i];
	}
	return n > 0;
}

static void become(const struct entry *entry, int out)
{
	bool shell = !strcmp(entry->kind, "shell");
	int in = shell ? out : open("/dev/null", O_RDONLY);

	setsid();
	if (shell)
		ioctl(out, TIOCSCTTY, 1);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	if (out > 2)
		close(out);
	if (chdir(shell ? "/root" : "/selftests"))
		_exit(126);
	execl("/bin/sh", "sh", "-c", entry->command, NULL);
	_exit(127);
}

/* One that stays is stuck in the kernel; its stack says where. */
static void survivor_report(void)
{
	char path[300], line[200];
	FILE *f;

	for (int pid = 2; pid < 32768; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		if (readlink(path, line, sizeof(line)) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/stack", pid);
		f = fopen(path, "re");
		if (!f)
			continue;
		report("out 0 # process %d does not die:", pid);
		while (fgets(line, sizeof(line), f))
			report("out 0 #   %.*s", (int)strcspn(line, "\n"),
			       line);
		fclose(f);
	}
}

/* Everything but PID 1 is the entry's; false if something is left. */
static bool kill_all(void)
{
	long long end = now_ms() + REAP_MS;
	pid_t pid;

	for (;;) {
		kill(-1, SIGKILL);
		do {
			pid = waitpid(-1, NULL, WNOHANG);
		} while (pid > 0);
		if (pid < 0 && errno == ECHILD)
			return true;
		if (now_ms() > end)
			return false;
		usleep(10000);
	}
}

/* Waits for the child and takes its output meanwhile; false: out of time. */
static bool watch(struct outcome *out, int pipe_fd, pid_t pid, int seconds,
		  int *status)
{
	long long left, end = out->begun + seconds * 1000LL;
	int child = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fds[] = {
		{ .fd = child, .events = POLLIN },
		{ .fd = pipe_fd, .events = POLLIN },
	};
	bool ended = false;

	while (!ended) {
		left = seconds ? end - now_ms() : 1000;
		if (left <= 0)
			break;
		if (poll(fds, 2, left) < 0)
			continue;
		if (fds[1].revents && !output_take(out, pipe_fd))
			fds[1].fd = -1;
		ended = fds[0].revents;
	}
	close(child);
	if (ended)
		waitpid(pid, status, 0);
	return ended;
}

static void judge_tap(struct outcome *out, bool ended, int status)
{
	struct verdict *tap = &out->tap;
	int results = tap->passed + tap->failed + tap->skipped;
	int code = ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (ended && WIFSIGNALED(status))
		fail(out, "killed by signal %d", WTERMSIG(status));
	if (code == 4 && !tap->failed && (!results || out->skip_all)) {
		tap->skipped += !tap->skipped;
		return;
	}
	if (code > 0 && !tap->failed && !(code == 4 && tap->skipped))
		fail(out, "exit status %d without a failed result", code);
	if (out->planned < 0)
		fail(out, "no plan");
	else if (out->planned != results)
		fail(out, "%d results, %d planned", results, out->planned);
	else if (!results)
		fail(out, "no result");
}

static void judge_step(struct outcome *out, bool ended, int status)
{
	memset(&out->tap, 0, sizeof(out->tap));
	out->reason[0] = '\0';
	if (ended && WIFSIGNALED(status))
		fail(out, "killed by signal %d", WTERMSIG(status));
	else if (ended && WEXITSTATUS(status))
		fail(out, "exit status %d", WEXITSTATUS(status));
}

static int spawn(const struct entry *entry, int *pipe_fd)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid)
		become(entry,
		       strcmp(entry->kind, "shell") ? fds[1] : verdict_fd);
	close(fds[1]);
	*pipe_fd = fds[0];
	return pid;
}

static void run(const struct entry *entry, struct verdict *verdict)
{
	struct outcome out = { .planned = -1, .begun = now_ms() };
	bool ended = false;
	int status = 0, fd = -1;
	pid_t pid;

	report("start %s", entry->name);
	kmsg_mark(entry->name);
	pid = spawn(entry, &fd);
	if (pid > 0)
		ended = watch(&out, fd, pid, entry->seconds, &status);
	if (pid > 0)
		kill(-pid, SIGKILL);
	if (!kill_all()) {
		stuck = true;
		fail(&out, "a process does not die");
		survivor_report();
		fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	while (output_take(&out, fd))
		;
	if (out.len)
		line_end(&out);
	close(fd);

	if (!strcmp(entry->kind, "tap"))
		judge_tap(&out, ended, status);
	else
		judge_step(&out, ended, status);
	if (!ended)
		fail(&out, "not done after %d s", entry->seconds);
	if (!kmsg_check(true))
		fail(&out, "the kernel log");
	if (taint_is_new())
		fail(&out, "the kernel is tainted: %lu", taint_known);

	report("end %s %d %d %d %lld %s", entry->name, out.tap.passed,
	       out.tap.failed, out.tap.skipped, now_ms() - out.begun,
	       out.reason);
	if (on_terminal && out.tap.failed)
		dprintf(verdict_fd, "%s failed: %s\r\n", entry->name,
			out.reason);
	verdict->passed += out.tap.passed;
	verdict->failed += out.tap.failed;
	verdict->skipped += out.tap.skipped;
}

static bool entry_parse(char *line, struct entry *entry)
{
	char *seconds;

	line[strcspn(line, "\n")] = '\0';
	entry->kind = strtok(line, " ");
	seconds = strtok(NULL, " ");
	entry->name = strtok(NULL, " ");
	entry->command = strtok(NULL, "");
	if (!entry->command)
		return false;
	entry->seconds = atoi(seconds);
	return true;
}

static void run_list(const char *path, struct verdict *verdict)
{
	struct entry entry;
	char line[4096];
	FILE *f = fopen(path, "re");
	int failed;

	if (!f) {
		verdict->failed++;
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		failed = verdict->failed;
		if (!entry_parse(line, &entry)) {
			verdict->failed++;
			break;
		}
		run(&entry, verdict);
		if (stuck ||
		    (strcmp(entry.kind, "tap") && verdict->failed > failed))
			break;
	}
	fclose(f);
}

static void mount_all(void)
{
	static const struct {
		const char *type, *where, *data;
	} mounts[] = {
		{ "proc", "/proc", NULL },
		{ "sysfs", "/sys", NULL },
		{ "devtmpfs", "/dev", "mode=0755" },
		{ "devpts", "/dev/pts", "mode=0620,ptmxmode=0666" },
		{ "tmpfs", "/dev/shm", "mode=1777" },
		{ "tmpfs", "/tmp", "mode=1777" },
		{ "tmpfs", "/run", "mode=0755" },
		{ "debugfs", "/sys/kernel/debug", NULL },
		{ "tracefs", "/sys/kernel/tracing", NULL },
		{ "cgroup2", "/sys/fs/cgroup", NULL },
		{},
	};

	umask(0);
	for (size_t i = 0; mounts[i].type; i++) {
		mkdir(mounts[i].where, 0755);
		mount(mounts[i].type, mounts[i].where, mounts[i].type, 0,
		      mounts[i].data);
	}
	umask(022);
	if (symlink("/proc/self/fd", "/dev/fd") && errno != EEXIST)
		perror("/dev/fd");
}

static void loopback_up(void)
{
	struct ifreq req = { .ifr_name = "lo",
			     .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &req);
	close(fd);
}

static void verdict_open(void)
{
	struct termios tio;
	int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	verdict_fd = fd;
	if (on_terminal || tcgetattr(fd, &tio))
		return;
	cfmakeraw(&tio);
	tcsetattr(fd, TCSANOW, &tio);
}

static void power_off(void)
{
	tcdrain(verdict_fd);
	sync();
	reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void guest_run(struct verdict *verdict)
{
	if (patterns_load("/log-patterns")) {
		report("log (the pattern file cannot be used)");
		verdict->failed++;
		return;
	}
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg_fd < 0) {
		report("log (/dev/kmsg cannot be read)");
		verdict->failed++;
		return;
	}
	kmsg_check(false);
	taint_is_new();
	run_list("/list", verdict);
	if (!race_end())
		verdict->failed++;
	if (races_gathered)
		report("note KCSAN reported %d data races in which chan has no part",
		       races_of_others);
}

int main(int argc, char **argv)
{
	struct verdict verdict = {};
	const char *nonce;

	races_gathered = getenv("GUEST_RACES");
	if (argc == 3 && !strcmp(argv[1], "--scan"))
		return scan_stdin(argv[2]);
	if (getpid() != 1) {
		fputs("usage: init --scan PATTERNS < LOG\n", stderr);
		return 2;
	}
	mount_all();
	nonce = getenv("GUEST_NONCE");
	on_terminal = getenv("GUEST_TERMINAL");
	verdict_open();
	report("hello");
	if (system("/bin/busybox --install -s /bin"))
		verdict.failed++;
	loopback_up();
	setenv("PATH", "/bin", 1);
	setenv("HOME", "/root", 1);
	unsetenv("GUEST_NONCE");
	guest_run(&verdict);
	report("done %d %d %d %s", verdict.passed, verdict.failed,
	       verdict.skipped, nonce ? nonce : "-");
	power_off();
}
