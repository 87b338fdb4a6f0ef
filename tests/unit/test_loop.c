/* SPDX-License-Identifier: MIT
 * A turn of the loop ends, with nothing to wait for and with the loop's time far behind; work for the end of a turn is done
 * in order. */
#include "tests/kit/kit.h"

#include <unistd.h>

#include "lib/io/loop.h"

static void nothing(void *owner)
{
    (void)owner;
}

static void a_turn_ends_though_its_time_is_over_before_it_begins(void **state)
{
    (void)state;
    struct error err = {0};
    struct loop *l = loop_new(&err);
    assert_non_null(l);
    struct loop_timer *far = loop_timer_new(l, nothing, NULL); /* something to wait for, but not now */
    loop_timer_start(far, 3600 * 1000, 0);
    (void)alarm(20); /* a turn that does not end ends the program */
    for (int i = 0; i < 50; i++) {
        loop_turn(l, 1);
        usleep(3000); /* the loop's own time is then older than the wait */
        loop_turn(l, 0);
    }
    (void)alarm(0);
    loop_timer_free(far);
    loop_free(l);
}

struct order {
    struct loop *loop;
    int count;
    int seen[4];
};

static void second(void *owner)
{
    struct order *o = owner;
    o->seen[o->count++] = 2;
}

static void later(void *owner)
{
    struct order *o = owner;
    o->seen[o->count++] = 3;
}

static void first(void *owner)
{
    struct order *o = owner;
    o->seen[o->count++] = 1;
    loop_soon(o->loop, later, o);
}

static void work_for_the_end_of_a_turn_keeps_its_order(void **state)
{
    (void)state;
    struct error err = {0};
    struct order o = {.loop = loop_new(&err)};
    int other = 0;
    loop_soon(o.loop, first, &o);
    loop_soon(o.loop, second, &other); /* cancelled */
    loop_soon(o.loop, second, &o);
    loop_soon_cancel(o.loop, &other);
    for (int i = 0; i < 3; i++)
        loop_turn(o.loop, 1);
    assert_int_equal(o.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(o.seen[i], i + 1);
    loop_free(o.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_ends_though_its_time_is_over_before_it_begins),
        cmocka_unit_test(work_for_the_end_of_a_turn_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
