/* SPDX-License-Identifier: MIT */
#pragma once

/* Bytes as text (RFC 4648, section 4), in one way only: padded, without line breaks. */

#include <stddef.h>

/* Bytes that the text of SIZE bytes takes, with its NUL. */
#define BASE64_SIZE(size) (((size) + 2) / 3 * 4 + 1)

void base64_encode(const void *data, size_t size, char *ret);

/*
 * Decodes into at most SIZE bytes at *DATA. Returns 0 and how many they are, or -EBADMSG if TEXT is
 * malformed or too long.
 */
int base64_decode(const char *text, void *data, size_t size, size_t *ret_n);
