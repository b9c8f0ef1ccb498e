/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tests share: cmocka with what it needs, folders, descriptors, chance. Knows no layer. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"

/* A folder of a test's own. A failure ends the test. */
struct folder {
	char path[64];
};

void folder_make(struct folder *folder);
void folder_remove(const struct folder *folder);

/* The path of NAME in the folder, in a buffer that the fourth call after overwrites. */
const char *folder_path(const struct folder *folder, const char *name);

/* A whole file, to be freed, with a NUL behind it. */
char *file_bytes(const char *path, size_t *ret_size);
void file_write(const char *path, const void *data, size_t size);

/* Number of open descriptors of this process. */
int count_fds(void);

/*
 * A seed for a random walk, which is printed: from SUBIDD_TEST_SEED, or another one each time. The
 * sequence after it depends on nothing else.
 */
uint64_t chance_begin(void);

/* A number below N (not 0). */
uint32_t chance(uint64_t *state, uint32_t n);
