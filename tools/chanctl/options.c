// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options by the table of a verb, on top of getopt_long(3).
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "chanctl.h"
#include "help.h"
#include "options.h"
#include "output.h"

#define OPTIONS_MAX 16
#define FIRST	    256 /* of the values of long options, behind all letters */

/* What getopt_long wants to know. */
struct forms {
	char letters[2 * OPTIONS_MAX + 3];
	struct option longs[OPTIONS_MAX + 2];
};

static void add_form(struct forms *forms, int nr, const struct option_of *of)
{
	char *letters = forms->letters + strlen(forms->letters);

	forms->longs[nr].name = of->name;
	forms->longs[nr].has_arg = of->flag ? no_argument : required_argument;
	forms->longs[nr].val = FIRST + nr;
	if (!of->letter)
		return;
	*letters++ = of->letter;
	if (!of->flag)
		*letters = ':';
}

static void make_forms(struct forms *forms, const struct option_of *table)
{
	static bool help;
	const struct option_of help_too = { 'h', "help", .flag = &help };
	int nr;

	memset(forms, 0, sizeof(*forms));
	strcpy(forms->letters, ":");
	for (nr = 0; table[nr].name; nr++)
		add_form(forms, nr, &table[nr]);
	add_form(forms, nr, &help_too);
}

/* The place in the table; that of --help is behind the last. */
static int place_of(const struct option_of *table, int value)
{
	int nr = 0;

	if (value >= FIRST)
		return value - FIRST;
	while (table[nr].name && table[nr].letter != value)
		nr++;
	return nr;
}

/* The suffix is a part of the number: 1K is 1024. */
static bool read_number(const char *text, uint64_t *number)
{
	bool is_hex = text[0] == '0' && (text[1] | ' ') == 'x';
	unsigned int shift = 0;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*number = strtoull(text, &end, is_hex ? 16 : 10);
	if (*end == 'K' || *end == 'k')
		shift = 10;
	else if (*end == 'M' || *end == 'm')
		shift = 20;
	if (errno || end[!!shift] || *number > UINT64_MAX >> shift)
		return false;
	*number <<= shift;
	return true;
}

static void take_number(const char *verb, const struct option_of *of,
			const char *text)
{
	uint64_t most = of->most ? of->most : UINT64_MAX;

	if (!read_number(text, of->number) || *of->number > most)
		usage_error(
			verb,
			"--%s takes a number up to %llu (64, 0x40, 4K, 1M), not \"%s\"",
			of->name, (unsigned long long)most, text);
}

static void take_mode(const char *verb, const struct option_of *of,
		      const char *text)
{
	unsigned long mode;
	char *end;

	mode = strtoul(text, &end, 8);
	if (!isdigit((unsigned char)text[0]) || *end || !mode || mode > 0777)
		usage_error(
			verb,
			"--%s takes permission bits in octal (0622), not \"%s\"",
			of->name, text);
	*of->mode = mode;
}

static bool read_time(const char *text, double *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 },
		      { "s", 1e9 },
		      { "ms", 1e6 },
		      { "m", 6e10 },
		      { "h", 3.6e12 } };
	char *end;

	*ns = strtod(text, &end);
	if (!isdigit((unsigned char)text[0]))
		return false;
	for (size_t i = 0; i < NR(units); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		*ns *= units[i].ns;
		return *ns < 1e18;
	}
	return false;
}

static void take_time(const char *verb, const struct option_of *of,
		      const char *text)
{
	double ns;

	if (!read_time(text, &ns))
		usage_error(
			verb,
			"--%s takes a length of time (500ms, 2s, 1.5m, 1h), not \"%s\"",
			of->name, text);
	if (ns < of->least)
		usage_error(verb, "--%s takes at least %gms, not \"%s\"",
			    of->name, of->least / 1e6, text);
	if (of->deadline)
		*of->deadline = chan_in_ns((int64_t)ns);
	else
		*of->ns = (uint64_t)ns;
}

static void take_value(const char *verb, const struct option_of *of,
		       const char *text)
{
	if (of->flag)
		*of->flag = true;
	else if (of->number)
		take_number(verb, of, text);
	else if (of->mode)
		take_mode(verb, of, text);
	else if (of->deadline || of->ns)
		take_time(verb, of, text);
	else
		*of->text = text;
}

/* The last of letters that stand together is not the word before. */
static _Noreturn void misused(const char *verb, int value, const char *word)
{
	const char letter[] = { '-', optopt, '\0' };

	if (optopt && optopt < FIRST)
		word = letter;
	if (value == ':')
		usage_error(verb, "the option \"%s\" wants a value", word);
	usage_error(verb, "%s has no option \"%s\"", verb, word);
}

int take_options(const struct option_of *table, int argc, char **argv,
		 char ***operands)
{
	struct forms forms;
	int value, nr;

	make_forms(&forms, table);
	opterr = 0;
	while ((value = getopt_long(argc, argv, forms.letters, forms.longs,
				    NULL)) != -1) {
		if (value == '?' || value == ':')
			misused(argv[0], value, argv[optind - 1]);
		nr = place_of(table, value);
		if (!table[nr].name)
			exit(output_end(print_help(argv[0])));
		take_value(argv[0], &table[nr], optarg);
	}
	*operands = argv + optind;
	return argc - optind;
}
