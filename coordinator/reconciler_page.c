/* SPDX-License-Identifier: MIT
 * PagerDuty's open incidents, page by page: what is unknown gets its run at once, what differs is to be looked at. */
#include "coordinator/reconciler_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/pagerduty_parse.h"
#include "lib/base/clock.h"

#define OLDEST_MS (72LL * 3600 * 1000) /* as intake's */

static void read_page(struct watch *w);

void found_fingerprint(const struct pagerduty_incident *i, struct buf *out)
{
    const char *changed = i->last_status_change_at ? i->last_status_change_at : "";
    (void)buf_printf(out, "%.40s|%.20s|%.20s|%.40s|%zu", changed, i->status, i->priority ? i->priority : "",
        i->escalation_policy_id ? i->escalation_policy_id : "", i->assignees); /* a cut one only costs a look */
    for (size_t k = 0; k < i->assignees && k < sizeof i->assignee_ids / sizeof i->assignee_ids[0]; k++)
        (void)buf_printf(out, ",%.40s", i->assignee_ids[k]);
}

/* --- the end of the list ------------------------------------------------------------------------------------------ */

static void on_gone(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct watch *w = owner;
    if (watch_lost(w, answer, err))
        return;
    for (int i = 0; i < pg_rows(answer, 1); i++) {
        struct reconcile_row row;
        reconcile_gone_row(answer, 1, i, &row);
        look_add(w, &row, NULL);
    }
    looks_begin(w);
}

static void ask_gone(struct watch *w)
{
    char *ids = json_dumps(w->ids, JSON_COMPACT);
    struct pg_group *group = watch_group(w);
    reconcile_add_gone(group, w->account, ids ? ids : "[]", w->turn.started, ids ? RECONCILER_LOOKS_MAX : 0);
    free(ids);
    w->op = pg_group_send(group, 0, on_gone, w);
}

static void next_page(struct watch *w)
{
    json_decref(w->page);
    w->page = NULL;
    if (w->more && w->offset + PAGERDUTY_PAGE <= PAGERDUTY_INCIDENTS_MAX)
        watch_ask(w, read_page);
    else if (w->more)
        looks_begin(w); /* PagerDuty lists no more: what is not there may be open */
    else
        ask_gone(w);
}

/* --- comparing ---------------------------------------------------------------------------------------------------- */

static void on_opened(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct watch *w = owner;
    if (watch_lost(w, answer, err))
        return;
    opened_told(w, answer);
    next_page(w);
}

static json_t *find_listed(const struct watch *w, const char *key)
{
    for (size_t i = 0; i < json_array_size(w->page); i++) {
        json_t *incident = json_array_get(w->page, i);
        const char *id = json_string_value(json_object_get(incident, "id"));
        if (id && strcmp(id, key) == 0)
            return incident;
    }
    return NULL;
}

static void take_row(struct watch *w, const struct reconcile_row *row)
{
    json_t *json = find_listed(w, row->key);
    struct pagerduty_incident incident;
    if (!json || !pagerduty_parse_incident(json, &incident))
        return;
    bool unknown = strcmp(row->what, "unknown") == 0;
    if ((unknown || strcmp(row->what, "old") == 0) && !hooks_announce(w, &incident))
        return;
    if (unknown || strcmp(row->what, "unopened") == 0)
        opened_add_incident(w, &incident, "incident.triggered");
    else
        look_add(w, row, json);
}

static void on_compared(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct watch *w = owner;
    if (watch_lost(w, answer, err))
        return;
    w->opened = opened_new();
    for (int i = 0; i < pg_rows(answer, 1); i++) {
        struct reconcile_row row;
        reconcile_page_row(answer, 1, i, &row);
        take_row(w, &row);
    }
    if (opened_count(w->opened) == 0) {
        opened_free(w->opened);
        w->opened = NULL;
        next_page(w);
        return;
    }
    struct pg_group *group = watch_group(w);
    opened_fill(w->opened, group);
    w->op = pg_group_send(group, 0, on_opened, w);
}

/* What reconcile_page.sql wants to know of an incident. */
static json_t *short_form(const struct pagerduty_incident *i)
{
    struct buf shown;
    buf_init(&shown, 1024);
    found_fingerprint(i, &shown);
    const char *changed = i->last_status_change_at ? i->last_status_change_at : i->created_at;
    json_t *form = json_pack("{s:s, s:s, s:s, s:s}", "k", i->id, "c", i->created_at, "h", changed, "f", buf_text(&shown));
    buf_done(&shown);
    return form;
}

static void compare(struct watch *w, json_t *listed)
{
    char oldest[CLOCK_TEXT_BYTES];
    clock_wall_text(clock_wall_ms() - OLDEST_MS, oldest);
    int64_t every = w->r->settings.every_ms;
    char *text = json_dumps(listed, JSON_COMPACT);
    struct pg_group *group = watch_group(w);
    reconcile_add_page(group, w->account, text ? text : "[]", oldest, every / 6, 2 * every);
    free(text);
    w->op = pg_group_send(group, 0, on_compared, w);
}

static void on_page(void *owner, uint64_t id, const struct pagerduty_result *result)
{
    struct watch *w = owner;
    (void)id;
    w->request = 0;
    if (result->class != PAGERDUTY_DONE) {
        watch_failed(w, result, NULL);
        return;
    }
    w->more = result->cut;
    w->offset = result->next;
    w->page = json_array();
    json_t *listed = json_array();
    for (size_t i = 0; i < result->count; i++) {
        const struct pagerduty_incident *incident = &result->incidents[i];
        int64_t ms;
        (void)json_array_append_new(w->ids, json_string(incident->id));
        if (!incident->created_at || clock_wall_parse(incident->created_at, &ms) < 0 ||
            (incident->last_status_change_at && clock_wall_parse(incident->last_status_change_at, &ms) < 0))
            continue; /* the database must never see what is no time */
        (void)json_array_append(w->page, (json_t *)(uintptr_t)incident->json);
        (void)json_array_append_new(listed, short_form(incident));
    }
    compare(w, listed);
    json_decref(listed);
}

static void read_page(struct watch *w)
{
    w->request = pagerduty_list_open_incidents(watch_account(w)->client, w->offset, on_page, w);
}

void pages_begin(struct watch *w)
{
    watch_ask(w, read_page);
}
