/* SPDX-License-Identifier: MIT
 * Name look-up off the loop (the system's resolver in libuv's thread pool), with a short memory. Addresses given as such
 * are answered without a look-up. Does not choose among addresses, and knows nothing of ports. */
#ifndef LIB_IO_RESOLVE_H
#define LIB_IO_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/base/limits.h"
#include "lib/io/loop.h"

struct resolve;

struct resolve_address {
    char text[46]; /* "10.0.0.1" or "2001:db8::1" */
    bool v6;
};

struct resolve_answer {
    int count; /* 1 to RESOLVE_ADDRESSES_MAX, in the system's order of preference, without doubles */
    struct resolve_address addresses[RESOLVE_ADDRESSES_MAX];
};

/* Called exactly once, never from inside resolve_start. answer: borrowed for the call, NULL with an error.
 * Errors: UNREACHED (no such name, resolver silent), DEADLINE, LIMIT (too many look-ups hang), INPUT (not a name). */
typedef void resolve_done(void *owner, const struct resolve_answer *answer, const struct error *err);

/* keep_ms  how long an answer is used again; 0: none is kept. When a later look-up fails, the last good answer of up to
 *          RESOLVE_STALE_MS ago is given instead: a database must be found while the name service is down.
 * NULL: no memory. */
struct resolve *resolve_new(struct loop *l, unsigned keep_ms);
/* Nothing is called afterwards. A look-up that hangs in its thread is left to end by itself. NULL is fine. */
void resolve_free(struct resolve *r);

/* host: borrowed, a name or an address. Returns the op's id, never 0. */
uint64_t resolve_start(struct resolve *r, const char *host, unsigned timeout_ms, resolve_done *done, void *owner);
/* done will not be called. An unknown or answered id is fine. */
void resolve_forget(struct resolve *r, uint64_t op_id);
/* The next resolve_start looks this name up anew, for example since none of its addresses answered. */
void resolve_drop(struct resolve *r, const char *host);

#endif
