/* SPDX-License-Identifier: MIT
 * Values and arrays for parameters. Knows nothing of connections. */
#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
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

/* --- arrays, as the server takes them in binary: a header, then each element's length and bytes ----------------------- */

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25 };

struct array_header {
    uint32_t dimensions, nulls, type, count, lower_bound; /* in network order */
};

static void add_uint32(struct buf *b, uint32_t number)
{
    number = htonl(number);
    (void)buf_add(b, &number, sizeof number); /* here and below: a failure stays in b->over */
}

void pg_array_begin(struct buf *b)
{
    buf_clear(b);
    struct array_header head = {.dimensions = htonl(1), .nulls = htonl(1), .lower_bound = htonl(1)};
    (void)buf_add(b, &head, sizeof head);
}

/* bytes NULL: null */
static void add_element(struct buf *b, uint32_t type, const void *bytes, size_t count)
{
    if (!b->over) {
        struct array_header head;
        memcpy(&head, b->data, sizeof head);
        assert(head.type == 0 || ntohl(head.type) == type);
        head.type = htonl(type);
        head.count = htonl(ntohl(head.count) + 1);
        memcpy(b->data, &head, sizeof head);
    }
    add_uint32(b, bytes ? (uint32_t)count : UINT32_MAX);
    if (bytes)
        (void)buf_add(b, bytes, count);
}

void pg_array_span(struct buf *b, const char *text, size_t bytes)
{
    add_element(b, OID_TEXT, text, bytes);
}

void pg_array_text(struct buf *b, const char *text)
{
    add_element(b, OID_TEXT, text, text ? strlen(text) : 0);
}

void pg_array_int(struct buf *b, int64_t number)
{
    uint64_t wire = htobe64((uint64_t)number);
    add_element(b, OID_INT8, &wire, sizeof wire);
}

void pg_array_bool(struct buf *b, bool yes)
{
    add_element(b, OID_BOOL, yes ? "\1" : "\0", 1);
}

void pg_array_bytes(struct buf *b, const void *data, size_t bytes)
{
    add_element(b, OID_BYTEA, data ? data : "", bytes);
}

struct pg_value pg_array_end(struct buf *b)
{
    if (b->over)
        return (struct pg_value){.data = "", .bytes = NOT_MADE};
    if (b->bytes == sizeof(struct array_header))
        return pg_from_text("{}"); /* of whatever type */
    return pg_from_bytes(b->data, b->bytes);
}
