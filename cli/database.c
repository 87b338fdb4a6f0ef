/* SPDX-License-Identifier: MIT
 * The database for one-shot subcommands. */
#include "cli/database.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

struct store_settings database_settings(const struct settings *s, const char *application)
{
    return (struct store_settings){.conninfo = s->database.conninfo, .password_file = s->database.password.path,
        .application = application, .connect_timeout_ms = (unsigned)s->database.connect_ms,
        .answer_timeout_ms = (unsigned)s->database.answer_ms, .parked_max = (unsigned)s->database.parked};
}

int database_open(struct database *d, const char *settings_path)
{
    *d = (struct database){0};
    log_setup(LOG_ERROR, LOG_LOGFMT);
    struct diag *diag = diag_new();
    struct buf said;
    buf_init(&said, 256 * 1024);
    d->settings = diag ? settings_load(settings_path, diag) : NULL;
    if (diag)
        diag_print(diag, DIAG_TEXT, isatty(STDERR_FILENO), &said);
    fputs(buf_text(&said), stderr);
    buf_done(&said);
    diag_free(diag);
    if (!d->settings)
        return EXIT_USAGE;
    struct error err = {0};
    d->loop = loop_new(&err);
    struct store_settings st = database_settings(d->settings, "cli");
    d->store = d->loop ? store_new(d->loop, &st, &err) : NULL;
    if (d->store)
        return EXIT_OK;
    fprintf(stderr, "firstline: database: %s\n", err.text);
    database_close(d);
    return EXIT_USAGE;
}

void database_close(struct database *d)
{
    store_free(d->store);
    loop_free(d->loop);
    settings_free(d->settings);
    *d = (struct database){0};
}

bool database_wait(struct database *d, int64_t wait_ms)
{
    int64_t until = clock_mono_ms() + wait_ms;
    while (!d->done && clock_mono_ms() < until)
        loop_turn(d->loop, 100);
    if (!d->done)
        fprintf(stderr, "firstline: the database did not answer in %lld s: %s\n", (long long)(wait_ms / 1000), store_trouble(d->store));
    return d->done;
}

int database_failed(const char *command, const struct error *err)
{
    fprintf(stderr, "firstline %s: database: %s [%s]\n", command, err->text, error_kind_name(err->kind));
    if (err->hint[0])
        fprintf(stderr, "  hint: %s\n", err->hint);
    return EXIT_FAILED;
}

bool database_connect(struct database *d, int64_t wait_ms)
{
    int64_t until = clock_mono_ms() + wait_ms;
    while (!store_ready(d->store) && clock_mono_ms() < until)
        loop_turn(d->loop, 100);
    if (!store_ready(d->store))
        fprintf(stderr, "firstline: no connection to the database in %lld s: %s\n", (long long)(wait_ms / 1000),
            store_trouble(d->store));
    return store_ready(d->store);
}
