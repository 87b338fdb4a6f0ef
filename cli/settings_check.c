/* SPDX-License-Identifier: MIT
 * The rules between settings, and the policies made of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/settings_parts.h"
#include "executor/match.h"
#include "executor/pattern.h"
#include "executor/scenario.h"
#include "lib/base/text.h"

_Static_assert((int)POLICY_SHADOW == (int)MODE_SHADOW && (int)POLICY_AUTO == (int)MODE_AUTO,
    "one order of modes");

static void check_lease(const struct settings *s, struct diag *d)
{
    if (2 * s->lease.renew_ms > s->lease.length_ms)
        settings_error(s, d, "lease.renew",
            "renew must be at most half of the lease's length, or one late renewal ends it");
    if (s->lease.gap_ms <= s->lease.renew_ms)
        settings_error(s, d, "lease.gap", "gap must be longer than renew");
    if (s->lease.gap_ms >= s->lease.length_ms)
        settings_error(s, d, "lease.gap", "gap must be shorter than the lease's length");
}

static void check_database(const struct settings *s, struct diag *d)
{
    const char *at = strstr(s->database.conninfo, "password");
    if (at && strchr(at, '=') && strncmp(at, "passwordfile", 12) != 0)
        settings_error(
            s, d, "database.conninfo", "a password does not belong here; use password_file");
    const char *scheme = strstr(s->database.conninfo, "://");
    const char *user_end = scheme ? strchr(scheme, '@') : NULL;
    const char *colon = scheme ? strchr(scheme + 3, ':') : NULL;
    if (user_end && colon && colon < user_end)
        settings_error(
            s, d, "database.conninfo", "a password does not belong here; use password_file");
}

static void check_keyword(struct settings *s, struct diag *d)
{
    const char *prefix = s->keyword.prefix, *pattern = s->keyword.pattern;
    if (prefix && pattern) {
        settings_error(s, d, "keyword.pattern", "give a prefix or a pattern, not both");
        return;
    }
    if (prefix && strspn(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != strlen(prefix)) {
        settings_error(
            s, d, "keyword.prefix", "\"%s\" cannot be a prefix: capitals and digits only", prefix);
        return;
    }
    const char *any = "[A-Z][A-Z0-9]{0,15}";
    const char *at = strstr(MATCH_TOKEN_DEFAULT, any);
    if (prefix && at)
        s->keyword.token = arena_printf(s->arena, "%.*s%s%s", (int)(at - MATCH_TOKEN_DEFAULT),
            MATCH_TOKEN_DEFAULT, prefix, at + strlen(any));
    else if (pattern)
        s->keyword.token = pattern;
    if (!pattern)
        return;
    struct pattern_mistake why = {0};
    struct pattern *p = pattern_compile(s->arena, pattern, strlen(pattern), PATTERN_COUNTED, &why);
    bool named = false;
    for (int i = 0; p && i < pattern_groups(p); i++)
        named = named || strcmp(pattern_group_name(p, i), "keyword") == 0;
    if (!p)
        settings_error(
            s, d, "keyword.pattern", "the pattern is wrong at byte %zu: %s", why.offset, why.text);
    else if (!named)
        settings_error(s, d, "keyword.pattern", "the pattern has no group (?<keyword>...)");
}

static void check_zone(const char *zone, const struct yaml_node *map, struct diag *d)
{
    if (!zone || !map)
        return;
    char path[128];
    bool good = strstr(zone, "..") == NULL && zone[0] != '/' &&
                snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone) < (int)sizeof path;
    if (good && (access(path, R_OK) == 0 ||
                    access("/usr/share/zoneinfo", R_OK) < 0)) /* without the folder: unknown */
        return;
    const struct yaml_node *at = yaml_get(map, "time_zone");
    yaml_error(
        d, at ? at : map, NULL, "there is no time zone \"%s\"; write one such as Asia/Tokyo", zone);
}

/* ---- accounts ---- */

static void check_url(
    const struct yaml_node *account, const char *key, const char *url, struct diag *d)
{
    const struct yaml_node *at = yaml_get(account, key);
    if (!url || !at)
        return;
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        yaml_error(d, at, NULL, "%s must begin with https:// or http://", key);
    else if (url[strlen(url) - 1] == '/')
        yaml_error(d, at, NULL, "%s must not end with /", key);
}

static void check_account(const struct settings_account *a, struct diag *d)
{
    check_url(a->node, "api_url", a->api_url, d);
    check_url(a->node, "events_url", a->events_url, d);
    if (!a->token.path)
        yaml_error(d, a->node, NULL, "account \"%s\" has no token_file, here or in the environment",
            a->name);
    if (!strchr(a->from, '@'))
        yaml_error(d, yaml_get(a->node, "from"), NULL, "from wants an e-mail address, not \"%s\"",
            a->from);
    const struct settings_subscription *subscriptions = a->subscriptions.items;
    for (int i = 0; i < a->subscriptions.count; i++)
        if (subscriptions[i].secrets.count == 0)
            yaml_error(d, subscriptions[i].node, NULL,
                "subscription \"%s\" has no secret_files, here or in the environment",
                subscriptions[i].id);
}

/* Ids of subscriptions tell accounts apart when a webhook comes, so they are unique over all. */
static void check_twins(const struct settings_account *accounts, int count, struct diag *d)
{
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < i; j++)
            if (strcmp(accounts[i].name, accounts[j].name) == 0)
                yaml_error(d, yaml_get(accounts[i].node, "name"), NULL,
                    "account \"%s\" is given twice, first in line %d", accounts[i].name,
                    accounts[j].node->line);
        const struct settings_subscription *mine = accounts[i].subscriptions.items;
        for (int k = 0; k < accounts[i].subscriptions.count; k++)
            for (int j = 0; j <= i; j++) {
                const struct settings_subscription *theirs = accounts[j].subscriptions.items;
                int before = j < i ? accounts[j].subscriptions.count : k;
                for (int m = 0; m < before; m++)
                    if (strcmp(mine[k].id, theirs[m].id) == 0)
                        yaml_error(d, yaml_get(mine[k].node, "id"), NULL,
                            "subscription \"%s\" is given twice, first in line %d", mine[k].id,
                            theirs[m].node->line);
            }
    }
}

/* ---- customers and services ---- */

/* The table has no value for "not said": what is not written is marked here. */
static void mark_unsaid(
    const struct yaml_node *map, int *language, int *responder, int *acknowledge, int *mode)
{
    if (!yaml_get(map, "language"))
        *language = -1;
    if (!yaml_get(map, "first_responder"))
        *responder = -1;
    if (!yaml_get(map, "acknowledge"))
        *acknowledge = -1;
    if (!yaml_get(map, "mode"))
        *mode = -1;
}

static int by_name(const void *a, const void *b)
{
    const struct policy_customer *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* The customers by name; what is twice is told. NULL when out of memory. */
static struct policy_customer **sort_customers(struct settings *s, struct diag *d)
{
    struct policy_customer *customers = s->customers.items;
    size_t count = (size_t)s->customers.count;
    struct policy_customer **sorted =
        arena_alloc(s->arena, (count + 1) * sizeof(struct policy_customer *));
    if (!sorted) {
        diag_add(d, DIAG_ERROR, "settings", 0, 0, "", "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = &customers[i];
    qsort(sorted, count, sizeof(struct policy_customer *), by_name);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            settings_error(s, d, "customers", "customer \"%s\" is given twice", sorted[i]->name);
    return sorted;
}

static void check_customers(struct settings *s, struct diag *d)
{
    struct policy_customer *customers = s->customers.items;
    const struct yaml_node *n = settings_entry(s, "customers", 0);
    for (int i = 0; i < s->customers.count && n; i++, n = n->next) {
        struct policy_customer *c = &customers[i];
        mark_unsaid(n, &c->language, &c->first_responder, &c->acknowledge, &c->mode);
        check_zone(c->time_zone, n, d);
    }
}

static void unknown_customer(
    const struct settings *s, const struct yaml_node *service, const char *name, struct diag *d)
{
    const struct policy_customer *customers = s->customers.items;
    const char *known[1001];
    int n = 0;
    for (; n < s->customers.count && n < 1000; n++)
        known[n] = customers[n].name;
    known[n] = NULL;
    const char *near = diag_nearest(name, known);
    yaml_error(d, yaml_get(service, "customer"), NULL, "customer \"%s\" is not in customers%s%s%s",
        name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static void check_services(struct settings *s, struct policy_customer **sorted, struct diag *d)
{
    struct policy_service *services = s->services.items;
    const struct yaml_node *n = settings_entry(s, "services", 0);
    for (int i = 0; i < s->services.count && n; i++, n = n->next) {
        struct policy_service *v = &services[i];
        mark_unsaid(n, &v->language, &v->first_responder, &v->acknowledge, &v->mode);
        check_zone(v->time_zone, n, d);
        if ((v->id == NULL) == (v->pattern == NULL))
            yaml_error(d, n, NULL, "a service wants its id or its name, one of them");
        if (v->account && !settings_account(s, v->account))
            yaml_error(d, yaml_get(n, "account"), NULL, "there is no account \"%s\"", v->account);
        struct policy_customer wanted = {.name = v->customer}, *key = &wanted;
        if (s->customers.count > 0 && !bsearch(&key, sorted, (size_t)s->customers.count,
                                          sizeof(struct policy_customer *), by_name))
            unknown_customer(s, n, v->customer, d);
    }
}

/* ---- policies ---- */

static void make_policies(struct settings *s, struct diag *d)
{
    struct policy_give_up *give_up =
        arena_alloc(s->arena, ((size_t)s->runs.give_up_by_priority.count + 1) * sizeof *give_up);
    if (!give_up) {
        diag_add(d, DIAG_ERROR, "settings", 0, 0, "", "out of memory");
        return;
    }
    for (int i = 0; i < s->runs.give_up_by_priority.count; i++)
        give_up[i] = (struct policy_give_up){
            s->runs.give_up_by_priority.items[i].name, s->runs.give_up_by_priority.items[i].number};
    s->policies = (struct policies){
        .defaults = {.language = (enum policy_language)s->defaults.language,
            .time_zone = s->defaults.time_zone,
            .first_responder = (enum policy_responder)s->defaults.first_responder,
            .acknowledge = (enum policy_acknowledge)s->defaults.acknowledge,
            .hand_over_level = (int)s->defaults.hand_over_level,
            .mode_most = (enum policy_mode)s->defaults.mode},
        .customers = s->customers.items,
        .customers_count = s->customers.count,
        .services = s->services.items,
        .services_count = s->services.count,
        .give_up = give_up,
        .give_up_count = s->runs.give_up_by_priority.count,
        .give_up_after_ms = s->runs.give_up_after_ms,
    };
}

void settings_check(struct settings *s, struct diag *d)
{
    check_lease(s, d);
    check_database(s, d);
    check_keyword(s, d);
    check_zone(s->defaults.time_zone, settings_node(s, "defaults"), d);
    const struct settings_account *accounts = s->accounts.items;
    for (int i = 0; i < s->accounts.count; i++)
        check_account(&accounts[i], d);
    check_twins(accounts, s->accounts.count, d);
    check_customers(s, d);
    struct policy_customer **sorted = sort_customers(s, d);
    if (sorted)
        check_services(s, sorted, d);
    make_policies(s, d);
}
