/* SPDX-License-Identifier: MIT
 * The same thing once a minute with its count, other things at once, and no growth. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/rare.h"

struct said {
    int lines;
    int64_t times;
    char last[400];
};

static void hear(void *owner, const char *what, const char *why, int64_t times)
{
    struct said *s = owner;
    s->lines++;
    s->times += times;
    (void)snprintf(s->last, sizeof s->last, "%s, %s", what, why);
}

static void the_same_thing_once_a_minute(void **state)
{
    (void)state;
    struct rare r = {0};
    assert_int_equal(1, rare_times(&r, "w", "x", 1000));
    assert_int_equal(0, rare_times(&r, "w", "x", 1001));
    assert_int_equal(1, rare_times(&r, "w", "y", 1001));
    assert_int_equal(0, rare_times(&r, "w", "x", 1000 + RARE_EVERY_MS - 1));
    assert_int_equal(3, rare_times(&r, "w", "x", 1000 + RARE_EVERY_MS)); /* the two that were not said, and this */
}

/* 1,300 times in three minutes: a line at once, then one a minute, and no time is lost from the count. */
static void a_storm_is_counted(void **state)
{
    (void)state;
    struct rare r = {0};
    struct said s = {0};
    int lines = 0;
    int64_t times = 0;
    for (int i = 0; i < 1300; i++) {
        int64_t now = 1000 + i * (int64_t)(3 * RARE_EVERY_MS / 1300), got = rare_times(&r, "not asked", "no budget", now);
        lines += got > 0;
        times += got;
        if (i % 10 == 0)
            rare_flush(&r, now, hear, &s);
    }
    assert_int_equal(lines + s.lines, 3);
    assert_int_equal(rare_times(&r, "not asked", "another", 1000), 1);
    rare_flush(&r, 1000 + 4 * RARE_EVERY_MS, hear, &s);
    assert_int_equal(lines + s.lines, 4);
    assert_int_equal(times + s.times, 1300);
    assert_string_equal(s.last, "not asked, no budget");
    rare_flush(&r, 1000 + 9 * RARE_EVERY_MS, hear, &s);
    assert_int_equal(lines + s.lines, 4); /* what does not happen is not said */
}

static void many_kinds_push_out_the_oldest(void **state)
{
    (void)state;
    struct rare r = {0};
    char why[16], longer[2 * RARE_TEXT_BYTES] = "";
    for (int i = 0; i <= RARE_KINDS_MAX; i++) {
        (void)snprintf(why, sizeof why, "%d", i);
        assert_int_equal(1, rare_times(&r, "w", why, 1000 + i));
    }
    assert_int_equal(1, rare_times(&r, "w", "0", 2000)); /* forgotten */
    assert_int_equal(0, rare_times(&r, "w", "5", 2000));
    memset(longer, 'x', sizeof longer - 1);
    assert_int_equal(1, rare_times(&r, "w", longer, 2000));
    assert_int_equal(0, rare_times(&r, "w", longer, 2000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_thing_once_a_minute),
        cmocka_unit_test(a_storm_is_counted),
        cmocka_unit_test(many_kinds_push_out_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
