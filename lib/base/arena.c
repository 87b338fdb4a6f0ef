/* SPDX-License-Identifier: MIT
 * The arena: a list of blocks, freed together. */
#include "lib/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef FIRSTLINE_SANITIZED
#define BLOCK_BYTES 0 /* every allocation its own block */
#else
#define BLOCK_BYTES 4096
#endif
#define ALIGN 16

struct block {
    struct block *next; /* owned */
    size_t room;
    size_t used;
    _Alignas(ALIGN) char data[];
};

struct arena {
    struct block *blocks; /* owned, newest first */
    size_t bytes;
    size_t bytes_max;
    bool secret;
    bool starved;
};

struct arena *arena_new(size_t bytes_max)
{
    struct arena *a = calloc(1, sizeof *a);
    if (a)
        a->bytes_max = bytes_max;
    return a;
}

struct arena *arena_new_secret(size_t bytes_max)
{
    struct arena *a = arena_new(bytes_max);
    if (a)
        a->secret = true;
    return a;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    while (a->blocks) {
        struct block *b = a->blocks;
        a->blocks = b->next;
        if (a->secret)
            explicit_bzero(b->data, b->room);
        free(b);
    }
    free(a);
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t need = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (need > a->bytes_max - a->bytes)
        return NULL;
    struct block *b = a->blocks;
    if (!b || b->room - b->used < need) {
        size_t room = need > BLOCK_BYTES ? need : BLOCK_BYTES;
        b = calloc(1, sizeof *b + room);
        if (!b) {
            a->starved = true;
            return NULL;
        }
        b->room = room;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = b->data + b->used;
    b->used += need;
    a->bytes += need;
    return p;
}

bool arena_starved(const struct arena *a)
{
    return a->starved;
}

void arena_starve(struct arena *a)
{
    a->starved = true;
}

char *arena_strndup(struct arena *a, const char *text, size_t bytes)
{
    char *copy = arena_alloc(a, bytes + 1);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
    return text ? arena_strndup(a, text, strlen(text)) : NULL;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (text)
        (void)vsnprintf(text, (size_t)n + 1, format, again); /* measured above */
    va_end(again);
    return text;
}

size_t arena_bytes(const struct arena *a)
{
    return a->bytes;
}
