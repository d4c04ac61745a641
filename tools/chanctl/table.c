// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables, as text or as JSON, by libsmartcols.
 */
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chanctl.h"
#include "table.h"

/* The library prints numbers as they stand, and what is none is null for all. */
static void add_column(struct libscols_table *table,
		       const struct column *column)
{
	static const int types[] = {
		[KIND_STRING] = SCOLS_JSON_STRING,
		[KIND_NUMBER] = SCOLS_JSON_NUMBER,
		[KIND_LITERAL] = SCOLS_JSON_NUMBER,
	};
	int flags = column->kind == KIND_NUMBER ? SCOLS_FL_RIGHT : 0;
	struct libscols_column *new =
		scols_table_new_column(table, column->name, 0, flags);

	need_memory(new &&
		    !scols_column_set_json_type(new, types[column->kind]));
}

struct libscols_table *table_new(const char *name, const struct column *columns,
				 size_t nr, bool json)
{
	struct libscols_table *table = scols_new_table();

	need_memory(table && !scols_table_set_name(table, name) &&
		    !scols_table_enable_json(table, json));
	for (size_t i = 0; i < nr; i++)
		add_column(table, &columns[i]);
	return table;
}

void table_name_bits(char *value, uint64_t bits, const char *const *names,
		     size_t nr, const char *between)
{
	value[0] = '\0';
	for (size_t i = 0; i < nr; i++) {
		if (!(bits & 1ULL << i))
			continue;
		if (value[0])
			strcat(value, between);
		strcat(value, names[i]);
	}
}

const char *table_truth(bool truth, bool json)
{
	if (json)
		return truth ? "true" : "false";
	return truth ? "yes" : "no";
}

void table_add(struct libscols_table *table, const char *const *values)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	need_memory(line);
	for (size_t i = 0; i < scols_table_get_ncols(table); i++)
		need_memory(!scols_line_set_data(line, i, values[i]));
}

void table_print(struct libscols_table *table)
{
	need_memory(!scols_print_table(table));
	scols_unref_table(table);
}

char *table_text(struct libscols_table *table)
{
	char *text;

	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	need_memory(!scols_print_table_to_string(table, &text));
	scols_unref_table(table);
	return text;
}

/* In JSON an end of line, and what is behind it, is never a part of a value. */
void table_print_line(struct libscols_table *table)
{
	char *text = table_text(table);

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		fputs(line + strspn(line, " "), stdout);
	putchar('\n');
	free(text);
}
