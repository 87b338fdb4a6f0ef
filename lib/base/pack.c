/* SPDX-License-Identifier: MIT
 * Sets of files: the set itself, its one byte string, its hash. Reading from disk is in
 * pack_read.c. */
#include "lib/base/pack.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"

#define HEAD "firstline-pack 1\n"
#define HEAD_BYTES (sizeof HEAD - 1)

struct pack {
    struct pack_file *files; /* owned; in byte order of the names */
    int count;
    int room;
    size_t bytes;
    size_t bytes_max;
};

struct pack *pack_new(size_t bytes_max)
{
    struct pack *p = calloc(1, sizeof *p);
    if (p)
        p->bytes_max = bytes_max;
    return p;
}

void pack_free(struct pack *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->count; i++) {
        free(p->files[i].name);
        free(p->files[i].data);
        free(p->files[i].path);
    }
    free(p->files);
    free(p);
}

/* The index of a name, or -1 - (the index where it would stand). */
static int place_of(const struct pack *p, const char *name)
{
    int low = 0, high = p->count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(p->files[middle].name, name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1 - low;
}

static int reserve(struct pack *p, struct error *err)
{
    if (p->count == PACK_FILES_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d files", PACK_FILES_MAX);
    if (p->count < p->room)
        return 0;
    int room = p->room ? 2 * p->room : 16;
    struct pack_file *more = realloc(p->files, (size_t)room * sizeof *more);
    if (!more)
        return error_set(err, ERROR_LIMIT, "out of memory for %d files", room);
    p->files = more;
    p->room = room;
    return 0;
}

int pack_add(struct pack *p, const char *name, const void *data, size_t bytes, struct error *err)
{
    return pack_add_path(p, name, NULL, data, bytes, err);
}

int pack_add_path(struct pack *p, const char *name, const char *path, const void *data,
    size_t bytes, struct error *err)
{
    size_t name_bytes = strlen(name);
    if (name_bytes == 0 || name_bytes > PACK_NAME_BYTES_MAX || strchr(name, '\n'))
        return error_set(err, ERROR_INPUT, "\"%.80s\" cannot be a file's name in a set", name);
    int place = place_of(p, name);
    if (place >= 0)
        return error_set(err, ERROR_INPUT, "file \"%s\" is twice in the set", name);
    if (bytes > p->bytes_max - p->bytes || name_bytes > p->bytes_max - p->bytes - bytes)
        return error_set(err, ERROR_LIMIT, "the files have more than %zu bytes in all, with \"%s\"",
            p->bytes_max, name);
    if (reserve(p, err) < 0)
        return -1;
    struct pack_file file = {.name = strdup(name), .data = malloc(bytes + 1), .bytes = bytes};
    file.path = path ? strdup(path) : NULL;
    if (!file.name || !file.data || (path && !file.path)) {
        free(file.path);
        free(file.name);
        free(file.data);
        return error_set(err, ERROR_LIMIT, "out of memory for \"%s\"", name);
    }
    if (bytes > 0)
        memcpy(file.data, data, bytes);
    file.data[bytes] = '\0';
    int at = -1 - place;
    memmove(p->files + at + 1, p->files + at, (size_t)(p->count - at) * sizeof file);
    p->files[at] = file;
    p->count++;
    p->bytes += bytes + name_bytes;
    return 0;
}

int pack_count(const struct pack *p)
{
    return p->count;
}

size_t pack_bytes(const struct pack *p)
{
    return p->bytes;
}

size_t pack_bytes_left(const struct pack *p)
{
    return p->bytes_max - p->bytes;
}

const struct pack_file *pack_at(const struct pack *p, int index)
{
    return index >= 0 && index < p->count ? &p->files[index] : NULL;
}

const struct pack_file *pack_find(const struct pack *p, const char *name)
{
    return pack_at(p, place_of(p, name));
}

const char *pack_shown(const struct pack_file *f)
{
    return f->path ? f->path : f->name;
}

/* ---- one byte string ---- */

int pack_write(const struct pack *p, struct buf *out, struct error *err)
{
    int rc = buf_add(out, HEAD, HEAD_BYTES);
    for (int i = 0; i < p->count && rc == 0; i++) {
        const struct pack_file *f = &p->files[i];
        rc = buf_printf(out, "%zu %s\n", f->bytes, f->name);
        if (rc == 0)
            rc = buf_add(out, f->data, f->bytes);
        if (rc == 0)
            rc = buf_add_char(out, '\n');
    }
    if (rc < 0)
        return error_set(
            err, ERROR_LIMIT, "the packed set does not fit in %zu bytes", out->bytes_max);
    return 0;
}

/* Room for the packed form: each file adds its length's digits and three separators. */
static size_t packed_bytes_max(const struct pack *p)
{
    return HEAD_BYTES + p->bytes + (size_t)p->count * 24 + 1;
}

int pack_hash(const struct pack *p, char out[ID_SHA256_BYTES], struct error *err)
{
    struct buf whole;
    buf_init(&whole, packed_bytes_max(p));
    int rc = pack_write(p, &whole, err);
    if (rc == 0)
        id_sha256(buf_text(&whole), whole.bytes, out);
    buf_done(&whole);
    return rc;
}

/* Reads "bytes name\n" at *at. */
static int parse_head(const char *data, size_t bytes, size_t *at, size_t *out_bytes,
    char name[PACK_NAME_BYTES_MAX + 1])
{
    size_t n = 0, i = *at, digits = 0;
    for (; i < bytes && data[i] >= '0' && data[i] <= '9' && digits < 12; i++, digits++)
        n = n * 10 + (size_t)(data[i] - '0');
    if (digits == 0 || i >= bytes || data[i] != ' ')
        return -1;
    const char *begin = data + ++i;
    const char *end = memchr(begin, '\n', bytes - i);
    size_t length = end ? (size_t)(end - begin) : 0;
    if (length == 0 || length > PACK_NAME_BYTES_MAX || memchr(begin, '\0', length))
        return -1;
    memcpy(name, begin, length);
    name[length] = '\0';
    *at = i + length + 1;
    *out_bytes = n;
    return 0;
}

static int parse_into(struct pack *p, const char *data, size_t bytes, struct error *err)
{
    if (bytes < HEAD_BYTES || memcmp(data, HEAD, HEAD_BYTES) != 0)
        return error_set(
            err, ERROR_INPUT, "these bytes are no set of files, or of a later version");
    char name[PACK_NAME_BYTES_MAX + 1];
    for (size_t at = HEAD_BYTES; at < bytes;) {
        size_t content = 0;
        if (parse_head(data, bytes, &at, &content, name) < 0 || content >= bytes - at ||
            data[at + content] != '\n')
            return error_set(err, ERROR_INPUT, "the set of files is damaged at byte %zu", at);
        if (pack_add(p, name, data + at, content, err) < 0)
            return -1;
        at += content + 1;
    }
    return 0;
}

struct pack *pack_parse(const void *data, size_t bytes, size_t bytes_max, struct error *err)
{
    struct pack *p = pack_new(bytes_max);
    if (!p) {
        error_set(err, ERROR_LIMIT, "out of memory for a set of files");
        return NULL;
    }
    if (parse_into(p, data, bytes, err) < 0) {
        pack_free(p);
        return NULL;
    }
    return p;
}
