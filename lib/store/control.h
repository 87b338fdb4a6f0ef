/* SPDX-License-Identifier: MIT
 * Stop switches: read by the transaction that would start a recover, so they hold from their commit on. */
#ifndef LIB_STORE_CONTROL_H
#define LIB_STORE_CONTROL_H

#include "lib/store/store.h"

/* scope: global, region, customer, scenario, history-lost; key "" for global and history-lost. */
uint64_t control_set(struct store *s, const char *scope, const char *key, const char *by, const char *why,
    pg_done *done, void *owner);
struct control_set_row {
    bool seen;           /* false: the switch is set, and no node of that region is known */
    const char *regions; /* borrowed from the answer; those of which there were nodes */
};
void control_set_at(const struct pg_answer *answer, struct control_set_row *out);
/* Answered with no row when it was not set. */
uint64_t control_clear(struct store *s, const char *scope, const char *key, pg_done *done, void *owner);
struct control_row {
    const char *scope, *key, *set_by, *why, *set_at; /* borrowed from the answer */
};
uint64_t control_list(struct store *s, pg_done *done, void *owner);
int control_count(const struct pg_answer *answer);
void control_at(const struct pg_answer *answer, int index, struct control_row *out);

#endif
