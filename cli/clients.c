/* SPDX-License-Identifier: MIT
 * A PagerDuty client for each account. */
#include "cli/clients.h"

#include <stdlib.h>
#include <string.h>

struct clients {
    struct loop *loop;         /* borrowed */
    struct http_client *http;  /* borrowed */
    struct budget *budget;     /* borrowed */
    unsigned write_ms;
    const struct log_ctx *log; /* borrowed */
    struct pagerduty **all;    /* owned */
    int count;
};

struct clients *clients_new(struct loop *loop, struct http_client *http, struct budget *budget, unsigned write_ms,
    const struct log_ctx *log)
{
    struct clients *c = calloc(1, sizeof *c);
    if (!c)
        abort(); /* one at start-up */
    *c = (struct clients){.loop = loop, .http = http, .budget = budget, .write_ms = write_ms, .log = log};
    return c;
}

void clients_free(struct clients *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->count; i++)
        pagerduty_free(c->all[i]);
    free(c->all);
    free(c);
}

/* NULL and err: CONFIG, LIMIT. */
static struct pagerduty *add(struct clients *c, const struct settings_account *account, struct error *err)
{
    struct pagerduty **more = realloc(c->all, (size_t)(c->count + 1) * sizeof *more);
    if (!more) {
        error_set(err, ERROR_LIMIT, "no memory for a client");
        return NULL;
    }
    c->all = more;
    struct pagerduty_settings ps = {.base_url = settings_api_url(account), .events_url = settings_events_url(account),
        .token = account->token.data, .from_email = account->from, .write_ms = c->write_ms};
    struct pagerduty *client = pagerduty_new(c->loop, c->http, &ps, err);
    if (client) {
        pagerduty_set_budget(client, c->budget, account->name);
        c->all[c->count++] = client;
    }
    return client;
}

static struct pagerduty *find(const struct node_files *files, const char *account)
{
    for (int i = 0; files && i < files->accounts_count; i++)
        if (strcmp(files->accounts[i].name, account) == 0)
            return files->accounts[i].client;
    return NULL;
}

int clients_fill(struct clients *c, const struct node_files *before, struct node_files *f, struct error *err)
{
    const struct settings_account *accounts = f->settings->accounts.items;
    int rc = 0;
    for (int i = 0; i < f->accounts_count; i++) {
        struct pagerduty *client = find(before, accounts[i].name);
        if (client && pagerduty_set_token(client, accounts[i].token.data) < 0)
            log_error(c->log, "the old token stays in force: the new one is not one line", LOG_S("account", accounts[i].name));
        f->accounts[i].client = client ? client : add(c, &accounts[i], err);
        if (!f->accounts[i].client)
            rc = error_wrap(err, "account %s", accounts[i].name);
    }
    return rc;
}
