/* SPDX-License-Identifier: MIT
 * Delivers the tokens that runs which ended in doubt owe to machines: asks each machine, as any worker may at any time, until
 * it has answered; then the journal is completed and a note says what became of the recover. docs/doubt.md. */
#ifndef EXECUTOR_TOKEN_H
#define EXECUTOR_TOKEN_H

#include "executor/worker.h"

struct tokens;

/* Borrowed, all of it. Begins to deliver as soon as there is a lease. */
struct tokens *tokens_new(const struct worker_settings *settings, const struct worker_parts *parts);
/* Cancels what is under way and turns the loop until it has answered. */
void tokens_free(struct tokens *t);
/* Takes no more: a planned stop. */
void tokens_drain(struct tokens *t);

#endif
