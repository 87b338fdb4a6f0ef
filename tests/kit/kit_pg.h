/* SPDX-License-Identifier: MIT
 * Private Postgres servers for integration tests: initdb in a temporary folder, a unix socket there and a free port on
 * 127.0.0.1. All of them end and their folders go when the test program ends, also when it fails or is killed. Every
 * function fails the test when it cannot do its work. */
#ifndef TESTS_KIT_KIT_PG_H
#define TESTS_KIT_KIT_PG_H

#include <stdbool.h>

struct kit_pg;

/* A running server: user "postgres" (superuser, no password), database "postgres", database "test" empty.
 * fsync is off unless extra says else. extra: further lines for postgresql.conf, or NULL. */
struct kit_pg *kit_pg_start(const char *extra);
/* As kit_pg_start, streaming synchronously to a second server: *out_standby. Commits wait for it. */
struct kit_pg *kit_pg_start_pair(struct kit_pg **out_standby, const char *extra);
/* Ends the server and removes its folder. NULL is fine. Free a standby before its primary. */
void kit_pg_free(struct kit_pg *k);

/* libpq keywords for database "test" by TCP, or by the unix socket. Borrowed until freed. */
const char *kit_pg_conninfo(const struct kit_pg *k);
const char *kit_pg_conninfo_unix(const struct kit_pg *k);
int kit_pg_port(const struct kit_pg *k);
const char *kit_pg_folder(const struct kit_pg *k);

void kit_pg_stop(struct kit_pg *k);  /* fast shutdown */
void kit_pg_kill(struct kit_pg *k);  /* SIGKILL to all its processes */
void kit_pg_again(struct kit_pg *k); /* starts a stopped or killed server on the same port */
void kit_pg_restart(struct kit_pg *k);
void kit_pg_pause(struct kit_pg *k); /* SIGSTOP to all its processes: sockets stay, nothing answers */
void kit_pg_go_on(struct kit_pg *k); /* SIGCONT */
void kit_pg_promote(struct kit_pg *k); /* a standby becomes a primary, and waits until it accepts writes */

/* Runs SQL as superuser in database "test" and waits for it. kit_pg_ask returns the first column of the first row (the
 * caller frees), "" for none. */
void kit_pg_run(struct kit_pg *k, const char *sql);
char *kit_pg_ask(struct kit_pg *k, const char *sql);
/* Waits until a query's first column is `expected`; fails the test after 20 s. */
void kit_pg_wait(struct kit_pg *k, const char *sql, const char *expected);

#endif
