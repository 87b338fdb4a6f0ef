/* SPDX-License-Identifier: MIT
 * Scenario and inventory sets by content hash: stored when loaded, so that any node can go on with any run. */
#ifndef LIB_STORE_VERSION_H
#define LIB_STORE_VERSION_H

#include "lib/store/store.h"

#define VERSION_SCENARIOS "scenarios"
#define VERSION_INVENTORY "inventory"

/* Answered with no row when the set is not stored yet; sending its content again is then needed. */
uint64_t version_known(struct store *s, const char *kind, const char *hash, pg_done *done, void *owner);
uint64_t version_store(struct store *s, const char *kind, const char *hash, const void *content, size_t bytes,
    pg_done *done, void *owner);
/* Answered with one bytea column (pg_blob), or no row. */
uint64_t version_read(struct store *s, const char *kind, const char *hash, pg_done *done, void *owner);

#endif
