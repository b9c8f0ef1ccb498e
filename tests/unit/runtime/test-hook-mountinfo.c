/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "hook-mountinfo.h"

#include <errno.h>
#include <fcntl.h>

static const struct {
	const char *line;
	int result;
	const char *type, *flags, *super_options;
} lines[] = {
	{ "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n", 1,
	  "ext3", "rw,noatime", "rw,errors=continue" },
	{ "36 35 0:41 / /a rw - overlay overlay rw,lowerdir=/l", 1, "overlay", "rw",
	  "rw,lowerdir=/l" },
	{ "36 35 0:41 / /a rw shared:1 master:2 propagate_from:3 - tmpfs none rw", 1, "tmpfs", "rw",
	  "rw" },
	/* a mount point that is called "-", and one with a blank in it */
	{ "36 35 0:41 / - rw - tmpfs - rw", 1, "tmpfs", "rw", "rw" },
	{ "36 35 0:41 / /a\\040b rw - tmpfs a\\040b rw", 1, "tmpfs", "rw", "rw" },
	{ "136 35 98:0 / / rw - ext3 /dev/root rw", 0, NULL, NULL, NULL },
	{ "3 36 98:0 / / rw - ext3 /dev/root rw", 0, NULL, NULL, NULL },
	{ "", -EBADMSG, NULL, NULL, NULL },
	{ "36", -EBADMSG, NULL, NULL, NULL },
	{ "36 35 98:0 / / rw ext3 /dev/root rw", -EBADMSG, NULL, NULL, NULL },
	{ "36 35 98:0 / / rw - ext3 /dev/root", -EBADMSG, NULL, NULL, NULL },
	{ "x 35 98:0 / / rw - ext3 /dev/root rw", -EBADMSG, NULL, NULL, NULL },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(lines); i++) {
		struct mount_entry entry = { 0 };

		assert_int_equal(mountinfo_parse(lines[i].line, 36, &entry), lines[i].result);
		if (lines[i].result == 1) {
			assert_string_equal(entry.type, lines[i].type);
			assert_string_equal(entry.flags, lines[i].flags);
			assert_string_equal(entry.super_options, lines[i].super_options);
		} else {
			assert_null(entry.type);
		}
		mount_entry_done(&entry);
	}
}

static const struct {
	const char *text, *decoded;
} escapes[] = {
	{ "", "" },	     { "/a", "/a" },	 { "/a\\040b", "/a b" }, { "\\054\\134", ",\\" },
	{ "\\1341", "\\1" }, { "\\04", "\\04" }, { "\\", "\\" },	 { "\\089", "\\089" },
};

static void test_escapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(escapes); i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "%s", escapes[i].text);
		mountinfo_decode(text);
		assert_string_equal(text, escapes[i].decoded);
	}
}

static void test_find(void **state)
{
	_cleanup_(mount_entry_done) struct mount_entry proc = { 0 }, below = { 0 };
	_cleanup_(closep) int top = open("/proc", O_PATH | O_CLOEXEC);
	_cleanup_(closep) int folder = open("/proc/self", O_PATH | O_CLOEXEC);
	bool is_top;

	(void)state;
	assert_int_equal(mountinfo_find(top, &proc, &is_top), 0);
	assert_string_equal(proc.type, "proc");
	assert_true(is_top);
	assert_int_equal(mountinfo_find(folder, &below, &is_top), 0);
	assert_string_equal(below.type, "proc");
	assert_false(is_top);
	assert_int_equal(mountinfo_find(-1, &below, &is_top), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
