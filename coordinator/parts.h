/* SPDX-License-Identifier: MIT
 * The parts that a node needs and the regions beside it: what is there, what is away, since when and why. Looks by itself, every
 * 2 s, so that each change is one line in the log whether or not anybody asks; /readyz shows the same. Decides nothing: what a
 * run or the intake does without a part is their own business (docs/degraded.md). */
#ifndef COORDINATOR_PARTS_H
#define COORDINATOR_PARTS_H

#include <jansson.h>

#include "coordinator/retention.h"
#include "coordinator/writer.h"
#include "lib/base/log.h"
#include "lib/io/loop.h"
#include "lib/io/ssh.h"
#include "lib/store/lease.h"
#include "lib/store/store.h"

struct parts;

struct parts_settings {
    struct store *store; /* borrowed, outlive it, as all here */
    const struct lease *lease;
    const struct ssh *ssh;                 /* NULL: this node runs nothing */
    const struct retention *retention;     /* NULL: not of this node's roles */
    const struct writer_account *accounts; /* until parts_swap */
    int accounts_count;
    bool standby_hold; /* without_standby: hold */
    bool blind_go;     /* recover_blind: go */
};

/* Begins to look at once. */
struct parts *parts_new(struct loop *loop, const struct parts_settings *settings, const struct log_ctx *log);
void parts_free(struct parts *p);
/* After a reload. The old accounts are not looked at any more. */
void parts_swap(struct parts *p, const struct writer_account *accounts, int count);
/* Of a node that runs something: whether its own set has a scenario (docs/lease.md). */
void parts_tell_scenarios(struct parts *p, bool any);
/* Adds "scenarios" (where it was told), "database", "lease", "replication", "retention", "pagerduty", "ssh" and "regions" to the document. */
void parts_show(const struct parts *p, json_t *out);

#endif
