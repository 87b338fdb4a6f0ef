/* SPDX-License-Identifier: MIT
 * A growing run of bytes with a limit. Always NUL-terminated behind its bytes, so text can be printed.
 * Passing the limit fails the append and sets `over`; what was there stays. */
#ifndef LIB_BASE_BUF_H
#define LIB_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/error.h"

struct buf {
    char *data;       /* owned; NULL until the first byte */
    size_t bytes;     /* used, without the NUL            */
    size_t room;      /* allocated                        */
    size_t bytes_max; /* the limit                        */
    bool over;        /* something did not fit            */
};

void buf_init(struct buf *b, size_t bytes_max);
void buf_done(struct buf *b);
/* As buf_done, wiping the bytes first: for what held a secret. */
void buf_done_secret(struct buf *b);
void buf_clear(struct buf *b);

/* All return 0, or -1 when the limit or memory is passed (b->over is set; nothing was added). */
int buf_add(struct buf *b, const void *data, size_t bytes);
int buf_add_text(struct buf *b, const char *text);
int buf_add_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);

/* Removes the first n bytes. */
void buf_drop(struct buf *b, size_t n);
/* Never NULL: "" when empty. */
const char *buf_text(const struct buf *b);
/* Passes the bytes to the caller, who frees them; NULL when out of memory. The buf is empty afterwards. */
char *buf_take(struct buf *b, size_t *out_bytes);

#endif
