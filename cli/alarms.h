/* SPDX-License-Identifier: MIT
 * Alarms about ourselves: to the log, and as incidents by the Events API of every account that has a routing key for it. The
 * same one goes out once a minute, so that a flood of bad requests does not become a flood of alarms and log lines. */
#ifndef CLI_ALARMS_H
#define CLI_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/node.h"

#define ALARMS_REMEMBERED 32
#define ALARM_EVERY_MS 60000

struct alarms {
    uint64_t raised;
    struct {
        uint64_t hash;
        int64_t mono_ms; /* 0: free */
    } last[ALARMS_REMEMBERED];
};

/* account NULL: all. */
void alarms_raise(struct alarms *a, const struct node_files *files, const char *account, const char *what, const char *about,
    const struct log_ctx *log);

/* True when this alarm was raised less than ALARM_EVERY_MS ago; else it is remembered as raised now. */
bool alarms_lately(struct alarms *a, const char *what, const char *about, int64_t now_mono_ms);

#endif
