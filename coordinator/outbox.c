/* SPDX-License-Identifier: MIT
 * Senders: each walks one incident's rows in order, settling the last and taking the next in one transaction. */
#include "coordinator/outbox.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/clock.h"

#define SENDERS_MAX 16
#define SENDERS_MOST 256
#define CLAIM_MAX 10
#define POLL_MS 1000
#define NEXT_AGAIN_MS 1000
#define ITEM_BYTES_MAX (512 * 1024)

struct sender {
    struct outbox *outbox; /* borrowed */
    struct outbox_held held;
    struct arena *arena; /* owned; of the item under way */
    struct outbox_item item;
    bool have_item;
    bool sending;   /* the channel will call done */
    bool orphaned;  /* the incarnation ended meanwhile: forget what done says */
    struct outbox_settle settle; /* how to settle the item; its texts in the arena */
    outbox_claimed_again *claimed_again;
    void *claimer; /* borrowed: the channel's */
    int64_t asked_mono_ms; /* before the claim under way was asked for */
    uint64_t op;
    uint64_t asked_at_wake;   /* the outbox's wakes when the next row was asked for */
    struct loop_timer *timer; /* owned: asking again after a database error */
    struct sender *next;      /* owned */
};

struct outbox {
    struct loop *loop;   /* borrowed */
    struct store *store; /* borrowed */
    struct lease *lease; /* borrowed */
    struct outbox_settings settings;
    const struct log_ctx *log;  /* borrowed */
    struct loop_timer *timer;   /* owned */
    struct sender *senders;     /* owned */
    int senders_count;
    uint64_t claim_op;
    bool claim_again; /* woken while a claim was under way, which may not have seen why */
    uint64_t wakes;
    struct outbox_counts counts;
};

static void next_item(struct sender *s);
static void claim(struct outbox *o);

static struct pg *lane(struct outbox *o)
{
    return store_lane(o->store, LANE_DELIVERY);
}

static void tick(void *owner)
{
    claim(owner);
}

struct outbox *outbox_new(struct loop *loop, struct store *store, struct lease *lease,
    const struct outbox_settings *settings, const struct log_ctx *log)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (!o)
        abort(); /* one at start-up */
    *o = (struct outbox){.loop = loop, .store = store, .lease = lease, .settings = *settings, .log = log};
    if (o->settings.senders_max == 0)
        o->settings.senders_max = SENDERS_MAX;
    assert(o->settings.senders_max <= SENDERS_MOST);
    o->timer = loop_timer_new(loop, tick, o);
    loop_timer_start(o->timer, POLL_MS, POLL_MS);
    return o;
}

static void clear_item(struct sender *s)
{
    arena_free(s->arena);
    s->arena = NULL;
    s->have_item = false;
}

static void sender_free(struct sender *s)
{
    struct outbox *o = s->outbox;
    for (struct sender **at = &o->senders; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    o->senders_count--;
    pg_forget(lane(o), s->op);
    loop_timer_free(s->timer);
    clear_item(s);
    free(s);
}

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    while (o->senders)
        sender_free(o->senders);
    pg_forget(lane(o), o->claim_op);
    loop_timer_free(o->timer);
    free(o);
}

void outbox_counts(const struct outbox *o, struct outbox_counts *out)
{
    *out = o->counts;
    out->senders = o->senders_count;
}

void outbox_lost(struct outbox *o)
{
    pg_forget(lane(o), o->claim_op);
    o->claim_op = 0;
    o->claim_again = false;
    struct sender *next;
    for (struct sender *s = o->senders; s; s = next) {
        next = s->next;
        if (s->sending)
            s->orphaned = true;
        else
            sender_free(s);
    }
}

/* --- one incident ------------------------------------------------------------------------------------------------- */

/* The incident has no row to send now, and no sender. One that was queued while or by what we asked was not seen (queued), and
 * one that found no free sender waits for ours. */
static void leave(struct sender *s, bool queued)
{
    struct outbox *o = s->outbox;
    bool look = queued || s->asked_at_wake != o->wakes || o->senders_count >= o->settings.senders_max;
    sender_free(s);
    if (look)
        claim(o);
}

static void again(void *owner)
{
    next_item(owner);
}

static void count(struct outbox *o, const char *state)
{
    o->counts.sent += strcmp(state, OUTBOX_SENT) == 0;
    o->counts.dropped += strcmp(state, OUTBOX_DROPPED) == 0;
    o->counts.failed += strcmp(state, OUTBOX_FAILED) == 0;
    o->counts.again += strcmp(state, OUTBOX_AGAIN) == 0;
    o->counts.unknown += strcmp(state, OUTBOX_UNKNOWN) == 0;
}

static const char *keep(struct arena *a, const char *text)
{
    char *copy = text ? arena_strdup(a, text) : NULL;
    return text && !copy ? "" : copy;
}

static void tell(struct sender *s)
{
    struct outbox *o = s->outbox;
    const struct outbox_row *row = &s->item.row;
    if (s->settle.error && strcmp(s->settle.state, OUTBOX_SENT) != 0)
        log_warning(o->log, "a write to the outside did not go as meant", LOG_S("kind", row->kind),
            LOG_S("incident", row->target), LOG_S("state", s->settle.state), LOG_S("error", s->settle.error));
    if (s->settle.mended > 0)
        log_warning(o->log, "notes stood there twice; the later ones were deleted", LOG_S("incident", row->target),
            LOG_I("notes", s->settle.mended));
    if (strcmp(s->settle.state, OUTBOX_FAILED) == 0)
        o->settings.on_failed(o->settings.owner, &s->item, s->settle.error ? s->settle.error : "");
}

static void on_sent(void *owner, const struct outbox_outcome *outcome)
{
    struct sender *s = owner;
    struct outbox *o = s->outbox;
    s->sending = false;
    if (s->orphaned) {
        sender_free(s);
        return;
    }
    count(o, outcome->state);
    o->counts.mended += (uint64_t)outcome->mended;
    s->settle = (struct outbox_settle){s->item.row.id, keep(s->arena, outcome->state), keep(s->arena, outcome->remote),
        keep(s->arena, outcome->error), outcome->wait_ms, outcome->notes, outcome->mended, keep(s->arena, outcome->more)};
    tell(s);
    next_item(s);
}

static void on_claimed_again(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct sender *s = owner;
    s->op = 0;
    bool ours = !err && !s->orphaned && outbox_row_renew(answer, &s->item.row);
    if (err)
        log_failure(LOG_WARNING, s->outbox->log, "a row could not be claimed anew", err);
    if (ours)
        s->item.claimed_mono_ms = s->asked_mono_ms;
    s->claimed_again(s->claimer, ours);
}

void outbox_item_claim(struct outbox_item *item, outbox_claimed_again *done, void *owner)
{
    struct sender *s = item->sender;
    assert(s->sending && !s->op);
    s->claimed_again = done;
    s->claimer = owner;
    s->asked_mono_ms = clock_mono_ms();
    s->op = outbox_claim_again(s->outbox->store, &s->held, lease_incarnation(s->outbox->lease), item->row.id,
        on_claimed_again, s);
}

static const struct outbox_channel *find_channel(const struct outbox *o, const char *name)
{
    for (int i = 0; i < o->settings.channels_count; i++)
        if (strcmp(o->settings.channels[i].name, name) == 0)
            return &o->settings.channels[i];
    return NULL;
}

static void send_item(struct sender *s, const struct outbox_row *row)
{
    s->arena = arena_new(ITEM_BYTES_MAX);
    if (!s->arena)
        abort(); /* a row may not be sent half */
    s->have_item = true;
    s->item = (struct outbox_item){.row = *row, .claimed_mono_ms = s->asked_mono_ms, .sender = s};
    const char **texts[] = {&s->item.row.channel, &s->item.row.account, &s->item.row.target, &s->item.row.run,
        &s->item.row.kind, &s->item.row.body, &s->item.row.about, &s->item.row.marker, &s->item.row.opening};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = keep(s->arena, *texts[i]);
    const struct outbox_channel *channel = find_channel(s->outbox, row->channel);
    s->sending = true;
    if (channel)
        channel->send(channel->channel, &s->item, on_sent, s);
    else
        on_sent(s, &(struct outbox_outcome){.state = OUTBOX_FAILED, .error = "no such channel on this node", .notes = -1});
}

static void on_next(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct sender *s = owner;
    s->op = 0;
    if (err) {
        /* UNCERTAIN: the row may have been settled and another taken. Asking again with the same settle is right for
         * both: a settled row is not settled twice, and a taken one comes back as `unknown`. */
        log_failure(LOG_WARNING, s->outbox->log, "the outbox could not be asked; again in a moment", err);
        loop_timer_start(s->timer, NEXT_AGAIN_MS, 0);
        return;
    }
    bool queued = s->have_item && s->settle.more;
    clear_item(s);
    struct outbox_row row;
    if (outbox_row(answer, &row))
        send_item(s, &row);
    else
        leave(s, queued);
}

static void next_item(struct sender *s)
{
    struct outbox_settle settle = {.notes = -1};
    if (s->have_item)
        settle = s->settle;
    s->asked_mono_ms = clock_mono_ms();
    s->asked_at_wake = s->outbox->wakes;
    s->op = outbox_next(s->outbox->store, &s->held, lease_incarnation(s->outbox->lease), &settle, on_next, s);
}

/* --- claiming ----------------------------------------------------------------------------------------------------- */

static void on_claimed(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct outbox *o = owner;
    o->claim_op = 0;
    if (err) {
        log_failure(LOG_WARNING, o->log, "the outbox could not be claimed", err);
        return;
    }
    struct outbox_held held[CLAIM_MAX];
    int n = outbox_claimed(answer, held, CLAIM_MAX);
    for (int i = 0; i < n; i++) {
        struct sender *s = calloc(1, sizeof *s);
        if (!s)
            abort(); /* a claimed incident would stay mute */
        *s = (struct sender){.outbox = o, .held = held[i], .next = o->senders};
        s->timer = loop_timer_new(o->loop, again, s);
        o->senders = s;
        o->senders_count++;
        next_item(s);
    }
    if (n == CLAIM_MAX || o->claim_again)
        claim(o);
}

static void claim(struct outbox *o)
{
    int free_senders = o->settings.senders_max - o->senders_count;
    o->claim_again = o->claim_op != 0;
    if (o->claim_op || free_senders <= 0 || !lease_held(o->lease))
        return;
    int64_t active[SENDERS_MOST];
    int n = 0;
    for (struct sender *s = o->senders; s && n < SENDERS_MOST; s = s->next)
        active[n++] = s->held.incident;
    o->claim_op = outbox_claim(o->store, lease_incarnation(o->lease), free_senders < CLAIM_MAX ? free_senders : CLAIM_MAX,
        active, n, on_claimed, o);
}

void outbox_wake(struct outbox *o)
{
    o->wakes++;
    claim(o);
}
