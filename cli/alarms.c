/* SPDX-License-Identifier: MIT
 * Alarms that were raised lately. */
#include "cli/alarms.h"

#include <string.h>

#include "lib/base/text.h"

bool alarms_lately(struct alarms *a, const char *what, const char *about, int64_t now_mono_ms)
{
    uint64_t hash = text_hash(what, strlen(what)) ^ (text_hash(about, strlen(about)) * 31);
    int oldest = 0;
    for (int i = 0; i < ALARMS_REMEMBERED; i++) {
        bool fresh = a->last[i].mono_ms && now_mono_ms - a->last[i].mono_ms < ALARM_EVERY_MS;
        if (fresh && a->last[i].hash == hash)
            return true;
        if (a->last[i].mono_ms < a->last[oldest].mono_ms)
            oldest = i;
    }
    a->last[oldest].hash = hash;
    a->last[oldest].mono_ms = now_mono_ms;
    return false;
}
