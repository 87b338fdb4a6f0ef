/* SPDX-License-Identifier: MIT
 * Raising alarms, but those that were raised lately. */
#include "cli/alarms.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"

static void on_raised(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    (void)id;
    if (r->class != PAGERDUTY_DONE)
        log_failure(LOG_ERROR, owner, "an alarm about ourselves could not be raised", &r->err);
}

void alarms_raise(struct alarms *a, const struct node_files *files, const char *account, const char *what, const char *about,
    const struct log_ctx *log)
{
    if (rare_times(&a->lately, what, about, clock_mono_ms()) == 0)
        return;
    a->raised++;
    log_error(log, what, LOG_S("about", about), LOG_S("account", account));
    const struct settings_account *accounts = files->settings->accounts.items;
    for (int i = 0; i < files->accounts_count; i++) {
        struct pagerduty *client = files->accounts[i].client;
        if (!client || !accounts[i].alarm_routing_key.data || (account && strcmp(accounts[i].name, account) != 0))
            continue;
        char dedup[256], summary[512];
        (void)snprintf(dedup, sizeof dedup, "firstline %.100s %.100s", what, about);
        (void)snprintf(summary, sizeof summary, "firstline: %.300s (%.150s)", what, about);
        struct pagerduty_event event = {.routing_key = accounts[i].alarm_routing_key.data, .action = "trigger",
            .dedup_key = dedup, .summary = summary, .source = files->settings->node.name, .severity = "error"};
        pagerduty_send_event(client, &event, on_raised, (void *)(uintptr_t)log);
    }
}
