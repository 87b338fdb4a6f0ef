/* SPDX-License-Identifier: MIT
 * PCRE2 with limits. The compiled code is allocated in the arena, so it lives and dies with its
 * scenario set. No JIT: ten thousand patterns that run once each are slower with it, and a hardened
 * unit forbids its memory. */
#include "executor/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"

struct pattern {
    pcre2_code *code; /* arena */
    int groups;
    const char **names; /* arena */
    int *numbers;       /* arena; PCRE2's group number of each */
    bool counted;
};

struct pattern_scratch {
    pcre2_match_data *data;       /* owned */
    pcre2_match_context *context; /* owned */
    int64_t *left;                /* borrowed; NULL: no budget */
    int64_t most_each;
    int64_t steps, steps_most; /* of the look under way */
    size_t at;                 /* where its last step was */
};

static void *take(PCRE2_SIZE bytes, void *arena)
{
    return arena_alloc(arena, bytes);
}

static void leave(void *block, void *arena)
{
    (void)block;
    (void)arena; /* freed with the arena */
}

static struct pattern *wrong(struct pattern_mistake *out, size_t offset, const char *text)
{
    if (out) {
        out->offset = offset;
        (void)snprintf(out->text, sizeof out->text, "%s", text); /* cut is fine */
    }
    return NULL;
}

/* What "(?" begins, or NULL when it is allowed. s points behind the "(?". */
static const char *forbidden_group(const char *s, const char *end)
{
    if (s == end)
        return NULL; /* PCRE2 says what is wrong */
    bool digit_next = s + 1 < end && s[1] >= '0' && s[1] <= '9';
    if (*s == 'R' || *s == '&' || (*s >= '0' && *s <= '9') ||
        ((*s == '+' || *s == '-') && digit_next) || (*s == 'P' && s + 1 < end && s[1] == '>'))
        return "recursion is not allowed in patterns";
    if (*s == 'P' && s + 1 < end && s[1] == '=')
        return "back-references are not allowed in patterns";
    if (*s == 'C')
        return "call-outs are not allowed in patterns";
    if (*s == '(')
        return "conditions are not allowed in patterns";
    /* In an extended pattern a comment could hide from this check what stands in it. */
    if (*s == '#' || memchr(s, 'x', strspn(s, "^-imnsxJU")))
        return "comments and (?x) are not allowed in patterns";
    return NULL;
}

static const char *forbidden_escape(char c)
{
    if (c == 'g' || c == 'k' || (c >= '1' && c <= '9'))
        return "back-references are not allowed in patterns";
    if (c == 'Q' || c == 'E')
        return "\\Q and \\E are not allowed in patterns; put a backslash before each special "
               "character";
    return NULL;
}

/* The end of the class whose '[' is at s: at its ']', or at end. */
static const char *class_end(const char *s, const char *end)
{
    s++;
    if (s < end && *s == '^')
        s++;
    if (s < end && *s == ']')
        s++;
    for (; s < end && *s != ']'; s++) {
        if (*s == '\\' && s + 1 < end)
            s++;
        else if (*s == '[' && s + 1 < end && s[1] == ':') {
            const char *close = memmem(s, (size_t)(end - s), ":]", 2);
            if (close)
                s = close + 1;
        }
    }
    return s;
}

/* Finds what PCRE2 has no switch against. */
static const char *forbidden(const char *text, size_t bytes, size_t *out_offset)
{
    const char *end = text + bytes;
    for (const char *s = text; s < end; s++) {
        const char *why = NULL;
        *out_offset = (size_t)(s - text);
        if (*s == '\\' && s + 1 < end)
            why = forbidden_escape(*++s);
        else if (*s == '[')
            s = class_end(s, end);
        else if (*s == '(' && s + 1 < end && s[1] == '*')
            why = "verbs such as (*UTF) are not allowed in patterns";
        else if (*s == '(' && s + 1 < end && s[1] == '?')
            why = forbidden_group(s + 2, end);
        if (why)
            return why;
    }
    return NULL;
}

static int by_number(
    const struct pattern *p, const unsigned char *table, uint32_t entry, int number)
{
    for (int i = 0; i < p->groups; i++)
        if (((table[(uint32_t)i * entry] << 8) | table[(uint32_t)i * entry + 1]) == number)
            return i;
    return -1;
}

static int read_names(struct pattern *p, struct arena *a)
{
    uint32_t count = 0, entry = 0, captures = 0;
    PCRE2_SPTR table = NULL;
    (void)pcre2_pattern_info(
        p->code, PCRE2_INFO_NAMECOUNT, &count); /* cannot fail: the code is good */
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &entry);
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &table);
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &captures);
    p->groups = (int)count;
    p->names = arena_alloc(a, (count + 1) * sizeof *p->names);
    p->numbers = arena_alloc(a, (count + 1) * sizeof *p->numbers);
    if (!p->names || !p->numbers)
        return -1;
    int n = 0;
    for (int number = 1; number <= (int)captures; number++) {
        int row = by_number(p, table, entry, number);
        if (row < 0)
            continue;
        p->names[n] = (const char *)table + (uint32_t)row * entry + 2;
        p->numbers[n++] = number;
    }
    return 0;
}

static pcre2_code *compile(
    struct arena *a, const char *text, size_t bytes, int flags, struct pattern_mistake *out)
{
    pcre2_general_context *general = pcre2_general_context_create(take, leave, a);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    if (!context) {
        (void)wrong(out, 0, "there is no memory left for this pattern");
        return NULL;
    }
    (void)pcre2_set_parens_nest_limit(context, PATTERN_NEST_MAX); /* always 0 */
    uint32_t options =
        PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE |
        (flags & PATTERN_COUNTED ? PCRE2_AUTO_CALLOUT : PCRE2_MATCH_INVALID_UTF);
    if (flags & PATTERN_CASELESS)
        options |= PCRE2_CASELESS;
    if (flags & PATTERN_LINES)
        options |= PCRE2_MULTILINE;
    int number = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, bytes, options, &number, &at, context);
    if (!code) {
        PCRE2_UCHAR why[160] = "unknown mistake";
        (void)pcre2_get_error_message(number, why, sizeof why); /* cut is fine */
        (void)wrong(out, at, (const char *)why);
    }
    return code;
}

struct pattern *pattern_compile(
    struct arena *a, const char *text, size_t bytes, int flags, struct pattern_mistake *out)
{
    if (bytes == 0)
        return wrong(out, 0, "the pattern is empty");
    if (bytes > PATTERN_BYTES_MAX)
        return wrong(out, PATTERN_BYTES_MAX, "the pattern is longer than 1024 bytes");
    size_t at = 0;
    const char *why = forbidden(text, bytes, &at);
    if (why)
        return wrong(out, at, why);
    struct pattern *p = arena_alloc(a, sizeof *p);
    if (!p)
        return wrong(out, 0, "there is no memory left for this pattern");
    p->code = compile(a, text, bytes, flags, out);
    p->counted = flags & PATTERN_COUNTED;
    if (!p->code)
        return NULL;
    uint32_t back = 0, captures = 0;
    size_t size = 0;
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_BACKREFMAX, &back); /* cannot fail */
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_SIZE, &size);
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &captures);
    if (back > 0)
        return wrong(out, 0, "back-references are not allowed in patterns");
    if (size > PATTERN_CODE_BYTES_MAX)
        return wrong(out, 0, "the pattern is too large when its repetitions are written out");
    if (captures > PATTERN_GROUPS_MAX)
        return wrong(out, 0, "the pattern has more than 32 named groups");
    if (read_names(p, a) != 0)
        return wrong(out, 0, "there is no memory left for this pattern");
    return p;
}

int pattern_groups(const struct pattern *p)
{
    return p->groups;
}

const char *pattern_group_name(const struct pattern *p, int index)
{
    return index >= 0 && index < p->groups ? p->names[index] : NULL;
}

/* PCRE2 calls it before each item of a counted pattern that it tries. Its own limit counts anew at each position of the
 * subject and knows no title's other patterns. */
static int count_step(pcre2_callout_block *step, void *owner)
{
    struct pattern_scratch *s = owner;
    size_t at = step->current_position;
    s->steps += 1 + (at > s->at ? (int64_t)((at - s->at) / PATTERN_STEP_BYTES) : 0);
    s->at = at;
    return s->steps > s->steps_most ? PCRE2_ERROR_CALLOUT : 0;
}

struct pattern_scratch *pattern_scratch_new(void)
{
    struct pattern_scratch *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->data = pcre2_match_data_create(PATTERN_GROUPS_MAX + 1, NULL);
    s->context = pcre2_match_context_create(NULL);
    if (!s->data || !s->context) {
        pattern_scratch_free(s);
        return NULL;
    }
    (void)pcre2_set_depth_limit(s->context, PATTERN_DEPTH_MAX); /* these always return 0 */
    (void)pcre2_set_heap_limit(s->context, PATTERN_HEAP_KIB_MAX);
    (void)pcre2_set_callout(s->context, count_step, s);
    return s;
}

void pattern_scratch_budget(struct pattern_scratch *s, int64_t *left, int64_t most_each)
{
    s->left = left;
    s->most_each = most_each;
}

void pattern_scratch_free(struct pattern_scratch *s)
{
    if (!s)
        return;
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->context);
    free(s);
}

/* PCRE2 counts its steps anew at each position of the subject, so the limit shrinks as the subject
 * grows. */
static uint32_t steps_for(size_t bytes)
{
    size_t steps = PATTERN_STEPS_ALL / (bytes + 1);
    return steps > PATTERN_STEPS_MAX   ? PATTERN_STEPS_MAX
           : steps < PATTERN_STEPS_MIN ? PATTERN_STEPS_MIN
                                       : (uint32_t)steps;
}

static struct pattern_span span_of(const PCRE2_SIZE *pairs, uint32_t pairs_count, int number)
{
    struct pattern_span span = {0};
    if ((uint32_t)number >= pairs_count || pairs[2 * number] == PCRE2_UNSET)
        return span;
    span.set = true;
    span.from = pairs[2 * number];
    span.to = pairs[2 * number + 1];
    if (span.to < span.from) /* \K inside a look-ahead can do that */
        span.to = span.from;
    return span;
}

/* False where the budget does not suffice to begin with. */
static bool begin_count(struct pattern_scratch *s, size_t bytes)
{
    s->steps = PATTERN_FIND_STEPS + (int64_t)(bytes / PATTERN_STEP_BYTES);
    s->steps_most = s->left ? *s->left : INT64_MAX;
    if (s->left && s->most_each < s->steps_most)
        s->steps_most = s->most_each;
    s->at = 0;
    if (s->steps <= s->steps_most)
        return true;
    *s->left -= s->steps;
    return false;
}

enum pattern_answer pattern_find(const struct pattern *p, struct pattern_scratch *s,
    const char *subject, size_t bytes, size_t start, struct pattern_span *out_whole,
    struct pattern_span *out_groups)
{
    if (p->counted && !begin_count(s, bytes - start))
        return PATTERN_STOPPED;
    (void)pcre2_set_match_limit(s->context, steps_for(bytes)); /* always 0 */
    int rc = pcre2_match(p->code, (PCRE2_SPTR)subject, bytes, start,
        p->counted ? PCRE2_NO_UTF_CHECK : 0, s->data, s->context);
    if (p->counted && s->left)
        *s->left -= s->steps;
    if (rc == PCRE2_ERROR_NOMATCH)
        return PATTERN_NO;
    if (rc < 0)
        return PATTERN_STOPPED;
    const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(s->data);
    uint32_t pairs_count = rc == 0 ? pcre2_get_ovector_count(s->data) : (uint32_t)rc;
    if (out_whole)
        *out_whole = span_of(pairs, pairs_count, 0);
    for (int i = 0; out_groups && i < p->groups; i++)
        out_groups[i] = span_of(pairs, pairs_count, p->numbers[i]);
    return PATTERN_YES;
}
