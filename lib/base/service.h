/* SPDX-License-Identifier: MIT
 * What the settings say about a PagerDuty service: whose it is and how its incidents are handled. A value passed to
 * intake and to the run; does not read settings. */
#ifndef LIB_BASE_SERVICE_H
#define LIB_BASE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum service_language { LANGUAGE_EN, LANGUAGE_JA };

struct service_profile {
    const char *account;   /* borrowed; "" = any account */
    const char *service;   /* borrowed; PagerDuty's service id; "" = the default of the account */
    const char *customer;  /* borrowed; "" = not mapped: runs are handed over */
    const char *time_zone; /* borrowed; "UTC", "Asia/Tokyo" */
    enum service_language language;
    bool bot_responds_first;    /* first_responder: bot: an ending that is not healed escalates at once */
    bool acknowledge;           /* acknowledge: while-running */
    int64_t give_up_ms;         /* 0: the setting's default */
};

/* borrowed; profiles in the order of the settings, the last resort at the end */
struct service_map {
    const struct service_profile *profiles;
    size_t count;
};

/* The profile of a service: by id, else the account's default, else the last resort. Never NULL. */
const struct service_profile *service_find(const struct service_map *map, const char *account,
    const char *service);

#endif
