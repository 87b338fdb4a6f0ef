/* SPDX-License-Identifier: MIT
 * Reading maps, lists and maps of names by the table. Scalars are in schema_scalar.c, what is
 * printed from the table in schema_print.c and schema_json.c. */
#include "lib/base/schema.h"

#include <string.h>

#include "lib/base/schema_parts.h"
#include "lib/base/secret.h"

static void *at_offset(void *base, size_t offset)
{
    return (char *)base + offset;
}

int64_t schema_most(const struct schema_field *f)
{
    if (f->most > 0)
        return f->most;
    return schema_is_scalar(f->type) ? SCHEMA_TEXT_BYTES : SCHEMA_ITEMS;
}

int schema_no_memory(const struct yaml_node *node, const struct schema_reader *r)
{
    yaml_error(r->diag, node, NULL, "this file needs more memory than it may have");
    return -1;
}

/* Whether node is of that kind and within the bound; says so if not. */
static bool is_kind(const struct schema_field *f, const struct yaml_node *node, enum yaml_kind kind,
    const struct schema_reader *r)
{
    if (node->kind != kind) {
        yaml_error(r->diag, node, NULL, "%s wants %s, not %s", f->name, yaml_kind_name(kind),
            yaml_kind_name(node->kind));
        return false;
    }
    if (node->children > schema_most(f)) {
        yaml_error(r->diag, node, NULL, "%s has %d entries; at most %lld are allowed", f->name,
            node->children, (long long)schema_most(f));
        return false;
    }
    return true;
}

/* ---- lists of texts, and maps of words ---- */

static int read_texts(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    bool one = (f->flags & SCHEMA_OR_ONE) && node->kind != YAML_LIST && node->kind != YAML_MAP;
    if (!one && !is_kind(f, node, YAML_LIST, r))
        return -1;
    const char **items = arena_alloc(r->arena, ((size_t)node->children + 1) * sizeof *items);
    if (!items)
        return schema_no_memory(node, r);
    int count = 0, rc = 0;
    for (const struct yaml_node *n = one ? node : node->first; n; n = one ? NULL : n->next) {
        const char *text = f->type == SCHEMA_PATHS ? schema_path(f, n, r) : schema_text(f, n, r);
        if (text)
            items[count++] = text;
        else
            rc = -1;
    }
    *(struct schema_texts *)at = (struct schema_texts){items, count};
    return rc;
}

static int read_secrets(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    if (!is_kind(f, node, YAML_LIST, r))
        return -1;
    struct secret *items = arena_alloc(r->arena, (size_t)node->children * sizeof *items + 1);
    if (!items)
        return schema_no_memory(node, r);
    int count = 0, rc = 0;
    for (const struct yaml_node *n = node->first; n; n = n->next) {
        const char *path = schema_path(f, n, r);
        if (path)
            items[count++].path = path;
        else
            rc = -1;
    }
    *(struct schema_list *)at = (struct schema_list){items, count};
    return rc;
}

static int read_words(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    if (!is_kind(f, node, YAML_LIST, r))
        return -1;
    struct schema_field one = *f;
    one.type = SCHEMA_WORD;
    unsigned bits = 0;
    int rc = 0;
    for (const struct yaml_node *n = node->first; n; n = n->next) {
        int word = 0;
        if (schema_read_scalar(&one, n, &word, r) < 0)
            rc = -1;
        else
            bits |= 1U << word;
    }
    if (rc == 0 && bits == 0) {
        yaml_error(r->diag, node, NULL, "%s wants at least one entry", f->name);
        return -1;
    }
    *(unsigned *)at = bits;
    return rc;
}

static int read_pair(const struct schema_field *f, const struct yaml_node *n,
    struct schema_pair *out, const struct schema_reader *r)
{
    out->name = n->key->text;
    out->text = n->text;
    if (f->type == SCHEMA_DURATIONS) {
        struct schema_field one = *f;
        one.type = SCHEMA_DURATION;
        one.name = n->key->text;
        return schema_read_scalar(&one, n, &out->number, r);
    }
    if (n->kind == YAML_NULL || n->kind == YAML_LIST || n->kind == YAML_MAP) {
        yaml_error(r->diag, n, NULL, "\"%s\" wants text or a number, not %s", n->key->text,
            yaml_kind_name(n->kind));
        return -1;
    }
    return 0;
}

static int read_pairs(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    if (!is_kind(f, node, YAML_MAP, r))
        return -1;
    struct schema_pair *items = arena_alloc(r->arena, (size_t)node->children * sizeof *items + 1);
    if (!items)
        return schema_no_memory(node, r);
    int count = 0, rc = 0;
    for (const struct yaml_node *n = node->first; n; n = n->next)
        if (read_pair(f, n, &items[count++], r) < 0)
            rc = -1;
    *(struct schema_pairs *)at = (struct schema_pairs){items, count};
    return rc;
}

/* ---- structs in structs ---- */

static int read_item(
    const struct schema *s, const struct yaml_node *node, void *item, const struct schema_reader *r)
{
    int rc = schema_defaults(s, item, r);
    if (rc == 0)
        rc = schema_read(s, node, item, r);
    if (s->node_offset > 0)
        *(const struct yaml_node **)at_offset(item, s->node_offset) = node;
    return rc;
}

static int read_list(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    bool named = f->type == SCHEMA_NAMED;
    if (!is_kind(f, node, named ? YAML_MAP : YAML_LIST, r))
        return -1;
    char *items = arena_alloc(r->arena, (size_t)node->children * f->inside->bytes + 1);
    if (!items)
        return schema_no_memory(node, r);
    int count = 0, rc = 0;
    for (const struct yaml_node *n = node->first; n; n = n->next) {
        char *item = items + (size_t)count++ * f->inside->bytes;
        if (named)
            *(const char **)at_offset(item, f->inside->key_offset) = n->key->text;
        if (read_item(f->inside, n, item, r) < 0)
            rc = -1;
    }
    *(struct schema_list *)at = (struct schema_list){items, count};
    return rc;
}

int schema_read_value(const struct schema_field *f, const struct yaml_node *node, void *base,
    const struct schema_reader *r)
{
    void *at = at_offset(base, f->offset);
    if (node->kind == YAML_NULL) {
        yaml_error(r->diag, node->key ? node->key : node, NULL,
            "%s has no value; give it one or remove the line", f->name);
        return -1;
    }
    switch (f->type) {
    case SCHEMA_TEXTS:
    case SCHEMA_PATHS:
        return read_texts(f, node, at, r);
    case SCHEMA_SECRETS:
        return read_secrets(f, node, at, r);
    case SCHEMA_WORDS:
        return read_words(f, node, at, r);
    case SCHEMA_PAIRS:
    case SCHEMA_DURATIONS:
        return read_pairs(f, node, at, r);
    case SCHEMA_MAP:
        return schema_read(f->inside, node, at, r);
    case SCHEMA_LIST:
    case SCHEMA_NAMED:
        return read_list(f, node, at, r);
    default:
        return schema_read_scalar(f, node, at, r);
    }
}

/* ---- maps ---- */

#define NAMES_MAX 64

static int unknown_key(
    const struct schema *s, const struct yaml_node *value, const struct schema_reader *r)
{
    const char *names[NAMES_MAX + 1];
    int n = 0;
    for (const struct schema_field *f = s->fields; f->name && n < NAMES_MAX; f++)
        names[n++] = f->name;
    names[n] = NULL;
    yaml_unknown_key(r->diag, value, names);
    return -1;
}

static const struct schema_field *field_of(const struct schema *s, const char *name, size_t bytes)
{
    for (const struct schema_field *f = s->fields; f->name; f++)
        if (strncmp(f->name, name, bytes) == 0 && f->name[bytes] == '\0')
            return f;
    return NULL;
}

static int check_required(
    const struct schema *s, const struct yaml_node *map, const struct schema_reader *r)
{
    int rc = 0;
    for (const struct schema_field *f = s->fields; f->name; f++) {
        if (!(f->flags & SCHEMA_REQUIRED) || yaml_get(map, f->name))
            continue;
        yaml_error(r->diag, map, NULL, "this %s has no \"%s\": %s", s->name, f->name, f->about);
        rc = -1;
    }
    return rc;
}

int schema_read(
    const struct schema *s, const struct yaml_node *map, void *base, const struct schema_reader *r)
{
    if (!map || (map->kind == YAML_NULL && !map->key && !map->parent))
        return 0; /* an empty file; required fields are for maps that are there */
    if (map->kind != YAML_MAP) {
        yaml_error(r->diag, map, NULL, "this %s wants a map (key: value), not %s", s->name,
            yaml_kind_name(map->kind));
        return -1;
    }
    int rc = check_required(s, map, r);
    for (const struct yaml_node *n = map->first; n; n = n->next) {
        const struct schema_field *f = field_of(s, n->key->text, n->key->bytes);
        if (!f)
            rc = unknown_key(s, n, r);
        else if (!(f->flags & SCHEMA_OWN) && schema_read_value(f, n, base, r) < 0)
            rc = -1;
    }
    return rc;
}

const struct schema_field *schema_find(const struct schema *s, const char *path)
{
    const struct schema_field *f = NULL;
    while (s && *path) {
        size_t n = strcspn(path, ".");
        f = field_of(s, path, n);
        if (!f)
            return NULL;
        path += n + (path[n] == '.');
        s = f->inside;
        if (!s && *path)
            return NULL;
    }
    return f;
}

/* ---- defaults: read as if they stood in a file, so that they obey the same rules ---- */

static int set_default(const struct schema_field *f, void *base, const struct schema_reader *r)
{
    struct yaml_node *value =
        yaml_parse(r->arena, "(default)", f->standard, strlen(f->standard), 1024, 64, r->diag);
    return value ? schema_read_value(f, value, base, r) : -1;
}

int schema_defaults(const struct schema *s, void *base, const struct schema_reader *r)
{
    int rc = 0;
    for (const struct schema_field *f = s->fields; f->name; f++) {
        if (f->type == SCHEMA_MAP && schema_defaults(f->inside, at_offset(base, f->offset), r) < 0)
            rc = -1;
        else if (f->standard && set_default(f, base, r) < 0)
            rc = -1;
    }
    return rc;
}
