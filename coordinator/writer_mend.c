/* SPDX-License-Identifier: MIT
 * Doubled notes: when all of an incident is written, and no request of ours can still be on its way, its notes are read back;
 * of two that are the same the later is deleted. Bounded: one look, and a last one where there was doubt (docs/outbox.md). */
#include "coordinator/writer_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"

#define MARK "\n[firstline "

/* Whether the text ends with one of our markers, as every note of ours does. */
static bool is_marked(const char *text)
{
    size_t bytes = text ? strlen(text) : 0;
    while (bytes > 0 && strchr(" \t\r\n", text[bytes - 1]))
        bytes--;
    const size_t tail = sizeof MARK - 1 + (ID_MARKER_BYTES - 1) + 1;
    if (bytes < tail || text[bytes - 1] != ']')
        return false;
    const char *mark = text + bytes - tail;
    return strncmp(mark, MARK, sizeof MARK - 1) == 0 &&
           strspn(mark + sizeof MARK - 1, "0123456789abcdef") == ID_MARKER_BYTES - 1;
}

static bool are_same(const struct pagerduty_note *a, const struct pagerduty_note *b)
{
    const char *by_a = a->user_id ? a->user_id : "", *by_b = b->user_id ? b->user_id : "";
    return b->content && strcmp(a->content, b->content) == 0 && strcmp(by_a, by_b) == 0;
}

/* In doubt the one that stands further back in the list. */
static bool is_later(const struct pagerduty_note *note, const struct pagerduty_note *than)
{
    int64_t at, at_than;
    if (!note->created_at || !than->created_at || clock_wall_parse(note->created_at, &at) != 0 ||
        clock_wall_parse(than->created_at, &at_than) != 0)
        return note > than;
    return at != at_than ? at > at_than : note > than;
}

int writer_doubles(const struct pagerduty_note *notes, size_t count, const char **out_ids, int max)
{
    int n = 0;
    for (size_t i = 0; i < count && n < max; i++) {
        bool later = false;
        for (size_t k = 0; k < count && is_marked(notes[i].content) && !later; k++)
            later = k != i && are_same(&notes[i], &notes[k]) && is_later(&notes[i], &notes[k]);
        if (later)
            out_ids[n++] = notes[i].id;
    }
    return n;
}

json_t *writer_mend_row(int64_t wait_ms, bool last)
{
    json_t *row = json_pack("{s:s, s:s, s:{s:b}, s:I}", "kind", "mend", "body", "", "about", "last", (int)last, "wait_ms",
        (json_int_t)wait_ms);
    if (!row)
        abort(); /* a few bytes */
    return row;
}

static bool is_last(const struct job *j)
{
    return strstr(j->item->row.about, "\"last\": true") != NULL;
}

/* Where there was doubt, a note may still show up, or come, late. */
static void finish_looked(struct job *j)
{
    if (is_last(j) || (j->mended == 0 && !j->item->row.doubted)) {
        job_finish(j, OUTBOX_SENT, NULL, NULL, 0);
        return;
    }
    job_finish_more(j, OUTBOX_SENT, NULL, NULL, writer_mend_row(2 * job_doubt_ms(j), true));
}

static void delete_next(struct job *j);

static void on_deleted(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct job *j = owner;
    (void)id;
    if (r->class != PAGERDUTY_DONE && r->class != PAGERDUTY_ALREADY) {
        job_finish_failed(j, r, false); /* a delete names its note: it may be repeated freely */
        return;
    }
    j->mended++;
    j->notes -= j->notes > 0;
    if (--j->doubles_count > 0)
        job_write(j, 1, delete_next);
    else
        finish_looked(j);
}

static void delete_next(struct job *j)
{
    if (job_may_begin(j))
        j->request = pagerduty_delete_note(j->account.client, j->item->row.target, j->doubles[j->doubles_count - 1],
            on_deleted, j);
}

static void on_listed(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct job *j = owner;
    (void)id;
    if (r->class == PAGERDUTY_NEVER) { /* the incident is gone: there is nothing to mend */
        job_finish(j, OUTBOX_DROPPED, NULL, r->err.text, 0);
        return;
    }
    if (r->class != PAGERDUTY_DONE) {
        job_finish_failed(j, r, false);
        return;
    }
    j->notes = (int)r->count;
    const char *ids[WRITER_DOUBLES_MAX];
    j->doubles_count = writer_doubles(r->notes, r->count, ids, WRITER_DOUBLES_MAX);
    for (int i = 0; i < j->doubles_count; i++)
        (void)snprintf(j->doubles[i], sizeof j->doubles[i], "%s", ids[i]);
    if (j->doubles_count > 0)
        job_write(j, 1, delete_next);
    else
        finish_looked(j);
}

static void list(struct job *j)
{
    j->request = pagerduty_list_notes(j->account.client, j->item->row.target, on_listed, j);
}

void writer_mend(struct job *j)
{
    int64_t idle_ms = j->item->row.idle_ms;
    if (idle_ms >= 0 && idle_ms < job_doubt_ms(j))
        job_finish(j, OUTBOX_AGAIN, NULL, NULL, job_doubt_ms(j) - idle_ms);
    else
        job_read(j, 1, list);
}
