/* SPDX-License-Identifier: MIT
 * What settings*.c share; not for others. */
#ifndef CLI_SETTINGS_PARTS_H
#define CLI_SETTINGS_PARTS_H

#include "cli/settings.h"

/* The rules between fields, beyond the table. What is wrong goes to d. */
void settings_check(struct settings *s, struct diag *d);
/* Puts the environment's FIRSTLINE_..._FILE over the file's secrets. environment: NULL-ended,
 * NAME=value. */
void settings_environment(struct settings *s, char *const *environment, struct diag *d);
/* Lists all secrets in s->secrets. -1 when out of memory. */
int settings_list_secrets(struct settings *s);
/* Reads them. What is wrong goes to d. */
void settings_read_secrets(struct settings *s, struct diag *d);

/* The node at "lease.renew", for its place; the file's root where it is not written, NULL where
 * there is no file. */
const struct yaml_node *settings_node(const struct settings *s, const char *path);
/* An error at that place. */
void settings_error(const struct settings *s, struct diag *d, const char *path, const char *format,
    ...) PRINTF_LIKE(4, 5);
/* The i-th entry of the list under a key. */
const struct yaml_node *settings_entry(const struct settings *s, const char *list, int index);

#endif
