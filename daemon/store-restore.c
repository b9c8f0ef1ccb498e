/* SPDX-License-Identifier: MIT */

/*
 * A backup, or what can be read of a damaged database, becomes the database.
 *
 * What was allocated after the backup was made is not known, so that all ranges drain and all
 * units, also those that no row speaks of, count as taken until nothing lives there.
 *
 * The steps are such that a crash between any two of them leaves the state as it was, or one that
 * is refused until it is restored again, or the restored one:
 *
 * 1. The file and its log are copied, looked at, and made into a new database beside the old one.
 *    Nothing has changed so far; what is left of it is removed by the next attempt.
 * 2. The old database and its log get a second name each, under which they stay.
 * 3. The marker says that something is being restored, durably. From now on all is refused.
 * 4. The old log goes and the new database takes the name.
 * 5. The marker says how far the new one is, durably.
 */

#include "store-private.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

DEFINE_CLEANUP(struct store *, store_free)

/* What belongs to a database, beside its own name. */
static const char *const suffixes[] = { "", "-wal", "-journal" };

/* A path of the database with something behind it, to be freed; NULL without memory. */
static char *join(const char *path, const char *first, const char *second)
{
	char *joined;

	return asprintf(&joined, "%s%s%s", path, first, second) < 0 ? NULL : joined;
}

static int copy_bytes(int from, int to)
{
	char data[64 * 1024];
	ssize_t n;

	while ((n = read(from, data, sizeof(data))) > 0)
		for (ssize_t done = 0, m; done < n; done += m) {
			m = write(to, data + done, (size_t)(n - done));
			if (m < 0)
				return -errno;
		}
	return n < 0 ? -errno : 0;
}

/* A file that is not there is no error if it is a log. */
static int copy_file(const char *from, const char *to, bool is_log, char **ret_message)
{
	_cleanup_(closep) int source = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_(closep) int copy = -1;
	struct stat st;
	int r;

	if (unlink(to) < 0 && errno != ENOENT)
		return store_refuse(ret_message, -errno, "cannot remove %s: %m", to);
	if (source < 0 && errno == ENOENT && is_log)
		return 0;
	if (source < 0 || fstat(source, &st) < 0)
		return store_refuse(ret_message, -errno, "cannot read %s: %m", from);
	if (!S_ISREG(st.st_mode))
		return store_refuse(ret_message, STORE_E_FOREIGN, "%s is no regular file", from);
	copy = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (copy < 0)
		return store_refuse(ret_message, -errno, "cannot make %s: %m", to);
	r = copy_bytes(source, copy);
	return r < 0 ? store_refuse(ret_message, r, "cannot copy %s to %s: %s", from, to,
				    strerror(-r))
		     : 0;
}

/* What a restoration needs on its way. */
struct restoration {
	struct store *store;
	const char *file; /* that was named */
	uint64_t time;
	char *copy;  /* of the file */
	sqlite3 *db; /* that copy */
	uint64_t last_event;
	char *kept; /* the old database's other name */
	char **ret_message;
};

/* From the suffix FIRST on. */
static void remove_copy(const struct restoration *restoration, size_t first)
{
	for (size_t i = first; i < ELEMENTS_OF(suffixes) && restoration->copy; i++) {
		_cleanup_(freep) char *path = join(restoration->copy, suffixes[i], "");

		if (path)
			unlink(path);
	}
}

static void restoration_done(struct restoration *restoration)
{
	sqlite3_close(restoration->db);
	remove_copy(restoration, 0);
	free(restoration->copy);
	free(restoration->kept);
}

/* SQLite may write to what it opens, and to the folder: so it gets a copy. */
static int copy(struct restoration *restoration)
{
	int r = 0;

	restoration->copy = join(restoration->store->path, ".restore", "");
	if (!restoration->copy)
		return -ENOMEM;
	for (size_t i = 0; i < ELEMENTS_OF(suffixes) && r == 0; i++) {
		_cleanup_(freep) char *from = join(restoration->file, suffixes[i], "");
		_cleanup_(freep) char *to = join(restoration->copy, suffixes[i], "");

		r = from && to ? copy_file(from, to, i > 0, restoration->ret_message) : -ENOMEM;
	}
	return r;
}

static int refuse_foreign(const struct restoration *restoration)
{
	return store_refuse(restoration->ret_message, STORE_E_FOREIGN,
			    "%s is not a database of subidd", restoration->file);
}

static int refuse_sqlite(const struct restoration *restoration, int result)
{
	return store_refuse_sqlite(restoration->db, restoration->file, result, false,
				   restoration->ret_message);
}

/* Opens the copy. *ret_belongs: its log, if there is one, was begun with it. */
static int connect_copy(struct restoration *restoration, const struct store_head *head,
			bool *ret_belongs)
{
	bool is_summed = STORE_VERSION_OF(head->signature) == store_schema_version();
	int64_t signature = 0;
	int r = store_connect(restoration->copy, is_summed ? restoration->store->vfs.name : NULL,
			      &restoration->db);

	if (r == SQLITE_OK)
		r = store_query(restoration->db, "PRAGMA user_version", &signature);
	*ret_belongs = r == SQLITE_OK && store_log_belongs(signature, head);
	return r;
}

/* The log of another database is nothing that can be read. */
static int open_copy(struct restoration *restoration, const struct store_head *head)
{
	bool belongs;
	int r = connect_copy(restoration, head, &belongs);

	if (r == SQLITE_OK && !belongs) {
		sqlite3_close(take_ptr(restoration->db));
		remove_copy(restoration, 1);
		r = connect_copy(restoration, head, &belongs);
	}
	return r == SQLITE_OK ? 0 : refuse_sqlite(restoration, r);
}

static int find_head(struct restoration *restoration, struct store_head *ret)
{
	int r = store_read_head(restoration->copy, ret, restoration->ret_message);

	if (r == 0 && ret->is_empty)
		r = store_refuse(restoration->ret_message, STORE_E_FOREIGN, "%s is empty",
				 restoration->file);
	if (r == 0 && !ret->is_ours)
		r = refuse_foreign(restoration);
	return r;
}

/* Opens the copy and looks at all of it. */
static int examine(struct restoration *restoration)
{
	struct store_head head;
	int64_t version = 0;
	int r = find_head(restoration, &head), result = SQLITE_OK;

	if (r == 0)
		r = open_copy(restoration, &head);
	if (r == 0)
		r = store_examine(restoration->db, restoration->file, false, false, &version,
				  restoration->ret_message);
	if (r == 0 && version == 0)
		r = refuse_foreign(restoration);
	if (r == 0)
		r = store_examine_all(restoration->db, restoration->file, restoration->ret_message);
	if (r == 0 && version < store_legacy_version())
		result = store_legacy_upgrade(restoration->db, version);
	return result != SQLITE_OK ? refuse_sqlite(restoration, result) : r;
}

/*
 * All rows drain, in the order of their releases, and those that were active behind them. The clock
 * goes on from where it stood, as in a new boot: no boot has that name.
 */
static const char finish[] =
	"INSERT OR REPLACE INTO clock (only, boot, offset, last) SELECT 1, 'restored', 0,"
	" max(ifnull((SELECT last FROM clock), 0),"
	"  ifnull((SELECT max(clock) FROM allocation), 0));"
	"UPDATE allocation SET state = 1, release_order = ranked.rank,"
	" released_at = ifnull(released_at, %llu), clock = (SELECT last FROM clock),"
	" pid = NULL, process_start = NULL, boot = NULL"
	" FROM (SELECT start AS first, row_number() OVER"
	"  (ORDER BY state = 0, release_order, start) AS rank FROM allocation) AS ranked"
	" WHERE first = start;"
	"INSERT INTO restored (only, release_order, is_proven)"
	" SELECT 1, ifnull(max(release_order), 0), 0 FROM allocation;"
	"INSERT INTO event (time, kind, cause) VALUES (%llu, %d, %d)";

static int make(struct restoration *restoration)
{
	unsigned long long time = restoration->time;
	_cleanup_(freep) char *sql = NULL;
	int64_t last_event = 0;
	int r = store_query(restoration->db, "SELECT max(sequence) FROM event", &last_event);

	if (r != SQLITE_OK)
		return refuse_sqlite(restoration, r);
	restoration->last_event = (uint64_t)last_event + 1;
	if (asprintf(&sql, finish, time, time, EVENT_RESTORED, CAUSE_NONE) < 0) {
		sql = NULL;
		return -ENOMEM;
	}
	return store_make_new(restoration->store, restoration->db, sql, restoration->ret_message);
}

static int name_kept(struct restoration *restoration)
{
	time_t seconds = (time_t)(restoration->time / 1000000);
	char text[40];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
	    strftime(text, sizeof(text), ".before-restore-%Y%m%dT%H%M%SZ", &tm) == 0)
		return -EOVERFLOW;
	restoration->kept = join(restoration->store->path, text, "");
	return restoration->kept ? 0 : -ENOMEM;
}

/* A second name for each file that there is: it is not touched and not copied. */
static int link_all(struct restoration *restoration)
{
	bool is_any = false;

	for (size_t i = 0; i < ELEMENTS_OF(suffixes); i++) {
		_cleanup_(freep) char *from = join(restoration->store->path, suffixes[i], "");
		_cleanup_(freep) char *to = join(restoration->kept, suffixes[i], "");

		if (!from || !to)
			return -ENOMEM;
		if (link(from, to) == 0)
			is_any = true;
		else if (errno != ENOENT)
			return store_refuse(restoration->ret_message, -errno,
					    "cannot keep %s as %s: %m", from, to);
	}
	if (!is_any) {
		free(restoration->kept);
		restoration->kept = NULL;
	}
	return store_sync_folder(restoration->store->dir);
}

/* Is one of the names taken, by a restoration in the same second? */
static int is_kept(const struct restoration *restoration)
{
	for (size_t i = 0; i < ELEMENTS_OF(suffixes); i++) {
		_cleanup_(freep) char *path = join(restoration->kept, suffixes[i], "");

		if (!path)
			return -ENOMEM;
		if (access(path, F_OK) == 0)
			return 1;
	}
	return 0;
}

static int keep(struct restoration *restoration)
{
	int r;

	while ((r = name_kept(restoration)) == 0) {
		r = is_kept(restoration);
		if (r <= 0)
			break;
		free(take_ptr(restoration->kept));
		restoration->time += 1000000;
	}
	return r == 0 ? link_all(restoration) : r;
}

static int mark(struct restoration *restoration, uint64_t last_event)
{
	int r;

	restoration->store->durable_event = last_event;
	r = store_marker_write(restoration->store, true);
	return r < 0 ? store_refuse(restoration->ret_message, r, "cannot write the lock in %s: %s",
				    restoration->store->dir, strerror(-r))
		     : 0;
}

/* Once a restoration was begun, the database may be without its log, and looks sound. */
static int check_file(const struct restoration *restoration, const struct store_marker *marker)
{
	const struct store *store = restoration->store;
	_cleanup_(freep) char *file = realpath(restoration->file, NULL);
	_cleanup_(freep) char *own = realpath(store->path, NULL);

	if (marker->last_event != STORE_RESTORING || !file || !own || strcmp(file, own) != 0)
		return 0;
	return store_refuse(restoration->ret_message, STORE_E_LOST,
			    "the restoring of %s was begun and has not come to its end: take the "
			    "file that it was begun with, or %s.before-restore-TIME",
			    store->path, store->path);
}

/* Steps 2 to 5, once there is a new database. */
static int replace(struct restoration *restoration)
{
	int r = keep(restoration);

	if (r == 0)
		r = mark(restoration, STORE_RESTORING);
	if (r != 0) {
		store_drop_new(restoration->store);
		return r;
	}
	r = store_take_new(restoration->store, restoration->ret_message);
	return r == 0 ? mark(restoration, restoration->last_event) : r;
}

static int restore(struct restoration *restoration, const struct store_marker *marker)
{
	int r = check_file(restoration, marker);

	if (r == 0)
		r = copy(restoration);
	if (r == 0)
		r = examine(restoration);
	if (r == 0)
		r = make(restoration);
	return r == 0 ? replace(restoration) : r;
}

int store_restore(const char *dir, const char *file, uint64_t time, char **ret_kept,
		  char **ret_message)
{
	_cleanup_(store_freep) struct store *store = NULL;
	_cleanup_(restoration_done) struct restoration restoration = {
		.file = file,
		.time = time,
		.ret_message = ret_message,
	};
	struct store_marker marker = {};
	int r = store_take_folder(dir, &store, &marker, ret_message);

	restoration.store = store;
	if (r == 0)
		r = restore(&restoration, &marker);
	if (r == 0)
		*ret_kept = take_ptr(restoration.kept);
	return r;
}
