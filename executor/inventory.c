/* SPDX-License-Identifier: MIT
 * Building an inventory from its files. The keys are in inventory_schema.c, the look-up in
 * inventory_names.c. */
#include "executor/inventory_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

struct loader {
    struct inventory *inv;      /* borrowed */
    struct diag *diag;          /* borrowed */
    struct arena *scratch;      /* owned; the file's nodes, freed after each file */
    const char *file;           /* inv's arena */
    struct inventory_host base; /* the customer's defaults in this file; texts are the scratch's */
    int customer;
};

static int no_memory(const struct loader *l, const struct yaml_node *node)
{
    yaml_error(l->diag, node, "", "this inventory needs more memory than it may have");
    return -1;
}

/* ---- checks beyond the table ---- */

static bool absolute(const struct loader *l, const struct yaml_node *map, const char *key)
{
    const struct yaml_node *n = yaml_get(map, key);
    if (!n || n->kind != YAML_TEXT)
        return true; /* absent, or told already */
    if (n->text[0] == '/' && !strstr(n->text, "/../"))
        return true;
    yaml_error(l->diag, n, NULL,
        "%s must be an absolute path: this file is also read on other nodes", key);
    return false;
}

static bool host_name_like(const struct loader *l, const struct yaml_node *map, const char *key)
{
    const struct yaml_node *n = yaml_get(map, key);
    if (!n || n->kind != YAML_TEXT)
        return true; /* absent, or told already */
    size_t good =
        strspn(n->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_%-");
    if (n->text[good] == '\0' && n->text[0] != '-')
        return true;
    yaml_error(l->diag, n, NULL, "\"%s\" is no IP address and no host name", n->text);
    return false;
}

/* Names that people and alerts use: any letters, nothing that could be taken for an option or a
 * list. */
static bool is_name(const char *text, size_t bytes)
{
    int32_t point;
    if (bytes == 0 || bytes > 253 || text[0] == '-' || text[0] == '.')
        return false;
    for (size_t at = 0; at < bytes;) {
        at += text_next(text + at, bytes - at, &point);
        bool punctuation = point < 0x80 && !strchr("._-:@", point) &&
                           !(point >= '0' && point <= '9') &&
                           !((point | 32) >= 'a' && (point | 32) <= 'z');
        if (point <= 0x20 || punctuation || (point >= 0x7F && point <= 0xA0) ||
            text_point_width(point) == 0)
            return false;
    }
    return true;
}

static bool names_good(
    const struct loader *l, const struct yaml_node *map, const char *key, bool keys)
{
    const struct yaml_node *list = yaml_get(map, key);
    bool good = true;
    for (const struct yaml_node *n = list ? list->first : NULL; n; n = n->next) {
        const struct yaml_node *word = keys ? n->key : n;
        if (!word || !word->text || is_name(word->text, word->bytes))
            continue; /* what is no text is told already */
        yaml_error(l->diag, word, NULL,
            "\"%s\" cannot be used in %s: letters, digits and . _ - : @ only", word->text, key);
        good = false;
    }
    return good;
}

static int check_shared(const struct loader *l, const struct yaml_node *map)
{
    bool good = absolute(l, map, "key");
    good = absolute(l, map, "passphrase_file") && good;
    good = absolute(l, map, "folder") && good;
    good = names_good(l, map, "groups", false) && good;
    good = names_good(l, map, "variables", true) && good;
    return good ? 0 : -1;
}

static int check_host(
    const struct loader *l, const struct yaml_node *map, const struct inventory_host *h)
{
    int rc = check_shared(l, map);
    if (!host_name_like(l, map, "address") || !host_name_like(l, map, "known_as") ||
        !names_good(l, map, "aliases", false))
        rc = -1;
    if (!is_name(map->key->text, map->key->bytes)) {
        yaml_error(l->diag, map->key, NULL,
            "\"%s\" cannot be a host's name: letters, digits and . _ - : @ only", map->key->text);
        rc = -1;
    }
    if (!h->user && !yaml_get(map, "user")) {
        yaml_error(l->diag, map->key, NULL,
            "host \"%s\" has no user, here or in the customer's defaults", h->name);
        rc = -1;
    }
    if (!h->key && h->transport == INVENTORY_LIBSSH2 && !yaml_get(map, "key")) {
        yaml_error(l->diag, map->key, NULL,
            "host \"%s\" has no key, here or in the customer's defaults; only "
            "transport: openssh can do without",
            h->name);
        rc = -1;
    }
    return rc;
}

/* ---- copying a host out of the file's nodes ---- */

static int keep_texts(struct arena *a, struct schema_texts *own, const struct schema_texts *base)
{
    int count = own->count + base->count;
    const char **items = arena_alloc(a, ((size_t)count + 1) * sizeof *items);
    if (!items)
        return -1;
    for (int i = 0; i < count; i++) {
        items[i] = arena_strdup(a, i < base->count ? base->items[i] : own->items[i - base->count]);
        if (!items[i])
            return -1;
    }
    *own = (struct schema_texts){items, count};
    return 0;
}

static int keep_pairs(struct arena *a, struct schema_pairs *own, const struct schema_pairs *base)
{
    int count = own->count + base->count;
    struct schema_pair *items = arena_alloc(a, (size_t)count * sizeof *items + 1);
    if (!items)
        return -1;
    for (int i = 0; i < count; i++) {
        const struct schema_pair *from =
            i < base->count ? &base->items[i] : &own->items[i - base->count];
        items[i].name = arena_strdup(a, from->name);
        items[i].text = arena_strdup(a, from->text);
        if (!items[i].name || !items[i].text)
            return -1;
    }
    *own = (struct schema_pairs){items, count};
    return 0;
}

static int keep_text(struct arena *a, const char **text)
{
    if (!*text)
        return 0;
    *text = arena_strdup(a, *text);
    return *text ? 0 : -1;
}

/* Groups and variables are the defaults' and the host's own; all else is the host's, else the
 * defaults'. */
static int keep_host(struct arena *a, struct inventory_host *h, const struct inventory_host *base)
{
    const char **const texts[] = {&h->name, &h->address, &h->user, &h->key, &h->passphrase_file,
        &h->known_as, &h->region, &h->machine, &h->folder};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (keep_text(a, texts[i]) < 0)
            return -1;
    struct schema_texts none = {0};
    if (keep_texts(a, &h->aliases, &none) < 0 || keep_texts(a, &h->groups, &base->groups) < 0)
        return -1;
    return keep_pairs(a, &h->variables, &base->variables);
}

/* ---- names ---- */

/* Whether two entries with one address are meant: they differ in port or user, or say which
 * machines they are. */
static bool may_share_address(const struct inventory_host *a, const struct inventory_host *b)
{
    return a->port != b->port || strcmp(a->user, b->user) != 0 || (a->machine && b->machine);
}

static int add_name(
    const struct loader *l, const struct yaml_node *at, int host, const char *text, const char *as)
{
    struct inventory_name *taken = NULL;
    if (inventory_name_add(l->inv, l->customer, host, text, as, &taken) < 0)
        return no_memory(l, at);
    if (!taken)
        return 0;
    const struct inventory_host *other = &l->inv->hosts[taken->host];
    bool addresses = strcmp(as, "address") == 0 && strcmp(taken->as, "address") == 0;
    if (addresses && may_share_address(other, &l->inv->hosts[host])) {
        taken->many = true;
        return 0;
    }
    yaml_error(l->diag, at, NULL,
        "%s \"%s\" is already the %s of host \"%s\" of \"%s\" (%s:%d:%d)%s", as, text, taken->as,
        other->name, other->customer, other->file, other->line, other->column,
        addresses ? "; if both are meant, give each its machine" : "");
    return -1;
}

static int add_names(const struct loader *l, const struct yaml_node *node, int index)
{
    const struct inventory_host *h = &l->inv->hosts[index];
    int rc = add_name(l, node->key, index, h->name, "name");
    const struct yaml_node *aliases = yaml_get(node, "aliases");
    for (const struct yaml_node *n = aliases ? aliases->first : NULL; n; n = n->next)
        if (add_name(l, n, index, n->text, "alias") < 0)
            rc = -1;
    if (add_name(l, yaml_get(node, "address"), index, h->address, "address") < 0)
        rc = -1;
    return rc;
}

/* ---- hosts, customers, files ---- */

static void *room_for(void *array, int count, int *room, size_t size)
{
    if (count < *room)
        return array;
    int more = *room ? 2 * *room : 64;
    void *grown = realloc(array, (size_t)more * size);
    if (grown)
        *room = more;
    return grown;
}

static int load_host(struct loader *l, const struct yaml_node *node, const struct schema_reader *r)
{
    struct inventory *inv = l->inv;
    struct inventory_host h = l->base;
    h.groups = (struct schema_texts){0};
    h.variables = (struct schema_pairs){0};
    h.name = node->key->text;
    h.customer = inv->customers[l->customer];
    h.file = l->file;
    h.line = node->key->line;
    h.column = node->key->column;
    if (schema_read(&inventory_host_schema, node, &h, r) < 0 || check_host(l, node, &h) < 0)
        return -1;
    if (inv->hosts_count == INVENTORY_HOSTS_MAX) {
        yaml_error(l->diag, node->key, "", "more than %d hosts", INVENTORY_HOSTS_MAX);
        return -1;
    }
    struct inventory_host *hosts =
        room_for(inv->hosts, inv->hosts_count, &inv->hosts_room, sizeof h);
    if (!hosts)
        return no_memory(l, node);
    inv->hosts = hosts;
    if (keep_host(inv->arena, &h, &l->base) < 0)
        return no_memory(l, node);
    hosts[inv->hosts_count++] = h;
    return add_names(l, node, inv->hosts_count - 1);
}

static int load_defaults(
    struct loader *l, const struct yaml_node *customer, const struct schema_reader *r)
{
    l->base = (struct inventory_host){0};
    if (schema_defaults(&inventory_defaults_schema, &l->base, r) < 0)
        return -1;
    const struct yaml_node *node = yaml_get(customer, "defaults");
    if (!node)
        return 0;
    int rc = schema_read(&inventory_defaults_schema, node, &l->base, r);
    return check_shared(l, node) < 0 ? -1 : rc;
}

static int customer_of(struct loader *l, const struct yaml_node *node)
{
    struct inventory *inv = l->inv;
    if (!is_name(node->key->text, node->key->bytes)) {
        yaml_error(l->diag, node->key, NULL,
            "\"%s\" cannot be a customer's name: letters, digits and . _ - : @ only",
            node->key->text);
        return -1;
    }
    l->customer = inventory_customer_index(inv, node->key->text);
    if (l->customer >= 0 && strcmp(inv->customers[l->customer], node->key->text) != 0) {
        yaml_error(l->diag, node->key, NULL,
            "customer \"%s\" is written \"%s\" elsewhere; write it the same everywhere",
            node->key->text, inv->customers[l->customer]);
        return -1;
    }
    if (l->customer >= 0)
        return 0;
    const char **more =
        room_for(inv->customers, inv->customers_count, &inv->customers_room, sizeof *more);
    if (!more)
        return no_memory(l, node);
    inv->customers = more;
    more[inv->customers_count] = arena_strdup(inv->arena, node->key->text);
    if (!more[inv->customers_count])
        return no_memory(l, node);
    l->customer = inv->customers_count++;
    struct inventory_name *taken;
    return inventory_name_add(
               inv, INVENTORY_CUSTOMERS, l->customer, more[l->customer], "customer", &taken) < 0
               ? no_memory(l, node)
               : 0;
}

static int load_customer(
    struct loader *l, const struct yaml_node *node, const struct schema_reader *r)
{
    if (customer_of(l, node) < 0 || schema_read(&inventory_customer_schema, node, NULL, r) < 0)
        return -1;
    int rc = load_defaults(l, node, r);
    const struct yaml_node *hosts = yaml_get(node, "hosts");
    if (hosts && hosts->kind != YAML_MAP) {
        yaml_error(l->diag, hosts, NULL, "hosts wants a map of names to hosts, not %s",
            yaml_kind_name(hosts->kind));
        return -1;
    }
    for (const struct yaml_node *n = hosts ? hosts->first : NULL; n; n = n->next)
        if (load_host(l, n, r) < 0)
            rc = -1;
    return rc;
}

static int load_tree(struct loader *l, const struct yaml_node *root)
{
    struct schema_reader r = {.arena = l->scratch, .diag = l->diag, .folder = ""};
    if (schema_read(&inventory_schema, root, NULL, &r) < 0)
        return -1;
    const struct yaml_node *customers = yaml_get(root, "customers");
    if (customers && customers->kind != YAML_MAP) {
        yaml_error(l->diag, customers, NULL, "customers wants a map of names to customers, not %s",
            yaml_kind_name(customers->kind));
        return -1;
    }
    int rc = 0;
    for (const struct yaml_node *n = customers ? customers->first : NULL; n; n = n->next)
        if (load_customer(l, n, &r) < 0)
            rc = -1;
    return rc;
}

static void load_file(struct loader *l, const struct pack_file *f)
{
    l->scratch = arena_new(INVENTORY_ARENA_BYTES_MAX);
    l->file = arena_strdup(l->inv->arena, pack_shown(f));
    if (!l->scratch || !l->file) {
        diag_add(l->diag, DIAG_ERROR, pack_shown(f), 0, 0, "", "out of memory");
    } else {
        const struct yaml_node *root = yaml_parse(l->scratch, pack_shown(f), f->data, f->bytes,
            INVENTORY_BYTES_MAX, INVENTORY_NODES_MAX, l->diag);
        if (root)
            (void)load_tree(l, root); /* what is wrong is in the diag, which decides */
    }
    arena_free(l->scratch);
    l->scratch = NULL;
}

static int keep_packed(struct inventory *inv, const struct pack *files, struct error *err)
{
    struct buf whole;
    buf_init(&whole, 2 * (size_t)INVENTORY_BYTES_MAX);
    if (pack_write(files, &whole, err) < 0) {
        buf_done(&whole);
        return -1;
    }
    id_sha256(buf_text(&whole), whole.bytes, inv->hash);
    inv->packed = buf_take(&whole, &inv->packed_bytes);
    buf_done(&whole);
    return inv->packed ? 0 : error_set(err, ERROR_LIMIT, "out of memory for the inventory's files");
}

struct inventory *inventory_parse(const struct pack *files, struct diag *d)
{
    int errors = diag_errors(d);
    struct error err = {0};
    struct inventory *inv = calloc(1, sizeof *inv);
    if (inv)
        inv->holders = 1;
    if (inv)
        inv->arena = arena_new(INVENTORY_ARENA_BYTES_MAX);
    if (!inv || !inv->arena || keep_packed(inv, files, &err) < 0) {
        diag_add(
            d, DIAG_ERROR, "inventory", 0, 0, "", "%s", err.text[0] ? err.text : "out of memory");
        inventory_unref(inv);
        return NULL;
    }
    struct loader l = {.inv = inv, .diag = d};
    for (int i = 0; i < pack_count(files); i++)
        load_file(&l, pack_at(files, i));
    if (diag_errors(d) == errors)
        return inv;
    inventory_unref(inv);
    return NULL;
}

/* Several paths must not clash by the names of their files: each has its last part in front. */
static int read_path(struct pack *files, const char *path, bool only, struct error *err)
{
    char prefix[256] = "";
    const char *slash = strrchr(path, '/');
    if (!only)
        (void)snprintf(prefix, sizeof prefix, "%.250s/",
            slash && slash[1] ? slash + 1 : path); /* cut: still a name */
    return pack_read(files, path, ".yaml", prefix, err);
}

struct inventory *inventory_load(const char *const *paths, struct diag *d)
{
    struct pack *files = pack_new(INVENTORY_BYTES_MAX);
    struct inventory *inv = NULL;
    int rc = files ? 0 : -1;
    if (!files)
        diag_add(d, DIAG_ERROR, "inventory", 0, 0, "", "out of memory");
    for (int i = 0; rc == 0 && paths[i]; i++) {
        struct error err = {0};
        rc = read_path(files, paths[i], paths[1] == NULL, &err);
        if (rc < 0)
            diag_add(d, DIAG_ERROR, paths[i], 0, 0, "", "%s", err.text);
    }
    if (rc == 0)
        inv = inventory_parse(files, d);
    pack_free(files);
    return inv;
}

struct inventory *inventory_ref(struct inventory *inv)
{
    inv->holders++;
    return inv;
}

void inventory_unref(struct inventory *inv)
{
    if (!inv || --inv->holders > 0)
        return;
    arena_free(inv->arena);
    free(inv->packed);
    free(inv->hosts);
    free(inv->customers);
    free(inv->names);
    free(inv);
}

int inventory_pack(const struct inventory *inv, struct buf *out, struct error *err)
{
    if (buf_add(out, inv->packed, inv->packed_bytes) < 0)
        return error_set(
            err, ERROR_LIMIT, "the inventory does not fit in %zu bytes", out->bytes_max);
    return 0;
}

struct inventory *inventory_unpack(const void *data, size_t bytes, struct error *err)
{
    struct pack *files = pack_parse(data, bytes, INVENTORY_BYTES_MAX, err);
    struct diag *d = files ? diag_new() : NULL;
    struct inventory *inv = d ? inventory_parse(files, d) : NULL;
    if (files && !inv) {
        if (!d || diag_error(d, err) == 0)
            error_set(err, ERROR_LIMIT, "out of memory for an inventory");
        else if (err && err->kind == ERROR_CONFIG)
            err->kind = ERROR_INPUT;
    }
    diag_free(d);
    pack_free(files);
    return inv;
}
