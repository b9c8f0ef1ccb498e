/* SPDX-License-Identifier: MIT */
#include "core/wellknown.h"

#include "cleanup.h"

const struct wellknown_range wellknown_ranges[] = {
	{ 100000, 600100000, "useradd, for subordinate IDs of users",
	  "SUB_UID_MIN and SUB_UID_MAX of login.defs(5)" },
	{ 200000, 2000200000, "SSSD and FreeIPA, for accounts of a domain",
	  "ldap_idmap_range_min and ldap_idmap_range_max of sssd-ldap(5)" },
	{ 524288, 1879048191, "systemd-nspawn and systemd-nsresourced, for containers",
	  "systemd's UIDS-GIDS page" },
	{ 1000000, 1001000000, "LXD and Incus, for containers", "their default subuid(5) line" },
	{ 1000000000, 2000000000, "OpenShift, for the UIDs of projects",
	  "its uidAllocatorRange default" },
	{ 2147483648, UINT32_MAX, "FreeIPA, for subordinate IDs, and misread by signed programs",
	  "FreeIPA's subordinate ID design" },
};

const size_t n_wellknown_ranges = ELEMENTS_OF(wellknown_ranges);
