/* SPDX-License-Identifier: MIT
 * A set of named files as one byte string, with its content hash: how scenario and inventory sets
 * are stored in the database and read again on another node. Entries are kept in byte order of
 * their names, so the same files give the same bytes and the same hash in whatever order they were
 * read. Does not parse what is inside. */
#ifndef LIB_BASE_PACK_H
#define LIB_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/id.h"

struct pack_file {
    char *name; /* owned by the pack; relative to the folder, '/' between parts */
    char *data; /* owned by the pack; NUL-terminated behind its bytes */
    size_t bytes;
    char *path; /* owned by the pack; where it was read from, for messages; NULL when from memory.
                   Not part of the packed bytes and the hash */
};

struct pack;

/* bytes_max  the limit over all names and contents. NULL when out of memory. */
struct pack *pack_new(size_t bytes_max);
void pack_free(struct pack *p);

/* Copies a file in. Errors: LIMIT, INPUT (an empty name, a name twice, a NUL or newline in it). */
int pack_add(
    struct pack *p, const char *name, const void *data, size_t bytes, struct error *err) MUST_USE;

/* As pack_add, noting the file's path. */
int pack_add_path(struct pack *p, const char *name, const char *path, const void *data,
    size_t bytes, struct error *err) MUST_USE;

/* Reads one file, or every file of a folder and its subfolders whose name ends with suffix
 * (".yaml"; NULL: all). Names beginning with '.' are skipped; ".yaml" stands for ".yml" too. Links
 * to files are followed, links to folders are not. Blocks: call it at start-up or off the loop.
 * prefix  put before each name ("" for none); a single file is named by its last part
 * Errors: CONFIG (cannot be read; the path is named), LIMIT. */
int pack_read(struct pack *p, const char *path, const char *suffix, const char *prefix,
    struct error *err) MUST_USE;

int pack_count(const struct pack *p);
size_t pack_bytes(const struct pack *p);
/* What may still be added, names included. */
size_t pack_bytes_left(const struct pack *p);
/* By index 0 .. count - 1, in order of names; borrowed until the next change of p. */
const struct pack_file *pack_at(const struct pack *p, int index);
const struct pack_file *pack_find(const struct pack *p, const char *name);

/* What to call a file in messages: its path, else its name. */
const char *pack_shown(const struct pack_file *f);

/* The SHA-256 of the packed bytes, in hex. */
int pack_hash(const struct pack *p, char out[ID_SHA256_BYTES], struct error *err) MUST_USE;

/* Appends the whole set as one byte string ("firstline-pack 1", then "bytes name" and the content
 * for each file) and reads it back. Errors: LIMIT; INPUT for bytes that are no pack. */
int pack_write(const struct pack *p, struct buf *out, struct error *err) MUST_USE;
struct pack *pack_parse(const void *data, size_t bytes, size_t bytes_max, struct error *err);

#endif
