/* SPDX-License-Identifier: MIT
 * A node's executor: claims runs into its slots, drives them on the loop, takes over what dead workers held, and hands over
 * what has run out of time. Never holds a run whose lease it cannot show. */
#ifndef EXECUTOR_WORKER_H
#define EXECUTOR_WORKER_H

#include "executor/desk.h"
#include "executor/library.h"
#include "lib/base/log.h"
#include "lib/base/policy.h"
#include "lib/io/ssh.h"
#include "lib/store/lease.h"

struct worker;

struct worker_settings {
    const char *node, *region, *cluster; /* borrowed, outlive the worker, as all here */
    int slots;
    bool without_standby_hold; /* else a recover runs without a synchronous standby, and says so */
    bool recover_blind_go;     /* else a recover waits until PagerDuty can be asked */
    const struct policies *policies;
    int64_t claim_every_ms; /* 0: 1000 */
    int64_t events_kept_ms; /* in the hot table; PagerDuty repeats for 48 h */
    int64_t keys_kept_ms;   /* of runs: a late copy starts nothing */
    int64_t touch_known_ms; /* 0: 15000: how fresh our knowledge of the incident must be before a recover */
};

/* All borrowed. */
struct worker_parts {
    struct loop *loop;
    struct store *store;
    struct lease *lease;
    struct ssh *ssh;
    struct library *library;
    const struct desk *desk;
    void (*on_outbox)(void *owner); /* something was queued: send it now */
    void *owner;
    const struct log_ctx *log;
};

struct worker *worker_new(const struct worker_settings *settings, const struct worker_parts *parts);
/* Drops every run where it stands; their rows stay as they are. */
void worker_free(struct worker *w);

/* Something may be there to claim: look now. */
void worker_wake(struct worker *w);
/* A run was opened here: take it now. Orphans and runs out of time are looked for every second. */
void worker_wake_new(struct worker *w);
/* Somebody's hand on an incident was stored: look at the held runs now. */
void worker_hands(struct worker *w);
/* From the lease: this incarnation is over, or has begun. */
void worker_lost(struct worker *w);
void worker_joined(struct worker *w);
/* After a reload: policies are others from now on. */
void worker_swap(struct worker *w, const struct policies *policies);
/* A planned stop: claims nothing more, lets each run go at its next step boundary. on_empty is called once when none is
 * left. */
void worker_drain(struct worker *w, loop_fn *on_empty, void *owner);

struct worker_counts {
    int held;
    uint64_t claimed, orphans, expired, ended, taken_away;
};
void worker_counts(const struct worker *w, struct worker_counts *out);

#endif
