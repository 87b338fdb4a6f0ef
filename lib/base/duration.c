/* SPDX-License-Identifier: MIT
 * Durations, sizes and percentages. Numbers are read in thousandths as integers: no rounding on the
 * way. */
#include "lib/base/duration.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_MAX                                                                                 \
    (INT64_C(1) << 50) /* before the unit; far beyond every bound, far from overflow */
#define PARTS_MAX 9    /* digits behind the point */

/* digits[.digits]: whole, and the part behind the point as part / scale. Returns the bytes read, 0
 * when it is none. */
static size_t number(const char *text, int64_t *whole, int64_t *part, int64_t *scale)
{
    size_t i = 0;
    *whole = *part = 0;
    *scale = 1;
    for (; text[i] >= '0' && text[i] <= '9'; i++) {
        *whole = *whole * 10 + (text[i] - '0');
        if (*whole > NUMBER_MAX)
            return 0;
    }
    if (i == 0 || text[i] != '.')
        return i;
    size_t digits = 0;
    for (i++; text[i] >= '0' && text[i] <= '9'; i++, digits++) {
        if (digits == PARTS_MAX)
            return 0;
        *part = *part * 10 + (text[i] - '0');
        *scale *= 10;
    }
    return digits > 0 ? i : 0;
}

/* (whole + part / scale) * unit, where that is a whole number below most. */
static int scaled(
    int64_t whole, int64_t part, int64_t scale, int64_t unit, int64_t most, int64_t *out)
{
    int64_t a, b;
    if (__builtin_mul_overflow(whole, unit, &a) || __builtin_mul_overflow(part, unit, &b) ||
        b % scale != 0)
        return -1;
    if (__builtin_add_overflow(a, b / scale, &a) || a > most)
        return -1;
    *out = a;
    return 0;
}

/* ---- durations ---- */

static const struct {
    const char *name;
    int64_t ms;
} time_units[] = {
    {"d", 86400000},
    {"h", 3600000},
    {"m", 60000},
    {"s", 1000},
    {"ms", 1},
};
#define TIME_UNITS (sizeof time_units / sizeof time_units[0])

static int bad_duration(struct error *err, const char *text, const char *why)
{
    return error_set(err, ERROR_INPUT, "\"%.60s\" is no duration: %s", text, why);
}

/* The unit at text, an index into time_units, or -1. */
static int time_unit(const char *text, size_t *out_bytes)
{
    size_t n = 0;
    while (text[n] >= 'a' && text[n] <= 'z')
        n++;
    for (size_t i = 0; i < TIME_UNITS; i++)
        if (strlen(time_units[i].name) == n && memcmp(time_units[i].name, text, n) == 0) {
            *out_bytes = n;
            return (int)i;
        }
    return -1;
}

int duration_parse(const char *text, int64_t *out_ms, struct error *err)
{
    int64_t total = 0;
    int last = -1;
    bool fraction = false;
    const char *at = text;
    if (*at == '\0')
        return bad_duration(err, text, "it is empty; write 30s, 2m or 1h30m");
    while (*at) {
        int64_t whole, part, scale, ms;
        size_t n = number(at, &whole, &part, &scale);
        if (n == 0)
            return bad_duration(err, text, "write numbers with units, such as 30s, 2m or 1h30m");
        at += n;
        if (*at == '\0')
            return bad_duration(err, text, "the unit is missing (ms, s, m, h or d)");
        int unit = time_unit(at, &n);
        if (unit < 0)
            return bad_duration(err, text, "the units are ms, s, m, h and d");
        if (unit <= last || fraction)
            return bad_duration(err, text,
                "units go from large to small, each once, and only the last has a fraction");
        if (scaled(whole, part, scale, time_units[unit].ms, DURATION_MS_MAX, &ms) < 0)
            return bad_duration(
                err, text, "it is longer than ten years, or has parts of a millisecond");
        total += ms; /* at most five times DURATION_MS_MAX */
        last = unit;
        fraction = scale > 1;
        at += n;
    }
    if (total > DURATION_MS_MAX)
        return bad_duration(err, text, "it is longer than ten years");
    *out_ms = total;
    return 0;
}

char *duration_print(int64_t ms, char out[DURATION_TEXT_BYTES])
{
    size_t n = 0;
    uint64_t rest = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    if (ms < 0)
        out[n++] = '-';
    if (rest == 0)
        n += (size_t)snprintf(out + n, DURATION_TEXT_BYTES - n, "0s");
    for (size_t i = 0; i < TIME_UNITS && rest > 0; i++) {
        uint64_t unit = (uint64_t)time_units[i].ms;
        if (rest >= unit)
            n += (size_t)snprintf(out + n, DURATION_TEXT_BYTES - n, "%llu%s",
                (unsigned long long)(rest / unit), time_units[i].name);
        rest %= unit;
    }
    return out;
}

/* ---- sizes ---- */

static const struct {
    const char *name;
    int64_t bytes;
} size_units[] = {
    {"TiB", INT64_C(1) << 40},
    {"TB", INT64_C(1000000000000)},
    {"GiB", INT64_C(1) << 30},
    {"GB", 1000000000},
    {"MiB", 1 << 20},
    {"MB", 1000000},
    {"KiB", 1024},
    {"KB", 1000},
    {"kB", 1000},
    {"B", 1},
};
#define SIZE_UNITS (sizeof size_units / sizeof size_units[0])

int size_parse(const char *text, int64_t *out_bytes, struct error *err)
{
    int64_t whole, part, scale;
    size_t n = number(text, &whole, &part, &scale);
    if (n == 0)
        return error_set(err, ERROR_INPUT, "\"%.60s\" is no size: write 512B, 64KiB or 4MB", text);
    if (text[n] == '\0')
        return error_set(err, ERROR_INPUT,
            "\"%.60s\" is no size: the unit is missing (B, KiB, MiB, kB, MB)", text);
    for (size_t i = 0; i < SIZE_UNITS; i++) {
        if (strcmp(text + n, size_units[i].name) != 0)
            continue;
        if (scaled(whole, part, scale, size_units[i].bytes, INT64_MAX / 2, out_bytes) < 0)
            return error_set(
                err, ERROR_INPUT, "\"%.60s\" is no size: too large, or with parts of a byte", text);
        return 0;
    }
    return error_set(err, ERROR_INPUT,
        "\"%.60s\" is no size: the units are B, KiB, MiB, GiB, kB, MB and GB", text);
}

char *size_print(int64_t bytes, char out[DURATION_TEXT_BYTES])
{
    int64_t best = 1;
    const char *name = "B";
    for (size_t i = 0; i < SIZE_UNITS && bytes != 0; i++)
        if (bytes % size_units[i].bytes == 0) {
            best = size_units[i].bytes;
            name = size_units[i].name;
            break;
        }
    (void)snprintf(out, DURATION_TEXT_BYTES, "%lld%s", (long long)(bytes / best), name); /* fits */
    return out;
}

char *size_print_rough(int64_t bytes, char out[DURATION_TEXT_BYTES])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t i = 0;
    for (; i + 1 < sizeof names / sizeof names[0] && (value >= 1000 || value <= -1000); i++)
        value /= 1024;
    if (i == 0 || value >= 100 || value <= -100)
        (void)snprintf(
            out, DURATION_TEXT_BYTES, "%.0f%s", value, names[i]); /* fits, here and below */
    else
        (void)snprintf(out, DURATION_TEXT_BYTES, "%.1f%s", value, names[i]);
    return out;
}

/* ---- percentages ---- */

int percent_parse(const char *text, double *out_percent, struct error *err)
{
    int64_t whole, part, scale;
    size_t n = number(text, &whole, &part, &scale);
    if (n == 0 || strcmp(text + n, "%") != 0)
        return error_set(
            err, ERROR_INPUT, "\"%.60s\" is no percentage: write 85%% or 99.5%%", text);
    if (whole > 100 || (whole == 100 && part > 0))
        return error_set(err, ERROR_INPUT, "\"%.60s\" is more than 100%%", text);
    *out_percent = (double)whole + (double)part / (double)scale;
    return 0;
}
