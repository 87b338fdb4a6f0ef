/* SPDX-License-Identifier: MIT
 * Lanes against a real Postgres: groups, errors, values, scripts, forgetting. What happens when servers go away is in
 * test_pg_loss.c. */
#include <stdlib.h>
#include <string.h>

#include "tests/integration/pg_world.h"

static const struct embedded statements[] = {
    {"put", "insert into t (id, body) values ($1::int, $2::bytea)", 0},
    {"get", "select body, note from t where id = $1::int", 0},
    {"child", "insert into child (parent) values ($1::int)", 0},
    {"raise", "select raise($1::text)", 0},
    {"echo", "select $1::int as n", 0},
    {"texts", "select unnest($1::text[])", 0},
    {"bytes", "select unnest($1::bytea[])", 0},
    {"ints", "select unnest($1::bigint[]), unnest($2::boolean[])", 0},
    {"length", "select length($1::bytea)", 0},
    {"later", "select made_later from later", 0},
    {"stars", "select * from stars", 0},
    {"sleep", "select pg_sleep($1::float8)", 0},
    {"settings",
        "select current_setting('synchronous_commit'), current_setting('statement_timeout'), "
        "current_setting('timezone'), current_setting('client_encoding'), "
        "current_setting('application_name')",
        0},
    {NULL, NULL, 0},
};

static const char schema[] =
    "drop schema public cascade; create schema public; "
    "create table t (id int primary key, body bytea, note text); "
    "create table child (parent int references t deferrable initially deferred); "
    "create table stars (a int); insert into stars values (1); "
    "create function raise(state text) returns void language plpgsql as "
    "$$ begin raise exception 'raised' using errcode = state; end $$;";

static struct pg *lane(struct world *w, struct pg_settings settings)
{
    struct error err = {0};
    settings.conninfo = settings.conninfo ? settings.conninfo : kit_pg_conninfo(w->server);
    settings.statements = statements;
    struct pg *pg = pg_new(w->loop, &settings, &err);
    if (!pg)
        fail_msg("%s", err.text);
    return pg;
}

static int set_up(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    kit_pg_run(w->server, schema);
    w->loop = loop_new(&err);
    assert_non_null(w->loop);
    w->pg = lane(w, (struct pg_settings){.application = "test"});
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    pg_free(w->pg);
    w->pg = NULL;
    loop_free(w->loop);
    return 0;
}

static void add_put(struct pg_group *g, int id)
{
    struct pg_value values[] = {PG_INT(id), pg_from_bytes("x", 1)};
    assert_int_equal(pg_group_add(g, "put", values, 2, NULL), 0);
}

static void a_group_commits_as_one(void **state)
{
    struct world *w = *state;
    struct told t = {0};
    struct pg_group *g = pg_group_new(w->pg);
    add_put(g, 1);
    add_put(g, 2);
    assert_int_equal(pg_group_count(g), 2);
    assert_true(pg_group_send(g, 0, on_done, &t) > 0);
    WAIT_FOR(w, t.times);
    assert_false(t.failed);
    assert_int_equal(t.count, 2);
    kit_pg_wait(w->server, "select count(*), count(distinct xmin::text) from t", "2");
    kit_pg_wait(w->server, "select count(distinct xmin::text) from t", "1");
}

static void a_group_aborts_whole_and_others_go_on(void **state)
{
    struct world *w = *state;
    struct told bad = {0}, good[2] = {{0}};
    struct pg_group *g = pg_group_new(w->pg);
    add_put(g, 1);
    pg_group_send(g, 0, on_done, &good[0]);
    g = pg_group_new(w->pg);
    add_put(g, 2);
    add_put(g, 1);
    add_put(g, 3);
    pg_group_send(g, 0, on_done, &bad);
    g = pg_group_new(w->pg);
    add_put(g, 4);
    pg_group_send(g, 0, on_done, &good[1]);
    WAIT_FOR(w, good[1].times);
    assert_int_equal(bad.times, 1);
    assert_int_equal(bad.err.kind, ERROR_INPUT);
    assert_string_equal(bad.err.sqlstate, "23505");
    assert_non_null(strstr(bad.err.text, "statement 'put'"));
    assert_false(good[0].failed || good[1].failed);
    kit_pg_wait(w->server, "select string_agg(id::text, ' ' order by id) from t", "1 4");
    struct pg_lane numbers = numbers_of(w->pg);
    assert_int_equal(numbers.commits, 2);
    assert_int_equal(numbers.failures, 1);
}

static void an_error_of_the_commit_itself_is_told(void **state)
{
    struct world *w = *state;
    struct told t[2] = {{0}};
    pg_query(w->pg, "child", (struct pg_value[]){PG_INT(77)}, 1, 0, on_done, &t[0]);
    pg_query(w->pg, "echo", (struct pg_value[]){PG_INT(5)}, 1, 0, on_done, &t[1]);
    WAIT_FOR(w, t[1].times);
    assert_true(t[0].failed);
    assert_string_equal(t[0].err.sqlstate, "23503");
    assert_int_equal(t[0].err.kind, ERROR_INPUT);
    assert_int_equal(t[1].number, 5);
    kit_pg_wait(w->server, "select count(*) from child", "0");
}

static void errors_by_sqlstate(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *statement, *value, *sqlstate;
        enum error_kind expected;
    } rows[] = {
        {"raise", "40001", "40001", ERROR_UNREACHED},
        {"raise", "40P01", "40P01", ERROR_UNREACHED},
        {"raise", "53100", "53100", ERROR_UNREACHED},
        {"raise", "55P03", "55P03", ERROR_UNREACHED},
        {"raise", "P0001", "P0001", ERROR_REFUSED},
        {"raise", "54000", "54000", ERROR_INPUT},
        {"raise", "\xff", "22021", ERROR_INPUT},
        {"echo", "no number", "22P02", ERROR_INPUT},
        {"later", NULL, "42P01", ERROR_INPUT},
        {"nowhere", NULL, "", ERROR_CONFIG},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pg_value v = pg_from_text(rows[i].value);
        struct told t = ask(w, rows[i].statement, &v, rows[i].value ? 1 : 0);
        assert_true(t.failed);
        if (t.err.kind != rows[i].expected)
            fail_msg("%s %s: %s", rows[i].statement, rows[i].value, t.err.text);
        assert_string_equal(t.err.sqlstate, rows[i].sqlstate);
    }
    assert_true(pg_ready(w->pg));
}

static void what_cannot_be_sent_is_told_later(void **state)
{
    struct world *w = *state;
    struct told t = ask(w, "raise", (struct pg_value[]){pg_from_span("a\0b", 3)}, 1);
    assert_int_equal(t.err.kind, ERROR_INPUT);
    assert_string_equal(t.err.sqlstate, ""); /* the server was not asked */
    struct buf b;
    buf_init(&b, 8);
    pg_array_begin(&b);
    pg_array_text(&b, "too long for it");
    t = ask(w, "texts", (struct pg_value[]){pg_array_end(&b)}, 1);
    assert_int_equal(t.err.kind, ERROR_LIMIT);
    buf_done(&b);
    struct told empty = {0};
    pg_group_send(pg_group_new(w->pg), 0, on_done, &empty);
    WAIT_FOR(w, empty.times);
    assert_int_equal(empty.err.kind, ERROR_INPUT);
}

/* ---- values ---- */

#define WIDE_BYTES (1024 * 1024)

struct wide {
    int times;
    char *expected;
};

static void on_wide(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct wide *wide = owner;
    wide->times++;
    assert_null(err);
    struct buf b;
    buf_init(&b, WIDE_BYTES);
    assert_int_equal(pg_blob(answer, 0, 0, 0, &b), 0);
    assert_int_equal(b.bytes, WIDE_BYTES);
    assert_memory_equal(b.data, wide->expected, WIDE_BYTES);
    buf_done(&b);
    buf_init(&b, WIDE_BYTES - 1);
    assert_int_equal(pg_blob(answer, 0, 0, 0, &b), -1);
    assert_int_equal(b.bytes, 0);
    buf_done(&b);
    assert_true(pg_is_null(answer, 0, 0, pg_column(answer, 0, "note")));
    assert_string_equal(pg_text(answer, 0, 0, 1), "");
    assert_int_equal(pg_column(answer, 0, "nothing"), -1);
}

static void a_wide_value_goes_and_comes_back(void **state)
{
    struct world *w = *state;
    struct wide wide = {.expected = malloc(WIDE_BYTES)};
    assert_non_null(wide.expected);
    for (int i = 0; i < WIDE_BYTES; i++)
        wide.expected[i] = (char)(i * 31 + i / 256);
    struct told put = {0};
    struct pg_value values[] = {PG_INT(1), pg_from_bytes(wide.expected, WIDE_BYTES)};
    pg_query(w->pg, "put", values, 2, 0, on_done, &put);
    pg_query(w->pg, "get", values, 1, 0, on_wide, &wide);
    WAIT_FOR(w, wide.times);
    assert_false(put.failed);
    free(wide.expected);
}

/* More than the sockets' buffers take at once, so that the rest has to wait until the server reads. */
static void what_does_not_fit_the_socket_follows(void **state)
{
    struct world *w = *state;
    const int bytes = 32 * 1024 * 1024;
    char *data = calloc(1, (size_t)bytes);
    assert_non_null(data);
    struct told t[3] = {{0}};
    struct pg_value value = pg_from_bytes(data, (size_t)bytes);
    for (int i = 0; i < 3; i++)
        pg_query(w->pg, "length", &value, 1, 60000, on_done, &t[i]);
    free(data);
    WAIT_FOR(w, t[2].times);
    for (int i = 0; i < 3; i++)
        assert_int_equal(t[i].number, bytes);
}

static const char *const odd_texts[] = {"", "a", "{", "},{", "\"", "\\", "\\\"x\\", "NULL", " a b ", "\n\t", "\xc3\xa9", ","};
#define ODD_TEXTS ((int)(sizeof odd_texts / sizeof odd_texts[0]))

static void on_texts(void *owner, const struct pg_answer *answer, const struct error *err)
{
    if (err)
        fail_msg("%s", err->text);
    assert_int_equal(pg_rows(answer, 0), ODD_TEXTS + 1);
    for (int i = 0; i < ODD_TEXTS; i++)
        assert_string_equal(pg_text(answer, 0, i, 0), odd_texts[i]);
    assert_true(pg_is_null(answer, 0, ODD_TEXTS, 0));
    (*(int *)owner)++;
}

static void on_bytes(void *owner, const struct pg_answer *answer, const struct error *err)
{
    assert_null(err);
    struct buf b;
    buf_init(&b, 1000);
    assert_int_equal(pg_blob(answer, 0, 0, 0, &b), 0);
    assert_int_equal(b.bytes, 4);
    assert_memory_equal(b.data, "\0\"\\\xff", 4);
    assert_int_equal(pg_blob(answer, 0, 1, 0, &b), 0);
    assert_int_equal(b.bytes, 4);
    buf_done(&b);
    (*(int *)owner)++;
}

static void on_ints(void *owner, const struct pg_answer *answer, const struct error *err)
{
    assert_null(err);
    assert_int_equal(pg_rows(answer, 0), 2);
    assert_true(pg_int(answer, 0, 0, 0) == INT64_MIN);
    assert_true(pg_int(answer, 0, 1, 0) == INT64_MAX);
    assert_true(pg_bool(answer, 0, 0, 1));
    assert_false(pg_bool(answer, 0, 1, 1));
    (*(int *)owner)++;
}

static void arrays_arrive_as_they_were(void **state)
{
    struct world *w = *state;
    int times = 0;
    struct buf a, b;
    buf_init(&a, 1000);
    buf_init(&b, 1000);
    pg_array_begin(&a);
    for (int i = 0; i < ODD_TEXTS; i++)
        pg_array_text(&a, odd_texts[i]);
    pg_array_text(&a, NULL);
    pg_query(w->pg, "texts", (struct pg_value[]){pg_array_end(&a)}, 1, 0, on_texts, &times);
    pg_array_begin(&a);
    pg_array_bytes(&a, "\0\"\\\xff", 4);
    pg_array_bytes(&a, "", 0);
    pg_query(w->pg, "bytes", (struct pg_value[]){pg_array_end(&a)}, 1, 0, on_bytes, &times);
    pg_array_begin(&a);
    pg_array_int(&a, INT64_MIN);
    pg_array_int(&a, INT64_MAX);
    pg_array_begin(&b);
    pg_array_bool(&b, true);
    pg_array_bool(&b, false);
    pg_query(w->pg, "ints", (struct pg_value[]){pg_array_end(&a), pg_array_end(&b)}, 2, 0, on_ints, &times);
    buf_done(&a);
    buf_done(&b);
    WAIT_FOR(w, times == 3);
}

/* ---- many ---- */

static int next_number;

static void on_number(void *owner, const struct pg_answer *answer, const struct error *err)
{
    assert_null(err);
    assert_int_equal(pg_int(answer, 0, 0, 0), (intptr_t)owner);
    assert_int_equal(next_number, (intptr_t)owner);
    next_number++;
}

static void a_thousand_in_the_pipeline_come_once_and_in_order(void **state)
{
    struct world *w = *state;
    next_number = 0;
    for (intptr_t i = 0; i < 1000; i++)
        pg_query(w->pg, "echo", (struct pg_value[]){PG_INT(i)}, 1, 0, on_number, (void *)i);
    assert_false(pg_idle(w->pg));
    WAIT_FOR(w, pg_idle(w->pg));
    assert_int_equal(next_number, 1000);
    struct pg_lane numbers = numbers_of(w->pg);
    assert_int_equal(numbers.queries, 1000);
    assert_int_equal(numbers.groups, 1000);
    assert_int_equal(numbers.commits, 1000);
    assert_int_equal(numbers.waiting + numbers.in_flight, 0);
}

static void a_full_queue_refuses(void **state)
{
    struct world *w = *state;
    struct told t[4] = {{0}};
    struct pg *pg = lane(w, (struct pg_settings){.waiting_max = 3});
    for (int i = 0; i < 4; i++)
        pg_query(pg, "echo", (struct pg_value[]){PG_INT(i)}, 1, 0, on_done, &t[i]);
    WAIT_FOR(w, t[0].times && t[1].times && t[2].times && t[3].times);
    assert_false(t[0].failed || t[1].failed || t[2].failed);
    assert_int_equal(t[3].err.kind, ERROR_LIMIT);
    pg_free(pg);
}

static void time_over_in_the_queue_is_not_sent(void **state)
{
    struct world *w = *state;
    struct told slow = {0}, late = {0};
    struct pg_group *wide = pg_group_new(w->pg); /* fills the window, and the server is busy with it */
    for (int i = 0; i < 250; i++)
        assert_int_equal(pg_group_add(wide, "sleep", (struct pg_value[]){pg_from_text("0.01")}, 1, NULL), 0);
    pg_group_send(wide, 0, on_done, &slow);
    struct pg_value values[] = {PG_INT(9), PG_NULL};
    pg_query(w->pg, "put", values, 2, 300, on_done, &late);
    WAIT_FOR(w, late.times);
    assert_int_equal(late.err.kind, ERROR_DEADLINE);
    assert_int_equal(slow.times, 0);
    WAIT_FOR(w, slow.times);
    assert_false(slow.failed);
    kit_pg_wait(w->server, "select count(*) from t", "0");
}

/* ---- forgetting, freeing ---- */

static void never(void *owner, const struct pg_answer *answer, const struct error *err)
{
    (void)owner;
    (void)answer;
    fail_msg("a forgotten op was told: %s", err ? err->text : "done");
}

static void a_forgotten_op_is_not_told(void **state)
{
    struct world *w = *state;
    WAIT_FOR(w, pg_ready(w->pg));
    struct pg_value values[] = {PG_INT(1), PG_NULL};
    uint64_t unsent = pg_query(w->pg, "put", values, 2, 0, never, NULL);
    pg_forget(w->pg, unsent);
    values[0] = PG_INT(2);
    uint64_t sent = pg_query(w->pg, "put", values, 2, 0, never, NULL);
    WAIT_FOR(w, numbers_of(w->pg).in_flight == 1);
    pg_forget(w->pg, sent);
    pg_forget(w->pg, 12345);
    struct told t = ask(w, "echo", (struct pg_value[]){PG_INT(3)}, 1);
    assert_int_equal(t.number, 3);
    kit_pg_wait(w->server, "select string_agg(id::text, ' ') from t", "2");
}

static void free_inside(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct world *w = owner;
    (void)answer;
    assert_null(err);
    pg_free(w->pg);
    w->pg = NULL;
}

static void a_lane_may_be_freed_by_its_answer(void **state)
{
    struct world *w = *state;
    pg_query(w->pg, "echo", (struct pg_value[]){PG_INT(1)}, 1, 0, free_inside, w);
    pg_query(w->pg, "echo", (struct pg_value[]){PG_INT(2)}, 1, 0, never, w);
    WAIT_FOR(w, !w->pg);
}

static void a_busy_lane_may_be_freed(void **state)
{
    struct world *w = *state;
    pg_query(w->pg, "sleep", (struct pg_value[]){pg_from_text("0.2")}, 1, 0, never, NULL);
    WAIT_FOR(w, numbers_of(w->pg).in_flight == 1);
    pg_query(w->pg, "echo", (struct pg_value[]){PG_INT(1)}, 1, 0, never, NULL);
    pg_free(w->pg);
    w->pg = NULL;
}

/* ---- scripts and sessions ---- */

static void a_script_is_one_transaction_between_groups(void **state)
{
    struct world *w = *state;
    struct told t[5] = {{0}};
    struct pg_value values[] = {PG_INT(1), PG_NULL};
    pg_query(w->pg, "later", NULL, 0, 0, on_done, &t[0]);
    pg_query(w->pg, "put", values, 2, 0, on_done, &t[1]);
    pg_script(w->pg, "create table later (made_later int); insert into later values (1), (2)", 0, on_done, &t[2]);
    pg_query(w->pg, "later", NULL, 0, 0, on_done, &t[3]);
    pg_script(w->pg, "insert into later values (3); insert into t (id) values (1)", 0, on_done, &t[4]);
    WAIT_FOR(w, t[4].times);
    assert_string_equal(t[0].err.sqlstate, "42P01"); /* not prepared at the start: prepared again when used */
    assert_false(t[1].failed || t[2].failed || t[3].failed);
    assert_int_equal(t[2].count, 2);
    assert_int_equal(t[3].rows, 2);
    assert_string_equal(t[4].err.sqlstate, "23505");
    kit_pg_wait(w->server, "select count(*) from later", "2");
    assert_int_equal(ask(w, "later", NULL, 0).rows, 2);
}

static void a_script_that_copies_is_refused(void **state)
{
    struct world *w = *state;
    struct told t = {0};
    pg_script(w->pg, "insert into t (id) values (1); copy t from stdin", 0, on_done, &t);
    WAIT_FOR(w, t.times);
    assert_int_equal(t.err.kind, ERROR_INPUT);
    assert_false(ask(w, "echo", (struct pg_value[]){PG_INT(3)}, 1).failed);
    kit_pg_wait(w->server, "select count(*) from t", "0");
}

static void on_settings(void *owner, const struct pg_answer *answer, const struct error *err)
{
    static const char *const expected[] = {"on", "0", "UTC", "UTF8", "test"};
    assert_null(err);
    for (int i = 0; i < 5; i++)
        assert_string_equal(pg_text(answer, 0, 0, i), expected[i]);
    (*(int *)owner)++;
}

static void a_session_is_pinned_whatever_the_role_says(void **state)
{
    struct world *w = *state;
    int times = 0;
    kit_pg_run(w->server, "alter role postgres set synchronous_commit = off");
    kit_pg_run(w->server, "alter role postgres set statement_timeout = '1min'");
    kit_pg_run(w->server, "alter role postgres set timezone = 'Asia/Tokyo'");
    struct pg *pg = lane(w, (struct pg_settings){.application = "test"});
    pg_query(pg, "settings", NULL, 0, 0, on_settings, &times);
    WAIT_FOR(w, times);
    kit_pg_run(w->server, "alter role postgres reset all");
    pg_free(pg);
}

static void a_table_that_changed_costs_one_attempt(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask(w, "stars", NULL, 0).rows, 1);
    kit_pg_run(w->server, "alter table stars add column b int");
    struct told t = ask(w, "stars", NULL, 0);
    assert_int_equal(t.err.kind, ERROR_UNREACHED);
    assert_string_equal(t.err.sqlstate, "0A000");
    assert_int_equal(ask(w, "stars", NULL, 0).rows, 1);
}

static void a_server_gone_read_only_is_left(void **state)
{
    struct world *w = *state;
    struct pg_value values[] = {PG_INT(1), PG_NULL};
    WAIT_FOR(w, pg_ready(w->pg));
    kit_pg_run(w->server, "alter system set default_transaction_read_only = on");
    kit_pg_run(w->server, "select pg_reload_conf()");
    kit_pg_wait(w->server, "select current_setting('default_transaction_read_only')", "on");
    struct told t = ask(w, "put", values, 2);
    assert_int_equal(t.err.kind, ERROR_UNREACHED);
    WAIT_FOR(w, numbers_of(w->pg).connect_failures > 0);
    assert_false(pg_ready(w->pg));
    kit_pg_run(w->server, "alter system reset default_transaction_read_only");
    kit_pg_run(w->server, "select pg_reload_conf()");
    assert_false(ask(w, "put", values, 2).failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_group_commits_as_one),
        ROW(a_group_aborts_whole_and_others_go_on),
        ROW(an_error_of_the_commit_itself_is_told),
        ROW(errors_by_sqlstate),
        ROW(what_cannot_be_sent_is_told_later),
        ROW(a_wide_value_goes_and_comes_back),
        ROW(what_does_not_fit_the_socket_follows),
        ROW(arrays_arrive_as_they_were),
        ROW(a_thousand_in_the_pipeline_come_once_and_in_order),
        ROW(a_full_queue_refuses),
        ROW(time_over_in_the_queue_is_not_sent),
        ROW(a_forgotten_op_is_not_told),
        ROW(a_lane_may_be_freed_by_its_answer),
        ROW(a_busy_lane_may_be_freed),
        ROW(a_script_is_one_transaction_between_groups),
        ROW(a_script_that_copies_is_refused),
        ROW(a_session_is_pinned_whatever_the_role_says),
        ROW(a_table_that_changed_costs_one_attempt),
        ROW(a_server_gone_read_only_is_left),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
