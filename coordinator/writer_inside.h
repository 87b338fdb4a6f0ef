/* SPDX-License-Identifier: MIT
 * What the parts of the writer share: a job is one row on its way. For writer*.c only. */
#ifndef COORDINATOR_WRITER_INSIDE_H
#define COORDINATOR_WRITER_INSIDE_H

#include <jansson.h>

#include "coordinator/writer.h"
#include "lib/base/limits.h"

#define WRITER_DOUBLES_MAX 16     /* deleted for one row; more are found by its last look */

struct job;
typedef void job_step(struct job *j);

struct job {
    uint32_t magic;
    struct writer *writer; /* borrowed */
    struct writer_account account; /* a copy: settings may be swapped while the job waits. No client: no such account */
    struct outbox_item *item; /* borrowed until done */
    outbox_done *done;
    void *owner; /* borrowed */

    job_step *then;     /* after budget, and after the claim where one is needed */
    int requests;       /* asked of the budget */
    bool effect;        /* what comes then changes something: it needs a fresh claim */
    bool claimed_again;
    uint64_t budget_id, request;
    struct loop_timer *timer; /* owned */

    int notes;  /* that the incident has; -1: not known */
    int looked; /* notes were read so often without the marker */

    int64_t read_mono_ms; /* before the incident, or its log, was read last */
    void (*write)(struct job *j, const struct pagerduty_incident *i); /* then */
    struct pagerduty_change change; /* that is written when no person stands against it; its texts are the job's and the row's */
    int64_t hand_wall_ms;  /* the newest hand of a person in the incident's log; 0: none */
    char *title;   /* owned */
    json_t *about; /* owned: the row's */

    char doubles[WRITER_DOUBLES_MAX][PAGERDUTY_ID_BYTES_MAX + 1]; /* ids of notes to delete */
    int doubles_count, mended;
    struct job *next, **back;
};

struct writer {
    struct loop *loop;     /* borrowed */
    struct budget *budget; /* borrowed */
    struct writer_settings settings;
    const struct log_ctx *log; /* borrowed */
    struct job *jobs;          /* owned */
};

/* `requests` that only read, or before the last of which the job asks for its claim anew. */
void job_read(struct job *j, int requests, job_step *then);
/* `requests` that follow each other at once, the last of which changes something: with a claim that is young enough. */
void job_write(struct job *j, int requests, job_step *then);
/* Claims the row anew; then follows only where we are still the sender. */
void job_claim(struct job *j, job_step *then);
/* The last word before a change is sent. false: its claim is too old (we were paused), and the job is finished. */
bool job_may_begin(struct job *j);
/* After a pause. */
void job_later(struct job *j, int64_t ms, loop_fn *then);
/* How long an earlier request of a row may still have effect, from its claim on. */
int64_t job_doubt_ms(const struct job *j);

void job_finish(struct job *j, const char *state, const char *remote, const char *error, int64_t wait_ms);
/* Of a request that did not succeed. wrote: it may have changed something. */
void job_finish_failed(struct job *j, const struct pagerduty_result *r, bool wrote);
/* With a row to queue: a JSON object, taken. */
void job_finish_more(struct job *j, const char *state, const char *remote, const char *error, json_t *more);
/* Such a row: one more look for doubled notes. */
json_t *writer_mend_row(int64_t wait_ms, bool last);

/* How each kind of row begins. */
void writer_note(struct job *j);
void writer_title(struct job *j);
void writer_status(struct job *j);
void writer_acknowledge(struct job *j);
void writer_hand_over(struct job *j);
void writer_mend(struct job *j);

/* Which of an incident's notes stand there twice: same text, same author, and one of our markers at its end. Fills the ids of
 * the later ones. Returns how many. */
int writer_doubles(const struct pagerduty_note *notes, size_t count, const char **out_ids, int max);

#endif
