/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "frame.h"

#include <errno.h>

#define LIMIT 10000

/* Puts bytes in as a socket would, in as many reads as it takes, taking messages out between. */
struct reader {
	struct frame_buffer buffer;
	char *got; /* all messages, each with a "|" behind it */
	size_t size;
	int result; /* of the last frame_buffer_next() */
};

static void take_messages(struct reader *reader)
{
	char *text;
	size_t length;

	while ((reader->result = frame_buffer_next(&reader->buffer, &text, &length)) == 1) {
		assert_int_equal(text[length], 0);
		assert_int_equal(strlen(text), length);
		reader->got = realloc(reader->got, reader->size + length + 2);
		memcpy(reader->got + reader->size, text, length);
		reader->size += length;
		reader->got[reader->size++] = '|';
		reader->got[reader->size] = 0;
	}
}

static void feed(struct reader *reader, const char *data, size_t size)
{
	while (size > 0 && reader->result == 0) {
		char *space;
		size_t room;

		assert_int_equal(frame_buffer_reserve(&reader->buffer, &space, &room), 0);
		assert_true(room > 0);
		if (room > size)
			room = size;
		memcpy(space, data, room);
		frame_buffer_commit(&reader->buffer, room);
		data += room;
		size -= room;
		take_messages(reader);
	}
}

static void reader_done(struct reader *reader)
{
	frame_buffer_done(&reader->buffer);
	free(reader->got);
}

static void expect(struct reader *reader, const char *expected, bool is_empty)
{
	assert_int_equal(reader->result, 0);
	assert_string_equal(reader->got ? reader->got : "", expected);
	assert_int_equal(frame_buffer_is_empty(&reader->buffer), is_empty);
}

static const char two[] = "{\"first\":1}\0{}"; /* with its own NUL at the end */

static void test_byte_by_byte(void **state)
{
	_cleanup_(reader_done) struct reader whole = {}, bytes = {};

	(void)state;
	frame_buffer_init(&whole.buffer, LIMIT);
	feed(&whole, two, sizeof(two));
	expect(&whole, "{\"first\":1}|{}|", true);
	frame_buffer_init(&bytes.buffer, LIMIT);
	for (size_t i = 0; i < sizeof(two); i++)
		feed(&bytes, two + i, 1);
	expect(&bytes, whole.got, true);
}

static void test_splits(void **state)
{
	(void)state;
	for (size_t a = 0; a <= sizeof(two); a++)
		for (size_t b = a; b <= sizeof(two); b++) {
			_cleanup_(reader_done) struct reader reader = {};

			frame_buffer_init(&reader.buffer, LIMIT);
			feed(&reader, two, a);
			feed(&reader, two + a, b - a);
			feed(&reader, two + b, sizeof(two) - b);
			expect(&reader, "{\"first\":1}|{}|", true);
		}
}

static void test_empty_messages(void **state)
{
	_cleanup_(reader_done) struct reader reader = {};

	(void)state;
	frame_buffer_init(&reader.buffer, LIMIT);
	expect(&reader, "", true);
	feed(&reader, "\0\0a\0\0b", 6);
	expect(&reader, "||a||", false);
	feed(&reader, "\0", 1);
	expect(&reader, "||a||b|", true);
}

/* A message of LENGTH bytes, in reads of STEP bytes, behind one that was there before. */
static int try_length(size_t limit, size_t length, size_t step, bool with_nul)
{
	_cleanup_(reader_done) struct reader reader = {};
	_cleanup_(freep) char *data = malloc(length + 3);

	memcpy(data, "x", 2);
	memset(data + 2, 'y', length);
	data[length + 2] = 0;
	frame_buffer_init(&reader.buffer, limit);
	for (size_t i = 0; i < length + 2 + with_nul; i += step)
		feed(&reader, data + i,
		     step < length + 2 + with_nul - i ? step : length + 2 + with_nul - i);
	assert_true(reader.buffer.capacity <= limit + 1);
	if (reader.result == 0 && with_nul)
		assert_int_equal(reader.size, length + 3);
	return reader.result;
}

static void test_limit(void **state)
{
	static const size_t limits[] = { 1, 2, 100, 4094, 4095, 4096, 4097, 8191, 8192, 65536 };
	static const size_t steps[] = { 1, 7, 4096, 1000000 };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(limits); i++)
		for (size_t j = 0; j < ELEMENTS_OF(steps); j++) {
			assert_int_equal(try_length(limits[i], limits[i], steps[j], true), 0);
			assert_int_equal(try_length(limits[i], limits[i] + 1, steps[j], true),
					 -EMSGSIZE);
			/* without an end it is known as soon as the limit is passed */
			assert_int_equal(try_length(limits[i], limits[i], steps[j], false), 0);
			assert_int_equal(try_length(limits[i], limits[i] + 1, steps[j], false),
					 -EMSGSIZE);
		}
}

/* One that grows lets a longer message through, one that shrinks does not reach over the end. */
static void test_limit_changes(void **state)
{
	_cleanup_(reader_done) struct reader reader = {};
	char data[6000];

	(void)state;
	memset(data, 'z', sizeof(data));
	frame_buffer_init(&reader.buffer, 1000);
	feed(&reader, data, 1000);
	assert_int_equal(reader.result, 0);
	reader.buffer.limit = 12000;
	feed(&reader, data, 6000);
	assert_int_equal(reader.result, 0);
	reader.buffer.limit = 100;
	take_messages(&reader);
	assert_int_equal(reader.result, -EMSGSIZE);
}

/* Memory is given back, and the buffer is as good as new. */
static void test_done(void **state)
{
	_cleanup_(reader_done) struct reader reader = {};

	(void)state;
	frame_buffer_init(&reader.buffer, LIMIT);
	feed(&reader, two, sizeof(two));
	frame_buffer_done(&reader.buffer);
	assert_null(reader.buffer.data);
	assert_int_equal(reader.buffer.capacity, 0);
	assert_int_equal(reader.buffer.limit, LIMIT);
	feed(&reader, two, sizeof(two));
	expect(&reader, "{\"first\":1}|{}|{\"first\":1}|{}|", true);
}

static void test_random(void **state)
{
	uint64_t random = chance_begin();

	(void)state;
	for (int i = 0; i < 200; i++) {
		_cleanup_(reader_done) struct reader reader = {};
		char data[20000], expected[20001];
		size_t at = 0;

		for (size_t j = 0; j < sizeof(data); j++) {
			data[j] = chance(&random, 1 + (uint32_t)i * 10) ? 'a' : 0;
			expected[j] = data[j] ? 'a' : '|';
		}
		data[sizeof(data) - 1] = 0;
		memcpy(expected + sizeof(data) - 1, "|", 2);
		frame_buffer_init(&reader.buffer, sizeof(data));
		while (at < sizeof(data)) {
			size_t n = 1 + chance(&random, 3000);

			if (n > sizeof(data) - at)
				n = sizeof(data) - at;
			feed(&reader, data + at, n);
			at += n;
		}
		expect(&reader, expected, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_byte_by_byte),   cmocka_unit_test(test_splits),
		cmocka_unit_test(test_empty_messages), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_changes),  cmocka_unit_test(test_done),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
