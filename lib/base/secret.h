/* SPDX-License-Identifier: MIT
 * A secret read from a file of its own. It has no print function: it goes to the library that needs
 * it and to the redactor, never into a log field or an error's text. */
#ifndef LIB_BASE_SECRET_H
#define LIB_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/arena.h"
#include "lib/base/error.h"

struct secret {
    const char *path; /* arena of the settings; NULL: not configured */
    const char *data; /* arena that is wiped; NUL-terminated; NULL: not read */
    size_t bytes;
};

/* Reads s->path: the whole file without the line end behind it.
 * wiped           an arena of arena_new_secret
 * out_open        true when others than owner and group may read the file
 * Errors: CONFIG (cannot be read, is empty, holds a NUL), LIMIT. The text names the path, never the
 * content. */
int secret_read(struct secret *s, struct arena *wiped, bool *out_open, struct error *err) MUST_USE;

#endif
