/* SPDX-License-Identifier: MIT */

/*
 * Which format -o asks for. Built with -O3: gcc 12 took a comparison of three letters with
 * `name ? name : "table"` for one that never holds, so that a release knew neither oci, cri nor
 * ctr.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cleanup.h"
#include "format.h"
#include "options.h"

static unsigned int n_refused;

enum exit_status options_refuse(const struct verb *verb, const char *format, ...)
{
	(void)verb;
	(void)format;
	n_refused++;
	return STATUS_USAGE;
}

static const char *name_of(const char *json, const char *output)
{
	struct context context = { .options = { [OPTION_JSON] = json, [OPTION_OUTPUT] = output } };
	const struct format *format = format_find(&context);

	return format ? format->name : NULL;
}

static void test_names(void **state)
{
	static const char *const names[] = { "table",	"json",	  "range", "oci",    "cri",
					     "kubelet", "podman", "ctr",   "nspawn", "unshare" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(names); i++)
		assert_string_equal(name_of(NULL, names[i]), names[i]);
	assert_string_equal(name_of(NULL, NULL), "table");
	assert_string_equal(name_of("", NULL), "json");
	assert_string_equal(name_of("", "json"), "json");
	assert_int_equal(n_refused, 0);
}

static void test_refused(void **state)
{
	static const char *const names[] = { "", "oc", "oci2", "OCI", "jso", "tables" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
		n_refused = 0;
		assert_null(name_of(NULL, names[i]));
		assert_null(name_of("", names[i]));
		assert_int_equal(n_refused, 2);
	}
	assert_null(name_of("", "table"));
	assert_int_equal(n_refused, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("cli format", tests, NULL, NULL);
}
