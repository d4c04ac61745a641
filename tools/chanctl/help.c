// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl help [VERB], which is chanctl VERB --help.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chanctl.h"
#include "help.h"
#include "options.h"

int print_help(const char *name)
{
	for (const struct text *text = texts; text->name; text++) {
		if (strcmp(text->name, name))
			continue;
		fputs(text->text, stdout);
		return EXIT_SUCCESS;
	}
	usage_error("", "there is no verb \"%s\"", name);
}

int verb_help(int argc, char **argv)
{
	static const struct option_of options[] = { {} };
	char **operands;
	int nr = take_options(options, argc, argv, &operands);

	if (nr > 1)
		usage_error(argv[0], "help takes one verb, not \"%s\" as well",
			    operands[1]);
	return print_help(nr ? operands[0] : "chanctl");
}
