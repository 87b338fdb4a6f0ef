/* SPDX-License-Identifier: MIT
 * The statements on a real, freshly migrated database: each prepares and keeps what its comment says; claims are fair;
 * the fence holds; guards refuse; keys stay unique. */
#include <sys/wait.h>
#include <unistd.h>

#include "lib/store/history.h"
#include "tests/integration/store_world.h"

extern const struct embedded sql_statements[];
extern const int sql_statements_count;

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

static void a_run_that_was_handed_back_is_free_at_once(void **state)
{
    (void)state;
    add_node(NODE_A, false);
    add_node(NODE_B, false);
    add_runs("c", 1, 2);
    struct run_held held = claim(CLAIM_WAITING, NODE_A, 1).held[0];
    run_hand_back(store, held.id, held.epoch + 1, NODE_A, "of another epoch");
    run_hand_back(store, held.id, held.epoch, NODE_B, "by another");
    assert_int_equal(claim(CLAIM_ORPHANS, NODE_B, 10).rows, 0);
    run_hand_back(store, held.id, held.epoch, NODE_A, "n-aaaaaaaa is stopping");
    struct call late = {0};
    run_write(store, &(struct run_place){held.id, held.epoch, "a", "Q"}, "{\"reason\":\"late\"}", on_done, &late);
    expect_well(&late);
    assert_int_equal(late.rows, 0);
    struct call c = claim(CLAIM_ORPHANS, NODE_B, 10); /* not the one that waits */
    assert_int_equal(c.rows, 1);
    assert_string_equal(c.held[0].id, held.id);
    assert_int_equal(c.held[0].epoch, held.epoch + 2);
    assert_string_equal(c.held[0].was, "");
    assert_int_equal(ask_number("select count(*) from decision where kind = 'handed_back' and text like '%stopping'"), 1);
}

static void read_held_anew(struct call *c, const struct pg_answer *answer)
{
    c->held[0].epoch = run_held_anew(answer);
}

static int64_t hold_anew(const char *id, const char *incarnation)
{
    struct call c = {.read = read_held_anew};
    run_hold_anew(store, id, incarnation, on_done, &c);
    expect_well(&c);
    return c.held[0].epoch;
}

static void a_write_that_was_lost_cannot_be_done_once_the_run_is_held_anew(void **state)
{
    (void)state;
    add_node(NODE_A, false);
    add_node(NODE_B, false);
    add_runs("c", 1, 1);
    struct run_held held = claim(CLAIM_WAITING, NODE_A, 1).held[0];
    assert_int_equal(hold_anew(held.id, NODE_B), 0);
    assert_int_equal(hold_anew(held.id, NODE_A), held.epoch + 1);
    assert_int_equal(hold_anew(held.id, NODE_A), held.epoch + 2); /* an answer of this may be lost, too */
    struct call late = {0}, now = {0};
    run_write(store, &(struct run_place){held.id, held.epoch, "a", "Q"}, "{\"reason\":\"late\"}", on_done, &late);
    expect_well(&late);
    assert_int_equal(late.rows, 0);
    run_write(store, &(struct run_place){held.id, held.epoch + 2, "a", "Q"}, "{\"reason\":\"now\"}", on_done, &now);
    expect_well(&now);
    assert_int_equal(now.rows, 1);
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
    assert_int_equal(ask_number("select count(*) from run where state = 'waiting' and incident_key = 'Qc1'"), 0); /* nobody claims it once more */
    kit_pg_run(server, "update run set give_up_at = now() - interval '1 min'");
    assert_int_equal(claim(CLAIM_EXPIRED, NODE_B, 10).rows, 1); /* its own, just taken, is not taken again */
    assert_int_equal(claim(CLAIM_EXPIRED, NODE_A, 10).rows, 0); /* nor by another while it is being handed over */
    kit_pg_run(server, "update run set claimed_at = now() - interval '1 min' where incident_key = 'Qc2'");
    assert_int_equal(claim(CLAIM_EXPIRED, NODE_B, 10).rows, 1); /* one of its own that it has lost sight of */
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
    run_write(store, &(struct run_place){c.held[0].id, c.held[0].epoch, "a", "Q"}, change, on_done, &stale);
    expect_well(&stale);
    assert_int_equal(stale.rows, 0);
    assert_int_equal(ask_number("select (select count(*) from step) + (select count(*) from outbox) + (select count(*) from decision)"), 0);
    struct call fresh = {0};
    run_write(store, &(struct run_place){c.held[0].id, c.held[0].epoch + 1, "a", "Q"}, change, on_done, &fresh);
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
        run_write(store, &(struct run_place){c.held[0].id, 1, "a", "Q"}, changes[i], on_done, &w);
        expect_well(&w);
        assert_int_equal(w.rows, 1);
    }
    assert_int_equal(ask_number("select count(*) from outbox"), 3);
    assert_int_equal(ask_number("select count(*) from outbox where body = E'p1\\n\\np2' and sequence = 3"), 1);
    assert_int_equal(ask_number("select count(*) from outbox where body = 't2' and sequence = 2"), 1);
    struct call end = {0};
    run_write(store, &(struct run_place){c.held[0].id, 1, "a", "Q"}, "{\"state\":\"ended\",\"ending\":\"resolved\",\"reason\":\"r\",\"outbox\":[{\"kind\":\"ending\",\"body\":\"e\","
        "\"marker\":\"m6\",\"about\":{\"left_out\":\"{n} left out\"}}]}", on_done, &end);
    expect_well(&end);
    assert_int_equal(ask_number("select count(*) from outbox where body = E'e\n2 left out' and about = '{}'"), 1);
    assert_int_equal(ask_number("select count(*) from outbox where kind = 'mend' and sequence > 1000000000000"), 1);
    assert_int_equal(ask_number("select count(*) from outbox where state = 'superseded' and kind in ('progress', 'progress_title')"), 2);
    assert_int_equal(ask_number("select count(*) from outbox where state = 'waiting' and kind in ('start', 'ending')"), 2);
    assert_int_equal(ask_number("select count(distinct sequence) from outbox"), 5);
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
        .customer = "c", .step = "{\"step\":1,\"attempt\":2,\"title\":\"fix\",\"host\":\"h\",\"machine\":\"m1\"}",
        .incarnation = NODE_A, .beat = 7};
    struct call c = {.read = read_verdict};
    run_recover_start(store, &r, on_done, &c);
    expect_well(&c);
    return c;
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
        {"update run set opening = now() - interval '1 min'", false, 15000, REFUSAL_UNKNOWN_TOUCH},
        {"update run set opening = now() - interval '1 min'; update incident set seen_at = now()", false, 15000, REFUSAL_UNKNOWN_TOUCH},
        {"update run set opening = now() - interval '1 min'; update incident set read_at = now() - interval '1 min'", false, 15000,
            REFUSAL_UNKNOWN_TOUCH},
        {"update run set opening = now() - interval '1 min'; update incident set read_at = now()", false, 15000, REFUSAL_NONE},
        {"update run set opening = now(); update incident set read_at = null", false, 15000, REFUSAL_NONE},
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

static void a_recover_does_not_begin_where_our_lease_is_not_known(void **state)
{
    (void)state;
    static const char *const before[] = {"update node set beat = 6", "update node set dead = true", "delete from node"};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        (void)clean(NULL);
        struct run_held held = one_run();
        kit_pg_run(server, before[i]);
        struct call c = start_recover(&held, false, 0);
        if (c.verdict.held)
            fail_msg("%s: it began", before[i]);
        assert_int_equal(ask_number("select count(*) from step"), 0);
        assert_int_equal(ask_number("select count(*) from run where doubt"), 0);
    }
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
    event_add(group, &(struct event_entry){.row = &e}, 1);
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
    take("e6 late", "incident.reopened", "2026-01-01T00:02:00.7Z", "triggered", "", true, true); /* the same, to the millisecond */
    kit_pg_run(server, "update run set ending = 'resolved', ended_at = now(), state = 'ended' where ended_at is null");
    take("e6 later", "incident.reopened", "2026-01-01T00:02:00.7Z", "triggered", "", true, true);
    assert_int_equal(ask_number("select count(*) from run"), 2);
    kit_pg_run(server, "update run set ending = null, ended_at = null, state = 'waiting' where opening > '2026-01-01T00:01:00Z'");
    take("e7", "incident.reopened", t3, "triggered", t3, true, true); /* one is still running */
    assert_int_equal(ask_number("select count(*) from run"), 2);
    assert_int_equal(ask_number("select count(*) from incident where title_triggered = 'incident.triggered'"), 1);
}

/* A hand of one incident, as a webhook or the reconciler tells it. */
static void hand(const char *key, unsigned touch, const char *at, const char *by)
{
    struct event_row e = {.account = "a", .key = key, .type = "t", .incident = "Q1", .occurred_at = at, .subscription = "s",
        .delivery = "", .region = "tokyo", .hand = "person", .body = "{}", .body_bytes = 2, .touch = touch, .by = by, .how = "did it"};
    struct pg_group *group = pg_group_new(store_lane(store, LANE_INTAKE));
    event_add(group, &(struct event_entry){.row = &e}, 1);
    struct call c = {0};
    pg_group_send(group, 0, on_done, &c);
    expect_well(&c);
}

static void hands_told_late_change_nothing(void **state)
{
    (void)state;
    static const char t0[] = "2026-01-01T00:00:00Z", t1[] = "2026-01-01T00:01:00Z", t2[] = "2026-01-01T00:02:00Z", t3[] = "2026-01-01T00:03:00Z",
                      t4[] = "2026-01-01T00:04:00Z";
    take("e1", "incident.triggered", t0, "triggered", "", true, false);
    hand("stop", EVENT_TOUCH, t1, "Aiko");
    hand("go", EVENT_UNTOUCH, t2, "Aiko");
    hand("stop", EVENT_TOUCH, t1, "Aiko"); /* a copy through the other region */
    assert_int_equal(ask_number("select count(*) from incident where touched_at is not null"), 0);
    hand("again", EVENT_TOUCH, t3, "Sam");
    hand("go", EVENT_UNTOUCH, t2, "Aiko"); /* an old go gives back nothing newer */
    assert_int_equal(ask_number("select count(*) from incident where touched_by = 'Sam'"), 1);
    /* What happened after the reopening stays, though it was told before it. */
    hand("close", EVENT_CLOSE, t2, "");
    take("e2", "incident.resolved", t2, "resolved", "", false, false);
    hand("late", EVENT_TOUCH, t3, "Sam");
    take("e3", "incident.reopened", "2026-01-01T00:02:30Z", "triggered", "2026-01-01T00:02:30Z", true, true);
    assert_int_equal(ask_number("select count(*) from incident where touched_by = 'Sam' and closed_at is null"), 1);
    take("e4", "incident.resolved", t4, "resolved", "", false, false);
    /* Resolved and reopened within one second, whose reopened_at has no milliseconds. */
    take("e5", "incident.resolved", "2026-01-01T00:05:00.2Z", "resolved", "", false, false);
    take("e6", "incident.reopened", "2026-01-01T00:05:00.9Z", "triggered", "2026-01-01T00:05:00Z", true, true);
    assert_int_equal(ask_number("select count(*) from incident where opening = '2026-01-01T00:05:00.201Z' and touched_at is null"), 1);
}

static void all_within_one_second(void **state)
{
    (void)state;
    take("e1", "incident.triggered", "2026-01-01T00:00:00.1Z", "triggered", "", true, false);
    take("e2", "incident.resolved", "2026-01-01T00:00:00.3Z", "resolved", "", false, false);
    take("e3", "incident.reopened", "2026-01-01T00:00:00.9Z", "triggered", "2026-01-01T00:00:00Z", true, true);
    assert_int_equal(ask_number("select count(*) from incident where opening = '2026-01-01T00:00:00.301Z'"), 1);
    assert_int_equal(ask_number("select count(*) from run"), 1); /* which is not over: the reconciler opens the other */
    kit_pg_run(server, "update run set ending = 'stopped', ended_at = now(), state = 'ended'");
    take("e3", "incident.reopened", "2026-01-01T00:00:00.9Z", "triggered", "2026-01-01T00:00:00Z", true, true);
    take("e4", "incident.reopened", "2026-01-01T00:00:00.9Z", "triggered", "2026-01-01T00:00:00Z", true, true);
    assert_int_equal(ask_number("select count(*) from run_key"), 2);
}

/* --- housekeeping ------------------------------------------------------------------------------------------------- */

static void sweep(int64_t events_ms, int64_t keys_ms)
{
    struct call c = {0};
    history_sweep(store, 0, events_ms, keys_ms, 100, on_done, &c);
    expect_well(&c);
}

static void what_is_long_over_leaves_the_hot_tables(void **state)
{
    (void)state;
    take("e1", "incident.triggered", "2026-01-01T00:00:00Z", "triggered", "", true, false);
    kit_pg_run(server, "update incident set sender = gen_random_uuid(); "
        "insert into node (incarnation, name, region, roles, version, slots, lease_ms, lease_until, dead, dead_at) "
        "select sender, 'old', 'tokyo', '{executor}', '', 1, 1, now(), true, now() - interval '1 hour' from incident; "
        "insert into node (incarnation, name, region, roles, version, slots, lease_ms, lease_until) "
        "values (gen_random_uuid(), 'live', 'tokyo', '{executor}', '', 1, 1, now() - interval '1 day')");
    sweep(60000, 60000);
    assert_int_equal(ask_number("select count(*) from incident"), 1); /* open, and its run too */
    assert_int_equal(ask_number("select count(*) from incident where sender is null"), 1);
    assert_int_equal(ask_number("select count(*) from node where name = 'old'"), 0);
    assert_int_equal(ask_number("select count(*) from node where name = 'live'"), 1); /* not marked dead: the reaper's business */
    take("e2", "incident.resolved", "2026-01-01T00:01:00Z", "resolved", "", false, false);
    sweep(60000, 60000);
    assert_int_equal(ask_number("select count(*) from incident"), 1); /* its run has not ended */
    kit_pg_run(server, "update run set ending = 'stale', ended_at = now() - interval '1 s', state = 'ended'");
    sweep(60000, INT64_C(15552000000));
    sweep(60000, INT64_C(15552000000));
    assert_int_equal(ask_number("select count(*) from incident"), 0);
    assert_int_equal(ask_number("select count(*) from run"), 0);
    assert_int_equal(ask_number("select count(*) from run_history"), 1);
    take("e3", "incident.triggered", "2026-01-01T00:00:00Z", "triggered", "", true, false); /* a copy after all that: the key stays */
    assert_int_equal(ask_number("select count(*) from run"), 0);
    kit_pg_run(server, "delete from run_history");
}

/* Another node has made them and not committed yet. */
static void prepare(void)
{
    struct call c = {0};
    history_prepare(store, on_done, &c);
    expect_well(&c);
}

/* One that waits too long for the other leaves the rest for the next time. What lay in the default partition moves along. */
static void two_at_once_make_the_partitions(void **state)
{
    (void)state;
    kit_pg_run(server, "do $$ declare t regclass; begin for t in select oid::regclass from pg_class where relkind = 'r' and "
        "relname ~ '_history_2' loop execute 'drop table ' || t; end loop; end $$");
    kit_pg_run(server, "insert into decision_history (id, run, epoch, kind, text) values (1, gen_random_uuid(), 1, 'claim', 'why')");
    assert_int_equal(ask_number("select count(*) from decision_history_rest"), 1);
    pid_t other = fork();
    if (other == 0) {
        kit_pg_run(server, "begin; select history_month(current_date); select pg_sleep(1); commit");
        _exit(0);
    }
    kit_pg_wait(server, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'", "1");
    prepare();
    int status = -1;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    prepare();
    assert_int_equal(ask_number("select count(*) from pg_class where relkind = 'r' and relname ~ '^run_history_2'"), 2);
    assert_int_equal(ask_number("select count(*) from decision_history_rest"), 0);
    assert_int_equal(ask_number("select count(*) from decision_history"), 1);
}

static void count_lost(struct call *c, const struct pg_answer *answer)
{
    struct run_held held;
    for (c->rows = 0; run_claimed_at(answer, c->rows, &held); c->rows++)
        assert_int_equal(held.epoch, 1);
}

/* A worker may hold thousands when the answer to a claim is lost: more than a claim's own batch. */
static void all_that_an_incarnation_holds_is_told(void **state)
{
    (void)state;
    int count = 2 * RUN_CLAIM_MAX + 1;
    add_node(NODE_A, false);
    add_runs("c", 1, count);
    for (int left = count; left > 0; left -= RUN_CLAIM_MAX)
        assert_int_equal(claim(CLAIM_WAITING, NODE_A, RUN_CLAIM_MAX).rows, left < RUN_CLAIM_MAX ? left : RUN_CLAIM_MAX);
    struct call lost = {.read = count_lost};
    run_claim_lost(store, NODE_A, on_done, &lost);
    expect_well(&lost);
    assert_int_equal(lost.rows, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(hands_told_late_change_nothing, clean),
        cmocka_unit_test_setup(all_within_one_second, clean),
        cmocka_unit_test_setup(what_is_long_over_leaves_the_hot_tables, clean),
        cmocka_unit_test_setup(two_at_once_make_the_partitions, clean),
        cmocka_unit_test(every_statement_prepares_and_keeps_its_comment),
        cmocka_unit_test_setup(a_single_run_is_among_the_next_ten_beside_a_thousand, clean),
        cmocka_unit_test_setup(urgency_then_age_within_a_customer, clean),
        cmocka_unit_test_setup(orphans_go_to_the_next_holder_in_doubt_first, clean),
        cmocka_unit_test_setup(a_run_that_was_handed_back_is_free_at_once, clean),
        cmocka_unit_test_setup(a_write_that_was_lost_cannot_be_done_once_the_run_is_held_anew, clean),
        cmocka_unit_test_setup(all_that_an_incarnation_holds_is_told, clean),
        cmocka_unit_test_setup(what_has_run_out_of_time_is_taken_at_once_when_nobody_holds_it, clean),
        cmocka_unit_test_setup(a_stale_epoch_writes_nothing_at_all, clean),
        cmocka_unit_test_setup(progress_merges_and_is_superseded_by_the_ending, clean),
        cmocka_unit_test_setup(guards_refuse_and_leave_no_row, clean),
        cmocka_unit_test_setup(a_recover_of_a_stale_epoch_does_not_begin, clean),
        cmocka_unit_test_setup(a_recover_does_not_begin_where_our_lease_is_not_known, clean),
        cmocka_unit_test_setup(one_run_an_opening_whoever_announces_it, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
