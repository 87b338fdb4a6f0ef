/* SPDX-License-Identifier: MIT
 * Name look-up, as far as it goes without a name server: the system's own file of hosts, and names that are none. */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/io/resolve.h"
#include "tests/kit/kit.h"

#define WAIT_MS 60000

struct told {
    int times;
    struct resolve_answer answer;
    struct error err;
    struct resolve *free_it;
};

static void on_done(void *owner, const struct resolve_answer *answer, const struct error *err)
{
    struct told *t = owner;
    t->times++;
    assert_true((answer == NULL) == (err != NULL));
    if (answer)
        t->answer = *answer;
    if (err)
        t->err = *err;
    resolve_free(t->free_it);
}

static void wait_for(struct loop *l, const int *times)
{
    for (int64_t until = clock_mono_ms() + WAIT_MS; *times == 0 && clock_mono_ms() < until;)
        loop_turn(l, 20);
    assert_int_equal(*times, 1);
}

static void names_and_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const char *expected; /* the one address; NULL: there is an error; "": any loopback address */
        enum error_kind kind;
    } rows[] = {
        {"10.1.2.3", "10.1.2.3", ERROR_NONE},
        {"2001:db8::1", "2001:db8::1", ERROR_NONE},
        {"localhost", "", ERROR_NONE},
        {"no.such.name.invalid", NULL, ERROR_UNREACHED},
    };
    struct loop *l = loop_new(NULL);
    struct resolve *r = resolve_new(l, 1000);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct told t = {0};
        assert_true(resolve_start(r, rows[i].host, WAIT_MS, on_done, &t) > 0);
        assert_int_equal(t.times, 0);
        wait_for(l, &t.times);
        assert_int_equal(t.err.kind, rows[i].kind);
        if (!rows[i].expected)
            continue;
        assert_true(t.answer.count >= 1);
        const char *got = t.answer.addresses[0].text;
        if (*rows[i].expected)
            assert_string_equal(got, rows[i].expected);
        else
            assert_true(strcmp(got, "127.0.0.1") == 0 || strcmp(got, "::1") == 0);
        assert_int_equal(t.answer.addresses[0].v6, strchr(got, ':') != NULL);
    }
    resolve_free(r);
    loop_free(l);
}

static void two_that_ask_the_same_are_both_answered(void **state)
{
    (void)state;
    struct loop *l = loop_new(NULL);
    struct resolve *r = resolve_new(l, 0);
    struct told t[3] = {{0}};
    uint64_t first = resolve_start(r, "localhost", WAIT_MS, on_done, &t[0]);
    resolve_start(r, "localhost", WAIT_MS, on_done, &t[1]);
    resolve_start(r, "no.such.name.invalid", WAIT_MS, on_done, &t[2]);
    resolve_forget(r, first); /* the one whose look-up serves both */
    resolve_forget(r, 999);
    wait_for(l, &t[1].times);
    wait_for(l, &t[2].times);
    assert_true(t[1].answer.count > 0);
    assert_int_equal(t[0].times, 0);
    resolve_free(r);
    loop_free(l);
}

static void a_resolver_may_be_freed_at_any_time(void **state)
{
    (void)state;
    struct loop *l = loop_new(NULL);
    struct told never = {0}, inside = {0};
    struct resolve *r = resolve_new(l, 1000);
    resolve_start(r, "localhost", WAIT_MS, on_done, &never);
    resolve_free(r); /* its thread is out */
    r = resolve_new(l, 1000);
    inside.free_it = r;
    resolve_start(r, "localhost", WAIT_MS, on_done, &inside);
    resolve_start(r, "10.0.0.1", WAIT_MS, on_done, &inside);
    wait_for(l, &inside.times);
    loop_free(l);
    assert_int_equal(never.times, 0);
    assert_int_equal(inside.times, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_addresses),
        cmocka_unit_test(two_that_ask_the_same_are_both_answered),
        cmocka_unit_test(a_resolver_may_be_freed_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
