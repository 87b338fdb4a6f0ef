/* SPDX-License-Identifier: MIT
 * Makes a set of scenarios ready for matching: texts folded once, literals in the index. */
#include <stdlib.h>
#include <string.h>

#include "executor/match_parts.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

/* Squeezes in place: a byte is never written before it is read. */
static void squeeze_blanks(struct buf *text, size_t from)
{
    bool blank = false;
    size_t to = from;
    for (size_t i = from; i < text->bytes; i++) {
        char c = text->data[i];
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            blank = to > 0;
            continue;
        }
        if (blank)
            text->data[to++] = ' ';
        text->data[to++] = c;
        blank = false;
    }
    text->bytes = to;
    if (text->data)
        text->data[to] = '\0';
}

int match_fold(const char *text, size_t bytes, struct buf *out)
{
    size_t from = out->bytes;
    if (text_fold(text, bytes, out, NULL) != 0)
        return -1;
    squeeze_blanks(out, from);
    return 0;
}

struct maker {
    struct matcher *m;
    struct arena *arena; /* borrowed */
    struct diag *diag;   /* borrowed */
    int scenario;        /* at work */
    int always;          /* how many are tried for every title */
    bool failed;         /* memory */
};

static struct text_list fold_list(struct maker *k, struct text_list list)
{
    const char **items = arena_alloc(k->arena, (size_t)list.count * sizeof *items + 1);
    for (int i = 0; items && i < list.count; i++) {
        struct buf folded;
        buf_init(&folded, 18 * strlen(list.items[i]) + 1);
        if (match_fold(list.items[i], strlen(list.items[i]), &folded) == 0)
            items[i] = arena_strdup(k->arena, buf_text(&folded));
        buf_done(&folded);
        k->failed = k->failed || !items[i];
    }
    k->failed = k->failed || !items;
    return (struct text_list){items, items ? list.count : 0};
}

static void add_literals(struct maker *k, struct text_list folded)
{
    for (int i = 0; i < folded.count && !k->failed; i++)
        if (match_index_add(k->m->index, folded.items[i], strlen(folded.items[i]), k->scenario) !=
            0)
            k->failed = true;
}

static void add_literal(void *owner, const char *literal, size_t bytes)
{
    struct maker *k = owner;
    struct buf folded;
    buf_init(&folded, 18 * bytes + 1);
    if (match_fold(literal, bytes, &folded) != 0 ||
        match_index_add(k->m->index, buf_text(&folded), folded.bytes, k->scenario) != 0)
        k->failed = true;
    buf_done(&folded);
}

static void add_patterns(struct maker *k, const struct scenario *s)
{
    bool always = false;
    for (int i = 0; i < s->match.patterns.count; i++) {
        struct buf normal;
        buf_init(&normal, 18 * PATTERN_BYTES_MAX);
        const char *text = s->match.patterns.items[i];
        if (text_compat(text, strlen(text), &normal, NULL) != 0)
            k->failed = true;
        else if (match_literals(buf_text(&normal), add_literal, k) == 0)
            always = true;
        buf_done(&normal);
    }
    if (!always)
        return;
    match_index_add_always(k->m->index, k->scenario);
    if (++k->always <= MATCH_ALWAYS_MAX)
        diag_add(k->diag, DIAG_WARNING, s->file, s->line, 1, "match.title",
            "a pattern of %s has no text of %d bytes or more that must stand in the title, so it "
            "is tried for every title",
            s->name, MATCH_LITERAL_BYTES_MIN);
    else if (k->always == MATCH_ALWAYS_MAX + 1)
        diag_add(k->diag, DIAG_ERROR, s->file, s->line, 1, "match.title",
            "more than %d scenarios have patterns that must be tried for every title; give %s a "
            "word that must stand "
            "in the title",
            MATCH_ALWAYS_MAX, s->name);
}

static void add_scenario(struct maker *k, const struct scenario *s, struct match_entry *e)
{
    *e = (struct match_entry){
        .scenario = s,
        .keywords = fold_list(k, s->match.keywords),
        .phrases = fold_list(k, s->match.phrases),
        .not_phrases = fold_list(k, s->match.not_phrases),
        .services = fold_list(k, s->match.services),
        .priorities = fold_list(k, s->match.priorities),
        .customers = fold_list(k, s->match.customers),
    };
    add_literals(k, e->keywords);
    add_literals(k, e->phrases);
    if (!k->failed)
        add_patterns(k, s);
}

static int set_token(struct maker *k, const char *text)
{
    struct matcher *m = k->m;
    struct pattern_mistake mistake = {0};
    m->token = pattern_compile(k->arena, text, strlen(text), PATTERN_COUNTED, &mistake);
    m->token_keyword = m->token_values = -1;
    for (int i = 0; m->token && i < pattern_groups(m->token); i++) {
        if (strcmp(pattern_group_name(m->token, i), "keyword") == 0)
            m->token_keyword = i;
        else if (strcmp(pattern_group_name(m->token, i), "values") == 0)
            m->token_values = i;
    }
    if (!m->token)
        diag_add(k->diag, DIAG_ERROR, "(setting)", 0, 0, "",
            "the token pattern is wrong at its character %zu: %s", mistake.offset + 1,
            mistake.text);
    else if (m->token_keyword < 0)
        diag_add(k->diag, DIAG_ERROR, "(setting)", 0, 0, "",
            "the token pattern needs a group (?<keyword>...)");
    return m->token_keyword < 0 ? -1 : 0;
}

struct matcher *matcher_new(const struct scenario *const *scenarios, int count,
    const char *token_pattern, struct arena *a, struct diag *d)
{
    struct matcher *m = arena_alloc(a, sizeof *m);
    struct match_entry *entries = arena_alloc(a, (size_t)count * sizeof *entries + 1);
    struct maker k = {.m = m, .arena = a, .diag = d};
    if (m)
        m->index = match_index_new(count);
    k.failed = !m || !entries || !m->index;
    int errors = diag_errors(d);
    if (!k.failed && set_token(&k, token_pattern ? token_pattern : MATCH_TOKEN_DEFAULT) == 0)
        for (k.scenario = 0; k.scenario < count && !k.failed; k.scenario++)
            add_scenario(&k, scenarios[k.scenario], &entries[k.scenario]);
    if (!k.failed && match_index_finish(m->index) != 0)
        k.failed = true;
    if (k.failed)
        diag_add(d, DIAG_ERROR, "", 0, 0, "", "there is no memory left for this set of scenarios");
    if (k.failed || diag_errors(d) > errors) {
        matcher_free(m);
        return NULL;
    }
    m->entries = entries;
    m->count = count;
    return m;
}

void matcher_free(struct matcher *m)
{
    if (!m)
        return;
    match_index_free(m->index);
    m->index = NULL;
}
