/* SPDX-License-Identifier: MIT
 * What the tests of lanes share: a server, a loop and a lane, and what an answer said. */
#ifndef TESTS_INTEGRATION_PG_WORLD_H
#define TESTS_INTEGRATION_PG_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/io/pg.h"
#include "tests/kit/kit.h"
#include "tests/kit/kit_pg.h"

#define WAIT_MS 60000

struct told {
    int times;
    bool failed;
    struct error err;
    int count, rows;
    int64_t number;
    char text[64];
};

struct world {
    struct kit_pg *server;
    struct loop *loop;
    struct pg *pg;
};

static inline void on_done(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct told *t = owner;
    t->times++;
    t->failed = err != NULL;
    assert_true((answer == NULL) == (err != NULL));
    if (err) {
        t->err = *err;
        return;
    }
    t->count = pg_answer_count(answer);
    t->rows = t->count ? pg_rows(answer, 0) : 0;
    if (t->rows > 0 && pg_columns(answer, 0) > 0) {
        t->number = pg_int(answer, 0, 0, 0);
        (void)snprintf(t->text, sizeof t->text, "%s", pg_text(answer, 0, 0, 0));
    }
}

#define WAIT_FOR(w, condition)                                                          \
    do {                                                                                \
        int64_t until_ms = clock_mono_ms() + WAIT_MS;                                   \
        while (!(condition) && clock_mono_ms() < until_ms)                              \
            loop_turn((w)->loop, 20);                                                   \
        if (!(condition))                                                               \
            fail_msg("waited in vain for %s", #condition);                              \
    } while (0)

static inline struct told ask(struct world *w, const char *statement, const struct pg_value *values, int count)
{
    struct told t = {0};
    pg_query(w->pg, statement, values, count, 0, on_done, &t);
    assert_int_equal(t.times, 0); /* never from inside */
    WAIT_FOR(w, t.times);
    return t;
}

static inline struct pg_lane numbers_of(const struct pg *pg)
{
    struct pg_lane numbers;
    pg_lane(pg, &numbers);
    return numbers;
}

static inline int start_server(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->server = kit_pg_start(NULL);
    *state = w;
    return 0;
}

static inline int stop_server(void **state)
{
    struct world *w = *state;
    kit_pg_free(w->server);
    free(w);
    return 0;
}

/* set_up and tear_down: the file's own, of each test. */
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
