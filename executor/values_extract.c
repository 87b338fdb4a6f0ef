/* SPDX-License-Identifier: MIT
 * Looking for a scenario's values in the order of their sources. The first source that has
 * something decides; a wrong value there is a problem, not a reason to look on: the author's first
 * place is the one that is meant. */
#include <stdio.h>
#include <string.h>

#include "executor/story_texts.h"
#include "executor/values.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

/* What one source gave. */
struct found {
    enum value_read state;
    const char *texts[VALUE_TARGETS_MAX]; /* borrowed from the reader, or odd: what it is */
    size_t bytes[VALUE_TARGETS_MAX];
    int count; /* different ones; several only from several alerts */
};

struct search {
    const struct scenario *s;       /* borrowed */
    const struct values_input *in;  /* borrowed */
    struct arena *arena;            /* borrowed */
    struct values_problem *problem; /* borrowed */
};

static int no_memory(struct search *x)
{
    x->problem->name = "";
    (void)snprintf(x->problem->text, sizeof x->problem->text, "%s",
        story_phrase(x->in->language, "out of memory")); /* fits */
    return -1;
}

/* What was seen, on one line and shortened: out holds VALUE_SEEN_BYTES + 4. */
static void shorten(const char *text, size_t bytes, char *out)
{
    struct buf line;
    buf_init(&line, 4 * VALUE_SEEN_BYTES);
    text_one_line(text, bytes < 2 * VALUE_SEEN_BYTES ? bytes : 2 * VALUE_SEEN_BYTES, &line);
    size_t keep = text_cut(buf_text(&line), line.bytes, VALUE_SEEN_BYTES, VALUE_SEEN_BYTES);
    (void)snprintf(out, VALUE_SEEN_BYTES + 4, "%.*s%s", (int)keep, buf_text(&line),
        keep < line.bytes || bytes > 2 * VALUE_SEEN_BYTES ? "..." : ""); /* fits */
    buf_done(&line);
}

static void add_found(struct found *f, const char *text, size_t bytes)
{
    if (bytes == 0)
        return; /* an empty field counts as none */
    for (int i = 0; i < f->count; i++)
        if (f->bytes[i] == bytes && memcmp(f->texts[i], text, bytes) == 0)
            return;
    f->state = VALUE_READ_TEXT;
    if (f->count == VALUE_TARGETS_MAX)
        return; /* too many to be one thing in any case */
    f->texts[f->count] = text;
    f->bytes[f->count++] = bytes;
}

static void read_one(
    struct search *x, const struct value_source *source, int alert, struct found *f)
{
    const char *text = NULL;
    size_t bytes = 0;
    enum value_read state =
        x->in->read ? x->in->read(x->in->owner, source, alert, &text, &bytes) : VALUE_READ_NONE;
    if (state == VALUE_READ_TEXT) {
        add_found(f, text, bytes);
    } else if (state == VALUE_READ_ODD && f->state == VALUE_READ_NONE) {
        f->state = VALUE_READ_ODD;
        f->texts[0] = text;
    }
}

static void look(struct search *x, const struct value_source *source, struct found *f)
{
    *f = (struct found){.state = VALUE_READ_NONE};
    const char *text = NULL;
    switch (source->kind) {
    case SOURCE_KEYWORD:
        text = match_inline(x->in->match, source->path[0]);
        break;
    case SOURCE_TITLE:
        text = match_group(x->in->match, source->path[0]);
        break;
    case SOURCE_ALERT:
        for (int i = 0; i < x->in->alerts_count; i++)
            read_one(x, source, i, f);
        return;
    default:
        read_one(x, source, 0, f);
        return;
    }
    if (text)
        add_found(f, text, strlen(text));
}

/* --- words
 * -------------------------------------------------------------------------------------------------------
 */

/* Fills the problem with a sentence about the value; a has the rest of its arguments. Returns -1.
 */
static int tell(
    struct search *x, const struct value_spec *spec, enum story_text text, struct story_args *a)
{
    struct buf subject, out;
    buf_init(&subject, 200);
    buf_init(&out, sizeof x->problem->text - 1); /* what does not fit is left off, here and below */
    struct story_args name = {0};
    story_args_set(&name, "name", spec->name);
    story_say(&subject, x->in->language,
        strcmp(spec->name, "host") == 0 ? TEXT_VALUE_TARGET : TEXT_VALUE, &name);
    story_args_set(a, "subject", buf_text(&subject));
    story_say(&out, x->in->language, text, a);
    x->problem->name = spec->name;
    (void)snprintf(x->problem->text, sizeof x->problem->text, "%s", buf_text(&out)); /* fits */
    buf_done(&subject);
    buf_done(&out);
    return -1;
}

static enum story_text miss_of(const struct search *x, const struct value_source *source)
{
    switch (source->kind) {
    case SOURCE_KEYWORD:
        return x->in->match->token ? TEXT_MISS_TOKEN : TEXT_MISS_NO_TOKEN;
    case SOURCE_TITLE:
        return TEXT_MISS_TITLE;
    case SOURCE_ALERT:
        return x->in->alerts_count == 0   ? TEXT_MISS_NO_ALERT
               : x->in->alerts_count == 1 ? TEXT_MISS_ONE_ALERT
                                          : TEXT_MISS_ALERTS;
    default:
        return TEXT_MISS_NOT_SET;
    }
}

/* "keyword.mount (not in the token ...)" */
static void add_miss(struct search *x, const struct value_source *source, struct buf *out)
{
    const struct match_result *m = x->in->match;
    char token[VALUE_SEEN_BYTES + 4], count[16];
    shorten(m->token ? m->token : "", m->token ? strlen(m->token) : 0, token);
    (void)snprintf(count, sizeof count, "%d", x->in->alerts_count); /* fits */
    struct story_args a = {0};
    story_args_set(&a, "token", token);
    story_args_set(&a, "problem", m->token_problem);
    story_args_set(&a, "count", count);
    struct buf why;
    buf_init(&why, 400);
    story_say(&why, x->in->language, miss_of(x, source), &a);
    struct story_args miss = {0};
    story_args_set(&miss, "source", source->text);
    story_args_set(&miss, "why", buf_text(&why));
    story_say(out, x->in->language, TEXT_MISS, &miss);
    buf_done(&why);
}

static int not_found(struct search *x, const struct value_spec *spec)
{
    struct buf places;
    buf_init(&places, sizeof x->problem->text);
    for (int i = 0; i < spec->sources_count; i++) {
        if (i > 0)
            (void)buf_add_text(&places, ", ");
        add_miss(x, &spec->sources[i], &places);
    }
    struct story_args a = {0};
    story_args_set(&a, "places", buf_text(&places));
    int rc = tell(x, spec, TEXT_VALUE_NOT_FOUND, &a);
    buf_done(&places);
    return rc;
}

static int is_odd(struct search *x, const struct value_spec *spec,
    const struct value_source *source, const char *what)
{
    struct story_args a = {0};
    story_args_set(&a, "source", source->text);
    story_args_set(&a, "what", story_phrase(x->in->language, what));
    story_args_set(&a, "type", value_type_name(spec->type));
    return tell(x, spec, TEXT_VALUE_ODD, &a);
}

static int is_wrong(struct search *x, const struct value_spec *spec,
    const struct value_source *source, const char *text, size_t bytes, const char *why)
{
    char seen[VALUE_SEEN_BYTES + 4];
    shorten(text, bytes, seen);
    struct story_args a = {0};
    story_args_set(&a, "source", source->text);
    story_args_set(&a, "seen", seen);
    story_args_set(&a, "why", story_phrase(x->in->language, why));
    return tell(x, spec, TEXT_VALUE_WRONG, &a);
}

static int disagree(struct search *x, const struct value_spec *spec,
    const struct value_source *source, const char *const *texts, int count)
{
    struct buf list;
    buf_init(&list, sizeof x->problem->text);
    for (int i = 0; i < count; i++) {
        char seen[VALUE_SEEN_BYTES + 4];
        shorten(texts[i], strlen(texts[i]), seen);
        (void)buf_printf(&list, "%s\"%s\"", i > 0 ? ", " : "", seen);
    }
    struct story_args a = {0};
    story_args_set(&a, "source", source->text);
    story_args_set(&a, "list", buf_text(&list));
    int rc = tell(x, spec, TEXT_VALUE_DIFFERS, &a);
    buf_done(&list);
    return rc;
}

/* The texts of the first source that has something, each checked and each once. *out_count 0:
 * nowhere. out  VALUE_TARGETS_MAX entries */
static int find(struct search *x, const struct value_spec *spec, const char **out, int *out_count,
    const struct value_source **out_source)
{
    *out_count = 0;
    for (int i = 0; i < spec->sources_count && *out_count == 0; i++) {
        const struct value_source *source = &spec->sources[i];
        struct found f;
        look(x, source, &f);
        if (f.state == VALUE_READ_ODD)
            return is_odd(x, spec, source, f.texts[0]);
        *out_source = source;
        for (int k = 0; k < f.count; k++) {
            const char *text = NULL;
            char why[160];
            if (value_check(spec, f.texts[k], f.bytes[k], x->arena, &text, why, sizeof why) != 0)
                return is_wrong(x, spec, source, f.texts[k], f.bytes[k], why);
            bool known = false;
            for (int j = 0; j < *out_count; j++)
                known = known || strcmp(out[j], text) == 0;
            if (!known)
                out[(*out_count)++] = text;
        }
    }
    return 0;
}

static int extract_one(struct search *x, const struct value_spec *spec, struct value *out)
{
    const char *texts[VALUE_TARGETS_MAX];
    const struct value_source *source = NULL;
    int count = 0;
    if (find(x, spec, texts, &count, &source) != 0)
        return -1;
    if (count > 1)
        return disagree(x, spec, source, texts, count);
    if (count == 0 && !spec->fallback)
        return not_found(x, spec);
    out->name = spec->name;
    out->text = count == 1 ? texts[0] : spec->fallback;
    out->source = count == 1 ? source->text : "default";
    return 0;
}

int values_extract(const struct scenario *s, const struct values_input *in, struct arena *a,
    const struct value **out_values, struct values_problem *out_problem)
{
    struct search x = {s, in, a, out_problem};
    struct value *values = arena_alloc(a, (size_t)s->values_count * sizeof *values + 1);
    if (!values)
        return no_memory(&x);
    for (int i = 0; i < s->values_count; i++)
        if (extract_one(&x, &s->values[i], &values[i]) != 0)
            return -1;
    *out_values = values;
    return 0;
}

int values_target(const struct scenario *s, const struct values_input *in, struct arena *a,
    struct target_names *out, struct values_problem *out_problem)
{
    struct search x = {s, in, a, out_problem};
    const char **names = arena_alloc(a, VALUE_TARGETS_MAX * sizeof *names);
    if (!names)
        return no_memory(&x);
    const struct value_source *source = NULL;
    int count = 0;
    if (find(&x, &s->target, names, &count, &source) != 0)
        return -1;
    if (count == 0 && !s->target.fallback)
        return not_found(&x, &s->target);
    if (count == 0)
        names[count++] = s->target.fallback;
    *out = (struct target_names){
        names, count, source && names[0] != s->target.fallback ? source->text : "default"};
    return 0;
}
