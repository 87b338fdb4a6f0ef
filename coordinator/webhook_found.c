/* SPDX-License-Identifier: MIT
 * What PagerDuty says when it is asked, as events of the same table as webhooks. */
#include "coordinator/webhook_inside.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/pagerduty.h"
#include "lib/base/clock.h"

static const struct webhook_rule seen_rule = {.type = "", .effects = EFFECT_SEE | EFFECT_CURRENT, .how = ""};

static const char *keep(struct arena *a, const char *text)
{
    json_t *value = text ? json_string_nocheck(text) : NULL; /* it came out of JSON */
    const char *safe = webhook_safe(a, value);
    json_decref(value);
    return safe;
}

/* A time as PagerDuty gives it, moved within its second; "" when it is none. */
static const char *keep_time(struct arena *a, const char *text, int64_t more_ms, int64_t *out_ms)
{
    int64_t ms;
    if (!text || clock_wall_parse(text, &ms) < 0 || ms < 0)
        return "";
    if (ms % 1000 == 0)
        ms += more_ms;
    char canonical[CLOCK_TEXT_BYTES];
    clock_wall_text(ms, canonical);
    if (out_ms)
        *out_ms = ms;
    char *copy = arena_strdup(a, canonical);
    return copy ? copy : "";
}

void webhook_of_incident(struct arena *a, const struct pagerduty_incident *i, const char *type, struct webhook_event *out)
{
    webhook_clear(out);
    out->rule = type ? webhook_find_rule(type) : &seen_rule;
    out->type = type ? type : "";
    out->whole = true;
    out->incident = keep(a, i->id);
    out->number = i->number;
    out->title = keep(a, i->title);
    out->status = keep(a, i->status);
    out->urgency = keep(a, i->urgency);
    out->priority = keep(a, i->priority);
    out->service_id = keep(a, i->service_id);
    out->service_name = keep(a, i->service_name);
    out->html_url = keep(a, i->html_url);
    out->created_at = keep_time(a, i->created_at, 0, NULL);
    const char *changed = i->last_status_change_at ? i->last_status_change_at : i->created_at;
    out->occurred_at = keep_time(a, i->updated_at ? i->updated_at : changed, 999, &out->occurred_wall_ms);
    if (type && strcmp(type, "incident.reopened") == 0) {
        out->reopened_at = keep_time(a, changed, 0, NULL);
        out->occurred_at = keep_time(a, changed, 999, &out->occurred_wall_ms);
    }
    (void)snprintf(out->key, sizeof out->key, "found:%.40s:%.30s", out->incident, changed ? changed : "");
    if (!out->created_at[0] || !out->occurred_at[0])
        out->odd = "found without a time";
}

static bool tells_priority(const json_t *entry)
{
    const json_t *fields = json_object_get(json_object_get(json_object_get(entry, "channel"), "changeset"), "application_fields");
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(fields, i), "name"));
        if (name && strcmp(name, "priority") == 0)
            return true;
    }
    const char *summary = json_string_value(json_object_get(entry, "summary"));
    return json_array_size(fields) == 0 && summary && strstr(summary, "riority");
}

static const struct webhook_rule *rule_of_log(const struct pagerduty_entry *entry)
{
    for (const struct webhook_rule *r = webhook_rules; r->type; r++) {
        size_t bytes = r->log ? strlen(r->log) : 0;
        if (bytes == 0 || strncmp(entry->type, r->log, bytes) != 0 || strncmp(entry->type + bytes, "_log_entry", 10) != 0)
            continue;
        return strcmp(r->log, "field_value_change") == 0 && !tells_priority(entry->json) ? NULL : r;
    }
    return NULL;
}

bool webhook_of_entry(struct arena *a, const char *key, const struct pagerduty_incident *incident,
    const struct pagerduty_entry *entry, const char *const *bots, struct webhook_event *out)
{
    const struct webhook_rule *rule = rule_of_log(entry);
    if (!rule)
        return false;
    webhook_clear(out);
    out->rule = rule;
    out->type = rule->type;
    out->incident = key;
    out->occurred_at = keep_time(a, entry->created_at, 999, &out->occurred_wall_ms);
    webhook_read_agent(a, json_object_get(entry->json, "agent"), bots, out);
    out->hand = rule->hands[out->agent];
    if (incident && strcmp(rule->log, "resolve") == 0 && incident->resolve_reason_type) {
        out->merged = strcmp(incident->resolve_reason_type, "merge_resolve_reason") == 0;
        out->merged_into = keep(a, incident->merged_into);
    }
    (void)snprintf(out->key, sizeof out->key, "log:%.70s", entry->id);
    return out->occurred_at[0] != '\0';
}

/* Opening an incident assigns it, too: the first such entry in the opening's own second is no reassigning. */
static bool opens(struct webhook_log *log, const struct webhook_event *event)
{
    if (log->assigned || strcmp(event->type, "incident.reassigned") != 0)
        return false;
    log->assigned = true;
    return event->occurred_wall_ms / 1000 == log->opening_wall_ms / 1000;
}

bool webhook_of_log(struct arena *a, struct webhook_log *log, const struct pagerduty_entry *entry, struct webhook_event *out)
{
    return webhook_of_entry(a, log->key, log->incident, entry, log->bots, out) && out->occurred_wall_ms >= log->opening_wall_ms &&
           !opens(log, out) && out->hand != HAND_NONE;
}

bool webhook_newest_touch(struct arena *a, struct webhook_log log, const struct pagerduty_entry *entries, size_t count,
    struct webhook_event *out)
{
    bool found = false;
    struct webhook_event event;
    for (size_t i = count; i-- > 0;)
        if (webhook_of_log(a, &log, &entries[i], &event) && event.hand == HAND_TOUCH) {
            *out = event;
            found = true;
        }
    return found;
}

bool webhook_of_note(struct arena *a, const char *key, const struct pagerduty_note *note, const char *const *bots,
    struct webhook_event *out)
{
    webhook_clear(out);
    out->rule = webhook_find_rule("incident.annotated");
    out->type = out->rule->type;
    out->incident = key;
    out->occurred_at = keep_time(a, note->created_at, 999, &out->occurred_wall_ms);
    webhook_read_agent(a, json_object_get(note->json, "user"), bots, out);
    out->order = webhook_read_order(keep(a, note->content));
    out->hand = out->order == ORDER_NONE ? HAND_NONE : out->rule->hands[out->agent];
    (void)snprintf(out->key, sizeof out->key, "note:%.70s", note->id);
    return out->hand == HAND_NOTE && out->occurred_at[0] != '\0';
}
