/* SPDX-License-Identifier: MIT
 * Patterns that authors write, run on text that strangers write: PCRE2 with what is unbounded left
 * out (back-references, recursion, verbs, call-outs) and limits on size, steps, depth and memory.
 * The only file that knows PCRE2. */
#ifndef EXECUTOR_PATTERN_H
#define EXECUTOR_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"

enum pattern_flags {
    PATTERN_CASELESS = 1, /* for titles */
    PATTERN_LINES = 2,    /* ^ and $ match at line ends too: for outputs */
    PATTERN_COUNTED = 4,  /* its steps are counted (pattern_scratch_budget); its subjects must be valid UTF-8: for titles */
};

struct pattern; /* arena: nothing to free */

struct pattern_mistake {
    size_t offset; /* in bytes */
    char text[200];
};

/* Compiles. Plain parentheses only group; named ones, (?<name>...), capture.
 * Returns NULL when the pattern is wrong or not allowed; out (may be NULL) says why and where. */
struct pattern *pattern_compile(
    struct arena *a, const char *text, size_t bytes, int flags, struct pattern_mistake *out);

/* Named groups, in order of their numbers. */
int pattern_groups(const struct pattern *p);
const char *pattern_group_name(const struct pattern *p, int index);

struct pattern_span {
    size_t from, to; /* bytes of the subject; from == to also where the group took no part */
    bool set;
};

/* Working memory of matching, to be reused for many patterns; owned by the caller. NULL when out of
 * memory. */
struct pattern_scratch *pattern_scratch_new(void);
void pattern_scratch_free(struct pattern_scratch *scratch);

/* What looks for counted patterns may cost. A step is one item of a pattern that is tried at one place, with the up to 16
 * bytes that it goes over there; a look costs PATTERN_FIND_STEPS and the bytes of its subject besides. A look that would pass what is
 * left, or most_each, is stopped.
 * left  borrowed, as long as the scratch is used; each look takes its steps off, below 0 where they did not suffice */
void pattern_scratch_budget(struct pattern_scratch *scratch, int64_t *left, int64_t most_each);

enum pattern_answer {
    PATTERN_NO,
    PATTERN_YES,
    PATTERN_STOPPED, /* a limit was reached, or memory was short: counts as no, and is to be told */
};

/* Looks for the pattern anywhere in the subject, from `start` on. Invalid UTF-8 in the subject is
 * never matched. out_whole, out_groups  filled on PATTERN_YES; may be NULL; out_groups has
 * pattern_groups(p) entries */
enum pattern_answer pattern_find(const struct pattern *p, struct pattern_scratch *scratch,
    const char *subject, size_t bytes, size_t start, struct pattern_span *out_whole,
    struct pattern_span *out_groups);

#endif
