/* SPDX-License-Identifier: MIT
 * What yaml*.c share; not for others. */
#ifndef LIB_BASE_YAML_PARTS_H
#define LIB_BASE_YAML_PARTS_H

#include "lib/base/yaml.h"

/* Types a plain scalar by the YAML 1.2 core schema: kind, integer and number are set from its text.
 */
void yaml_scalar_type(struct yaml_node *n);

/* Whether the raw text may be given to libyaml: within the limit, valid UTF-8, no control
 * characters, lines ending in LF or CRLF. Adds the first error with its place. */
bool yaml_source_check(
    const char *file, const char *text, size_t bytes, size_t bytes_max, struct diag *d);

#endif
