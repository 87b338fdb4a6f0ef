/* SPDX-License-Identifier: MIT
 * Reads numbers by hand: strtold depends on the locale and takes hexadecimal, "inf" and "nan". */
#include "executor/quantity.h"

#include <string.h>

#define EXPONENT_MAX 300 /* far within long double; beyond it is no measurement */

static bool is_digit(const char *text, size_t bytes, size_t i)
{
    return i < bytes && text[i] >= '0' && text[i] <= '9';
}

static long double scaled(long double value, int exponent)
{
    for (; exponent > 0; exponent--)
        value *= 10;
    for (; exponent < 0; exponent++)
        value /= 10;
    return value;
}

/* "e+06": sets *out_exponent and returns the bytes, or 0 when it is none. */
static size_t read_exponent(const char *text, size_t bytes, size_t i, int *out_exponent)
{
    size_t from = i;
    if (i >= bytes || (text[i] != 'e' && text[i] != 'E'))
        return 0;
    i++;
    bool minus = i < bytes && text[i] == '-';
    if (i < bytes && (text[i] == '-' || text[i] == '+'))
        i++;
    if (!is_digit(text, bytes, i))
        return 0;
    int exponent = 0;
    for (; is_digit(text, bytes, i); i++)
        exponent = exponent > EXPONENT_MAX ? exponent : exponent * 10 + (text[i] - '0');
    *out_exponent = minus ? -exponent : exponent;
    return i - from;
}

static size_t read_number(const char *text, size_t bytes, long double *out)
{
    size_t i = 0;
    bool minus = bytes > 0 && text[0] == '-';
    if (bytes > 0 && (text[0] == '-' || text[0] == '+'))
        i++;
    size_t digits_from = i;
    long double value = 0;
    for (; is_digit(text, bytes, i); i++)
        value = value * 10 + (text[i] - '0');
    bool whole = i > digits_from;
    int fraction = 0;
    if (i < bytes && text[i] == '.' && is_digit(text, bytes, i + 1))
        for (i++; is_digit(text, bytes, i); i++, fraction++)
            value = value * 10 + (text[i] - '0');
    if ((!whole && fraction == 0) || i - digits_from > EXPONENT_MAX)
        return 0;
    int exponent = 0;
    i += read_exponent(text, bytes, i, &exponent);
    if (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
        return 0;
    value = scaled(value, exponent - fraction);
    *out = minus ? -value : value;
    return i;
}

static const struct {
    const char *name;
    enum quantity_kind kind;
    long double factor;
} units[] = {
    /* A unit stands before every other one that it begins with. */
    {"%", QUANTITY_PERCENT, 1},
    {"KiB", QUANTITY_BYTES, 1024.0L},
    {"MiB", QUANTITY_BYTES, 1048576.0L},
    {"GiB", QUANTITY_BYTES, 1073741824.0L},
    {"TiB", QUANTITY_BYTES, 1099511627776.0L},
    {"PiB", QUANTITY_BYTES, 1125899906842624.0L},
    {"kB", QUANTITY_BYTES, 1e3L},
    {"KB", QUANTITY_BYTES, 1e3L},
    {"MB", QUANTITY_BYTES, 1e6L},
    {"GB", QUANTITY_BYTES, 1e9L},
    {"TB", QUANTITY_BYTES, 1e12L},
    {"PB", QUANTITY_BYTES, 1e15L},
    {"B", QUANTITY_BYTES, 1},
    {"K", QUANTITY_BYTES, 1024.0L},
    {"M", QUANTITY_BYTES, 1048576.0L},
    {"G", QUANTITY_BYTES, 1073741824.0L},
    {"T", QUANTITY_BYTES, 1099511627776.0L},
    {"P", QUANTITY_BYTES, 1125899906842624.0L},
    {"ms", QUANTITY_TIME, 0.001L},
    {"min", QUANTITY_TIME, 60},
    {"s", QUANTITY_TIME, 1},
    {"m", QUANTITY_TIME, 60},
    {"h", QUANTITY_TIME, 3600},
    {"d", QUANTITY_TIME, 86400},
};

static bool ends_word(const char *text, size_t bytes, size_t i)
{
    if (i >= bytes)
        return true;
    unsigned char c = (unsigned char)text[i];
    return !(c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
             (c >= 'A' && c <= 'Z'));
}

size_t quantity_read(const char *text, size_t bytes, struct quantity *out)
{
    long double value = 0;
    size_t i = read_number(text, bytes, &value);
    if (i == 0)
        return 0;
    size_t unit_at = i < bytes && text[i] == ' ' ? i + 1 : i;
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        size_t n = strlen(units[u].name);
        if (bytes - unit_at < n || memcmp(text + unit_at, units[u].name, n) != 0)
            continue;
        if (units[u].kind != QUANTITY_PERCENT && !ends_word(text, bytes, unit_at + n))
            continue;
        *out = (struct quantity){units[u].kind, value * units[u].factor};
        return unit_at + n;
    }
    *out = (struct quantity){QUANTITY_PLAIN, value};
    return i;
}

bool quantity_fits(enum quantity_kind found, enum quantity_kind rule)
{
    return found == rule || found == QUANTITY_PLAIN ||
           (found == QUANTITY_PERCENT && rule == QUANTITY_PLAIN);
}

const char *quantity_kind_name(enum quantity_kind kind)
{
    static const char *const names[] = {"a number", "a percentage", "a size", "a time"};
    return names[kind];
}
