/* SPDX-License-Identifier: MIT
 * The stop switches. They hold from the commit on: the transaction that would start a recover reads them. */
#include "cli/switch.h"

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/database.h"
#include "lib/store/control.h"

#define WAIT_MS 15000

struct switching {
    struct database db;
    const char *command;
    const char *scope, *key, *why; /* borrowed */
    bool list;
    int result;
};

static const char *const scopes[] = {"global", "region", "customer", "scenario", "history-lost", NULL};

static void on_list(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct switching *s = owner;
    s->db.done = true;
    if (err) {
        s->result = database_failed(&s->db, err);
        return;
    }
    if (control_count(answer) == 0)
        puts("no stop switch is set");
    for (int i = 0; i < control_count(answer); i++) {
        struct control_row r;
        control_at(answer, i, &r);
        printf("%s%s%s  set by %s at %s: %s\n", r.scope, r.key[0] ? " " : "", r.key, r.set_by, r.set_at, r.why);
    }
}

static bool has_customer(const struct settings *settings, const char *name)
{
    const struct policy_customer *customers = settings->customers.items;
    for (int i = 0; i < settings->customers.count; i++)
        if (strcmp(customers[i].name, name) == 0)
            return true;
    return false;
}

/* A name that nobody has stops nothing: a slip of the finger must not look like a stop. */
static void tell_unknown(const struct switching *s, const struct control_set_row *set)
{
    if (!set->seen)
        fprintf(stderr, "firstline stop: CAREFUL: no node of region \"%s\" is known; those of the nodes: %s\n", s->key,
            set->regions[0] ? set->regions : "none");
    else if (strcmp(s->scope, "customer") == 0 && !has_customer(s->db.settings, s->key))
        fprintf(stderr, "firstline stop: CAREFUL: the settings have no customer \"%s\"\n", s->key);
    else
        return;
    fprintf(stderr, "  hint: if the name is wrong, throw the right one and release this: firstline go %s %s\n", s->scope, s->key);
}

static void on_switched(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct switching *s = owner;
    s->db.done = true;
    if (err) {
        s->result = database_failed(&s->db, err);
        return;
    }
    bool stop = strcmp(s->command, "stop") == 0;
    if (!stop && pg_rows(answer, 0) == 0)
        printf("%s%s%s was not stopped\n", s->scope, s->key[0] ? " " : "", s->key);
    else
        printf("%s%s%s: %s\n", s->scope, s->key[0] ? " " : "", s->key,
            stop ? "stopped; no recover starts from now on, looking steps go on" : "released");
    struct control_set_row set;
    if (stop && control_count(answer) > 0) {
        control_set_at(answer, &set);
        tell_unknown(s, &set);
    }
}

/* Notes name who threw a switch: root alone would help nobody. */
static const char *who(void)
{
    const char *person = getenv("SUDO_USER");
    if (getuid() == 0 && person && person[0])
        return person;
    const struct passwd *p = getpwuid(getuid());
    return p ? p->pw_name : "somebody";
}

static int read_target(struct switching *s, int argc, char **argv)
{
    s->scope = argc > 0 ? argv[0] : "global";
    s->key = argc > 1 ? argv[1] : "";
    bool known = false;
    for (const char *const *p = scopes; *p; p++)
        known |= strcmp(*p, s->scope) == 0;
    bool keyed = strcmp(s->scope, "global") != 0 && strcmp(s->scope, "history-lost") != 0;
    if (known && keyed == (s->key[0] != '\0') && argc <= 2)
        return 0;
    return command_wrong(s->command, "wants global, history-lost, or one of region, customer, scenario with a name; not",
        argc > 0 ? argv[argc > 2 ? 2 : 0] : "");
}

static int read_options(struct switching *s, int argc, char **argv, const char **path)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"why", required_argument, NULL, 'w'},
        {"list", no_argument, NULL, 'l'}, {0}};
    optind = 1;
    for (int c; (c = command_option(argc, argv, options)) != -1;) {
        if (c == 'c')
            *path = optarg;
        else if (c == 'w')
            s->why = optarg;
        else if (c == 'l')
            s->list = true;
        else
            return -1;
    }
    return read_target(s, argc - optind, argv + optind);
}

static int run(int argc, char **argv, bool stop)
{
    struct switching s = {.command = stop ? "stop" : "go", .why = "no reason given"};
    const char *path = NULL;
    if (read_options(&s, argc, argv, &path) < 0)
        return EXIT_USAGE;
    int rc = database_open(&s.db, s.command, path);
    if (rc != EXIT_OK)
        return rc;
    if (s.list)
        control_list(s.db.store, on_list, &s);
    else if (stop)
        control_set(s.db.store, s.scope, s.key, who(), s.why, on_switched, &s);
    else
        control_clear(s.db.store, s.scope, s.key, on_switched, &s);
    if (!database_wait(&s.db, WAIT_MS))
        s.result = EXIT_FAILED;
    database_close(&s.db);
    return s.result;
}

int command_stop(int argc, char **argv)
{
    return run(argc, argv, true);
}

int command_go(int argc, char **argv)
{
    return run(argc, argv, false);
}
