/* SPDX-License-Identifier: MIT
 * PagerDuty's JSON objects into our structs. jansson's getters take NULL and wrong types for absent, which is what
 * we want. */
#include "coordinator/pagerduty_parse.h"

#include <limits.h>

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static const char *text_within(const json_t *object, const char *key, const char *inner)
{
    return text_of(json_object_get(object, key), inner);
}

/* A count, -1 when it is none. */
static int count_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    json_int_t n = json_is_integer(value) ? json_integer_value(value) : -1;
    return n >= 0 && n <= INT_MAX ? (int)n : -1;
}

json_t *pagerduty_parse_json(const char *body, size_t bytes)
{
    json_error_t why;
    json_t *root = json_loadb(body, bytes, JSON_ALLOW_NUL, &why);
    if (!root && json_error_code(&why) == json_error_numeric_overflow)
        root = json_loadb(body, bytes, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    return root;
}

static void parse_assignees(const json_t *assignments, struct pagerduty_incident *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < json_array_size(assignments); i++) {
        const char *id = text_within(json_array_get(assignments, i), "assignee", "id");
        if (!id)
            continue;
        out->assignees++;
        if (kept < sizeof out->assignee_ids / sizeof out->assignee_ids[0])
            out->assignee_ids[kept++] = id;
    }
}

bool pagerduty_parse_incident(const json_t *object, struct pagerduty_incident *out)
{
    const json_t *priority = json_object_get(object, "priority");
    const json_t *policy = json_object_get(object, "escalation_policy");
    const json_t *alerts = json_object_get(object, "alert_counts");
    const json_t *number = json_object_get(object, "incident_number");
    *out = (struct pagerduty_incident){
        .id = text_of(object, "id"),
        .number = (int64_t)json_number_value(number),
        .title = text_of(object, "title"),
        .status = text_of(object, "status"),
        .urgency = text_of(object, "urgency"),
        .priority = text_of(priority, "name") ? text_of(priority, "name") : text_of(priority, "summary"),
        .service_id = text_within(object, "service", "id"),
        .service_name = text_within(object, "service", "summary"),
        .escalation_policy_id = text_of(policy, "id"),
        .escalation_levels = (int)json_array_size(json_object_get(policy, "escalation_rules")),
        .html_url = text_of(object, "html_url"),
        .created_at = text_of(object, "created_at"),
        .updated_at = text_of(object, "updated_at"),
        .last_status_change_at = text_of(object, "last_status_change_at"),
        .last_status_change_by_id = text_within(object, "last_status_change_by", "id"),
        .last_status_change_by_type = text_within(object, "last_status_change_by", "type"),
        .alerts_all = count_of(alerts, "all"),
        .alerts_triggered = count_of(alerts, "triggered"),
        .resolve_reason_type = text_within(object, "resolve_reason", "type"),
        .merged_into = text_within(json_object_get(object, "resolve_reason"), "incident", "summary"),
        .json = object,
    };
    parse_assignees(json_object_get(object, "assignments"), out);
    return out->id && out->status;
}

/* Where the monitoring's own fields stand depends on how the alert came in. */
static const json_t *details_of(const json_t *object)
{
    const json_t *body = json_object_get(object, "body");
    const json_t *plain = json_object_get(body, "details");
    const json_t *cef = json_object_get(json_object_get(body, "cef_details"), "details");
    bool plain_says = (json_is_object(plain) && json_object_size(plain) > 0) ||
                      (json_is_string(plain) && json_string_length(plain) > 0);
    const json_t *chosen = plain_says ? plain : cef;
    return json_is_object(chosen) || json_is_string(chosen) ? chosen : NULL;
}

bool pagerduty_parse_alert(const json_t *object, struct pagerduty_alert *out)
{
    *out = (struct pagerduty_alert){
        .id = text_of(object, "id"),
        .alert_key = text_of(object, "alert_key"),
        .status = text_of(object, "status"),
        .created_at = text_of(object, "created_at"),
        .summary = text_of(object, "summary"),
        .details = details_of(object),
        .json = object,
    };
    return out->id != NULL;
}

bool pagerduty_parse_note(const json_t *object, struct pagerduty_note *out)
{
    *out = (struct pagerduty_note){
        .id = text_of(object, "id"),
        .content = text_of(object, "content"),
        .created_at = text_of(object, "created_at"),
        .user_id = text_within(object, "user", "id"),
        .json = object,
    };
    return out->id != NULL;
}

bool pagerduty_parse_entry(const json_t *object, struct pagerduty_entry *out)
{
    *out = (struct pagerduty_entry){
        .id = text_of(object, "id"),
        .type = text_of(object, "type"),
        .created_at = text_of(object, "created_at"),
        .json = object,
    };
    return out->id && out->type && out->created_at;
}

bool pagerduty_parse_subscription(const json_t *object, struct pagerduty_subscription *out)
{
    const json_t *delivery = json_object_get(object, "delivery_method");
    *out = (struct pagerduty_subscription){
        .id = text_of(object, "id"),
        .description = text_of(object, "description"),
        .url = text_of(delivery, "url"),
        .filter_type = text_within(object, "filter", "type"),
        .filter_id = text_within(object, "filter", "id"),
        .active = json_is_true(json_object_get(object, "active")),
        .temporarily_disabled = json_is_true(json_object_get(delivery, "temporarily_disabled")),
    };
    return out->id != NULL;
}
