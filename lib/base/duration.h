/* SPDX-License-Identifier: MIT
 * Durations, sizes and percentages as people write them. A unit is always demanded: a bare 30 is an error. */
#ifndef LIB_BASE_DURATION_H
#define LIB_BASE_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

#define DURATION_TEXT_BYTES 40
#define DURATION_MS_MAX (INT64_C(10) * 366 * 86400 * 1000) /* ten years: longer ones are slips */

/* "500ms", "30s", "2m", "1h30m", "1.5s", "7d": number and unit, the units falling (ms s m h d), each once; only the
 * last may have a fraction, and whole milliseconds must come out. "0s" is allowed.
 * Errors: INPUT, saying what is wrong. */
int duration_parse(const char *text, int64_t *out_ms, struct error *err) MUST_USE;
/* The shortest that parses to the same: "1h30m", "500ms", "0s". Negative ones begin with '-'. Returns out. */
char *duration_print(int64_t ms, char out[DURATION_TEXT_BYTES]);

/* "512B", "64KiB", "4MB", "1.5GiB": B, kB or KB (1000), KiB (1024) and so on to TiB; case matters but for k.
 * Errors: INPUT. */
int size_parse(const char *text, int64_t *out_bytes, struct error *err) MUST_USE;
/* "64KiB", "4MB" where that is exact, else bytes: "1025B". */
char *size_print(int64_t bytes, char out[DURATION_TEXT_BYTES]);
/* For people, rounded to three digits: "1.2GiB". Does not parse back to the same. */
char *size_print_rough(int64_t bytes, char out[DURATION_TEXT_BYTES]);

/* "85%", "99.5%": 0 to 100 with the sign. Errors: INPUT. */
int percent_parse(const char *text, double *out_percent, struct error *err) MUST_USE;

#endif
