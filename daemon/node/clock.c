/* SPDX-License-Identifier: MIT */
#include "node/clock.h"

#include "node/file.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define OFFSETS_FILE "/proc/self/timens_offsets"
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define TEXT_MAX 4096
#define NSEC_PER_SEC 1000000000
#define OFFSET_SEC_MAX (INT64_MAX / NSEC_PER_SEC - 1)

/* The one thing that the file keeps: a constant, once it is read. */
static int64_t boot_offset;

/* Lines of the clock's name or number, seconds with their sign and nanoseconds. */
static int parse_offsets(const char *text, int64_t *ret)
{
	const char *at = strstr(text, "boottime"), *seconds, *nanoseconds;
	uint64_t sec, nsec;
	bool is_negative;

	if (!at)
		return -EINVAL;
	seconds = at + strlen("boottime") + strspn(at + strlen("boottime"), " ");
	is_negative = *seconds == '-';
	seconds += is_negative;
	nanoseconds = seconds + strcspn(seconds, " \n");
	if (decimal_parse(seconds, (size_t)(nanoseconds - seconds), OFFSET_SEC_MAX, &sec) < 0)
		return -EINVAL;
	nanoseconds += strspn(nanoseconds, " ");
	if (decimal_parse(nanoseconds, strcspn(nanoseconds, " \n"), NSEC_PER_SEC - 1, &nsec) < 0)
		return -EINVAL;
	*ret = (is_negative ? -(int64_t)sec : (int64_t)sec) * NSEC_PER_SEC + (int64_t)nsec;
	return 0;
}

int clock_boot_offset(int64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	int r = file_read(OFFSETS_FILE, TEXT_MAX, &text, &size);

	if (r == -ENOENT) {
		*ret = 0;
		return 0;
	}
	return r < 0 ? r : parse_offsets(text, ret);
}

int clock_init(void)
{
	return clock_boot_offset(&boot_offset);
}

static uint64_t read_usec(clockid_t clock, int64_t offset)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)((now.tv_sec * NSEC_PER_SEC + now.tv_nsec - offset) / 1000);
}

void clock_now(struct moment *ret)
{
	ret->wall = read_usec(CLOCK_REALTIME, 0);
	ret->boot = read_usec(CLOCK_BOOTTIME, boot_offset);
}

int clock_boot_id(char ret[BOOT_ID_LENGTH + 1])
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	int r = file_read(BOOT_ID_FILE, TEXT_MAX, &text, &size);

	if (r < 0)
		return r;
	if (size != BOOT_ID_LENGTH + 1 || text[BOOT_ID_LENGTH] != '\n' ||
	    strspn(text, "0123456789abcdef-") != BOOT_ID_LENGTH)
		return -EINVAL;
	memcpy(ret, text, BOOT_ID_LENGTH);
	ret[BOOT_ID_LENGTH] = '\0';
	return 0;
}
