/* SPDX-License-Identifier: MIT
 * Sets of scenarios: files in, one checked and ordered whole out. */
#include "executor/scenario_set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "executor/match_parts.h"
#include "executor/scenario_schema.h"
#include "lib/base/limits.h"
#include "lib/base/yaml.h"

#define ORDER_FILE "order.yaml"

struct scenario_set {
    int holders;
    struct arena *arena; /* owned */
    struct pack *pack;   /* owned; the files as they were */
    char hash[ID_SHA256_BYTES];
    const struct scenario **scenarios; /* arena; in order */
    int count;
    struct scenario **by_name; /* arena; sorted */
    struct matcher *matcher;   /* arena, and what matcher_free frees */
};

struct loader {
    struct scenario_set *set;
    struct diag *diag;       /* borrowed */
    const char *folder;      /* borrowed; put before the files' names in messages, "" for none */
    struct scenario **found; /* arena; in order of the files' names */
    int found_count;
    const struct pack_file *order; /* borrowed; NULL: there is none */
};

static void no_memory(struct loader *l)
{
    diag_add(
        l->diag, DIAG_ERROR, "", 0, 0, "", "there is no memory left for this set of scenarios");
}

/* "web/disk-full.yaml" -> "disk-full"; arena. */
static const char *stem_of(struct arena *a, const char *file)
{
    const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    const char *dot = strrchr(base, '.');
    return arena_strndup(a, base, dot ? (size_t)(dot - base) : strlen(base));
}

/* The name that people know the file by. */
static const char *shown(const struct loader *l, const struct pack_file *file)
{
    size_t n = strlen(l->folder);
    const char *name = n == 0 ? file->name
                              : arena_printf(l->set->arena, "%s%s%s", l->folder,
                                    l->folder[n - 1] == '/' ? "" : "/", file->name);
    return name ? name : file->name;
}

static void read_file(struct loader *l, const struct pack_file *file)
{
    struct arena *a = l->set->arena;
    struct yaml_node *root = yaml_parse(
        a, shown(l, file), file->data, file->bytes, YAML_BYTES_MAX, YAML_NODES_MAX, l->diag);
    const char *stem = stem_of(a, file->name);
    if (!root || !stem)
        return; /* told */
    struct scenario *s = scenario_parse(a, root, stem, l->diag);
    if (s)
        l->found[l->found_count++] = s;
}

static int copy_files(struct loader *l, const struct pack *from)
{
    struct error err = {0};
    for (int i = 0; i < pack_count(from); i++) {
        const struct pack_file *f = pack_at(from, i);
        if (pack_add(l->set->pack, f->name, f->data, f->bytes, &err) != 0) {
            diag_add(l->diag, DIAG_ERROR, f->name, 0, 0, "", "%s", err.text);
            return -1;
        }
    }
    if (pack_hash(l->set->pack, l->set->hash, &err) != 0) {
        diag_add(l->diag, DIAG_ERROR, "", 0, 0, "", "%s", err.text);
        return -1;
    }
    return 0;
}

static void read_files(struct loader *l)
{
    const struct pack *p = l->set->pack;
    if (pack_count(p) > SCENARIO_SET_MAX) {
        diag_add(l->diag, DIAG_ERROR, "", 0, 0, "", "%d files; a set may have at most %d",
            pack_count(p), SCENARIO_SET_MAX);
        return;
    }
    l->found = arena_alloc(l->set->arena, (size_t)pack_count(p) * sizeof(struct scenario *) + 1);
    if (!l->found) {
        no_memory(l);
        return;
    }
    for (int i = 0; i < pack_count(p); i++) {
        const struct pack_file *f = pack_at(p, i);
        if (strcmp(f->name, ORDER_FILE) == 0)
            l->order = f;
        else
            read_file(l, f);
    }
}

/* --- order
 * -------------------------------------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
    const struct scenario *const *x = a;
    const struct scenario *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void check_twice(struct loader *l)
{
    for (int i = 1; i < l->set->count; i++) {
        const struct scenario *a = l->set->by_name[i - 1], *b = l->set->by_name[i];
        if (strcmp(a->name, b->name) == 0)
            diag_add(l->diag, DIAG_ERROR, b->file, b->line, 1, "scenario",
                "the name \"%s\" is that of %s too", b->name, a->file);
    }
}

static struct scenario *find(const struct scenario_set *set, const char *name)
{
    struct scenario key = {.name = name};
    struct scenario *wanted = &key;
    struct scenario **hit = set->count > 0 ? bsearch(&wanted, set->by_name, (size_t)set->count,
                                                 sizeof *set->by_name, by_name)
                                           : NULL;
    return hit ? *hit : NULL;
}

static void unknown_name(struct loader *l, const struct yaml_node *item, const char *name)
{
    const char **names = calloc((size_t)l->set->count + 1, sizeof *names);
    for (int i = 0; names && i < l->set->count; i++)
        names[i] = l->set->by_name[i]->name;
    const char *near = names ? diag_nearest(name, names) : NULL;
    yaml_error(l->diag, item, NULL, "there is no scenario \"%s\"%s%s%s", name,
        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    free(names);
}

/* Puts the scenarios of order.yaml in their places. */
static void place(struct loader *l, const struct yaml_node *list, const struct raw_order *order)
{
    struct scenario_set *set = l->set;
    int next = 0;
    const struct yaml_node *item = list->first;
    for (int i = 0; i < order->order.count; i++, item = item->next) {
        const char *name = order->order.items[i];
        struct scenario *s = find(set, name);
        if (!s) {
            unknown_name(l, item, name);
        } else if (s->index >= 0) {
            yaml_error(l->diag, item, NULL, "\"%s\" stands here twice", name);
        } else {
            s->index = next;
            set->scenarios[next++] = s;
        }
    }
    for (int i = 0; i < l->found_count; i++)
        if (l->found[i]->index < 0)
            diag_add(l->diag, DIAG_ERROR, l->found[i]->file, l->found[i]->line, 1, "",
                "the scenario \"%s\" is missing in " ORDER_FILE
                ": nobody would know when it is asked",
                l->found[i]->name);
}

static void order_by_file(struct loader *l)
{
    struct arena *a = l->set->arena;
    struct yaml_node *root = yaml_parse(a, shown(l, l->order), l->order->data, l->order->bytes,
        YAML_BYTES_MAX, YAML_NODES_MAX, l->diag);
    struct raw_order order = {0};
    const struct schema_reader reader = {.arena = a, .diag = l->diag, .folder = ""};
    if (!root || schema_read(&order_schema, root, &order, &reader) != 0)
        return; /* told */
    const struct yaml_node *list = yaml_get(root, "order");
    if (!list || list->children != order.order.count)
        diag_add(l->diag, DIAG_ERROR, shown(l, l->order), 1, 1, "", "this file has no order");
    else
        place(l, list, &order);
}

static void order_by_name(struct loader *l)
{
    for (int i = 0; i < l->set->count; i++) {
        l->set->by_name[i]->index = i;
        l->set->scenarios[i] = l->set->by_name[i];
    }
}

static void put_in_order(struct loader *l)
{
    struct scenario_set *set = l->set;
    size_t bytes = (size_t)l->found_count * sizeof *set->scenarios + 1;
    set->scenarios = arena_alloc(set->arena, bytes);
    set->by_name = arena_alloc(set->arena, bytes);
    if (!set->scenarios || !set->by_name) {
        no_memory(l);
        return;
    }
    for (int i = 0; i < l->found_count; i++)
        set->by_name[i] = l->found[i];
    set->count = l->found_count;
    qsort(set->by_name, (size_t)set->count, sizeof *set->by_name, by_name);
    check_twice(l);
    if (l->order)
        order_by_file(l);
    else
        order_by_name(l);
}

/* --- keywords of two
 * --------------------------------------------------------------------------------------------- */

struct keyword {
    const char *folded; /* borrowed from the matcher */
    const struct scenario *scenario;
};

static int by_keyword(const void *a, const void *b)
{
    const struct keyword *x = a, *y = b;
    int order = strcmp(x->folded, y->folded);
    return order != 0 ? order : x->scenario->index - y->scenario->index;
}

/* Without order.yaml nobody has said which of two scenarios with one keyword is meant to go first.
 */
static void warn_same_keywords(struct loader *l)
{
    const struct matcher *m = l->set->matcher;
    size_t count = 0, n = 0;
    for (int i = 0; i < m->count; i++)
        count += (size_t)m->entries[i].keywords.count;
    struct keyword *all = calloc(count + 1, sizeof *all);
    if (!all) {
        no_memory(l);
        return;
    }
    for (int i = 0; i < m->count; i++)
        for (int k = 0; k < m->entries[i].keywords.count; k++)
            all[n++] = (struct keyword){m->entries[i].keywords.items[k], m->entries[i].scenario};
    qsort(all, n, sizeof *all, by_keyword);
    for (size_t i = 1; i < n; i++)
        if (strcmp(all[i].folded, all[i - 1].folded) == 0 && all[i].scenario != all[i - 1].scenario)
            diag_add(l->diag, DIAG_WARNING, all[i].scenario->file, all[i].scenario->line, 1,
                "match.keyword",
                "the keyword \"%s\" is also that of %s, which goes first by its name; say "
                "in " ORDER_FILE " which one is meant to",
                all[i].folded, all[i - 1].scenario->name);
    free(all);
}

/* --- the set
 * -----------------------------------------------------------------------------------------------------
 */

static struct scenario_set *set_new(void)
{
    struct scenario_set *set = calloc(1, sizeof *set);
    if (!set)
        return NULL;
    set->holders = 1;
    set->arena = arena_new(SCENARIO_SET_ARENA_MAX);
    set->pack = pack_new(SCENARIO_SET_BYTES_MAX);
    if (set->arena && set->pack)
        return set;
    scenario_set_free(set);
    return NULL;
}

static struct scenario_set *make_set(const struct pack *p, const char *folder,
    const struct scenario_set_options *options, struct diag *d)
{
    struct loader l = {.set = set_new(), .diag = d, .folder = folder};
    if (!l.set) {
        no_memory(&l);
        return NULL;
    }
    int errors = diag_errors(d);
    if (copy_files(&l, p) == 0)
        read_files(&l);
    if (diag_errors(d) == errors)
        put_in_order(&l);
    if (diag_errors(d) == errors)
        l.set->matcher = matcher_new(l.set->scenarios, l.set->count,
            options ? options->token_pattern : NULL, l.set->arena, d);
    if (diag_errors(d) == errors && !l.order)
        warn_same_keywords(&l);
    if (diag_errors(d) == errors)
        return l.set;
    scenario_set_free(l.set);
    return NULL;
}

struct scenario_set *scenario_set_from_pack(
    const struct pack *p, const struct scenario_set_options *options, struct diag *d)
{
    return make_set(p, "", options, d);
}

struct scenario_set *scenario_set_load(
    const char *folder, const struct scenario_set_options *options, struct diag *d)
{
    struct pack *p = pack_new(SCENARIO_SET_BYTES_MAX);
    struct error err = {0};
    struct scenario_set *set = NULL;
    if (!p)
        diag_add(d, DIAG_ERROR, folder, 0, 0, "", "there is no memory left to read it");
    else if (pack_read(p, folder, ".yaml", "", &err) != 0)
        diag_add(d, DIAG_ERROR, folder, 0, 0, "", "%s", err.text);
    else
        set = make_set(p, folder, options, d);
    pack_free(p);
    return set;
}

struct scenario_set *scenario_set_unpack(
    const void *data, size_t bytes, const struct scenario_set_options *options, struct error *err)
{
    struct pack *p = pack_parse(data, bytes, SCENARIO_SET_BYTES_MAX, err);
    if (!p)
        return NULL;
    struct diag *d = diag_new();
    struct scenario_set *set = NULL;
    if (!d) {
        (void)error_set(err, ERROR_LIMIT, "there is no memory left to read a set of scenarios");
    } else {
        set = scenario_set_from_pack(p, options, d);
        if (!set && diag_error(d, err) != 0 && err)
            err->kind = ERROR_INPUT;
    }
    diag_free(d);
    pack_free(p);
    return set;
}

int scenario_set_pack(const struct scenario_set *set, struct buf *out, struct error *err)
{
    return pack_write(set->pack, out, err);
}

struct scenario_set *scenario_set_hold(struct scenario_set *set)
{
    assert(set->holders > 0);
    set->holders++;
    return set;
}

void scenario_set_free(struct scenario_set *set)
{
    if (!set)
        return;
    assert(set->holders > 0);
    if (--set->holders > 0)
        return;
    matcher_free(set->matcher);
    arena_free(set->arena);
    pack_free(set->pack);
    free(set);
}

const char *scenario_set_hash(const struct scenario_set *set)
{
    return set->hash;
}

int scenario_set_count(const struct scenario_set *set)
{
    return set->count;
}

const struct scenario *scenario_set_at(const struct scenario_set *set, int index)
{
    return index >= 0 && index < set->count ? set->scenarios[index] : NULL;
}

const struct scenario *scenario_set_find(const struct scenario_set *set, const char *name)
{
    return find(set, name);
}

const struct matcher *scenario_set_matcher(const struct scenario_set *set)
{
    return set->matcher;
}
