/* SPDX-License-Identifier: MIT
 * `firstline match`: which scenario a title would take, why each earlier one was not, and which
 * values it would get. Asks nobody: what is in the incident is given on the command line. */
#include "cli/match.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/files.h"
#include "executor/match.h"
#include "executor/values.h"
#include "executor/values_alerts.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define ARENA_BYTES (64 * 1024 * 1024)

struct matching {
    struct files files;
    struct match_subject subject; /* borrowed from argv */
    json_t *alert;                /* owned; made of --detail; NULL: the incident has no alert */
    bool json;
    struct arena *arena;               /* owned */
    json_t *asked;                     /* owned; with --format json */
    const struct inventory_host *host; /* borrowed; the target, where it was found */
};

static int wrong_usage(const char *what, const char *arg)
{
    return command_wrong("match", what, arg);
}

/* "fs.mount=/var" becomes alert.body.details."fs.mount", which alert.details.fs.mount finds. */
static int add_detail(struct matching *m, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return wrong_usage("--detail wants NAME=VALUE, not", text);
    if (!m->alert)
        m->alert = json_pack("{s:{s:{}}}", "body", "details");
    json_t *details = json_object_get(json_object_get(m->alert, "body"), "details");
    char *name = strndup(text, (size_t)(equals - text));
    int rc = name ? json_object_set_new(details, name, json_string(equals + 1)) : -1;
    free(name);
    return rc == 0 ? 0 : wrong_usage("--detail wants UTF-8 text, not", text);
}

static int take_option(struct matching *m, int option, const char *arg)
{
    switch (option) {
    case 't':
        m->subject.title = arg;
        return 0;
    case 's':
        m->subject.service_name = arg;
        return 0;
    case 'S':
        m->subject.service_id = arg;
        return 0;
    case 'p':
        m->subject.priority = arg;
        return 0;
    case 'C':
        m->subject.customer = arg;
        return 0;
    case 'c':
        m->files.settings_path = arg;
        return 0;
    case 'd':
        return add_detail(m, arg);
    case 'f':
        m->json = strcmp(arg, "json") == 0;
        return m->json || strcmp(arg, "text") == 0
                   ? 0
                   : wrong_usage("--format wants text or json, not", arg);
    default:
        return -1; /* it has been told */
    }
}

static int read_options(struct matching *m, int argc, char **argv)
{
    static const struct option options[] = {{"title", required_argument, NULL, 't'},
        {"service", required_argument, NULL, 's'}, {"service-id", required_argument, NULL, 'S'},
        {"priority", required_argument, NULL, 'p'}, {"customer", required_argument, NULL, 'C'},
        {"detail", required_argument, NULL, 'd'}, {"config", required_argument, NULL, 'c'},
        {"format", required_argument, NULL, 'f'}, {0}};
    optind = 1;
    for (int o; (o = command_option(argc, argv, options)) != -1;)
        if (take_option(m, o, optarg) != 0)
            return -1;
    if (files_named(&m->files, argc - optind, argv + optind, "match") < 0)
        return -1;
    if (!m->subject.title)
        return wrong_usage("wants --title", NULL);
    return 0;
}

static void on_told(void *owner, const struct scenario *s, bool taken, const char *reason)
{
    struct matching *m = owner;
    if (m->json)
        (void)json_array_append_new(m->asked,
            json_pack("{s:s, s:b, s:s}", "scenario", s->name, "taken", taken, "reason", reason));
    else
        printf("  %s %-24s %s\n", taken ? "->" : "  ", s->name, reason);
}

static enum value_read read_incident(const struct matching *m, const char *field, const char **out)
{
    const struct match_subject *s = &m->subject;
    const struct {
        const char *field, *text;
    } fields[] = {{"title", s->title}, {"service", s->service_name}, {"service_id", s->service_id},
        {"priority", s->priority}, {"customer", s->customer}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(fields[i].field, field) == 0 && fields[i].text) {
            *out = fields[i].text;
            return VALUE_READ_TEXT;
        }
    return VALUE_READ_NONE;
}

static enum value_read read_place(
    void *owner, const struct value_source *source, int alert, const char **out, size_t *out_bytes)
{
    struct matching *m = owner;
    (void)alert; /* there is at most one */
    if (source->kind == SOURCE_ALERT)
        return values_alert_read(m->alert, source, m->arena, out, out_bytes);
    enum value_read state = VALUE_READ_NONE;
    if (source->kind == SOURCE_INCIDENT) {
        state = read_incident(m, source->path[0], out);
    } else if (m->host) {
        *out = inventory_variable(m->host, source->path[0]);
        state = *out ? VALUE_READ_TEXT : VALUE_READ_NONE;
    }
    if (state == VALUE_READ_TEXT)
        *out_bytes = strlen(*out);
    return state;
}

static void print_line(const char *name, const char *text, const char *source)
{
    struct buf line;
    buf_init(&line, 4 * VALUE_TEXT_BYTES_MAX);
    text_one_line(text, strlen(text), &line);
    printf("  %-12s %s  (%s)\n", name, buf_text(&line), source);
    buf_done(&line);
}

static const char *host_known(struct matching *m, const struct target_names *t)
{
    if (!m->files.inventory)
        return "no inventory looked at";
    if (!m->subject.customer)
        return "not looked up: no --customer";
    if (t->count > 1)
        return "several names";
    m->host = inventory_find(m->files.inventory, m->subject.customer, t->names[0], NULL);
    return m->host ? "in the inventory"
                   : "NOT in the customer's inventory: the run would be handed over";
}

static void tell_values(struct matching *m, const struct match_result *r, json_t *out)
{
    struct values_input in = {
        .match = r, .alerts_count = m->alert ? 1 : 0, .read = read_place, .owner = m};
    struct target_names target;
    struct values_problem problem;
    const struct value *values = NULL;
    if (values_target(r->scenario, &in, m->arena, &target, &problem) == 0) {
        const char *known = host_known(m, &target);
        char source[200];
        (void)snprintf(source, sizeof source, "%s; %s", target.source, known); /* cut is fine */
        if (m->json)
            (void)json_object_set_new(out, "host", json_string(target.names[0]));
        else
            print_line("host", target.names[0], source);
    } else if (m->json) {
        (void)json_object_set_new(out, "problem", json_string(problem.text));
    } else {
        printf("  handed over: %s\n", problem.text);
    }
    if (values_extract(r->scenario, &in, m->arena, &values, &problem) != 0) {
        if (m->json)
            (void)json_object_set_new(out, "problem", json_string(problem.text));
        else
            printf("  handed over: %s\n", problem.text);
        return;
    }
    json_t *list = json_object();
    for (int i = 0; i < r->scenario->values_count; i++) {
        if (m->json)
            (void)json_object_set_new(list, values[i].name, json_string(values[i].text));
        else
            print_line(values[i].name, values[i].text, values[i].source);
    }
    (void)json_object_set_new(out, "values", list);
}

static void tell(struct matching *m, const struct match_result *r)
{
    json_t *out = json_object();
    if (r->scenario) {
        if (!m->json)
            printf("\ntaken: %s (%s)\n", r->scenario->name, r->scenario->file);
        (void)json_object_set_new(out, "scenario", json_string(r->scenario->name));
        (void)json_object_set_new(out, "file", json_string(r->scenario->file));
        tell_values(m, r, out);
    } else if (!m->json) {
        printf("\nno scenario is for this title%s%s\n",
            r->keyword_seen ? "; its keyword is " : ", which has no keyword token",
            r->keyword_seen ? r->keyword_seen : "");
    } else {
        (void)json_object_set_new(out, "scenario", json_null());
    }
    if (r->patterns_stopped > 0 && !m->json)
        printf("%d pattern%s took too long on this title and counted as not matching\n",
            r->patterns_stopped, r->patterns_stopped == 1 ? "" : "s");
    if (m->json) {
        (void)json_object_set(out, "asked", m->asked);
        (void)json_dumpf(out, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(out);
}

static int match(struct matching *m)
{
    if (!m->files.scenarios || diag_errors(m->files.diag) > 0) {
        struct buf out;
        buf_init(&out, (size_t)64 * 1024 * 1024);
        diag_print(m->files.diag, DIAG_TEXT, false, &out);
        fputs(buf_text(&out), stderr);
        buf_done(&out);
        fprintf(stderr, "firstline match: %s\n",
            diag_errors(m->files.diag) > 0 ? "the files have errors" : "there are no scenarios");
        return EXIT_USAGE;
    }
    m->arena = arena_new(ARENA_BYTES);
    m->asked = json_array();
    struct match_result r = {0};
    struct error err = {0};
    if (!m->arena ||
        match_explain(m->files.scenarios, &m->subject, m->arena, on_told, m, &r, &err) != 0) {
        fprintf(stderr, "firstline match: %s\n", m->arena ? err.text : "out of memory");
        return EXIT_FAILED;
    }
    tell(m, &r);
    return r.scenario ? EXIT_OK : EXIT_FAILED;
}

int command_match(int argc, char **argv)
{
    struct matching m = {0};
    int result = EXIT_USAGE;
    if (read_options(&m, argc, argv) == 0 && files_load(&m.files, "match") == 0)
        result = match(&m);
    json_decref(m.alert);
    json_decref(m.asked);
    arena_free(m.arena);
    files_done(&m.files);
    return result;
}
