/* SPDX-License-Identifier: MIT */
#include "config-rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int config_setup(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	assert_non_null(scratch);
	scratch_make(scratch);
	*state = scratch;
	return 0;
}

int config_teardown(void **state)
{
	scratch_remove(*state);
	free(*state);
	return 0;
}

struct config config_of(const struct scratch *scratch)
{
	struct config_error error = { 0 };
	struct config config = { 0 };
	int r = config_load(NULL, scratch->root, &config, &error);

	if (r < 0)
		print_error("# line %u: %s\n", error.line, error.message);
	assert_int_equal(r, 0);
	return config;
}

void expect_refusal(const struct scratch *scratch, const char *file, uint32_t line,
		    const char *message)
{
	struct config_error error = { 0 };
	struct config config = { 0 };

	assert_int_equal(config_load(NULL, scratch->root, &config, &error), -EINVAL);
	assert_string_equal(error.file, scratch_path(scratch, file));
	assert_int_equal(error.line, line);
	if (!strstr(error.message, message))
		fail_msg("%s", error.message);
	config_error_done(&error);
}
