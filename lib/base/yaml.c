/* SPDX-License-Identifier: MIT
 * The strict composer: libyaml's events become nodes with places. Typing of plain scalars is in
 * yaml_scalar.c, the check of the raw text in yaml_source.c. */
#include "lib/base/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/base/yaml_parts.h"

/* The keys seen so far, of all maps: a map with 10,000 keys must not cost 10,000 squared. */
struct key_set {
    struct yaml_node **slots; /* owned array; nodes are the arena's; a power of two long */
    size_t room;
    size_t used;
};

struct composer {
    yaml_parser_t parser;
    struct arena *arena; /* borrowed */
    struct diag *diag;   /* borrowed */
    const char *file;    /* arena */
    const char *text;    /* borrowed; without a byte order mark */
    size_t bytes;
    int nodes;
    int nodes_max;
    bool stopped; /* an error that cannot be gone past was added */
    struct key_set keys;
};

static struct yaml_node *compose(
    struct composer *c, yaml_event_t *event, struct yaml_node *parent, int depth);

static void stop_at(struct composer *c, yaml_mark_t mark, const char *format, ...)
    PRINTF_LIKE(3, 4);

PRINTF_LIKE(3, 0)
static void add_at(struct composer *c, yaml_mark_t mark, const char *format, va_list args)
{
    char message[DIAG_MESSAGE_BYTES_MAX];
    (void)vsnprintf(message, sizeof message, format, args); /* what is longer is cut */
    diag_add(
        c->diag, DIAG_ERROR, c->file, (int)mark.line + 1, (int)mark.column + 1, "", "%s", message);
}

static void refuse(struct composer *c, yaml_mark_t mark, const char *format, ...) PRINTF_LIKE(3, 4);

/* An error that can be gone past. */
static void refuse(struct composer *c, yaml_mark_t mark, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_at(c, mark, format, args);
    va_end(args);
}

static void stop_at(struct composer *c, yaml_mark_t mark, const char *format, ...)
{
    if (c->stopped)
        return;
    va_list args;
    va_start(args, format);
    add_at(c, mark, format, args);
    va_end(args);
    c->stopped = true;
}

/* ---- libyaml's own errors ---- */

/* Whether the character at a mark is a TAB: libyaml then says only that it cannot start a token. */
static bool is_tab(const struct composer *c, yaml_mark_t mark)
{
    const char *at = c->text, *end = c->text + c->bytes;
    for (size_t i = 0; i < mark.line; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (!at)
            return false;
        at++;
    }
    int32_t point = 0;
    for (size_t i = 0; i < mark.column && at < end; i++)
        at += text_next(at, (size_t)(end - at), &point);
    return at < end && *at == '\t';
}

static void syntax_error(struct composer *c)
{
    const yaml_parser_t *p = &c->parser;
    const char *problem = p->problem ? p->problem : "the text is no YAML";
    if (p->error == YAML_MEMORY_ERROR)
        stop_at(c, p->problem_mark, "out of memory");
    else if (is_tab(c, p->problem_mark))
        stop_at(c, p->problem_mark, "a TAB cannot be used here; indent with spaces");
    else if (p->context && p->context_mark.line != p->problem_mark.line)
        stop_at(c, p->problem_mark, "%s, %s that begins in line %zu", problem, p->context,
            p->context_mark.line + 1);
    else if (p->context)
        stop_at(c, p->problem_mark, "%s, %s", problem, p->context);
    else
        stop_at(c, p->problem_mark, "%s", problem);
}

/* The next event; false when the parse is over for good. */
static bool next(struct composer *c, yaml_event_t *event)
{
    if (c->stopped)
        return false;
    if (!yaml_parser_parse(&c->parser, event)) {
        syntax_error(c);
        return false;
    }
    return true;
}

/* ---- nodes ---- */

static struct yaml_node *node_new(
    struct composer *c, const yaml_event_t *event, struct yaml_node *parent, enum yaml_kind kind)
{
    if (c->nodes == c->nodes_max) {
        stop_at(c, event->start_mark, "more than %d values in one file", c->nodes_max);
        return NULL;
    }
    struct yaml_node *n = arena_alloc(c->arena, sizeof *n);
    if (!n) {
        stop_at(c, event->start_mark, "this file needs more memory than it may have");
        return NULL;
    }
    c->nodes++;
    n->kind = kind;
    n->line = (int)event->start_mark.line + 1;
    n->column = (int)event->start_mark.column + 1;
    n->file = c->file;
    n->parent = parent;
    return n;
}

static void check_decoration(struct composer *c, const yaml_event_t *event,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor)
        refuse(c, event->start_mark,
            "anchors (&%s) are not allowed; write the value where it is needed",
            (const char *)anchor);
    if (tag)
        refuse(c, event->start_mark, "tags (%s) are not allowed; quote a value to make it text",
            (const char *)tag);
}

static struct yaml_node *scalar(
    struct composer *c, const yaml_event_t *event, struct yaml_node *parent)
{
    check_decoration(c, event, event->data.scalar.anchor, event->data.scalar.tag);
    const char *text = (const char *)event->data.scalar.value;
    size_t bytes = event->data.scalar.length;
    struct yaml_node *n = node_new(c, event, parent, YAML_TEXT);
    if (!n)
        return NULL;
    if (memchr(text, '\0', bytes))
        refuse(c, event->start_mark, "a value may not hold the character NUL (\\0)");
    n->bytes = strlen(text);
    n->text = arena_strndup(c->arena, text, n->bytes);
    if (!n->text) {
        stop_at(c, event->start_mark, "this file needs more memory than it may have");
        return NULL;
    }
    n->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (n->plain)
        yaml_scalar_type(n);
    return n;
}

static struct yaml_node *alias(
    struct composer *c, const yaml_event_t *event, struct yaml_node *parent)
{
    refuse(c, event->start_mark, "aliases (*%s) are not allowed; write the value again",
        (const char *)event->data.alias.anchor);
    return node_new(c, event, parent, YAML_NULL);
}

static bool too_deep(struct composer *c, const yaml_event_t *event, int depth)
{
    if (depth < YAML_DEPTH_MAX)
        return false;
    stop_at(c, event->start_mark, "nested deeper than %d levels", YAML_DEPTH_MAX);
    return true;
}

static void append(struct yaml_node *parent, struct yaml_node ***tail, struct yaml_node *child)
{
    **tail = child;
    *tail = &child->next;
    parent->children++;
}

static struct yaml_node *list(
    struct composer *c, const yaml_event_t *begin, struct yaml_node *parent, int depth)
{
    check_decoration(c, begin, begin->data.sequence_start.anchor, begin->data.sequence_start.tag);
    struct yaml_node *n = too_deep(c, begin, depth) ? NULL : node_new(c, begin, parent, YAML_LIST);
    struct yaml_node **tail = n ? &n->first : NULL;
    yaml_event_t event;
    while (n && next(c, &event)) {
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        struct yaml_node *child = end ? NULL : compose(c, &event, n, depth + 1);
        yaml_event_delete(&event);
        if (!child)
            return end ? n : NULL;
        append(n, &tail, child);
    }
    return NULL;
}

/* ---- maps and their keys ---- */

static uint64_t key_hash(const struct yaml_node *key)
{
    uint64_t h = text_hash(key->text, key->bytes);
    return text_hash(&(struct {
        uint64_t hash;
        const void *map;
    }){h, key->parent},
        2 * sizeof(uint64_t));
}

static struct yaml_node **key_slot(struct key_set *set, const struct yaml_node *key)
{
    size_t i = key_hash(key) & (set->room - 1);
    for (;; i = (i + 1) & (set->room - 1)) {
        struct yaml_node *at = set->slots[i];
        if (!at || (at->parent == key->parent && at->bytes == key->bytes &&
                       memcmp(at->text, key->text, key->bytes) == 0))
            return &set->slots[i];
    }
}

static int key_set_grow(struct key_set *set)
{
    struct key_set bigger = {.room = set->room ? 2 * set->room : 256, .used = set->used};
    bigger.slots = calloc(bigger.room, sizeof(struct yaml_node *));
    if (!bigger.slots)
        return -1;
    for (size_t i = 0; i < set->room; i++)
        if (set->slots[i])
            *key_slot(&bigger, set->slots[i]) = set->slots[i];
    free(set->slots);
    *set = bigger;
    return 0;
}

/* Whether the key is new in its map. */
static bool key_is_new(struct composer *c, const yaml_event_t *event, struct yaml_node *key)
{
    if (2 * (c->keys.used + 1) > c->keys.room && key_set_grow(&c->keys) < 0) {
        stop_at(c, event->start_mark, "out of memory");
        return false;
    }
    struct yaml_node **slot = key_slot(&c->keys, key);
    if (*slot) {
        refuse(c, event->start_mark, "key \"%s\" is given twice, first in line %d, column %d",
            key->text, (*slot)->line, (*slot)->column);
        return false;
    }
    *slot = key;
    c->keys.used++;
    return true;
}

/* The key of an entry; NULL when stopped. *out_good: whether the entry belongs into the map. */
static struct yaml_node *map_key(
    struct composer *c, yaml_event_t *event, struct yaml_node *map, bool *out_good)
{
    *out_good = false;
    struct yaml_node *key =
        compose(c, event, map, YAML_DEPTH_MAX); /* a list or map as key stops below */
    if (!key)
        return NULL;
    if (!key->text)
        return key; /* an alias: told already */
    if (key->plain && strcmp(key->text, "<<") == 0)
        refuse(c, event->start_mark, "merge keys (<<) are not allowed; write the entries out");
    else if (key->kind == YAML_NULL && key->bytes == 0)
        refuse(c, event->start_mark, "an entry has no key");
    else
        *out_good = key_is_new(c, event, key);
    return key;
}

/* Reads the value that belongs to a key; NULL when stopped. */
static struct yaml_node *map_value(
    struct composer *c, struct yaml_node *map, struct yaml_node *key, int depth)
{
    yaml_event_t event;
    if (!next(c, &event))
        return NULL;
    struct yaml_node *value = compose(c, &event, map, depth + 1);
    yaml_event_delete(&event);
    if (value)
        value->key = key;
    return value;
}

static struct yaml_node *map(
    struct composer *c, const yaml_event_t *begin, struct yaml_node *parent, int depth)
{
    check_decoration(c, begin, begin->data.mapping_start.anchor, begin->data.mapping_start.tag);
    struct yaml_node *n = too_deep(c, begin, depth) ? NULL : node_new(c, begin, parent, YAML_MAP);
    struct yaml_node **tail = n ? &n->first : NULL;
    yaml_event_t event;
    while (n && next(c, &event)) {
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return n;
        }
        bool good = false;
        if (event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT)
            stop_at(c, event.start_mark,
                "a key must be a word, not a list or a map; quote text with { or [");
        struct yaml_node *key = c->stopped ? NULL : map_key(c, &event, n, &good);
        yaml_event_delete(&event);
        struct yaml_node *value = key ? map_value(c, n, key, depth) : NULL;
        if (!value)
            return NULL;
        if (good)
            append(n, &tail, value);
    }
    return NULL;
}

static struct yaml_node *compose(
    struct composer *c, yaml_event_t *event, struct yaml_node *parent, int depth)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return scalar(c, event, parent);
    case YAML_ALIAS_EVENT:
        return alias(c, event, parent);
    case YAML_SEQUENCE_START_EVENT:
        return list(c, event, parent, depth);
    case YAML_MAPPING_START_EVENT:
        return map(c, event, parent, depth);
    default:
        stop_at(c, event->start_mark, "a value was expected here");
        return NULL;
    }
}

/* ---- the stream ---- */

static struct yaml_node *stream(struct composer *c)
{
    struct yaml_node *root = NULL;
    bool end = false;
    yaml_event_t event;
    while (!end && next(c, &event)) {
        if (event.type == YAML_STREAM_END_EVENT) {
            end = true;
            if (!root)
                root = node_new(c, &event, NULL, YAML_NULL);
        } else if (event.type == YAML_DOCUMENT_START_EVENT) {
            if (root)
                stop_at(c, event.start_mark,
                    "only one document is allowed in a file; remove what begins here");
        } else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_END_EVENT) {
            root = compose(c, &event, NULL, 0);
        }
        yaml_event_delete(&event);
    }
    return c->stopped ? NULL : root;
}

struct yaml_node *yaml_parse(struct arena *a, const char *file, const char *text, size_t bytes,
    size_t bytes_max, int nodes_max, struct diag *d)
{
    (void)diag_source(d, file, text, bytes); /* out of memory: errors come without their line */
    int errors = diag_errors(d);
    if (!yaml_source_check(file, text, bytes, bytes_max, d))
        return NULL;
    if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        bytes -= 3;
    }
    struct composer c = {
        .arena = a, .diag = d, .text = text, .bytes = bytes, .nodes_max = nodes_max};
    c.file = arena_strdup(a, file);
    if (!c.file || !yaml_parser_initialize(&c.parser)) {
        diag_add(d, DIAG_ERROR, file, 0, 0, "", "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&c.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&c.parser, (const unsigned char *)text, bytes);
    struct yaml_node *root = stream(&c);
    yaml_parser_delete(&c.parser);
    free(c.keys.slots);
    return diag_errors(d) > errors ? NULL : root;
}
