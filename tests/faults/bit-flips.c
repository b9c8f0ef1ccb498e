/* SPDX-License-Identifier: MIT */

/*
 * Flips bits in the database and its log, and opens them: the store says that they are damaged, or
 * all that it tells is what it told before. bit-flips [--flips N] [--seed N]
 *
 * The figures are of openings: refused at the start; damage told at some later call; unharmed,
 * where the bits said nothing; and silent changes, of which there must be none.
 */

#include "flips-content.h"
#include "flips-image.h"

#include "decimal.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FLIPS_PER_IMAGE 100
#define MOST_BITS 16
#define MOST_SECONDS 5	      /* of processor time, for what takes milliseconds */
#define STANDSTILL_SECONDS 60 /* of any time: it waits for something that never comes */
#define SOME 4 /* one opening in so many is worked on, to see what that makes of the damage */

enum result { RESULT_UNHARMED, RESULT_REFUSED, RESULT_TOLD, RESULT_SILENT, N_RESULTS };

static const char *const result_names[N_RESULTS] = {
	[RESULT_UNHARMED] = "unharmed",
	[RESULT_REFUSED] = "refused at the start",
	[RESULT_TOLD] = "told later",
	[RESULT_SILENT] = "silent changes",
};

struct run {
	uint64_t state; /* of chance */
	uint32_t n_results[N_RESULTS];
};

/* Where a bit is flipped: anywhere, or half of the time where there is something. */
static size_t choose_byte(struct run *run, const struct image_file *file)
{
	size_t at = flips_chance(&run->state, (uint32_t)file->size);

	if (flips_chance(&run->state, 2))
		for (size_t i = 0; i < file->size && file->data[at] == 0; i++)
			at = (at + 1) % file->size;
	return at;
}

/* Flips 1 to MOST_BITS bits of the database or of its log, alone, together or all over it. */
static void flip(struct run *run, struct image *image)
{
	struct image_file *file = image_choose(image, &run->state);
	uint32_t n = 1 + (flips_chance(&run->state, 2) ? flips_chance(&run->state, MOST_BITS) : 0);
	bool is_burst = flips_chance(&run->state, 2);
	size_t at = choose_byte(run, file);

	for (uint32_t i = 0; i < n; i++) {
		image_flip(image, file, at, (uint8_t)(1u << flips_chance(&run->state, 8)));
		at = is_burst ? (at + flips_chance(&run->state, 2)) % file->size
			      : choose_byte(run, file);
	}
}

static const struct itimerval most = { .it_value.tv_sec = MOST_SECONDS };

/* Whatever the bits are, an answer has to come. */
static void on_alarm(int number)
{
	static const char text[] = "\n# an opening did not end\nnot ok 1 - a flipped bit hangs\n";

	(void)number;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		abort();
	_exit(1);
}

static enum result compare(const struct content *found, const struct content *wanted)
{
	if (found->is_refused)
		return RESULT_REFUSED;
	if (found->is_told)
		return RESULT_TOLD;
	return found->hash == wanted->hash ? RESULT_UNHARMED : RESULT_SILENT;
}

static void report_silent(struct run *run, const struct image *image, uint64_t image_seed)
{
	if (run->n_results[RESULT_SILENT] > 20)
		return;
	printf("# silent: image %" PRIu64 " (%s), bits:", image_seed,
	       image->is_clean ? "stopped" : "killed");
	image_print_flips(image);
	printf("\n");
	fflush(stdout);
}

/* One state of the files and many flips in it. */
static bool try_image(struct run *run, uint32_t n_flips)
{
	uint64_t image_seed = run->state | 1;
	struct image image = {};
	struct content before[2];

	if (!image_make(image_seed, &image) || !content_read(&image, false, &before[0]) ||
	    !content_read(&image, true, &before[1]) || before[0].is_refused || before[0].is_told ||
	    before[1].is_refused || before[1].is_told) {
		printf("# image %" PRIu64 " cannot be used as it is: %s\n", image_seed,
		       before[0].message);
		image_done(&image);
		return false;
	}
	for (uint32_t i = 0; i < n_flips; i++) {
		bool works = flips_chance(&run->state, SOME) == 0;
		struct content found;
		enum result result;

		flip(run, &image);
		setitimer(ITIMER_PROF, &most, NULL);
		alarm(STANDSTILL_SECONDS);
		if (!content_read(&image, works, &found)) {
			image_done(&image);
			return false;
		}
		result = compare(&found, &before[works]);
		run->n_results[result]++;
		if (result == RESULT_SILENT)
			report_silent(run, &image, image_seed);
		image_undo_flips(&image);
	}
	image_done(&image);
	return true;
}

static bool parse(int argc, char **argv, uint32_t *ret_flips, uint32_t *ret_seed)
{
	static const struct option options[] = {
		{ "flips", required_argument, NULL, 'f' },
		{ "seed", required_argument, NULL, 's' },
		{},
	};
	uint64_t number;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == '?' || decimal_parse(optarg, strlen(optarg), UINT32_MAX, &number) < 0)
			return false;
		*(c == 'f' ? ret_flips : ret_seed) = (uint32_t)number;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	uint32_t n_flips = 500, seed = (uint32_t)time(NULL), n_done = 0;
	struct run run = {};
	bool works = true;

	if (!parse(argc, argv, &n_flips, &seed)) {
		fprintf(stderr, "usage: bit-flips [--flips N] [--seed N]\n");
		return 2;
	}
	printf("1..1\n# --flips %u --seed %u\n", n_flips, seed);
	fflush(stdout);
	signal(SIGALRM, on_alarm);
	signal(SIGPROF, on_alarm);
	run.state = (uint64_t)seed << 1 | 1;
	while (works && n_done < n_flips) {
		uint32_t n = n_flips - n_done < FLIPS_PER_IMAGE ? n_flips - n_done
								: FLIPS_PER_IMAGE;

		works = try_image(&run, n);
		n_done += n;
	}
	printf("# %u flips:", n_done);
	for (size_t i = 0; i < N_RESULTS; i++)
		printf("%s %u %s", i ? "," : "", run.n_results[i], result_names[i]);
	works = works && run.n_results[RESULT_SILENT] == 0;
	printf("\n%sok 1 - a flipped bit is told, or changes nothing\n", works ? "" : "not ");
	return works ? 0 : 1;
}
