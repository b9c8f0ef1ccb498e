/* SPDX-License-Identifier: MIT */

/* Backup. */

#include "base64.h"
#include "cleanup.h"
#include "decode.h"
#include "stream.h"

#include <errno.h>
#include <string.h>

/* The piece at hand, and what is known of the whole. */
struct copy {
	struct subidd_piece piece;
	char *data; /* of the piece */
	uint64_t next;
};

struct subidd_backup_iterator {
	struct stream stream;
	struct copy copy;
};

DEFINE_CLEANUP(struct subidd_backup_iterator *, subidd_backup_iterator_free)

struct piece_fields {
	int64_t offset, size;
	const char *data;
};

static const struct field piece_fields[] = {
	FIELD_NUMBER("offset", piece_fields, offset, NUMBER_MAX),
	FIELD_NUMBER("size", piece_fields, size, NUMBER_MAX),
	FIELD("data", FIELD_STRING, piece_fields, data),
};

static int wrong(const char *name, const char **ret_wrong)
{
	*ret_wrong = name;
	return -EPROTO;
}

/* Each piece begins where the one before it ended, and all are of one copy. */
static int decode_piece(struct json_object *object, void *item, const char **ret_wrong)
{
	struct piece_fields raw = {};
	struct copy *copy = item;
	size_t most, n;
	int r = decode(piece_fields, ELEMENTS_OF(piece_fields), object, &raw, ret_wrong);

	if (r < 0)
		return r;
	if ((uint64_t)raw.offset != copy->next)
		return wrong("offset", ret_wrong);
	if (copy->next > 0 && (uint64_t)raw.size != copy->piece.total)
		return wrong("size", ret_wrong);
	most = strlen(raw.data) / 4 * 3;
	free(take_ptr(copy->data));
	copy->data = malloc(most + 1);
	if (!copy->data)
		return -ENOMEM;
	if (base64_decode(raw.data, copy->data, most, &n) < 0 || n == 0 ||
	    n > (uint64_t)raw.size - copy->next)
		return wrong("data", ret_wrong);
	copy->piece = (struct subidd_piece){ copy->next, (uint64_t)raw.size, copy->data, n };
	copy->next += n;
	return 0;
}

static const struct call_kind backup_kind = {
	.method = ALLOCATOR_METHOD("Backup"),
	.is_stream = true,
	.decode_item = decode_piece,
};

int subidd_backup(struct subidd_client *client, struct subidd_backup_iterator **ret)
{
	_cleanup_(subidd_backup_iterator_freep) struct subidd_backup_iterator *iterator = NULL;
	int r;

	client_forget(client);
	iterator = calloc(1, sizeof(*iterator));
	if (!iterator)
		return client_fail_plain(client, -ENOMEM);
	r = stream_open(&iterator->stream, client, &backup_kind, NULL);
	if (r < 0)
		return r;
	*ret = take_ptr(iterator);
	return 0;
}

int subidd_backup_iterator_next(struct subidd_backup_iterator *iterator,
				const struct subidd_piece **ret)
{
	struct copy *copy = &iterator->copy;
	int r = stream_next(&iterator->stream, copy);

	if (r > 0)
		*ret = &copy->piece;
	if (r == 0 && copy->next < copy->piece.total)
		return client_undecodable(iterator->stream.client, -EPROTO, "size");
	return r;
}

struct subidd_backup_iterator *subidd_backup_iterator_free(struct subidd_backup_iterator *iterator)
{
	if (iterator) {
		stream_done(&iterator->stream);
		free(iterator->copy.data);
	}
	free(iterator);
	return NULL;
}
