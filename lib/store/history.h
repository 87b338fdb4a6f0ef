/* SPDX-License-Identifier: MIT
 * Moving what has ended out of the hot tables, by any node, in small batches. */
#ifndef LIB_STORE_HISTORY_H
#define LIB_STORE_HISTORY_H

#include <stdint.h>

#include "lib/store/store.h"

/* One sweep: this and next month's partitions, then batches of ended runs, old events, old keys, incidents that were resolved
 * and workers that died twice as long ago as events are kept. The answer's rows are moved runs (statement 1) and events
 * (statement 2). */
uint64_t history_sweep(struct store *s, int64_t runs_older_ms, int64_t events_older_ms, int64_t keys_older_ms, int most,
    pg_done *done, void *owner);
int history_moved(const struct pg_answer *answer);

#endif
