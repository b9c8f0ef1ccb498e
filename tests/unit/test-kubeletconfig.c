/* SPDX-License-Identifier: MIT */
#include "node/kubeletconfig.h"
#include "scratch.h"

#include "cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define NOBODY 65534
#define GOOD_LINE "kubelet:2000289792:147062784\n"
#define CONFIG "/var/lib/kubelet/config.yaml"

static const struct {
	const char *text;
	struct kubelet_config expected;
} good[] = {
	{ "maxPods: 250\n", { 250, 0 } },
	{ "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n", { 0, 0 } },
	{ "a: 1\nmaxPods: 250\nuserNamespaces:\n  idsPerPod: 131072\n", { 250, 131072 } },
	{ "userNamespaces: {idsPerPod: 65536}\n", { 0, 65536 } },
	{ "userNamespaces:\nmaxPods: 3\n", { 3, 0 } },
	{ "userNamespaces: {}\n", { 0, 0 } },
	{ "userNamespaces: {other: [1, 2], idsPerPod: 65536}\n", { 0, 65536 } },
	{ "{\"kind\": \"KubeletConfiguration\", \"maxPods\": 20, "
	  "\"userNamespaces\": {\"idsPerPod\": 196608}}\n",
	  { 20, 196608 } },
	{ "{\n\t\"maxPods\": 20\n}", { 20, 0 } },
	{ "maxPods: 0\n", { 0, 0 } },
	{ "maxPods: null\n", { 0, 0 } },
	{ "maxPods:\n", { 0, 0 } },
	{ "maxPods: ~\n", { 0, 0 } },
	{ "maxPods: 2147483647\n", { 2147483647, 0 } },
	{ "userNamespaces: {idsPerPod: null}\n", { 0, 0 } },
	{ "nested: {maxPods: 5, userNamespaces: {idsPerPod: 1}}\nidsPerPod: 1\n", { 0, 0 } },
	{ "list: [{maxPods: 5}, [maxPods, 5]]\n", { 0, 0 } },
	{ "a: &x 5\nb: *x\nmaxPods: 5\n", { 5, 0 } },
	{ "? [complex, {key: 1}]\n: value\nmaxPods: 5\n", { 5, 0 } },
	{ "# comment\n---\nmaxPods: 5\n---\nmaxPods: 6\n", { 5, 0 } },
	{ "MaxPods: x\nmaxpods: y\n", { 0, 0 } },
	{ "\xef\xbb\xbfmaxPods: 5\n", { 5, 0 } },
	{ "maxPods: 5\r\n", { 5, 0 } },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(good); i++) {
		struct kubelet_config_error error = { 0 };
		struct kubelet_config config;

		if (kubelet_config_parse(good[i].text, strlen(good[i].text), &config, &error) < 0)
			fail_msg("%s: line %u: %s", good[i].text, error.line, error.message);
		assert_int_equal(config.max_pods, good[i].expected.max_pods);
		assert_int_equal(config.ids_per_pod, good[i].expected.ids_per_pod);
	}
}

static const struct {
	const char *text;
	uint32_t line;
	const char *message; /* a part of it */
} refused[] = {
	{ "maxPods: 1\nmaxPods: 1\n", 2, "maxPods is there twice" },
	{ "maxPods: 0\n\"maxPods\": 1\n", 2, "maxPods is there twice" },
	{ "userNamespaces: {}\na: 1\nuserNamespaces: {}\n", 3, "userNamespaces is there twice" },
	{ "userNamespaces:\n  idsPerPod: 65536\n  idsPerPod: 65536\n", 3,
	  "idsPerPod is there twice" },
	{ "a: &x 5\nmaxPods: *x\n", 2, "not an alias" },
	{ "a: &x {idsPerPod: 65536}\nuserNamespaces: *x\n", 2, "must be a mapping" },
	{ "a: &x maxPods\n*x : 5\n", 2, "be an alias" },
	{ "a: &x {maxPods: 5}\n<<: *x\n", 2, "<<" },
	{ "userNamespaces:\n  <<: {idsPerPod: 65536}\n", 2, "<<" },
	{ "maxPods: 1.5\n", 1, "decimal number" },
	{ "maxPods: 110.0\n", 1, "decimal number" },
	{ "maxPods: 1e2\n", 1, "decimal number" },
	{ "\nmaxPods: \"110\"\n", 2, "decimal number" },
	{ "maxPods: '110'\n", 1, "decimal number" },
	{ "maxPods: !!int 110\n", 1, "decimal number" },
	{ "maxPods: !!str 110\n", 1, "decimal number" },
	{ "maxPods: -1\n", 1, "decimal number" },
	{ "maxPods: +1\n", 1, "decimal number" },
	{ "maxPods: 0x6e\n", 1, "decimal number" },
	{ "maxPods: 0156\n", 1, "decimal number" },
	{ "maxPods: 1_000\n", 1, "decimal number" },
	{ "maxPods: many\n", 1, "decimal number" },
	{ "maxPods: true\n", 1, "decimal number" },
	{ "maxPods: 2147483648\n", 1, "up to 2147483647" },
	{ "maxPods: 111111111111111111111111111111\n", 1, "decimal number" },
	{ "maxPods: |\n  5\n", 1, "decimal number" },
	{ "maxPods: [1]\n", 1, "not an alias, a list or a mapping" },
	{ "maxPods: {a: 1}\n", 1, "not an alias, a list or a mapping" },
	{ "userNamespaces:\n  idsPerPod: 65537\n", 2, "no multiple of 65536" },
	{ "userNamespaces:\n  idsPerPod: 0\n", 2, "must not be 0" },
	{ "userNamespaces:\n  idsPerPod: \"65536\"\n", 2, "decimal number" },
	{ "userNamespaces:\n  idsPerPod: 4294967296\n", 2, "up to" },
	{ "userNamespaces: 5\n", 1, "must be a mapping" },
	{ "userNamespaces: [5]\n", 1, "must be a mapping" },
	{ "", 1, "it is empty" },
	{ "# only a comment\n", 2, "it is empty" },
	{ "- maxPods: 5\n", 1, "top level must be a mapping" },
	{ "maxPods\n", 1, "top level must be a mapping" },
	{ "a: 1\nb: [1\nc: 2\n", 3, "no YAML" },
	{ "{\"maxPods\": 5\n", 2, "no YAML" },
	{ "a: \xff\n", 1, "no YAML" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(refused); i++) {
		struct kubelet_config_error error = { 0 };
		struct kubelet_config config;
		const char *text = refused[i].text;

		if (kubelet_config_parse(text, strlen(text), &config, &error) != -EINVAL)
			fail_msg("taken: %s", text);
		if (error.line != refused[i].line || !strstr(error.message, refused[i].message))
			fail_msg("%s: line %u: %s", text, error.line, error.message);
		kubelet_config_error_done(&error);
	}
}

static void test_depth(void **state)
{
	struct kubelet_config_error error = { 0 };
	struct kubelet_config config;
	char text[100000] = "a: ";

	(void)state;
	memset(text + 3, '[', sizeof(text) - 3);
	assert_int_equal(kubelet_config_parse(text, sizeof(text), &config, &error), -EINVAL);
	assert_non_null(strstr(error.message, "nested too deep"));
	kubelet_config_error_done(&error);
}

static void make_node(struct scratch *scratch, const char *settings)
{
	scratch_make(scratch);
	scratch_write(scratch, "/etc/passwd", "kubelet:x:998:998::/:/bin/sh\n");
	scratch_write(scratch, "/etc/subuid", GOOD_LINE);
	scratch_write(scratch, "/etc/subgid", GOOD_LINE);
	scratch_write(scratch, "/etc/subidd/subidd.conf", settings);
}

static void expect(const struct scratch *scratch, uint32_t max_pods, uint32_t unit, bool valid)
{
	struct node_state node;

	scratch_load(scratch, &node);
	assert_int_equal(node.pools.items[0].max_pods, max_pods);
	assert_int_equal(node.pools.items[0].unit, unit);
	assert_int_equal(node.pools.items[0].valid, valid);
	node_state_done(&node);
}

static void test_precedence(void **state)
{
	struct scratch scratch;

	(void)state;
	make_node(&scratch, "");
	expect(&scratch, 110, 65536, true);
	scratch_write(&scratch, CONFIG, "maxPods: 20\nuserNamespaces: {idsPerPod: 131072}\n");
	expect(&scratch, 20, 131072, true);
	scratch_write(&scratch, "/etc/subidd/subidd.conf", "[Pool kubelet]\nMaxPods=30\n");
	expect(&scratch, 30, 131072, true);
	scratch_write(&scratch, "/etc/subidd/subidd.conf", "[Pool kubelet]\nIdsPerPod=65536\n");
	expect(&scratch, 20, 65536, true);
	scratch_write(&scratch, "/etc/other.json", "{\"maxPods\": 40}");
	scratch_write(&scratch, "/etc/subidd/subidd.conf",
		      "[Pool kubelet]\nKubeletConfig=/etc/other.json\n");
	expect(&scratch, 40, 65536, true);
	/* the default file is the kubelet's alone */
	scratch_write(&scratch, "/etc/subidd/subidd.conf", "[Pool other]\nOwner=998\n");
	expect(&scratch, 110, 65536, true);
	scratch_remove(&scratch);
}

static void expect_finding(const struct scratch *scratch, enum finding_level level,
			   const char *path, uint32_t line, const char *message)
{
	const struct finding *finding;
	struct node_state node;

	scratch_load(scratch, &node);
	finding = finding_of(&node.pools.items[0], RULE_KUBELET_CONFIG);
	assert_non_null(finding);
	assert_int_equal(finding->level, level);
	assert_int_equal(finding->line, line);
	assert_string_equal(finding->file, scratch_path(scratch, path));
	if (!strstr(finding->message, message))
		fail_msg("%s", finding->message);
	assert_int_equal(node.pools.items[0].valid, level == LEVEL_WARNING);
	assert_int_equal(node.pools.items[0].max_pods, 110);
	node_state_done(&node);
}

static void test_findings(void **state)
{
	struct scratch scratch;

	(void)state;
	make_node(&scratch, "");
	scratch_write(&scratch, CONFIG, "a: 1\nmaxPods: x\n");
	expect_finding(&scratch, LEVEL_ERROR, CONFIG, 2, "decimal number");
	remove(scratch_path(&scratch, CONFIG));
	assert_int_equal(mkdir(scratch_path(&scratch, CONFIG), 0755), 0);
	expect_finding(&scratch, LEVEL_WARNING, CONFIG, 0, "110 pods");
	scratch_write(&scratch, "/etc/subidd/subidd.conf",
		      "[Pool kubelet]\nKubeletConfig=/etc/none\n");
	expect_finding(&scratch, LEVEL_ERROR, "/etc/none", 0, "No such file");
	scratch_remove(&scratch);
}

/* Root may read everything, so root becomes nobody for this. */
static void test_no_access(void **state)
{
	bool is_root = geteuid() == 0;
	struct scratch scratch;

	(void)state;
	make_node(&scratch, "");
	scratch_write_bytes(&scratch, CONFIG, "", 0, 0);
	assert_int_equal(chmod(scratch.root, 0755), 0);
	if (is_root)
		assert_int_equal(seteuid(NOBODY), 0);
	expect_finding(&scratch, LEVEL_WARNING, CONFIG, 0, "Permission denied");
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	scratch_remove(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	 cmocka_unit_test(test_refused),
		cmocka_unit_test(test_depth),	 cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_findings), cmocka_unit_test(test_no_access),
	};

	return cmocka_run_group_tests_name("kubeletconfig", tests, NULL, NULL);
}
