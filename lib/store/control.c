/* SPDX-License-Identifier: MIT
 * Stop switches in the database. */
#include "lib/store/control.h"

uint64_t control_set(struct store *s, const char *scope, const char *key, const char *by, const char *why,
    pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(scope), pg_from_text(key), pg_from_text(by), pg_from_text(why)};
    return pg_query(store_lane(s, LANE_WORK), "control_set", values, 4, 0, done, owner);
}

void control_set_at(const struct pg_answer *answer, struct control_set_row *out)
{
    *out = (struct control_set_row){pg_bool(answer, 0, 0, 1), pg_text(answer, 0, 0, 2)};
}

uint64_t control_clear(struct store *s, const char *scope, const char *key, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(scope), pg_from_text(key)};
    return pg_query(store_lane(s, LANE_WORK), "control_clear", values, 2, 0, done, owner);
}

uint64_t control_list(struct store *s, pg_done *done, void *owner)
{
    return pg_query(store_lane(s, LANE_WORK), "control_list", NULL, 0, 0, done, owner);
}

int control_count(const struct pg_answer *answer)
{
    return pg_rows(answer, 0);
}

void control_at(const struct pg_answer *answer, int i, struct control_row *out)
{
    *out = (struct control_row){pg_text(answer, 0, i, 0), pg_text(answer, 0, i, 1), pg_text(answer, 0, i, 2),
        pg_text(answer, 0, i, 3), pg_text(answer, 0, i, 4)};
}
