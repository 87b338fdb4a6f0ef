/* SPDX-License-Identifier: MIT
 * Turns, and comparing. */
#include "lib/store/reconcile.h"

#include <stdio.h>

uint64_t turn_take(struct store *s, const char *name, const char *incarnation, int64_t every_ms, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(name), pg_from_text(incarnation), PG_INT(every_ms)};
    return pg_query(store_lane(s, LANE_WORK), "turn_take", values, 3, 0, done, owner);
}

bool turn_taken(const struct pg_answer *answer, struct turn *out)
{
    if (pg_rows(answer, 0) == 0 || !pg_bool(answer, 0, 0, 1))
        return false;
    out->round = pg_int(answer, 0, 0, 0);
    (void)snprintf(out->started, sizeof out->started, "%s", pg_text(answer, 0, 0, 2));
    return true;
}

void turn_add_keep(struct pg_group *group, const char *name, int64_t round, int64_t every_ms)
{
    struct pg_value values[] = {pg_from_text(name), PG_INT(round), PG_INT(every_ms)};
    (void)pg_group_add(group, "turn_keep", values, 3, NULL); /* failures stick to the group, here as below */
}

bool turn_kept(const struct pg_answer *answer, int keep)
{
    return pg_rows(answer, keep) > 0;
}

void reconcile_add_page(struct pg_group *group, const char *account, const char *listed, const char *oldest, int64_t grace_ms,
    int64_t quiet_ms)
{
    struct pg_value values[] = {pg_from_text(account), pg_from_text(listed), pg_from_text(oldest), PG_INT(grace_ms),
        PG_INT(quiet_ms)};
    (void)pg_group_add(group, "reconcile_page", values, 5, NULL);
}

void reconcile_page_row(const struct pg_answer *answer, int statement, int row, struct reconcile_row *out)
{
    *out = (struct reconcile_row){.key = pg_text(answer, statement, row, 0), .what = pg_text(answer, statement, row, 1),
        .rank = (int)pg_int(answer, statement, row, 2), .quiet = pg_bool(answer, statement, row, 3),
        .opening_wall_ms = pg_int(answer, statement, row, 4), .looked_wall_ms = pg_int(answer, statement, row, 5)};
}

void reconcile_add_gone(struct pg_group *group, const char *account, const char *ids, const char *started, int most)
{
    struct pg_value values[] = {pg_from_text(account), pg_from_text(ids), pg_from_text(started), PG_INT(most)};
    (void)pg_group_add(group, "reconcile_gone", values, 4, NULL);
}

void reconcile_gone_row(const struct pg_answer *answer, int statement, int row, struct reconcile_row *out)
{
    *out = (struct reconcile_row){.key = pg_text(answer, statement, row, 0), .what = "gone",
        .rank = pg_bool(answer, statement, row, 2) ? RECONCILE_GONE_RUNS : RECONCILE_GONE, .opening_wall_ms = pg_int(answer, statement, row, 1),
        .looked_wall_ms = pg_int(answer, statement, row, 3)};
}

void reconcile_add_looked(struct pg_group *group, const char *account, const char *incident, const char *shown, bool gone)
{
    struct pg_value values[] = {pg_from_text(account), pg_from_text(incident), pg_from_text(shown), pg_from_bool(gone)};
    (void)pg_group_add(group, "incident_looked", values, 4, NULL);
}
