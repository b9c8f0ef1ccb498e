/* SPDX-License-Identifier: MIT */

/* Copies of the database while it is written to. */

#include "store-folder.h"

#include "store-private.h"

#include <errno.h>
#include <sys/stat.h>

#define COPY "copy"

static uint32_t n_units;

static void add(struct store *store, uint32_t n)
{
	assert_int_equal(store_begin(store), 0);
	for (uint32_t i = 0; i < n; i++) {
		struct allocation row = { .pool = "p" };
		struct event event = { .kind = EVENT_ALLOCATED, .pool = "p" };

		n_units++;
		row.range = event.range = (struct id_range){ n_units * 65536, 65536 };
		sprintf(row.pod, "pod-%u", n_units);
		memcpy(event.pod, row.pod, sizeof(event.pod));
		assert_int_equal(store_insert(store, &row), 0);
		assert_int_equal(store_insert_event(store, &event), 0);
	}
	assert_int_equal(store_commit(store), 0);
}

/* What has nothing but events, so that the log grows without an end. */
static void add_events_on(struct store *store, uint32_t n, bool is_tight)
{
	struct event event = { .kind = EVENT_DRAINED, .pool = "p" };

	memset(event.pod, 'x', sizeof(event.pod) - 1);
	memset(event.name, 'x', sizeof(event.name) - 1);
	memset(event.namespace, 'x', sizeof(event.namespace) - 1);
	assert_int_equal(store_begin(store), 0);
	store->is_tight |= is_tight;
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(store_insert_event(store, &event), 0);
	assert_int_equal(store_commit(store), 0);
}

static void add_events(struct store *store, uint32_t n)
{
	add_events_on(store, n, false);
}

static int setup(void **state)
{
	n_units = 0;
	return folder_setup(state);
}

/* Takes the whole copy, and changes the database before each piece. */
static void copy(struct store *store, void (*change)(struct store *store, uint32_t n))
{
	uint64_t size = 0;
	char *data;

	assert_int_equal(store_backup_begin(store, &size), 0);
	assert_int_equal(size % STORE_BACKUP_UNIT, 0);
	data = malloc(size);
	for (uint64_t at = 0; at < size; at += STORE_BACKUP_UNIT) {
		change(store, 3);
		assert_int_equal(store_backup_read(store, at, data + at, STORE_BACKUP_UNIT), 0);
	}
	assert_int_equal(store_backup_read(store, size, data, STORE_BACKUP_UNIT), -ECANCELED);
	store_backup_end(store);
	file_write(folder_path(&folder, COPY), data, size);
	free(data);
}

static int64_t count_of_copy(const char *sql)
{
	int64_t n = -1;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(folder_path(&folder, COPY), &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
	assert_int_equal(store_query(db, sql, &n), SQLITE_OK);
	sqlite3_close(db);
	return n;
}

static void test_whole(void **state)
{
	struct store *store = open_store();

	(void)state;
	add(store, 200);
	copy(store, add);
	assert_int_equal(count_of_copy("SELECT count(*) FROM allocation"), 200);
	assert_int_equal(count_of_copy("SELECT count(*) FROM event"), 200);
	assert_int_equal(count_of_copy("SELECT count(*) FROM pragma_integrity_check"
				       " WHERE integrity_check = 'ok'"),
			 1);
	/* and once more, with what came meanwhile */
	copy(store, add_events);
	assert_true(count_of_copy("SELECT count(*) FROM allocation") > 200);
	store_free(store);
	store_free(open_store());
}

static uint64_t log_size(void)
{
	struct stat st;

	assert_int_equal(stat(folder_path(&folder, DATABASE "-wal"), &st), 0);
	return (uint64_t)st.st_size;
}

/* The log is bounded while a copy is made that does not come to its end, and small again then. */
static void test_given_up(void **state)
{
	struct store *store = open_store();
	char data[STORE_BACKUP_UNIT];
	uint64_t size = 0, most = 0;
	int r = 0;

	(void)state;
	add(store, 10);
	assert_int_equal(store_backup_begin(store, &size), 0);
	for (int i = 0; i < 1000 && r == 0; i++) {
		add_events(store, 1000);
		if (log_size() > most)
			most = log_size();
		r = store_backup_read(store, 0, data, sizeof(data));
	}
	assert_int_equal(r, -ECANCELED);
	assert_in_range(most, 60 << 20, 70 << 20);
	store_backup_end(store);
	for (int i = 0; i < 3; i++)
		add(store, 1);
	assert_int_equal(log_size(), STORE_LOG_SIZE);
	assert_int_equal(store_backup_begin(store, &size), 0);
	assert_int_equal(store_backup_read(store, 0, data, sizeof(data)), 0);
	store_free(store);
}

/* Where the disk is full, the log has no more than its own blocks. */
static void test_tight(void **state)
{
	struct store *store = open_store();
	char data[STORE_BACKUP_UNIT];
	uint64_t size = 0;
	int r = 0;

	(void)state;
	add(store, 10);
	assert_int_equal(store_backup_begin(store, &size), 0);
	for (int i = 0; i < 1000 && r == 0; i++) {
		add_events_on(store, 10, true);
		assert_int_equal(log_size(), STORE_LOG_SIZE);
		r = store_backup_read(store, 0, data, sizeof(data));
	}
	assert_int_equal(r, -ECANCELED);
	store_free(store);
}

static void test_one_at_a_time(void **state)
{
	struct store *store = open_store();
	uint64_t size = 0;

	(void)state;
	assert_int_equal(store_backup_begin(store, &size), 0);
	assert_int_equal(store_backup_begin(store, &size), -EBUSY);
	store_backup_end(store);
	store_backup_end(store);
	assert_int_equal(store_backup_begin(store, &size), 0);
	/* the end of the store ends it */
	store_free(store);
	store_free(open_store());
}

static void test_reopened(void **state)
{
	struct store *store = open_store();
	char data[STORE_BACKUP_UNIT];
	uint64_t size = 0;

	(void)state;
	add(store, 10);
	assert_int_equal(store_backup_begin(store, &size), 0);
	assert_int_equal(store_reopen(store), 0);
	assert_int_equal(store_backup_read(store, 0, data, sizeof(data)), -ECANCELED);
	store_backup_end(store);
	assert_int_equal(store_backup_begin(store, &size), 0);
	assert_int_equal(store_backup_read(store, 0, data, sizeof(data)), 0);
	store_free(store);
}

static void test_transaction(void **state)
{
	struct store *store = open_store();
	uint64_t size = 0;

	(void)state;
	assert_int_equal(store_begin(store), 0);
	assert_true(store_backup_begin(store, &size) < 0);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(store_backup_begin(store, &size), 0);
	store_free(store);
}

/* A page that is not what was written gets into no copy. */
static void test_damaged(void **state)
{
	char data[STORE_BACKUP_UNIT], bad;
	struct store *store = open_store();
	uint64_t size = 0;
	FILE *file;

	(void)state;
	add(store, 2000);
	assert_int_equal(store_backup_begin(store, &size), 0);
	file = fopen(folder_path(&folder, DATABASE), "r+e");
	fseek(file, (long)(size / 2 / 4096 * 4096 + 77), SEEK_SET);
	bad = (char)~fgetc(file);
	fseek(file, -1, SEEK_CUR);
	fputc(bad, file);
	fclose(file);
	assert_int_equal(store_backup_read(store, 0, data, sizeof(data)), 0);
	assert_int_equal(store_backup_read(store, size / 2 / 4096 * 4096, data, sizeof(data)),
			 -EUCLEAN);
	store_free(store);
}

/* What the disk has promised bounds a connection that was opened anew as well. */
static void test_room_of_reopened(void **state)
{
	struct store *store = open_store();
	int64_t most = 0;

	(void)state;
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(store_reopen(store), 0);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(store_query(store->db, "PRAGMA max_page_count", &most), SQLITE_OK);
	assert_int_equal(most, store->most_pages);
	store_free(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, folder_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_room_of_reopened), TEST(test_whole),
		TEST(test_given_up),	     TEST(test_tight),
		TEST(test_one_at_a_time),    TEST(test_reopened),
		TEST(test_transaction),	     TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
