/* SPDX-License-Identifier: MIT
 * `firstline migrate`: brings the database to this program's schema. */
#include "cli/migrate.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/database.h"

#define CONNECT_LONGEST_MS 15000
#define MIGRATE_LONGEST_MS 600000 /* a later migration may rewrite a table */

struct migrating {
    struct database db;
    int applied, result;
};

static void on_migrated(void *owner, int applied, const struct error *err)
{
    struct migrating *m = owner;
    m->applied = applied;
    m->result = err ? database_failed(&m->db, err) : EXIT_OK;
    m->db.done = true;
}

int command_migrate(int argc, char **argv)
{
    const char *path;
    if (command_config_option(argc, argv, &path) < 0)
        return EXIT_USAGE;
    struct migrating m = {0};
    int rc = database_open(&m.db, "migrate", path);
    if (rc != EXIT_OK)
        return rc;
    if (!database_connect(&m.db, CONNECT_LONGEST_MS)) {
        database_close(&m.db);
        return EXIT_FAILED;
    }
    struct store_settings st = database_settings(m.db.settings, "migrate");
    store_migrate(m.db.loop, &st, on_migrated, &m);
    rc = database_wait(&m.db, MIGRATE_LONGEST_MS) ? m.result : EXIT_FAILED;
    if (rc == EXIT_OK)
        printf("%d migration%s applied; the database is at %d\n", m.applied, m.applied == 1 ? "" : "s", store_schema_wanted());
    database_close(&m.db);
    return rc;
}
