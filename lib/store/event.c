/* SPDX-License-Identifier: MIT
 * Events in the database. */
#include "lib/store/event.h"

/* "" becomes null: for times. */
static struct pg_value optional(const char *text)
{
    return pg_from_text(text && text[0] ? text : NULL);
}

static void add_event(struct pg_group *group, const struct event_row *e, const char *odd)
{
    struct pg_value values[] = {pg_from_text(e->account), pg_from_text(e->key), pg_from_text(e->type),
        optional(e->incident), optional(e->occurred_at), pg_from_text(e->subscription), pg_from_text(e->delivery),
        pg_from_text(e->region), pg_from_text(e->hand), pg_from_text(odd), pg_from_bytes(e->body, e->body_bytes)};
    (void)pg_group_add(group, "event_take", values, 11, NULL); /* failures stick to the group */
}

static void add_incident(struct pg_group *group, const struct event_row *e)
{
    char number[PG_INT_BYTES];
    struct pg_value values[] = {pg_from_text(e->account), pg_from_text(e->incident),
        e->number > 0 ? pg_from_int(e->number, number) : PG_NULL, pg_from_text(e->title), pg_from_text(e->status),
        pg_from_text(e->urgency), pg_from_text(e->priority), pg_from_text(e->service_id),
        pg_from_text(e->service_name), pg_from_text(e->html_url), pg_from_text(e->created_at),
        optional(e->reopened_at), pg_from_text(e->occurred_at), pg_from_bool(e->triggered)};
    (void)pg_group_add(group, "incident_see", values, 14, NULL);
}

static void add_touch(struct pg_group *group, const struct event_row *e)
{
    static const char *const statements[] = {
        [EVENT_TOUCH] = "incident_touch", [EVENT_UNTOUCH] = "incident_untouch", [EVENT_CLOSE] = "incident_close"};
    struct pg_value values[] = {pg_from_text(e->account), pg_from_text(e->incident), pg_from_text(e->occurred_at),
        pg_from_text(e->by), pg_from_text(e->how)};
    (void)pg_group_add(group, statements[e->touch], values, e->touch == EVENT_UNTOUCH ? 3 : 5, NULL);
}

void event_add_row(struct pg_group *group, const struct event_row *e)
{
    add_event(group, e, e->odd);
}

int event_add(struct pg_group *group, const struct event_row *e)
{
    event_add_row(group, e);
    return 1 + event_add_effects(group, e);
}

int event_add_effects(struct pg_group *group, const struct event_row *e)
{
    int before = pg_group_count(group);
    if (e->see)
        add_incident(group, e);
    if (e->reopen) {
        const char *at = e->reopened_at[0] ? e->reopened_at : e->occurred_at;
        struct pg_value values[] = {pg_from_text(e->account), pg_from_text(e->incident), pg_from_text(at),
            pg_from_text(e->occurred_at)};
        (void)pg_group_add(group, "incident_reopen", values, 4, NULL);
    }
    if (e->touch != EVENT_NO_HAND)
        add_touch(group, e);
    if (e->open) {
        struct pg_value values[] = {pg_from_text(e->account), pg_from_text(e->incident), pg_from_text(e->customer),
            PG_INT(e->urgency_rank), PG_INT(e->give_up_ms), pg_from_text(e->oldest), pg_from_bool(e->found)};
        (void)pg_group_add(group, "run_open", values, 7, NULL);
    }
    return pg_group_count(group) - before;
}

void event_result(const struct pg_answer *answer, int row, int effects, const struct event_row *e, struct event_result *out)
{
    int touch = effects + (e->see ? 1 : 0) + (e->reopen ? 1 : 0);
    int open = touch + (e->touch != EVENT_NO_HAND ? 1 : 0);
    *out = (struct event_result){.fresh = pg_bool(answer, row, 0, 1), .opened = e->open && pg_rows(answer, open) > 0,
        .handed = e->touch != EVENT_NO_HAND && pg_rows(answer, touch) > 0};
}

int event_add_raw(struct pg_group *group, const struct event_row *e, const char *odd)
{
    struct event_row raw = {.account = e->account, .key = e->key, .type = "", .incident = "", .occurred_at = "",
        .subscription = e->subscription, .delivery = "", .region = e->region, .hand = "", .body = e->body,
        .body_bytes = e->body_bytes};
    add_event(group, &raw, odd);
    return 1;
}
