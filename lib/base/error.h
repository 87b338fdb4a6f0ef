/* SPDX-License-Identifier: MIT
 * One value for everything that can go wrong: no heap, so that reporting out-of-memory cannot run out of memory.
 * Does not log; the owner of the work (run, request, lease keeper) logs an error once. */
#ifndef LIB_BASE_ERROR_H
#define LIB_BASE_ERROR_H

#include <stdbool.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* The kind says what the caller may do, not where it broke. */
enum error_kind {
    ERROR_NONE,
    ERROR_CONFIG,    /* a person must edit a file or setting              */
    ERROR_INPUT,     /* the caller's request or scenario is wrong         */
    ERROR_REFUSED,   /* the far side answered, and said no                */
    ERROR_UNREACHED, /* nothing was sent; repeating is safe               */
    ERROR_UNCERTAIN, /* sent, outcome unknown; repeating may do it twice  */
    ERROR_DEADLINE,  /* our time ran out before anything was sent         */
    ERROR_CANCELLED, /* an operator, a shutdown, or a lost lease          */
    ERROR_LIMIT,     /* memory, descriptors, or one of our own bounds     */
    ERROR_KINDS,
};

enum error_source {
    ERROR_FROM_US,
    ERROR_FROM_ERRNO,
    ERROR_FROM_LIBUV,
    ERROR_FROM_POSTGRES,
    ERROR_FROM_CURL,
    ERROR_FROM_SSH,
    ERROR_FROM_HTTP,
    ERROR_FROM_YAML,
    ERROR_SOURCES,
};

struct error {
    enum error_kind kind;
    enum error_source source;
    int code;         /* that source's own number, 0 when it has none           */
    char sqlstate[6]; /* "" unless from postgres                                */
    char text[768];   /* outermost first: "run R: step S: cause"                */
    char hint[192];   /* what to try next, "" when we do not know               */
};

/* Fills err (may be NULL: then nothing) and returns -1, so that `return error_set(...)` reads well. */
int error_set(struct error *err, enum error_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* As error_set, with the number of an outside library. */
int error_from(struct error *err, enum error_kind kind, enum error_source source, int code,
    const char *format, ...) PRINTF_LIKE(5, 6);

/* As error_from for errno; appends ": " and the system's text. */
int error_from_errno(struct error *err, enum error_kind kind, int number, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Puts "prefix: " before the text. Each level adds only what it knows. Always returns -1. */
int error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Sets the hint: what a person can try next. */
void error_hint(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* "refused", "uncertain", ...; static. */
const char *error_kind_name(enum error_kind kind);
const char *error_source_name(enum error_source source);

/* Whether the same call may be repeated without doing anything twice: the one place that decides retries. */
bool error_may_repeat(enum error_kind kind);

#endif
