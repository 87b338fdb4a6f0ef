/* SPDX-License-Identifier: MIT
 * The database for one-shot subcommands. */
#include "cli/database.h"

#include <stdio.h>
#include <string.h>
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

/* At 03:00 --config is what is forgotten, and the default database is then a stranger. */
static void say_no_file(const struct database *d)
{
    if (d->settings && !d->settings->file[0])
        fputs("  hint: no --config was given and there is no " SETTINGS_FILE_DEFAULT ": these are the defaults\n", stderr);
}

int database_open(struct database *d, const char *command, const char *settings_path)
{
    *d = (struct database){.command = command};
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
    fprintf(stderr, "firstline %s: database: %s\n", command, err.text);
    say_no_file(d);
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

static void say_late(const struct database *d, const char *what, int64_t wait_ms)
{
    fprintf(stderr, "firstline %s: %s in %lld s: %s\n", d->command, what, (long long)(wait_ms / 1000), store_trouble(d->store));
    say_no_file(d);
}

bool database_wait(struct database *d, int64_t wait_ms)
{
    int64_t until = clock_mono_ms() + wait_ms;
    while (!d->done && clock_mono_ms() < until)
        loop_turn(d->loop, 100);
    if (!d->done)
        say_late(d, "no answer from the database", wait_ms);
    return d->done;
}

static bool schema_is_other(const struct error *err)
{
    return strcmp(err->sqlstate, "42P01") == 0 || strcmp(err->sqlstate, "42703") == 0; /* no such table, no such column */
}

int database_failed(const struct database *d, const struct error *err)
{
    fprintf(stderr, "firstline %s: database: %s\n", d->command, err->text);
    if (err->hint[0])
        fprintf(stderr, "  hint: %s\n", err->hint);
    if (schema_is_other(err))
        fputs("  hint: this database has not this program's schema: is it the right one? firstline migrate makes it\n", stderr);
    if (err->kind == ERROR_UNCERTAIN)
        fputs("  hint: whether it was done is not known; to do it again is safe\n", stderr);
    say_no_file(d);
    return EXIT_FAILED;
}

bool database_connect(struct database *d, int64_t wait_ms)
{
    int64_t until = clock_mono_ms() + wait_ms;
    while (!store_ready(d->store) && clock_mono_ms() < until)
        loop_turn(d->loop, 100);
    if (!store_ready(d->store))
        say_late(d, "no connection to the database", wait_ms);
    return store_ready(d->store);
}
