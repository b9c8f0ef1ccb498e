/* SPDX-License-Identifier: MIT */
#pragma once

/* What the fuzz targets share. Each one is a file with this function, as libFuzzer calls it. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Something that must hold whatever comes in. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/*
 * A copy of exactly SIZE bytes, to be freed, so that a sanitizer sees a read behind its end. With
 * LINES each newline becomes a NUL, by which corpora of messages stay readable.
 */
enum copy { COPY_AS_IT_IS, COPY_LINES };

static inline char *copy_of(const uint8_t *data, size_t size, enum copy how)
{
	char *copy = calloc(1, size ? size : 1);

	CHECK(copy);
	for (size_t i = 0; i < size; i++)
		copy[i] = how == COPY_LINES && data[i] == '\n' ? '\0' : (char)data[i];
	return copy;
}
