/* SPDX-License-Identifier: MIT
 * Scenario and inventory sets by content hash: the ones this node has loaded, and any other that a run names, read from the
 * database and kept while they are used. Stores what the node loads, so that every node can go on with every run. */
#ifndef EXECUTOR_LIBRARY_H
#define EXECUTOR_LIBRARY_H

#include "executor/inventory.h"
#include "executor/scenario_set.h"
#include "lib/base/log.h"
#include "lib/store/store.h"

struct library;

struct library *library_new(struct loop *loop, struct store *store, const struct scenario_set_options *options,
    const struct log_ctx *log);
void library_free(struct library *l);

/* Makes sets the node's own; takes one hold of each. They are stored in the database as soon as it can be reached. */
void library_load(struct library *l, struct scenario_set *scenarios, struct inventory *inventory);
/* Borrowed; NULL when the node has none. */
struct scenario_set *library_scenarios(const struct library *l);
struct inventory *library_inventory(const struct library *l);
/* The node has a scenario and an inventory of its own: it may take new runs. */
bool library_serves(const struct library *l);
/* The node's own sets are in the database: runs that name them can be taken over. */
bool library_stored(const struct library *l);

/* Both sets of a run, held for the caller; err: UNREACHED..., or INPUT (the database does not have them). Called exactly
 * once, never inside; not after library_forget. */
typedef void library_found(void *owner, struct scenario_set *scenarios, struct inventory *inventory,
    const struct error *err);
uint64_t library_find(struct library *l, const char *scenarios_hash, const char *inventory_hash, library_found *done,
    void *owner);
void library_forget(struct library *l, uint64_t id);

#endif
