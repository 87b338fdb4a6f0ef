/* SPDX-License-Identifier: MIT
 * Notes and titles. */
#include "executor/story.h"

#include <assert.h>
#include <string.h>

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

void story_start_note(const struct story *s, struct buf *out)
{
    (void)buf_printf(out, "firstline began %s on %s", s->scenario, s->host);
}

void story_progress_note(const struct story *s, struct buf *out)
{
    const struct story_step *last = &s->steps[s->steps_count - 1];
    (void)buf_printf(out, "%s: %s", last->title, last->why);
}

void story_ending_note(const struct story *s, struct buf *out)
{
    story_reason(s, out);
    for (int i = 0; i < s->steps_count; i++)
        (void)buf_printf(out, "\n%s: %s\n%s", s->steps[i].title, s->steps[i].why, s->steps[i].output);
}

void story_reason(const struct story *s, struct buf *out)
{
    (void)buf_printf(out, "%s (%d) %s %s %s", ending_name(s->ending), (int)s->reason, s->details[0], s->details[1], s->details[2]);
}

void story_title(enum policy_language language, enum story_title what, enum ending ending, struct buf *out)
{
    (void)language;
    (void)buf_printf(out, "[firstline: %s]", what == TITLE_ENDING ? ending_name(ending) : "working");
}

int story_title_strip(const char *title)
{
    (void)title;
    return 0;
}
