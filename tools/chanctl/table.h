/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables, as text or as JSON, by libsmartcols.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a column holds, which JSON tells apart. */
enum kind {
	KIND_STRING,
	KIND_NUMBER,
	KIND_LITERAL, /* what JSON shows as it stands */
};

struct column {
	const char *name;
	enum kind kind;
};

struct libscols_table;

/* @name is that of the list in JSON; there are @nr columns. */
struct libscols_table *table_new(const char *name, const struct column *columns,
				 size_t nr, bool json);

/* Makes a value of the names of bits, the lowest first. */
void table_name_bits(char *value, uint64_t bits, const char *const *names,
		     size_t nr, const char *between);

/* The value of a KIND_LITERAL, of a table that is printed so. */
const char *table_truth(bool truth, bool json);

/* A row with a value for each column, of which NULL is none. */
void table_add(struct libscols_table *table, const char *const *values);

/* Prints and ends the table. */
void table_print(struct libscols_table *table);

/* Ends the table; what it would have printed were it as wide as it wants, to be freed. */
char *table_text(struct libscols_table *table);

/* The same, with all of it on one line. */
void table_print_line(struct libscols_table *table);

#endif /* TABLE_H */
