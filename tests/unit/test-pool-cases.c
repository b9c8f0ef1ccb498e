/* SPDX-License-Identifier: MIT */

/*
 * Runs every line of tests/data/pool-cases.tsv, whose head describes the format, as a test of its
 * own: the files are written to a scratch root and the node is loaded from it.
 */

#include "scratch.h"

#include "cleanup.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define CASES_MAX 1000
#define TEXT_MAX (1u << 20)
#define TOKENS_MAX 200
#define HUGE_SIZE ((16 << 20) + 1)

enum field {
	FIELD_NAME,
	FIELD_SETTINGS,
	FIELD_SUBUID,
	FIELD_SUBGID,
	FIELD_ACCOUNTS,
	FIELD_RANGE,
	FIELD_FINDINGS,
	FIELD_SOURCE,
	N_FIELDS
};

struct pool_case {
	char *fields[N_FIELDS];
};

struct text {
	char *bytes;
	size_t size;
};

static void add(struct text *text, const char *bytes, size_t size)
{
	assert_true(text->size + size < TEXT_MAX);
	memcpy(text->bytes + text->size, bytes, size);
	text->size += size;
	text->bytes[text->size] = '\0';
}

static void add_string(struct text *text, const char *string)
{
	add(text, string, strlen(string));
}

/* Reads one escape behind a backslash; returns what is behind it. */
static const char *unescape_byte(const char *from, struct text *to)
{
	static const char letters[] = "nrt0\\", bytes[] = "\n\r\t\0\\";
	const char *letter = strchr(letters, *from);
	unsigned int byte;

	if (*from == 'x') {
		assert_int_equal(sscanf(from + 1, "%2x", &byte), 1);
		add(to, &(char){ (char)byte }, 1);
		return from + 3;
	}
	assert_non_null(letter);
	add(to, &bytes[letter - letters], 1);
	return from + 1;
}

static void unescape(const char *from, struct text *to)
{
	if (strcmp(from, "\"\"") == 0)
		return;
	while (*from) {
		if (*from == '\\') {
			from = unescape_byte(from + 1, to);
		} else if (*from == '{') {
			char *end;
			unsigned long n = strtoul(from + 1, &end, 10);
			const char *close = strchr(end, '}');

			assert_non_null(close);
			while (n-- > 0)
				add(to, end + 1, (size_t)(close - end - 1));
			from = close + 1;
		} else {
			add(to, from++, 1);
		}
	}
}

/* What may stand in place of a file. */
static void place_special(const char *path, const char *special)
{
	_cleanup_(closep) int fd = -1;

	if (strcmp(special, "!folder") == 0) {
		assert_int_equal(mkdir(path, 0755), 0);
	} else if (strcmp(special, "!fifo") == 0) {
		assert_int_equal(mkfifo(path, 0644), 0);
	} else if (strcmp(special, "!loop") == 0) {
		assert_int_equal(symlink(path, path), 0);
	} else if (strcmp(special, "!dangling") == 0) {
		assert_int_equal(symlink("/nonexistent/file", path), 0);
	} else if (strcmp(special, "!huge") == 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_int_equal(ftruncate(fd, HUGE_SIZE), 0);
	} else {
		assert_string_equal(special, "!missing");
	}
}

static void place(const struct scratch *scratch, const char *path, const char *field)
{
	struct text text = { .bytes = malloc(TEXT_MAX) };

	assert_non_null(text.bytes);
	if (*field == '!') {
		place_special(scratch_path(scratch, path), field);
	} else {
		unescape(field, &text);
		scratch_write_bytes(scratch, path, text.bytes, text.size, 0644);
	}
	free(text.bytes);
}

static void add_account(const char *token, struct text *users, struct text *groups)
{
	const char *rest = token + 2, *id = strchr(rest, ':');
	char line[512];

	if (*token == 'u') {
		snprintf(line, sizeof(line), "%.*s:x%s::/:/bin/sh\n", (int)(id - rest), rest, id);
		add_string(users, line);
	} else if (*token == 'g') {
		snprintf(line, sizeof(line), "%.*s:x%s:\n", (int)(id - rest), rest, id);
		add_string(groups, line);
	} else {
		assert_non_null(strchr("UG", *token));
		snprintf(line, sizeof(line), "%s\n", rest);
		add_string(*token == 'U' ? users : groups, line);
	}
}

static void place_accounts(const struct scratch *scratch, char *field)
{
	char user_bytes[4096], group_bytes[4096], *token;
	struct text users = { user_bytes, 0 }, groups = { group_bytes, 0 };
	const char *special = strchr(field, '!');

	add_string(&users, "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n");
	add_string(&groups, "root:x:0:\nalice:x:1000:\nkubelet:x:998:\n");
	if (!strstr(field, "-kubelet"))
		add_string(&users, "kubelet:x:998:998::/:/bin/sh\n");
	if (!special)
		while ((token = strtok_r(field, " ", &field)))
			if (*token != '-')
				add_account(token, &users, &groups);
	if (!special || strncmp(special, "!passwd", 7) != 0)
		scratch_write(scratch, "/etc/passwd", users.bytes);
	else
		place_special(scratch_path(scratch, "/etc/passwd"),
			      strcmp(special, "!passwd-folder") == 0 ? "!folder" : "!missing");
	if (!special || strncmp(special, "!group", 6) != 0)
		scratch_write(scratch, "/etc/group", groups.bytes);
	else
		place_special(scratch_path(scratch, "/etc/group"),
			      strcmp(special, "!group-folder") == 0 ? "!folder" : "!missing");
}

static void place_settings(const struct scratch *scratch, const char *field)
{
	char bytes[4096];
	struct text text = { bytes, 0 };

	add_string(&text, "[Pool tested]\nOwner=kubelet\n");
	for (const char *c = field; *c && strcmp(field, "-") != 0; c++)
		add(&text, *c == ' ' ? "\n" : c, 1);
	add_string(&text, "\n");
	scratch_write(scratch, "/etc/subidd/subidd.conf", text.bytes);
}

static int compare_tokens(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct tokens {
	char *items[TOKENS_MAX];
	size_t n_items;
};

static void add_token(struct tokens *tokens, char *token)
{
	assert_non_null(token);
	assert_true(tokens->n_items < TOKENS_MAX);
	tokens->items[tokens->n_items++] = token;
}

/* Sorted and joined, so that lists can be compared whatever their order was. */
static void join(struct tokens *tokens, struct text *to)
{
	qsort(tokens->items, tokens->n_items, sizeof(*tokens->items), compare_tokens);
	for (size_t i = 0; i < tokens->n_items; i++) {
		add_string(to, tokens->items[i]);
		add_string(to, "\n");
		free(tokens->items[i]);
	}
}

/* The findings as the table writes them. */
static void describe_found(const struct pool *pool, struct text *to)
{
	struct tokens tokens = { 0 };

	for (size_t i = 0; i < pool->findings.n_items; i++) {
		const struct finding *finding = &pool->findings.items[i];
		const char *file = finding->file ? strrchr(finding->file, '/') + 1 : "";
		const char *mark = finding->level == LEVEL_WARNING ? "~" : "";
		char line[16] = "", *token = NULL;

		if (finding->line)
			snprintf(line, sizeof(line), ":%u", finding->line);
		assert_true(asprintf(&token, "%s%s@%s%s", mark, finding_rule_name(finding->rule),
				     file, line) > 0);
		add_token(&tokens, token);
	}
	join(&tokens, to);
}

static void describe_expected(char *field, struct text *to)
{
	struct tokens tokens = { 0 };
	char *token;

	while (strcmp(field, "-") != 0 && (token = strtok_r(field, " ", &field))) {
		char *star = strchr(token, '*');
		unsigned long n = star ? strtoul(star + 1, NULL, 10) : 1;

		if (star)
			*star = '\0';
		while (n-- > 0)
			add_token(&tokens, strdup(token));
	}
	join(&tokens, to);
}

static void check_errors_first(const struct findings *findings)
{
	size_t n_errors = 0;

	for (size_t i = 0; i < findings->n_items; i++) {
		n_errors += findings->items[i].level == LEVEL_ERROR;
		if (findings->items[i].level == LEVEL_ERROR)
			assert_int_equal(n_errors, i + 1);
		assert_true(strlen(findings->items[i].message) > 10);
	}
	assert_int_equal(n_errors, findings->n_errors);
}

static void check(const struct pool *pool, struct pool_case *pool_case)
{
	char found_bytes[8192] = "", expected_bytes[8192] = "", range[32] = "-";
	struct text found = { found_bytes, 0 }, expected = { expected_bytes, 0 };

	describe_found(pool, &found);
	describe_expected(pool_case->fields[FIELD_FINDINGS], &expected);
	assert_string_equal(found.bytes, expected.bytes);
	if (pool->valid)
		snprintf(range, sizeof(range), "%u:%u", pool->range.start, pool->range.count);
	else
		assert_int_equal(pool->range.count, 0);
	assert_string_equal(range, pool_case->fields[FIELD_RANGE]);
	assert_int_equal(pool->valid, pool->findings.n_errors == 0);
	check_errors_first(&pool->findings);
}

static void run_case(void **state)
{
	struct pool_case *pool_case = *state;
	char **fields = pool_case->fields;
	struct node_state node;
	struct scratch scratch;

	scratch_make(&scratch);
	place_settings(&scratch, fields[FIELD_SETTINGS]);
	place(&scratch, "/etc/subuid", fields[FIELD_SUBUID]);
	place(&scratch, "/etc/subgid",
	      strcmp(fields[FIELD_SUBGID], "=") == 0 ? fields[FIELD_SUBUID] : fields[FIELD_SUBGID]);
	place_accounts(&scratch, fields[FIELD_ACCOUNTS]);
	scratch_load(&scratch, &node);
	scratch_remove(&scratch);
	check(&node.pools.items[0], pool_case);
	node_state_done(&node);
}

static void split(char *line, struct pool_case *ret)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		ret->fields[i] = strsep(&line, "\t");
		if (!ret->fields[i] || !*ret->fields[i]) {
			fprintf(stderr, "a line of the table lacks fields: %s\n", ret->fields[0]);
			exit(1);
		}
	}
	if (line) {
		fprintf(stderr, "a line of the table has too many fields: %s\n", ret->fields[0]);
		exit(1);
	}
}

/* The lines stay in memory to the end. */
static size_t read_cases(FILE *file, struct pool_case *cases, struct CMUnitTest *tests)
{
	size_t n = 0, room = 0;
	char *line = NULL;

	for (; getline(&line, &room, file) > 0; line = NULL, room = 0) {
		line[strcspn(line, "\n")] = '\0';
		if (*line == '#' || !*line) {
			free(line);
			continue;
		}
		if (n == CASES_MAX)
			exit(1);
		split(line, &cases[n]);
		tests[n] = (struct CMUnitTest){ cases[n].fields[FIELD_NAME], run_case, NULL, NULL,
						&cases[n] };
		n++;
	}
	free(line);
	return n;
}

int main(int argc, char **argv)
{
	static struct pool_case cases[CASES_MAX];
	static struct CMUnitTest tests[CASES_MAX];
	_cleanup_(fclosep) FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
	size_t n;

	if (!file) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	n = read_cases(file, cases, tests);
	return _cmocka_run_group_tests("pool-cases", tests, n, NULL, NULL);
}
