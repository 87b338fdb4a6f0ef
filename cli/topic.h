/* SPDX-License-Identifier: MIT
 * What `firstline help` explains beside the subcommands: pages made from the tables of settings and inventory. */
#ifndef CLI_TOPIC_H
#define CLI_TOPIC_H

#include <stdbool.h>

#include "lib/base/buf.h"

struct topic {
    const char *name;    /* borrowed, static */
    const char *summary; /* borrowed, static: one line */
    void (*make)(struct buf *out);
};

extern const struct topic topics[]; /* ends with a NULL name */

/* Prints a topic on standard output; false when there is none of that name. */
bool topic_print(const char *name);

#endif
