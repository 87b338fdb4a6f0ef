/* SPDX-License-Identifier: MIT
 * Reading a finished tree: look-up, names, paths and diagnostics at a node's place. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/limits.h"
#include "lib/base/yaml.h"

#define PATH_BYTES_MAX 512

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (struct yaml_node *n = map->first; n; n = n->next)
        if (strcmp(n->key->text, key) == 0)
            return n;
    return NULL;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
    static const char *const names[] = {
        [YAML_NULL] = "nothing",
        [YAML_BOOL] = "true or false",
        [YAML_INT] = "a whole number",
        [YAML_FLOAT] = "a number",
        [YAML_TEXT] = "text",
        [YAML_LIST] = "a list",
        [YAML_MAP] = "a map",
    };
    return names[kind];
}

static int index_of(const struct yaml_node *node)
{
    int i = 0;
    for (const struct yaml_node *n = node->parent->first; n && n != node; n = n->next)
        i++;
    return i;
}

void yaml_path(const struct yaml_node *node, struct buf *out)
{
    if (!node->parent)
        return;
    yaml_path(node->parent, out); /* at most YAML_DEPTH_MAX deep */
    if (node->parent->kind == YAML_LIST) {
        (void)buf_printf(
            out, "[%d]", index_of(node)); /* cut where it does not fit, here and below */
    } else {
        const struct yaml_node *key = node->key ? node->key : node;
        (void)buf_printf(out, "%s%s", node->parent->parent ? "." : "", key->text ? key->text : "?");
    }
}

PRINTF_LIKE(5, 0)
static void add(struct diag *d, enum diag_level level, const struct yaml_node *node,
    const char *path, const char *format, va_list args)
{
    char message[DIAG_MESSAGE_BYTES_MAX];
    (void)vsnprintf(message, sizeof message, format, args); /* what is longer is cut */
    struct buf own;
    buf_init(&own, PATH_BYTES_MAX);
    if (!path)
        yaml_path(node, &own);
    diag_add(d, level, node->file, node->line, node->column, path ? path : buf_text(&own), "%s",
        message);
    buf_done(&own);
}

void yaml_error(
    struct diag *d, const struct yaml_node *node, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, DIAG_ERROR, node, path, format, args);
    va_end(args);
}

void yaml_warning(
    struct diag *d, const struct yaml_node *node, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, DIAG_WARNING, node, path, format, args);
    va_end(args);
}

void yaml_unknown_key(struct diag *d, const struct yaml_node *value, const char *const *known)
{
    const struct yaml_node *key = value->key;
    const char *near = diag_nearest(key->text, known);
    if (near)
        yaml_error(d, key, NULL, "unknown key \"%s\"; did you mean \"%s\"?", key->text, near);
    else
        yaml_error(d, key, NULL, "unknown key \"%s\"", key->text);
}
