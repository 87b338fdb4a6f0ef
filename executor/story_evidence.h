/* SPDX-License-Identifier: MIT
 * The evidence of a note: what each step did, with its output trimmed and set apart from our own words. Internal to the
 * story. */
#ifndef EXECUTOR_STORY_EVIDENCE_H
#define EXECUTOR_STORY_EVIDENCE_H

#include "executor/story_texts.h"
#include "lib/base/zone.h"

#define STORY_OUTPUT_CHARS_MAX 2000 /* of one step, in a note */
#define STORY_OUTPUT_LINES_HEAD 8
#define STORY_OUTPUT_LINES_TAIL 12

/* "12:03:04" in the zone (NULL: UTC). */
#define STORY_TIME_BYTES 16
void story_time(const struct zone *zone, int64_t wall_ms, char out[STORY_TIME_BYTES]);
/* "0.2 s", "1 min 12 s", "2 h 3 min". */
void story_takes(enum policy_language language, int64_t ms, struct buf *out);
/* How a collect or recover ended: "exit status 0". */
void story_end_of(enum policy_language language, const struct story_step *step, struct buf *out);

/* Appends a step's output, each line behind "  | ", at most chars_max characters: its beginning and its end, and how much
 * was left out between them. Control characters and direction changes do not come through. */
void story_output(enum policy_language language, const char *output, bool cut, size_t chars_max, struct buf *out);

/* Appends a line for each step, and outputs where they tell more than the line; at most chars_max characters: outputs
 * shrink first, then steps in the middle are left out. Looks repeated by one verify are one line. */
void story_evidence(const struct story *s, const struct zone *zone, size_t chars_max, struct buf *out);

#endif
