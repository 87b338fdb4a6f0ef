/* SPDX-License-Identifier: MIT
 * `firstline match`. */
#ifndef CLI_MATCH_H
#define CLI_MATCH_H

#include "cli/command.h"

command_fn command_match;

#endif
