/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "hook-layers.h"

#include <errno.h>

static const struct {
	const char *options;
	int result;
	const char *lowers; /* with blanks between them */
	const char *upper, *work, *rest;
} cases[] = {
	{ "rw,lowerdir=/a,upperdir=/u,workdir=/w", 0, "/a ", "/u", "/w", "" },
	{ "rw,lowerdir=/a:/b:/c,upperdir=/u,workdir=/w", 0, "/a /b /c ", "/u", "/w", "" },
	{ "ro,lowerdir=/a:/b", 0, "/a /b ", NULL, NULL, "" },
	{ "rw,lowerdir+=/a,lowerdir+=/b:c,upperdir=/u,workdir=/w", 0, "/a /b:c ", "/u", "/w", "" },
	/* what containers/storage uses */
	{ "rw,nodev,lowerdir=l/A:l/B,upperdir=I/diff,workdir=I/work,metacopy=on,volatile", 0,
	  "l/A l/B ", "I/diff", "I/work", "nodev,metacopy=on" },
	{ "rw,lowerdir=/a,upperdir=/u,workdir=/w,uuid=on,fsync=volatile,index=off", 0, "/a ", "/u",
	  "/w", "index=off" },
	{ "rw,seclabel,context=\"system_u:object_r:x_t:s0:c1,c2\",lowerdir=/a", 0, "/a ", NULL,
	  NULL, "context=\"system_u:object_r:x_t:s0:c1,c2\"" },
	/* colons and backslashes escaped for overlayfs, and commas and backslashes for mountinfo */
	{ "rw,lowerdir=/a\\134:b:/c\\054d,upperdir=/u\\134:v:w,workdir=/w", 0, "/a:b /c,d ",
	  "/u:v:w", "/w", "" },
	{ "rw,lowerdir=/a\\134\\134b", 0, "/a\\b ", NULL, NULL, "" },
	{ "rw,lowerdir=/a\\040b", 0, "/a b ", NULL, NULL, "" },
	{ "rw,lowerdir=/a::/data", -ENOTSUP, NULL, NULL, NULL, NULL },
	{ "rw,lowerdir+=/a,datadir+=/d", -ENOTSUP, NULL, NULL, NULL, NULL },
	{ "rw", -EBADMSG, NULL, NULL, NULL, NULL },
	{ "", -EBADMSG, NULL, NULL, NULL, NULL },
	{ "rw,upperdir=/u,workdir=/w", -EBADMSG, NULL, NULL, NULL, NULL },
	{ "rw,lowerdir=/a,upperdir=/u", -EBADMSG, NULL, NULL, NULL, NULL },
};

static void equal(const char *text, const char *expected)
{
	if (expected)
		assert_string_equal(text, expected);
	else
		assert_null(text);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		_cleanup_(overlay_layers_done) struct overlay_layers layers = { 0 };
		char lowers[128] = "";

		print_message("# %s\n", cases[i].options);
		assert_int_equal(overlay_layers_parse(cases[i].options, &layers), cases[i].result);
		for (size_t j = 0; j < layers.n_lowers; j++) {
			strcat(lowers, layers.lowers[j]);
			strcat(lowers, " ");
		}
		equal(lowers, cases[i].lowers ? cases[i].lowers : "");
		equal(layers.upper, cases[i].upper);
		equal(layers.work, cases[i].work);
		equal(layers.rest, cases[i].rest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
