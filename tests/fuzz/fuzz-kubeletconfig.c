/* SPDX-License-Identifier: MIT */

/*
 * KubeletConfigurations: values within their bounds, errors with a place; and where the text is
 * JSON as well, the numbers that stand in it.
 */

#include "fuzz.h"

#include "cleanup.h"
#include "core/pool.h"
#include "json.h"
#include "node/kubeletconfig.h"

#include <errno.h>
#include <string.h>

static void check_error(const struct kubelet_config_error *error, const uint8_t *data, size_t size)
{
	size_t n_breaks = 0;

	for (size_t i = 0; i < size; i++)
		n_breaks += data[i] == '\n' || data[i] == '\r' ||
			    data[i] == 0x85 /* of UTF-8's and UTF-16's line breaks */ ||
			    data[i] == 0xa8 || data[i] == 0xa9 || data[i] == 0x28 ||
			    data[i] == 0x29;
	CHECK(error->message && *error->message);
	/* behind a last line without a newline libyaml begins another one */
	CHECK(error->line >= 1 && error->line <= n_breaks + 2);
}

static void check_written(const struct kubelet_config *config)
{
	struct kubelet_config_error error = {};
	struct kubelet_config again = {};
	_cleanup_(freep) char *ids = NULL;
	_cleanup_(freep) char *text = NULL;

	CHECK(asprintf(&ids, config->ids_per_pod ? "%u" : "null", config->ids_per_pod) >= 0);
	CHECK(asprintf(&text, "maxPods: %u\nuserNamespaces:\n  idsPerPod: %s\n", config->max_pods,
		       ids) >= 0);
	CHECK(kubelet_config_parse(text, strlen(text), &again, &error) == 0);
	CHECK(again.max_pods == config->max_pods && again.ids_per_pod == config->ids_per_pod);
}

/* The number of that name, 0 if there is none. */
static int64_t number_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (!object || !json_object_object_get_ex(object, name, &value))
		return 0;
	CHECK(!value || json_object_is_type(value, json_type_int));
	return json_object_get_int64(value);
}

static const struct json_limits limits = { 16, SIZE_MAX, SIZE_MAX };

static void check_json(const struct kubelet_config *config, const uint8_t *data, size_t size)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct json_object *section = NULL;

	if (json_parse_object((const char *)data, size, &limits, &object) < 0)
		return;
	CHECK(number_of(object, "maxPods") == config->max_pods);
	if (json_object_object_get_ex(object, "userNamespaces", &section))
		CHECK(!section || json_object_is_type(section, json_type_object));
	CHECK(number_of(section, "idsPerPod") == config->ids_per_pod);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kubelet_config_error error = {};
	struct kubelet_config config = {};
	int r = kubelet_config_parse((const char *)data, size, &config, &error);

	CHECK(r == 0 || r == -EINVAL);
	if (r < 0) {
		check_error(&error, data, size);
		kubelet_config_error_done(&error);
		return 0;
	}
	CHECK(config.max_pods <= INT32_MAX && config.ids_per_pod <= PAST_END_ID);
	CHECK(config.ids_per_pod % UNIT_QUANTUM == 0);
	check_written(&config);
	check_json(&config, data, size);
	return 0;
}
