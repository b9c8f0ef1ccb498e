/* SPDX-License-Identifier: MIT */
#include "work.h"

#include "testing.h"

#include <inttypes.h>

#define N_PODS 20
#define MOST_EVENTS 60 /* that prune() keeps */

static const struct requester root = { 0, 1, true };

static struct moment later(struct work *work, uint64_t usec)
{
	work->now.wall += usec;
	work->now.boot += usec;
	return work->now;
}

static void keep_events(struct work *work, uint64_t most)
{
	const struct allocator_settings settings = { .history_events = most };

	allocator_set_settings(work->allocator, &settings);
}

int work_start(struct work *work, char **ret_message)
{
	int r = store_open(work->folder, &work->store, ret_message);

	if (r != 0)
		return r;
	if (chance(&work->random, 4) == 0)
		work->boot[0] = (char)('0' + chance(&work->random, 10));
	r = allocator_new(work->store, work->boot, later(work, 1), &work->allocator);
	if (r < 0) {
		store_free(take_ptr(work->store));
		return r;
	}
	keep_events(work, work->most_events);
	return 0;
}

int work_set_pool(struct work *work)
{
	struct pools pools = { calloc(1, sizeof(struct pool)), 1 };
	int r;

	assert_non_null(pools.items);
	strcpy(pools.items->name, "kubelet");
	pools.items->unit = U;
	pools.items->valid = true;
	pools.items->range = (struct id_range){ U, N_UNITS * U };
	r = allocator_set_pools(work->allocator, &pools, work->now);
	pools_done(&pools);
	return r;
}

void work_stop(struct work *work, bool is_clean)
{
	if (is_clean && allocator_keep_clock(work->allocator, work->now) == 0)
		allocator_commit(work->allocator);
	allocator_free(take_ptr(work->allocator));
	work->store = NULL;
}

static const char *some_pod(struct work *work)
{
	static char names[4][128];
	static unsigned int next;
	char *name = names[next++ % ELEMENTS_OF(names)];
	uint32_t i = chance(&work->random, N_PODS);

	snprintf(name, sizeof(names[0]), "pod%02u-%0*d", i, (int)(i * 5), 0);
	return name;
}

static struct process some_process(struct work *work)
{
	struct process process = { .pid = 1 + chance(&work->random, 4), .start = 1 };

	strcpy(process.boot, work->boot);
	return process;
}

static int allocate(struct work *work)
{
	static char label[LABEL_MAX + 1];
	struct process process = some_process(work);
	uint32_t length = chance(&work->random, 4) ? 5 : 1 + chance(&work->random, LABEL_MAX);
	const struct allocate_request request = {
		.pod = some_pod(work),
		.namespace = label,
		.name = chance(&work->random, 2) ? label : NULL,
		.count = chance(&work->random, 6) ? 0 : U * (1 + chance(&work->random, 3)),
		.process = chance(&work->random, 5) ? NULL : &process,
		.by = root,
		.now = later(work, 1000),
	};
	struct allocation answer;
	enum allocate_outcome outcome;
	struct refusal refusal;

	memset(label, 'l', length);
	label[length] = 0;
	return allocator_allocate(work->allocator, &request, &answer, &outcome, &refusal);
}

/* A pod that was started with a range; it explains whatever lives there. */
static int record(struct work *work)
{
	const struct idmap maps[2] = { { .hosts = { { U, N_UNITS * U } }, .n_hosts = 1 } };
	struct process process = some_process(work);
	uint32_t first = 1 + chance(&work->random, N_UNITS);
	const struct allocate_request request = {
		.pod = some_pod(work),
		.start = first * U,
		.count = chance(&work->random, 3) ? 0 : 2 * U,
		.process = chance(&work->random, 5) ? NULL : &process,
		.maps = maps,
		.by = root,
		.now = later(work, 1000),
	};
	struct allocation answer;
	enum allocate_outcome outcome;
	struct refusal refusal;

	return allocator_allocate(work->allocator, &request, &answer, &outcome, &refusal);
}

static int release(struct work *work)
{
	struct allocation answer;
	bool released;

	return allocator_release(work->allocator, some_pod(work), root, later(work, 1000), &answer,
				 &released);
}

static int bind_process(struct work *work)
{
	struct process process = some_process(work);
	struct allocation answer;

	return allocator_bind(work->allocator, some_pod(work), &process, root, later(work, 1000),
			      &answer);
}

static int end_process(struct work *work)
{
	struct process process = some_process(work);
	bool released;

	return allocator_process_ended(work->allocator, some_pod(work), &process, later(work, 1000),
				       &released);
}

int work_ignore_row(const struct allocation *row, void *userdata)
{
	(void)row;
	(void)userdata;
	return 0;
}

/* In the order of strcmp(), and none twice. */
static int reconcile(struct work *work)
{
	const char *a = some_pod(work), *b = some_pod(work);
	int order = strcmp(a, b);
	const char *living[] = { order < 0 ? a : b, order < 0 ? b : a };
	const struct reconcile_request request = {
		.pods = living,
		.n_pods = order == 0 ? 1 : 2,
		.created_before = UINT64_MAX,
		.by = root,
		.now = later(work, 1000),
	};

	return allocator_reconcile(work->allocator, &request, work_ignore_row, NULL);
}

static int adopt(struct work *work)
{
	struct id_range range = { U * (1 + chance(&work->random, N_UNITS)), U };
	struct allocation other;

	return allocator_adopt(work->allocator, "kubelet", some_pod(work), range, later(work, 1000),
			       &other);
}

static int vanish(struct work *work)
{
	return allocator_vanish(work->allocator, some_pod(work), later(work, 1000));
}

/* Two passes that find nothing: all that drains has drained. */
int work_drain(struct work *work)
{
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++) {
		struct pass pass = { .began = later(work, PASS_GAP_USEC).boot };

		pass.ended = pass.began;
		r = allocator_take_pass(work->allocator, &pass);
	}
	while (r == 0 && (r = allocator_drain(work->allocator, work->now)) == 1)
		r = 0;
	return r;
}

static int prune(struct work *work)
{
	int r;

	keep_events(work, MOST_EVENTS);
	r = allocator_prune(work->allocator, later(work, 1000), 20);
	keep_events(work, work->most_events);
	return r;
}

static int index_events(struct work *work)
{
	return allocator_index_events(work->allocator, 20);
}

static int ignore_event(const struct event *event, void *userdata)
{
	(void)event;
	(void)userdata;
	return 0;
}

/* Whatever only reads. */
static int read_all(struct work *work)
{
	const struct event_query query = { .until = UINT64_MAX, .before = UINT64_MAX };
	struct allocator *a = work->allocator;
	struct allocation answer;
	struct store_facts facts;
	int r = allocator_get(a, some_pod(work), &answer);

	if (r >= 0)
		r = allocator_lookup(a, U * (1 + chance(&work->random, N_UNITS)), &answer);
	if (r >= 0)
		r = allocator_lookup_at(a, 3 * U, work->now.wall, &answer);
	if (r >= 0)
		r = allocator_each(a, 0, work_ignore_row, NULL);
	if (r >= 0)
		r = allocator_each_bound(a, work_ignore_row, NULL);
	if (r >= 0)
		r = allocator_each_kubelet(a, work_ignore_row, NULL);
	if (r >= 0)
		r = allocator_each_event(a, &query, ignore_event, NULL);
	if (r >= 0)
		r = allocator_events_after(a, 0, ignore_event, NULL);
	return r < 0 ? r : allocator_store_facts(a, &facts);
}

/* How often, in a hundred. */
static const struct {
	uint32_t share;
	int (*request)(struct work *work);
} requests[] = {
	{ 40, allocate },   { 8, record },    { 25, release },	   { 4, bind_process },
	{ 4, end_process }, { 2, reconcile }, { 8, adopt },	   { 7, vanish },
	{ 7, work_drain },  { 1, prune },     { 1, index_events }, { 1, read_all },
};

size_t work_n_requests(void)
{
	return ELEMENTS_OF(requests);
}

int work_try(struct work *work, size_t request)
{
	return requests[request].request(work);
}

void work_request(struct work *work)
{
	uint32_t at = chance(&work->random, 100);
	size_t i = 0;
	int r;

	for (; at >= requests[i].share; i++)
		at -= requests[i].share;
	r = work_try(work, i);
	if (r < 0)
		fail_msg("request %zu: %d, %s", i, r, allocator_message(work->allocator));
}

struct dump {
	FILE *file;
	uint64_t end;	   /* of the last row's range */
	uint64_t sequence; /* of the last event */
	bool overlaps, has_gap;
};

static int dump_row(const struct allocation *row, void *userdata)
{
	struct dump *dump = userdata;

	dump->overlaps = dump->overlaps || row->range.start < dump->end;
	dump->end = id_range_end(row->range);
	fprintf(dump->file,
		"%u+%u %s %s %d %d '%s' '%s' %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		" %u %" PRIu64 " %s\n",
		row->range.start, row->range.count, row->pod, row->pool, row->state, row->origin,
		row->namespace, row->name, row->client_uid, row->created_at, row->released_at,
		row->release_order, row->clock, row->process.pid, row->process.start,
		row->process.boot);
	return 0;
}

static int dump_event(const struct event *event, void *userdata)
{
	struct dump *dump = userdata;

	dump->has_gap = dump->has_gap || (dump->sequence && event->sequence != dump->sequence + 1);
	dump->sequence = event->sequence;
	fprintf(dump->file, "%" PRIu64 " %" PRIu64 " %d %d %s %s %u+%u '%s' '%s' %u %u %u %s\n",
		event->sequence, event->time, event->kind, event->cause, event->pod, event->pool,
		event->range.start, event->range.count, event->namespace, event->name,
		event->client_uid, event->client_pid, event->pid, event->other_pod);
	return 0;
}

char *work_dump(struct store *store, bool *ret_overlaps, bool *ret_has_gap)
{
	char *text = NULL;
	size_t size;
	struct dump dump = { .file = open_memstream(&text, &size) };
	int r;

	assert_non_null(dump.file);
	r = store_each_from(store, 0, dump_row, &dump);
	if (r == 0)
		r = store_each_event_between(store, 0, UINT64_MAX, dump_event, &dump);
	fclose(dump.file);
	if (r != 0) {
		free(text);
		return NULL;
	}
	*ret_overlaps = dump.overlaps;
	*ret_has_gap = dump.has_gap;
	return text;
}
