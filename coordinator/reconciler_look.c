/* SPDX-License-Identifier: MIT
 * Looking at single incidents: what they are now, who did what to them, and what people noted on them. As many as the round's
 * time and the budget allow, the most urgent first. */
#include "coordinator/reconciler_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/pagerduty_parse.h"
#include "lib/base/clock.h"

static void look_next(struct watch *w);
static void read_incident(struct watch *w);

static void forget_read(struct watch *w)
{
    json_decref(w->entries);
    json_decref(w->notes);
    w->entries = w->notes = NULL;
    w->gone = w->afresh = w->entries_cut = false;
}

void looks_clear(struct watch *w)
{
    forget_read(w);
    for (int i = 0; i < w->looks_count; i++)
        json_decref(w->looks[i].incident);
    w->looks_count = w->look = 0;
}

void look_add(struct watch *w, const struct reconcile_row *row, json_t *incident)
{
    if (w->looks_count == RECONCILER_LOOKS_MAX)
        return; /* the next round finds it again */
    struct look *l = &w->looks[w->looks_count++];
    *l = (struct look){.rank = row->rank, .quiet = row->quiet, .opening_wall_ms = row->opening_wall_ms,
        .looked_wall_ms = row->looked_wall_ms};
    (void)snprintf(l->key, sizeof l->key, "%s", row->key);
    (void)snprintf(l->what, sizeof l->what, "%s", row->what);
    l->incident = json_incref(incident);
}

static bool believed_resolved(const struct look *l)
{
    return strcmp(l->what, "reopened") == 0;
}

/* --- writing what was read ---------------------------------------------------------------------------------------- */

static void on_written(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct watch *w = owner;
    if (watch_lost(w, answer, err))
        return;
    opened_told(w, answer);
    w->look++;
    look_next(w);
}

/* Whether the log holds a resolve of the opening that we know. Its times are whole seconds: where we know of a resolve, one of
 * the opening's own second is it. */
static bool was_resolved(const struct watch *w, const struct look *l)
{
    int64_t after = believed_resolved(l) ? l->opening_wall_ms / 1000 * 1000 - 1 : l->opening_wall_ms;
    for (size_t i = 0; i < json_array_size(w->entries); i++) {
        struct pagerduty_entry e;
        int64_t at;
        if (pagerduty_parse_entry(json_array_get(w->entries, i), &e) && strncmp(e.type, "resolve_log_entry", 17) == 0 &&
            clock_wall_parse(e.created_at, &at) == 0 && at > after)
            return true;
    }
    return believed_resolved(l) && w->entries_cut; /* it may be further back than the log was read */
}

static bool is_open(const struct pagerduty_incident *incident)
{
    return strcmp(incident->status, "resolved") != 0;
}

/* Returns when the present opening began. */
static int64_t add_state(struct watch *w, const struct look *l, const struct pagerduty_incident *incident)
{
    bool reopened = w->afresh && is_open(incident);
    opened_add_incident(w, incident, reopened ? "incident.reopened" : NULL);
    const char *began = reopened ? incident->last_status_change_at : incident->created_at;
    int64_t at = l->opening_wall_ms;
    if ((reopened || at == 0) && began)
        (void)clock_wall_parse(began, &at); /* it was parsed before */
    return at;
}

/* Oldest first; the log comes newest first. */
static void add_hands(struct watch *w, const struct look *l, const struct pagerduty_incident *incident, int64_t opening_wall_ms)
{
    const char *const *bots = watch_account(w) ? watch_account(w)->bots : NULL;
    struct arena *a = opened_arena(w->opened);
    struct webhook_log log = {.key = l->key, .incident = incident, .bots = bots, .opening_wall_ms = opening_wall_ms};
    struct webhook_event event;
    for (size_t i = json_array_size(w->entries); i-- > 0;) {
        struct pagerduty_entry e;
        if (pagerduty_parse_entry(json_array_get(w->entries, i), &e) && webhook_of_log(a, &log, &e, &event))
            opened_add_event(w, &event, e.json);
    }
    for (size_t i = 0; i < json_array_size(w->notes); i++) {
        struct pagerduty_note n;
        if (pagerduty_parse_note(json_array_get(w->notes, i), &n) && webhook_of_note(a, l->key, &n, bots, &event) &&
            event.occurred_wall_ms >= opening_wall_ms)
            opened_add_event(w, &event, n.json);
    }
}

static void write_look(struct watch *w)
{
    struct look *l = &w->looks[w->look];
    struct buf shown;
    buf_init(&shown, 1024);
    struct pagerduty_incident incident;
    bool have = !w->gone && pagerduty_parse_incident(l->incident, &incident);
    w->opened = opened_new();
    if (have) {
        found_fingerprint(&incident, &shown);
        add_hands(w, l, &incident, add_state(w, l, &incident));
    }
    struct pg_group *group = watch_group(w);
    opened_fill(w->opened, group);
    reconcile_add_looked(group, w->account, l->key, buf_text(&shown), w->gone);
    buf_done(&shown);
    w->op = pg_group_send(group, 0, on_written, w);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* true: not read. What PagerDuty refuses about one incident must not keep the others waiting. */
static bool unread(struct watch *w, const struct pagerduty_result *result)
{
    w->request = 0;
    if (result->class == PAGERDUTY_DONE)
        return false;
    if (result->class != PAGERDUTY_NEVER) {
        watch_failed(w, result, NULL);
        return true;
    }
    log_failure(LOG_WARNING, w->r->log, "an incident could not be looked at", &result->err);
    w->look++;
    look_next(w);
    return true;
}

static void on_notes(void *owner, uint64_t id, const struct pagerduty_result *result)
{
    struct watch *w = owner;
    (void)id;
    if (unread(w, result))
        return;
    w->notes = json_array();
    for (size_t i = 0; i < result->count; i++)
        (void)json_array_append(w->notes, (json_t *)(uintptr_t)result->notes[i].json);
    write_look(w);
}

static void read_notes(struct watch *w)
{
    w->request = pagerduty_list_notes(watch_account(w)->client, w->looks[w->look].key, on_notes, w);
}

/* With the log read. Reopened is what a log with the resolve in it, and a read behind that log, show open: a list, or a read of a copy
 * that lags, may show how it was before the resolve. */
static void read_on(struct watch *w)
{
    const struct look *l = &w->looks[w->look];
    struct pagerduty_incident incident;
    bool open = pagerduty_parse_incident(l->incident, &incident) && is_open(&incident);
    if (open && !w->afresh && was_resolved(w, l)) {
        watch_ask(w, read_incident);
    } else if (open && believed_resolved(l) && !w->afresh) { /* what we read lags behind what we know: the next round looks again */
        w->look++;
        look_next(w);
    } else if (l->quiet) {
        watch_ask(w, read_notes);
    } else {
        write_look(w);
    }
}

static void on_log(void *owner, uint64_t id, const struct pagerduty_result *result)
{
    struct watch *w = owner;
    (void)id;
    if (unread(w, result))
        return;
    w->entries = json_array();
    w->entries_cut = result->cut;
    for (size_t i = 0; i < result->count; i++)
        (void)json_array_append(w->entries, (json_t *)(uintptr_t)result->entries[i].json);
    read_on(w);
}

static void read_log(struct watch *w)
{
    w->request = pagerduty_list_log(watch_account(w)->client, w->looks[w->look].key, on_log, w);
}

static void on_incident(void *owner, uint64_t id, const struct pagerduty_result *result)
{
    struct watch *w = owner;
    struct look *l = &w->looks[w->look];
    (void)id;
    if (result->class == PAGERDUTY_NEVER && result->status == 404) {
        w->request = 0;
        w->gone = true;
        write_look(w);
        return;
    }
    if (unread(w, result))
        return;
    json_decref(l->incident);
    l->incident = json_incref((json_t *)(uintptr_t)result->incident.json);
    w->afresh = w->entries;
    if (w->afresh)
        read_on(w);
    else if (l->rank == RECONCILE_GONE) /* nobody's hand matters where no run is under way */
        write_look(w);
    else
        watch_ask(w, read_log);
}

static void read_incident(struct watch *w)
{
    w->request = pagerduty_read_incident(watch_account(w)->client, w->looks[w->look].key, on_incident, w);
}

/* Of equals the one that waited longest: where the time does not suffice for all, each has its turn. */
static int by_rank(const void *a, const void *b)
{
    const struct look *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank - y->rank;
    if (x->looked_wall_ms != y->looked_wall_ms)
        return x->looked_wall_ms < y->looked_wall_ms ? -1 : 1;
    return strcmp(x->key, y->key);
}

static void look_next(struct watch *w)
{
    forget_read(w);
    if (w->look >= w->looks_count || !watch_time_left(w)) {
        watch_end(w);
        return;
    }
    watch_ask(w, w->looks[w->look].incident ? read_log : read_incident);
}

void looks_begin(struct watch *w)
{
    qsort(w->looks, (size_t)w->looks_count, sizeof *w->looks, by_rank);
    look_next(w);
}
