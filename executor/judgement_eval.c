/* SPDX-License-Identifier: MIT
 * Judging: each term is compared with what was found, then the terms are joined, then the ones that
 * decided are put in words. */
#include "executor/judgement.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "executor/judgement_tree.h"
#include "executor/story_texts.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define FOUND_CHARS_MAX 60

struct verdict {
    enum judgement_outcome outcome;
    enum judgement_reason reason;
};

static const struct term default_term = {
    .subject = "status",
    .of_status = true,
    .operator= IS_EQUAL,
    .operand = OPERAND_NUMBER,
    .rule = "== 0",
};
static const struct node default_node = {NODE_TERM, -1, -1, &default_term};
static const struct judgement default_judgement = {
    .text = "status == 0",
    .bytes = 11,
    .nodes = &default_node,
    .nodes_count = 1,
    .terms_count = 1,
};

const struct judgement *judgement_default(void)
{
    return &default_judgement;
}

/* The result that a term reads, or NULL when there is none. */
static const struct judgement_result *result_of(
    const struct term *t, const struct judgement_facts *facts)
{
    const struct judgement_result *own = facts->own;
    if (!t->name || (own && own->name && strcmp(own->name, t->name) == 0))
        return own;
    for (int i = 0; i < facts->named_count; i++)
        if (facts->named[i].name && strcmp(facts->named[i].name, t->name) == 0)
            return &facts->named[i];
    return NULL;
}

/* The output without blanks at its ends. Returns its length. */
static size_t trimmed(const struct judgement_result *r, const char **out)
{
    const char *text = r->output ? r->output : "";
    size_t n = r->output ? r->output_bytes : 0;
    while (n > 0 && memchr(" \t\r\n\v\f", text[n - 1], 6))
        n--;
    while (n > 0 && memchr(" \t\r\n\v\f", text[0], 6)) {
        text++;
        n--;
    }
    *out = text;
    return n;
}

/* Why nothing can be told from this result, whatever is asked; REASON_FOUND when something can. */
static enum judgement_reason unusable(const struct judgement_result *r)
{
    if (!r)
        return REASON_NEVER_RAN;
    switch (r->state) {
    case RESULT_ENDED:
        return r->status == 126 || r->status == 127 ? REASON_NO_COMMAND : REASON_FOUND;
    case RESULT_SIGNAL:
        return REASON_SIGNAL;
    case RESULT_TIMEOUT:
        return REASON_TIMEOUT;
    case RESULT_LOST:
        return REASON_LOST;
    case RESULT_NONE:
    case RESULT_STATES:
        break;
    }
    return REASON_NEVER_RAN;
}

static bool compare(enum term_operator operator, long double found, long double rule)
{
    switch (operator) {
    case IS_LESS:
        return found < rule;
    case IS_AT_MOST:
        return found <= rule;
    case IS_GREATER:
        return found > rule;
    case IS_AT_LEAST:
        return found >= rule;
    case IS_NOT_EQUAL:
        return found < rule || found > rule;
    default:
        return !(found < rule || found > rule);
    }
}

static struct verdict verdict_of(bool holds)
{
    return (struct verdict){holds ? JUDGED_HEALTHY : JUDGED_UNHEALTHY, REASON_FOUND};
}

static struct verdict cannot_tell(enum judgement_reason reason)
{
    return (struct verdict){JUDGED_CANNOT_TELL, reason};
}

static struct verdict judge_number(const struct term *t, const char *text, size_t bytes)
{
    struct quantity found = {0};
    if (bytes == 0)
        return cannot_tell(REASON_NO_OUTPUT);
    if (quantity_read(text, bytes, &found) != bytes)
        return cannot_tell(REASON_NOT_A_NUMBER);
    if (!quantity_fits(found.kind, t->number.kind))
        return cannot_tell(REASON_UNIT);
    return verdict_of(compare(t->operator, found.value, t->number.value));
}

static struct verdict judge_pattern(const struct term *t, const char *text, size_t bytes)
{
    struct pattern_scratch *scratch = pattern_scratch_new();
    enum pattern_answer answer =
        scratch ? pattern_find(t->pattern, scratch, text, bytes, 0, NULL, NULL) : PATTERN_STOPPED;
    pattern_scratch_free(scratch);
    return answer == PATTERN_STOPPED ? cannot_tell(REASON_PATTERN_LIMIT)
                                     : verdict_of(answer == PATTERN_YES);
}

static struct verdict judge_text(const struct term *t, const char *text, size_t bytes)
{
    if (t->operator== DOES_CONTAIN)
        return verdict_of(memmem(text, bytes, t->text, t->text_bytes) != NULL);
    bool same = bytes == t->text_bytes && (bytes == 0 || memcmp(text, t->text, bytes) == 0);
    return verdict_of(same == (t->operator== IS_EQUAL));
}

/* Whether the rule also reads this result's exit status, so that its author thought of it. */
static bool status_is_judged(const struct judgement *j, const struct judgement_facts *facts,
    const struct judgement_result *r)
{
    for (int i = 0; i < j->nodes_count; i++) {
        const struct term *t = j->nodes[i].term;
        if (t && t->of_status && result_of(t, facts) == r)
            return true;
    }
    return false;
}

/* positive  whether a term that holds speaks for health (false under an odd number of `not`) */
static struct verdict judge_term(const struct judgement *j, const struct term *t,
    const struct judgement_facts *facts, bool positive)
{
    const struct judgement_result *r = result_of(t, facts);
    enum judgement_reason reason = unusable(r);
    if (reason != REASON_FOUND)
        return cannot_tell(reason);
    if (t->of_status)
        return verdict_of(compare(t->operator, r->status, t->number.value));
    if (r->cut)
        return cannot_tell(REASON_CUT);
    bool believed = r->status == 0 || status_is_judged(j, facts, r);
    if (!believed && t->operand == OPERAND_NUMBER)
        return cannot_tell(REASON_STATUS);
    const char *text;
    size_t bytes = trimmed(r, &text);
    struct verdict v = t->operand == OPERAND_NUMBER ? judge_number(t, text, bytes)
                       : t->operand == OPERAND_TEXT ? judge_text(t, text, bytes)
                                                    : judge_pattern(t, text, bytes);
    if (!believed && v.outcome == (positive ? JUDGED_HEALTHY : JUDGED_UNHEALTHY))
        return cannot_tell(REASON_STATUS);
    return v;
}

static enum judgement_outcome inverse(enum judgement_outcome o)
{
    return o == JUDGED_HEALTHY ? JUDGED_UNHEALTHY : o == JUDGED_UNHEALTHY ? JUDGED_HEALTHY : o;
}

/* stronger: what decides a join alone. */
static enum judgement_outcome join(
    enum judgement_outcome a, enum judgement_outcome b, enum judgement_outcome stronger)
{
    if (a == stronger || b == stronger)
        return stronger;
    return a == JUDGED_CANNOT_TELL || b == JUDGED_CANNOT_TELL ? JUDGED_CANNOT_TELL : a;
}

/* Marks under how many `not` each node stands. A node stands behind what it joins, so going down is
 * going backwards. */
static void mark_polarity(const struct judgement *j, bool *positive)
{
    positive[j->nodes_count - 1] = true;
    for (int i = j->nodes_count - 1; i >= 0; i--) {
        const struct node *n = &j->nodes[i];
        if (n->a >= 0)
            positive[n->a] = positive[i] != (n->kind == NODE_NOT);
        if (n->b >= 0)
            positive[n->b] = positive[i];
    }
}

static void judge_nodes(const struct judgement *j, const struct judgement_facts *facts,
    const bool *positive, struct verdict *v)
{
    for (int i = 0; i < j->nodes_count; i++) {
        const struct node *n = &j->nodes[i];
        switch (n->kind) {
        case NODE_TERM:
            v[i] = judge_term(j, n->term, facts, positive[i]);
            break;
        case NODE_NOT:
            v[i].outcome = inverse(v[n->a].outcome);
            break;
        case NODE_AND:
            v[i].outcome = join(v[n->a].outcome, v[n->b].outcome, JUDGED_UNHEALTHY);
            break;
        case NODE_OR:
            v[i].outcome = join(v[n->a].outcome, v[n->b].outcome, JUDGED_HEALTHY);
            break;
        }
    }
}

/* Marks the nodes that made the root come out as it did: those whose outcome, turned by their
 * `not`s, is the root's. */
static void mark_deciding(const struct judgement *j, const struct verdict *v, bool *deciding)
{
    deciding[j->nodes_count - 1] = true;
    for (int i = j->nodes_count - 1; i >= 0; i--) {
        const struct node *n = &j->nodes[i];
        if (!deciding[i] || n->a < 0)
            continue;
        deciding[n->a] = n->kind == NODE_NOT || v[n->a].outcome == v[i].outcome;
        if (n->b >= 0)
            deciding[n->b] = v[n->b].outcome == v[i].outcome;
    }
}

/* Fills why->found with what the term looked at. */
static void put_found(const struct term *t, const struct judgement_result *r,
    enum judgement_reason reason, struct judgement_why *why)
{
    if (!r || reason == REASON_NEVER_RAN)
        return;
    bool number = reason == REASON_STATUS || reason == REASON_SIGNAL || reason == REASON_NO_COMMAND;
    if (number || (reason == REASON_FOUND && t->of_status)) {
        (void)snprintf(why->found, sizeof why->found, "%d", r->status); /* fits */
        return;
    }
    const char *text;
    size_t bytes = trimmed(r, &text);
    struct buf line;
    buf_init(&line, 1024);
    text_one_line(text, bytes, &line); /* what does not fit is cut below */
    size_t keep = text_cut(buf_text(&line), line.bytes, FOUND_CHARS_MAX, sizeof why->found - 4);
    (void)snprintf(why->found, sizeof why->found, "%.*s%s", (int)keep, buf_text(&line),
        keep < line.bytes || line.over ? "..." : "");
    buf_done(&line);
}

/* What was found, in words, without subject and rule. */
static enum story_text phrase_of(const struct term *t, const struct judgement_why *w)
{
    static const enum story_text phrases[] = {
        [REASON_NEVER_RAN] = TEXT_FOUND_NEVER_RAN,
        [REASON_TIMEOUT] = TEXT_FOUND_TIMEOUT,
        [REASON_LOST] = TEXT_FOUND_LOST,
        [REASON_SIGNAL] = TEXT_FOUND_SIGNAL,
        [REASON_NO_COMMAND] = TEXT_FOUND_NO_COMMAND,
        [REASON_STATUS] = TEXT_FOUND_BAD_STATUS,
        [REASON_CUT] = TEXT_FOUND_CUT,
        [REASON_NO_OUTPUT] = TEXT_FOUND_NOTHING,
        [REASON_NOT_A_NUMBER] = TEXT_FOUND_NOT_A_NUMBER,
        [REASON_UNIT] = TEXT_FOUND_UNIT,
        [REASON_PATTERN_LIMIT] = TEXT_FOUND_PATTERN_LIMIT,
    };
    _Static_assert(sizeof phrases / sizeof phrases[0] == JUDGEMENT_REASONS, "one phrase a reason");
    if (w->reason == REASON_NO_COMMAND && strcmp(w->found, "127") != 0)
        return TEXT_FOUND_NOT_EXECUTABLE;
    if (w->reason != REASON_FOUND)
        return phrases[w->reason];
    if (t->of_status)
        return TEXT_FOUND_STATUS;
    return w->found[0] == '\0' ? TEXT_FOUND_NOTHING : TEXT_FOUND_QUOTED;
}

/* One deciding term in words. What does not fit is left off at a character boundary, which is fine.
 */
static void say_term(const struct term *t, bool several, bool positive,
    const struct judgement_why *w, enum policy_language language, struct buf *out)
{
    struct story_args a = {0};
    struct buf phrase;
    buf_init(&phrase, JUDGEMENT_TEXT_BYTES);
    story_args_set(&a, "found", w->found);
    story_args_set(&a, "kind", story_phrase(language, quantity_kind_name(t->number.kind)));
    bool bare =
        w->reason == REASON_FOUND && t->operand == OPERAND_NUMBER && !t->of_status && w->found[0];
    if (bare)
        story_add(&phrase, w->found, strlen(w->found));
    else
        story_say(&phrase, language, phrase_of(t, w), &a);
    story_args_set(&a, "subject", w->subject);
    story_args_set(&a, "phrase", buf_text(&phrase));
    story_args_set(&a, "rule", t->rule);
    if (several || w->reason == REASON_NEVER_RAN)
        story_say(out, language,
            w->reason == REASON_FOUND && !t->of_status ? TEXT_FOUND_NAMED_IS : TEXT_FOUND_NAMED,
            &a);
    else
        story_add(out, buf_text(&phrase), phrase.bytes);
    story_say(out, language, positive ? TEXT_FOUND_RULE : TEXT_FOUND_RULE_NOT, &a);
    buf_done(&phrase);
}

static void describe_term(const struct term *t, const struct judgement_facts *facts,
    struct verdict v, bool positive, struct judgement_why *out)
{
    *out = (struct judgement_why){.reason = v.reason};
    (void)snprintf(
        out->subject, sizeof out->subject, "%s", t->subject); /* cut is fine in all three */
    (void)snprintf(out->rule, sizeof out->rule, "%s%s", positive ? "" : "not ", t->rule);
    put_found(t, result_of(t, facts), v.reason, out);
}

static void fill_why(const struct judgement *j, const struct judgement_facts *facts,
    const struct verdict *v, const bool *positive, struct judgement_why *why)
{
    bool deciding[JUDGEMENT_NODES_MAX] = {0};
    mark_deciding(j, v, deciding);
    struct buf text;
    buf_init(&text, sizeof why->text - 1);
    bool first = true;
    for (int i = 0; i < j->nodes_count; i++) {
        const struct term *t = j->nodes[i].term;
        if (!t || !deciding[i])
            continue;
        struct judgement_why one;
        describe_term(t, facts, v[i], positive[i], &one);
        if (first)
            *why = one;
        else
            story_add(&text, "; ", 2);
        first = false;
        say_term(t, j->terms_count > 1, positive[i], &one, facts->language, &text);
    }
    (void)snprintf(why->text, sizeof why->text, "%s", buf_text(&text));
    buf_done(&text);
}

enum judgement_outcome judgement_eval(
    const struct judgement *j, const struct judgement_facts *facts, struct judgement_why *why)
{
    if (!j)
        j = &default_judgement;
    assert(j->nodes_count > 0 && j->nodes_count <= JUDGEMENT_NODES_MAX);
    bool positive[JUDGEMENT_NODES_MAX];
    struct verdict v[JUDGEMENT_NODES_MAX];
    mark_polarity(j, positive);
    judge_nodes(j, facts, positive, v);
    if (why)
        fill_why(j, facts, v, positive, why);
    return v[j->nodes_count - 1].outcome;
}

const char *judgement_outcome_name(enum judgement_outcome outcome)
{
    static const char *const names[] = {"healthy", "unhealthy", "cannot tell"};
    return names[outcome];
}
