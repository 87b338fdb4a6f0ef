/* SPDX-License-Identifier: MIT
 * Composing and parsing of the wrapper, without any shell: quoting, refusals, forged and cut
 * answers. What shells make of it is tests/e2e/test_wrapper.py. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/wrapper.h"
#include "lib/base/limits.h"

#define N "fl-0123-4567-89ab-cdef-0123-4567"
#define HEAD "\nfirstline-wrapper 1 " N "\n"
#define L N " "

static struct wrapper_report parse(struct arena *a, const char *text, size_t bytes)
{
    /* Exactly as long as told, so that a sanitizer sees a byte too many. */
    char *copy = malloc(bytes ? bytes : 1);
    assert_non_null(copy);
    memcpy(copy, text, bytes);
    struct wrapper_report r;
    struct error err = {0};
    assert_int_equal(wrapper_parse(copy, bytes, N, a, &r, &err), 0);
    free(copy);
    return r;
}

static const char recover_answer[] =
    HEAD L "boot b-1\n" L "folder /run/firstline\n" L "memory m-1\n" L "token 2 77 inc-a\n" L
           "started 1700000000\n" L "status 3\n" L "timed 0\n" L "by_us 0\n" L "left 2\n" L
           "ms 61500\n" L "verdict ended\n" L "total 12\n" L "out\n"
           "hello\nworld\n"
           "\n" L "end\n";

static void test_recover_answer(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    struct wrapper_report r = parse(a, recover_answer, sizeof recover_answer - 1);
    assert_int_equal(r.verdict, WRAPPER_ENDED);
    assert_int_equal(r.status, 3);
    assert_string_equal(r.signal, "");
    assert_false(r.already || r.timed_out || r.ended_by_us || r.out_cut);
    assert_int_equal(r.left, 2);
    assert_int_equal(r.started_wall_s, 1700000000);
    assert_int_equal(r.ended_wall_s, 1700000061);
    assert_int_equal(r.duration_ms, 61500);
    assert_int_equal(r.token.timeline, 2);
    assert_int_equal(r.token.epoch, 77);
    assert_string_equal(r.token.incarnation, "inc-a");
    assert_string_equal(r.memory_id, "m-1");
    assert_string_equal(r.out, "hello\nworld\n");
    assert_int_equal(r.out_bytes, 12);
    arena_free(a);
}

static const struct {
    const char *answer;
    enum wrapper_verdict verdict;
    int status;
    const char *signal, *out;
    const char *comment;
} answers[] = {
    {"", WRAPPER_BROKEN, -1, "", "", "nothing came"},
    {"bash: sh: command not found\n", WRAPPER_BROKEN, -1, "", "", "no answer of ours"},
    {"\nfirstline-wrapper 2 " N "\n" L "verdict ended\n" L "end\n", WRAPPER_BROKEN, -1, "", "",
        "another format"},
    {"\nfirstline-wrapper 1 fl-other\nfl-other verdict ended\nfl-other end\n", WRAPPER_BROKEN, -1,
        "", "", "another request's"},
    {HEAD L "end\n", WRAPPER_BROKEN, -1, "", "", "no verdict"},
    {HEAD L "verdict perhaps\n" L "end\n", WRAPPER_BROKEN, -1, "", "", "a verdict we do not know"},
    {HEAD L "verdict stale\n", WRAPPER_CUT, -1, "", "", "no end"},
    {HEAD L "verdict stale\n" L "end \n", WRAPPER_CUT, -1, "", "", "an end with a blank behind it"},
    {HEAD, WRAPPER_CUT, -1, "", "", "only the beginning"},
    {"motd " HEAD L "verdict stale\n" L "end\n", WRAPPER_REFUSED_STALE, -1, "", "",
        "a talking login shell"},
    {HEAD L "out\nabc\n" L "status 0\n" L "shell 0\n" L "verdict ended\n" L "end\n", WRAPPER_ENDED,
        0, "", "abc", "a look"},
    {HEAD L "out\n\n" L "status 0\n" L "shell 0\n" L "verdict ended\n" L "end\n", WRAPPER_ENDED, 0,
        "", "", "silent"},
    {HEAD L "out\n\n\n" L "status 143 TERM\n" L "shell 0\n" L "verdict ended\n" L "end\n",
        WRAPPER_ENDED, -1, "TERM", "\n", "a signal"},
    {HEAD L "out\n\n" L "shell 137\n" L "timed 1\n" L "verdict ended\n" L "end\n", WRAPPER_ENDED,
        -1, "KILL", "", "the session's shell was killed, too"},
    {HEAD L "verdict ended\n" L "end\n", WRAPPER_NO_BECOME, -1, "", "", "sudo started nothing"},
    {HEAD L "out\nabc\n" L "verdict ended\n" L "end\n", WRAPPER_LOST, -1, "", "abc",
        "a look whose inner shell was killed"},
    {HEAD L "started 5\n" L "verdict ended\n" L "out\nab\n" L "cut 10\nyz\n" L "end\n",
        WRAPPER_ENDED, -1, "", "ab\n[10 bytes left out]\nyz", "a gap"},
    {HEAD L "out\nfirstline-wrapper 1 " N "x\n" N "x end\n x " L "end\n\n" L "status 0\n" L
            "shell 0\n" L "verdict ended\n" L "end\n",
        WRAPPER_ENDED, 0, "", "firstline-wrapper 1 " N "x\n" N "x end\n x " L "end\n",
        "what looks like ours, but does not begin a line, is the script's"},
    {HEAD L "out\n[secret replaced]\n" L "status 7\n" L "shell 0\n" L "verdict ended\n" L "end\n" L
            "verdict lost\n",
        WRAPPER_ENDED, 7, "", "[secret replaced]", "nothing counts behind the end"},
    {HEAD L "verdict running\n" L "status zwei\n" L "left -7\n" L "ms 99999999999999999999999\n" L
            "token x y\n" L "\n" L "end\n",
        WRAPPER_RUNNING, -1, "", "", "odd numbers are no numbers"},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct arena *a = arena_new(1 << 20);
        struct wrapper_report r = parse(a, answers[i].answer, strlen(answers[i].answer));
        if (r.verdict != answers[i].verdict || r.status != answers[i].status ||
            strcmp(r.signal, answers[i].signal) != 0 || strcmp(r.out, answers[i].out) != 0)
            fail_msg("%s: %s, %d, '%s', '%s'", answers[i].comment, wrapper_verdict_name(r.verdict),
                r.status, r.signal, r.out);
        arena_free(a);
    }
}

/* Whatever is missing at the end: never a verdict that is not in the bytes, and never "complete".
 */
static void test_cut_at_every_byte(void **state)
{
    (void)state;
    size_t whole = sizeof recover_answer - 1;
    for (size_t n = 0; n < whole; n++) {
        struct arena *a = arena_new(1 << 20);
        struct wrapper_report r = parse(a, recover_answer, n);
        if (r.verdict != WRAPPER_CUT && r.verdict != WRAPPER_BROKEN)
            fail_msg("cut after %zu bytes: %s", n, wrapper_verdict_name(r.verdict));
        assert_false(wrapper_complete(recover_answer, n, N));
        arena_free(a);
    }
    assert_true(wrapper_complete(recover_answer, whole, N));
}

/* Bytes changed at random: it may say anything, but must not read beyond them (sanitizers) nor
 * fail. */
static void test_damaged_answers(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int round = 0; round < 5000; round++) {
        char copy[sizeof recover_answer];
        memcpy(copy, recover_answer, sizeof copy);
        for (int k = 0; k < 6; k++) {
            seed = seed * 1103515245u + 12345u;
            copy[(seed >> 8) % (sizeof copy - 1)] = (char)(seed >> 16);
        }
        struct arena *a = arena_new(1 << 20);
        (void)parse(a, copy, sizeof copy - 1);
        arena_free(a);
    }
}

static void test_output_with_nul(void **state)
{
    (void)state;
    static const char answer[] =
        HEAD L "out\na\0b\xff\n"
               "\n" L "status 0\n" L "shell 0\n" L "verdict ended\n" L "end\n";
    struct arena *a = arena_new(1 << 20);
    struct wrapper_report r = parse(a, answer, sizeof answer - 1);
    assert_int_equal(r.out_bytes, 5);
    assert_memory_equal(r.out, "a\0b\xff\n", 5);
    arena_free(a);
}

static void test_arena_that_is_full(void **state)
{
    (void)state;
    struct arena *a = arena_new(8);
    struct wrapper_report r;
    struct error err = {0};
    assert_int_equal(wrapper_parse(recover_answer, sizeof recover_answer - 1, N, a, &r, &err), -1);
    assert_int_equal(err.kind, ERROR_LIMIT);
    arena_free(a);
}

static struct wrapper_task good_task(void)
{
    return (struct wrapper_task){.act = WRAPPER_RECOVER,
        .script = "true",
        .timeout_s = 5,
        .cluster = "c",
        .machine = "m",
        .folder = "/run/firstline",
        .memory_id = "mem",
        .boot_id = "boot",
        .run = "r",
        .step = 1,
        .attempt = 1,
        .token = {1, 1, "inc"}};
}

static int compose(const struct wrapper_task *t, struct buf *out, struct error *err)
{
    buf_init(out, WRAPPER_STDIN_BYTES_MAX);
    return wrapper_compose(t, N, out, err);
}

static void assert_refused(const struct wrapper_task *t, const char *words)
{
    struct buf out;
    struct error err = {0};
    assert_int_equal(compose(t, &out, &err), -1);
    assert_int_equal(err.kind, ERROR_INPUT);
    if (!strstr(err.text, words))
        fail_msg("'%s' is not in '%s'", words, err.text);
    buf_done(&out);
}

static void test_tasks_that_are_refused(void **state)
{
    (void)state;
    const struct {
        size_t offset;
        const char *text;
        const char *words;
    } rows[] = {
        {offsetof(struct wrapper_task, cluster), NULL, "cluster"},
        {offsetof(struct wrapper_task, cluster), "a/b", "cluster"},
        {offsetof(struct wrapper_task, machine), "..", "machine"},
        {offsetof(struct wrapper_task, machine), NULL, "machine"},
        {offsetof(struct wrapper_task, memory_id), "", "memory"},
        {offsetof(struct wrapper_task, boot_id), "a b", "boot"},
        {offsetof(struct wrapper_task, run), "a'b", "run"},
        {offsetof(struct wrapper_task, folder), NULL, "folder"},
        {offsetof(struct wrapper_task, folder), "/", "path"},
        {offsetof(struct wrapper_task, folder), "/tmp/../etc", "path"},
        {offsetof(struct wrapper_task, folder), "/tmp/..", "path"},
        {offsetof(struct wrapper_task, folder), "relative", "path"},
        {offsetof(struct wrapper_task, folder), "/a$(id)", "path"},
        {offsetof(struct wrapper_task, script), NULL, "script"},
        {offsetof(struct wrapper_task, become), "a b", "user"},
        {offsetof(struct wrapper_task, token) + offsetof(struct wrapper_token, incarnation), "x\n",
            "token"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wrapper_task t = good_task();
        memcpy((char *)&t + rows[i].offset, &rows[i].text, sizeof rows[i].text);
        assert_refused(&t, rows[i].words);
    }
    struct wrapper_task t = good_task();
    t.token.epoch = UINT64_MAX;
    assert_refused(&t, "token");
}

static void test_quoting(void **state)
{
    (void)state;
    struct wrapper_value value = {"v", "it's\n$x", 7};
    struct wrapper_task t = good_task();
    t.values = &value;
    t.values_count = 1;
    t.script = "echo \"$v\" 'q'";
    struct buf out;
    struct error err = {0};
    assert_int_equal(compose(&t, &out, &err), 0);
    /* Quoted once for the script's shell, and that again for the shells above. */
    assert_non_null(strstr(out.data, "unset v; v='\\''it'\\''\\'\\'''\\''s\n$x'\\''; "));
    assert_non_null(strstr(out.data, "echo \"$v\" '\\''q'\\''\n}\n"));
    assert_memory_equal(out.data, "{ ", 2);
    assert_string_equal(out.data + out.bytes - strlen("\nfl_main\n}\n"), "\nfl_main\n}\n");
    assert_null(strstr(out.data, "\n#"));
    buf_done(&out);
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    struct wrapper_task t = good_task();
    struct buf out;
    struct error err = {0};
    buf_init(&out, 3000);
    assert_int_equal(wrapper_compose(&t, N, &out, &err), -1);
    assert_int_equal(err.kind, ERROR_LIMIT);
    buf_done(&out);
}

/* Each of the twelve verdicts has a name, and "certainly not started" is said only of those that
 * promise it. */
static void test_verdicts(void **state)
{
    (void)state;
    for (int v = 0; v < WRAPPER_VERDICTS; v++)
        assert_true(strlen(wrapper_verdict_name((enum wrapper_verdict)v)) > 3);
    const enum wrapper_verdict doubtful[] = {
        WRAPPER_BROKEN, WRAPPER_CUT, WRAPPER_ENDED, WRAPPER_RUNNING, WRAPPER_LOST};
    for (size_t i = 0; i < sizeof doubtful / sizeof doubtful[0]; i++)
        assert_false(wrapper_not_started(doubtful[i]));
    assert_true(wrapper_not_started(WRAPPER_NEVER_STARTED) && wrapper_not_started(WRAPPER_BUSY));
}

/* Seen by everybody on the machine: it must not change with the request, and every login shell must
 * read it alike. */
static void test_command(void **state)
{
    (void)state;
    assert_ptr_equal(wrapper_command(), wrapper_command());
    assert_null(strpbrk(wrapper_command(), "!\\`\n"));
}

static void test_nonce(void **state)
{
    (void)state;
    char one[WRAPPER_NONCE_BYTES], two[WRAPPER_NONCE_BYTES];
    wrapper_nonce(one);
    wrapper_nonce(two);
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one), strlen(N));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover_answer),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_damaged_answers),
        cmocka_unit_test(test_output_with_nul),
        cmocka_unit_test(test_arena_that_is_full),
        cmocka_unit_test(test_tasks_that_are_refused),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_what_does_not_fit),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_command),
        cmocka_unit_test(test_nonce),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
