/* SPDX-License-Identifier: MIT */

/*
 * Backup: a stream of pieces of the database. It begins when nothing is pending, so that it has all
 * that was answered before; where changes never cease, that is between a commit and the replies
 * that waited for it. Only one is made at a time.
 */

#include "methods-private.h"

#include "base64.h"
#include "cleanup.h"

#include <errno.h>

#define BYTES_PER_REPLY (UINT64_C(12) * STORE_BACKUP_UNIT)

struct backup {
	struct methods *methods;
	struct varlink_call *call;
	bool is_tried; /* to begin */
	int result;    /* of that */
	uint64_t offset, size;
	char data[BYTES_PER_REPLY];
	char text[BASE64_SIZE(BYTES_PER_REPLY)];
};

static void backup_free(void *userdata)
{
	struct backup *backup = userdata;

	if (backup->is_tried && backup->result == 0)
		allocator_backup_end(backup->methods->allocator);
	backup->methods->backup = NULL;
	free(backup);
}

static void try_to_begin(struct backup *backup)
{
	struct allocator *allocator = backup->methods->allocator;

	if (backup->is_tried || allocator_is_pending(allocator))
		return;
	backup->is_tried = true;
	backup->result = allocator_backup_begin(allocator, &backup->size);
}

static int next_piece(struct varlink_call *call, void *userdata)
{
	struct backup *backup = userdata;
	struct json_object *parameters;
	uint64_t n;
	int r;

	try_to_begin(backup);
	if (!backup->is_tried) {
		varlink_wait(call);
		return 0;
	}
	r = backup->result;
	n = backup->size - backup->offset;
	if (n > BYTES_PER_REPLY)
		n = BYTES_PER_REPLY;
	if (r == 0)
		r = allocator_backup_read(backup->methods->allocator, backup->offset, backup->data,
					  n);
	if (r < 0)
		return methods_refuse_store(backup->methods, call);
	base64_encode(backup->data, n, backup->text);
	parameters = json_pack(JSON_INT("offset", backup->offset), JSON_INT("size", backup->size),
			       JSON_STRING("data", backup->text), NULL);
	if (!parameters)
		return -ENOMEM;
	backup->offset += n;
	return backup->offset < backup->size ? varlink_notify(call, parameters)
					     : varlink_reply(call, parameters);
}

int methods_handle_backup(struct varlink_call *call, const void *parameters, void *userdata)
{
	struct methods *methods = userdata;
	struct backup *backup;

	(void)parameters;
	if (methods->backup)
		return methods_refuse(
			call, ERROR("StoreFailed"),
			json_pack(JSON_STRING("message",
					      "no backup: another one is being made; try "
					      "again when it is done"),
				  NULL));
	backup = calloc(1, sizeof(*backup));
	if (!backup)
		return -ENOMEM;
	backup->methods = methods;
	backup->call = call;
	methods->backup = backup;
	varlink_stream(call, next_piece, backup, backup_free);
	return 0;
}

void methods_continue_backup(struct methods *methods)
{
	if (!methods->backup)
		return;
	try_to_begin(methods->backup);
	varlink_continue(methods->backup->call);
}
