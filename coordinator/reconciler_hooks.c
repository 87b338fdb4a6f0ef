/* SPDX-License-Identifier: MIT
 * Webhook subscriptions: which incidents they announce, and those that PagerDuty has switched off for a day. */
#include "coordinator/reconciler_inside.h"

#include <stdio.h>
#include <string.h>

static const struct pagerduty_subscription *find_listed(const struct pagerduty_result *result, const char *id)
{
    for (size_t i = 0; i < result->count; i++)
        if (strcmp(result->subscriptions[i].id, id) == 0)
            return &result->subscriptions[i];
    return NULL;
}

static void add_scope(struct watch *w, const struct pagerduty_subscription *s)
{
    if (w->scopes_count == RECONCILER_SCOPES_MAX)
        return;
    struct scope *scope = &w->scopes[w->scopes_count++];
    (void)snprintf(scope->type, sizeof scope->type, "%s", s->filter_type ? s->filter_type : "");
    (void)snprintf(scope->id, sizeof scope->id, "%s", s->filter_id ? s->filter_id : "");
}

static bool has_team(const json_t *incident, const char *id)
{
    const json_t *teams = json_object_get(incident, "teams");
    for (size_t i = 0; i < json_array_size(teams); i++) {
        const char *team = json_string_value(json_object_get(json_array_get(teams, i), "id"));
        if (team && strcmp(team, id) == 0)
            return true;
    }
    return false;
}

/* Whether a webhook should have told of it. Where the subscriptions could never be read: whether the settings name its
 * service. */
bool hooks_announce(const struct watch *w, const struct pagerduty_incident *i)
{
    struct policy policy;
    if (!w->scopes_known) {
        policy_of_service(w->r->settings.policies, w->account, i->service_id, i->service_name, &policy);
        return policy.customer != NULL;
    }
    for (int k = 0; k < w->scopes_count; k++) {
        const struct scope *s = &w->scopes[k];
        if (strncmp(s->type, "account", 7) == 0 || (strncmp(s->type, "service", 7) == 0 && i->service_id && strcmp(s->id, i->service_id) == 0) ||
            (strncmp(s->type, "team", 4) == 0 && has_team(i->json, s->id)))
            return true;
    }
    return false;
}

/* --- enabling ----------------------------------------------------------------------------------------------------- */

static void enable_next(struct watch *w);

static void on_enabled(void *owner, uint64_t id, const struct pagerduty_result *result)
{
    struct watch *w = owner;
    (void)id;
    w->request = 0;
    const char *hook = json_string_value(json_array_get(w->hooks, (size_t)w->hook));
    if (result->class == PAGERDUTY_DONE) {
        w->r->counts.enabled++;
        log_warning(w->r->log, "a webhook subscription that PagerDuty had disabled is enabled again", LOG_S("account", w->account),
            LOG_S("subscription", hook));
    } else {
        log_failure(LOG_WARNING, w->r->log, "a webhook subscription could not be enabled; again in the next round", &result->err);
    }
    w->hook++;
    enable_next(w);
}

static void enable(struct watch *w)
{
    const char *hook = json_string_value(json_array_get(w->hooks, (size_t)w->hook));
    w->request = pagerduty_enable_subscription(watch_account(w)->client, hook, on_enabled, w);
}

static void enable_next(struct watch *w)
{
    if ((size_t)w->hook < json_array_size(w->hooks))
        watch_ask(w, enable);
    else
        pages_begin(w);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void alarm_about(struct watch *w, const char *what, const char *hook)
{
    w->r->events.on_alarm(w->r->events.owner, w->account, what, hook);
}

static void judge(struct watch *w, const char *hook, const struct pagerduty_subscription *listed)
{
    if (!listed) {
        alarm_about(w, "PagerDuty does not have a webhook subscription of the settings", hook);
        return;
    }
    if (!listed->active) { /* a person did that: theirs to undo */
        log_debug(w->r->log, "a webhook subscription is switched off", LOG_S("subscription", hook));
        return;
    }
    add_scope(w, listed);
    if (listed->temporarily_disabled) {
        alarm_about(w, "PagerDuty had disabled a webhook subscription; events were lost, and are looked for", hook);
        (void)json_array_append_new(w->hooks, json_string(hook));
    }
}

static void on_hooks(void *owner, uint64_t id, const struct pagerduty_result *result)
{
    struct watch *w = owner;
    (void)id;
    w->request = 0;
    if (result->class == PAGERDUTY_NOT_SENT || result->class == PAGERDUTY_SLOW_DOWN) {
        watch_failed(w, result, NULL);
        return;
    }
    if (result->class != PAGERDUTY_DONE) { /* maybe for the want of a right: incidents are compared all the same */
        alarm_about(w, "the webhook subscriptions cannot be read, so one that is disabled stays so", result->err.text);
        pages_begin(w);
        return;
    }
    w->scopes_count = 0;
    w->scopes_known = true;
    const struct reconciler_settings *s = &w->r->settings;
    for (int i = 0; i < s->subscriptions_count; i++)
        if (strcmp(s->subscriptions[i].account, w->account) == 0)
            judge(w, s->subscriptions[i].id, find_listed(result, s->subscriptions[i].id));
    enable_next(w);
}

static void read_hooks(struct watch *w)
{
    w->request = pagerduty_list_subscriptions(watch_account(w)->client, on_hooks, w);
}

void hooks_begin(struct watch *w)
{
    json_decref(w->hooks);
    w->hooks = json_array();
    w->hook = 0;
    watch_ask(w, read_hooks);
}
