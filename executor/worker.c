/* SPDX-License-Identifier: MIT
 * Claims, hands and sweeps: what a node's executor does between its runs. */
#include "executor/worker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/run.h"
#include "executor/token.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/id.h"
#include "lib/store/history.h"

#define CLAIM_EVERY_MS 1000
#define CLAIM_BATCH 10
#define LOOK_EVERY_MS 5000 /* whether the database says that we hold what we do not have in hand */
#define HANDS_EVERY_MS 2000
#define SWEEP_EVERY_MS 5000
#define SWEEP_BATCH 200
#define PREPARE_EVERY_MS 3600000 /* whether this and the next month have their partitions */
#define RUNS_KEPT_HOT_MS 60000

static void claim_tick(void *owner);
static void look_for_lost(struct worker *w);
static void hands_tick(void *owner);
static void sweep_tick(void *owner);
static rare_say warn_of_many;
static void on_claimed(struct worker *w, enum run_claim_kind kind, const struct pg_answer *answer, const struct error *err);

struct worker *worker_new(const struct worker_settings *settings, const struct worker_parts *parts)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        abort(); /* one at start-up */
    *w = (struct worker){.magic = WORKER_MAGIC, .settings = *settings, .parts = *parts};
    if (w->settings.claim_every_ms == 0)
        w->settings.claim_every_ms = CLAIM_EVERY_MS;
    if (w->settings.touch_known_ms == 0)
        w->settings.touch_known_ms = 15000;
    w->claim_timer = loop_timer_new(parts->loop, claim_tick, w);
    w->hands_timer = loop_timer_new(parts->loop, hands_tick, w);
    w->sweep_timer = loop_timer_new(parts->loop, sweep_tick, w);
    w->tokens = tokens_new(settings, parts);
    loop_timer_start(w->hands_timer, HANDS_EVERY_MS, HANDS_EVERY_MS);
    loop_timer_start(w->sweep_timer, SWEEP_EVERY_MS / 2, SWEEP_EVERY_MS);
    return w;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    assert(w->magic == WORKER_MAGIC);
    w->draining = true; /* nothing is taken any more */
    rare_flush(&w->warned, INT64_MAX, warn_of_many, w);
    tokens_free(w->tokens);
    w->on_empty = NULL;
    for (int i = 0; i < CLAIM_KINDS; i++)
        run_forget(w->parts.store, w->claim_ops[i]);
    run_forget(w->parts.store, w->hands_op);
    run_forget(w->parts.store, w->sweep_op);
    run_forget(w->parts.store, w->look_op);
    for (struct run *r = w->runs; r; r = r->next)
        if (r->phase != RUN_DONE)
            run_let_go(r);
    loop_timer_stop(w->hands_timer);
    loop_timer_stop(w->sweep_timer);
    while (w->runs)
        loop_turn(w->parts.loop, 100); /* SSH answers each cancelled command */
    loop_soon_cancel(w->parts.loop, w);
    loop_timer_free(w->claim_timer);
    loop_timer_free(w->hands_timer);
    loop_timer_free(w->sweep_timer);
    w->magic = 0;
    free(w);
}

void worker_counts(const struct worker *w, struct worker_counts *out)
{
    *out = w->counts;
    out->held = w->held;
}

void worker_swap(struct worker *w, const struct policies *policies)
{
    w->settings.policies = policies;
    for (struct run *r = w->runs; r; r = r->next)
        if (r->account[0]) /* loaded: its policy borrows from settings that will go */
            policy_of_service(policies, r->account, r->service_id, r->service_name, &r->policy);
}

/* --- claiming ----------------------------------------------------------------------------------------------------- */

static void on_orphans(void *owner, const struct pg_answer *answer, const struct error *err)
{
    on_claimed(owner, CLAIM_ORPHANS, answer, err);
}

static void on_waiting(void *owner, const struct pg_answer *answer, const struct error *err)
{
    on_claimed(owner, CLAIM_WAITING, answer, err);
}

static void on_expired(void *owner, const struct pg_answer *answer, const struct error *err)
{
    on_claimed(owner, CLAIM_EXPIRED, answer, err);
}

static void on_unserved(void *owner, const struct pg_answer *answer, const struct error *err)
{
    on_claimed(owner, CLAIM_UNSERVED, answer, err);
}

static bool may_claim(const struct worker *w)
{
    return !w->draining && lease_held(w->parts.lease);
}

/* Orphans may exceed the slots by half; runs out of time are only handed over and need no slot. A node without a scenario (its
 * folder was not mounted) leaves new runs to those that have some: it would tell people of each that nothing matches. */
static int most_of(const struct worker *w, enum run_claim_kind kind)
{
    bool serves = library_serves(w->parts.library);
    switch (kind) {
    case CLAIM_ORPHANS:
        return w->settings.slots + (w->settings.slots + 1) / 2 - w->held;
    case CLAIM_WAITING:
        return serves && library_stored(w->parts.library) ? w->settings.slots - w->held : 0;
    case CLAIM_UNSERVED:
        return serves ? 0 : w->settings.slots - w->held;
    default:
        return CLAIM_BATCH;
    }
}

static void claim(struct worker *w, enum run_claim_kind kind)
{
    static pg_done *const done[] = {on_orphans, on_waiting, on_expired, on_unserved};
    int most = most_of(w, kind);
    if (!may_claim(w))
        return;
    w->more[kind] = w->claiming[kind] || most <= 0;
    if (w->more[kind])
        return;
    w->claiming[kind] = true;
    w->asked[kind] = most < CLAIM_BATCH ? most : CLAIM_BATCH;
    w->claim_ops[kind] = run_claim(w->parts.store, kind, lease_incarnation(w->parts.lease),
        w->asked[kind], done[kind], w);
}

static void claim_all(struct worker *w)
{
    claim(w, CLAIM_ORPHANS);
    claim(w, CLAIM_WAITING);
    claim(w, CLAIM_UNSERVED);
    claim(w, CLAIM_EXPIRED);
}

static void schedule(struct worker *w)
{
    int64_t jitter = (int64_t)(id_random() % (uint64_t)(w->settings.claim_every_ms / 4 + 1));
    loop_timer_start(w->claim_timer, (uint64_t)(w->settings.claim_every_ms - jitter), 0);
}

static void claim_tick(void *owner)
{
    struct worker *w = owner;
    if (!fault_fails("worker.claims")) /* a test: it claims only when something wakes it */
        claim_all(w);
    look_for_lost(w);
    schedule(w);
}

static unsigned bucket_of(const char *id)
{
    unsigned bucket = 0;
    for (int i = 0; i < 3; i++)
        bucket = bucket * 16 + (unsigned)(id[i] <= '9' ? id[i] - '0' : id[i] - 'a' + 10);
    return bucket % WORKER_BUCKETS; /* whatever the database calls an id */
}

struct run **worker_bucket(struct worker *w, const char *id)
{
    return &w->by_id[bucket_of(id)];
}

struct run *worker_find(const struct worker *w, const char *id)
{
    for (struct run *r = w->by_id[bucket_of(id)]; r; r = r->alike)
        if (r->phase != RUN_DONE && strcmp(r->id, id) == 0)
            return r;
    return NULL;
}

/* row: NULL where it is to be loaded. */
static void take(struct worker *w, const struct run_held *held, const struct run_row *row, enum run_claim_kind kind)
{
    struct run *before = worker_find(w, held->id);
    if (before)
        run_dropped(before, "claimed anew");
    struct run *r = run_new(w, held, kind == CLAIM_EXPIRED);
    if (!r) {
        log_error(w->parts.log, "no memory for a claimed run; its give_up_at hands it over", LOG_S("run", held->id));
        return;
    }
    w->counts.claimed++;
    w->counts.orphans += kind == CLAIM_ORPHANS;
    w->counts.expired += kind == CLAIM_EXPIRED;
    run_begin(r, row);
}

static void on_lost_found(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct worker *w = owner;
    w->look_op = 0;
    if (err)
        return; /* looked for again */
    struct run_held held;
    for (int i = 0; run_claimed_at(answer, i, &held); i++)
        if (!worker_find(w, held.id)) {
            log_warning(w->parts.log, "a run that this node holds was not in hand; it goes on", LOG_S("run", held.id));
            take(w, &held, NULL, CLAIM_WAITING);
        }
}

static void on_held(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct worker *w = owner;
    bool was_strange = w->strange;
    w->look_op = 0;
    if (err)
        return;
    w->strange = false;
    const char *id;
    for (int i = 0; (id = run_held_at(answer, i)); i++)
        w->strange |= !worker_find(w, id);
    if (w->strange && was_strange && may_claim(w)) /* not one whose claim or ending is being answered just now */
        w->look_op = run_claim_lost(w->parts.store, lease_incarnation(w->parts.lease), on_lost_found, w);
}

/* A claim whose answer was lost may have given us runs, at once or when its parked connection commits; and an ending that
 * we dropped, because the primary showed it, may have gone with that primary. They are ours, and nobody else takes them. */
static void look_for_lost(struct worker *w)
{
    int64_t now = clock_mono_ms();
    if (now < w->look_next_mono_ms || w->look_op || !may_claim(w))
        return;
    w->look_next_mono_ms = now + LOOK_EVERY_MS;
    w->look_op = run_read_held(w->parts.store, lease_incarnation(w->parts.lease), on_held, w);
}

static void on_claimed(struct worker *w, enum run_claim_kind kind, const struct pg_answer *answer, const struct error *err)
{
    w->claiming[kind] = false;
    w->claim_ops[kind] = 0;
    if (err) {
        log_failure(LOG_WARNING, w->parts.log, "claiming runs", err);
        if (err->kind == ERROR_UNCERTAIN)
            w->look_next_mono_ms = 0;
        return;
    }
    struct run_held held[RUN_CLAIM_MAX];
    int n = run_claimed(answer, held);
    struct run_row row;
    for (int i = 0; i < n; i++)
        take(w, &held[i], run_claimed_row(answer, i, &row) ? &row : NULL, kind);
    if (n == w->asked[kind] || w->more[kind])
        claim(w, kind);
}

void worker_wake(struct worker *w)
{
    claim_all(w);
}

void worker_wake_new(struct worker *w)
{
    claim(w, CLAIM_WAITING);
}

static void claim_freed(void *owner)
{
    struct worker *w = owner;
    w->claims_soon = false;
    for (enum run_claim_kind kind = CLAIM_ORPHANS; kind < CLAIM_KINDS; kind++)
        if (w->more[kind])
            claim(w, kind);
}

/* Runs whose endings shared a commit are freed in one turn: one claim for all of their slots. */
void worker_freed(struct worker *w)
{
    if (!w->claims_soon)
        loop_soon(w->parts.loop, claim_freed, w);
    w->claims_soon = true;
    if (w->draining && w->held == 0 && w->on_empty) {
        loop_fn *fn = w->on_empty;
        w->on_empty = NULL;
        fn(w->empty_owner);
    }
}

/* --- warnings ------------------------------------------------------------------------------------------------------ */

/* Alike is what has the same reason, whichever incident it names. */
void worker_warn(struct run *r, const char *what, const char *why)
{
    const char *id = r->incident[0] ? strstr(why, r->incident) : NULL;
    char alike[RARE_TEXT_BYTES];
    (void)snprintf(alike, sizeof alike, "%.*s%s%s", id ? (int)(id - why) : 0, why, id ? "..." : "",
        id ? id + strlen(r->incident) : why); /* cut is fine */
    int64_t times = rare_times(&r->worker->warned, what, alike, clock_mono_ms());
    if (times > 0)
        log_warning(&r->log, what, LOG_S("why", why), LOG_I("times", times));
}

static void warn_of_many(void *owner, const char *what, const char *why, int64_t times)
{
    const struct worker *w = owner;
    log_warning(w->parts.log, what, LOG_S("why", why), LOG_I("times", times));
}

/* --- the lease ---------------------------------------------------------------------------------------------------- */

void worker_joined(struct worker *w)
{
    claim_all(w);
    schedule(w);
}

void worker_lost(struct worker *w)
{
    for (int i = 0; i < CLAIM_KINDS; i++) {
        run_forget(w->parts.store, w->claim_ops[i]);
        w->claiming[i] = w->more[i] = false;
        w->claim_ops[i] = 0;
    }
    run_forget(w->parts.store, w->look_op);
    w->look_op = 0;
    for (struct run *r = w->runs; r; r = r->next)
        run_dropped(r, "this incarnation is over");
}

void worker_drain(struct worker *w, loop_fn *on_empty, void *owner)
{
    w->draining = true;
    tokens_drain(w->tokens);
    w->on_empty = on_empty;
    w->empty_owner = owner;
    for (struct run *r = w->runs; r; r = r->next)
        if (r->phase == RUN_PAUSING && r->after_pause != RUN_SETTLING && r->after_pause != RUN_LOADING)
            (void)run_must_end(r); /* it waits at a boundary already */
    worker_freed(w);
}

/* --- hands -------------------------------------------------------------------------------------------------------- */

static void on_hands(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct worker *w = owner;
    w->hands_op = 0;
    if (err)
        return; /* asked again in 2 s; a recover asks for itself */
    for (int i = 0; i < run_hands_count(answer); i++) {
        struct run_hand hand;
        run_hand_at(answer, i, &hand);
        struct run *r = worker_find(w, hand.id);
        if (r)
            run_show_hands(r, &hand);
    }
}

void worker_hands(struct worker *w)
{
    if (w->held > 0 && !w->hands_op && lease_joined(w->parts.lease))
        w->hands_op = run_read_hands(w->parts.store, lease_incarnation(w->parts.lease), on_hands, w);
}

static void hands_tick(void *owner)
{
    struct worker *w = owner;
    worker_hands(w);
    rare_flush(&w->warned, clock_mono_ms(), warn_of_many, w);
}

/* --- sweeping ----------------------------------------------------------------------------------------------------- */

static void on_swept(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct worker *w = owner;
    w->sweep_op = 0;
    if (err)
        log_failure(LOG_DEBUG, w->parts.log, "moving ended runs to history", err);
    else if (history_moved(answer) >= SWEEP_BATCH)
        sweep_tick(w);
}

static void sweep(struct worker *w)
{
    w->sweep_op = history_sweep(w->parts.store, RUNS_KEPT_HOT_MS, w->settings.events_kept_ms, w->settings.keys_kept_ms,
        SWEEP_BATCH, on_swept, w);
}

static void on_prepared(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct worker *w = owner;
    (void)answer;
    w->sweep_op = 0;
    if (err)
        log_failure(LOG_DEBUG, w->parts.log, "making this and the next month's partitions", err);
    else
        w->prepare_mono_ms = clock_mono_ms() + PREPARE_EVERY_MS;
    if (!w->draining)
        sweep(w); /* without them, too: the default partition takes all rows */
}

static void sweep_tick(void *owner)
{
    struct worker *w = owner;
    if (w->sweep_op || w->draining || !lease_held(w->parts.lease))
        return;
    if (clock_mono_ms() >= w->prepare_mono_ms)
        w->sweep_op = history_prepare(w->parts.store, on_prepared, w);
    else
        sweep(w);
}
