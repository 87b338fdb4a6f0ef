/* SPDX-License-Identifier: MIT
 * From a file's tree to a scenario: the whole, and what it matches. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "executor/pattern.h"
#include "executor/scenario_parts.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

void build_error(struct builder *b, const struct yaml_node *node, const char *format, ...)
{
    char message[DIAG_MESSAGE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args); /* what is longer is cut */
    va_end(args);
    yaml_error(b->diag, node, NULL, "%s", message);
    b->failed = true;
}

void *build_alloc(struct builder *b, size_t bytes)
{
    void *p = arena_alloc(b->arena, bytes);
    if (!p)
        build_error(b, b->root, "there is no memory left for this scenario");
    return p;
}

const char *build_nearest(struct builder *b, const char *word, const char *const *words)
{
    const char *near = diag_nearest(word, words);
    const char *text = near ? arena_printf(b->arena, "; did you mean \"%s\"?", near) : NULL;
    return text ? text : "";
}

int build_column(const struct yaml_node *node, size_t offset)
{
    bool one_line = memchr(node->text, '\n', node->bytes) == NULL;
    if (!node->plain || !one_line || offset > node->bytes)
        return node->column;
    return node->column + (int)text_chars(node->text, offset);
}

static void error_at(
    struct builder *b, const struct yaml_node *node, size_t offset, const char *message)
{
    struct buf path;
    buf_init(&path, 512);
    yaml_path(node, &path);
    diag_add(b->diag, DIAG_ERROR, node->file, node->line, build_column(node, offset),
        buf_text(&path), "%s", message);
    buf_done(&path);
    b->failed = true;
}

const struct judgement *build_rule(struct builder *b, const struct yaml_node *node)
{
    struct judgement_mistake mistake = {.text = "there is no memory left for this rule"};
    const struct judgement *j = judgement_parse(b->arena, node->text, node->bytes, &mistake);
    if (!j)
        error_at(b, node, mistake.offset, mistake.text);
    return j;
}

/* --- match
 * -------------------------------------------------------------------------------------------------------
 */

static void check_keywords(struct builder *b, const struct yaml_node *match)
{
    const struct yaml_node *node = yaml_get(match, "keyword");
    const struct schema_texts *list = &b->raw->match.keyword;
    for (int i = 0; i < list->count; i++) {
        size_t n = strcspn(list->items[i], " \t\r\n[]\"=");
        if (list->items[i][n] != '\0' || n > 64)
            build_error(b, node,
                "the keyword \"%s\" cannot stand in a token: up to 64 characters without blanks, "
                "quotes, "
                "brackets and =",
                list->items[i]);
    }
}

/* Appends a pattern with its non-ASCII text in NFKC, as titles are; what becomes special by that is
 * escaped. */
static int normal_pattern(const char *text, struct buf *out)
{
    for (size_t n = 0; *text; text += n) {
        bool ascii = (unsigned char)*text < 0x80;
        for (n = 1; text[n] && ((unsigned char)text[n] < 0x80) == ascii;)
            n++;
        if (ascii) {
            (void)buf_add(out, text, n); /* out->over is asked below */
            continue;
        }
        struct buf normal;
        buf_init(&normal, 18 * n + 1);
        int rc = text_compat(text, n, &normal, NULL);
        for (size_t i = 0; rc == 0 && i < normal.bytes; i++) {
            if (strchr("\\^$.[]|()?*+{}#", normal.data[i]))
                (void)buf_add_char(out, '\\'); /* as above */
            (void)buf_add_char(out, normal.data[i]);
        }
        buf_done(&normal);
        if (rc != 0)
            return -1;
    }
    return out->over ? -1 : 0;
}

static const struct pattern *compile(
    struct builder *b, const struct yaml_node *node, const char *text)
{
    struct pattern_mistake mistake = {0};
    struct buf normal;
    buf_init(&normal, PATTERN_BYTES_MAX + 1);
    const struct pattern *p = NULL;
    if (normal_pattern(text, &normal) != 0)
        build_error(b, node, "the pattern is longer than %d bytes", PATTERN_BYTES_MAX);
    else if (!(p = pattern_compile(
                   b->arena, buf_text(&normal), normal.bytes, PATTERN_CASELESS | PATTERN_COUNTED, &mistake)))
        build_error(b, node, "the pattern re:%s is wrong at its character %zu: %s", text,
            mistake.offset + 1, mistake.text);
    buf_done(&normal);
    return p;
}

struct split {
    struct text_list phrases;
    struct text_list patterns;
    const struct pattern *const *compiled; /* arena */
};

static bool has_letter(const char *text)
{
    for (; *text; text++)
        if (*text != ' ' && *text != '\t')
            return true;
    return false;
}

/* Divides a list of phrases and "re:" patterns. */
static struct split split(
    struct builder *b, const struct yaml_node *node, const struct schema_texts *list)
{
    size_t bytes = (size_t)list->count * sizeof(char *) + 1;
    const char **phrases = build_alloc(b, bytes);
    const char **patterns = build_alloc(b, bytes);
    const struct pattern **compiled = build_alloc(b, bytes);
    struct split out = {0};
    for (int i = 0; phrases && patterns && compiled && i < list->count; i++) {
        const char *text = list->items[i];
        const struct yaml_node *item = node->kind == YAML_LIST ? node->first : node;
        for (int k = 0; node->kind == YAML_LIST && k < i; k++)
            item = item->next;
        if (strncmp(text, "re:", 3) != 0) {
            if (has_letter(text))
                phrases[out.phrases.count++] = text;
            else
                build_error(b, item, "an empty phrase would fit every title");
            continue;
        }
        compiled[out.patterns.count] = compile(b, item, text + 3);
        patterns[out.patterns.count++] = text + 3;
    }
    out.phrases.items = phrases;
    out.patterns.items = patterns;
    out.compiled = compiled;
    return out;
}

static struct text_list plain_list(const struct schema_texts *list)
{
    return (struct text_list){list->items, list->count};
}

void build_match(struct builder *b)
{
    const struct yaml_node *node = yaml_get(b->root, "match");
    const struct raw_match *raw = &b->raw->match;
    struct scenario_match *m = &b->s->match;
    m->keywords = plain_list(&raw->keyword);
    m->services = plain_list(&raw->service);
    m->priorities = plain_list(&raw->priority);
    m->customers = plain_list(&raw->customer);
    check_keywords(b, node);
    if (raw->title.count > 0) {
        struct split s = split(b, yaml_get(node, "title"), &raw->title);
        m->phrases = s.phrases;
        m->patterns = s.patterns;
        m->compiled = s.compiled;
    }
    if (raw->not .count > 0) {
        struct split s = split(b, yaml_get(node, "not"), &raw->not );
        m->not_phrases = s.phrases;
        m->not_patterns = s.patterns;
        m->not_compiled = s.compiled;
    }
    if (raw->read.count > 0) {
        struct split s = split(b, yaml_get(node, "read"), &raw->read);
        m->readers = s.patterns;
        m->readers_compiled = s.compiled;
        if (s.phrases.count > 0)
            build_error(
                b, yaml_get(node, "read"), "read takes patterns only: re:... with named groups");
    }
    if (raw->keyword.count + raw->title.count == 0)
        build_error(b, node ? node : b->root,
            "match needs a keyword or a title; without one nothing would match");
}

/* --- the whole
 * ---------------------------------------------------------------------------------------------------
 */

static void build_give_up(struct builder *b)
{
    const struct schema_pairs *pairs = &b->raw->give_up_by_priority;
    struct give_up_by_priority *items = build_alloc(b, (size_t)pairs->count * sizeof *items + 1);
    b->s->give_up_after_ms = b->raw->give_up_after_ms;
    for (int i = 0; items && i < pairs->count; i++)
        items[b->s->give_up_count++] =
            (struct give_up_by_priority){pairs->items[i].name, pairs->items[i].number};
    b->s->give_up = items;
}

static void build_ending(struct builder *b)
{
    const struct raw_not_healed *raw = &b->raw->not_healed;
    b->s->healed = (enum healed_action)b->raw->healed;
    b->s->not_healed = (struct scenario_not_healed){
        .level = (int)raw->hand_over.level,
        .policy = raw->hand_over.policy,
        .priority = raw->hand_over.priority,
        .say = raw->say,
    };
    const struct yaml_node *hand_over = yaml_get(yaml_get(b->root, "not_healed"), "hand_over");
    if (raw->hand_over.level > 0 && raw->hand_over.policy)
        build_error(b, yaml_get(hand_over, "policy"),
            "either a level of the incident's policy or another policy");
    b->s->recurs_count = (int)b->raw->recurs.times;
    b->s->recurs_within_ms = b->raw->recurs.within_ms;
}

static void build(struct builder *b, const char *stem)
{
    struct scenario *s = b->s;
    s->name = b->raw->name;
    s->about = b->raw->about ? b->raw->about : "";
    s->file = b->root->file;
    s->line = b->root->line;
    s->index = -1;
    s->mode = (enum scenario_mode)b->raw->mode;
    if (s->mode == MODE_SUGGEST || s->mode == MODE_APPROVE)
        yaml_warning(b->diag, yaml_get(b->root, "mode"), NULL,
            "nobody can be asked yet: mode %s behaves like shadow", scenario_mode_name(s->mode));
    if (strcmp(s->name, stem) != 0)
        build_error(b, yaml_get(b->root, "scenario"),
            "the scenario \"%s\" stands in a file named \"%s\"; both names must be the same",
            s->name, stem);
    build_match(b);
    build_values(b);
    const struct yaml_node *healthy = yaml_get(b->root, "healthy");
    s->healthy = healthy ? build_rule(b, healthy) : NULL;
    build_steps(b);
    build_give_up(b);
    build_ending(b);
}

struct scenario *scenario_parse(
    struct arena *a, const struct yaml_node *root, const char *stem, struct diag *d)
{
    struct raw_scenario *raw = arena_alloc(a, sizeof *raw);
    struct builder b = {
        .arena = a, .diag = d, .root = root, .raw = raw, .s = arena_alloc(a, sizeof *b.s)};
    if (!raw || !b.s) {
        build_error(&b, root, "there is no memory left for this scenario");
        return NULL;
    }
    if (root->kind != YAML_MAP) {
        build_error(&b, root, "this file holds no scenario");
        return NULL;
    }
    const struct schema_reader reader = {.arena = a, .diag = d, .folder = ""};
    if (schema_defaults(&scenario_schema, raw, &reader) != 0 ||
        schema_read(&scenario_schema, root, raw, &reader) != 0)
        return NULL; /* what the fields mean together cannot be told of fields that are wrong */
    build(&b, stem);
    return b.failed ? NULL : b.s;
}
