/* SPDX-License-Identifier: MIT
 * Runs as people read them, hot and history alike. */
#ifndef LIB_STORE_REPORT_H
#define LIB_STORE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/store/store.h"

struct report_run {
    const char *id, *account, *incident, *customer, *title, *state, *scenario, *host, *ending, *reason, *created_at, *holder;
    int64_t took_ms; /* all texts borrowed from the answer */
};
uint64_t report_runs(struct store *s, int most, bool only_open, pg_done *done, void *owner);
/* By the beginning of a run's id, or an incident's. */
uint64_t report_run(struct store *s, const char *id, pg_done *done, void *owner);
int report_count(const struct pg_answer *answer);
void report_run_at(const struct pg_answer *answer, int index, struct report_run *out);

struct report_decision {
    const char *at, *kind, *text;
    int64_t epoch;
};
uint64_t report_decisions(struct store *s, const char *run, pg_done *done, void *owner);
void report_decision_at(const struct pg_answer *answer, int index, struct report_decision *out);

#endif
