/* SPDX-License-Identifier: MIT
 * The growing, limited buffer. */
#include "lib/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fault.h"

void buf_init(struct buf *b, size_t bytes_max)
{
    *b = (struct buf){.bytes_max = bytes_max};
}

void buf_done(struct buf *b)
{
    if (!b)
        return;
    free(b->data);
    *b = (struct buf){.bytes_max = b->bytes_max};
}

void buf_done_secret(struct buf *b)
{
    if (b && b->data)
        explicit_bzero(b->data, b->room);
    buf_done(b);
}

void buf_clear(struct buf *b)
{
    b->bytes = 0;
    b->over = false;
    if (b->data)
        b->data[0] = '\0';
}

static int reserve(struct buf *b, size_t more)
{
    assert(b->bytes_max > 0);
    if (more > b->bytes_max - b->bytes) {
        b->over = true;
        return -1;
    }
    size_t want = b->bytes + more + 1;
    if (want <= b->room)
        return 0;
    size_t room = b->room ? b->room : 64;
    while (room < want)
        room *= 2;
    if (fault_twin("overflow"))
        room = want - 1; /* no room for the NUL; the sanitizers must catch it */
    char *grown = realloc(b->data, room);
    if (!grown) {
        b->over = true;
        return -1;
    }
    b->data = grown;
    b->room = room;
    return 0;
}

int buf_add(struct buf *b, const void *data, size_t bytes)
{
    if (reserve(b, bytes) < 0)
        return -1;
    if (bytes > 0)
        memcpy(b->data + b->bytes, data, bytes);
    b->bytes += bytes;
    b->data[b->bytes] = '\0';
    return 0;
}

int buf_add_text(struct buf *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

int buf_add_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    int result = -1;
    if (n >= 0 && reserve(b, (size_t)n) == 0) {
        (void)vsnprintf(b->data + b->bytes, (size_t)n + 1, format, again); /* measured above */
        b->bytes += (size_t)n;
        result = 0;
    }
    va_end(again);
    return result;
}

void buf_drop(struct buf *b, size_t n)
{
    assert(n <= b->bytes);
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->bytes - n);
    b->bytes -= n;
    b->data[b->bytes] = '\0';
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}

char *buf_take(struct buf *b, size_t *out_bytes)
{
    if (!b->data && reserve(b, 0) < 0)
        return NULL;
    b->data[b->bytes] = '\0';
    char *taken = b->data;
    if (out_bytes)
        *out_bytes = b->bytes;
    *b = (struct buf){.bytes_max = b->bytes_max};
    return taken;
}
