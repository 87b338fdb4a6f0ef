/* SPDX-License-Identifier: MIT
 * What the settings say about a service and its customer: whose hosts, which language, who answers first. Here and not
 * in cli/, since executor and coordinator both ask. Filled by the settings; immutable afterwards. */
#ifndef LIB_BASE_POLICY_H
#define LIB_BASE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum policy_language { LANGUAGE_EN, LANGUAGE_JA, LANGUAGES };
enum policy_responder { RESPONDER_BOT, RESPONDER_PEOPLE };
enum policy_acknowledge { ACKNOWLEDGE_NEVER, ACKNOWLEDGE_WHILE_RUNNING };
enum policy_mode { POLICY_SHADOW, POLICY_SUGGEST, POLICY_APPROVE, POLICY_AUTO }; /* as enum scenario_mode */

/* Words of the enums, NULL-ended; static. */
extern const char *const policy_languages[];
extern const char *const policy_responders[];
extern const char *const policy_acknowledges[];
extern const char *const policy_modes[];

/* Everything resolved: what the service does not say its customer says, then `defaults`. */
struct policy {
    const char *customer; /* borrowed from the settings; NULL: the service belongs to none, so its hosts are unknown */
    enum policy_language language;
    const char *time_zone; /* borrowed from the settings; "Asia/Tokyo" */
    enum policy_responder first_responder;
    enum policy_acknowledge acknowledge;
    int hand_over_level; /* escalation level that a hand-over goes to */
    enum policy_mode mode_most; /* no scenario does more here, whatever its own mode */
};

struct policies;

/* The policy of a service, by id, else by name pattern in the settings' order, else the defaults without a customer.
 * account, service_id, service_name may be NULL. Never fails. */
void policy_of_service(const struct policies *p, const char *account, const char *service_id,
    const char *service_name, struct policy *out);
/* The policy of a customer (for what is no service's); false when there is no such customer. */
bool policy_of_customer(const struct policies *p, const char *customer, struct policy *out);
/* How long after an incident's creation a run without a scenario's own word is given up. priority may be NULL. */
int64_t policy_give_up_after_ms(const struct policies *p, const char *priority);

/* ---- for the settings ---- */

struct policy_customer {
    const char *name;
    int language, first_responder, acknowledge, mode; /* -1: not said */
    const char *time_zone;                            /* NULL: not said */
    int64_t hand_over_level;                          /* 0: not said */
};
struct policy_service {
    const char *account; /* NULL: any */
    const char *id;      /* NULL: by name */
    const char *pattern; /* a name where each * stands for any text; compared NFKC and case folded */
    const char *customer;
    int language, first_responder, acknowledge, mode;
    const char *time_zone;
    int64_t hand_over_level;
};
struct policy_give_up {
    const char *priority;
    int64_t ms;
};
struct policies {
    struct policy defaults;
    const struct policy_customer *customers; /* borrowed from the settings, as all below */
    int customers_count;
    const struct policy_service *services;
    int services_count;
    const struct policy_give_up *give_up;
    int give_up_count;
    int64_t give_up_after_ms;
};

#endif
