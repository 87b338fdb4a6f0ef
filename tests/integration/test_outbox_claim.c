/* SPDX-License-Identifier: MIT
 * Who becomes the sender of which incident, on a real Postgres: due rows only, endings first, one sender, and what a lost
 * sender held. The engine above it is not tested here. */
#include "tests/integration/store_world.h"

static void add_row(int incident, int sequence, const char *kind, const char *due)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql, "insert into outbox (channel, account, incident, target, sequence, kind, marker, not_before) "
        "values ('pagerduty', 'a', %d, 'Q', %d, '%s', 'm', clock_timestamp() + interval '%s')", incident, sequence, kind, due);
    kit_pg_run(server, sql);
}

static void read_incidents(struct call *c, const struct pg_answer *answer)
{
    struct outbox_held held[8];
    c->rows = outbox_claimed(answer, held, 8);
    c->text[0] = '\0';
    for (int i = 0; i < c->rows; i++)
        (void)snprintf(c->text + strlen(c->text), sizeof c->text - strlen(c->text), "%lld ", (long long)held[i].incident);
}

static void expect_claim(const char *incarnation, int most, const int64_t *active, int count, const char *want)
{
    struct call c = {.read = read_incidents};
    outbox_claim(store, incarnation, most, active, count, on_done, &c);
    expect_well(&c);
    assert_string_equal(c.text, want);
}

static void three_incidents(void)
{
    add_node(NODE_A, false);
    add_node(NODE_B, false);
    add_runs("c", 1, 3);
}

static void endings_come_first_between_incidents(void **state)
{
    (void)state;
    three_incidents();
    add_row(1, 1, "start", "-3 s");
    add_row(2, 1, "progress", "-2 s");
    add_row(3, 1, "start", "-1 s");
    add_row(3, 2, "ending", "-1 s"); /* its start note goes first, but before the other incidents */
    expect_claim(NODE_A, 1, NULL, 0, "3 ");
    expect_claim(NODE_B, 1, NULL, 0, "1 ");
    expect_claim(NODE_B, 5, (int64_t[]){1}, 1, "2 ");
}

static void a_row_behind_one_that_is_not_due_waits(void **state)
{
    (void)state;
    three_incidents();
    add_row(1, 1, "start", "1 min");
    add_row(1, 2, "ending", "-1 s");
    add_row(2, 1, "status", "1 min");
    expect_claim(NODE_A, 5, NULL, 0, "");
    kit_pg_run(server, "update outbox set not_before = clock_timestamp() - interval '1 s' where incident = 2");
    expect_claim(NODE_A, 5, NULL, 0, "2 ");
}

static void an_incident_has_one_sender_until_it_is_dead(void **state)
{
    (void)state;
    three_incidents();
    add_row(1, 1, "start", "-1 s");
    expect_claim(NODE_A, 5, NULL, 0, "1 ");
    expect_claim(NODE_B, 5, NULL, 0, "");
    expect_claim(NODE_A, 5, (int64_t[]){1}, 1, ""); /* it is sending for it */
    expect_claim(NODE_A, 5, NULL, 0, "1 ");         /* it is not: the claim's answer was lost */
    kit_pg_run(server, "update node set dead = true where incarnation = '" NODE_A "'");
    kit_pg_run(server, "update outbox set state = 'sending', claimed_at = clock_timestamp()");
    expect_claim(NODE_B, 5, NULL, 0, "1 ");
    assert_int_equal(ask_number("select send_epoch from incident where id = 1"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(endings_come_first_between_incidents, clean),
        cmocka_unit_test_setup(a_row_behind_one_that_is_not_due_waits, clean),
        cmocka_unit_test_setup(an_incident_has_one_sender_until_it_is_dead, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
