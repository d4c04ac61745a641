/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The texts of help, which the build makes of help/NAME.txt.
 */
#ifndef HELP_H
#define HELP_H

/**
 * struct text - a text of help
 * @name: of the verb, or "chanctl"
 * @text: all of it; NULL ends the list
 */
struct text {
	const char *name;
	const char *text;
};

extern const struct text texts[];

/* Prints the text of this name; EXIT_USAGE if there is none. */
int print_help(const char *name);

#endif /* HELP_H */
