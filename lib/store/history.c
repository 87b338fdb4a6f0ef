/* SPDX-License-Identifier: MIT
 * Sweeping the hot tables. */
#include "lib/store/history.h"

uint64_t history_sweep(struct store *s, int64_t runs_older_ms, int64_t events_older_ms, int64_t keys_older_ms, int most,
    pg_done *done, void *owner)
{
    struct pg_group *group = pg_group_new(store_lane(s, LANE_WORK));
    (void)pg_group_add(group, "history_prepare", NULL, 0, NULL); /* failures stick to the group */
    struct pg_value runs[] = {PG_INT(runs_older_ms), PG_INT(most)};
    (void)pg_group_add(group, "history_move_runs", runs, 2, NULL);
    struct pg_value events[] = {PG_INT(events_older_ms), PG_INT(most)};
    (void)pg_group_add(group, "history_move_events", events, 2, NULL);
    struct pg_value keys[] = {PG_INT(keys_older_ms), PG_INT(most)};
    (void)pg_group_add(group, "history_drop_keys", keys, 2, NULL);
    /* Later than the events whose late copies they judge. */
    struct pg_value gone[] = {PG_INT(2 * events_older_ms), PG_INT(most)};
    (void)pg_group_add(group, "history_drop_incidents", gone, 2, NULL);
    (void)pg_group_add(group, "node_drop", gone, 2, NULL);
    return pg_group_send(group, 0, done, owner);
}

int history_moved(const struct pg_answer *answer)
{
    return pg_rows(answer, 1) + pg_rows(answer, 2);
}
