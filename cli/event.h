/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs about events share. */

#include "cleanup.h"
#include "table.h"
#include "verb.h"

DEFINE_CLEANUP(struct subidd_event_iterator *, subidd_event_iterator_free)

#define N_EVENT_COLUMNS 8

/* With titles. */
extern const struct column event_columns[N_EVENT_COLUMNS];

void add_event(struct table *table, const struct subidd_event *event);
