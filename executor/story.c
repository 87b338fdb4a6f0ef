/* SPDX-License-Identifier: MIT
 * Notes, reasons and titles, composed of the table's sentences. */
#include "executor/story.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "executor/story_evidence.h"
#include "executor/story_texts.h"
#include "executor/values.h"
#include "lib/base/text.h"
#include "lib/base/zone.h"

#define NOTE_BYTES_MAX (STORY_NOTE_CHARS_MAX * 4)
#define LIST_BYTES_MAX 2000
#define LATE_MS 60000
#define SHORT 9 /* "1a2b3c4d" */

static const char *const ending_names[] = {
    [ENDING_RESOLVED] = "resolved",
    [ENDING_SELF_HEALED] = "self_healed",
    [ENDING_HANDED_OVER] = "handed_over",
    [ENDING_STOPPED] = "stopped",
    [ENDING_STALE] = "stale",
    [ENDING_UNMATCHED] = "unmatched",
    [ENDING_SHADOWED] = "shadowed",
};
_Static_assert(sizeof ending_names / sizeof ending_names[0] == ENDINGS, "one name an ending");

const char *ending_name(enum ending ending)
{
    return ending_names[ending];
}

/* --- what the sentences speak of ---------------------------------------------------------------------------------- */

/* Arguments and the room for those that are made here. */
struct telling {
    const struct story *story; /* borrowed */
    struct story_args args;
    char run[SHORT], set[SHORT];
    struct buf did, would, age, most;
    const struct story_step *first, *last; /* judged, before and after the recovers; NULL */
    int recovers;
};

static bool is_judged(const struct story_step *step)
{
    return step->verb == STEP_CHECK || step->verb == STEP_VERIFY;
}

static void add_listed(struct buf *list, const char *text)
{
    if (list->bytes > 0)
        story_add(list, ", ", 2);
    story_add(list, text, strlen(text));
}

static void look_at_steps(struct telling *t)
{
    const struct story *s = t->story;
    for (int i = 0; i < s->steps_count; i++) {
        const struct story_step *step = &s->steps[i];
        if (is_judged(step)) {
            t->last = step;
        } else if (step->verb == STEP_RECOVER) {
            add_listed(&t->did, step->title);
            t->recovers++;
        }
    }
    for (int i = 0; i < s->steps_count && t->last && s->steps[i].verb != STEP_RECOVER; i++)
        if (is_judged(&s->steps[i]) && strcmp(s->steps[i].title, t->last->title) == 0)
            t->first = &s->steps[i]; /* the same question, so that the two can be compared */
}

static void set_details(struct telling *t)
{
    static const char *const ours[] = {"how", "doing", "why", "error", "said", "status", "problem", "alerts"};
    const struct story *s = t->story;
    const struct story_reason_row *row = &story_reasons[s->reason];
    for (int i = 0; i < STORY_DETAILS_MAX && row->details[i]; i++) {
        const char *text = s->details[i] ? s->details[i] : "";
        for (size_t k = 0; k < sizeof ours / sizeof ours[0]; k++)
            if (strcmp(row->details[i], ours[k]) == 0)
                text = story_phrase(s->language, text);
        if (strcmp(row->details[i], "who") == 0 && text[0] == '\0')
            text = story_words(s->language, TEXT_SOMEBODY);
        story_args_set(&t->args, row->details[i], text);
    }
}

static void telling_init(struct telling *t, const struct story *s)
{
    *t = (struct telling){.story = s};
    buf_init(&t->did, LIST_BYTES_MAX);
    buf_init(&t->would, LIST_BYTES_MAX);
    buf_init(&t->age, 64);
    buf_init(&t->most, 64);
    (void)snprintf(t->run, sizeof t->run, "%s", s->run); /* cut is meant */
    (void)snprintf(t->set, sizeof t->set, "%s", s->set_hash);
    look_at_steps(t);
    for (int i = 0; i < s->would_count; i++)
        add_listed(&t->would, s->would[i]);
    story_takes(s->language, s->now_wall_ms - s->opened_wall_ms, &t->age);
    if (s->may_run_ms > 0)
        story_takes(s->language, s->may_run_ms, &t->most);
    const struct story_arg args[] = {{"host", s->host}, {"on", s->host}, {"customer", s->customer}, {"service", s->service},
        {"scenario", s->scenario}, {"node", s->node}, {"region", s->region}, {"lost", s->taken_from}, {"run", t->run},
        {"set", t->set}, {"mode", s->scenario[0] ? scenario_mode_name(s->mode) : ""}, {"did", buf_text(&t->did)},
        {"would", buf_text(&t->would)}, {"age", buf_text(&t->age)}, {"most", buf_text(&t->most)},
        {"look", t->last ? t->last->title : ""}, {"found", t->last ? t->last->why : ""},
        {"login", s->steps_count > 0 ? s->steps[s->steps_count - 1].login : ""}};
    for (size_t i = 0; i < sizeof args / sizeof args[0]; i++)
        story_args_set(&t->args, args[i].name, args[i].value);
}

static void telling_done(struct telling *t)
{
    buf_done(&t->did);
    buf_done(&t->would);
    buf_done(&t->age);
    buf_done(&t->most);
}

static void say(const struct telling *t, enum story_text text, struct buf *out)
{
    story_say(out, t->story->language, text, &t->args);
}

static void say_line(const struct telling *t, enum story_text text, struct buf *out)
{
    say(t, text, out);
    story_add(out, "\n", 1);
}

/* --- why ---------------------------------------------------------------------------------------------------------- */

static bool looks_healthy(const struct telling *t)
{
    return t->last && t->last->outcome == JUDGED_HEALTHY;
}

static void say_reason(struct telling *t, struct buf *out)
{
    set_details(t);
    enum story_text text = TEXT_WHY + (unsigned)t->story->reason;
    if (t->story->reason == WHY_SHADOW && looks_healthy(t))
        text = TEXT_WHY_SHADOW_HEALTHY;
    else if (t->story->reason == WHY_GIVE_UP && t->story->scenario[0] == '\0')
        text = TEXT_WHY_NOT_BEGUN;
    say(t, text, out);
}

void story_reason(const struct story *s, struct buf *out)
{
    struct telling t;
    telling_init(&t, s);
    say_reason(&t, out);
    telling_done(&t);
}

void story_look_why(enum policy_language language, const char *found, const char *said, struct buf *out)
{
    struct story_args a = {0};
    story_args_set(&a, "found", story_phrase(language, found));
    story_args_set(&a, "said", said);
    story_say(out, language, TEXT_IT_SAID, &a);
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

static struct zone *zone_of(const struct story *s)
{
    return zone_new(s->time_zone, NULL); /* NULL is UTC, and says so */
}

static void say_changed_step(struct telling *t, const struct story_step *step, struct buf *list)
{
    struct buf end, took, one;
    buf_init(&end, 256);
    buf_init(&took, 64);
    buf_init(&one, LIST_BYTES_MAX);
    story_end_of(t->story->language, step, &end);
    if (step->ended)
        story_takes(t->story->language, step->took_ms, &took);
    struct story_args a = {0};
    story_args_set(&a, "title", step->title);
    story_args_set(&a, "on", strcmp(step->host, t->story->host) == 0 ? "" : step->host);
    story_args_set(&a, "user", step->become[0] ? step->become : step->login);
    story_args_set(&a, "end", buf_text(&end));
    story_args_set(&a, "took", buf_text(&took));
    story_say(&one, t->story->language, TEXT_CHANGED_BY, &a);
    add_listed(list, buf_text(&one));
    buf_done(&end);
    buf_done(&took);
    buf_done(&one);
}

/* What was changed on the machine, what it brought, and what may still happen there. */
static void say_changes(struct telling *t, struct buf *out)
{
    const struct story *s = t->story;
    struct buf list;
    buf_init(&list, LIST_BYTES_MAX);
    for (int i = 0; i < s->steps_count; i++)
        if (s->steps[i].verb == STEP_RECOVER)
            say_changed_step(t, &s->steps[i], &list);
    if (s->open != OPEN_NONE) {
        struct story_step open = {.title = s->open_step, .host = s->open_on, .become = "", .login = "", .signal = ""};
        say_changed_step(t, &open, &list);
    }
    story_args_set(&t->args, "list", buf_text(&list));
    if (list.bytes > 0)
        say_line(t, TEXT_CHANGED, out);
    else if (s->host[0] && s->ending != ENDING_SHADOWED) /* whose first line says so */
        say_line(t, TEXT_CHANGED_NOTHING, out);
    buf_done(&list);
    if (t->recovers > 0 && t->first && t->last != t->first && t->first->why[0] && t->last->why[0]) {
        story_args_set(&t->args, "before", t->first->why);
        story_args_set(&t->args, "after", t->last->why);
        say_line(t, TEXT_EFFECT, out);
    }
    if (s->open != OPEN_NONE) {
        story_args_set(&t->args, "step", s->open_step);
        story_args_set(&t->args, "on", s->open_on);
        say_line(t, s->open == OPEN_RUNS ? TEXT_RUNS_ON : TEXT_MAY_START, out);
    }
}

static void say_sentence(const char *sentence, struct buf *note)
{
    story_add(note, sentence, strlen(sentence));
    story_add(note, "\n", 1);
}

static void say_circumstances(struct telling *t, struct buf *out)
{
    const struct story *s = t->story;
    bool told = false;
    for (int i = 0; i < s->doubts_count; i++) {
        say_sentence(s->doubts[i], out);
        told |= s->taken_from[0] && strstr(s->doubts[i], s->taken_from);
    }
    if (s->taken_from[0] && !told)
        say_line(t, TEXT_TAKEN_OVER, out);
    if (s->no_standby)
        say_line(t, TEXT_NO_STANDBY, out);
}

static void say_hints(struct telling *t, struct buf *out)
{
    const struct story *s = t->story;
    bool calls = s->ending == ENDING_HANDED_OVER || s->ending == ENDING_UNMATCHED ||
                 (s->ending == ENDING_SHADOWED && !looks_healthy(t));
    const struct story_reason_row *row = &story_reasons[s->reason];
    if (!calls || row->hints[0] == 0)
        return;
    story_add(out, "\n", 1);
    say_line(t, TEXT_NEXT, out);
    for (int i = 0; i < STORY_HINTS_MAX && row->hints[i]; i++) {
        const char *on = row->hints[i] == TEXT_NEXT_SSH || row->hints[i] == TEXT_NEXT_DOUBT ? "?" : "";
        for (int k = 0; k < t->args.count && on[0]; k++)
            if (strcmp(t->args.items[k].name, "on") == 0)
                on = t->args.items[k].value;
        if (row->hints[i] == TEXT_NEXT_SSH && on[0] == '\0')
            continue; /* no host is known */
        story_add(out, "- ", 2);
        say_line(t, row->hints[i], out);
    }
}

static void say_evidence(struct telling *t, const struct zone *zone, size_t chars_max, struct buf *out)
{
    const struct story *s = t->story;
    struct zone_time now;
    zone_time_at(zone, s->now_wall_ms, &now);
    char date[40], opened[STORY_TIME_BYTES], ended[STORY_TIME_BYTES];
    (void)snprintf(date, sizeof date, "%04d-%02d-%02d", now.year, now.month, now.day); /* fits */
    story_time(zone, s->opened_wall_ms, opened);
    story_time(zone, s->now_wall_ms, ended);
    story_args_set(&t->args, "date", date);
    story_args_set(&t->args, "zone", now.name);
    story_args_set(&t->args, "opened", opened);
    story_args_set(&t->args, "ended", ended);
    story_args_set(&t->args, "took", buf_text(&t->age));
    story_add(out, "\n", 1);
    say_line(t, TEXT_EVIDENCE, out);
    story_evidence(s, zone, chars_max, out);
}

/* A note is never longer than promised, whatever its parts are. */
static void finish(struct buf *note, struct buf *out)
{
    while (note->bytes > 0 && note->data[note->bytes - 1] == '\n')
        note->data[--note->bytes] = '\0';
    story_add(out, buf_text(note), text_cut(buf_text(note), note->bytes, STORY_NOTE_CHARS_MAX, note->bytes));
    buf_done(note);
}

/* --- notes -------------------------------------------------------------------------------------------------------- */

static void say_values(struct telling *t, struct buf *out)
{
    const struct story *s = t->story;
    struct buf list;
    buf_init(&list, LIST_BYTES_MAX);
    for (int i = 0; i < s->values_count; i++) {
        const char *text = s->values[i].text;
        size_t keep = text_cut(text, strlen(text), 120, 480);
        add_listed(&list, s->values[i].name);
        story_add(&list, "=", 1);
        story_add(&list, text, keep);
        story_add(&list, "...", text[keep] ? 3 : 0);
    }
    story_args_set(&t->args, "list", buf_text(&list));
    if (list.bytes > 0)
        say_line(t, TEXT_VALUES, out);
    buf_done(&list);
}

void story_start_note(const struct story *s, struct buf *out)
{
    struct telling t;
    struct buf note;
    telling_init(&t, s);
    buf_init(&note, NOTE_BYTES_MAX);
    say_line(&t, s->mode == MODE_AUTO ? TEXT_START : TEXT_START_SHADOW, &note);
    text_one_line(s->about, strlen(s->about), &note);
    if (s->about[0])
        story_add(&note, "\n", 1);
    say_values(&t, &note);
    if (s->now_wall_ms - s->opened_wall_ms > LATE_MS)
        say_line(&t, TEXT_START_LATE, &note);
    if (s->mode == MODE_AUTO)
        say_line(&t, TEXT_START_TAKE_OVER, &note);
    say_line(&t, TEXT_FOOTER, &note);
    telling_done(&t);
    finish(&note, out);
}

void story_doubt_note(const struct story *s, const char *sentence, struct buf *out)
{
    struct telling t;
    struct buf note;
    telling_init(&t, s);
    buf_init(&note, NOTE_BYTES_MAX);
    say_sentence(sentence, &note);
    say_line(&t, TEXT_FOOTER, &note);
    telling_done(&t);
    finish(&note, out);
}

void story_progress_note(const struct story *s, struct buf *out)
{
    assert(s->steps_count > 0);
    const struct story_step *last = &s->steps[s->steps_count - 1];
    struct telling t;
    struct buf note, end, took;
    telling_init(&t, s);
    buf_init(&note, NOTE_BYTES_MAX);
    buf_init(&end, 256);
    buf_init(&took, 64);
    story_end_of(s->language, last, &end);
    story_takes(s->language, last->took_ms, &took);
    story_args_set(&t.args, "host", last->host);
    story_args_set(&t.args, "title", last->title);
    story_args_set(&t.args, "outcome", story_words(s->language, TEXT_OUTCOME + (unsigned)last->outcome));
    story_args_set(&t.args, "found", last->why);
    story_args_set(&t.args, "end", buf_text(&end));
    story_args_set(&t.args, "user", last->become[0] ? last->become : last->login);
    story_args_set(&t.args, "took", buf_text(&took));
    say_line(&t, is_judged(last) ? TEXT_PROGRESS_JUDGED : TEXT_PROGRESS_DONE, &note);
    if (last->doubt && last->doubt[0])
        say_sentence(last->doubt, &note);
    if (!is_judged(last))
        story_output(s->language, last->output, last->cut, STORY_OUTPUT_CHARS_MAX, &note);
    say_line(&t, TEXT_FOOTER, &note);
    buf_done(&end);
    buf_done(&took);
    telling_done(&t);
    finish(&note, out);
}

static void say_headline(struct telling *t, struct buf *out)
{
    struct buf reason;
    buf_init(&reason, STORY_VALUE_CHARS_MAX * 4);
    say_reason(t, &reason);
    story_args_set(&t->args, "reason", buf_text(&reason));
    say_line(t, TEXT_ENDED + (unsigned)t->story->ending, out);
    story_args_set(&t->args, "reason", "");
    buf_done(&reason);
}

void story_ending_note(const struct story *s, struct buf *out)
{
    struct telling t;
    struct buf note, rest;
    telling_init(&t, s);
    buf_init(&note, NOTE_BYTES_MAX);
    buf_init(&rest, NOTE_BYTES_MAX);
    say_headline(&t, &note);
    say_changes(&t, &note);
    say_circumstances(&t, &note);
    story_args_set(&t.args, "say", s->reason == WHY_NOT_HEALED ? s->say : "");
    if (s->reason == WHY_NOT_HEALED && s->say[0]) {
        story_add(&rest, "\n", 1);
        say_line(&t, TEXT_SAY, &rest);
    }
    say_hints(&t, &rest);
    story_add(&rest, "\n", 1);
    say_line(&t, TEXT_FOOTER, &rest);
    size_t taken = text_chars(buf_text(&note), note.bytes) + text_chars(buf_text(&rest), rest.bytes) + 400;
    if (s->steps_count > 0 && taken < STORY_NOTE_CHARS_MAX) {
        struct zone *zone = zone_of(s);
        say_evidence(&t, zone, STORY_NOTE_CHARS_MAX - taken, &note);
        zone_free(zone);
    }
    story_add(&note, buf_text(&rest), rest.bytes);
    buf_done(&rest);
    telling_done(&t);
    finish(&note, out);
}

/* --- titles ------------------------------------------------------------------------------------------------------- */

#define PREFIX "[firstline:"

static enum story_text title_text(enum story_title what, enum ending ending)
{
    static const enum story_text texts[] = {
        [TITLE_CHECKING] = TEXT_TITLE_CHECKING,
        [TITLE_RECOVERING] = TEXT_TITLE_RECOVERING,
        [TITLE_VERIFYING] = TEXT_TITLE_VERIFYING,
        [TITLE_SHADOW] = TEXT_TITLE_SHADOW,
    };
    return what == TITLE_ENDING ? TEXT_TITLE_ENDED + (unsigned)ending : texts[what];
}

void story_title(enum policy_language language, enum story_title what, enum ending ending, struct buf *out)
{
    assert(what != TITLE_ENDING || ending < ENDINGS);
    (void)buf_printf(out, PREFIX " %s]", story_words(language, title_text(what, ending))); /* out->over tells */
}

static size_t blanks(const char *p)
{
    size_t n = 0;
    while (p[n] == ' ' || p[n] == '\t' || strncmp(p + n, "\xE3\x80\x80", 3) == 0) /* an ideographic space */
        n += p[n] == '\xE3' ? 3 : 1;
    return n;
}

/* Bytes of one prefix at p, which has no blank before it; 0: none. Only our own words: a scenario's keyword token may look
 * alike. */
static size_t prefix_bytes(const char *p)
{
    if (strncmp(p, PREFIX, sizeof PREFIX - 1) != 0)
        return 0;
    const char *word = p + sizeof PREFIX - 1;
    if (blanks(word) == 0)
        return 0;
    word += blanks(word);
    for (unsigned text = TEXT_TITLE_CHECKING; text < TEXT_TITLE_ENDED + ENDINGS; text++)
        for (int language = 0; language < LANGUAGES; language++) {
            const char *ours = story_sentences[text].in[language];
            size_t n = strlen(ours);
            if (strncmp(word, ours, n) == 0 && word[n + blanks(word + n)] == ']')
                return (size_t)(word + n + blanks(word + n) + 1 - p);
        }
    return 0;
}

int story_title_strip(const char *title)
{
    const char *p = title;
    for (size_t n; (n = prefix_bytes(p + blanks(p))) > 0;)
        p += blanks(p) + n;
    if (p == title)
        return 0;
    return (int)(p + blanks(p) - title);
}
