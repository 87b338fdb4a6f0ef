/* SPDX-License-Identifier: MIT
 * Which scenario an incident's title takes: by keyword token, phrases and patterns, in the set's
 * order, first match wins. Titles and what they are compared with are both NFKC and case folded;
 * named groups and inline values keep their upper and lower case. Pure. The work on one title is
 * counted in steps and limited, whatever the title and the scenarios are. */
#ifndef EXECUTOR_MATCH_H
#define EXECUTOR_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "executor/scenario_set.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

/* A bracketed token: "[AMS:disk-full mount=/var note=\"two words\"]". A pattern of one's own must
 * have the named group `keyword` and may have `values`, which is read as key=value pairs. */
#define MATCH_TOKEN_DEFAULT                                                                        \
    "\\[[A-Z][A-Z0-9]{0,15}:\\s*(?<keyword>[^\\s\\]\"=]{1,64})(?<values>(?:[^\\]\"]++|\"[^\"]*+"   \
    "\")*+)\\]"

/* What is known of an incident. All borrowed; NULL where unknown. */
struct match_subject {
    const char *title; /* any bytes up to its NUL; cut at MATCH_TITLE_CHARS_MAX */
    const char *service_id;
    const char *service_name;
    const char *priority;
    const char *customer;
};

struct match_pair {
    const char *name; /* arena */
    const char *text; /* arena; valid UTF-8, NFKC, not folded */
};

enum match_how { MATCHED_NOT, MATCHED_KEYWORD, MATCHED_PHRASE, MATCHED_PATTERN };

struct match_result {
    const struct scenario *scenario; /* borrowed from the set; NULL: none matches */
    enum match_how how;
    const char *what;  /* arena; the keyword, phrase or pattern that matched; NULL */
    const char *token; /* arena; the whole token: "[AMS:disk-full mount=/var]"; NULL */
    const struct match_pair *inline_values; /* arena; of that token */
    int inline_count;
    const struct match_pair *groups; /* arena; named groups of the pattern that matched */
    int groups_count;
    const char
        *token_problem; /* arena; why the token's values could not all be read, NULL: they could */
    const char
        *keyword_seen;    /* arena; the first keyword token of the title, matched or not; NULL */
    int patterns_stopped; /* patterns that ran into their limits and count as not matching */
    int64_t steps;        /* the work it took; match_title only */
};

/* Finds the scenario. Everything in out lives in the arena or the set.
 * Errors: LIMIT (memory; or more than MATCH_STEPS_MAX steps would be needed: then which scenario is the first cannot be told, and
 * out->scenario is NULL). No match is not an error: out->scenario is NULL. */
int match_title(const struct scenario_set *set, const struct match_subject *subject,
    struct arena *a, struct match_result *out, struct error *err) MUST_USE;

/* As match_title, and with the same answer or error, slowly: calls back for each scenario in order up to and with the one that is
 * taken, with the reason in words ("its keyword disk-full is not in the title"). */
typedef void match_told(
    void *owner, const struct scenario *scenario, bool taken, const char *reason);
int match_explain(const struct scenario_set *set, const struct match_subject *subject,
    struct arena *a, match_told *told, void *owner, struct match_result *out,
    struct error *err) MUST_USE;

/* The inline value of a name, or NULL. */
const char *match_inline(const struct match_result *m, const char *name);
const char *match_group(const struct match_result *m, const char *name);

#endif
