/* SPDX-License-Identifier: MIT
 * The machine that a host is, and the folder that holds its fence: chosen at first contact, first writer wins. */
#ifndef LIB_STORE_MACHINE_H
#define LIB_STORE_MACHINE_H

#include <stdbool.h>

#include "lib/store/store.h"

/* The folder that is on file; answered by machine_read_row. */
uint64_t machine_read(struct store *s, const char *id, pg_done *done, void *owner);
/* Writes what a contact found; the answer holds the folder and login user that are in force. */
uint64_t machine_contact(struct store *s, const char *id, const char *folder, const char *login_user,
    const char *memory_id, const char *boot_id, pg_done *done, void *owner);
/* false: never contacted. Texts borrowed from the answer. */
bool machine_row(const struct pg_answer *answer, const char **out_folder, const char **out_login_user);

#endif
