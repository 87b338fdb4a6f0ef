/* SPDX-License-Identifier: MIT
 * What pagerduty.c (calls on their way) and pagerduty_calls.c (what each call says and takes) share. For those two
 * only. */
#ifndef COORDINATOR_PAGERDUTY_INSIDE_H
#define COORDINATOR_PAGERDUTY_INSIDE_H

#include <jansson.h>

#include "coordinator/budget.h"
#include "coordinator/pagerduty.h"
#include "lib/base/buf.h"
#include "lib/base/limits.h"

#define PAGERDUTY_MAGIC 0x50444459u
#define PAGERDUTY_OP_MAGIC 0x50444f50u

struct pagerduty_op;

struct pagerduty {
    uint32_t magic;
    struct loop *loop;          /* borrowed */
    struct http_client *client; /* borrowed */
    struct budget *budget;      /* borrowed; NULL: none */
    char *account;              /* owned; for the budget */
    char *base_url;             /* owned */
    char *events_url;           /* owned */
    char *token;                /* owned, wiped */
    char *authorization;        /* owned, wiped: the header's value */
    char *from_email;           /* owned */
    unsigned write_ms;
    struct pagerduty_op *first; /* owned: calls on their way */
    uint64_t next_id;
    json_t *priorities;         /* owned: the list, or NULL */
    int64_t priorities_ms;      /* mono: when it was read */
    int64_t remaining;          /* of the rate, as the last answer said; -1: not known */
    int64_t reset_mono_ms;      /* until when that counts */
    int64_t stop_mono_ms;       /* a 429 said: not before */
    int failures;               /* requests in a row that it did not answer, or answered for its own trouble */
    bool answered;              /* it has, once */
    char failure[256];          /* the last of them, in words */
};

/* What an answer of class DONE leads to. */
enum pagerduty_next {
    PAGERDUTY_NEXT_END,     /* op->result is filled */
    PAGERDUTY_NEXT_SEND,    /* op holds the next request */
    PAGERDUTY_NEXT_SENT,    /* the next request is under way, or was refused */
    PAGERDUTY_NEXT_INVALID, /* the answer is not what it should be: whatever was asked may have been done */
};
typedef enum pagerduty_next pagerduty_take(struct pagerduty_op *op, json_t *root);

struct pagerduty_op {
    uint32_t magic;
    uint64_t id;
    struct pagerduty *pd; /* borrowed; NULL when the account was freed meanwhile */
    pagerduty_done *done;
    void *owner;          /* borrowed until done */
    enum budget_use use;  /* of further requests */
    bool begun;           /* the first request was sent */
    uint64_t budget_id;   /* a further one waits for its turn */
    int64_t began_ms;     /* mono: a call that writes is over write_ms later, with all its requests */
    uint64_t sent;        /* the HTTP call that runs; 0: none */
    bool ended;           /* done is due in the next turn, without a request */

    const char *method;    /* static */
    struct buf what;       /* "add a note to incident Q1", for error texts */
    struct buf path;       /* after the base URL, with the query */
    struct buf body;       /* wiped; empty: none */
    bool writes, deletes;
    bool events;           /* to the Events API: no token */
    const char *secret;    /* borrowed from pd or from routing_key: what no text may repeat */
    char *routing_key;     /* owned, wiped; NULL: none */
    pagerduty_take *take;  /* NULL: the status says all */

    const char *list_key;  /* lists: static, "incidents" */
    const char *query;     /* lists: static */
    size_t page, offset;   /* lists: elements a page (0: comes whole), and where the next begins */
    size_t list_max, list_bytes;
    json_t *items;         /* owned: what the pages held so far */
    json_t *seen;          /* owned: ids of those */
    json_t *change;        /* owned: the incident object to PUT, while priorities are read */
    char *priority_name;   /* owned */
    struct buf put_path;   /* of that PUT; lists: the path without the page */
    json_t *root;          /* owned: the last answer */

    struct pagerduty_note note;
    void *array;           /* owned: result's list */
    struct pagerduty_result result;
    struct pagerduty_op *next, *prev; /* owned by pd's list */
};

/* Makes an op that sends nothing yet. Never NULL (aborts without memory: done cannot be promised). */
struct pagerduty_op *pagerduty_op_new(struct pagerduty *pd, pagerduty_done *done, void *owner, const char *method,
    pagerduty_take *take);
/* Sends the op's request. Returns its id. */
uint64_t pagerduty_op_send(struct pagerduty_op *op);
/* Ends the op in the next turn without a request: a mistake of the caller's, or no memory. Returns its id. */
uint64_t pagerduty_op_refuse(struct pagerduty_op *op, enum error_kind kind, const char *why);

#endif
