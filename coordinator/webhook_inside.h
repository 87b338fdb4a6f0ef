/* SPDX-License-Identifier: MIT
 * What webhook.c (events that were sent) and webhook_found.c (events that were asked for) share. For those two only. */
#ifndef COORDINATOR_WEBHOOK_INSIDE_H
#define COORDINATOR_WEBHOOK_INSIDE_H

#include <jansson.h>

#include "coordinator/webhook.h"

/* All texts empty, a rule that does nothing. */
void webhook_clear(struct webhook_event *out);
/* A text made safe to store; "" where there is none. */
const char *webhook_safe(struct arena *a, const json_t *value);
const char *webhook_member(struct arena *a, const json_t *object, const char *name);
/* agent: a reference, or null. Fills agent and agent_name. */
void webhook_read_agent(struct arena *a, const json_t *agent, const char *const *bots, struct webhook_event *out);
enum webhook_order webhook_read_order(const char *content);
const struct webhook_rule *webhook_find_rule(const char *type); /* never NULL */

#endif
