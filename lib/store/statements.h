/* SPDX-License-Identifier: MIT
 * The statements of sql/statements/ as they are prepared: in every build as they stand, but in a process that plays the
 * broken twin no-epoch (lib/base/fault.h) a run is written without asking for its epoch. */
#ifndef LIB_STORE_STATEMENTS_H
#define LIB_STORE_STATEMENTS_H

#include "lib/base/embed.h"

/* NULL-ended; static. */
const struct embedded *store_statements(void);

#endif
