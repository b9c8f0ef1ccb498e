/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the files of the methods alone. */

#include "methods.h"

#include "fields.h"

#define ERROR(name) "io.subidd.Allocator." name

/* Take over what a constructor returned; NULL means that there was no memory for it. */
int methods_reply(struct varlink_call *call, struct json_object *parameters);
int methods_refuse(struct varlink_call *call, const char *error, struct json_object *parameters);

/* A pod was not found, or this client may not change it. R is what the allocator returned. */
int methods_refuse_pod(struct methods *methods, struct varlink_call *call, const char *pod, int r);
int methods_refuse_pool(struct varlink_call *call, const char *pool);

struct requester methods_requester(const struct varlink_call *call);
struct moment methods_now(void);

/* Lets a backup go on that waits until nothing is pending. */
void methods_continue_backup(struct methods *methods);

#define EVENTS_PER_REPLY 256

/* Largest time in a call: us since the epoch. */
#define TIME_MAX (INT64_MAX - 1)

#define N_LIST_FIELDS 2
#define N_FOREIGN_FIELDS 1
#define N_HISTORY_FIELDS 5
#define N_RECONCILE_FIELDS 4
extern const struct field methods_list_fields[N_LIST_FIELDS];
extern const struct field methods_foreign_fields[N_FOREIGN_FIELDS];
extern const struct field methods_history_fields[N_HISTORY_FIELDS];
extern const struct field methods_reconcile_fields[N_RECONCILE_FIELDS];

int methods_handle_list(struct varlink_call *call, const void *parameters, void *userdata);
int methods_handle_foreign(struct varlink_call *call, const void *parameters, void *userdata);
int methods_handle_history(struct varlink_call *call, const void *parameters, void *userdata);
int methods_handle_monitor(struct varlink_call *call, const void *parameters, void *userdata);
int methods_handle_reconcile(struct varlink_call *call, const void *parameters, void *userdata);
int methods_handle_backup(struct varlink_call *call, const void *parameters, void *userdata);
int methods_handle_status(struct varlink_call *call, const void *parameters, void *userdata);
int methods_handle_reload(struct varlink_call *call, const void *parameters, void *userdata);
