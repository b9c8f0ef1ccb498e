/* SPDX-License-Identifier: MIT */
#include "subid-account.h"

#include "cleanup.h"

#include <errno.h>
#include <pwd.h>

#define ACCOUNT_SIZE_START 1024
#define ACCOUNT_SIZE_MAX (1u << 20) /* bytes of an account */

int account_find_uid(const char *name, uint32_t *ret)
{
	for (size_t size = ACCOUNT_SIZE_START; size <= ACCOUNT_SIZE_MAX; size *= 4) {
		_cleanup_(freep) char *buffer = malloc(size);
		struct passwd account, *found = NULL;
		int r = buffer ? getpwnam_r(name, &account, buffer, size, &found) : ENOMEM;

		if (found) {
			*ret = found->pw_uid;
			return 0;
		}
		if (r != ERANGE)
			break;
	}
	return -ENOENT;
}
