/* SPDX-License-Identifier: MIT
 * Looking for a scenario's values in the order of their sources. The first source that has
 * something decides; a wrong value there is a problem, not a reason to look on: the author's first
 * place is the one that is meant. */
#include <stdio.h>
#include <string.h>

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
    (void)snprintf(x->problem->text, sizeof x->problem->text,
        "there is no memory left for the values"); /* fits */
    return -1;
}

/* One line, quoted, shortened: for words about what was seen. */
static void add_seen(struct buf *out, const char *text, size_t bytes)
{
    struct buf line;
    buf_init(&line, 4 * VALUE_SEEN_BYTES);
    text_one_line(text, bytes < 2 * VALUE_SEEN_BYTES ? bytes : 2 * VALUE_SEEN_BYTES, &line);
    size_t keep = text_cut(buf_text(&line), line.bytes, VALUE_SEEN_BYTES, VALUE_SEEN_BYTES);
    (void)buf_printf(out, "\"%.*s%s\"", (int)keep, buf_text(&line),
        keep < line.bytes || bytes > 2 * VALUE_SEEN_BYTES
            ? "..."
            : ""); /* out is a message: cut is fine, below too */
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

static void add_miss(struct search *x, const struct value_source *source, struct buf *out)
{
    const struct match_result *m = x->in->match;
    (void)buf_printf(out, "%s ", source->text);
    if (source->kind == SOURCE_KEYWORD) {
        if (m->token)
            add_seen((buf_add_text(out, "(not in the token "), out), m->token, strlen(m->token));
        else
            (void)buf_add_text(out, "(the title has no token of this scenario");
        if (m->token_problem)
            (void)buf_printf(out, ", %s", m->token_problem);
        (void)buf_add_char(out, ')');
    } else if (source->kind == SOURCE_TITLE) {
        (void)buf_add_text(out, "(the title does not have it)");
    } else if (source->kind == SOURCE_ALERT) {
        int n = x->in->alerts_count;
        if (n == 0)
            (void)buf_add_text(out, "(the incident has no alert)");
        else
            (void)buf_printf(
                out, n == 1 ? "(the alert does not have it)" : "(none of %d alerts has it)", n);
    } else {
        (void)buf_add_text(out, "(not set)");
    }
}

static int problem(struct search *x, const struct value_spec *spec, struct buf *text)
{
    x->problem->name = spec->name;
    (void)snprintf(
        x->problem->text, sizeof x->problem->text, "%s", buf_text(text)); /* cut is fine */
    buf_done(text);
    return -1;
}

static void begin(const struct value_spec *spec, struct buf *out, const char *more)
{
    buf_init(out, sizeof((struct values_problem *)0)->text - 1);
    bool target = strcmp(spec->name, "host") == 0;
    (void)buf_printf(
        out, target ? "the target %s%s" : "the value \"%s\"%s", target ? "host" : spec->name, more);
}

static int not_found(struct search *x, const struct value_spec *spec)
{
    struct buf out;
    begin(spec, &out, " was not found; looked in ");
    for (int i = 0; i < spec->sources_count; i++) {
        if (i > 0)
            (void)buf_add_text(&out, ", ");
        add_miss(x, &spec->sources[i], &out);
    }
    return problem(x, spec, &out);
}

static int is_odd(struct search *x, const struct value_spec *spec,
    const struct value_source *source, const char *what)
{
    struct buf out;
    begin(spec, &out, ": ");
    (void)buf_printf(&out, "%s is %s, not %s", source->text, what, value_type_name(spec->type));
    return problem(x, spec, &out);
}

static int is_wrong(struct search *x, const struct value_spec *spec,
    const struct value_source *source, const char *text, size_t bytes, const char *why)
{
    struct buf out;
    begin(spec, &out, ": ");
    (void)buf_printf(&out, "%s is ", source->text);
    add_seen(&out, text, bytes);
    (void)buf_printf(&out, ", which %s", why);
    return problem(x, spec, &out);
}

static int disagree(struct search *x, const struct value_spec *spec,
    const struct value_source *source, const char *const *texts, int count)
{
    struct buf out;
    begin(spec, &out, " is not clear: ");
    (void)buf_printf(&out, "the incident's alerts differ in %s: ", source->text);
    for (int i = 0; i < count; i++) {
        if (i > 0)
            (void)buf_add_text(&out, ", ");
        add_seen(&out, texts[i], strlen(texts[i]));
    }
    return problem(x, spec, &out);
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
