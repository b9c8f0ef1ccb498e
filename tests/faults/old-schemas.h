/* SPDX-License-Identifier: MIT */
#pragma once

/* SQL that makes a database with some rows as earlier versions of the daemon made it. */

/* Makes it in the folder, with its marker. */
void old_schema_make(const char *folder, const char *sql);

extern const char old_schema_1[], old_schema_2[];
