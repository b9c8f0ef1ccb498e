/* SPDX-License-Identifier: MIT */
#include "kubelet-rig.h"

#include "kubelet-allocator.h"
#include "main-kubelet-private.h"

#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

#define DEADLINE_SEC 20

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
	rig->allocator = allocator_make();
}

void rig_start(struct kubelet_rig *rig)
{
	assert_true(sd_event_new(&rig->event) >= 0);
	assert_int_equal(kubelet_new(rig->event, rig->allocator, on_changed, rig, &rig->kubelet),
			 0);
	/* so that tests see what events bring */
	assert_int_equal(kubelet_set_interval(rig->kubelet, 3600 * UINT64_C(1000000)), 0);
	assert_int_equal(kubelet_set_folders(rig->kubelet, &rig->watched, 1), 1);
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
	allocator_drop(rig->allocator);
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

struct rig_held rig_held(const struct kubelet_rig *rig)
{
	struct rig_held held = { .n_watches = rig->kubelet->n_spots };
	const struct pods_folder *folder;

	TAILQ_FOREACH(folder, &rig->kubelet->folders, link)
	held.n_pods += folder->n_pods;
	return held;
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
