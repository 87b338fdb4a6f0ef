/* SPDX-License-Identifier: MIT
 * Reads whole small files. Blocks: for start-up, reload off the loop, and tests; never inside a
 * loop turn that serves. And writes all of what an open file is to hold. */
#ifndef LIB_BASE_FILE_H
#define LIB_BASE_FILE_H

#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"

/* Appends a regular file's bytes (a pipe or device is refused, so that opening cannot hang).
 * out       its bytes_max bounds the file
 * out_mode  the file's mode bits, may be NULL
 * Errors: CONFIG (cannot be read; the path is named), LIMIT (larger than out may hold). */
int file_read(const char *path, struct buf *out, mode_t *out_mode, struct error *err) MUST_USE;

/* As file_read, into room that the caller holds and can wipe: nothing keeps a copy. No NUL is
 * added. */
int file_read_into(const char *path, char *out, size_t room, size_t *out_bytes, mode_t *out_mode,
    struct error *err) MUST_USE;

/* Writes all of it, also where the kernel takes less at a time. 0, or -1 and errno; then a part of it may be written. */
int file_write(int fd, const void *data, size_t bytes) MUST_USE;

#endif
