/* SPDX-License-Identifier: MIT
 * Counting. */
#include "lib/store/metrics.h"

uint64_t metrics_count(struct store *s, unsigned timeout_ms, pg_done *done, void *owner)
{
    return pg_query(store_lane(s, LANE_WORK), "metrics_counts", NULL, 0, timeout_ms, done, owner);
}

int metrics_rows(const struct pg_answer *answer)
{
    return pg_rows(answer, 0);
}

void metrics_row_at(const struct pg_answer *answer, int i, struct metrics_row *out)
{
    *out = (struct metrics_row){pg_text(answer, 0, i, 0), pg_text(answer, 0, i, 1), pg_text(answer, 0, i, 2), pg_text(answer, 0, i, 3)};
}
