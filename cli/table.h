/* SPDX-License-Identifier: MIT */
#pragma once

/* Aligned columns of text on standard output. */

#include "text.h"

#include <stdbool.h>
#include <stddef.h>

struct column {
	const char *title;
	bool right; /* are its cells aligned to the right, as numbers are? */
};

struct table {
	const struct column *columns;
	size_t n_columns;
	struct cell *cells; /* row by row */
	size_t n_cells;
	size_t capacity;
	size_t *widths; /* of the columns, at least; NULL: nothing was printed yet */
};

/* Begins a table. Where the first column's title is NULL, no titles are printed. */
void table_init(struct table *table, const struct column *columns, size_t n_columns);
void table_done(struct table *table);

/* Adds the next cell; control characters in it are escaped. */
void table_add(struct table *table, enum colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Prints what was added and forgets it. More can be added then: it is printed under the same
 * titles, and no column is narrower than before.
 */
void table_print(struct table *table);
