/* SPDX-License-Identifier: MIT
 * POST /webhooks/pagerduty: verifies, stores durably, then answers 202. Events that arrive together are
 * committed together. Answers:
 *   202  authentic and durable, whatever is in it (unknown, odd and duplicate events too)
 *   401  no signature, a malformed one, or an unknown subscription
 *   503  the signature is well formed but matches no secret (after one reload: alarmed), or the database did not commit
 *        within 3 s; PagerDuty repeats both for 48 h, while three 4xx in a row switch a subscription off for a day */
#ifndef COORDINATOR_INTAKE_H
#define COORDINATOR_INTAKE_H

#include "coordinator/webhook.h"
#include "lib/base/log.h"
#include "lib/base/policy.h"
#include "lib/io/http_server.h"
#include "lib/store/store.h"

struct intake;

struct intake_subscription {
    const char *id;                       /* borrowed, as all here, until intake_swap or intake_free */
    const char *account;
    const char *const *bots;              /* NULL-ended user ids of the account */
    const struct webhook_secret *secrets; /* all that are valid now */
    size_t secrets_count;
};

struct intake_settings {
    const char *region;
    const struct intake_subscription *subscriptions;
    size_t subscriptions_count;
    const struct policies *policies; /* whose a service is, and when its runs are given up */
    int64_t oldest_ms;     /* an opening older than this starts no run; 0: 72 h */
    unsigned together_max; /* 0: 50. What comes while a commit is under way waits for its end, and goes together then */
};

struct intake_events {
    void (*on_runs)(void *owner);                             /* runs were opened: claim now */
    bool (*reload_secrets)(void *owner);                      /* true: intake_swap was called with others */
    void (*on_alarm)(void *owner, const char *what, const char *subscription); /* a person must know */
    void (*on_order)(void *owner, const char *account, const char *incident, bool stop, const char *by);
    void (*on_hands)(void *owner);                            /* somebody's hand was stored: runs should look */
    void *owner;
};

struct intake_counts {
    uint64_t accepted, duplicates, odd, refused, wrong_signature, unavailable, runs;
    int64_t last_mono_ms; /* of the last accepted; 0: none yet */
};

struct intake *intake_new(struct loop *loop, struct store *store, const struct intake_settings *settings,
    const struct intake_events *events, const struct log_ctx *log);
/* Requests that wait are answered 503. */
void intake_free(struct intake *in);
void intake_swap(struct intake *in, const struct intake_settings *settings);
/* The handler for POST /webhooks/pagerduty. */
void intake_take(struct intake *in, struct http_request *req);
void intake_counts(const struct intake *in, struct intake_counts *out);

struct intake_heard {
    const char *account, *subscription; /* borrowed until intake_swap */
    int64_t mono_ms; /* of its last authentic webhook on this node; before that, of the node's start */
};
/* false: there are no more subscriptions. */
bool intake_heard(const struct intake *in, size_t index, struct intake_heard *out);

#endif
