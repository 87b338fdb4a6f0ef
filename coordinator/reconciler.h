/* SPDX-License-Identifier: MIT
 * The reconciler: compares PagerDuty's open incidents with ours, for each account on whichever node asks first when a round is
 * due. Opens runs for incidents that no webhook announced, applies the hands that no webhook told of, by the same table and
 * the same statements as for webhooks, and enables webhook subscriptions that PagerDuty has disabled (docs/intake.md). */
#ifndef COORDINATOR_RECONCILER_H
#define COORDINATOR_RECONCILER_H

#include "coordinator/budget.h"
#include "coordinator/intake.h"
#include "coordinator/writer.h"
#include "lib/store/lease.h"

struct reconciler;

struct reconciler_settings {
    const char *region;
    int64_t every_ms;                      /* from round to round */
    const struct writer_account *accounts; /* borrowed until reconciler_swap, as all here */
    int accounts_count;
    const struct intake_subscription *subscriptions;
    int subscriptions_count;
    const struct policies *policies;
};

struct reconciler_events {
    void (*on_runs)(void *owner);  /* runs were opened: claim now */
    void (*on_hands)(void *owner); /* somebody's hand was stored: runs should look */
    void (*on_alarm)(void *owner, const char *account, const char *what, const char *about); /* a person must know */
    void *owner;
};

struct reconciler *reconciler_new(struct loop *loop, struct store *store, struct lease *lease, struct budget *budget,
    const struct reconciler_settings *settings, const struct reconciler_events *events, const struct log_ctx *log);
/* After the clients of its accounts were freed: their last answers come here. */
void reconciler_free(struct reconciler *r);
void reconciler_swap(struct reconciler *r, const struct reconciler_settings *settings);

/* Of this node. */
struct reconciler_counts {
    uint64_t rounds, failed; /* begun; and of these, not brought to their end */
    uint64_t runs;           /* opened for what no webhook announced */
    uint64_t hands;          /* that no webhook had told of */
    uint64_t enabled;        /* subscriptions */
    int64_t last_mono_ms;    /* the end of the last whole round; 0: none yet */
};
void reconciler_counts(const struct reconciler *r, struct reconciler_counts *out);

#endif
