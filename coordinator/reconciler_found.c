/* SPDX-License-Identifier: MIT
 * Events that were found by asking, on their way to the database as intake's are. */
#include "coordinator/reconciler_inside.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

#define OLDEST_MS (72LL * 3600 * 1000) /* as intake's */

struct opened {
    struct arena *arena; /* owned */
    struct found {
        struct webhook_event event; /* texts in the arena */
        struct event_row row;
    } all[RECONCILER_EVENTS_MAX];
    struct event_entry entries[RECONCILER_EVENTS_MAX]; /* of each, as it is stored */
    int count;
};

struct opened *opened_new(void)
{
    struct opened *o = calloc(1, sizeof *o);
    struct arena *arena = arena_new(RECONCILER_ARENA_BYTES);
    if (!o || !arena)
        abort(); /* one an account */
    o->arena = arena;
    return o;
}

void opened_free(struct opened *o)
{
    if (!o)
        return;
    arena_free(o->arena);
    free(o);
}

int opened_count(const struct opened *o)
{
    return o->count;
}

struct arena *opened_arena(struct opened *o)
{
    return o->arena;
}

/* What does not fit now is found again in the next round. */
static void add(struct watch *w, const struct webhook_event *event, const json_t *body)
{
    struct opened *o = w->opened;
    char *text = body && o->count < RECONCILER_EVENTS_MAX ? json_dumps(body, JSON_COMPACT) : NULL;
    const char *copy = text ? arena_strdup(o->arena, text) : "";
    free(text);
    struct record_from from = {.account = w->account, .subscription = "reconciler", .region = w->r->settings.region,
        .body = copy, .bytes = copy ? strlen(copy) : 0, .policies = w->r->settings.policies, .oldest_ms = OLDEST_MS, .found = true};
    if (o->count == RECONCILER_EVENTS_MAX || !copy || event->odd)
        return;
    struct found *f = &o->all[o->count];
    *f = (struct found){.event = *event};
    if (record_fill(o->arena, &f->event, &from, &f->row) == 0)
        o->entries[o->count++] = (struct event_entry){.row = &f->row, .as = body ? EVENT_WHOLE : EVENT_UNKEPT};
}

void opened_add_event(struct watch *w, const struct webhook_event *event, const json_t *body)
{
    add(w, event, body);
}

void opened_add_incident(struct watch *w, const struct pagerduty_incident *i, const char *type)
{
    struct webhook_event event;
    webhook_of_incident(w->opened->arena, i, type, &event);
    add(w, &event, type ? i->json : NULL);
}

void opened_fill(struct opened *o, struct pg_group *group)
{
    event_add(group, o->entries, (size_t)o->count);
}

static void tell(struct watch *w, const struct found *f, const struct event_result *r)
{
    struct reconciler *rec = w->r;
    if (r->opened) {
        rec->counts.runs++;
        log_warning(rec->log, "found by the reconciler: an open incident without a run", LOG_S("account", w->account),
            LOG_S("incident", f->event.incident), LOG_S("title", f->event.title));
    }
    if (r->fresh && r->handed) {
        rec->counts.hands++;
        log_warning(rec->log, "found by the reconciler: a hand that no webhook had told of", LOG_S("account", w->account),
            LOG_S("incident", f->event.incident), LOG_S("by", f->event.agent_name), LOG_S("what", f->row.how));
    }
}

void opened_told(struct watch *w, const struct pg_answer *answer)
{
    bool runs = false, hands = false;
    for (int i = 0; i < w->opened->count; i++) {
        struct found *f = &w->opened->all[i];
        struct event_result r = {0};
        if (w->opened->entries[i].as != EVENT_UNKEPT)
            event_result(answer, &w->opened->entries[i], &r);
        tell(w, f, &r);
        runs |= r.opened;
        hands |= r.fresh && r.handed;
    }
    opened_free(w->opened);
    w->opened = NULL;
    if (runs)
        w->r->events.on_runs(w->r->events.owner);
    if (hands)
        w->r->events.on_hands(w->r->events.owner);
}
