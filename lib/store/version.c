/* SPDX-License-Identifier: MIT
 * Sets in the database. */
#include "lib/store/version.h"

#define CONTENT_TIMEOUT_MS 60000 /* an inventory may be 64 MiB */

uint64_t version_known(struct store *s, const char *kind, const char *hash, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(kind), pg_from_text(hash)};
    return pg_query(store_lane(s, LANE_WORK), "version_known", values, 2, 0, done, owner);
}

uint64_t version_store(struct store *s, const char *kind, const char *hash, const void *content, size_t bytes,
    pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(kind), pg_from_text(hash), pg_from_bytes(content, bytes)};
    return pg_query(store_lane(s, LANE_WORK), "version_store", values, 3, CONTENT_TIMEOUT_MS, done, owner);
}

uint64_t version_read(struct store *s, const char *kind, const char *hash, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(kind), pg_from_text(hash)};
    return pg_query(store_lane(s, LANE_WORK), "version_read", values, 2, CONTENT_TIMEOUT_MS, done, owner);
}
