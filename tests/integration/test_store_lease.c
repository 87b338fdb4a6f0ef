/* SPDX-License-Identifier: MIT
 * The lease on a real database: renewed, reaped, lost; then what moves by itself: the outbox, history. */
#include "tests/integration/store_world.h"

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

static void k_history(void *owner, const char *why)
{
    (void)why;
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
    until(&k.joined, 2);
    assert_int_equal(ask_number("select count(*) from control where scope = 'history-lost' and set_by = 'n' and why like '%beat%'"), 1);
    assert_int_equal(k.history, 1);
    lease_free(l);
    log_setup(LOG_INFO, LOG_LOGFMT);
}

static void nothing_joins_before_the_switch_is_set(void **state)
{
    (void)state;
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    struct keeper k = {0};
    struct lease *l = start_lease(&k);
    until(&k.joined, 1);
    kit_pg_run(server, "alter table control rename to control_away");
    kit_pg_run(server, "delete from node");
    until(&k.history, 1);
    for (int64_t limit = clock_mono_ms() + 1500; clock_mono_ms() < limit;)
        loop_turn(loop, 50);
    assert_int_equal(k.joined, 1);
    assert_false(lease_held(l));
    kit_pg_run(server, "alter table control_away rename to control");
    until(&k.joined, 2);
    assert_int_equal(ask_number("select count(*) from control where scope = 'history-lost'"), 1);
    lease_free(l);
    log_setup(LOG_INFO, LOG_LOGFMT);
}

/* The asker's own row decides in the moment in which the statement runs: it may have been long on its way. */
static void only_a_row_renewed_just_now_reaps(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        int reaped;
    } rows[] = {
        {"select 1", 1},
        {"update node set renewed_at = clock_timestamp() - interval '4 s' where incarnation = '" NODE_A "'", 0},
        {"update node set renewed_at = clock_timestamp() + interval '25 s' where incarnation = '" NODE_A "'", 0}, /* another clock's */
        {"update node set dead = true where incarnation = '" NODE_A "'", 0},
        {"update node set lease_until = clock_timestamp() + interval '11 s' where incarnation = '" NODE_B "'", 0},
        {"update node set lease_until = clock_timestamp() + interval '30 s' where incarnation = '" NODE_B "'", 1},
        {"update node set lease_until = clock_timestamp() + interval '2 s' where incarnation = '" NODE_B "'", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)clean(NULL);
        add_node(NODE_A, false);
        add_node(NODE_B, false);
        kit_pg_run(server, "update node set lease_until = clock_timestamp() - interval '1 s' where incarnation = '" NODE_B "'");
        kit_pg_run(server, rows[i].before);
        struct call c = {0};
        struct pg_value values[] = {pg_from_text(NODE_A), PG_INT(3000)};
        pg_query(lane, "node_reap", values, 2, 0, on_done, &c);
        expect_well(&c);
        if (c.rows != rows[i].reaped)
            fail_msg("%s: %d reaped, wanted %d", rows[i].before, c.rows, rows[i].reaped);
    }
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

/* --- outbox, history ---------------------------------------------------------------------------------------------- */

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
    run_write(store, &(struct run_place){held.id, held.epoch, "a", "Q"}, "{\"state\":\"ended\",\"ending\":\"resolved\",\"reason\":\"r\",\"steps\":[{\"step\":0,\"attempt\":1,"
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
                                "(select count(*) from decision_history) + (select count(*) from outbox_history)"), 5);
    assert_int_equal(ask_number("select count(*) from run_history_rest"), 0); /* it has a month of its own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_lease_is_renewed_reaps_the_dead_and_ends_when_marked_dead, clean),
        cmocka_unit_test_setup(a_beat_that_went_back_is_lost_history, clean),
        cmocka_unit_test_setup(nothing_joins_before_the_switch_is_set, clean),
        cmocka_unit_test_setup(only_a_row_renewed_just_now_reaps, clean),
        cmocka_unit_test_setup(a_lease_that_cannot_be_renewed_is_not_held, clean),
        cmocka_unit_test_setup(one_sender_an_incident_and_rows_in_order, clean),
        cmocka_unit_test_setup(ended_runs_leave_for_history_whole, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
