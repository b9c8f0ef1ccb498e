/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs about allocations share. */

#include "cleanup.h"
#include "table.h"
#include "verb.h"

DEFINE_CLEANUP(struct subidd_result *, subidd_result_free)

/* Adds the facts of an allocation to a table of two columns. */
void add_allocation_facts(struct table *table, const struct subidd_allocation *allocation);

/* NAMESPACE/NAME of its pod, as far as they are known; "-" if neither is. */
void add_pod_name(struct table *table, const struct subidd_allocation *allocation);

/* A table of facts: a name and a value in each row. */
extern const struct column fact_columns[2];
