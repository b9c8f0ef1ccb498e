/* SPDX-License-Identifier: MIT */
#include "config-rig.h"

#include "cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* The lower bounds, and back to the defaults. */
static void test_numbers(void **state)
{
	struct config config;

	scratch_write(*state, MAIN_FILE,
		      "[Daemon]\nReuseDelaySec=0\nScanIntervalSec=1\nBlindDrainSec=1\n"
		      "HistoryDays=1\nHistoryEvents=1\n[Pool a]\nKubeletPodsDirectory=/a\n");
	config = config_of(*state);
	assert_int_equal(config.reuse_delay_sec, 0);
	assert_int_equal(config.scan_interval_sec, 1);
	assert_int_equal(config.blind_drain_sec, 1);
	assert_int_equal(config.history_days, 1);
	assert_int_equal(config.history_events, 1);
	config_done(&config);
	scratch_write(*state, DROP_IN("a.conf"),
		      "[Daemon]\nReuseDelaySec=\nScanIntervalSec=\nBlindDrainSec=\n"
		      "HistoryDays=\nHistoryEvents=\n[Pool a]\nKubeletPodsDirectory=\n");
	config = config_of(*state);
	assert_int_equal(config.reuse_delay_sec, 0);
	assert_int_equal(config.scan_interval_sec, 10);
	assert_int_equal(config.blind_drain_sec, 600);
	assert_int_equal(config.history_days, 90);
	assert_int_equal(config.history_events, 1000000);
	assert_null(config.pools[0].kubelet_pods);
	config_done(&config);
}

/* Two pools may not share a folder of pods, however it is written. */
static void test_pods_folders(void **state)
{
	static const struct {
		const char *a, *b;
		bool is_taken;
	} cases[] = {
		{ "/pods", "/pods", false },
		{ "/pods", "//pods/", false },
		{ "/a//b", "/a/b//", false },
		{ "/", "//", false },
		{ "/pods", "/pods2", true },
		{ "/pods", "/pods/a", true },
		{ "/pods/a", "/pods", true },
		{ "/", "/pods", true },
		{ "", "", true },
		{ "/pods", "", true },
	};

	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		struct config_error error = { 0 };
		struct config config = { 0 };
		char text[256];
		int r;

		snprintf(text, sizeof(text),
			 "[Pool a]\nKubeletPodsDirectory=%s\n[Pool b]\n[Pool c]\n"
			 "KubeletPodsDirectory=%s\n",
			 cases[i].a, cases[i].b);
		scratch_write(*state, MAIN_FILE, text);
		r = config_load(NULL, ((struct scratch *)*state)->root, &config, &error);
		assert_int_equal(r, cases[i].is_taken ? 0 : -EINVAL);
		if (r < 0) {
			assert_string_equal(error.message,
					    "the pools a and c have the same "
					    "KubeletPodsDirectory=: leave it to one of them");
			assert_null(error.file);
			assert_int_equal(error.line, 0);
		}
		config_error_done(&error);
		config_done(&config);
	}
}

static void test_too_many_pools(void **state)
{
	char text[4096];
	int n = 0;

	for (int i = 0; i <= 64; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "[Pool p%d]\n", i);
	scratch_write(*state, MAIN_FILE, text);
	expect_refusal(*state, MAIN_FILE, 65, "64 pools");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_numbers, config_setup, config_teardown),
		cmocka_unit_test_setup_teardown(test_pods_folders, config_setup, config_teardown),
		cmocka_unit_test_setup_teardown(test_too_many_pools, config_setup, config_teardown),
	};

	return cmocka_run_group_tests_name("config-pools", tests, NULL, NULL);
}
