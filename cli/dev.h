/* SPDX-License-Identifier: MIT
 * `firstline dev`: everything firstline needs on one machine, with things that break, for people to watch. */
#ifndef CLI_DEV_H
#define CLI_DEV_H

int command_dev(int argc, char **argv);

#endif
