/* SPDX-License-Identifier: MIT
 * Sweeping the hot tables, and reading and dropping partitions. */
#include "lib/store/history.h"

#include <stdio.h>

#include "lib/store/reconcile.h"

#define LEAVE_LONGEST_MS 600000 /* counting a month of rows */

uint64_t history_prepare(struct store *s, pg_done *done, void *owner)
{
    return pg_query(store_lane(s, LANE_WORK), "history_prepare", NULL, 0, 0, done, owner);
}

uint64_t history_sweep(struct store *s, int64_t runs_older_ms, int64_t events_older_ms, int64_t keys_older_ms, int most,
    pg_done *done, void *owner)
{
    struct pg_group *group = pg_group_new(store_lane(s, LANE_WORK));
    struct pg_value runs[] = {PG_INT(runs_older_ms), PG_INT(most)};
    (void)pg_group_add(group, "history_move_runs", runs, 2, NULL); /* failures stick to the group */
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
    return pg_rows(answer, 0) + pg_rows(answer, 1);
}

/* --- partitions that leave ---------------------------------------------------------------------------------------- */

uint64_t history_list(struct pg *lane, int64_t older_ms, pg_done *done, void *owner)
{
    struct pg_group *group = pg_group_new(lane);
    (void)pg_group_add(group, "history_sort", NULL, 0, NULL); /* failures stick to the group */
    struct pg_value older[] = {PG_INT(older_ms)};
    (void)pg_group_add(group, "history_leaving", older, 1, NULL);
    return pg_group_send(group, 0, done, owner);
}

int history_listed(const struct pg_answer *answer)
{
    return pg_rows(answer, 1);
}

void history_listed_at(const struct pg_answer *answer, int i, struct history_partition *out)
{
    *out = (struct history_partition){.file = pg_int(answer, 1, i, 1)};
    (void)snprintf(out->name, sizeof out->name, "%s", pg_text(answer, 1, i, 0));
}

uint64_t history_read(struct pg *lane, const struct history_partition *partition, const char *after, int bytes,
    const char *turn, int64_t round, int64_t every_ms, pg_done *done, void *owner)
{
    struct pg_group *group = pg_group_new(lane);
    struct pg_value from[] = {pg_from_text(partition->name), PG_INT(partition->file), pg_from_text(*after ? after : "(0,0)"),
        PG_INT(bytes)};
    (void)pg_group_add(group, "history_page", from, 4, NULL); /* failures stick to the group */
    if (turn)
        turn_add_keep(group, turn, round, every_ms);
    return pg_group_send(group, 0, done, owner);
}

void history_read_page(const struct pg_answer *answer, struct history_page *out)
{
    *out = (struct history_page){.lines = pg_text(answer, 0, 0, 0), .bytes = pg_bytes(answer, 0, 0, 0),
        .rows = pg_int(answer, 0, 0, 1), .kept = pg_answer_count(answer) < 2 || turn_kept(answer, 1)};
    (void)snprintf(out->next, sizeof out->next, "%s", pg_text(answer, 0, 0, 2));
}

uint64_t history_leave(struct pg *lane, const struct history_partition *partition, int64_t archived, pg_done *done, void *owner)
{
    struct pg_value what[] = {pg_from_text(partition->name), PG_INT(partition->file), archived < 0 ? PG_NULL : PG_INT(archived)};
    return pg_query(lane, "history_leave", what, 3, LEAVE_LONGEST_MS, done, owner);
}

const char *history_left(const struct pg_answer *answer)
{
    return pg_text(answer, 0, 0, 0);
}
