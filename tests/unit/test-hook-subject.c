/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "hook-json.h"
#include "hook-subject.h"

#include <errno.h>

#define ID "c0ffee"
#define SANDBOX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG                                                                                       \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"0123456789012345678901234567890123456789"
#define CRIO "\"io.kubernetes.cri-o."
#define CRI "\"io.kubernetes.cri."
#define LABELS(text) CRIO "Labels\":\"{" text "}\""
#define POD_UID "\"io.kubernetes.pod.uid\":\""
#define UID "\\\"io.kubernetes.pod.uid\\\":\\\"uid-1\\\""

/* An empty pod is a refusal. */
static const struct {
	const char *annotations, *pod, *namespace, *name;
} cases[] = {
	{ NULL, ID, "", "" },
	{ "", ID, "", "" },
	{ "\"io.subidd.pod\":\"web\"", "web", "", "" },
	{ "\"io.subidd.pod\":\"\"", ID, "", "" },
	{ "\"io.subidd.pod\":7", ID, "", "" },
	{ "\"io.subidd.pod\":\"web\\u0000x\"", ID, "", "" },
	{ "\"io.subidd.pod\":\"-web\"", "", "", "" },
	{ "\"io.subidd.pod\":\"a/b\"", "", "", "" },
	{ "\"io.subidd.pod\":\"" LONG "\"", LONG, "", "" },
	{ "\"io.subidd.pod\":\"" LONG "x\"", "", "", "" },
	/* containerd */
	{ CRI "sandbox-uid\":\"uid-1\"," CRI "sandbox-id\":\"5a\"," CRI
	      "sandbox-namespace\":\"default\"," CRI "sandbox-name\":\"web-0\"," CRI
	      "container-type\":\"container\"",
	  "uid-1", "default", "web-0" },
	{ CRI "sandbox-id\":\"5a\"," CRI "sandbox-name\":\"web-0\"", "5a", "", "web-0" },
	{ CRI "sandbox-uid\":\"uid-1\",\"io.subidd.pod\":\"other\"", "uid-1", "", "" },
	{ CRI "sandbox-uid\":\"uid/1\"," CRI "sandbox-id\":\"5a\"", "", "", "" },
	{ CRI "sandbox-uid\":\"uid-1\"," CRI "sandbox-name\":\"a\\nb\"", "uid-1", "", "" },
	/* CRI-O */
	{ CRIO "SandboxID\":\"5a\"," LABELS(
		  UID ",\\\"io.kubernetes.pod.name\\\":\\\"db\\\",\\\"io.kubernetes.pod."
		      "namespace\\\":\\\"prod\\\""),
	  "uid-1", "prod", "db" },
	{ CRIO "SandboxID\":\"5a\",\"io.container.manager\":\"cri-o\"," LABELS(
		  UID) ",\"io.subidd.pod\":\"other\"",
	  "uid-1", "", "" },
	{ CRIO "SandboxID\":\"5a\"," CRIO "SandboxName\":\"k8s_web_default_uid-2_0\"", "uid-2",
	  "default", "web" },
	{ CRIO "SandboxID\":\"5a\"," CRIO "SandboxName\":\"k8s_POD_web_default_uid-2_0\"," CRIO
	       "Namespace\":\"default\"," CRIO "KubeName\":\"web\"",
	  "5a", "default", "web" },
	{ CRIO "SandboxID\":\"5a\"," CRIO "SandboxName\":\"k8s_web__uid-2_0\"", "5a", "", "" },
	{ CRIO "SandboxID\":\"5a\"," CRIO "SandboxName\":\"x_web_default_uid-2_0\"", "5a", "", "" },
	{ CRIO "SandboxID\":\"5a\"," CRIO "Labels\":\"no JSON\"", "5a", "", "" },
	{ CRIO "SandboxID\":\"5a\"," CRIO "Labels\":\"[]\"", "5a", "", "" },
	/* the author of a pod can set annotations, but not take away what the kubelet says */
	{ CRIO "SandboxID\":\"5a\"," POD_UID "uid-1\"," LABELS(UID), "uid-1", "", "" },
	{ CRIO "SandboxID\":\"5a\"," POD_UID "uid-2\"," LABELS(UID), "", "", "" },
	{ CRIO "SandboxID\":\"5a\",\"io.container.manager\":\"libpod\"," POD_UID
	       "uid-1\",\"io.subidd.pod\":\"other\"," LABELS(UID),
	  "uid-1", "", "" },
	{ CRIO "SandboxID\":\"\"," POD_UID "uid-1\",\"io.kubernetes.pod.namespace\":\"prod\"," CRI
	       "sandbox-id\":\"other\"",
	  "uid-1", "prod", "" },
	{ CRIO "SandboxID\":\"5a\"," LABELS(UID) "," CRI "sandbox-uid\":\"other\"", "", "", "" },
	{ CRI "sandbox-uid\":\"uid-1\"," CRIO "SandboxID\":\"5a\"", "uid-1", "", "" },
	{ CRI "sandbox-uid\":\"uid-1\"," POD_UID "uid-1\"", "uid-1", "", "" },
	{ CRI "sandbox-uid\":\"uid-1\"," POD_UID "other\"", "", "", "" },
	/* podman, which takes some of those names */
	{ "\"io.container.manager\":\"libpod\"," CRIO "Created\":\"2026\"", ID, "", "" },
	{ "\"io.container.manager\":\"libpod\"," CRIO "SandboxID\":\"5a\"", "5a", "", "" },
	{ "\"io.container.manager\":\"libpod\"," CRIO
	  "SandboxID\":\"5a\",\"io.subidd.pod\":\"web\"",
	  "web", "", "" },
};

static struct json_object *parse(const char *annotations)
{
	struct hook_failure failure = {};
	struct json_object *object = NULL;
	char text[1024];

	if (!annotations)
		return NULL;
	(void)snprintf(text, sizeof(text), "{%s}", annotations);
	if (hook_json_parse(text, strlen(text), &object, &failure) < 0)
		fail_msg("%s: %s", annotations, failure.text);
	return object;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		_cleanup_(json_object_putp) struct json_object *object = parse(
			cases[i].annotations);
		struct hook_failure failure = {};
		struct hook_subject subject = {};
		int r = subject_find(ID, object, &subject, &failure);

		print_message("# %s\n", cases[i].annotations ? cases[i].annotations : "none");
		assert_int_equal(r, *cases[i].pod ? 0 : -EINVAL);
		assert_int_equal(*failure.text != '\0', r < 0);
		assert_string_equal(subject.pod, cases[i].pod);
		if (r == 0) {
			assert_string_equal(subject.namespace, cases[i].namespace);
			assert_string_equal(subject.name, cases[i].name);
		}
	}
}

/* Where nothing else tells the pod, the ID must be one. */
static void test_ids(void **state)
{
	struct hook_failure failure = {};
	struct hook_subject subject;

	(void)state;
	assert_int_equal(subject_find("_web", NULL, &subject, &failure), -EINVAL);
	assert_non_null(strstr(failure.text, "'_web'"));
	assert_non_null(strstr(failure.text, SUBJECT_ANNOTATION));
}

static const struct {
	const char *annotations, *pod; /* NULL: refused */
} of_podman[] = {
	{ NULL, ID },
	{ "\"io.kubernetes.cri-o.SandboxID\":\"" SANDBOX "\"", SANDBOX },
	/* what an image may say */
	{ "\"io.kubernetes.cri-o.SandboxID\":\"victim\"", ID },
	{ "\"io.kubernetes.cri-o.SandboxID\":\"" SANDBOX "0\"", ID },
	{ "\"io.kubernetes.cri.sandbox-uid\":\"victim\"", ID },
	{ "\"io.kubernetes.pod.uid\":\"victim\"", ID },
	{ "\"io.subidd.pod\":\"victim\"", NULL },
	{ "\"io.subidd.pod\":\"" SANDBOX "\"", NULL },
	{ "\"io.subidd.pod\":\"\"", ID },
	{ "\"io.subidd.pod\":\"" ID "\"", ID },
};

static void test_of_podman(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(of_podman); i++) {
		_cleanup_(json_object_putp) struct json_object *object = parse(
			of_podman[i].annotations);
		struct hook_failure failure = {};
		struct hook_subject subject = {};
		int r = subject_find_podman(ID, object, &subject, &failure);

		print_message("# %s\n",
			      of_podman[i].annotations ? of_podman[i].annotations : "none");
		assert_int_equal(r, of_podman[i].pod ? 0 : -EINVAL);
		assert_string_equal(subject.pod, of_podman[i].pod ? of_podman[i].pod : "");
	}
}

/* What contradicts itself is not taken for either. */
static void test_contradiction(void **state)
{
	_cleanup_(json_object_putp) struct json_object *object = parse(
		POD_UID "uid-1\"," CRI "sandbox-uid\":\"uid-2\"");
	struct hook_failure failure = {};
	struct hook_subject subject;

	(void)state;
	assert_int_equal(subject_find(ID, object, &subject, &failure), -EINVAL);
	assert_non_null(strstr(failure.text, "io.kubernetes.pod.uid"));
	assert_non_null(strstr(failure.text, "'uid-1'"));
	assert_non_null(strstr(failure.text, "io.kubernetes.cri.sandbox-uid"));
	assert_non_null(strstr(failure.text, "'uid-2'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_of_podman),
		cmocka_unit_test(test_contradiction),
	};

	return cmocka_run_group_tests_name("hook-subject", tests, NULL, NULL);
}
