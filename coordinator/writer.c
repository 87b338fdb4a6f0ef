/* SPDX-License-Identifier: MIT
 * Rows to PagerDuty: a job's life. Budget and claim before each request, the class of each answer after it. What each kind of
 * row says is in writer_note.c, writer_change.c and writer_mend.c. */
#include "coordinator/writer_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/id.h"

#define AGAIN_MS 1000
#define AGAIN_MS_MAX 60000
#define CONFIG_AGAIN_MS 30000
#define JOB_MAGIC 0x574a4f42u

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
    const char *name = j->item->row.account;
    j->account = (struct writer_account){.name = name, .client = client};
    const struct writer_settings *s = &j->writer->settings;
    for (int i = 0; i < s->accounts_count; i++)
        if (s->accounts[i].client && strcmp(s->accounts[i].name, name) == 0)
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
    free(j->title);
    json_decref(j->about);
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

/* --- before a request --------------------------------------------------------------------------------------------- */

/* A request begins within one lease of its claim and lasts at most request_ms: whoever looks later than that sees what it did. */
static bool is_young(const struct job *j)
{
    return clock_mono_ms() - j->item->claimed_mono_ms <= j->writer->settings.lease_ms;
}

int64_t job_doubt_ms(const struct job *j)
{
    return j->writer->settings.request_ms + j->writer->settings.lease_ms;
}

/* The state of a row whose request was surely not done. */
static const char *again_state(const struct job *j)
{
    return j->item->row.unknown ? OUTBOX_UNKNOWN : OUTBOX_AGAIN;
}

bool job_may_begin(struct job *j)
{
    if (is_young(j))
        return true;
    job_finish(j, again_state(j), NULL, "its claim had grown old before it could be sent", 0);
    return false;
}

static void on_claimed(void *owner, bool ours)
{
    struct job *j = owner;
    assert(j->magic == JOB_MAGIC);
    j->claimed_again = true;
    if (!ours)
        job_finish(j, again_state(j), NULL, "it could not be claimed anew", AGAIN_MS);
    else if (job_may_begin(j))
        j->then(j);
}

void job_claim(struct job *j, job_step *then)
{
    j->then = then;
    outbox_item_claim(j->item, on_claimed, j);
}

static void on_granted(void *owner)
{
    struct job *j = owner;
    assert(j->magic == JOB_MAGIC);
    j->budget_id = 0;
    if (j->effect && (!is_young(j) || (j->item->row.unknown && !j->claimed_again)))
        job_claim(j, j->then);
    else
        j->then(j);
}

static void wait_turn(void *owner)
{
    struct job *j = owner;
    j->budget_id = budget_ask_several(j->writer->budget, j->account.name, BUDGET_WRITE, j->requests, on_granted, j);
}

void job_later(struct job *j, int64_t ms, loop_fn *then)
{
    loop_timer_free(j->timer);
    j->timer = loop_timer_new(j->writer->loop, then, j);
    loop_timer_start(j->timer, (uint64_t)ms, 0);
}

/* Every request waits for what PagerDuty said of the rate and for the shared budget. */
static void wait_for(struct job *j, int requests, bool effect, job_step *then)
{
    j->requests = requests;
    j->effect = effect;
    j->then = then;
    int64_t wait = pagerduty_wait_ms(j->account.client, clock_mono_ms());
    if (wait > 0)
        job_later(j, wait, wait_turn);
    else
        wait_turn(j);
}

void job_read(struct job *j, int requests, job_step *then)
{
    wait_for(j, requests, false, then);
}

void job_write(struct job *j, int requests, job_step *then)
{
    wait_for(j, requests, true, then);
}

/* --- after it ----------------------------------------------------------------------------------------------------- */

static void finish(struct job *j, const char *state, const char *remote, const char *error, int64_t wait_ms, json_t *more)
{
    outbox_done *done = j->done;
    void *owner = j->owner;
    char kept_remote[256], kept_error[1024]; /* the job's texts may go with it */
    (void)snprintf(kept_remote, sizeof kept_remote, "%s", remote ? remote : "");
    (void)snprintf(kept_error, sizeof kept_error, "%s", error ? error : "");
    char *text = more ? json_dumps(more, JSON_COMPACT) : NULL;
    struct outbox_outcome outcome = {.state = state, .remote = remote ? kept_remote : NULL, .error = error ? kept_error : NULL,
        .wait_ms = wait_ms, .notes = j->notes, .mended = j->mended, .more = text};
    json_decref(more);
    job_free(j);
    done(owner, &outcome);
    free(text);
}

void job_finish(struct job *j, const char *state, const char *remote, const char *error, int64_t wait_ms)
{
    finish(j, state, remote, error, wait_ms, NULL);
}

void job_finish_more(struct job *j, const char *state, const char *remote, const char *error, json_t *more)
{
    char marker[ID_MARKER_BYTES];
    id_marker(marker);
    (void)json_object_set_new(more, "marker", json_string(marker));
    finish(j, state, remote, error, 0, more);
}

static int64_t back_off_ms(const struct job *j)
{
    int64_t ms = AGAIN_MS;
    for (int i = 1; i < j->item->row.tries && ms < AGAIN_MS_MAX; i++)
        ms *= 2;
    return ms < AGAIN_MS_MAX ? ms : AGAIN_MS_MAX;
}

void job_finish_failed(struct job *j, const struct pagerduty_result *r, bool wrote)
{
    switch (r->class) {
    case PAGERDUTY_UNKNOWN: /* of a read it means nothing; a write may act until its time is over */
        if (wrote)
            job_finish(j, OUTBOX_UNKNOWN, NULL, r->err.text, job_doubt_ms(j));
        else
            job_finish(j, again_state(j), NULL, r->err.text, back_off_ms(j));
        return;
    case PAGERDUTY_SLOW_DOWN:
        job_finish(j, again_state(j), NULL, r->err.text, r->wait_ms);
        return;
    case PAGERDUTY_NEVER:
        job_finish(j, OUTBOX_FAILED, NULL, r->err.text, 0);
        return;
    case PAGERDUTY_CONFIG:
        job_finish(j, again_state(j), NULL, r->err.text, CONFIG_AGAIN_MS);
        return;
    default:
        job_finish(j, again_state(j), NULL, r->err.text, back_off_ms(j));
    }
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    job_step *begin;
} kinds[] = {
    {"start", writer_note},
    {"progress", writer_note},
    {"ending", writer_note},
    {"note", writer_note},
    {"progress_title", writer_title},
    {"ending_title", writer_title},
    {"status", writer_status},
    {"acknowledge", writer_acknowledge},
    {"hand_over", writer_hand_over},
    {"mend", writer_mend},
};

static void begin(void *owner)
{
    struct job *j = owner;
    struct outbox_row *row = &j->item->row;
    row->unknown = row->unknown && !fault_twin("resend-without-look");
    if (!j->account.client) {
        job_finish(j, again_state(j), NULL, "this node's settings have no such account", CONFIG_AGAIN_MS);
        return;
    }
    /* Until then an earlier request may still act: a late title over a newer one, a late resolve over a person's reopening. */
    int64_t early_ms = job_doubt_ms(j) - row->claimed_ms_ago;
    if (row->unknown && early_ms > 0) {
        job_finish(j, OUTBOX_UNKNOWN, NULL, "an earlier request may still act; it will be looked for", early_ms);
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, row->kind) == 0) {
            kinds[i].begin(j);
            return;
        }
    job_finish(j, OUTBOX_FAILED, NULL, "a row of an unknown kind", 0);
}

void writer_send(void *writer, struct outbox_item *item, outbox_done *done, void *owner)
{
    struct writer *w = writer;
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        abort(); /* a few bytes for a row that is already marked as sending */
    *j = (struct job){.magic = JOB_MAGIC, .writer = w, .item = item, .done = done, .owner = owner,
        .notes = item->row.notes, .next = w->jobs, .back = &w->jobs};
    if (w->jobs)
        w->jobs->back = &j->next;
    w->jobs = j;
    set_account(j);
    loop_soon(w->loop, begin, j);
}
