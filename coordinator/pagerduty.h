/* SPDX-License-Identifier: MIT
 * PagerDuty's REST API v2 for one account (one token), and its Events API for alarms about ourselves. Sends each
 * request once and says what the caller may do next; does not retry, queue, log or decide. The token is in no text
 * that leaves here.
 *
 * Every call returns an id, never 0; its done runs exactly once, later, never inside the call. */
#ifndef COORDINATOR_PAGERDUTY_H
#define COORDINATOR_PAGERDUTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

struct budget;
struct http_client;
struct json_t;
struct loop;
struct pagerduty;

struct pagerduty_settings {
    const char *base_url;   /* borrowed for the call; NULL: PAGERDUTY_URL_US. No '/' at the end */
    const char *events_url; /* borrowed for the call; NULL: PAGERDUTY_EVENTS_URL_US */
    const char *token;      /* borrowed for the call, kept in wiped memory */
    const char *from_email; /* borrowed for the call: a valid user of the account, our bot */
    unsigned write_ms;      /* of a call that writes, with all its requests; 0: PAGERDUTY_REQUEST_MS */
};
#define PAGERDUTY_URL_US "https://api.pagerduty.com"
#define PAGERDUTY_URL_EU "https://api.eu.pagerduty.com"
#define PAGERDUTY_EVENTS_URL_US "https://events.pagerduty.com"
#define PAGERDUTY_EVENTS_URL_EU "https://events.eu.pagerduty.com"

/* What the caller may do. For a read, UNKNOWN means as little as NOT_SENT: ask again. */
enum pagerduty_class {
    PAGERDUTY_DONE,      /* done; the result is filled                                               */
    PAGERDUTY_ALREADY,   /* it was so before (already resolved, already acknowledged): success       */
    PAGERDUTY_NOT_SENT,  /* nothing was sent: repeat when you like                                   */
    PAGERDUTY_UNKNOWN,   /* may have been done (timeout, cut, 408, 5xx): look before repeating       */
    PAGERDUTY_SLOW_DOWN, /* refused for the rate (429), not done: repeat after wait_ms               */
    PAGERDUTY_NEVER,     /* refused for what it is (400, 402, 404, 413, ...): repeating will not help */
    PAGERDUTY_CONFIG,    /* token or From is wrong (401, 403, 1008, ...): a person must act, then repeat */
    PAGERDUTY_CLASSES,
};
/* "done", "not_sent", ...; static. */
const char *pagerduty_class_name(enum pagerduty_class c);

/* Texts of all results are borrowed until done returns, and NULL where PagerDuty gave none or null. */
struct pagerduty_incident {
    const char *id;
    int64_t number; /* 0: none */
    const char *title;
    const char *status;  /* "triggered", "acknowledged", "resolved" */
    const char *urgency; /* "high", "low" */
    const char *priority; /* its name: "P1" */
    const char *service_id, *service_name;
    const char *escalation_policy_id;
    int escalation_levels; /* of that policy; 0: not known */
    const char *html_url;
    const char *created_at;
    const char *updated_at;
    const char *last_status_change_at;
    const char *last_status_change_by_id;
    const char *last_status_change_by_type; /* "user_reference", "service_reference", ... */
    const char *assignee_ids[8]; /* the first of them */
    size_t assignees;            /* all of them, may be more than 8 */
    int alerts_all, alerts_triggered; /* -1: not known */
    const char *resolve_reason_type;  /* "merge_resolve_reason" when merged */
    const char *merged_into;          /* the summary of that incident */
    const struct json_t *json;        /* the whole object */
};

struct pagerduty_alert {
    const char *id;
    const char *alert_key;
    const char *status; /* "triggered", "resolved" */
    const char *created_at;
    const char *summary;
    const struct json_t *details; /* object or string; body.details, else body.cef_details.details */
    const struct json_t *json;    /* the whole object */
};

struct pagerduty_note {
    const char *id;
    const char *content;
    const char *created_at;
    const char *user_id;
    const struct json_t *json; /* the whole object */
};

/* Of an incident's log. */
struct pagerduty_entry {
    const char *id;
    const char *type; /* "acknowledge_log_entry", ... */
    const char *created_at;
    const struct json_t *json; /* the whole object, with its agent */
};

struct pagerduty_subscription {
    const char *id;
    const char *description;
    const char *url; /* of its delivery_method */
    const char *filter_type; /* "account_reference", "service_reference", "team_reference" */
    const char *filter_id;   /* of that service or team */
    bool active;
    bool temporarily_disabled;
};

struct pagerduty_result {
    enum pagerduty_class class;
    int status;      /* HTTP; 0: no answer */
    int code;        /* PagerDuty's own (2001, ...); 0: none */
    int64_t wait_ms; /* SLOW_DOWN: how long, counted from now */
    struct error err; /* what happened, for every class but DONE: its kind, and the answer quoted (bounded) */

    struct pagerduty_incident incident;               /* read_incident, change_incident */
    const struct pagerduty_incident *incidents;       /* list_open_incidents */
    const struct pagerduty_alert *alerts;             /* list_alerts */
    const struct pagerduty_note *notes;               /* list_notes; add_note: the one added */
    const struct pagerduty_entry *entries;            /* list_log */
    const struct pagerduty_subscription *subscriptions; /* list_subscriptions */
    size_t count; /* of the list above */
    bool cut;     /* PagerDuty holds more than was read (limit passed): the list is a beginning */
    size_t next;  /* a page: the offset of the one that follows */
};
typedef void pagerduty_done(void *owner, uint64_t id, const struct pagerduty_result *result);

/* Whether the REST API answers, by the last requests. out_why: of AWAY, the last failure; borrowed until the loop turns. */
enum pagerduty_reach { PAGERDUTY_NOT_ASKED, PAGERDUTY_THERE, PAGERDUTY_AWAY };
enum pagerduty_reach pagerduty_reach(const struct pagerduty *pd, const char **out_why);

/* client is borrowed and outlives this. NULL and err: CONFIG (no token, no From, bad URL), LIMIT. */
struct pagerduty *pagerduty_new(struct loop *loop, struct http_client *client,
    const struct pagerduty_settings *settings, struct error *err);
/* Further requests of one call (a list's next pages, the priorities before a change) wait for the budget; the first is the
 * caller's. Without it nothing waits. budget is borrowed until pagerduty_free, account is copied. */
void pagerduty_set_budget(struct pagerduty *pd, struct budget *budget, const char *account);
/* Cancels what runs: each done is called inside, with NOT_SENT or UNKNOWN. NULL is fine. */
void pagerduty_free(struct pagerduty *pd);
/* After a reload: another token for the next requests. -1: empty or not one line; the old one stays. */
int pagerduty_set_token(struct pagerduty *pd, const char *token);
/* A request: done follows with NOT_SENT or UNKNOWN, or with what had come already. An unknown id is fine. */
void pagerduty_cancel(struct pagerduty *pd, uint64_t id);

/* ---- reads: may be repeated freely ---- */

/* incident_id: or the incident's number. Fills result.incident. */
uint64_t pagerduty_read_incident(struct pagerduty *pd, const char *incident_id, pagerduty_done *done, void *owner);
/* All alerts (at most 1,000, PagerDuty's own limit), page by page. */
uint64_t pagerduty_list_alerts(struct pagerduty *pd, const char *incident_id, pagerduty_done *done, void *owner);
uint64_t pagerduty_list_notes(struct pagerduty *pd, const char *incident_id, pagerduty_done *done, void *owner);
/* One page of the triggered and acknowledged incidents of any age, oldest first, from an offset on; `cut`: more follow, at
 * `next`. Between pages incidents may be missed when others close, or come twice: ask again later. */
uint64_t pagerduty_list_open_incidents(struct pagerduty *pd, size_t offset, pagerduty_done *done, void *owner);
/* The newest 100 entries of an incident's log. */
uint64_t pagerduty_list_log(struct pagerduty *pd, const char *incident_id, pagerduty_done *done, void *owner);
uint64_t pagerduty_list_subscriptions(struct pagerduty *pd, pagerduty_done *done, void *owner);

/* ---- writes: repeat only as the class allows ---- */

/* content: UTF-8; cut by the caller to PAGERDUTY_NOTE_CHARACTERS_MAX. Fills result.notes[0]. */
uint64_t pagerduty_add_note(struct pagerduty *pd, const char *incident_id, const char *content,
    pagerduty_done *done, void *owner);
/* A note that is gone already (404) is ALREADY. */
uint64_t pagerduty_delete_note(struct pagerduty *pd, const char *incident_id, const char *note_id,
    pagerduty_done *done, void *owner);

/* What is NULL or 0 stays as it is; at least one must be given. */
struct pagerduty_change {
    const char *title;
    const char *status;     /* "acknowledged", "resolved"; "triggered" would reopen: not allowed (asserted) */
    const char *resolution; /* with "resolved": kept on the log entry, not shown; send a note before */
    int escalation_level;   /* from 1 */
    const char *escalation_policy_id;
    const char *priority_id;
    const char *priority_name; /* "P2": looked up by GET /priorities, remembered; unknown: NEVER */
};
/* One PUT. Fills result.incident with what PagerDuty holds afterwards: compare, since unknown values are ignored. */
uint64_t pagerduty_change_incident(struct pagerduty *pd, const char *incident_id,
    const struct pagerduty_change *change, pagerduty_done *done, void *owner);
uint64_t pagerduty_enable_subscription(struct pagerduty *pd, const char *subscription_id,
    pagerduty_done *done, void *owner);

/* Events API v2: the alarm about ourselves. Needs no token; DONE means queued by PagerDuty. The dedup key makes
 * repeating safe even when UNKNOWN. */
struct pagerduty_event {
    const char *routing_key; /* secret: in no text that leaves here */
    const char *action;      /* "trigger" or "resolve" */
    const char *dedup_key;   /* at most 255 bytes */
    const char *summary;     /* cut here to 1,024 characters */
    const char *source;      /* this node */
    const char *severity;    /* "critical", "error", "warning", "info" */
    const struct json_t *details; /* borrowed for the call; NULL: none */
};
uint64_t pagerduty_send_event(struct pagerduty *pd, const struct pagerduty_event *event,
    pagerduty_done *done, void *owner);

/* ---- the rate, as this process saw it (the budget over all nodes is the caller's) ---- */

/* Milliseconds to wait before the next request: 0 unless PagerDuty lately said that nothing is left, or 429. Never
 * more than PAGERDUTY_WAIT_MS_MAX, and what was said is forgotten when its time is over, so that an old answer
 * wedges nothing. */
int64_t pagerduty_wait_ms(const struct pagerduty *pd, int64_t now_mono_ms);
bool pagerduty_may_send(const struct pagerduty *pd, int64_t now_mono_ms);
/* What the last answer said is left in this window; -1: not known. For /metrics. */
int64_t pagerduty_remaining(const struct pagerduty *pd, int64_t now_mono_ms);

#endif
