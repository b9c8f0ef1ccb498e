/* SPDX-License-Identifier: MIT */
#include "cuts.h"

#include "disk.h"
#include "image.h"
#include "old-schemas.h"
#include "testing.h"
#include "work.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <sys/stat.h>

#define STATES_MAX 64
#define CUTS_A_LIFE 24

enum begin { BEGIN_EMPTY, BEGIN_VERSION_1, BEGIN_VERSION_2, BEGIN_WITH_LEFT, N_BEGINS };

/* What the disk may say after a cut: one of these, by the operation that was cut. */
struct state {
	size_t begun, ended; /* operations: when its commit began, and when it was acknowledged */
	char *text;
};

struct life {
	struct state states[STATES_MAX];
	size_t n_states;
	size_t n_open, n_stop; /* operations: when it was open, when it began to stop */
};

static struct work work;
static struct life life;
static struct cuts_result result;
static enum weakness weakness;
static char left[64]; /* the folder of what is left after a cut */

static void add_state(size_t begun, char *text)
{
	assert_true(life.n_states < STATES_MAX);
	assert_non_null(text);
	life.states[life.n_states++] = (struct state){ begun, disk_n_ops(), text };
}

static void forget_life(void)
{
	for (size_t i = 0; i < life.n_states; i++)
		free(life.states[i].text);
	memset(&life, 0, sizeof(life));
}

/* The states that a cut during that operation may leave: *ret_first, and up to the last. */
static void find_states(size_t op, size_t *ret_first, size_t *ret_last)
{
	size_t first = 0, last = 0;

	for (size_t i = 1; i < life.n_states; i++) {
		if (life.states[i].ended <= op)
			first = i;
		if (life.states[i].begun <= op)
			last = i;
	}
	*ret_first = first;
	*ret_last = last;
}

static void tell(const char *what, size_t op, const char *found)
{
	size_t first, last;

	find_states(op, &first, &last);
	print_message("# cut %zu, operation %zu of %zu (open %zu, stop %zu): %s\n", result.n_cuts,
		      op, disk_n_ops(), life.n_open, life.n_stop, what);
	for (size_t i = op < 12 ? 0 : op - 12; i <= op && i < disk_n_ops(); i++) {
		const struct disk_op *o = disk_op(i);

		print_message("#  %zu: kind %d %s %zu+%zu\n", i, o->kind,
			      o->kind == OP_SYNC_FOLDER ? "" : disk_file(o->file)->name, o->offset,
			      o->size);
	}
	if (found)
		print_message("# found:\n%s# wanted:\n%s", found, life.states[first].text);
	print_message("# the files are in %s\n", left);
}

/* Does the store have what it must have after a cut during that operation? Counts what is wrong. */
static bool judge(struct store *store, size_t op)
{
	bool overlaps = false, has_gap = false;
	_cleanup_(freep) char *text = work_dump(store, &overlaps, &has_gap);
	size_t first, last;

	find_states(op, &first, &last);
	if (overlaps) {
		result.n_duplicate++;
		tell("two allocations overlap", op, text);
		return false;
	}
	for (size_t i = first; text && !has_gap && i <= last; i++)
		if (strcmp(text, life.states[i].text) == 0)
			return true;
	for (size_t i = 0; text && i < first; i++)
		if (strcmp(text, life.states[i].text) == 0) {
			result.n_lost++;
			if (weakness == WEAKNESS_NONE)
				tell("acknowledged changes are lost", op, text);
			return false;
		}
	result.n_corrupt++;
	if (weakness == WEAKNESS_NONE)
		tell("it holds what was never committed", op, text);
	return false;
}

static void count_refusal(int r, size_t op, const char *message)
{
	if (r == STORE_E_LOST)
		result.n_lost++;
	else
		result.n_corrupt++;
	if (weakness == WEAKNESS_NONE)
		tell(message ? message : "it does not open", op, NULL);
}

/* It goes on: a change can be made and is there. */
static void go_on(struct work *after)
{
	assert_int_equal(work_set_pool(after), 0);
	for (int i = 0; i < 3; i++)
		work_request(after);
	if (allocator_is_pending(after->allocator))
		assert_int_equal(allocator_commit(after->allocator), 0);
}

static void check_integrity(const char *folder)
{
	char path[128];
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;

	snprintf(path, sizeof(path), "%s/allocations.db", folder);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0) {
		result.n_corrupt++;
		print_message("# cut %zu: %s\n", result.n_cuts, sqlite3_column_text(s, 0));
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
}

/* A daemon that starts on what the cut has left. */
static void check(size_t op)
{
	_cleanup_(freep) char *message = NULL;
	struct work after = work;
	bool is_good;
	int r;

	memcpy(after.folder, left, sizeof(after.folder));
	r = work_start(&after, &message);
	if (r != 0) {
		count_refusal(r, op, message);
		return;
	}
	is_good = judge(after.store, op);
	if (is_good && chance(&work.random, 4) == 0)
		go_on(&after);
	work_stop(&after, chance(&work.random, 2));
	if (is_good && chance(&work.random, 16) == 0)
		check_integrity(left);
}

static void begin_folder(enum begin begin)
{
	if (begin == BEGIN_WITH_LEFT) {
		char folder[64];

		memcpy(folder, work.folder, sizeof(folder));
		memcpy(work.folder, left, sizeof(folder));
		memcpy(left, folder, sizeof(folder));
		return;
	}
	folder_remove((struct folder *)work.folder);
	assert_int_equal(mkdir(work.folder, 0700), 0);
	if (begin == BEGIN_VERSION_1)
		old_schema_make(work.folder, old_schema_1);
	if (begin == BEGIN_VERSION_2)
		old_schema_make(work.folder, old_schema_2);
}

static void commit_batch(void)
{
	bool overlaps, has_gap;
	size_t begun = disk_n_ops();

	if (!allocator_is_pending(work.allocator))
		return;
	assert_int_equal(allocator_commit(work.allocator), 0);
	add_state(begun, work_dump(work.store, &overlaps, &has_gap));
}

/* Starts, works and stops, while the disk notes it. False: what the last cut left is bad. */
static bool live(enum begin begin, size_t last_op)
{
	_cleanup_(freep) char *message = NULL;
	size_t n_batches = chance(&work.random, 12);
	bool overlaps, has_gap, is_good;
	int r;

	disk_begin(work.folder);
	r = work_start(&work, &message);
	if (r != 0 && begin != BEGIN_WITH_LEFT)
		fail_msg("%d: %s", r, message);
	if (r != 0) {
		disk_end();
		count_refusal(r, last_op, message);
		return false;
	}
	is_good = begin != BEGIN_WITH_LEFT || judge(work.store, last_op);
	forget_life();
	add_state(0, work_dump(work.store, &overlaps, &has_gap));
	life.n_open = disk_n_ops();
	assert_int_equal(work_set_pool(&work), 0);
	for (size_t i = 0; i < n_batches; i++) {
		for (uint32_t n = chance(&work.random, 6); n > 0; n--)
			work_request(&work);
		commit_batch();
	}
	commit_batch();
	life.n_stop = disk_n_ops();
	if (chance(&work.random, 2))
		work_stop(&work, true);
	disk_end();
	if (work.allocator)
		work_stop(&work, false);
	return is_good;
}

/* Most operations are commits: the rest would be cut too seldom. */
static size_t choose_op(void)
{
	switch (chance(&work.random, 4)) {
	case 0:
		return chance(&work.random, (uint32_t)life.n_open + 1);
	case 1:
		return life.n_stop +
		       chance(&work.random, (uint32_t)(disk_n_ops() - life.n_stop) + 1);
	default:
		return chance(&work.random, (uint32_t)disk_n_ops() + 1);
	}
}

static int compare_ops(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

/* Distinct operations to cut, in their order. */
static size_t choose_ops(size_t *ops)
{
	size_t n = 0;

	for (size_t i = 0; i < CUTS_A_LIFE; i++)
		ops[i] = choose_op();
	qsort(ops, CUTS_A_LIFE, sizeof(*ops), compare_ops);
	for (size_t i = 0; i < CUTS_A_LIFE; i++)
		if (n == 0 || ops[n - 1] != ops[i])
			ops[n++] = ops[i];
	return n;
}

static void count_cut(enum begin begin, size_t op)
{
	result.n_cuts++;
	if (op >= life.n_stop)
		result.n_stop++;
	else if (op >= life.n_open)
		result.n_commit++;
	else if (begin == BEGIN_EMPTY)
		result.n_first++;
	else if (begin == BEGIN_WITH_LEFT)
		result.n_open++;
	else
		result.n_upgrade++;
}

/* One life and its cuts. What the last one leaves is not looked at: the next life begins with it.
 */
static bool cut_life(enum begin begin, size_t *last_op)
{
	size_t ops[CUTS_A_LIFE], n;
	size_t bad = result.n_lost + result.n_duplicate + result.n_corrupt;

	if (!live(begin, *last_op))
		return false;
	n = choose_ops(ops);
	image_begin();
	for (size_t i = 0; i < n; i++) {
		count_cut(begin, ops[i]);
		image_cut(ops[i], &work.random, left);
		if (i < n - 1)
			check(ops[i]);
		if (result.n_lost + result.n_duplicate + result.n_corrupt != bad)
			break;
		*last_op = ops[i];
	}
	image_done();
	return result.n_lost + result.n_duplicate + result.n_corrupt == bad;
}

static void make_folder(char *folder)
{
	struct stat st;
	const char *base = stat("/dev/shm", &st) == 0 ? "/dev/shm" : "/tmp";

	snprintf(folder, sizeof(work.folder), "%s/subidd-cuts-XXXXXX", base);
	assert_non_null(mkdtemp(folder));
}

struct cuts_result cuts_run(size_t n, uint64_t seed, enum weakness how, bool is_strict,
			    void (*progress)(const struct cuts_result *result))
{
	size_t last_op = 0;
	bool is_good = false, is_kept = false;
	enum begin begin;

	memset(&result, 0, sizeof(result));
	weakness = how;
	work = (struct work){ .random = seed,
			      .most_events = 60,
			      .now = { 1700000000000000, 1000000000 } };
	strcpy(work.boot, "11111111-1111-1111-1111-111111111111");
	make_folder(work.folder);
	make_folder(left);
	weakness_begin(how);
	while (result.n_cuts < n) {
		begin = is_good && chance(&work.random, 6) ? BEGIN_WITH_LEFT
							   : chance(&work.random, BEGIN_WITH_LEFT);
		begin_folder(begin);
		is_good = cut_life(begin, &last_op);
		if (!is_good && is_strict) {
			is_kept = true;
			break;
		}
		if (progress)
			progress(&result);
	}
	weakness_end();
	forget_life();
	folder_remove((struct folder *)work.folder);
	if (!is_kept)
		folder_remove((struct folder *)left);
	return result;
}
