/* SPDX-License-Identifier: MIT
 * `firstline stop` and `firstline go`: the stop switches. */
#ifndef CLI_SWITCH_H
#define CLI_SWITCH_H

int command_stop(int argc, char **argv);
int command_go(int argc, char **argv);

#endif
