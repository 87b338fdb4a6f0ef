/* SPDX-License-Identifier: MIT
 * Lanes and migrations. */
#include "lib/store/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/store/statements.h"
#include "lib/store/statistics.h"

extern const struct embedded sql_migrations[];
extern const int sql_migrations_count;
extern const struct embedded sql_scripts[];

struct store {
    struct pg *lanes[STORE_LANES]; /* owned */
    struct error trouble;          /* of the last lane that went down */
    struct statistics *statistics; /* owned */
};

static const char *const lane_names[] = {"renewal", "intake", "work", "delivery"};
_Static_assert(sizeof lane_names / sizeof lane_names[0] == STORE_LANES, "one name a lane");

static void on_state(void *owner, bool up, const char *primary, const struct error *why)
{
    struct store *s = owner;
    (void)primary;
    if (!up && why)
        s->trouble = *why;
}

static struct pg *open_lane(struct store *s, struct loop *loop, const struct store_settings *settings, const char *name,
    const struct embedded *statements, struct error *err)
{
    char application[96];
    (void)snprintf(application, sizeof application, "firstline %.40s %s", settings->application, name);
    struct pg_settings ps = {.conninfo = settings->conninfo, .application = application,
        .password_file = settings->password_file, .statements = statements,
        .connect_timeout_ms = settings->connect_timeout_ms, .answer_timeout_ms = settings->answer_timeout_ms,
        .parked_max = settings->parked_max};
    if (s) {
        ps.on_state = on_state;
        ps.state_owner = s;
    }
    return pg_new(loop, &ps, err);
}

struct store *store_new(struct loop *loop, const struct store_settings *settings, struct error *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, ERROR_LIMIT, "no memory for the database lanes");
        return NULL;
    }
    for (int i = 0; i < STORE_LANES; i++) {
        s->lanes[i] = open_lane(s, loop, settings, lane_names[i], store_statements(), err);
        if (!s->lanes[i]) {
            store_free(s);
            return NULL;
        }
    }
    s->statistics = statistics_new(loop, s, settings->log);
    return s;
}

void store_free(struct store *s)
{
    if (!s)
        return;
    statistics_free(s->statistics);
    for (int i = 0; i < STORE_LANES; i++)
        pg_free(s->lanes[i]);
    free(s);
}

struct pg *store_lane(struct store *s, enum store_lane lane)
{
    return s->lanes[lane];
}

struct pg *store_lane_new(struct loop *loop, const struct store_settings *settings, const char *name, struct error *err)
{
    return open_lane(NULL, loop, settings, name, store_statements(), err);
}

bool store_ready(const struct store *s)
{
    for (int i = 0; i < STORE_LANES; i++)
        if (!pg_ready(s->lanes[i]))
            return false;
    return true;
}

const char *store_trouble(const struct store *s)
{
    return store_ready(s) ? "" : s->trouble.text;
}

int store_schema_wanted(void)
{
    return sql_migrations_count;
}

/* --- migrations: each with its lock and check is one script, so one transaction ---------------------------------- */

#define SCRIPT_BYTES_MAX (4 * 1024 * 1024)
#define APPLIED_BEFORE "FL001"
#define DATABASE_NEWER "FL002"

struct migration {
    struct pg *lane; /* owned */
    store_migrated *done;
    void *owner; /* borrowed */
    int next;
    int applied;
};

static const char *script(const char *name)
{
    for (const struct embedded *e = sql_scripts; e->name; e++)
        if (strcmp(e->name, name) == 0)
            return e->text;
    abort(); /* it is part of the program */
}

/* Copies a script with @VERSION@ and @BODY@ put in. */
static void fill_script(struct buf *out, const char *template, int version, const char *body)
{
    for (const char *p = template; *p;) {
        if (strncmp(p, "@VERSION@", 9) == 0) {
            (void)buf_printf(out, "%d", version); /* a script that does not fit fails as a whole: `over` */
            p += 9;
        } else if (strncmp(p, "@BODY@", 6) == 0) {
            (void)buf_add_text(out, body);
            p += 6;
        } else {
            (void)buf_add_char(out, *p++);
        }
    }
}

static void migration_end(struct migration *m, const struct error *err)
{
    struct pg *lane = m->lane;
    m->done(m->owner, m->applied, err);
    free(m);
    pg_free(lane);
}

static void on_checked(void *owner, const struct pg_answer *answer, const struct error *err)
{
    (void)answer;
    struct migration *m = owner;
    struct error wrapped = err ? *err : (struct error){0};
    if (err && strcmp(err->sqlstate, DATABASE_NEWER) == 0) {
        wrapped.kind = ERROR_CONFIG;
        error_hint(&wrapped, "install the newer firstline; an older one must not write to this database");
    }
    migration_end(m, err ? &wrapped : NULL);
}

static void migration_step(struct migration *m);

static void on_migrated(void *owner, const struct pg_answer *answer, const struct error *err)
{
    (void)answer;
    struct migration *m = owner;
    if (err && strcmp(err->sqlstate, APPLIED_BEFORE) != 0) {
        struct error wrapped = *err;
        error_wrap(&wrapped, "migration %s", sql_migrations[m->next].name);
        migration_end(m, &wrapped);
        return;
    }
    if (!err)
        m->applied++;
    m->next++;
    migration_step(m);
}

static void migration_step(struct migration *m)
{
    struct buf text;
    buf_init(&text, SCRIPT_BYTES_MAX);
    if (m->next < sql_migrations_count) {
        fill_script(&text, script("migrate_one"), m->next + 1, sql_migrations[m->next].text);
        pg_script(m->lane, buf_text(&text), 0, on_migrated, m);
    } else {
        fill_script(&text, script("migrate_check"), sql_migrations_count, "");
        pg_script(m->lane, buf_text(&text), 0, on_checked, m);
    }
    assert(!text.over);
    buf_done(&text);
}

void store_migrate(struct loop *loop, const struct store_settings *settings, store_migrated *done, void *owner)
{
    struct error err = {0};
    struct migration *m = calloc(1, sizeof *m);
    if (!m)
        abort(); /* at start-up only */
    m->done = done;
    m->owner = owner;
    m->lane = open_lane(NULL, loop, settings, "migrate", NULL, &err);
    if (!m->lane)
        migration_end(m, &err);
    else
        migration_step(m);
}

/* --- the version that is there ------------------------------------------------------------------------------------ */

uint64_t store_read_schema(struct store *s, pg_done *done, void *owner)
{
    return pg_query(s->lanes[LANE_WORK], "migration_newest", NULL, 0, 0, done, owner);
}

int store_schema_found(const struct pg_answer *answer, const struct error *err)
{
    if (err) /* 42P01: there is no table of migrations yet */
        return strcmp(err->sqlstate, "42P01") == 0 ? 0 : -1;
    return (int)pg_int(answer, 0, 0, 0);
}
