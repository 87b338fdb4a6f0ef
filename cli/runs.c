/* SPDX-License-Identifier: MIT
 * `firstline runs`. */
#include "cli/runs.h"

#include <getopt.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/database.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/store/report.h"
#include "lib/store/run.h"

#define WAIT_MS 30000
#define MOST_MAX 10000
#define TEXT_OF(x) TEXT_OF_VALUE(x)
#define TEXT_OF_VALUE(x) #x

struct asking {
    struct database db;
    bool json, open;
    int most;
    const char *id;   /* borrowed; NULL: the list */
    char run[64];     /* the one that was found */
    char *reason;     /* owned; of that one */
    int result;
    json_t *all;      /* owned, with --format json */
};

/* A title comes from whoever raised the alert, output from the machine: neither may steer the reader's terminal. */
static bool is_shown(int32_t point)
{
    return point >= 0x20 && point != 0x7f && (point < 0x80 || point > 0x9f);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char *made = NULL;
    va_list args;
    va_start(args, format);
    int bytes = vasprintf(&made, format, args);
    va_end(args);
    for (size_t at = 0, n; bytes > 0 && at < (size_t)bytes; at += n) {
        int32_t point;
        n = text_next(made + at, (size_t)bytes - at, &point);
        if (is_shown(point) || point == '\n' || point == '\t')
            (void)fwrite(made + at, 1, n, stdout);
    }
    free(made);
}

static void print_cut(const char *text, int columns)
{
    int used = 0;
    for (size_t at = 0, bytes = strlen(text); at < bytes && used < columns;) {
        int32_t point;
        size_t n = text_next(text + at, bytes - at, &point);
        used += text_point_width(point);
        if (is_shown(point))
            (void)fwrite(text + at, 1, n, stdout);
        at += n;
    }
    for (; used < columns; used++)
        (void)fputc(' ', stdout);
}

static void print_run(const struct report_run *r)
{
    say("%.8s  %s  ", r->id, r->created_at);
    print_cut(r->incident, 15);
    print_cut(r->ending[0] ? r->ending : r->state, 12);
    print_cut(r->scenario[0] ? r->scenario : "-", 20);
    print_cut(r->host[0] ? r->host : "-", 16);
    say("%7.1f s  %s\n", (double)r->took_ms / 1000, r->title);
}

/* One run, whole. */
static void print_whole(const struct report_run *r)
{
    say("run       %s\nincident  %s of %s\ntitle     %s\ncustomer  %s\nscenario  %s\nhost      %s\nopened    %s\n", r->id,
        r->incident, r->account, r->title, r->customer[0] ? r->customer : "-", r->scenario[0] ? r->scenario : "-",
        r->host[0] ? r->host : "-", r->created_at);
    say("state     %s%s%s (%.1f s)\nworker    %s\n", r->state, r->ending[0] ? ": " : "", r->ending, (double)r->took_ms / 1000,
        r->holder[0] ? r->holder : "-");
    if (r->reason[0])
        say("why       %s\n", r->reason);
}

static json_t *run_json(const struct report_run *r)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "id", r->id, "account", r->account,
        "incident", r->incident, "customer", r->customer, "title", r->title, "state", r->state, "scenario", r->scenario,
        "host", r->host, "ending", r->ending, "reason", r->reason, "created_at", r->created_at, "holder", r->holder,
        "took_ms", (json_int_t)r->took_ms);
}

static void on_runs(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct asking *a = owner;
    a->db.done = true;
    if (err) {
        a->result = database_failed(&a->db, err);
        return;
    }
    int count = report_count(answer);
    for (int i = 0; i < count; i++) {
        struct report_run r;
        report_run_at(answer, i, &r);
        if (a->json)
            (void)json_array_append_new(a->all, run_json(&r));
        else if (a->id && count == 1)
            print_whole(&r);
        else
            print_run(&r);
        if (i == 0)
            (void)snprintf(a->run, sizeof a->run, "%s", r.id);
        if (a->id && count == 1)
            a->reason = strdup(r.reason);
    }
    if (a->id && count > 1)
        fputs("firstline runs: more than one; name one by its id to see its steps\n", stderr);
    if (count == 0 && a->id)
        fprintf(stderr, "firstline runs: no run's id begins with \"%s\", and no incident of that id had one\n  hint: firstline runs "
            "lists the newest\n", a->id);
    else if (count == 0 && !a->json)
        puts(a->open ? "nothing is open" : "no runs yet");
    a->result = a->id && count == 0 ? EXIT_FAILED : EXIT_OK;
    if (count != 1)
        a->run[0] = '\0';
}

static json_t *step_json(const struct run_step_row *s, const char *at)
{
    return json_pack("{s:i, s:i, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:I}", "step", s->step,
        "attempt", s->attempt, "verb", s->verb, "title", s->title, "state", s->state, "epoch", (json_int_t)s->epoch, "host",
        s->host, "become", s->become, "status", s->status, "signal", s->signal, "outcome", s->outcome, "why", s->why, "doubt",
        s->doubt, "output", s->output, "output_cut", s->cut, "started_at", at, "took_ms", (json_int_t)s->took_ms);
}

static void print_output(const struct run_step_row *s)
{
    for (const char *at = s->output; *at;) {
        size_t bytes = strcspn(at, "\n");
        say("  | %.*s\n", (int)bytes, at);
        at += bytes + (at[bytes] == '\n');
    }
    if (s->cut)
        say("  | (cut)\n");
}

static void print_step(const struct run_step_row *s, const char *at)
{
    say("\n%.8sZ  %d.%d %s \"%s\" on %s%s%s: %s", at + 11, s->step + 1, s->attempt, s->verb, s->title, s->host,
        s->become[0] ? " as " : "", s->become, s->state); /* at: "2026-11-23T02:31:07.123Z" */
    if (s->outcome[0])
        say(", %s", s->outcome);
    if (s->status[0])
        say(", exit status %s", s->status);
    if (s->signal[0])
        say(", signal %s", s->signal);
    say(" (%.1f s)%s%s\n", (double)s->took_ms / 1000, s->why[0] ? ": " : "", s->why);
    if (s->doubt[0])
        say("  in doubt: %s\n", s->doubt);
    print_output(s);
}

static void on_steps(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct asking *a = owner;
    a->db.done = true;
    json_t *list = json_array();
    for (int i = 0; !err && i < run_steps_count(answer); i++) {
        struct run_step_row s;
        char at[CLOCK_TEXT_BYTES];
        run_step_at(answer, i, &s);
        clock_wall_text(s.started_wall_ms, at);
        if (a->json)
            (void)json_array_append_new(list, step_json(&s, at));
        else
            print_step(&s, at);
    }
    if (a->json && json_array_size(a->all) > 0)
        (void)json_object_set(json_array_get(a->all, 0), "steps", list);
    json_decref(list);
    if (err)
        a->result = database_failed(&a->db, err);
}

static void on_decisions(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct asking *a = owner;
    a->db.done = true;
    json_t *list = json_array();
    for (int i = 0; !err && i < report_count(answer); i++) {
        struct report_decision d;
        report_decision_at(answer, i, &d);
        if (a->json)
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I}", "at", d.at, "kind", d.kind, "text", d.text,
                "epoch", (json_int_t)d.epoch));
        else if (!a->reason || strcmp(a->reason, d.text) != 0) /* it stands at the top */
            say("\n%s  %s: %s\n", d.at, d.kind, d.text);
    }
    if (a->json && json_array_size(a->all) > 0)
        (void)json_object_set(json_array_get(a->all, 0), "decisions", list);
    json_decref(list);
    if (err)
        a->result = database_failed(&a->db, err);
}

static bool more(struct asking *a)
{
    a->db.done = false;
    return a->result == EXIT_OK && a->run[0];
}

static void ask(struct asking *a)
{
    if (a->id)
        report_run(a->db.store, a->id, on_runs, a);
    else
        report_runs(a->db.store, a->most, a->open, on_runs, a);
    if (!database_wait(&a->db, WAIT_MS)) {
        a->result = EXIT_FAILED;
        return;
    }
    if (!a->id || !more(a))
        return;
    run_read_steps(a->db.store, a->run, on_steps, a);
    if (database_wait(&a->db, WAIT_MS) && more(a)) {
        report_decisions(a->db.store, a->run, on_decisions, a);
        (void)database_wait(&a->db, WAIT_MS); /* it has printed that nothing came */
    }
}

static int read_most(struct asking *a, const char *text)
{
    char *end;
    long long most = strtoll(text, &end, 10);
    if (*end || most < 1 || most > MOST_MAX)
        return command_wrong("runs", "--most takes 1 to " TEXT_OF(MOST_MAX) ", not", text);
    a->most = (int)most;
    return 0;
}

static int read_options(struct asking *a, int argc, char **argv, const char **path)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"open", no_argument, NULL, 'o'},
        {"most", required_argument, NULL, 'm'}, {"format", required_argument, NULL, 'f'}, {0}};
    optind = 1;
    for (int c; (c = command_option(argc, argv, options)) != -1;) {
        if (c == 'c')
            *path = optarg;
        else if (c == 'o')
            a->open = true;
        else if (c == 'm' && read_most(a, optarg) < 0)
            return -1;
        else if (c == 'f' && strcmp(optarg, "json") == 0)
            a->json = true;
        else if (c == 'f' && strcmp(optarg, "text") != 0)
            return command_wrong("runs", "--format wants text or json, not", optarg);
        else if (c == '?')
            return -1;
    }
    bool show = optind < argc && strcmp(argv[optind], "show") == 0;
    optind += show;
    a->id = optind < argc ? argv[optind++] : NULL;
    if (show && !a->id)
        return command_wrong("runs", "show wants a run or an incident", NULL);
    return optind == argc ? 0 : command_wrong("runs", "one run at a time; unexpected", argv[optind]);
}

int command_runs(int argc, char **argv)
{
    struct asking a = {.most = 20};
    const char *path = NULL;
    if (read_options(&a, argc, argv, &path) < 0)
        return EXIT_USAGE;
    int rc = database_open(&a.db, "runs", path);
    if (rc != EXIT_OK)
        return rc;
    a.all = json_array();
    ask(&a);
    if (a.json && a.result == EXIT_OK) {
        (void)json_dumpf(a.all, stdout, JSON_INDENT(2)); /* a closed pipe is the reader's choice */
        (void)fputc('\n', stdout);
    }
    json_decref(a.all);
    free(a.reason);
    database_close(&a.db);
    return a.result;
}
