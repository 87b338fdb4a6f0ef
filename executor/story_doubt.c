/* SPDX-License-Identifier: MIT
 * Doubt in words: what broke while a recover was under way, what the machine said when it was asked, and what it said later
 * of a run that had ended meanwhile. Decides nothing. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "executor/story_evidence.h"
#include "executor/story_texts.h"

#define RUN_SHORT 9 /* "1a2b3c4d" */
#define HOW_BYTES 256

static void say_how(enum policy_language language, const struct story_doubt *d, struct buf *out)
{
    struct story_args a = {0};
    char status[16];
    (void)snprintf(status, sizeof status, "%d", d->status);
    story_args_set(&a, "status", status);
    story_args_set(&a, "signal", d->signal);
    story_say(out, language, d->timed_out ? TEXT_HOW_TIMEOUT : d->signal[0] ? TEXT_HOW_SIGNAL : TEXT_HOW_STATUS, &a);
}

/* how and took must outlive a. */
static void set_common(enum policy_language language, const struct story_doubt *d, struct story_args *a, struct buf *how,
    struct buf *took)
{
    buf_init(how, HOW_BYTES);
    buf_init(took, 64);
    if (d->found == DOUBT_ENDED || d->found == DOUBT_ENDED_NOW) {
        say_how(language, d, how);
        if (d->took_ms > 0)
            story_takes(language, d->took_ms, took);
    }
    story_args_set(a, "step", d->title);
    story_args_set(a, "on", d->on);
    story_args_set(a, "node", d->node);
    story_args_set(a, "how", buf_text(how));
    story_args_set(a, "took", buf_text(took));
    story_args_set(a, "why", story_phrase(language, d->why));
}

void story_doubt(enum policy_language language, const struct story_doubt *d, struct buf *out)
{
    struct story_args a = {0};
    struct buf how, took;
    set_common(language, d, &a, &how, &took);
    if (d->cause == DOUBT_WORKER)
        story_args_set(&a, "lost", d->lost[0] ? d->lost : story_words(language, TEXT_SOME_WORKER));
    else
        story_args_set(&a, "cut", d->cause == DOUBT_DATABASE ? story_words(language, TEXT_THE_DATABASE) : d->on);
    story_args_set(&a, "where", d->cause == DOUBT_SSH ? "" : d->on); /* else it was just named */
    story_args_set(&a, "then", story_words(language, TEXT_THEN + (unsigned)d->then));
    story_say(out, language, TEXT_DOUBT + (unsigned)d->found, &a);
    buf_done(&how);
    buf_done(&took);
}

static enum story_text token_text(enum story_found found)
{
    static const enum story_text texts[DOUBT_FOUNDS] = {
        [DOUBT_ENDED] = TEXT_TOKEN_ENDED,
        [DOUBT_NEVER] = TEXT_TOKEN_NEVER,
        [DOUBT_LOST] = TEXT_TOKEN_LOST,
        [DOUBT_FORGOTTEN] = TEXT_TOKEN_FORGOTTEN,
        [DOUBT_UNREACHED] = TEXT_TOKEN_EXPIRED,
    };
    assert(texts[found] != 0); /* a recover that runs still is asked about again */
    return texts[found];
}

void story_token_sentence(const struct story_token *t, struct buf *out)
{
    struct story_args a = {0};
    struct buf how, took, age;
    set_common(t->language, &t->doubt, &a, &how, &took);
    buf_init(&age, 64);
    story_takes(t->language, t->age_ms, &age);
    story_args_set(&a, "age", buf_text(&age));
    story_say(out, t->language, token_text(t->doubt.found), &a);
    buf_done(&how);
    buf_done(&took);
    buf_done(&age);
}

void story_token_note(const struct story_token *t, struct buf *out)
{
    story_token_sentence(t, out);
    story_add(out, "\n", 1);
    if (t->doubt.found == DOUBT_ENDED)
        story_output(t->language, t->output, t->cut, STORY_OUTPUT_CHARS_MAX, out);
    struct story_args a = {0};
    char run[RUN_SHORT];
    (void)snprintf(run, sizeof run, "%s", t->run); /* cut is meant */
    story_args_set(&a, "run", run);
    story_args_set(&a, "node", t->doubt.node);
    story_args_set(&a, "region", t->region);
    story_say(out, t->language, TEXT_FOOTER, &a);
}
