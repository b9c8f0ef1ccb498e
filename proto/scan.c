/* SPDX-License-Identifier: MIT */

/* The scan that comes before everything else: RFC 8259 and UTF-8, to the letter. */

#include "json.h"

#include <stdint.h>
#include <string.h>

struct scanner {
	const unsigned char *at;
	const unsigned char *end;
	struct json_limits left;
};

/* The range of the second byte keeps out overlong forms, surrogates and what lies past U+10FFFF. */
size_t utf8_sequence(const char *text, size_t length)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (length < n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool utf8_valid(const char *text, size_t length)
{
	while (length > 0) {
		size_t n = utf8_sequence(text, length);

		if (n == 0)
			return false;
		text += n;
		length -= n;
	}
	return true;
}

static void skip_space(struct scanner *s)
{
	while (s->at < s->end &&
	       (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

/* Steps over one byte if it is the one that is wanted. */
static bool take(struct scanner *s, unsigned char wanted)
{
	if (s->at == s->end || *s->at != wanted)
		return false;
	s->at++;
	return true;
}

static bool take_word(struct scanner *s, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(s->end - s->at) < length || memcmp(s->at, word, length) != 0)
		return false;
	s->at += length;
	return true;
}

/* The four hex digits behind \u; -1 if they are none. */
static int32_t take_hex4(struct scanner *s)
{
	int32_t value = 0;

	if (s->end - s->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned char c = *s->at++;

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* What follows the letter u of an escape: a code point, or a pair of surrogates. */
static bool scan_unicode_escape(struct scanner *s, bool allow_nul)
{
	int32_t unit = take_hex4(s);

	if (unit < 0 || (unit == 0 && !allow_nul))
		return false;
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	if (unit > 0xdbff || !take_word(s, "\\u"))
		return false;
	unit = take_hex4(s);
	return unit >= 0xdc00 && unit <= 0xdfff;
}

static bool scan_escape(struct scanner *s, bool allow_nul)
{
	if (s->at == s->end)
		return false;
	switch (*s->at++) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return true;
	case 'u':
		return scan_unicode_escape(s, allow_nul);
	}
	return false;
}

/* A NUL is let through in values only: json-c keeps member names as C strings and would cut them.
 */
static bool scan_string(struct scanner *s, bool allow_nul)
{
	if (!take(s, '"'))
		return false;
	while (s->at < s->end) {
		unsigned char c = *s->at;
		size_t n;

		if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
			s->at++;
			continue;
		}
		if (c == '"') {
			s->at++;
			return true;
		}
		if (c == '\\') {
			s->at++;
			if (!scan_escape(s, allow_nul))
				return false;
			continue;
		}
		n = c < 0x20 ? 0 : utf8_sequence((const char *)s->at, (size_t)(s->end - s->at));
		if (n == 0)
			return false;
		s->at += n;
	}
	return false;
}

static bool scan_digits(struct scanner *s)
{
	const unsigned char *first = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > first;
}

static bool scan_number(struct scanner *s)
{
	take(s, '-');
	if (!take(s, '0') && !scan_digits(s))
		return false;
	if (take(s, '.') && !scan_digits(s))
		return false;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			take(s, '-');
		return scan_digits(s);
	}
	return true;
}

static bool scan_value(struct scanner *s);

static bool spend(size_t *left)
{
	if (*left == 0)
		return false;
	--*left;
	return true;
}

static bool scan_member(struct scanner *s)
{
	skip_space(s);
	if (!spend(&s->left.values) || !scan_string(s, false))
		return false;
	skip_space(s);
	return take(s, ':') && scan_value(s);
}

/* The rest of an array or object whose opening bracket has been taken. */
static bool scan_list(struct scanner *s, unsigned char closing, bool (*scan_item)(struct scanner *))
{
	if (s->left.depth == 0 || !spend(&s->left.containers))
		return false;
	s->left.depth--;
	skip_space(s);
	if (!take(s, closing)) {
		do {
			if (!scan_item(s))
				return false;
			skip_space(s);
		} while (take(s, ','));
		if (!take(s, closing))
			return false;
	}
	s->left.depth++;
	return true;
}

static bool scan_value(struct scanner *s)
{
	skip_space(s);
	if (s->at == s->end || !spend(&s->left.values))
		return false;
	switch (*s->at) {
	case '{':
		s->at++;
		return scan_list(s, '}', scan_member);
	case '[':
		s->at++;
		return scan_list(s, ']', scan_value);
	case '"':
		return scan_string(s, true);
	case 't':
		return take_word(s, "true");
	case 'f':
		return take_word(s, "false");
	case 'n':
		return take_word(s, "null");
	}
	return scan_number(s);
}

bool json_scan(const char *text, size_t length, const struct json_limits *limits)
{
	struct scanner s = {
		.at = (const unsigned char *)text,
		.end = (const unsigned char *)text + length,
		.left = *limits,
	};

	if (!scan_value(&s))
		return false;
	skip_space(&s);
	return s.at == s.end;
}
