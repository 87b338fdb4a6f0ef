/* SPDX-License-Identifier: MIT
 * Scenario files: the normative one, every refusal with its place, and where a run goes after each step. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/scenario.h"
#include "lib/base/limits.h"
#include "lib/base/yaml.h"

#define ARENA_BYTES (64 * 1024 * 1024)
#define HEAD "scenario: x\nmatch: { keyword: x }\ntarget: { default: h }\n"
#define CHECK "steps:\n  - { check: c, run: a, name: used }\n"
#define BASE HEAD CHECK

struct parsed {
    struct arena *arena;
    struct diag *diag;
    struct scenario *s;
    struct buf text; /* the diagnostics as JSON */
};

static struct parsed parse(const char *file, const char *text)
{
    struct parsed p = {.arena = arena_new(ARENA_BYTES), .diag = diag_new()};
    struct yaml_node *root =
        yaml_parse(p.arena, file, text, strlen(text), YAML_BYTES_MAX, YAML_NODES_MAX, p.diag);
    char stem[64];
    (void)snprintf(stem, sizeof stem, "%.*s", (int)strcspn(file, "."), file);
    if (root)
        p.s = scenario_parse(p.arena, root, stem, p.diag);
    buf_init(&p.text, 1024 * 1024);
    diag_print(p.diag, DIAG_TEXT, false, &p.text);
    return p;
}

static void done(struct parsed *p)
{
    buf_done(&p->text);
    diag_free(p->diag);
    arena_free(p->arena);
}

/* --- the normative file ------------------------------------------------------------------------------------------ */

static struct parsed disk_full(void)
{
    char *text = kit_read("scenarios/disk-full.yaml", NULL);
    struct parsed p = parse("disk-full.yaml", text);
    free(text);
    if (!p.s)
        fail_msg("%s", buf_text(&p.text));
    return p;
}

static void the_normative_file_is_clean(void **state)
{
    (void)state;
    struct parsed p = disk_full();
    assert_string_equal(buf_text(&p.text), "");
    const struct scenario *s = p.s;
    assert_string_equal(s->name, "disk-full");
    assert_non_null(strstr(s->about, "Never touches customer data."));
    assert_int_equal(s->mode, MODE_AUTO);
    assert_int_equal(s->match.keywords.count, 1);
    assert_string_equal(s->match.keywords.items[0], "disk-full");
    assert_int_equal(s->target.sources_count, 2);
    assert_int_equal(s->target.sources[0].kind, SOURCE_KEYWORD);
    assert_string_equal(s->target.sources[0].path[0], "host");
    assert_int_equal(s->target.sources[1].kind, SOURCE_ALERT);
    assert_int_equal(s->target.sources[1].path_count, 2);
    assert_string_equal(s->target.sources[1].path[1], "host");
    assert_int_equal(s->values_count, 1);
    assert_string_equal(s->values[0].name, "mount");
    assert_int_equal(s->values[0].type, VALUE_PATH);
    assert_string_equal(s->values[0].fallback, "/");
    assert_string_equal(judgement_text(s->healthy), "used < 85");
    assert_int_equal(s->give_up_after_ms, 600000);
    assert_int_equal(s->healed, HEALED_RESOLVE);
    assert_int_equal(s->not_healed.level, 2);
    assert_string_equal(s->not_healed.priority, "P2");
    assert_null(s->not_healed.policy);
    assert_string_equal(s->not_healed.say, "Still full; the biggest folders are above.");
    assert_int_equal(s->recurs_count, 3);
    assert_int_equal(s->recurs_within_ms, 86400000);
    done(&p);
}

static void its_steps_are_easy_to_follow(void **state)
{
    (void)state;
    struct parsed p = disk_full();
    static const struct {
        enum step_verb verb;
        const char *title;
        const char *run;
        const char *name, *become;
        int64_t timeout_ms, every_ms, within_ms;
        int check_step, try_index;
    } expected[] = {
        {STEP_CHECK, "disk use in percent", "df -P \"$mount\" | awk 'NR==2{print +$5}'", "used", NULL, 30000, 0, 0, -1, -1},
        {STEP_COLLECT, "biggest folders", "du -xk \"$mount\" 2>/dev/null | sort -n | tail -20", NULL, NULL, 40000, 0, 0, -1, -1},
        {STEP_RECOVER, "rotate logs", "logrotate -f /etc/logrotate.conf", NULL, "root", 120000, 0, 0, -1, 0},
        {STEP_VERIFY, "disk use in percent", "df -P \"$mount\" | awk 'NR==2{print +$5}'", "used", NULL, 30000, 15000, 120000, 0, 0},
        {STEP_RECOVER, "clear package caches", "apt-get clean", NULL, "root", 120000, 0, 0, -1, 1},
        {STEP_VERIFY, "disk use in percent", "df -P \"$mount\" | awk 'NR==2{print +$5}'", "used", NULL, 30000, 0, 0, 0, 1},
    };
    assert_int_equal(p.s->steps_count, 6);
    assert_int_equal(p.s->tries_count, 2);
    for (int i = 0; i < 6; i++) {
        const struct step *s = &p.s->steps[i];
        assert_int_equal(s->index, i);
        assert_int_equal(s->verb, expected[i].verb);
        assert_string_equal(s->title, expected[i].title);
        assert_string_equal(s->run, expected[i].run);
        if (expected[i].name)
            assert_string_equal(s->name, expected[i].name);
        else
            assert_null(s->name);
        if (expected[i].become)
            assert_string_equal(s->become, expected[i].become);
        else
            assert_null(s->become);
        assert_int_equal(s->timeout_ms, expected[i].timeout_ms);
        assert_int_equal(s->every_ms, expected[i].every_ms);
        assert_int_equal(s->within_ms, expected[i].within_ms);
        assert_int_equal(s->check_step, expected[i].check_step);
        assert_int_equal(s->try_index, expected[i].try_index);
        assert_int_equal(s->unsure, UNSURE_VERIFY);
        if (s->verb == STEP_CHECK || s->verb == STEP_VERIFY)
            assert_ptr_equal(s->healthy, p.s->healthy);
    }
    done(&p);
}

/* --- where a run goes -------------------------------------------------------------------------------------------- */

enum { H = JUDGED_HEALTHY, U = JUDGED_UNHEALTHY, C = JUDGED_CANNOT_TELL };

static const char many[] = "scenario: many\n"
                           "match: { keyword: many }\n"
                           "target: { default: web1 }\n"
                           "steps:\n"
                           "  - { check: one, run: a, name: one }\n"                              /* 0 */
                           "  - { collect: early, run: b }\n"                                     /* 1 */
                           "  - { check: two, run: c }\n"                                         /* 2 */
                           "  - { collect: late, run: d, when: one < 5 }\n"                       /* 3 */
                           "  - { recover: first, run: e, when: one < 5 }\n"                      /* 4: try 0 */
                           "  - { collect: between, run: f }\n"                                   /* 5 */
                           "  - { verify: one }\n"                                                /* 6 */
                           "  - { verify: two, within: 1m }\n"                                    /* 7 */
                           "  - { collect: why not, run: g }\n"                                   /* 8: try 1 */
                           "  - { recover: second, run: h }\n"                                    /* 9 */
                           "  - { verify: three, run: i }\n"                                      /* 10 */
                           "  - { collect: at the end, run: j }\n";                               /* 11 */

static void every_verb_and_outcome(void **state)
{
    (void)state;
    static const struct {
        int step, outcome;
        bool sick;
        enum flow_kind kind;
        int to;
    } rows[] = {
        {0, H, false, FLOW_STEP, 1},         {0, U, false, FLOW_STEP, 1},
        {0, C, false, FLOW_CANNOT_TELL, -1}, {0, C, true, FLOW_CANNOT_TELL, -1},
        {1, H, false, FLOW_STEP, 2},         {1, U, false, FLOW_STEP, 2},
        {1, C, false, FLOW_STEP, 2},         {2, H, false, FLOW_SELF_HEALED, -1},
        {2, H, true, FLOW_STEP, 3},          {2, U, false, FLOW_STEP, 3},
        {2, U, true, FLOW_STEP, 3},          {2, C, true, FLOW_CANNOT_TELL, -1},
        {4, H, true, FLOW_STEP, 5},          {4, U, true, FLOW_STEP, 5},
        {4, C, true, FLOW_STEP, 5},          {5, C, true, FLOW_STEP, 6},
        {6, H, true, FLOW_STEP, 7},          {6, U, true, FLOW_STEP, 8},
        {6, C, true, FLOW_CANNOT_TELL, -1},  {7, H, true, FLOW_HEALED, -1},
        {7, U, true, FLOW_STEP, 8},          {7, C, true, FLOW_CANNOT_TELL, -1},
        {8, U, true, FLOW_STEP, 9},          {9, H, true, FLOW_STEP, 10},
        {10, H, true, FLOW_HEALED, -1},      {10, U, true, FLOW_STEP, 11},
        {10, C, true, FLOW_CANNOT_TELL, -1}, {11, H, true, FLOW_NOT_HEALED, -1},
    };
    struct parsed p = parse("many.yaml", many);
    if (!p.s)
        fail_msg("%s", buf_text(&p.text));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct flow f = scenario_after(p.s, rows[i].step, (enum judgement_outcome)rows[i].outcome, rows[i].sick);
        if (f.kind != rows[i].kind || f.step != rows[i].to)
            fail_msg("row %zu: kind %d, step %d", i, f.kind, f.step);
    }
    done(&p);
}

static void gates(void **state)
{
    (void)state;
    static const struct {
        int step, when;
        enum flow_kind kind;
        int to;
    } rows[] = {
        {3, H, FLOW_STEP, 3}, {3, U, FLOW_STEP, 4}, {3, C, FLOW_STEP, 3},
        {4, H, FLOW_STEP, 4}, {4, U, FLOW_STEP, 8}, {4, C, FLOW_CANNOT_TELL, -1},
        {9, U, FLOW_STEP, 11},
    };
    struct parsed p = parse("many.yaml", many);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct flow f = scenario_gate(p.s, rows[i].step, (enum judgement_outcome)rows[i].when);
        if (f.kind != rows[i].kind || f.step != rows[i].to)
            fail_msg("row %zu: kind %d, step %d", i, f.kind, f.step);
    }
    done(&p);
}

/* Whatever happens, a run comes to an end, and only through a healthy verify or only healthy checks to a healing. */
static void walk(const struct scenario *s, int step, bool sick, int depth, bool *seen)
{
    assert_true(depth <= s->steps_count);
    seen[step] = true;
    for (int o = 0; o < JUDGEMENT_OUTCOMES; o++) {
        struct flow f = scenario_after(s, step, (enum judgement_outcome)o, sick);
        enum step_verb verb = s->steps[step].verb;
        if (f.kind == FLOW_HEALED)
            assert_true(verb == STEP_VERIFY && o == H);
        if (f.kind == FLOW_SELF_HEALED)
            assert_true(verb == STEP_CHECK && o == H && !sick);
        if (f.kind != FLOW_STEP)
            continue;
        assert_true(f.step > step);
        walk(s, f.step, sick || (verb == STEP_CHECK && o == U), depth + 1, seen);
    }
}

static void every_way_ends(void **state)
{
    (void)state;
    struct parsed p = parse("many.yaml", many);
    bool seen[12] = {false};
    walk(p.s, 0, false, 1, seen);
    for (int i = 0; i < 12; i++)
        assert_true(seen[i]);
    done(&p);
    p = parse("x.yaml", BASE "  - { recover: b, run: b }\n  - { verify: c, run: d, name: used }\nhealthy: used < 5\n");
    assert_non_null(p.s); /* another script under the check's name, for the same rule */
    done(&p);
    p = disk_full();
    bool seen_disk[6] = {false};
    walk(p.s, 0, false, 1, seen_disk);
    for (int i = 0; i < 6; i++)
        assert_true(seen_disk[i]);
    done(&p);
}

/* --- refusals ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *place; /* "line:column: " */
    const char *says;
} refusals[] = {
    /* the whole */
    {"- a\n", "1:1", "no scenario"},
    {"scenario: y\nmatch: { keyword: x }\ntarget: { default: h }\n" CHECK, "1:11", "both names must be the same"},
    {"match: { keyword: x }\ntarget: { default: h }\n" CHECK, "1:1", "has no \"scenario\""},
    {"scenario: x\ntarget: { default: h }\n" CHECK, "1:1", "has no \"match\""},
    {"scenario: x\nmatch: { keyword: x }\n" CHECK, "1:1", "has no \"target\""},
    {HEAD, "1:1", "has no \"steps\""},
    {HEAD "steps: []\n", "4:8", "at least one step"},
    {BASE "stesp: []\n", "6:1", "did you mean \"steps\"?"},
    {BASE "mode: automatic\n", "6:7", "mode wants shadow"},
    {BASE "mode: autp\n", "6:7", "did you mean \"auto\"?"},
    {BASE "give_up_after: 10\n", "6:16", "no unit"},
    {BASE "give_up_after: 1s\n", "6:16", "at least 10s"},
    {BASE "give_up_by_priority: { P1: 5 }\n", "6:28", "no unit"},
    {BASE "healed: close\n", "6:9", "healed wants resolve"},
    {BASE "recurs: { times: 1 }\n", "6:18", "at least 2"},
    {BASE "not_healed: { hand_over: { level: 0 } }\n", "6:35", "at least 1"},
    {BASE "not_healed: { hand_over: { level: 2, policy: P } }\n", "6:46", "either a level"},
    {BASE "not_healed: { handover: { level: 2 } }\n", "6:15", "did you mean \"hand_over\"?"},
    {BASE "healthy: used <\n", "6:16", "expected a number"},
    {BASE "healthy: uesd < 5\n", "6:10", "did you mean \"used\"?"},
    {BASE "mode: auto\nmode: shadow\n", "7:1", "mode"},
    /* match */
    {"scenario: x\nmatch: { service: s }\ntarget: { default: h }\n" CHECK, "2:8", "needs a keyword or a title"},
    {"scenario: x\nmatch: { keyword: a b }\ntarget: { default: h }\n" CHECK, "2:19", "cannot stand in a token"},
    {"scenario: x\nmatch: { title: ' ' }\ntarget: { default: h }\n" CHECK, "2:17", "fit every title"},
    {"scenario: x\nmatch: { title: [ok, 're:a('] }\ntarget: { default: h }\n" CHECK, "2:22", "wrong at its character"},
    {"scenario: x\nmatch: { title: 're:(?<a>x)\\k<a>' }\ntarget: { default: h }\n" CHECK, "2:17", "back-references"},
    {"scenario: x\nmatch: { title: ok, not: 're:[' }\ntarget: { default: h }\n" CHECK, "2:26", "wrong at its character"},
    {"scenario: x\nmatch: { keyword: { a: b } }\ntarget: { default: h }\n" CHECK, "2:19", "wants"},
    {"scenario: x\nmatch: { keyword: 5 }\ntarget: { default: h }\n" CHECK, "2:19", "write it in quotes"},
    {"scenario: x\nmatch: { keyword: x, priorty: P1 }\ntarget: { default: h }\n" CHECK, "2:22", "did you mean \"priority\"?"},
    {"scenario: x\nmatch: { keyword: x, read: host }\ntarget: { default: h }\n" CHECK, "2:28", "takes patterns only"},
    /* target */
    {"scenario: x\nmatch: { keyword: x }\ntarget: {}\n" CHECK, "3:9", "target needs host"},
    {"scenario: x\nmatch: { keyword: x }\ntarget: { default: 'a b' }\n" CHECK, "3:20", "is no host's name"},
    {"scenario: x\nmatch: { keyword: x }\ntarget: { host: host.bastion }\n" CHECK, "3:17", "target's own variables"},
    {"scenario: x\nmatch: { keyword: x }\ntarget: { host: [keyword.host, alert.detail.h] }\n" CHECK, "3:32",
        "did you mean \"details\"?"},
    {"scenario: x\nmatch: { keyword: x }\ntarget: { host: keywrd.host }\n" CHECK, "3:17", "did you mean \"keyword\"?"},
    {"scenario: x\nmatch: { keyword: x }\ntarget: { host: web1 }\n" CHECK, "3:17", "is no place to look"},
    {"scenario: x\nmatch: { keyword: x }\ntarget: { host: keyword }\n" CHECK, "3:17", "wants one name"},
    {"scenario: x\nmatch: { keyword: x }\ntarget: { host: alert.details }\n" CHECK, "3:17", "needs a name behind"},
    {"scenario: x\nmatch: { keyword: x }\ntarget: { host: alert.details..a }\n" CHECK, "3:17", "up to 16 names"},
    {"scenario: x\nmatch: { keyword: x }\ntarget: { host: alert.source.a }\n" CHECK, "3:17", "only alert.details"},
    {"scenario: x\nmatch: { keyword: x }\ntarget: { host: incident.servce }\n" CHECK, "3:17",
        "did you mean \"service\"?"},
    {"scenario: x\nmatch: { title: boo }\ntarget: { host: keyword.host }\n" CHECK, "3:17", "match has no keyword"},
    {"scenario: x\nmatch: { title: 're:on (?<hots>\\S+)' }\ntarget: { host: title.host }\n" CHECK, "3:17",
        "did you mean \"hots\"?"},
    /* values */
    {BASE "values: { Mount: { type: path, default: / } }\n", "6:11", "shell variable"},
    {BASE "values: { host: { type: host, default: a } }\n", "6:11", "is taken"},
    {BASE "values: { fl_x: { type: word, default: a } }\n", "6:11", "is taken"},
    {BASE "values: { m: { default: / } }\n", "6:14", "has no \"type\""},
    {BASE "values: { m: { type: pth, default: / } }\n", "6:22", "did you mean \"path\"?"},
    {BASE "values: { m: { type: path } }\n", "6:14", "neither from nor default"},
    {BASE "values: { m: { type: path, default: tmp } }\n", "6:37", "is not an absolute path"},
    {BASE "values: { m: { type: int, default: [1] } }\n", "6:36", "wants one value"},
    {BASE "values: { m: { type: word, default: a, one_of: [b, 'c d'] } }\n", "6:52", "is not one word"},
    {BASE "values: { m: { type: word, default: a, one_of: [b] } }\n", "6:37", "none of the values"},
    {BASE "values: { m: { type: word, default: a, least: 3 } }\n", "6:47", "least is for int"},
    {BASE "values: { m: { type: int, default: 5, most: x } }\n", "6:45", "is not a whole number"},
    {BASE "values: { m: { type: int, default: 5, most: 4 } }\n", "6:36", "is more than the most"},
    {BASE "values: { m: { type: int, default: 5, least: 7, most: 4 } }\n", "6:55", "most is smaller"},
    {BASE "values: { m: { type: path, default: /, longest: 9B } }\n", "6:49", "longest is for text"},
    {BASE "values: { m: { type: text, default: abc, longest: 2B } }\n", "6:37", "is too long"},
    /* steps */
    {HEAD "steps:\n  - { run: a }\n", "5:5", "needs a verb"},
    {HEAD "steps:\n  - { chek: a, run: a }\n", "5:7", "did you mean \"check\"?"},
    {HEAD "steps:\n  - { check: a, collect: b, run: a }\n", "5:17", "both check and collect"},
    {HEAD "steps:\n  - { check: a }\n", "5:5", "needs run"},
    {HEAD "steps:\n  - { check: a, run: true }\n", "5:22", "in quotes"},
    {HEAD "steps:\n  - { check: a, run: '' }\n", "5:22", "must not be empty"},
    {HEAD "steps:\n  - check a\n", "5:5", "map"},
    {HEAD "steps:\n  - { check: a, run: a, timeout: 30 }\n", "5:34", "no unit"},
    {HEAD "steps:\n  - { check: a, run: a, timeout: 2h }\n", "5:34", "at most 1h"},
    {HEAD "steps:\n  - { check: a, run: a, unsure: rerun }\n", "5:25", "unsure belongs to recover"},
    {HEAD "steps:\n  - { check: a, run: a, every: 5s }\n", "5:25", "every belongs to verify"},
    {HEAD "steps:\n  - { check: a, run: a, when: b < 5 }\n", "5:25", "when belongs to collect or recover"},
    {HEAD "steps:\n  - { collect: a, run: a, healthy: b < 5 }\n", "5:27", "healthy belongs to check or verify"},
    {HEAD "steps:\n  - { collect: a, run: a, running: end }\n", "5:27", "running belongs to recover"},
    {HEAD "steps:\n  - { check: a, run: a, name: status }\n", "5:31", "take another name"},
    {HEAD "steps:\n  - { check: a, run: a, name: Used }\n", "5:31", "a step's name has"},
    {HEAD "steps:\n  - { check: a, run: a, name: u }\n  - { check: b, run: b, name: u }\n", "6:31", "is named \"u\" already"},
    {HEAD "steps:\n  - { check: a, run: a, on: 'a b' }\n", "5:29", "is no host's name"},
    {HEAD "steps:\n  - { check: a, run: a, on: $other }\n", "5:29", "there is no value \"other\""},
    {HEAD "values: { o: { type: word, default: a } }\nsteps:\n  - { check: a, run: a, on: $o }\n", "6:29", "of type host"},
    {HEAD "steps:\n  - { check: a, run: a, healthy: 85 > x }\n", "5:34", "is no name"},
    {HEAD "steps:\n  - { check: a, run: a, healthy: x < 5 }\n", "5:34", "no step before"},
    {BASE "  - { collect: b, run: b, when: result == ok }\n", "6:33", "no result yet"},
    {BASE "  - { collect: b, run: b, when: b < 5 }\n", "6:33", "no step before"},
    {BASE "  - { recover: b, run: b }\n", "6:5", "needs a verify"},
    {BASE "  - { recover: b, run: b }\n  - { recover: c, run: c }\n  - { verify: c }\n", "6:5", "needs a verify"},
    {BASE "  - { verify: c }\n", "6:5", "stands behind a recover"},
    {BASE "  - { recover: b, run: b }\n  - { verify: c }\n  - { check: d, run: d }\n", "8:5", "before the first recover"},
    {HEAD "steps:\n  - { recover: b, run: b }\n  - { verify: c, run: c }\n", "5:5", "needs a check before"},
    {HEAD "steps:\n  - { recover: b, run: b }\n  - { verify: c }\n", "6:5", "no check before it"},
    {BASE "  - { check: d, run: d }\n  - { recover: b, run: b }\n  - { verify: e }\n", "8:5", "several checks"},
    {BASE "  - { recover: b, run: b }\n  - { verify: c, become: root }\n", "7:18", "check's own become"},
    {BASE "  - { recover: b, run: b }\n  - { verify: c, run: d }\nhealthy: used < 5\n", "7:5", "what was found before"},
    {BASE "  - { recover: b, run: b }\n  - { verify: c, every: 5s }\n", "7:25", "every needs within"},
    {BASE "  - { recover: b, run: b, unsure: never }\n  - { verify: c }\n", "6:35", "unsure wants verify"},
};

static void refusals_have_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct parsed p = parse("x.yaml", refusals[i].text);
        char place[40];
        (void)snprintf(place, sizeof place, "x.yaml:%s: error: ", refusals[i].place);
        const char *at = strstr(buf_text(&p.text), place);
        const char *end = at ? strchr(at, '\n') : NULL;
        const char *says = at ? strstr(at, refusals[i].says) : NULL;
        if (p.s || !says || (end && says > end))
            fail_msg("row %zu: wanted %s %s\n%s\n%s", i, refusals[i].place, refusals[i].says, refusals[i].text,
                buf_text(&p.text));
        done(&p);
    }
}

static void all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    struct parsed p = parse("x.yaml", "scenario: y\nmatch: { keyword: a b }\ntarget: { host: nowhere }\n"
                                      "values: { m: { type: path } }\nhealthy: used <\nsteps:\n  - { check: a }\n"
                                      "  - { recover: b, run: c, every: 5s }\n");
    assert_null(p.s);
    assert_int_equal(diag_errors(p.diag), 7);
    done(&p);
}

static void warnings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {HEAD "values: { m: { type: path, default: / } }\n" CHECK, "no script reads $m"},
        {HEAD "values: { m: { type: path, default: / } }\nsteps:\n  - { check: a, run: 'ls $mx' }\n", "no script reads $m"},
        {BASE "mode: approve\n", "behaves like shadow"},
        {BASE "  - { check: b, run: b, healthy: used < 5 }\n", "does not read what it prints itself"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parsed p = parse("x.yaml", rows[i].text);
        assert_non_null(p.s);
        assert_int_equal(diag_warnings(p.diag), 1);
        assert_non_null(strstr(buf_text(&p.text), rows[i].says));
        done(&p);
    }
    struct parsed p = parse("x.yaml", HEAD "values: { m: { type: path, default: / } }\nsteps:\n  - { check: a, run: 'ls ${m}x' }\n");
    assert_string_equal(buf_text(&p.text), "");
    done(&p);
}

static void more_of_the_form(void **state)
{
    (void)state;
    struct parsed p = parse("full.yaml",
        "scenario: full\n"
        "match:\n"
        "  keyword: [full, voll]\n"
        "  title: [disk full, 're:(?<fs>/\\S*) is full', plattenplatz]\n"
        "  not: ['re:^\\[test\\]', backup]\n"
        "  service: shop\n"
        "  priority: [P1, P2]\n"
        "  customer: acme\n"
        "target: { host: [title.fs, incident.service, alert.source], default: bastion }\n"
        "values:\n"
        "  n: { type: int, from: alert.details.count, default: 80, least: 1, most: 90 }\n"
        "  t: { type: duration, default: 90s, least: 1s, most: 5m }\n"
        "  pair: { type: host, from: [host.standby] }\n"
        "  unit: { type: word, default: nginx, one_of: [nginx, apache2] }\n"
        "steps:\n"
        "  - check: a\n"
        "    run: |\n"
        "      echo \"$n $t\"\n"
        "      true $unit\n"
        "    on: $pair\n"
        "  - { recover: b, run: b, unsure: hand_over, running: end, timeout: 5m, become: app }\n"
        "  - { verify: b, run: c, healthy: status == 0 and result contains ok, within: 1m, on: other-1 }\n"
        "give_up_after: 20m\n"
        "give_up_by_priority: { P1: 5m }\n"
        "recurs: { times: 5, within: 2h }\n");
    if (!p.s)
        fail_msg("%s", buf_text(&p.text));
    assert_string_equal(buf_text(&p.text), "");
    const struct scenario *s = p.s;
    assert_int_equal(s->mode, MODE_SHADOW);
    assert_int_equal(s->match.phrases.count, 2);
    assert_int_equal(s->match.patterns.count, 1);
    assert_int_equal(s->match.not_phrases.count, 1);
    assert_int_equal(s->match.not_patterns.count, 1);
    assert_string_equal(s->target.fallback, "bastion");
    assert_int_equal(s->values[0].least, 1);
    assert_int_equal(s->values[0].most, 90);
    assert_string_equal(s->values[0].fallback, "80");
    assert_int_equal(s->values[1].most, 300000);
    assert_string_equal(s->values[1].fallback, "90");
    assert_string_equal(s->steps[0].on_value, "pair");
    assert_int_equal(s->steps[1].unsure, UNSURE_HAND_OVER);
    assert_int_equal(s->steps[1].running, RUNNING_END);
    assert_string_equal(s->steps[2].on_host, "other-1");
    assert_int_equal(s->steps[2].every_ms, 10000);
    assert_int_equal(scenario_give_up_after_ms(s, "P1"), 300000);
    assert_int_equal(scenario_give_up_after_ms(s, "P2"), 1200000);
    assert_int_equal(scenario_give_up_after_ms(s, NULL), 1200000);
    assert_int_equal(s->recurs_count, 5);
    done(&p);
}

/* Every point at which memory can run out ends with a diagnostic, never with half a scenario. */
static void little_memory_is_survived(void **state)
{
    (void)state;
    char *text = kit_read("scenarios/disk-full.yaml", NULL);
    bool whole = false;
    for (size_t bytes = 0; !whole; bytes += 256) {
        struct arena *a = arena_new(bytes);
        struct diag *d = diag_new();
        struct yaml_node *root = yaml_parse(a, "disk-full.yaml", text, strlen(text), YAML_BYTES_MAX, YAML_NODES_MAX, d);
        whole = root && scenario_parse(a, root, "disk-full", d) != NULL;
        assert_true(whole == (diag_errors(d) == 0));
        assert_true(bytes < ARENA_BYTES);
        diag_free(d);
        arena_free(a);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_normative_file_is_clean),
        cmocka_unit_test(its_steps_are_easy_to_follow),
        cmocka_unit_test(every_verb_and_outcome),
        cmocka_unit_test(gates),
        cmocka_unit_test(every_way_ends),
        cmocka_unit_test(refusals_have_their_place),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(warnings),
        cmocka_unit_test(more_of_the_form),
        cmocka_unit_test(little_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
