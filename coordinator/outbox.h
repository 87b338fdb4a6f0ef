/* SPDX-License-Identifier: MIT
 * The outbox's engine: one sender an incident at a time, in order, endings first between incidents (docs/outbox.md). Knows no
 * channel: a channel sends one row and says what may be done next. */
#ifndef COORDINATOR_OUTBOX_H
#define COORDINATOR_OUTBOX_H

#include "lib/base/log.h"
#include "lib/store/lease.h"
#include "lib/store/outbox.h"

struct outbox;

/* What became of a row. state: one of OUTBOX_SENT, DROPPED, FAILED, AGAIN, UNKNOWN. Texts borrowed for the call. */
struct outbox_outcome {
    const char *state;
    const char *remote; /* NULL */
    const char *error;  /* NULL */
    int64_t wait_ms;    /* AGAIN, UNKNOWN */
    int notes;          /* how many the target has now; -1: not known */
    int mended;         /* doubled ones that were deleted */
    const char *more;   /* NULL; a row to queue in the same transaction (outbox_next.sql) */
};
typedef void outbox_done(void *owner, const struct outbox_outcome *outcome);

/* A row as the channel sees it: copied, valid until done was called. */
struct outbox_item {
    struct outbox_row row;
    int64_t claimed_mono_ms; /* taken before the claim was asked for: what is sent must begin within one lease from here */
    void *sender;            /* the engine's */
};

/* Claims the item's row anew: its claim is old, it was looked for in vain, or what persons did may matter. Calls done once,
 * later: ours says that claimed_mono_ms is of now, and so is what the row says of its incident (reopened, touched, given back).
 * Not called when the engine or the item goes first. */
typedef void outbox_claimed_again(void *owner, bool ours);
void outbox_item_claim(struct outbox_item *item, outbox_claimed_again *done, void *owner);

struct outbox_channel {
    const char *name; /* the column outbox.channel */
    /* Sends one row within the hard limit of a request. done is called exactly once, maybe inside. */
    void (*send)(void *channel, struct outbox_item *item, outbox_done *done, void *owner);
    void *channel; /* borrowed */
};

struct outbox_settings {
    const struct outbox_channel *channels; /* borrowed, outlive the engine */
    int channels_count;
    int senders_max; /* incidents at once; 0: 16 */
    /* A row can never be delivered: a person must know. Texts borrowed for the call. */
    void (*on_failed)(void *owner, const struct outbox_item *item, const char *why);
    void *owner;
};

struct outbox *outbox_new(struct loop *loop, struct store *store, struct lease *lease,
    const struct outbox_settings *settings, const struct log_ctx *log);
/* Channels must not call done afterwards: free them first. */
void outbox_free(struct outbox *o);
void outbox_wake(struct outbox *o);
/* The incarnation is over: rows under way become doubtful for whoever takes the incident. */
void outbox_lost(struct outbox *o);

struct outbox_counts {
    uint64_t sent, dropped, failed, again, unknown, mended;
    int senders;
};
void outbox_counts(const struct outbox *o, struct outbox_counts *out);

#endif
