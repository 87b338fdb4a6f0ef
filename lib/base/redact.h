/* SPDX-License-Identifier: MIT
 * Replaces secrets in bytes that come from hosts by "[redacted]": configured secrets (also as base64 and URL-encoded),
 * and the shapes of private keys, tokens and password assignments. Works on a stream cut anywhere, even at each byte:
 * how the bytes were cut never changes what comes out. All other bytes (NUL, invalid UTF-8) pass unchanged.
 *
 * For protocols above: redaction may change lengths. Frame by delimiters on lines of their own, never by byte counts,
 * and do not encode (base64, hex) a host's output on its way: shapes would no longer be seen. Frame lines must not look
 * like a secret: no word such as password, secret, token or api_key before '=' or ':'; and they contain a space, so that
 * they are never taken for the next line of a private key. A newline before and after what is replaced is always kept,
 * so a frame line stays a line of its own.
 *
 * Shapes: PEM, OpenSSH and PGP private key blocks (also cut off in the middle); AWS access key ids; GitHub, GitLab, Slack
 * and other prefixed tokens; JSON Web Tokens; "Authorization:" headers and "Bearer x"; PagerDuty's "Token token=x";
 * user:password@ in URLs; assignments whose name ends in password, passwd, passphrase, secret, token, api_key,
 * access_key, private_key and the like ("DB_PASSWORD=x", "\"client_secret\": \"x\"", "--password x").
 * Not found: a configured secret encoded otherwise, or whose base64 form was broken into lines. */
#ifndef LIB_BASE_REDACT_H
#define LIB_BASE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"

#define REDACT_TEXT "[redacted]"

/* The configured secrets, ready for search. Counted: streams hold the one they began with, so that a reload can
 * swap it at any time. Secrets are wiped when the last holder lets go. */
struct redactor;

struct redact_secret {
    const void *data; /* borrowed during the call */
    size_t bytes;     /* shorter than 4 is not searched for; longer than REDACT_SECRET_BYTES_MAX is an error */
};

/* secrets may be NULL when n is 0: then only shapes are replaced.
 * Errors: CONFIG (a secret is too long, or too many), LIMIT (memory). */
struct redactor *redactor_new(const struct redact_secret *secrets, size_t n, struct error *err);
/* Another holder; returns r. Each holder ends with redactor_free. */
struct redactor *redactor_hold(struct redactor *r);
void redactor_free(struct redactor *r); /* NULL is fine */
/* How many of the secrets given to redactor_new were too short (under 4 bytes) to be searched for. */
size_t redactor_skipped(const struct redactor *r);

/* One stream of bytes. */
struct redact_stream {
    struct redactor *redactor; /* counted */
    struct buf held;           /* bytes not yet decided; bounded by REDACT_HELD_BYTES_MAX */
    size_t cover;              /* bytes from here that belong to a found secret */
    size_t keep;               /* bytes from here before the value of a found shape begins */
    int swallow;               /* enum swallow: what the value of the found shape consists of */
    size_t block;              /* bytes of a key block swallowed so far */
    int prev;                  /* the byte before, -1 at the start */
    bool marked;               /* the last thing written was REDACT_TEXT */
    bool escaped;              /* inside quotes, after a backslash */
    bool option;               /* inside a word that begins with a dash */
};

void redact_stream_init(struct redact_stream *s, struct redactor *r);
void redact_stream_done(struct redact_stream *s);

/* Appends to out what is decided after these bytes. -1 when out passed its limit or memory (out->over):
 * then this call's bytes are lost beyond it, but the stream may go on. */
int redact_stream_add(struct redact_stream *s, const void *data, size_t bytes, struct buf *out);
/* Ends the stream: appends what was held back. */
int redact_stream_end(struct redact_stream *s, struct buf *out);

/* All at once, for text that is whole. */
int redact_text(struct redactor *r, const void *data, size_t bytes, struct buf *out);

#endif
