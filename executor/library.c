/* SPDX-License-Identifier: MIT
 * Sets by content hash. */
#include "executor/library.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"
#include "lib/store/version.h"

#define STORE_AGAIN_MS 2000

/* One search: first the scenarios, then the inventory, each from memory or from the database. */
struct search {
    struct library *library; /* borrowed */
    uint64_t id;
    char scenarios_hash[ID_SHA256_BYTES], inventory_hash[ID_SHA256_BYTES];
    struct scenario_set *scenarios; /* counted */
    struct inventory *inventory;    /* counted */
    library_found *done;
    void *owner; /* borrowed */
    uint64_t op;
    struct error err;
    struct search *next; /* owned */
};

/* A set that is not the node's own any more, or never was, kept for the runs that name it. */
struct shelf {
    struct scenario_set *scenarios; /* counted; one of the two */
    struct inventory *inventory;    /* counted */
};

struct library {
    struct loop *loop;   /* borrowed */
    struct store *store; /* borrowed */
    struct scenario_set_options options;
    const struct log_ctx *log;      /* borrowed */
    struct scenario_set *scenarios; /* counted */
    struct inventory *inventory;    /* counted */
    struct shelf shelves[LIBRARY_SHELVES];
    int newest; /* the shelf filled last */
    struct loop_timer *again; /* owned */
    uint64_t store_op;
    int stored; /* 0 none, 1 scenarios, 2 both */
    struct search *searches; /* owned */
    uint64_t last_id;
};

static void store_own(void *owner);

struct library *library_new(struct loop *loop, struct store *store, const struct scenario_set_options *options,
    const struct log_ctx *log)
{
    struct library *l = calloc(1, sizeof *l);
    if (!l)
        abort(); /* one at start-up */
    *l = (struct library){.loop = loop, .store = store, .log = log};
    if (options)
        l->options = *options;
    l->again = loop_timer_new(loop, store_own, l);
    return l;
}

static void search_free(struct search *s)
{
    if (s->op)
        pg_forget(store_lane(s->library->store, LANE_WORK), s->op);
    loop_soon_cancel(s->library->loop, s);
    scenario_set_free(s->scenarios);
    inventory_unref(s->inventory);
    free(s);
}

void library_free(struct library *l)
{
    if (!l)
        return;
    while (l->searches) {
        struct search *s = l->searches;
        l->searches = s->next;
        search_free(s);
    }
    if (l->store_op)
        pg_forget(store_lane(l->store, LANE_WORK), l->store_op);
    scenario_set_free(l->scenarios);
    inventory_unref(l->inventory);
    for (int i = 0; i < LIBRARY_SHELVES; i++) {
        scenario_set_free(l->shelves[i].scenarios);
        inventory_unref(l->shelves[i].inventory);
    }
    loop_timer_free(l->again);
    free(l);
}

/* --- the node's own ----------------------------------------------------------------------------------------------- */

static void shelve(struct library *l, struct scenario_set *scenarios, struct inventory *inventory)
{
    if (!scenarios && !inventory)
        return;
    l->newest = (l->newest + 1) % LIBRARY_SHELVES;
    struct shelf *s = &l->shelves[l->newest];
    scenario_set_free(s->scenarios);
    inventory_unref(s->inventory);
    *s = (struct shelf){scenarios, inventory};
}

void library_load(struct library *l, struct scenario_set *scenarios, struct inventory *inventory)
{
    shelve(l, l->scenarios, NULL);
    shelve(l, NULL, l->inventory);
    l->scenarios = scenarios;
    l->inventory = inventory;
    l->stored = 0;
    if (l->store_op) /* what is on its way is the old set: it must not count for the new one */
        pg_forget(store_lane(l->store, LANE_WORK), l->store_op);
    l->store_op = 0;
    loop_timer_start(l->again, 0, 0);
}

struct scenario_set *library_scenarios(const struct library *l)
{
    return l->scenarios;
}

struct inventory *library_inventory(const struct library *l)
{
    return l->inventory;
}

bool library_serves(const struct library *l)
{
    return l->scenarios && scenario_set_count(l->scenarios) > 0 && l->inventory;
}

bool library_stored(const struct library *l)
{
    return l->stored == 2;
}

static void on_stored(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct library *l = owner;
    l->store_op = 0;
    (void)answer;
    if (err) {
        log_failure(LOG_WARNING, l->log, "a scenario or inventory set could not be stored yet", err);
        loop_timer_start(l->again, STORE_AGAIN_MS, 0);
        return;
    }
    l->stored++;
    store_own(l);
}

static void store_content(struct library *l, const char *kind, const char *hash)
{
    struct buf content;
    buf_init(&content, LIBRARY_SET_BYTES_MAX);
    struct error err = {0};
    int rc = l->stored == 0 ? scenario_set_pack(l->scenarios, &content, &err) : inventory_pack(l->inventory, &content, &err);
    if (rc == 0)
        l->store_op = version_store(l->store, kind, hash, buf_text(&content), content.bytes, on_stored, l);
    else
        log_failure(LOG_ERROR, l->log, "a set cannot be stored", &err);
    buf_done(&content);
}

static void on_known(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct library *l = owner;
    if (err || pg_rows(answer, 0) > 0) {
        on_stored(owner, answer, err);
        return;
    }
    l->store_op = 0;
    if (l->stored == 0)
        store_content(l, VERSION_SCENARIOS, scenario_set_hash(l->scenarios));
    else
        store_content(l, VERSION_INVENTORY, inventory_hash(l->inventory));
}

static void store_own(void *owner)
{
    struct library *l = owner;
    if (l->store_op || l->stored == 2)
        return;
    if (l->stored == 0 && l->scenarios)
        l->store_op = version_known(l->store, VERSION_SCENARIOS, scenario_set_hash(l->scenarios), on_known, l);
    else if (l->stored == 1 && l->inventory)
        l->store_op = version_known(l->store, VERSION_INVENTORY, inventory_hash(l->inventory), on_known, l);
}

/* --- finding ------------------------------------------------------------------------------------------------------ */

static void search_step(struct search *s);

static void search_end(void *owner)
{
    struct search *s = owner;
    for (struct search **at = &s->library->searches; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    bool failed = s->err.kind != ERROR_NONE;
    library_found *done = s->done;
    if (failed)
        done(s->owner, NULL, NULL, &s->err);
    else
        done(s->owner, scenario_set_hold(s->scenarios), inventory_ref(s->inventory), NULL);
    s->op = 0;
    search_free(s);
}

static void look_in_memory(struct search *s)
{
    const struct library *l = s->library;
    if (!s->scenarios && l->scenarios && strcmp(scenario_set_hash(l->scenarios), s->scenarios_hash) == 0)
        s->scenarios = scenario_set_hold(l->scenarios);
    if (!s->inventory && l->inventory && strcmp(inventory_hash(l->inventory), s->inventory_hash) == 0)
        s->inventory = inventory_ref(l->inventory);
    for (int i = 0; i < LIBRARY_SHELVES; i++) {
        const struct shelf *f = &l->shelves[i];
        if (!s->scenarios && f->scenarios && strcmp(scenario_set_hash(f->scenarios), s->scenarios_hash) == 0)
            s->scenarios = scenario_set_hold(f->scenarios);
        if (!s->inventory && f->inventory && strcmp(inventory_hash(f->inventory), s->inventory_hash) == 0)
            s->inventory = inventory_ref(f->inventory);
    }
}

static void unpack(struct search *s, const struct buf *content)
{
    if (!s->scenarios) {
        s->scenarios = scenario_set_unpack(buf_text(content), content->bytes, &s->library->options, &s->err);
        if (s->scenarios)
            shelve(s->library, scenario_set_hold(s->scenarios), NULL);
    } else {
        s->inventory = inventory_unpack(buf_text(content), content->bytes, &s->err);
        if (s->inventory)
            shelve(s->library, NULL, inventory_ref(s->inventory));
    }
}

static void on_read(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct search *s = owner;
    s->op = 0;
    if (err) {
        s->err = *err;
        search_end(s);
        return;
    }
    struct buf content;
    buf_init(&content, LIBRARY_SET_BYTES_MAX);
    if (pg_rows(answer, 0) == 0)
        error_set(&s->err, ERROR_INPUT, "the database does not hold the %s set %.12s", s->scenarios ? "inventory" : "scenario",
            s->scenarios ? s->inventory_hash : s->scenarios_hash);
    else if (pg_blob(answer, 0, 0, 0, &content) < 0)
        error_set(&s->err, ERROR_LIMIT, "a stored set is too large");
    else
        unpack(s, &content);
    buf_done(&content);
    search_step(s);
}

static void search_step(struct search *s)
{
    look_in_memory(s);
    if (s->err.kind != ERROR_NONE || (s->scenarios && s->inventory))
        search_end(s);
    else if (!s->scenarios)
        s->op = version_read(s->library->store, VERSION_SCENARIOS, s->scenarios_hash, on_read, s);
    else
        s->op = version_read(s->library->store, VERSION_INVENTORY, s->inventory_hash, on_read, s);
}

static void search_begin(void *owner)
{
    search_step(owner);
}

uint64_t library_find(struct library *l, const char *scenarios_hash, const char *inventory_hash, library_found *done,
    void *owner)
{
    struct search *s = calloc(1, sizeof *s);
    if (!s)
        abort(); /* a few hundred bytes for a run that is held */
    *s = (struct search){.library = l, .id = ++l->last_id, .done = done, .owner = owner, .next = l->searches};
    memcpy(s->scenarios_hash, scenarios_hash, strnlen(scenarios_hash, sizeof s->scenarios_hash - 1));
    memcpy(s->inventory_hash, inventory_hash, strnlen(inventory_hash, sizeof s->inventory_hash - 1));
    l->searches = s;
    loop_soon(l->loop, search_begin, s);
    return s->id;
}

void library_forget(struct library *l, uint64_t id)
{
    for (struct search **at = &l->searches; *at; at = &(*at)->next)
        if ((*at)->id == id) {
            struct search *s = *at;
            *at = s->next;
            search_free(s);
            return;
        }
}
