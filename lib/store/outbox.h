/* SPDX-License-Identifier: MIT
 * The outbox: what is to be written to the outside, queued in the transaction that decided it. One sender an incident,
 * in order (docs/outbox.md). */
#ifndef LIB_STORE_OUTBOX_H
#define LIB_STORE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/store/store.h"

/* Becomes the sender of incidents with something due. */
/* active: the incidents this worker sends for already. */
uint64_t outbox_claim(struct store *s, const char *incarnation, int most, const int64_t *active, int active_count,
    pg_done *done, void *owner);
struct outbox_held {
    int64_t incident;
    int64_t send_epoch;
};
int outbox_claimed(const struct pg_answer *answer, struct outbox_held *out, int max);

/* How a row that was sent is settled. Static words of the table's check. */
#define OUTBOX_SENT "sent"
#define OUTBOX_DROPPED "dropped" /* its condition no longer held: a person changed the incident */
#define OUTBOX_FAILED "failed"   /* can never be delivered: alarmed, shown */
#define OUTBOX_AGAIN "waiting"   /* surely not done: send again after wait_ms */
#define OUTBOX_UNKNOWN "unknown" /* may have been done: look before sending again, after wait_ms */
struct outbox_settle {
    int64_t id; /* 0: nothing to settle */
    const char *state;
    const char *remote; /* NULL: none */
    const char *error;  /* NULL: none */
    int64_t wait_ms;
    int notes;        /* how many the incident has now; -1: not known */
    int mended;       /* doubled notes that were deleted */
    const char *more; /* a row to queue, as JSON (outbox_next.sql); NULL: none */
};
/* Settles one row and takes the incident's next, in one transaction; where there is none, stops being the sender. */
uint64_t outbox_next(struct store *s, const struct outbox_held *held, const char *incarnation,
    const struct outbox_settle *settle, pg_done *done, void *owner);
struct outbox_row {
    int64_t id;
    const char *channel, *account, *target, *run, *kind, *body, *about, *marker; /* borrowed from the answer */
    int tries;
    bool unknown; /* an earlier sender may have sent it */
    int64_t claimed_ms_ago;
    int64_t idle_ms; /* since another row of the incident was claimed; -1: never */
    int notes;       /* that the incident has; -1: not known */
    int64_t age_ms;  /* of the incident */
    bool reopened; /* the incident, since the row was queued */
    bool touched;  /* a person took it over */
    int64_t given_back_wall_ms; /* when a person last gave it back, as of the last claim anew; 0: never */
    const char *opening;
    bool doubted;  /* a row of the incident was sent again after doubt */
};
/* false: nothing left, not due yet, or another goes first: the incident has no sender now; or another is it. */
bool outbox_row(const struct pg_answer *answer, struct outbox_row *out);
/* Claims the row under way anew. */
uint64_t outbox_claim_again(struct store *s, const struct outbox_held *held, const char *incarnation, int64_t id,
    pg_done *done, void *owner);
/* Brings what the incident may have become into the row. false: no longer the sender. */
bool outbox_row_renew(const struct pg_answer *answer, struct outbox_row *row);

/* Takes requests from the budget that all nodes share, none where fewer than `least` are there. use: "reconcile", "read" or
 * "write". Answered by got and wait_ms (until more may be there, where less was got than wanted). */
uint64_t outbox_budget_take(struct store *s, const char *account, const char *use, int wanted, int least,
    int most_a_minute, pg_done *done, void *owner);

#endif
