/* SPDX-License-Identifier: MIT
 * Error values. */
#include "tests/kit/kit.h"

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"

static void wraps_outermost_first(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(error_set(&err, ERROR_REFUSED, "said no"), -1);
    error_wrap(&err, "step '%s'", "promote");
    error_wrap(&err, "run %s", "7f3a");
    assert_string_equal(err.text, "run 7f3a: step 'promote': said no");
    assert_int_equal(err.kind, ERROR_REFUSED);
}

static void a_long_text_is_cut_not_overrun(void **state)
{
    (void)state;
    struct error err = {0};
    char text[4096];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set(&err, ERROR_INPUT, "%s", text);
    error_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void only_what_was_not_sent_may_be_repeated(void **state)
{
    (void)state;
    for (int k = ERROR_CONFIG; k < ERROR_KINDS; k++)
        assert_int_equal(error_may_repeat((enum error_kind)k),
            k == ERROR_UNREACHED || k == ERROR_DEADLINE);
}

static void errno_has_its_text(void **state)
{
    (void)state;
    struct error err = {0};
    error_from_errno(&err, ERROR_CONFIG, ENOENT, "open %s", "x");
    assert_string_equal(err.text, "open x: No such file or directory");
    assert_int_equal(err.code, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wraps_outermost_first),
        cmocka_unit_test(a_long_text_is_cut_not_overrun),
        cmocka_unit_test(only_what_was_not_sent_may_be_repeated),
        cmocka_unit_test(errno_has_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
