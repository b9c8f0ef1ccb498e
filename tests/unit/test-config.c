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

static void test_no_file(void **state)
{
	struct config config = config_of(*state);

	assert_int_equal(config.n_pools, 1);
	assert_string_equal(config.pools[0].name, "kubelet");
	assert_string_equal(config.pools[0].owner, "kubelet");
	assert_int_equal(config.pools[0].rules, RULES_KUBELET);
	assert_int_equal(config.pools[0].source, SOURCE_AUTO);
	assert_int_equal(config.pools[0].unit, 0);
	assert_int_equal(config.pools[0].max_pods, 0);
	assert_null(config.pools[0].kubelet_config);
	assert_false(config.pools[0].allow_account_overlap);
	assert_int_equal(config.n_allow_users, 0);
	assert_int_equal(config.max_allocations_per_user, 0);
	assert_int_equal(config.reuse_delay_sec, 0);
	assert_int_equal(config.scan_interval_sec, 10);
	assert_int_equal(config.blind_drain_sec, 600);
	assert_int_equal(config.history_days, 90);
	assert_int_equal(config.history_events, 1000000);
	assert_null(config.pools[0].kubelet_pods);
	config_done(&config);
}

static void test_all_keys(void **state)
{
	struct config config;

	scratch_write(
		*state, MAIN_FILE,
		"# comment\n; comment\n  # indented comment\n\n"
		"[Daemon]\nAllowUsers=crio 1000\nAllowUsers = podman\nAllowGroups=ops\n"
		"MaxAllocationsPerUser=7\nReuseDelaySec=31536000\nScanIntervalSec=86400\n"
		"BlindDrainSec=31536000\nHistoryDays=36500\nHistoryEvents=100000000\n"
		"[Pool other.1]\nOwner=containers\nRules=kubelet\nSource=getsubids\n"
		"IdsPerPod=131072\nMaxPods=5\nKubeletConfig=/etc/kubelet.yaml\n"
		"AllowAccountOverlap=yes\nKubeletPodsDirectory=/var/lib/kubelet/pods\n[Pool containers]\n[Pool kubelet]\n");
	config = config_of(*state);
	assert_int_equal(config.n_allow_users, 3);
	assert_string_equal(config.allow_users[0], "crio");
	assert_string_equal(config.allow_users[1], "1000");
	assert_string_equal(config.allow_users[2], "podman");
	assert_int_equal(config.n_allow_groups, 1);
	assert_int_equal(config.max_allocations_per_user, 7);
	assert_int_equal(config.reuse_delay_sec, 31536000);
	assert_int_equal(config.scan_interval_sec, 86400);
	assert_int_equal(config.blind_drain_sec, 31536000);
	assert_int_equal(config.history_days, 36500);
	assert_int_equal(config.history_events, 100000000);
	assert_int_equal(config.n_pools, 3);
	assert_string_equal(config.pools[0].name, "other.1");
	assert_string_equal(config.pools[0].owner, "containers");
	assert_int_equal(config.pools[0].rules, RULES_KUBELET);
	assert_int_equal(config.pools[0].source, SOURCE_GETSUBIDS);
	assert_int_equal(config.pools[0].unit, 131072);
	assert_int_equal(config.pools[0].max_pods, 5);
	assert_string_equal(config.pools[0].kubelet_config, "/etc/kubelet.yaml");
	assert_true(config.pools[0].allow_account_overlap);
	assert_string_equal(config.pools[0].kubelet_pods, "/var/lib/kubelet/pods");
	assert_null(config.pools[1].kubelet_pods);
	assert_string_equal(config.pools[1].owner, "containers");
	assert_int_equal(config.pools[1].rules, RULES_BASIC);
	assert_int_equal(config.pools[2].rules, RULES_KUBELET);
	config_done(&config);
}

/* Later files win key by key, in the order of their names; an empty value resets. */
static void test_drop_ins(void **state)
{
	struct config config;

	scratch_write(*state, MAIN_FILE,
		      "[Daemon]\nAllowUsers=a b\nAllowGroups=g\n[Pool kubelet]\nMaxPods=5\n"
		      "IdsPerPod=131072\nRules=basic\nKubeletConfig=/a\n");
	scratch_write(*state, DROP_IN("20-b.conf"), "[Pool kubelet]\nMaxPods=7\n");
	scratch_write(*state, DROP_IN("10-a.conf"),
		      "[Pool kubelet]\nMaxPods=6\nRules=\nKubeletConfig=\n[Daemon]\nAllowUsers=\n"
		      "AllowUsers=c\nAllowGroups=h\n");
	scratch_write(*state, DROP_IN("30-c.conf.bak"), "nonsense\n");
	scratch_write(*state, DROP_IN(".hidden.conf"), "nonsense\n");
	config = config_of(*state);
	assert_int_equal(config.n_pools, 1);
	assert_int_equal(config.pools[0].max_pods, 7);
	assert_int_equal(config.pools[0].unit, 131072);
	assert_int_equal(config.pools[0].rules, RULES_KUBELET);
	assert_null(config.pools[0].kubelet_config);
	assert_int_equal(config.n_allow_users, 1);
	assert_string_equal(config.allow_users[0], "c");
	assert_int_equal(config.n_allow_groups, 2);
	config_done(&config);
}

static void test_explicit_file(void **state)
{
	_cleanup_(freep) char *path = strdup(scratch_path(*state, "/my.conf"));
	struct config_error error = { 0 };
	struct config config = { 0 };

	assert_int_equal(config_load(path, "/nonexistent", &config, &error), -EINVAL);
	assert_string_equal(error.file, path);
	assert_int_equal(error.line, 0);
	assert_string_equal(error.message, "the file cannot be read: No such file or directory");
	config_error_done(&error);
	scratch_write(*state, "/my.conf", "[Pool a]\n");
	assert_int_equal(mkdir(scratch_path(*state, "/my.conf.d"), 0755), 0);
	scratch_write(*state, "/my.conf.d/x.conf", "[Pool a]\nOwner=b\n");
	assert_int_equal(config_load(path, "/nonexistent", &config, &error), 0);
	assert_string_equal(config.pools[0].owner, "b");
	config_done(&config);
}

/* What libinih does by itself and is kept. */
static void test_syntax(void **state)
{
	static const char *const texts[] = {
		"\xef\xbb\xbf[Pool a]\nMaxPods=5\n", /* a byte order mark */
		"[Pool a]\r\nMaxPods=5\r\n",	     /* ends of lines of another system */
		"[Pool a] ; comment\nMaxPods=5 ; comment\n",
		"[Pool a]\nMaxPods: 5\n",
		"[Pool a]\nMaxPods  =  5  \n",
		"[Pool a]\nMaxPods=5", /* no newline at the end */
		"[Pool a]\nMaxPods=4\nMaxPods=5\n",
		"[Pool a]\nMaxPods=4\n[Daemon]\n[Pool a]\nMaxPods=5\n",
		"# caf\xc3\xa9\n[Pool a]\nMaxPods=5\n",
	};

	for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
		struct config config;

		scratch_write(*state, MAIN_FILE, texts[i]);
		config = config_of(*state);
		assert_int_equal(config.n_pools, 1);
		assert_string_equal(config.pools[0].name, "a");
		assert_int_equal(config.pools[0].max_pods, 5);
		config_done(&config);
	}
}

static void test_lengths(void **state)
{
	char text[512];
	struct config config;

	snprintf(text, sizeof(text), "[Pool %064d]\nKubeletConfig=/%0184d\n", 1, 1);
	scratch_write(*state, MAIN_FILE, text);
	config = config_of(*state);
	assert_int_equal(strlen(config.pools[0].name), 64);
	assert_int_equal(strlen(config.pools[0].kubelet_config), 185);
	config_done(&config);
}

static const struct {
	const char *text;
	uint32_t line;
	const char *message; /* a part of it */
} refusals[] = {
	{ "[Daemo]\n", 1, "no section [Daemo]" },
	{ "\n[Other]\n[Pool a]\n", 2, "no section [Other]" },
	{ "[Daemon x]\n", 1, "no section" },
	{ "[daemon]\n", 1, "no section" },
	{ "[]\n", 1, "no section" },
	{ "[Pool]\n", 1, "no section" },
	{ "[Pool ]\n", 1, "a pool's name" },
	{ "[Pool  a]\n", 1, "a pool's name" },
	{ "[Pool .a]\n", 1, "a pool's name" },
	{ "[Pool a/b]\n", 1, "a pool's name" },
	{ "[Pool caf\xc3\xa9]\n", 1, "a pool's name" },
	{ "[Pool a b]\n", 1, "a pool's name" },
	{ "[Pool 12345678901234567890123456789012345678901234567890123456789012345]\n", 1,
	  "a pool's name" },
	{ "[Pool a\n", 1, "closing" },
	{ "[Pool a]b\n", 1, "closing" },
	{ "[Pool a];b\n", 1, "closing" },
	{ "MaxPods=5\n", 1, "before the first section" },
	{ "[Pool a]\nMaxPod=5\n", 2, "no key MaxPod in" },
	{ "[Pool a]\nmaxpods=5\n", 2, "no key maxpods in" },
	{ "[Pool a]\nAllowUsers=5\n", 2, "no key AllowUsers in [Pool NAME]" },
	{ "[Daemon]\n\n\nOwner=5\n", 4, "no key Owner in [Daemon]" },
	{ "[Daemon]\nReuseDelay=5\n", 2, "no key ReuseDelay" },
	{ "[Daemon]\nReuseDelaySec=31536001\n", 2,
	  "ReuseDelaySec= must be a decimal number from 0" },
	{ "[Daemon]\nReuseDelaySec=5s\n", 2, "from 0 to 31536000, not '5s'" },
	{ "[Daemon]\nReuseDelaySec=-1\n", 2, "from 0 to 31536000, not '-1'" },
	{ "[Daemon]\nScanIntervalSec=0\n", 2, "from 1 to 86400, not '0'" },
	{ "[Daemon]\nScanIntervalSec=86401\n", 2, "from 1 to 86400" },
	{ "[Daemon]\nScanIntervalSec=0.5\n", 2, "from 1 to 86400" },
	{ "[Daemon]\nBlindDrainSec=0\n", 2, "from 1 to 31536000" },
	{ "[Daemon]\nBlindDrainSec=31536001\n", 2, "from 1 to 31536000" },
	{ "[Daemon]\nHistoryDays=0\n", 2, "from 1 to 36500" },
	{ "[Daemon]\nHistoryDays=36501\n", 2, "from 1 to 36500" },
	{ "[Daemon]\nHistoryEvents=0\n", 2, "from 1 to 100000000" },
	{ "[Daemon]\nHistoryEvents=100000001\n", 2, "from 1 to 100000000" },
	{ "[Pool a]\nReuseDelaySec=5\n", 2, "no key ReuseDelaySec in [Pool NAME]" },
	{ "[Pool a]\nKubeletPodsDirectory=pods\n", 2, "absolute path" },
	{ "[Pool a]\n=5\n", 2, "no key" },
	{ "[Pool a]\nMaxPods\n", 2, "neither KEY=VALUE" },
	{ "[Pool a]\nnonsense\nMaxPods=x\n", 2, "neither KEY=VALUE" },
	{ "[Pool a]\nMaxPods=x\nnonsense\n", 3 - 1, "MaxPods=" },
	{ "[Pool a]\nMaxPods=0\n", 2, "must not be 0" },
	{ "[Pool a]\nMaxPods=0x10\n", 2, "decimal number" },
	{ "[Pool a]\nMaxPods=010\n", 2, "decimal number" },
	{ "[Pool a]\nMaxPods=-1\n", 2, "decimal number" },
	{ "[Pool a]\nMaxPods=5 # pods\n", 2, "decimal number" },
	{ "[Pool a]\nMaxPods=\"5\"\n", 2, "decimal number" },
	{ "[Pool a]\nMaxPods=2147483648\n", 2, "up to 2147483647" },
	{ "[Pool a]\nMaxPods=111111111111111111111111111111\n", 2, "decimal number" },
	{ "[Pool a]\nIdsPerPod=0\n", 2, "must not be 0" },
	{ "[Pool a]\nIdsPerPod=65537\n", 2, "multiple of 65536" },
	{ "[Pool a]\nIdsPerPod=4294967296\n", 2, "multiple of 65536" },
	{ "[Pool a]\nRules=strict\n", 2, "kubelet or basic" },
	{ "[Pool a]\nSource=nss\n", 2, "auto, files or getsubids" },
	{ "[Pool a]\nAllowAccountOverlap=maybe\n", 2, "yes or no" },
	{ "[Pool a]\nKubeletConfig=etc/config.yaml\n", 2, "absolute path" },
	{ "[Pool a]\nOwner=a:b\n", 2, "name or UID" },
	{ "[Pool a]\nOwner=-g\n", 2, "name or UID" },
	{ "[Pool a]\nOwner=a b\n", 2, "name or UID" },
	{ "[Pool a]\nOwner=caf\xc3\xa9\n", 2, "printable ASCII" },
	{ "[Pool a]\nOwner=a\x01\n", 2, "printable ASCII" },
	{ "[Daemon]\nMaxAllocationsPerUser=many\n", 2, "decimal number" },
	/* libinih would join these to the key above */
	{ "[Pool a]\nOwner=b\n  MaxPods=5\n", 3, "begins with a blank" },
	{ "[Pool a]\nOwner=b\n\tx\n", 3, "begins with a blank" },
	{ " [Pool a]\n", 1, "begins with a blank" },
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ELEMENTS_OF(refusals); i++) {
		struct config_error error = { 0 };
		struct config config = { 0 };

		scratch_write(*state, MAIN_FILE, refusals[i].text);
		if (config_load(NULL, ((struct scratch *)*state)->root, &config, &error) != -EINVAL)
			fail_msg("taken: %s", refusals[i].text);
		if (error.line != refusals[i].line || !strstr(error.message, refusals[i].message))
			fail_msg("%s: line %u: %s", refusals[i].text, error.line, error.message);
		assert_string_equal(error.file, scratch_path(*state, MAIN_FILE));
		config_error_done(&error);
	}
}

/* libinih would cut all of these without a word. */
static void test_cut(void **state)
{
	char text[2048];

	snprintf(text, sizeof(text), "[Pool a]\nKubeletConfig=/%0185d\n", 1);
	scratch_write(*state, MAIN_FILE, text);
	expect_refusal(*state, MAIN_FILE, 2, "longer than 199 bytes");
	snprintf(text, sizeof(text), "# %01000d\n", 1);
	scratch_write(*state, MAIN_FILE, text);
	expect_refusal(*state, MAIN_FILE, 1, "longer than 199 bytes");
	scratch_write_bytes(*state, MAIN_FILE, "[Pool a]\nOwner=b\0c\n", 19, 0644);
	expect_refusal(*state, MAIN_FILE, 2, "NUL");
}

static void test_files_refused(void **state)
{
	scratch_write(*state, DROP_IN("a.conf"), "[Pool a]\n\nMaxPods=x\n");
	expect_refusal(*state, DROP_IN("a.conf"), 3, "MaxPods=");
	remove(scratch_path(*state, DROP_IN("a.conf")));
	assert_int_equal(mkdir(scratch_path(*state, DROP_IN("b.conf")), 0755), 0);
	expect_refusal(*state, DROP_IN("b.conf"), 0, "Is a directory");
	assert_int_equal(mkfifo(scratch_path(*state, MAIN_FILE), 0644), 0);
	expect_refusal(*state, MAIN_FILE, 0, "Not a regular file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_file, config_setup, config_teardown),
		cmocka_unit_test_setup_teardown(test_all_keys, config_setup, config_teardown),
		cmocka_unit_test_setup_teardown(test_drop_ins, config_setup, config_teardown),
		cmocka_unit_test_setup_teardown(test_explicit_file, config_setup, config_teardown),
		cmocka_unit_test_setup_teardown(test_syntax, config_setup, config_teardown),
		cmocka_unit_test_setup_teardown(test_lengths, config_setup, config_teardown),
		cmocka_unit_test_setup_teardown(test_refusals, config_setup, config_teardown),
		cmocka_unit_test_setup_teardown(test_cut, config_setup, config_teardown),
		cmocka_unit_test_setup_teardown(test_files_refused, config_setup, config_teardown),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
