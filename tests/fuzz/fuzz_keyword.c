/* SPDX-License-Identifier: MIT
 * A title from any bytes against a set with keyword, phrase and pattern: the quick way and the slow, explaining way take
 * the same scenario within a title's steps, and every value read from the token is whole text. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "executor/match.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define STEPS "target: { default: h }\nsteps:\n  - check: it is well\n    run: 'true'\n"

static const struct {
    const char *name, *text;
} files[] = {
    {"disk-full.yaml", "scenario: disk-full\nabout: a\nmatch: { keyword: disk-full }\n" STEPS},
    {"slow.yaml", "scenario: slow\nabout: a\nmatch: { title: [disk slow, 're:^(?<what>a+)+ is (?<how>.*)$'] }\n" STEPS},
    {"web-down.yaml", "scenario: web-down\nabout: a\nmatch: { keyword: web-down, not: [test] }\n" STEPS},
};

static struct scenario_set *set; /* made once: building it is another target's work */

static void make_set(void)
{
    struct pack *p = pack_new(1024 * 1024);
    struct diag *d = diag_new();
    struct error err = {0};
    MUST(p && d);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        MUST(pack_add(p, files[i].name, files[i].text, strlen(files[i].text), &err) == 0);
    set = scenario_set_from_pack(p, NULL, d);
    if (!set) {
        struct buf out;
        buf_init(&out, 1024 * 1024);
        diag_print(d, DIAG_TEXT, false, &out);
        fputs(buf_text(&out), stderr);
        abort();
    }
    diag_free(d);
    pack_free(p);
}

static void count(void *owner, const struct scenario *scenario, bool taken, const char *reason)
{
    int *told = owner;
    MUST(scenario && reason && reason[0]);
    *told += taken ? 1000 : 1;
}

static void check_pairs(const struct match_pair *pairs, int n)
{
    for (int i = 0; i < n; i++) {
        MUST(pairs[i].name && pairs[i].name[0] && pairs[i].text);
        MUST(text_valid(pairs[i].text, strlen(pairs[i].text)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (!set)
        make_set();
    struct arena *a = arena_new(FUZZ_ARENA_BYTES_MAX);
    MUST(a);
    char *title = arena_alloc(a, bytes + 1);
    MUST(title);
    if (bytes)
        memcpy(title, data, bytes);
    struct match_subject subject = {.title = title};
    struct match_result quick = {0}, slow = {0};
    struct error err = {0};
    int told = 0;
    MUST(match_title(set, &subject, a, &quick, &err) == 0);
    MUST(match_explain(set, &subject, a, count, &told, &slow, &err) == 0);
    MUST(quick.scenario == slow.scenario);
    MUST(quick.steps > 0 && quick.steps <= MATCH_STEPS_MAX);
    MUST((told >= 1000) == (slow.scenario != NULL));
    check_pairs(quick.inline_values, quick.inline_count);
    check_pairs(quick.groups, quick.groups_count);
    MUST(quick.how != MATCHED_KEYWORD || (quick.token && quick.what));
    arena_free(a);
    return 0;
}
