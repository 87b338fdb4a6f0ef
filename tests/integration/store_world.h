/* SPDX-License-Identifier: MIT
 * What the tests of lib/store share: a real, freshly migrated Postgres, a loop, and a small world of nodes and runs. */
#ifndef TESTS_INTEGRATION_STORE_WORLD_H
#define TESTS_INTEGRATION_STORE_WORLD_H

#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/io/loop.h"
#include "lib/store/event.h"
#include "lib/store/lease.h"
#include "lib/store/outbox.h"
#include "lib/store/run.h"
#include "tests/kit/kit_pg.h"

/* Not every test program uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"

static struct kit_pg *server;
static struct loop *loop;
static struct store *store;
static struct pg *lane;

struct call {
    bool done;
    bool failed;
    struct error err;
    int rows, last;
    struct run_held held[RUN_CLAIM_MAX];
    struct recover_verdict verdict;
    char text[256];
    bool yes;
    void (*read)(struct call *c, const struct pg_answer *answer);
};

static void on_done(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct call *c = owner;
    c->done = true;
    c->failed = err != NULL;
    if (err)
        c->err = *err;
    else {
        c->last = pg_answer_count(answer) - 1;
        c->rows = pg_rows(answer, c->last);
        if (c->read)
            c->read(c, answer);
    }
}

static void wait_call(struct call *c)
{
    int64_t until = clock_mono_ms() + 20000;
    while (!c->done && clock_mono_ms() < until)
        loop_turn(loop, 50);
    assert_true(c->done);
}

static void expect_well(struct call *c)
{
    wait_call(c);
    if (c->failed)
        fail_msg("%s [%s]", c->err.text, c->err.sqlstate);
}

static void on_migrated(void *owner, int applied, const struct error *err)
{
    struct call *c = owner;
    c->done = true;
    c->failed = err != NULL;
    c->rows = applied;
    if (err)
        c->err = *err;
}

static int setup(void **state)
{
    (void)state;
    struct error err = {0};
    server = kit_pg_start(NULL);
    loop = loop_new(&err);
    struct store_settings st = {.conninfo = kit_pg_conninfo(server), .application = "test"};
    for (int i = 0; i < 2; i++) { /* the second finds everything applied */
        struct call c = {0};
        store_migrate(loop, &st, on_migrated, &c);
        expect_well(&c);
        assert_int_equal(c.rows, i == 0 ? store_schema_wanted() : 0);
    }
    store = store_new(loop, &st, &err);
    assert_non_null(store);
    lane = store_lane(store, LANE_WORK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_free(store);
    loop_free(loop);
    kit_pg_free(server);
    return 0;
}

/* Deletes, and does not truncate: connections of the test before may still be preparing their statements, and with their
 * locks on many tables an exclusive one ends in a deadlock. */
static int clean(void **state)
{
    (void)state;
    kit_pg_run(server,
        "do $$ declare r record; begin "
        "set local session_replication_role = replica; " /* foreign keys, in whatever order */
        "for r in select oid::regclass as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' "
        "and relname <> 'migration' loop execute format('delete from %s', r.name); end loop; "
        "for r in select oid::regclass as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'S' "
        "loop perform setval(r.name, 1, false); end loop; end $$");
    return 0;
}

/* --- a small world ------------------------------------------------------------------------------------------------ */

#define NODE_A "aaaaaaaa-0000-4000-8000-000000000001"
#define NODE_B "bbbbbbbb-0000-4000-8000-000000000002"

static void add_node(const char *incarnation, bool dead)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql, "insert into node (incarnation, name, region, roles, version, slots, beat, lease_ms, lease_until, dead) "
        "values ('%s', 'n-%.8s', 'tokyo', '{executor}', '0', 10, 7, 6000, clock_timestamp() + interval '6 s', %s)",
        incarnation, incarnation, dead ? "true" : "false");
    kit_pg_run(server, sql);
}

static void add_runs(const char *customer, int first, int count)
{
    char sql[1500];
    (void)snprintf(sql, sizeof sql,
        "with i as (insert into incident (account, key, created_at, opening, seen_at) select 'a', 'Q%s' || n, now(), now(), now() "
        "from generate_series(%d, %d) n returning id, key) insert into run (incident, account, incident_key, customer, title, opening, "
        "opened_at, give_up_at) select id, 'a', key, '%s', 't', now(), now(), now() + interval '10 min' from i",
        customer, first, first + count - 1, customer);
    kit_pg_run(server, sql);
}

static void read_held(struct call *c, const struct pg_answer *answer)
{
    c->rows = run_claimed(answer, c->held);
}

static struct call claim(enum run_claim_kind kind, const char *incarnation, int most)
{
    struct call c = {.read = read_held};
    run_claim(store, kind, incarnation, most, on_done, &c);
    expect_well(&c);
    return c;
}

static long ask_number(const char *sql)
{
    char *got = kit_pg_ask(server, sql);
    long n = strtoll(got, NULL, 10);
    free(got);
    return n;
}

static struct run_held one_run(void)
{
    add_node(NODE_A, false);
    add_runs("c", 1, 1);
    struct run_held held = claim(CLAIM_WAITING, NODE_A, 1).held[0];
    kit_pg_run(server, "update run set scenario = 's'");
    return held;
}

#endif
