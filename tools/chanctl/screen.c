// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drawing on a terminal. Signals that end or stop the program come by a descriptor
 * while there is a screen, so none meets a terminal that is half drawn.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "chanctl.h"
#include "screen.h"

#define OTHER_SCREEN "\033[?1049h\033[?25l" /* without a cursor */
#define SCREEN_BACK  "\033[?25h\033[?1049l"
#define HOME	     "\033[H"
#define LINE_ENDS    "\033[K"
#define ALL_ENDS     "\033[J"
#define REVERSED     "\033[7m"
#define PLAIN	     "\033[0m"
#define SECOND	     1000000000ULL

static struct {
	int signals;
	bool has_keys;
	struct termios before;
	sigset_t taken;
} screen = { .signals = -1 };

bool screen_is_there(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb");
}

/* Keys come one by one and are not shown; those that are signals stay so. */
static void enter(void)
{
	struct termios keys;

	screen.has_keys = !tcgetattr(STDIN_FILENO, &screen.before);
	if (screen.has_keys) {
		keys = screen.before;
		keys.c_lflag &= ~(ICANON | ECHO);
		keys.c_cc[VMIN] = 1;
		keys.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
	}
	fputs(OTHER_SCREEN, stdout);
	fflush(stdout);
}

static void leave(void)
{
	fputs(SCREEN_BACK, stdout);
	fflush(stdout);
	if (screen.has_keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.before);
}

/* One that the program was started to ignore, as by nohup, stays ignored. */
static void take_signal(int number)
{
	struct sigaction action;

	if (!sigaction(number, NULL, &action) && action.sa_handler != SIG_IGN)
		sigaddset(&screen.taken, number);
}

void screen_begin(void)
{
	static const int numbers[] = { SIGINT,	SIGTERM, SIGHUP,
				       SIGQUIT, SIGTSTP, SIGWINCH };

	sigemptyset(&screen.taken);
	for (size_t i = 0; i < NR(numbers); i++)
		take_signal(numbers[i]);
	sigprocmask(SIG_BLOCK, &screen.taken, NULL);
	screen.signals = signalfd(-1, &screen.taken, SFD_CLOEXEC);
	enter();
}

void screen_end(void)
{
	leave();
	close(screen.signals);
	screen.signals = -1;
	sigprocmask(SIG_UNBLOCK, &screen.taken, NULL);
}

/* Lets a signal do what it does; who comes back from it has been stopped. */
static void obey(int number)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, number);
	leave();
	raise(number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
	enter();
}

static void see_signal(void)
{
	struct signalfd_siginfo info;

	if (read(screen.signals, &info, sizeof(info)) == sizeof(info) &&
	    info.ssi_signo != SIGWINCH)
		obey(info.ssi_signo);
}

/* A terminal that is gone has nobody before it. */
static bool is_enough(void)
{
	char key;

	return read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q';
}

enum wake screen_wait(uint64_t until)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = screen.signals, .events = POLLIN },
			{ .fd = screen.signals < 0 || !screen.has_keys ?
					-1 :
					STDIN_FILENO,
			  .events = POLLIN },
		};
		uint64_t now = chan_in_ns(0);
		uint64_t left = until > now ? until - now : 0;
		struct timespec rest = { left / SECOND, left % SECOND };

		if (!ppoll(fds, NR(fds), &rest, NULL))
			return WAKE_TIME;
		if (fds[0].revents) {
			see_signal();
			return WAKE_REDRAW;
		}
		if (fds[1].revents && is_enough())
			return WAKE_QUIT;
	}
}

static struct winsize size_of_terminal(void)
{
	struct winsize size = {};

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	if (!size.ws_col || !size.ws_row)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	return size;
}

/*
 * The text is ASCII: a byte is a column. What was there goes first: behind the last
 * column there is nothing to erase from.
 */
static void draw_line(const char *line, size_t len, size_t columns,
		      bool is_head)
{
	const char *no_color = getenv("NO_COLOR");

	is_head &= !no_color || !*no_color;
	printf(LINE_ENDS "%s%.*s%s", is_head ? REVERSED : "",
	       (int)(len < columns ? len : columns), line,
	       is_head ? PLAIN : "");
}

/* No end of line after the last one, which would move all others up. */
void screen_draw(const char *title, const char *table)
{
	struct winsize size = size_of_terminal();
	const char *end;
	int row;

	fputs(HOME, stdout);
	draw_line(title, strlen(title), size.ws_col, false);
	for (row = 1; *table && row < size.ws_row; row++) {
		end = table + strcspn(table, "\n");
		putchar('\n');
		draw_line(table, end - table, size.ws_col, row == 1);
		table = *end ? end + 1 : end;
	}
	if (row < size.ws_row)
		fputs("\n" ALL_ENDS, stdout);
	fflush(stdout);
}
