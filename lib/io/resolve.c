/* SPDX-License-Identifier: MIT
 * Name look-up in libuv's thread pool. A look-up cannot be interrupted there: it is given up, counted, and freed when
 * its thread comes back. */
#include "lib/io/resolve.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "lib/base/clock.h"

#define RESOLVE_MAGIC 0x5253564cu
#define OP_MAGIC 0x52534f50u

struct name {
    char *host; /* owned */
    int64_t at_mono_ms;
    bool dropped; /* only for when a look-up fails */
    struct resolve_answer answer;
    struct name *next; /* owned, newest first */
};

/* One look-up. Lives until it was told or forgotten, and its thread is back. */
struct op {
    uint32_t magic;
    struct resolve *r; /* borrowed; NULL once the resolver is gone */
    uv_getaddrinfo_t request;
    struct loop_timer *timer; /* owned until settled */
    uint64_t op_id;
    char *host; /* owned */
    unsigned timeout_ms;
    resolve_done *done; /* NULL: told or forgotten */
    void *owner;        /* borrowed until told or forgotten */
    bool in_thread;     /* the request is out */
    bool settled;       /* answer or err stand, to be told in the next turn */
    bool failed;
    struct resolve_answer answer;
    struct error err;
    struct op *next; /* owned by the resolver's list */
};

struct resolve {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    unsigned keep_ms;
    struct name *names; /* owned */
    int name_count;
    struct op *ops; /* owned, oldest first */
    int hanging;    /* of them in a thread */
    uint64_t last_op_id;
    bool soon;    /* a turn is scheduled */
    bool calling; /* inside a done */
    bool gone;    /* resolve_free was called in one */
};

/* ---- memory of names ---- */

static struct name **find_name(struct resolve *r, const char *host)
{
    struct name **at = &r->names;
    while (*at && strcmp((*at)->host, host) != 0)
        at = &(*at)->next;
    return at;
}

static void drop_name(struct resolve *r, struct name **at)
{
    struct name *n = *at;
    if (!n)
        return;
    *at = n->next;
    r->name_count--;
    free(n->host);
    free(n);
}

static bool recall(struct resolve *r, const char *host, int64_t longest_ms, struct resolve_answer *out)
{
    const struct name *n = *find_name(r, host);
    if (!n || clock_mono_ms() - n->at_mono_ms > longest_ms)
        return false;
    *out = n->answer;
    return true;
}

static bool recall_fresh(struct resolve *r, const char *host, struct resolve_answer *out)
{
    const struct name *n = *find_name(r, host);
    return n && !n->dropped && r->keep_ms > 0 && recall(r, host, r->keep_ms, out);
}

void resolve_drop(struct resolve *r, const char *host)
{
    struct name *n = *find_name(r, host);
    if (n)
        n->dropped = true;
}

static void remember(struct resolve *r, const char *host, const struct resolve_answer *answer)
{
    drop_name(r, find_name(r, host));
    while (r->name_count >= RESOLVE_NAMES_MAX) { /* the oldest leaves */
        struct name **last = &r->names;
        while ((*last)->next)
            last = &(*last)->next;
        drop_name(r, last);
    }
    struct name *n = calloc(1, sizeof *n);
    char *copy = strdup(host);
    if (!n || !copy) { /* then it is looked up again */
        free(n);
        free(copy);
        return;
    }
    *n = (struct name){.host = copy, .at_mono_ms = clock_mono_ms(), .answer = *answer, .next = r->names};
    r->names = n;
    r->name_count++;
}

/* ---- telling ---- */

static void free_op(struct op *op)
{
    assert(op->magic == OP_MAGIC && !op->in_thread);
    loop_timer_free(op->timer);
    free(op->host);
    op->magic = 0;
    free(op);
}

/* Frees the ops that nobody waits for any more. */
static void sweep(struct resolve *r)
{
    for (struct op **at = &r->ops; *at;) {
        struct op *op = *at;
        if (op->done || op->in_thread) {
            at = &op->next;
            continue;
        }
        *at = op->next;
        free_op(op);
    }
}

static void release(struct resolve *r);

static void turn(void *owner)
{
    struct resolve *r = owner;
    assert(r->magic == RESOLVE_MAGIC);
    r->soon = false;
    r->calling = true;
    for (struct op *op = r->ops; op && !r->gone; op = op->next) {
        if (!op->settled || !op->done)
            continue;
        resolve_done *done = op->done;
        op->done = NULL; /* never a second time */
        done(op->owner, op->failed ? NULL : &op->answer, op->failed ? &op->err : NULL);
    }
    r->calling = false;
    if (r->gone)
        release(r);
    else
        sweep(r);
}

static void soon(struct resolve *r)
{
    if (!r->soon)
        loop_soon(r->loop, turn, r);
    r->soon = true;
}

static void settle(struct op *op)
{
    op->settled = true;
    loop_timer_free(op->timer);
    op->timer = NULL;
    soon(op->r);
}

/* What was known is better than nothing. */
static void fail_op(struct op *op, const struct error *err)
{
    op->failed = !recall(op->r, op->host, RESOLVE_STALE_MS, &op->answer);
    op->err = *err;
    settle(op);
}

static void on_timeout(void *owner)
{
    struct op *op = owner;
    assert(op->magic == OP_MAGIC && !op->settled);
    struct error err;
    error_set(&err, ERROR_DEADLINE, "name '%s': no answer from the resolver for %u ms", op->host, op->timeout_ms);
    fail_op(op, &err);
}

/* ---- looking up ---- */

static void add_address(struct resolve_answer *a, const struct addrinfo *info)
{
    struct resolve_address address = {.v6 = info->ai_family == AF_INET6};
    const void *raw = NULL;
    if (info->ai_family == AF_INET)
        raw = &((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr;
    else if (info->ai_family == AF_INET6)
        raw = &((const struct sockaddr_in6 *)(const void *)info->ai_addr)->sin6_addr;
    if (!raw || a->count == RESOLVE_ADDRESSES_MAX ||
        !inet_ntop(info->ai_family, raw, address.text, sizeof address.text))
        return;
    for (int i = 0; i < a->count; i++)
        if (strcmp(a->addresses[i].text, address.text) == 0)
            return;
    a->addresses[a->count++] = address;
}

/* All that wait for this name are answered by one look-up. */
static void settle_all(struct resolve *r, const char *host, int status, const struct resolve_answer *answer)
{
    struct error err;
    error_from(&err, ERROR_UNREACHED, ERROR_FROM_LIBUV, status, "name '%s': %s", host,
        status ? uv_strerror(status) : "no address");
    for (struct op *op = r->ops; op; op = op->next) {
        if (op->settled || !op->done || strcmp(op->host, host) != 0)
            continue;
        if (answer->count > 0) {
            op->answer = *answer;
            settle(op);
        } else {
            fail_op(op, &err);
        }
    }
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct op *op = request->data;
    assert(op->magic == OP_MAGIC && op->in_thread);
    op->in_thread = false;
    struct resolve_answer answer = {0};
    for (const struct addrinfo *i = list; i; i = i->ai_next)
        add_address(&answer, i);
    uv_freeaddrinfo(list);
    struct resolve *r = op->r;
    if (!r) { /* the resolver is gone */
        free_op(op);
        return;
    }
    r->hanging--;
    if (answer.count > 0)
        remember(r, op->host, &answer); /* a late one too */
    settle_all(r, op->host, status, &answer);
    soon(r);
}

static struct op *find_in_thread(const struct resolve *r, const char *host)
{
    for (struct op *op = r->ops; op; op = op->next)
        if (op->in_thread && strcmp(op->host, host) == 0)
            return op;
    return NULL;
}

static bool given_address(const char *host, struct resolve_answer *out)
{
    unsigned char raw[sizeof(struct in6_addr)];
    bool v6 = inet_pton(AF_INET6, host, raw) == 1;
    if (!v6 && inet_pton(AF_INET, host, raw) != 1)
        return false;
    *out = (struct resolve_answer){.count = 1, .addresses = {{.v6 = v6}}};
    memcpy(out->addresses[0].text, host, strlen(host) + 1);
    return true;
}

static int start_thread(struct op *op, struct error *err)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct resolve *r = op->r;
    if (r->hanging >= RESOLVE_HANGING_MAX)
        return error_set(err, ERROR_LIMIT, "name '%s': %d look-ups hang already", op->host, r->hanging);
    int rc = uv_getaddrinfo(loop_uv(r->loop), &op->request, on_found, op->host, NULL, &hints);
    if (rc != 0)
        return error_from(err, ERROR_INPUT, ERROR_FROM_LIBUV, rc, "name '%s': %s", op->host, uv_strerror(rc));
    op->in_thread = true;
    r->hanging++;
    return 0;
}

static void ask(struct op *op)
{
    struct resolve *r = op->r;
    struct error err;
    if (given_address(op->host, &op->answer) || recall_fresh(r, op->host, &op->answer)) {
        settle(op);
        return;
    }
    if (!find_in_thread(r, op->host) && start_thread(op, &err) < 0) {
        fail_op(op, &err);
        return;
    }
    op->timer = loop_timer_new(r->loop, on_timeout, op);
    loop_timer_start(op->timer, op->timeout_ms, 0);
}

uint64_t resolve_start(struct resolve *r, const char *host, unsigned timeout_ms, resolve_done *done, void *owner)
{
    assert(r->magic == RESOLVE_MAGIC && !r->gone);
    assert(host && done && timeout_ms > 0);
    struct op *op = calloc(1, sizeof *op);
    char *copy = strdup(host);
    if (!op || !copy)
        abort(); /* a promise to call back cannot be broken quietly */
    *op = (struct op){.magic = OP_MAGIC, .r = r, .op_id = ++r->last_op_id, .host = copy,
        .timeout_ms = timeout_ms, .done = done, .owner = owner};
    op->request.data = op;
    struct op **end = &r->ops;
    while (*end)
        end = &(*end)->next;
    *end = op;
    ask(op);
    return op->op_id;
}

void resolve_forget(struct resolve *r, uint64_t op_id)
{
    assert(r->magic == RESOLVE_MAGIC);
    for (struct op *op = r->ops; op; op = op->next) {
        if (op->op_id != op_id || !op->done)
            continue;
        op->done = NULL;
        loop_timer_free(op->timer);
        op->timer = NULL;
        soon(r);
        return; /* its look-up goes on: the answer is remembered, and others may wait for it */
    }
}

/* ---- making ---- */

struct resolve *resolve_new(struct loop *l, unsigned keep_ms)
{
    struct resolve *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->magic = RESOLVE_MAGIC;
    r->loop = l;
    r->keep_ms = keep_ms;
    return r;
}

static void release(struct resolve *r)
{
    loop_soon_cancel(r->loop, r);
    for (struct op *op; (op = r->ops);) {
        r->ops = op->next;
        op->next = NULL;
        op->done = NULL;
        op->r = NULL;
        loop_timer_free(op->timer);
        op->timer = NULL;
        if (op->in_thread)
            (void)uv_cancel((uv_req_t *)&op->request); /* else freed when its thread is back */
        else
            free_op(op);
    }
    while (r->names)
        drop_name(r, &r->names);
    r->magic = 0;
    free(r);
}

void resolve_free(struct resolve *r)
{
    if (!r)
        return;
    assert(r->magic == RESOLVE_MAGIC && !r->gone);
    if (r->calling)
        r->gone = true; /* the turn that called us does it */
    else
        release(r);
}
