/* SPDX-License-Identifier: MIT
 * How much work a title can make: bounded in steps, whatever stands in it. */
#include "tests/unit/match_made.h"

#define MANY 1500
#define ONE_THING_MOST 1024 /* the steps of one thing that is begun while there are some left */

/* Of the first three kinds, what authors write, one phrase for many customers, too; of all five, also what is unkind: patterns that go
 * back and forth. */
static struct made many(int kinds)
{
    struct made m = begin();
    for (int i = 0; i < MANY; i++) {
        char name[20], match[200];
        (void)snprintf(name, sizeof name, "s-%04d", i);
        (void)snprintf(match, sizeof match,
            i % kinds == 0   ? "{ keyword: disk-%d }"
            : i % kinds == 1 ? "{ title: [trouble, number %d], customer: c%d }"
            : i % kinds == 2 ? "{ title: ['re:disk%d (is|was) (down|slow)'] }"
            : i % kinds == 3 ? "{ title: ['re:disk.*(full|f%d)', 're:pool\\s+(\\S+\\s+)*p%d$'] }"
                         : "{ title: ['re:aaaa(a|aa)+(b+)+c%d'], not: [spare] }",
            i, i);
        add(&m, name, match);
    }
    make(&m, NULL);
    if (!m.set)
        fail_msg("%s", buf_text(&m.text));
    return m;
}

static const char *const pieces[] = {"[A:", "disk-", "disk", " is ", "trouble", "number 6 ", "pool ", "aaaaaaaa", "b", "\uFDFA", "\u0301\u0316",
    "ß", "日", "\xff", "\"", "]", "[AMS:disk-5 a=b]", "7", "full", " was slow", "ﾃﾞ", "\u00ad", "c"};
#define PIECES (sizeof pieces / sizeof pieces[0])

/* A title of up to 8,000 bytes from a few of the pieces, by a seed. */
static void make_title(unsigned seed, char *out, size_t room)
{
    uint64_t chance = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    const char *few[3];
    for (int i = 0; i < 3; i++) {
        chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407U;
        few[i] = pieces[(chance >> 33) % PIECES];
    }
    size_t n = 0;
    while (n + 20 < room) {
        chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407U;
        n += (size_t)snprintf(out + n, room - n, "%s", (chance >> 33) % 20 == 0 ? pieces[(chance >> 40) % PIECES] : few[(chance >> 33) % 3]);
    }
}

static void no_title_makes_more_work(void **state)
{
    (void)state;
    struct made m = many(5);
    char title[8000];
    int matched = 0, given_up = 0;
    for (unsigned seed = 0; seed < 1000; seed++) {
        make_title(seed, title, 40u << seed % 8 < sizeof title ? 40u << seed % 8 : sizeof title);
        struct arena *a = arena_new(ARENA_BYTES);
        struct match_subject subject = {.title = title, .customer = "c6"};
        struct match_result r = {0};
        struct error err = {0};
        if (match_title(m.set, &subject, a, &r, &err) != 0) {
            assert_int_equal(err.kind, ERROR_LIMIT);
            assert_non_null(strstr(err.text, "steps"));
            assert_null(r.scenario);
            assert_true(r.steps > MATCH_STEPS_MAX);
            given_up++;
        }
        matched += r.scenario != NULL;
        if (r.steps > MATCH_STEPS_MAX + ONE_THING_MOST)
            fail_msg("seed %u: %lld steps", seed, (long long)r.steps);
        arena_free(a);
    }
    assert_true(matched > 100 && given_up > 10); /* both were seen */
    done(&m);
}

/* What is counted follows what the title holds: of these, none may come near the limit. */
static void titles_that_look_hostile_cost_little(void **state)
{
    (void)state;
    struct made m = many(3);
    static const char *const of[] = {"[A:", "disk-", "\uFDFA", "trouble", "\u0301\u0316", "disk7 is ", "\xff", "[AMS:x \""};
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        char title[4097] = "";
        for (size_t n = 0; n + strlen(of[i]) < sizeof title; n += strlen(of[i]))
            memcpy(title + n, of[i], strlen(of[i]) + 1);
        struct arena *a = arena_new(ARENA_BYTES);
        struct match_result r;
        assert_int_equal(match_title(m.set, &(struct match_subject){.title = title, .customer = "none"}, a, &r, NULL), 0);
        if (r.scenario || r.steps > MATCH_STEPS_MAX / 3)
            fail_msg("%s: %lld steps", of[i], (long long)r.steps);
        arena_free(a);
    }
    done(&m);
}

/* Each of many scenarios that one phrase brings into question looks for its other phrases and words in all of the title. */
static void looking_for_phrases_is_counted(void **state)
{
    (void)state;
    int64_t steps[2];
    for (int k = 0; k < 2; k++) {
        struct made m = begin();
        for (int i = 0; i < 200; i++) {
            char name[20];
            (void)snprintf(name, sizeof name, "s-%03d", i);
            add(&m, name, k == 0 ? "{ title: [trouble], not: trouble }" : "{ title: [a1, a2, a3, a4, trouble], not: trouble }");
        }
        make(&m, NULL);
        struct arena *a = arena_new(ARENA_BYTES);
        struct match_result r;
        char title[200] = "";
        memset(title, '-', 180);
        memcpy(title + 180, " trouble", 9);
        assert_int_equal(match_title(m.set, &(struct match_subject){.title = title}, a, &r, NULL), 0);
        assert_null(r.scenario);
        steps[k] = r.steps;
        arena_free(a);
        done(&m);
    }
    /* Four more looks over 188 bytes, 200 times; a step is 16 bytes gone over, and the look itself. */
    assert_int_equal(steps[1] - steps[0], 200 * 4 * (1 + 188 / 16));
}

static void count_told(void *owner, const struct scenario *s, bool taken, const char *reason)
{
    assert_true(s && reason[0] != '\0');
    *(int *)owner += taken ? 100 : 1;
}

/* Some careless patterns before the keyword that the title has: which is the first that matches cannot be told. */
static void a_title_that_takes_too_much_work_is_told(void **state)
{
    (void)state;
    struct made m = begin();
    for (int i = 0; i < 6; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "s-%d", i);
        add(&m, name, "{ title: 're:aaa.*(a+)+(b+)+$' }");
    }
    add(&m, "z", "{ keyword: disk-full }");
    make(&m, NULL);
    char title[1000];
    memset(title, 'a', sizeof title - 1);
    (void)snprintf(title + 900, sizeof title - 900, "!b [AMS:disk-full]");
    for (int cut = 0; cut < 2; cut++) {
        struct match_subject subject = {.title = title + (cut ? 890 : 0)};
        struct arena *a = arena_new(ARENA_BYTES);
        struct match_result r, slow;
        struct error err = {0};
        int told = 0;
        assert_int_equal(match_title(m.set, &subject, a, &r, &err), cut ? 0 : -1);
        assert_int_equal(match_explain(m.set, &subject, a, count_told, &told, &slow, &err), cut ? 0 : -1);
        assert_int_equal(r.scenario != NULL, cut);
        assert_int_equal(told > 0, cut);
        if (!cut)
            assert_string_equal(err.text, "the title takes more than 50000 steps to be matched with the scenarios");
        arena_free(a);
    }
    done(&m);
}

static void a_title_is_looked_at_up_to_its_limit(void **state)
{
    (void)state;
    struct made m = begin();
    add(&m, "a", "{ title: 'the end' }");
    make(&m, NULL);
    static const char *const fillers[] = {"-", "日", "\U0001F600"};
    for (int i = 0; i < 6; i++) {
        char title[5000] = "";
        int chars = MATCH_TITLE_CHARS_MAX - 7 + i % 2;
        for (int k = 0; k < chars; k++)
            memcpy(title + strlen(title), fillers[i / 2], strlen(fillers[i / 2]) + 1);
        memcpy(title + strlen(title), "the end", 8);
        struct arena *a = arena_new(ARENA_BYTES);
        struct match_result r;
        assert_int_equal(match_title(m.set, &(struct match_subject){.title = title}, a, &r, NULL), 0);
        assert_int_equal(r.scenario != NULL, i % 2 == 0);
        arena_free(a);
    }
    done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_title_makes_more_work),
        cmocka_unit_test(titles_that_look_hostile_cost_little),
        cmocka_unit_test(looking_for_phrases_is_counted),
        cmocka_unit_test(a_title_that_takes_too_much_work_is_told),
        cmocka_unit_test(a_title_is_looked_at_up_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
