/* SPDX-License-Identifier: MIT
 * What schema*.c share; not for others. */
#ifndef LIB_BASE_SCHEMA_PARTS_H
#define LIB_BASE_SCHEMA_PARTS_H

#include "lib/base/schema.h"

#define SCHEMA_TEXT_BYTES 1024 /* where the table gives no bound */
#define SCHEMA_ITEMS 1000
#define SCHEMA_NAME_BYTES 100

/* Reads one scalar at its place. -1: the error is in the diag. */
int schema_read_scalar(const struct schema_field *f, const struct yaml_node *node, void *at,
    const struct schema_reader *r);
/* A text, path or secret of a list. */
const char *schema_text(
    const struct schema_field *f, const struct yaml_node *node, const struct schema_reader *r);
const char *schema_path(
    const struct schema_field *f, const struct yaml_node *node, const struct schema_reader *r);
int64_t schema_most(const struct schema_field *f);
bool schema_is_scalar(enum schema_type type);
int schema_no_memory(const struct yaml_node *node, const struct schema_reader *r);
/* A bound in the file's own form: "500ms", "64KiB", "12". */
void schema_print_number(enum schema_type type, int64_t number, char *out, size_t bytes);

#endif
