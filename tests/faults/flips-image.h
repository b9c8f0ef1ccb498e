/* SPDX-License-Identifier: MIT */
#pragma once

/* A store's files as some random work has left them, and the bits that are flipped in them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_FILES_MAX 8
#define IMAGE_FLIPS_MAX 64

struct image_file {
	char name[64];
	uint8_t *data;
	size_t size;
	bool is_flipped;   /* it is the one whose bits are flipped now */
	bool is_flippable; /* the database or its log */
};

struct image {
	struct image_file files[IMAGE_FILES_MAX];
	size_t n_files;
	bool is_clean; /* the store was closed; it was killed otherwise */
	struct {
		struct image_file *file;
		size_t at;
		uint8_t bits;
	} flips[IMAGE_FLIPS_MAX];
	size_t n_flips;
};

/* A number below N (not 0). */
uint32_t flips_chance(uint64_t *state, uint32_t n);

/* Has a child do random work in a folder, and takes the files that it leaves. False: it failed. */
bool image_make(uint64_t seed, struct image *ret);
void image_done(struct image *image);

/* One of the files that bits may be flipped in, none of them empty. */
struct image_file *image_choose(struct image *image, uint64_t *state);
void image_flip(struct image *image, struct image_file *file, size_t at, uint8_t bits);
void image_undo_flips(struct image *image);
void image_print_flips(const struct image *image);

/* Writes the files into an empty folder. */
bool image_write(const struct image *image, const char *folder);

/* A folder of its own, without a slash at its end; and away with all files in it. */
bool image_make_folder(char (*ret)[64]);
void image_remove_folder(const char *folder);
