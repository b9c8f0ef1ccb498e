/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The one number reader of the project: decimal digits and nothing else.
 *
 * shadow reads subuid(5) numbers with base 0 and takes signs and spaces, so what it would read as
 * something other than this reader must be refused here. Header only, libc only.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads exactly LENGTH bytes of TEXT (which need not be terminated) as a decimal number up to MAX.
 * Refuses an empty text, any byte that is no digit, and a leading zero before another digit.
 * Returns 0 and sets *ret; -EINVAL if it is no such number; -ERANGE if it is one, but above MAX.
 */
static inline int decimal_parse(const char *text, size_t length, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;
	int r = 0;

	if (length == 0 || (length > 1 && text[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		unsigned int digit = (unsigned char)text[i] - '0';

		if (digit > 9)
			return -EINVAL;
		if (r < 0 || digit > max || value > (max - digit) / 10)
			r = -ERANGE;
		else
			value = value * 10 + digit;
	}
	if (r == 0)
		*ret = value;
	return r;
}
