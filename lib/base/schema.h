/* SPDX-License-Identifier: MIT
 * One table for what a YAML map may hold, from which come the parser, the help text, the example file, the page in
 * docs/ and the JSON Schema. Reads into plain structs by offset. Does not know what the values mean: rules between
 * fields are the caller's, who has each item's node for their place. */
#ifndef LIB_BASE_SCHEMA_H
#define LIB_BASE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/diag.h"
#include "lib/base/yaml.h"

enum schema_type {          /* what stands at the offset                                                   */
    SCHEMA_TEXT,            /* const char *, arena                                                         */
    SCHEMA_NAME,            /* const char *: letters, digits and . _ - , beginning with a letter or digit  */
    SCHEMA_PATH,            /* const char *: a file or folder; relative ones are from the file's folder    */
    SCHEMA_SECRET,          /* struct secret: its path is set; the content is not read here                */
    SCHEMA_INT,             /* int64_t                                                                     */
    SCHEMA_BOOL,            /* bool                                                                        */
    SCHEMA_DURATION,        /* int64_t, milliseconds                                                       */
    SCHEMA_SIZE,            /* int64_t, bytes                                                              */
    SCHEMA_WORD,            /* int: an index into words                                                    */
    SCHEMA_WORDS,           /* unsigned: a bit for each word of the list; at least one                     */
    SCHEMA_TEXTS,           /* struct schema_texts                                                         */
    SCHEMA_PATHS,           /* struct schema_texts                                                         */
    SCHEMA_SECRETS,         /* struct schema_list of struct secret                                         */
    SCHEMA_PAIRS,           /* struct schema_pairs: a map of words to text, numbers or booleans as written */
    SCHEMA_DURATIONS,       /* struct schema_pairs with numbers: a map of words to durations               */
    SCHEMA_MAP,             /* the inner struct itself                                                     */
    SCHEMA_LIST,            /* struct schema_list: a list of maps                                          */
    SCHEMA_NAMED,           /* struct schema_list: a map of names to maps; the name goes to key_offset     */
    SCHEMA_TYPES,
};

enum {
    SCHEMA_REQUIRED = 1,  /* its absence is an error                                      */
    SCHEMA_RELOAD = 2,    /* a change takes effect on reload; else at the next start      */
    SCHEMA_OWN = 4,       /* shown in docs, but read by the caller (SCHEMA_NAMED)         */
    SCHEMA_MAY_BE_EMPTY = 8,
    SCHEMA_OR_ONE = 16,   /* TEXTS: a single text stands for a list of one                */
};

struct schema;

struct schema_field {
    const char *name;
    enum schema_type type;
    size_t offset;
    const char *standard;       /* the default in the file's own form; NULL: none (zero) */
    int64_t least, most;        /* INT, DURATION (ms), SIZE (bytes); text: most bytes; lists: most items. 0, 0: no
                                   bound for numbers, 1024 bytes for text, 1000 items for lists */
    const char *const *words;   /* WORD, WORDS: NULL-ended */
    const struct schema *inside; /* MAP, LIST, NAMED */
    const char *example;        /* for the example file, where there is no default */
    unsigned flags;
    const char *about;          /* one sentence */
};

struct schema {
    const char *name;                  /* what one of them is called: "account" */
    size_t bytes;                      /* sizeof the struct */
    size_t key_offset;                 /* NAMED: const char *, arena */
    size_t node_offset;                /* const struct yaml_node *: set to the item's node; 0: the struct has none, so
                                          it never stands first */
    const struct schema_field *fields; /* ends with a NULL name */
    const char *about;
};

struct schema_texts {
    const char *const *items; /* arena; NULL-ended when it was read, NULL when not */
    int count;
};
struct schema_pair {
    const char *name; /* arena */
    const char *text; /* arena; as written */
    int64_t number;   /* DURATIONS: ms */
};
struct schema_pairs {
    const struct schema_pair *items; /* arena */
    int count;
};
struct schema_list {
    void *items; /* arena; an array of the inner struct */
    int count;
};

struct schema_reader {
    struct arena *arena; /* borrowed; holds all that is read. With it the nodes must live as long */
    struct diag *diag;   /* borrowed */
    const char *folder;  /* borrowed; for relative paths: the file's folder, "" for the current one */
};

/* Sets every field to its default, inner maps included. -1 when out of memory (the error is in the diag). */
int schema_defaults(const struct schema *s, void *base, const struct schema_reader *r);

/* Reads a map's entries over what base holds; what is absent stays. NULL or an empty node: nothing is there. All
 * mistakes go to the diag: unknown keys with the nearest known one, wrong types, missing units, bounds, missing
 * required ones. Returns -1 when there was one. */
int schema_read(const struct schema *s, const struct yaml_node *map, void *base, const struct schema_reader *r);

/* Reads one value as a field of that type, for callers with maps of their own. */
int schema_read_value(const struct schema_field *f, const struct yaml_node *node, void *base,
    const struct schema_reader *r);

/* The field at "lease.renew"; lists are passed through ("accounts.token_file"). NULL when there is none. */
const struct schema_field *schema_find(const struct schema *s, const char *path);

/* ---- what is made from the table ---- */

/* Plain text for terminals, one paragraph a field. */
void schema_help(const struct schema *s, struct buf *out);
/* A commented YAML file that parses: each field with its default or example. */
void schema_example(const struct schema *s, struct buf *out);
/* Markdown tables, one for each map. */
void schema_markdown(const struct schema *s, struct buf *out);
/* A JSON Schema (draft-07) for editors. */
void schema_json(const struct schema *s, const char *title, struct buf *out);

/* "a duration", "true or false", ...: for people. */
const char *schema_type_name(enum schema_type type);
/* "500ms to 10s", "" when there are no bounds. */
void schema_bounds(const struct schema_field *f, char *out, size_t bytes);

#endif
