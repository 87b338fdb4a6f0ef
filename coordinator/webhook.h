/* SPDX-License-Identifier: MIT
 * What an event of a type by a hand means, whether PagerDuty sent it (a v3 webhook: the signature, the body) or was asked for
 * it (an incident, its log, its notes). Pure: no I/O.
 * Facts: PagerDuty's developer documentation, "Webhooks v3" (overview, behaviour, signatures) and "REST API v2". */
#ifndef COORDINATOR_WEBHOOK_H
#define COORDINATOR_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/error.h"

/* Whose hand an event shows. */
enum webhook_agent {
    AGENT_NONE,    /* null: PagerDuty's own clockwork, or a monitor      */
    AGENT_SERVICE, /* an integration, a service, a workflow              */
    AGENT_PERSON,  /* a user that is not one of our bots                 */
    AGENT_OURS,    /* one of the account's bot users: our own writes     */
    AGENT_KINDS,
};

/* What the event does to what we know. */
enum webhook_effect {
    EFFECT_NONE = 0,
    EFFECT_SEE = 1,    /* the incident as last seen           */
    EFFECT_OPEN = 2,   /* opens a run                         */
    EFFECT_REOPEN = 4, /* begins a new opening                */
    EFFECT_CURRENT = 8 /* shows the incident's present state  */
};

/* What the hand means for a run. */
enum webhook_hand {
    HAND_NONE,  /* nothing: our own write, clockwork, or no touch             */
    HAND_TOUCH, /* a person took over: no further recover, what runs ends     */
    HAND_CLOSE, /* resolved or merged, not by us: no new recover              */
    HAND_NOTE,  /* a person's note: an order if it says firstline stop or go  */
};

/* The one table: a row for each event type. */
struct webhook_rule {
    const char *type;
    unsigned effects; /* enum webhook_effect, or-ed */
    enum webhook_hand hands[AGENT_KINDS];
    const char *how; /* completes "<somebody> ..." for people: "acknowledged it" */
    const char *log; /* what the incident's log calls it, before "_log_entry"; NULL: it has none, or no meaning there */
};
extern const struct webhook_rule webhook_rules[]; /* ends with a NULL type */

enum webhook_order { ORDER_NONE, ORDER_STOP, ORDER_GO };

/* All texts: arena, repaired to valid UTF-8 without NUL, never NULL. */
struct webhook_event {
    const char *id;          /* as sent; "" when absent */
    char key[80];            /* id, or sha256:... when it is longer than 255 bytes or absent (then of the body) */
    const char *type;
    const char *occurred_at; /* "" when absent or no time */
    int64_t occurred_wall_ms;
    const struct webhook_rule *rule; /* never NULL: unknown types have one that does nothing */
    enum webhook_agent agent;
    const char *agent_name;  /* summary, else id; "" when there is none */
    enum webhook_hand hand;
    enum webhook_order order;
    const char *odd;         /* why the event cannot be used; NULL when it can */

    const char *incident;    /* "" when the event is about none */
    bool whole;              /* data is the incident itself, so the fields below are filled */
    int64_t number;
    const char *title, *status, *urgency, *priority;
    const char *service_id, *service_name, *html_url;
    const char *created_at, *reopened_at; /* "" when absent */
    bool merged;
    const char *merged_into;
};

/* Reads a body whose signature was right. Never fails: what cannot be used is `odd`, and still stored.
 * Where arena_starved(a) afterwards, parts are missing: then nothing may be made of it.
 * bots  NULL-ended list of our user ids (borrowed for the call) */
void webhook_parse(struct arena *a, const char *body, size_t bytes, const char *const *bots,
    struct webhook_event *out);

/* ---- the same, found by asking ---- */

struct pagerduty_incident;
struct pagerduty_entry;
struct pagerduty_note;

/* Times of the REST API are in whole seconds; each means the end of its second, so that what is found is later than all that
 * it includes. */

/* The incident as it is now, as if of this type ("incident.triggered", "incident.reopened"; NULL: only as seen). */
void webhook_of_incident(struct arena *a, const struct pagerduty_incident *i, const char *type, struct webhook_event *out);
/* false: nothing that a rule knows. incident: as read, for whether a resolve was a merge; may be NULL. */
bool webhook_of_entry(struct arena *a, const char *key, const struct pagerduty_incident *incident,
    const struct pagerduty_entry *entry, const char *const *bots, struct webhook_event *out);
/* Walks one opening's part of a log, oldest entry first. Begin it with `assigned` false. */
struct webhook_log {
    const char *key;
    const struct pagerduty_incident *incident; /* as for webhook_of_entry */
    const char *const *bots;
    int64_t opening_wall_ms; /* 0: all of the log */
    bool assigned; /* an entry of this opening has assigned it */
};
/* false: nobody's hand, or not of this opening. */
bool webhook_of_log(struct arena *a, struct webhook_log *log, const struct pagerduty_entry *entry, struct webhook_event *out);
/* The newest by which a person took over, of a log's entries, newest first as PagerDuty gives them. false: nobody did. */
bool webhook_newest_touch(struct arena *a, struct webhook_log log, const struct pagerduty_entry *entries, size_t count,
    struct webhook_event *out);
/* false: no order. */
bool webhook_of_note(struct arena *a, const char *key, const struct pagerduty_note *note, const char *const *bots,
    struct webhook_event *out);

/* ---- signatures ---- */

enum webhook_signature { SIGNATURE_MISSING, SIGNATURE_MALFORMED, SIGNATURE_WRONG, SIGNATURE_RIGHT };

struct webhook_secret {
    const char *data; /* borrowed */
    size_t bytes;
};
/* header may be NULL. Several v1 signatures in one header, several secrets: any pair may match. Constant time in the
 * signatures' bytes. Unknown versions are passed over. */
enum webhook_signature webhook_verify(const char *header, const struct webhook_secret *secrets,
    size_t count, const char *body, size_t bytes);

/* The table as Markdown (in docs/intake.md). */
struct buf;
void webhook_page(struct buf *out);

const char *webhook_agent_name(enum webhook_agent agent);
const char *webhook_hand_name(enum webhook_hand hand);

#endif
