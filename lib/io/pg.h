/* SPDX-License-Identifier: MIT
 * Postgres as a lane: one live connection, pipelined, which reconnects by itself, plus its parked ones. Speaks of groups
 * of named statements, never of libpq's flags. Does not retry: what an error means for the caller is in its kind.
 *
 * A group is one implicit transaction: several statements and one Sync. Its answer is one of
 *   no error        committed, and replicated where the server has a synchronous standby
 *   INPUT           the server refused a value or the statement (SQLSTATE 22, 23, 42, 54; err->sqlstate); rolled back.
 *                   The members of a group may be sent again one by one
 *   REFUSED         the server refused for a reason of its own (an exception raised by a function, ...); rolled back
 *   UNREACHED       nothing was done: not sent, or surely rolled back (40001, 40P01, 53..., 57014, read-only server)
 *   DEADLINE        the time ran out in the queue; not sent
 *   UNCERTAIN       sent, outcome unknown: time over, connection lost, or committed on that server only. A later look at
 *                   the database must write too before anything is concluded from it
 *   CONFIG, LIMIT   the statement is not known; the queue or a bound is full; not sent
 *
 * Time over: a statement that may be committing is never cancelled. The caller gets UNCERTAIN, and so do all other groups
 * in flight on that connection; the connection is parked (kept open, its late results dropped) and a new one opened.
 * Parked ones are closed when their results came, after park_longest_ms, or when another primary is known. While
 * parked_max + 1 are parked no further one is opened: a lane never holds more than parked_max + 1 connections. */
#ifndef LIB_IO_PG_H
#define LIB_IO_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/embed.h"
#include "lib/base/error.h"
#include "lib/base/limits.h"
#include "lib/io/loop.h"

struct pg;
struct pg_group;
struct pg_answer;

/* The lane went up (why NULL, or the first statement that could not be prepared: those that use it fail, the others
 * work) or down (why says it). Called once for each change, and while down again with the latest reason, at most every 10 s.
 * primary  "host:port" as connected; "" when down. Borrowed for the call. May call anything but pg_free. */
typedef void pg_state(void *owner, bool up, const char *primary, const struct error *why);

struct pg_settings {
    const char *conninfo;     /* borrowed: libpq keywords or URI, several hosts; copied by pg_new. Hosts are tried in
                                 turn; only a server that accepts writes will do */
    const char *application;  /* borrowed; copied. application_name, seen in pg_stat_activity */
    const char *password_file; /* borrowed; copied. First line is the password, read at each connect; NULL: none */
    const struct embedded *statements; /* borrowed, outlives the lane; NULL-ended; prepared by name on every connection.
                                          NULL: none, for a lane that only runs scripts */
    unsigned connect_timeout_ms; /* for one host, look-up apart; 0: 3000 */
    unsigned answer_timeout_ms;  /* for groups sent with timeout 0; 0: 10000 */
    unsigned parked_max;         /* 0: PG_PARKED_MAX */
    unsigned park_longest_ms;    /* 0: 30000 */
    size_t waiting_max;          /* groups queued but not sent; 0: PG_WAITING_MAX */
    pg_state *on_state;          /* NULL: none */
    void *state_owner;           /* borrowed, outlives the lane */
};

/* Starts to connect at once; groups may be sent before the lane is up. NULL: CONFIG (conninfo), LIMIT. */
struct pg *pg_new(struct loop *l, const struct pg_settings *settings, struct error *err);
/* Closes everything. No done and no on_state is called afterwards, for nothing. NULL is fine; may be called in a done. */
void pg_free(struct pg *pg);
/* Connected, pinned, prepared. */
bool pg_ready(const struct pg *pg);
/* Nothing queued, in flight or still to be told: for a graceful end. */
bool pg_idle(const struct pg *pg);
/* "host:port" of the live connection, "" when down. Borrowed until the next turn. */
const char *pg_primary(const struct pg *pg);

/* ---- values ---- */

struct pg_value {
    const char *data; /* borrowed for the call it is given to; NULL: SQL null */
    int bytes;        /* without a NUL */
    bool binary;      /* bytes as they are, for bytea; else text, which may hold no NUL byte */
};

#define PG_NULL ((struct pg_value){0})
struct pg_value pg_from_text(const char *text); /* NULL becomes SQL null */
struct pg_value pg_from_span(const char *text, size_t bytes);
struct pg_value pg_from_bytes(const void *data, size_t bytes); /* for bytea parameters */
struct pg_value pg_from_bool(bool yes);
#define PG_INT_BYTES 24
struct pg_value pg_from_int(int64_t number, char room[PG_INT_BYTES]); /* the value borrows room */
/* As pg_from_int with room that lives as long as the enclosing block. */
#define PG_INT(number) pg_from_int((number), (char[PG_INT_BYTES]){0})

/* Array parameters: text[] (text, span), bigint[], bytea[], boolean[], in the server's binary form, so the parameter must be of
 * just that type. Begin, add elements of one kind, end; the value borrows the buf. A limit passed anywhere shows in b->over, and
 * pg_array_end then returns a value that fails its group. */
void pg_array_begin(struct buf *b);
void pg_array_text(struct buf *b, const char *text); /* NULL becomes a null element */
void pg_array_span(struct buf *b, const char *text, size_t bytes);
void pg_array_int(struct buf *b, int64_t number);
void pg_array_bool(struct buf *b, bool yes);
void pg_array_bytes(struct buf *b, const void *data, size_t bytes); /* an element of bytea[] */
struct pg_value pg_array_end(struct buf *b);

/* ---- groups ---- */

/* Called exactly once for each group sent, in the loop's check phase, never from inside a send. It may send, forget and
 * free the lane.
 * answer  borrowed for the call; NULL with an error
 * err     NULL: committed */
typedef void pg_done(void *owner, const struct pg_answer *answer, const struct error *err);

/* Never NULL (aborts when there is no memory for an empty group). */
struct pg_group *pg_group_new(struct pg *pg);
/* Adds one statement by name; copies the values. A failure (CONFIG: no such statement; INPUT: NUL byte in a text; LIMIT)
 * sticks: the group sent anyway is answered with it, so callers may ignore the result. */
int pg_group_add(struct pg_group *group, const char *statement, const struct pg_value *values, int count,
    struct error *err);
int pg_group_count(const struct pg_group *group); /* statements so far */
/* The group may share its commit with others of the lane that say so: those that wait while such a commit is under way are sent as
 * one transaction. One fsync, one round trip to the standby; and the next one does not begin before that was answered, so nothing
 * waits that could be sent. When the server refuses one, all are rolled back and sent again, each for itself: what done tells is
 * as if it had been alone.
 * order  copied; they run in its order. Groups that lock rows which other transactions lock too are to be told apart by it as those
 *        order theirs; NULL: locks nothing that anybody waits for */
void pg_group_share(struct pg_group *group, const char *order);
/* Takes the group. timeout_ms 0: the lane's answer_timeout_ms. Returns the op's id, never 0. An empty group is answered
 * with INPUT. */
uint64_t pg_group_send(struct pg_group *group, unsigned timeout_ms, pg_done *done, void *owner);
/* For a group that is not to be sent after all; NULL is fine. */
void pg_group_free(struct pg_group *group);
/* A group of one. */
uint64_t pg_query(struct pg *pg, const char *statement, const struct pg_value *values, int count,
    unsigned timeout_ms, pg_done *done, void *owner);
/* For migrations only: SQL text of several statements by the simple protocol, in one transaction (so none of VACUUM,
 * CREATE DATABASE, COPY FROM STDIN and the like). Waits for the pipeline to run empty and holds it up meanwhile. The text is copied.
 * timeout_ms 0 is no limit here. answer: one entry a statement. */
uint64_t pg_script(struct pg *pg, const char *sql, unsigned timeout_ms, pg_done *done, void *owner);
/* The owner goes away: done will not be called. A group not yet sent is dropped; one that was sent goes on at the server
 * and is never cancelled. An unknown or answered id is fine. */
void pg_forget(struct pg *pg, uint64_t op_id);

/* ---- answers: i is the statement's place in its group, row and column count from 0; out of range asserts ---- */

int pg_answer_count(const struct pg_answer *answer);
int pg_rows(const struct pg_answer *answer, int i);
int pg_columns(const struct pg_answer *answer, int i);
int pg_column(const struct pg_answer *answer, int i, const char *name); /* -1: none of that name */
int64_t pg_affected(const struct pg_answer *answer, int i); /* rows an INSERT, UPDATE, DELETE or SELECT spoke of */
const char *pg_text(const struct pg_answer *answer, int i, int row, int column); /* never NULL; "" for null */
size_t pg_bytes(const struct pg_answer *answer, int i, int row, int column);     /* of that text */
bool pg_is_null(const struct pg_answer *answer, int i, int row, int column);
int64_t pg_int(const struct pg_answer *answer, int i, int row, int column); /* 0 for null and for what is no integer */
bool pg_bool(const struct pg_answer *answer, int i, int row, int column);   /* false for null */
/* Appends a bytea column's bytes (hex in the answer). -1: not bytea, or out is full. Null appends nothing. */
int pg_blob(const struct pg_answer *answer, int i, int row, int column, struct buf *out);

/* ---- statistics of a lane ---- */

struct pg_lane {
    uint64_t queries;   /* statements sent */
    uint64_t rows;      /* that they answered */
    uint64_t groups;    /* groups sent */
    uint64_t transactions; /* sent: fewer than groups where some shared one, more where such a one was rolled back */
    uint64_t commits;   /* groups answered without error */
    uint64_t failures;  /* groups rolled back by the server */
    uint64_t uncertain; /* groups whose outcome is not known */
    uint64_t unsent;    /* groups given back without having been sent */
    uint64_t reconnects;       /* connections that came up, but for the first */
    uint64_t connect_failures; /* attempts at one host that did not succeed */
    uint64_t parked_ever;      /* connections parked */
    unsigned parked;           /* now */
    unsigned waiting;          /* groups queued now */
    unsigned in_flight;        /* groups sent and not answered now */
};
void pg_lane(const struct pg *pg, struct pg_lane *out);

/* What an ERROR with this SQLSTATE, answered by a server that then rolled back, means for the caller. One table. */
enum error_kind pg_sqlstate_kind(const char *sqlstate);

#endif
