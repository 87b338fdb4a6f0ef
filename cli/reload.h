/* SPDX-License-Identifier: MIT
 * Reading a node's files anew while it works. All of them are read in a thread, since a large inventory takes seconds, in
 * which the loop would renew no lease; what is new is handed over on the loop, whole and checked, or the reasons why not.
 * Does not swap anything in. */
#ifndef CLI_RELOAD_H
#define CLI_RELOAD_H

#include "cli/node.h"
#include "lib/io/loop.h"

struct reload;

/* files: owned by the callee; NULL: something is wrong, and said tells what. said: diagnostics, borrowed for the call. */
typedef void reload_done(void *owner, struct node_files *files, const char *said);

/* settings_path: borrowed. NULL: no memory. */
struct reload *reload_new(struct loop *loop, const char *settings_path, reload_done *done, void *owner);
/* done is not called afterwards. A reading under way ends by itself; loop_free waits for it. NULL is fine. */
void reload_free(struct reload *r);
/* While one reading is under way another is kept for after it, since the files may have changed meanwhile. */
void reload_start(struct reload *r);

/* Reads settings and secrets alone, at once, and takes the rest from present, which keeps what borrows from it and must
 * outlive the new one's use as any older set does. NULL as node_files_read. */
struct node_files *reload_secrets(const char *settings_path, struct node_files *present, struct buf *out);

#endif
