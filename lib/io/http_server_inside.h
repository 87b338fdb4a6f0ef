/* SPDX-License-Identifier: MIT
 * What http_server.c (connections), http_request.c (requests and answers) and http_listen.c share. For those only. */
#ifndef LIB_IO_HTTP_SERVER_INSIDE_H
#define LIB_IO_HTTP_SERVER_INSIDE_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <uv.h>

#include "lib/base/buf.h"
#include "lib/base/limits.h"
#include "lib/io/http_server.h"
#include "lib/io/loop.h"

#define SERVER_MAGIC 0x48545053u
#define CONNECTION_MAGIC 0x4854434fu
#define REQUEST_MAGIC 0x48545251u

enum phase {
    PHASE_IDLE,      /* nothing, or a part of the first line, has come */
    PHASE_HEAD,      /* the first line is there */
    PHASE_BODY,      /* headers are there and in order */
    PHASE_HANDLING,  /* the handler has it; suspended, or inside the handler */
    PHASE_ANSWERING, /* the answer is queued */
};

struct http_request {
    uint32_t magic;
    struct connection *connection; /* borrowed; NULL when the client or the server has gone */
    struct http_server *server;    /* borrowed; NULL when the server has gone */
    char *method;                  /* owned */
    char *path;                    /* owned */
    char *query;                   /* borrowed from path's memory */
    struct buf body;
    char peer[INET6_ADDRSTRLEN];
    struct {
        char *name;  /* owned */
        char *value; /* owned */
    } headers[HTTP_SERVER_ANSWER_HEADERS_MAX];
    size_t headers_used;
};

struct connection {
    uint32_t magic;
    struct http_server *server;    /* borrowed */
    struct MHD_Connection *mhd;    /* borrowed from the daemon, until the close is told */
    struct http_request *request;  /* owned until PHASE_HANDLING, then borrowed from the handler; or NULL */
    struct MHD_Response *response; /* owned: the answer, until it is queued */
    unsigned status;               /* of that answer */
    enum phase phase;
    bool over;         /* the body passed its limit: counted, not kept */
    bool over_all;     /* all bodies together did */
    bool suspended;    /* MHD_suspend_connection was called, MHD_resume_connection not yet */
    bool answered;     /* status and response are set */
    bool shut;         /* the sweep closed it: MHD will tell */
    int64_t since_ms;  /* mono: start of what the deadline counts */
    struct connection *next, *prev; /* borrowed: the server's list, oldest first */
};

struct http_server {
    uint32_t magic;
    struct loop *loop;         /* borrowed */
    struct MHD_Daemon *daemon; /* owned */
    uv_poll_t poll;
    struct loop_timer *again;  /* owned: MHD's own timeout, and the safety timer */
    struct loop_timer *sweep;  /* owned: runs while there are connections */
    http_handler *fn;
    void *owner;               /* borrowed */
    struct http_server_settings set;
    struct connection *first, *last; /* owned through MHD's notices */
    unsigned connections;
    size_t bodies_bytes;
    uint16_t port;
    bool stopping;
    bool running; /* inside MHD_run */
    bool refused; /* the last MHD_run could not take a connection */
    bool starved; /* that was told */
};

/* Our own listening socket, so that what goes wrong has a name. "::" takes IPv4 too. Errors: CONFIG, LIMIT, REFUSED. */
int http_listen(const char *address, uint16_t port, struct error *err);
/* Which port it got; 0 when it cannot be asked. */
uint16_t http_listen_port(int fd);

/* NULL when out of memory. uri is copied. */
struct http_request *http_request_new(struct http_server *s, struct MHD_Connection *mhd, const char *uri);
void http_request_free(struct http_request *req); /* NULL is fine */
/* The handler keeps it, connection and server forget it: its body counts no more. */
void http_request_untie(struct http_request *req);
/* NULL when out of memory. */
struct MHD_Response *http_response_new(const char *content_type, const void *body, size_t bytes);
/* Queues the answer that the connection holds: while MHD asks for it, or by resuming. Takes response, which may be
 * NULL (out of memory): then the connection is closed. */
void http_connection_answer(struct connection *c, unsigned status, struct MHD_Response *response);

#endif
