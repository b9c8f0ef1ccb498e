/* SPDX-License-Identifier: MIT */
#include "oom.h"

#include "testing.h"

#include <errno.h>
#include <link.h>

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

static const char *json_start, *json_end; /* json-c's code */
static bool is_armed, is_spared, is_lasting, has_failed;
static enum oom_scope scope;
static size_t n_left;
static long n_blocks, n_blocks_before;

void oom_keep_blocks(void)
{
	n_blocks_before = n_blocks;
}

void oom_spare(bool spared)
{
	is_spared = spared;
}

static bool is_out_of_scope(const char *caller)
{
	switch (scope) {
	case OOM_ALL:
		return false;
	case OOM_OWN:
		return caller < __executable_start || caller >= etext;
	case OOM_ALL_BUT_JSON:
		return caller >= json_start && caller < json_end;
	}
	return false;
}

static int find_json(struct dl_phdr_info *info, size_t size, void *userdata)
{
	(void)size;
	(void)userdata;
	if (!strstr(info->dlpi_name, "libjson-c"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const char *start = (const char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (!(info->dlpi_phdr[i].p_flags & PF_X))
			continue;
		json_start = start;
		json_end = start + info->dlpi_phdr[i].p_memsz;
	}
	return 1;
}

static bool must_fail(const char *caller)
{
	if (!is_armed || is_spared || is_out_of_scope(caller))
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

/* The caller was asked about: malloc() would take this file for it. */
static char *copy_text(const char *text, size_t length)
{
	bool was_spared = is_spared;
	char *copy;

	is_spared = true;
	copy = malloc(length + 1);
	is_spared = was_spared;
	if (!copy)
		return NULL;
	copy[length] = 0;
	return memcpy(copy, text, length);
}

char *strndup(const char *text, size_t n)
{
	return must_fail(__builtin_return_address(0)) ? NULL : copy_text(text, strnlen(text, n));
}

char *strdup(const char *text)
{
	return must_fail(__builtin_return_address(0)) ? NULL : copy_text(text, strlen(text));
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
		bool ok;

		n_blocks_before = n_blocks;
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
		if (n_blocks != n_blocks_before)
			fail_msg("allocation %zu fails: %ld blocks are left", n,
				 n_blocks - n_blocks_before);
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
	dl_iterate_phdr(find_json, NULL);
	/* libraries keep what they allocate when they are used first */
	for (int i = 0; i < 2; i++) {
		assert_true(attempt());
		if (check)
			check();
	}
	loop(attempt, check, stride, false);
	loop(attempt, check, stride, true);
}
