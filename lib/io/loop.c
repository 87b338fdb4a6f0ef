/* SPDX-License-Identifier: MIT
 * The event loop. Memory that holds a uv handle is freed in its close callback only. */
#include "lib/io/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#define LOOP_MAGIC 0x4c4f4f50u
#define TIMER_MAGIC 0x54494d45u
#define SIGNAL_MAGIC 0x5349474eu

struct soon {
    loop_fn *fn;
    void *owner;       /* borrowed until called or cancelled */
    struct soon *next; /* owned */
};

struct loop {
    uint32_t magic;
    uv_loop_t uv;
    uv_check_t check;
    uv_idle_t idle;      /* active while work waits, so that the loop does not sleep */
    uv_timer_t turn;     /* bounds loop_turn */
    struct soon *first;  /* owned, oldest first */
    struct soon **last;  /* borrowed: the end of the list */
};

struct loop_timer {
    uint32_t magic;
    uv_timer_t uv;
    loop_fn *fn;
    void *owner; /* borrowed until freed */
};

struct loop_work {
    uv_work_t uv;
    loop_fn *work, *done;
    void *owner; /* borrowed until done was called */
};

struct loop_signal {
    uint32_t magic;
    uv_signal_t uv;
    loop_fn *fn;
    void *owner; /* borrowed until freed */
};

static void on_idle(uv_idle_t *handle)
{
    (void)handle; /* being active is its whole purpose */
}

static void on_check(uv_check_t *handle)
{
    struct loop *l = handle->data;
    assert(l->magic == LOOP_MAGIC);
    struct soon **end = l->last; /* what is added meanwhile waits for the next turn */
    while (l->first) {
        struct soon *s = l->first;
        bool was_end = &s->next == end;
        l->first = s->next;
        if (!l->first)
            l->last = &l->first;
        loop_fn *fn = s->fn;
        void *owner = s->owner;
        free(s);
        if (fn)
            fn(owner);
        if (was_end)
            break;
    }
    if (!l->first)
        (void)uv_idle_stop(&l->idle); /* cannot fail */
}

static void on_turn_timer(uv_timer_t *handle)
{
    (void)handle; /* only wakes the loop */
}

struct loop *loop_new(struct error *err)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l) {
        error_set(err, ERROR_LIMIT, "no memory for the event loop");
        return NULL;
    }
    int rc = uv_loop_init(&l->uv);
    if (rc != 0) {
        error_from(err, ERROR_LIMIT, ERROR_FROM_LIBUV, rc, "event loop: %s", uv_strerror(rc));
        free(l);
        return NULL;
    }
    l->magic = LOOP_MAGIC;
    l->last = &l->first;
    l->check.data = l;
    (void)uv_check_init(&l->uv, &l->check); /* these cannot fail */
    (void)uv_idle_init(&l->uv, &l->idle);
    (void)uv_timer_init(&l->uv, &l->turn);
    (void)uv_check_start(&l->check, on_check);
    uv_unref((uv_handle_t *)&l->check);
    return l;
}

static void on_walk(uv_handle_t *handle, void *arg)
{
    struct loop *l = arg;
    bool ours = handle == (uv_handle_t *)&l->check || handle == (uv_handle_t *)&l->idle ||
                handle == (uv_handle_t *)&l->turn;
    assert(ours || uv_is_closing(handle)); /* a module left a handle open */
    if (ours)
        uv_close(handle, NULL);
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    assert(l->magic == LOOP_MAGIC);
    uv_walk(&l->uv, on_walk, l);
    (void)uv_run(&l->uv, UV_RUN_DEFAULT); /* runs the close callbacks */
    int rc = uv_loop_close(&l->uv);
    assert(rc == 0);
    while (l->first) {
        struct soon *s = l->first;
        l->first = s->next;
        free(s);
    }
    l->magic = 0;
    free(l);
}

struct uv_loop_s *loop_uv(struct loop *l)
{
    assert(l->magic == LOOP_MAGIC);
    return &l->uv;
}

void loop_run(struct loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_turn(struct loop *l, uint64_t wait_ms)
{
    /* Repeating, since a timer that is due already fires before the poll, which would then wait without an end. */
    uv_update_time(&l->uv);
    (void)uv_timer_start(&l->turn, on_turn_timer, wait_ms, wait_ms > 0 ? wait_ms : 1);
    (void)uv_run(&l->uv, UV_RUN_ONCE);
    (void)uv_timer_stop(&l->turn);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

void loop_soon(struct loop *l, loop_fn *fn, void *owner)
{
    assert(fn);
    struct soon *s = calloc(1, sizeof *s);
    if (!s)
        abort(); /* a promise to call back cannot be broken quietly */
    s->fn = fn;
    s->owner = owner;
    *l->last = s;
    l->last = &s->next;
    (void)uv_idle_start(&l->idle, on_idle);
}

void loop_soon_cancel(struct loop *l, void *owner)
{
    for (struct soon *s = l->first; s; s = s->next)
        if (s->owner == owner)
            s->fn = NULL;
}

static void on_timer(uv_timer_t *handle)
{
    struct loop_timer *t = handle->data;
    assert(t->magic == TIMER_MAGIC);
    t->fn(t->owner);
}

static void in_thread(uv_work_t *request)
{
    struct loop_work *w = request->data;
    w->work(w->owner);
}

static void on_worked(uv_work_t *request, int status)
{
    struct loop_work *w = request->data;
    loop_fn *done = w->done;
    void *owner = w->owner;
    assert(status == 0); /* we never cancel */
    (void)status;
    free(w);
    done(owner);
}

bool loop_work_start(struct loop *l, loop_fn *work, loop_fn *done, void *owner)
{
    struct loop_work *w = calloc(1, sizeof *w);
    if (!w)
        return false;
    *w = (struct loop_work){.work = work, .done = done, .owner = owner, .uv.data = w};
    (void)uv_queue_work(&l->uv, &w->uv, in_thread, on_worked); /* fails only without a function */
    return true;
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *owner)
{
    struct loop_timer *t = calloc(1, sizeof *t);
    if (!t)
        abort(); /* timers are made at start-up or for bounded work */
    t->magic = TIMER_MAGIC;
    t->fn = fn;
    t->owner = owner;
    t->uv.data = t;
    (void)uv_timer_init(&l->uv, &t->uv); /* cannot fail */
    return t;
}

void loop_timer_start(struct loop_timer *t, uint64_t after_ms, uint64_t repeat_ms)
{
    assert(t->magic == TIMER_MAGIC);
    uv_update_time(t->uv.loop);
    (void)uv_timer_start(&t->uv, on_timer, after_ms, repeat_ms);
}

void loop_timer_stop(struct loop_timer *t)
{
    assert(t->magic == TIMER_MAGIC);
    (void)uv_timer_stop(&t->uv);
}

bool loop_timer_active(const struct loop_timer *t)
{
    assert(t->magic == TIMER_MAGIC);
    return uv_is_active((const uv_handle_t *)&t->uv) != 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    assert(t->magic == TIMER_MAGIC);
    t->magic = 0;
    uv_close((uv_handle_t *)&t->uv, on_timer_closed);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    struct loop_signal *s = handle->data;
    assert(s->magic == SIGNAL_MAGIC);
    s->fn(s->owner);
}

struct loop_signal *loop_signal_new(struct loop *l, int number, loop_fn *fn, void *owner)
{
    struct loop_signal *s = calloc(1, sizeof *s);
    if (!s)
        abort(); /* only at start-up */
    s->magic = SIGNAL_MAGIC;
    s->fn = fn;
    s->owner = owner;
    s->uv.data = s;
    int rc = uv_signal_init(&l->uv, &s->uv);
    assert(rc == 0);
    rc = uv_signal_start(&s->uv, on_signal, number);
    assert(rc == 0);
    uv_unref((uv_handle_t *)&s->uv);
    return s;
}

static void on_signal_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void loop_signal_free(struct loop_signal *s)
{
    if (!s)
        return;
    assert(s->magic == SIGNAL_MAGIC);
    s->magic = 0;
    uv_close((uv_handle_t *)&s->uv, on_signal_closed);
}
