/* SPDX-License-Identifier: MIT
 * What the database counts for GET /metrics. */
#ifndef LIB_STORE_METRICS_H
#define LIB_STORE_METRICS_H

#include "lib/store/store.h"

uint64_t metrics_count(struct store *s, unsigned timeout_ms, pg_done *done, void *owner);

struct metrics_row {
    const char *what; /* "run", "write", "budget"; texts borrowed from the answer */
    const char *name; /* a state, or a use */
    const char *of;   /* the account of a budget; else "" */
    const char *n;    /* as the database writes it */
};
int metrics_rows(const struct pg_answer *answer);
void metrics_row_at(const struct pg_answer *answer, int index, struct metrics_row *out);

#endif
