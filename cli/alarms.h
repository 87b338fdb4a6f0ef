/* SPDX-License-Identifier: MIT
 * Alarms about ourselves: to the log, and as incidents by the Events API of every account that has a routing key for it. The
 * same one goes out once a minute, so that a flood of bad requests does not become a flood of alarms and log lines. */
#ifndef CLI_ALARMS_H
#define CLI_ALARMS_H

#include <stdint.h>

#include "cli/node.h"
#include "lib/base/rare.h"

struct alarms {
    uint64_t raised;
    struct rare lately;
};

/* account NULL: all. */
void alarms_raise(struct alarms *a, const struct node_files *files, const char *account, const char *what, const char *about,
    const struct log_ctx *log);

#endif
