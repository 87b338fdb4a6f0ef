/* SPDX-License-Identifier: MIT
 * GET /healthz and /readyz. /healthz: this process answers. /readyz: 200 when it can do its work, else 503, and in both
 * cases a JSON document that says what holds and what does not: database, migrations, replication, PagerDuty, SSH, secrets,
 * lease, each region, the scenario and inventory sets that are active here and elsewhere, queues. */
#ifndef COORDINATOR_HEALTH_H
#define COORDINATOR_HEALTH_H

#include "coordinator/intake.h"
#include "coordinator/outbox.h"
#include "coordinator/parts.h"
#include "lib/io/http_server.h"
#include "lib/store/lease.h"

struct health;

struct health_settings {
    const char *node, *region; /* borrowed, outlive it, as all here */
    struct parts_settings parts; /* its store and lease are used here, too */
    const struct intake *intake;
    const struct outbox *outbox;
};

struct health *health_new(struct loop *loop, const struct health_settings *settings, const struct log_ctx *log);
/* After a reload, as parts_swap. NULL is fine. */
void health_swap(struct health *h, const struct writer_account *accounts, int count);
void health_free(struct health *h);
void health_live(struct http_request *req);
void health_ready(struct health *h, struct http_request *req);
/* What only the program knows; copied. */
void health_show(struct health *h, const char *scenario_set, const char *inventory_set, bool secrets_read, bool stopping);
/* As parts_tell_scenarios. */
void health_tell_scenarios(struct health *h, bool any);

#endif
