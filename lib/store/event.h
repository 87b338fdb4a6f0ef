/* SPDX-License-Identifier: MIT
 * Webhook events, the incidents they show and the runs they open: one transaction for all events that arrive together. */
#ifndef LIB_STORE_EVENT_H
#define LIB_STORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/store/store.h"

/* All texts borrowed for the call; "" where unknown. Times are RFC 3339; "" or NULL: none. */
struct event_row {
    const char *account, *key, *type, *incident, *occurred_at, *subscription, *delivery, *region, *hand;
    const char *odd; /* NULL: it can be used */
    const void *body;
    size_t body_bytes;
    bool see, triggered, reopen, open; /* what it changes */
    bool found; /* by the reconciler: a run that it opens says so in its journal */
    int64_t number;
    const char *title, *status, *urgency, *priority, *service_id, *service_name, *html_url, *created_at, *reopened_at;
    const char *customer;
    int urgency_rank;
    int64_t give_up_ms;
    const char *oldest; /* openings before it start nothing */
    enum { EVENT_NO_HAND, EVENT_TOUCH, EVENT_UNTOUCH, EVENT_CLOSE } touch;
    const char *by, *how; /* of the touch */
};

/* Adds the event's statements to a group; returns how many. */
int event_add(struct pg_group *group, const struct event_row *event);
/* The same in two parts, for many events in one group: rows first, in one order, then effects, by incident. */
void event_add_row(struct pg_group *group, const struct event_row *event);
int event_add_effects(struct pg_group *group, const struct event_row *event);
/* After the commit: whether the event was new, opened a run, or told of a hand. row, effects: its statements in the group. */
struct event_result {
    bool fresh;
    bool opened;
    bool handed; /* the hand was not known */
};
void event_result(const struct pg_answer *answer, int row, int effects, const struct event_row *event, struct event_result *out);

/* For an event that the database refuses for what is in it: raw bytes only, with the reason. */
int event_add_raw(struct pg_group *group, const struct event_row *event, const char *odd);

#endif
