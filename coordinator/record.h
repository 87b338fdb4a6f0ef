/* SPDX-License-Identifier: MIT
 * What an event becomes in the database: the same for one that PagerDuty sent and for one that was found by asking, so that
 * neither opens a second run. */
#ifndef COORDINATOR_RECORD_H
#define COORDINATOR_RECORD_H

#include "coordinator/webhook.h"
#include "lib/base/policy.h"
#include "lib/store/event.h"

/* Where it came from; all borrowed until the row has been added to a group. */
struct record_from {
    const char *account, *subscription, *region;
    const char *delivery; /* NULL: none */
    const char *body;
    size_t bytes;
    const struct policies *policies; /* whose a service is, and when its runs are given up */
    int64_t oldest_ms; /* an opening older than this starts no run */
    bool found;        /* by asking: the run's journal says so */
};

/* Texts of the row are the event's, the origin's, or of the arena. -1: no memory. */
int record_fill(struct arena *a, const struct webhook_event *event, const struct record_from *from, struct event_row *out);

#endif
