/* SPDX-License-Identifier: MIT
 * This worker process in the table `node`: one row, renewed every `renew_ms`, whose lease lasts `length_ms` by the
 * database's clock. A run is held by (incarnation, epoch), so a thousand runs cost one renewal (docs/lease.md).
 *
 * What this promises the rest:
 *   - lease_held(): our own count, from before the last renewal was sent, on a clock that runs through suspend. When it
 *     says no, nothing with an effect may be started.
 *   - on_lost: this incarnation is over (reaped, or its row is gone). Everything is to be dropped; a new incarnation joins
 *     by itself.
 *   - reaping of others only after our own renewals had no gap over `gap_ms` for one whole lease.
 *   - a database that has forgotten an acknowledged renewal: on_history_lost, and no new incarnation joins before the stop
 *     switch `history-lost` is set. */
#ifndef LIB_STORE_LEASE_H
#define LIB_STORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/store/store.h"

struct lease;

struct lease_settings {
    const char *name;   /* borrowed, outlives the lease; the node's name */
    const char *region; /* borrowed, likewise */
    const char *roles;  /* borrowed; "{coordinator,executor}" */
    const char *version;
    int slots;
    unsigned renew_ms;  /* 2000 */
    unsigned length_ms; /* 6000 */
    unsigned gap_ms;    /* 3000 */
};

struct lease_events {
    void (*on_joined)(void *owner);                        /* the row is there; claims may begin */
    void (*on_lost)(void *owner, const char *why);         /* drop everything that this incarnation held */
    void (*on_reaped)(void *owner, int nodes);             /* others died: their runs can be taken */
    void (*on_history_lost)(void *owner, const char *why); /* for an alarm: the switch is set by the lease itself */
    void *owner; /* borrowed */
};

struct lease *lease_new(struct loop *loop, struct store *store, const struct lease_settings *settings,
    const struct lease_events *events, const struct log_ctx *log);
void lease_free(struct lease *l);

/* The present incarnation; changes in on_lost. Borrowed until then. */
const char *lease_incarnation(const struct lease *l);
bool lease_joined(const struct lease *l);
/* Whether something with an effect may be started now. */
bool lease_held(const struct lease *l);
/* The last renewal that the database acknowledged. */
int64_t lease_beat(const struct lease *l);
/* Milliseconds until lease_held() says no. */
int64_t lease_left_ms(const struct lease *l);
/* The content hashes shown in the row; copied. */
void lease_show_sets(struct lease *l, const char *scenario_set, const char *inventory_set);
/* A planned stop: marks the row dead, then calls done. Renewals stop at once. */
void lease_leave(struct lease *l, loop_fn *done, void *owner);

#endif
