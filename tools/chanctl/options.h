/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options as a table that each verb has, and the forms of their values: numbers
 * take K and M, times take ms, s, m and h.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct option_of - an option of a verb
 * @letter: its short form, 0 if it has none
 * @name: its long form; NULL ends the table
 * @flag: set if it is given; or
 * @number: for its value, no greater than @most if that is not 0; or
 * @mode: for its value, permission bits in octal; or
 * @deadline: for its value, a length of time from now; or
 * @ns: for its value, a length of time as it is, no shorter than @least; or
 * @text: for its value as it is
 */
struct option_of {
	char letter;
	const char *name;
	bool *flag;
	uint64_t *number;
	uint64_t most;
	mode_t *mode;
	uint64_t *deadline;
	uint64_t *ns;
	uint64_t least;
	const char **text;
};

/*
 * Takes the options of argv[0], of this table and --help, from anywhere among the
 * arguments. What is left are the operands: their number, the first in
 * argv[*first]. Whatever is wrong with the options is said, and ends the program.
 */
int take_options(const struct option_of *table, int argc, char **argv,
		 char ***operands);

#endif /* OPTIONS_H */
