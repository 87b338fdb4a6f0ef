/* SPDX-License-Identifier: MIT
 * Diagnostics about files that people write: collected, not stopped at the first. Each has a place (file:line:column),
 * and is printed with the line, a caret, and what to do:
 *
 *   scenarios/disk.yaml:12:3: error: unknown key "stesp"; did you mean "steps"?
 *      12 |   stesp:
 *         |   ^
 */
#ifndef LIB_BASE_DIAG_H
#define LIB_BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"

enum diag_level { DIAG_WARNING, DIAG_ERROR };
enum diag_format { DIAG_TEXT, DIAG_JSON };

struct diag;

struct diag *diag_new(void); /* NULL when out of memory */
void diag_free(struct diag *d);

/* Registers a file's text so that lines can be shown; both are copied. May be called again for the next file, or for
 * the same one (its text is replaced). yaml_parse does this itself. -1 when out of memory: the lines are not shown. */
int diag_source(struct diag *d, const char *file, const char *text, size_t bytes);

/* At most DIAG_ERRORS_MAX of a level are kept for each file, the rest is counted. Control characters in the message are
 * shown as \u001b and the like, so that a file cannot drive the reader's terminal.
 * line and column count from 1, column in code points; 0: the place is the whole file.
 * path is the place inside the tree ("steps[3].run"), "" when none. */
void diag_add(struct diag *d, enum diag_level level, const char *file, int line, int column,
    const char *path, const char *format, ...) PRINTF_LIKE(7, 8);

int diag_errors(const struct diag *d);
int diag_warnings(const struct diag *d);
/* Appends all of it, by file in the order of registration, then by line. JSON is an array of {level, file, line,
 * column, path, message}. What was only counted is one last entry a file: "and 7 more errors". */
void diag_print(const struct diag *d, enum diag_format format, bool colour, struct buf *out);
/* Fills err (ERROR_CONFIG) with the first error and how many more there are; returns -1 if there is one, else 0. */
int diag_error(const struct diag *d, struct error *err);

/* The word of the NULL-ended list nearest to `word` within 2 edits (Damerau-Levenshtein, at most half of the
 * word's length), or NULL. The first of equals. Borrowed from words. */
const char *diag_nearest(const char *word, const char *const *words);

#endif
