/* SPDX-License-Identifier: MIT
 * Judgements: what is accepted, what is refused and where, and every outcome. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <string.h>

#include "executor/judgement.h"
#include "lib/base/limits.h"

#define ARENA_BYTES (4 * 1024 * 1024)

enum { H = JUDGED_HEALTHY, U = JUDGED_UNHEALTHY, C = JUDGED_CANNOT_TELL };

struct row {
    const char *rule; /* NULL: the default */
    enum result_state state;
    int status;
    const char *output;
    bool cut;
    int expected;
    enum judgement_reason reason;
    const char *text; /* NULL: not looked at */
};

static const struct row rows[] = {
    /* numbers */
    {"used < 85", RESULT_ENDED, 0, "84", false, H, REASON_FOUND, "84, healthy is < 85"},
    {"used < 85", RESULT_ENDED, 0, "97", false, U, REASON_FOUND, "97, healthy is < 85"},
    {"used < 85", RESULT_ENDED, 0, "85", false, U, REASON_FOUND, "85, healthy is < 85"},
    {"used <= 85", RESULT_ENDED, 0, "85", false, H, REASON_FOUND, NULL},
    {"used > 85", RESULT_ENDED, 0, "85", false, U, REASON_FOUND, NULL},
    {"used >= 85", RESULT_ENDED, 0, "85", false, H, REASON_FOUND, NULL},
    {"used == 85", RESULT_ENDED, 0, "85.0", false, H, REASON_FOUND, NULL},
    {"used != 85", RESULT_ENDED, 0, "85", false, U, REASON_FOUND, NULL},
    {"used != 85", RESULT_ENDED, 0, "86", false, H, REASON_FOUND, NULL},
    {"result < 85", RESULT_ENDED, 0, "  84 \r\n\n", false, H, REASON_FOUND, "84, healthy is < 85"},
    {"output < 85", RESULT_ENDED, 0, "-12.5", false, H, REASON_FOUND, NULL},
    {"output > 1000", RESULT_ENDED, 0, "1.5e+06", false, H, REASON_FOUND, NULL},
    {"output < -1", RESULT_ENDED, 0, "-2", false, H, REASON_FOUND, NULL},
    {"output < .5", RESULT_ENDED, 0, ".25", false, H, REASON_FOUND, NULL},
    {"output < 9007199254740993", RESULT_ENDED, 0, "9007199254740992", false, H, REASON_FOUND, NULL},
    /* what is no number */
    {"used < 85", RESULT_ENDED, 0, "", false, C, REASON_NO_OUTPUT, "no output, healthy is < 85"},
    {"used < 85", RESULT_ENDED, 0, " \n", false, C, REASON_NO_OUTPUT, NULL},
    {"used < 85", RESULT_ENDED, 0, NULL, false, C, REASON_NO_OUTPUT, NULL},
    {"used < 85", RESULT_ENDED, 0, "84\n97", false, C, REASON_NOT_A_NUMBER,
        "\"84 97\" is not one number, healthy is < 85"},
    {"used < 85", RESULT_ENDED, 0, "84 used", false, C, REASON_NOT_A_NUMBER, NULL},
    {"used < 85", RESULT_ENDED, 0, "about 84", false, C, REASON_NOT_A_NUMBER, NULL},
    {"used < 85", RESULT_ENDED, 0, "1,024", false, C, REASON_NOT_A_NUMBER, NULL},
    {"used < 85", RESULT_ENDED, 0, "0x10", false, C, REASON_NOT_A_NUMBER, NULL},
    {"used < 85", RESULT_ENDED, 0, "nan", false, C, REASON_NOT_A_NUMBER, NULL},
    {"used < 85", RESULT_ENDED, 0, "-inf", false, C, REASON_NOT_A_NUMBER, NULL},
    {"used < 85", RESULT_ENDED, 0, "1e999", false, C, REASON_NOT_A_NUMBER, NULL},
    {"used < 85", RESULT_ENDED, 0, "8 4", false, C, REASON_NOT_A_NUMBER, NULL},
    {"used < 85", RESULT_ENDED, 0, "-", false, C, REASON_NOT_A_NUMBER, NULL},
    {"used < 85", RESULT_ENDED, 0, "df: /data: No such file or directory", false, C, REASON_NOT_A_NUMBER,
        NULL},
    /* units */
    {"used < 85%", RESULT_ENDED, 0, "84", false, H, REASON_FOUND, "84, healthy is < 85%"},
    {"used < 85%", RESULT_ENDED, 0, "84%", false, H, REASON_FOUND, NULL},
    {"used < 85", RESULT_ENDED, 0, "86%", false, U, REASON_FOUND, NULL},
    {"free >= 2GiB", RESULT_ENDED, 0, "2147483648", false, H, REASON_FOUND, NULL},
    {"free >= 2GiB", RESULT_ENDED, 0, "2147483647", false, U, REASON_FOUND, NULL},
    {"free >= 2GiB", RESULT_ENDED, 0, "2.1G", false, H, REASON_FOUND, NULL},
    {"free >= 2GiB", RESULT_ENDED, 0, "2GB", false, U, REASON_FOUND, NULL},
    {"free >= 2 GiB", RESULT_ENDED, 0, "2048 MiB", false, H, REASON_FOUND, NULL},
    {"free >= 2GiB", RESULT_ENDED, 0, "85%", false, C, REASON_UNIT, "\"85%\" is not a size, healthy is >= 2GiB"},
    {"used < 85", RESULT_ENDED, 0, "2GiB", false, C, REASON_UNIT, NULL},
    {"used < 85%", RESULT_ENDED, 0, "2s", false, C, REASON_UNIT, NULL},
    {"age < 5min", RESULT_ENDED, 0, "299", false, H, REASON_FOUND, NULL},
    {"age < 5min", RESULT_ENDED, 0, "0.1h", false, U, REASON_FOUND, NULL},
    {"age < 100ms", RESULT_ENDED, 0, "0.05s", false, H, REASON_FOUND, NULL},
    /* exit status */
    {NULL, RESULT_ENDED, 0, "", false, H, REASON_FOUND, "exit status 0, healthy is == 0"},
    {NULL, RESULT_ENDED, 1, "", false, U, REASON_FOUND, "exit status 1, healthy is == 0"},
    {NULL, RESULT_ENDED, 255, "", false, U, REASON_FOUND, NULL},
    {NULL, RESULT_ENDED, 126, "", false, C, REASON_NO_COMMAND, NULL},
    {NULL, RESULT_ENDED, 127, "", false, C, REASON_NO_COMMAND,
        "exit status 127: a command was not found, healthy is == 0"},
    {NULL, RESULT_ENDED, 0, "much", true, H, REASON_FOUND, NULL},
    {NULL, RESULT_SIGNAL, 9, "", false, C, REASON_SIGNAL, "it was ended by signal 9, healthy is == 0"},
    {NULL, RESULT_TIMEOUT, 0, "", false, C, REASON_TIMEOUT, "its time ran out, healthy is == 0"},
    {NULL, RESULT_LOST, 0, "", false, C, REASON_LOST, "the connection was lost, healthy is == 0"},
    {NULL, RESULT_NONE, 0, "", false, C, REASON_NEVER_RAN, NULL},
    {"status == 0", RESULT_ENDED, 0, "", false, H, REASON_FOUND, NULL},
    {"status != 0", RESULT_ENDED, 3, "", false, H, REASON_FOUND, NULL},
    {"status == 127", RESULT_ENDED, 127, "", false, C, REASON_NO_COMMAND, NULL},
    {"status < 2", RESULT_ENDED, 1, "", false, H, REASON_FOUND, NULL},
    {"used.status == 3", RESULT_ENDED, 3, "", false, H, REASON_FOUND, NULL},
    /* everything else about an unusable step cannot be told either */
    {"used < 85", RESULT_TIMEOUT, 0, "84", false, C, REASON_TIMEOUT, NULL},
    {"used < 85", RESULT_LOST, 0, "84", false, C, REASON_LOST, NULL},
    {"used < 85", RESULT_SIGNAL, 15, "84", false, C, REASON_SIGNAL, NULL},
    {"used < 85", RESULT_ENDED, 127, "84", false, C, REASON_NO_COMMAND, NULL},
    {"used < 85", RESULT_ENDED, 126, "84", false, C, REASON_NO_COMMAND, NULL},
    {"used < 85", RESULT_ENDED, 0, "84", true, C, REASON_CUT,
        "its output was longer than is kept, healthy is < 85"},
    {"result contains ok", RESULT_ENDED, 0, "ok", true, C, REASON_CUT, NULL},
    {"result contains ok", RESULT_TIMEOUT, 0, "ok", false, C, REASON_TIMEOUT, NULL},
    /* a status other than 0 and the output */
    {"used < 85", RESULT_ENDED, 1, "84", false, C, REASON_STATUS,
        "exit status 1, so what it printed is not believed, healthy is < 85"},
    {"used < 85", RESULT_ENDED, 1, "97", false, C, REASON_STATUS, NULL},
    {"result == active", RESULT_ENDED, 3, "inactive", false, U, REASON_FOUND,
        "\"inactive\", healthy is == active"},
    {"result == active", RESULT_ENDED, 3, "active", false, C, REASON_STATUS, NULL},
    {"not result contains error", RESULT_ENDED, 1, "", false, C, REASON_STATUS, NULL},
    {"not result contains error", RESULT_ENDED, 1, "error", false, U, REASON_FOUND,
        "\"error\", healthy is not contains error"},
    {"not not result == active", RESULT_ENDED, 3, "active", false, C, REASON_STATUS, NULL},
    {"status <= 1 and used < 85", RESULT_ENDED, 1, "84", false, H, REASON_FOUND, NULL},
    {"status == 3 and result == inactive", RESULT_ENDED, 3, "inactive", false, H, REASON_FOUND, NULL},
    /* text */
    {"result contains \"ok\"", RESULT_ENDED, 0, "it is ok now", false, H, REASON_FOUND, NULL},
    {"result contains \"ok\"", RESULT_ENDED, 0, "it is OK now", false, U, REASON_FOUND,
        "\"it is OK now\", healthy is contains \"ok\""},
    {"result contains \"ok\"", RESULT_ENDED, 0, "", false, U, REASON_FOUND,
        "no output, healthy is contains \"ok\""},
    {"result contains 'a \"b\" \\'", RESULT_ENDED, 0, "a \"b\" \\", false, H, REASON_FOUND, NULL},
    {"result contains \"a \\\"b\\\" \\\\\"", RESULT_ENDED, 0, "a \"b\" \\", false, H, REASON_FOUND, NULL},
    {"result == \"85\"", RESULT_ENDED, 0, "85.0", false, U, REASON_FOUND, NULL},
    {"result == ''", RESULT_ENDED, 0, " \n", false, H, REASON_FOUND, NULL},
    {"result != ''", RESULT_ENDED, 0, " \n", false, U, REASON_FOUND, NULL},
    {"result == in-sync", RESULT_ENDED, 0, "in-sync\n", false, H, REASON_FOUND, NULL},
    {"result contains 5", RESULT_ENDED, 0, "15", false, H, REASON_FOUND, NULL},
    {"result contains 正常", RESULT_ENDED, 0, "状態: 正常", false, H, REASON_FOUND, NULL},
    {"output matches re:^ready$", RESULT_ENDED, 0, "starting\nready\n", false, H, REASON_FOUND, NULL},
    {"output matches re:^ready$", RESULT_ENDED, 0, "not ready", false, U, REASON_FOUND, NULL},
    {"output matches re:(?i)^READY$", RESULT_ENDED, 0, "ready", false, H, REASON_FOUND, NULL},
    {"output matches \"re:is (a|b)$\"", RESULT_ENDED, 0, "it is b", false, H, REASON_FOUND, NULL},
    {"(output matches 'is (a|b)$')", RESULT_ENDED, 0, "it is c", false, U, REASON_FOUND, NULL},
    {"output matches re:ready", RESULT_ENDED, 0, "\xff ready \xfe", false, H, REASON_FOUND, NULL},
    /* joined */
    {"used < 85 and status == 0", RESULT_ENDED, 0, "84", false, H, REASON_FOUND,
        "used is 84, healthy is < 85; status: exit status 0, healthy is == 0"},
    {"used < 85 and status == 1", RESULT_ENDED, 0, "84", false, U, REASON_FOUND,
        "status: exit status 0, healthy is == 1"},
    {"used < 85 or result == full", RESULT_ENDED, 0, "97", false, U, REASON_FOUND, NULL},
    {"used < 85 or used > 95", RESULT_ENDED, 0, "97", false, H, REASON_FOUND, "used is 97, healthy is > 95"},
    {"status == 0 or used < 1 and used > 2", RESULT_ENDED, 0, "5", false, H, REASON_FOUND, NULL},
    {"(status == 0 or used < 1) and used > 9", RESULT_ENDED, 0, "5", false, U, REASON_FOUND,
        "used is 5, healthy is > 9"},
    {"not used < 85", RESULT_ENDED, 0, "97", false, H, REASON_FOUND, NULL},
    {"not (used < 85 and status == 0)", RESULT_ENDED, 0, "84", false, U, REASON_FOUND, NULL},
    {"not used < 85", RESULT_ENDED, 0, "x", false, C, REASON_NOT_A_NUMBER, NULL},
    /* three-valued: one side cannot be told */
    {"used < 85 and status == 0", RESULT_ENDED, 0, "x", false, C, REASON_NOT_A_NUMBER, NULL},
    {"used < 85 and status == 1", RESULT_ENDED, 0, "x", false, U, REASON_FOUND, NULL},
    {"used < 85 or status == 0", RESULT_ENDED, 0, "x", false, H, REASON_FOUND, NULL},
    {"used < 85 or status == 1", RESULT_ENDED, 0, "x", false, C, REASON_NOT_A_NUMBER, NULL},
    {"other < 85 and used < 85", RESULT_ENDED, 0, "84", false, C, REASON_NEVER_RAN,
        "other: the step has no result, healthy is < 85"},
};

static void outcomes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        struct arena *a = arena_new(ARENA_BYTES);
        struct judgement_mistake mistake = {0};
        struct judgement *j = NULL;
        if (r->rule) {
            j = judgement_parse(a, r->rule, strlen(r->rule), &mistake);
            if (!j)
                fail_msg("row %zu: %s: %s", i, r->rule, mistake.text);
        }
        const char *name = r->rule && strncmp(r->rule, "free", 4) == 0  ? "free"
                           : r->rule && strncmp(r->rule, "age", 3) == 0 ? "age"
                                                                        : "used";
        struct judgement_result own = {name, r->state, r->status, r->output,
            r->output ? strlen(r->output) : 0, r->cut};
        struct judgement_facts facts = {.own = &own};
        struct judgement_why why;
        enum judgement_outcome got = judgement_eval(j, &facts, &why);
        if ((int)got != r->expected || why.reason != r->reason)
            fail_msg("row %zu: %s of \"%s\": outcome %d, reason %d: %s", i, r->rule, r->output, got,
                why.reason, why.text);
        if (r->text)
            assert_string_equal(why.text, r->text);
        assert_int_equal(judgement_eval(j, &facts, NULL), got);
        arena_free(a);
    }
}

static void named_results_of_other_steps(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    const char *rule = "inodes > 90 and biggest.status == 0 and status == 1";
    struct judgement *j = judgement_parse(a, rule, strlen(rule), NULL);
    assert_non_null(j);
    struct judgement_result own = {NULL, RESULT_ENDED, 1, "", 0, false};
    struct judgement_result named[] = {
        {"inodes", RESULT_ENDED, 0, "91", 2, false},
        {"biggest", RESULT_ENDED, 0, "", 0, false},
    };
    struct judgement_facts facts = {.own = &own, .named = named, .named_count = 2};
    assert_int_equal(judgement_eval(j, &facts, NULL), H);
    named[1].state = RESULT_TIMEOUT;
    assert_int_equal(judgement_eval(j, &facts, NULL), C);
    facts.own = NULL; /* as in a `when`: the judged step's own cannot be told */
    named[1].state = RESULT_ENDED;
    assert_int_equal(judgement_eval(j, &facts, NULL), C);
    arena_free(a);
}

static void own_name_goes_before_an_earlier_result_of_it(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    struct judgement *j = judgement_parse(a, "used < 85", 9, NULL);
    struct judgement_result own = {"used", RESULT_ENDED, 0, "71", 2, false};
    struct judgement_result before = {"used", RESULT_ENDED, 0, "97", 2, false};
    struct judgement_facts facts = {.own = &own, .named = &before, .named_count = 1};
    assert_int_equal(judgement_eval(j, &facts, NULL), H);
    arena_free(a);
}

static void output_with_nul_is_no_number(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    struct judgement *j = judgement_parse(a, "used < 85", 9, NULL);
    struct judgement_result own = {"used", RESULT_ENDED, 0, "8\0004", 3, false};
    struct judgement_facts facts = {.own = &own};
    struct judgement_why why;
    assert_int_equal(judgement_eval(j, &facts, &why), C);
    assert_int_equal(why.reason, REASON_NOT_A_NUMBER);
    arena_free(a);
}

/* What is found is shown on one line and bounded, whatever a host printed. */
static void found_is_short_and_on_one_line(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    struct judgement *j = judgement_parse(a, "used < 85", 9, NULL);
    char output[5000];
    memset(output, 'x', sizeof output);
    output[10] = '\n';
    output[11] = (char)0xff;
    struct judgement_result own = {"used", RESULT_ENDED, 0, output, sizeof output, false};
    struct judgement_facts facts = {.own = &own};
    struct judgement_why why;
    assert_int_equal(judgement_eval(j, &facts, &why), C);
    assert_null(strchr(why.text, '\n'));
    assert_true(strlen(why.found) < 80);
    assert_non_null(strstr(why.found, "..."));
    arena_free(a);
}

static void a_pattern_cannot_take_long(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    const char *rule = "output matches re:^(a+)+$";
    struct judgement *j = judgement_parse(a, rule, strlen(rule), NULL);
    assert_non_null(j);
    char output[60];
    memset(output, 'a', sizeof output);
    output[59] = '!';
    struct judgement_result own = {NULL, RESULT_ENDED, 0, output, sizeof output, false};
    struct judgement_facts facts = {.own = &own};
    struct judgement_why why;
    assert_int_equal(judgement_eval(j, &facts, &why), C);
    assert_int_equal(why.reason, REASON_PATTERN_LIMIT);
    arena_free(a);
}

static const struct {
    const char *rule;
    size_t offset;
    const char *says; /* a part of it */
} refusals[] = {
    {"", 0, "expected a name"},
    {"used", 4, "expected < <="},
    {"used <", 6, "expected a number"},
    {"used < abc", 7, "no number with a unit"},
    {"used < 85x", 7, "no number with a unit"},
    {"used < 85 GX", 10, "expected \"and\""},
    {"used < 0x10", 7, "no number"},
    {"used = 85", 5, "written =="},
    {"used is 85", 5, "expected < <="},
    {"used contans x", 5, "did you mean \"contains\""},
    {"used <> 85", 6, "expected a number"},
    {"Used < 85", 0, "is no name"},
    {"85 > used", 0, "is no name"},
    {"used < 85 and", 13, "expected a name"},
    {"used < 85 or or x < 1", 13, "expected a name before"},
    {"and x < 1", 0, "expected a name before"},
    {"used < 85 used > 3", 10, "expected \"and\""},
    {"(used < 85", 0, "not closed"},
    {"used < 85)", 9, "expected \"and\""},
    {"result contains", 15, "expected a text"},
    {"result contains \"x", 16, "quote is not closed"},
    {"result contains \"\"", 16, "empty text"},
    {"result contains and", 16, "put \"and\" in quotes"},
    {"result matches ok", 15, "expected re:"},
    {"result matches re:", 15, "expected re:"},
    {"result matches re:(", 15, "pattern is wrong"},
    {"(result matches re:ok)", 16, "put it in quotes"},
    {"result matches 're:(?<a>x)\\k<a>'", 15, "back-references"},
    {"result matches 're:(?R)'", 15, "recursion"},
    {"result matches 're:(?&a)'", 15, "recursion"},
    {"result matches 're:(?(1)a|b)'", 15, "conditions"},
    {"result matches 're:(*UCP)a'", 15, "verbs"},
    {"result matches 're:(?C1)a'", 15, "call-outs"},
    {"result matches 're:a\\Cb'", 15, "pattern is wrong"},
    {"result matches 're:(?x)a#[\n(?R)'", 15, "comments"},
    {"result matches 're:((ab){100}){200}'", 15, "pattern is wrong"},
    {"status == ok", 0, "exit status is compared"},
    {"status < 5%", 0, "exit status is compared"},
    {"status == 256", 0, "between 0 and 255"},
    {"status == -1", 0, "between 0 and 255"},
    {"status contains 1", 0, "exit status is compared"},
    {"status.status == 1", 0, "expected a name"},
    {"((((((((((((((((((x<1))))))))))))))))))", 16, "too many parentheses"},
    {"not not not not not not not not not not not not not not not not not x<1", 67, "too many"},
};

static void refusals_have_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct judgement_mistake m = {0};
        if (judgement_parse(a, refusals[i].rule, strlen(refusals[i].rule), &m))
            fail_msg("accepted: %s", refusals[i].rule);
        if (!strstr(m.text, refusals[i].says) || m.offset != refusals[i].offset)
            fail_msg("%s: at %zu: %s", refusals[i].rule, m.offset, m.text);
        arena_free(a);
    }
}

static void too_long_and_too_many(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    char text[JUDGEMENT_BYTES_MAX + 2];
    memset(text, ' ', sizeof text);
    assert_null(judgement_parse(a, text, sizeof text, NULL));
    struct judgement_mistake m;
    int n = 0;
    for (int i = 0; i < JUDGEMENT_TERMS_MAX; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "a<1 and ");
    (void)snprintf(text + n, sizeof text - (size_t)n, "a<1");
    assert_null(judgement_parse(a, text, strlen(text), &m));
    assert_non_null(strstr(m.text, "at most 32"));
    text[n - 5] = '\0'; /* exactly 32 */
    assert_non_null(judgement_parse(a, text, strlen(text), &m));
    assert_null(judgement_parse(a, "a < 1\0", 6, &m));
    arena_free(a);
}

/* Every point at which memory can run out. */
static void little_memory_is_survived(void **state)
{
    (void)state;
    const char *rule = "used < 85 and (output matches re:^a|b$ or other.status == \t3)";
    bool done = false;
    for (size_t bytes = 0; !done; bytes += 16) {
        struct arena *a = arena_new(bytes);
        done = judgement_parse(a, rule, strlen(rule), NULL) != NULL;
        arena_free(a);
        assert_true(bytes < ARENA_BYTES);
    }
}

struct seen {
    char text[100];
};

static void note_name(void *owner, const char *name, size_t offset)
{
    struct seen *seen = owner;
    size_t n = strlen(seen->text);
    (void)snprintf(seen->text + n, sizeof seen->text - n, "%s@%zu ", name, offset);
}

static void names_are_told(void **state)
{
    (void)state;
    struct arena *a = arena_new(ARENA_BYTES);
    struct seen seen = {0};
    const char *rule = "  used < 85 and not b.status == 1 or result == x ";
    struct judgement *j = judgement_parse(a, rule, strlen(rule), NULL);
    judgement_names(j, note_name, &seen);
    assert_string_equal(seen.text, "used@2 b@20 ");
    size_t at = 0;
    assert_true(judgement_reads_own(j, &at));
    assert_int_equal(at, 37);
    assert_string_equal(judgement_text(j), "used < 85 and not b.status == 1 or result == x");
    arena_free(a);
}

static void in_japanese(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        enum result_state state;
        int status;
        const char *output, *text;
    } said[] = {
        {"used < 85", RESULT_ENDED, 0, "97", "97（正常: < 85）"},
        {"not used < 85", RESULT_ENDED, 0, "84", "84（正常: < 85 以外）"},
        {"used < 85", RESULT_ENDED, 0, "", "出力なし（正常: < 85）"},
        {"used < 85%", RESULT_ENDED, 0, "3GiB", "「3GiB」はパーセント値ではありません（正常: < 85%）"},
        {"used < 85", RESULT_TIMEOUT, 0, "", "時間切れ（正常: < 85）"},
        {"status == 0", RESULT_ENDED, 127, "", "終了コード 127: コマンドが見つかりません（正常: == 0）"},
        {"output contains ok", RESULT_ENDED, 0, "ng", "「ng」（正常: contains ok）"},
        {"used < 85 and status == 0", RESULT_ENDED, 0, "97", "used は 97（正常: < 85）"},
    };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct judgement *j = judgement_parse(a, said[i].rule, strlen(said[i].rule), NULL);
        assert_non_null(j);
        struct judgement_result own = {.name = "used", .state = said[i].state, .status = said[i].status,
            .output = said[i].output, .output_bytes = strlen(said[i].output)};
        struct judgement_facts facts = {.own = &own, .language = LANGUAGE_JA};
        struct judgement_why why;
        (void)judgement_eval(j, &facts, &why);
        assert_string_equal(why.text, said[i].text);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_japanese),
        cmocka_unit_test(outcomes),
        cmocka_unit_test(named_results_of_other_steps),
        cmocka_unit_test(own_name_goes_before_an_earlier_result_of_it),
        cmocka_unit_test(output_with_nul_is_no_number),
        cmocka_unit_test(found_is_short_and_on_one_line),
        cmocka_unit_test(a_pattern_cannot_take_long),
        cmocka_unit_test(refusals_have_their_place),
        cmocka_unit_test(too_long_and_too_many),
        cmocka_unit_test(little_memory_is_survived),
        cmocka_unit_test(names_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
