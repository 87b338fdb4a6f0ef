/* SPDX-License-Identifier: MIT
 * The growing, limited buffer. Also what must catch the twin whose buffer is a byte too small. */
#include "tests/kit/kit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"

static void grows_to_its_limit_and_not_beyond(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 2, 63, 64, 65, 127, 128, 129, 1000, 4096};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf b;
        buf_init(&b, rows[i]);
        for (size_t n = 0; n < rows[i]; n++)
            assert_int_equal(buf_add_char(&b, 'x'), 0);
        assert_int_equal(b.bytes, rows[i]);
        assert_int_equal(strlen(buf_text(&b)), rows[i]);
        assert_false(b.over);
        assert_int_equal(buf_add_char(&b, 'y'), -1);
        assert_true(b.over);
        assert_int_equal(b.bytes, rows[i]);
        assert_null(strchr(buf_text(&b), 'y'));
        buf_done(&b);
    }
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(buf_add_text(&b, "12345678"), 0);
    assert_int_equal(buf_add_text(&b, "abc"), -1);
    assert_string_equal(buf_text(&b), "12345678");
    assert_int_equal(buf_printf(&b, "%d", 12345), -1);
    assert_string_equal(buf_text(&b), "12345678");
    assert_int_equal(buf_printf(&b, "%d", 90), 0);
    assert_string_equal(buf_text(&b), "1234567890");
    buf_done(&b);
}

static void drops_from_the_front(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(buf_add_text(&b, "hello world"), 0);
    buf_drop(&b, 6);
    assert_string_equal(buf_text(&b), "world");
    buf_drop(&b, 5);
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(buf_add_text(&b, "again"), 0);
    assert_string_equal(buf_text(&b), "again");
    buf_done(&b);
}

static void what_is_taken_is_the_callers(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(buf_add(&b, "a\0b", 3), 0);
    size_t bytes = 0;
    char *taken = buf_take(&b, &bytes);
    assert_non_null(taken);
    assert_int_equal(bytes, 3);
    assert_memory_equal(taken, "a\0b", 4);
    assert_int_equal(b.bytes, 0);
    free(taken);
    buf_done(&b);
    buf_done_secret(&b);
    buf_done(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_to_its_limit_and_not_beyond),
        cmocka_unit_test(what_does_not_fit_is_left_out_whole),
        cmocka_unit_test(drops_from_the_front),
        cmocka_unit_test(what_is_taken_is_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
