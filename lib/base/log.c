/* SPDX-License-Identifier: MIT
 * The logger: one line per event, bounded, written by one write call, unless the kernel takes less. */
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"

#define LINE_BYTES_MAX 8192
#define CHAIN_MAX 8

static struct {
    enum log_level least;
    enum log_format format;
    void (*take)(void *owner, const char *line);
    void *owner; /* borrowed, with take */
} logger = {.least = LOG_INFO, .format = LOG_LOGFMT};

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};
_Static_assert(sizeof level_names / sizeof level_names[0] == LOG_LEVELS, "one name a level");

void log_setup(enum log_level least, enum log_format format)
{
    logger.least = least;
    logger.format = format;
}

void log_capture(void (*take)(void *owner, const char *line), void *owner)
{
    logger.take = take;
    logger.owner = owner;
}

static void add_quoted(struct buf *line, const char *text)
{
    (void)buf_add_char(line, '"'); /* a full line stays cut */
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            (void)buf_printf(line, "\\%c", c);
        else if (c == '\n')
            (void)buf_add_text(line, "\\n");
        else if (c < 0x20 || c == 0x7f)
            (void)buf_printf(line, "\\u%04x", c);
        else
            (void)buf_add_char(line, (char)c);
    }
    (void)buf_add_char(line, '"');
}

static void add_pair(struct buf *line, const struct log_field *f)
{
    if (logger.format == LOG_JSON) {
        (void)buf_add_text(line, line->bytes > 1 ? "," : "");
        add_quoted(line, f->key);
        (void)buf_add_char(line, ':');
    } else {
        (void)buf_printf(line, "%s%s=", line->bytes ? " " : "", f->key);
    }
    if (!f->text)
        (void)buf_printf(line, "%lld", (long long)f->number);
    else if (logger.format == LOG_JSON || f->text[0] == '\0' ||
             strpbrk(f->text, " \"=\\\n\t\r\x1b"))
        add_quoted(line, f->text);
    else
        (void)buf_add_text(line, f->text);
}

static void add_chain(struct buf *line, const struct log_ctx *ctx, int depth)
{
    if (!ctx || depth == CHAIN_MAX)
        return;
    add_chain(line, ctx->parent, depth + 1);
    for (size_t i = 0; i < sizeof ctx->fields / sizeof ctx->fields[0] && ctx->fields[i].key; i++)
        add_pair(line, &ctx->fields[i]);
}

static void emit(struct buf *line)
{
    if (logger.take) {
        logger.take(logger.owner, buf_text(line));
        return;
    }
    (void)buf_add_char(line, '\n');
    int rc = file_write(STDERR_FILENO, buf_text(line), line->bytes);
    (void)rc; /* nowhere left to report it */
}

void log_write(enum log_level level, const struct log_ctx *ctx, const char *message,
    const struct log_field *fields)
{
    if (level < logger.least)
        return;
    struct buf line;
    buf_init(&line, LINE_BYTES_MAX);
    char now[CLOCK_TEXT_BYTES];
    clock_wall_text(clock_wall_ms(), now);
    if (logger.format == LOG_JSON)
        (void)buf_add_char(&line, '{');
    add_pair(&line, &LOG_S("at", now));
    add_pair(&line, &LOG_S("level", level_names[level]));
    add_pair(&line, &LOG_S("event", message));
    add_chain(&line, ctx, 0);
    for (const struct log_field *f = fields; f && f->key; f++)
        add_pair(&line, f);
    if (logger.format == LOG_JSON)
        (void)buf_add_char(&line, '}');
    emit(&line);
    buf_done(&line);
}

void log_failure(enum log_level level, const struct log_ctx *ctx, const char *message,
    const struct error *err)
{
    struct log_field fields[6] = {LOG_S("kind", error_kind_name(err->kind)),
        LOG_S("error", err->text), LOG_S("source", error_source_name(err->source))};
    int n = 3;
    if (err->code)
        fields[n++] = LOG_I("code", err->code);
    if (err->hint[0])
        fields[n++] = LOG_S("hint", err->hint);
    fields[n] = (struct log_field){0};
    log_write(level, ctx, message, fields);
}
