/* SPDX-License-Identifier: MIT
 * Keyword tokens in a title: [AMS:disk-full mount=/var note="two words"]. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "executor/match_parts.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

static const char *copy(struct arena *a, const char *title, struct pattern_span span)
{
    return arena_strndup(a, title + span.from, span.to - span.from);
}

static int make_token(const struct matcher *m, const char *title, struct pattern_span whole,
    const struct pattern_span *groups, struct arena *a, struct match_token *out)
{
    struct pattern_span none = {0};
    out->text = copy(a, title, whole);
    out->keyword = copy(a, title, groups[m->token_keyword]);
    out->values = copy(a, title, m->token_values >= 0 ? groups[m->token_values] : none);
    if (!out->text || !out->keyword || !out->values)
        return -1;
    struct buf folded;
    buf_init(&folded, MATCH_TITLE_BYTES_MAX * 18);
    int rc = match_fold(out->keyword, strlen(out->keyword), &folded);
    out->folded = rc == 0 ? arena_strdup(a, buf_text(&folded)) : NULL;
    buf_done(&folded);
    return out->folded ? 0 : -1;
}

int match_tokens(const struct matcher *m, struct pattern_scratch *scratch, const char *title,
    size_t bytes, struct arena *a, struct match_token *out)
{
    int count = 0;
    struct pattern_span whole, groups[PATTERN_GROUPS_MAX];
    for (size_t at = 0; at < bytes && count < MATCH_TOKENS_MAX;) {
        if (pattern_find(m->token, scratch, title, bytes, at, &whole, groups) != PATTERN_YES ||
            whole.to <= at)
            break;
        at = whole.to;
        if (!groups[m->token_keyword].set)
            continue;
        if (make_token(m, title, whole, groups, a, &out[count++]) != 0)
            return -1;
    }
    return count;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct reader {
    const char *s;
    struct arena *arena;      /* borrowed */
    struct match_pair *pairs; /* arena */
    int count;
    const char *problem; /* arena; the first */
    bool short_of_memory;
};

static void complain(struct reader *r, const char *format, ...) PRINTF_LIKE(2, 3);

/* Keeps the first problem. */
static void complain(struct reader *r, const char *format, ...)
{
    if (r->problem)
        return;
    char text[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* cut at a character boundary below */
    va_end(args);
    r->problem = arena_strndup(r->arena, text, text_cut(text, strlen(text), 120, sizeof text));
    r->short_of_memory = !r->problem;
}

static bool is_name(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_';
        bool later = (s[i] >= '0' && s[i] <= '9') || s[i] == '-' || s[i] == '.';
        if (!letter && !(i > 0 && later))
            return false;
    }
    return n > 0;
}

/* Names given twice with different values are not to be trusted: the later takes both away. */
static void add_pair(
    struct reader *r, const char *name, size_t name_bytes, const char *text, size_t bytes)
{
    for (int i = 0; i < r->count; i++) {
        if (strlen(r->pairs[i].name) != name_bytes ||
            memcmp(r->pairs[i].name, name, name_bytes) != 0)
            continue;
        bool same = r->pairs[i].text && strlen(r->pairs[i].text) == bytes &&
                    memcmp(r->pairs[i].text, text, bytes) == 0;
        if (!same) {
            complain(r, "\"%.*s\" is given twice", (int)name_bytes, name);
            r->pairs[i].text = NULL;
        }
        return;
    }
    if (r->count == MATCH_PAIRS_MAX) {
        complain(r, "too many values, from \"%.*s\" on", (int)name_bytes, name);
        return;
    }
    struct match_pair *p = &r->pairs[r->count++];
    p->name = arena_strndup(r->arena, name, name_bytes);
    p->text = arena_strndup(r->arena, text, bytes);
    r->short_of_memory = r->short_of_memory || !p->name || !p->text;
}

static void read_pair(struct reader *r)
{
    const char *name = r->s;
    while (*r->s && !is_blank(*r->s) && *r->s != '=' && *r->s != '"')
        r->s++;
    size_t name_bytes = (size_t)(r->s - name);
    if (*r->s != '=' || !is_name(name, name_bytes)) {
        while (*r->s && !is_blank(*r->s))
            r->s++;
        complain(r, "\"%.*s\" is no name=value", (int)(r->s - name), name);
        return;
    }
    r->s++;
    const char *text = r->s;
    if (*text == '"') {
        const char *close = strchr(++text, '"');
        size_t bytes = close ? (size_t)(close - text) : strlen(text);
        r->s = close ? close + 1 : text + bytes;
        if (!close || (*r->s && !is_blank(*r->s)))
            complain(r, "the value of \"%.*s\" does not end with its quote", (int)name_bytes, name);
        else
            add_pair(r, name, name_bytes, text, bytes);
        return;
    }
    while (*r->s && !is_blank(*r->s))
        r->s++;
    add_pair(r, name, name_bytes, text, (size_t)(r->s - text));
}

int match_token_values(const struct match_token *token, struct arena *a, struct match_result *out)
{
    struct reader r = {.s = token->values, .arena = a};
    r.pairs = arena_alloc(a, MATCH_PAIRS_MAX * sizeof *r.pairs);
    if (!r.pairs)
        return -1;
    for (;;) {
        while (is_blank(*r.s))
            r.s++;
        if (*r.s == '\0' || r.short_of_memory)
            break;
        read_pair(&r);
    }
    int kept = 0;
    for (int i = 0; i < r.count; i++)
        if (r.pairs[i].text)
            r.pairs[kept++] = r.pairs[i];
    out->inline_values = r.pairs;
    out->inline_count = kept;
    out->token_problem = r.problem;
    return r.short_of_memory ? -1 : 0;
}
