/* SPDX-License-Identifier: MIT */
#include "node/accounts.h"

#include "node/file.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <string.h>

#define GROWTH_START 16 /* accounts; doubled from there */

/* The C library takes leading zeros here, so an account that has them must be seen. */
static int parse_id(const char *text, uint32_t *ret)
{
	uint64_t id;
	int r;

	while (text[0] == '0' && text[1])
		text++;
	r = decimal_parse(text, strlen(text), UINT32_MAX, &id);
	if (r == 0)
		*ret = (uint32_t)id;
	return r;
}

/* Cuts LINE at its colons; name, password, ID and for users the primary GID. */
static bool parse_line(char *line, size_t n_fields, struct account *ret)
{
	char *fields[4];

	for (size_t i = 0; i < n_fields; i++) {
		fields[i] = strsep(&line, ":");
		if (!fields[i])
			return false;
	}
	if (!*fields[0] || strchr("#+-", *fields[0]))
		return false;
	ret->name = fields[0];
	return parse_id(fields[2], &ret->id) == 0 && parse_id(fields[n_fields - 1], &ret->gid) == 0;
}

static int append(struct account_list *list, const struct account *account)
{
	size_t n = list->n_items;

	if (n == 0 || (n >= GROWTH_START && (n & (n - 1)) == 0)) {
		size_t room = n < GROWTH_START ? GROWTH_START : 2 * n;
		struct account *grown = reallocarray(list->items, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->items = grown;
	}
	list->items[list->n_items++] = *account;
	return 0;
}

static int parse(char *text, size_t size, size_t n_fields, struct account_list *list)
{
	char *end = text + size;

	for (uint32_t line = 1; text < end; line++) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		struct account account = { .line = line };
		char *next = newline ? newline + 1 : end;

		if (newline)
			*newline = '\0';
		if (parse_line(text, n_fields, &account)) {
			int r = append(list, &account);

			if (r < 0)
				return r;
		}
		text = next;
	}
	return 0;
}

static void hand_over(struct account_file *file, struct account_file *ret)
{
	*ret = *file;
	*file = (struct account_file){ 0 };
}

static int read_accounts(const char *path, size_t n_fields, struct account_file *ret)
{
	_cleanup_(accounts_done) struct account_file file = { .path = strdup(path) };
	size_t size;
	int r;

	if (!file.path)
		return -ENOMEM;
	r = file_read(path, ACCOUNTS_FILE_MAX, &file.text, &size);
	if (r == 0)
		r = parse(file.text, size, n_fields, &file.list);
	else if (r == -ENOENT)
		r = 0;
	else if (r != -ENOMEM)
		r = file_describe_error(r, &file.problem);
	if (r < 0)
		return r;
	file.list.file = file.path;
	file.list.problem = file.problem;
	hand_over(&file, ret);
	return 0;
}

int accounts_read_users(const char *path, struct account_file *ret)
{
	return read_accounts(path, 4, ret);
}

int accounts_read_groups(const char *path, struct account_file *ret)
{
	return read_accounts(path, 3, ret);
}

void accounts_done(struct account_file *accounts)
{
	free(accounts->path);
	free(accounts->text);
	free(accounts->problem);
	free(accounts->list.items);
	*accounts = (struct account_file){ 0 };
}
