/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the files of the methods alone. */

#include "methods.h"

#include "fields.h"

#define ERROR(name) "io.subidd.Allocator." name

/* Take over what a constructor returned; NULL means that there was no memory for it. */
int methods_reply(struct varlink_call *call, struct json_object *parameters);
int methods_refuse(struct varlink_call *call, const char *error, struct json_object *parameters);

/* The moment of a call. */
struct moment methods_now(void);

#define N_LIST_FIELDS 2
extern const struct field methods_list_fields[N_LIST_FIELDS];

int methods_handle_list(struct varlink_call *call, const void *parameters, void *userdata);
int methods_handle_status(struct varlink_call *call, const void *parameters, void *userdata);
int methods_handle_reload(struct varlink_call *call, const void *parameters, void *userdata);
