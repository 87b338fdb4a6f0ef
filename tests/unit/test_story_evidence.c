/* SPDX-License-Identifier: MIT
 * Outputs trimmed and set apart, and durations. */
#include "tests/kit/kit.h"

#include <string.h>

#include "executor/story_evidence.h"
#include "lib/base/text.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])

static void outputs(void **state)
{
    (void)state;
    static const struct {
        const char *output;
        const char *expected;
    } rows[] = {
        {"", ""}, {"\n \n\t\n", ""}, {"one", "  | one\n"}, {"one\r\ntwo\rthree\n", "  | one\n  | two\n  | three\n"},
        {"a\n\nb\n\n", "  | a\n  | \n  | b\n"}, {"  indented", "  |   indented\n"}, {"a\tb", "  | a       b\n"},
        {"\x1b[31mred\x1b[0m \x1b]0;x", "  | red 0;x\n"}, {"a\x07\x08\x7f" "b", "  | ab\n"}, {"a\xff\xfe", "  | a\xEF\xBF\xBD\xEF\xBF\xBD\n"},
        {"\xE2\x80\xAE" "evil\xE2\x80\x8F\xE2\x81\xA6", "  | evil\n"}, {"\x1b", "  | \n"}, {"\x1b[", "  | \n"},
        {"日本\t語", "  | 日本    語\n"}, {"a\xE2\x80\xA8" "b", "  | ab\n"},
        {"Handed over. Look here\n-- firstline", "  | Handed over. Look here\n  | -- firstline\n"},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        struct buf out;
        buf_init(&out, 10000);
        story_output(LANGUAGE_EN, rows[i].output, false, STORY_OUTPUT_CHARS_MAX, &out);
        if (strcmp(buf_text(&out), rows[i].expected) != 0)
            fail_msg("row %zu: \"%s\"", i, buf_text(&out));
        buf_done(&out);
    }
}

static int lines_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void long_outputs_keep_both_ends(void **state)
{
    (void)state;
    struct buf many, out;
    buf_init(&many, 1 << 20);
    buf_init(&out, 1 << 20);
    for (int i = 1; i <= 1000; i++)
        assert_int_equal(buf_printf(&many, "line %d\n", i), 0);
    story_output(LANGUAGE_EN, buf_text(&many), true, STORY_OUTPUT_CHARS_MAX, &out);
    assert_non_null(strstr(buf_text(&out), "  | line 8\n  (... 980 lines, 8.5KiB left out)\n  | line 989\n"));
    assert_non_null(strstr(buf_text(&out), "  | line 1000\n  (there was more output than is kept)\n"));
    assert_int_equal(lines_of(buf_text(&out)), 22);

    static const int widths[] = {150, 399, 400, 401, 5000};
    for (size_t w = 0; w < SIZE(widths); w++)
        for (int count = 1; count < 40; count++) {
            buf_clear(&many);
            buf_clear(&out);
            for (int i = 0; i < count; i++) {
                for (int k = 0; k < widths[w]; k++)
                    assert_int_equal(buf_add_text(&many, i % 2 ? "語" : "x"), 0);
                assert_int_equal(buf_add_char(&many, '\n'), 0);
            }
            story_output(LANGUAGE_JA, buf_text(&many), false, STORY_OUTPUT_CHARS_MAX, &out);
            assert_false(out.over);
            assert_true(text_valid(buf_text(&out), out.bytes));
            assert_in_range(text_chars(buf_text(&out), out.bytes), 10, STORY_OUTPUT_CHARS_MAX + 60);
            assert_in_range(lines_of(buf_text(&out)), 1, 21);
            for (const char *p = buf_text(&out); *p; p = strchr(p, '\n') + 1)
                assert_true(strncmp(p, "  | ", 4) == 0 || strncmp(p, "  （", 5) == 0);
        }
    buf_clear(&out);
    story_output(LANGUAGE_EN, buf_text(&many), false, 0, &out);
    assert_string_equal(buf_text(&out), "  (output left out: 39 lines, 376KiB)\n");
    buf_done(&many);
    buf_done(&out);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *expected[LANGUAGES];
    } rows[] = {
        {-5, {"0.0 s", "0.0秒"}}, {0, {"0.0 s", "0.0秒"}}, {240, {"0.2 s", "0.2秒"}}, {9949, {"9.9 s", "9.9秒"}},
        {9960, {"10 s", "10秒"}}, {59400, {"59 s", "59秒"}}, {59960, {"1 min", "1分"}}, {60000, {"1 min", "1分"}},
        {75400, {"1 min 15 s", "1分15秒"}}, {3600000, {"1 h", "1時間"}}, {3661000, {"1 h 1 min", "1時間1分"}},
        {INT64_C(90000000), {"25 h", "25時間"}},
    };
    for (size_t i = 0; i < SIZE(rows); i++)
        for (enum policy_language l = 0; l < LANGUAGES; l++) {
            struct buf out;
            buf_init(&out, 64);
            story_takes(l, rows[i].ms, &out);
            assert_string_equal(buf_text(&out), rows[i].expected[l]);
            buf_done(&out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs),
        cmocka_unit_test(long_outputs_keep_both_ends),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
