/* SPDX-License-Identifier: MIT
 * History that is old enough leaves the database, by whole partitions: first into a file of the archive, if there is one, then
 * dropped. One node at a time does it, whichever asks first once a round is due; that two might do it at once costs work and
 * loses nothing, since a partition is only dropped by who has all its rows on his disk (docs/retention.md). */
#ifndef COORDINATOR_RETENTION_H
#define COORDINATOR_RETENTION_H

#include "lib/base/log.h"
#include "lib/store/lease.h"
#include "lib/store/store.h"

struct retention;

struct retention_settings {
    const char *node;            /* borrowed for good, as all here */
    const char *folder;          /* of the archive; NULL: none */
    int64_t history_ms;          /* how long history stays in the database */
    int64_t every_ms;            /* from round to round */
    struct store_settings store; /* for a connection of its own, open while there is something to do */
};

struct retention_events {
    void (*on_alarm)(void *owner, const char *account, const char *what, const char *about);
    void *owner;
};

struct retention *retention_new(struct loop *loop, struct store *store, struct lease *lease,
    const struct retention_settings *settings, const struct retention_events *events, const struct log_ctx *log);
/* Waits for nothing: a write under way ends in loop_free. NULL is fine. */
void retention_free(struct retention *r);

enum retention_state { RETENTION_UNKNOWN, RETENTION_WORKS, RETENTION_FAILS };
/* why: of RETENTION_FAILS; borrowed until the next turn. */
enum retention_state retention_look(const struct retention *r, const char **why);

/* Of this node. */
struct retention_counts {
    uint64_t archived, dropped; /* partitions that left with and without an archive */
    uint64_t rows, bytes;       /* that were archived: rows, and their text */
    uint64_t failed;            /* rounds that ended with an alarm */
};
void retention_count(const struct retention *r, struct retention_counts *out);

#endif
