/* SPDX-License-Identifier: MIT
 * From the webhook to the commit. Does not act on events: that is the runs' business. */
#include "coordinator/intake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/limits.h"
#include "coordinator/record.h"

#define ANSWER_WITHIN_MS 3000 /* PagerDuty waits 5 s */
#define OLDEST_MS (72LL * 3600 * 1000)
#define PENDING_ARENA_BYTES (64 * 1024)
#define UNDER_WAY_MAX 2    /* commits: while the database does one, the next is there already */

/* A request between its signature and its answer. */
struct pending {
    struct http_request *req; /* borrowed until answered */
    struct arena *arena;      /* owned */
    struct webhook_event event;
    struct event_row row;     /* texts in the arena */
    int64_t arrived_mono_ms;
    bool raw;  /* second try: bytes only */
    struct pending *next; /* owned */
};

struct batch {
    struct intake *in; /* borrowed */
    struct pending *members; /* owned */
    struct event_entry *entries; /* owned: of each member, in their order */
    size_t count;
    uint64_t op;
    struct batch *next, **back;
};

/* A subscription's last webhook, kept over reloads. */
struct heard {
    char subscription[128];
    int64_t mono_ms;
};
#define HEARD_MAX 256

struct intake {
    struct heard heard[HEARD_MAX];
    size_t heard_count;
    int64_t started_mono_ms;
    struct loop *loop;   /* borrowed */
    struct store *store; /* borrowed */
    struct intake_settings settings;
    struct intake_events events;
    const struct log_ctx *log; /* borrowed */
    struct loop_timer *timer;  /* owned */
    struct pending *waiting, **waiting_end; /* owned, oldest first */
    unsigned waiting_count;
    struct batch *batches; /* owned, in flight */
    unsigned batches_count;
    struct intake_counts counts;
};

static void flush(void *owner);
static void batch_send(struct intake *in, struct pending *members, bool alone);

struct intake *intake_new(struct loop *loop, struct store *store, const struct intake_settings *settings,
    const struct intake_events *events, const struct log_ctx *log)
{
    struct intake *in = calloc(1, sizeof *in);
    if (!in)
        abort(); /* one at start-up */
    *in = (struct intake){.loop = loop, .store = store, .events = *events, .log = log,
        .started_mono_ms = clock_mono_ms()};
    in->waiting_end = &in->waiting;
    intake_swap(in, settings);
    in->timer = loop_timer_new(loop, flush, in);
    return in;
}

void intake_swap(struct intake *in, const struct intake_settings *settings)
{
    in->settings = *settings;
    if (in->settings.oldest_ms == 0)
        in->settings.oldest_ms = OLDEST_MS;
    if (in->settings.together_max == 0)
        in->settings.together_max = 50;
}

static void answer(struct http_request *req, unsigned status, const char *text)
{
    http_answer(req, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void pending_end(struct pending *p, unsigned status, const char *text)
{
    answer(p->req, status, text);
    arena_free(p->arena);
    free(p);
}

static void end_all(struct pending *members, unsigned status, const char *text)
{
    while (members) {
        struct pending *p = members;
        members = p->next;
        pending_end(p, status, text);
    }
}

void intake_free(struct intake *in)
{
    if (!in)
        return;
    while (in->batches) {
        struct batch *b = in->batches;
        in->batches = b->next;
        pg_forget(store_lane(in->store, LANE_INTAKE), b->op);
        end_all(b->members, 503, "stopping\n");
        free(b->entries);
        free(b);
    }
    end_all(in->waiting, 503, "stopping\n");
    loop_timer_free(in->timer);
    free(in);
}

void intake_counts(const struct intake *in, struct intake_counts *out)
{
    *out = in->counts;
}

static void hear(struct intake *in, const char *subscription)
{
    size_t i = 0;
    while (i < in->heard_count && strcmp(in->heard[i].subscription, subscription) != 0)
        i++;
    if (i == HEARD_MAX)
        return; /* a metric only */
    if (i == in->heard_count) {
        in->heard_count++;
        (void)snprintf(in->heard[i].subscription, sizeof in->heard[i].subscription, "%s", subscription);
    }
    in->heard[i].mono_ms = clock_mono_ms();
}

bool intake_heard(const struct intake *in, size_t index, struct intake_heard *out)
{
    if (index >= in->settings.subscriptions_count)
        return false;
    const struct intake_subscription *s = &in->settings.subscriptions[index];
    *out = (struct intake_heard){s->account, s->id, in->started_mono_ms};
    for (size_t i = 0; i < in->heard_count; i++)
        if (strcmp(in->heard[i].subscription, s->id) == 0)
            out->mono_ms = in->heard[i].mono_ms;
    return true;
}

/* --- taking ------------------------------------------------------------------------------------------------------- */

static const struct intake_subscription *find_subscription(const struct intake *in, const char *id)
{
    for (size_t i = 0; id && i < in->settings.subscriptions_count; i++)
        if (strcmp(in->settings.subscriptions[i].id, id) == 0)
            return &in->settings.subscriptions[i];
    return NULL;
}

static enum webhook_signature verify(const struct intake_subscription *s, struct http_request *req)
{
    size_t bytes;
    const char *body = http_request_body(req, &bytes);
    return webhook_verify(http_request_header(req, "X-PagerDuty-Signature"), s->secrets, s->secrets_count, body, bytes);
}

static void refuse(struct intake *in, struct http_request *req, const char *why)
{
    in->counts.refused++;
    log_warning(in->log, "webhook refused", LOG_S("why", why), LOG_S("peer", http_request_peer(req)));
    answer(req, 401, "not a signed webhook of a known subscription\n");
}

static struct pending *pending_new(struct intake *in, struct http_request *req, const struct intake_subscription *s)
{
    struct pending *p = calloc(1, sizeof *p);
    struct arena *a = arena_new(PENDING_ARENA_BYTES);
    if (!p || !a) {
        free(p);
        arena_free(a);
        return NULL;
    }
    *p = (struct pending){.req = req, .arena = a, .arrived_mono_ms = clock_mono_ms()};
    size_t bytes;
    const char *body = http_request_body(req, &bytes);
    webhook_parse(a, body, bytes, s->bots, &p->event);
    struct record_from from = {.account = s->account, .subscription = s->id, .region = in->settings.region,
        .delivery = http_request_header(req, "X-Webhook-Id"), .body = body, .bytes = bytes, .policies = in->settings.policies,
        .oldest_ms = in->settings.oldest_ms};
    if (record_fill(a, &p->event, &from, &p->row) < 0 || arena_starved(a)) {
        arena_free(a);
        free(p);
        return NULL;
    }
    return p;
}

void intake_take(struct intake *in, struct http_request *req)
{
    const char *id = http_request_header(req, "X-Webhook-Subscription");
    const struct intake_subscription *s = find_subscription(in, id);
    if (!s) {
        refuse(in, req, id ? "unknown subscription" : "no X-Webhook-Subscription");
        return;
    }
    enum webhook_signature signature = verify(s, req);
    if (signature == SIGNATURE_WRONG && in->events.reload_secrets(in->events.owner)) {
        s = find_subscription(in, id);
        signature = s ? verify(s, req) : SIGNATURE_WRONG;
    }
    if (signature == SIGNATURE_MISSING || signature == SIGNATURE_MALFORMED) {
        refuse(in, req, signature == SIGNATURE_MISSING ? "no signature" : "malformed signature");
        return;
    }
    if (signature == SIGNATURE_WRONG) {
        in->counts.wrong_signature++;
        in->events.on_alarm(in->events.owner, "a webhook's signature matches no secret of its subscription", id);
        answer(req, 503, "the signature matches no secret that is known here\n");
        return;
    }
    struct pending *p = pending_new(in, req, s);
    if (!p) {
        in->counts.unavailable++;
        answer(req, 503, "out of memory\n");
        return;
    }
    *in->waiting_end = p;
    in->waiting_end = &p->next;
    if (++in->waiting_count >= in->settings.together_max)
        flush(in);
    else if (!loop_timer_active(in->timer))
        loop_timer_start(in->timer, 0, 0); /* with all that has come by the loop's next turn */
}

/* --- committing --------------------------------------------------------------------------------------------------- */

/* Whether those that wait go now. A commit may take a round trip to the other region, and one connection commits one after the
 * other: small groups behind it would each wait for all before them. */
static bool is_due(const struct intake *in)
{
    return in->waiting
        && (in->batches_count == 0 || (in->waiting_count >= in->settings.together_max && in->batches_count < UNDER_WAY_MAX));
}

static struct pending *take_oldest(struct intake *in)
{
    struct pending *first = in->waiting, **end = &in->waiting;
    unsigned count = 0;
    for (; *end && count < EVENTS_TOGETHER_MAX; count++)
        end = &(*end)->next;
    in->waiting = *end;
    *end = NULL;
    in->waiting_count -= count;
    if (!in->waiting)
        in->waiting_end = &in->waiting;
    return first;
}

static void flush(void *owner)
{
    struct intake *in = owner;
    loop_timer_stop(in->timer);
    while (is_due(in))
        batch_send(in, take_oldest(in), false);
}

/* It is answered: its members are the caller's. */
static struct pending *batch_end(struct batch *b)
{
    struct pending *members = b->members;
    *b->back = b->next;
    if (b->next)
        b->next->back = b->back;
    b->in->batches_count--;
    free(b->entries);
    free(b);
    return members;
}

/* The event is durable: answer, then tell whoever can act on it. */
static void committed(struct intake *in, struct pending *p, const struct event_entry *entry, const struct pg_answer *result)
{
    struct event_result r;
    event_result(result, entry, &r);
    in->counts.accepted++;
    in->counts.duplicates += !r.fresh;
    in->counts.odd += p->event.odd != NULL || p->raw;
    in->counts.runs += r.opened;
    in->counts.last_mono_ms = clock_mono_ms();
    hear(in, p->row.subscription);
    if (p->event.odd || p->raw)
        log_warning(in->log, "an odd event was stored and will not be acted on", LOG_S("key", p->event.key),
            LOG_S("type", p->event.type), LOG_S("why", p->raw ? "the database refused its content" : p->event.odd));
    if (p->raw)
        in->events.on_alarm(in->events.owner, "the database refused an event's content; only its bytes are stored",
            p->row.subscription);
    if (r.opened)
        in->events.on_runs(in->events.owner);
    if (p->row.touch != EVENT_NO_HAND && r.fresh)
        in->events.on_hands(in->events.owner);
    if (p->event.hand == HAND_NOTE && r.fresh)
        in->events.on_order(in->events.owner, p->row.account, p->event.incident, p->event.order == ORDER_STOP,
            p->event.agent_name);
    pending_end(p, 202, "");
}

static void not_committed(struct intake *in, struct pending *members, const struct error *err)
{
    log_failure(LOG_WARNING, in->log, "events were not committed; PagerDuty will repeat them", err);
    for (struct pending *p = members; p; p = p->next)
        in->counts.unavailable++;
    end_all(members, 503, "the database did not commit; repeat\n");
}

/* A group that fails for what is in it is committed one by one; an event that still fails is kept raw. */
static void refused_for_content(struct intake *in, struct pending *members)
{
    bool alone = members->next == NULL;
    while (members) {
        struct pending *p = members;
        members = p->next;
        p->next = NULL;
        if (alone && p->raw) {
            in->counts.unavailable++;
            pending_end(p, 503, "the database refused the event's bytes\n");
            continue;
        }
        p->raw = alone;
        batch_send(in, p, true);
    }
}

static void all_committed(struct batch *b, const struct pg_answer *result)
{
    for (const struct event_entry *entry = b->entries; b->members; entry++) {
        struct pending *p = b->members;
        b->members = p->next;
        committed(b->in, p, entry, result);
    }
}

static void on_batch(void *owner, const struct pg_answer *result, const struct error *err)
{
    struct batch *b = owner;
    struct intake *in = b->in;
    if (!err)
        all_committed(b, result);
    struct pending *members = batch_end(b);
    if (err && err->kind == ERROR_INPUT)
        refused_for_content(in, members);
    else if (err)
        not_committed(in, members, err);
    flush(in);
}

static struct batch *batch_new(struct intake *in, struct pending *members)
{
    size_t n = 0;
    for (struct pending *p = members; p; p = p->next)
        n++;
    struct batch *b = calloc(1, sizeof *b);
    struct event_entry *entries = calloc(n, sizeof *entries);
    if (!b || !entries) {
        free(b);
        free(entries);
        return NULL;
    }
    n = 0;
    for (struct pending *p = members; p; p = p->next)
        entries[n++] = (struct event_entry){.row = &p->row, .as = p->raw ? EVENT_RAW : EVENT_WHOLE};
    *b = (struct batch){.in = in, .members = members, .entries = entries, .count = n, .next = in->batches, .back = &in->batches};
    if (in->batches)
        in->batches->back = &b->next;
    in->batches = b;
    in->batches_count++;
    return b;
}

static void batch_send(struct intake *in, struct pending *members, bool alone)
{
    assert(!alone || members->next == NULL);
    struct batch *b = batch_new(in, members);
    if (!b) {
        end_all(members, 503, "out of memory\n");
        return;
    }
    struct pg_group *group = pg_group_new(store_lane(in->store, LANE_INTAKE));
    event_add(group, b->entries, b->count);
    int64_t left = ANSWER_WITHIN_MS - (clock_mono_ms() - members->arrived_mono_ms);
    b->op = pg_group_send(group, left > 1 ? (unsigned)left : 1, on_batch, b);
    if (fault_twin("acknowledge-before-commit")) {
        end_all(b->members, 202, "");
        b->members = NULL;
    }
}
