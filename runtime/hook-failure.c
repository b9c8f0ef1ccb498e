/* SPDX-License-Identifier: MIT */
#include "hook-failure.h"

#include <stdarg.h>
#include <stdio.h>

int hook_fail(struct hook_failure *failure, int error, const char *format, ...)
{
	va_list arguments;

	if (failure->text[0])
		return error;
	va_start(arguments, format);
	(void)vsnprintf(failure->text, sizeof(failure->text), format, arguments);
	va_end(arguments);
	return error;
}
