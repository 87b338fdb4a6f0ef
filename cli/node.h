/* SPDX-License-Identifier: MIT
 * `firstline node`: a worker process with the roles that its settings name. Wires everything together and holds what a
 * reload swaps: settings, scenarios, inventory, known_hosts, secrets. */
#ifndef CLI_NODE_H
#define CLI_NODE_H

#include "cli/desk.h"
#include "cli/settings.h"
#include "coordinator/health.h"
#include "coordinator/intake.h"
#include "coordinator/outbox.h"
#include "coordinator/reconciler.h"
#include "executor/worker.h"
#include "lib/io/http_client.h"

/* What one reading of all files gives. Read whole, checked whole, then swapped in. */
struct node_files {
    struct settings *settings;      /* owned */
    struct scenario_set *scenarios; /* counted; NULL: none configured */
    struct inventory *inventory;    /* counted; NULL: none configured */
    struct known_hosts *known_hosts; /* owned; NULL: none configured */
    struct redactor *redactor;       /* counted */
    struct intake_subscription *subscriptions; /* owned, with the arrays in it */
    int subscriptions_count;
    struct writer_account *accounts; /* owned; clients are filled by the node */
    int accounts_count;
    int64_t retired_mono_ms;  /* when it was swapped out */
    struct node_files *next;  /* owned; older ones, until nothing borrows from them */
};

#define SETTINGS_TEXT_BYTES (256 * 1024) /* of diagnostics */

/* Reads and checks everything. Blocks, but may run in a thread. Diagnostics of all files go to out (text). NULL when something
 * is wrong. */
struct node_files *node_files_read(const char *settings_path, struct buf *out);
/* Likewise, but settings and secrets only: no scenarios, inventory or known_hosts. */
struct node_files *node_files_read_settings(const char *settings_path, struct buf *out);
/* What parts of the node are given of it. */
struct intake_settings node_files_intake(const struct node_files *f);
struct reconciler_settings node_files_reconciler(const struct node_files *f);
void node_files_free(struct node_files *f); /* NULL is fine */

int command_node(int argc, char **argv);

#endif
