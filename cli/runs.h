/* SPDX-License-Identifier: MIT
 * `firstline runs`: what runs and what ran, for people. */
#ifndef CLI_RUNS_H
#define CLI_RUNS_H

int command_runs(int argc, char **argv);

#endif
