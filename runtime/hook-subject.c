/* SPDX-License-Identifier: MIT */
#include "hook-subject.h"

#include "hook-json.h"

#include <errno.h>
#include <string.h>

/* Set by containerd (pkg/cri/annotations). */
#define CONTAINERD "io.kubernetes.cri."

/* Set by CRI-O (internal/annotations), some of them by podman as well. */
#define CRIO "io.kubernetes.cri-o."
#define MANAGER "io.container.manager"
#define PODMAN "libpod"

/* Labels that the kubelet gives to each container, which CRI-O hands on as JSON in an annotation */
#define KUBELET "io.kubernetes.pod."

/* Where a pod's key, namespace and name were found; NULL: nowhere. */
struct found {
	const char *where, *pod, *namespace, *name;
	const char *hint; /* where it could be said otherwise */
};

static void find_containerd(const struct json_object *annotations, struct found *ret)
{
	ret->where = "the annotation " CONTAINERD "sandbox-uid";
	ret->pod = hook_json_text(annotations, CONTAINERD "sandbox-uid");
	if (!ret->pod) {
		ret->where = "the annotation " CONTAINERD "sandbox-id";
		ret->pod = hook_json_text(annotations, CONTAINERD "sandbox-id");
	}
	ret->namespace = hook_json_text(annotations, CONTAINERD "sandbox-namespace");
	ret->name = hook_json_text(annotations, CONTAINERD "sandbox-name");
}

/* Where a caller gave no labels, the pod's UID is still in the name k8s_NAME_NAMESPACE_UID_ATTEMPT.
 */
static bool split_sandbox_name(char *name, struct found *ret)
{
	char *fields[5] = {}, *field;
	size_t n = 0;

	while ((field = strsep(&name, "_")) != NULL) {
		if (n == ELEMENTS_OF(fields) || !*field)
			return false;
		fields[n++] = field;
	}
	if (n < ELEMENTS_OF(fields) || strcmp(fields[0], "k8s") != 0)
		return false;
	ret->where = "the annotation " CRIO "SandboxName";
	ret->name = fields[1];
	ret->namespace = fields[2];
	ret->pod = fields[3];
	return true;
}

static void find_crio_unlabelled(const struct json_object *annotations, char *name,
				 struct found *ret)
{
	if (name && split_sandbox_name(name, ret))
		return;
	ret->where = "the annotation " CRIO "SandboxID";
	ret->pod = hook_json_text(annotations, CRIO "SandboxID");
	ret->namespace = hook_json_text(annotations, CRIO "Namespace");
	ret->name = hook_json_text(annotations, CRIO "KubeName");
}

static int use(const struct found *found, const char *id, struct hook_subject *ret,
	       struct hook_failure *failure)
{
	struct hook_subject subject = {};

	if (!pod_key_valid(found->pod))
		return hook_fail(
			failure, -EINVAL,
			"%s of the container %s is '%s', and a pod is 1 to %d of the characters "
			"A-Z a-z 0-9 . _ - with a letter or digit first; set another one "
			"with the annotation " SUBJECT_ANNOTATION,
			found->where, id, found->pod, POD_KEY_MAX);
	strcpy(subject.pod, found->pod);
	if (found->namespace && label_valid(found->namespace))
		strcpy(subject.namespace, found->namespace);
	if (found->name && label_valid(found->name))
		strcpy(subject.name, found->name);
	*ret = subject;
	return 0;
}

static int use_crio(const struct json_object *annotations, const char *id, struct hook_subject *ret,
		    struct hook_failure *failure)
{
	const char *text = hook_json_text(annotations, CRIO "Labels");
	const char *sandbox = hook_json_text(annotations, CRIO "SandboxName");
	_cleanup_(json_object_putp) struct json_object *labels = NULL;
	_cleanup_(freep) char *name = sandbox ? strdup(sandbox) : NULL;
	struct hook_failure ignored = {};
	struct found found = { .where = "the label " KUBELET "uid" };

	if (sandbox && !name)
		return hook_fail(failure, -ENOMEM, "out of memory");
	if (text && hook_json_parse(text, strlen(text), &labels, &ignored) == -ENOMEM)
		return hook_fail(failure, -ENOMEM, "out of memory");
	found.pod = hook_json_text(labels, KUBELET "uid");
	found.namespace = hook_json_text(labels, KUBELET "namespace");
	found.name = hook_json_text(labels, KUBELET "name");
	if (!found.pod)
		find_crio_unlabelled(annotations, name, &found);
	return use(&found, id, ret, failure);
}

static bool is_of_crio(const struct json_object *annotations)
{
	const char *manager = hook_json_text(annotations, MANAGER);

	return hook_json_text(annotations, CRIO "SandboxID") &&
	       !(manager && strcmp(manager, PODMAN) == 0);
}

int subject_find(const char *id, const struct json_object *annotations, struct hook_subject *ret,
		 struct hook_failure *failure)
{
	struct found found = {};

	if (is_of_crio(annotations))
		return use_crio(annotations, id, ret, failure);
	find_containerd(annotations, &found);
	if (!found.pod) {
		found = (struct found){ .where = "the annotation " SUBJECT_ANNOTATION };
		found.pod = hook_json_text(annotations, SUBJECT_ANNOTATION);
	}
	if (!found.pod) {
		found.where = "the annotation " CRIO "SandboxID";
		found.pod = hook_json_text(annotations, CRIO "SandboxID");
	}
	if (!found.pod) {
		found.where = "the ID";
		found.pod = id;
		found.hint = "; name one with the annotation " SUBJECT_ANNOTATION;
	}
	return use(&found, id, ret, failure);
}
