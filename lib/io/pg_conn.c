/* SPDX-License-Identifier: MIT
 * One connection: from the socket to a pinned and prepared session. Sending and reading groups is pg_pipeline.c; what
 * becomes of a lost one the lane decides. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/io/pg_inside.h"

#define PREPARE_MS 15000 /* all statements, at a server that may just have started */
#define MOVES_PER_TURN_MAX 16
#define NULLS_IN_A_ROW_MAX 2 /* one ends a statement's results, two say that nothing is in flight */
#define KEYWORDS_MAX 96

extern const struct embedded sql_session[]; /* made at build from sql/session */

typedef enum pg_step_result conn_step(struct pg_conn *c, struct error *err);
static conn_step step_connect, step_pin, step_prepare;

static const struct {
    const char *doing; /* completes "no answer while ..." */
    conn_step *step;
} states[] = {
    [CONN_CONNECT] = {"connecting", step_connect},
    [CONN_PIN] = {"pinning the session's settings", step_pin},
    [CONN_PREPARE] = {"preparing statements", step_prepare},
    [CONN_LIVE] = {"running statements", pg_pipeline_step},
    [CONN_SCRIPT] = {"running a script", pg_script_step},
    [CONN_DRAIN] = {"parked", pg_drain_step},
};
_Static_assert(sizeof states / sizeof states[0] == CONN_STATES, "one row for each state");

const char *pg_conn_doing(const struct pg_conn *c)
{
    return states[c->state].doing;
}

void pg_conn_move(struct pg_conn *c, enum pg_conn_state state, unsigned longest_ms)
{
    c->state = state;
    c->since_mono_ms = clock_mono_ms();
    c->deadline_mono_ms = longest_ms ? c->since_mono_ms + longest_ms : 0;
    if (c->deadline_mono_ms)
        pg_due(c->pg, c->deadline_mono_ms);
}

/* ---- the socket ---- */

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* libpq may close its socket and open another one of the same number, so the handle never outlives a call that can. */
static void unwatch(struct pg_conn *c)
{
    if (!c->watch)
        return;
    c->watch->conn = NULL;
    c->events = 0;
    (void)uv_poll_stop(&c->watch->uv); /* cannot fail */
    uv_close((uv_handle_t *)&c->watch->uv, on_watch_closed);
    c->watch = NULL;
}

static void on_ready(uv_poll_t *handle, int status, int events)
{
    (void)status; /* libpq finds out by itself, with a better text */
    (void)events;
    const struct pg_watch *w = handle->data;
    if (w->conn)
        pg_conn_drive(w->conn);
}

static int watch(struct pg_conn *c, int events)
{
    if (c->watch && c->events == events)
        return 0;
    if (!c->watch) {
        struct pg_watch *w = calloc(1, sizeof *w);
        if (!w)
            return -1;
        if (uv_poll_init(loop_uv(c->pg->loop), &w->uv, PQsocket(c->pq)) != 0) {
            free(w);
            return -1;
        }
        w->conn = c;
        w->uv.data = w;
        c->watch = w;
    }
    c->events = events;
    return uv_poll_start(&c->watch->uv, events, on_ready) == 0 ? 0 : -1;
}

int pg_conn_arm(struct pg_conn *c, struct error *err)
{
    if (watch(c, UV_READABLE | (c->unflushed ? UV_WRITABLE : 0)) == 0)
        return 0;
    return error_set(err, ERROR_LIMIT, "%s: the socket cannot be watched", c->address);
}

/* ---- start ---- */

/* Also called for what the server says when it ends an idle session. */
static void on_notice(void *arg, const PGresult *notice)
{
    struct pg_conn *c = arg;
    assert(c->magic == PG_CONN_MAGIC);
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (pg_notice_is_not_replicated(notice))
        c->not_replicated = true;
    else if (severity && strcmp(severity, "FATAL") == 0)
        pg_flatten(PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY), c->fatal, sizeof c->fatal);
}

struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    int count;
};

static void put(struct keywords *k, const char *name, const char *value)
{
    for (int i = 0; i < k->count; i++)
        if (strcmp(k->names[i], name) == 0) {
            k->values[i] = value;
            return;
        }
    assert(k->count < KEYWORDS_MAX);
    k->names[k->count] = name;
    k->values[k->count++] = value;
}

/* First line of the file; "" when there is none. Read anew each time, so that a changed password needs no restart. */
static int read_password(const char *path, char *room, size_t bytes, struct error *err)
{
    room[0] = '\0';
    FILE *f = fopen(path, "re");
    if (!f)
        return error_set(err, ERROR_CONFIG, "password file '%s' cannot be read", path);
    if (!fgets(room, (int)bytes, f))
        room[0] = '\0';
    fclose(f);
    room[strcspn(room, "\r\n")] = '\0';
    return 0;
}

static void fill_keywords(struct keywords *k, const struct pg_conn *c, const char *hostaddr)
{
    const struct pg *pg = c->pg;
    /* A peer that vanished is noticed also by an idle lane; conninfo may say else. */
    put(k, "keepalives_idle", "10");
    put(k, "keepalives_interval", "3");
    put(k, "keepalives_count", "3");
    put(k, "tcp_user_timeout", "20000");
    put(k, "gssencmode", "disable"); /* Kerberos would look for its servers while we wait */
    for (const PQconninfoOption *o = pg->options; o->keyword; o++)
        if (o->val)
            put(k, o->keyword, o->val);
    put(k, "host", c->host->name[0] ? c->host->name : NULL);
    put(k, "hostaddr", hostaddr[0] ? hostaddr : NULL);
    put(k, "port", c->host->port[0] ? c->host->port : NULL);
    put(k, "target_session_attrs", "read-write");
    put(k, "client_encoding", "UTF8");
    if (pg->settings.application)
        put(k, "application_name", pg->settings.application);
}

struct pg_conn *pg_conn_new(struct pg *pg, struct pg_host *host, const char *hostaddr)
{
    struct pg_conn *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->magic = PG_CONN_MAGIC;
    c->pg = pg;
    c->host = host;
    c->prepared = calloc((size_t)pg->statement_count + 1, sizeof *c->prepared);
    if (!c->prepared)
        abort();
    struct keywords k = {0};
    char password[PG_PASSWORD_BYTES] = "";
    fill_keywords(&k, c, hostaddr);
    (void)snprintf(c->address, sizeof c->address, strchr(hostaddr, ':') ? "[%s]:%s" : "%s:%s",
        hostaddr[0] ? hostaddr : host->name, host->port);
    if (pg->settings.password_file &&
        read_password(pg->settings.password_file, password, sizeof password, &host->why) == 0)
        put(&k, "password", password);
    c->pq = PQconnectStartParams(k.names, k.values, 0);
    explicit_bzero(password, sizeof password);
    if (c->pq)
        (void)PQsetNoticeReceiver(c->pq, on_notice, c); /* returns the default one */
    pg_conn_move(c, CONN_CONNECT, pg->settings.connect_timeout_ms);
    return c;
}

void pg_conn_close(struct pg_conn *c)
{
    if (!c)
        return;
    assert(c->magic == PG_CONN_MAGIC && !c->running);
    assert(c->sent.count == 0);
    unwatch(c);
    PQfinish(c->pq); /* non-blocking: a goodbye that does not fit is dropped */
    free(c->prepared);
    c->magic = 0;
    free(c);
}

/* ---- steps ---- */

enum pg_step_result pg_conn_broken(struct pg_conn *c, struct error *err)
{
    char text[512];
    pg_flatten(c->pq ? PQerrorMessage(c->pq) : "no memory", text, sizeof text);
    if (c->fatal[0])
        error_from(err, ERROR_UNREACHED, ERROR_FROM_POSTGRES, 0, "%s: the server ended the session: \"%s\"",
            c->address, c->fatal);
    else
        error_from(err, ERROR_UNREACHED, ERROR_FROM_POSTGRES, 0, "%s: %s", c->address, text);
    return STEP_FAILED;
}

static enum pg_step_result step_connect(struct pg_conn *c, struct error *err)
{
    if (!c->pq || PQstatus(c->pq) == CONNECTION_BAD)
        return pg_conn_broken(c, err);
    unwatch(c);
    PostgresPollingStatusType got = c->polled ? PQconnectPoll(c->pq) : PGRES_POLLING_WRITING;
    c->polled = true;
    if (got == PGRES_POLLING_FAILED)
        return pg_conn_broken(c, err);
    if (got != PGRES_POLLING_OK) {
        if (watch(c, got == PGRES_POLLING_WRITING ? UV_WRITABLE : UV_READABLE) == 0)
            return STEP_WAIT;
        error_set(err, ERROR_LIMIT, "%s: the socket cannot be watched", c->address);
        return STEP_FAILED;
    }
    if (!c->host->port[0] || !c->host->name[0]) /* libpq's defaults were taken */
        (void)snprintf(c->address, sizeof c->address, "%s:%s", PQhost(c->pq), PQport(c->pq));
    if (PQsetnonblocking(c->pq, 1) != 0 || !PQsendQuery(c->pq, sql_session[0].text))
        return pg_conn_broken(c, err);
    pg_conn_move(c, CONN_PIN, c->pg->settings.connect_timeout_ms);
    return STEP_MOVED;
}

int pg_conn_flush(struct pg_conn *c)
{
    int rc = PQflush(c->pq);
    c->unflushed = rc == 1;
    return rc < 0 ? -1 : 0;
}

static int send_prepares(struct pg_conn *c)
{
    const struct embedded *s = c->pg->settings.statements;
    if (!PQenterPipelineMode(c->pq))
        return -1;
    for (int i = 0; i < c->pg->statement_count; i++) {
        /* each with a Sync of its own, so that one that fails takes no other with it */
        if (!PQsendPrepare(c->pq, s[i].name, s[i].text, 0, NULL) || !PQpipelineSync(c->pq))
            return -1;
        c->owed++;
    }
    return pg_conn_flush(c);
}

/* A session that would commit without its standby is refused. */
static enum pg_step_result check_pins(struct pg_conn *c, const PGresult *last, struct error *err)
{
    if (PQresultStatus(last) == PGRES_FATAL_ERROR) {
        pg_result_error(last, "pin", err);
        error_wrap(err, "%s", c->address);
        return STEP_FAILED;
    }
    bool whole = PQntuples(last) == 1 && PQnfields(last) == 2;
    const char *got = whole ? PQgetvalue(last, 0, 0) : "";
    (void)snprintf(c->server, sizeof c->server, "%s", whole ? PQgetvalue(last, 0, 1) : "");
    if (strcmp(got, "on") == 0)
        return STEP_MOVED;
    error_set(err, ERROR_CONFIG, "%s: synchronous_commit is '%s' in a session that set it to 'on'",
        c->address, got);
    return STEP_FAILED;
}

static enum pg_step_result step_pin(struct pg_conn *c, struct error *err)
{
    if (pg_conn_flush(c) < 0 || !PQconsumeInput(c->pq))
        return pg_conn_broken(c, err);
    while (!PQisBusy(c->pq)) {
        PGresult *r = PQgetResult(c->pq);
        if (!r) { /* all answered; the last one was checked below */
            if (send_prepares(c) < 0)
                return pg_conn_broken(c, err);
            pg_conn_move(c, CONN_PREPARE, PREPARE_MS);
            return STEP_MOVED;
        }
        enum pg_step_result checked = STEP_MOVED;
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
            checked = check_pins(c, r, err);
        PQclear(r);
        if (checked == STEP_FAILED)
            return STEP_FAILED;
    }
    return STEP_WAIT;
}

/* A statement that cannot be prepared (a table that a newer node will make) is prepared again when it is used. */
static void note_prepared(struct pg_conn *c, const PGresult *r, struct error *first)
{
    int i = c->preparing++;
    if (PQresultStatus(r) == PGRES_COMMAND_OK)
        c->prepared[i] = true;
    else if (first->kind == ERROR_NONE)
        pg_result_error(r, c->pg->settings.statements[i].name, first);
}

static enum pg_step_result step_prepare(struct pg_conn *c, struct error *err)
{
    if (pg_conn_flush(c) < 0 || !PQconsumeInput(c->pq))
        return pg_conn_broken(c, err);
    while (c->owed > 0 && !PQisBusy(c->pq)) {
        PGresult *r = PQgetResult(c->pq);
        if (!r && ++c->nulls <= NULLS_IN_A_ROW_MAX)
            continue;
        bool lost = !r || (PQresultStatus(r) == PGRES_FATAL_ERROR && pg_result_is_fatal(r));
        c->nulls = 0;
        if (PQresultStatus(r) == PGRES_PIPELINE_SYNC)
            c->owed--;
        else if (!lost)
            note_prepared(c, r, &c->why);
        PQclear(r);
        if (lost)
            return pg_conn_broken(c, err);
    }
    if (c->owed > 0)
        return STEP_WAIT;
    struct error why = c->why;
    c->why = (struct error){0};
    pg_conn_move(c, CONN_LIVE, 0);
    pg_lane_up(c->pg, c, why.kind == ERROR_NONE ? NULL : &why);
    return STEP_MOVED;
}

/* ---- drive ---- */

void pg_conn_drive(struct pg_conn *c)
{
    assert(c->magic == PG_CONN_MAGIC);
    assert(!c->running);
    struct error err = {0};
    enum pg_step_result got = STEP_MOVED;
    c->running = true;
    for (int moves = 0; got == STEP_MOVED && moves < MOVES_PER_TURN_MAX; moves++)
        got = states[c->state].step(c, &err);
    c->running = false;
    if (got != STEP_FAILED && c->state != CONN_CONNECT && pg_conn_arm(c, &err) < 0)
        got = STEP_FAILED;
    if (got == STEP_FAILED)
        pg_lane_lost(c->pg, c, &err);
}
