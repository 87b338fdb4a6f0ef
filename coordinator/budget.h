/* SPDX-License-Identifier: MIT
 * PagerDuty's rate limit, kept before it is hit: one budget for each account's token, shared by all nodes through the
 * database, request by request. Each use has its share, and what the others do not need is for whoever asks (docs/outbox.md).
 * When the database cannot be asked nothing is granted. */
#ifndef COORDINATOR_BUDGET_H
#define COORDINATOR_BUDGET_H

#include "lib/store/outbox.h"

struct budget;

enum budget_use {
    BUDGET_RECONCILE, /* comparing PagerDuty's open incidents and subscriptions with ours: 10 % */
    BUDGET_READ,      /* what a run asks before it recovers or resolves: 30 %                   */
    BUDGET_WRITE,     /* the outbox, with the reads that belong to its writes: 60 %             */
    BUDGET_USES,
};

struct budget *budget_new(struct loop *loop, struct store *store, int requests_a_minute);
void budget_free(struct budget *b);

/* Calls granted(owner) in a later turn, when one request may be sent: send it then, a grant is not for keeping. In order for
 * each account and use. Never refuses, so callers keep their own deadline and forget when it is over.
 * A forget between the grant and its call needs loop_soon_cancel(loop, owner) as well. */
uint64_t budget_ask(struct budget *b, const char *account, enum budget_use use, loop_fn *granted, void *owner);
/* As budget_ask for several requests that follow each other at once. */
uint64_t budget_ask_several(struct budget *b, const char *account, enum budget_use use, int requests, loop_fn *granted,
    void *owner);
/* An id that was granted or forgotten is fine. */
void budget_forget(struct budget *b, uint64_t id);

#endif
