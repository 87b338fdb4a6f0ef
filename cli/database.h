/* SPDX-License-Identifier: MIT
 * What the one-shot subcommands share: settings, a loop and the database for a moment. */
#ifndef CLI_DATABASE_H
#define CLI_DATABASE_H

#include "cli/settings.h"
#include "lib/store/store.h"

/* As the settings name it; application: borrowed, as the settings are. */
struct store_settings database_settings(const struct settings *s, const char *application);

struct database {
    const char *command;       /* borrowed; its name, for what is printed */
    struct settings *settings; /* owned */
    struct loop *loop;         /* owned */
    struct store *store;       /* owned */
    bool done;
    const struct error *err;   /* of the answer in hand; NULL: none */
};

/* Reads the settings and begins to connect. Prints what is wrong; returns 0, or an exit code. */
int database_open(struct database *d, const char *command, const char *settings_path);
void database_close(struct database *d);
/* Waits until it is connected; false: too late (printed, with the reason). */
bool database_connect(struct database *d, int64_t wait_ms);
/* Turns the loop until d->done, at most wait_ms; false: too late (printed). */
bool database_wait(struct database *d, int64_t wait_ms);
/* "firstline stop: database: ..." with what to do next, on standard error. Returns EXIT_FAILED. */
int database_failed(const struct database *d, const struct error *err);

#endif
