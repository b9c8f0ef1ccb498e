/* SPDX-License-Identifier: MIT */
#include "hook-subject.h"

#include "hook-json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Set by containerd (pkg/cri/annotations). */
#define CONTAINERD "io.kubernetes.cri."

/* Set by CRI-O (internal/annotations), some of them by podman as well. */
#define CRIO "io.kubernetes.cri-o."
#define MANAGER "io.container.manager"
#define PODMAN "libpod"

#define DRAWN_LENGTH 64 /* of an ID that podman has drawn */

/*
 * Labels that the kubelet gives to each container. CRI-O hands them on as JSON in an annotation,
 * and each as an annotation as well, behind those of the pod's author.
 */
#define KUBELET "io.kubernetes.pod."

/* Where a pod's key, namespace and name were found; NULL: nowhere. */
struct found {
	const char *where, *pod, *namespace, *name;
};

/*
 * The pod's UID as each runtime has it from the kubelet. What the pod's author sets as well may be
 * any of them, but that of the runtime itself is always there: they must be the same.
 */
static int find_uid(const struct json_object *annotations, const struct json_object *labels,
		    const char *id, struct found *ret, struct hook_failure *failure)
{
	const struct found all[] = {
		{ .where = "the annotation " CONTAINERD "sandbox-uid",
		  .pod = hook_json_text(annotations, CONTAINERD "sandbox-uid"),
		  .namespace = hook_json_text(annotations, CONTAINERD "sandbox-namespace"),
		  .name = hook_json_text(annotations, CONTAINERD "sandbox-name") },
		{ .where = "the annotation " KUBELET "uid",
		  .pod = hook_json_text(annotations, KUBELET "uid"),
		  .namespace = hook_json_text(annotations, KUBELET "namespace"),
		  .name = hook_json_text(annotations, KUBELET "name") },
		{ .where = "the label " KUBELET "uid",
		  .pod = hook_json_text(labels, KUBELET "uid"),
		  .namespace = hook_json_text(labels, KUBELET "namespace"),
		  .name = hook_json_text(labels, KUBELET "name") },
	};

	for (size_t i = 0; i < ELEMENTS_OF(all); i++) {
		if (!all[i].pod)
			continue;
		if (ret->pod && strcmp(ret->pod, all[i].pod) != 0)
			return hook_fail(failure, -EINVAL,
					 "%s of the container %s is '%s', and %s is '%s'; leave "
					 "these annotations to the runtime",
					 ret->where, id, ret->pod, all[i].where, all[i].pod);
		if (!ret->pod)
			*ret = all[i];
	}
	return 0;
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

static bool is_of_crio(const struct json_object *annotations)
{
	const char *manager = hook_json_text(annotations, MANAGER);

	return hook_json_text(annotations, CRIO "SandboxID") &&
	       !(manager && strcmp(manager, PODMAN) == 0);
}

/* The sandbox, where nobody gave the pod a UID. */
static void find_sandbox(const struct json_object *annotations, char *name, struct found *ret)
{
	if (!is_of_crio(annotations)) {
		ret->where = "the annotation " CONTAINERD "sandbox-id";
		ret->pod = hook_json_text(annotations, CONTAINERD "sandbox-id");
		ret->namespace = hook_json_text(annotations, CONTAINERD "sandbox-namespace");
		ret->name = hook_json_text(annotations, CONTAINERD "sandbox-name");
		return;
	}
	if (name && split_sandbox_name(name, ret))
		return;
	ret->where = "the annotation " CRIO "SandboxID";
	ret->pod = hook_json_text(annotations, CRIO "SandboxID");
	ret->namespace = hook_json_text(annotations, CRIO "Namespace");
	ret->name = hook_json_text(annotations, CRIO "KubeName");
}

/* Without Kubernetes: an annotation of ours, podman's pod, or the container alone. */
static void find_own(const struct json_object *annotations, const char *id, struct found *ret)
{
	*ret = (struct found){ .where = "the annotation " SUBJECT_ANNOTATION };
	ret->pod = hook_json_text(annotations, SUBJECT_ANNOTATION);
	if (!ret->pod) {
		ret->where = "the annotation " CRIO "SandboxID";
		ret->pod = hook_json_text(annotations, CRIO "SandboxID");
	}
	if (!ret->pod) {
		ret->where = "the ID";
		ret->pod = id;
	}
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
	(void)snprintf(subject.pod, sizeof(subject.pod), "%s", found->pod);
	if (found->namespace && label_valid(found->namespace))
		(void)snprintf(subject.namespace, sizeof(subject.namespace), "%s",
			       found->namespace);
	if (found->name && label_valid(found->name))
		(void)snprintf(subject.name, sizeof(subject.name), "%s", found->name);
	*ret = subject;
	return 0;
}

int subject_find(const char *id, const struct json_object *annotations, struct hook_subject *ret,
		 struct hook_failure *failure)
{
	const char *text = hook_json_text(annotations, CRIO "Labels");
	const char *sandbox = hook_json_text(annotations, CRIO "SandboxName");
	_cleanup_(json_object_putp) struct json_object *labels = NULL;
	_cleanup_(freep) char *name = sandbox ? strdup(sandbox) : NULL;
	struct hook_failure ignored = {};
	struct found found = {};

	if ((sandbox && !name) ||
	    (text && hook_json_parse(text, strlen(text), &labels, &ignored) == -ENOMEM))
		return hook_fail(failure, -ENOMEM, "out of memory");
	if (find_uid(annotations, labels, id, &found, failure) < 0)
		return -EINVAL;
	if (!found.pod)
		find_sandbox(annotations, name, &found);
	if (!found.pod)
		find_own(annotations, id, &found);
	return use(&found, id, ret, failure);
}

static bool is_drawn(const char *id)
{
	return strspn(id, "0123456789abcdef") == DRAWN_LENGTH && !id[DRAWN_LENGTH];
}

int subject_find_podman(const char *id, const struct json_object *annotations,
			struct hook_subject *ret, struct hook_failure *failure)
{
	const char *sandbox = hook_json_text(annotations, CRIO "SandboxID");
	const char *named = hook_json_text(annotations, SUBJECT_ANNOTATION);
	struct found found = { .where = "the ID", .pod = id };

	if (sandbox && is_drawn(sandbox))
		found = (struct found){ .where = "the annotation " CRIO "SandboxID",
					.pod = sandbox };
	if (named && *named && strcmp(named, found.pod) != 0)
		return hook_fail(
			failure, -EINVAL,
			"the annotation " SUBJECT_ANNOTATION
			"=%s is for containers whose range is given by flags: an image can "
			"set it too, and must not choose whose range it gets; for a range "
			"in common start the containers in one podman pod",
			named);
	return use(&found, id, ret, failure);
}
