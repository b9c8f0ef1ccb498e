/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include "cleanup.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char *const folders[] = {
	"/etc", "/etc/subidd", "/etc/subidd/subidd.conf.d", "/usr", "/usr/bin",
	"/var", "/var/lib",    "/var/lib/kubelet",
};

const char *scratch_path(const struct scratch *scratch, const char *path)
{
	static char full[PATH_MAX];

	assert_true((size_t)snprintf(full, sizeof(full), "%s%s", scratch->root, path) <
		    sizeof(full));
	return full;
}

void scratch_make(struct scratch *scratch)
{
	strcpy(scratch->root, "/tmp/subidd-test-XXXXXX");
	assert_non_null(mkdtemp(scratch->root));
	for (size_t i = 0; i < ELEMENTS_OF(folders); i++)
		assert_int_equal(mkdir(scratch_path(scratch, folders[i]), 0755), 0);
}

void scratch_write_bytes(const struct scratch *scratch, const char *path, const char *text,
			 size_t size, mode_t mode)
{
	_cleanup_(closep) int fd = open(scratch_path(scratch, path),
					O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	assert_int_equal(fchmod(fd, mode), 0); /* where it has been there before */
}

void scratch_write(const struct scratch *scratch, const char *path, const char *text)
{
	scratch_write_bytes(scratch, path, text, strlen(text), 0644);
}

void scratch_load(const struct scratch *scratch, struct node_state *ret)
{
	struct config_error error = { 0 };
	struct config config = { 0 };
	int r = config_load(NULL, scratch->root, &config, &error);

	if (r < 0)
		print_error("# %s:%u: %s\n", error.file, error.line, error.message);
	assert_int_equal(r, 0);
	assert_int_equal(node_load(&config, scratch->root, ret), 0);
	config_done(&config);
}

const struct finding *finding_of(const struct pool *pool, enum finding_rule rule)
{
	for (size_t i = 0; i < pool->findings.n_items; i++)
		if (pool->findings.items[i].rule == rule)
			return &pool->findings.items[i];
	return NULL;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

void scratch_remove(const struct scratch *scratch)
{
	assert_int_equal(nftw(scratch->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void scratch_make_node(struct scratch *scratch)
{
	scratch_make(scratch);
	scratch_write(
		scratch, "/etc/passwd",
		"root:x:0:0::/:/bin/sh\nkubelet:x:998:998::/:/bin/sh\ncrio:x:997:996::/:/bin/sh\n");
	scratch_write(scratch, "/etc/group", "root:x:0:\nops:x:500:crio\n");
}

struct node_state scratch_load_node(const struct scratch *scratch, const char *settings,
				    const char *subuid, const char *subgid)
{
	struct node_state node;

	scratch_write(scratch, "/etc/subidd/subidd.conf", settings);
	scratch_write(scratch, "/etc/subuid", subuid);
	scratch_write(scratch, "/etc/subgid", subgid ? subgid : subuid);
	scratch_load(scratch, &node);
	return node;
}

void scratch_write_getsubids(const struct scratch *scratch, const char *body)
{
	char *text;

	assert_true(asprintf(&text, "#!/bin/sh\ncd '%s'\n%s\n", scratch->root, body) > 0);
	scratch_write_bytes(scratch, SCRATCH_GETSUBIDS, text, strlen(text), 0755);
	free(text);
}
