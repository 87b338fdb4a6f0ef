/* SPDX-License-Identifier: MIT
 * One event per line on standard error, logfmt or JSON. A line inherits the fields of its context chain
 * (daemon -> run -> step), so call sites never repeat the run id. The logger is the program's only mutable global.
 * base and io never log above debug: the owner of the work does. */
#ifndef LIB_BASE_LOG_H
#define LIB_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_LEVELS };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
    const char *key;  /* borrowed; NULL ends a list                */
    const char *text; /* borrowed; NULL: the number is the value   */
    int64_t number;
};
static inline const char *log_text(const char *text)
{
    return text ? text : "";
}
#define LOG_S(k, v) ((struct log_field){.key = (k), .text = log_text(v)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .number = (v)})

struct log_ctx {
    const struct log_ctx *parent; /* borrowed, outlives this; NULL at the root */
    struct log_field fields[4];   /* texts borrowed, outlive this              */
};

void log_setup(enum log_level least, enum log_format format);
/* For tests: lines go to this function instead. NULL restores standard error. */
void log_capture(void (*take)(void *owner, const char *line), void *owner);

void log_write(enum log_level level, const struct log_ctx *ctx, const char *message,
    const struct log_field *fields);
/* Logs an error value: kind, source, code, text and hint as fields. */
void log_failure(enum log_level level, const struct log_ctx *ctx, const char *message,
    const struct error *err);

#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ) {0}})
#define log_debug(ctx, message, ...) log_write(LOG_DEBUG, ctx, message, LOG_FIELDS(__VA_ARGS__))
#define log_info(ctx, message, ...) log_write(LOG_INFO, ctx, message, LOG_FIELDS(__VA_ARGS__))
#define log_warning(ctx, message, ...) log_write(LOG_WARNING, ctx, message, LOG_FIELDS(__VA_ARGS__))
#define log_error(ctx, message, ...) log_write(LOG_ERROR, ctx, message, LOG_FIELDS(__VA_ARGS__))

#endif
