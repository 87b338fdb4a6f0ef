/* SPDX-License-Identifier: MIT
 * Who becomes the sender of which incident, on a real Postgres: due rows only, endings first, one sender, what a lost sender held,
 * and what settling a row leads to. The engine above it is not tested here. */
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

/* --- settling ----------------------------------------------------------------------------------------------------- */

static void read_row(struct call *c, const struct pg_answer *answer)
{
    struct outbox_row row;
    c->yes = outbox_row(answer, &row);
    if (c->yes)
        (void)snprintf(c->text, sizeof c->text, "%s %s%s", row.kind, row.unknown ? "unknown " : "", row.doubted ? "doubted" : "");
}

/* The kind of the row that is taken next; "" where none is. */
static struct call next(int64_t incident, int64_t epoch, const struct outbox_settle *settle)
{
    struct call c = {.read = read_row};
    outbox_next(store, &(struct outbox_held){incident, epoch}, NODE_A, settle, on_done, &c);
    expect_well(&c);
    return c;
}

static const struct outbox_settle nothing = {.notes = -1};

static void a_sender_yields_to_an_ending_that_nobody_sends(void **state)
{
    (void)state;
    three_incidents();
    add_row(1, 1, "start", "-3 s");
    add_row(1, 2, "progress", "-3 s");
    expect_claim(NODE_A, 1, NULL, 0, "1 ");
    assert_string_equal(next(1, 1, &nothing).text, "start ");
    add_row(2, 1, "start", "1 min"); /* its ending stands behind a row that is not due: nothing to yield to */
    add_row(2, 2, "ending", "-1 s");
    add_row(3, 1, "ending", "-1 s");
    struct outbox_settle sent = {.id = ask_number("select id from outbox where incident = 1 and sequence = 1"), .state = OUTBOX_SENT, .notes = -1};
    assert_false(next(1, 1, &sent).yes);
    expect_claim(NODE_B, 1, NULL, 0, "3 ");
    assert_false(next(1, 1, &nothing).yes); /* it has given it up */
    expect_claim(NODE_B, 1, (int64_t[]){3}, 1, "1 ");
    assert_int_equal(ask_number("select count(*) from outbox where incident = 1 and state = 'sent'"), 1);
}

static void only_the_sender_claims_again_and_doubt_is_counted(void **state)
{
    (void)state;
    three_incidents();
    add_row(1, 1, "start", "-3 s");
    expect_claim(NODE_A, 1, NULL, 0, "1 ");
    assert_true(next(1, 1, &nothing).yes);
    int64_t id = ask_number("select id from outbox");
    kit_pg_run(server, "update outbox set claimed_at = clock_timestamp() - interval '1 min'");
    struct call ours = {0}, theirs = {0};
    outbox_claim_again(store, &(struct outbox_held){1, 1}, NODE_A, id, on_done, &ours);
    outbox_claim_again(store, &(struct outbox_held){1, 1}, NODE_B, id, on_done, &theirs);
    expect_well(&ours);
    expect_well(&theirs);
    assert_int_equal(ours.rows, 1);
    assert_int_equal(theirs.rows, 0);
    assert_int_equal(ask_number("select count(*) from outbox where resent = 0 and claimed_at > clock_timestamp() - interval '50 s'"), 1);
    kit_pg_run(server, "update outbox set state = 'unknown'");
    struct call again = {0};
    outbox_claim_again(store, &(struct outbox_held){1, 1}, NODE_A, id, on_done, &again);
    expect_well(&again);
    assert_int_equal(ask_number("select resent from outbox"), 1);
    assert_string_equal(next(1, 1, &nothing).text, "start unknown doubted");
}

static void read_renewed(struct call *c, const struct pg_answer *answer)
{
    struct outbox_row row = {0};
    c->yes = outbox_row_renew(answer, &row);
    (void)snprintf(c->text, sizeof c->text, "%s%s%s", row.touched ? "touched " : "", row.reopened ? "reopened " : "",
        row.given_back_wall_ms == 1000000000500 ? "given back" : "");
}

static const char *renewed(struct call *c)
{
    *c = (struct call){.read = read_renewed};
    outbox_claim_again(store, &(struct outbox_held){1, 1}, NODE_A, ask_number("select id from outbox"), on_done, c);
    expect_well(c);
    assert_true(c->yes);
    return c->text;
}

/* What a person did since the row was claimed is seen right before it is sent. */
static void a_claim_anew_shows_what_persons_did(void **state)
{
    (void)state;
    struct call c;
    three_incidents();
    add_row(1, 1, "status", "-3 s");
    expect_claim(NODE_A, 1, NULL, 0, "1 ");
    assert_true(next(1, 1, &nothing).yes);
    assert_string_equal(renewed(&c), "");
    kit_pg_run(server, "update incident set touched_at = clock_timestamp() where id = 1");
    assert_string_equal(renewed(&c), "touched ");
    kit_pg_run(server, "update incident set touched_at = null, untouched_at = to_timestamp(1000000000.5) where id = 1");
    assert_string_equal(renewed(&c), "given back");
    kit_pg_run(server, "update outbox set opening = (select opening from incident where id = 1)");
    assert_string_equal(renewed(&c), "given back");
    kit_pg_run(server, "update incident set opening = opening + interval '1 min' where id = 1");
    assert_string_equal(renewed(&c), "reopened given back");
}

static void what_follows_is_queued_once(void **state)
{
    (void)state;
    three_incidents();
    add_row(1, 1, "status", "-3 s");
    kit_pg_run(server, "update incident set outbox_sequence = 1");
    expect_claim(NODE_A, 1, NULL, 0, "1 ");
    assert_true(next(1, 1, &nothing).yes);
    struct outbox_settle dropped = {.id = ask_number("select id from outbox"), .state = OUTBOX_DROPPED, .error = "why", .notes = 7,
        .more = "{\"kind\":\"note\",\"body\":\"b\",\"about\":{},\"marker\":\"m\",\"wait_ms\":0}"};
    for (int i = 0; i < 2; i++) /* the first answer may have been lost */
        next(1, 1, &dropped);
    assert_int_equal(ask_number("select count(*) from outbox where kind = 'note' and body = 'b' and sequence = 2"), 1);
    assert_int_equal(ask_number("select notes from incident where id = 1"), 7);
    expect_claim(NODE_A, 1, NULL, 0, "1 "); /* it is given up with what was queued, which the statement itself does not see */
    assert_string_equal(next(1, 2, &nothing).text, "note ");
    dropped.id = ask_number("select id from outbox where kind = 'note'");
    dropped.state = OUTBOX_SENT;
    dropped.more = "{\"kind\":\"mend\",\"body\":\"\",\"about\":{\"last\":true},\"marker\":\"m\",\"wait_ms\":0}";
    next(1, 2, &dropped);
    add_row(1, 9, "progress", "-1 s"); /* queued later, and goes before it */
    expect_claim(NODE_A, 1, NULL, 0, "1 ");
    assert_string_equal(next(1, 3, &nothing).text, "progress ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(endings_come_first_between_incidents, clean),
        cmocka_unit_test_setup(a_row_behind_one_that_is_not_due_waits, clean),
        cmocka_unit_test_setup(an_incident_has_one_sender_until_it_is_dead, clean),
        cmocka_unit_test_setup(a_sender_yields_to_an_ending_that_nobody_sends, clean),
        cmocka_unit_test_setup(only_the_sender_claims_again_and_doubt_is_counted, clean),
        cmocka_unit_test_setup(a_claim_anew_shows_what_persons_did, clean),
        cmocka_unit_test_setup(what_follows_is_queued_once, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
