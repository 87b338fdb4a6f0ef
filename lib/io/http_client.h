/* SPDX-License-Identifier: MIT
 * HTTP/1.1 requests to others on the loop (libcurl multi). Certificates are always verified, redirects never
 * followed, names are looked up in the thread pool and remembered. Repeats nothing by itself; does not log; knows
 * no credentials. */
#ifndef LIB_IO_HTTP_CLIENT_H
#define LIB_IO_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

struct loop;
struct http_client;
struct http_reply;

struct http_client_settings {
    const char *ca_file;      /* borrowed for the call: PEM file of trusted roots; NULL: the system's */
    unsigned connections_max; /* to one host; 0: HTTP_CLIENT_CONNECTIONS_MAX. More calls wait in line */
};

struct http_header {
    const char *name;  /* borrowed for the call; NULL ends a list */
    const char *value; /* borrowed for the call */
};

struct http_call {
    const char *method;                /* "GET", "POST", ...; borrowed for the call, as all below */
    const char *url;                   /* http: or https: */
    const struct http_header *headers; /* ended by a NULL name; NULL: none */
    const void *body;                  /* NULL: none */
    size_t bytes;
    unsigned timeout_ms;   /* for everything, waiting in line included; 0: HTTP_CLIENT_TIMEOUT_MS */
    size_t body_bytes_max; /* of the reply; 0: HTTP_CLIENT_BODY_BYTES_MAX */
};

/* Called once for each http_send, later, never inside it. Exactly one of reply and err is not NULL. Any status at all,
 * 500 included, is a reply. Kinds of err:
 *   INPUT      the URL or a header cannot be sent (a mistake of the caller)
 *   UNREACHED  no name, no connection, no TLS: nothing was sent
 *   DEADLINE   the time ran out before anything was sent
 *   UNCERTAIN  the request, or a part of it, was sent, and no complete answer came (cut, late, broken, cancelled)
 *   CANCELLED  cancelled before anything was sent
 *   LIMIT      too many calls, no memory (nothing was sent)
 * A reply whose body passes body_bytes_max is UNCERTAIN too: the text says so and names its status.
 * reply and err are borrowed until done returns. done may send and cancel, but not free the client. */
typedef void http_done(void *owner, uint64_t id, const struct http_reply *reply, const struct error *err);

struct http_client *http_client_new(struct loop *loop, const struct http_client_settings *settings,
    struct error *err);
/* Ends all calls: their done runs inside, with CANCELLED or UNCERTAIN; what a done sends then is CANCELLED. NULL is
 * fine. */
void http_client_free(struct http_client *c);

/* Returns the call's id, never 0: whatever goes wrong comes through done. Everything is copied. */
uint64_t http_send(struct http_client *c, const struct http_call *call, http_done *done, void *owner);
/* A request: done follows with CANCELLED or UNCERTAIN, or with what had come already. An unknown id is fine. */
void http_cancel(struct http_client *c, uint64_t id);

int http_reply_status(const struct http_reply *r);
/* Value of the last header of that name (any case) of the final answer, trimmed; NULL when absent. */
const char *http_reply_header(const struct http_reply *r, const char *name);
/* Never NULL; a NUL stands behind the bytes. */
const char *http_reply_body(const struct http_reply *r, size_t *out_bytes);

#endif
