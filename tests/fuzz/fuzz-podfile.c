/* SPDX-License-Identifier: MIT */

/*
 * The kubelet's record of a pod's user namespace: only ranges that there can be come out of it, and
 * one that is understood is understood in the kubelet's own words as well.
 */

#include "fuzz.h"

#include "cleanup.h"
#include "core/pool.h"
#include "node/podfile.h"

#include <string.h>

#define MAPPING "[{\"hostId\":%u,\"containerId\":0,\"length\":%u}]"

static void check_range(struct id_range range)
{
	_cleanup_(podfile_done) struct podfile again = {};
	_cleanup_(freep) char *text = NULL;

	CHECK(id_range_valid(range) && range.start >= FIRST_FREE_ID);
	CHECK(asprintf(&text, "{\"uidMappings\":" MAPPING ",\"gidMappings\":" MAPPING "}",
		       range.start, range.count, range.start, range.count) >= 0);
	CHECK(podfile_parse(text, strlen(text), &again) == 0);
	CHECK(again.kind == PODFILE_RANGE && id_range_equal(again.range, range));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(podfile_done) struct podfile podfile = {};

	CHECK(podfile_parse((const char *)data, size, &podfile) == 0);
	CHECK(podfile.kind < N_PODFILE_KINDS && podfile.kind != PODFILE_UNREADABLE);
	CHECK((podfile.kind == PODFILE_NONE) == (size == 0));
	CHECK(!podfile.reason == (podfile.kind == PODFILE_NONE || podfile.kind == PODFILE_RANGE));
	CHECK(podfile.n_blocked == 0 || podfile.kind == PODFILE_ODD);
	for (size_t i = 0; i < podfile.n_blocked; i++)
		CHECK(id_range_valid(podfile.blocked[i]));
	if (podfile.kind == PODFILE_RANGE)
		check_range(podfile.range);
	return 0;
}
