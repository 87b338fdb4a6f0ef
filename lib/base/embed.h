/* SPDX-License-Identifier: MIT
 * A file that was put into the program at build (cmake/embed.cmake). Tables end with a NULL name. */
#ifndef LIB_BASE_EMBED_H
#define LIB_BASE_EMBED_H

#include <stddef.h>

struct embedded {
    const char *name; /* borrowed, static: the file's name without its suffix */
    const char *text; /* borrowed, static: NUL-terminated */
    size_t bytes;
};

#endif
