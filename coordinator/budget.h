/* SPDX-License-Identifier: MIT
 * PagerDuty's rate limit, kept before it is hit: one budget a minute for each account's token, shared by all nodes through
 * the database in small lots. Writes may not take the last tenth: that is for reads before a recover. When the database
 * cannot be asked nothing is granted but what this node holds already. */
#ifndef COORDINATOR_BUDGET_H
#define COORDINATOR_BUDGET_H

#include "lib/store/outbox.h"

struct budget;

enum budget_use { BUDGET_READ, BUDGET_WRITE, BUDGET_USES };

struct budget *budget_new(struct loop *loop, struct store *store, int requests_a_minute);
void budget_free(struct budget *b);

/* Calls granted(owner) when `requests` may be sent now, at once in a later turn or when the minute allows; in order for
 * each account. Never refuses, so callers keep their own deadline and forget when it is over.
 * A forget between the grant and its call needs loop_soon_cancel(loop, owner) as well. */
uint64_t budget_ask(struct budget *b, const char *account, enum budget_use use, int requests, loop_fn *granted, void *owner);
void budget_forget(struct budget *b, uint64_t id);

#endif
