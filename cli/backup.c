/* SPDX-License-Identifier: MIT */
#include "failure.h"
#include "options.h"
#include "text.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

DEFINE_CLEANUP(struct subidd_backup_iterator *, subidd_backup_iterator_free)

/* A file that is made beside the one that it is to become. */
struct draft {
	const char *path; /* that it is to have */
	char *draft;	  /* that it has; NULL: standard output is it */
	int fd;
};

static void draft_done(struct draft *draft)
{
	closep(&draft->fd);
	if (draft->draft)
		unlink(draft->draft);
	free(draft->draft);
}

static int refuse(const struct draft *draft, const char *what)
{
	bool is_output = strcmp(draft->path, "-") == 0;

	complain("cannot %s %s: %s", what, is_output ? "the output" : draft->path, strerror(errno));
	return -1;
}

/* Only a file gives way to the copy. */
static int draft_open(struct draft *draft, const char *path)
{
	struct stat st;

	*draft = (struct draft){ .path = path, .fd = -1 };
	if (strcmp(path, "-") == 0) {
		draft->fd = dup(STDOUT_FILENO);
		return draft->fd < 0 ? refuse(draft, "write") : 0;
	}
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		complain("%s is there and no regular file", path);
		return -1;
	}
	draft->draft = text_make("%s.XXXXXX", path);
	draft->fd = mkostemp(draft->draft, O_CLOEXEC); /* mode 0600 */
	if (draft->fd >= 0)
		return 0;
	free(take_ptr(draft->draft));
	return refuse(draft, "make");
}

static int draft_write(const struct draft *draft, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(draft->fd, data, size);

		if (n < 0 && errno != EINTR)
			return refuse(draft, "write");
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

/* Which files the folder has must be on disk as well. */
static int sync_folder(const struct draft *draft)
{
	const char *slash = strrchr(draft->path, '/');
	size_t length = slash ? (size_t)(slash - draft->path) + 1 : 0;
	_cleanup_(freep) char *folder = check_memory(slash ? strndup(draft->path, length)
							   : strdup("."));
	_cleanup_(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? refuse(draft, "sync the folder of") : 0;
}

static int draft_finish(struct draft *draft)
{
	if (!draft->draft)
		return 0;
	if (fsync(draft->fd) < 0)
		return refuse(draft, "sync");
	if (rename(draft->draft, draft->path) < 0)
		return refuse(draft, "make");
	free(take_ptr(draft->draft));
	return sync_folder(draft);
}

static enum exit_status copy(struct context *context, struct draft *draft, uint64_t *ret_size)
{
	_cleanup_(subidd_backup_iterator_freep) struct subidd_backup_iterator *iterator = NULL;
	const struct subidd_piece *piece;
	int r = subidd_backup(context->client, &iterator);

	if (r == 0)
		while ((r = subidd_backup_iterator_next(iterator, &piece)) > 0) {
			if (draft_write(draft, piece->data, piece->size) < 0)
				return STATUS_REFUSED;
			*ret_size = piece->total;
		}
	if (r < 0)
		return failure(context, r);
	return draft_finish(draft) < 0 ? STATUS_REFUSED : STATUS_DONE;
}

static enum exit_status run(struct context *context)
{
	_cleanup_(draft_done) struct draft draft = {};
	uint64_t size = 0;
	enum exit_status status;

	if (draft_open(&draft, context->arguments[0]) < 0)
		return STATUS_REFUSED;
	status = copy(context, &draft, &size);
	if (status != STATUS_DONE || strcmp(draft.path, "-") == 0)
		return status;
	if (context->options[OPTION_JSON]) {
		printf("{\"size\":%" PRIu64 "}\n", size);
	} else {
		print_escaped(stdout, draft.path);
		printf(": %" PRIu64 " bytes\n", size);
	}
	return STATUS_DONE;
}

const struct verb backup_verb = {
	.name = "backup",
	.arguments = "FILE",
	.summary = "copy the database",
	.help = "Writes a copy of the daemon's database to FILE, with everything that was answered before;\n"
		"- is standard output. A FILE that is there is replaced once the copy is whole and on disk.\n"
		"subidd --restore FILE takes it back. For root.\n"
		"\n"
		"With --json: the size of the copy in bytes.\n"
		"\n"
		"Example:\n"
		"  subidctl backup /var/backups/subidd.db\n",
	.denied = "be root",
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
