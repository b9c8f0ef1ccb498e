/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * The UID of an account that stands in no file, as the C library finds it (LDAP for example), for
 * lines of subuid(5) that name it by its number. Returns 0, or -ENOENT also where it cannot tell.
 */
int account_find_uid(const char *name, uint32_t *ret);
