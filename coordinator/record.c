/* SPDX-License-Identifier: MIT
 * Events as rows. */
#include "coordinator/record.h"

#include <string.h>

#include "lib/base/clock.h"

/* What the hand does to the incident's runs. */
static void fill_touch(const struct webhook_event *e, struct event_row *row)
{
    if (e->incident[0] == '\0' || e->occurred_at[0] == '\0')
        return;
    if (e->hand == HAND_CLOSE) {
        row->touch = EVENT_CLOSE;
        row->by = e->agent == AGENT_PERSON ? e->agent_name : ""; /* nobody is blamed for a monitor's clearing */
    } else if (e->hand == HAND_TOUCH) {
        row->touch = EVENT_TOUCH;
    } else if (e->hand == HAND_NOTE) {
        row->touch = e->order == ORDER_GO ? EVENT_UNTOUCH : EVENT_TOUCH;
        row->how = "noted: firstline stop";
    }
}

int record_fill(struct arena *a, const struct webhook_event *e, const struct record_from *from, struct event_row *out)
{
    struct policy policy;
    policy_of_service(from->policies, from->account, e->service_id, e->service_name, &policy);
    char oldest[CLOCK_TEXT_BYTES];
    clock_wall_text(clock_wall_ms() - from->oldest_ms, oldest);
    bool usable = e->odd == NULL;
    *out = (struct event_row){.account = from->account, .key = e->key, .type = e->type, .incident = e->incident,
        .occurred_at = e->occurred_at, .subscription = from->subscription, .region = from->region,
        .hand = webhook_agent_name(e->agent), .odd = e->odd, .body = from->body, .body_bytes = from->bytes,
        .see = usable && (e->rule->effects & EFFECT_SEE) && e->whole, .reopen = usable && (e->rule->effects & EFFECT_REOPEN),
        .open = usable && (e->rule->effects & EFFECT_OPEN), .found = from->found,
        .triggered = strcmp(e->type, "incident.triggered") == 0, .number = e->number, .title = e->title,
        .status = e->status, .urgency = e->urgency, .priority = e->priority, .service_id = e->service_id,
        .service_name = e->service_name, .html_url = e->html_url, .created_at = e->created_at,
        .reopened_at = e->reopened_at, .customer = policy.customer ? policy.customer : "",
        .urgency_rank = strcmp(e->urgency, "low") == 0 ? 1 : 0,
        .give_up_ms = policy_give_up_after_ms(from->policies, e->priority), .by = e->agent_name};
    out->delivery = arena_strdup(a, from->delivery ? from->delivery : "");
    out->oldest = arena_strdup(a, oldest);
    out->how = arena_printf(a, "%.200s%s", e->rule->how, e->merged ? " by merging" : "");
    fill_touch(e, out);
    return out->delivery && out->oldest && out->how ? 0 : -1;
}
