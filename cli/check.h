/* SPDX-License-Identifier: MIT
 * `firstline check`. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/command.h"

command_fn command_check;

#endif
