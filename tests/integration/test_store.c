/* SPDX-License-Identifier: MIT
 * The statements on a real, freshly migrated database: each prepares and keeps what its comment says; claims are fair;
 * the fence holds; guards refuse; keys stay unique; the lease is renewed, reaped and lost. */
#include "tests/kit/kit.h"

#include <dirent.h>
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

extern const struct embedded sql_statements[];
extern const int sql_statements_count;

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

static int clean(void **state)
{
    (void)state;
    kit_pg_run(server, "truncate node, run, run_key, step, decision, outbox, incident, event, control, guard, machine, budget, "
                       "version, run_history, step_history, decision_history, outbox_history, event_history restart identity cascade");
    return 0;
}

/* --- statements keep their comments ------------------------------------------------------------------------------- */

static int commas(const char *from, const char *to)
{
    int depth = 0, n = 0;
    for (const char *p = from; p < to; p++) {
        depth += *p == '(' || *p == '{' || *p == '[';
        depth -= *p == ')' || *p == '}' || *p == ']';
        n += *p == ',' && depth == 0;
    }
    return n;
}

/* The words after "Parameters:" up to the full stop that ends them, as a count; -1: it does not say. */
static int told(const char *text, const char *head, const char *none)
{
    const char *at = strstr(text, head);
    if (!at)
        return -1;
    at += strlen(head);
    while (*at == ' ' || *at == '\n' || *at == '-')
        at++;
    if (strncmp(at, none, strlen(none)) == 0)
        return 0;
    const char *end = at;
    int depth = 0;
    while (*end && !(depth == 0 && end[0] == '.' && (end[1] == ' ' || end[1] == '\n'))) {
        depth += *end == '(' || *end == '{';
        depth -= *end == ')' || *end == '}';
        if (depth == 0 && *end == ':')
            break;
        end++;
    }
    return commas(at, end) + 1;
}

static void every_statement_prepares_and_keeps_its_comment(void **state)
{
    (void)state;
    struct buf sql;
    for (int i = 0; i < sql_statements_count; i++) {
        const struct embedded *e = &sql_statements[i];
        int parameters = told(e->text, "Parameters:", "none");
        if (parameters < 0 || told(e->text, "Columns:", "none") < 0)
            fail_msg("%s.sql does not tell its parameters and columns", e->name);
        buf_init(&sql, 1 << 20);
        buf_printf(&sql, "prepare check_%s as %s", e->name, e->text);
        kit_pg_run(server, buf_text(&sql));
        buf_clear(&sql);
        buf_printf(&sql, "prepare check_%s as %s; select cardinality(parameter_types) from pg_prepared_statements where name = 'check_%s'",
            e->name, e->text, e->name);
        char *got = kit_pg_ask(server, buf_text(&sql));
        if (strtoll(got, NULL, 10) != parameters)
            fail_msg("%s.sql: its comment tells %d parameters, the database finds %s", e->name, parameters, got);
        free(got);
        buf_done(&sql);
    }
}

/* --- a small world ------------------------------------------------------------------------------------------------ */

#define NODE_A "aaaaaaaa-0000-4000-8000-000000000001"
#define NODE_B "bbbbbbbb-0000-4000-8000-000000000002"

static void add_node(const char *incarnation, bool dead)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql, "insert into node (incarnation, name, region, roles, version, slots, lease_ms, lease_until, dead) "
        "values ('%s', 'n-%.8s', 'tokyo', '{executor}', '0', 10, 6000, clock_timestamp() + interval '6 s', %s)",
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

/* --- claiming ----------------------------------------------------------------------------------------------------- */

static void a_single_run_is_among_the_next_ten_beside_a_thousand(void **state)
{
    (void)state;
    add_node(NODE_A, false);
    add_runs("big", 1, 1000);
    struct call first = claim(CLAIM_WAITING, NODE_A, 10); /* big has running ones already */
    assert_int_equal(first.rows, 10);
    add_runs("small", 1, 1);
    struct call next = claim(CLAIM_WAITING, NODE_A, 10);
    assert_int_equal(next.rows, 10);
    assert_int_equal(ask_number("select count(*) from run where customer = 'small' and holder is not null"), 1);
    assert_int_equal(ask_number("select count(*) from run where holder is not null"), 20);
    assert_int_equal(next.held[0].epoch, 1);
}

static void urgency_then_age_within_a_customer(void **state)
{
    (void)state;
    add_node(NODE_A, false);
    add_runs("c", 1, 5);
    kit_pg_run(server, "update run set urgency_rank = 1 where incident_key <> 'Qc5'");
    struct call c = claim(CLAIM_WAITING, NODE_A, 1);
    assert_int_equal(c.rows, 1);
    assert_int_equal(ask_number("select count(*) from run where incident_key = 'Qc5' and holder is not null"), 1);
}

static void orphans_go_to_the_next_holder_in_doubt_first(void **state)
{
    (void)state;
    add_node(NODE_A, true);
    add_node(NODE_B, false);
    add_runs("c", 1, 3);
    kit_pg_run(server, "update run set holder = '" NODE_A "', epoch = 4, state = 'checking'");
    kit_pg_run(server, "update run set doubt = true where incident_key = 'Qc3'");
    struct call c = claim(CLAIM_ORPHANS, NODE_B, 1);
    assert_int_equal(c.rows, 1);
    assert_int_equal(c.held[0].epoch, 5);
    assert_string_equal(c.held[0].was, "n-aaaaaaaa");
    assert_int_equal(ask_number("select count(*) from run where incident_key = 'Qc3' and holder = '" NODE_B "'"), 1);
    kit_pg_run(server, "update node set dead = false"); /* a live worker's runs are no orphans */
    assert_int_equal(claim(CLAIM_ORPHANS, NODE_B, 10).rows, 0);
}

static void what_has_run_out_of_time_is_taken_at_once_when_nobody_holds_it(void **state)
{
    (void)state;
    add_node(NODE_A, false);
    add_node(NODE_B, false);
    add_runs("c", 1, 2);
    kit_pg_run(server, "update run set give_up_at = now() - interval '1 s'");
    kit_pg_run(server, "update run set holder = '" NODE_A "', epoch = 1 where incident_key = 'Qc2'");
    assert_int_equal(claim(CLAIM_EXPIRED, NODE_B, 10).rows, 1); /* the holder has a grace */
    kit_pg_run(server, "update run set give_up_at = now() - interval '1 min'");
    assert_int_equal(claim(CLAIM_EXPIRED, NODE_B, 10).rows, 1);
}

/* --- the fence ---------------------------------------------------------------------------------------------------- */

static void a_stale_epoch_writes_nothing_at_all(void **state)
{
    (void)state;
    add_node(NODE_A, false);
    add_runs("c", 1, 1);
    struct call c = claim(CLAIM_WAITING, NODE_A, 1);
    static const char change[] = "{\"state\":\"checking\",\"step\":0,\"steps\":[{\"step\":0,\"attempt\":1,\"verb\":\"check\",\"title\":\"t\","
        "\"state\":\"started\",\"host\":\"h\"}],\"decisions\":[{\"kind\":\"k\",\"text\":\"x\"}],"
        "\"outbox\":[{\"kind\":\"start\",\"body\":\"b\",\"marker\":\"m1\"}]}";
    kit_pg_run(server, "update run set epoch = epoch + 1");
    struct call stale = {0};
    run_write(store, c.held[0].id, c.held[0].epoch, change, on_done, &stale);
    expect_well(&stale);
    assert_int_equal(stale.rows, 0);
    assert_int_equal(ask_number("select (select count(*) from step) + (select count(*) from outbox) + (select count(*) from decision)"), 0);
    struct call fresh = {0};
    run_write(store, c.held[0].id, c.held[0].epoch + 1, change, on_done, &fresh);
    expect_well(&fresh);
    assert_int_equal(fresh.rows, 1);
    assert_int_equal(ask_number("select (select count(*) from step) + (select count(*) from outbox) + (select count(*) from decision)"), 3);
}

static void progress_merges_and_is_superseded_by_the_ending(void **state)
{
    (void)state;
    add_node(NODE_A, false);
    add_runs("c", 1, 1);
    struct call c = claim(CLAIM_WAITING, NODE_A, 1);
    static const char *const changes[] = {
        "{\"outbox\":[{\"kind\":\"start\",\"body\":\"s\",\"marker\":\"m1\"},{\"kind\":\"progress_title\",\"body\":\"t1\",\"marker\":\"m2\"}]}",
        "{\"outbox\":[{\"kind\":\"progress\",\"body\":\"p1\",\"marker\":\"m3\"},{\"kind\":\"progress_title\",\"body\":\"t2\",\"marker\":\"m4\"}]}",
        "{\"outbox\":[{\"kind\":\"progress\",\"body\":\"p2\",\"marker\":\"m5\"}]}",
    };
    for (int i = 0; i < 3; i++) {
        struct call w = {0};
        run_write(store, c.held[0].id, 1, changes[i], on_done, &w);
        expect_well(&w);
        assert_int_equal(w.rows, 1);
    }
    assert_int_equal(ask_number("select count(*) from outbox"), 3);
    assert_int_equal(ask_number("select count(*) from outbox where body = E'p1\\n\\np2' and sequence = 3"), 1);
    assert_int_equal(ask_number("select count(*) from outbox where body = 't2' and sequence = 2"), 1);
    struct call end = {0};
    run_write(store, c.held[0].id, 1, "{\"state\":\"ended\",\"ending\":\"resolved\",\"reason\":\"r\",\"outbox\":[{\"kind\":\"ending\",\"body\":\"e\",\"marker\":\"m6\"}]}",
        on_done, &end);
    expect_well(&end);
    assert_int_equal(ask_number("select count(*) from outbox where state = 'superseded' and kind in ('progress', 'progress_title')"), 2);
    assert_int_equal(ask_number("select count(*) from outbox where state = 'waiting' and kind in ('start', 'ending')"), 2);
    assert_int_equal(ask_number("select count(distinct sequence) from outbox"), 4);
}

/* --- guards ------------------------------------------------------------------------------------------------------- */

static void read_verdict(struct call *c, const struct pg_answer *answer)
{
    run_recover_verdict(answer, &c->verdict);
    (void)snprintf(c->text, sizeof c->text, "%s", c->verdict.detail);
}

static struct call start_recover(const struct run_held *held, bool need_standby, int64_t touch_known_ms)
{
    struct recover_request r = {.id = held->id, .epoch = held->epoch, .region = "tokyo", .recurrence_most = 3,
        .recurrence_ms = 86400000, .need_standby = need_standby, .touch_known_ms = touch_known_ms, .machine = "m1", .scenario = "s",
        .customer = "c", .step = "{\"step\":1,\"attempt\":2,\"title\":\"fix\",\"host\":\"h\",\"machine\":\"m1\"}"};
    struct call c = {.read = read_verdict};
    run_recover_start(store, &r, on_done, &c);
    expect_well(&c);
    return c;
}

static struct run_held one_run(void)
{
    add_node(NODE_A, false);
    add_runs("c", 1, 1);
    struct run_held held = claim(CLAIM_WAITING, NODE_A, 1).held[0];
    kit_pg_run(server, "update run set scenario = 's'");
    return held;
}

static void guards_refuse_and_leave_no_row(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        bool need_standby;
        int64_t touch_known_ms;
        enum recover_refusal refusal;
    } rows[] = {
        {"insert into control (scope, set_by, why) values ('global', 'aiko', 'maintenance')", false, 0, REFUSAL_STOP},
        {"insert into control (scope, key, set_by, why) values ('region', 'tokyo', 'aiko', 'x')", false, 0, REFUSAL_STOP},
        {"insert into control (scope, key, set_by, why) values ('customer', 'c', 'aiko', 'x')", false, 0, REFUSAL_STOP},
        {"insert into control (scope, key, set_by, why) values ('scenario', 's', 'aiko', 'x')", false, 0, REFUSAL_STOP},
        {"insert into control (scope, set_by, why) values ('history-lost', 'n', 'x')", false, 0, REFUSAL_STOP},
        {"insert into control (scope, key, set_by, why) values ('region', 'osaka', 'aiko', 'x')", false, 0, REFUSAL_NONE},
        {"update incident set touched_at = now(), touched_by = 'Aiko', touched_how = 'acknowledged it'", false, 0, REFUSAL_TOUCHED},
        {"update incident set closed_at = now(), closed_by = '', closed_how = 'resolved it'", false, 0, REFUSAL_CLOSED},
        {"select 1", true, 0, REFUSAL_STANDBY},
        {"update incident set read_at = now() - interval '1 min'", false, 15000, REFUSAL_UNKNOWN_TOUCH},
        {"update incident set read_at = now()", false, 15000, REFUSAL_NONE},
        {"insert into step (run, step, attempt, verb, title, state, epoch, scenario, machine) select gen_random_uuid(), 1, 1, 'recover', 'fix', "
         "'ended', 1, 's', 'm1' from generate_series(1, 2)", false, 0, REFUSAL_RECURRENCE},
        {"insert into step_history (run, step, attempt, verb, title, state, epoch, scenario, machine) select gen_random_uuid(), 1, 1, 'recover', "
         "'fix', 'ended', 1, 's', 'm1' from generate_series(1, 2)", false, 0, REFUSAL_RECURRENCE},
        {"insert into step (run, step, attempt, verb, title, state, epoch, scenario, machine) select gen_random_uuid(), 1, 1, 'recover', 'fix', "
         "'not_started', 1, 's', 'm1' from generate_series(1, 9)", false, 0, REFUSAL_NONE},
        {"insert into step (run, step, attempt, verb, title, state, epoch, scenario, machine, started_at) select gen_random_uuid(), 1, 1, "
         "'recover', 'fix', 'ended', 1, 's', 'm1', now() - interval '25 h' from generate_series(1, 9)", false, 0, REFUSAL_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)clean(NULL);
        struct run_held held = one_run();
        kit_pg_run(server, rows[i].before);
        struct call c = start_recover(&held, rows[i].need_standby, rows[i].touch_known_ms);
        assert_true(c.verdict.held);
        if (c.verdict.refusal != rows[i].refusal)
            fail_msg("row %zu: %s, wanted %s", i, recover_refusal_name(c.verdict.refusal), recover_refusal_name(rows[i].refusal));
        char sql[200];
        (void)snprintf(sql, sizeof sql, "select count(*) from step where run = '%s'", held.id);
        assert_int_equal(ask_number(sql), rows[i].refusal == REFUSAL_NONE ? 1 : 0);
        assert_int_equal(ask_number("select count(*) from run where doubt"), rows[i].refusal == REFUSAL_NONE ? 1 : 0);
    }
}

static void a_recover_of_a_stale_epoch_does_not_begin(void **state)
{
    (void)state;
    struct run_held held = one_run();
    kit_pg_run(server, "update run set epoch = epoch + 1");
    struct call c = start_recover(&held, false, 0);
    assert_false(c.verdict.held);
    assert_int_equal(ask_number("select count(*) from step"), 0);
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static void take(const char *key, const char *type, const char *at, const char *status, const char *reopened, bool open, bool reopen)
{
    struct event_row e = {.account = "a", .key = key, .type = type, .incident = "Q1", .occurred_at = at, .subscription = "s",
        .delivery = "d", .region = "tokyo", .hand = "none", .body = "{}", .body_bytes = 2, .see = true, .open = open, .reopen = reopen,
        .triggered = strcmp(type, "incident.triggered") == 0, .title = type, .status = status, .urgency = "high", .priority = "",
        .service_id = "S", .service_name = "", .html_url = "", .created_at = "2026-01-01T00:00:00Z", .reopened_at = reopened,
        .customer = "c", .give_up_ms = 600000, .oldest = "2020-01-01T00:00:00Z", .by = "", .how = ""};
    struct pg_group *group = pg_group_new(store_lane(store, LANE_INTAKE));
    event_add(group, &e);
    struct call c = {0};
    pg_group_send(group, 0, on_done, &c);
    expect_well(&c);
}

static void one_run_an_opening_whoever_announces_it(void **state)
{
    (void)state;
    static const char t0[] = "2026-01-01T00:00:00Z", t1[] = "2026-01-01T00:01:00Z", t2[] = "2026-01-01T00:02:00Z", t3[] = "2026-01-01T00:03:00Z";
    take("e1", "incident.triggered", t0, "triggered", "", true, false);
    take("e1", "incident.triggered", t0, "triggered", "", true, false); /* the same again */
    take("e2", "incident.triggered", t0, "triggered", "", true, false); /* another id */
    assert_int_equal(ask_number("select count(*) from run"), 1);
    assert_int_equal(ask_number("select sum(seen) from event"), 3);
    kit_pg_run(server, "update run set ending = 'resolved', ended_at = now(), state = 'ended'");
    take("e3", "incident.triggered", t0, "triggered", "", true, false); /* late, after the run ended */
    assert_int_equal(ask_number("select count(*) from run"), 1);
    take("e4", "incident.resolved", t1, "resolved", "", false, false);
    take("e5", "incident.triggered", t0, "triggered", "", true, false); /* later still: the incident stays resolved */
    assert_int_equal(ask_number("select count(*) from incident where status = 'resolved'"), 1);
    assert_int_equal(ask_number("select count(*) from run"), 1);
    take("e6", "incident.reopened", t2, "triggered", t2, true, true);
    assert_int_equal(ask_number("select count(*) from run"), 2);
    take("e7", "incident.reopened", t3, "triggered", t3, true, true); /* one is still running */
    assert_int_equal(ask_number("select count(*) from run"), 2);
    assert_int_equal(ask_number("select count(*) from incident where title_triggered = 'incident.triggered'"), 1);
}

/* --- the lease ---------------------------------------------------------------------------------------------------- */

struct keeper {
    int joined, lost, reaped, history;
    char why[200];
};

static void k_joined(void *owner)
{
    ((struct keeper *)owner)->joined++;
}

static void k_lost(void *owner, const char *why)
{
    struct keeper *k = owner;
    k->lost++;
    (void)snprintf(k->why, sizeof k->why, "%s", why);
}

static void k_reaped(void *owner, int nodes)
{
    ((struct keeper *)owner)->reaped += nodes;
}

static void k_history(void *owner, int64_t was, int64_t acknowledged)
{
    (void)was;
    (void)acknowledged;
    ((struct keeper *)owner)->history++;
}

static struct lease *start_lease(struct keeper *k)
{
    static const struct log_ctx log = {0};
    struct lease_settings s = {.name = "n", .region = "tokyo", .roles = "{executor}", .version = "0", .slots = 1, .renew_ms = 100,
        .length_ms = 600, .gap_ms = 400};
    struct lease_events e = {k_joined, k_lost, k_reaped, k_history, k};
    return lease_new(loop, store, &s, &e, &log);
}

static void until(const int *counter, int least)
{
    int64_t limit = clock_mono_ms() + 20000;
    while (*counter < least && clock_mono_ms() < limit)
        loop_turn(loop, 20);
    assert_true(*counter >= least);
}

static void a_lease_is_renewed_reaps_the_dead_and_ends_when_marked_dead(void **state)
{
    (void)state;
    log_setup(LOG_ERROR + 1, LOG_LOGFMT); /* its error lines are expected here */
    struct keeper k = {0};
    struct lease *l = start_lease(&k);
    until(&k.joined, 1);
    assert_true(lease_held(l));
    add_node(NODE_B, false);
    kit_pg_run(server, "update node set lease_until = clock_timestamp() - interval '1 s' where incarnation = '" NODE_B "'");
    until(&k.reaped, 1);
    assert_int_equal(ask_number("select count(*) from node where dead and incarnation = '" NODE_B "'"), 1);
    char before[ID_UUID_BYTES];
    (void)snprintf(before, sizeof before, "%s", lease_incarnation(l));
    kit_pg_run(server, "update node set dead = true where name = 'n'");
    until(&k.lost, 1);
    until(&k.joined, 2);
    assert_string_not_equal(before, lease_incarnation(l));
    assert_int_equal(k.history, 0);
    lease_free(l);
    log_setup(LOG_INFO, LOG_LOGFMT);
}

static void a_beat_that_went_back_is_lost_history(void **state)
{
    (void)state;
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    struct keeper k = {0};
    struct lease *l = start_lease(&k);
    until(&k.joined, 1);
    int64_t limit = clock_mono_ms() + 20000;
    while (ask_number("select max(beat) from node where name = 'n'") < 4 && clock_mono_ms() < limit)
        loop_turn(loop, 50);
    while (k.history == 0 && clock_mono_ms() < limit) {
        kit_pg_run(server, "update node set beat = 0 where name = 'n' and not dead");
        loop_turn(loop, 50);
    }
    assert_int_equal(k.history, 1);
    assert_true(k.lost >= 1);
    lease_free(l);
    log_setup(LOG_INFO, LOG_LOGFMT);
}

static void a_lease_that_cannot_be_renewed_is_not_held(void **state)
{
    (void)state;
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    struct keeper k = {0};
    struct lease *l = start_lease(&k);
    until(&k.joined, 1);
    kit_pg_pause(server);
    int64_t limit = clock_mono_ms() + 20000;
    while (lease_held(l) && clock_mono_ms() < limit)
        loop_turn(loop, 20);
    assert_false(lease_held(l));
    assert_int_equal(k.lost, 0); /* it starts nothing, and drops nothing yet */
    kit_pg_go_on(server);
    limit = clock_mono_ms() + 20000;
    while (!lease_held(l) && clock_mono_ms() < limit)
        loop_turn(loop, 20);
    assert_true(lease_held(l));
    lease_free(l);
    log_setup(LOG_INFO, LOG_LOGFMT);
}

/* --- outbox, budget, history -------------------------------------------------------------------------------------- */

static void read_first_int(struct call *c, const struct pg_answer *answer)
{
    c->rows = (int)pg_int(answer, 0, 0, 0);
}

static void a_budget_is_never_overdrawn(void **state)
{
    (void)state;
    int got = 0;
    for (int i = 0; i < 8; i++) {
        struct call c = {.read = read_first_int};
        outbox_budget_take(store, "a", 20, 100, on_done, &c);
        expect_well(&c);
        got += c.rows;
    }
    long minutes = ask_number("select count(*) from budget where minute = date_trunc('minute', clock_timestamp())");
    assert_true(got == 100 || (minutes == 1 && got > 100 && got <= 200)); /* the minute may have turned in between */
}

static void one_sender_an_incident_and_rows_in_order(void **state)
{
    (void)state;
    add_node(NODE_A, false);
    add_node(NODE_B, false);
    add_runs("c", 1, 1);
    kit_pg_run(server, "insert into outbox (channel, account, incident, target, sequence, kind, marker) select 'pagerduty', 'a', id, key, n, 'note', 'm' || n "
                       "from incident, generate_series(1, 3) n");
    struct call a = {0}, b = {0};
    outbox_claim(store, NODE_A, 10, NULL, 0, on_done, &a);
    outbox_claim(store, NODE_B, 10, NULL, 0, on_done, &b);
    expect_well(&a);
    expect_well(&b);
    assert_int_equal(a.rows + b.rows, 1);
    kit_pg_run(server, "update node set dead = true");
    kit_pg_run(server, "update node set dead = false where incarnation = '" NODE_B "'");
    struct call c = {0};
    outbox_claim(store, NODE_B, 10, NULL, 0, on_done, &c);
    expect_well(&c);
    assert_int_equal(c.rows + b.rows, 1); /* a dead sender's incident goes to another */
}

static void ended_runs_leave_for_history_whole(void **state)
{
    (void)state;
    struct run_held held = one_run();
    struct call w = {0};
    run_write(store, held.id, held.epoch, "{\"state\":\"ended\",\"ending\":\"resolved\",\"reason\":\"r\",\"steps\":[{\"step\":0,\"attempt\":1,"
        "\"verb\":\"check\",\"title\":\"t\",\"state\":\"ended\"}],\"decisions\":[{\"kind\":\"k\",\"text\":\"x\"}],"
        "\"outbox\":[{\"kind\":\"ending\",\"body\":\"b\",\"marker\":\"m\"}]}", on_done, &w);
    expect_well(&w);
    struct pg_value values[] = {PG_INT(0), PG_INT(10)};
    struct call early = {0};
    pg_query(lane, "history_move_runs", values, 2, 0, on_done, &early);
    expect_well(&early);
    assert_int_equal(early.rows, 0); /* its note still waits */
    kit_pg_run(server, "update outbox set state = 'sent'");
    struct call moved = {0};
    pg_query(lane, "history_move_runs", values, 2, 0, on_done, &moved);
    expect_well(&moved);
    assert_int_equal(moved.rows, 1);
    assert_int_equal(ask_number("select (select count(*) from run) + (select count(*) from step) + (select count(*) from outbox)"), 0);
    assert_int_equal(ask_number("select (select count(*) from run_history) + (select count(*) from step_history) + "
                                "(select count(*) from decision_history) + (select count(*) from outbox_history)"), 4);
    assert_int_equal(ask_number("select count(*) from run_history_rest"), 0); /* it has a month of its own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_prepares_and_keeps_its_comment),
        cmocka_unit_test_setup(a_single_run_is_among_the_next_ten_beside_a_thousand, clean),
        cmocka_unit_test_setup(urgency_then_age_within_a_customer, clean),
        cmocka_unit_test_setup(orphans_go_to_the_next_holder_in_doubt_first, clean),
        cmocka_unit_test_setup(what_has_run_out_of_time_is_taken_at_once_when_nobody_holds_it, clean),
        cmocka_unit_test_setup(a_stale_epoch_writes_nothing_at_all, clean),
        cmocka_unit_test_setup(progress_merges_and_is_superseded_by_the_ending, clean),
        cmocka_unit_test_setup(guards_refuse_and_leave_no_row, clean),
        cmocka_unit_test_setup(a_recover_of_a_stale_epoch_does_not_begin, clean),
        cmocka_unit_test_setup(one_run_an_opening_whoever_announces_it, clean),
        cmocka_unit_test_setup(a_lease_is_renewed_reaps_the_dead_and_ends_when_marked_dead, clean),
        cmocka_unit_test_setup(a_beat_that_went_back_is_lost_history, clean),
        cmocka_unit_test_setup(a_lease_that_cannot_be_renewed_is_not_held, clean),
        cmocka_unit_test_setup(a_budget_is_never_overdrawn, clean),
        cmocka_unit_test_setup(one_sender_an_incident_and_rows_in_order, clean),
        cmocka_unit_test_setup(ended_runs_leave_for_history_whole, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
