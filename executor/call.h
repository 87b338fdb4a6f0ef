/* SPDX-License-Identifier: MIT
 * One request to the wrapper on a machine: composed, sent over SSH, its answer gathered as it comes, and read. Decides
 * nothing: what an answer means is the caller's business. */
#ifndef EXECUTOR_CALL_H
#define EXECUTOR_CALL_H

#include "executor/inventory.h"
#include "executor/wrapper.h"
#include "lib/io/ssh.h"

/* Of whoever asks machines, one request at a time. */
struct call {
    struct ssh *ssh;   /* borrowed */
    uint64_t op;       /* under way; 0: none */
    int64_t sent_mono_ms;
    struct buf answer; /* as it comes */
    char nonce[WRAPPER_NONCE_BYTES];
    bool complete;     /* its last line has come */
    ssh_done *done;
    void *owner;       /* borrowed: of done */
};

void call_init(struct call *c, struct ssh *ssh);
/* Nothing may be under way. */
void call_done(struct call *c);

/* done is called once, later, also after a cancel; c->op is 0 by then. Errors: INPUT, LIMIT (the task cannot be composed;
 * then nothing was sent and done is not called). */
int call_send(struct call *c, const struct inventory_host *host, const struct wrapper_task *task, unsigned deadline_ms,
    ssh_done *done, void *owner, struct error *err) MUST_USE;
/* done still comes. */
void call_cancel(struct call *c);

/* In done: fills the report from what came, its texts in the arena. false: nothing reached the machine, and the report is
 * BROKEN with the reason. */
bool call_read(struct call *c, const struct ssh_outcome *outcome, const struct error *err, struct arena *arena,
    struct wrapper_report *out);

#endif
