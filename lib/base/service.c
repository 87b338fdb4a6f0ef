/* SPDX-License-Identifier: MIT
 * Finding a service's profile. */
#include "lib/base/service.h"

#include <string.h>

static const struct service_profile last_resort = {
    .account = "", .service = "", .customer = "", .time_zone = "UTC"};

static const struct service_profile *find(const struct service_map *map, const char *account,
    const char *service)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct service_profile *p = &map->profiles[i];
        if (strcmp(p->service, service) == 0 &&
            (p->account[0] == '\0' || strcmp(p->account, account) == 0))
            return p;
    }
    return NULL;
}

const struct service_profile *service_find(const struct service_map *map, const char *account,
    const char *service)
{
    const struct service_profile *p = find(map, account, service);
    if (!p)
        p = find(map, account, "");
    return p ? p : &last_resort;
}
