/* SPDX-License-Identifier: MIT
 * Requests in line for the shared budget. What is asked of the database is what waits here, so that no grant lies idle. */
#include "coordinator/budget.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

#define TAKE_MOST 20
#define STALE_MS 2000 /* a grant this old when it comes is not used: its minute may be over at PagerDuty */
#define AGAIN_MS 500  /* after an error */
#define AGAIN_MS_MIN 50
#define ACCOUNTS_MAX 64

static const char *const use_names[] = {
    [BUDGET_RECONCILE] = "reconcile", [BUDGET_READ] = "read", [BUDGET_WRITE] = "write"};
_Static_assert(sizeof use_names / sizeof use_names[0] == BUDGET_USES, "one name a use");

struct asking {
    uint64_t id;
    int requests;
    loop_fn *granted;
    void *owner;         /* borrowed */
    struct asking *next; /* owned, oldest first */
};

/* One account's line for one use. */
struct line {
    struct budget *budget; /* borrowed: it holds us */
    const char *account;   /* borrowed: likewise */
    enum budget_use use;
    struct asking *first, **last; /* owned */
    uint64_t op;
    int64_t asked_mono_ms;
    struct loop_timer *again; /* owned */
};

struct account {
    char name[128];
    struct line lines[BUDGET_USES];
};

struct budget {
    struct loop *loop;   /* borrowed */
    struct store *store; /* borrowed */
    int most;
    struct account *accounts[ACCOUNTS_MAX]; /* owned */
    int accounts_count;
    uint64_t last_id;
};

static void take(void *owner);

struct budget *budget_new(struct loop *loop, struct store *store, int requests_a_minute)
{
    struct budget *b = calloc(1, sizeof *b);
    if (!b)
        abort(); /* one at start-up */
    *b = (struct budget){.loop = loop, .store = store, .most = requests_a_minute};
    return b;
}

static void line_done(struct line *l)
{
    pg_forget(store_lane(l->budget->store, LANE_WORK), l->op);
    while (l->first) {
        struct asking *a = l->first;
        l->first = a->next;
        free(a);
    }
    loop_timer_free(l->again);
}

void budget_free(struct budget *b)
{
    if (!b)
        return;
    for (int i = 0; i < b->accounts_count; i++) {
        for (int use = 0; use < BUDGET_USES; use++)
            line_done(&b->accounts[i]->lines[use]);
        free(b->accounts[i]);
    }
    free(b);
}

static struct account *find_account(struct budget *b, const char *name)
{
    for (int i = 0; i < b->accounts_count; i++)
        if (strcmp(b->accounts[i]->name, name) == 0)
            return b->accounts[i];
    struct account *a = calloc(1, sizeof *a);
    assert(b->accounts_count < ACCOUNTS_MAX); /* the settings allow fewer */
    if (!a)
        abort(); /* one for each account of the settings */
    (void)snprintf(a->name, sizeof a->name, "%s", name);
    for (enum budget_use use = 0; use < BUDGET_USES; use++) {
        struct line *l = &a->lines[use];
        *l = (struct line){.budget = b, .account = a->name, .use = use, .last = &l->first};
        l->again = loop_timer_new(b->loop, take, l);
    }
    return b->accounts[b->accounts_count++] = a;
}

static void grant(struct line *l)
{
    struct asking *ask = l->first;
    l->first = ask->next;
    if (!l->first)
        l->last = &l->first;
    loop_soon(l->budget->loop, ask->granted, ask->owner);
    free(ask);
}

static void on_taken(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct line *l = owner;
    l->op = 0;
    int64_t got = err ? 0 : pg_int(answer, 0, 0, 0), wait_ms = err ? AGAIN_MS : pg_int(answer, 0, 0, 1);
    if (clock_mono_ms() - l->asked_mono_ms > STALE_MS)
        got = 0;
    for (; l->first && l->first->requests <= got; grant(l)) /* what then is left, less than the next needs, is lost */
        got -= l->first->requests;
    if (l->first && wait_ms > 0)
        loop_timer_start(l->again, (uint64_t)(wait_ms > AGAIN_MS_MIN ? wait_ms : AGAIN_MS_MIN), 0);
    else
        take(l);
}

/* Asks for what is in line. */
static void take(void *owner)
{
    struct line *l = owner;
    int wanted = 0;
    for (const struct asking *a = l->first; a && wanted < TAKE_MOST; a = a->next)
        wanted += a->requests;
    if (l->op || wanted == 0 || loop_timer_active(l->again))
        return;
    l->asked_mono_ms = clock_mono_ms();
    l->op = outbox_budget_take(l->budget->store, l->account, use_names[l->use], wanted, l->first->requests, l->budget->most,
        on_taken, l);
}

uint64_t budget_ask(struct budget *b, const char *account, enum budget_use use, loop_fn *granted, void *owner)
{
    return budget_ask_several(b, account, use, 1, granted, owner);
}

uint64_t budget_ask_several(struct budget *b, const char *account, enum budget_use use, int requests, loop_fn *granted,
    void *owner)
{
    assert(requests > 0 && requests < TAKE_MOST);
    struct line *l = &find_account(b, account)->lines[use];
    struct asking *ask = calloc(1, sizeof *ask);
    if (!ask)
        abort(); /* a few bytes; the caller waits for its turn */
    *ask = (struct asking){++b->last_id, requests, granted, owner, NULL};
    *l->last = ask;
    l->last = &ask->next;
    uint64_t id = ask->id;
    take(l);
    return id;
}

static bool line_forget(struct line *l, uint64_t id)
{
    for (struct asking **at = &l->first; *at; at = &(*at)->next)
        if ((*at)->id == id) {
            struct asking *ask = *at;
            *at = ask->next;
            if (l->last == &ask->next)
                l->last = at;
            free(ask);
            return true;
        }
    return false;
}

void budget_forget(struct budget *b, uint64_t id)
{
    for (int i = 0; id && i < b->accounts_count; i++)
        for (int use = 0; use < BUDGET_USES; use++)
            if (line_forget(&b->accounts[i]->lines[use], id))
                return;
}
