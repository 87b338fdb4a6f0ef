/* SPDX-License-Identifier: MIT
 * `firstline migrate`. */
#ifndef CLI_MIGRATE_H
#define CLI_MIGRATE_H

int command_migrate(int argc, char **argv);

#endif
