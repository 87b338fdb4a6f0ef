/* SPDX-License-Identifier: MIT
 * Text of unknown origin made safe: valid UTF-8, without NUL, folded for comparison, cut at a character boundary.
 * Does not translate and does not format. */
#ifndef LIB_BASE_TEXT_H
#define LIB_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"

/* Reads one code point of valid or invalid UTF-8. Returns the bytes it takes (1 for an invalid byte, whose code point
 * is then -1); 0 at the end. Overlong forms and surrogates are invalid. */
size_t text_next(const char *text, size_t bytes, int32_t *out_point);

/* Whether all of it is valid UTF-8 (NUL counts as valid). */
bool text_valid(const char *text, size_t bytes);

/* Appends the text as Postgres and JSON take it: invalid bytes become U+FFFD (one for each run of them that cannot
 * begin a character), NUL becomes U+2400. What does not fit in out is left off at a character boundary (out->over). */
void text_repair(const char *text, size_t bytes, struct buf *out);

/* Appends the text on one line: repaired, control characters and line ends become one space for each run of white
 * space, no space at either end. Invisible direction changes (U+061C, U+200E, U+200F, U+202A..U+202E, U+2066..U+2069) are
 * dropped. */
void text_one_line(const char *text, size_t bytes, struct buf *out);

/* The bytes of the longest prefix of at most chars_max code points, and at most bytes_max bytes, that ends between
 * characters: a combining mark or joiner stays with what it belongs to where that is possible. The text should be
 * valid UTF-8; invalid bytes count one each. */
size_t text_cut(const char *text, size_t bytes, size_t chars_max, size_t bytes_max);
/* As text_cut from the end: the offset at which the longest such suffix begins. For the tail of an output. */
size_t text_cut_tail(const char *text, size_t bytes, size_t bytes_max);

/* Code points. */
size_t text_chars(const char *text, size_t bytes);
/* Columns on a terminal: 2 for wide characters, 0 for combining ones and controls. */
size_t text_width(const char *text, size_t bytes);
int text_point_width(int32_t point);

/* Folds for comparison: NFKC with case folding, so that full-width and half-width, upper and lower are the same, and
 * invisible (default-ignorable) characters vanish. Invalid UTF-8 is repaired first.
 * bytes_max  the limit of the result; a text may grow up to 18 times
 * out        receives the folded bytes (appended)
 * Errors: LIMIT. */
int text_fold(const char *text, size_t bytes, struct buf *out, struct error *err) MUST_USE;

/* As text_fold without the case folding: full-width becomes half-width, "Disk" stays "Disk". For values that are taken
 * out of a title. */
int text_compat(const char *text, size_t bytes, struct buf *out, struct error *err) MUST_USE;

/* Appends the beginning of a text of unknown origin that costs bounded time to fold: no more than what makes points_max
 * code points of NFKC, and of combining marks in a row no more than TEXT_MARKS_MAX (putting n of them in order takes n * n
 * steps). -1 when it does not fit in out. */
int text_bound(const char *text, size_t bytes, size_t points_max, struct buf *out) MUST_USE;

/* Whether two texts are equal after text_fold. False when out of memory. */
bool text_same(const char *a, const char *b);

/* A 64-bit hash for tables in memory; not for storage. */
uint64_t text_hash(const void *data, size_t bytes);

/* Appends as the inside of a JSON string: quotes, backslashes and controls escaped, invalid UTF-8 repaired. */
void text_json(const char *text, size_t bytes, struct buf *out);

#endif
