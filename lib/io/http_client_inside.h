/* SPDX-License-Identifier: MIT
 * What http_client.c (transfers on the loop) and http_transfer.c (what one transfer says and hears) share. For
 * those two only. */
#ifndef LIB_IO_HTTP_CLIENT_INSIDE_H
#define LIB_IO_HTTP_CLIENT_INSIDE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/limits.h"
#include "lib/io/http_client.h"
#include "lib/io/loop.h"
#include "lib/io/resolve.h"

#define CLIENT_MAGIC 0x48545443u
#define TRANSFER_MAGIC 0x48545446u

#define PLACE_BYTES_MAX 160

enum stage { STAGE_NAME, STAGE_CURL, STAGE_ENDED };

struct http_reply {
    int status;
    struct buf head; /* "name\0value\0" for each header */
    struct buf body;
};

struct transfer {
    uint32_t magic;
    uint64_t id;
    struct http_client *client;        /* borrowed */
    http_done *done;
    void *owner;                       /* borrowed until done */
    enum stage stage;
    uint64_t lookup;                   /* of resolve; 0: none runs */
    CURL *easy;                        /* owned; in the multi exactly in STAGE_CURL */
    struct curl_slist *headers;        /* owned; may hold a secret: wiped */
    struct curl_slist *addresses;      /* owned: CURLOPT_RESOLVE */
    struct buf body;                   /* of the request; wiped */
    struct loop_timer *deadline;       /* owned */
    struct http_reply reply;
    struct error err;                  /* kind NONE: reply counts */
    char curl_says[CURL_ERROR_SIZE];
    char place[PLACE_BYTES_MAX];       /* "POST https://host/path", without the query */
    char host[256];                    /* as in the URL */
    unsigned port;
    int64_t started_ms, until_ms;      /* mono */
    bool late;                         /* it was not begun in time: this process was stopped meanwhile */
    int no_socket;                     /* errno: why the last one could not be made; 0: it could */
    bool reads;                        /* GET or HEAD: curl may send it again */
    bool sent;                         /* a part of it may have left */
    bool over;                         /* the reply passed a limit */
    bool head_ended;                   /* the empty line behind the reply's headers came */
    struct transfer *next, *prev;      /* owned by the list it stands in */
};

struct list {
    struct transfer *first, *last; /* owned */
};

struct http_client {
    uint32_t magic;
    struct loop *loop;        /* borrowed */
    struct resolve *resolve;  /* owned */
    CURLM *multi;             /* owned */
    struct loop_timer *timer; /* owned: the one timeout that curl asks for */
    struct list running;      /* STAGE_NAME and STAGE_CURL */
    struct list ended;        /* done not called yet */
    unsigned calls;           /* in both lists */
    uint64_t next_id;
    char *ca_file;            /* owned, or NULL */
    bool in_done;
    bool freeing;             /* new calls end at once, cancelled */
};

/* Copies all of the call into t and makes its curl handle; 0, or -1 and t->err says why. Nothing is sent. */
int http_transfer_prepare(struct transfer *t, const struct http_call *call);
/* Hands the addresses to curl, which then looks up nothing. -1: no memory. */
int http_transfer_addresses(struct transfer *t, const struct resolve_answer *answer);
/* Frees what t holds, and t. The handle is in no multi any more. */
void http_transfer_free(struct transfer *t);

#endif
