/* SPDX-License-Identifier: MIT
 * The state of the whole as the database shows it: schema, replication, nodes, queues. For /readyz, metrics and people. */
#ifndef LIB_STORE_STATE_H
#define LIB_STORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/store/store.h"

uint64_t state_ask(struct store *s, unsigned timeout_ms, pg_done *done, void *owner);

struct state_answer {
    const struct pg_answer *answer; /* borrowed */
    int schema;
    bool standby; /* synchronous replication is in force */
    int64_t runs_waiting, runs_held, runs_oldest_ms;
    int64_t writes_waiting, writes_unknown, writes_failed, writes_oldest_ms;
    int64_t tokens_owed, tokens_oldest_ms; /* to machines, by runs that ended in doubt */
};
void state_read(const struct pg_answer *answer, struct state_answer *out);

struct state_node {
    const char *name, *region, *roles, *scenario_set, *inventory_set, *version; /* borrowed from the answer */
    int64_t slots, held, lease_ms_left, beat_ms_ago;
};
int state_nodes(const struct state_answer *s);
void state_node_at(const struct state_answer *s, int index, struct state_node *out);

/* The little that a node looks at all the time: whether the database answers, replication, and the regions. */
uint64_t state_watch(struct store *s, unsigned timeout_ms, pg_done *done, void *owner);
bool state_watch_standby(const struct pg_answer *answer);
struct state_region {
    const char *name; /* borrowed from the answer */
    int64_t live, beat_ms_ago, lease_ms_left;
};
int state_regions(const struct pg_answer *answer);
void state_region_at(const struct pg_answer *answer, int index, struct state_region *out);

#endif
