/* SPDX-License-Identifier: MIT
 * Runs in the database: the statements' parameters and columns, and nothing else. */
#include "lib/store/run.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define RUN_HELD_COLUMNS_MAX 3 /* id, epoch and, of orphans, the lost holder's name; behind id and epoch else the columns of run_load */

static struct pg *work(struct store *s)
{
    return store_lane(s, LANE_WORK);
}

/* What a worker asks about its runs is as much for one as for many: it shares commits. */
static uint64_t ask_shared(struct store *s, const char *statement, const struct pg_value *values, int count, const char *order,
    pg_done *done, void *owner)
{
    struct pg_group *group = pg_group_new(work(s));
    (void)pg_group_add(group, statement, values, count, NULL); /* a failure sticks to the group */
    pg_group_share(group, order);
    return pg_group_send(group, 0, done, owner);
}

uint64_t run_claim(struct store *s, enum run_claim_kind kind, const char *incarnation, int most, pg_done *done,
    void *owner)
{
    static const char *const statements[] = {"run_claim_orphans", "run_claim", "run_claim_expired", "run_claim_unserved"};
    assert(most > 0 && most <= RUN_CLAIM_MAX);
    struct pg_value values[] = {pg_from_text(incarnation), PG_INT(most), PG_INT(RUN_EXPIRED_GRACE_MS)};
    return ask_shared(s, statements[kind], values, kind == CLAIM_EXPIRED ? 3 : 2, NULL, done, owner);
}

uint64_t run_read_held(struct store *s, const char *incarnation, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(incarnation)};
    return pg_query(work(s), "run_held", values, 1, 0, done, owner);
}

const char *run_held_at(const struct pg_answer *answer, int i)
{
    return i < pg_rows(answer, 0) ? pg_text(answer, 0, i, 0) : NULL;
}

static void on_handed_back(void *owner, const struct pg_answer *answer, const struct error *err)
{
    (void)owner;
    (void)answer;
    (void)err; /* the others get it when our row is marked dead */
}

void run_hand_back(struct store *s, const char *id, int64_t epoch, const char *incarnation, const char *why)
{
    struct pg_value values[] = {pg_from_text(id), PG_INT(epoch), pg_from_text(incarnation), pg_from_text(why)};
    pg_query(work(s), "run_hand_back", values, 4, 0, on_handed_back, NULL);
}

uint64_t run_claim_lost(struct store *s, const char *incarnation, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(incarnation)};
    return pg_query(work(s), "run_claim_lost", values, 1, 0, done, owner);
}

bool run_claimed_at(const struct pg_answer *answer, int index, struct run_held *out)
{
    if (index >= pg_rows(answer, 0))
        return false;
    *out = (struct run_held){.epoch = pg_int(answer, 0, index, 1)};
    (void)snprintf(out->id, sizeof out->id, "%s", pg_text(answer, 0, index, 0));
    if (pg_columns(answer, 0) == RUN_HELD_COLUMNS_MAX)
        (void)snprintf(out->was, sizeof out->was, "%s", pg_text(answer, 0, index, 2));
    return true;
}

int run_claimed(const struct pg_answer *answer, struct run_held *out)
{
    int count = 0;
    while (count < RUN_CLAIM_MAX && run_claimed_at(answer, count, &out[count]))
        count++;
    return count;
}

uint64_t run_load(struct store *s, const char *id, int64_t epoch, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(id), PG_INT(epoch)};
    return ask_shared(s, "run_load", values, 2, NULL, done, owner);
}

uint64_t run_hold_anew(struct store *s, const char *id, const char *incarnation, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(id), pg_from_text(incarnation)};
    return pg_query(work(s), "run_hold_anew", values, 2, 0, done, owner);
}

int64_t run_held_anew(const struct pg_answer *answer)
{
    return pg_rows(answer, 0) == 1 ? pg_int(answer, 0, 0, 0) : 0;
}

static void read_row(const struct pg_answer *answer, int index, int c, struct run_row *out)
{
#define TEXT() pg_text(answer, 0, index, c++)
#define INT() pg_int(answer, 0, index, c++)
    *out = (struct run_row){0};
    out->account = TEXT();
    out->incident_key = TEXT();
    out->customer = TEXT();
    out->service_id = TEXT();
    out->service_name = TEXT();
    out->title = TEXT();
    out->priority = TEXT();
    out->urgency = TEXT();
    out->html_url = TEXT();
    out->state = TEXT();
    out->step = (int)INT();
    out->attempt = (int)INT();
    out->mode = TEXT();
    out->scenario = TEXT();
    out->scenario_set = TEXT();
    out->inventory_set = TEXT();
    out->host = TEXT();
    out->machine = TEXT();
    out->facts = TEXT();
    out->doubt = pg_bool(answer, 0, index, c++);
    out->opening = TEXT();
    out->opened_wall_ms = INT();
    out->give_up_left_ms = INT();
    out->incident_number = INT();
    out->created_wall_ms = INT();
    out->incident_status = TEXT();
    out->last_attempt = (int)INT();
    out->timeline = INT();
    out->now_wall_ms = INT();
#undef TEXT
#undef INT
}

bool run_loaded(const struct pg_answer *answer, struct run_row *out)
{
    if (pg_rows(answer, 0) == 0)
        return false;
    read_row(answer, 0, 0, out);
    return true;
}

bool run_claimed_row(const struct pg_answer *answer, int index, struct run_row *out)
{
    if (pg_columns(answer, 0) <= RUN_HELD_COLUMNS_MAX)
        return false;
    read_row(answer, index, 2, out);
    return true;
}

uint64_t run_read_steps(struct store *s, const char *id, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(id)};
    return pg_query(work(s), "run_steps", values, 1, 0, done, owner);
}

int run_steps_count(const struct pg_answer *answer)
{
    return pg_rows(answer, 0);
}

void run_step_at(const struct pg_answer *answer, int index, struct run_step_row *out)
{
#define TEXT(column) pg_text(answer, 0, index, column)
#define INT(column) pg_int(answer, 0, index, column)
    *out = (struct run_step_row){.step = (int)INT(0), .attempt = (int)INT(1), .verb = TEXT(2), .title = TEXT(3),
        .state = TEXT(4), .epoch = INT(5), .host = TEXT(6), .become = TEXT(7), .status = TEXT(8), .signal = TEXT(9),
        .outcome = TEXT(10), .why = TEXT(11), .output = TEXT(12), .cut = pg_bool(answer, 0, index, 13),
        .took_ms = INT(14), .started_wall_ms = INT(15), .memory = TEXT(16), .boot = TEXT(17),
        .doubt = TEXT(18), .ended_ago_ms = INT(19)};
#undef TEXT
#undef INT
}

uint64_t run_write(struct store *s, const struct run_place *place, const char *change, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(place->id), PG_INT(place->epoch), pg_from_text(change)};
    char order[600];
    (void)snprintf(order, sizeof order, "%.290s\x01%.290s", place->account, place->incident_key);
    return ask_shared(s, "run_write", values, 3, order, done, owner);
}

bool run_written(const struct pg_answer *answer)
{
    return pg_rows(answer, 0) == 1;
}

static const char *const refusal_names[] = {
    [REFUSAL_NONE] = "",
    [REFUSAL_STOP] = "stop",
    [REFUSAL_TOUCHED] = "touched",
    [REFUSAL_CLOSED] = "closed",
    [REFUSAL_RECURRENCE] = "recurrence",
    [REFUSAL_STANDBY] = "standby",
    [REFUSAL_UNKNOWN_TOUCH] = "unknown_touch",
};
_Static_assert(sizeof refusal_names / sizeof refusal_names[0] == REFUSALS, "one name a refusal");

const char *recover_refusal_name(enum recover_refusal refusal)
{
    return refusal_names[refusal];
}

/* Guard rows first, in key order; the next statement of the transaction counts with a snapshot of its own. */
uint64_t run_recover_start(struct store *s, const struct recover_request *r, pg_done *done, void *owner)
{
    struct pg_group *group = pg_group_new(work(s));
    struct buf keys;
    buf_init(&keys, 4096);
    char key[512];
    pg_array_begin(&keys);
    (void)snprintf(key, sizeof key, "machine %.400s", r->machine);
    pg_array_text(&keys, key);
    (void)snprintf(key, sizeof key, "recurrence %.200s %.200s", r->machine, r->scenario);
    pg_array_text(&keys, key);
    struct pg_value lock[] = {pg_array_end(&keys)};
    (void)pg_group_add(group, "guard_lock", lock, 1, NULL); /* a failure sticks to the group */
    struct pg_value values[] = {pg_from_text(r->id), PG_INT(r->epoch), pg_from_text(r->region),
        PG_INT(r->recurrence_most), PG_INT(r->recurrence_ms), pg_from_bool(r->need_standby),
        PG_INT(r->touch_known_ms), pg_from_text(r->step), pg_from_text(r->incarnation), PG_INT(r->beat)};
    (void)pg_group_add(group, "recover_start", values, 10, NULL);
    uint64_t op = pg_group_send(group, 0, done, owner);
    buf_done(&keys);
    return op;
}

void run_recover_verdict(const struct pg_answer *answer, struct recover_verdict *out)
{
    *out = (struct recover_verdict){.detail = ""};
    if (pg_rows(answer, 1) == 0)
        return;
    out->held = true;
    out->refusal = REFUSALS;
    for (int i = 0; i < REFUSALS; i++)
        if (strcmp(refusal_names[i], pg_text(answer, 1, 0, 0)) == 0)
            out->refusal = (enum recover_refusal)i;
    assert(out->refusal != REFUSALS); /* the statement and this table are one thing */
    out->detail = pg_text(answer, 1, 0, 1);
    out->standby = pg_bool(answer, 1, 0, 2);
}

uint64_t run_read_hands(struct store *s, const char *incarnation, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(incarnation)};
    return pg_query(work(s), "run_hands", values, 1, 0, done, owner);
}

int run_hands_count(const struct pg_answer *answer)
{
    return pg_rows(answer, 0);
}

void run_hand_at(const struct pg_answer *answer, int i, struct run_hand *out)
{
    *out = (struct run_hand){.id = pg_text(answer, 0, i, 0), .touched_by = pg_text(answer, 0, i, 1),
        .touched_how = pg_text(answer, 0, i, 2), .closed_by = pg_text(answer, 0, i, 3),
        .closed_how = pg_text(answer, 0, i, 4), .touched = pg_bool(answer, 0, i, 5), .closed = pg_bool(answer, 0, i, 6)};
}

uint64_t run_note_incident_read(struct store *s, const struct incident_read *read, pg_done *done, void *owner)
{
    struct pg_group *group = pg_group_new(work(s));
    struct pg_value touch[] = {pg_from_text(read->account), pg_from_text(read->key), pg_from_text(read->hand_at),
        pg_from_text(read->hand_by), pg_from_text(read->hand_how)};
    if (read->hand_at[0])
        (void)pg_group_add(group, "incident_touch", touch, 5, NULL); /* a failure sticks to the group */
    struct pg_value values[] = {pg_from_text(read->account), pg_from_text(read->key), pg_from_text(read->priority),
        pg_from_text(read->urgency), pg_from_text(read->title)};
    (void)pg_group_add(group, "incident_read", values, 5, NULL);
    return pg_group_send(group, 0, done, owner);
}

void run_forget(struct store *s, uint64_t op)
{
    pg_forget(work(s), op);
}
