// SPDX-License-Identifier: GPL-2.0-only
/*
 * chanctl - channels from the command line
 *
 * The table of its verbs. Each is in a file of its name, or of that of a verb like
 * it, and so is its help.
 */
#include <string.h>

#include "chanctl.h"
#include "output.h"

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	/* clang-format off */
	{ "create", verb_create },
	{ "list", verb_list },
	{ "show", verb_show },
	{ "shutdown", verb_shutdown },
	{ "rm", verb_rm },
	{ "send", verb_send },
	{ "recv", verb_recv },
	{ "call", verb_call },
	{ "serve", verb_serve },
	{ "peek", verb_peek },
	{ "top", verb_top },
	{ "watch", verb_watch },
	{ "bench", verb_bench },
	{ "doctor", verb_doctor },
	{ "version", verb_version },
	{ "help", verb_help },
	/* clang-format on */
};

static const struct verb *find_verb(const char *name)
{
	/* As many other programs are asked. */
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	for (size_t i = 0; i < NR(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	usage_error("", "there is no verb \"%s\"", name);
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	output_begin();
	if (argc < 2)
		usage_error("", "a verb is missing");
	verb = find_verb(argv[1]);
	argv[1] = (char *)verb->name;
	return output_end(verb->run(argc - 1, argv + 1));
}
