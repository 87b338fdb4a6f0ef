/* SPDX-License-Identifier: MIT
 * What a claim of waiting runs brings, and what it finds while other nodes claim. The order of claiming is in test_store.c. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/store_world.h"

/* All of a row but the times that are told when it is read. */
static void tell_row(const struct run_row *r, char *out, size_t bytes)
{
    int n = snprintf(out, bytes, "%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%d %d|%s|%s|%s|%s|%s|%s|%s|%d|%s|%lld %lld %lld|%s|%d %lld", r->account,
        r->incident_key, r->customer, r->service_id, r->service_name, r->title, r->priority, r->urgency, r->html_url, r->state, r->step,
        r->attempt, r->mode, r->scenario, r->scenario_set, r->inventory_set, r->host, r->machine, r->facts, r->doubt, r->opening,
        (long long)r->opened_wall_ms, (long long)r->incident_number, (long long)r->created_wall_ms, r->incident_status, r->last_attempt,
        (long long)r->timeline);
    assert_true(n > 0 && (size_t)n < bytes);
    assert_in_range(r->give_up_left_ms, 540000, 600000);
    assert_true(r->now_wall_ms >= r->created_wall_ms);
}

static char claimed_row[1000], loaded_row[1000];

static void tell_claimed(struct call *c, const struct pg_answer *answer)
{
    struct run_row row;
    c->rows = run_claimed(answer, c->held);
    assert_true(run_claimed_row(answer, c->rows - 1, &row));
    tell_row(&row, claimed_row, sizeof claimed_row);
}

static void tell_loaded(struct call *c, const struct pg_answer *answer)
{
    (void)c;
    struct run_row row;
    assert_true(run_loaded(answer, &row));
    tell_row(&row, loaded_row, sizeof loaded_row);
}

static void orphans_bring_none(struct call *c, const struct pg_answer *answer)
{
    struct run_row row;
    c->rows = run_claimed(answer, c->held);
    assert_false(run_claimed_row(answer, 0, &row)); /* their journal is read behind the claim, and the row with it */
}

/* A claim of waiting runs brings what run_load would read: the two statements name the same columns. */
static void a_claim_brings_the_row_that_would_be_loaded(void **state)
{
    (void)state;
    add_node(NODE_A, false);
    add_runs("c", 1, 2);
    kit_pg_run(server, "update incident set number = 5 + id, service_name = 'web ' || id, priority = 'P1', urgency = 'low', html_url = 'u'");
    kit_pg_run(server, "update run set service_id = 'S' || incident, title = 't' || incident, facts = '{\"a\": 1}', machine = 'm', host = 'h'");
    struct call c = {.read = tell_claimed};
    run_claim(store, CLAIM_WAITING, NODE_A, 2, on_done, &c);
    expect_well(&c);
    assert_int_equal(c.rows, 2);
    struct call l = {.read = tell_loaded};
    run_load(store, c.held[1].id, c.held[1].epoch, on_done, &l);
    expect_well(&l);
    assert_string_equal(claimed_row, loaded_row);
    kit_pg_run(server, "update node set dead = true");
    add_node(NODE_B, false);
    struct call o = {.read = orphans_bring_none};
    run_claim(store, CLAIM_ORPHANS, NODE_B, 2, on_done, &o);
    expect_well(&o);
    assert_int_equal(o.rows, 2);
}

/* Another node's claim holds as many as a claim may take: the runs behind them are found, of many customers or of one. */
static void a_claim_passes_over_what_another_is_taking(void **state)
{
    (void)state;
    static const char *const divide[] = {"update run set customer = 'c' || incident", "update run set customer = 'c'"};
    for (size_t i = 0; i < sizeof divide / sizeof divide[0]; i++) {
        (void)clean(NULL);
        add_node(NODE_A, false);
        add_node(NODE_B, false);
        add_runs("c", 1, 40);
        kit_pg_run(server, "update run set created_at = timestamptz '2026-01-01' + incident * interval '1 s'");
        kit_pg_run(server, divide[i]);
        pid_t other = fork();
        if (other == 0) {
            kit_pg_run(server, "begin; select from run order by created_at limit 10 for update; select pg_sleep(2); commit");
            _exit(0);
        }
        kit_pg_wait(server, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'", "1");
        assert_int_equal(claim(CLAIM_WAITING, NODE_A, 1).rows, 1);
        assert_int_equal(claim(CLAIM_WAITING, NODE_A, 10).rows, 10);
        int status = -1;
        assert_int_equal(waitpid(other, &status, 0), other);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_claim_brings_the_row_that_would_be_loaded, clean),
        cmocka_unit_test_setup(a_claim_passes_over_what_another_is_taking, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
