/* SPDX-License-Identifier: MIT
 * The subcommands: one table with name, one line, usage, example and function, from which help is made. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

/* Exit codes of every subcommand. */
enum command_exit {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* it was tried and did not work; standard error says why */
    EXIT_USAGE = 2,  /* the command line or a file is wrong                    */
};

/* argv[0] is the subcommand's name. Returns an enum command_exit. */
typedef int command_fn(int argc, char **argv);

struct command {
    const char *name;    /* borrowed, static */
    const char *summary; /* borrowed, static: one line */
    const char *help;    /* borrowed, static: usage, options and an example */
    command_fn *run;
};

extern const struct command commands[]; /* ends with a NULL name */

/* getopt_long, but what is wrong with an option is said as everywhere: who, what, where to read on. '?' once it was. */
struct option;
int command_option(int argc, char **argv, const struct option *options);
/* Says "firstline NAME: WHAT "ARG"; see: firstline NAME --help"; arg may be NULL. Returns -1. */
int command_wrong(const char *name, const char *what, const char *arg);

/* For subcommands whose only option is --config; out_path NULL when absent. -1: the usage is wrong (printed). */
int command_config_option(int argc, char **argv, const char **out_path);

int command_main(int argc, char **argv);

#endif
