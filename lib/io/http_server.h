/* SPDX-License-Identifier: MIT
 * An HTTP/1.1 server on the loop (libmicrohttpd): hands complete requests to one function, which answers at once or
 * later. Does not know paths, methods or credentials, does no TLS (a proxy in front does) and streams nothing.
 *
 * What it holds against the outside by itself, so that no handler has to:
 *   body over the limit        413, at the headers where Content-Length says so
 *   headers over 16 KiB        431
 *   two Content-Length, Content-Length beside Transfer-Encoding, not exactly one Host    400
 *   all bodies together over their limit                                                 503
 *   a request not complete, or an answer not taken, in request_longest_ms                closed
 *   a handler that does not answer in answer_longest_ms                                  503
 *   too many connections, in all or from one address                                     not accepted
 * When connections run out, idle ones are closed, so that a health check still comes in. */
#ifndef LIB_IO_HTTP_SERVER_H
#define LIB_IO_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

struct loop;
struct http_server;
struct http_request;

/* Called in the loop when no connection can be taken, for want of descriptors (it is tried again all the time; who connects waits
 * meanwhile), and when one was taken again. */
typedef void http_starved(void *owner, bool starved);

struct http_server_settings {
    const char *address;         /* borrowed for the call: IPv4 or IPv6 literal; NULL: 127.0.0.1 */
    uint16_t port;               /* 0: any free one, see http_server_port */
    size_t body_bytes_max;       /* of one request; 0: HTTP_SERVER_BODY_BYTES_MAX */
    size_t bodies_bytes_max;     /* of all requests in hand; 0: HTTP_SERVER_BODIES_BYTES_MAX */
    unsigned connections_max;    /* 0: HTTP_SERVER_CONNECTIONS_MAX */
    unsigned per_ip_max;         /* 0: no limit, as is right behind a proxy */
    unsigned request_longest_ms; /* from the connection, or the answer before, to the last byte of the request;
                                  * also from the answer to its last byte taken. 0: 10 s */
    unsigned answer_longest_ms;  /* for the handler; 0: 30 s */
    http_starved *on_starved;    /* NULL: nobody asks; with the handler's owner */
};

/* Called in the loop with the complete body. Must call http_answer exactly once, at once or later, also for a request
 * that it finds wrong. */
typedef void http_handler(void *owner, struct http_request *req);

/* Listens at once. NULL and err: CONFIG (bad address), REFUSED (port taken, no right to it), LIMIT. */
struct http_server *http_server_new(struct loop *loop, const struct http_server_settings *settings,
    http_handler *fn, void *owner, struct error *err);
uint16_t http_server_port(const struct http_server *s);
/* Closes the door and every connection. Requests that still wait stay valid until their http_answer, which then only
 * frees them; fn is not called again. NULL is fine. */
void http_server_free(struct http_server *s);

/* Open connections, for /metrics and tests. */
unsigned http_server_connections(const struct http_server *s);

/* All below: valid from the handler's call until http_answer returns; texts are borrowed from the request. */
const char *http_request_method(const struct http_request *req);
/* As sent, not percent-decoded, without the query; begins with '/', or is whatever the client sent. */
const char *http_request_path(const struct http_request *req);
/* What follows '?', as sent; "" when there is none. */
const char *http_request_query(const struct http_request *req);
/* Decoded value of one query argument; NULL when absent, "" when it has no value. */
const char *http_request_argument(const struct http_request *req, const char *name);
/* Value of the first header of that name (any case); NULL when absent, or when the client has gone. Copy it if it is
 * needed after the handler returned. */
const char *http_request_header(const struct http_request *req, const char *name);
/* Never NULL; a NUL stands behind the bytes. */
const char *http_request_body(const struct http_request *req, size_t *out_bytes);
/* "192.0.2.1" or "2001:db8::1": the peer of the socket, which may be a proxy. */
const char *http_request_peer(const struct http_request *req);

/* Adds a header to the answer; before http_answer. Name and value must not hold line breaks (asserted). */
void http_answer_header(struct http_request *req, const char *name, const char *value);
/* Answers and ends the request: req is gone afterwards. content_type may be NULL when bytes is 0; body is copied. */
void http_answer(struct http_request *req, unsigned status, const char *content_type,
    const void *body, size_t bytes);

#endif
