/* SPDX-License-Identifier: MIT
 * The outbox's channel "pagerduty": turns a row into requests, and says what became of it. Notes carry a random marker that
 * is looked for before a doubtful resend, and read back when all is written; titles are our prefix before the present title;
 * status, hand-over and acknowledge are conditional on what the run knew of the incident (docs/outbox.md). */
#ifndef COORDINATOR_WRITER_H
#define COORDINATOR_WRITER_H

#include "coordinator/budget.h"
#include "coordinator/outbox.h"
#include "coordinator/pagerduty.h"

struct writer;

struct writer_account {
    const char *name;         /* borrowed, outlives the writer */
    struct pagerduty *client; /* borrowed, likewise */
    const char *const *bots;  /* borrowed, NULL-ended: our user ids */
};

struct writer_settings {
    const struct writer_account *accounts; /* borrowed, outlive the writer */
    int accounts_count;
    int64_t lease_ms;   /* of all nodes: a request begins so long after its claim at most */
    int64_t request_ms; /* likewise: and lasts so long at most */
    int (*title_strip)(const char *title); /* the offset behind any prefix of ours */
};

struct writer *writer_new(struct loop *loop, struct budget *budget, const struct writer_settings *settings,
    const struct log_ctx *log);
void writer_free(struct writer *w); /* what is under way is dropped: done is not called */
/* After a reload: other accounts, same clients. The old ones stay valid for what is under way. */
void writer_swap(struct writer *w, const struct writer_account *accounts, int count);
/* For outbox_channel.send. */
void writer_send(void *writer, struct outbox_item *item, outbox_done *done, void *owner);

#endif
