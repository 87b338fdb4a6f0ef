/* SPDX-License-Identifier: MIT
 * Error values: filling, wrapping, naming. */
#include "lib/base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [ERROR_NONE] = "none",
    [ERROR_CONFIG] = "config",
    [ERROR_INPUT] = "input",
    [ERROR_REFUSED] = "refused",
    [ERROR_UNREACHED] = "unreached",
    [ERROR_UNCERTAIN] = "uncertain",
    [ERROR_DEADLINE] = "deadline",
    [ERROR_CANCELLED] = "cancelled",
    [ERROR_LIMIT] = "limit",
};
_Static_assert(sizeof kind_names / sizeof kind_names[0] == ERROR_KINDS, "one name for each kind");

static const char *const source_names[] = {
    [ERROR_FROM_US] = "firstline",
    [ERROR_FROM_ERRNO] = "system",
    [ERROR_FROM_LIBUV] = "libuv",
    [ERROR_FROM_POSTGRES] = "postgres",
    [ERROR_FROM_CURL] = "curl",
    [ERROR_FROM_SSH] = "ssh",
    [ERROR_FROM_HTTP] = "http",
    [ERROR_FROM_YAML] = "yaml",
};
_Static_assert(sizeof source_names / sizeof source_names[0] == ERROR_SOURCES, "one name a source");

PRINTF_LIKE(5, 0)
static void fill(struct error *err, enum error_kind kind, enum error_source source, int code,
    const char *format, va_list args)
{
    if (!err)
        return;
    assert(kind > ERROR_NONE && kind < ERROR_KINDS);
    *err = (struct error){.kind = kind, .source = source, .code = code};
    (void)vsnprintf(err->text, sizeof err->text, format, args); /* a cut text is still a text */
}

int error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, kind, ERROR_FROM_US, 0, format, args);
    va_end(args);
    return -1;
}

int error_from(struct error *err, enum error_kind kind, enum error_source source, int code,
    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, kind, source, code, format, args);
    va_end(args);
    return -1;
}

int error_from_errno(struct error *err, enum error_kind kind, int number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, kind, ERROR_FROM_ERRNO, number, format, args);
    va_end(args);
    if (err) {
        size_t used = strlen(err->text);
        (void)snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(number));
    }
    return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
    if (!err)
        return -1;
    char inner[sizeof err->text];
    memcpy(inner, err->text, sizeof inner);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof err->text - used, ": %s", inner);
    return -1;
}

void error_hint(struct error *err, const char *format, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->hint, sizeof err->hint, format, args);
    va_end(args);
}

const char *error_kind_name(enum error_kind kind)
{
    assert(kind >= ERROR_NONE && kind < ERROR_KINDS);
    return kind_names[kind];
}

const char *error_source_name(enum error_source source)
{
    assert(source >= ERROR_FROM_US && source < ERROR_SOURCES);
    return source_names[source];
}

bool error_may_repeat(enum error_kind kind)
{
    return kind == ERROR_UNREACHED || kind == ERROR_DEADLINE;
}
