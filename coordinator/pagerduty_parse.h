/* SPDX-License-Identifier: MIT
 * PagerDuty's JSON objects into our structs. Absent, null and of the wrong type are the same: NULL, 0 or "not
 * known". Pure. */
#ifndef COORDINATOR_PAGERDUTY_PARSE_H
#define COORDINATOR_PAGERDUTY_PARSE_H

#include <jansson.h>
#include <stdbool.h>

#include "coordinator/pagerduty.h"

/* As json_loadb, also for what jansson refuses by default: NUL in texts, integers beyond 64 bits (those become
 * reals). NULL when it is not JSON. The caller owns the result. */
json_t *pagerduty_parse_json(const char *body, size_t bytes);

/* All fill *out with texts borrowed from object, and return whether it has what cannot be done without: an id (for a
 * subscription too; for an incident also its status). */
bool pagerduty_parse_incident(const json_t *object, struct pagerduty_incident *out);
bool pagerduty_parse_alert(const json_t *object, struct pagerduty_alert *out);
bool pagerduty_parse_entry(const json_t *object, struct pagerduty_entry *out);
bool pagerduty_parse_note(const json_t *object, struct pagerduty_note *out);
bool pagerduty_parse_subscription(const json_t *object, struct pagerduty_subscription *out);

#endif
