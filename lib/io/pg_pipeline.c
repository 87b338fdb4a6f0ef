/* SPDX-License-Identifier: MIT
 * Sending groups on a live connection and reading their answers, scripts, and the draining of a parked connection. Does
 * not watch the time: the lane does.
 *
 * The server answers in the order of sending: for each statement one result (two when it was prepared just before it),
 * after an error PIPELINE_ABORTED for the rest of its group, and one PIPELINE_SYNC when the group's commit is through.
 * An error of the commit itself (a deferred constraint) stands between the last result and the PIPELINE_SYNC. */
#include <assert.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/io/pg_inside.h"

#define NULLS_IN_A_ROW_MAX 2 /* one ends a statement's results, two say that nothing is in flight */

/* ---- sending ---- */

static int send_call(struct pg_conn *c, struct pg_call *call)
{
    const struct embedded *s = &c->pg->settings.statements[call->statement];
    if (!c->prepared[call->statement]) {
        if (!PQsendPrepare(c->pq, s->name, s->text, 0, NULL))
            return -1;
        call->prepares = true;
        c->prepared[call->statement] = true; /* for the groups behind it; taken back when it fails */
    }
    if (!PQsendQueryPrepared(c->pq, s->name, call->count, call->data, call->lengths, call->formats, 0))
        return -1;
    c->pg->lane.queries++;
    return 0;
}

/* Several groups only where they share a commit. */
static int send_groups(struct pg_conn *c, const struct pg_queue *together)
{
    for (struct pg_group *g = together->first; g; g = g->next) {
        for (int i = 0; i < g->count; i++)
            if (send_call(c, &g->calls[i]) < 0)
                return -1;
        g->syncs = g->next == NULL;
        c->statements_in_flight += g->count;
        c->sharing |= g->shares;
    }
    if (!PQpipelineSync(c->pq))
        return -1;
    c->pg->lane.transactions++;
    c->owed++;
    return 0;
}

static int send_script(struct pg_conn *c, struct pg_group *g)
{
    if (!PQexitPipelineMode(c->pq) || !PQsendQuery(c->pq, g->script))
        return -1;
    c->not_replicated = false;
    g->syncs = true; /* its end */
    c->pg->lane.queries++;
    c->pg->lane.transactions++;
    pg_conn_move(c, CONN_SCRIPT, 0);
    return 0;
}

static bool has_room(const struct pg_conn *c, const struct pg_group *g)
{
    if (c->sent.count == 0)
        return true;
    if (c->sharing && g->shares)
        return false;
    return !g->script && c->statements_in_flight + g->count <= PG_WINDOW_STATEMENTS;
}

static void unprepare(const struct pg_queue *unsent)
{
    for (struct pg_group *g = unsent->first; g; g = g->next)
        for (int i = 0; i < g->count; i++)
            g->calls[i].prepares = false;
}

int pg_pipeline_push(struct pg_conn *c, struct error *err)
{
    struct pg *pg = c->pg;
    while (c->state == CONN_LIVE && !c->retire && !c->unflushed) {
        struct pg_group *g = pg->waiting.first;
        if (!g || !has_room(c, g))
            break;
        struct pg_queue together = {0};
        pg_shared_take(&pg->waiting, &together);
        int rc = g->script ? send_script(c, g) : send_groups(c, &together);
        if (rc < 0) { /* without its Sync or its end nothing of it is committed: it stays in the queue */
            unprepare(&together);
            pg_shared_return(&pg->waiting, &together);
            (void)pg_conn_broken(c, err);
            return -1;
        }
        pg->lane.groups += together.count;
        while (together.first)
            pg_queue_push(&c->sent, pg_queue_pop(&together));
        if (pg_conn_flush(c) < 0) {
            (void)pg_conn_broken(c, err);
            return -1;
        }
    }
    return 0;
}

/* ---- reading ---- */

static void note_error(struct pg_conn *c, struct pg_group *g, const PGresult *r, const char *what)
{
    bool first = !g->failed;
    g->failed = true;
    c->rolled_back = true;
    if (first)
        pg_result_error(r, what, &g->err);
    if (!first || !pg_result_retires(r))
        return;
    g->err.kind = ERROR_UNREACHED; /* rolled back, and right again on the next connection */
    c->retire = true;
    c->why = g->err;
}

/* The result of a preparation that was sent in the group. */
static void take_preparation(struct pg_conn *c, struct pg_group *g, struct pg_call *call, const PGresult *r)
{
    call->prepares = false;
    if (PQresultStatus(r) == PGRES_COMMAND_OK)
        return;
    c->prepared[call->statement] = false;
    if (PQresultStatus(r) != PGRES_PIPELINE_ABORTED)
        note_error(c, g, r, c->pg->settings.statements[call->statement].name);
}

static void keep_result(struct pg_group *g, PGresult *r)
{
    g->pg->lane.rows += (uint64_t)PQntuples(r);
    if (pg_answer_add(&g->answer, r) == 0 || g->failed)
        return;
    g->failed = true;
    error_set(&g->err, ERROR_UNCERTAIN, "no memory for the answer");
}

static void take_result(struct pg_conn *c, struct pg_group *g, PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    struct pg_call *call = g->cursor < g->count ? &g->calls[g->cursor] : NULL;
    if (call && call->prepares) {
        take_preparation(c, g, call, r);
        PQclear(r);
        return;
    }
    g->cursor++;
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) {
        keep_result(g, r);
        return;
    }
    const char *name = call ? c->pg->settings.statements[call->statement].name : "commit";
    if (status != PGRES_PIPELINE_ABORTED)
        note_error(c, g, r, name);
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (call && state && strcmp(state, "26000") == 0)
        c->prepared[call->statement] = false;
    PQclear(r);
}

/* Of the transaction that is being answered: the group whose result comes next. */
static struct pg_group *answered_next(const struct pg_conn *c)
{
    struct pg_group *g = c->sent.first;
    while (g->cursor >= g->count && !g->syncs)
        g = g->next;
    return g;
}

static void settle_group(struct pg_conn *c, struct pg_group *g)
{
    struct pg *pg = c->pg;
    struct error err = {0};
    if (g->failed)
        pg->lane.failures++;
    else if (c->not_replicated)
        error_set(&err, ERROR_UNCERTAIN, "%s: committed on that server only, not replicated: the wait for "
            "its standby was ended", c->address);
    else
        pg->lane.commits++;
    if (err.kind == ERROR_UNCERTAIN)
        pg->lane.uncertain++;
    pg_finish(pg, g, err.kind == ERROR_NONE ? NULL : &err);
}

/* The server is through with the oldest transaction in flight. */
static void settle(struct pg_conn *c)
{
    struct pg_queue through = {0};
    bool last = false;
    while (!last) {
        struct pg_group *g = pg_queue_pop(&c->sent);
        last = g->syncs;
        c->sharing &= !g->shares;
        c->statements_in_flight -= g->count;
        pg_queue_push(&through, g);
    }
    assert(c->statements_in_flight >= 0);
    if (c->rolled_back && through.count > 1)
        pg_shared_part(&c->pg->waiting, &through);
    while (through.first)
        settle_group(c, pg_queue_pop(&through));
    c->not_replicated = c->rolled_back = false;
}

enum pg_step_result pg_pipeline_step(struct pg_conn *c, struct error *err)
{
    if (pg_conn_flush(c) < 0 || !PQconsumeInput(c->pq))
        return pg_conn_broken(c, err);
    c->nulls = 0;
    while (!PQisBusy(c->pq) && c->sent.first) {
        PGresult *r = PQgetResult(c->pq);
        if (!r) {
            if (++c->nulls > NULLS_IN_A_ROW_MAX)
                return pg_conn_broken(c, err);
            continue;
        }
        c->nulls = 0;
        if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
            PQclear(r);
            c->owed--;
            settle(c);
        } else if (PQresultStatus(r) == PGRES_FATAL_ERROR && pg_result_is_fatal(r)) {
            pg_flatten(PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY), c->fatal, sizeof c->fatal);
            PQclear(r);
            return pg_conn_broken(c, err);
        } else {
            take_result(c, answered_next(c), r);
        }
    }
    if (PQstatus(c->pq) != CONNECTION_OK)
        return pg_conn_broken(c, err);
    if (c->retire && !c->sent.first) {
        *err = c->why;
        return STEP_FAILED;
    }
    if (c->pg->waiting.first)
        pg_soon(c->pg); /* there is room again */
    return STEP_WAIT;
}

/* Closing the connection aborts a COPY; libpq would offer it for ever. */
static enum pg_step_result refuse_copy(struct pg_conn *c, struct pg_group *g, struct error *err)
{
    g->failed = true;
    error_set(&g->err, ERROR_INPUT, "a script may not copy from or to its client");
    *err = g->err;
    error_wrap(err, "%s", c->address);
    err->kind = ERROR_UNREACHED;
    return STEP_FAILED;
}

static bool is_copy(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

static void take_script_result(struct pg_conn *c, struct pg_group *g, PGresult *r)
{
    if (PQresultStatus(r) == PGRES_FATAL_ERROR || PQresultStatus(r) == PGRES_BAD_RESPONSE) {
        note_error(c, g, r, "script");
        PQclear(r);
        return;
    }
    keep_result(g, r);
}

enum pg_step_result pg_script_step(struct pg_conn *c, struct error *err)
{
    if (pg_conn_flush(c) < 0 || !PQconsumeInput(c->pq))
        return pg_conn_broken(c, err);
    while (!PQisBusy(c->pq)) {
        PGresult *r = PQgetResult(c->pq);
        if (!r) {
            settle(c);
            if (!PQenterPipelineMode(c->pq))
                return pg_conn_broken(c, err);
            pg_conn_move(c, CONN_LIVE, 0);
            return STEP_MOVED;
        }
        if (PQresultStatus(r) == PGRES_FATAL_ERROR && pg_result_is_fatal(r)) {
            pg_flatten(PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY), c->fatal, sizeof c->fatal);
            PQclear(r);
            return pg_conn_broken(c, err);
        }
        if (is_copy(r)) {
            PQclear(r);
            return refuse_copy(c, c->sent.first, err);
        }
        take_script_result(c, c->sent.first, r);
    }
    return STEP_WAIT;
}

/* A parked connection: what comes late is dropped; when all came, it is done with. */
enum pg_step_result pg_drain_step(struct pg_conn *c, struct error *err)
{
    if (pg_conn_flush(c) < 0 || !PQconsumeInput(c->pq))
        return pg_conn_broken(c, err);
    c->nulls = 0;
    while (c->owed > 0 && !PQisBusy(c->pq)) {
        PGresult *r = PQgetResult(c->pq);
        bool ended = !r && (c->script_mode || ++c->nulls > NULLS_IN_A_ROW_MAX);
        if (ended || (r && PQresultStatus(r) == PGRES_PIPELINE_SYNC))
            c->owed = ended ? 0 : c->owed - 1;
        if (r)
            c->nulls = 0;
        PQclear(r);
    }
    if (c->owed > 0)
        return STEP_WAIT;
    error_set(err, ERROR_UNREACHED, "%s: parked, and answered late", c->address);
    return STEP_FAILED;
}
