/* SPDX-License-Identifier: MIT
 * Rounds: whose turn it is, the budget, beginning and end. */
#include "coordinator/reconciler_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

#define CHECKS 6 /* how often in a period a node looks whether a round is due: a dead holder costs that much more */
#define CHECK_LEAST_MS 100

static void tick(void *owner);

static void start_timer(struct reconciler *r)
{
    int64_t every = r->settings.every_ms / CHECKS;
    uint64_t ms = (uint64_t)(every > CHECK_LEAST_MS ? every : CHECK_LEAST_MS);
    loop_timer_start(r->timer, ms, ms);
}

struct reconciler *reconciler_new(struct loop *loop, struct store *store, struct lease *lease, struct budget *budget,
    const struct reconciler_settings *settings, const struct reconciler_events *events, const struct log_ctx *log)
{
    struct reconciler *r = calloc(1, sizeof *r);
    if (!r)
        abort(); /* one at start-up */
    *r = (struct reconciler){.loop = loop, .store = store, .lease = lease, .budget = budget, .settings = *settings,
        .events = *events, .log = log};
    r->timer = loop_timer_new(loop, tick, r);
    start_timer(r);
    return r;
}

void reconciler_swap(struct reconciler *r, const struct reconciler_settings *settings)
{
    r->settings = *settings;
    start_timer(r);
}

void reconciler_counts(const struct reconciler *r, struct reconciler_counts *out)
{
    *out = r->counts;
}

static void watch_clear(struct watch *w)
{
    json_decref(w->ids);
    json_decref(w->page);
    json_decref(w->hooks);
    w->ids = w->page = w->hooks = NULL;
    looks_clear(w);
    opened_free(w->opened);
    w->opened = NULL;
}

void reconciler_free(struct reconciler *r)
{
    if (!r)
        return;
    while (r->watches) {
        struct watch *w = r->watches;
        r->watches = w->next;
        budget_forget(r->budget, w->budget_id);
        loop_soon_cancel(r->loop, w);
        pg_forget(store_lane(r->store, LANE_WORK), w->op);
        watch_clear(w);
        free(w->looks);
        free(w);
    }
    loop_timer_free(r->timer);
    free(r);
}

/* --- a round ------------------------------------------------------------------------------------------------------ */

const struct writer_account *watch_account(const struct watch *w)
{
    const struct reconciler_settings *s = &w->r->settings;
    for (int i = 0; i < s->accounts_count; i++)
        if (s->accounts[i].client && strcmp(s->accounts[i].name, w->account) == 0)
            return &s->accounts[i];
    return NULL;
}

bool watch_time_left(const struct watch *w)
{
    return clock_mono_ms() - w->started_mono_ms < w->r->settings.every_ms;
}

static void on_granted(void *owner)
{
    struct watch *w = owner;
    w->budget_id = 0;
    if (watch_account(w) && lease_held(w->r->lease))
        w->then(w);
    else
        watch_failed(w, NULL, NULL);
}

void watch_ask(struct watch *w, void (*then)(struct watch *w))
{
    w->then = then;
    w->budget_id = budget_ask(w->r->budget, w->account, BUDGET_RECONCILE, on_granted, w);
}

struct pg_group *watch_group(struct watch *w)
{
    struct pg_group *group = pg_group_new(store_lane(w->r->store, LANE_WORK));
    turn_add_keep(group, w->turn_name, w->turn.round, w->r->settings.every_ms);
    return group;
}

bool watch_lost(struct watch *w, const struct pg_answer *answer, const struct error *err)
{
    w->op = 0;
    if (err) {
        watch_failed(w, NULL, err);
        return true;
    }
    if (turn_kept(answer, 0))
        return false;
    log_info(w->r->log, "another node has taken over reconciling", LOG_S("account", w->account));
    watch_failed(w, NULL, NULL);
    return true;
}

void watch_failed(struct watch *w, const struct pagerduty_result *result, const struct error *err)
{
    const struct error *why = result ? &result->err : err;
    w->r->counts.failed++;
    if (why)
        log_failure(LOG_WARNING, w->r->log, "PagerDuty's incidents could not be compared with ours; again in the next round", why);
    if (result && result->class == PAGERDUTY_CONFIG)
        w->r->events.on_alarm(w->r->events.owner, w->account, "the reconciler may not ask PagerDuty", result->err.text);
    watch_clear(w);
    w->busy = false;
}

void watch_end(struct watch *w)
{
    w->r->counts.last_mono_ms = clock_mono_ms();
    log_debug(w->r->log, "reconciled", LOG_S("account", w->account), LOG_I("open", (int64_t)json_array_size(w->ids)),
        LOG_I("read", w->look), LOG_I("took_ms", clock_mono_ms() - w->started_mono_ms));
    watch_clear(w);
    w->busy = false;
}

/* --- whose turn --------------------------------------------------------------------------------------------------- */

static void on_turn(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct watch *w = owner;
    w->op = 0;
    if (err || !turn_taken(answer, &w->turn)) { /* the lane logs its own trouble */
        w->busy = false;
        return;
    }
    w->r->counts.rounds++;
    w->started_mono_ms = clock_mono_ms();
    w->offset = 0;
    w->ids = json_array();
    hooks_begin(w);
}

static struct watch *find_watch(struct reconciler *r, const char *account)
{
    for (struct watch *w = r->watches; w; w = w->next)
        if (strcmp(w->account, account) == 0)
            return w;
    struct watch *w = calloc(1, sizeof *w);
    struct look *looks = calloc(RECONCILER_LOOKS_MAX, sizeof *looks);
    if (!w || !looks)
        abort(); /* one an account */
    *w = (struct watch){.r = r, .looks = looks, .next = r->watches};
    (void)snprintf(w->account, sizeof w->account, "%s", account);
    (void)snprintf(w->turn_name, sizeof w->turn_name, "reconcile %s", account);
    r->watches = w;
    return w;
}

static void tick(void *owner)
{
    struct reconciler *r = owner;
    for (int i = 0; lease_held(r->lease) && i < r->settings.accounts_count; i++) {
        struct watch *w = find_watch(r, r->settings.accounts[i].name);
        if (w->busy || !r->settings.accounts[i].client)
            continue;
        w->busy = true;
        w->op = turn_take(r->store, w->turn_name, lease_incarnation(r->lease), r->settings.every_ms, on_turn, w);
    }
}
