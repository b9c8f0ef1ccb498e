/* SPDX-License-Identifier: MIT */
#pragma once

/* Settings of SQLite under the store's own: pragmas that would undo them have no effect. */

/* How the store is weakened, to see that its losses are found. */
enum weakness {
	WEAKNESS_NONE,
	WEAKNESS_NORMAL, /* synchronous=NORMAL */
	WEAKNESS_DELETE, /* journal_mode=DELETE, locking_mode=NORMAL: what SQLite does unasked */
	N_WEAKNESSES
};

extern const char *const weakness_names[N_WEAKNESSES];

/* For each connection until weakness_end(). Even without a weakness there are more checkpoints. */
void weakness_begin(enum weakness how);
void weakness_end(void);
