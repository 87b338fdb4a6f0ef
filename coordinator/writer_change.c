/* SPDX-License-Identifier: MIT
 * Changes of an incident: title, status, acknowledge, hand-over. Each reads the incident and writes at once. Before a change of
 * status the incident's log is read, too, and the database is asked once more: it is dropped where a person's hand is found. */
#include "coordinator/writer_inside.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/webhook.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

#define TITLE_CHARS_MAX 255
#define READ_LASTS_MS 5000 /* what was read is not acted upon later (we were paused) */

/* --- whether the incident is what the run knew -------------------------------------------------------------------- */

static bool ours(const struct job *j, const char *user)
{
    for (const char *const *b = j->account.bots; user && b && *b; b++)
        if (strcmp(*b, user) == 0)
            return true;
    return false;
}

static bool by_person(const struct job *j, const struct pagerduty_incident *i)
{
    return i->last_status_change_by_type && strncmp(i->last_status_change_by_type, "user", 4) == 0 &&
           !ours(j, i->last_status_change_by_id);
}

static bool equals(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* A run that was taken over and ended at once has read nothing. */
static bool changed_unread(const struct job *j, const struct pagerduty_incident *i)
{
    int64_t opening, change;
    return equals(i->status, "acknowledged") ||
           clock_wall_parse(j->item->row.opening, &opening) != 0 || !i->last_status_change_at ||
           clock_wall_parse(i->last_status_change_at, &change) != 0 || change > opening + 2000;
}

/* By what the database and the incident's log say. A person who gave the incident back made void what was done before. */
static const char *taken_over(const struct job *j)
{
    const struct outbox_row *row = &j->item->row;
    if (row->reopened)
        return "it was opened again since: another run has it";
    if (row->touched)
        return "a person has taken it over";
    return j->hand_wall_ms > row->given_back_wall_ms ? "a person has taken it over, and no webhook has told of it yet" : NULL;
}

/* Why the status may not be written, for the journal; NULL: the incident is what the run knew. Our own changes and those of
 * PagerDuty's clockwork (an acknowledgement that ran out) take nothing from the run. */
static const char *changed_since(const struct job *j, const struct pagerduty_incident *i)
{
    const json_t *known = json_object_get(j->about, "known");
    const char *why = taken_over(j);
    if (why || !by_person(j, i))
        return why;
    if (known ? !equals(i->status, json_string_value(json_object_get(known, "status"))) ||
                    !equals(i->last_status_change_at, json_string_value(json_object_get(known, "at"))) ||
                    !equals(i->last_status_change_by_id, json_string_value(json_object_get(known, "by")))
              : changed_unread(j, i))
        return "a person has changed it since the run looked";
    return NULL;
}

/* The run's own words for it are queued as a note. */
static void drop(struct job *j, const char *why)
{
    const char *words = json_string_value(json_object_get(j->about, "dropped"));
    json_t *more = words ? json_pack("{s:s, s:s, s:{}, s:i}", "kind", "note", "body", words, "about", "wait_ms", 0) : NULL;
    if (more)
        job_finish_more(j, OUTBOX_DROPPED, NULL, why, more);
    else
        job_finish(j, OUTBOX_DROPPED, NULL, why, 0);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void on_changed(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct job *j = owner;
    (void)id;
    if (r->class == PAGERDUTY_DONE || r->class == PAGERDUTY_ALREADY)
        job_finish(j, OUTBOX_SENT, NULL, NULL, 0);
    else
        job_finish_failed(j, r, true);
}

static void change(struct job *j)
{
    if (clock_mono_ms() - j->read_mono_ms > READ_LASTS_MS)
        job_finish(j, j->item->row.unknown ? OUTBOX_UNKNOWN : OUTBOX_AGAIN, NULL,
            "what was read had grown old before it could be acted upon", 0);
    else if (job_may_begin(j))
        j->request = pagerduty_change_incident(j->account.client, j->item->row.target, &j->change, on_changed, j);
}

static void change_if_free(struct job *j)
{
    const char *why = taken_over(j);
    if (why)
        drop(j, why);
    else
        change(j);
}

static int64_t newest_hand(const struct job *j, const struct pagerduty_result *r)
{
    int64_t opening = 0;
    (void)clock_wall_parse(j->item->row.opening, &opening); /* none: each hand counts */
    struct webhook_log log = {.key = j->item->row.target, .bots = j->account.bots, .opening_wall_ms = opening};
    struct arena *a = arena_new(WRITER_ARENA_BYTES_MAX);
    if (!a)
        abort(); /* a person's hand may not be missed */
    struct webhook_event event;
    int64_t at = webhook_newest_touch(a, log, r->entries, r->count, &event) ? event.occurred_wall_ms : 0;
    arena_free(a);
    return at;
}

static void on_log(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct job *j = owner;
    (void)id;
    if (r->class != PAGERDUTY_DONE) {
        job_finish_failed(j, r, false);
        return;
    }
    j->hand_wall_ms = newest_hand(j, r);
    job_claim(j, change_if_free);
}

/* A person who escalates or reassigns changes no status, and the webhook that tells of it may come late. */
static void change_unless_taken(struct job *j, const struct pagerduty_change *c)
{
    j->change = *c;
    j->read_mono_ms = clock_mono_ms();
    j->request = pagerduty_list_log(j->account.client, j->item->row.target, on_log, j);
}

static bool resolved(const struct pagerduty_incident *i)
{
    return equals(i->status, "resolved");
}

static void write_title(struct job *j, const struct pagerduty_incident *i)
{
    const char *present = i->title ? i->title : "";
    present += j->writer->settings.title_strip(present);
    struct buf line;
    buf_init(&line, 16 * 1024);
    (void)buf_printf(&line, "%s ", j->item->row.body);
    text_one_line(present, strlen(present), &line);
    j->title = buf_take(&line, NULL);
    if (!j->title)
        abort(); /* a few kilobytes */
    j->title[text_cut(j->title, strlen(j->title), TITLE_CHARS_MAX, TITLE_CHARS_MAX * 4)] = '\0';
    j->change = (struct pagerduty_change){.title = j->title};
    if (equals(j->title, i->title))
        job_finish(j, OUTBOX_SENT, NULL, NULL, 0);
    else
        change(j);
}

static void write_status(struct job *j, const struct pagerduty_incident *i)
{
    const char *why = changed_since(j, i);
    if (resolved(i) && !j->item->row.reopened)
        job_finish(j, OUTBOX_SENT, NULL, NULL, 0);
    else if (why)
        drop(j, why);
    else
        change_unless_taken(j, &(struct pagerduty_change){.status = j->item->row.body});
}

static void write_acknowledge(struct job *j, const struct pagerduty_incident *i)
{
    const char *why = equals(i->status, "triggered") ? changed_since(j, i) : "it is not triggered any more";
    if (equals(i->status, "acknowledged") && ours(j, i->last_status_change_by_id))
        job_finish(j, OUTBOX_SENT, NULL, NULL, 0); /* an earlier try did it */
    else if (why)
        drop(j, why);
    else
        change_unless_taken(j, &(struct pagerduty_change){.status = "acknowledged"});
}

static void write_hand_over(struct job *j, const struct pagerduty_incident *i)
{
    const char *why = resolved(i) ? "it is resolved" : changed_since(j, i);
    if (why) {
        drop(j, why);
        return;
    }
    struct pagerduty_change c = {.escalation_level = (int)json_integer_value(json_object_get(j->about, "level")),
        .escalation_policy_id = json_string_value(json_object_get(j->about, "policy")),
        .priority_name = json_string_value(json_object_get(j->about, "priority"))};
    if (i->escalation_levels > 0 && c.escalation_level > i->escalation_levels)
        c.escalation_level = i->escalation_levels; /* a policy of fewer levels: the last one */
    if (c.escalation_level || c.escalation_policy_id || c.priority_name)
        change_unless_taken(j, &c);
    else
        job_finish(j, OUTBOX_SENT, NULL, NULL, 0);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void on_incident(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct job *j = owner;
    (void)id;
    if (r->class != PAGERDUTY_DONE)
        job_finish_failed(j, r, false);
    else
        j->write(j, &r->incident);
}

static void read_incident(struct job *j)
{
    j->read_mono_ms = clock_mono_ms();
    j->request = pagerduty_read_incident(j->account.client, j->item->row.target, on_incident, j);
}

/* The budget for all requests is taken before the first, so that nothing waits between them. */
static void begin_status(struct job *j, void (*write)(struct job *j, const struct pagerduty_incident *i))
{
    j->about = json_loads(j->item->row.about, 0, NULL);
    j->write = write;
    job_read(j, 3, read_incident);
}

void writer_title(struct job *j)
{
    j->write = write_title;
    job_write(j, 2, read_incident);
}

void writer_status(struct job *j)
{
    begin_status(j, write_status);
}

void writer_acknowledge(struct job *j)
{
    begin_status(j, write_acknowledge);
}

void writer_hand_over(struct job *j)
{
    begin_status(j, write_hand_over);
}
