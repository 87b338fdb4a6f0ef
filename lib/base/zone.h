/* SPDX-License-Identifier: MIT
 * Civil time in a named zone, from the system's database (/usr/share/zoneinfo). Does not touch the process's own TZ, which
 * is one for all and must not change under a loop. */
#ifndef LIB_BASE_ZONE_H
#define LIB_BASE_ZONE_H

#include <stdint.h>

#include "lib/base/error.h"

struct zone;

#define ZONE_SHORT_BYTES 16
struct zone_time {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
    int offset_s;                 /* east of UTC */
    char name[ZONE_SHORT_BYTES];  /* "JST", "CEST", "+03", "UTC" */
};

/* Reads a zone such as "Asia/Tokyo". Reads one small local file (a few KiB); keep the result where many times are wanted.
 * Errors: CONFIG (no such zone, not a zone's file). The caller frees. */
struct zone *zone_new(const char *name, struct error *err);
void zone_free(struct zone *z);

/* z  NULL: UTC */
void zone_time_at(const struct zone *z, int64_t wall_ms, struct zone_time *out);

#endif
