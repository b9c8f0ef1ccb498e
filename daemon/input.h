/* SPDX-License-Identifier: MIT */
#pragma once

/* What comes in on a socket. */

#include "frame.h"

#include <stdbool.h>

/*
 * Takes what is there, once, as far as there is room; call it only when frame_buffer_next() found
 * no message. Returns 0, also if nothing is there, or a negative errno. Sets *is_at_end where
 * nothing more will come.
 */
int input_read(struct frame_buffer *input, int fd, bool *is_at_end);

/* Gives a large buffer back once it is empty. */
void input_trim(struct frame_buffer *input);
