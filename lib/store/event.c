/* SPDX-License-Identifier: MIT
 * Events in the database: statements that take many at once, as arrays. */
#include "lib/store/event.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"

#define NOWHERE (-1)
_Static_assert(EVENTS_TOGETHER_MAX * 5 <= PG_STATEMENTS_MAX, "an event is at most five statements");

/* --- the statements' parameters, in order --------------------------------------------------------------------------- */

struct field {
    enum { TEXT, OPTIONAL, NUMBER, YES, BODY } kind; /* OPTIONAL: "" becomes null */
    size_t at;                                       /* in struct event_row */
};
#define FIELD(kind, name) {kind, offsetof(struct event_row, name)}
#define FIELDS_MAX 14

static const struct field take_fields[] = {FIELD(TEXT, account), FIELD(TEXT, key), FIELD(TEXT, type), FIELD(OPTIONAL, incident),
    FIELD(OPTIONAL, occurred_at), FIELD(TEXT, subscription), FIELD(TEXT, delivery), FIELD(TEXT, region), FIELD(TEXT, hand),
    FIELD(TEXT, odd), FIELD(BODY, body)};
static const struct field lock_fields[] = {FIELD(TEXT, account), FIELD(TEXT, incident)};
static const struct field see_fields[] = {FIELD(TEXT, account), FIELD(TEXT, incident), FIELD(NUMBER, number), FIELD(TEXT, title),
    FIELD(TEXT, status), FIELD(TEXT, urgency), FIELD(TEXT, priority), FIELD(TEXT, service_id), FIELD(TEXT, service_name),
    FIELD(TEXT, html_url), FIELD(TEXT, created_at), FIELD(OPTIONAL, reopened_at), FIELD(TEXT, occurred_at), FIELD(YES, triggered)};
static const struct field open_fields[] = {FIELD(TEXT, account), FIELD(TEXT, incident), FIELD(TEXT, customer),
    FIELD(NUMBER, urgency_rank), FIELD(NUMBER, give_up_ms), FIELD(TEXT, oldest), FIELD(YES, found)};

static const struct statement {
    const char *name;
    const struct field *fields;
    int count;
} take = {"event_take", take_fields, sizeof take_fields / sizeof take_fields[0]},
  lock = {"incident_lock", lock_fields, sizeof lock_fields / sizeof lock_fields[0]},
  see = {"incident_see", see_fields, sizeof see_fields / sizeof see_fields[0]},
  open_runs = {"run_open", open_fields, sizeof open_fields / sizeof open_fields[0]};
_Static_assert(sizeof see_fields / sizeof see_fields[0] <= FIELDS_MAX, "the longest");

static const char *text_at(const struct event_row *row, size_t at)
{
    const char *text;
    memcpy(&text, (const char *)row + at, sizeof text);
    return text;
}

static void add_element(struct buf *b, const struct event_row *row, const struct field *f)
{
    const char *text;
    int64_t number;
    switch (f->kind) {
    case TEXT:
        pg_array_text(b, text_at(row, f->at));
        break;
    case OPTIONAL:
        text = text_at(row, f->at);
        pg_array_text(b, text && text[0] ? text : NULL);
        break;
    case NUMBER:
        memcpy(&number, (const char *)row + f->at, sizeof number);
        pg_array_int(b, number);
        break;
    case YES:
        pg_array_bool(b, *((const char *)row + f->at));
        break;
    case BODY:
        pg_array_bytes(b, row->body, row->body_bytes);
        break;
    }
}

/* What of the row the database is given. */
static const struct event_row *given(const struct event_entry *e, struct event_row *room)
{
    if (e->as != EVENT_RAW)
        return e->row;
    *room = (struct event_row){.account = e->row->account, .key = e->row->key, .type = "", .subscription = e->row->subscription,
        .delivery = "", .region = e->row->region, .hand = "", .odd = "the database refused its content", .body = e->row->body,
        .body_bytes = e->row->body_bytes};
    return room;
}

/* One statement for all of them; its place in the group. */
static int add_all(struct pg_group *group, const struct statement *s, struct event_entry *const *all, size_t n)
{
    struct buf bufs[FIELDS_MAX];
    struct pg_value values[FIELDS_MAX];
    for (int i = 0; i < s->count; i++) {
        buf_init(&bufs[i], PG_GROUP_BYTES_MAX);
        pg_array_begin(&bufs[i]);
        for (size_t k = 0; k < n; k++) {
            struct event_row room;
            add_element(&bufs[i], given(all[k], &room), &s->fields[i]);
        }
        values[i] = pg_array_end(&bufs[i]);
    }
    (void)pg_group_add(group, s->name, values, s->count, NULL); /* failures stick to the group */
    for (int i = 0; i < s->count; i++)
        buf_done(&bufs[i]);
    return pg_group_count(group) - 1;
}

/* --- order ---------------------------------------------------------------------------------------------------------- */

typedef int event_order(const struct event_row *x, const struct event_row *y);

static int same_event(const struct event_row *x, const struct event_row *y)
{
    int order = strcmp(x->account, y->account);
    return order ? order : strcmp(x->key, y->key);
}

static int same_incident(const struct event_row *x, const struct event_row *y)
{
    int order = strcmp(x->account, y->account);
    return order ? order : strcmp(x->incident, y->incident);
}

static int by_event(const void *a, const void *b)
{
    return same_event((*(struct event_entry *const *)a)->row, (*(struct event_entry *const *)b)->row);
}

/* Of one incident the older first: times are in one format, so their texts compare as they do; else as they were given. */
static int by_incident(const void *a, const void *b)
{
    const struct event_entry *x = *(struct event_entry *const *)a, *y = *(struct event_entry *const *)b;
    int order = same_incident(x->row, y->row);
    if (!order)
        order = strcmp(x->row->occurred_at, y->row->occurred_at);
    return order ? order : (x > y) - (x < y);
}

/* Moves those to the front that one statement can take: the first of each in a sorted list. The others stay sorted behind them.
 * Returns how many. */
static size_t first_of_each(struct event_entry **sorted, size_t n, event_order *order)
{
    struct event_entry *later[EVENTS_TOGETHER_MAX];
    size_t taken = 0, left = 0;
    for (size_t i = 0; i < n; i++) {
        if (taken > 0 && order(sorted[taken - 1]->row, sorted[i]->row) == 0)
            later[left++] = sorted[i];
        else
            sorted[taken++] = sorted[i];
    }
    memcpy(sorted + taken, later, left * sizeof(struct event_entry *));
    return taken;
}

/* --- what a group consists of --------------------------------------------------------------------------------------- */

static void add_rows(struct pg_group *group, struct event_entry **all, size_t n)
{
    qsort(all, n, sizeof(struct event_entry *), by_event);
    for (size_t count; n > 0; all += count, n -= count) {
        count = first_of_each(all, n, same_event);
        int at = add_all(group, &take, all, count);
        for (size_t i = 0; i < count; i++) {
            all[i]->taken = at;
            all[i]->taken_place = (int)i;
        }
    }
}

static bool changes(const struct event_row *e)
{
    return e->see || e->reopen || e->open || e->touch != EVENT_NO_HAND;
}

static bool sees(const struct event_row *e)
{
    return e->see;
}

static bool opens(const struct event_row *e)
{
    return e->open;
}

/* Those of whom it is true, in the same order. */
static size_t choose(struct event_entry *const *all, size_t n, bool (*is)(const struct event_row *), struct event_entry **out)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (is(all[i]->row))
            out[count++] = all[i];
    return count;
}

static void add_reopen(struct pg_group *group, const struct event_row *e)
{
    const char *at = e->reopened_at[0] ? e->reopened_at : e->occurred_at;
    struct pg_value values[] = {pg_from_text(e->account), pg_from_text(e->incident), pg_from_text(at), pg_from_text(e->occurred_at)};
    (void)pg_group_add(group, "incident_reopen", values, 4, NULL);
}

static void add_touch(struct pg_group *group, struct event_entry *entry)
{
    static const char *const statements[] = {
        [EVENT_TOUCH] = "incident_touch", [EVENT_UNTOUCH] = "incident_untouch", [EVENT_CLOSE] = "incident_close"};
    const struct event_row *e = entry->row;
    struct pg_value values[] = {pg_from_text(e->account), pg_from_text(e->incident), pg_from_text(e->occurred_at),
        pg_from_text(e->by), pg_from_text(e->how)};
    entry->touched = pg_group_count(group);
    (void)pg_group_add(group, statements[e->touch], values, e->touch == EVENT_UNTOUCH ? 3 : 5, NULL);
}

/* Each of another incident. The first statement locks all of them in their order. */
static void add_changes(struct pg_group *group, struct event_entry *const *all, size_t n)
{
    struct event_entry *some[EVENTS_TOGETHER_MAX];
    size_t count = choose(all, n, sees, some);
    if (count < n)
        (void)add_all(group, &lock, all, n);
    if (count > 0)
        (void)add_all(group, &see, some, count);
    for (size_t i = 0; i < n; i++) {
        if (all[i]->row->reopen)
            add_reopen(group, all[i]->row);
        if (all[i]->row->touch != EVENT_NO_HAND)
            add_touch(group, all[i]);
    }
    count = choose(all, n, opens, some);
    int at = count > 0 ? add_all(group, &open_runs, some, count) : NOWHERE;
    for (size_t i = 0; i < count; i++) {
        some[i]->opened = at;
        some[i]->opened_place = (int)i;
    }
}

void event_add(struct pg_group *group, struct event_entry *entries, size_t count)
{
    assert(count <= EVENTS_TOGETHER_MAX);
    struct event_entry *rows[EVENTS_TOGETHER_MAX], *changing[EVENTS_TOGETHER_MAX], **all = changing;
    size_t rows_count = 0, n = 0;
    for (size_t i = 0; i < count; i++) {
        struct event_entry *e = &entries[i];
        e->taken = e->touched = e->opened = NOWHERE;
        if (e->as != EVENT_UNKEPT)
            rows[rows_count++] = e;
        if (e->as != EVENT_RAW && changes(e->row))
            changing[n++] = e;
    }
    add_rows(group, rows, rows_count);
    qsort(all, n, sizeof(struct event_entry *), by_incident);
    for (size_t together; n > 0; all += together, n -= together) {
        together = first_of_each(all, n, same_incident);
        add_changes(group, all, together);
    }
}

/* --- answers -------------------------------------------------------------------------------------------------------- */

/* The row of a statement's answer that begins with these two; -1: none. Rows come as they were asked for, some left out. */
static int find_row(const struct pg_answer *answer, int statement, int place, const char *account, const char *key)
{
    int rows = pg_rows(answer, statement);
    int likely = place < rows ? place : rows - 1;
    for (int i = 0; i < rows; i++) {
        int row = (likely + rows - i) % rows;
        if (strcmp(pg_text(answer, statement, row, 1), key) == 0 && strcmp(pg_text(answer, statement, row, 0), account) == 0)
            return row;
    }
    return NOWHERE;
}

void event_result(const struct pg_answer *answer, const struct event_entry *e, struct event_result *out)
{
    *out = (struct event_result){0};
    if (e->taken != NOWHERE) {
        int row = find_row(answer, e->taken, e->taken_place, e->row->account, e->row->key);
        out->fresh = row != NOWHERE && pg_bool(answer, e->taken, row, 2);
    }
    out->opened = e->opened != NOWHERE && find_row(answer, e->opened, e->opened_place, e->row->account, e->row->incident) != NOWHERE;
    out->handed = e->touched != NOWHERE && pg_rows(answer, e->touched) > 0;
}
