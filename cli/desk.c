/* SPDX-License-Identifier: MIT
 * Reading incidents and alerts for runs. */
#include "cli/desk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/webhook.h"
#include "lib/base/arena.h"
#include "lib/base/limits.h"

#define READ_LONGEST_MS 20000  /* from the first request on */
#define TURN_LONGEST_MS 120000 /* in line for the budget: 500 runs that begin at once take 70 s; to begin anew costs the place */
#define READING_MAGIC 0x5245414fu

struct reading {
    uint32_t magic;
    struct pager_desk *desk; /* borrowed */
    uint64_t id;
    const struct writer_account *account; /* borrowed */
    char incident[256];
    enum desk_beside beside;
    int64_t opening_wall_ms;
    desk_done *done; /* NULL: forgotten, the client still answers */
    void *owner;     /* borrowed */
    uint64_t budget_id, request;
    struct loop_timer *deadline; /* owned */
    struct arena *arena;         /* owned; the incident, while the alerts are read */
    struct desk_answer answer;
    struct reading *next, **back;
};

struct pager_desk {
    struct loop *loop;     /* borrowed */
    struct budget *budget; /* borrowed */
    const struct writer_account *accounts; /* borrowed */
    int count;
    struct desk desk;
    struct reading *readings; /* owned */
    uint64_t last_id;
};

static uint64_t read_incident(void *desk, const struct desk_question *question, desk_done *done, void *owner);
static void forget(void *desk, uint64_t id);
static void ask_beside(struct reading *r);

struct pager_desk *pager_desk_new(struct loop *loop, struct budget *budget, const struct writer_account *accounts, int count)
{
    struct pager_desk *d = calloc(1, sizeof *d);
    if (!d)
        abort(); /* one at start-up */
    *d = (struct pager_desk){.loop = loop, .budget = budget, .accounts = accounts, .count = count};
    d->desk = (struct desk){read_incident, forget, d};
    return d;
}

void pager_desk_swap(struct pager_desk *d, const struct writer_account *accounts, int count)
{
    d->accounts = accounts;
    d->count = count;
}

const struct desk *pager_desk_of(struct pager_desk *d)
{
    return &d->desk;
}

static void reading_free(struct reading *r)
{
    budget_forget(r->desk->budget, r->budget_id);
    loop_soon_cancel(r->desk->loop, r);
    loop_timer_free(r->deadline);
    arena_free(r->arena);
    *r->back = r->next;
    if (r->next)
        r->next->back = r->back;
    r->magic = 0;
    free(r);
}

/* Requests that still run call back into a reading: they are waited for by pagerduty_free, which comes first. */
void pager_desk_free(struct pager_desk *d)
{
    if (!d)
        return;
    while (d->readings)
        reading_free(d->readings);
    free(d);
}

static void finish(struct reading *r)
{
    desk_done *done = r->done;
    if (done)
        done(r->owner, &r->answer);
    reading_free(r);
}

static struct desk_answer empty_answer(enum desk_state state, const char *status)
{
    return (struct desk_answer){.state = state, .why = "", .status = status, .title = "", .priority = "", .urgency = "",
        .service_id = "", .service_name = "", .changed_by = "", .last_change_at = "", .last_change_by = "", .hand_by = "",
        .hand_how = "", .hand_at = ""};
}

static void unavailable(struct reading *r, const char *why)
{
    char *copy = arena_strdup(r->arena, why);
    r->answer = empty_answer(DESK_UNAVAILABLE, "");
    r->answer.why = copy ? copy : "out of memory";
    finish(r);
}

static const char *keep(struct reading *r, const char *text)
{
    char *copy = arena_strdup(r->arena, text ? text : "");
    return copy ? copy : "";
}

static bool failed(struct reading *r, const struct pagerduty_result *result)
{
    r->request = 0;
    if (result->class == PAGERDUTY_DONE)
        return false;
    unavailable(r, result->err.text);
    return true;
}

static void on_alerts(void *owner, uint64_t id, const struct pagerduty_result *result)
{
    struct reading *r = owner;
    assert(r->magic == READING_MAGIC);
    (void)id;
    if (failed(r, result))
        return;
    struct desk_alert *alerts = arena_alloc(r->arena, (result->count + 1) * sizeof *alerts);
    if (!alerts) {
        unavailable(r, "too many alerts to hold");
        return;
    }
    for (size_t i = 0; i < result->count; i++) {
        const struct pagerduty_alert *a = &result->alerts[i];
        alerts[i] = (struct desk_alert){keep(r, a->id), keep(r, a->status), keep(r, a->summary), a->details, a->json};
    }
    r->answer.alerts = alerts;
    r->answer.alerts_count = result->count;
    r->answer.alerts_cut = result->cut;
    finish(r);
}

/* A person who escalates, reassigns or changes the priority changes no status, and the webhook that tells of it may come late. */
static void on_log(void *owner, uint64_t id, const struct pagerduty_result *result)
{
    struct reading *r = owner;
    assert(r->magic == READING_MAGIC);
    (void)id;
    if (failed(r, result))
        return;
    struct webhook_log log = {.key = r->incident, .bots = r->account->bots, .opening_wall_ms = r->opening_wall_ms};
    struct webhook_event hand;
    if (webhook_newest_touch(r->arena, log, result->entries, result->count, &hand)) {
        r->answer.hand_by = hand.agent_name;
        r->answer.hand_how = hand.rule->how;
        r->answer.hand_at = hand.occurred_at;
    }
    if (arena_starved(r->arena))
        unavailable(r, "its log is too long to hold"); /* a person's hand may be missing */
    else
        finish(r);
}

static bool by_person(const struct reading *r, const struct pagerduty_incident *i)
{
    if (!i->last_status_change_by_type || strncmp(i->last_status_change_by_type, "user", 4) != 0)
        return false;
    for (const char *const *b = r->account->bots; b && *b; b++)
        if (i->last_status_change_by_id && strcmp(*b, i->last_status_change_by_id) == 0)
            return false;
    return true;
}

static void on_incident(void *owner, uint64_t id, const struct pagerduty_result *result)
{
    struct reading *r = owner;
    assert(r->magic == READING_MAGIC);
    (void)id;
    r->request = 0;
    if (result->class == PAGERDUTY_NEVER && result->status == 404) {
        r->answer = empty_answer(DESK_GONE, "gone");
        finish(r);
        return;
    }
    if (failed(r, result))
        return;
    const struct pagerduty_incident *i = &result->incident;
    r->answer = empty_answer(DESK_READ, keep(r, i->status));
    r->answer.title = keep(r, i->title);
    r->answer.priority = keep(r, i->priority);
    r->answer.urgency = keep(r, i->urgency);
    r->answer.service_id = keep(r, i->service_id);
    r->answer.service_name = keep(r, i->service_name);
    r->answer.changed_by = by_person(r, i) ? keep(r, i->last_status_change_by_id) : "";
    r->answer.last_change_at = keep(r, i->last_status_change_at);
    r->answer.last_change_by = keep(r, i->last_status_change_by_id);
    r->answer.merged = i->resolve_reason_type && strcmp(i->resolve_reason_type, "merge_resolve_reason") == 0;
    if (r->done)
        ask_beside(r);
    else
        finish(r);
}

static void ask_beside(struct reading *r)
{
    if (r->beside == DESK_ALERTS)
        r->request = pagerduty_list_alerts(r->account->client, r->incident, on_alerts, r);
    else
        r->request = pagerduty_list_log(r->account->client, r->incident, on_log, r);
}

static void ask_incident(void *owner)
{
    struct reading *r = owner;
    r->budget_id = 0;
    loop_timer_start(r->deadline, READ_LONGEST_MS, 0);
    r->request = pagerduty_read_incident(r->account->client, r->incident, on_incident, r);
}

static void on_deadline(void *owner)
{
    struct reading *r = owner;
    if (r->request) /* the client answers, and that ends the reading */
        pagerduty_cancel(r->account->client, r->request);
    else
        unavailable(r, "no budget of requests was left for this account");
}

static void no_account(void *owner)
{
    unavailable(owner, "this node's settings have no such account");
}

static uint64_t read_incident(void *desk, const struct desk_question *question, desk_done *done, void *owner)
{
    struct pager_desk *d = desk;
    struct reading *r = calloc(1, sizeof *r);
    struct arena *a = arena_new(RUN_ARENA_BYTES_MAX);
    if (!r || !a)
        abort(); /* bounded by the runs that are held */
    *r = (struct reading){.magic = READING_MAGIC, .desk = d, .id = ++d->last_id, .beside = question->beside,
        .opening_wall_ms = question->opening_wall_ms, .done = done, .owner = owner, .arena = a, .next = d->readings,
        .back = &d->readings};
    (void)snprintf(r->incident, sizeof r->incident, "%s", question->incident);
    for (int i = 0; i < d->count; i++)
        if (d->accounts[i].client && strcmp(d->accounts[i].name, question->account) == 0)
            r->account = &d->accounts[i];
    if (d->readings)
        d->readings->back = &r->next;
    d->readings = r;
    r->deadline = loop_timer_new(d->loop, on_deadline, r);
    loop_timer_start(r->deadline, TURN_LONGEST_MS, 0);
    if (!r->account)
        loop_soon(d->loop, no_account, r);
    else
        r->budget_id = budget_ask_several(d->budget, r->account->name, BUDGET_READ, 2, ask_incident, r);
    return r->id;
}

static void forget(void *desk, uint64_t id)
{
    struct pager_desk *d = desk;
    for (struct reading *r = d->readings; r; r = r->next)
        if (r->id == id) {
            r->done = NULL;
            if (!r->request)
                reading_free(r); /* else the client's answer frees it */
            else
                pagerduty_cancel(r->account->client, r->request);
            return;
        }
}
