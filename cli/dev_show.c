/* SPDX-License-Identifier: MIT
 * What people see: what changed in PagerDuty, with times, bounded. Colours only on a terminal that wants them. */
#include "cli/dev_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/file.h"

#define TAIL_BYTES_MAX (16 * 1024 * 1024)

static const char *const codes[TONES] = {
    [TONE_PLAIN] = "", [TONE_DIM] = "\033[2m", [TONE_BOLD] = "\033[1m", [TONE_GOOD] = "\033[1;32m",
    [TONE_BAD] = "\033[1;31m", [TONE_NOTE] = "\033[36m", [TONE_TITLE] = "\033[33m",
};

void dev_show_setup(struct dev *d)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
    d->colour = isatty(STDOUT_FILENO) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
}

static const char *on(const struct dev *d, enum dev_tone tone)
{
    return d->colour ? codes[tone] : "";
}

static const char *off(const struct dev *d)
{
    return d->colour ? "\033[0m" : "";
}

void dev_say(const struct dev *d, enum dev_tone tone, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs(on(d, tone), stdout);
    (void)vprintf(format, args); /* a closed terminal is noticed by its signal */
    printf("%s\n", off(d));
    va_end(args);
}

/* Prints at most so many bytes of a line, cut between characters, and no control characters. */
static void put_line(const char *line, size_t bytes)
{
    size_t most = bytes < DEV_LINE_BYTES_MAX ? bytes : DEV_LINE_BYTES_MAX;
    while (most < bytes && most > 0 && ((unsigned char)line[most] & 0xc0) == 0x80)
        most--;
    for (size_t i = 0; i < most; i++)
        (void)putchar((unsigned char)line[i] < 0x20 || line[i] == 0x7f ? ' ' : line[i]);
    if (most < bytes)
        fputs(" ...", stdout);
}

static void put_head(const struct dev *d, enum dev_tone tone, const char *word)
{
    time_t now = time(NULL);
    struct tm civil;
    char text[16] = "";
    if (localtime_r(&now, &civil))
        (void)strftime(text, sizeof text, "%H:%M:%S", &civil);
    printf("  %s%s%s %s%-7s%s ", on(d, TONE_DIM), text, off(d), on(d, tone), word, off(d));
}

void dev_tell(const struct dev *d, enum dev_tone tone, const char *word, const char *format, ...)
{
    struct buf text;
    buf_init(&text, DEV_TITLE_BYTES_MAX * 2);
    char *made = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&made, format, args) >= 0)
        (void)buf_add_text(&text, made);
    va_end(args);
    free(made);
    put_head(d, tone, word);
    put_line(buf_text(&text), text.bytes);
    (void)putchar('\n');
    buf_done(&text);
}

/* The first line beside the word, the others below, indented, no more than fit. */
static void show_note(const struct dev *d, const char *text)
{
    int lines = 0, left = 0;
    put_head(d, TONE_NOTE, "note");
    for (const char *at = text; *at;) {
        size_t bytes = strcspn(at, "\n");
        if (bytes == 0 || strncmp(at, "-- firstline", 12) == 0 || strncmp(at, "[firstline ", 11) == 0) {
            ; /* air, footer and marker: the web view has them */
        } else if (lines < DEV_NOTE_LINES_MAX) {
            if (lines > 0)
                printf("           %s|%s       ", on(d, TONE_NOTE), off(d));
            put_line(at, bytes);
            (void)putchar('\n');
            lines++;
        } else {
            left++;
        }
        at += bytes + (at[bytes] == '\n');
    }
    if (left > 0)
        printf("           %s|%s       %s(%d more lines in the web view)%s\n", on(d, TONE_NOTE), off(d), on(d, TONE_DIM), left,
            off(d));
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

static void show_changes(const struct dev *d, struct dev_seen *s, const json_t *incident)
{
    const char *title = text_of(incident, "title"), *status = text_of(incident, "status");
    const json_t *notes = json_object_get(incident, "notes");
    bool first = !s->title[0];
    if (first) {
        dev_tell(d, TONE_BOLD, "posted", "#%lld %s (%s)", s->number, title,
            text_of(json_object_get(incident, "service"), "summary"));
        (void)snprintf(s->title, sizeof s->title, "%s", title);
    }
    for (size_t i = s->notes; i < json_array_size(notes); i++)
        show_note(d, text_of(json_array_get(notes, i), "content"));
    s->notes = json_array_size(notes);
    if (strcmp(s->title, title) != 0)
        dev_tell(d, TONE_TITLE, "title", "#%lld %s", s->number, title);
    (void)snprintf(s->title, sizeof s->title, "%s", title);
    if (strcmp(s->status, status) != 0 && !(first && strcmp(status, "triggered") == 0))
        dev_tell(d, strcmp(status, "resolved") == 0 ? TONE_GOOD : TONE_BAD, "status", "#%lld is %s (%s)", s->number, status,
            text_of(json_object_get(incident, "last_status_change_by"), "summary"));
    (void)snprintf(s->status, sizeof s->status, "%s", status);
    long long level = (long long)json_integer_value(json_object_get(incident, "level"));
    if (s->level != level && s->level != 0)
        dev_tell(d, TONE_BAD, "level", "#%lld goes to escalation level %lld", s->number, level);
    s->level = level;
}

static struct dev_seen *seen_of(struct dev *d, const json_t *row)
{
    const char *id = text_of(row, "id");
    for (int i = 0; i < d->seen_count; i++)
        if (strcmp(d->seen[i].id, id) == 0)
            return &d->seen[i];
    if (d->seen_count == DEV_INCIDENTS_MAX)
        return NULL;
    struct dev_seen *s = &d->seen[d->seen_count++];
    *s = (struct dev_seen){.number = (long long)json_integer_value(json_object_get(row, "number"))};
    (void)snprintf(s->id, sizeof s->id, "%s", id);
    return s;
}

void dev_show_news(struct dev *d)
{
    json_t *all = dev_control(d, "GET", "incidents", NULL, NULL);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(all, "incidents"), i, row) {
        struct dev_seen *s = seen_of(d, row);
        if (!s || (s->notes == (size_t)json_integer_value(json_object_get(row, "notes")) &&
                      strcmp(s->status, text_of(row, "status")) == 0 && strcmp(s->title, text_of(row, "title")) == 0 &&
                      s->level == (long long)json_integer_value(json_object_get(row, "level"))))
            continue;
        char path[64];
        (void)snprintf(path, sizeof path, "incidents/%.31s", s->id);
        json_t *incident = dev_control(d, "GET", path, NULL, NULL);
        if (incident)
            show_changes(d, s, incident);
        json_decref(incident);
    }
    json_decref(all);
}

void dev_show_tail(const struct dev *d, const char *name)
{
    char path[PATH_MAX];
    dev_path(d, name, path, sizeof path);
    struct buf text;
    buf_init(&text, TAIL_BYTES_MAX);
    if (file_read(path, &text, NULL, NULL) == 0 && text.bytes > 0) {
        const char *all = buf_text(&text), *at = all + text.bytes - 1;
        for (int lines = 0; at > all && lines < DEV_TAIL_LINES;)
            if (*--at == '\n')
                lines++;
        dev_say(d, TONE_BAD, "the end of %s:", path);
        printf("%s%s", *at == '\n' ? at + 1 : at, all[text.bytes - 1] == '\n' ? "" : "\n");
    }
    buf_done(&text);
}
