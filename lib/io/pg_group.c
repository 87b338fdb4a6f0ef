/* SPDX-License-Identifier: MIT
 * Groups of statements on their way: made, queued, answered. Does not talk to libpq. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/io/pg_inside.h"

/* ---- queues ---- */

void pg_queue_push(struct pg_queue *q, struct pg_group *g)
{
    assert(!g->next);
    if (q->last)
        q->last->next = g;
    else
        q->first = g;
    q->last = g;
    q->count++;
}

struct pg_group *pg_queue_pop(struct pg_queue *q)
{
    struct pg_group *g = q->first;
    if (!g)
        return NULL;
    q->first = g->next;
    if (!q->first)
        q->last = NULL;
    g->next = NULL;
    q->count--;
    return g;
}

bool pg_queue_remove(struct pg_queue *q, struct pg_group *g)
{
    struct pg_group *before = NULL;
    for (struct pg_group *at = q->first; at; before = at, at = at->next) {
        if (at != g)
            continue;
        if (before)
            before->next = g->next;
        else
            q->first = g->next;
        if (q->last == g)
            q->last = before;
        g->next = NULL;
        q->count--;
        return true;
    }
    return false;
}

struct pg_group *pg_queue_find(const struct pg_queue *q, uint64_t op_id)
{
    for (struct pg_group *g = q->first; g; g = g->next)
        if (g->op_id == op_id)
            return g;
    return NULL;
}

void pg_queue_free(struct pg_queue *q)
{
    for (struct pg_group *g; (g = pg_queue_pop(q));)
        pg_group_free(g);
}

/* ---- making ---- */

struct pg_group *pg_group_new(struct pg *pg)
{
    assert(pg->magic == PG_MAGIC);
    struct pg_group *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->pg = pg;
    g->arena = arena_new(PG_GROUP_BYTES_MAX);
    if (!g->arena)
        abort();
    return g;
}

void pg_group_free(struct pg_group *group)
{
    if (!group)
        return;
    pg_answer_done(&group->answer);
    arena_free(group->arena);
    free(group->calls);
    free(group);
}

int pg_group_count(const struct pg_group *group)
{
    return group->count;
}

static int copy_value(struct pg_group *g, struct pg_call *c, int i, const struct pg_value *v,
    struct error *err)
{
    c->formats[i] = v->binary ? 1 : 0;
    if (!v->data)
        return 0;
    if (v->bytes < 0)
        return error_set(err, ERROR_LIMIT, "value $%d is too large", i + 1);
    if (!v->binary && memchr(v->data, '\0', (size_t)v->bytes))
        return error_set(err, ERROR_INPUT, "value $%d is text with a NUL byte in it", i + 1);
    c->lengths[i] = v->bytes;
    c->data[i] = arena_strndup(g->arena, v->data, (size_t)v->bytes);
    if (!c->data[i])
        return error_set(err, ERROR_LIMIT, "the values of one group pass %d bytes", PG_GROUP_BYTES_MAX);
    return 0;
}

static int copy_call(struct pg_group *g, const char *statement, const struct pg_value *values, int count,
    struct error *err)
{
    int index = pg_statement_find(g->pg, statement);
    if (index < 0)
        return error_set(err, ERROR_CONFIG, "there is no such statement");
    if (count < 0 || count > PG_VALUES_MAX)
        return error_set(err, ERROR_LIMIT, "%d values, at most %d", count, PG_VALUES_MAX);
    if (g->count == PG_STATEMENTS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d statements in one group", PG_STATEMENTS_MAX);
    if (g->count == g->room) {
        int room = g->room ? g->room * 2 : 4;
        struct pg_call *grown = realloc(g->calls, (size_t)room * sizeof *grown);
        if (!grown)
            return error_set(err, ERROR_LIMIT, "no memory");
        g->calls = grown;
        g->room = room;
    }
    struct pg_call c = {.statement = index, .count = count};
    if (count > 0) {
        c.data = arena_alloc(g->arena, (size_t)count * sizeof *c.data);
        c.lengths = arena_alloc(g->arena, (size_t)count * sizeof *c.lengths);
        c.formats = arena_alloc(g->arena, (size_t)count * sizeof *c.formats);
        if (!c.data || !c.lengths || !c.formats)
            return error_set(err, ERROR_LIMIT, "no memory");
    }
    for (int i = 0; i < count; i++)
        if (copy_value(g, &c, i, &values[i], err) < 0)
            return -1;
    g->calls[g->count++] = c;
    return 0;
}

int pg_group_add(struct pg_group *group, const char *statement, const struct pg_value *values, int count,
    struct error *err)
{
    struct error why = {0};
    if (copy_call(group, statement, values, count, &why) == 0)
        return 0;
    error_wrap(&why, "statement '%s'", statement);
    if (!group->failed)
        group->err = why;
    group->failed = true;
    if (err)
        *err = why;
    return -1;
}

/* ---- sending ---- */

static uint64_t queue_group(struct pg_group *g, unsigned timeout_ms, pg_done *done, void *owner)
{
    struct pg *pg = g->pg;
    assert(pg->magic == PG_MAGIC && !pg->gone);
    assert(g->op_id == 0 && done);
    uint64_t op_id = ++pg->last_op_id;
    g->op_id = op_id;
    g->done = done;
    g->owner = owner;
    g->timeout_ms = timeout_ms;
    if (!g->failed && g->count == 0 && !g->script) {
        g->failed = true;
        error_set(&g->err, ERROR_INPUT, "a group without statements");
    }
    if (!g->failed && pg->waiting.count >= pg->settings.waiting_max) {
        g->failed = true;
        error_set(&g->err, ERROR_LIMIT, "%u groups wait for the database already", pg->waiting.count);
    }
    if (g->failed) {
        pg->lane.unsent++;
        pg_finish(pg, g, NULL);
        return op_id;
    }
    pg_queue_push(&pg->waiting, g);
    if (timeout_ms > 0) {
        g->deadline_mono_ms = clock_mono_ms() + timeout_ms;
        pg_due(pg, g->deadline_mono_ms);
    }
    pg_soon(pg);
    return op_id;
}

uint64_t pg_group_send(struct pg_group *group, unsigned timeout_ms, pg_done *done, void *owner)
{
    return queue_group(group, timeout_ms ? timeout_ms : group->pg->settings.answer_timeout_ms, done, owner);
}

uint64_t pg_query(struct pg *pg, const char *statement, const struct pg_value *values, int count,
    unsigned timeout_ms, pg_done *done, void *owner)
{
    struct pg_group *g = pg_group_new(pg);
    (void)pg_group_add(g, statement, values, count, NULL); /* a failure sticks and is told by done */
    return pg_group_send(g, timeout_ms, done, owner);
}

uint64_t pg_script(struct pg *pg, const char *sql, unsigned timeout_ms, pg_done *done, void *owner)
{
    struct pg_group *g = pg_group_new(pg);
    g->script = arena_strdup(g->arena, sql);
    if (!g->script) {
        g->failed = true;
        error_set(&g->err, ERROR_LIMIT, "the script passes %d bytes", PG_GROUP_BYTES_MAX);
    }
    return queue_group(g, timeout_ms, done, owner);
}

void pg_forget(struct pg *pg, uint64_t op_id)
{
    assert(pg->magic == PG_MAGIC);
    struct pg_group *g = pg_queue_find(&pg->waiting, op_id);
    if (g) {
        (void)pg_queue_remove(&pg->waiting, g);
        pg_group_free(g);
        pg->lane.unsent++;
        return;
    }
    if (pg->conn)
        g = pg_queue_find(&pg->conn->sent, op_id);
    if (!g)
        g = pg_queue_find(&pg->finished, op_id);
    if (g)
        g->done = NULL;
}

void pg_finish(struct pg *pg, struct pg_group *g, const struct error *err)
{
    if (!g->failed && err) {
        g->failed = true;
        g->err = *err;
    }
    pg_queue_push(&pg->finished, g);
    pg_soon(pg);
}
