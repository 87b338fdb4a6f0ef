/* SPDX-License-Identifier: MIT
 * Between the redactor's stream and its table of shapes only. */
#ifndef LIB_BASE_REDACT_INTERNAL_H
#define LIB_BASE_REDACT_INTERNAL_H

#include "lib/base/redact.h"

/* What the value of a shape consists of: it is replaced until the first byte that does not belong. */
enum swallow {
    SWALLOW_NONE,
    SWALLOW_UPPER,    /* A-Z 0-9                                     */
    SWALLOW_TOKEN,    /* letters, digits, _ -                        */
    SWALLOW_DOTTED,   /* as TOKEN, and . ~ + / =                     */
    SWALLOW_VALUE,    /* until white space, quotes, & , ; or control */
    SWALLOW_DOUBLE,   /* until an unescaped "                        */
    SWALLOW_SINGLE,   /* until an unescaped '                        */
    SWALLOW_ESCAPED,  /* until a quote that is escaped: \"           */
    SWALLOW_LINE,     /* until the line or a quote ends              */
    SWALLOW_USERINFO, /* until @ or white space                      */
    SWALLOW_KEY,      /* a private key block, line by line           */
    SWALLOWS,
};

enum verdict { VERDICT_NO, VERDICT_PENDING /* more bytes are needed */, VERDICT_FOUND };

struct bytes {
    const unsigned char *at; /* borrowed */
    size_t left;
    bool final; /* no more will come: never PENDING */
};

struct shape_found {
    size_t keep;  /* bytes that stay before the value */
    size_t cover; /* bytes that belong to the secret whatever they are */
    enum swallow swallow;
};

/* Whether a shape begins here. prev is the byte before, or -1; option: inside a word that begins with a dash. */
enum verdict redact_shape(struct bytes b, int prev, bool option, struct shape_found *out);

/* Whether the byte at b.at belongs to the value that s is swallowing. *out_cover is raised when it ends that many
 * bytes on (the end line of a key). */
enum verdict redact_swallow(struct redact_stream *s, struct bytes b, size_t *out_cover);

#endif
