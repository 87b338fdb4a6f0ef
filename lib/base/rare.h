/* SPDX-License-Identifier: MIT
 * What is said at most once a minute of each kind, however often it happens, and how often it did: for log lines and alarms that a
 * storm would say a thousand times. */
#ifndef LIB_BASE_RARE_H
#define LIB_BASE_RARE_H

#include <stdint.h>

#define RARE_KINDS_MAX 32 /* remembered; then the one that was said longest ago goes, with its count */
#define RARE_EVERY_MS 60000
#define RARE_TEXT_BYTES 160

/* All zero: nothing was said. Embedded by its owner; holds no memory. */
struct rare {
    struct rare_kind {
        uint64_t hash;
        int64_t said_mono_ms; /* 0: free */
        int64_t left_out;     /* how often it happened since, unsaid */
        char what[RARE_TEXT_BYTES], why[RARE_TEXT_BYTES]; /* cut */
    } kinds[RARE_KINDS_MAX];
};

/* It happens. 0: this kind (what and why together) was said in the last minute, and is counted. Else it is to be said now, for so many
 * times, this one included. Both texts are borrowed for the call. */
int64_t rare_times(struct rare *r, const char *what, const char *why, int64_t now_mono_ms);

/* Calls back for each kind that happened unsaid and whose minute is over: it counts as said now. Called every few seconds, it tells of
 * what then happened no more. */
typedef void rare_say(void *owner, const char *what, const char *why, int64_t times);
void rare_flush(struct rare *r, int64_t now_mono_ms, rare_say *say, void *owner);

#endif
