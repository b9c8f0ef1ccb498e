/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The two settings of a KubeletConfiguration (kubelet.config.k8s.io/v1beta1) that size a pool:
 * maxPods and userNamespaces.idsPerPod. YAML, and with it JSON; only plain decimal numbers, each
 * key once: what two readers could understand differently is refused.
 */

#include <stddef.h>
#include <stdint.h>

#define KUBELET_CONFIG_MAX (1u << 20) /* bytes */
#define KUBELET_MAX_PODS_DEFAULT 110u
#define KUBELET_CONFIG_DEPTH_MAX 64

struct kubelet_config {
	uint32_t max_pods;    /* 0: not set */
	uint32_t ids_per_pod; /* 0: not set */
};

struct kubelet_config_error {
	char *message;
	uint32_t line; /* counted from 1 */
};

void kubelet_config_error_done(struct kubelet_config_error *error);

/* Returns 0 and fills *ret; -EINVAL and fills *ret_error; or -ENOMEM. */
int kubelet_config_parse(const char *text, size_t size, struct kubelet_config *ret,
			 struct kubelet_config_error *ret_error);
