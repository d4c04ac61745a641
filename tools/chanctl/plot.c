// SPDX-License-Identifier: GPL-2.0-only
/*
 * gnuplot, as a child that reads its script from a pipe and writes the picture to its
 * standard output, which is the file: so it needs to know no names.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chanctl.h"
#include "plot.h"

void plot_choose(struct plot *plot, const char *verb, const char *path)
{
	static const struct {
		const char *end, *terminal;
	} formats[] = {
		{ ".png", "pngcairo" },
		{ ".svg", "svg" },
	};
	const char *end = strrchr(path, '.');

	*plot = (struct plot){ .path = path };
	for (size_t i = 0; end && i < NR(formats); i++)
		if (!strcmp(end, formats[i].end))
			plot->terminal = formats[i].terminal;
	if (!plot->terminal)
		usage_error(
			verb,
			"--plot takes a file that ends with .png or .svg, not \"%s\"",
			path);
}

static int complain_of_gnuplot(int error)
{
	if (error == ENOENT)
		complain(
			"there is no gnuplot, which draws the plot; install it with \"apt-get install gnuplot-nox\"");
	else
		complain(
			"gnuplot cannot be started: %s; see what \"gnuplot --version\" says, or leave --plot out",
			strerror(error));
	return EXIT_FAILURE;
}

/* 0 or an errno. */
static int start_gnuplot(struct plot *plot, int in)
{
	static char *const argv[] = { "gnuplot", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t pipe_signal;
	int ret;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, plot->out, STDOUT_FILENO);
	ret = posix_spawnp(&plot->gnuplot, argv[0], &actions, &attributes, argv,
			   environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return ret;
}

static int open_picture(struct plot *plot)
{
	const int flags = O_WRONLY | O_CLOEXEC;
	int fd = open(plot->path, flags | O_CREAT | O_EXCL, 0666);

	plot->is_new = fd >= 0;
	return fd < 0 && errno == EEXIST ? open(plot->path, flags) : fd;
}

int plot_begin(struct plot *plot)
{
	int ends[2], ret;

	plot->out = open_picture(plot);
	if (plot->out < 0) {
		complain(
			"\"%s\" cannot be written: %s; name another file with --plot",
			plot->path, strerror(errno));
		return EXIT_FAILURE;
	}
	if (pipe2(ends, O_CLOEXEC))
		return complain_of_gnuplot(errno);
	ret = start_gnuplot(plot, ends[0]);
	close(ends[0]);
	if (ret)
		return complain_of_gnuplot(ret);
	plot->script = fdopen(ends[1], "w");
	need_memory(plot->script);
	return 0;
}

/* How many figures from the first on are of its group. */
static size_t group_of(const struct figure *figures, size_t nr)
{
	size_t of = 0;

	while (of < nr && !strcmp(figures[of].group, figures[0].group))
		of++;
	return of;
}

static size_t groups_of(const struct figure *figures, size_t nr)
{
	size_t groups = 0, of;

	for (; nr; nr -= of, figures += of) {
		of = group_of(figures, nr);
		groups++;
	}
	return groups;
}

/* Bars, and at the top of each how far its figure varies. */
static void draw_group(FILE *script, const struct figure *figures, size_t nr)
{
	fprintf(script, "set title '%s'\n$figures << END\n", figures->group);
	for (size_t i = 0; i < nr; i++)
		fprintf(script, "\"%s\" %.0f %.0f %.0f\n", figures[i].name,
			figures[i].value, figures[i].least, figures[i].most);
	fputs("END\nplot $figures using 0:2:xtic(1) with boxes notitle",
	      script);
	fputs(", $figures using 0:2:3:4 with yerrorbars pointsize 0 linecolor 'black' notitle\n",
	      script);
}

static void draw(const struct plot *plot, const char *title,
		 const struct figure *figures, size_t nr)
{
	FILE *script = plot->script;

	fprintf(script,
		"set terminal %s noenhanced size 1000,500 background 'white'\n"
		"set style fill solid 0.5\nset boxwidth 0.6\nset grid ytics\n"
		"set xtics rotate by -30\nset xrange [-0.6:*]\nset yrange [0:*]\n"
		"set ylabel 'nanoseconds a message'\n"
		"set multiplot layout 1,%zu title '%s'\n",
		plot->terminal, groups_of(figures, nr), title);
	for (size_t of; nr; nr -= of, figures += of) {
		of = group_of(figures, nr);
		draw_group(script, figures, of);
	}
	fputs("unset multiplot\n", script);
}

int plot_end(struct plot *plot, const char *title, const struct figure *figures,
	     size_t nr)
{
	int status = -1;

	/* Fails where there is nothing to cut off, as in a pipe. */
	if (ftruncate(plot->out, 0) && errno != EINVAL)
		complain("\"%s\" cannot be cut: %s; look at its end",
			 plot->path, strerror(errno));
	close(plot->out);
	draw(plot, title, figures, nr);
	fclose(plot->script);
	waitpid(plot->gnuplot, &status, 0);
	if (!status)
		return 0;
	complain(
		"gnuplot has failed, so \"%s\" is no picture; see above what it says, or leave --plot out",
		plot->path);
	return EXIT_FAILURE;
}

void plot_forget(const struct plot *plot)
{
	if (plot->is_new)
		unlink(plot->path);
}
