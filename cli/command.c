/* SPDX-License-Identifier: MIT
 * The table of subcommands, `help` and `version`. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "cli/topic.h"
#include "lib/base/diag.h"

static int command_help(int argc, char **argv);
static int command_version(int argc, char **argv);

const struct command commands[] = {
    {"version", "print the version",
        "usage: firstline version\n\nexample:\n  firstline version\n", command_version},
    {"help", "explain a subcommand",
        "usage: firstline help [SUBCOMMAND | TOPIC]\n\nexample:\n  firstline help version\n", command_help},
    {0},
};

static const struct command *find(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[sizeof commands / sizeof commands[0]] = {0};
    for (int i = 0; commands[i].name; i++)
        names[i] = commands[i].name;
    const char *near = diag_nearest(name, names);
    fprintf(stderr, "firstline: unknown subcommand \"%s\"%s%s%s; see: firstline help\n", name,
        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return EXIT_USAGE;
}

static int command_help(int argc, char **argv)
{
    if (argc > 1) {
        const struct command *c = find(argv[1]);
        if (!c)
            return topic_print(argv[1]) ? EXIT_OK : unknown(argv[1]);
        fputs(c->help, stdout);
        return EXIT_OK;
    }
    puts("firstline answers a PagerDuty incident before a person has to.\n\n"
         "usage: firstline SUBCOMMAND [options]\n");
    for (const struct command *c = commands; c->name; c++)
        printf("  %-10s %s\n", c->name, c->summary);
    puts("\nfirstline help TOPIC, where TOPIC is:\n");
    for (const struct topic *t = topics; t->name; t++)
        printf("  %-18s %s\n", t->name, t->summary);
    puts("\nfirstline SUBCOMMAND --help explains one, with an example.");
    return EXIT_OK;
}

static int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("firstline " FIRSTLINE_VERSION);
    return EXIT_OK;
}

int command_main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return command_help(1, argv);
    if (strcmp(argv[1], "--version") == 0)
        return command_version(1, argv);
    const struct command *c = find(argv[1]);
    if (!c)
        return unknown(argv[1]);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            break;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(c->help, stdout);
            return EXIT_OK;
        }
    }
    return c->run(argc - 1, argv + 1);
}
