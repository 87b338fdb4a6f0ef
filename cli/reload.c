/* SPDX-License-Identifier: MIT
 * Reading a node's files anew, off the loop. */
#include "cli/reload.h"

#include <stdlib.h>

struct reload {
    struct loop *loop;         /* borrowed */
    const char *settings_path; /* borrowed */
    reload_done *done;
    void *owner;              /* borrowed */
    struct node_files *files; /* owned: what the thread has read */
    struct buf said;
    bool busy, again, gone;
};

struct reload *reload_new(struct loop *loop, const char *settings_path, reload_done *done, void *owner)
{
    struct reload *r = calloc(1, sizeof *r);
    if (r)
        *r = (struct reload){.loop = loop, .settings_path = settings_path, .done = done, .owner = owner};
    return r;
}

void reload_free(struct reload *r)
{
    if (!r)
        return;
    r->gone = true; /* the thread uses it still: on_read frees it */
    if (!r->busy)
        free(r);
}

static void read_all(void *owner)
{
    struct reload *r = owner;
    r->files = node_files_read(r->settings_path, &r->said);
}

static void on_read(void *owner)
{
    struct reload *r = owner;
    r->busy = false;
    if (r->gone)
        node_files_free(r->files);
    else
        r->done(r->owner, r->files, buf_text(&r->said));
    buf_done(&r->said);
    if (r->gone)
        free(r);
    else if (r->again)
        reload_start(r);
}

void reload_start(struct reload *r)
{
    r->again = r->busy;
    if (r->busy)
        return;
    buf_init(&r->said, SETTINGS_TEXT_BYTES);
    r->files = NULL;
    r->busy = loop_work_start(r->loop, read_all, on_read, r);
    if (!r->busy)
        r->done(r->owner, NULL, "no memory to read the files");
}

struct node_files *reload_secrets(const char *settings_path, struct node_files *present, struct buf *out)
{
    struct node_files *f = node_files_read_settings(settings_path, out);
    if (!f)
        return NULL;
    f->scenarios = present->scenarios ? scenario_set_hold(present->scenarios) : NULL;
    f->inventory = present->inventory ? inventory_ref(present->inventory) : NULL;
    f->known_hosts = present->known_hosts; /* moves: one owner */
    present->known_hosts = NULL;
    return f;
}
