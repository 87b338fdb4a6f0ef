/* SPDX-License-Identifier: MIT
 * Reading for people. */
#include "lib/store/report.h"

static struct pg *work(struct store *s)
{
    return store_lane(s, LANE_WORK);
}

uint64_t report_runs(struct store *s, int most, bool only_open, pg_done *done, void *owner)
{
    struct pg_value values[] = {PG_INT(most), pg_from_bool(only_open)};
    return pg_query(work(s), "run_list", values, 2, 0, done, owner);
}

uint64_t report_run(struct store *s, const char *id, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(id)};
    return pg_query(work(s), "run_show", values, 1, 0, done, owner);
}

int report_count(const struct pg_answer *answer)
{
    return pg_rows(answer, 0);
}

void report_run_at(const struct pg_answer *answer, int i, struct report_run *out)
{
#define TEXT(column) pg_text(answer, 0, i, column)
    *out = (struct report_run){.id = TEXT(0), .account = TEXT(1), .incident = TEXT(2), .customer = TEXT(3), .title = TEXT(4),
        .state = TEXT(5), .scenario = TEXT(6), .host = TEXT(7), .ending = TEXT(8), .reason = TEXT(9), .created_at = TEXT(10),
        .took_ms = pg_int(answer, 0, i, 11), .holder = TEXT(12)};
#undef TEXT
}

uint64_t report_decisions(struct store *s, const char *run, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(run)};
    return pg_query(work(s), "run_decisions", values, 1, 0, done, owner);
}

void report_decision_at(const struct pg_answer *answer, int i, struct report_decision *out)
{
    *out = (struct report_decision){.at = pg_text(answer, 0, i, 0), .epoch = pg_int(answer, 0, i, 1),
        .kind = pg_text(answer, 0, i, 2), .text = pg_text(answer, 0, i, 3)};
}
