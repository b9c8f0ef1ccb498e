/* SPDX-License-Identifier: MIT */

/*
 * The nth write, sync, read, ... fails, once or from then on: each call says so or has done what it
 * says; what failed has changed nothing; a commit that failed is there as a whole or not at all;
 * and when the disk works again, so does everything. With the argument 1, for every n: otherwise
 * for some of them, by chance.
 */

#include "disk.h"
#include "old-schemas.h"
#include "testing.h"
#include "work.h"

#include <errno.h>
#include <sys/stat.h>

#define N_BATCHES 8
#define TRIES_MAX 5000

/* What was before: a daemon that was stopped or killed, so that there is a log; an older one. */
enum past { PAST_STOPPED, PAST_KILLED, PAST_NONE, PAST_VERSION_1, PAST_VERSION_2, N_PASTS };

static struct work work;
static struct folder folder, pasts[N_PASTS];
static char *past_texts[N_PASTS];
static uint64_t seed;
static uint32_t stride = 30; /* for every nth: 1 */
static size_t n_tries, n_refused, n_lost_batches, n_not_started;

/*
 * What must be there: what was committed, and with it what the batch has changed. Is the batch
 * lost, so that it must not be committed? Did a commit fail, so that either may be there?
 */
static struct {
	char *committed, *pending;
	bool is_doomed, is_unknown;
} truth;

static void set_text(char **text, const char *value)
{
	char *copy = strdup(value);

	assert_non_null(copy);
	free(*text);
	*text = copy;
}

/* NULL: the store is closed. */
static char *dump(void)
{
	bool overlaps = false, has_gap = false;
	char *text;

	disk_spare(true);
	text = work_dump(work.store, &overlaps, &has_gap);
	disk_spare(false);
	assert_false(text && (overlaps || has_gap));
	return text;
}

static bool is_text(const char *found, const char *text)
{
	return found && strcmp(found, text) == 0;
}

/* Nothing is pending: the store must hold all of the last batch, or nothing of it. */
static void settle(void)
{
	_cleanup_(freep) char *found = dump();

	assert_non_null(found);
	if (truth.is_unknown && is_text(found, truth.pending))
		set_text(&truth.committed, truth.pending);
	else if (is_text(found, truth.committed))
		set_text(&truth.pending, truth.committed);
	else
		fail_msg("found:\n%s# committed:\n%s# or:\n%s", found, truth.committed,
			 truth.pending);
	truth.is_doomed = truth.is_unknown = false;
}

/* A question has the store opened again. False: that fails. */
static bool is_known(void)
{
	struct allocation answer;

	for (int i = 0; truth.is_unknown && i < 2; i++)
		if (allocator_get(work.allocator, "x", &answer) >= 0)
			settle();
	return !truth.is_unknown;
}

static void judge_failure(size_t request, const char *found)
{
	n_refused++;
	assert_true(*allocator_message(work.allocator));
	if (is_text(found, truth.pending))
		return;
	if (!allocator_is_pending(work.allocator))
		fail_msg("request %zu failed, and changed:\n%s# from:\n%s", request,
			 found ? found : "", truth.pending);
	truth.is_doomed = true;
}

static void try_request(size_t request)
{
	_cleanup_(freep) char *before = NULL, *found = NULL;
	bool is_lost = !is_known();
	int r;

	before = dump();
	r = work_try(&work, request);
	found = dump();
	if (is_lost) {
		assert_true(r < 0);
		return;
	}
	if (r < 0)
		judge_failure(request, found);
	else if (!truth.is_doomed)
		set_text(&truth.pending, found);
	else if (found && !is_text(found, before) && !is_text(found, truth.committed))
		fail_msg("request %zu works in a batch that is lost", request);
}

static void try_commit(void)
{
	_cleanup_(freep) char *found = NULL;
	int r;

	if (!allocator_is_pending(work.allocator))
		return;
	r = allocator_commit(work.allocator);
	if (r < 0) {
		assert_true(*allocator_message(work.allocator));
		n_lost_batches++;
		if (truth.is_doomed)
			set_text(&truth.pending, truth.committed);
		truth.is_unknown = true;
		is_known();
		return;
	}
	assert_false(truth.is_doomed);
	found = dump();
	if (!is_text(found, truth.pending))
		fail_msg("it says that it is there, but it is:\n%s# and not:\n%s",
			 found ? found : "(nothing)", truth.pending);
	set_text(&truth.committed, found);
}

/*
 * Does the daemon start? If not, it says why, and takes nothing for damaged or lost; but SQLite
 * takes a file that cannot be read (EIO) for a damaged one (SQLITE_IOERR_CORRUPTFS).
 */
static bool start(bool can_be_damaged)
{
	_cleanup_(freep) char *message = NULL;
	int r = work_start(&work, &message);

	if (r > 0 && !(r == STORE_E_CORRUPT && can_be_damaged))
		fail_msg("%d: %s", r, message);
	if (r == 0) {
		settle();
		r = work_set_pool(&work);
		message = r == 0 ? dump() : NULL;
		if (message)
			set_text(&truth.pending, message);
	}
	if (r < 0 && work.allocator)
		work_stop(&work, false);
	n_not_started += r != 0;
	return r == 0;
}

/* Some batches, in which each kind of request comes, and a restart. Returns whether it runs. */
static bool live(bool is_unreadable)
{
	if (!start(is_unreadable))
		return false;
	for (size_t i = 0; i < N_BATCHES; i++) {
		if (i == N_BATCHES / 2) {
			truth.is_unknown = true; /* the next one finds out */
			work_stop(&work, true);
			if (!start(is_unreadable))
				return false;
		}
		for (size_t j = 0; j < 4; j++)
			try_request(j == 0 ? 0 : (3 * i + j) % work_n_requests());
		try_commit();
	}
	return true;
}

/* The disk works again: so must all else, and a daemon that starts sees the same. */
static void go_on(void)
{
	struct pool_usage before, after;
	size_t n_before = n_refused;

	if (!work.allocator) {
		truth.is_unknown = true;
		assert_true(start(false));
	}
	assert_true(is_known());
	for (size_t i = 0; i < work_n_requests(); i++)
		try_request(i);
	try_commit();
	settle();
	assert_int_equal(n_refused, n_before);
	before = allocator_usage(work.allocator, 0, work.now);
	work_stop(&work, true);
	assert_true(start(false));
	after = allocator_usage(work.allocator, 0, work.now);
	assert_memory_equal(&before, &after, sizeof(after));
	work_stop(&work, false);
}

static void copy_folder(const char *from, const char *to)
{
	static const char *const names[] = { "allocations.db", "allocations.db-wal", "lock" };

	folder_remove((const struct folder *)to);
	assert_int_equal(mkdir(to, 0700), 0);
	for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
		const char *path = folder_path((const struct folder *)from, names[i]);
		_cleanup_(freep) char *data = NULL;
		size_t size;

		if (access(path, F_OK) < 0)
			continue;
		data = file_bytes(path, &size);
		file_write(folder_path((const struct folder *)to, names[i]), data, size);
	}
}

/* The same for each of them: only what fails differs. */
static void begin_work(const char *path, uint64_t random)
{
	work = (struct work){ .random = random, .now = { 1700000000000000, 1000000000 } };
	strcpy(work.boot, "11111111-1111-1111-1111-111111111111");
	strcpy(work.folder, path);
}

/* Returns whether anything has failed. */
static bool attempt(enum past past, enum disk_fault fault, size_t n, bool lasts)
{
	bool has_failed;

	copy_folder(pasts[past].path, folder.path);
	begin_work(folder.path, 77);
	set_text(&truth.committed, past_texts[past]);
	set_text(&truth.pending, past_texts[past]);
	truth.is_doomed = truth.is_unknown = false;
	disk_fail(work.folder, fault, n, lasts);
	live(fault == FAULT_READ);
	has_failed = disk_mend();
	go_on();
	n_tries++;
	return has_failed;
}

/* How many of each kind there are is very different, and so is how many of them the short form
 * tries. */
static uint32_t choose_step(enum disk_fault fault)
{
	static const uint32_t shares[] = {
		[FAULT_WRITE] = 1,  [FAULT_FULL] = 1, [FAULT_SHORT] = 1, [FAULT_READ] = 1,
		[FAULT_RESIZE] = 6, [FAULT_SYNC] = 5, [FAULT_OPEN] = 5,	 [FAULT_REMOVE] = 6,
	};
	uint32_t mean = stride / shares[fault];

	return mean < 2 ? 1 : 1 + chance(&seed, 2 * mean - 1);
}

static void try_all(enum past past, enum disk_fault fault, bool lasts)
{
	size_t n = choose_step(fault) - 1;

	for (; attempt(past, fault, n, lasts); n += choose_step(fault))
		assert_true(n < TRIES_MAX);
}

static void test_errors(void **state)
{
	(void)state;
	seed = chance_begin();
	for (int fault = 0; fault < N_DISK_FAULTS; fault++) {
		n_tries = n_refused = n_lost_batches = n_not_started = 0;
		for (int past = 0; past < N_PASTS; past++)
			for (int lasts = 0; lasts < 2; lasts++)
				try_all(past, fault, lasts);
		print_message("# %s: %zu tries: %zu requests refused, %zu batches lost, %zu starts "
			      "failed\n",
			      disk_fault_names[fault], n_tries, n_refused, n_lost_batches,
			      n_not_started);
	}
}

/*
 * The log has the commit, but nothing says that it is on the disk: it must not be called done, nor
 * answered for, until that is sure.
 */
static void test_unsynced(void **state)
{
	_cleanup_(freep) char *message = NULL;
	struct allocation answer;
	int r = 0;

	(void)state;
	copy_folder(pasts[PAST_NONE].path, folder.path);
	begin_work(folder.path, 77);
	disk_fail(work.folder, FAULT_SYNC, SIZE_MAX, true); /* it sees what is opened from now on */
	assert_int_equal(work_start(&work, &message), 0);
	assert_int_equal(work_set_pool(&work), 0);
	assert_int_equal(allocator_commit(work.allocator), 0);
	disk_fail(work.folder, FAULT_SYNC, 0, true);
	assert_int_equal(work_try(&work, 0), 0);
	assert_true(allocator_is_pending(work.allocator));
	assert_true(allocator_commit(work.allocator) < 0);
	r = allocator_get(work.allocator, "x", &answer);
	assert_true(disk_mend());
	assert_true(r < 0);
	assert_int_equal(allocator_get(work.allocator, "x", &answer), ALLOCATOR_E_NOT_FOUND);
	work_stop(&work, true);
}

/* What a daemon finds there. */
static char *look(enum past past)
{
	_cleanup_(freep) char *message = NULL;
	char *text;

	copy_folder(pasts[past].path, folder.path);
	begin_work(folder.path, 33);
	if (work_start(&work, &message) != 0)
		fail_msg("%s", message);
	text = dump();
	work_stop(&work, false);
	return text;
}

static int make_pasts(void **state)
{
	_cleanup_(freep) char *message = NULL;

	(void)state;
	folder_make(&folder);
	for (int past = 0; past < N_PASTS; past++)
		folder_make(&pasts[past]);
	begin_work(folder.path, 33);
	assert_int_equal(work_start(&work, &message), 0);
	assert_int_equal(work_set_pool(&work), 0);
	for (int i = 0; i < 30; i++)
		work_request(&work);
	assert_int_equal(allocator_commit(work.allocator), 0);
	copy_folder(folder.path, pasts[PAST_KILLED].path);
	work_stop(&work, true);
	copy_folder(folder.path, pasts[PAST_STOPPED].path);
	old_schema_make(pasts[PAST_VERSION_1].path, old_schema_1);
	old_schema_make(pasts[PAST_VERSION_2].path, old_schema_2);
	for (int past = 0; past < N_PASTS; past++)
		past_texts[past] = look(past);
	return 0;
}

static int remove_pasts(void **state)
{
	(void)state;
	folder_remove(&folder);
	for (int past = 0; past < N_PASTS; past++) {
		folder_remove(&pasts[past]);
		free(past_texts[past]);
	}
	free(truth.committed);
	free(truth.pending);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_unsynced),
	};

	if (argc > 1)
		stride = (uint32_t)strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, make_pasts, remove_pasts);
}
