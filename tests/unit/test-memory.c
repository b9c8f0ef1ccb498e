/* SPDX-License-Identifier: MIT */

/*
 * Fails the first, the second, ... allocation of the node layer until loading succeeds: each
 * failure must be -ENOMEM, leak nothing and touch no output. The linker sends the allocations here.
 */

#include "scratch.h"

#include "cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N_MAX 100000 /* allocations; far more than there are */

static size_t n_left = SIZE_MAX; /* allocations that still succeed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__real_reallocarray(void *pointer, size_t n, size_t size);
char *__real_strdup(const char *text);
int __real_vasprintf(char **ret, const char *format, va_list arguments);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void *__wrap_reallocarray(void *pointer, size_t n, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_vasprintf(char **ret, const char *format, va_list arguments);
int __wrap_asprintf(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool may_succeed(void)
{
	if (n_left == SIZE_MAX)
		return true;
	return n_left > 0 && n_left-- > 0;
}

void *__wrap_malloc(size_t size)
{
	return may_succeed() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return may_succeed() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *pointer, size_t size)
{
	return may_succeed() ? __real_realloc(pointer, size) : NULL;
}

void *__wrap_reallocarray(void *pointer, size_t n, size_t size)
{
	return may_succeed() ? __real_reallocarray(pointer, n, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
	return may_succeed() ? __real_strdup(text) : NULL;
}

int __wrap_vasprintf(char **ret, const char *format, va_list arguments)
{
	return may_succeed() ? __real_vasprintf(ret, format, arguments) : -1;
}

int __wrap_asprintf(char **ret, const char *format, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = __wrap_vasprintf(ret, format, arguments);
	va_end(arguments);
	return r;
}

static struct scratch scratch;

static int make(void **state)
{
	static const char script[] = "#!/bin/sh\n[ $1 = -g ] && exit 1\necho '0: asked 1 1'\n";

	(void)state;
	scratch_make(&scratch);
	scratch_write(&scratch, "/etc/passwd", "kubelet:x:998:998::/:/bin/sh\nbob:x:70000:1::/:\n");
	scratch_write(&scratch, "/etc/group", "staff:x:70000:\n");
	scratch_write(&scratch, "/etc/subuid",
		      "kubelet:65537:65536\nalice:0x1:1\nbob:65537:1\ncontainers:70000:1");
	scratch_write(&scratch, "/etc/subgid", "kubelet:65538:65536\n");
	scratch_write(&scratch, "/var/lib/kubelet/config.yaml", "maxPods: x\n");
	scratch_write(
		&scratch, "/etc/subidd/subidd.conf.d/a.conf",
		"[Daemon]\nAllowUsers=bob ghost\nAllowGroups=staff none\n[Pool kubelet]\n"
		"KubeletPodsDirectory=/pods\n[Pool containers]\n[Pool asked]\nSource=getsubids\n"
		"KubeletConfig=/etc/missing\n");
	scratch_write_bytes(&scratch, "/usr/bin/getsubids", script, sizeof(script) - 1, 0755);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	scratch_remove(&scratch);
	return 0;
}

static int try(size_t n, struct config_error *error)
{
	struct config config = { 0 };
	struct node_state node = { 0 };
	int r;

	n_left = n;
	r = config_load(NULL, scratch.root, &config, error);
	if (r == 0)
		r = node_load(&config, scratch.root, &node);
	n_left = SIZE_MAX;
	if (r < 0)
		assert_int_equal(node.pools.n_items, 0);
	config_done(&config);
	node_state_done(&node);
	return r;
}

static void test_node(void **state)
{
	struct config_error error = { 0 };
	size_t n = 0;
	int r;

	(void)state;
	while ((r = try(n, &error)) == -ENOMEM && n < N_MAX)
		n++;
	assert_int_equal(r, 0);
	assert_true(n > 50);
	print_message("# %zu allocations\n", n);
}

static void test_refused_config(void **state)
{
	struct config_error error = { 0 };
	size_t n = 0;
	int r;

	(void)state;
	scratch_write(&scratch, "/etc/subidd/subidd.conf", "[Pool a]\nMaxPods=x\n");
	while ((r = try(n, &error)) == -ENOMEM && n < N_MAX)
		n++;
	assert_int_equal(r, -EINVAL);
	assert_int_equal(error.line, 2);
	assert_non_null(error.file);
	config_error_done(&error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_node, make, drop),
		cmocka_unit_test_setup_teardown(test_refused_config, make, drop),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
