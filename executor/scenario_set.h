/* SPDX-License-Identifier: MIT
 * A folder of scenarios as one checked, ordered, immutable set with a content hash: what a run
 * names, and what the database keeps so that any node can go on with it. Does not talk to the
 * database.
 *
 * Order: `order.yaml` in the folder (`order: [a, b, ...]`) names every scenario once, first match
 * wins. Without it the order is that of the names, and two scenarios that could both take one
 * keyword are a warning. */
#ifndef EXECUTOR_SCENARIO_SET_H
#define EXECUTOR_SCENARIO_SET_H

#include <stddef.h>

#include "executor/scenario.h"
#include "lib/base/buf.h"
#include "lib/base/diag.h"
#include "lib/base/error.h"
#include "lib/base/pack.h"

struct scenario_set; /* counted; one thread */

struct scenario_set_options {
    const char *token_pattern; /* borrowed; NULL: MATCH_TOKEN_DEFAULT of match.h */
};

/* Reads every *.yaml of a folder. Blocks (start-up, or off the loop: it touches nothing shared).
 * options  NULL: the defaults
 * Returns NULL when d has an error. Mistakes in files are added to d, all of them. */
struct scenario_set *scenario_set_load(
    const char *folder, const struct scenario_set_options *options, struct diag *d);

/* The same from files that are in memory already. p is borrowed. */
struct scenario_set *scenario_set_from_pack(
    const struct pack *p, const struct scenario_set_options *options, struct diag *d);

/* From what scenario_set_pack wrote. Errors: INPUT with the first mistake. */
struct scenario_set *scenario_set_unpack(
    const void *data, size_t bytes, const struct scenario_set_options *options, struct error *err);

/* Appends the bytes that the database keeps. Errors: LIMIT. */
int scenario_set_pack(const struct scenario_set *set, struct buf *out, struct error *err) MUST_USE;

/* One more holder; returns set. Each holder calls scenario_set_free; the last one frees. */
struct scenario_set *scenario_set_hold(struct scenario_set *set);
void scenario_set_free(struct scenario_set *set);

/* 64 hex digits: the SHA-256 of the packed bytes. */
const char *scenario_set_hash(const struct scenario_set *set);
int scenario_set_count(const struct scenario_set *set);
/* In order; borrowed from the set. */
const struct scenario *scenario_set_at(const struct scenario_set *set, int index);
const struct scenario *scenario_set_find(const struct scenario_set *set, const char *name);

#endif
