/* SPDX-License-Identifier: MIT
 * The same alarm once a minute, other alarms at once, and no growth. */
#include "tests/kit/kit.h"

#include <stdio.h>

#include "cli/alarms.h"

static void the_same_alarm_once_a_minute(void **state)
{
    (void)state;
    struct alarms a = {0};
    assert_false(alarms_lately(&a, "w", "x", 1000));
    assert_true(alarms_lately(&a, "w", "x", 1001));
    assert_false(alarms_lately(&a, "w", "y", 1001));
    assert_true(alarms_lately(&a, "w", "x", 1000 + ALARM_EVERY_MS - 1));
    assert_false(alarms_lately(&a, "w", "x", 1000 + ALARM_EVERY_MS));
}

static void many_alarms_push_out_the_oldest(void **state)
{
    (void)state;
    struct alarms a = {0};
    char about[16];
    for (int i = 0; i <= ALARMS_REMEMBERED; i++) {
        (void)snprintf(about, sizeof about, "%d", i);
        assert_false(alarms_lately(&a, "w", about, 1000 + i));
    }
    assert_false(alarms_lately(&a, "w", "0", 2000)); /* forgotten */
    assert_true(alarms_lately(&a, "w", "5", 2000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_alarm_once_a_minute),
        cmocka_unit_test(many_alarms_push_out_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
