/* SPDX-License-Identifier: MIT */
#include "store-folder.h"

#include "store-vfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct folder folder;
static int n_fds;

int folder_setup(void **state)
{
	(void)state;
	n_fds = count_fds();
	folder_make(&folder);
	umask(022);
	return 0;
}

int folder_teardown(void **state)
{
	(void)state;
	folder_remove(&folder);
	assert_int_equal(count_fds(), n_fds);
	return 0;
}

void expect_refusal(int expected, const char *part)
{
	_cleanup_(freep) char *message = NULL;
	struct store *store = NULL;
	int r = store_open(folder.path, &store, &message);

	if (r != expected)
		print_error("# %d: %s\n", r, message ? message : "");
	assert_int_equal(r, expected);
	assert_null(store);
	assert_non_null(message);
	if (!strstr(message, part) || !strstr(message, folder.path) || strchr(message, '\n'))
		fail_msg("no good message: %s", message);
}

struct store *open_store(void)
{
	_cleanup_(freep) char *message = NULL;
	struct store *store = NULL;

	if (store_open(folder.path, &store, &message) != 0)
		fail_msg("%s", message);
	return store;
}

void make_ours(void)
{
	const struct allocation row = { .pod = "a", .pool = "p", .range = { 65536, 65536 } };
	struct store *store = open_store();

	assert_int_equal(store_insert(store, &row), 0);
	store_free(store);
}

void expect_ours(void)
{
	struct store *store = open_store();
	struct allocation row;

	assert_int_equal(store_get(store, "a", &row), 0);
	store_free(store);
}

struct snapshot take_snapshot(void)
{
	struct snapshot shot = {};
	DIR *dir = opendir(folder.path);

	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "lock") == 0)
			continue;
		shot.names[shot.n] = strdup(entry->d_name);
		shot.data[shot.n] = file_bytes(folder_path(&folder, entry->d_name),
					       &shot.sizes[shot.n]);
		shot.n++;
	}
	closedir(dir);
	return shot;
}

void expect_untouched(struct snapshot *shot)
{
	for (size_t i = 0; i < shot->n; i++) {
		size_t size;
		_cleanup_(freep) char *data = file_bytes(folder_path(&folder, shot->names[i]),
							 &size);

		if (size != shot->sizes[i] || memcmp(data, shot->data[i], size) != 0)
			fail_msg("%s was touched", shot->names[i]);
		free(shot->names[i]);
		free(shot->data[i]);
	}
}

/* Do its pages have checksums? */
static bool is_summed(void)
{
	int fd = open(folder_path(&folder, DATABASE), O_RDONLY | O_CLOEXEC);
	char reserved = 0;
	bool is = fd >= 0 && pread(fd, &reserved, 1, 20) == 1 && reserved == STORE_PAGE_RESERVED;

	if (fd >= 0)
		close(fd);
	return is;
}

sqlite3 *open_database(void)
{
	static struct store_vfs vfs;
	const char *path = folder_path(&folder, DATABASE);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	sqlite3 *db;

	if (!vfs.real)
		assert_int_equal(store_vfs_register(&vfs), SQLITE_OK);
	assert_int_equal(sqlite3_open_v2(path, &db, flags, is_summed() ? vfs.name : NULL),
			 SQLITE_OK);
	sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
	return db;
}

void run_sql(const char *sql)
{
	sqlite3 *db = open_database();

	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

void crash_with(const char *sql)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(sqlite3_exec(open_database(), sql, NULL, NULL, NULL));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}
