/* SPDX-License-Identifier: MIT
 * The strict YAML tree: what is refused and where, how scalars are typed, what large or hostile files cost. */
#include "tests/kit/kit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"
#include "lib/base/yaml.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])

struct parsed {
    struct arena *arena;
    struct diag *diag;
    struct yaml_node *root;
};

static struct parsed parse(const char *text, size_t bytes)
{
    struct parsed p = {arena_new((size_t)256 * 1024 * 1024), diag_new(), NULL};
    assert_non_null(p.arena);
    assert_non_null(p.diag);
    p.root = yaml_parse(p.arena, "f.yaml", text, bytes, YAML_BYTES_MAX, YAML_NODES_MAX, p.diag);
    return p;
}

static void done(struct parsed *p)
{
    diag_free(p->diag);
    arena_free(p->arena);
}

static const struct {
    const char *text;
    size_t bytes; /* 0: strlen */
    const char *expected; /* beginning of the first error */
    int errors;
} refused[] = {
    {"a: &x 1\n", 0, "f.yaml:1:4: anchors (&x) are not allowed", 1},
    {"a: 1\nb: *x\n", 0, "f.yaml:2:4: aliases (*x) are not allowed", 1},
    {"a: &x 1\nb: *x\n", 0, "f.yaml:1:4: anchors (&x)", 2},
    {"a:\n  <<: {b: 1}\n", 0, "f.yaml:2:3: merge keys (<<) are not allowed", 1},
    {"a: !!str 1\n", 0, "f.yaml:1:4: tags (tag:yaml.org,2002:str) are not allowed", 1},
    {"a: !thing {b: 1}\n", 0, "f.yaml:1:4: tags (!thing)", 1},
    {"- !x []\n", 0, "f.yaml:1:3: tags (!x)", 1},
    {"a: 1\nb: 2\n\"a\": 3\n", 0, "f.yaml:3:1: key \"a\" is given twice, first in line 1, column 1", 1},
    {"x: {k: 1, j: 2, k: 3}\n", 0, "f.yaml:1:17: key \"k\" is given twice, first in line 1, column 5", 1},
    {"日: 1\n日: 2\n", 0, "f.yaml:2:1: key \"日\" is given twice", 1},
    {"a: 1\n--- \nb: 2\n", 0, "f.yaml:2:1: only one document", 1},
    {"a: 1\n...\n---\nb: 2\n", 0, "f.yaml:3:1: only one document", 1},
    {"? [a, b]\n: 1\n", 0, "f.yaml:1:3: a key must be a word", 1},
    {"{a: 1}: 2\n", 0, "f.yaml:1:1: a key must be a word", 1},
    {"? \n: 1\n", 0, "f.yaml:1:2: an entry has no key", 1},
    {"{a: 1, : 2}\n", 0, "f.yaml:1:8: did not find expected node content", 1},
    {"a:\n\tb: 1\n", 0, "f.yaml:2:1: a TAB cannot be used here; indent with spaces", 1},
    {"a: \"x\\0y\"\n", 0, "f.yaml:1:4: a value may not hold the character NUL", 1},
    {"\"x\\0y\": 1\n", 0, "f.yaml:1:1: a value may not hold the character NUL", 1},
    {"a: 1\nbb: x\xffy\n", 0, "f.yaml:2:6: this byte is not valid UTF-8 (0xFF)", 1},
    {"日本: \xe6\x97\n", 0, "f.yaml:1:5: this byte is not valid UTF-8 (0xE6)", 1},
    {"a: \xed\xa0\x80\n", 0, "f.yaml:1:4: this byte is not valid UTF-8", 1},
    {"a: \xc0\x80\n", 0, "f.yaml:1:4: this byte is not valid UTF-8", 1},
    {"a: b\0c\n", 7, "f.yaml:1:5: a control character", 1},
    {"a: \x1b[31m\n", 0, "f.yaml:1:4: a control character", 1},
    {"a: 1\rb: 2\n", 0, "f.yaml:1:5: a carriage return without a line feed", 1},
    {"a: x\xe2\x80\xa8y\n", 0, "f.yaml:1:5: an invisible line separator", 1},
    {"a: x\xef\xbb\xbfy\n", 0, "f.yaml:1:5: a byte order mark", 1},
    {"a: [1, 2\n", 0, "f.yaml:2:1: did not find expected ',' or ']', while parsing a flow sequence that begins in line 1", 1},
    {"a: 1\n b: 2\n", 0, "f.yaml:2:3: mapping values are not allowed in this context", 1},
    {"a: \"x\n", 0, "f.yaml:2:1: found unexpected end of stream", 1},
    {"a: @x\n", 0, "f.yaml:1:4: found character that cannot start any token", 1},
    {"a: \"\\ud800\"\n", 0, "f.yaml:1:", 1},
    {"%YAML 3.0\n---\na: 1\n", 0, "f.yaml:1:1: found incompatible YAML document", 1},
};

static void what_is_refused_has_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE(refused); i++) {
        size_t bytes = refused[i].bytes ? refused[i].bytes : strlen(refused[i].text);
        struct parsed p = parse(refused[i].text, bytes);
        struct error err = {0};
        assert_null(p.root);
        assert_int_equal(diag_error(p.diag, &err), -1);
        if (strncmp(err.text, refused[i].expected, strlen(refused[i].expected)) != 0)
            fail_msg("row %zu: got \"%s\", expected \"%s\"", i, err.text, refused[i].expected);
        assert_int_equal(diag_errors(p.diag), refused[i].errors);
        done(&p);
    }
}

static void several_are_told_at_once(void **state)
{
    (void)state;
    const char *text = "a: &x 1\nb: !t 2\na: 3\nc: {<<: {d: 1}}\n";
    struct parsed p = parse(text, strlen(text));
    assert_null(p.root);
    assert_int_equal(diag_errors(p.diag), 4);
    done(&p);
}

static const struct {
    const char *text;
    enum yaml_kind kind;
    int64_t integer;
    double number;
} scalars[] = {
    {"null", YAML_NULL, 0, 0},
    {"~", YAML_NULL, 0, 0},
    {"nULL", YAML_TEXT, 0, 0},
    {"true", YAML_BOOL, 1, 0},
    {"FALSE", YAML_BOOL, 0, 0},
    {"no", YAML_TEXT, 0, 0},
    {"on", YAML_TEXT, 0, 0},
    {"yes", YAML_TEXT, 0, 0},
    {"y", YAML_TEXT, 0, 0},
    {"0", YAML_INT, 0, 0},
    {"-12", YAML_INT, -12, -12},
    {"+12", YAML_INT, 12, 12},
    {"010", YAML_INT, 10, 10}, /* decimal in 1.2 */
    {"0o17", YAML_INT, 15, 15},
    {"0x1F", YAML_INT, 31, 31},
    {"0xZ", YAML_TEXT, 0, 0},
    {"-0x1", YAML_TEXT, 0, 0},
    {"1_000", YAML_TEXT, 0, 0},
    {"12:30:45", YAML_TEXT, 0, 0},
    {"9223372036854775807", YAML_INT, INT64_MAX, 9223372036854775807.0},
    {"-9223372036854775808", YAML_INT, INT64_MIN, -9223372036854775808.0},
    {"0xFFFFFFFFFFFFFFFFF", YAML_FLOAT, 0, 295147905179352825856.0},
    {"9223372036854775808", YAML_FLOAT, 0, 9223372036854775808.0},
    {"1.5", YAML_FLOAT, 0, 1.5},
    {".5", YAML_FLOAT, 0, 0.5},
    {"5.", YAML_FLOAT, 0, 5},
    {"1e3", YAML_FLOAT, 0, 1000},
    {"-1.5E-1", YAML_FLOAT, 0, -0.15},
    {"1e", YAML_TEXT, 0, 0},
    {".", YAML_TEXT, 0, 0},
    {"-", YAML_TEXT, 0, 0},
    {"-.inf", YAML_FLOAT, 0, -(double)INFINITY},
    {"1.2.3", YAML_TEXT, 0, 0},
    {"10.0.0.1", YAML_TEXT, 0, 0},
    {"2026-01-01", YAML_TEXT, 0, 0},
    {"30s", YAML_TEXT, 0, 0},
};

static void plain_scalars_follow_the_core_schema(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE(scalars); i++) {
        char text[128];
        int n = snprintf(text, sizeof text, "{p: %s, q: '%s', d: \"%s\"}", scalars[i].text, scalars[i].text,
            scalars[i].text);
        if (strcmp(scalars[i].text, "-") == 0)
            continue; /* no scalar in flow style */
        struct parsed p = parse(text, (size_t)n);
        struct yaml_node *v = yaml_get(p.root, "p");
        if (!v || v->kind != scalars[i].kind)
            fail_msg("%s: kind %d", scalars[i].text, v ? (int)v->kind : -1);
        assert_string_equal(v->text, scalars[i].text);
        assert_true(v->plain);
        assert_int_equal(v->integer, scalars[i].integer);
        assert_true(v->number == scalars[i].number);
        assert_int_equal(yaml_get(p.root, "q")->kind, YAML_TEXT);
        assert_int_equal(yaml_get(p.root, "d")->kind, YAML_TEXT);
        assert_false(yaml_get(p.root, "q")->plain);
        done(&p);
    }
}

static void nan_is_a_float(void **state)
{
    (void)state;
    struct parsed p = parse(".nan", 4);
    assert_int_equal(p.root->kind, YAML_FLOAT);
    assert_true(isnan(p.root->number));
    done(&p);
}

static void places_and_paths(void **state)
{
    (void)state;
    const char *text = "\xef\xbb\xbf# first\r\nsteps:\r\n  - run: x\r\n    日本: |\r\n      a\r\n      b\r\n  - [1, {k: v}]\r\n";
    struct parsed p = parse(text, strlen(text));
    assert_non_null(p.root);
    const struct yaml_node *steps = yaml_get(p.root, "steps");
    assert_int_equal(steps->kind, YAML_LIST);
    assert_int_equal(steps->children, 2);
    assert_int_equal(steps->key->line, 2);
    assert_int_equal(steps->key->column, 1);
    const struct yaml_node *block = yaml_get(steps->first, "日本");
    assert_string_equal(block->text, "a\nb\n");
    assert_int_equal(block->line, 4);
    assert_int_equal(block->column, 9);
    assert_false(block->plain);
    const struct yaml_node *deep = yaml_get(steps->first->next->first->next, "k");
    struct buf path;
    buf_init(&path, 200);
    yaml_path(deep, &path);
    assert_string_equal(buf_text(&path), "steps[1][1].k");
    buf_clear(&path);
    yaml_path(block, &path);
    assert_string_equal(buf_text(&path), "steps[0].日本");
    buf_done(&path);
    assert_ptr_equal(deep->parent->parent->parent, steps);
    assert_string_equal(deep->file, "f.yaml");
    done(&p);
}

static void an_empty_file_is_null(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# only this\n", "---\n", "\xef\xbb\xbf", "\n\n"};
    for (size_t i = 0; i < SIZE(texts); i++) {
        struct parsed p = parse(texts[i], strlen(texts[i]));
        assert_non_null(p.root);
        assert_int_equal(p.root->kind, YAML_NULL);
        assert_int_equal(diag_errors(p.diag), 0);
        done(&p);
    }
}

static char *repeat(const char *piece, size_t times, size_t *out_bytes)
{
    size_t n = strlen(piece);
    char *text = calloc(1, n * times + 1);
    assert_non_null(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * n, piece, n);
    *out_bytes = n * times;
    return text;
}

static void expect_error(const char *text, size_t bytes, const char *expected)
{
    struct parsed p = parse(text, bytes);
    struct error err = {0};
    assert_null(p.root);
    assert_int_equal(diag_error(p.diag, &err), -1);
    if (!strstr(err.text, expected))
        fail_msg("got \"%s\", expected \"%s\"", err.text, expected);
    done(&p);
}

/* Each of these would take seconds to hours if it were not cut off (a document API needs over 20 s for the first). */
static void hostile_files_end_early(void **state)
{
    (void)state;
    static const struct {
        const char *piece;
        size_t times;
        const char *expected;
    } rows[] = {
        {"[", 200000, "f.yaml:1:65: nested deeper than 64 levels"},
        {"{a: ", 200000, "nested deeper than 64 levels"},
        {"- ", 200000, "nested deeper than 64 levels"},
        {"? ", 200000, "a key must be a word"},
        {"- a\n", 150000, "f.yaml:100000:3: more than 100000 values in one file"},
        {"# 45678901234567\n", 70000, "f.yaml: the file has 1190000 bytes; at most 1048576 are allowed"},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        size_t bytes;
        char *text = repeat(rows[i].piece, rows[i].times, &bytes);
        expect_error(text, bytes, rows[i].expected);
        free(text);
    }
}

static void sixty_four_levels_are_allowed(void **state)
{
    (void)state;
    size_t bytes;
    char *open = repeat("[", 64, &bytes), *close = repeat("]", 64, &bytes);
    char text[256];
    int n = snprintf(text, sizeof text, "%s%s", open, close);
    struct parsed p = parse(text, (size_t)n);
    assert_non_null(p.root);
    done(&p);
    free(open);
    free(close);
}

/* 45,000 keys in one map: the duplicate check must not compare each with each. */
static void many_keys_in_one_map(void **state)
{
    (void)state;
    size_t bytes = 0;
    char *text = calloc(1, (size_t)1024 * 1024);
    assert_non_null(text);
    for (int i = 0; i < 45000; i++)
        bytes += (size_t)snprintf(text + bytes, 32, "key%d: %d\n", i, i);
    struct parsed p = parse(text, bytes);
    assert_non_null(p.root);
    assert_int_equal(p.root->children, 45000);
    assert_int_equal(yaml_get(p.root, "key44999")->integer, 44999);
    done(&p);
    bytes += (size_t)snprintf(text + bytes, 32, "key7: 1\n");
    expect_error(text, bytes, "f.yaml:45001:1: key \"key7\" is given twice, first in line 8, column 1");
    free(text);
}

static void too_little_memory_is_an_error(void **state)
{
    (void)state;
    const char *text = "a: [1, 2, 3, {b: c, d: e}]\nf: g\n";
    for (size_t room = 0; room < 4096; room += 16) {
        struct arena *a = arena_new(room);
        struct diag *d = diag_new();
        struct yaml_node *root = yaml_parse(a, "f.yaml", text, strlen(text), YAML_BYTES_MAX, 100, d);
        assert_int_equal(root == NULL, diag_errors(d) > 0);
        diag_free(d);
        arena_free(a);
    }
}

static void unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    static const char *const known[] = {"steps", "match", NULL};
    const char *text = "stesp: 1\nqqq: 2\n";
    struct parsed p = parse(text, strlen(text));
    yaml_unknown_key(p.diag, p.root->first, known);
    yaml_unknown_key(p.diag, p.root->first->next, known);
    struct buf out;
    buf_init(&out, 4096);
    diag_print(p.diag, DIAG_TEXT, false, &out);
    assert_string_equal(buf_text(&out), "f.yaml:1:1: error: unknown key \"stesp\"; did you mean \"steps\"? [stesp]\n"
                                        "      1 | stesp: 1\n"
                                        "        | ^\n"
                                        "f.yaml:2:1: error: unknown key \"qqq\" [qqq]\n"
                                        "      2 | qqq: 2\n"
                                        "        | ^\n");
    buf_done(&out);
    done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_has_its_place),
        cmocka_unit_test(several_are_told_at_once),
        cmocka_unit_test(plain_scalars_follow_the_core_schema),
        cmocka_unit_test(nan_is_a_float),
        cmocka_unit_test(places_and_paths),
        cmocka_unit_test(an_empty_file_is_null),
        cmocka_unit_test(hostile_files_end_early),
        cmocka_unit_test(sixty_four_levels_are_allowed),
        cmocka_unit_test(many_keys_in_one_map),
        cmocka_unit_test(too_little_memory_is_an_error),
        cmocka_unit_test(unknown_keys_name_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
