/* SPDX-License-Identifier: MIT
 * Rows to PagerDuty. One job a row: get budget, look where needed, write, class the answer. */
#include "coordinator/writer.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define REQUEST_LONGEST_MS 20000
#define LOOK_APART_MS 5000 /* two reads of the notes before one is sent again */
#define AGAIN_MS 1000
#define AGAIN_MS_MAX 60000
#define CONFIG_AGAIN_MS 30000
#define TITLE_CHARS_MAX 255
#define JOB_MAGIC 0x574a4f42u

struct job;
typedef void job_step(struct job *j);

struct job {
    uint32_t magic;
    struct writer *writer; /* borrowed */
    struct writer_account account; /* a copy: settings may be swapped while the job waits. No client: no such account */
    const struct outbox_item *item; /* borrowed until done */
    outbox_done *done;
    void *owner; /* borrowed */
    job_step *after_grant;
    int looked; /* notes were read so often without the marker */
    uint64_t budget_id, request;
    struct loop_timer *timer; /* owned: between two looks */
    struct job *next, **back;
};

struct writer {
    struct loop *loop;     /* borrowed */
    struct budget *budget; /* borrowed */
    struct writer_settings settings;
    const struct log_ctx *log; /* borrowed */
    struct job *jobs;          /* owned */
};

struct kind {
    const char *name;
    job_step *begin;
    /* after the incident was read; NULL for notes */
    void (*write)(struct job *j, const struct pagerduty_incident *i);
};
static void look_again(void *owner);

struct writer *writer_new(struct loop *loop, struct budget *budget, const struct writer_settings *settings,
    const struct log_ctx *log)
{
    struct writer *w = calloc(1, sizeof *w);
    if (!w)
        abort(); /* one at start-up */
    *w = (struct writer){.loop = loop, .budget = budget, .settings = *settings, .log = log};
    return w;
}

/* A job under way keeps its client when its account is gone: clients live as long as we do. */
static void set_account(struct job *j)
{
    struct pagerduty *client = j->account.client;
    j->account = (struct writer_account){.name = j->item->account, .client = client};
    const struct writer_settings *s = &j->writer->settings;
    for (int i = 0; i < s->accounts_count; i++)
        if (s->accounts[i].client && strcmp(s->accounts[i].name, j->item->account) == 0)
            j->account = s->accounts[i];
}

void writer_swap(struct writer *w, const struct writer_account *accounts, int count)
{
    w->settings.accounts = accounts;
    w->settings.accounts_count = count;
    for (struct job *j = w->jobs; j; j = j->next)
        set_account(j); /* the old ones go in a while, and a job may wait longer for its budget */
}

static void job_free(struct job *j)
{
    budget_forget(j->writer->budget, j->budget_id);
    loop_soon_cancel(j->writer->loop, j);
    loop_timer_free(j->timer);
    *j->back = j->next;
    if (j->next)
        j->next->back = j->back;
    j->magic = 0;
    free(j);
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    while (w->jobs)
        job_free(w->jobs);
    free(w);
}

static void finish(struct job *j, const char *state, const char *remote, const char *error, int64_t wait_ms)
{
    outbox_done *done = j->done;
    void *owner = j->owner;
    struct outbox_outcome outcome = {state, remote, error, wait_ms};
    char kept_remote[256], kept_error[1024]; /* the job's texts may go with it */
    (void)snprintf(kept_remote, sizeof kept_remote, "%s", remote ? remote : "");
    (void)snprintf(kept_error, sizeof kept_error, "%s", error ? error : "");
    outcome.remote = remote ? kept_remote : NULL;
    outcome.error = error ? kept_error : NULL;
    job_free(j);
    done(owner, &outcome);
}

/* --- asking for budget -------------------------------------------------------------------------------------------- */

static void on_granted(void *owner)
{
    struct job *j = owner;
    assert(j->magic == JOB_MAGIC);
    j->budget_id = 0;
    j->after_grant(j);
}

static void wait_turn(void *owner)
{
    struct job *j = owner;
    j->budget_id = budget_ask(j->writer->budget, j->account.name, BUDGET_WRITE, on_granted, j);
}

/* Every request waits for what PagerDuty said of the rate and for the shared budget. */
static void with_budget(struct job *j, job_step *then)
{
    j->after_grant = then;
    int64_t wait = pagerduty_wait_ms(j->account.client, clock_mono_ms());
    if (wait <= 0) {
        wait_turn(j);
        return;
    }
    loop_timer_free(j->timer);
    j->timer = loop_timer_new(j->writer->loop, wait_turn, j);
    loop_timer_start(j->timer, (uint64_t)wait, 0);
}

/* --- classing answers --------------------------------------------------------------------------------------------- */

static int64_t back_off_ms(const struct job *j)
{
    int64_t ms = AGAIN_MS;
    for (int i = 1; i < j->item->tries && ms < AGAIN_MS_MAX; i++)
        ms *= 2;
    return ms < AGAIN_MS_MAX ? ms : AGAIN_MS_MAX;
}

/* A write that may be repeated freely, and every read: doubt is as good as not done. */
static void finish_repeatable(struct job *j, const struct pagerduty_result *r)
{
    switch (r->class) {
    case PAGERDUTY_DONE:
    case PAGERDUTY_ALREADY:
        finish(j, OUTBOX_SENT, NULL, NULL, 0);
        return;
    case PAGERDUTY_SLOW_DOWN:
        finish(j, OUTBOX_AGAIN, NULL, r->err.text, r->wait_ms);
        return;
    case PAGERDUTY_NEVER:
        finish(j, OUTBOX_FAILED, NULL, r->err.text, 0);
        return;
    case PAGERDUTY_CONFIG:
        finish(j, OUTBOX_AGAIN, NULL, r->err.text, CONFIG_AGAIN_MS);
        return;
    default:
        finish(j, OUTBOX_AGAIN, NULL, r->err.text, back_off_ms(j));
    }
}

/* --- notes -------------------------------------------------------------------------------------------------------- */

static void on_note(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct job *j = owner;
    (void)id;
    if (r->class == PAGERDUTY_DONE)
        finish(j, OUTBOX_SENT, r->count > 0 ? r->notes[0].id : NULL, NULL, 0);
    else if (r->class == PAGERDUTY_UNKNOWN)
        finish(j, OUTBOX_UNKNOWN, NULL, r->err.text, REQUEST_LONGEST_MS + j->writer->settings.lease_ms);
    else
        finish_repeatable(j, r);
}

static void send_note(struct job *j)
{
    struct buf text;
    buf_init(&text, 512 * 1024);
    size_t cut = text_cut(j->item->body, strlen(j->item->body), PAGERDUTY_NOTE_CHARACTERS_MAX - 100, 256 * 1024);
    (void)buf_add(&text, j->item->body, cut);
    (void)buf_printf(&text, "\n[firstline %s]", j->item->marker);
    j->request = pagerduty_add_note(j->account.client, j->item->target, buf_text(&text), on_note, j);
    buf_done(&text);
}

static void look(struct job *j);

static void on_notes(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct job *j = owner;
    (void)id;
    if (r->class != PAGERDUTY_DONE) {
        if (r->class == PAGERDUTY_NEVER)
            finish(j, OUTBOX_FAILED, NULL, r->err.text, 0);
        else
            finish(j, OUTBOX_UNKNOWN, NULL, r->err.text, r->class == PAGERDUTY_SLOW_DOWN ? r->wait_ms : LOOK_APART_MS);
        return;
    }
    for (size_t i = 0; i < r->count; i++)
        if (r->notes[i].content && strstr(r->notes[i].content, j->item->marker)) {
            finish(j, OUTBOX_SENT, r->notes[i].id, NULL, 0);
            return;
        }
    if (++j->looked >= 2) {
        with_budget(j, send_note);
        return;
    }
    loop_timer_free(j->timer);
    j->timer = loop_timer_new(j->writer->loop, look_again, j);
    loop_timer_start(j->timer, LOOK_APART_MS, 0);
}

static void look(struct job *j)
{
    j->request = pagerduty_list_notes(j->account.client, j->item->target, on_notes, j);
}

static void look_again(void *owner)
{
    with_budget(owner, look);
}

/* A row that an earlier sender may have sent is looked at when that sender's request and lease are surely over. */
static void begin_note(struct job *j)
{
    int64_t early_ms = REQUEST_LONGEST_MS + j->writer->settings.lease_ms - j->item->claimed_ms_ago;
    if (!j->item->unknown || fault_twin("resend-without-look"))
        with_budget(j, send_note);
    else if (early_ms > 0)
        finish(j, OUTBOX_UNKNOWN, NULL, "an earlier sender may have sent it; it will be looked for", early_ms);
    else
        with_budget(j, look);
}

/* --- what depends on the incident as it is now -------------------------------------------------------------------- */

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

/* Whether a person, or a new opening, stands between what the run knew and now. NULL: no. */
static const char *changed_since(const struct job *j, const struct pagerduty_incident *i)
{
    int64_t opening, change;
    if (i->status && strcmp(i->status, "acknowledged") == 0 && by_person(j, i))
        return "a person has acknowledged it";
    if (clock_wall_parse(j->item->opening, &opening) == 0 && i->last_status_change_at && i->status &&
        strcmp(i->status, "triggered") == 0 && clock_wall_parse(i->last_status_change_at, &change) == 0 &&
        change > opening + 2000 && by_person(j, i))
        return "a person has opened it again";
    return NULL;
}

static void on_changed(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    (void)id;
    finish_repeatable(owner, r);
}

static void change(struct job *j, const struct pagerduty_change *c)
{
    j->request = pagerduty_change_incident(j->account.client, j->item->target, c, on_changed, j);
}

static bool resolved(const struct pagerduty_incident *i)
{
    return i->status && strcmp(i->status, "resolved") == 0;
}

static void write_title(struct job *j, const struct pagerduty_incident *i)
{
    const char *present = i->title ? i->title : "";
    present += j->writer->settings.title_strip(present);
    struct buf line;
    buf_init(&line, 16 * 1024);
    (void)buf_printf(&line, "%s ", j->item->body);
    text_one_line(present, strlen(present), &line);
    char *title = buf_take(&line, NULL);
    if (!title)
        abort(); /* a few kilobytes */
    title[text_cut(title, strlen(title), TITLE_CHARS_MAX, TITLE_CHARS_MAX * 4)] = '\0';
    if (strcmp(title, i->title ? i->title : "") == 0)
        finish(j, OUTBOX_SENT, NULL, NULL, 0);
    else
        change(j, &(struct pagerduty_change){.title = title});
    free(title);
}

static void write_status(struct job *j, const struct pagerduty_incident *i)
{
    const char *why = changed_since(j, i);
    if (resolved(i))
        finish(j, OUTBOX_SENT, NULL, NULL, 0);
    else if (why)
        finish(j, OUTBOX_DROPPED, NULL, why, 0);
    else
        change(j, &(struct pagerduty_change){.status = j->item->body});
}

static void write_acknowledge(struct job *j, const struct pagerduty_incident *i)
{
    if (!i->status || strcmp(i->status, "triggered") != 0 || changed_since(j, i))
        finish(j, OUTBOX_DROPPED, NULL, "it is not triggered any more", 0);
    else
        change(j, &(struct pagerduty_change){.status = "acknowledged"});
}

static void write_hand_over(struct job *j, const struct pagerduty_incident *i)
{
    const char *why = resolved(i) ? "it is resolved" : changed_since(j, i);
    if (why) {
        finish(j, OUTBOX_DROPPED, NULL, why, 0);
        return;
    }
    json_t *about = json_loads(j->item->about, 0, NULL);
    struct pagerduty_change c = {.escalation_level = (int)json_integer_value(json_object_get(about, "level")),
        .escalation_policy_id = json_string_value(json_object_get(about, "policy")),
        .priority_name = json_string_value(json_object_get(about, "priority"))};
    if (i->escalation_levels > 0 && c.escalation_level > i->escalation_levels)
        c.escalation_level = i->escalation_levels; /* a policy of fewer levels: the last one */
    if (c.escalation_level || c.escalation_policy_id || c.priority_name)
        change(j, &c);
    else
        finish(j, OUTBOX_SENT, NULL, NULL, 0);
    json_decref(about);
}

static const struct kind *find_kind(const char *name);

static void on_incident(void *owner, uint64_t id, const struct pagerduty_result *r)
{
    struct job *j = owner;
    (void)id;
    if (r->class != PAGERDUTY_DONE)
        finish_repeatable(j, r);
    else
        find_kind(j->item->kind)->write(j, &r->incident);
}

static void read_incident(struct job *j)
{
    j->request = pagerduty_read_incident(j->account.client, j->item->target, on_incident, j);
}

static void begin_conditional(struct job *j)
{
    with_budget(j, read_incident);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static const struct kind kinds[] = {
    {"start", begin_note, NULL},
    {"progress", begin_note, NULL},
    {"ending", begin_note, NULL},
    {"note", begin_note, NULL},
    {"progress_title", begin_conditional, write_title},
    {"ending_title", begin_conditional, write_title},
    {"status", begin_conditional, write_status},
    {"acknowledge", begin_conditional, write_acknowledge},
    {"hand_over", begin_conditional, write_hand_over},
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static void refuse(void *owner)
{
    struct job *j = owner;
    finish(j, j->account.client ? OUTBOX_FAILED : OUTBOX_AGAIN, NULL,
        j->account.client ? "a row of an unknown kind" : "this node's settings have no such account", CONFIG_AGAIN_MS);
}

void writer_send(void *writer, const struct outbox_item *item, outbox_done *done, void *owner)
{
    struct writer *w = writer;
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        abort(); /* a few bytes for a row that is already marked as sending */
    *j = (struct job){.magic = JOB_MAGIC, .writer = w, .item = item,
        .done = done, .owner = owner, .next = w->jobs, .back = &w->jobs};
    if (w->jobs)
        w->jobs->back = &j->next;
    w->jobs = j;
    set_account(j);
    const struct kind *kind = find_kind(item->kind);
    if (!j->account.client || !kind)
        loop_soon(w->loop, refuse, j);
    else
        kind->begin(j);
}
