/* SPDX-License-Identifier: MIT */

/* ListForeign. */

#include "cleanup.h"
#include "decode.h"
#include "stream.h"

#include <errno.h>

struct subidd_foreign_iterator {
	struct stream stream;
	struct subidd_foreign foreign;
};

DEFINE_CLEANUP(struct subidd_foreign_iterator *, subidd_foreign_iterator_free)

struct foreign_fields {
	struct subidd_foreign foreign; /* what needs no conversion */
	int64_t start, count, pid;
};

static const struct field foreign_fields[] = {
	FIELD("pool", FIELD_STRING, foreign_fields, foreign.pool),
	FIELD_NUMBER("start", foreign_fields, start, ID_MAX),
	FIELD_NUMBER("count", foreign_fields, count, ID_MAX),
	FIELD_NUMBER_OR_NULL("pid", foreign_fields, pid, PID_MAX),
	FIELD("command", FIELD_STRING, foreign_fields, foreign.command, .optional = true),
};

static int decode_foreign(struct json_object *object, void *item, const char **ret_wrong)
{
	struct foreign_fields raw = {};
	struct subidd_foreign *foreign = item;
	int r;

	r = decode(foreign_fields, ELEMENTS_OF(foreign_fields), object, &raw, ret_wrong);
	if (r == 0)
		r = decode_range(raw.start, raw.count, ret_wrong);
	if (r == 0)
		r = decode_json(object, &raw.foreign.json);
	if (r < 0)
		return r;
	*foreign = raw.foreign;
	foreign->start = (uint32_t)raw.start;
	foreign->count = (uint32_t)raw.count;
	foreign->pid = (uint32_t)raw.pid;
	return 0;
}

static const struct call_kind foreign_kind = {
	.method = ALLOCATOR_METHOD("ListForeign"),
	.array = "foreign",
	.is_stream = true,
	.decode_item = decode_foreign,
};

int subidd_list_foreign(struct subidd_client *client, const char *pool,
			struct subidd_foreign_iterator **ret)
{
	_cleanup_(subidd_foreign_iterator_freep) struct subidd_foreign_iterator *iterator = NULL;
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r;

	r = client_begin(client, &parameters);
	if (r == 0)
		r = client_add_string(client, parameters, "pool", pool);
	if (r < 0)
		return r;
	iterator = calloc(1, sizeof(*iterator));
	if (!iterator)
		return client_fail_plain(client, -ENOMEM);
	r = stream_open(&iterator->stream, client, &foreign_kind, parameters);
	if (r < 0)
		return r;
	*ret = take_ptr(iterator);
	return 0;
}

int subidd_foreign_iterator_next(struct subidd_foreign_iterator *iterator,
				 const struct subidd_foreign **ret)
{
	int r = stream_next(&iterator->stream, &iterator->foreign);

	if (r > 0)
		*ret = &iterator->foreign;
	return r;
}

struct subidd_foreign_iterator *subidd_foreign_iterator_free(
	struct subidd_foreign_iterator *iterator)
{
	if (iterator)
		stream_done(&iterator->stream);
	free(iterator);
	return NULL;
}
