/* SPDX-License-Identifier: MIT
 * The nearest known word, for "did you mean". */
#include "lib/base/diag.h"

#include <string.h>

#define WORD_BYTES_MAX 64
#define EDITS_MAX 2

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, change, swap of neighbours) from a to b; both at most WORD_BYTES_MAX long.
 */
static int edits(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    int rows[3][WORD_BYTES_MAX + 1]; /* the last three rows of the table, in turn */
    for (size_t j = 0; j <= b_bytes; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= a_bytes; i++) {
        int *row = rows[i % 3];
        const int *above = rows[(i + 2) % 3];
        const int *above2 = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= b_bytes; j++) {
            int same = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_bytes % 3][b_bytes];
}

const char *diag_nearest(const char *word, const char *const *words)
{
    size_t bytes = strlen(word);
    const char *best = NULL;
    int best_edits = least(EDITS_MAX, (int)(bytes < 100 ? bytes : 100) / 2) + 1;
    if (bytes > WORD_BYTES_MAX)
        return NULL;
    for (; *words; words++) {
        size_t other = strlen(*words);
        if (other > WORD_BYTES_MAX)
            continue;
        int n = edits(word, bytes, *words, other);
        if (n < best_edits) {
            best_edits = n;
            best = *words;
        }
    }
    return best;
}
