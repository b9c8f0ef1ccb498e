/* SPDX-License-Identifier: MIT */
#include "connection-list.h"

void connection_list_add(struct connection **list, struct connection *c, connection_links_fn links)
{
	*links(c) = (struct connection_links){ .at = list, .next = *list };
	if (*list)
		links(*list)->at = &links(c)->next;
	*list = c;
}

void connection_list_remove(struct connection *c, connection_links_fn links)
{
	struct connection_links *l = links(c);

	if (!l->at)
		return;
	*l->at = l->next;
	if (l->next)
		links(l->next)->at = l->at;
	*l = (struct connection_links){};
}

void connection_list_move(struct connection **to, struct connection **from,
			  connection_links_fn links)
{
	*to = *from;
	*from = NULL;
	if (*to)
		links(*to)->at = to;
}

size_t connection_list_count(struct connection *list, uid_t payer, connection_links_fn links)
{
	size_t n = 0;

	for (; list; list = links(list)->next)
		n += connection_peer(list)->payer == payer;
	return n;
}
