/* SPDX-License-Identifier: MIT
 * The event loop (libuv): timers, work for the end of this turn, signals, child processes. One thread owns the loop and
 * all state. Everything outside lib/io sees only this header, never uv.h. */
#ifndef LIB_IO_LOOP_H
#define LIB_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"

struct loop;
struct loop_timer;
struct loop_signal;
struct uv_loop_s;

struct loop *loop_new(struct error *err);
/* Closes what is left, runs the close callbacks and frees. Asserts that no module left a handle open. */
void loop_free(struct loop *l);
/* For io modules only. */
struct uv_loop_s *loop_uv(struct loop *l);

/* Runs until loop_stop, or until nothing is left to wait for. */
void loop_run(struct loop *l);
/* One turn; waits for an event when there is none, at most wait_ms. For tests and start-up. */
void loop_turn(struct loop *l, uint64_t wait_ms);
void loop_stop(struct loop *l);

/* Calls fn(owner) once, after the callbacks of this turn (libuv's check phase). Order is kept. */
typedef void loop_fn(void *owner);
void loop_soon(struct loop *l, loop_fn *fn, void *owner);
/* Forgets all calls that wait for this owner. */
void loop_soon_cancel(struct loop *l, void *owner);

/* Runs work(owner) in a thread of libuv's pool, then done(owner) on the loop, also while loop_free waits for it. For files:
 * work touches only what nobody else touches meanwhile. false: no memory, nothing is called. */
bool loop_work_start(struct loop *l, loop_fn *work, loop_fn *done, void *owner);

/* A timer starts stopped. Freeing stops it and returns the memory once libuv let go. */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *owner);
void loop_timer_start(struct loop_timer *t, uint64_t after_ms, uint64_t repeat_ms);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_active(const struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */

/* fn is called in the loop, not in the signal handler. */
struct loop_signal *loop_signal_new(struct loop *l, int number, loop_fn *fn, void *owner);
void loop_signal_free(struct loop_signal *s); /* NULL is fine */

#endif
