/* SPDX-License-Identifier: MIT
 * Matching one title: candidates from the index, then each looked at closely in the set's order. Each thing that a title can
 * make long is counted in steps, of which a title has a budget. */
#include "executor/match.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/match_parts.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define WORDS_MAX ((SCENARIO_SET_MAX + 63) / 64)
#define FOLDED_BYTES_MAX (3 * MATCH_TITLE_BYTES_MAX) /* a letter folds to three at most */

/* A title made ready, and what is being found about it. */
struct title {
    const struct matcher *matcher;                           /* borrowed */
    const struct match_subject *subject;                     /* borrowed */
    struct arena *arena;                                     /* borrowed */
    struct pattern_scratch *scratch;                         /* owned */
    struct buf normal;                                       /* NFKC: for patterns and tokens */
    struct buf folded;                                       /* for phrases */
    struct buf service_id, service_name, priority, customer; /* folded */
    struct match_token tokens[MATCH_TOKENS_MAX];
    int tokens_count;
    int64_t left; /* steps; below 0: they did not suffice */
    bool failed;  /* memory */
    struct match_result *out;
};

/* A text as far as it is looked at. */
static void bound(struct title *t, const char *text, struct buf *out)
{
    size_t bytes =
        text_cut(text, strnlen(text, MATCH_TITLE_BYTES_MAX + 1), SIZE_MAX, MATCH_TITLE_BYTES_MAX);
    buf_init(out, MATCH_TITLE_BYTES_MAX);
    t->failed = t->failed || text_bound(text, bytes, MATCH_TITLE_CHARS_MAX, out) != 0;
}

static void fold(struct title *t, const struct buf *text, struct buf *out)
{
    buf_init(out, FOLDED_BYTES_MAX);
    t->failed = t->failed || match_fold(buf_text(text), text->bytes, out) != 0;
}

static void fold_field(struct title *t, const char *text, struct buf *out)
{
    buf_init(out, FOLDED_BYTES_MAX);
    if (!text)
        return;
    struct buf bounded;
    bound(t, text, &bounded);
    fold(t, &bounded, out);
    buf_done(&bounded);
}

static void compat(struct title *t, const struct buf *text, struct buf *out)
{
    buf_init(out, MATCH_TITLE_BYTES_MAX);
    t->failed = t->failed || text_compat(buf_text(text), text->bytes, out, NULL) != 0;
}

static void title_done(struct title *t)
{
    pattern_scratch_free(t->scratch);
    buf_done(&t->normal);
    buf_done(&t->folded);
    buf_done(&t->service_id);
    buf_done(&t->service_name);
    buf_done(&t->priority);
    buf_done(&t->customer);
}

static int title_init(struct title *t, const struct scenario_set *set,
    const struct match_subject *subject, struct arena *a, struct match_result *out)
{
    *t = (struct title){
        .matcher = scenario_set_matcher(set), .subject = subject, .arena = a, .out = out};
    *out = (struct match_result){0};
    struct buf title;
    bound(t, subject->title ? subject->title : "", &title);
    compat(t, &title, &t->normal);
    fold(t, &title, &t->folded);
    buf_done(&title);
    fold_field(t, subject->service_id, &t->service_id);
    fold_field(t, subject->service_name, &t->service_name);
    fold_field(t, subject->priority, &t->priority);
    fold_field(t, subject->customer, &t->customer);
    t->scratch = pattern_scratch_new();
    if (t->failed || !t->scratch)
        return -1;
    t->left = MATCH_STEPS_MAX;
    pattern_scratch_budget(t->scratch, &t->left, MATCH_STEPS_MAX);
    t->tokens_count = match_tokens(
        t->matcher, t->scratch, buf_text(&t->normal), t->normal.bytes, a, t->tokens);
    pattern_scratch_budget(t->scratch, &t->left, MATCH_PATTERN_STEPS_MAX);
    if (t->tokens_count > 0)
        out->keyword_seen = t->tokens[0].keyword;
    return t->tokens_count < 0 ? -1 : 0;
}

/* Takes work off what is left: `count` small things, eight of which are a step. */
static void spend(struct title *t, int64_t count)
{
    t->left -= 1 + count / 8;
}

static bool holds(struct title *t, const char *phrase)
{
    const struct buf *text = &t->folded;
    spend(t, (int64_t)text->bytes / 2);
    return memmem(buf_text(text), text->bytes, phrase, strlen(phrase)) != NULL;
}

static bool in_list(struct text_list list, const struct buf *folded)
{
    for (int i = 0; i < list.count; i++)
        if (strcmp(list.items[i], buf_text(folded)) == 0)
            return true;
    return false;
}

/* --- reasons
 * -----------------------------------------------------------------------------------------------------
 */

/* Where a reason goes; NULL in the fast path. */
struct why {
    char text[400];
};

static bool no(struct why *why, const char *format, ...) PRINTF_LIKE(2, 3);

/* Notes why not. Returns false. */
static bool no(struct why *why, const char *format, ...)
{
    if (!why)
        return false;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why->text, sizeof why->text, format, args); /* cut is fine */
    va_end(args);
    return false;
}

/* "a, b" in a static size; for reasons only. */
static void join(struct text_list list, char *out, size_t bytes)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < list.count && n < bytes; i++)
        n += (size_t)snprintf(out + n, bytes - n, "%s%s", i > 0 ? ", " : "", list.items[i]);
}

/* --- one scenario
 * ------------------------------------------------------------------------------------------------
 */

static bool by_keyword(struct title *t, const struct match_entry *e)
{
    spend(t, (int64_t)t->tokens_count * e->keywords.count);
    for (int k = 0; k < t->tokens_count; k++)
        for (int i = 0; i < e->keywords.count; i++) {
            if (strcmp(e->keywords.items[i], t->tokens[k].folded) != 0)
                continue;
            t->out->how = MATCHED_KEYWORD;
            t->out->what = e->scenario->match.keywords.items[i];
            t->out->token = t->tokens[k].text;
            if (match_token_values(&t->tokens[k], t->arena, t->out) != 0)
                t->failed = true;
            return true;
        }
    return false;
}

static bool by_phrase(struct title *t, const struct match_entry *e)
{
    for (int i = 0; i < e->phrases.count && t->left >= 0; i++) {
        if (!holds(t, e->phrases.items[i]))
            continue;
        t->out->how = MATCHED_PHRASE;
        t->out->what = e->scenario->match.phrases.items[i];
        return true;
    }
    return false;
}

static enum pattern_answer look(
    struct title *t, const struct pattern *p, struct pattern_span *groups)
{
    enum pattern_answer answer =
        pattern_find(p, t->scratch, buf_text(&t->normal), t->normal.bytes, 0, NULL, groups);
    if (answer == PATTERN_STOPPED)
        t->out->patterns_stopped++;
    return answer;
}

static bool by_pattern(struct title *t, const struct match_entry *e)
{
    const struct scenario_match *m = &e->scenario->match;
    for (int i = 0; i < m->patterns.count; i++) {
        if (look(t, m->compiled[i], NULL) != PATTERN_YES)
            continue;
        t->out->how = MATCHED_PATTERN;
        t->out->what = m->patterns.items[i];
        return true;
    }
    return false;
}

/* A pattern that could not be tried to its end counts as found here: leaving an incident alone is
 * the safe side. */
static bool is_excluded(struct title *t, const struct match_entry *e, struct why *why)
{
    const struct scenario_match *m = &e->scenario->match;
    for (int i = 0; i < e->not_phrases.count; i++)
        if (holds(t, e->not_phrases.items[i]))
            return !no(why, "its not \"%s\" is in the title", m->not_phrases.items[i]);
    for (int i = 0; i < m->not_patterns.count; i++)
        if (look(t, m->not_compiled[i], NULL) != PATTERN_NO)
            return !no(why, "its not re:%s matches the title", m->not_patterns.items[i]);
    return false;
}

static bool fits_filters(struct title *t, const struct match_entry *e, struct why *why)
{
    const struct scenario_match *m = &e->scenario->match;
    char list[200];
    spend(t, m->services.count + m->priorities.count + m->customers.count);
    if (m->services.count > 0 && !in_list(e->services, &t->service_id) &&
        !in_list(e->services, &t->service_name)) {
        join(m->services, list, sizeof list);
        return no(why, "it is for the service %s, not for %s", list,
            t->subject->service_name ? t->subject->service_name
            : t->subject->service_id ? t->subject->service_id
                                     : "an unknown one");
    }
    if (m->priorities.count > 0 && !in_list(e->priorities, &t->priority)) {
        join(m->priorities, list, sizeof list);
        return no(why, "it is for priority %s, not for %s", list,
            t->subject->priority ? t->subject->priority : "none");
    }
    if (m->customers.count > 0 && !in_list(e->customers, &t->customer)) {
        join(m->customers, list, sizeof list);
        return no(why, "it is for the customer %s, not for %s", list,
            t->subject->customer ? t->subject->customer : "an unknown one");
    }
    return true;
}

static bool not_found(struct title *t, const struct match_entry *e, struct why *why)
{
    const struct scenario_match *m = &e->scenario->match;
    char list[200];
    join(m->keywords, list, sizeof list);
    bool title = m->phrases.count + m->patterns.count > 0;
    if (m->keywords.count == 0)
        return no(why, "none of its %d phrases and patterns is in the title",
            m->phrases.count + m->patterns.count);
    if (t->tokens_count == 0)
        return no(why, "its keyword %s is not in the title, which has no token%s", list,
            title ? ", and none of its phrases and patterns is" : "");
    return no(why, "its keyword %s is not the title's (%s)%s", list, t->tokens[0].keyword,
        title ? ", and none of its phrases and patterns is in it" : "");
}

/* The filters cost least: where nobody asks why, they come first. */
static bool fits(struct title *t, const struct match_entry *e, struct why *why)
{
    if (!why && !fits_filters(t, e, NULL))
        return false;
    int stopped = t->out->patterns_stopped;
    if (!by_keyword(t, e) && !by_phrase(t, e) && !by_pattern(t, e)) {
        if (t->out->patterns_stopped > stopped)
            return no(why, "its pattern took too long on this title and counts as not matching");
        return not_found(t, e, why);
    }
    return !is_excluded(t, e, why) && (!why || fits_filters(t, e, why));
}

/* --- the one that is taken
 * --------------------------------------------------------------------------------------- */

static void add_groups(struct title *t, const struct pattern *p, const struct pattern_span *spans,
    struct match_pair *pairs)
{
    for (int g = 0; g < pattern_groups(p); g++) {
        const char *name = pattern_group_name(p, g);
        if (!spans[g].set || match_group(t->out, name) || t->out->groups_count == MATCH_PAIRS_MAX)
            continue;
        const char *text = arena_strndup(
            t->arena, buf_text(&t->normal) + spans[g].from, spans[g].to - spans[g].from);
        t->failed = t->failed || !text;
        pairs[t->out->groups_count++] = (struct match_pair){name, text ? text : ""};
    }
}

static void read_groups(
    struct title *t, const struct pattern *const *patterns, int count, struct match_pair *pairs)
{
    struct pattern_span spans[PATTERN_GROUPS_MAX];
    for (int i = 0; i < count; i++)
        if (pattern_groups(patterns[i]) > 0 && look(t, patterns[i], spans) == PATTERN_YES)
            add_groups(t, patterns[i], spans, pairs);
}

/* Named groups of all patterns that match, also where a keyword or a phrase decided; the earlier
 * pattern's go first. */
static void take_groups(struct title *t, const struct scenario_match *m)
{
    struct match_pair *pairs = arena_alloc(t->arena, MATCH_PAIRS_MAX * sizeof *pairs);
    t->failed = t->failed || !pairs;
    t->out->groups = pairs;
    if (!pairs)
        return;
    read_groups(t, m->compiled, m->patterns.count, pairs);
    read_groups(t, m->readers_compiled, m->readers.count, pairs);
}

static void take(struct title *t, const struct match_entry *e)
{
    t->out->scenario = e->scenario;
    if (e->scenario->match.patterns.count + e->scenario->match.readers.count > 0)
        take_groups(t, &e->scenario->match);
}

/* Forgets what a scenario left that was not taken after all. */
static void forget(struct match_result *out)
{
    *out = (struct match_result){
        .keyword_seen = out->keyword_seen, .patterns_stopped = out->patterns_stopped};
}

static int finish(struct title *t, int rc, struct error *err)
{
    bool failed = t->failed || rc != 0, spent = t->left < 0;
    title_done(t);
    if (failed || spent)
        t->out->scenario = NULL;
    if (failed)
        return error_set(err, ERROR_LIMIT, "there is no memory left to match a title");
    return spent ? error_set(err, ERROR_LIMIT, "the title takes more than %d steps to be matched with the scenarios", MATCH_STEPS_MAX) : 0;
}

static void find_candidates(struct title *t, uint64_t *bits)
{
    const struct match_index *index = t->matcher->index;
    uint64_t *seen = arena_alloc(t->arena, (match_index_seen_words(index) + 1) * sizeof *seen);
    t->failed = !seen;
    if (!seen)
        return;
    size_t taken = match_index_find(index, buf_text(&t->folded), t->folded.bytes, seen, bits);
    spend(t, (int64_t)(t->folded.bytes + taken));
}

static bool goes_on(const struct title *t)
{
    return !t->out->scenario && !t->failed && t->left >= 0;
}

int match_title(const struct scenario_set *set, const struct match_subject *subject,
    struct arena *a, struct match_result *out, struct error *err)
{
    struct title t;
    if (title_init(&t, set, subject, a, out) != 0)
        return finish(&t, -1, err);
    uint64_t bits[WORDS_MAX + 1];
    find_candidates(&t, bits);
    size_t words = match_index_words(t.matcher->index);
    for (size_t w = 0; w < words && goes_on(&t); w++)
        for (; bits[w] != 0 && goes_on(&t); bits[w] &= bits[w] - 1) {
            const struct match_entry *e =
                &t.matcher->entries[w * 64 + (size_t)__builtin_ctzll(bits[w])];
            if (fits(&t, e, NULL))
                take(&t, e);
            else
                forget(out);
        }
    out->steps = MATCH_STEPS_MAX - t.left;
    return finish(&t, 0, err);
}

static void say_taken(const struct match_result *out, struct why *why)
{
    static const char *const how[] = {"", "the keyword", "the phrase", "the pattern"};
    (void)no(why, "%s %s is in the title", how[out->how], out->what);
}

int match_explain(const struct scenario_set *set, const struct match_subject *subject,
    struct arena *a, match_told *told, void *owner, struct match_result *out, struct error *err)
{
    if (match_title(set, subject, a, out, err) != 0)
        return -1;
    struct title t;
    if (title_init(&t, set, subject, a, out) != 0)
        return finish(&t, -1, err);
    t.left = INT64_MAX; /* it looks at every scenario; each pattern has its limit as before */
    for (int i = 0; i < t.matcher->count && !out->scenario && !t.failed; i++) {
        const struct match_entry *e = &t.matcher->entries[i];
        struct why why = {""};
        if (fits(&t, e, &why)) {
            take(&t, e);
            say_taken(out, &why);
        } else {
            forget(out);
        }
        told(owner, e->scenario, out->scenario != NULL, why.text);
    }
    return finish(&t, 0, err);
}

static const char *find_pair(const struct match_pair *pairs, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(pairs[i].name, name) == 0)
            return pairs[i].text;
    return NULL;
}

const char *match_inline(const struct match_result *m, const char *name)
{
    return find_pair(m->inline_values, m->inline_count, name);
}

const char *match_group(const struct match_result *m, const char *name)
{
    return find_pair(m->groups, m->groups_count, name);
}
