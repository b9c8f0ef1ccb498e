/* SPDX-License-Identifier: MIT */

/* In place of libFuzzer: tries the files of a corpus once each, in TAP. replay FOLDER */

#include "fuzz.h"

#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#define INPUT_MAX (1u << 20) /* bytes */

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static size_t read_input(const char *folder, const char *name, uint8_t *ret)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(fclosep) FILE *file = NULL;
	size_t size;

	CHECK(asprintf(&path, "%s/%s", folder, name) >= 0);
	file = fopen(path, "re");
	CHECK(file);
	size = fread(ret, 1, INPUT_MAX, file);
	CHECK(!ferror(file) && size < INPUT_MAX);
	return size;
}

/* The name comes first: an input that breaks something ends the program. */
static void try(const char *folder, const char *name, int number)
{
	_cleanup_(freep) uint8_t *buffer = malloc(INPUT_MAX);
	_cleanup_(freep) char *input = NULL;
	size_t size;

	CHECK(buffer);
	printf("# %s\n", name);
	fflush(stdout);
	size = read_input(folder, name, buffer);
	input = copy_of(buffer, size, COPY_AS_IT_IS);
	LLVMFuzzerTestOneInput((const uint8_t *)input, size);
	printf("ok %d - %s\n", number, name);
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int n;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	n = scandir(argv[1], &entries, is_input, alphasort);
	if (n <= 0) {
		fprintf(stderr, "%s: %s\n", argv[1], n ? strerror(errno) : "there are no inputs");
		return 1;
	}
	for (int i = 0; i < n; i++) {
		try(argv[1], entries[i]->d_name, i + 1);
		free(entries[i]);
	}
	free(entries);
	printf("1..%d\n", n);
	return 0;
}
