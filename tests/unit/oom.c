/* SPDX-License-Identifier: MIT */
#include "oom.h"

#include "testing.h"

#include <errno.h>

#define TRIES_MAX 20000 /* far more than any attempt makes allocations */

/* The C library's, or those of the sanitizer that stands in front of it. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);
extern void *__interceptor_malloc(size_t size) __attribute__((weak));
extern void *__interceptor_calloc(size_t n, size_t size) __attribute__((weak));
extern void *__interceptor_realloc(void *block, size_t size) __attribute__((weak));
extern void __interceptor_free(void *block) __attribute__((weak));

/* The code of the program itself (ld.so's and the linker's names). */
extern const char __executable_start[], etext[];

static bool is_armed, is_lasting, has_failed;
static enum oom_scope scope;
static size_t n_left;
static long n_blocks;

static bool must_fail(const char *caller)
{
	if (!is_armed || (scope == OOM_OWN && (caller < __executable_start || caller >= etext)))
		return false;
	if (n_left > 0) {
		n_left--;
		return false;
	}
	if (has_failed && !is_lasting)
		return false;
	has_failed = true;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	void *block;

	if (must_fail(__builtin_return_address(0)))
		return NULL;
	block = __interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size);
	n_blocks += block != NULL;
	return block;
}

void *calloc(size_t n, size_t size)
{
	void *block;

	if (must_fail(__builtin_return_address(0)))
		return NULL;
	block = __interceptor_calloc ? __interceptor_calloc(n, size) : __libc_calloc(n, size);
	n_blocks += block != NULL;
	return block;
}

void *realloc(void *block, size_t size)
{
	void *larger;

	if (must_fail(__builtin_return_address(0)))
		return NULL;
	larger = __interceptor_realloc ? __interceptor_realloc(block, size)
				       : __libc_realloc(block, size);
	n_blocks += !block && larger;
	return larger;
}

/* These three would ask for their memory out of the C library. */
void *reallocarray(void *block, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total) || must_fail(__builtin_return_address(0))) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, total);
}

char *strndup(const char *text, size_t n)
{
	size_t length = strnlen(text, n);
	char *copy = must_fail(__builtin_return_address(0)) ? NULL : malloc(length + 1);

	if (!copy)
		return NULL;
	copy[length] = 0;
	return memcpy(copy, text, length);
}

char *strdup(const char *text)
{
	return must_fail(__builtin_return_address(0)) ? NULL : strndup(text, strlen(text));
}

void free(void *block)
{
	n_blocks -= block != NULL;
	if (__interceptor_free)
		__interceptor_free(block);
	else
		__libc_free(block);
}

static void loop(bool (*attempt)(void), void (*check)(void), size_t stride, bool lasts)
{
	for (size_t n = 0; n < TRIES_MAX; n += stride) {
		long before = n_blocks;
		bool ok;

		n_left = n;
		is_lasting = lasts;
		has_failed = false;
		is_armed = true;
		ok = attempt();
		is_armed = false;
		if (!has_failed && !ok)
			fail_msg("it fails with enough memory");
		if (check)
			check();
		if (n_blocks != before)
			fail_msg("allocation %zu fails: %ld blocks are left", n, n_blocks - before);
		if (has_failed)
			continue;
		print_message("# all is well with %zu allocations\n", n);
		assert_true(n > 0);
		return;
	}
	fail_msg("there is no end to it");
}

void oom_loop(enum oom_scope which, bool (*attempt)(void), void (*check)(void), size_t stride)
{
	scope = which;
	/* libraries keep what they allocate when they are used first */
	for (int i = 0; i < 2; i++) {
		assert_true(attempt());
		if (check)
			check();
	}
	loop(attempt, check, stride, false);
	loop(attempt, check, stride, true);
}
