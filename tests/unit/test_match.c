/* SPDX-License-Identifier: MIT
 * Which scenario a title takes, and sets of scenarios: order, hash, storing. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/match.h"
#include "executor/match_index.h"
#include "lib/base/limits.h"
#include "tests/unit/match_made.h"

/* In this order. */
static struct made usual(void)
{
    struct made m = begin();
    add(&m, "order", "order: [shop, p1-only, acme, guarded, disk-full, words, pattern, two-ways, japanese]\n");
    add(&m, "shop", "{ keyword: disk-full, service: [shop, PSHOP01] }");
    add(&m, "p1-only", "{ keyword: disk-full, priority: P1 }");
    add(&m, "acme", "{ keyword: disk-full, customer: Acme }");
    add(&m, "guarded", "{ keyword: guarded, not: [backup, 're:^\\[test\\]'] }");
    add(&m, "disk-full", "{ keyword: [disk-full, fs-full] }");
    add(&m, "words", "{ title: [No Space  Left, oom-killer], not: 're:on (?:db|cache)-\\d+' }");
    add(&m, "pattern", "{ title: 're:filesystem (?<mount>/\\S*) on (?<host>[a-z0-9.-]+) is (?<used>\\d+)%' }");
    add(&m, "two-ways", "{ keyword: restart, title: 're:unit (?<unit>[\\w@.-]+) (failed|stopped)', read: 're:on (?<host>\\S+)$' }");
    add(&m, "japanese", "{ title: [ディスク容量不足, 're:空き容量が(?<percent>\\d+)%未満'] }");
    make(&m, NULL);
    if (!m.set)
        fail_msg("%s", buf_text(&m.text));
    assert_string_equal(buf_text(&m.text), "");
    return m;
}

static const struct {
    const char *title;
    const char *expected; /* NULL: none */
    const char *pairs;    /* inline values, then groups: "mount=/var; host=a" */
    const char *service_id, *service, *priority, *customer;
} rows[] = {
    {"[AMS:disk-full] web1", "disk-full", "", 0, 0, 0, 0},
    {"web1 [AMS:disk-full]", "disk-full", "", 0, 0, 0, 0},
    {"[AMS:DISK-FULL] web1", "disk-full", "", 0, 0, 0, 0},
    {"[A9:fs-full]", "disk-full", "", 0, 0, 0, 0},
    {"[AMS: disk-full ]", "disk-full", "", 0, 0, 0, 0},
    {"［ＡＭＳ：ｄｉｓｋ－ｆｕｌｌ］", "disk-full", "", 0, 0, 0, 0},
    {"［ＡＭＳ：ｄｉｓｋ－ｆｕｌｌ　ｍｏｕｎｔ＝／Ｖａｒ］", "disk-full", "mount=/Var", 0, 0, 0, 0},
    {"[ams:disk-full]", NULL, "", 0, 0, 0, 0},
    {"AMS:disk-full", NULL, "", 0, 0, 0, 0},
    {"[AMS:disk-full", NULL, "", 0, 0, 0, 0},
    {"[AMS:disk-fuller]", NULL, "", 0, 0, 0, 0},
    {"[AMS:]", NULL, "", 0, 0, 0, 0},
    {"disk-full", NULL, "", 0, 0, 0, 0},
    {"", NULL, "", 0, 0, 0, 0},
    /* inline values */
    {"[AMS:disk-full mount=/var host=Web-1]", "disk-full", "mount=/var; host=Web-1", 0, 0, 0, 0},
    {"[AMS:disk-full note=\"two ] words\" x=1]", "disk-full", "note=two ] words; x=1", 0, 0, 0, 0},
    {"[AMS:disk-full  a=1   a=1 ]", "disk-full", "a=1", 0, 0, 0, 0},
    {"[AMS:disk-full a=1 a=2 b=3]", "disk-full", "b=3", 0, 0, 0, 0},
    {"[AMS:disk-full oops b=3]", "disk-full", "b=3", 0, 0, 0, 0},
    {"[AMS:disk-full a= b=3]", "disk-full", "a=; b=3", 0, 0, 0, 0},
    {"[AMS:disk-full b=\"x\"y c=1]", "disk-full", "c=1", 0, 0, 0, 0},
    {"[AMS:disk-full a=x=y]", "disk-full", "a=x=y", 0, 0, 0, 0},
    /* several tokens: the set's order decides, and the token that matched has the values */
    {"[AMS:other a=1][AMS:disk-full a=2]", "disk-full", "a=2", 0, 0, 0, 0},
    {"[AMS:restart a=1] [AMS:disk-full a=2]", "disk-full", "a=2", 0, 0, 0, 0},
    /* filters */
    {"[AMS:disk-full]", "shop", "", 0, "Shop", 0, 0},
    {"[AMS:disk-full]", "shop", "", "PSHOP01", "renamed", 0, 0},
    {"[AMS:disk-full]", "disk-full", "", "POTHER1", "other", 0, 0},
    {"[AMS:disk-full]", "p1-only", "", 0, "other", "P1", 0},
    {"[AMS:disk-full]", "p1-only", "", 0, 0, "P1", "acme"},
    {"[AMS:disk-full]", "acme", "", 0, 0, "P2", "ACME"},
    /* not */
    {"[AMS:guarded] web1", "guarded", "", 0, 0, 0, 0},
    {"[AMS:guarded] BackUp volume", NULL, "", 0, 0, 0, 0},
    {"[TEST] [AMS:guarded] web1", NULL, "", 0, 0, 0, 0},
    {"no space left on web-1", "words", "", 0, 0, 0, 0},
    {"no space left on DB-1 today", NULL, "", 0, 0, 0, 0},
    /* phrases */
    {"NO  SPACE\tLEFT", "words", "", 0, 0, 0, 0},
    {"no\xe3\x80\x80space\xc2\xa0left", "words", "", 0, 0, 0, 0},
    {"no-space-left", NULL, "", 0, 0, 0, 0},
    {"ＯＯＭ－ｋｉｌｌｅｒ woke up", "words", "", 0, 0, 0, 0},
    {"障害: ディスク容量不足 (web1)", "japanese", "", 0, 0, 0, 0},
    {"障害: ﾃﾞｨｽｸ容量不足 (web1)", "japanese", "", 0, 0, 0, 0},
    /* patterns: groups keep their case */
    {"Filesystem /Var/Log on WEB-1.example is 97% full", "pattern", "mount=/Var/Log; host=WEB-1.example; used=97", 0, 0, 0, 0},
    {"filesystem /var on web1 is full", NULL, "", 0, 0, 0, 0},
    {"空き容量が５％未満", "japanese", "percent=5", 0, 0, 0, 0},
    /* groups of all patterns, also where a keyword decided */
    {"[AMS:restart] unit nginx.service failed on web1", "two-ways", "unit=nginx.service; host=web1", 0, 0, 0, 0},
    {"unit nginx.service stopped", "two-ways", "unit=nginx.service", 0, 0, 0, 0},
    {"[AMS:restart]", "two-ways", "", 0, 0, 0, 0},
    {"something on web1", NULL, "", 0, 0, 0, 0},
    /* broken input */
    {"[AMS:disk-full a=\xff\xfe b=1]", "disk-full", "a=\xef\xbf\xbd\xef\xbf\xbd; b=1", 0, 0, 0, 0},
    {"\xff\xff [AMS:disk-full]", "disk-full", "", 0, 0, 0, 0},
    {"\xe2\x80\x8b[AMS:di\xc2\xadsk-full]", "disk-full", "", 0, 0, 0, 0},
};

static void pairs_text(const struct match_result *r, char *out, size_t bytes)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < r->inline_count; i++)
        n += (size_t)snprintf(out + n, bytes - n, "%s%s=%s", n ? "; " : "", r->inline_values[i].name, r->inline_values[i].text);
    for (int i = 0; i < r->groups_count; i++)
        n += (size_t)snprintf(out + n, bytes - n, "%s%s=%s", n ? "; " : "", r->groups[i].name, r->groups[i].text);
}

static void ignore(void *owner, const struct scenario *s, bool taken, const char *reason)
{
    (void)s;
    assert_true(reason[0] != '\0');
    *(int *)owner += taken ? 100 : 1;
}

static void titles(void **state)
{
    (void)state;
    struct made m = usual();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct match_subject subject = {rows[i].title, rows[i].service_id, rows[i].service, rows[i].priority, rows[i].customer};
        struct match_result r, slow;
        struct error err = {0};
        char pairs[300];
        assert_int_equal(match_title(m.set, &subject, a, &r, &err), 0);
        pairs_text(&r, pairs, sizeof pairs);
        const char *got = r.scenario ? r.scenario->name : "none";
        if (strcmp(got, rows[i].expected ? rows[i].expected : "none") != 0 || strcmp(pairs, rows[i].pairs) != 0)
            fail_msg("row %zu: %s: %s {%s}", i, rows[i].title, got, pairs);
        int told = 0;
        assert_int_equal(match_explain(m.set, &subject, a, ignore, &told, &slow, &err), 0);
        assert_ptr_equal(slow.scenario, r.scenario); /* the index loses nothing */
        assert_int_equal(told, r.scenario ? 100 + r.scenario->index : scenario_set_count(m.set));
        arena_free(a);
    }
    done(&m);
}

struct heard {
    char text[2000];
};

static void hear(void *owner, const struct scenario *s, bool taken, const char *reason)
{
    struct heard *h = owner;
    size_t n = strlen(h->text);
    (void)snprintf(h->text + n, sizeof h->text - n, "%s%s: %s\n", taken ? "* " : "", s->name, reason);
}

static void reasons(void **state)
{
    (void)state;
    struct made m = usual();
    struct arena *a = arena_new(ARENA_BYTES);
    struct heard h = {""};
    struct match_result r;
    struct match_subject subject = {.title = "[AMS:restart] backup", .service_name = "shop"};
    assert_int_equal(match_explain(m.set, &subject, a, hear, &h, &r, NULL), 0);
    assert_string_equal(h.text,
        "shop: its keyword disk-full is not the title's (restart)\n"
        "p1-only: its keyword disk-full is not the title's (restart)\n"
        "acme: its keyword disk-full is not the title's (restart)\n"
        "guarded: its keyword guarded is not the title's (restart)\n"
        "disk-full: its keyword disk-full, fs-full is not the title's (restart)\n"
        "words: none of its 2 phrases and patterns is in the title\n"
        "pattern: none of its 1 phrases and patterns is in the title\n"
        "* two-ways: the keyword restart is in the title\n");
    h.text[0] = '\0';
    subject = (struct match_subject){.title = "[AMS:disk-full]", .service_name = "db", .priority = "P2", .customer = "beta"};
    assert_int_equal(match_explain(m.set, &subject, a, hear, &h, &r, NULL), 0);
    assert_string_equal(h.text,
        "shop: it is for the service shop, PSHOP01, not for db\n"
        "p1-only: it is for priority P1, not for P2\n"
        "acme: it is for the customer Acme, not for beta\n"
        "guarded: its keyword guarded is not the title's (disk-full)\n"
        "* disk-full: the keyword disk-full is in the title\n");
    h.text[0] = '\0';
    subject = (struct match_subject){.title = "[AMS:guarded] backup"};
    assert_int_equal(match_explain(m.set, &subject, a, hear, &h, &r, NULL), 0);
    assert_non_null(strstr(h.text, "guarded: its not \"backup\" is in the title\n"));
    assert_null(r.scenario);
    assert_string_equal(r.keyword_seen, "guarded");
    arena_free(a);
    done(&m);
}

static void a_token_pattern_of_ones_own(void **state)
{
    (void)state;
    struct made m = begin();
    add(&m, "a", "{ keyword: disk-full }");
    make(&m, "<<(?<keyword>[a-z-]+)>>");
    assert_non_null(m.set);
    struct arena *a = arena_new(ARENA_BYTES);
    struct match_result r;
    assert_int_equal(match_title(m.set, &(struct match_subject){.title = "x <<disk-full>>"}, a, &r, NULL), 0);
    assert_non_null(r.scenario);
    assert_int_equal(match_title(m.set, &(struct match_subject){.title = "[AMS:disk-full]"}, a, &r, NULL), 0);
    assert_null(r.scenario);
    arena_free(a);
    done(&m);
    static const char *const bad[] = {"(", "\\[(?<word>.)\\]"};
    for (int i = 0; i < 2; i++) {
        m = begin();
        add(&m, "a", "{ keyword: disk-full }");
        make(&m, bad[i]);
        assert_null(m.set);
        assert_non_null(strstr(buf_text(&m.text), "token pattern"));
        done(&m);
    }
}

/* A hostile title on a careless pattern: stopped by its limits, told, and left alone. */
static void a_pattern_cannot_take_long(void **state)
{
    (void)state;
    struct made m = begin();
    add(&m, "a", "{ title: 're:aaa.*(a+)+(b+)+$' }");
    add(&m, "b", "{ title: aaa, not: 're:(?:a|aa)+!$' }");
    make(&m, NULL);
    if (!m.set)
        fail_msg("%s", buf_text(&m.text));
    char title[5000];
    memset(title, 'a', sizeof title);
    memcpy(title + 900, "!b?", 4);
    struct arena *a = arena_new(ARENA_BYTES);
    struct match_result r;
    assert_int_equal(match_title(m.set, &(struct match_subject){.title = title}, a, &r, NULL), 0);
    assert_true(r.patterns_stopped >= 1);
    assert_null(r.scenario); /* not even b: whether its `not` holds could not be told */
    arena_free(a);
    done(&m);
}

/* --- sets -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *order; /* of order.yaml, NULL: none */
    const char *says;  /* a part of the diagnostics; NULL: it is fine */
    bool fine;
} orders[] = {
    {"order: [b, a]\n", NULL, true},
    {NULL, "the keyword \"x\" is also that of a, which goes first", true},
    {"order: [b]\n", "a.yaml:1:1: error: the scenario \"a\" is missing in order.yaml", false},
    {"order: [b, a, c]\n", "order.yaml:1:15: error: there is no scenario \"c\"", false},
    {"order: [b, a, b]\n", "order.yaml:1:15: error: \"b\" stands here twice", false},
    {"ordr: [b, a]\n", "did you mean \"order\"?", false},
    {"order: b\n", "order", false},
    {"", "no order", false},
};

static void order_is_explicit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct made m = begin();
        add(&m, "a", "{ keyword: x }");
        add(&m, "b", "{ keyword: x }");
        if (orders[i].order)
            assert_int_equal(pack_add(m.pack, "order.yaml", orders[i].order, strlen(orders[i].order), NULL), 0);
        make(&m, NULL);
        bool said = !orders[i].says || strstr(buf_text(&m.text), orders[i].says);
        if ((m.set != NULL) != orders[i].fine || !said)
            fail_msg("row %zu: %s", i, buf_text(&m.text));
        if (m.set) {
            assert_string_equal(scenario_set_at(m.set, 0)->name, orders[i].order ? "b" : "a");
            assert_int_equal(scenario_set_find(m.set, "a")->index, orders[i].order ? 1 : 0);
            assert_null(scenario_set_find(m.set, "c"));
            assert_null(scenario_set_at(m.set, 2));
        }
        done(&m);
    }
}

static void a_name_is_unique_over_folders(void **state)
{
    (void)state;
    struct made m = begin();
    const char *text = "scenario: a\nmatch: { keyword: x }\n" REST;
    assert_int_equal(pack_add(m.pack, "web/a.yaml", text, strlen(text), NULL), 0);
    assert_int_equal(pack_add(m.pack, "db/a.yaml", text, strlen(text), NULL), 0);
    make(&m, NULL);
    assert_null(m.set);
    assert_non_null(strstr(buf_text(&m.text), "the name \"a\" is that of"));
    done(&m);
}

static void stored_and_read_again(void **state)
{
    (void)state;
    struct made m = usual();
    struct buf bytes;
    buf_init(&bytes, SCENARIO_SET_BYTES_MAX);
    struct error err = {0};
    assert_int_equal(scenario_set_pack(m.set, &bytes, &err), 0);
    struct scenario_set *again = scenario_set_unpack(bytes.data, bytes.bytes, NULL, &err);
    assert_non_null(again);
    assert_string_equal(scenario_set_hash(again), scenario_set_hash(m.set));
    assert_int_equal(strlen(scenario_set_hash(again)), 64);
    assert_int_equal(scenario_set_count(again), scenario_set_count(m.set));
    for (int i = 0; i < scenario_set_count(again); i++)
        assert_string_equal(scenario_set_at(again, i)->name, scenario_set_at(m.set, i)->name);
    assert_ptr_equal(scenario_set_hold(again), again);
    scenario_set_free(again);
    assert_int_equal(scenario_set_count(again), scenario_set_count(m.set));
    scenario_set_free(again);
    for (size_t cut = 0; cut < bytes.bytes; cut += 37) {
        err = (struct error){0};
        struct scenario_set *part = scenario_set_unpack(bytes.data, cut, NULL, &err);
        if (part) /* cut between two files: another set, which its hash tells */
            assert_string_not_equal(scenario_set_hash(part), scenario_set_hash(m.set));
        else
            assert_int_equal(err.kind, ERROR_INPUT);
        scenario_set_free(part);
    }
    buf_done(&bytes);
    done(&m);
}

static void another_content_has_another_hash(void **state)
{
    (void)state;
    struct made m = begin(), n = begin();
    add(&m, "a", "{ keyword: x }");
    add(&n, "a", "{ keyword: y }");
    make(&m, NULL);
    make(&n, NULL);
    assert_string_not_equal(scenario_set_hash(m.set), scenario_set_hash(n.set));
    done(&m);
    done(&n);
}

static void the_shipped_scenarios_are_clean(void **state)
{
    (void)state;
    struct made m = begin();
    m.set = scenario_set_load("scenarios", NULL, m.diag);
    diag_print(m.diag, DIAG_TEXT, false, &m.text);
    assert_string_equal(buf_text(&m.text), "");
    assert_non_null(m.set);
    assert_non_null(scenario_set_find(m.set, "disk-full"));
    done(&m);
    m = begin();
    m.set = scenario_set_load("scenarios-that-are-not-there", NULL, m.diag);
    assert_null(m.set);
    assert_int_equal(diag_errors(m.diag), 1);
    done(&m);
}

static void an_empty_set_matches_nothing(void **state)
{
    (void)state;
    struct made m = begin();
    make(&m, NULL);
    assert_non_null(m.set);
    struct arena *a = arena_new(ARENA_BYTES);
    struct match_result r;
    assert_int_equal(match_title(m.set, &(struct match_subject){.title = "[AMS:x]"}, a, &r, NULL), 0);
    assert_null(r.scenario);
    arena_free(a);
    done(&m);
}

/* Many scenarios: the same answer as without the index. */
static void many_scenarios(void **state)
{
    (void)state;
    struct made m = begin();
    for (int i = 0; i < 600; i++) {
        char name[20], match[200];
        (void)snprintf(name, sizeof name, "s-%03d", i);
        (void)snprintf(match, sizeof match,
            i % 3 == 0   ? "{ keyword: key-%d }"
            : i % 3 == 1 ? "{ title: 'phrase %d.' }"
                         : "{ title: 're:pool-%d\\s+(?<host>\\S+) (down|dead)' }",
            i);
        add(&m, name, match);
    }
    make(&m, NULL);
    if (!m.set)
        fail_msg("%s", buf_text(&m.text));
    struct arena *a = arena_new(ARENA_BYTES);
    for (int i = 0; i < 600; i++) {
        char title[100];
        (void)snprintf(title, sizeof title,
            i % 3 == 0   ? "x [AMS:key-%d]"
            : i % 3 == 1 ? "a PHRASE %d. b"
                         : "POOL-%d  web1 dead",
            i);
        struct match_result r;
        assert_int_equal(match_title(m.set, &(struct match_subject){.title = title}, a, &r, NULL), 0);
        assert_non_null(r.scenario);
        assert_int_equal(r.scenario->index, i);
    }
    arena_free(a);
    done(&m);
}

static void too_many_patterns_without_a_word(void **state)
{
    (void)state;
    struct made m = begin();
    for (int i = 0; i < MATCH_ALWAYS_MAX; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "s-%03d", i);
        add(&m, name, "{ title: 're:\\d+ x' }");
    }
    make(&m, NULL);
    assert_non_null(m.set);
    assert_int_equal(diag_warnings(m.diag), MATCH_ALWAYS_MAX);
    done(&m);
    m = begin();
    for (int i = 0; i <= MATCH_ALWAYS_MAX; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "s-%03d", i);
        add(&m, name, "{ title: 're:\\d+ x' }");
    }
    make(&m, NULL);
    assert_null(m.set);
    assert_non_null(strstr(buf_text(&m.text), "more than 100 scenarios"));
    done(&m);
}

/* --- literals ---------------------------------------------------------------------------------------------------- */

static void note_literal(void *owner, const char *literal, size_t bytes)
{
    struct heard *h = owner;
    size_t n = strlen(h->text);
    (void)snprintf(h->text + n, sizeof h->text - n, "<%.*s>", (int)bytes, literal);
}

static void literals(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *expected;
        int count;
    } cases[] = {
        {"disk full", "<disk full>", 1},
        {"^disk (full|space)$", "<disk >", 1},
        {"a(bcd)efgh", "<efgh>", 1},
        {"disk|memory", "<disk><memory>", 2},
        {"disk|me", "<disk>", 0},
        {"disks?x", "<disk>", 1},
        {"disk*", "<dis>", 1},
        {"disk+x", "<disk>", 1},
        {"dis{2}kabc", "<kabc>", 1},
        {"dis{x|kabc", "<dis><kabc>", 2},
        {"a\\.b\\/c\\d+xx", "<a.b/c>", 1},
        {"[abc]]def", "<]def>", 1},
        {"[]a]xyz", "<xyz>", 1},
        {"[[:alpha:]]xyz", "<xyz>", 1},
        {"[\\]]xyz", "<xyz>", 1},
        {"(a(b)[)]c)xyz", "<xyz>", 1},
        {"(?i)Disk", "<Disk>", 1},
        {"\\x{41}bcd", "<bcd>", 1},
        {"\\p{Lu}bcd", "<bcd>", 1},
        {"\\d{2|x}abc", "", 0},
        {"空き", "<空き>", 1},
        {"空き?容量", "<容量>", 1},
        {"\\é\\éa", "<ééa>", 1},
        {".*", "", 0},
        {"ab", "", 0},
        {"(abc)", "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heard h = {""};
        int count = match_literals(cases[i].pattern, note_literal, &h);
        if (count != cases[i].count || (cases[i].expected[0] && strcmp(h.text, cases[i].expected) != 0))
            fail_msg("%s: %d %s", cases[i].pattern, count, h.text);
    }
}

static void index_finds_every_literal(void **state)
{
    (void)state;
    static const char *const words[] = {"she", "he", "hers", "his", "s", "rshe"};
    struct match_index *x = match_index_new(70);
    for (int i = 0; i < 6; i++)
        assert_int_equal(match_index_add(x, words[i], strlen(words[i]), i * 13), 0);
    match_index_add_always(x, 69);
    assert_int_equal(match_index_finish(x), 0);
    static const char *const titles_[] = {"ushers", "shis", "rshers", "xyz", "", "heheshehersrshe"};
    for (int t = 0; t < 6; t++) {
        uint64_t bits[2], seen = UINT64_MAX;
        assert_int_equal(match_index_seen_words(x), 1);
        match_index_find(x, titles_[t], strlen(titles_[t]), &seen, bits);
        for (int i = 0; i < 6; i++)
            assert_int_equal((bits[i * 13 / 64] >> (i * 13 % 64)) & 1, strstr(titles_[t], words[i]) != NULL);
        assert_int_equal((bits[1] >> 5) & 1, 1);
    }
    match_index_free(x);
}

/* A state with more children than are looked through has a table; and a literal counts once however often it stands there. */
static void index_with_many_children(void **state)
{
    (void)state;
    struct match_index *x = match_index_new(256);
    for (int i = 1; i < 256; i++) {
        char word[] = {'a', (char)i, 'z'};
        assert_int_equal(match_index_add(x, word, sizeof word, i), 0);
    }
    assert_int_equal(match_index_finish(x), 0);
    uint64_t bits[4], seen[4];
    assert_int_equal(match_index_seen_words(x), 4);
    for (int i = 1; i < 256; i++) {
        char title[] = {'b', 'a', (char)i, 'z', 'a', (char)i, 'z', 'a', (char)i, 'y'};
        assert_int_equal(match_index_find(x, title, sizeof title, seen, bits), 1);
        for (int k = 0; k < 4; k++)
            assert_true(bits[k] == (i / 64 == k ? UINT64_C(1) << (i % 64) : 0));
    }
    match_index_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(titles),
        cmocka_unit_test(reasons),
        cmocka_unit_test(a_token_pattern_of_ones_own),
        cmocka_unit_test(a_pattern_cannot_take_long),
        cmocka_unit_test(order_is_explicit),
        cmocka_unit_test(a_name_is_unique_over_folders),
        cmocka_unit_test(stored_and_read_again),
        cmocka_unit_test(another_content_has_another_hash),
        cmocka_unit_test(the_shipped_scenarios_are_clean),
        cmocka_unit_test(an_empty_set_matches_nothing),
        cmocka_unit_test(many_scenarios),
        cmocka_unit_test(too_many_patterns_without_a_word),
        cmocka_unit_test(literals),
        cmocka_unit_test(index_finds_every_literal),
        cmocka_unit_test(index_with_many_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
