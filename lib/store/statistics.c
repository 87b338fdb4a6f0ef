/* SPDX-License-Identifier: MIT
 * Asking for fresh statistics. What has grown, the database knows. */
#include "lib/store/statistics.h"

#include <stdlib.h>

#include "lib/base/clock.h"

#define LOOK_EVERY_MS 2000
#define WORTH_ROWS 200 /* statements and rows that they answered, between two looks; less makes no table grow so that a plan matters */
#define COUNTED_WITHIN_MS 12000 /* the server counts the changes of a session that falls idle 10 s later */

struct statistics {
    struct store *store;      /* borrowed */
    const struct log_ctx *log; /* borrowed */
    struct loop_timer *timer; /* owned */
    uint64_t op;              /* the refresh under way; 0: none */
    uint64_t done;            /* by this node until the last look */
    int64_t ask_until_mono_ms;
};

/* One statement may store many events. */
static uint64_t done_by(struct store *store)
{
    uint64_t sum = 0;
    for (int i = 0; i < STORE_LANES; i++) {
        struct pg_lane lane;
        pg_lane(store_lane(store, (enum store_lane)i), &lane);
        sum += lane.queries + lane.rows;
    }
    return sum;
}

static void on_refreshed(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct statistics *s = owner;
    s->op = 0;
    bool may = err ? err->kind != ERROR_CONFIG : pg_int(answer, 0, 0, 0) >= 0;
    if (may)
        return; /* where it failed, plans are as they were; others tell that the database is away */
    loop_timer_stop(s->timer);
    log_warning(s->log, "the database's role owns neither its tables nor the database: after a storm's beginning statements stay slow "
        "until autovacuum comes, and history cannot be divided by month (docs/database-connections.md, Plans)",
        LOG_S("why", err ? err->text : "analyze is the owner's"));
}

/* Not the work lane: what comes behind it there would wait for the analysis. Deliveries can. */
static struct pg *lane_of(const struct statistics *s)
{
    return store_lane(s->store, LANE_DELIVERY);
}

static void look(void *owner)
{
    struct statistics *s = owner;
    uint64_t done = done_by(s->store);
    int64_t now = clock_mono_ms();
    if (done - s->done >= WORTH_ROWS)
        s->ask_until_mono_ms = now + COUNTED_WITHIN_MS;
    s->done = done;
    if (!s->op && now < s->ask_until_mono_ms)
        s->op = pg_query(lane_of(s), "statistics_refresh", NULL, 0, 0, on_refreshed, s);
}

struct statistics *statistics_new(struct loop *loop, struct store *store, const struct log_ctx *log)
{
    struct statistics *s = calloc(1, sizeof *s);
    if (!s)
        abort(); /* one at start-up */
    s->store = store;
    s->log = log;
    s->timer = loop_timer_new(loop, look, s);
    loop_timer_start(s->timer, LOOK_EVERY_MS, LOOK_EVERY_MS);
    return s;
}

void statistics_free(struct statistics *s)
{
    if (!s)
        return;
    if (s->op)
        pg_forget(lane_of(s), s->op);
    loop_timer_free(s->timer);
    free(s);
}
