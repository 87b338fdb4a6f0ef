/* SPDX-License-Identifier: MIT
 * `firstline check`: reads scenarios, order, inventory and settings as a node would, tells every
 * mistake, and changes nothing. */
#include "cli/check.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/files.h"

#define OUTPUT_BYTES_MAX (64 * 1024 * 1024)

struct checking {
    struct files files;
    enum diag_format format;
    bool strict;
};

static int wrong_usage(const char *what, const char *arg)
{
    return command_wrong("check", what, arg);
}

static int add_inventory(struct checking *c, const char *path)
{
    for (int i = 0; i < FILES_INVENTORIES_MAX; i++)
        if (!c->files.inventories[i]) {
            c->files.inventories[i] = path;
            return 0;
        }
    return wrong_usage("too many --inventory", NULL);
}

static int read_options(struct checking *c, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
        {"inventory", required_argument, NULL, 'i'}, {"format", required_argument, NULL, 'f'},
        {"strict", no_argument, NULL, 's'}, {0}};
    optind = 1;
    for (int o; (o = command_option(argc, argv, options)) != -1;) {
        if (o == 'c')
            c->files.settings_path = optarg;
        else if (o == 's')
            c->strict = true;
        else if (o == 'i' && add_inventory(c, optarg) != 0)
            return -1;
        else if (o == 'f' && strcmp(optarg, "json") == 0)
            c->format = DIAG_JSON;
        else if (o == 'f' && strcmp(optarg, "text") != 0)
            return wrong_usage("--format wants text or json, not", optarg);
        else if (o == '?')
            return -1; /* it has been told */
    }
    if (files_named(&c->files, argc - optind, argv + optind, "check") < 0)
        return -1;
    return 0;
}

static bool any_customer_has(const struct inventory *inv, const char *host)
{
    for (int i = 0; i < inventory_customers(inv); i++)
        if (inventory_find(inv, inventory_customer_at(inv, i), host, NULL))
            return true;
    return false;
}

static void check_host(struct checking *c, const struct scenario *s, int line, const char *host)
{
    if (host && !any_customer_has(c->files.inventory, host))
        diag_add(c->files.diag, DIAG_ERROR, s->file, line, 1, "",
            "no customer's inventory has the host \"%s\": each run would be handed over", host);
}

/* What scenarios say about hosts and customers, against the inventory. */
static void check_together(struct checking *c)
{
    const struct scenario_set *set = c->files.scenarios;
    for (int i = 0; i < scenario_set_count(set); i++) {
        const struct scenario *s = scenario_set_at(set, i);
        check_host(c, s, s->target.line, s->target.fallback);
        for (int k = 0; k < s->steps_count; k++)
            if (s->steps[k].check_step < 0)
                check_host(c, s, s->steps[k].line, s->steps[k].on_host);
        for (int k = 0; k < s->match.customers.count; k++)
            if (!inventory_has_customer(c->files.inventory, s->match.customers.items[k]))
                diag_add(c->files.diag, DIAG_WARNING, s->file, s->line, 1, "match.customer",
                    "the inventory has no customer \"%s\"", s->match.customers.items[k]);
    }
}

/* A mistyped folder has no mistakes; CI should not be green for that. */
static void check_empty(struct checking *c)
{
    if (c->files.scenarios && scenario_set_count(c->files.scenarios) == 0)
        diag_add(c->files.diag, DIAG_WARNING, c->files.folder ? c->files.folder : c->files.settings_path, 0, 0, "",
            "no scenario is here: each is a file NAME.yaml");
}

static void print_summary(const struct checking *c)
{
    int errors = diag_errors(c->files.diag), warnings = diag_warnings(c->files.diag);
    if (c->files.scenarios)
        printf("%d scenario%s", scenario_set_count(c->files.scenarios),
            scenario_set_count(c->files.scenarios) == 1 ? "" : "s");
    else
        printf("scenarios not usable");
    if (c->files.inventory)
        printf(", %d host%s of %d customer%s", inventory_count(c->files.inventory),
            inventory_count(c->files.inventory) == 1 ? "" : "s",
            inventory_customers(c->files.inventory),
            inventory_customers(c->files.inventory) == 1 ? "" : "s");
    else
        printf(", %s", c->files.has_inventory ? "inventory not usable" : "no inventory looked at");
    printf(": %d error%s, %d warning%s\n", errors, errors == 1 ? "" : "s", warnings,
        warnings == 1 ? "" : "s");
}

/* A choice that may be meant, so no warning; but nobody should make it by forgetting. */
static void print_notes(const struct settings *s)
{
    if (s && !s->retention.archive)
        printf("note: there is no retention.archive: %d days after its end a month of history is dropped, and kept nowhere "
               "(docs/retention.md)\n", (int)(s->retention.history_ms / DAY_MS));
}

static int report(const struct checking *c)
{
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MAX);
    diag_print(c->files.diag, c->format, c->format == DIAG_TEXT && isatty(STDOUT_FILENO), &out);
    fputs(buf_text(&out), stdout);
    if (c->format == DIAG_JSON && (out.bytes == 0 || out.data[out.bytes - 1] != '\n'))
        putchar('\n');
    buf_done(&out);
    if (c->format == DIAG_TEXT) {
        print_summary(c);
        print_notes(c->files.settings);
    }
    bool wrong = diag_errors(c->files.diag) > 0 || (c->strict && diag_warnings(c->files.diag) > 0);
    return wrong ? EXIT_USAGE : EXIT_OK;
}

int command_check(int argc, char **argv)
{
    struct checking c = {.format = DIAG_TEXT};
    if (read_options(&c, argc, argv) != 0)
        return EXIT_USAGE;
    int result = EXIT_USAGE;
    if (files_load(&c.files, "check") == 0) {
        check_empty(&c);
        if (c.files.scenarios && c.files.inventory)
            check_together(&c);
        result = report(&c);
    }
    files_done(&c.files);
    return result;
}
