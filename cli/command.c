/* SPDX-License-Identifier: MIT
 * The table of subcommands, `help` and `version`. */
#include "cli/command.h"

#include "cli/check.h"
#include "cli/dev.h"
#include "cli/json_memory.h"
#include "cli/match.h"
#include "cli/migrate.h"
#include "cli/node.h"
#include "cli/runs.h"
#include "cli/settings.h"
#include "cli/switch.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/topic.h"
#include "lib/base/diag.h"
#include "lib/base/fault.h"

static int command_help(int argc, char **argv);
static int command_version(int argc, char **argv);

#define DEFAULT_FILE "Without --config " SETTINGS_FILE_DEFAULT " is read, if it is there.\n"
#define DATABASE_EXITS "Ends with 0, with 1 when the database could not be asked or said no, with 2 when the command line or a file is wrong.\n\n"

const struct command commands[] = {
    {"node", "run a worker process: intake, runs, writes",
        "usage: firstline node [--config FILE]\n\n"
        "Runs the roles that the settings name until SIGTERM. SIGHUP reads scenarios, inventory, known_hosts and secrets\n"
        "anew; when one of them is wrong all old ones stay in force. All settings: firstline help settings\n"
        DEFAULT_FILE "Ends with 0 after SIGTERM, with 1 when it could not start, with 2 when a file or the command line is wrong.\n\n"
        "example:\n  firstline node --config /etc/firstline/firstline.yaml\n", command_node},
    {"dev", "the demo: everything on this machine, with things that break",
        "usage: firstline dev [--once] [--keep] [--folder DIR] [--port N] [--simulator SERVER.PY]\n\n"
        "Brings up a private Postgres, a PagerDuty simulator, a machine with an sshd, and two nodes posing as two regions;\n"
        "breaks things, posts incidents, and shows what becomes of each. Then it stays up for you to try more. Must be root.\n\n"
        "  --once       end after the incidents: exit 0 only if each ended as it should\n"
        "  --folder     where everything is kept: new or empty (default: one in /var/tmp)\n"
        "  --keep       leave the folder behind; it stays too when something went wrong\n"
        "  --port       of the PagerDuty simulator, with its web view (default: any free one)\n"
        "  --simulator  where its server.py is (default: in the source tree)\n\n"
        "keys: k kills the node that holds a run, s throws or releases the stop switch, b breaks something, q ends\n\n"
        "example:\n  firstline dev --once\n", command_dev},
    {"migrate", "bring the database to this program's schema",
        "usage: firstline migrate [--config FILE]\n\nSafe to repeat, and safe to run from several places at once.\n"
        DEFAULT_FILE DATABASE_EXITS
        "example:\n  firstline migrate --config /etc/firstline/firstline.yaml\n", command_migrate},
    {"runs", "list runs, or show one with its journal",
        "usage: firstline runs [--open] [--most N] [--format text|json] [--config FILE] [[show] RUN|INCIDENT]\n\n"
        "RUN is the beginning of a run's id, INCIDENT PagerDuty's id. The newest come first, 20 without --most.\n"
        "One that is shown has its journal: time (UTC), step.attempt, what was done, what came of it, its output.\n"
        DEFAULT_FILE DATABASE_EXITS
        "examples:\n  firstline runs --open\n  firstline runs show 7f3a12bc\n", command_runs},
    {"stop", "throw a stop switch: no recover starts any more",
        "usage: firstline stop [--why TEXT] [--list] [--config FILE] [global | region NAME | customer NAME | scenario NAME]\n\n"
        "Looking steps go on; runs that come to a recover are handed over. Without a scope it is global: everything. --list\n"
        "shows what is set.\n"
        DEFAULT_FILE DATABASE_EXITS
        "examples:\n  firstline stop --why 'network maintenance until 04:00' region tokyo\n  firstline stop\n", command_stop},
    {"go", "release a stop switch",
        "usage: firstline go [--config FILE] [global | region NAME | customer NAME | scenario NAME | history-lost]\n\n"
        "Without a scope it is global. `firstline stop --list` shows what is set.\n"
        DEFAULT_FILE DATABASE_EXITS
        "example:\n  firstline go region tokyo\n", command_go},
    {"check", "tell every mistake in scenarios, inventory and settings",
        "usage: firstline check [--format text|json] [--strict] [--inventory PATH]... [--config FILE] [DIR]\n\n"
        "DIR holds scenarios/ and inventory/ (or inventory.yaml), or is a folder of scenarios itself. With --config and\n"
        "without DIR, the files that the settings name are read; without both, those of\n"
        SETTINGS_FILE_DEFAULT ", if it is there. --strict: a warning is a mistake too.\n"
        "Ends with 0 when there is no error, else with 2.\n\n"
        "examples:\n  firstline check scenarios\n  firstline check --format json --inventory hosts.yaml scenarios\n"
        "  firstline check --config /etc/firstline/firstline.yaml\n", command_check},
    {"match", "say which scenario a title takes, and why earlier ones were not",
        "usage: firstline match --title TEXT [--service NAME] [--service-id ID] [--priority NAME] [--customer NAME]\n"
        "                       [--detail NAME=VALUE]... [--format text|json] [--config FILE] [DIR]\n\n"
        "DIR as in `firstline check`. --detail gives a field of the alert's details. Then the values that the scenario\n"
        "would get are shown, or why the incident would be handed over. Ends with 0 when a scenario is taken, with 1\n"
        "when none is, with 2 when the files have errors.\n\n"
        "examples:\n  firstline match scenarios --title '[AMS:disk-full mount=/var] web1'\n"
        "  firstline match scenarios --title 'no space left' --customer acme --detail host=web1\n", command_match},
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
    printf("firstline %s%s\n", FIRSTLINE_VERSION, fault_notice());
    return EXIT_OK;
}

int command_main(int argc, char **argv)
{
    json_memory_setup();
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

int command_wrong(const char *name, const char *what, const char *arg)
{
    fprintf(stderr, "firstline %s: %s%s%s%s; see: firstline %s --help\n", name, what, arg ? " \"" : "", arg ? arg : "",
        arg ? "\"" : "", name);
    return -1;
}

int command_option(int argc, char **argv, const struct option *options)
{
    opterr = 0;
    int c = getopt_long(argc, argv, ":", options, NULL); /* ':' at the front tells a missing value from an unknown option */
    if (c != '?' && c != ':')
        return c;
    const char *given = argv[optind - 1][0] == '-' ? argv[optind - 1] : argv[optind]; /* of -xy getopt still stands before it */
    (void)command_wrong(argv[0], c == ':' ? "a value is missing after" : "unknown option, or one that takes no value,", given);
    return '?';
}

int command_config_option(int argc, char **argv, const char **out_path)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {0}};
    *out_path = NULL;
    optind = 1;
    for (int c; (c = command_option(argc, argv, options)) != -1;) {
        if (c != 'c')
            return -1;
        *out_path = optarg;
    }
    if (optind == argc)
        return 0;
    return command_wrong(argv[0], "unexpected", argv[optind]);
}
