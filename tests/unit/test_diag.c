/* SPDX-License-Identifier: MIT
 * Diagnostics: place, caret, order, limits, JSON, and the nearest word. */
#include "tests/kit/kit.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/base/limits.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])

static void expect_print(const struct diag *d, enum diag_format format, bool colour, const char *expected)
{
    struct buf out;
    buf_init(&out, (size_t)1024 * 1024);
    diag_print(d, format, colour, &out);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

static void a_caret_stands_under_its_character(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int column;
        const char *expected;
    } rows[] = {
        {"  stesp:", 3, "      1 |   stesp:\n        |   ^\n"},
        {"日本: x", 5, "      1 | 日本: x\n        |       ^\n"},       /* wide: two columns each */
        {"e\xcc\x81: x", 4, "      1 | e\xcc\x81: x\n        |   ^\n"}, /* a combining accent: none */
        {"\tx", 2, "      1 |   x\n        |   ^\n"},
        {"a\x1b[31mb", 7, "      1 | a?[31mb\n        |       ^\n"}, /* the terminal is not driven */
        {"ab", 3, "      1 | ab\n        |   ^\n"},
        {"ab\r", 9, "      1 | ab\n        |   ^\n"},
        {"", 1, "      1 | \n        | ^\n"},
        {"x\xffy", 3, "      1 | x?y\n        |   ^\n"},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        struct diag *d = diag_new();
        assert_int_equal(diag_source(d, "f", rows[i].line, strlen(rows[i].line)), 0);
        diag_add(d, DIAG_ERROR, "f", 1, rows[i].column, "", "no");
        char expected[200];
        (void)snprintf(expected, sizeof expected, "f:1:%d: error: no\n%s", rows[i].column, rows[i].expected);
        expect_print(d, DIAG_TEXT, false, expected);
        diag_free(d);
    }
}

static void a_long_line_is_cut_around_the_place(void **state)
{
    (void)state;
    char line[1001];
    memset(line, 'x', 1000);
    line[1000] = '\0';
    line[499] = '!';
    struct diag *d = diag_new();
    assert_int_equal(diag_source(d, "f", line, 1000), 0);
    diag_add(d, DIAG_ERROR, "f", 1, 500, "", "no");
    struct buf out;
    buf_init(&out, 10000);
    diag_print(d, DIAG_TEXT, false, &out);
    const char *shown = strstr(buf_text(&out), "| ...");
    const char *caret = strchr(buf_text(&out), '^');
    assert_non_null(shown);
    assert_non_null(caret);
    const char *second = strrchr(buf_text(&out), '|');
    assert_int_equal(shown[caret - second], '!');
    assert_true(out.bytes < 400);
    buf_done(&out);
    diag_free(d);
}

static void files_and_lines_are_in_order(void **state)
{
    (void)state;
    struct diag *d = diag_new();
    assert_int_equal(diag_source(d, "b", "one\ntwo\n", 8), 0);
    diag_add(d, DIAG_ERROR, "a", 0, 0, "", "cannot be read");
    diag_add(d, DIAG_WARNING, "b", 2, 1, "x[1]", "second");
    diag_add(d, DIAG_ERROR, "b", 1, 1, "x[0]", "first");
    expect_print(d, DIAG_TEXT, false,
        "b:1:1: error: first [x[0]]\n      1 | one\n        | ^\n"
        "b:2:1: warning: second [x[1]]\n      2 | two\n        | ^\n"
        "a: error: cannot be read\n");
    expect_print(d, DIAG_JSON, true,
        "[{\"level\":\"error\",\"file\":\"b\",\"line\":1,\"column\":1,\"path\":\"x[0]\",\"message\":\"first\"},\n"
        " {\"level\":\"warning\",\"file\":\"b\",\"line\":2,\"column\":1,\"path\":\"x[1]\",\"message\":\"second\"},\n"
        " {\"level\":\"error\",\"file\":\"a\",\"line\":0,\"column\":0,\"path\":\"\",\"message\":\"cannot be read\"}]\n");
    assert_int_equal(diag_errors(d), 2);
    assert_int_equal(diag_warnings(d), 1);
    struct error err = {0};
    assert_int_equal(diag_error(d, &err), -1);
    assert_string_equal(err.text, "a: cannot be read (and 1 more)");
    assert_int_equal(err.kind, ERROR_CONFIG);
    diag_free(d);
}

/* Each keeps its own source and its own messages, however many there are. */
static void many_files_are_kept_apart(void **state)
{
    (void)state;
    struct diag *d = diag_new();
    char file[32], line[32];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1000; i++) {
            int n = snprintf(line, sizeof line, "line of %d;", i);
            (void)snprintf(file, sizeof file, "f%d", i);
            if (round == 0)
                assert_int_equal(diag_source(d, file, line, (size_t)n), 0);
            else
                diag_add(d, DIAG_ERROR, file, 1, 1, "", "no %d;", i);
        }
    struct buf out;
    buf_init(&out, (size_t)1024 * 1024);
    diag_print(d, DIAG_TEXT, false, &out);
    for (int i = 0; i < 1000; i++) {
        char expected[100];
        (void)snprintf(expected, sizeof expected, "f%d:1:1: error: no %d;\n      1 | line of %d;\n", i, i, i);
        if (!strstr(buf_text(&out), expected))
            fail_msg("missing: %s", expected);
    }
    assert_int_equal(diag_errors(d), 1000);
    buf_done(&out);
    diag_free(d);
}

static void more_than_twenty_are_counted(void **state)
{
    (void)state;
    struct diag *d = diag_new();
    for (int i = 0; i < DIAG_ERRORS_MAX + 7; i++)
        diag_add(d, DIAG_ERROR, "f", i + 1, 1, "", "bad");
    diag_add(d, DIAG_WARNING, "f", 1, 1, "", "warned");
    assert_int_equal(diag_errors(d), DIAG_ERRORS_MAX + 7);
    struct buf out;
    buf_init(&out, 100000);
    diag_print(d, DIAG_TEXT, false, &out);
    assert_non_null(strstr(buf_text(&out), "f:20:1: error: bad\nf: error: and 7 more errors\n"));
    assert_non_null(strstr(buf_text(&out), "f:1:1: warning: warned\n"));
    buf_done(&out);
    diag_free(d);
}

static void json_is_json_whatever_is_in_it(void **state)
{
    (void)state;
    struct diag *d = diag_new();
    diag_add(d, DIAG_ERROR, "a\"\\\xff", 1, 2, "p\n", "quote \" slash \\ nul-ish \x01 esc \x1b bad \xc3 日");
    struct buf out;
    buf_init(&out, 100000);
    diag_print(d, DIAG_JSON, false, &out);
    json_error_t why;
    json_t *array = json_loads(buf_text(&out), 0, &why);
    if (!array)
        fail_msg("%s: %s", why.text, buf_text(&out));
    const json_t *first = json_array_get(array, 0);
    assert_string_equal(json_string_value(json_object_get(first, "file")), "a\"\\\xEF\xBF\xBD");
    assert_string_equal(json_string_value(json_object_get(first, "message")),
        "quote \" slash \\ nul-ish \\u0001 esc \\u001b bad \xEF\xBF\xBD 日");
    json_decref(array);
    buf_done(&out);
    diag_free(d);
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    struct diag *d = diag_new();
    char text[5000];
    memset(text, '\x01', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    diag_add(d, DIAG_ERROR, "f", 1, 1, text, "%s", text);
    struct error err = {0};
    assert_int_equal(diag_error(d, &err), -1);
    struct buf out;
    buf_init(&out, 100000);
    diag_print(d, DIAG_TEXT, false, &out);
    assert_in_range(out.bytes, 1000, 13000);
    buf_done(&out);
    diag_free(d);
}

static void none_is_no_error(void **state)
{
    (void)state;
    struct diag *d = diag_new();
    struct error err = {0};
    assert_int_equal(diag_error(d, &err), 0);
    expect_print(d, DIAG_TEXT, true, "");
    expect_print(d, DIAG_JSON, false, "[]\n");
    diag_free(d);
}

static void the_nearest_word(void **state)
{
    (void)state;
    static const char *const words[] = {"steps", "match", "values", "on", "run", "give_up_after", NULL};
    static const struct {
        const char *word;
        const char *expected;
    } rows[] = {
        {"stesp", "steps"}, {"step", "steps"}, {"seps", "steps"}, {"Steps", "steps"}, {"macth", "match"},
        {"valuse", "values"}, {"giveup_after", "give_up_after"}, {"give-up-after", "give_up_after"},
        {"xxxxx", NULL}, {"o", NULL}, {"no", "on"}, {"in", "on"}, {"ab", NULL}, {"", NULL}, {"stepsabc", NULL},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        const char *near = diag_nearest(rows[i].word, words);
        if ((near == NULL) != (rows[i].expected == NULL) || (near && strcmp(near, rows[i].expected) != 0))
            fail_msg("\"%s\": got %s", rows[i].word, near ? near : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caret_stands_under_its_character),
        cmocka_unit_test(a_long_line_is_cut_around_the_place),
        cmocka_unit_test(files_and_lines_are_in_order),
        cmocka_unit_test(many_files_are_kept_apart),
        cmocka_unit_test(more_than_twenty_are_counted),
        cmocka_unit_test(json_is_json_whatever_is_in_it),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(none_is_no_error),
        cmocka_unit_test(the_nearest_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
