/* SPDX-License-Identifier: MIT
 * Lots of requests taken from the shared budget. */
#include "coordinator/budget.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

#define LOT 20
#define LOT_LASTS_MS 10000 /* a lot belongs to its minute; what is not used soon is lost, never used twice */
#define AGAIN_MS 500
#define ACCOUNTS_MAX 64

struct asking {
    uint64_t id;
    int account;
    enum budget_use use;
    int requests;
    loop_fn *granted;
    void *owner;         /* borrowed */
    struct asking *next; /* owned, oldest first */
};

struct account {
    struct budget *budget; /* borrowed: it holds us */
    char name[128];
    int left[BUDGET_USES];
    int64_t until_mono_ms[BUDGET_USES];
    int64_t dry_until_mono_ms[BUDGET_USES]; /* nothing was granted: not asked again before */
    uint64_t op;
    enum budget_use asked;
};

struct budget {
    struct loop *loop;   /* borrowed */
    struct store *store; /* borrowed */
    int most;
    struct account accounts[ACCOUNTS_MAX];
    int accounts_count;
    struct asking *first, **last; /* owned */
    uint64_t last_id;
    struct loop_timer *again; /* owned */
};

static void serve(void *owner);

struct budget *budget_new(struct loop *loop, struct store *store, int requests_a_minute)
{
    struct budget *b = calloc(1, sizeof *b);
    if (!b)
        abort(); /* one at start-up */
    *b = (struct budget){.loop = loop, .store = store, .most = requests_a_minute};
    b->last = &b->first;
    b->again = loop_timer_new(loop, serve, b);
    return b;
}

void budget_free(struct budget *b)
{
    if (!b)
        return;
    for (int i = 0; i < b->accounts_count; i++)
        pg_forget(store_lane(b->store, LANE_WORK), b->accounts[i].op);
    while (b->first) {
        struct asking *a = b->first;
        b->first = a->next;
        free(a);
    }
    loop_timer_free(b->again);
    free(b);
}

static int account_index(struct budget *b, const char *name)
{
    for (int i = 0; i < b->accounts_count; i++)
        if (strcmp(b->accounts[i].name, name) == 0)
            return i;
    assert(b->accounts_count < ACCOUNTS_MAX); /* the settings allow fewer */
    b->accounts[b->accounts_count].budget = b;
    (void)snprintf(b->accounts[b->accounts_count].name, sizeof b->accounts[0].name, "%s", name);
    return b->accounts_count++;
}

static void on_lot(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct account *a = owner;
    struct budget *b = a->budget;
    a->op = 0;
    int got = err ? 0 : (int)pg_int(answer, 0, 0, 0);
    if (got <= 0) {
        a->dry_until_mono_ms[a->asked] = clock_mono_ms() + AGAIN_MS;
        serve(b); /* writes that wait must not keep reads from asking for their larger share */
        return;
    }
    a->left[a->asked] += got;
    a->until_mono_ms[a->asked] = clock_mono_ms() + LOT_LASTS_MS;
    serve(b);
}

static void take_lot(struct budget *b, struct account *a, enum budget_use use)
{
    if (a->op)
        return;
    if (clock_mono_ms() < a->dry_until_mono_ms[use]) {
        if (!loop_timer_active(b->again))
            loop_timer_start(b->again, AGAIN_MS, 0);
        return;
    }
    a->asked = use;
    int most = use == BUDGET_WRITE ? b->most - b->most / 10 : b->most;
    a->op = outbox_budget_take(b->store, a->name, LOT, most, on_lot, a);
}

/* Whether it was granted from what this node holds. */
static bool grant(struct budget *b, const struct asking *ask)
{
    struct account *a = &b->accounts[ask->account];
    if (clock_mono_ms() > a->until_mono_ms[ask->use])
        a->left[ask->use] = 0;
    if (a->left[ask->use] < ask->requests) {
        take_lot(b, a, ask->use);
        return false;
    }
    a->left[ask->use] -= ask->requests;
    return true;
}

static void serve(void *owner)
{
    struct budget *b = owner;
    for (struct asking **at = &b->first; *at;) {
        struct asking *ask = *at;
        if (!grant(b, ask)) {
            at = &ask->next;
            continue;
        }
        *at = ask->next;
        if (b->last == &ask->next)
            b->last = at;
        loop_soon(b->loop, ask->granted, ask->owner);
        free(ask);
    }
}

uint64_t budget_ask(struct budget *b, const char *account, enum budget_use use, int requests, loop_fn *granted, void *owner)
{
    assert(requests > 0 && requests <= LOT);
    struct asking *ask = calloc(1, sizeof *ask);
    if (!ask)
        abort(); /* a few bytes; the caller waits for its turn */
    *ask = (struct asking){++b->last_id, account_index(b, account), use, requests, granted, owner, NULL};
    *b->last = ask;
    b->last = &ask->next;
    uint64_t id = ask->id;
    serve(b);
    return id;
}

void budget_forget(struct budget *b, uint64_t id)
{
    for (struct asking **at = &b->first; *at; at = &(*at)->next)
        if ((*at)->id == id) {
            struct asking *ask = *at;
            *at = ask->next;
            if (b->last == &ask->next)
                b->last = at;
            free(ask);
            return;
        }
}
