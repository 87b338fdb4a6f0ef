/* SPDX-License-Identifier: MIT
 * Whether an incident ended as it should: one start note, one ending, title, status, level, language, nothing twice. Looks
 * only at what the simulator has, as a person would. */
#include "cli/dev_parts.h"

#include <stdio.h>
#include <string.h>

/* How an ending note begins, in either language. */
static const char *const endings[] = {"Recovered. ", "Already healthy. ", "Handed over. ", "Stopped. ", "Nothing to do. ",
    "Not handled. ", "Shadow run", "\xe3\x80\x90" /* the opening bracket of all Japanese ones */, NULL};

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_ending(const char *text)
{
    for (const char *const *e = endings; *e; e++)
        if (begins(text, *e))
            return true;
    return false;
}

/* Japanese punctuation, hiragana, katakana: U+3000 to U+30FF. All our Japanese sentences have some, no English one does. */
static bool is_japanese(const char *text)
{
    for (const char *at = text; (at = strchr(at, '\xe3')); at++)
        if ((unsigned char)at[1] >= 0x80 && (unsigned char)at[1] <= 0x83)
            return true;
    return false;
}

static bool judge_notes(const struct dev_case *c, const json_t *notes, struct buf *out)
{
    int starts = 0, ends = 0;
    size_t i;
    const json_t *note;
    for (i = 0; i < json_array_size(notes); i++) {
        note = json_array_get(notes, i);
        const char *text = text_of(note, "content");
        if (strcmp(text_of(note, "by_id"), "PBOT001") != 0)
            continue;
        starts += c->start && strstr(text, c->start) && !is_ending(text);
        if (is_japanese(text) != c->japanese)
            (void)buf_printf(out, "; a note is in the wrong language (\"%.40s\")", text);
        for (size_t j = 0; j < i; j++)
            if (strcmp(text, text_of(json_array_get(notes, j), "content")) == 0)
                (void)buf_printf(out, "; a note is there twice (\"%.40s\")", text);
        if (!is_ending(text))
            continue;
        ends++;
        if (!begins(text, c->ending))
            (void)buf_printf(out, "; the ending note begins \"%.60s\", not \"%s\"", text, c->ending);
        if (c->evidence && !strstr(text, c->evidence))
            (void)buf_printf(out, "; the ending note does not hold \"%s\"", c->evidence);
    }
    if (ends != 1)
        (void)buf_printf(out, "; %d ending notes, not 1", ends);
    if (starts != (c->start ? 1 : 0))
        (void)buf_printf(out, "; %d start notes, not %d", starts, c->start ? 1 : 0);
    return ends > 0;
}

bool dev_judge(const struct dev_case *c, const json_t *incident, bool *out_ended, struct buf *out)
{
    size_t before = out->bytes;
    *out_ended = judge_notes(c, json_object_get(incident, "notes"), out);
    if (json_array_size(json_object_get(incident, "deleted_notes")) > 0)
        (void)buf_add_text(out, "; a note was written twice and one taken away");
    char title[DEV_TITLE_BYTES_MAX];
    (void)snprintf(title, sizeof title, "%s%s%s", c->prefix, c->prefix[0] ? " " : "", c->title);
    if (strcmp(title, text_of(incident, "title")) != 0)
        (void)buf_printf(out, "; the title is \"%.120s\", not \"%.120s\"", text_of(incident, "title"), title);
    if (strcmp(c->status, text_of(incident, "status")) != 0)
        (void)buf_printf(out, "; its status is %s, not %s", text_of(incident, "status"), c->status);
    long long level = (long long)json_integer_value(json_object_get(incident, "level"));
    if (level != c->level)
        (void)buf_printf(out, "; its escalation level is %lld, not %d", level, c->level);
    return out->bytes == before;
}
