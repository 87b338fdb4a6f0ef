/* SPDX-License-Identifier: MIT
 * What a run asks about its incident: an interface that the program fills with the PagerDuty client, so that the executor
 * knows no channel. Writing goes through the outbox only. */
#ifndef EXECUTOR_DESK_H
#define EXECUTOR_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;

struct desk_alert {
    const char *id, *status, *summary;
    const struct json_t *details; /* object or text; NULL: none */
    const struct json_t *json;    /* the whole alert */
};

enum desk_state {
    DESK_READ,        /* the fields below are filled         */
    DESK_GONE,        /* there is no such incident any more  */
    DESK_UNAVAILABLE, /* could not be asked; `why` says it   */
};

/* Texts borrowed until done returns; never NULL. */
struct desk_answer {
    enum desk_state state;
    const char *why;
    const char *status, *title, *priority, *urgency, *service_id, *service_name;
    const char *changed_by;     /* user id of the last status change when it was a person's; "" = clockwork or ours */
    const char *last_change_at, *last_change_by; /* of the status, as PagerDuty writes them, whoever did it; "" = not said */
    bool merged;
    const struct desk_alert *alerts; /* DESK_ALERTS */
    size_t alerts_count;
    bool alerts_cut; /* there are more than were read */
    const char *hand_by, *hand_how, *hand_at; /* DESK_HANDS: the newest by which a person took over in this opening; "" = none */
};
typedef void desk_done(void *owner, const struct desk_answer *answer);

/* What is read beside the incident: one more request. */
enum desk_beside { DESK_ALERTS, DESK_HANDS };

struct desk_question {
    const char *account, *incident; /* borrowed for the call */
    enum desk_beside beside;
    int64_t opening_wall_ms; /* DESK_HANDS: when the opening began */
};

struct desk {
    /* done is called exactly once, never inside. */
    uint64_t (*read)(void *desk, const struct desk_question *question, desk_done *done, void *owner);
    /* done will not be called. */
    void (*forget)(void *desk, uint64_t id);
    void *desk; /* borrowed */
};

#endif
