/* SPDX-License-Identifier: MIT
 * Machines in the database. */
#include "lib/store/machine.h"

uint64_t machine_read(struct store *s, const char *id, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(id)};
    return pg_query(store_lane(s, LANE_WORK), "machine_read", values, 1, 0, done, owner);
}

uint64_t machine_contact(struct store *s, const char *id, const char *folder, const char *login_user,
    const char *memory_id, const char *boot_id, pg_done *done, void *owner)
{
    struct pg_value values[] = {pg_from_text(id), pg_from_text(folder), pg_from_text(login_user),
        pg_from_text(memory_id), pg_from_text(boot_id)};
    return pg_query(store_lane(s, LANE_WORK), "machine_contact", values, 5, 0, done, owner);
}

bool machine_row(const struct pg_answer *answer, const char **out_folder, const char **out_login_user)
{
    if (pg_rows(answer, 0) == 0)
        return false;
    *out_folder = pg_text(answer, 0, 0, 0);
    *out_login_user = pg_text(answer, 0, 0, 1);
    return true;
}
