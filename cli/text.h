/* SPDX-License-Identifier: MIT */
#pragma once

/* Text for people: safe on a terminal, coloured where that is wanted. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, N_COLOURS };

/* Prints TEXT with its control characters as escapes: \n, \x1b. */
void print_escaped(FILE *out, const char *text);

/* A copy of TEXT made so. */
char *escape(const char *text);

/* The sequence that begins a colour, and the one that ends it; "" where colour is not wanted. */
const char *colour_begin(enum colour colour);
const char *colour_end(enum colour colour);

/* Prints one line on standard error, with the name of the program and control characters escaped.
 */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Leaves the program if POINTER is NULL, for lack of memory, and returns it. */
void *check_memory(void *pointer) __attribute__((returns_nonnull));

/* printf(3) into memory; leaves the program if there is none. */
char *text_make(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *text_make_v(const char *format, va_list arguments)
	__attribute__((format(printf, 1, 0), returns_nonnull));

#define TIME_TEXT_SIZE 32

/* A time in local ISO form with its offset, in TEXT, which is returned. */
const char *time_text(uint64_t usec, char text[TIME_TEXT_SIZE]);
