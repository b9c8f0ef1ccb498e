/* SPDX-License-Identifier: MIT */
#include "table.h"

#include "cleanup.h"

#include <stdarg.h>
#include <string.h>

struct cell {
	char *text;
	enum colour colour;
};

void table_init(struct table *table, const struct column *columns, size_t n_columns)
{
	*table = (struct table){ .columns = columns, .n_columns = n_columns };
}

static void forget_cells(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	table->n_cells = 0;
}

void table_done(struct table *table)
{
	forget_cells(table);
	free(table->cells);
	free(table->widths);
	table_init(table, table->columns, table->n_columns);
}

void table_add(struct table *table, enum colour colour, const char *format, ...)
{
	_cleanup_(freep) char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	text = text_make_v(format, arguments);
	va_end(arguments);
	if (table->n_cells == table->capacity) {
		table->capacity = table->capacity ? table->capacity * 2 : 64;
		table->cells = check_memory(
			reallocarray(table->cells, table->capacity, sizeof(*table->cells)));
	}
	table->cells[table->n_cells++] = (struct cell){ escape(text), colour };
}

/* Columns that a text takes: its bytes but those that continue a character of UTF-8. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static bool has_titles(const struct table *table)
{
	return table->columns[0].title;
}

static void widen(size_t *width, const char *text)
{
	size_t n = text_width(text);

	*width = n > *width ? n : *width;
}

static void print_spaces(size_t n)
{
	for (; n > 0; n--)
		putchar(' ');
}

/* Prints a cell; the last one of a row is not filled up. */
static void print_cell(const struct table *table, size_t column, size_t width, const char *text,
		       enum colour colour)
{
	bool is_last = column + 1 == table->n_columns;
	size_t space = width - text_width(text);

	if (table->columns[column].right)
		print_spaces(space);
	printf("%s%s%s", colour_begin(colour), text, colour_end(colour));
	if (!table->columns[column].right && !is_last)
		print_spaces(space);
	fputs(is_last ? "\n" : "  ", stdout);
}

void table_print(struct table *table)
{
	bool is_first = !table->widths;
	size_t n = table->n_columns;

	if (is_first)
		table->widths = check_memory(calloc(n, sizeof(*table->widths)));
	for (size_t i = 0; has_titles(table) && i < n; i++)
		widen(&table->widths[i], table->columns[i].title);
	for (size_t row = 0; row < table->n_cells; row += n)
		for (size_t i = 0; i < n; i++)
			widen(&table->widths[i], table->cells[row + i].text);
	for (size_t i = 0; is_first && has_titles(table) && i < n; i++)
		print_cell(table, i, table->widths[i], table->columns[i].title, COLOUR_BOLD);
	for (size_t row = 0; row < table->n_cells; row += n)
		for (size_t i = 0; i < n; i++)
			print_cell(table, i, table->widths[i], table->cells[row + i].text,
				   table->cells[row + i].colour);
	forget_cells(table);
}
