/* SPDX-License-Identifier: MIT
 * Scenarios and inventory as `check` and `match` are pointed at them: a folder that holds
 * `scenarios/` and `inventory/` (or inventory.yaml), or a folder of scenarios. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include "cli/settings.h"
#include "executor/inventory.h"
#include "executor/scenario_set.h"

#define FILES_INVENTORIES_MAX 64

struct files {
    /* Filled by the caller; borrowed. */
    const char *folder;        /* NULL: what the settings name */
    const char *settings_path; /* NULL: no settings file is read */
    const char
        *inventories[FILES_INVENTORIES_MAX + 1]; /* NULL-ended; in place of what the folder holds */
    /* Filled by files_load; owned. */
    struct settings *settings;
    struct scenario_set *scenarios; /* NULL where there is an error */
    struct inventory *inventory;    /* NULL where there is none, or an error */
    bool has_inventory;
    struct diag *diag;
};

/* Takes the folder from what a command line names behind its options, of which there are count; without one and without --config
 * the installed settings. -1: the usage is wrong (told). */
int files_named(struct files *f, int count, char **names, const char *command);
/* Reads all of it; mistakes are in f->diag. Returns -1 when the folder itself is missing or memory
 * is short (told on standard error). */
int files_load(struct files *f, const char *command);
void files_done(struct files *f);

#endif
