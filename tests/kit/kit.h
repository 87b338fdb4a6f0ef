/* SPDX-License-Identifier: MIT
 * What the C tests share. */
#ifndef TESTS_KIT_KIT_H
#define TESTS_KIT_KIT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

/* Reads a whole file of the source tree (NUL-terminated; the caller frees); fails the test when it cannot. */
char *kit_read(const char *path, size_t *out_bytes);

/* Skips the running test and says why; a skip without a reason fails the run. */
#define kit_skip(...)                                                                              \
    do {                                                                                           \
        print_message("skip: " __VA_ARGS__);                                                       \
        print_message("\n");                                                                       \
        skip();                                                                                    \
    } while (0)

/* The text must be what the file holds; with FIRSTLINE_GOLDEN=write in the environment the file is written instead. */
void kit_golden(const char *path, const char *text);

#endif
