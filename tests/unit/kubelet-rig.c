/* SPDX-License-Identifier: MIT */
#include "kubelet-rig.h"

#include "node/clock.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <search.h>
#include <sys/stat.h>
#include <time.h>

#define N_BLOCKS 65536
#define DEADLINE_SEC 20

struct row {
	struct allocation allocation; /* active */
	bool is_listed;
};

struct allocator {
	struct pool pool_items[2];
	struct pools pools;
	void *rows; /* tsearch(3), by pod */
	struct row *blocks[N_BLOCKS];
	size_t n_active;
	struct rig_counts counts;
	struct claims claims;
	bool is_broken;
};

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return strcmp(x->allocation.pod, y->allocation.pod);
}

static struct row *find_row(const struct allocator *allocator, const char *pod)
{
	struct row key = {};
	struct row **found;

	snprintf(key.allocation.pod, sizeof(key.allocation.pod), "%s", pod);
	found = tfind(&key, &allocator->rows, compare_rows);
	return found ? *found : NULL;
}

static void set_blocks(struct allocator *allocator, struct id_range range, struct row *row)
{
	for (uint32_t block = range.start / UNIT; block <= (id_range_end(range) - 1) / UNIT;
	     block++)
		allocator->blocks[block] = row;
}

static struct row *find_in_way(const struct allocator *allocator, struct id_range range)
{
	for (uint32_t block = range.start / UNIT; block <= (id_range_end(range) - 1) / UNIT;
	     block++)
		if (allocator->blocks[block])
			return allocator->blocks[block];
	return NULL;
}

static void add_row(struct allocator *allocator, const char *pool, const char *pod,
		    struct id_range range, enum allocation_origin origin)
{
	struct row *row = calloc(1, sizeof(*row));

	assert_non_null(row);
	snprintf(row->allocation.pod, sizeof(row->allocation.pod), "%s", pod);
	snprintf(row->allocation.pool, sizeof(row->allocation.pool), "%s", pool);
	row->allocation.range = range;
	row->allocation.origin = origin;
	assert_non_null(tsearch(row, &allocator->rows, compare_rows));
	set_blocks(allocator, range, row);
	allocator->n_active++;
}

static void drop_row(struct allocator *allocator, struct row *row)
{
	set_blocks(allocator, row->allocation.range, NULL);
	tdelete(row, &allocator->rows, compare_rows);
	allocator->n_active--;
	free(row);
}

static bool breaks(struct allocator *allocator)
{
	bool is_broken = allocator->is_broken;

	allocator->counts.n_calls++;
	allocator->is_broken = false;
	return is_broken;
}

int allocator_adopt(struct allocator *allocator, const char *pool, const char *pod,
		    struct id_range range, struct moment now, struct allocation *ret_other)
{
	struct row *own = find_row(allocator, pod), *other = find_in_way(allocator, range);

	(void)now;
	assert_true(pod_key_valid(pod));
	assert_true(id_range_valid(range));
	if (breaks(allocator))
		return -EIO;
	if (own && own->allocation.origin == ORIGIN_KUBELET &&
	    id_range_equal(own->allocation.range, range) && strcmp(own->allocation.pool, pool) == 0)
		return 0;
	if (other && other != own) {
		*ret_other = other->allocation;
		return ALLOCATOR_E_CONFLICT;
	}
	if (own)
		drop_row(allocator, own);
	add_row(allocator, pool, pod, range, ORIGIN_KUBELET);
	allocator->counts.n_adopted++;
	return 0;
}

int allocator_report_conflict(struct allocator *allocator, const char *pool, const char *pod,
			      struct id_range range, const char *other_pod, struct moment now)
{
	struct rig_counts *counts = &allocator->counts;

	(void)pool;
	(void)range;
	(void)now;
	counts->n_conflicts++;
	snprintf(counts->last_conflict[0], sizeof(counts->last_conflict[0]), "%s", pod);
	snprintf(counts->last_conflict[1], sizeof(counts->last_conflict[1]), "%s", other_pod);
	return 0;
}

int allocator_vanish(struct allocator *allocator, const char *pod, struct moment now)
{
	struct row *row = find_row(allocator, pod);

	(void)now;
	if (breaks(allocator))
		return -EIO;
	if (!row || row->allocation.origin != ORIGIN_KUBELET)
		return 0;
	drop_row(allocator, row);
	allocator->counts.n_vanished++;
	return 0;
}

struct listing {
	store_row_fn row;
	void *userdata;
	int r;
};

static void list_row(const void *node, VISIT which, void *userdata)
{
	const struct row *row = *(struct row *const *)node;
	struct listing *listing = userdata;

	if ((which == postorder || which == leaf) && listing->r == 0 &&
	    row->allocation.origin == ORIGIN_KUBELET)
		listing->r = listing->row(&row->allocation, listing->userdata);
}

int allocator_each_kubelet(struct allocator *allocator, store_row_fn row, void *userdata)
{
	struct listing listing = { row, userdata, 0 };

	twalk_r(allocator->rows, list_row, &listing);
	return listing.r;
}

int allocator_take_kubelet_claims(struct allocator *allocator, struct claims *claims)
{
	claims_done(&allocator->claims);
	allocator->claims = *claims;
	*claims = (struct claims){};
	for (size_t i = 0; i < allocator->claims.n_items; i++)
		assert_string_equal(allocator->claims.items[i].command, "kubelet");
	return 0;
}

const struct pools *allocator_pools(const struct allocator *allocator)
{
	return &allocator->pools;
}

bool allocator_is_pending(const struct allocator *allocator)
{
	(void)allocator;
	return true;
}

void clock_now(struct moment *ret)
{
	*ret = (struct moment){ 1, 1 };
}

static struct allocator *make_allocator(void)
{
	struct allocator *allocator = calloc(1, sizeof(*allocator));

	assert_non_null(allocator);
	allocator->pool_items[0] = (struct pool){
		.name = POOL, .valid = true, .range = { UNIT, 4294836224 }, .unit = UNIT
	};
	allocator->pool_items[1] = (struct pool){
		.name = OTHER_POOL, .valid = true, .range = { 2 * UNIT, UNIT }, .unit = 2 * UNIT
	};
	allocator->pools = (struct pools){ allocator->pool_items, 2 };
	return allocator;
}

static void on_changed(void *userdata)
{
	struct kubelet_rig *rig = userdata;

	rig->allocator->counts.n_changed++;
}

void rig_make(struct kubelet_rig *rig)
{
	*rig = (struct kubelet_rig){ .n_fds = count_fds() };
	folder_make(&rig->folder);
	snprintf(rig->pods, sizeof(rig->pods), "%s/pods", rig->folder.path);
	assert_int_equal(mkdir(rig->pods, 0750), 0);
	rig->watched = (struct kubelet_folder){ POOL, rig->pods };
	rig->allocator = make_allocator();
}

void rig_start(struct kubelet_rig *rig)
{
	assert_true(sd_event_new(&rig->event) >= 0);
	assert_int_equal(kubelet_new(rig->event, rig->allocator, on_changed, rig, &rig->kubelet),
			 0);
	/* so that tests see what events bring */
	assert_int_equal(kubelet_set_interval(rig->kubelet, 3600 * UINT64_C(1000000)), 0);
	assert_int_equal(kubelet_set_folders(rig->kubelet, &rig->watched, 1), 0);
	assert_int_equal(kubelet_scan(rig->kubelet), 0);
}

void rig_stop(struct kubelet_rig *rig)
{
	kubelet_free(rig->kubelet);
	sd_event_unref(rig->event);
	rig->kubelet = NULL;
	rig->event = NULL;
}

void rig_drop(struct kubelet_rig *rig)
{
	rig_stop(rig);
	claims_done(&rig->allocator->claims);
	tdestroy(rig->allocator->rows, free);
	free(rig->allocator);
	folder_remove(&rig->folder);
	assert_int_equal(count_fds(), rig->n_fds);
}

const char *pod_path(const struct kubelet_rig *rig, const char *name, const char *file)
{
	static char paths[4][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % ELEMENTS_OF(paths)];

	snprintf(path, PATH_MAX, "%s/%s%s%s", rig->pods, name, file ? "/" : "", file ? file : "");
	return path;
}

void pod_make(const struct kubelet_rig *rig, const char *name)
{
	assert_int_equal(mkdir(pod_path(rig, name, NULL), 0750), 0);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

void pod_remove(const struct kubelet_rig *rig, const char *name)
{
	assert_int_equal(nftw(pod_path(rig, name, NULL), remove_entry, 16, FTW_DEPTH | FTW_PHYS),
			 0);
}

const char *file_text(uint32_t start, uint32_t count)
{
	static char text[256];
	char map[80];

	snprintf(map, sizeof(map), "{\"hostId\":%u,\"containerId\":0,\"length\":%u}", start, count);
	snprintf(text, sizeof(text), "{\"uidMappings\":[%s],\"gidMappings\":[%s]}", map, map);
	return text;
}

void pod_write(const struct kubelet_rig *rig, const char *name, const char *text)
{
	file_write(pod_path(rig, name, "userns"), text, strlen(text));
}

void pod_give(const struct kubelet_rig *rig, const char *name, uint32_t unit)
{
	const char *text = file_text(unit * UNIT, UNIT);

	file_write(pod_path(rig, name, ".1234567"), text, strlen(text));
	assert_int_equal(rename(pod_path(rig, name, ".1234567"), pod_path(rig, name, "userns")), 0);
}

uint32_t start_of(const struct kubelet_rig *rig, const char *name)
{
	const struct row *row = find_row(rig->allocator, name);

	return row ? row->allocation.range.start : 0;
}

size_t n_active(const struct kubelet_rig *rig)
{
	return rig->allocator->n_active;
}

void rig_allocate(struct kubelet_rig *rig, const char *name, uint32_t unit)
{
	add_row(rig->allocator, POOL, name, (struct id_range){ unit * UNIT, UNIT }, ORIGIN_REQUEST);
}

void rig_release(struct kubelet_rig *rig, const char *name)
{
	drop_row(rig->allocator, find_row(rig->allocator, name));
}

void rig_adopt(struct kubelet_rig *rig, const char *pool, const char *name, uint32_t unit)
{
	add_row(rig->allocator, pool, name, (struct id_range){ unit * UNIT, UNIT }, ORIGIN_KUBELET);
}

struct rig_counts rig_count(const struct kubelet_rig *rig)
{
	struct rig_counts counts = rig->allocator->counts;

	counts.n_claims = rig->allocator->claims.n_items;
	return counts;
}

bool rig_claims(const struct kubelet_rig *rig, uint32_t start, uint32_t count)
{
	const struct claims *claims = &rig->allocator->claims;

	for (size_t i = 0; i < claims->n_items; i++)
		if (claims->items[i].range.start == start && claims->items[i].range.count == count)
			return true;
	return false;
}

void rig_break(struct kubelet_rig *rig)
{
	rig->allocator->is_broken = true;
}

void until(struct kubelet_rig *rig, bool (*condition)(void *userdata), void *userdata)
{
	time_t deadline = time(NULL) + DEADLINE_SEC;

	while (!condition(userdata)) {
		if (time(NULL) > deadline)
			fail_msg("it does not come");
		assert_true(sd_event_run(rig->event, 100 * 1000) >= 0);
	}
}

struct wanted {
	const struct kubelet_rig *rig;
	const char *name;
	uint32_t start;
	size_t n;
};

static bool has_start(void *userdata)
{
	const struct wanted *wanted = userdata;

	return start_of(wanted->rig, wanted->name) == wanted->start;
}

void until_start(struct kubelet_rig *rig, const char *name, uint32_t unit)
{
	until(rig, has_start, &(struct wanted){ rig, name, unit * UNIT });
}

static bool has_findings(void *userdata)
{
	const struct wanted *wanted = userdata;

	return kubelet_findings(wanted->rig->kubelet, POOL)->n_items == wanted->n;
}

void until_findings(struct kubelet_rig *rig, size_t n)
{
	until(rig, has_findings, &(struct wanted){ .rig = rig, .n = n });
}

void settle(struct kubelet_rig *rig)
{
	while (sd_event_run(rig->event, 60 * 1000) > 0)
		;
}

void assert_finding(const struct kubelet_rig *rig, const char *rule, const char *message)
{
	const struct findings *findings = kubelet_findings(rig->kubelet, POOL);

	assert_int_equal(findings->n_items, 1);
	assert_int_equal(findings->items[0].level, LEVEL_WARNING);
	assert_string_equal(finding_rule_name(findings->items[0].rule), rule);
	if (!strstr(findings->items[0].message, message))
		fail_msg("%s: %s", findings->items[0].file, findings->items[0].message);
}
