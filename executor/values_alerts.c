/* SPDX-License-Identifier: MIT
 * Alerts as PagerDuty sends them. Its details are written by whatever monitor raised the alert, so
 * every shape must be survived. */
#include "executor/values_alerts.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/limits.h"

static enum value_read read_scalar(
    const json_t *value, struct arena *a, const char **out, size_t *out_bytes)
{
    const char *text = NULL;
    switch (json_typeof(value)) {
    case JSON_NULL:
        return VALUE_READ_NONE;
    case JSON_STRING:
        *out = json_string_value(value);
        *out_bytes = json_string_length(value);
        return VALUE_READ_TEXT;
    case JSON_INTEGER:
        text = arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        text = arena_printf(a, "%.15g", json_real_value(value));
        break;
    case JSON_TRUE:
        text = "true";
        break;
    case JSON_FALSE:
        text = "false";
        break;
    case JSON_ARRAY:
        *out = "a list";
        return VALUE_READ_ODD;
    case JSON_OBJECT:
        *out = "a group of fields";
        return VALUE_READ_ODD;
    }
    if (!text) {
        *out = "out of memory";
        return VALUE_READ_ODD;
    }
    *out = text;
    *out_bytes = strlen(text);
    return VALUE_READ_TEXT;
}

/* The value at a path, the longest keys first. Tried at most 2^(count-1) times, which the depth of
 * the JSON bounds too: a shorter key is gone into only where it holds an object. */
static const json_t *at_path(const json_t *object, const char *const *path, int count)
{
    for (int n = count; n > 0 && json_is_object(object); n--) {
        char key[512];
        size_t used = 0;
        for (int i = 0; i < n && used < sizeof key; i++)
            used +=
                (size_t)snprintf(key + used, sizeof key - used, "%s%s", i > 0 ? "." : "", path[i]);
        if (used >= sizeof key)
            continue;
        const json_t *value = json_object_get(object, key);
        if (value && n == count)
            return value;
        const json_t *deeper = value ? at_path(value, path + n, count - n) : NULL;
        if (deeper)
            return deeper;
    }
    return NULL;
}

static const json_t *details_of(const json_t *alert)
{
    const json_t *body = json_object_get(alert, "body");
    const json_t *details = json_object_get(body, "details");
    if (json_is_object(details) && json_object_size(details) > 0)
        return details;
    const json_t *cef = json_object_get(json_object_get(body, "cef_details"), "details");
    return json_is_object(cef) ? cef : details;
}

static const struct {
    const char *field;
    const char *key;
    bool cef;
} fields[] = {
    {"summary", "summary", false},
    {"severity", "severity", false},
    {"key", "alert_key", false},
    {"severity", "severity", true},
    {"source", "source_origin", true},
    {"component", "source_component", true},
    {"group", "service_group", true},
    {"class", "event_class", true},
};

static const json_t *field_of(const json_t *alert, const char *name)
{
    const json_t *cef = json_object_get(json_object_get(alert, "body"), "cef_details");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(fields[i].field, name) != 0)
            continue;
        const json_t *value = json_object_get(fields[i].cef ? cef : alert, fields[i].key);
        if (value && !json_is_null(value))
            return value;
    }
    return NULL;
}

enum value_read values_alert_read(const struct json_t *alert, const struct value_source *source,
    struct arena *a, const char **out, size_t *out_bytes)
{
    if (!alert || source->kind != SOURCE_ALERT || source->path_count == 0)
        return VALUE_READ_NONE;
    const json_t *value;
    if (strcmp(source->path[0], "details") != 0) {
        value = field_of(alert, source->path[0]);
    } else {
        const json_t *details = details_of(alert);
        value = at_path(details, source->path + 1, source->path_count - 1);
    }
    return value ? read_scalar(value, a, out, out_bytes) : VALUE_READ_NONE;
}
