/* SPDX-License-Identifier: MIT
 * YAML files as a tree that keeps line and column. Built from libyaml's events, strictly: aliases, anchors, merge keys,
 * custom tags, duplicate keys, several documents, more than YAML_DEPTH_MAX levels, YAML_NODES_MAX nodes or the byte
 * limit are errors with their place. Plain scalars are typed by the YAML 1.2 core schema (so `no` and `on` are text);
 * quoted ones are text. */
#ifndef LIB_BASE_YAML_H
#define LIB_BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/diag.h"

enum yaml_kind { YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT, YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    int line;             /* from 1 */
    int column;           /* from 1, in code points */
    const char *file;     /* arena */
    const char *text;     /* arena; the scalar as written (also for ints, bools), NULL for list and map */
    size_t bytes;         /* of text, which never holds a NUL: "\0" is refused */
    bool plain;           /* neither quoted nor a block scalar */
    int64_t integer;      /* YAML_INT, YAML_BOOL (0, 1) */
    double number;        /* YAML_INT, YAML_FLOAT */
    struct yaml_node *parent; /* arena; NULL at the root; a key's is its map */
    struct yaml_node *key;   /* arena; the key, for a map's entries */
    struct yaml_node *first; /* arena; children of a list, values of a map (each with its key) */
    struct yaml_node *next;  /* arena; the next sibling */
    int children;
};

/* Parses `text` (borrowed) into nodes of the arena. file is copied. Errors are added to d, where the text is
 * registered as the file's source. What can be gone past (an alias, a tag, a duplicate key) is, so that all of it is
 * told at once; a syntax error ends the parse. Raw control characters, bad UTF-8 and line ends other than LF and CRLF
 * are refused, so lines count as in an editor. An integer beyond int64 is YAML_FLOAT.
 * bytes_max  the byte limit for this file (YAML_BYTES_MAX for people's files; inventories are larger)
 * nodes_max  likewise (YAML_NODES_MAX)
 * Returns the root, or NULL when there was an error. An empty document is a YAML_NULL node. */
struct yaml_node *yaml_parse(struct arena *a, const char *file, const char *text, size_t bytes,
    size_t bytes_max, int nodes_max, struct diag *d);

/* The value under a key of a map, or NULL. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/* "list", "text", ... for messages. */
const char *yaml_kind_name(enum yaml_kind kind);
/* "steps[3].run" of a node, "" for the root. Cut (never overrun) at the buffer's limit. */
void yaml_path(const struct yaml_node *node, struct buf *out);
/* Adds an error at a node's place. path NULL: the node's own (yaml_path). */
void yaml_error(struct diag *d, const struct yaml_node *node, const char *path, const char *format,
    ...) PRINTF_LIKE(4, 5);
/* As yaml_error, a warning. */
void yaml_warning(struct diag *d, const struct yaml_node *node, const char *path, const char *format,
    ...) PRINTF_LIKE(4, 5);
/* The error for a key that is not in the NULL-ended list of known ones, with the nearest of them. */
void yaml_unknown_key(struct diag *d, const struct yaml_node *value, const char *const *known);

#endif
