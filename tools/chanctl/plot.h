/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Figures as a picture, which gnuplot draws.
 */
#ifndef PLOT_H
#define PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/**
 * struct figure - a bar of the picture
 * @group: bars of a group, which stand together, have a panel of their own
 * @name: of the bar
 * @value: its height
 * @least: where the variation begins
 * @most: where it ends
 */
struct figure {
	const char *group, *name;
	double value, least, most;
};

/* A picture that is to be drawn. */
struct plot {
	const char *path, *terminal;
	int out;
	bool is_new; /* the file was not there before */
	pid_t gnuplot;
	FILE *script;
};

/*
 * Takes the format by the end of @path, and exits with EXIT_USAGE if it is none of
 * those that there are.
 */
void plot_choose(struct plot *plot, const char *verb, const char *path);

/*
 * Begins with all that may fail, before there are figures. 0, or the exit code after an
 * error that was said.
 */
int plot_begin(struct plot *plot);

/* Draws @nr figures, and ends; 0, or the exit code after an error that was said. */
int plot_end(struct plot *plot, const char *title, const struct figure *figures,
	     size_t nr);

/* After an error that was said: a file that was made for the picture goes. */
void plot_forget(const struct plot *plot);

#endif /* PLOT_H */
