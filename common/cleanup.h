/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Scope-bound ownership, used by every layer.
 *
 * An owning local is declared with _cleanup_(destructor) and initialised; it is handed over with
 * take_ptr() or take_fd() as the last step before success. Header only, libc only.
 */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(destructor) __attribute__((cleanup(destructor)))

#define ELEMENTS_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* Empties *fd and returns what it held. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Empties the pointer variable and evaluates to what it held. */
#define take_ptr(pointer)                                                                          \
	({                                                                                         \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})

/* Defines the cleanup form NAMEp of a destructor that takes a pointer and accepts NULL. */
#define DEFINE_CLEANUP(type, destructor)                                                           \
	/* NOLINTNEXTLINE(bugprone-macro-parentheses): a type */                                   \
	static inline void destructor##p(type *pointer)                                            \
	{                                                                                          \
		destructor(*pointer);                                                              \
	}
