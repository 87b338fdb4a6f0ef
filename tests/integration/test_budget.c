/* SPDX-License-Identifier: MIT
 * The budget that all nodes share, on a real Postgres: never more than allowed in a minute, a share for each use, and what one
 * use does not need goes to the others. Time is moved by moving the moment of the last filling. */
#include "coordinator/budget.h"
#include "tests/integration/store_world.h"

#define MOST 960

static void read_taken(struct call *c, const struct pg_answer *answer)
{
    c->rows = (int)pg_int(answer, 0, 0, 0);
    c->last = (int)pg_int(answer, 0, 0, 1);
}

static struct call take_call(const char *use, int wanted)
{
    struct call c = {.read = read_taken};
    outbox_budget_take(store, "a", use, wanted, 1, MOST, on_done, &c);
    expect_well(&c);
    return c;
}

static int take(const char *use, int wanted)
{
    return take_call(use, wanted).rows;
}

static int drain(const char *use)
{
    int all = 0;
    for (int got; (got = take(use, 1000)) > 0;)
        all += got;
    return all;
}

static void pass(const char *time)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql, "update budget set filled_at = filled_at - interval '%s'", time);
    kit_pg_run(server, sql);
}

/* What real time brings on top. */
static int brought_since(int64_t mono_ms)
{
    return (int)((clock_mono_ms() - mono_ms) * 14 / 1000) + 1;
}

static int greedy_minute(const char *const *uses, int count)
{
    int all = 0;
    for (int i = 0; i < 300; i++) {
        pass("200 ms");
        for (int u = 0; u < count; u++)
            all += take(uses[u], 20);
    }
    return all;
}

static void no_minute_sees_more_than_allowed(void **state)
{
    (void)state;
    take("write", 1);
    pass("1 h");
    int64_t began = clock_mono_ms();
    int all = greedy_minute((const char *const[]){"write", "read", "reconcile"}, 3);
    assert_in_range(all, MOST * 7 / 8, MOST * 23 / 24 + brought_since(began));
}

static void one_use_alone_gets_what_the_others_do_not_need(void **state)
{
    (void)state;
    take("write", 1);
    int64_t began = clock_mono_ms();
    int all = greedy_minute((const char *const[]){"write"}, 1);
    assert_in_range(all, MOST * 8 / 10, MOST * 23 / 24 + brought_since(began));
}

static void each_use_has_its_share_while_others_want_everything(void **state)
{
    (void)state;
    take("write", 1);
    int got[3] = {0};
    int64_t began = clock_mono_ms();
    for (int i = 0; i < 300; i++) {
        pass("200 ms");
        got[2] += take("write", 1000);
        got[1] += take("read", 1000);
        got[0] += take("reconcile", 1000);
    }
    int more = brought_since(began);
    assert_in_range(got[0], 70, 110 + more); /* 84, 252 and 504 of 840 */
    assert_in_range(got[1], 230, 300 + more);
    assert_in_range(got[2], 450, 670 + more);
}

static void a_clock_that_went_back_gives_nothing_and_goes_on(void **state)
{
    (void)state;
    take("write", 1);
    drain("write");
    kit_pg_run(server, "update budget set filled_at = clock_timestamp() + interval '1 hour'");
    assert_int_equal(take("write", 1000), 0);
    pass("10 s");
    assert_in_range(take("write", 1000), 1, 100);
}

static void who_gets_nothing_is_told_how_long(void **state)
{
    (void)state;
    take("write", 1);
    struct call c;
    do
        c = take_call("reconcile", 1000);
    while (c.rows > 0); /* real time brings one in 0.7 s */
    assert_in_range(c.last, 1, 1000); /* 1.4 a second */
}

/* --- the line in front of it --------------------------------------------------------------------------------------- */

static int granted[8], granted_count;

static void on_granted(void *owner)
{
    granted[granted_count++] = (int)(intptr_t)owner;
}

static void the_line_keeps_its_order_and_forgets(void **state)
{
    (void)state;
    granted_count = 0;
    struct budget *b = budget_new(loop, store, MOST);
    uint64_t ids[4];
    for (intptr_t i = 0; i < 4; i++)
        ids[i] = budget_ask(b, "a", BUDGET_WRITE, on_granted, (void *)i);
    budget_forget(b, ids[1]);
    int64_t limit = clock_mono_ms() + 20000;
    while (granted_count < 3 && clock_mono_ms() < limit)
        loop_turn(loop, 50);
    assert_int_equal(granted_count, 3);
    const int expected[] = {0, 2, 3};
    assert_memory_equal(granted, expected, sizeof expected);
    budget_forget(b, ids[0]);
    budget_free(b);
}

static void an_empty_budget_is_waited_for_and_other_uses_pass(void **state)
{
    (void)state;
    granted_count = 0;
    take("write", 1);
    pass("1 h");
    drain("write");
    struct budget *b = budget_new(loop, store, MOST);
    kit_pg_run(server, "update budget set shares[3] = -3");
    budget_ask(b, "a", BUDGET_WRITE, on_granted, (void *)(intptr_t)1);
    budget_ask(b, "a", BUDGET_READ, on_granted, (void *)(intptr_t)2);
    int64_t limit = clock_mono_ms() + 20000;
    while (granted_count < 2 && clock_mono_ms() < limit)
        loop_turn(loop, 50);
    assert_int_equal(granted_count, 2);
    assert_int_equal(granted[0], 2);
    budget_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_minute_sees_more_than_allowed, clean),
        cmocka_unit_test_setup(one_use_alone_gets_what_the_others_do_not_need, clean),
        cmocka_unit_test_setup(each_use_has_its_share_while_others_want_everything, clean),
        cmocka_unit_test_setup(a_clock_that_went_back_gives_nothing_and_goes_on, clean),
        cmocka_unit_test_setup(who_gets_nothing_is_told_how_long, clean),
        cmocka_unit_test_setup(the_line_keeps_its_order_and_forgets, clean),
        cmocka_unit_test_setup(an_empty_budget_is_waited_for_and_other_uses_pass, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
