/* SPDX-License-Identifier: MIT
 * The parsed form of known_hosts, shared by its reader and its judge only. */
#ifndef LIB_BASE_KNOWN_HOSTS_INTERNAL_H
#define LIB_BASE_KNOWN_HOSTS_INTERNAL_H

#include "lib/base/known_hosts.h"

#define SHA1_BYTES 20

enum marker { MARKER_NONE, MARKER_REVOKED, MARKER_CERT };
enum form { FORM_PLAIN, FORM_PATTERN, FORM_HASHED };

struct line {
    int number;
    enum marker marker;
    enum form form;
    enum known_hosts_type type;
    char *names;        /* arena; lower case. Hashed: salt and hash, SHA1_BYTES each */
    unsigned char *key; /* arena; the raw blob */
    size_t key_bytes;
};

struct name {
    const char *text; /* arena, NUL-terminated, lower case */
    uint32_t line;    /* index into lines */
};

struct known_hosts {
    struct arena *arena; /* owned */
    char *file;          /* arena */
    struct line *lines;  /* owned */
    size_t line_count, line_room;
    struct name *names;  /* owned; of FORM_PLAIN lines, sorted by text once parsed */
    size_t name_count, name_room;
    uint32_t *others;    /* owned; indexes of lines that are not FORM_PLAIN */
    size_t other_count, other_room;
};

/* The type of a key by its name in a line or blob. */
enum known_hosts_type known_hosts_type_of(const char *name, size_t bytes);

#endif
