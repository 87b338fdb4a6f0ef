/* SPDX-License-Identifier: MIT
 * GET /metrics: what this node counts and what the database holds, as Prometheus text. One table names every metric; the page
 * docs/metrics.md is made from it. Where the database does not answer, what it would tell is left out. */
#ifndef COORDINATOR_METRICS_H
#define COORDINATOR_METRICS_H

#include "coordinator/reconciler.h"
#include "coordinator/outbox.h"
#include "coordinator/retention.h"
#include "lib/base/buf.h"
#include "lib/io/ssh.h"

struct metrics;

struct metrics_settings {
    const char *node, *region; /* borrowed, outlive it, as all here */
    struct store *store;
    struct lease *lease;
    const struct intake *intake;         /* NULL: not of this node's roles, as below */
    const struct outbox *outbox;
    const struct reconciler *reconciler;
    const struct retention *retention;
    const struct ssh *ssh;
    struct http_server *const *server;   /* is there when a request comes */
    const uint64_t *alarms;              /* raised so far */
};

struct metrics *metrics_new(struct loop *loop, const struct metrics_settings *settings);
void metrics_free(struct metrics *m);
void metrics_show(struct metrics *m, struct http_request *req);
/* The table as Markdown. */
void metrics_page(struct buf *out);

#endif
