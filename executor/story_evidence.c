/* SPDX-License-Identifier: MIT
 * Step lines and trimmed outputs. */
#include "executor/story_evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/duration.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define FENCE "  | "
#define LINE_CHARS_MAX 400  /* of one output line */
#define FOUND_CHARS_MAX 300 /* of what was found, in a step's line */
#define STEPS_KEPT_FIRST 2  /* the first check and what followed it */
#define COUNT_CHARS 80      /* what says how many looks, processes or steps there were */
#define NO_OUTPUT SIZE_MAX

static void set_number(struct story_args *a, const char *name, long long n, char room[24])
{
    (void)snprintf(room, 24, "%lld", n); /* fits */
    story_args_set(a, name, room);
}

void story_time(const struct zone *zone, int64_t wall_ms, char out[STORY_TIME_BYTES])
{
    struct zone_time t;
    zone_time_at(zone, wall_ms, &t);
    (void)snprintf(out, STORY_TIME_BYTES, "%02u:%02u:%02u", (unsigned)t.hour % 24, (unsigned)t.minute % 60,
        (unsigned)t.second % 60); /* fits */
}

void story_takes(enum policy_language language, int64_t ms, struct buf *out)
{
    struct story_args a = {0};
    char first[24], second[24] = "";
    int64_t s = ms < 0 ? 0 : (ms + 500) / 1000;
    if (s < 60 && ms < 59950) {
        (void)snprintf(first, sizeof first, ms < 9950 ? "%.1f" : "%.0f", ms < 0 ? 0.0 : (double)ms / 1000); /* fits */
        story_args_set(&a, "s", first);
        story_say(out, language, TEXT_TAKES_S, &a);
        return;
    }
    bool hours = s >= 3600;
    int64_t rest = hours ? s / 60 % 60 : s % 60;
    set_number(&a, hours ? "h" : "min", hours ? s / 3600 : s / 60, first);
    if (rest > 0)
        set_number(&a, hours ? "min" : "s", rest, second);
    story_say(out, language, hours ? TEXT_TAKES_H : TEXT_TAKES_MIN, &a);
}

void story_end_of(enum policy_language language, const struct story_step *step, struct buf *out)
{
    struct story_args a = {0};
    char number[24];
    set_number(&a, "status", step->status, number);
    story_args_set(&a, "signal", step->signal);
    if (!step->ended)
        story_say(out, language, TEXT_END_UNKNOWN, NULL);
    else if (step->timed_out)
        story_say(out, language, TEXT_END_TIMEOUT, NULL);
    else if (step->signal[0])
        story_say(out, language, TEXT_END_SIGNAL, &a);
    else if (step->status >= 0)
        story_say(out, language, TEXT_END_STATUS, &a);
    else
        story_say(out, language, TEXT_END_UNKNOWN, NULL);
}

/* --- output ------------------------------------------------------------------------------------------------------- */

static bool is_direction(int32_t p)
{
    return (p >= 0x202A && p <= 0x202E) || (p >= 0x2066 && p <= 0x2069) || p == 0x200E || p == 0x200F || p == 0x061C;
}

/* The bytes of a terminal's escape sequence at p (ESC and what follows), so that colours vanish and not only their ESC. */
static size_t escape_bytes(const char *p, size_t left)
{
    size_t n = 1;
    if (left < 2)
        return 1;
    if (p[1] == '[') {
        for (n = 2; n < left && (unsigned char)p[n] >= 0x20 && (unsigned char)p[n] <= 0x3F; n++)
            ;
        return n < left && (unsigned char)p[n] >= 0x40 && (unsigned char)p[n] <= 0x7E ? n + 1 : n;
    }
    return (unsigned char)p[1] >= 0x40 && (unsigned char)p[1] <= 0x5F ? 2 : 1;
}

/* One line of output, repaired; columns stay where they were. */
static void add_clean(struct buf *out, const char *p, size_t bytes)
{
    size_t column = 0;
    for (size_t at = 0; at < bytes && !out->over;) {
        int32_t point;
        size_t n = text_next(p + at, bytes - at, &point);
        if (point == 0x1B) {
            n = escape_bytes(p + at, bytes - at);
        } else if (point == '\t') {
            (void)buf_add(out, "        ", 8 - column % 8); /* out->over ends the loop */
            column += 8 - column % 8;
        } else if (point < 0) {
            (void)buf_add(out, "\xEF\xBF\xBD", 3);
            column++;
        } else if (point >= 0x20 && !(point >= 0x7F && point < 0xA0) && !is_direction(point) && point != 0x2028 &&
                   point != 0x2029) {
            (void)buf_add(out, p + at, n);
            column += (size_t)text_point_width(point);
        }
        at += n;
    }
}

struct line {
    const char *text; /* borrowed from the output */
    size_t bytes;
};

/* The next line of *p (ends: LF, CR LF, CR). */
static struct line next_line(const char **p, const char *end)
{
    struct line line = {*p, 0};
    while (*p < end && **p != '\n' && **p != '\r')
        (*p)++;
    line.bytes = (size_t)(*p - line.text);
    if (*p < end)
        *p += **p == '\r' && *p + 1 < end && (*p)[1] == '\n' ? 2 : 1;
    return line;
}

/* Appends "  | text\n"; false and nothing added when it has more than chars_left characters. */
static bool add_line(enum policy_language language, struct line line, size_t *chars_left, struct buf *out)
{
    struct buf clean;
    /* Four times: what vanishes in cleaning still has to be read; a line of nothing but that may lose its rest. */
    buf_init(&clean, 16 * LINE_CHARS_MAX);
    add_clean(&clean, line.text, line.bytes < 64 * LINE_CHARS_MAX ? line.bytes : 64 * LINE_CHARS_MAX);
    size_t keep = text_cut(buf_text(&clean), clean.bytes, LINE_CHARS_MAX, clean.bytes);
    struct buf whole;
    buf_init(&whole, 8 * LINE_CHARS_MAX);
    (void)buf_add_text(&whole, FENCE);
    story_add(&whole, buf_text(&clean), keep);
    if (keep < clean.bytes || clean.over) {
        struct story_args a = {0};
        char number[24];
        set_number(&a, "chars", (long long)(text_chars(line.text, line.bytes) - text_chars(buf_text(&clean), keep)), number);
        story_say(&whole, language, TEXT_LINE_CUT, &a);
    }
    (void)buf_add_char(&whole, '\n');
    size_t chars = text_chars(buf_text(&whole), whole.bytes);
    bool fits = chars <= *chars_left;
    if (fits) {
        story_add(out, buf_text(&whole), whole.bytes);
        *chars_left -= chars;
    }
    buf_done(&clean);
    buf_done(&whole);
    return fits;
}

static void say_left_out(enum policy_language language, enum story_text text, const struct line *from, size_t lines,
    struct buf *out)
{
    struct story_args a = {0};
    char first[24], size[DURATION_TEXT_BYTES];
    const struct line *last = &from[lines - 1];
    set_number(&a, "lines", (long long)lines, first);
    story_args_set(&a, "size", size_print_rough((last->text - from->text) + (int64_t)last->bytes, size));
    story_add(out, "  ", 2);
    story_say(out, language, text, &a);
    story_add(out, "\n", 1);
}

static size_t split(const char *output, const char *end, struct line *lines)
{
    size_t n = 0;
    for (const char *p = output; p < end; n++) {
        struct line line = next_line(&p, end);
        if (lines)
            lines[n] = line;
    }
    return n;
}

/* The end is read backwards into its own room, so that its budget goes to the last lines. */
static size_t tail_from(enum policy_language language, const struct line *lines, size_t from, size_t count, size_t *chars)
{
    size_t at = count;
    while (at > from && count - at < STORY_OUTPUT_LINES_TAIL) {
        struct buf scratch;
        buf_init(&scratch, 8 * LINE_CHARS_MAX);
        bool fits = add_line(language, lines[at - 1], chars, &scratch);
        buf_done(&scratch);
        if (!fits)
            break;
        at--;
    }
    return at;
}

static void add_trimmed(enum policy_language language, const struct line *lines, size_t count, size_t chars_max,
    struct buf *out)
{
    size_t chars = chars_max, at = 0;
    size_t head_chars = count <= STORY_OUTPUT_LINES_HEAD + STORY_OUTPUT_LINES_TAIL ? chars_max : chars_max * 2 / 5;
    size_t head_lines = count <= STORY_OUTPUT_LINES_HEAD + STORY_OUTPUT_LINES_TAIL ? count : STORY_OUTPUT_LINES_HEAD;
    struct buf all; /* for a short output that fits whole */
    buf_init(&all, chars_max * 4 + 16);
    while (at < head_lines && add_line(language, lines[at], &head_chars, &all))
        at++;
    if (at < count && head_lines == count) { /* few lines, but long ones: share between beginning and end */
        buf_clear(&all);
        at = 0;
        head_chars = chars_max * 2 / 5;
        while (at < STORY_OUTPUT_LINES_HEAD && add_line(language, lines[at], &head_chars, &all))
            at++;
    }
    story_add(out, buf_text(&all), all.bytes);
    chars -= text_chars(buf_text(&all), all.bytes);
    buf_done(&all);
    if (at == count)
        return;
    size_t spare = chars;
    size_t tail = tail_from(language, lines, at, count, &spare);
    if (tail > at)
        say_left_out(language, TEXT_OUTPUT_LEFT_OUT, lines + at, tail - at, out);
    for (; tail < count; tail++)
        (void)add_line(language, lines[tail], &chars, out); /* fits: it was measured */
}

void story_output(enum policy_language language, const char *output, bool cut, size_t chars_max, struct buf *out)
{
    const char *end = output + strlen(output);
    while (end > output && strchr(" \t\r\n", end[-1]))
        end--;
    while (output < end && strchr("\r\n", *output))
        output++;
    size_t count = split(output, end, NULL);
    struct line *lines = count > 0 ? calloc(count, sizeof *lines) : NULL;
    if (lines) {
        (void)split(output, end, lines);
        if (chars_max == 0)
            say_left_out(language, TEXT_OUTPUT_OMITTED, lines, count, out);
        else
            add_trimmed(language, lines, count, chars_max, out);
        free(lines);
    }
    if (cut) {
        story_add(out, "  ", 2);
        story_say(out, language, TEXT_OUTPUT_CUT, NULL);
        story_add(out, "\n", 1);
    }
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static bool is_judged(const struct story_step *step)
{
    return step->verb == STEP_CHECK || step->verb == STEP_VERIFY;
}

/* A later look of the same kind follows at once: this one is only counted. */
static bool is_repeated(const struct story *s, int i)
{
    const struct story_step *a = &s->steps[i], *b = a + 1;
    return i + 1 < s->steps_count && is_judged(a) && a->verb == b->verb && strcmp(a->title, b->title) == 0 &&
           strcmp(a->host, b->host) == 0;
}

/* Whether the output tells more than what was found does. */
static bool wants_output(const struct story_step *step)
{
    size_t n = strlen(step->output);
    while (n > 0 && strchr(" \t\r\n", step->output[n - 1]))
        n--;
    return !is_judged(step) || n > 60 || memchr(step->output, '\n', n);
}

static void add_step(const struct story *s, const struct zone *zone, int i, int looks, size_t output_chars, struct buf *out)
{
    const struct story_step *step = &s->steps[i];
    struct story_args a = {0};
    char time[STORY_TIME_BYTES], number[24];
    struct buf took, end, looked, found;
    buf_init(&took, 64);
    buf_init(&end, 256);
    buf_init(&looked, 64);
    buf_init(&found, FOUND_CHARS_MAX * 4 + 8);
    story_time(zone, step->started_wall_ms, time);
    story_takes(s->language, step->took_ms, &took);
    story_end_of(s->language, step, &end);
    if (looks > 1 || step->left > 0) {
        set_number(&a, "count", looks > 1 ? looks : step->left, number);
        story_say(&looked, s->language, looks > 1 ? TEXT_LOOKS : TEXT_LEFT_RUNNING, &a);
    }
    const char *why = is_judged(step) ? step->why : story_phrase(s->language, step->why);
    size_t keep = text_cut(why, strlen(why), FOUND_CHARS_MAX, FOUND_CHARS_MAX * 4);
    story_add(&found, why, keep);
    if (why[keep])
        story_add(&found, "...", 3);
    story_args_set(&a, "time", time);
    story_args_set(&a, "verb", story_words(s->language, TEXT_VERB + (unsigned)step->verb));
    story_args_set(&a, "title", step->title);
    story_args_set(&a, "on", strcmp(step->host, s->host) == 0 ? "" : step->host);
    story_args_set(&a, "user", step->become[0] || is_judged(step) ? step->become : step->login);
    story_args_set(&a, "outcome", story_words(s->language, TEXT_OUTCOME + (unsigned)step->outcome));
    story_args_set(&a, "end", buf_text(&end));
    story_args_set(&a, "found", buf_text(&found));
    story_args_set(&a, "took", buf_text(&took));
    story_args_set(&a, looks > 1 ? "looks" : "left", buf_text(&looked));
    story_say(out, s->language, is_judged(step) ? TEXT_STEP_JUDGED : TEXT_STEP_DONE, &a);
    story_add(out, "\n", 1);
    if (output_chars != NO_OUTPUT && wants_output(step))
        story_output(s->language, step->output, step->cut, output_chars, out);
    buf_done(&took);
    buf_done(&end);
    buf_done(&looked);
    buf_done(&found);
}

/* Leaves out `skip` steps behind the first ones. false: more than chars_max characters came together. */
static bool add_steps(const struct story *s, const struct zone *zone, int skip, size_t output_chars, size_t chars_max,
    struct buf *out)
{
    size_t chars = 0, counted = 0;
    int looks = 0, shown = 0, skipped = 0;
    for (int i = 0; i < s->steps_count; i++) {
        looks++;
        if (is_repeated(s, i))
            continue;
        if (shown >= STEPS_KEPT_FIRST && skipped < skip)
            skipped++;
        else
            add_step(s, zone, i, looks, output_chars, out);
        if (skipped > 0 && skipped == skip && shown >= STEPS_KEPT_FIRST) {
            struct story_args a = {0};
            char number[24];
            set_number(&a, "count", skipped, number);
            story_say(out, s->language, TEXT_STEPS_LEFT_OUT, &a);
            story_add(out, "\n", 1);
            skip = 0; /* said */
        }
        looks = 0;
        shown++;
        chars += text_chars(buf_text(out) + counted, out->bytes - counted);
        counted = out->bytes;
        if (chars > chars_max)
            return false;
    }
    return true;
}

static size_t step_chars(const struct story *s, const struct zone *zone, int i)
{
    struct buf one;
    buf_init(&one, STORY_NOTE_CHARS_MAX * 4);
    add_step(s, zone, i, 1, NO_OUTPUT, &one);
    size_t chars = text_chars(buf_text(&one), one.bytes) + COUNT_CHARS;
    buf_done(&one);
    return chars;
}

/* How many of the shown steps must go so that the first and the newest fit, without their outputs. */
static int steps_to_skip(const struct story *s, const struct zone *zone, size_t chars_max)
{
    size_t chars = COUNT_CHARS;
    int shown = 0, kept = 0;
    for (int i = 0; i < s->steps_count; i++) {
        if (is_repeated(s, i))
            continue;
        if (shown++ < STEPS_KEPT_FIRST)
            chars += step_chars(s, zone, i);
    }
    for (int i = s->steps_count - 1; i >= 0 && kept < shown - STEPS_KEPT_FIRST; i--) {
        if (is_repeated(s, i))
            continue;
        chars += step_chars(s, zone, i);
        if (chars > chars_max)
            break;
        kept++;
    }
    return shown > STEPS_KEPT_FIRST ? shown - STEPS_KEPT_FIRST - kept : 0;
}

void story_evidence(const struct story *s, const struct zone *zone, size_t chars_max, struct buf *out)
{
    static const size_t sizes[] = {STORY_OUTPUT_CHARS_MAX, 1000, 400, 0};
    struct buf all;
    buf_init(&all, (size_t)STORY_NOTE_CHARS_MAX * 8); /* a step more than fits */
    bool fits = false;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && !fits; i++) {
        buf_clear(&all);
        fits = add_steps(s, zone, 0, sizes[i], chars_max, &all);
    }
    if (!fits) {
        buf_clear(&all);
        (void)add_steps(s, zone, steps_to_skip(s, zone, chars_max), NO_OUTPUT, chars_max, &all); /* measured: it fits */
    }
    story_add(out, buf_text(&all), text_cut(buf_text(&all), all.bytes, chars_max, all.bytes));
    buf_done(&all);
}
