/* SPDX-License-Identifier: MIT
 * Reads what `alert.` sources name from an alert as PagerDuty's REST API gives it. */
#ifndef EXECUTOR_VALUES_ALERTS_H
#define EXECUTOR_VALUES_ALERTS_H

#include "executor/values.h"

struct json_t;

/* Reads one source of kind SOURCE_ALERT.
 *
 * alert.details.A.B  from body.details, else body.cef_details.details; a key that has dots itself
 * is found too, the longest first: details."A.B" goes before details.A.B alert.summary,
 * alert.severity, alert.key (alert_key); alert.source, component, group, class from
 * body.cef_details Numbers and true or false are given as text. Details that are one text (as of
 * alerts by email) have no fields.
 *
 * alert    borrowed; may be NULL
 * a        numbers are printed there
 * *out     borrowed from alert or a; for VALUE_READ_ODD what it is: "a list" */
enum value_read values_alert_read(const struct json_t *alert, const struct value_source *source,
    struct arena *a, const char **out, size_t *out_bytes);

#endif
