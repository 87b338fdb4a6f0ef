/* SPDX-License-Identifier: MIT
 * Values and array literals for parameters. Knows nothing of connections. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/io/pg.h"

/* A length no group accepts: the value could not be made. */
#define NOT_MADE (-1)

struct pg_value pg_from_span(const char *text, size_t bytes)
{
    if (!text)
        return PG_NULL;
    return (struct pg_value){.data = text, .bytes = bytes > INT_MAX ? NOT_MADE : (int)bytes};
}

struct pg_value pg_from_text(const char *text)
{
    return pg_from_span(text, text ? strlen(text) : 0);
}

struct pg_value pg_from_bytes(const void *data, size_t bytes)
{
    struct pg_value value = pg_from_span(data ? data : "", bytes);
    value.binary = true;
    return value;
}

struct pg_value pg_from_bool(bool yes)
{
    return pg_from_text(yes ? "t" : "f");
}

struct pg_value pg_from_int(int64_t number, char room[PG_INT_BYTES])
{
    int n = snprintf(room, PG_INT_BYTES, "%" PRId64, number);
    return (struct pg_value){.data = room, .bytes = n};
}

void pg_array_begin(struct buf *b)
{
    buf_clear(b);
    (void)buf_add_char(b, '{'); /* here and below: a failure stays in b->over */
}

/* An element is quoted or a number, so that an opening brace at the end is always the array's own. */
static void separate(struct buf *b)
{
    if (b->bytes > 0 && b->data[b->bytes - 1] != '{')
        (void)buf_add_char(b, ',');
}

void pg_array_span(struct buf *b, const char *text, size_t bytes)
{
    separate(b);
    (void)buf_add_char(b, '"');
    size_t from = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] != '"' && text[i] != '\\')
            continue;
        (void)buf_add(b, text + from, i - from);
        (void)buf_add_char(b, '\\');
        from = i;
    }
    (void)buf_add(b, text + from, bytes - from);
    (void)buf_add_char(b, '"');
}

void pg_array_text(struct buf *b, const char *text)
{
    if (text) {
        pg_array_span(b, text, strlen(text));
        return;
    }
    separate(b);
    (void)buf_add_text(b, "NULL");
}

void pg_array_int(struct buf *b, int64_t number)
{
    separate(b);
    (void)buf_printf(b, "%" PRId64, number);
}

void pg_array_bool(struct buf *b, bool yes)
{
    separate(b);
    (void)buf_add_char(b, yes ? 't' : 'f');
}

void pg_array_bytes(struct buf *b, const void *data, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *byte = data;
    char part[512];
    separate(b);
    (void)buf_add_text(b, "\"\\\\x");
    for (size_t i = 0; i < bytes && !b->over;) {
        size_t n = 0;
        for (; i < bytes && n < sizeof part; i++) {
            part[n++] = digits[byte[i] >> 4];
            part[n++] = digits[byte[i] & 15];
        }
        (void)buf_add(b, part, n);
    }
    (void)buf_add_char(b, '"');
}

struct pg_value pg_array_end(struct buf *b)
{
    (void)buf_add_char(b, '}');
    if (b->over)
        return (struct pg_value){.data = "", .bytes = NOT_MADE};
    return pg_from_span(b->data, b->bytes);
}
