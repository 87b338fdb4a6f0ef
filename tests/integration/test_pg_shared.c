/* SPDX-License-Identifier: MIT
 * Groups that share a commit: one transaction for all that wait, in their order, and for each what it would have been alone. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"
#include "tests/integration/pg_world.h"

static const struct embedded statements[] = {
    {"put", "insert into t (id) values ($1::int)", 0},
    {"child", "insert into child (parent) values ($1::int)", 0},
    {"count", "select count(*) from t", 0},
    {"sleep", "select pg_sleep($1::float8)", 0},
    {NULL, NULL, 0},
};
static const char schema[] = "drop schema public cascade; create schema public; create table t (id int primary key); "
                             "create table child (parent int references t deferrable initially deferred);";

static int set_up(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    kit_pg_run(w->server, schema);
    w->loop = loop_new(&err);
    assert_non_null(w->loop);
    struct pg_settings settings = {.application = "test", .conninfo = kit_pg_conninfo(w->server), .statements = statements};
    w->pg = pg_new(w->loop, &settings, &err);
    assert_non_null(w->pg);
    WAIT_FOR(w, pg_ready(w->pg)); /* so that what is sent now is sent in this turn */
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    pg_free(w->pg);
    loop_free(w->loop);
    return 0;
}

static uint64_t share(struct world *w, const char *statement, int number, const char *order, struct told *t)
{
    struct pg_group *g = pg_group_new(w->pg);
    struct pg_value values[] = {PG_INT(number)};
    assert_int_equal(pg_group_add(g, statement, values, strcmp(statement, "count") == 0 ? 0 : 1, NULL), 0);
    pg_group_share(g, order);
    return pg_group_send(g, 0, on_done, t);
}

static int told_in_all(const struct told *t, int count)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        n += t[i].times;
    return n;
}

static void those_that_wait_are_one_transaction_in_their_order(void **state)
{
    struct world *w = *state;
    static const char *const orders[] = {"d", "b", NULL, "c", "a"};
    struct told t[5] = {{0}};
    for (int i = 0; i < 5; i++)
        share(w, "put", i, orders[i], &t[i]);
    WAIT_FOR(w, told_in_all(t, 5) == 5);
    for (int i = 0; i < 5; i++)
        assert_false(t[i].failed);
    kit_pg_wait(w->server, "select count(distinct xmin::text) from t", "1");
    kit_pg_wait(w->server, "select string_agg(id::text, ' ' order by ctid) from t", "2 4 1 3 0");
    assert_int_equal(numbers_of(w->pg).transactions, 1);
    assert_int_equal(numbers_of(w->pg).commits, 5);
}

static void what_comes_while_a_commit_is_under_way_gathers_for_the_next(void **state)
{
    struct world *w = *state;
    struct told first = {0}, t[3] = {{0}}, other = {0};
    share(w, "sleep", 1, NULL, &first);
    WAIT_FOR(w, numbers_of(w->pg).in_flight == 1);
    for (int i = 0; i < 3; i++) {
        share(w, "put", i, NULL, &t[i]);
        loop_turn(w->loop, 10);
    }
    pg_query(w->pg, "count", NULL, 0, 0, on_done, &other); /* shares nothing, and comes after them */
    WAIT_FOR(w, other.times);
    assert_int_equal(first.times, 1);
    assert_int_equal(told_in_all(t, 3), 3);
    assert_int_equal(other.number, 3);
    assert_int_equal(numbers_of(w->pg).transactions, 3);
    kit_pg_wait(w->server, "select count(distinct xmin::text) from t", "1");
}

static void no_commit_has_more_than_its_share(void **state)
{
    struct world *w = *state;
    static struct told t[2 * PG_SHARED_MAX + 1];
    for (int i = 0; i < 2 * PG_SHARED_MAX + 1; i++)
        share(w, "put", i, NULL, &t[i]);
    WAIT_FOR(w, told_in_all(t, 2 * PG_SHARED_MAX + 1) == 2 * PG_SHARED_MAX + 1);
    assert_int_equal(numbers_of(w->pg).transactions, 3);
}

static void one_that_is_refused_does_not_harm_the_others(void **state)
{
    struct world *w = *state;
    struct told t[4] = {{0}};
    static const int ids[] = {1, 2, 1, 3};
    for (int i = 0; i < 4; i++)
        share(w, "put", ids[i], NULL, &t[i]);
    WAIT_FOR(w, told_in_all(t, 4) == 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(t[i].failed, i == 2);
    assert_int_equal(t[2].err.kind, ERROR_INPUT);
    assert_string_equal(t[2].err.sqlstate, "23505");
    kit_pg_wait(w->server, "select string_agg(id::text, ' ' order by id) from t", "1 2 3");
    kit_pg_wait(w->server, "select count(distinct xmin::text) from t", "3");
    struct told after = {0}; /* and the lane shares again */
    share(w, "count", 0, NULL, &after);
    WAIT_FOR(w, after.times);
    assert_int_equal(after.number, 3);
    assert_int_equal(pg_idle(w->pg), true);
}

static void an_error_of_the_commit_is_its_own_groups(void **state)
{
    struct world *w = *state;
    struct told good[2] = {{0}}, bad = {0};
    share(w, "put", 1, NULL, &good[0]);
    share(w, "child", 77, NULL, &bad);
    share(w, "child", 1, NULL, &good[1]);
    WAIT_FOR(w, bad.times + told_in_all(good, 2) == 3);
    assert_string_equal(bad.err.sqlstate, "23503");
    assert_false(good[0].failed || good[1].failed);
    kit_pg_wait(w->server, "select string_agg(parent::text, ' ') from child", "1");
}

static void a_lost_session_leaves_all_of_it_uncertain_and_the_next_are_sent(void **state)
{
    struct world *w = *state;
    struct told t[2] = {{0}}, next = {0};
    share(w, "put", 1, "a", &t[0]);
    share(w, "sleep", 30, "b", &t[1]);
    WAIT_FOR(w, numbers_of(w->pg).in_flight == 2);
    share(w, "put", 2, NULL, &next);
    kit_pg_wait(w->server, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'", "1");
    kit_pg_run(w->server, "select pg_terminate_backend((select pid from pg_stat_activity where wait_event = 'PgSleep'))");
    WAIT_FOR(w, next.times);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(t[i].times, 1);
        assert_int_equal(t[i].err.kind, ERROR_UNCERTAIN);
    }
    assert_false(next.failed);
    kit_pg_wait(w->server, "select string_agg(id::text, ' ') from t", "2");
}

static void a_forgotten_one_is_not_told_and_its_others_are(void **state)
{
    struct world *w = *state;
    struct told kept[2] = {{0}}, forgotten = {0};
    share(w, "put", 1, NULL, &kept[0]);
    uint64_t op = share(w, "sleep", 1, NULL, &forgotten);
    share(w, "put", 1, NULL, &kept[1]); /* refused: the forgotten one runs again */
    WAIT_FOR(w, numbers_of(w->pg).in_flight == 3);
    pg_forget(w->pg, op);
    WAIT_FOR(w, told_in_all(kept, 2) == 2);
    WAIT_FOR(w, pg_idle(w->pg));
    assert_int_equal(forgotten.times, 0);
    assert_int_equal(kept[0].failed, 0);
    assert_int_equal(kept[1].err.kind, ERROR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(those_that_wait_are_one_transaction_in_their_order),
        ROW(what_comes_while_a_commit_is_under_way_gathers_for_the_next),
        ROW(no_commit_has_more_than_its_share),
        ROW(one_that_is_refused_does_not_harm_the_others),
        ROW(an_error_of_the_commit_is_its_own_groups),
        ROW(a_lost_session_leaves_all_of_it_uncertain_and_the_next_are_sent),
        ROW(a_forgotten_one_is_not_told_and_its_others_are),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
