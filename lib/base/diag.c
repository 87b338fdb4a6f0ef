/* SPDX-License-Identifier: MIT
 * Diagnostics: collecting, counting and printing them. The nearest known word is in diag_nearest.c.
 */
#include "lib/base/diag.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"
#include "lib/base/text.h"

#define LEVELS 2

struct item {
    enum diag_level level;
    int file; /* index */
    int line; /* 0: the whole file */
    int column;
    int order;     /* as added: keeps the sort stable */
    char *path;    /* owned */
    char *message; /* owned */
};

struct source {
    uint64_t hash; /* of file: thousands of files are looked for one by one */
    char *file; /* owned */
    char *text; /* owned; NULL: lines cannot be shown */
    size_t bytes;
    int kept[LEVELS];
    int counted[LEVELS]; /* beyond DIAG_ERRORS_MAX */
};

struct diag {
    struct item *items; /* owned */
    int count;
    struct source *sources; /* owned */
    int source_count;
    int *slots; /* owned; sources by the hash of their file: index + 1, 0: none */
    size_t slots_room; /* a power of two, at least twice the sources */
    int total[LEVELS];
    int first_error; /* index of the first error that was added, -1 */
};

struct diag *diag_new(void)
{
    struct diag *d = calloc(1, sizeof *d);
    if (d)
        d->first_error = -1;
    return d;
}

void diag_free(struct diag *d)
{
    if (!d)
        return;
    for (int i = 0; i < d->count; i++) {
        free(d->items[i].path);
        free(d->items[i].message);
    }
    for (int i = 0; i < d->source_count; i++) {
        free(d->sources[i].file);
        free(d->sources[i].text);
    }
    free(d->items);
    free(d->sources);
    free(d->slots);
    free(d);
}

/* Grows by doubling at powers of two: the count is the only state. */
static void *grown(void *array, int count, size_t size)
{
    if (count > 0 && (count & (count - 1)) != 0)
        return array;
    return realloc(array, (size_t)(count > 0 ? 2 * count : 1) * size);
}

/* Where the file stands among the slots, or would. */
static int *slot_of(const struct diag *d, uint64_t hash, const char *file)
{
    for (size_t i = hash;; i++) {
        int *slot = &d->slots[i & (d->slots_room - 1)];
        const struct source *at = *slot > 0 ? &d->sources[*slot - 1] : NULL;
        if (!at || (at->hash == hash && strcmp(at->file, file) == 0))
            return slot;
    }
}

static int slots_grow(struct diag *d)
{
    size_t room = d->slots_room > 0 ? 2 * d->slots_room : 16;
    int *more = calloc(room, sizeof *more);
    if (!more)
        return -1;
    free(d->slots);
    d->slots = more;
    d->slots_room = room;
    for (int i = 0; i < d->source_count; i++)
        *slot_of(d, d->sources[i].hash, d->sources[i].file) = i + 1;
    return 0;
}

static int source_find(struct diag *d, const char *file)
{
    if (d->slots_room < 2 * ((size_t)d->source_count + 1) && slots_grow(d) != 0)
        return -1;
    uint64_t hash = text_hash(file, strlen(file));
    int *slot = slot_of(d, hash, file);
    if (*slot > 0)
        return *slot - 1;
    if (d->source_count == DIAG_FILES_MAX)
        return -1;
    struct source *more = grown(d->sources, d->source_count, sizeof *more);
    if (!more)
        return -1;
    d->sources = more;
    char *name = strdup(file);
    if (!name)
        return -1;
    more[d->source_count] = (struct source){.hash = hash, .file = name};
    *slot = ++d->source_count;
    return d->source_count - 1;
}

int diag_source(struct diag *d, const char *file, const char *text, size_t bytes)
{
    int i = source_find(d, file);
    if (i < 0)
        return -1;
    char *copy = malloc(bytes + 1);
    if (!copy)
        return -1;
    if (bytes > 0)
        memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    free(d->sources[i].text);
    d->sources[i].text = copy;
    d->sources[i].bytes = bytes;
    return 0;
}

/* Makes a message or path fit for a terminal: no control characters, no change of direction,
 * bounded. */
static char *for_people(const char *text)
{
    struct buf b;
    buf_init(&b, (size_t)6 * DIAG_MESSAGE_BYTES_MAX + 8);
    size_t bytes = text_cut(text, strlen(text), SIZE_MAX, DIAG_MESSAGE_BYTES_MAX);
    int32_t point;
    for (size_t at = 0; at < bytes;) {
        size_t n = text_next(text + at, bytes - at, &point);
        if (point < 0)
            (void)buf_add_text(&b, "\xEF\xBF\xBD"); /* fits: the limit is six times the input */
        else if (point < 0x20 || (point >= 0x7F && point < 0xA0) ||
                 (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069))
            (void)buf_printf(&b, "\\u%04x", (unsigned)point); /* as above */
        else
            (void)buf_add(&b, text + at, n); /* as above */
        at += n;
    }
    if (text[bytes] != '\0')
        (void)buf_add_text(&b, "..."); /* as above */
    char *copy = strdup(buf_text(&b));
    buf_done(&b);
    return copy;
}

static void keep(struct diag *d, enum diag_level level, int file, int line, int column, char *path,
    char *message)
{
    struct item *more = path && message ? grown(d->items, d->count, sizeof *more) : NULL;
    if (!more) {
        free(path);
        free(message);
        d->sources[file].counted[level]++;
        return;
    }
    d->items = more;
    more[d->count] = (struct item){.level = level,
        .file = file,
        .line = line > 0 ? line : 0,
        .column = line > 0 && column > 0 ? column : 0,
        .order = d->count,
        .path = path,
        .message = message};
    if (level == DIAG_ERROR && d->first_error < 0)
        d->first_error = d->count;
    d->count++;
    d->sources[file].kept[level]++;
}

void diag_add(struct diag *d, enum diag_level level, const char *file, int line, int column,
    const char *path, const char *format, ...)
{
    assert(level == DIAG_WARNING || level == DIAG_ERROR);
    d->total[level]++; /* counted even where nothing can be kept: an error never passes as none */
    int i = source_find(d, file);
    if (i < 0)
        return;
    if (d->sources[i].kept[level] >= DIAG_ERRORS_MAX) {
        d->sources[i].counted[level]++;
        return;
    }
    char text[2 * DIAG_MESSAGE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* what is longer is cut */
    va_end(args);
    keep(d, level, i, line, column, for_people(path ? path : ""), for_people(text));
}

int diag_errors(const struct diag *d)
{
    return d->total[DIAG_ERROR];
}

int diag_warnings(const struct diag *d)
{
    return d->total[DIAG_WARNING];
}

int diag_error(const struct diag *d, struct error *err)
{
    int errors = diag_errors(d);
    if (errors == 0)
        return 0;
    if (d->first_error < 0)
        return error_set(err, ERROR_LIMIT, "%d errors, and no memory to keep them", errors);
    const struct item *first = &d->items[d->first_error];
    char more[48] = "";
    if (errors > 1)
        (void)snprintf(more, sizeof more, " (and %d more)", errors - 1); /* fits */
    const char *file = d->sources[first->file].file;
    if (first->line == 0)
        return error_set(err, ERROR_CONFIG, "%s: %s%s", file, first->message, more);
    return error_set(err, ERROR_CONFIG, "%s:%d:%d: %s%s", file, first->line, first->column,
        first->message, more);
}

/* ---- printing ---- */

static int by_place(const void *a, const void *b)
{
    const struct item *const *x = a, *const *y = b;
    if ((*x)->file != (*y)->file)
        return (*x)->file < (*y)->file ? -1 : 1;
    if ((*x)->line != (*y)->line)
        return (*x)->line < (*y)->line ? -1 : 1;
    if ((*x)->column != (*y)->column)
        return (*x)->column < (*y)->column ? -1 : 1;
    return (*x)->order < (*y)->order ? -1 : 1;
}

/* The bytes of a line (from 1), without its end; NULL when there is none. */
static const char *line_of(const struct source *s, int line, size_t *out_bytes)
{
    if (!s->text || line < 1)
        return NULL;
    const char *at = s->text, *end = s->text + s->bytes;
    if (s->bytes >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    for (int i = 1; i < line; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (!at)
            return NULL;
        at++;
    }
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    size_t bytes = (size_t)((stop ? stop : end) - at);
    if (bytes > 0 && at[bytes - 1] == '\r')
        bytes--;
    *out_bytes = bytes;
    return at;
}

/* One character of a source line, shown so that it takes at least the columns it says. */
static int show_point(struct buf *out, const char *at, size_t n, int32_t point)
{
    if (point == '\t') {
        (void)buf_add_text(out, "  "); /* out->over is the caller's to see, here and below */
        return 2;
    }
    if (point < 0x20 || (point >= 0x7F && point < 0xA0) || (point >= 0x2028 && point <= 0x202E) ||
        (point >= 0x2066 && point <= 0x2069)) {
        (void)buf_add_char(out, '?');
        return 1;
    }
    (void)buf_add(out, at, n);
    return text_point_width(point);
}

static void print_line(
    const struct source *s, const struct item *item, bool colour, struct buf *out)
{
    size_t bytes = 0;
    const char *line = line_of(s, item->line, &bytes);
    if (!line)
        return;
    (void)buf_printf(out, "%7d | ", item->line);
    /* A long line is shown from somewhat before the place. */
    int first =
        item->column > DIAG_LINE_COLUMNS_MAX * 3 / 4 ? item->column - DIAG_LINE_COLUMNS_MAX / 2 : 1;
    int width = 0, before = 0, column = 1;
    if (first > 1) {
        (void)buf_add_text(out, "...");
        before = width = 3;
    }
    for (size_t at = 0; at < bytes && width < DIAG_LINE_COLUMNS_MAX; column++) {
        int32_t point;
        size_t n = text_next(line + at, bytes - at, &point);
        if (column == item->column)
            before = width;
        if (column >= first)
            width += show_point(out, line + at, n, point);
        at += n;
    }
    if (item->column >= column)
        before = width; /* at the line's end */
    (void)buf_printf(out, "\n        | %*s%s^%s\n", before, "", colour ? "\033[1;32m" : "",
        colour ? "\033[0m" : "");
}

static void print_text(
    const struct source *s, const struct item *item, bool colour, struct buf *out)
{
    static const char *const names[LEVELS] = {"warning", "error"};
    static const char *const colours[LEVELS] = {"\033[1;33m", "\033[1;31m"};
    (void)buf_add_text(out, s->file);
    if (item->line > 0)
        (void)buf_printf(out, ":%d:%d", item->line, item->column);
    (void)buf_printf(out, ": %s%s:%s %s", colour ? colours[item->level] : "", names[item->level],
        colour ? "\033[0m" : "", item->message);
    if (item->path[0] != '\0')
        (void)buf_printf(out, " [%s]", item->path);
    (void)buf_add_char(out, '\n');
    if (item->line > 0 && item->column > 0)
        print_line(s, item, colour, out);
}

static void print_json(const struct source *s, const struct item *item, bool first, struct buf *out)
{
    (void)buf_printf(out, "%s{\"level\":\"%s\",\"file\":\"", first ? "" : ",\n ",
        item->level == DIAG_ERROR ? "error" : "warning");
    text_json(s->file, strlen(s->file), out);
    (void)buf_printf(out, "\",\"line\":%d,\"column\":%d,\"path\":\"", item->line, item->column);
    text_json(item->path, strlen(item->path), out);
    (void)buf_add_text(out, "\",\"message\":\"");
    text_json(item->message, strlen(item->message), out);
    (void)buf_add_text(out, "\"}");
}

static void print_item(const struct diag *d, enum diag_format format, bool colour,
    const struct item *item, bool first, struct buf *out)
{
    const struct source *s = &d->sources[item->file];
    if (format == DIAG_JSON)
        print_json(s, item, first, out);
    else
        print_text(s, item, colour, out);
}

/* "and 7 more errors" after a file's last entry. */
static bool print_counted(const struct diag *d, enum diag_format format, bool colour, int file,
    bool first, struct buf *out)
{
    for (int level = LEVELS - 1; level >= 0; level--) {
        int n = d->sources[file].counted[level];
        if (n == 0)
            continue;
        char message[64];
        (void)snprintf(message, sizeof message, "and %d more %s%s", n,
            level == DIAG_ERROR ? "error" : "warning", n == 1 ? "" : "s"); /* fits */
        char none[1] = "";
        struct item item = {
            .level = (enum diag_level)level, .file = file, .path = none, .message = message};
        print_item(d, format, colour, &item, first, out);
        first = false;
    }
    return first;
}

void diag_print(const struct diag *d, enum diag_format format, bool colour, struct buf *out)
{
    const struct item **sorted = calloc((size_t)d->count + 1, sizeof *sorted);
    if (!sorted)
        return;
    for (int i = 0; i < d->count; i++)
        sorted[i] = &d->items[i];
    qsort(sorted, (size_t)d->count, sizeof *sorted, by_place);
    bool first = true;
    if (format == DIAG_JSON)
        (void)buf_add_char(out, '['); /* out->over is the caller's to see */
    int at = 0;
    for (int file = 0; file < d->source_count; file++) {
        for (; at < d->count && sorted[at]->file == file; at++) {
            print_item(d, format, colour, sorted[at], first, out);
            first = false;
        }
        first = print_counted(d, format, colour, file, first, out);
    }
    if (format == DIAG_JSON)
        (void)buf_add_text(out, "]\n"); /* as above */
    free(sorted);
}
