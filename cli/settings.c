/* SPDX-License-Identifier: MIT
 * Reading the settings: defaults, file, environment, secrets. The keys are in settings_schema.c,
 * the rules between them in settings_check.c. */
#include "cli/settings_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/limits.h"

extern char **environ;

/* ---- places ---- */

const struct yaml_node *settings_node(const struct settings *s, const char *path)
{
    const struct yaml_node *at = s->root;
    while (at && *path) {
        char key[64];
        size_t n = strcspn(path, ".");
        (void)snprintf(key, sizeof key, "%.*s", (int)n, path); /* the table's names are short */
        const struct yaml_node *next = yaml_get(at, key);
        if (!next)
            break;
        at = next;
        path += n + (path[n] == '.');
    }
    return at;
}

const struct yaml_node *settings_entry(const struct settings *s, const char *list, int index)
{
    const struct yaml_node *n = s->root ? yaml_get(s->root, list) : NULL;
    for (n = n ? n->first : NULL; n && index > 0; index--)
        n = n->next;
    return n;
}

void settings_error(
    const struct settings *s, struct diag *d, const char *path, const char *format, ...)
{
    char message[DIAG_MESSAGE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args); /* what is longer is cut */
    va_end(args);
    const struct yaml_node *node = settings_node(s, path);
    if (node)
        yaml_error(d, node, path, "%s", message);
    else
        diag_add(d, DIAG_ERROR, "settings", 0, 0, path, "%s", message);
}

/* ---- secrets ---- */

static int secrets_of_account(struct settings_account *a, struct secret **out)
{
    int n = 0;
    if (a->token.path) {
        if (out)
            out[n] = &a->token;
        n++;
    }
    if (a->alarm_routing_key.path) {
        if (out)
            out[n] = &a->alarm_routing_key;
        n++;
    }
    struct settings_subscription *subscriptions = a->subscriptions.items;
    for (int i = 0; i < a->subscriptions.count; i++) {
        struct secret *secrets = subscriptions[i].secrets.items;
        for (int j = 0; j < subscriptions[i].secrets.count; j++, n++)
            if (out)
                out[n] = &secrets[j];
    }
    return n;
}

/* All secrets into out, or only counted when out is NULL. */
static int secrets_of(struct settings *s, struct secret **out)
{
    int n = 0;
    if (s->database.password.path) {
        if (out)
            out[n] = &s->database.password;
        n++;
    }
    struct settings_account *accounts = s->accounts.items;
    for (int i = 0; i < s->accounts.count; i++)
        n += secrets_of_account(&accounts[i], out ? out + n : NULL);
    return n;
}

int settings_list_secrets(struct settings *s)
{
    s->secrets_count = secrets_of(s, NULL);
    s->secrets = arena_alloc(s->arena, ((size_t)s->secrets_count + 1) * sizeof *s->secrets);
    if (!s->secrets) {
        s->secrets_count = 0;
        return -1;
    }
    (void)secrets_of(s, s->secrets); /* counted above */
    return 0;
}

void settings_read_secrets(struct settings *s, struct diag *d)
{
    const char *file = s->file[0] ? s->file : "settings";
    for (int i = 0; i < s->secrets_count; i++) {
        struct error err = {0};
        bool open_to_all = false;
        if (secret_read(s->secrets[i], s->wiped, &open_to_all, &err) < 0)
            diag_add(d, DIAG_ERROR, file, 0, 0, "", "%s", err.text);
        else if (open_to_all)
            diag_add(d, DIAG_WARNING, file, 0, 0, "",
                "everybody may read the secret's file %s; chmod o= it", s->secrets[i]->path);
    }
}

/* ---- making ---- */

static struct settings *settings_new(struct diag *d)
{
    struct settings *s = calloc(1, sizeof *s);
    if (s) {
        s->arena = arena_new(SETTINGS_ARENA_BYTES_MAX);
        s->wiped = arena_new_secret(SETTINGS_SECRETS_BYTES_MAX);
        s->file = "";
    }
    struct schema_reader r = {.arena = s ? s->arena : NULL, .diag = d, .folder = ""};
    if (s && s->arena && s->wiped && schema_defaults(&settings_schema, s, &r) == 0)
        return s;
    diag_add(d, DIAG_ERROR, "settings", 0, 0, "", "out of memory");
    settings_free(s);
    return NULL;
}

void settings_free(struct settings *s)
{
    if (!s)
        return;
    arena_free(s->arena);
    arena_free(s->wiped);
    free(s);
}

static void read_text(struct settings *s, const char *file, const char *text, size_t bytes,
    const char *folder, struct diag *d)
{
    s->file = arena_strdup(s->arena, file);
    if (!s->file)
        s->file = "";
    s->root = yaml_parse(s->arena, file, text, bytes, YAML_BYTES_MAX, YAML_NODES_MAX, d);
    struct schema_reader r = {.arena = s->arena, .diag = d, .folder = folder};
    (void)schema_read(
        &settings_schema, s->root, s, &r); /* what is wrong is in the diag, which decides */
}

/* The host's name as a node's name: what is not allowed in one becomes a dash. */
static void name_node(struct settings *s)
{
    char host[65] = "";
    if (s->node.name)
        return;
    if (gethostname(host, sizeof host - 1) < 0 || host[0] == '\0' || host[0] == '.' ||
        host[0] == '-')
        (void)snprintf(host, sizeof host, "node"); /* fits */
    for (char *c = host; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c))
            *c = '-';
    const char *name = arena_strdup(s->arena, host);
    s->node.name = name ? name : "node";
}

/* What comes after the file: NULL when there was an error. */
static struct settings *finish(struct settings *s, bool whole, int errors, struct diag *d)
{
    name_node(s);
    if (whole)
        settings_environment(s, environ, d);
    if (diag_errors(d) == errors)
        settings_check(s, d); /* rules between fields want fields that are right */
    if (settings_list_secrets(s) < 0)
        diag_add(d, DIAG_ERROR, "settings", 0, 0, "", "out of memory");
    if (whole)
        settings_read_secrets(s, d);
    if (diag_errors(d) == errors)
        return s;
    settings_free(s);
    return NULL;
}

struct settings *settings_parse(
    const char *file, const char *text, size_t bytes, const char *folder, struct diag *d)
{
    int errors = diag_errors(d);
    struct settings *s = settings_new(d);
    if (!s)
        return NULL;
    read_text(s, file, text, bytes, folder, d);
    return finish(s, false, errors, d);
}

/* The folder of a path; "" for the current one. */
static const char *folder_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return "";
    return slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

const char *settings_file_default(void)
{
    return access(SETTINGS_FILE_DEFAULT, F_OK) == 0 ? SETTINGS_FILE_DEFAULT : NULL;
}

struct settings *settings_load(const char *path, struct diag *d)
{
    int errors = diag_errors(d);
    struct settings *s = settings_new(d);
    if (!s)
        return NULL;
    path = path ? path : settings_file_default();
    if (path) {
        struct buf text;
        struct error err = {0};
        buf_init(&text, YAML_BYTES_MAX);
        const char *folder = folder_of(s->arena, path);
        if (file_read(path, &text, NULL, &err) < 0)
            diag_add(d, DIAG_ERROR, path, 0, 0, "", "%s", err.text);
        else
            read_text(s, path, buf_text(&text), text.bytes, folder ? folder : "", d);
        buf_done(&text);
    }
    return finish(s, true, errors, d);
}

/* ---- asking ---- */

const char *settings_api_url(const struct settings_account *a)
{
    if (a->api_url)
        return a->api_url;
    return a->service_region == SERVICE_REGION_EU ? "https://api.eu.pagerduty.com"
                                                  : "https://api.pagerduty.com";
}

const char *settings_events_url(const struct settings_account *a)
{
    if (a->events_url)
        return a->events_url;
    return a->service_region == SERVICE_REGION_EU ? "https://events.eu.pagerduty.com"
                                                  : "https://events.pagerduty.com";
}

const struct settings_account *settings_account(const struct settings *s, const char *name)
{
    const struct settings_account *accounts = s->accounts.items;
    for (int i = 0; i < s->accounts.count; i++)
        if (strcmp(accounts[i].name, name) == 0)
            return &accounts[i];
    return NULL;
}

static bool same_tree(const struct yaml_node *a, const struct yaml_node *b)
{
    if (!a || !b)
        return a == b;
    if (a->kind != b->kind || a->children != b->children ||
        (a->text && strcmp(a->text, b->text) != 0))
        return false;
    if ((a->key == NULL) != (b->key == NULL) || (a->key && strcmp(a->key->text, b->key->text) != 0))
        return false;
    const struct yaml_node *y = b->first;
    for (const struct yaml_node *x = a->first; x; x = x->next, y = y->next)
        if (!same_tree(x, y))
            return false;
    return true;
}

static void differ(const struct schema *schema, const char *prefix, const struct yaml_node *a,
    const struct yaml_node *b, struct buf *out)
{
    for (const struct schema_field *f = schema->fields; f->name; f++) {
        const struct yaml_node *x = a ? yaml_get(a, f->name) : NULL,
                               *y = b ? yaml_get(b, f->name) : NULL;
        if ((f->flags & SCHEMA_RELOAD) || same_tree(x, y))
            continue;
        char path[128];
        bool map = f->type == SCHEMA_MAP;
        (void)snprintf(path, sizeof path, "%s%s%s", prefix, f->name,
            map ? "." : ""); /* the table's names are short */
        if (map) {
            differ(f->inside, path, x, y, out);
        } else {
            (void)buf_printf(out, "%s\n", path); /* cut where it does not fit */
        }
    }
}

void settings_differ(const struct settings *before, const struct settings *after, struct buf *out)
{
    differ(&settings_schema, "", before->root, after->root, out);
}
