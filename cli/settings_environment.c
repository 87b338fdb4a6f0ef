/* SPDX-License-Identifier: MIT
 * FIRSTLINE_..._FILE of the environment: paths of secrets, for machines where a supervisor hands
 * them out. Nothing else is taken from the environment. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/settings_parts.h"

#define PREFIX "FIRSTLINE_"
#define NAME_BYTES 256

/* "main-1" becomes "MAIN_1". */
static void upper(const char *name, char *out, size_t bytes)
{
    size_t n = 0;
    for (; name[n] && n + 1 < bytes; n++)
        out[n] = (char)(isalnum((unsigned char)name[n]) ? toupper((unsigned char)name[n]) : '_');
    out[n] = '\0';
}

/* Sets one secret's path where the variable is its. */
static bool take(struct settings *s, struct secret *secret, const char *variable, const char *path,
    const char *front, const char *name, const char *behind)
{
    char want[NAME_BYTES], part[128];
    upper(name, part, sizeof part);
    (void)snprintf(
        want, sizeof want, PREFIX "%s%s%s", front, part, behind); /* names are at most 100 bytes */
    if (strcmp(want, variable) != 0)
        return false;
    const char *copy = arena_strdup(s->arena, path);
    if (copy)
        *secret = (struct secret){.path = copy};
    return true;
}

static bool take_of_account(
    struct settings *s, struct settings_account *a, const char *variable, const char *path)
{
    if (take(s, &a->token, variable, path, "ACCOUNT_", a->name, "_TOKEN_FILE") ||
        take(s, &a->alarm_routing_key, variable, path, "ACCOUNT_", a->name,
            "_ALARM_ROUTING_KEY_FILE"))
        return true;
    struct settings_subscription *subscriptions = a->subscriptions.items;
    for (int i = 0; i < a->subscriptions.count; i++) {
        struct secret one = {0};
        if (!take(s, &one, variable, path, "SUBSCRIPTION_", subscriptions[i].id, "_SECRET_FILE"))
            continue;
        struct secret *kept = arena_alloc(s->arena, sizeof *kept);
        if (kept && one.path) {
            *kept = one;
            subscriptions[i].secrets = (struct schema_list){kept, 1};
        }
        return true;
    }
    return false;
}

static bool take_any(struct settings *s, const char *variable, const char *path)
{
    if (take(s, &s->database.password, variable, path, "DATABASE_PASSWORD", "", "_FILE"))
        return true;
    struct settings_account *accounts = s->accounts.items;
    for (int i = 0; i < s->accounts.count; i++)
        if (accounts[i].name && take_of_account(s, &accounts[i], variable, path))
            return true;
    return false;
}

void settings_environment(struct settings *s, char *const *environment, struct diag *d)
{
    for (; *environment; environment++) {
        const char *entry = *environment, *equals = strchr(entry, '=');
        size_t n = equals ? (size_t)(equals - entry) : 0;
        char variable[NAME_BYTES];
        if (n < 6 || n >= sizeof variable || strncmp(entry, PREFIX, sizeof PREFIX - 1) != 0 ||
            memcmp(entry + n - 5, "_FILE", 5) != 0)
            continue;
        memcpy(variable, entry, n);
        variable[n] = '\0';
        if (equals[1] == '\0')
            diag_add(d, DIAG_ERROR, "environment", 0, 0, variable,
                "%s is empty; it wants the path of a file", variable);
        else if (!take_any(s, variable, equals + 1))
            diag_add(d, DIAG_WARNING, "environment", 0, 0, variable,
                "%s names no secret of these settings", variable);
    }
}
