/* SPDX-License-Identifier: MIT
 * Test helpers. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void kit_golden(const char *path, const char *text)
{
    const char *mode = getenv("FIRSTLINE_GOLDEN");
    if (mode && strcmp(mode, "write") == 0) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fprintf(f, "%s\n", text), strlen(text) + 1);
        assert_int_equal(fclose(f), 0);
        return;
    }
    char *expected = kit_read(path, NULL);
    size_t n = strlen(expected);
    if (n > 0 && expected[n - 1] == '\n')
        expected[n - 1] = '\0';
    if (strcmp(expected, text) != 0)
        fail_msg("%s differs. Now:\n%s\nbefore:\n%s", path, text, expected);
    free(expected);
}
