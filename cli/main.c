/* SPDX-License-Identifier: MIT
 * The entry point: hands the arguments to the subcommand. */
#include "cli/command.h"

int main(int argc, char **argv)
{
    return command_main(argc, argv);
}
