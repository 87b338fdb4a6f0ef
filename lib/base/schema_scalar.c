/* SPDX-License-Identifier: MIT
 * Reading one value by its type: text, names, paths, numbers, durations, sizes, words. */
#include <stdio.h>
#include <string.h>

#include "lib/base/duration.h"
#include "lib/base/schema_parts.h"
#include "lib/base/secret.h"

bool schema_is_scalar(enum schema_type type)
{
    return type <= SCHEMA_WORD;
}

const char *schema_type_name(enum schema_type type)
{
    static const char *const names[SCHEMA_TYPES] = {
        [SCHEMA_TEXT] = "text",
        [SCHEMA_NAME] = "a name",
        [SCHEMA_PATH] = "a path",
        [SCHEMA_SECRET] = "the path of a secret's file",
        [SCHEMA_INT] = "a whole number",
        [SCHEMA_BOOL] = "true or false",
        [SCHEMA_DURATION] = "a duration",
        [SCHEMA_SIZE] = "a size",
        [SCHEMA_WORD] = "a word",
        [SCHEMA_WORDS] = "a list of words",
        [SCHEMA_TEXTS] = "a list of texts",
        [SCHEMA_PATHS] = "a list of paths",
        [SCHEMA_SECRETS] = "a list of paths of secrets' files",
        [SCHEMA_PAIRS] = "a map of words to values",
        [SCHEMA_DURATIONS] = "a map of words to durations",
        [SCHEMA_MAP] = "a map",
        [SCHEMA_LIST] = "a list of maps",
        [SCHEMA_NAMED] = "a map of names to maps",
    };
    return names[type];
}

static int wrong_kind(
    const struct schema_field *f, const struct yaml_node *node, const struct schema_reader *r)
{
    yaml_error(r->diag, node, NULL, "%s wants %s, not %s", f->name, schema_type_name(f->type),
        yaml_kind_name(node->kind));
    return -1;
}

/* ---- text ---- */

const char *schema_text(
    const struct schema_field *f, const struct yaml_node *node, const struct schema_reader *r)
{
    if (node->kind == YAML_INT || node->kind == YAML_FLOAT || node->kind == YAML_BOOL) {
        yaml_error(r->diag, node, NULL, "%s wants text, not %s; write it in quotes: \"%s\"",
            f->name, yaml_kind_name(node->kind), node->text);
        return NULL;
    }
    if (node->kind != YAML_TEXT) {
        (void)wrong_kind(f, node, r); /* it is told */
        return NULL;
    }
    int64_t most = schema_is_scalar(f->type) ? schema_most(f) : SCHEMA_TEXT_BYTES;
    if (node->bytes == 0 && !(f->flags & SCHEMA_MAY_BE_EMPTY))
        yaml_error(r->diag, node, NULL, "%s must not be empty", f->name);
    else if ((int64_t)node->bytes > most)
        yaml_error(r->diag, node, NULL, "%s has %zu bytes; at most %lld are allowed", f->name,
            node->bytes, (long long)most);
    else
        return node->text;
    return NULL;
}

static bool is_word(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return text[n] == '\0' && n <= SCHEMA_NAME_BYTES && text[0] != '.' && text[0] != '-';
}

static int read_text(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    const char *text = schema_text(f, node, r);
    if (!text)
        return -1;
    if (f->type == SCHEMA_NAME && !is_word(text)) {
        yaml_error(r->diag, node, NULL,
            "%s wants a name of at most %d letters, digits and . _ - , not \"%s\"", f->name,
            SCHEMA_NAME_BYTES, text);
        return -1;
    }
    *(const char **)at = text;
    return 0;
}

const char *schema_path(
    const struct schema_field *f, const struct yaml_node *node, const struct schema_reader *r)
{
    const char *text = schema_text(f, node, r);
    if (!text || text[0] == '/' || r->folder[0] == '\0')
        return text;
    const char *whole = arena_printf(r->arena, "%s/%s", r->folder, text);
    if (!whole)
        (void)schema_no_memory(node, r); /* it is told */
    return whole;
}

static int read_path(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    const char *path = schema_path(f, node, r);
    if (!path)
        return -1;
    if (f->type == SCHEMA_SECRET)
        ((struct secret *)at)->path = path;
    else
        *(const char **)at = path;
    return 0;
}

/* ---- numbers ---- */

void schema_print_number(enum schema_type type, int64_t number, char *out, size_t bytes)
{
    char text[DURATION_TEXT_BYTES];
    if (type == SCHEMA_DURATION || type == SCHEMA_DURATIONS)
        duration_print(number, text);
    else if (type == SCHEMA_SIZE)
        size_print(number, text);
    else
        (void)snprintf(text, sizeof text, "%lld", (long long)number); /* fits */
    (void)snprintf(out, bytes, "%s", text); /* callers give DURATION_TEXT_BYTES */
}

static int check_bounds(const struct schema_field *f, const struct yaml_node *node, int64_t number,
    const struct schema_reader *r)
{
    if (f->least == 0 && f->most == 0)
        return 0;
    if (number >= f->least && number <= f->most)
        return 0;
    char bound[DURATION_TEXT_BYTES];
    schema_print_number(f->type, number < f->least ? f->least : f->most, bound, sizeof bound);
    yaml_error(r->diag, node, NULL, "%s is %s; it must be at %s %s", f->name, node->text,
        number < f->least ? "least" : "most", bound);
    return -1;
}

static int read_int(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    if (node->kind == YAML_TEXT && !node->plain)
        yaml_error(r->diag, node, NULL, "%s wants a whole number, without quotes", f->name);
    else if (node->kind != YAML_INT)
        return wrong_kind(f, node, r);
    else if (check_bounds(f, node, node->integer, r) == 0) {
        *(int64_t *)at = node->integer;
        return 0;
    }
    return -1;
}

/* A duration or a size: text with a unit. */
static int read_amount(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    bool duration = f->type == SCHEMA_DURATION;
    if (node->kind == YAML_INT || node->kind == YAML_FLOAT) {
        yaml_error(r->diag, node, NULL, "%s has no unit; write %s%s, for example", f->name,
            node->text, duration ? "s" : "KiB");
        return -1;
    }
    if (node->kind != YAML_TEXT)
        return wrong_kind(f, node, r);
    int64_t number = 0;
    struct error err = {0};
    if ((duration ? duration_parse(node->text, &number, &err)
                  : size_parse(node->text, &number, &err)) < 0) {
        yaml_error(r->diag, node, NULL, "%s: %s", f->name, err.text);
        return -1;
    }
    if (check_bounds(f, node, number, r) < 0)
        return -1;
    *(int64_t *)at = number;
    return 0;
}

static int read_bool(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    if (node->kind == YAML_TEXT && node->plain) {
        yaml_error(r->diag, node, NULL, "%s wants true or false, not \"%s\"", f->name, node->text);
        return -1;
    }
    if (node->kind != YAML_BOOL)
        return wrong_kind(f, node, r);
    *(bool *)at = node->integer != 0;
    return 0;
}

static void list_words(const char *const *words, struct buf *out)
{
    for (int i = 0; words[i]; i++)
        (void)buf_printf(out, "%s%s",
            i == 0         ? ""
            : words[i + 1] ? ", "
                           : " or ",
            words[i]); /* cut when too long */
}

static int read_word(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    struct buf all;
    buf_init(&all, 400);
    list_words(f->words, &all);
    int rc = -1;
    const char *near = node->kind == YAML_TEXT ? diag_nearest(node->text, f->words) : NULL;
    for (int i = 0; node->kind == YAML_TEXT && f->words[i]; i++)
        if (strcmp(f->words[i], node->text) == 0) {
            *(int *)at = i;
            rc = 0;
        }
    if (rc < 0 && near)
        yaml_error(r->diag, node, NULL, "%s wants %s, not \"%s\"; did you mean \"%s\"?", f->name,
            buf_text(&all), node->text, near);
    else if (rc < 0)
        yaml_error(r->diag, node, NULL, "%s wants %s, not %s", f->name, buf_text(&all),
            node->text ? node->text : yaml_kind_name(node->kind));
    buf_done(&all);
    return rc;
}

int schema_read_scalar(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r)
{
    switch (f->type) {
    case SCHEMA_TEXT:
    case SCHEMA_NAME:
        return read_text(f, node, at, r);
    case SCHEMA_PATH:
    case SCHEMA_SECRET:
        return read_path(f, node, at, r);
    case SCHEMA_INT:
        return read_int(f, node, at, r);
    case SCHEMA_BOOL:
        return read_bool(f, node, at, r);
    case SCHEMA_DURATION:
    case SCHEMA_SIZE:
        return read_amount(f, node, at, r);
    default:
        return read_word(f, node, at, r);
    }
}
