/* SPDX-License-Identifier: MIT
 * What reconciler.c (rounds), reconciler_page.c (open incidents, page by page), reconciler_hooks.c (subscriptions) and
 * reconciler_look.c (single incidents) share. For those only. */
#ifndef COORDINATOR_RECONCILER_INSIDE_H
#define COORDINATOR_RECONCILER_INSIDE_H

#include <jansson.h>

#include "coordinator/pagerduty.h"
#include "coordinator/reconciler.h"
#include "coordinator/record.h"
#include "lib/base/arena.h"
#include "lib/base/limits.h"
#include "lib/store/reconcile.h"

/* An incident that is to be read. */
struct look {
    char key[PAGERDUTY_ID_BYTES_MAX + 1];
    char what[16];
    int rank;
    bool quiet;
    int64_t opening_wall_ms, looked_wall_ms;
    json_t *incident; /* owned: as listed; NULL: to be read */
};

/* What a webhook subscription announces. */
struct scope {
    char type[32], id[PAGERDUTY_ID_BYTES_MAX + 1];
};

struct opened; /* events under way to the database */

/* One account's round. */
struct watch {
    struct reconciler *r; /* borrowed: it holds us */
    char account[128], turn_name[160];
    bool busy;
    struct turn turn;
    int64_t started_mono_ms;
    size_t offset;        /* of the next page */
    bool more;            /* the page under way is not the last */
    json_t *ids, *page;   /* owned: all that was listed; the page that is compared */
    struct scope scopes[RECONCILER_SCOPES_MAX];
    int scopes_count;
    bool scopes_known;
    int hook;             /* the subscription that is being enabled */
    json_t *hooks;        /* owned: ids of those that must be */
    struct look *looks;   /* owned */
    int looks_count, look;
    json_t *entries, *notes; /* owned: of the look */
    bool entries_cut;        /* the log goes further back */
    bool afresh;             /* the incident was read behind the log, which has the resolve of the opening that we know */
    bool gone;               /* of the look: PagerDuty has no such incident */
    struct opened *opened;   /* owned */
    void (*then)(struct watch *w);
    uint64_t budget_id, request, op;
    struct watch *next; /* owned */
};

struct reconciler {
    struct loop *loop;     /* borrowed, as all here */
    struct store *store;
    struct lease *lease;
    struct budget *budget;
    struct reconciler_settings settings;
    struct reconciler_events events;
    const struct log_ctx *log;
    struct loop_timer *timer; /* owned */
    struct watch *watches;    /* owned */
    struct reconciler_counts counts;
};

/* The account as configured now; NULL: no more. */
const struct writer_account *watch_account(const struct watch *w);
/* then(w) when one request may be sent, in a later turn. */
void watch_ask(struct watch *w, void (*then)(struct watch *w));
/* Ends the round before its end. result: PagerDuty's answer, or NULL with err. */
void watch_failed(struct watch *w, const struct pagerduty_result *result, const struct error *err);
void watch_end(struct watch *w);
bool watch_time_left(const struct watch *w);
/* A group that begins by keeping the turn; watch_lost: the turn is another's, and the round has ended. */
struct pg_group *watch_group(struct watch *w);
bool watch_lost(struct watch *w, const struct pg_answer *answer, const struct error *err);

/* The round's parts, in the order they are lived; each calls the next. */
void hooks_begin(struct watch *w);
void pages_begin(struct watch *w);
void looks_begin(struct watch *w);

bool hooks_announce(const struct watch *w, const struct pagerduty_incident *i);
void look_add(struct watch *w, const struct reconcile_row *row, json_t *incident);
void looks_clear(struct watch *w);

/* "2026-...|triggered|P1,P2|...": begins with the last change of status. Appends. */
void found_fingerprint(const struct pagerduty_incident *i, struct buf *out);

/* Events that were found, on their way. */
struct opened *opened_new(void);
void opened_free(struct opened *o); /* NULL is fine */
/* type: as webhook_of_incident. record: whether an event row is kept of it. */
void opened_add_incident(struct watch *w, const struct pagerduty_incident *i, const char *type);
void opened_add_event(struct watch *w, const struct webhook_event *event, const json_t *body);
struct arena *opened_arena(struct opened *o);
int opened_count(const struct opened *o);
void opened_fill(struct opened *o, struct pg_group *group);
/* After the commit: counts, logs, wakes. Frees w->opened. */
void opened_told(struct watch *w, const struct pg_answer *answer);

#endif
