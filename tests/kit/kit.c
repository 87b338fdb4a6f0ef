/* SPDX-License-Identifier: MIT
 * Test helpers. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>

char *kit_read(const char *path, size_t *out_bytes)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *text = calloc(1, (size_t)n + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)n, f), (size_t)n);
    fclose(f);
    if (out_bytes)
        *out_bytes = (size_t)n;
    return text;
}
