/* SPDX-License-Identifier: MIT
 * Text: repair, one line, cuts, widths, folding. */
#include "tests/kit/kit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"
#include "lib/base/text.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])
#define BAD "\xEF\xBF\xBD"

static void repaired(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes; /* 0: strlen */
        const char *expected;
        bool valid;
    } rows[] = {
        {"plain", 0, "plain", true},
        {"日本\xf0\x9f\x98\x80", 0, "日本\xf0\x9f\x98\x80", true},
        {"a\0b", 3, "a\xE2\x90\x80" "b", true},
        {"a\xff" "b", 0, "a" BAD "b", false},
        {"\xe6\x97", 0, BAD, false},              /* cut off: one mark for the piece */
        {"\xe6\x97x", 0, BAD "x", false},
        {"\xe6\xe6\x97\xa5", 0, BAD "日", false},
        {"\xed\xa0\x80", 0, BAD BAD BAD, false},  /* a surrogate */
        {"\xc0\xaf", 0, BAD BAD, false},          /* an overlong slash */
        {"\xf0\x80\x80\x80", 0, BAD BAD BAD BAD, false},
        {"\xf4\x90\x80\x80", 0, BAD BAD BAD BAD, false}, /* beyond U+10FFFF */
        {"\xf0\x9f\x98", 0, BAD, false},
        {"\x80\x80", 0, BAD BAD, false},
        {"\xfe\xff", 0, BAD BAD, false},
        {"\t\n\x01", 0, "\t\n\x01", true},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        size_t bytes = rows[i].bytes ? rows[i].bytes : strlen(rows[i].text);
        char *copy = malloc(bytes); /* exact, so that reading past it is seen */
        memcpy(copy, rows[i].text, bytes);
        struct buf out;
        buf_init(&out, 200);
        text_repair(copy, bytes, &out);
        assert_string_equal(buf_text(&out), rows[i].expected);
        assert_int_equal(text_valid(copy, bytes), rows[i].valid);
        assert_true(text_valid(buf_text(&out), out.bytes));
        buf_done(&out);
        free(copy);
    }
}

static void every_byte_pair_is_repaired_to_valid_text(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            char text[4] = {(char)a, (char)b, (char)0xA5, (char)a};
            struct buf out;
            buf_init(&out, 100);
            text_repair(text, 4, &out);
            assert_true(text_valid(buf_text(&out), out.bytes));
            assert_null(memchr(buf_text(&out), '\0', out.bytes));
            buf_done(&out);
        }
}

static void a_repair_that_does_not_fit_ends_between_characters(void **state)
{
    (void)state;
    for (size_t room = 1; room < 12; room++) {
        struct buf out;
        buf_init(&out, room);
        text_repair("日本語日本語", 18, &out);
        assert_int_equal(out.bytes, room / 3 * 3);
        assert_true(out.over);
        buf_done(&out);
    }
}

static void on_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"  a\r\n\tb  ", "a b"}, {"", ""}, {"\n\n", ""}, {"a\x1b[31mb", "a [31mb"}, {"a\xe2\x80\xaexe", "axe"}, {"a\xe2\x80\x8f\xd8\x9cxe", "axe"},
        {"a\xe3\x80\x80日", "a 日"}, {"a\xff" "b", "a" BAD "b"}, {"a\xe2\x80\xa8" "b", "a b"}, {"\xf0\x9f\x98\x80 x", "\xf0\x9f\x98\x80 x"},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        struct buf out;
        buf_init(&out, 100);
        text_one_line(rows[i].text, strlen(rows[i].text), &out);
        assert_string_equal(buf_text(&out), rows[i].expected);
        buf_done(&out);
    }
}

static void cuts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t chars, bytes, expected;
    } rows[] = {
        {"abc", 2, 100, 2}, {"abc", 3, 100, 3}, {"abc", 9, 2, 2}, {"日本語", 2, 100, 6}, {"日本語", 100, 7, 6},
        {"日本語", 100, 2, 0}, {"", 5, 5, 0}, {"abc", 0, 5, 0},
        {"ae\xcc\x81x", 2, 100, 1},  /* e and its accent stay together */
        {"ae\xcc\x81x", 3, 100, 4},
        {"x\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9y", 2, 100, 1}, /* a joined family */
        {"x\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9y", 4, 100, 12},
        {"\xcc\x81\xcc\x81\xcc\x81", 2, 100, 4}, /* nothing to stay with: the limit still holds */
    };
    for (size_t i = 0; i < SIZE(rows); i++)
        assert_int_equal(text_cut(rows[i].text, strlen(rows[i].text), rows[i].chars, rows[i].bytes), rows[i].expected);
    assert_int_equal(text_cut_tail("日本語", 9, 7), 3);
    assert_int_equal(text_cut_tail("日本語", 9, 9), 0);
    assert_int_equal(text_cut_tail("日本語", 9, 2), 9);
    assert_int_equal(text_cut_tail("ae\xcc\x81x", 5, 3), 4);
    assert_int_equal(text_chars("日本a", 7), 3);
    assert_int_equal(text_width("日本a", 7), 5);
    assert_int_equal(text_width("\xef\xbd\xb1", 3), 1); /* half-width */
    assert_int_equal(text_width("e\xcc\x81", 3), 1);
}

static void folded(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {
        {"Disk FULL", "disk full", true},
        {"ディスク", "ﾃﾞｨｽｸ", true},              /* half-width katakana */
        {"ＡＭＳ：ｄｉｓｋ", "ams:disk", true}, /* full-width */
        {"STRASSE", "straße", true},
        {"\xe2\x84\xab", "\xc3\xa5", true},       /* the Angstrom sign */
        {"e\xcc\x81", "\xc3\xa9", true},
        {"\xef\xac\x81x", "fix", true},           /* a ligature */
        {"a\xe2\x80\x8b" "b", "ab", true},        /* a zero-width space */
        {"ab", "abc", false}, {"é", "e", false}, {"", "", true},
        {"a\xff", "a\xef\xbf\xbd", true},
    };
    for (size_t i = 0; i < SIZE(rows); i++)
        if (text_same(rows[i].a, rows[i].b) != rows[i].same)
            fail_msg("\"%s\" and \"%s\"", rows[i].a, rows[i].b);
    struct buf small;
    buf_init(&small, 3);
    struct error err = {0};
    assert_int_equal(text_fold("abcd", 4, &small, &err), -1);
    assert_int_equal(err.kind, ERROR_LIMIT);
    buf_clear(&small);
    assert_int_equal(text_fold("日本", 6, &small, &err), -1);
    buf_done(&small);
}

static void add_times(struct buf *b, const char *text, int times)
{
    for (int i = 0; i < times; i++)
        assert_int_equal(buf_add_text(b, text), 0);
}

static void bounded(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int times;
        const char *then;
        size_t points_max;
        int kept;
        bool then_kept;
    } rows[] = {
        {"a", 100, "", 64, 64, false},
        {"日", 100, "", 64, 64, false},
        {"\uFDFA", 100, "", 64, 3, false}, /* 18 code points each */
        {"\u0301", 30, "b", 64, 30, true},
        {"\u0301", 100, "b日", 64, TEXT_MARKS_MAX, true},
        {"\u0316", 4000, "日", 64, TEXT_MARKS_MAX, true},
        {"\xff", 10, "日", 64, 10, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf text, out, expected;
        buf_init(&text, 65536);
        buf_init(&out, 65536);
        buf_init(&expected, 65536);
        add_times(&text, rows[i].what, rows[i].times);
        add_times(&text, rows[i].then, 1);
        add_times(&expected, rows[i].what, rows[i].kept);
        add_times(&expected, rows[i].then_kept ? rows[i].then : "", 1);
        assert_int_equal(text_bound(buf_text(&text), text.bytes, rows[i].points_max, &out), 0);
        if (strcmp(buf_text(&out), buf_text(&expected)) != 0)
            fail_msg("row %zu: %zu bytes, not %zu", i, out.bytes, expected.bytes);
        buf_done(&text);
        buf_done(&out);
        buf_done(&expected);
    }
}

static void inside_json(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    text_json("a\"\\\n\t\x7f\0日\xff", 11, &out);
    assert_string_equal(buf_text(&out), "a\\\"\\\\\\n\\u0009\\u007f\\u0000日" BAD);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repaired),
        cmocka_unit_test(every_byte_pair_is_repaired_to_valid_text),
        cmocka_unit_test(a_repair_that_does_not_fit_ends_between_characters),
        cmocka_unit_test(on_one_line),
        cmocka_unit_test(cuts),
        cmocka_unit_test(folded),
        cmocka_unit_test(bounded),
        cmocka_unit_test(inside_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
