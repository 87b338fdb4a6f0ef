/* SPDX-License-Identifier: MIT
 * What the pg*.c files share. Nobody else includes this. */
#ifndef LIB_IO_PG_INSIDE_H
#define LIB_IO_PG_INSIDE_H

#include <libpq-fe.h>
#include <uv.h>

#include "lib/base/arena.h"
#include "lib/io/pg.h"
#include "lib/io/resolve.h"

#define PG_MAGIC 0x50474c4eu
#define PG_CONN_MAGIC 0x5047434fu
#define PG_ADDRESS_BYTES 288

/* ---- answers (pg_answer.c) ---- */

struct pg_answer {
    PGresult **results; /* owned */
    int count;
    int room;
};
int pg_answer_add(struct pg_answer *a, PGresult *result); /* takes the result, also on failure (-1: no memory) */
void pg_answer_done(struct pg_answer *a);

/* ---- groups (pg_group.c) ---- */

/* One statement of a group. */
struct pg_call {
    int statement;     /* index into the lane's statements */
    int count;         /* of values */
    const char **data; /* arena of the group */
    int *lengths;      /* arena */
    int *formats;      /* arena; 1: binary */
    bool prepares;     /* its preparation was sent just before it and not answered yet */
};

struct pg_group {
    struct pg *pg;         /* borrowed */
    struct pg_group *next; /* owned by the list it is in */
    uint64_t op_id;
    struct arena *arena;   /* owned: values, script */
    struct pg_call *calls; /* owned */
    int count;
    int room;
    const char *script;       /* arena; NULL: a group of calls */
    int64_t deadline_mono_ms; /* 0: none */
    unsigned timeout_ms;      /* for texts */
    pg_done *done;            /* NULL: forgotten */
    void *owner;              /* borrowed until done was called or forgotten */
    int cursor;               /* the call whose result comes next */
    bool shares;              /* its commit, with others of the lane; not any more once that was rolled back */
    const char *order;        /* arena; of one that shares, "": any */
    bool syncs;               /* sent, and the Sync of its transaction follows it */
    struct pg_answer answer;
    bool failed; /* err says why; the first failure stays */
    struct error err;
};

struct pg_queue {
    struct pg_group *first; /* owned, oldest first */
    struct pg_group *last;  /* borrowed */
    unsigned count;
};
void pg_queue_push(struct pg_queue *q, struct pg_group *g);
struct pg_group *pg_queue_pop(struct pg_queue *q); /* NULL: empty */
bool pg_queue_remove(struct pg_queue *q, struct pg_group *g);
struct pg_group *pg_queue_find(const struct pg_queue *q, uint64_t op_id);
void pg_queue_free(struct pg_queue *q);

/* ---- shared commits (pg_shared.c) ---- */

void pg_shared_take(struct pg_queue *waiting, struct pg_queue *out);
void pg_shared_return(struct pg_queue *waiting, struct pg_queue *from);
void pg_shared_part(struct pg_queue *waiting, struct pg_queue *from);

/* ---- connections (pg_conn.c, pg_pipeline.c) ---- */

enum pg_conn_state { CONN_CONNECT, CONN_PIN, CONN_PREPARE, CONN_LIVE, CONN_SCRIPT, CONN_DRAIN, CONN_STATES };
enum pg_step_result { STEP_MOVED, STEP_WAIT, STEP_FAILED };

/* A poll handle lives until libuv let go of it, which may be after its connection. */
struct pg_watch {
    uv_poll_t uv;
    struct pg_conn *conn; /* borrowed; NULL once closed */
};

struct pg_host;

/* One connection. An attempt belongs to its host, the live one and the parked ones to the lane. */
struct pg_conn {
    uint32_t magic;
    struct pg *pg;            /* borrowed */
    struct pg_host *host;     /* borrowed from the lane */
    struct pg_conn *next;     /* owned: the next parked one */
    PGconn *pq;               /* owned */
    struct pg_watch *watch;   /* owned until closed; NULL: none */
    int events;               /* watched for */
    bool *prepared;           /* owned: one for each of the lane's statements */
    struct pg_queue sent;     /* in flight; empty once parked */
    int statements_in_flight;
    int owed;                 /* answers to a Sync still to come */
    int preparing;            /* the statement whose preparation is answered next */
    enum pg_conn_state state;
    int64_t deadline_mono_ms; /* of the state, or of parking; 0: none */
    int64_t since_mono_ms;    /* entered the state */
    int nulls;                /* NULL results in a row */
    bool polled;              /* PQconnectPoll may be called: the socket was waited for once */
    bool running;             /* in drive: no re-entry */
    bool unflushed;           /* libpq holds bytes that the socket did not take */
    bool sharing;             /* a commit that may be shared is under way: what may share the next one gathers */
    bool rolled_back;         /* the server refused a statement of the transaction that is being answered */
    bool retire;              /* no further groups; replaced when those in flight are answered */
    bool not_replicated;      /* the server gave up the wait for its standby in the commit under way */
    bool script_mode;         /* parked while a script ran */
    struct error why; /* it retires; while preparing: the first statement that cannot be prepared */
    char address[PG_ADDRESS_BYTES]; /* "host:port", "[v6]:port" */
    char server[48];                /* when it was started: tells servers apart */
    char fatal[256];                /* what the server said when it ended the session, "" */
};

/* Never NULL: a failure to start shows as one of the first step. */
struct pg_conn *pg_conn_new(struct pg *pg, struct pg_host *host, const char *hostaddr);
void pg_conn_close(struct pg_conn *c);
void pg_conn_move(struct pg_conn *c, enum pg_conn_state state, unsigned longest_ms);
/* One go at whatever the state waits for; then waits for the socket again. May free the connection. */
void pg_conn_drive(struct pg_conn *c);
/* Writes what the socket takes; -1: the connection is broken. */
int pg_conn_flush(struct pg_conn *c);
/* Waits for the socket in the directions that are wanted now. */
int pg_conn_arm(struct pg_conn *c, struct error *err);
const char *pg_conn_doing(const struct pg_conn *c);
/* Fills err (UNREACHED) with why libpq says the connection is gone. Returns STEP_FAILED. */
enum pg_step_result pg_conn_broken(struct pg_conn *c, struct error *err);

/* Steps of a live connection, and sending. */
enum pg_step_result pg_pipeline_step(struct pg_conn *c, struct error *err);
enum pg_step_result pg_script_step(struct pg_conn *c, struct error *err);
enum pg_step_result pg_drain_step(struct pg_conn *c, struct error *err);
/* Hands waiting groups to libpq as far as the window allows. -1: the connection is of no use any more (err). */
int pg_pipeline_push(struct pg_conn *c, struct error *err);

/* ---- hosts (pg_hosts.c) ---- */

/* One configured host: tried on its own, with its own back-off, while the lane is down. */
struct pg_host {
    struct pg *pg;     /* borrowed */
    char name[256];    /* "": libpq's default */
    char hostaddr[64]; /* given, "" when not */
    char port[16];     /* "": libpq's default */
    bool look_up;      /* name is to be resolved */
    struct resolve_answer found;
    int next_address;
    uint64_t op_id;       /* of the look-up under way, 0: none */
    struct pg_conn *conn; /* owned: the attempt under way, NULL: none */
    int64_t retry_mono_ms;
    unsigned failures; /* in a row */
    struct error why;  /* of the last failure */
};
int pg_hosts_read(struct pg *pg, const char *conninfo, struct error *err);
/* Starts attempts that are due. Returns the next time to look again, 0: none. */
int64_t pg_hosts_try(struct pg *pg, int64_t now_mono_ms);
/* The attempt on this host came to nothing: sets when it is tried again. */
void pg_hosts_failed(struct pg_host *h, const struct error *err);
/* Ends all attempts and look-ups. */
void pg_hosts_stop(struct pg *pg);
/* The live connection was lost: all hosts are tried anew, its own first. */
void pg_hosts_again(struct pg *pg, const struct pg_host *last, bool lived_long);

/* ---- the lane (pg.c) ---- */

struct pg {
    uint32_t magic;
    struct loop *loop;             /* borrowed */
    struct pg_settings settings;   /* texts owned, statements borrowed */
    PQconninfoOption *options;     /* owned: conninfo, parsed */
    struct resolve *resolve;       /* owned */
    struct loop_timer *clock;      /* owned: the next of all deadlines */
    int64_t due_mono_ms;           /* for which the clock is set, 0: stopped */
    struct pg_host hosts[PG_HOSTS_MAX];
    int host_count;
    int *by_name; /* owned: indexes of statements, sorted by name */
    int statement_count;
    struct pg_conn *conn;   /* owned: live, NULL when down */
    struct pg_conn *parked; /* owned list */
    struct pg_queue waiting;
    struct pg_queue finished; /* to be told */
    uint64_t last_op_id;
    struct pg_lane lane; /* counters; the current numbers are filled by pg_lane() */
    bool soon;           /* a turn is scheduled */
    bool calling;        /* inside a callback of the owner */
    bool gone;           /* pg_free was called in one */
    bool ever_up;
    bool told_up;
    bool tell;     /* on_state is due */
    int64_t told_mono_ms;
    struct error why; /* of the last change */
    bool has_why;
};

void pg_soon(struct pg *pg);
/* The clock is to ring then at the latest. */
void pg_due(struct pg *pg, int64_t when_mono_ms);
/* Index of a statement, -1: none of that name. */
int pg_statement_find(const struct pg *pg, const char *name);
/* The group's answer is settled; err NULL: committed. It is told in the lane's next turn. A failure that the group has
 * already goes first. */
void pg_finish(struct pg *pg, struct pg_group *g, const struct error *err);
void pg_lane_up(struct pg *pg, struct pg_conn *c, const struct error *why);
/* A look-up or an attempt to connect failed. */
void pg_lane_attempt_failed(struct pg *pg, struct pg_host *h, const struct error *err);
/* Frees the connection, whatever its role was: an attempt, the live one, a parked one (err may then be NULL). */
void pg_lane_lost(struct pg *pg, struct pg_conn *c, const struct error *err);

/* ---- errors (pg_sqlstate.c) ---- */

/* One line of a libpq message. */
void pg_flatten(const char *message, char *out, size_t bytes);
/* Fills err from an ERROR result of a server that rolled back. what: the statement's name or "script". */
void pg_result_error(const PGresult *r, const char *what, struct error *err);
/* The server ended the session, or libpq lost it: the outcome is not known. */
bool pg_result_is_fatal(const PGresult *r);
bool pg_notice_is_not_replicated(const PGresult *notice);
/* The session is of no use for this statement any more: read-only server, changed tables. */
bool pg_result_retires(const PGresult *r);

#endif
