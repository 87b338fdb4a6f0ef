/* SPDX-License-Identifier: MIT
 * Reading everything that a node is configured by, whole, before anything of it is used. */
#include "cli/node.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/known_hosts.h"
#include "lib/base/redact.h"

static int read_sets(struct node_files *f, struct diag *d)
{
    const struct settings *s = f->settings;
    struct scenario_set_options options = {.token_pattern = s->keyword.token};
    if (s->files.scenarios) {
        f->scenarios = scenario_set_load(s->files.scenarios, &options, d);
        if (!f->scenarios)
            return -1;
    }
    if (s->files.inventory.count == 0)
        return 0;
    const char **paths = calloc((size_t)s->files.inventory.count + 1, sizeof *paths);
    if (!paths)
        return -1;
    for (int i = 0; i < s->files.inventory.count; i++)
        paths[i] = s->files.inventory.items[i];
    f->inventory = inventory_load(paths, d);
    free(paths);
    return f->inventory ? 0 : -1;
}

static int read_known_hosts(struct node_files *f, struct diag *d, struct error *err)
{
    if (!f->settings->files.known_hosts)
        return 0;
    f->known_hosts = known_hosts_load(f->settings->files.known_hosts, d, err);
    return f->known_hosts ? 0 : -1;
}

/* Everything secret that this node knows is searched for in what hosts say. */
static int make_redactor(struct node_files *f, struct error *err)
{
    const struct settings *s = f->settings;
    struct redact_secret *all = calloc((size_t)s->secrets_count + 1, sizeof *all);
    size_t n = 0;
    for (int i = 0; all && i < s->secrets_count; i++)
        if (s->secrets[i]->data)
            all[n++] = (struct redact_secret){s->secrets[i]->data, s->secrets[i]->bytes};
    f->redactor = all ? redactor_new(all, n, err) : NULL;
    free(all);
    return f->redactor ? 0 : -1;
}

static int add_subscription(struct node_files *f, const struct settings_account *a, const struct settings_subscription *from,
    const char *const *bots)
{
    struct webhook_secret *secrets = calloc((size_t)from->secrets.count + 1, sizeof *secrets);
    if (!secrets)
        return -1;
    const struct secret *list = from->secrets.items;
    for (int i = 0; i < from->secrets.count; i++)
        secrets[i] = (struct webhook_secret){list[i].data ? list[i].data : "", list[i].bytes};
    f->subscriptions[f->subscriptions_count++] = (struct intake_subscription){.id = from->id, .account = a->name,
        .bots = bots, .secrets = secrets, .secrets_count = (size_t)from->secrets.count};
    return 0;
}

static const char *const *list_bots(const struct settings_account *a)
{
    const char **bots = calloc((size_t)a->bot_user_ids.count + 1, sizeof *bots);
    for (int i = 0; bots && i < a->bot_user_ids.count; i++)
        bots[i] = a->bot_user_ids.items[i];
    return bots;
}

static int make_accounts(struct node_files *f)
{
    const struct settings_account *accounts = f->settings->accounts.items;
    size_t subscriptions = 0;
    for (int i = 0; i < f->settings->accounts.count; i++)
        subscriptions += (size_t)accounts[i].subscriptions.count;
    f->accounts = calloc((size_t)f->settings->accounts.count + 1, sizeof *f->accounts);
    f->subscriptions = calloc(subscriptions + 1, sizeof *f->subscriptions);
    if (!f->accounts || !f->subscriptions)
        return -1;
    for (int i = 0; i < f->settings->accounts.count; i++) {
        const char *const *bots = list_bots(&accounts[i]);
        if (!bots)
            return -1;
        f->accounts[f->accounts_count++] = (struct writer_account){.name = accounts[i].name, .bots = bots};
        const struct settings_subscription *list = accounts[i].subscriptions.items;
        for (int k = 0; k < accounts[i].subscriptions.count; k++)
            if (add_subscription(f, &accounts[i], &list[k], bots) < 0)
                return -1;
    }
    return 0;
}

void node_files_free(struct node_files *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->subscriptions_count; i++)
        free((void *)(uintptr_t)f->subscriptions[i].secrets);
    for (int i = 0; i < f->accounts_count; i++)
        free((void *)(uintptr_t)f->accounts[i].bots);
    free(f->subscriptions);
    free(f->accounts);
    redactor_free(f->redactor);
    known_hosts_free(f->known_hosts);
    inventory_unref(f->inventory);
    scenario_set_free(f->scenarios);
    settings_free(f->settings);
    free(f);
}

static bool read_files(struct node_files *f, struct diag *d, struct error *err)
{
    int sets = read_sets(f, d); /* all mistakes of all files at once */
    return read_known_hosts(f, d, err) == 0 && sets == 0;
}

static struct node_files *read_from(const char *settings_path, bool all, struct buf *out)
{
    struct error err = {0};
    struct diag *d = diag_new();
    struct node_files *f = calloc(1, sizeof *f);
    bool good = d && f && (f->settings = settings_load(settings_path, d)) != NULL && (!all || read_files(f, d, &err)) &&
        make_redactor(f, &err) == 0 && make_accounts(f) == 0;
    if (d)
        diag_print(d, DIAG_TEXT, false, out);
    if (err.text[0])
        (void)buf_printf(out, "%s\n", err.text); /* a full buffer is still readable */
    diag_free(d);
    if (good)
        return f;
    node_files_free(f);
    return NULL;
}

struct node_files *node_files_read(const char *settings_path, struct buf *out)
{
    return read_from(settings_path, true, out);
}

struct node_files *node_files_read_settings(const char *settings_path, struct buf *out)
{
    return read_from(settings_path, false, out);
}

/* --- for the parts ------------------------------------------------------------------------------------------------ */

struct intake_settings node_files_intake(const struct node_files *f)
{
    return (struct intake_settings){.region = f->settings->node.region, .subscriptions = f->subscriptions,
        .subscriptions_count = (size_t)f->subscriptions_count, .policies = &f->settings->policies};
}

struct reconciler_settings node_files_reconciler(const struct node_files *f)
{
    return (struct reconciler_settings){.region = f->settings->node.region, .every_ms = f->settings->reconciler.every_ms,
        .accounts = f->accounts, .accounts_count = f->accounts_count, .subscriptions = f->subscriptions,
        .subscriptions_count = f->subscriptions_count, .policies = &f->settings->policies};
}
