/* SPDX-License-Identifier: MIT
 * Moving what has ended out of the hot tables, by any node, in small batches; and history out of the database, a partition at
 * a time, by one node at a time (docs/retention.md). */
#ifndef LIB_STORE_HISTORY_H
#define LIB_STORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/store/store.h"

/* This and next month's partitions, in a transaction of its own, which holds their locks for a moment only. Rows of a month that
 * has none wait in the default partition. */
uint64_t history_prepare(struct store *s, pg_done *done, void *owner);
/* One sweep: batches of ended runs, old events, old keys, incidents that were resolved and workers that died twice as long ago as
 * events are kept. history_moved: how many runs and events that were. */
uint64_t history_sweep(struct store *s, int64_t runs_older_ms, int64_t events_older_ms, int64_t keys_older_ms, int most,
    pg_done *done, void *owner);
int history_moved(const struct pg_answer *answer);

/* Partitions that are to leave, on a lane of the caller's; the answer's rows, the oldest first. */
#define HISTORY_NAME_BYTES 64
struct history_partition {
    char name[HISTORY_NAME_BYTES];
    int64_t file; /* the server's file: while it is the same, places in it hold */
};
uint64_t history_list(struct pg *lane, int64_t older_ms, pg_done *done, void *owner);
int history_listed(const struct pg_answer *answer);
void history_listed_at(const struct pg_answer *answer, int i, struct history_partition *out);

/* Some rows as lines of JSON, behind a place; "" begins. Keeps the turn in the same transaction where turn is not NULL. */
#define HISTORY_PLACE_BYTES 32
struct history_page {
    const char *lines; /* borrowed from the answer */
    size_t bytes;
    int64_t rows;
    char next[HISTORY_PLACE_BYTES]; /* "": that was all */
    bool kept;                      /* the turn; true where none was asked */
};
uint64_t history_read(struct pg *lane, const struct history_partition *partition, const char *after, int bytes,
    const char *turn, int64_t round, int64_t every_ms, pg_done *done, void *owner);
void history_read_page(const struct pg_answer *answer, struct history_page *out);

/* Drops a partition if it holds as many rows as were archived; archived -1: no archive is wanted, and no node of this database
 * has one. history_left: "left", or why not, in a word of sql/statements/history_leave.sql. */
uint64_t history_leave(struct pg *lane, const struct history_partition *partition, int64_t archived, pg_done *done, void *owner);
const char *history_left(const struct pg_answer *answer);

#endif
