/* SPDX-License-Identifier: MIT
 * The outbox in the database. */
#include "lib/store/outbox.h"

#include <string.h>

static struct pg *delivery(struct store *s)
{
    return store_lane(s, LANE_DELIVERY);
}

uint64_t outbox_claim(struct store *s, const char *incarnation, int most, const int64_t *active, int active_count,
    pg_done *done, void *owner)
{
    struct buf ids;
    buf_init(&ids, 64 * 1024);
    pg_array_begin(&ids);
    for (int i = 0; i < active_count; i++)
        pg_array_int(&ids, active[i]);
    struct pg_value values[] = {pg_from_text(incarnation), PG_INT(most), pg_array_end(&ids)};
    uint64_t op = pg_query(delivery(s), "outbox_claim", values, 3, 0, done, owner);
    buf_done(&ids);
    return op;
}

int outbox_claimed(const struct pg_answer *answer, struct outbox_held *out, int max)
{
    int count = pg_rows(answer, 0) < max ? pg_rows(answer, 0) : max;
    for (int i = 0; i < count; i++)
        out[i] = (struct outbox_held){pg_int(answer, 0, i, 0), pg_int(answer, 0, i, 1)};
    return count;
}

uint64_t outbox_next(struct store *s, const struct outbox_held *held, const char *incarnation,
    const struct outbox_settle *settle, pg_done *done, void *owner)
{
    struct pg_value values[] = {PG_INT(held->incident), pg_from_text(incarnation), PG_INT(held->send_epoch),
        PG_INT(settle->id), pg_from_text(settle->state ? settle->state : ""),
        pg_from_text(settle->remote ? settle->remote : ""), pg_from_text(settle->error ? settle->error : ""),
        PG_INT(settle->wait_ms), PG_INT(settle->id ? settle->notes : -1), PG_INT(settle->mended),
        pg_from_text(settle->more ? settle->more : "{}")};
    return pg_query(delivery(s), "outbox_next", values, 11, 0, done, owner);
}

bool outbox_row(const struct pg_answer *answer, struct outbox_row *out)
{
    if (pg_rows(answer, 0) == 0)
        return false;
#define TEXT(column) pg_text(answer, 0, 0, column)
#define INT(column) pg_int(answer, 0, 0, column)
    *out = (struct outbox_row){.id = INT(0), .channel = TEXT(1), .account = TEXT(2), .target = TEXT(3), .run = TEXT(4),
        .kind = TEXT(5), .body = TEXT(6), .about = TEXT(7), .marker = TEXT(8), .tries = (int)INT(9),
        .unknown = strcmp(TEXT(10), "waiting") != 0, .claimed_ms_ago = INT(11), .idle_ms = INT(12), .notes = (int)INT(13),
        .age_ms = INT(14), .reopened = pg_bool(answer, 0, 0, 15), .touched = pg_bool(answer, 0, 0, 16), .opening = TEXT(17),
        .doubted = pg_bool(answer, 0, 0, 18)};
#undef TEXT
#undef INT
    return true;
}

uint64_t outbox_claim_again(struct store *s, const struct outbox_held *held, const char *incarnation, int64_t id,
    pg_done *done, void *owner)
{
    struct pg_value values[] = {PG_INT(held->incident), pg_from_text(incarnation), PG_INT(held->send_epoch), PG_INT(id)};
    return pg_query(delivery(s), "outbox_claim_again", values, 4, 0, done, owner);
}

bool outbox_row_renew(const struct pg_answer *answer, struct outbox_row *row)
{
    if (pg_rows(answer, 0) == 0)
        return false;
    row->reopened = pg_bool(answer, 0, 0, 1);
    row->touched = pg_bool(answer, 0, 0, 2);
    row->given_back_wall_ms = pg_int(answer, 0, 0, 3);
    return true;
}

uint64_t outbox_budget_take(struct store *s, const char *account, const char *use, int wanted, int least,
    int most_a_minute, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(account), pg_from_text(use), PG_INT(wanted), PG_INT(least), PG_INT(most_a_minute)};
    return pg_query(store_lane(s, LANE_WORK), "budget_take", values, 5, 0, done, owner);
}
