/* SPDX-License-Identifier: MIT
 * What matching is made of, shared by match.c, match_token.c and match_set.c. */
#ifndef EXECUTOR_MATCH_PARTS_H
#define EXECUTOR_MATCH_PARTS_H

#include "executor/match.h"
#include "executor/match_index.h"
#include "executor/pattern.h"
#include "lib/base/buf.h"

/* A scenario's texts, ready to compare. */
struct match_entry {
    const struct scenario *scenario; /* borrowed from the set */
    struct text_list keywords, phrases, not_phrases, services, priorities,
        customers; /* arena; folded */
};

struct matcher {
    const struct match_entry *entries; /* arena of the set; in order */
    int count;
    struct match_index *index;       /* owned */
    const struct pattern *token;     /* arena of the set */
    int token_keyword, token_values; /* numbers of its groups; values may be -1 */
};

/* Folds for comparing: as text_fold, and each run of white space is one blank, none at the ends.
 * Returns -1 when it does not fit. */
int match_fold(const char *text, size_t bytes, struct buf *out);

/* Makes the matcher of a set's scenarios. Mistakes (too many scenarios without a literal, a bad
 * token pattern) are added to d. NULL then. */
struct matcher *matcher_new(const struct scenario *const *scenarios, int count,
    const char *token_pattern, struct arena *a, struct diag *d);
void matcher_free(struct matcher *m); /* what the arena does not hold */

/* A keyword token of a title. */
struct match_token {
    const char *text;    /* arena; the whole token */
    const char *keyword; /* arena; as written */
    const char *folded;  /* arena */
    const char *values;  /* arena; not yet read; "" */
};

/* Finds the tokens of a title (NFKC). Returns how many, at most MATCH_TOKENS_MAX, or -1 when memory
 * is short. */
int match_tokens(const struct matcher *m, struct pattern_scratch *scratch, const char *title,
    size_t bytes, struct arena *a, struct match_token *out);
/* Reads a token's values into out->inline_values and out->token_problem. -1 when memory is short.
 */
int match_token_values(const struct match_token *token, struct arena *a, struct match_result *out);

/* Of the set: see scenario_set.c. */
const struct matcher *scenario_set_matcher(const struct scenario_set *set);

#endif
