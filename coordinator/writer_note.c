/* SPDX-License-Identifier: MIT
 * Notes: sent once, looked for by their marker before a doubtful resend, and kept from using up an incident's 2,000. */
#include "coordinator/writer_inside.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/text.h"

#define LOOK_APART_MS 5000 /* two reads of the notes before one is sent again */
#define NOTES_NEAR 1900    /* of PagerDuty's 2,000: from here on only endings */
#define NEW_MS 3600000     /* so young an incident has not near 2,000 notes: they are not counted */

static void on_added(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct job *j = owner;
    (void)id;
    if (r->class != PAGERDUTY_DONE) {
        job_finish_failed(j, r, true);
        return;
    }
    j->notes += j->notes >= 0;
    const char *remote = r->count > 0 ? r->notes[0].id : NULL;
    if (j->item->row.unknown) /* sent again: the first may show up yet */
        job_finish_more(j, OUTBOX_SENT, remote, NULL, writer_mend_row(job_doubt_ms(j), false));
    else
        job_finish(j, OUTBOX_SENT, remote, NULL, 0);
}

static void add(struct job *j)
{
    fault_point("outbox.granted");
    if (!job_may_begin(j))
        return;
    fault_point("outbox.begun");
    const struct outbox_row *row = &j->item->row;
    struct buf text;
    buf_init(&text, 512 * 1024);
    size_t cut = text_cut(row->body, strlen(row->body), PAGERDUTY_NOTE_CHARACTERS_MAX - 100, 256 * 1024);
    (void)buf_add(&text, row->body, cut);
    (void)buf_printf(&text, "\n[firstline %s]", row->marker);
    j->request = pagerduty_add_note(j->account.client, row->target, buf_text(&text), on_added, j);
    buf_done(&text);
}

static void add_if_room(struct job *j)
{
    if (j->notes >= NOTES_NEAR && strcmp(j->item->row.kind, "ending") != 0)
        job_finish(j, OUTBOX_DROPPED, NULL, "the incident has nearly all the notes that PagerDuty allows", 0);
    else
        job_write(j, 1, add);
}

/* --- reading the notes -------------------------------------------------------------------------------------------- */

static void list(struct job *j);

static void list_again(void *owner)
{
    job_read(owner, 1, list);
}

static const struct pagerduty_note *find_marker(const struct job *j, const struct pagerduty_result *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->notes[i].content && strstr(r->notes[i].content, j->item->row.marker))
            return &r->notes[i];
    return NULL;
}

/* Listed to look for a note that may be there, or only to count. */
static void on_listed(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct job *j = owner;
    (void)id;
    if (r->class != PAGERDUTY_DONE) {
        job_finish_failed(j, r, false);
        return;
    }
    j->notes = (int)r->count;
    const struct pagerduty_note *sent = j->item->row.unknown ? find_marker(j, r) : NULL;
    if (sent)
        job_finish(j, OUTBOX_SENT, sent->id, NULL, 0);
    else if (j->item->row.unknown && ++j->looked < 2)
        job_later(j, LOOK_APART_MS, list_again);
    else
        add_if_room(j);
}

static void list(struct job *j)
{
    j->request = pagerduty_list_notes(j->account.client, j->item->row.target, on_listed, j);
}

void writer_note(struct job *j)
{
    if (j->item->row.unknown || (j->notes < 0 && j->item->row.age_ms > NEW_MS))
        job_read(j, 1, list);
    else
        add_if_room(j);
}
