/* SPDX-License-Identifier: MIT
 * Groups that share a commit: gathered while another commit is under way, sent as one transaction, and sent again each for
 * itself when that was rolled back. Does not talk to libpq. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io/pg_inside.h"

void pg_group_share(struct pg_group *group, const char *order)
{
    group->order = arena_strdup(group->arena, order ? order : "");
    group->shares = group->order != NULL; /* without memory for it the group is committed alone */
}

static int by_order(const void *a, const void *b)
{
    const struct pg_group *x = *(struct pg_group *const *)a, *y = *(struct pg_group *const *)b;
    int order = strcmp(x->order, y->order);
    return order ? order : (x->op_id > y->op_id) - (x->op_id < y->op_id);
}

/* Takes what may be sent next as one transaction from the queue's head: one group, or all that share, in their order. */
void pg_shared_take(struct pg_queue *waiting, struct pg_queue *out)
{
    struct pg_group *all[PG_SHARED_MAX];
    size_t n = 0;
    while (waiting->first && n < PG_SHARED_MAX && (n == 0 || (all[0]->shares && waiting->first->shares)))
        all[n++] = pg_queue_pop(waiting);
    if (n > 1)
        qsort(all, n, sizeof all[0], by_order);
    for (size_t i = 0; i < n; i++)
        pg_queue_push(out, all[i]);
}

/* They were not committed, and come first. */
void pg_shared_return(struct pg_queue *waiting, struct pg_queue *from)
{
    if (!from->first)
        return;
    from->last->next = waiting->first;
    if (!waiting->last)
        waiting->last = from->last;
    waiting->first = from->first;
    waiting->count += from->count;
    *from = (struct pg_queue){0};
}

/* Rolled back as one: whose fault it was shows when each is sent alone. */
void pg_shared_part(struct pg_queue *waiting, struct pg_queue *from)
{
    for (struct pg_group *g = from->first; g; g = g->next) {
        pg_answer_done(&g->answer);
        g->answer = (struct pg_answer){0};
        g->err = (struct error){0};
        g->cursor = 0;
        g->failed = g->shares = g->syncs = false;
    }
    pg_shared_return(waiting, from);
}
