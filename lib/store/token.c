/* SPDX-License-Identifier: MIT
 * Tokens owed: the statements' parameters and columns. */
#include "lib/store/token.h"

uint64_t token_claim(struct store *s, int most, int64_t first_ms, int64_t longest_ms, int64_t keep_ms, pg_done *done,
    void *owner)
{
    struct pg_value values[] = {PG_INT(most), PG_INT(first_ms), PG_INT(longest_ms), PG_INT(keep_ms)};
    return pg_query(store_lane(s, LANE_WORK), "token_claim", values, 4, 0, done, owner);
}

int token_claimed(const struct pg_answer *answer)
{
    return pg_rows(answer, 0);
}

void token_at(const struct pg_answer *answer, int index, struct token_owed *out)
{
#define TEXT(column) pg_text(answer, 0, index, column)
#define INT(column) pg_int(answer, 0, index, column)
    *out = (struct token_owed){.run = TEXT(0), .epoch = INT(1), .tries = INT(2), .timeline = INT(3), .step = (int)INT(4),
        .attempt = (int)INT(5), .title = TEXT(6), .host = TEXT(7), .become = TEXT(8), .memory = TEXT(9), .boot = TEXT(10),
        .language = TEXT(11), .customer = TEXT(12), .expired = pg_bool(answer, 0, index, 13), .age_ms = INT(14),
        .machine = TEXT(15)};
#undef TEXT
#undef INT
}

uint64_t token_failed(struct store *s, const char *run, int64_t epoch, const char *error, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(run), PG_INT(epoch), pg_from_text(error)};
    return pg_query(store_lane(s, LANE_WORK), "token_failed", values, 3, 0, done, owner);
}

uint64_t token_settle(struct store *s, const struct token_end *e, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(e->run), PG_INT(e->epoch), pg_from_text(e->outcome), pg_from_text(e->sentence),
        pg_from_text(e->note), pg_from_text(e->marker), pg_from_text(e->step)};
    return pg_query(store_lane(s, LANE_WORK), "token_settle", values, 7, 0, done, owner);
}

void token_forget(struct store *s, uint64_t op)
{
    pg_forget(store_lane(s, LANE_WORK), op);
}
