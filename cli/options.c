/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "cleanup.h"
#include "decimal.h"
#include "text.h"

#include <getopt.h>
#include <stdarg.h>
#include <string.h>

/* getopt_long() gives an option's place in the enum, so far up that it is no letter. */
#define CODE(option) (256 + (option))

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, CODE(OPTION_SOCKET) },
	{ "json", no_argument, NULL, CODE(OPTION_JSON) },
	{ "help", no_argument, NULL, CODE(OPTION_HELP) },
	{ "version", no_argument, NULL, CODE(OPTION_VERSION) },
	{ "pool", required_argument, NULL, CODE(OPTION_POOL) },
	{ "count", required_argument, NULL, CODE(OPTION_COUNT) },
	{ "namespace", required_argument, NULL, CODE(OPTION_NAMESPACE) },
	{ "name", required_argument, NULL, CODE(OPTION_NAME) },
	{ "output", required_argument, NULL, CODE(OPTION_OUTPUT) },
	{ "state", required_argument, NULL, CODE(OPTION_STATE) },
	{ "root", required_argument, NULL, CODE(OPTION_ROOT) },
	{ "config", required_argument, NULL, CODE(OPTION_CONFIG) },
	{ "pod", required_argument, NULL, CODE(OPTION_POD) },
	{ "id", required_argument, NULL, CODE(OPTION_ID) },
	{ "since", required_argument, NULL, CODE(OPTION_SINCE) },
	{ "until", required_argument, NULL, CODE(OPTION_UNTIL) },
	{ "limit", required_argument, NULL, CODE(OPTION_LIMIT) },
	{ "pid", required_argument, NULL, CODE(OPTION_PID) },
	{ "created-before", required_argument, NULL, CODE(OPTION_CREATED_BEFORE) },
	{ "dry-run", no_argument, NULL, CODE(OPTION_DRY_RUN) },
	{ "none-alive", no_argument, NULL, CODE(OPTION_NONE_ALIVE) },
	{ "foreign", no_argument, NULL, CODE(OPTION_FOREIGN) },
	{ "file", required_argument, NULL, CODE(OPTION_FILE) },
	{ "at", required_argument, NULL, CODE(OPTION_AT) },
	{ "start", required_argument, NULL, CODE(OPTION_START) },
	{},
};
_Static_assert(ELEMENTS_OF(long_options) == N_OPTIONS + 1, "a row for each option");

#define EVERY_VERBS_OPTIONS                                                                        \
	(OPTION_BIT(OPTION_SOCKET) | OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_HELP) |           \
	 OPTION_BIT(OPTION_VERSION))

enum exit_status options_refuse(const struct verb *verb, const char *format, ...)
{
	_cleanup_(freep) char *message = NULL;
	va_list arguments;

	va_start(arguments, format);
	message = text_make_v(format, arguments);
	va_end(arguments);
	complain("%s; see subidctl %s%s--help", message, verb ? verb->name : "", verb ? " " : "");
	return STATUS_USAGE;
}

bool options_number(const struct verb *verb, const char *what, const char *text, uint32_t min,
		    uint32_t *ret)
{
	uint64_t number;

	if (decimal_parse(text, strlen(text), UINT32_MAX, &number) < 0 || number < min) {
		options_refuse(verb, "%s is a decimal number from %u to %u and not '%s'", what, min,
			       UINT32_MAX, text);
		return false;
	}
	*ret = (uint32_t)number;
	return true;
}

bool options_time(const struct verb *verb, const char *what, const char *text, uint64_t now,
		  struct when *ret)
{
	if (when_parse(text, now, ret) == 0)
		return true;
	options_refuse(
		verb,
		"%s is a time like 2026-11-21T21:01:27+01:00, 2026-11-21, -15min, @1700000000 "
		"or now, and not '%s'",
		what, text);
	return false;
}

/* Takes the options out of ARGV; what is left begins at optind. */
static bool take_options(int argc, char **argv, struct context *context)
{
	int code;

	opterr = 0;
	while ((code = getopt_long(argc, argv, ":ho:", long_options, NULL)) >= 0) {
		if (code == 'h')
			code = CODE(OPTION_HELP);
		else if (code == 'o')
			code = CODE(OPTION_OUTPUT);
		if (code == ':' || code == '?') {
			char letter[] = { '-', (char)optopt, 0 };
			bool is_letter = optopt > 0 && optopt < CODE(0);
			const char *option = is_letter ? letter : argv[optind - 1];

			options_refuse(NULL,
				       code == ':' ? "the option %s needs a value"
						   : "there is no option %s",
				       option);
			return false;
		}
		context->options[code - CODE(0)] = optarg ? optarg : "";
	}
	return true;
}

static const struct verb *find_verb(const struct verb *const *verbs, const char *name)
{
	for (; *verbs; verbs++)
		if (strcmp((*verbs)->name, name) == 0)
			return *verbs;
	options_refuse(NULL, "there is no verb %s", name);
	return NULL;
}

static bool options_fit(const struct context *context)
{
	unsigned int fitting = EVERY_VERBS_OPTIONS | context->verb->options;

	for (int i = 0; i < N_OPTIONS; i++)
		if (context->options[i] && !(fitting & OPTION_BIT(i))) {
			options_refuse(context->verb, "%s takes no option --%s",
				       context->verb->name, long_options[i].name);
			return false;
		}
	return true;
}

static bool arguments_fit(const struct context *context)
{
	const struct verb *verb = context->verb;
	int n = context->n_arguments;

	if (n >= verb->min_arguments && n <= verb->max_arguments)
		return true;
	if (n < verb->min_arguments)
		options_refuse(verb, "%s needs an argument: %s", verb->name, verb->arguments);
	else
		options_refuse(verb, "%s takes no argument '%s'", verb->name,
			       context->arguments[verb->max_arguments]);
	return false;
}

bool options_parse(int argc, char **argv, const struct verb *const *verbs, struct context *ret)
{
	struct context context = {};

	if (!take_options(argc, argv, &context))
		return false;
	if (optind < argc) {
		context.verb = find_verb(verbs, argv[optind]);
		if (!context.verb)
			return false;
		context.arguments = argv + optind + 1;
		context.n_arguments = argc - optind - 1;
	}
	*ret = context;
	if (context.options[OPTION_HELP] || context.options[OPTION_VERSION])
		return true;
	if (!context.verb) {
		options_refuse(NULL, "a verb is missing");
		return false;
	}
	return options_fit(&context) && arguments_fit(&context);
}
