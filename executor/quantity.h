/* SPDX-License-Identifier: MIT
 * Numbers with units, as authors write them in judgements and as programs print them. */
#ifndef EXECUTOR_QUANTITY_H
#define EXECUTOR_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>

enum quantity_kind { QUANTITY_PLAIN, QUANTITY_PERCENT, QUANTITY_BYTES, QUANTITY_TIME };

struct quantity {
    enum quantity_kind kind;
    long double value; /* bytes, seconds, or the number as it stands */
};

/* Reads a number and its unit from the beginning of text: sign, digits, fraction, exponent; then %,
 * or B kB MB GB TB PB (powers of 1000), KiB MiB GiB TiB PiB and the K M G T P of df -h (powers of
 * 1024), or ms s min h d and m for minutes. One blank may stand before the unit. No hexadecimal, no
 * thousands separators, no inf or nan. Returns the bytes read, 0 when there is no such number. What
 * follows is the caller's to judge. */
size_t quantity_read(const char *text, size_t bytes, struct quantity *out);

/* Whether a found quantity can be compared with a rule's: a plain number goes with every unit (a
 * percentage, bytes, seconds), a percentage with a plain rule. */
bool quantity_fits(enum quantity_kind found, enum quantity_kind rule);

/* "a percentage", "a size", "a time", "a number"; static. */
const char *quantity_kind_name(enum quantity_kind kind);

#endif
