/* SPDX-License-Identifier: MIT
 * Joining, renewing, reaping, leaving. */
#include "lib/store/lease.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/store/control.h"

struct lease {
    struct loop *loop;   /* borrowed */
    struct store *store; /* borrowed */
    struct lease_settings settings;
    struct lease_events events;
    const struct log_ctx *log; /* borrowed */
    struct loop_timer *timer;  /* owned */
    char incarnation[ID_UUID_BYTES];
    char scenario_set[ID_SHA256_BYTES];
    char inventory_set[ID_SHA256_BYTES];
    bool joined;
    bool leaving;
    char history_lost[200];  /* why; "" or the switch is set. No incarnation joins before that */
    uint64_t op;             /* the renewal in flight, 0: none */
    uint64_t reap_op;        /* likewise */
    uint64_t switch_op;      /* likewise */
    int64_t acknowledged;    /* beat */
    int64_t sent;            /* beat */
    int64_t sent_mono_ms;    /* when the renewal in flight was sent */
    int64_t held_until_mono_ms;
    int64_t answered_mono_ms; /* the last acknowledged renewal */
    int64_t steady_mono_ms;   /* renewals have had no gap since */
    loop_fn *left;
    void *left_owner; /* borrowed */
};

static void renew(struct lease *l);

static struct pg *lane(struct lease *l)
{
    return store_lane(l->store, LANE_RENEWAL);
}

static void begin_incarnation(struct lease *l)
{
    id_uuid(l->incarnation);
    l->joined = false;
    l->acknowledged = 0;
    l->sent = 0;
    l->held_until_mono_ms = 0;
    l->steady_mono_ms = INT64_MAX;
}

static void incarnation_lost(struct lease *l, const char *why)
{
    bool was_joined = l->joined;
    log_error(l->log, "this incarnation is over; its runs are dropped here and go on elsewhere",
        LOG_S("incarnation", l->incarnation), LOG_S("why", why));
    begin_incarnation(l);
    if (was_joined)
        l->events.on_lost(l->events.owner, why);
}

static void acknowledged(struct lease *l, int64_t beat)
{
    int64_t now = clock_mono_ms();
    if (l->steady_mono_ms == INT64_MAX || now - l->answered_mono_ms > (int64_t)l->settings.gap_ms)
        l->steady_mono_ms = now;
    l->acknowledged = beat;
    l->answered_mono_ms = now;
    l->held_until_mono_ms = l->sent_mono_ms + l->settings.length_ms;
}

static void on_reap(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct lease *l = owner;
    l->reap_op = 0;
    if (err) {
        if (err->kind != ERROR_UNREACHED)
            log_failure(LOG_WARNING, l->log, "looking for dead nodes", err);
        return;
    }
    for (int i = 0; i < pg_rows(answer, 0); i++)
        log_warning(l->log, "reaped a node: its lease had ended; its runs are taken over", LOG_S("reaped", pg_text(answer, 0, i, 1)),
            LOG_S("reaped_region", pg_text(answer, 0, i, 2)), LOG_S("incarnation", pg_text(answer, 0, i, 0)),
            LOG_I("ended_ms_ago", pg_int(answer, 0, i, 3)), LOG_I("runs", pg_int(answer, 0, i, 4)));
    if (pg_rows(answer, 0) > 0)
        l->events.on_reaped(l->events.owner, pg_rows(answer, 0));
}

/* Only a worker whose own renewals were steady may call another dead: neither a promotion, a stalled standby nor a
 * skewed clock makes live workers look dead to it. */
static void reap_if_steady(struct lease *l)
{
    if (l->reap_op || l->leaving || l->steady_mono_ms == INT64_MAX)
        return;
    bool eager = fault_twin("reap-at-once");
    if (clock_mono_ms() - l->steady_mono_ms < (int64_t)l->settings.length_ms && !eager)
        return;
    int64_t gap_ms = eager ? INT32_MAX : (int64_t)l->settings.gap_ms;
    struct pg_value values[] = {pg_from_text(l->incarnation), PG_INT(gap_ms)};
    l->reap_op = pg_query(lane(l), "node_reap", values, 2, l->settings.length_ms, on_reap, l);
}

/* --- lost history ------------------------------------------------------------------------------------------------- */

static void on_switch_set(void *owner, const struct pg_answer *answer, const struct error *err)
{
    (void)answer;
    struct lease *l = owner;
    l->switch_op = 0;
    if (err) {
        log_failure(LOG_ERROR, l->log, "the stop switch history-lost is not set yet; this node does nothing until it is", err);
        return; /* the timer comes again */
    }
    log_error(l->log, "the stop switch history-lost is set: no recover starts anywhere until a person releases it");
    l->history_lost[0] = '\0';
    renew(l);
}

static void set_switch(struct lease *l)
{
    if (!l->switch_op)
        l->switch_op = control_set(l->store, "history-lost", "", l->settings.name, l->history_lost, on_switch_set, l);
}

static void history_lost(struct lease *l, bool known, int64_t was)
{
    if (known)
        (void)snprintf(l->history_lost, sizeof l->history_lost, "the database acknowledged beat %" PRId64 " of %s and now holds %" PRId64,
            l->acknowledged, l->settings.name, was);
    else
        (void)snprintf(l->history_lost, sizeof l->history_lost, "the database acknowledged beat %" PRId64 " of %s and now does not know it",
            l->acknowledged, l->settings.name);
    l->events.on_history_lost(l->events.owner, l->history_lost);
    incarnation_lost(l, l->history_lost);
}

/* --- renewing ----------------------------------------------------------------------------------------------------- */

static void on_renewed(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct lease *l = owner;
    l->op = 0;
    if (fault_fails("lease.answered"))
        return; /* as if the answer had been lost, without the loss of the connection */
    if (err) {
        log_failure(LOG_WARNING, l->log, "the lease was not renewed", err);
        return; /* the beat may have been counted: the next renewal accepts both */
    }
    bool renewed = !pg_is_null(answer, 0, 0, 0);
    bool known = !pg_is_null(answer, 0, 0, 1);
    int64_t was = pg_int(answer, 0, 0, 1);
    if (renewed) {
        acknowledged(l, pg_int(answer, 0, 0, 0));
        reap_if_steady(l);
        if (clock_mono_ms() - l->sent_mono_ms >= (int64_t)l->settings.renew_ms)
            renew(l); /* a late answer: waiting for the next tick would make a second gap */
        return;
    }
    if (!known || was < l->acknowledged)
        history_lost(l, known, was);
    else
        incarnation_lost(l, pg_bool(answer, 0, 0, 2) ? "another node marked it dead" : "another process renewed it");
    renew(l);
}

static void on_joined(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct lease *l = owner;
    l->op = 0;
    if (err) {
        log_failure(LOG_WARNING, l->log, "joining", err);
        return;
    }
    if (pg_rows(answer, 0) == 0) {
        begin_incarnation(l);
        renew(l);
        return;
    }
    l->sent = pg_int(answer, 0, 0, 0);
    acknowledged(l, l->sent);
    l->joined = true;
    log_info(l->log, "joined", LOG_S("incarnation", l->incarnation));
    l->events.on_joined(l->events.owner);
}

static void join(struct lease *l)
{
    struct pg_value values[] = {pg_from_text(l->incarnation), pg_from_text(l->settings.name),
        pg_from_text(l->settings.region), pg_from_text(l->settings.roles), pg_from_text(l->settings.version),
        PG_INT(l->settings.slots), PG_INT((int64_t)l->settings.length_ms), pg_from_text(l->scenario_set),
        pg_from_text(l->inventory_set)};
    l->op = pg_query(lane(l), "node_join", values, 9, l->settings.length_ms, on_joined, l);
}

static void renew(struct lease *l)
{
    if (l->op || l->leaving)
        return;
    if (l->history_lost[0]) {
        set_switch(l);
        return;
    }
    l->sent_mono_ms = clock_mono_ms();
    if (!l->joined) {
        join(l);
        return;
    }
    int64_t beat = l->sent + 1;
    struct pg_value values[] = {pg_from_text(l->incarnation), PG_INT(l->acknowledged), PG_INT(l->sent), PG_INT(beat),
        pg_from_text(l->scenario_set), pg_from_text(l->inventory_set)};
    l->sent = beat;
    l->op = pg_query(lane(l), "node_renew", values, 6, l->settings.length_ms, on_renewed, l);
}

static void on_timer(void *owner)
{
    renew(owner);
}

struct lease *lease_new(struct loop *loop, struct store *store, const struct lease_settings *settings,
    const struct lease_events *events, const struct log_ctx *log)
{
    assert(settings->renew_ms > 0 && settings->length_ms > settings->renew_ms);
    struct lease *l = calloc(1, sizeof *l);
    if (!l)
        abort(); /* one at start-up */
    *l = (struct lease){.loop = loop, .store = store, .settings = *settings, .events = *events, .log = log};
    begin_incarnation(l);
    l->timer = loop_timer_new(loop, on_timer, l);
    loop_timer_start(l->timer, 0, settings->renew_ms);
    return l;
}

void lease_free(struct lease *l)
{
    if (!l)
        return;
    pg_forget(lane(l), l->op);
    pg_forget(lane(l), l->reap_op);
    pg_forget(store_lane(l->store, LANE_WORK), l->switch_op);
    loop_timer_free(l->timer);
    free(l);
}

const char *lease_incarnation(const struct lease *l)
{
    return l->incarnation;
}

bool lease_joined(const struct lease *l)
{
    return l->joined;
}

int64_t lease_beat(const struct lease *l)
{
    return l->acknowledged;
}

int64_t lease_left_ms(const struct lease *l)
{
    int64_t left = l->held_until_mono_ms - clock_mono_ms();
    return l->joined && left > 0 ? left : 0;
}

bool lease_held(const struct lease *l)
{
    return lease_left_ms(l) > 0 || (l->joined && fault_twin("no-own-lease"));
}

void lease_show_sets(struct lease *l, const char *scenario_set, const char *inventory_set)
{
    (void)snprintf(l->scenario_set, sizeof l->scenario_set, "%s", scenario_set);
    (void)snprintf(l->inventory_set, sizeof l->inventory_set, "%s", inventory_set);
}

static void on_left(void *owner, const struct pg_answer *answer, const struct error *err)
{
    (void)answer;
    struct lease *l = owner;
    l->op = 0;
    if (err)
        log_failure(LOG_WARNING, l->log, "leaving; the lease will run out by itself", err);
    l->left(l->left_owner);
}

void lease_leave(struct lease *l, loop_fn *done, void *owner)
{
    l->leaving = true;
    loop_timer_stop(l->timer);
    pg_forget(lane(l), l->op);
    l->left = done;
    l->left_owner = owner;
    struct pg_value values[] = {pg_from_text(l->incarnation)};
    l->op = pg_query(lane(l), "node_leave", values, 1, l->settings.renew_ms, on_left, l);
}
