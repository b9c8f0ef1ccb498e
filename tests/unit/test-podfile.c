/* SPDX-License-Identifier: MIT */
#include "node/podfile.h"
#include "oom.h"
#include "testing.h"

#include <errno.h>

#define MAP(host, container, length)                                                               \
	"{\"hostId\":" host ",\"containerId\":" container ",\"length\":" length "}"
#define FILE_OF(uids, gids) "{\"uidMappings\":[" uids "],\"gidMappings\":[" gids "]}"
#define BOTH(maps) FILE_OF(maps, maps)
#define GOOD BOTH(MAP("131072", "0", "65536"))

static const struct {
	const char *text;
	struct id_range range;
} good[] = {
	{ GOOD, { 131072, 65536 } },
	{ GOOD "\n", { 131072, 65536 } },
	{ " \t\r\n" GOOD "\r\n", { 131072, 65536 } },
	{ BOTH(MAP("65536", "0", "1")), { 65536, 1 } },
	{ BOTH(MAP("65536", "0", "4294901759")), { 65536, 4294901759 } },
	{ BOTH(MAP("4294967294", "0", "1")), { 4294967294, 1 } },
	{ BOTH(MAP("131072", "0", "65536") "," MAP("196608", "65536", "10")), { 131072, 65546 } },
	/* in any order, and cut otherwise */
	{ BOTH(MAP("131073", "1", "9") "," MAP("131072", "0", "1")), { 131072, 10 } },
	{ FILE_OF(MAP("131072", "0", "1") "," MAP("131073", "1", "9"), MAP("131072", "0", "10")),
	  { 131072, 10 } },
	/* what a newer kubelet may add */
	{ "{\"version\":{\"a\":[1.5,null]},\"uidMappings\":[{\"new\":true,\"hostId\":131072,"
	  "\"containerId\":0,\"length\":65536}],\"gidMappings\":[" MAP("131072", "0", "65536") "]}",
	  { 131072, 65536 } },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(good); i++) {
		_cleanup_(podfile_done) struct podfile podfile = {};

		assert_int_equal(podfile_parse(good[i].text, strlen(good[i].text), &podfile), 0);
		if (podfile.kind != PODFILE_RANGE)
			fail_msg("%s: %s", good[i].text, podfile.reason);
		assert_true(id_range_equal(podfile.range, good[i].range));
	}
}

static void test_none(void **state)
{
	struct podfile podfile = {};

	(void)state;
	assert_int_equal(podfile_parse("", 0, &podfile), 0);
	assert_int_equal(podfile.kind, PODFILE_NONE);
}

static const struct {
	const char *text;
	const char *reason; /* a part of it */
	struct id_range blocked[4];
} odd[] = {
	{ BOTH(MAP("131072", "1", "65536")),
	  "do not begin at 0",
	  { { 131072, 65536 }, { 131072, 65536 } } },
	{ FILE_OF(MAP("131072", "0", "65536"), MAP("196608", "0", "65536")),
	  "different ranges",
	  { { 131072, 65536 }, { 196608, 65536 } } },
	{ FILE_OF(MAP("131072", "0", "65536"), MAP("131072", "0", "65535")),
	  "different ranges",
	  { { 131072, 65536 }, { 131072, 65535 } } },
	{ FILE_OF(MAP("131072", "0", "65536"), ""), "only UIDs", { { 131072, 65536 } } },
	{ FILE_OF("", MAP("131072", "0", "65536")), "only GIDs", { { 131072, 65536 } } },
	{ FILE_OF(MAP("131072", "0", "10") "," MAP("200000", "10", "10"), MAP("131072", "0", "20")),
	  "no single range",
	  { { 131072, 10 }, { 200000, 10 }, { 131072, 20 } } },
	/* a hole inside of the pod, and IDs that are mapped twice */
	{ FILE_OF(MAP("131072", "0", "10") "," MAP("131083", "11", "10"), ""),
	  "no single range",
	  { { 131072, 10 }, { 131083, 10 } } },
	{ FILE_OF(MAP("131072", "0", "10") "," MAP("131072", "0", "10"), ""),
	  "no single range",
	  { { 131072, 10 }, { 131072, 10 } } },
	/* what the kubelet hands out where its range runs past 2^32 (k/k#141345) */
	{ BOTH(MAP("0", "0", "65536")), "below 65536", { { 0, 65536 }, { 0, 65536 } } },
	{ BOTH(MAP("65535", "0", "2")), "below 65536", { { 65535, 2 }, { 65535, 2 } } },
	/* its last block, which the kernel refuses (k/k#139916) */
	{ BOTH(MAP("4294901760", "0", "65536")),
	  "past the last ID",
	  { { 4294901760, 65535 }, { 4294901760, 65535 } } },
	{ BOTH(MAP("4294967295", "0", "1")), "past the last ID", { { 0, 0 } } },
	{ BOTH(MAP("131072", "0", "4294967295")),
	  "past the last ID",
	  { { 131072, 4294836223 }, { 131072, 4294836223 } } },
};

static void test_odd(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(odd); i++) {
		_cleanup_(podfile_done) struct podfile podfile = {};

		assert_int_equal(podfile_parse(odd[i].text, strlen(odd[i].text), &podfile), 0);
		assert_int_equal(podfile.kind, PODFILE_ODD);
		if (!strstr(podfile.reason, odd[i].reason))
			fail_msg("%s: %s", odd[i].text, podfile.reason);
		for (size_t k = 0; k < podfile.n_blocked; k++)
			assert_true(id_range_equal(podfile.blocked[k], odd[i].blocked[k]));
		assert_int_equal(odd[i].blocked[podfile.n_blocked].count, 0);
	}
}

#define ONE MAP("131072", "0", "65536")

static const char *const malformed[] = {
	"\n",
	"x",
	"null",
	"1",
	"[]",
	"{}",
	"\"\"",
	BOTH(""),
	GOOD "x",
	GOOD GOOD,
	GOOD ",",
	"[" GOOD "]",
	"{\"uidMappings\":[" ONE "]}",
	"{\"gidMappings\":[" ONE "]}",
	"{\"uidMappings\":[" ONE "],\"gidMappings\":null}",
	"{\"uidMappings\":" ONE ",\"gidMappings\":[" ONE "]}",
	"{\"uidMappings\":[" ONE "],\"gidMappings\":\"\"}",
	"{\"uidMappings\":[" ONE "],\"gidMappings\":[" ONE "],\"gidMappings\":[" ONE "]}",
	"{\"a\":1,\"a\":1,\"uidMappings\":[" ONE "],\"gidMappings\":[" ONE "]}",
	"{\"UidMappings\":[" ONE "],\"gidMappings\":[" ONE "]}",
	"{'uidMappings':[" ONE "],'gidMappings':[" ONE "]}",
	BOTH(ONE ","),
	BOTH("null"),
	BOTH("1"),
	BOTH("[]"),
	BOTH("{}"),
	FILE_OF(ONE, "{}"),
	BOTH(ONE ",null"),
	BOTH(MAP("131072", "0", "0")),
	BOTH(MAP("131072", "0", "-1")),
	BOTH(MAP("131072", "0", "4294967296")),
	BOTH(MAP("131072", "0", "18446744073709551617")),
	BOTH(MAP("131072", "0", "65536.0")),
	BOTH(MAP("131072", "0", "65536e0")),
	BOTH(MAP("131072", "0", "\"65536\"")),
	BOTH(MAP("131072", "0", "null")),
	BOTH(MAP("131072", "0", "true")),
	BOTH(MAP("131072", "0", "065536")),
	BOTH(MAP("131072", "0", "0x10000")),
	BOTH(MAP("131072", "0", "+65536")),
	BOTH(MAP("131072", "-1", "65536")),
	BOTH(MAP("131072", "4294967296", "65536")),
	BOTH(MAP("-1", "0", "65536")),
	BOTH(MAP("4294967296", "0", "65536")),
	BOTH(MAP("NaN", "0", "65536")),
	BOTH("{\"hostId\":131072,\"containerId\":0}"),
	BOTH("{\"hostId\":131072,\"length\":65536}"),
	BOTH("{\"containerId\":0,\"length\":65536}"),
	BOTH("{\"hostId\":131072,\"hostId\":131072,\"containerId\":0,\"length\":65536}"),
};

static void test_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(malformed); i++) {
		struct podfile podfile = {};

		assert_int_equal(podfile_parse(malformed[i], strlen(malformed[i]), &podfile), 0);
		if (podfile.kind != PODFILE_MALFORMED || !podfile.reason)
			fail_msg("%s: kind %d", malformed[i], (int)podfile.kind);
	}
}

/* Nothing of a file that was cut off may be believed, nor one with a NUL in or behind it. */
static void test_cut(void **state)
{
	struct podfile podfile;

	(void)state;
	for (size_t size = 1; size <= sizeof(GOOD); size++) {
		if (size == sizeof(GOOD) - 1)
			continue;
		podfile = (struct podfile){};
		assert_int_equal(podfile_parse(GOOD, size, &podfile), 0);
		assert_int_equal(podfile.kind, PODFILE_MALFORMED);
	}
}

static void test_depth(void **state)
{
	char text[1000] = "{\"a\":";
	struct podfile podfile = {};

	(void)state;
	memset(text + 5, '[', sizeof(text) - 5);
	assert_int_equal(podfile_parse(text, sizeof(text), &podfile), 0);
	assert_int_equal(podfile.kind, PODFILE_MALFORMED);
}

/* json-c itself cannot stand to get no memory. */
static bool parse_good(void)
{
	_cleanup_(podfile_done) struct podfile podfile = {};
	int r = podfile_parse(GOOD, strlen(GOOD), &podfile);

	assert_true(r == 0 || r == -ENOMEM);
	assert_int_equal(podfile.kind, r == 0 ? PODFILE_RANGE : PODFILE_NONE);
	return r == 0;
}

static bool parse_odd(void)
{
	_cleanup_(podfile_done) struct podfile podfile = {};
	int r = podfile_parse(odd[5].text, strlen(odd[5].text), &podfile);

	assert_true(r == 0 || r == -ENOMEM);
	assert_int_equal(podfile.n_blocked, r == 0 ? 3 : 0);
	return r == 0;
}

static void test_memory(void **state)
{
	(void)state;
	oom_loop(OOM_OWN, parse_good, NULL, 1);
	oom_loop(OOM_OWN, parse_odd, NULL, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),   cmocka_unit_test(test_none),
		cmocka_unit_test(test_odd),    cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_cut),    cmocka_unit_test(test_depth),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("podfile", tests, NULL, NULL);
}
