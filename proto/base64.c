/* SPDX-License-Identifier: MIT */
#include "base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define PADDING 64 /* the index of the digit */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

void base64_encode(const void *data, size_t size, char *ret)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16;

		if (i + 1 < size)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < size)
			group |= bytes[i + 2];
		*ret++ = digits[group >> 18];
		*ret++ = digits[group >> 12 & 63];
		*ret++ = digits[i + 1 < size ? group >> 6 & 63 : PADDING];
		*ret++ = digits[i + 2 < size ? group & 63 : PADDING];
	}
	*ret = 0;
}

static int value_of(char digit)
{
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 26;
	if (digit >= '0' && digit <= '9')
		return digit - '0' + 52;
	if (digit == '+')
		return 62;
	return digit == '/' ? 63 : -1;
}

/* N of four digits are there. Bits that are left over must be 0. */
static int decode_group(const char *text, size_t n, unsigned char ret[3])
{
	uint32_t group = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < n ? value_of(text[i]) : 0;

		if (value < 0)
			return -EBADMSG;
		group = group << 6 | (uint32_t)value;
	}
	if ((n < 4 && group & 0xff) || (n < 3 && group & 0xffff))
		return -EBADMSG;
	ret[0] = (unsigned char)(group >> 16);
	ret[1] = (unsigned char)(group >> 8);
	ret[2] = (unsigned char)group;
	return 0;
}

int base64_decode(const char *text, void *data, size_t size, size_t *ret_n)
{
	size_t length = strlen(text), n_padding = 0, n;
	unsigned char *bytes = data, group[3];

	if (length % 4 != 0)
		return -EBADMSG;
	while (n_padding < 2 && n_padding < length && text[length - 1 - n_padding] == '=')
		n_padding++;
	n = length / 4 * 3 - n_padding;
	if (n > size)
		return -EBADMSG;
	for (size_t i = 0; i < length / 4; i++) {
		size_t n_bytes = i < length / 4 - 1 ? 3 : 3 - n_padding;

		if (decode_group(text + 4 * i, n_bytes + 1, group) < 0)
			return -EBADMSG;
		memcpy(bytes + 3 * i, group, n_bytes);
	}
	*ret_n = n;
	return 0;
}
