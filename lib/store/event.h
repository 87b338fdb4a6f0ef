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
    int64_t urgency_rank;
    int64_t give_up_ms;
    const char *oldest; /* openings before it start nothing */
    enum { EVENT_NO_HAND, EVENT_TOUCH, EVENT_UNTOUCH, EVENT_CLOSE } touch;
    const char *by, *how; /* of the touch */
};

/* One of the events of a group. */
struct event_entry {
    const struct event_row *row; /* borrowed until its result was read */
    enum {
        EVENT_WHOLE,
        EVENT_UNKEPT, /* what it changes, but no row of its own */
        EVENT_RAW     /* its bytes only: the database refused it for what is in it */
    } as;
    /* Set by event_add: its statements in the group, and its place among those that one of them takes. */
    int taken, taken_place, touched, opened, opened_place;
};

/* Adds all events to the group: first their rows, then what they change, each in one order, so that groups of two regions do not wait
 * for each other's rows. One statement takes all, but for copies of an event and further events of an incident, which follow
 * in statements of their own. At most EVENTS_TOGETHER_MAX. */
void event_add(struct pg_group *group, struct event_entry *entries, size_t count);
#define EVENTS_TOGETHER_MAX 200

/* After the commit: whether the event was new, opened a run, or told of a hand. */
struct event_result {
    bool fresh;
    bool opened;
    bool handed; /* the hand was not known */
};
void event_result(const struct pg_answer *answer, const struct event_entry *entry, struct event_result *out);

#endif
