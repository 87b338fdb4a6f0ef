/* SPDX-License-Identifier: MIT
 * The lane: keeps one live connection, parks the ones that do not answer, and tells answers in turns of its own. Does
 * not read or write sockets itself (pg_conn.c, pg_pipeline.c).
 *
 * What "wait" means for libpq, and how each is met here:
 *   PQconnectPoll says READING or WRITING   the socket is watched for just that; first for WRITING, before the first
 *                                           call. The socket may change in each call: the poll handle is made anew
 *   PQflush says 1                          watched for writing too; no further group is handed over meanwhile
 *   PQisBusy says 1                         PQgetResult would block: wait for reading, then PQconsumeInput
 *   PQgetResult says NULL                   in a pipeline: the end of one statement's results, read on;
 *                                           outside: the end of everything sent
 * Between tries nothing has to be kept. libpq's own limits of time are for blocking calls, so all time is kept here; its
 * name look-up would block, so that addresses are given (hostaddr). PQfinish on a non-blocking connection does not
 * wait. Nothing is ever cancelled at the server: it would report success for a commit that only it has. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/io/pg_inside.h"

#define CONNECT_TIMEOUT_MS 3000
#define ANSWER_TIMEOUT_MS 10000
#define PARK_LONGEST_MS 30000
#define LIVED_LONG_MS 5000   /* a connection that broke sooner does not end the back-off */
#define TELL_AGAIN_MS 10000  /* between reasons for the same outage */
#define NAMES_KEPT_MS 10000

/* ---- the clock ---- */

void pg_due(struct pg *pg, int64_t when_mono_ms)
{
    if (pg->due_mono_ms && pg->due_mono_ms <= when_mono_ms)
        return;
    pg->due_mono_ms = when_mono_ms;
    int64_t wait = when_mono_ms - clock_mono_ms();
    loop_timer_start(pg->clock, wait > 0 ? (uint64_t)wait : 0, 0);
}

/* Groups whose time ran out in the queue. */
static void expire_waiting(struct pg *pg, int64_t now)
{
    struct pg_group *next = NULL;
    for (struct pg_group *g = pg->waiting.first; g; g = next) {
        next = g->next;
        if (!g->deadline_mono_ms || g->deadline_mono_ms > now)
            continue;
        struct error err;
        if (pg->conn)
            error_set(&err, ERROR_DEADLINE, "not sent within %u ms: %u groups before it", g->timeout_ms,
                pg->conn->sent.count);
        else
            error_set(&err, ERROR_UNREACHED, "no database within %u ms: %s", g->timeout_ms,
                pg->has_why ? pg->why.text : "not connected yet");
        (void)pg_queue_remove(&pg->waiting, g);
        pg->lane.unsent++;
        pg_finish(pg, g, &err);
    }
}

static bool sent_expired(const struct pg_conn *c, int64_t now)
{
    for (const struct pg_group *g = c->sent.first; g; g = g->next)
        if (g->deadline_mono_ms && g->deadline_mono_ms <= now)
            return true;
    return false;
}

static void unsure_all(struct pg *pg, struct pg_conn *c, const struct error *why)
{
    for (struct pg_group *g; (g = pg_queue_pop(&c->sent));) {
        if (g->failed)
            pg->lane.failures++; /* the server said already that it rolls back */
        else
            pg->lane.uncertain++;
        pg_finish(pg, g, why);
    }
}

static void go_down(struct pg *pg, struct pg_conn *c, const struct error *why)
{
    pg->conn = NULL;
    pg->why = *why;
    pg->has_why = true;
    pg->tell = true;
    pg_hosts_again(pg, c->host, clock_mono_ms() - c->since_mono_ms > LIVED_LONG_MS);
    pg_soon(pg);
}

/* Gives up the wait, not the socket: a backend in its commit would not notice and keep its locks, unseen by us. */
static void park(struct pg *pg)
{
    struct pg_conn *c = pg->conn;
    struct error why;
    error_set(&why, ERROR_UNCERTAIN, "%s: no answer in time; %u groups in flight, connection parked", c->address,
        c->sent.count);
    c->owed = c->state == CONN_SCRIPT ? 1 : c->owed;
    c->script_mode = c->state == CONN_SCRIPT;
    unsure_all(pg, c, &why);
    go_down(pg, c, &why);
    pg_conn_move(c, CONN_DRAIN, pg->settings.park_longest_ms);
    c->next = pg->parked;
    pg->parked = c;
    pg->lane.parked_ever++;
}

static void expire_attempts(struct pg *pg, int64_t now)
{
    for (int i = 0; i < pg->host_count; i++) {
        struct pg_conn *c = pg->hosts[i].conn;
        if (!c || c->deadline_mono_ms > now)
            continue;
        struct error err;
        error_set(&err, ERROR_UNREACHED, "%s: no answer for %lld ms while %s", c->address,
            (long long)(now - c->since_mono_ms), pg_conn_doing(c));
        pg_lane_lost(pg, c, &err);
    }
}

static void expire_parked(struct pg *pg, int64_t now)
{
    struct pg_conn *next = NULL;
    for (struct pg_conn *c = pg->parked; c; c = next) {
        next = c->next;
        if (c->deadline_mono_ms <= now)
            pg_lane_lost(pg, c, NULL);
    }
}

static void earlier(int64_t *least, int64_t when)
{
    if (when && (*least == 0 || when < *least))
        *least = when;
}

static int64_t next_due(const struct pg *pg)
{
    int64_t least = 0;
    for (const struct pg_group *g = pg->waiting.first; g; g = g->next)
        earlier(&least, g->deadline_mono_ms);
    for (const struct pg_group *g = pg->conn ? pg->conn->sent.first : NULL; g; g = g->next)
        earlier(&least, g->deadline_mono_ms);
    for (const struct pg_conn *c = pg->parked; c; c = c->next)
        earlier(&least, c->deadline_mono_ms);
    for (int i = 0; i < pg->host_count; i++)
        if (pg->hosts[i].conn)
            earlier(&least, pg->hosts[i].conn->deadline_mono_ms);
    return least;
}

/* When this process was held up, the answers may have come already. */
static void catch_up(struct pg *pg, int64_t now)
{
    unsigned before = 0;
    while (pg->conn && pg->conn->sent.count != before && sent_expired(pg->conn, now)) {
        before = pg->conn->sent.count;
        pg_conn_drive(pg->conn);
    }
}

static void on_clock(void *owner)
{
    struct pg *pg = owner;
    assert(pg->magic == PG_MAGIC);
    pg->due_mono_ms = 0;
    int64_t now = clock_mono_ms();
    catch_up(pg, now);
    if (pg->conn && sent_expired(pg->conn, now))
        park(pg);
    expire_waiting(pg, now);
    expire_attempts(pg, now);
    expire_parked(pg, now);
    int64_t due = next_due(pg);
    if (due)
        pg_due(pg, due);
    pg_soon(pg);
}

/* ---- connections come and go ---- */

static unsigned count_parked(const struct pg *pg)
{
    unsigned n = 0;
    for (const struct pg_conn *c = pg->parked; c; c = c->next)
        n++;
    return n;
}

/* Another primary is known: what waits at the old one cannot be committed any more. */
static void close_elsewhere(struct pg *pg, const char *server)
{
    struct pg_conn *next = NULL;
    for (struct pg_conn *c = pg->parked; c; c = next) {
        next = c->next;
        if (strcmp(c->server, server) != 0)
            pg_lane_lost(pg, c, NULL);
    }
}

void pg_lane_up(struct pg *pg, struct pg_conn *c, const struct error *why)
{
    assert(!pg->conn);
    assert(c->host->conn == c);
    c->host->conn = NULL;
    pg->conn = c;
    pg_hosts_stop(pg);
    close_elsewhere(pg, c->server);
    if (pg->ever_up)
        pg->lane.reconnects++;
    pg->ever_up = true;
    pg->has_why = why != NULL;
    if (why)
        pg->why = *why;
    pg->tell = true;
    pg_soon(pg);
}

void pg_lane_attempt_failed(struct pg *pg, struct pg_host *h, const struct error *err)
{
    pg->lane.connect_failures++;
    pg_hosts_failed(h, err);
    bool all = true;
    for (int i = 0; i < pg->host_count; i++)
        all = all && pg->hosts[i].why.kind != ERROR_NONE;
    pg->why = *err;
    pg->has_why = true;
    if (all && (pg->told_mono_ms == 0 || clock_mono_ms() - pg->told_mono_ms > TELL_AGAIN_MS))
        pg->tell = true;
    pg_soon(pg);
}

static void unpark(struct pg *pg, struct pg_conn *c)
{
    struct pg_conn **at = &pg->parked;
    while (*at && *at != c)
        at = &(*at)->next;
    assert(*at == c);
    *at = c->next;
}

void pg_lane_lost(struct pg *pg, struct pg_conn *c, const struct error *err)
{
    if (c == pg->conn) {
        struct error why = *err;
        why.kind = ERROR_UNCERTAIN;
        unsure_all(pg, c, &why);
        go_down(pg, c, err);
    } else if (c->host->conn == c) {
        c->host->conn = NULL;
        pg_lane_attempt_failed(pg, c->host, err);
    } else {
        unpark(pg, c);
    }
    pg_conn_close(c);
    pg_soon(pg);
}

/* ---- turns ---- */

static void tell_state(struct pg *pg)
{
    bool up = pg->conn != NULL;
    pg->tell = false;
    if (up && pg->told_up && !pg->has_why)
        return; /* went down and came back within a turn */
    pg->told_up = up;
    pg->told_mono_ms = clock_mono_ms();
    if (!pg->settings.on_state)
        return;
    struct error why = pg->why;
    pg->settings.on_state(pg->settings.state_owner, up, pg_primary(pg), pg->has_why ? &why : NULL);
}

static void tell_finished(struct pg *pg)
{
    for (struct pg_group *g; !pg->gone && (g = pg_queue_pop(&pg->finished));) {
        pg_done *done = g->done;
        g->done = NULL; /* never a second time */
        if (done)
            done(g->owner, g->failed ? NULL : &g->answer, g->failed ? &g->err : NULL);
        pg_group_free(g);
    }
}

static void release(struct pg *pg);

static void turn(void *owner)
{
    struct pg *pg = owner;
    assert(pg->magic == PG_MAGIC);
    pg->calling = true;
    tell_finished(pg);
    if (pg->tell && !pg->gone)
        tell_state(pg);
    pg->calling = false;
    if (pg->gone) {
        release(pg);
        return;
    }
    pg->soon = false;
    struct error err = {0};
    if (pg->conn && (pg_pipeline_push(pg->conn, &err) < 0 || pg_conn_arm(pg->conn, &err) < 0))
        pg_lane_lost(pg, pg->conn, &err);
    if (!pg->conn && count_parked(pg) <= pg->settings.parked_max) {
        int64_t next = pg_hosts_try(pg, clock_mono_ms());
        if (next)
            pg_due(pg, next);
    }
}

void pg_soon(struct pg *pg)
{
    if (pg->soon)
        return;
    pg->soon = true;
    loop_soon(pg->loop, turn, pg);
}

/* ---- making ---- */

static int compare_names(const void *a, const void *b, void *arg)
{
    const struct embedded *s = arg;
    return strcmp(s[*(const int *)a].name, s[*(const int *)b].name);
}

int pg_statement_find(const struct pg *pg, const char *name)
{
    int low = 0, high = pg->statement_count - 1;
    while (low <= high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(name, pg->settings.statements[pg->by_name[middle]].name);
        if (order == 0)
            return pg->by_name[middle];
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return -1;
}

static int sort_statements(struct pg *pg)
{
    const struct embedded *s = pg->settings.statements;
    while (s && s[pg->statement_count].name)
        pg->statement_count++;
    pg->by_name = calloc((size_t)pg->statement_count + 1, sizeof *pg->by_name);
    if (!pg->by_name)
        return -1;
    for (int i = 0; i < pg->statement_count; i++)
        pg->by_name[i] = i;
    if (pg->statement_count > 1)
        qsort_r(pg->by_name, (size_t)pg->statement_count, sizeof *pg->by_name, compare_names,
            (void *)(uintptr_t)s); /* only read */
    return 0;
}

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static int take_settings(struct pg *pg, const struct pg_settings *from)
{
    struct pg_settings *s = &pg->settings;
    *s = *from;
    s->conninfo = NULL; /* parsed; it may hold a password */
    s->application = copy(from->application);
    s->password_file = copy(from->password_file);
    if ((from->application && !s->application) || (from->password_file && !s->password_file))
        return -1;
    s->connect_timeout_ms = from->connect_timeout_ms ? from->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    s->answer_timeout_ms = from->answer_timeout_ms ? from->answer_timeout_ms : ANSWER_TIMEOUT_MS;
    s->parked_max = from->parked_max ? from->parked_max : PG_PARKED_MAX;
    s->park_longest_ms = from->park_longest_ms ? from->park_longest_ms : PARK_LONGEST_MS;
    s->waiting_max = from->waiting_max ? from->waiting_max : PG_WAITING_MAX;
    return sort_statements(pg);
}

struct pg *pg_new(struct loop *l, const struct pg_settings *settings, struct error *err)
{
    struct pg *pg = calloc(1, sizeof *pg);
    if (!pg) {
        error_set(err, ERROR_LIMIT, "no memory for a database lane");
        return NULL;
    }
    pg->magic = PG_MAGIC;
    pg->loop = l;
    pg->clock = loop_timer_new(l, on_clock, pg);
    pg->resolve = resolve_new(l, NAMES_KEPT_MS);
    if (!pg->resolve || take_settings(pg, settings) < 0) {
        error_set(err, ERROR_LIMIT, "no memory for a database lane");
        release(pg);
        return NULL;
    }
    if (pg_hosts_read(pg, settings->conninfo, err) < 0) {
        release(pg);
        return NULL;
    }
    pg_hosts_again(pg, NULL, true);
    pg_soon(pg);
    return pg;
}

static void release(struct pg *pg)
{
    assert(!pg->calling);
    loop_soon_cancel(pg->loop, pg);
    loop_timer_free(pg->clock);
    pg_hosts_stop(pg);
    if (pg->conn) {
        pg_queue_free(&pg->conn->sent);
        pg_conn_close(pg->conn);
    }
    while (pg->parked) {
        struct pg_conn *c = pg->parked;
        pg->parked = c->next;
        pg_conn_close(c);
    }
    pg_queue_free(&pg->waiting);
    pg_queue_free(&pg->finished);
    resolve_free(pg->resolve);
    PQconninfoFree(pg->options);
    free(pg->by_name);
    free((void *)(uintptr_t)pg->settings.application);   /* our copies */
    free((void *)(uintptr_t)pg->settings.password_file);
    pg->magic = 0;
    free(pg);
}

void pg_free(struct pg *pg)
{
    if (!pg)
        return;
    assert(pg->magic == PG_MAGIC && !pg->gone);
    if (pg->calling)
        pg->gone = true; /* the turn that called us does it */
    else
        release(pg);
}

/* ---- looking ---- */

bool pg_ready(const struct pg *pg)
{
    assert(pg->magic == PG_MAGIC);
    return pg->conn != NULL && !pg->conn->retire;
}

bool pg_idle(const struct pg *pg)
{
    assert(pg->magic == PG_MAGIC);
    return !pg->waiting.first && !pg->finished.first && !(pg->conn && pg->conn->sent.first);
}

const char *pg_primary(const struct pg *pg)
{
    assert(pg->magic == PG_MAGIC);
    return pg->conn ? pg->conn->address : "";
}

void pg_lane(const struct pg *pg, struct pg_lane *out)
{
    assert(pg->magic == PG_MAGIC);
    *out = pg->lane;
    out->parked = count_parked(pg);
    out->waiting = pg->waiting.count;
    out->in_flight = pg->conn ? pg->conn->sent.count : 0;
}
