/* SPDX-License-Identifier: MIT
 * What the reconciler asks the database: whose turn it is, and where PagerDuty's open incidents differ from ours. What follows
 * from it is written by event.h, as for webhooks. */
#ifndef LIB_STORE_RECONCILE_H
#define LIB_STORE_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/store/store.h"

/* A work that one node does at a time: whoever asks first once it is due. */
uint64_t turn_take(struct store *s, const char *name, const char *incarnation, int64_t every_ms, pg_done *done, void *owner);
struct turn {
    int64_t round;
    char started[64]; /* by the database's clock */
};
/* false: not due, or another was faster. */
bool turn_taken(const struct pg_answer *answer, struct turn *out);
/* Added as a group's first statement: the next round is not due while this one goes on. */
void turn_add_keep(struct pg_group *group, const char *name, int64_t round, int64_t every_ms);
/* false: another has taken the next round. keep: its place in the group. */
bool turn_kept(const struct pg_answer *answer, int keep);

#define RECONCILE_GONE_RUNS 4 /* ranks of reconcile_gone's rows: it has a run that is not over, or none */
#define RECONCILE_GONE 7
/* One row a statement of reconcile_page or reconcile_gone, texts borrowed from the answer. */
struct reconcile_row {
    const char *key;
    const char *what; /* "unknown", "unopened", "reopened", "changed", "quiet", "old"; "gone" */
    int rank;         /* the lower the more urgent */
    bool quiet;       /* no webhook came lately: notes are to be read too */
    int64_t opening_wall_ms; /* of the incident as we know it; 0: unknown */
    int64_t looked_wall_ms;  /* when it was last read; 0: never */
};
/* listed: JSON as reconcile_page.sql describes. */
void reconcile_add_page(struct pg_group *group, const char *account, const char *listed, const char *oldest, int64_t grace_ms,
    int64_t quiet_ms);
void reconcile_page_row(const struct pg_answer *answer, int statement, int row, struct reconcile_row *out);
/* ids: a JSON array of all open incidents that PagerDuty listed. */
void reconcile_add_gone(struct pg_group *group, const char *account, const char *ids, const char *started, int most);
void reconcile_gone_row(const struct pg_answer *answer, int statement, int row, struct reconcile_row *out);
void reconcile_add_looked(struct pg_group *group, const char *account, const char *incident, const char *shown, bool gone);

#endif
