/* SPDX-License-Identifier: MIT */
#pragma once

/* Lists of connections; each names the links that it uses, as connection_in_all() does. */

#include "connection.h"

typedef struct connection_links *(*connection_links_fn)(struct connection *connection);

void connection_list_add(struct connection **list, struct connection *c, connection_links_fn links);

/* It need not be in a list. */
void connection_list_remove(struct connection *c, connection_links_fn links);

/* All of FROM go to TO, which is empty. */
void connection_list_move(struct connection **to, struct connection **from,
			  connection_links_fn links);

/* How many count against that user's limits? */
size_t connection_list_count(struct connection *list, uid_t payer, connection_links_fn links);
