/* SPDX-License-Identifier: MIT
 * What Postgres believes of the tables that a storm fills. A prepared statement's plan is kept, and one that was made while a
 * table was empty reads a whole partial index instead of one key: harmless then, and with a thousand open runs slower than the
 * work itself. Postgres makes plans anew when a table is analyzed; its own autovacuum does so a minute after a table has grown,
 * this within seconds. */
#ifndef LIB_STORE_STATISTICS_H
#define LIB_STORE_STATISTICS_H

#include "lib/base/log.h"
#include "lib/store/store.h"

struct statistics;

/* Looks every two seconds, but asks the database only when this node has sent it something worth asking for. Where the node's role
 * may not (it does not own the tables), the log says so once, and nothing is asked again. log: borrowed; NULL is fine.
 * SQL: sql/statements/statistics_refresh.sql */
struct statistics *statistics_new(struct loop *loop, struct store *store, const struct log_ctx *log);
void statistics_free(struct statistics *s);

#endif
