/* SPDX-License-Identifier: MIT
 * What the fuzz targets share. A target gives any bytes to one parser and checks what must hold of its answer, so that it
 * finds wrong answers too, not only crashes. Every target is a pure function of its input. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/diag.h"

/* libFuzzer calls this; 0 always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define FUZZ_ARENA_BYTES_MAX (64 * 1024 * 1024)

/* As assert, but never compiled out. */
#define MUST(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A parser that fails says why; one that does not fail has no errors. Also prints them, which must not crash. */
static inline void fuzz_check_diag(const struct diag *d, int failed)
{
    MUST(failed == (diag_errors(d) > 0));
    struct buf out;
    buf_init(&out, 1024 * 1024);
    diag_print(d, DIAG_TEXT, false, &out);
    buf_clear(&out);
    diag_print(d, DIAG_JSON, false, &out);
    buf_done(&out);
}

#endif
