/* SPDX-License-Identifier: MIT
 * Which alarms about ourselves were raised lately: the same one goes out once a minute, so that a flood of bad requests does
 * not become a flood of alarms and log lines. Does not raise any. */
#ifndef CLI_ALARMS_H
#define CLI_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

#define ALARMS_REMEMBERED 32
#define ALARM_EVERY_MS 60000

struct alarms {
    struct {
        uint64_t hash;
        int64_t mono_ms; /* 0: free */
    } last[ALARMS_REMEMBERED];
};

/* True when this alarm was raised less than ALARM_EVERY_MS ago; else it is remembered as raised now. */
bool alarms_lately(struct alarms *a, const char *what, const char *about, int64_t now_mono_ms);

#endif
