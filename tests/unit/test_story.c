/* SPDX-License-Identifier: MIT
 * Notes, reasons and titles: every ending in both languages against files in tests/golden/story (FIRSTLINE_GOLDEN=write
 * writes them anew), the table of sentences, hostile text, titles. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/quantity.h"
#include "executor/run_phases.h"
#include "executor/story_evidence.h"
#include "executor/story_texts.h"
#include "executor/values.h"
#include "executor/wrapper.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])
#define FOLDER "tests/golden/story/"

/* --- stories ------------------------------------------------------------------------------------------------------ */

static const char *const codes[LANGUAGES] = {"en", "ja"};

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_int_equal(clock_wall_parse(text, &ms), 0);
    return ms;
}

#define FOLDERS "120\t/var/cache/apt\n345\t/var/log/nginx\n9876\t/var/log\n"
#define FULL(language) ((language) == LANGUAGE_JA ? "97（正常: < 85）" : "97, healthy is < 85")
#define FINE(language) ((language) == LANGUAGE_JA ? "41（正常: < 85）" : "41, healthy is < 85")

static struct story_step step(enum step_verb verb, const char *title, const char *when)
{
    bool judged = verb == STEP_CHECK || verb == STEP_VERIFY;
    return (struct story_step){.verb = verb, .title = title, .host = "web-1", .become = verb == STEP_RECOVER ? "root" : "",
        .login = "ops", .ended = true, .why = "", .status = 0, .signal = "", .output = judged ? "97\n" : "", .took_ms = 240,
        .started_wall_ms = at(when)};
}

static const struct value values[] = {{"mount", "/var", "keyword.mount"}};

static struct story story(enum policy_language language, enum ending ending, enum ending_reason reason)
{
    return (struct story){.language = language, .time_zone = "Asia/Tokyo", .node = "osaka-1", .region = "osaka",
        .run = "5e6f7a8b-1111-4222-8333-444455556666", .scenario = "disk-full",
        .about = "A filesystem fills up. Rotates logs, then clears package caches.", .mode = MODE_AUTO, .customer = "acme",
        .host = "web-1", .title = "[AMS:disk-full mount=/var] web-1", .service = "acme web",
        .set_hash = "1a2b3c4d5e6f", .values = values, .values_count = 1, .taken_from = "",
        .opened_wall_ms = at("2026-11-22T03:03:01Z"), .now_wall_ms = at("2026-11-22T03:05:10Z"), .ending = ending,
        .reason = reason, .details = {"", "", "", ""}, .say = "Still full; the biggest folders are above."};
}

/* check, collect, recover, two looks of one verify; healed or not */
static int tried(enum policy_language language, bool healed, struct story_step out[5])
{
    out[0] = step(STEP_CHECK, "disk use in percent", "2026-11-22T03:03:03.4Z");
    out[0].outcome = JUDGED_UNHEALTHY;
    out[0].why = FULL(language);
    out[1] = step(STEP_COLLECT, "biggest folders", "2026-11-22T03:03:04Z");
    out[1].output = FOLDERS;
    out[1].took_ms = 12345;
    out[2] = step(STEP_RECOVER, "rotate logs", "2026-11-22T03:03:20Z");
    out[2].output = "rotating pattern: /var/log/*.log\nrenamed 14 files\n";
    out[2].took_ms = 75400;
    out[3] = step(STEP_VERIFY, "disk use in percent", "2026-11-22T03:04:40Z");
    out[3].outcome = JUDGED_UNHEALTHY;
    out[3].why = FULL(language);
    out[4] = step(STEP_VERIFY, "disk use in percent", "2026-11-22T03:04:55Z");
    out[4].outcome = healed ? JUDGED_HEALTHY : JUDGED_UNHEALTHY;
    out[4].why = healed ? FINE(language) : FULL(language);
    return 5;
}

/* --- golden files ------------------------------------------------------------------------------------------------- */

static void must_be_sound(const char *name, const struct buf *b)
{
    if (b->over || !text_valid(buf_text(b), b->bytes) || strlen(buf_text(b)) != b->bytes || b->bytes == 0)
        fail_msg("%s: over, empty, NUL or not UTF-8", name);
    if (text_chars(buf_text(b), b->bytes) > STORY_NOTE_CHARS_MAX)
        fail_msg("%s has %zu characters", name, text_chars(buf_text(b), b->bytes));
    if (strchr(buf_text(b), '{') || strchr(buf_text(b), '}'))
        fail_msg("%s: an argument was not filled:\n%s", name, buf_text(b));
}

static void compare(const char *stem, enum policy_language language, const struct buf *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, FOLDER "%s.%s.txt", stem, codes[language]);
    must_be_sound(path, text);
    kit_golden(path, buf_text(text));
}

static void compare_note(const char *stem, const struct story *s, void (*tell)(const struct story *, struct buf *))
{
    struct buf note;
    buf_init(&note, STORY_NOTE_CHARS_MAX * 4);
    tell(s, &note);
    compare(stem, s->language, &note);
    buf_done(&note);
}

static void every_ending(void **state)
{
    (void)state;
    for (enum policy_language l = 0; l < LANGUAGES; l++) {
        struct story_step steps[5];
        struct story s = story(l, ENDING_RESOLVED, WHY_VERIFIED);
        s.steps = steps;
        s.steps_count = tried(l, true, steps);
        compare_note("resolved", &s, story_ending_note);

        s = story(l, ENDING_HANDED_OVER, WHY_NOT_HEALED);
        s.steps = steps;
        s.steps_count = tried(l, false, steps);
        compare_note("handed_over", &s, story_ending_note);

        s = story(l, ENDING_STOPPED, WHY_PERSON);
        s.details[0] = "Hanako Sato";
        s.details[1] = "acknowledged it";
        s.steps = steps;
        s.steps_count = 1;
        compare_note("stopped", &s, story_ending_note);

        steps[0].outcome = JUDGED_HEALTHY;
        steps[0].why = FINE(l);
        s = story(l, ENDING_SELF_HEALED, WHY_SELF_HEALED);
        s.steps = steps;
        s.steps_count = 1;
        compare_note("self_healed", &s, story_ending_note);

        s = story(l, ENDING_STALE, WHY_NO_LONGER_OPEN);
        s.details[0] = "resolved";
        s.host = "";
        compare_note("stale", &s, story_ending_note);

        s = story(l, ENDING_UNMATCHED, WHY_NO_SCENARIO);
        s.details[0] = "CPU high on web-1";
        s.scenario = s.host = s.about = "";
        compare_note("unmatched", &s, story_ending_note);

        static const char *const would[] = {"rotate logs", "clear package caches"};
        s = story(l, ENDING_SHADOWED, WHY_SHADOW);
        s.mode = MODE_SHADOW;
        (void)tried(l, false, steps);
        s.steps = steps;
        s.steps_count = 2;
        s.would = would;
        s.would_count = 2;
        compare_note("shadowed", &s, story_ending_note);
        steps[0].outcome = JUDGED_HEALTHY;
        steps[0].why = FINE(l);
        s.steps_count = 1;
        compare_note("shadowed_healthy", &s, story_ending_note);
    }
}

static void hand_overs_of_note(void **state)
{
    (void)state;
    for (enum policy_language l = 0; l < LANGUAGES; l++) {
        struct story_step steps[5];
        (void)tried(l, false, steps);
        struct story s = story(l, ENDING_HANDED_OVER, WHY_DOUBT);
        s.details[0] = "rotate logs";
        s.details[1] = "web-1";
        s.details[2] = "the machine could not be reached in time";
        s.steps = steps;
        s.steps_count = 2;
        s.taken_from = "tokyo-1";
        s.no_standby = true;
        s.open = OPEN_MAY_START;
        s.open_step = "rotate logs";
        s.open_on = "web-1";
        s.may_run_ms = 60000;
        compare_note("doubt", &s, story_ending_note);
        s.open = OPEN_RUNS;
        s.details[2] = "it was still running";
        compare_note("doubt_running", &s, story_ending_note);

        s = story(l, ENDING_RESOLVED, WHY_VERIFIED);
        s.steps = steps;
        s.steps_count = tried(l, true, steps);
        s.taken_from = "tokyo-1";
        struct buf sentence;
        buf_init(&sentence, 4096);
        story_doubt(l, &(struct story_doubt){.cause = DOUBT_WORKER, .found = DOUBT_ENDED, .title = "rotate logs", .on = "web-1",
            .node = "osaka-1", .lost = "tokyo-1", .signal = "", .why = "", .took_ms = 4000}, &sentence);
        const char *doubts[] = {buf_text(&sentence)};
        s.doubts = doubts;
        s.doubts_count = 1;
        compare_note("taken_over", &s, story_ending_note);
        s.doubts_count = 0;
        buf_done(&sentence);

        s = story(l, ENDING_HANDED_OVER, WHY_NEW_ALERT);
        s.details[0] = "\"CPU high\" (PA2)";
        s.steps = steps;
        s.steps_count = 1;
        compare_note("new_alert", &s, story_ending_note);

        s = story(l, ENDING_HANDED_OVER, WHY_CANNOT_TELL);
        steps[0].outcome = JUDGED_CANNOT_TELL;
        steps[0].status = 127;
        struct buf why;
        buf_init(&why, 400);
        story_look_why(l, l == LANGUAGE_JA ? "終了コード 127: コマンドが見つかりません（正常: < 85）"
                                           : "exit status 127: a command was not found, healthy is < 85",
            "sh: 1: dff: not found", &why);
        steps[0].why = buf_text(&why);
        s.details[0] = steps[0].title;
        s.details[1] = steps[0].why;
        s.steps = steps;
        s.steps_count = 1;
        compare_note("cannot_tell", &s, story_ending_note);
        buf_done(&why);
    }
}

static void starts_and_progress(void **state)
{
    (void)state;
    for (enum policy_language l = 0; l < LANGUAGES; l++) {
        struct story s = story(l, 0, 0);
        s.now_wall_ms = s.opened_wall_ms + 2100;
        compare_note("start", &s, story_start_note);
        s.mode = MODE_SHADOW;
        s.time_zone = "Europe/Berlin";
        s.now_wall_ms = s.opened_wall_ms + 150000;
        compare_note("start_shadow", &s, story_start_note);
        struct story_step steps[5];
        (void)tried(l, true, steps);
        s.mode = MODE_AUTO;
        s.steps = steps;
        s.steps_count = 1;
        compare_note("progress_check", &s, story_progress_note);
        s.steps_count = 3;
        steps[2].left = 2;
        compare_note("progress_recover", &s, story_progress_note);
    }
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

/* The words of a row's `args`, or details that a reason's sentences and hints use. */
static bool allowed(const char *args, const char *name, size_t bytes)
{
    for (const char *p = args; (p = strstr(p, name)) != NULL; p++) {
        bool begins = p == args || p[-1] == ' ';
        if (begins && (p[bytes] == ' ' || p[bytes] == '\0'))
            return true;
    }
    return false;
}

static void each_argument(const char *sentence, const char *args)
{
    int deep = 0;
    for (const char *p = sentence; *p; p++) {
        deep += (*p == '[') - (*p == ']');
        assert_in_range(deep, 0, 2);
        if (*p != '{')
            continue;
        char name[32];
        size_t n = strcspn(p + 1, "}");
        assert_true(n < sizeof name && p[1 + n] == '}');
        (void)snprintf(name, sizeof name, "%.*s", (int)n, p + 1);
        if (!allowed(args, name, n))
            fail_msg("\"%s\" uses {%s}, which is not among \"%s\"", sentence, name, args);
        p += n;
    }
    assert_int_equal(deep, 0);
}

static void every_sentence_is_there_in_both_languages(void **state)
{
    (void)state;
    for (int i = 0; i < STORY_TEXTS; i++)
        for (int l = 0; l < LANGUAGES; l++) {
            const struct story_sentence *row = &story_sentences[i];
            if (!row->args || !row->in[l] || row->in[l][0] == '\0')
                fail_msg("sentence %d lacks its %s", i, codes[l]);
            assert_true(text_valid(row->in[l], strlen(row->in[l])));
            each_argument(row->in[l], row->args);
        }
    for (int i = 0; i < STORY_TEXTS; i++) { /* what one language tells the other tells */
        const struct story_sentence *row = &story_sentences[i];
        for (const char *p = row->in[LANGUAGE_EN]; (p = strchr(p, '{')) != NULL; p++) {
            char name[32];
            (void)snprintf(name, sizeof name, "%.*s}", (int)strcspn(p, "}"), p);
            if (!strstr(row->in[LANGUAGE_JA], name))
                fail_msg("sentence %d: %s is missing in \"%s\"", i, name, row->in[LANGUAGE_JA]);
        }
    }
}

static void every_reason_has_its_sentence(void **state)
{
    (void)state;
    for (enum policy_language l = 0; l < LANGUAGES; l++) {
        struct buf all;
        buf_init(&all, 65536);
        for (int reason = 0; reason < ENDING_REASONS; reason++) {
            struct story s = story(l, ENDING_HANDED_OVER, (enum ending_reason)reason);
            struct story_step steps[5];
            s.steps = steps;
            s.steps_count = tried(l, false, steps);
            char room[STORY_DETAILS_MAX][32];
            for (int i = 0; i < STORY_DETAILS_MAX; i++) {
                const char *name = story_reasons[reason].details[i];
                (void)snprintf(room[i], sizeof room[i], "%s", name ? name : "");
                for (char *c = room[i]; *c; c++)
                    *c = (char)(*c - 32); /* in capitals, to be found again */
                s.details[i] = room[i];
            }
            struct buf one;
            buf_init(&one, 4096);
            story_reason(&s, &one);
            must_be_sound("reason", &one);
            assert_null(strchr(buf_text(&one), '\n'));
            for (int i = 0; i < STORY_DETAILS_MAX; i++)
                if (reason != WHY_DOUBT || i != 3)
                    if (!strstr(buf_text(&one), room[i]))
                        fail_msg("reason %d does not tell %s: %s", reason, room[i], buf_text(&one));
            assert_int_equal(buf_printf(&all, "%2d %s\n", reason, buf_text(&one)), 0);
            buf_clear(&one);
            s = story(l, ENDING_HANDED_OVER, (enum ending_reason)reason); /* nothing known: still a sentence */
            s.host = s.scenario = s.customer = s.service = "";
            story_reason(&s, &one);
            must_be_sound("bare reason", &one);
            buf_clear(&one);
            story_ending_note(&s, &one);
            must_be_sound("bare note", &one);
            buf_done(&one);
        }
        compare("reasons", l, &all);
        buf_done(&all);
    }
}

static void phrases_cover_what_others_say(void **state)
{
    (void)state;
    for (int i = 0; i < RUN_PHASES; i++)
        if (story_phrase(LANGUAGE_JA, run_phases[i].doing) == run_phases[i].doing)
            fail_msg("no Japanese for \"%s\"", run_phases[i].doing);
    for (int i = 0; i < WRAPPER_VERDICTS; i++)
        if (story_phrase(LANGUAGE_JA, wrapper_verdict_name((enum wrapper_verdict)i)) == wrapper_verdict_name((enum wrapper_verdict)i))
            fail_msg("no Japanese for \"%s\"", wrapper_verdict_name((enum wrapper_verdict)i));
    for (int i = QUANTITY_PLAIN; i <= QUANTITY_TIME; i++)
        if (story_phrase(LANGUAGE_JA, quantity_kind_name((enum quantity_kind)i)) == quantity_kind_name((enum quantity_kind)i))
            fail_msg("no Japanese for \"%s\"", quantity_kind_name((enum quantity_kind)i));
    assert_string_equal(story_phrase(LANGUAGE_EN, "done"), "done");
    assert_string_equal(story_phrase(LANGUAGE_JA, "no such words"), "no such words");
}

/* --- the largest and the worst ---------------------------------------------------------------------------------------- */

/* As many steps as are told, each with the largest output and texts. */
static void the_largest_note(void **state)
{
    (void)state;
    struct buf big, title;
    buf_init(&big, 65536);
    buf_init(&title, 4096);
    while (buf_add_text(&big, "0123456789 語語語\n") == 0)
        ;
    while (buf_add_text(&title, "題") == 0)
        ;
    struct story_step steps[64];
    for (int i = 0; i < 64; i++) {
        steps[i] = step(i % 2 ? STEP_VERIFY : STEP_RECOVER, i % 3 ? "a" : buf_text(&title), "2026-11-22T03:03:03Z");
        steps[i].output = buf_text(&big);
        steps[i].why = buf_text(&title);
        steps[i].cut = true;
    }
    static const enum ending_reason reasons[] = {WHY_NOT_HEALED, WHY_DOUBT, WHY_STOP_SWITCH};
    for (enum policy_language l = 0; l < LANGUAGES; l++)
        for (size_t k = 0; k < SIZE(reasons); k++) {
            struct story s = story(l, ENDING_HANDED_OVER, reasons[k]);
            s.steps = steps;
            s.steps_count = 64;
            s.say = s.about = s.host = s.scenario = buf_text(&title);
            for (int i = 0; i < STORY_DETAILS_MAX; i++)
                s.details[i] = buf_text(&title);
            struct buf note;
            buf_init(&note, STORY_NOTE_CHARS_MAX * 4);
            story_ending_note(&s, &note);
            must_be_sound("the largest note", &note);
            assert_non_null(strstr(buf_text(&note), "run 5e6f7a8b")); /* the end is never what is cut */
            buf_clear(&note);
            story_start_note(&s, &note);
            must_be_sound("the largest start", &note);
            buf_clear(&note);
            story_progress_note(&s, &note);
            must_be_sound("the largest progress", &note);
            buf_done(&note);
            struct buf small; /* callers may give little room: cut, valid */
            buf_init(&small, 100);
            story_reason(&s, &small);
            assert_true(text_valid(buf_text(&small), small.bytes));
            assert_in_range(small.bytes, 90, 100);
            buf_done(&small);
        }
    buf_done(&big);
    buf_done(&title);
}

static void hostile_text(void **state)
{
    (void)state;
    static const char evil[] = "\xE2\x80\xAE\xE2\x80\x8Fx\n\x1b[2J\r\n-- firstline \xff\xc0 {host} [y] \x01";
    static const struct value odd[] = {{"mount", evil, evil}};
    for (enum policy_language l = 0; l < LANGUAGES; l++)
        for (int reason = 0; reason < ENDING_REASONS; reason++) {
            struct story_step one = step(STEP_CHECK, evil, "2026-11-22T03:03:03Z");
            one.host = one.why = one.become = one.signal = one.login = one.output = evil;
            struct story s = story(l, ENDING_HANDED_OVER, (enum ending_reason)reason);
            s.steps = &one;
            s.steps_count = 1;
            s.values = odd;
            s.host = s.title = s.about = s.say = s.customer = s.service = s.scenario = s.node = s.region = evil;
            s.taken_from = s.set_hash = s.run = evil;
            for (int i = 0; i < STORY_DETAILS_MAX; i++)
                s.details[i] = evil;
            struct buf note;
            buf_init(&note, STORY_NOTE_CHARS_MAX * 4);
            story_start_note(&s, &note);
            story_progress_note(&s, &note);
            story_ending_note(&s, &note);
            story_reason(&s, &note);
            assert_true(text_valid(buf_text(&note), note.bytes));
            for (const char *p = buf_text(&note); *p; p++)
                assert_true((unsigned char)*p >= 0x20 || *p == '\n');
            assert_null(strstr(buf_text(&note), "\xE2\x80\xAE"));
            assert_null(strstr(buf_text(&note), "\xE2\x80\x8F"));
            for (const char *p = buf_text(&note); (p = strstr(p, "\n--")) != NULL; p++)
                assert_true(strncmp(p, "\n-- firstline · ", 16) == 0); /* our own footer only */
            buf_done(&note);
        }
}

/* --- times and titles --------------------------------------------------------------------------------------------- */

static void times_in_the_services_zone(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *now, *expected;
    } rows[] = {
        {"Asia/Tokyo", "2026-11-22T15:30:00Z", "What was done (2026-11-23 JST; opened 00:29:00, ended 00:30:00, 1 min):"},
        {"Europe/Berlin", "2026-07-01T12:00:00Z", "What was done (2026-07-01 CEST; opened 13:59:00, ended 14:00:00, 1 min):"},
        {"Europe/Berlin", "2026-12-01T12:00:00Z", "What was done (2026-12-01 CET; opened 12:59:00, ended 13:00:00, 1 min):"},
        {"Mars/Olympus", "2026-12-01T12:00:00Z", "What was done (2026-12-01 UTC; opened 11:59:00, ended 12:00:00, 1 min):"},
        {"", "2026-12-01T12:00:00Z", "What was done (2026-12-01 UTC; opened 11:59:00, ended 12:00:00, 1 min):"},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        struct story_step steps[5];
        struct story s = story(LANGUAGE_EN, ENDING_RESOLVED, WHY_VERIFIED);
        s.steps = steps;
        s.steps_count = tried(LANGUAGE_EN, true, steps);
        s.time_zone = rows[i].zone;
        s.now_wall_ms = at(rows[i].now);
        s.opened_wall_ms = s.now_wall_ms - 60000;
        struct buf note;
        buf_init(&note, STORY_NOTE_CHARS_MAX * 4);
        story_ending_note(&s, &note);
        if (!strstr(buf_text(&note), rows[i].expected))
            fail_msg("%s:\n%s", rows[i].zone, buf_text(&note));
        buf_done(&note);
    }
}

static void titles(void **state)
{
    (void)state;
    for (enum policy_language l = 0; l < LANGUAGES; l++)
        for (enum story_title what = TITLE_CHECKING; what <= TITLE_ENDING; what++)
            for (enum ending e = 0; e < ENDINGS; e++) {
                struct buf title;
                buf_init(&title, 256);
                story_title(l, what, e, &title);
                int n = (int)title.bytes;
                assert_int_equal(story_title_strip(buf_text(&title)), n);
                assert_int_equal(buf_add_text(&title, " web-1: disk"), 0);
                assert_int_equal(story_title_strip(buf_text(&title)), n + 1);
                buf_done(&title);
            }
    static const struct {
        const char *title, *rest;
    } rows[] = {
        {"disk full", "disk full"}, {"", ""}, {" disk", " disk"},
        {"[firstline: checking] disk", "disk"}, {"[firstline: 確認中] disk", "disk"},
        {"[firstline: checking] [firstline: 要対応] [firstline: recovered] disk", "disk"},
        {"[firstline: checking][firstline: handed over]disk", "disk"},
        {"  [firstline:  checking ]  disk", "disk"}, {"[firstline: checking]", ""},
        {"[firstline: checking]\xE3\x80\x80" "disk", "disk"},
        {"[firstline: checkin] disk", "[firstline: checkin] disk"},
        {"[firstline: checking disk", "[firstline: checking disk"},
        {"[firstline:disk-full] web-1", "[firstline:disk-full] web-1"}, /* somebody's keyword token */
        {"[firstline: disk-full mount=/var] web-1", "[firstline: disk-full mount=/var] web-1"},
        {"[firstline", "[firstline"}, {"[firstline:", "[firstline:"}, {"[firstline: ", "[firstline: "},
        {"disk [firstline: checking]", "disk [firstline: checking]"},
        {"[firstline: checking] [AMS:disk-full] web-1", "[AMS:disk-full] web-1"},
        {"[firstline: shadow] x", "x"}, {"[firstline: shadow done] x", "x"},
    };
    for (size_t i = 0; i < SIZE(rows); i++)
        assert_string_equal(rows[i].title + story_title_strip(rows[i].title), rows[i].rest);
    struct buf title;
    buf_init(&title, 64);
    story_title(LANGUAGE_EN, TITLE_CHECKING, ENDINGS, &title);
    assert_string_equal(buf_text(&title), "[firstline: checking]");
    buf_clear(&title);
    story_title(LANGUAGE_EN, TITLE_ENDING, ENDING_RESOLVED, &title);
    assert_string_equal(buf_text(&title), "[firstline: recovered]");
    buf_clear(&title);
    story_title(LANGUAGE_EN, TITLE_ENDING, ENDING_HANDED_OVER, &title);
    assert_string_equal(buf_text(&title), "[firstline: handed over]");
    buf_clear(&title);
    story_title(LANGUAGE_JA, TITLE_CHECKING, ENDINGS, &title);
    assert_string_equal(buf_text(&title), "[firstline: 確認中]");
    buf_done(&title);
}

static void look_words(void **state)
{
    (void)state;
    static const struct {
        enum policy_language language;
        const char *found, *said, *expected;
    } rows[] = {
        {LANGUAGE_EN, "97, healthy is < 85", "", "97, healthy is < 85"},
        {LANGUAGE_EN, "no output", "df: x", "no output; it said: df: x"},
        {LANGUAGE_JA, "出力なし", "df: x", "出力なし、エラー出力: df: x"},
        {LANGUAGE_EN, "a\nb\xff", "", "a b\xEF\xBF\xBD"},
        {LANGUAGE_JA, "cut off", "", "応答が途中で切れました"},
    };
    for (size_t i = 0; i < SIZE(rows); i++) {
        struct buf out;
        buf_init(&out, 200);
        story_look_why(rows[i].language, rows[i].found, rows[i].said, &out);
        assert_string_equal(buf_text(&out), rows[i].expected);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ending),
        cmocka_unit_test(hand_overs_of_note),
        cmocka_unit_test(starts_and_progress),
        cmocka_unit_test(every_sentence_is_there_in_both_languages),
        cmocka_unit_test(every_reason_has_its_sentence),
        cmocka_unit_test(phrases_cover_what_others_say),
        cmocka_unit_test(the_largest_note),
        cmocka_unit_test(hostile_text),
        cmocka_unit_test(times_in_the_services_zone),
        cmocka_unit_test(titles),
        cmocka_unit_test(look_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
