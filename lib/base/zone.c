/* SPDX-License-Identifier: MIT
 * Time zones: reads TZif files (RFC 8536, its 64-bit part and its footer). */
#include "lib/base/zone.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/limits.h"

#define ZONE_FOLDER "/usr/share/zoneinfo/"
#define HEADER_BYTES 44
#define DAY_S 86400

/* When a yearly rule begins: day `weekday` (0 = Sunday) of week `week` (5 = last) of `month`, at `at_s` of that day. */
struct rule {
    int month, week, weekday, at_s;
};

/* What holds after the last change on file. */
struct footer {
    bool known, changes;
    int offset_s[2]; /* standard, summer */
    char name[2][ZONE_SHORT_BYTES];
    struct rule begin[2]; /* of summer, of standard */
};

struct zone {
    struct buf file; /* owned; the rest points into it */
    const unsigned char *times, *indexes, *types, *names;
    uint32_t times_count, types_count, names_bytes;
    struct footer footer;
};

static uint32_t read_u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t read_i64(const unsigned char *p)
{
    return (int64_t)((uint64_t)read_u32(p) << 32 | read_u32(p + 4));
}

/* --- calendar ----------------------------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = floor_div(year, 400), of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t days, struct zone_time *out)
{
    days += 719468;
    int64_t era = floor_div(days, 146097), of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    out->day = (int)(of_year - (153 * month + 2) / 5 + 1);
    out->month = (int)(month < 10 ? month + 3 : month - 9);
    out->year = (int)(year + era * 400 + (out->month <= 2));
}

/* --- the footer: "CET-1CEST,M3.5.0,M10.5.0/3" --------------------------------------------------------------------- */

static const char *read_name(const char *p, char out[ZONE_SHORT_BYTES])
{
    bool quoted = *p == '<';
    const char *from = quoted ? ++p : p;
    while (*p && (quoted ? *p != '>' : (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z')))
        p++;
    size_t n = (size_t)(p - from);
    if (n < 3 || n >= ZONE_SHORT_BYTES || (quoted && *p != '>'))
        return NULL;
    memcpy(out, from, n);
    out[n] = '\0';
    return quoted ? p + 1 : p;
}

static const char *read_number(const char *p, int *out)
{
    if (*p < '0' || *p > '9')
        return NULL;
    for (*out = 0; *p >= '0' && *p <= '9'; p++)
        if ((*out = *out * 10 + (*p - '0')) > 999)
            return NULL;
    return p;
}

/* "-3:30", in seconds. */
static const char *read_clock(const char *p, int *out_s)
{
    int sign = *p == '-' ? -1 : 1, part = 0, all = 0;
    p += *p == '-' || *p == '+';
    for (int unit = 3600; unit > 0; unit /= 60) {
        p = read_number(p, &part);
        if (!p)
            return NULL;
        all += part * unit;
        if (*p != ':')
            break;
        p++;
    }
    *out_s = sign * all;
    return p;
}

static const char *read_rule(const char *p, struct rule *out)
{
    *out = (struct rule){.at_s = 2 * 3600};
    if (p[0] != ',' || p[1] != 'M')
        return NULL; /* days of the year are not in use for any zone with a name */
    p = read_number(p + 2, &out->month);
    p = p && *p == '.' ? read_number(p + 1, &out->week) : NULL;
    p = p && *p == '.' ? read_number(p + 1, &out->weekday) : NULL;
    if (!p || out->month < 1 || out->month > 12 || out->week < 1 || out->week > 5 || out->weekday > 6)
        return NULL;
    return *p == '/' ? read_clock(p + 1, &out->at_s) : p;
}

static void read_footer(const char *p, struct footer *out)
{
    struct footer f = {.known = true};
    p = read_name(p, f.name[0]);
    p = p ? read_clock(p, &f.offset_s[0]) : NULL;
    if (!p)
        return;
    f.offset_s[0] = -f.offset_s[0]; /* POSIX counts west of UTC */
    if (*p == '\0' || *p == '\n') {
        *out = f;
        return;
    }
    f.changes = true;
    p = read_name(p, f.name[1]);
    if (!p)
        return;
    f.offset_s[1] = f.offset_s[0] + 3600;
    if (*p != ',') {
        p = read_clock(p, &f.offset_s[1]);
        f.offset_s[1] = -f.offset_s[1];
    }
    p = p ? read_rule(p, &f.begin[0]) : NULL;
    p = p ? read_rule(p, &f.begin[1]) : NULL;
    if (p)
        *out = f;
}

/* Seconds since 1970, in UTC, at which a rule begins in a year. before_s: the offset that ends there. */
static int64_t rule_begins(const struct rule *rule, int year, int before_s)
{
    int64_t first = days_from_civil(year, rule->month, 1);
    int64_t weekday = (first + 4) % 7; /* 1970-01-01 was a Thursday */
    weekday += weekday < 0 ? 7 : 0;
    int64_t day = first + (rule->weekday - weekday + 7) % 7 + 7 * (rule->week - 1);
    int64_t next = rule->month == 12 ? days_from_civil(year + 1, 1, 1) : days_from_civil(year, rule->month + 1, 1);
    while (day >= next)
        day -= 7;
    return day * DAY_S + rule->at_s - before_s;
}

static int footer_summer(const struct footer *f, int64_t seconds)
{
    if (!f->changes)
        return 0;
    struct zone_time local;
    civil_from_days(floor_div(seconds + f->offset_s[0], DAY_S), &local);
    int64_t on = rule_begins(&f->begin[0], local.year, f->offset_s[0]);
    int64_t off = rule_begins(&f->begin[1], local.year, f->offset_s[1]);
    return on < off ? seconds >= on && seconds < off : seconds >= on || seconds < off;
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

/* Bytes of the part behind a header whose times have `time_bytes`; 0 when the header is none. */
static size_t part_bytes(const unsigned char *h, size_t time_bytes)
{
    if (memcmp(h, "TZif", 4) != 0)
        return 0;
    uint32_t n[6]; /* isut, isstd, leap, time, type, char */
    for (int i = 0; i < 6; i++)
        if ((n[i] = read_u32(h + 20 + 4 * i)) > ZONE_BYTES_MAX)
            return 0;
    return n[3] * (time_bytes + 1) + n[4] * 6 + n[5] + n[2] * (time_bytes + 4) + n[1] + n[0];
}

static bool types_fit(const struct zone *z)
{
    for (uint32_t i = 0; i < z->times_count; i++)
        if (z->indexes[i] >= z->types_count)
            return false;
    for (uint32_t i = 0; i < z->types_count; i++) {
        const unsigned char *type = z->types + 6 * i;
        int32_t offset = (int32_t)read_u32(type);
        if (type[5] >= z->names_bytes || offset < -DAY_S || offset > DAY_S)
            return false;
    }
    return z->types_count > 0 && z->names[z->names_bytes - 1] == '\0';
}

static bool read_parts(struct zone *z)
{
    const unsigned char *at = (const unsigned char *)buf_text(&z->file);
    size_t left = z->file.bytes;
    size_t old = left >= HEADER_BYTES ? part_bytes(at, 4) : 0;
    if (old == 0 || at[4] < '2' || left < 2 * HEADER_BYTES + old)
        return false;
    at += HEADER_BYTES + old;
    left -= 2 * HEADER_BYTES + old;
    size_t part = part_bytes(at, 8);
    if (part == 0 || part > left)
        return false;
    z->times_count = read_u32(at + 32);
    z->types_count = read_u32(at + 36);
    z->names_bytes = read_u32(at + 40);
    z->times = at + HEADER_BYTES;
    z->indexes = z->times + 8 * (size_t)z->times_count;
    z->types = z->indexes + z->times_count;
    z->names = z->types + 6 * (size_t)z->types_count;
    if (z->names_bytes == 0 || !types_fit(z))
        return false;
    const char *footer = (const char *)at + HEADER_BYTES + part;
    if (left > part + 1 && *footer == '\n')
        read_footer(footer + 1, &z->footer); /* ends with a line end or the file's NUL */
    return true;
}

static bool name_fits(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > 64 || name[0] == '/' || strstr(name, ".."))
        return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == n;
}

struct zone *zone_new(const char *name, struct error *err)
{
    char path[128];
    if (!name_fits(name)) {
        (void)error_set(err, ERROR_CONFIG, "\"%.64s\" is not the name of a time zone", name);
        return NULL;
    }
    (void)snprintf(path, sizeof path, ZONE_FOLDER "%s", name); /* fits: 64 and 20 */
    struct zone *z = calloc(1, sizeof *z);
    if (!z) {
        (void)error_set(err, ERROR_LIMIT, "no memory for a time zone");
        return NULL;
    }
    buf_init(&z->file, ZONE_BYTES_MAX);
    if (file_read(path, &z->file, NULL, err) == 0) {
        if (read_parts(z))
            return z;
        (void)error_set(err, ERROR_CONFIG, "%s is not a time zone's file", path);
    }
    zone_free(z);
    return NULL;
}

void zone_free(struct zone *z)
{
    if (!z)
        return;
    buf_done(&z->file);
    free(z);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static void set_name(struct zone_time *out, const char *name)
{
    (void)snprintf(out->name, sizeof out->name, "%s", name); /* names have at most 6 letters; cut is fine */
}

static void find_offset(const struct zone *z, int64_t seconds, struct zone_time *out)
{
    uint32_t low = 0, high = z->times_count; /* the number of changes that are past */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (read_i64(z->times + 8 * (size_t)middle) <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == z->times_count && z->footer.known) {
        int summer = footer_summer(&z->footer, seconds);
        out->offset_s = z->footer.offset_s[summer];
        set_name(out, z->footer.name[summer]);
        return;
    }
    const unsigned char *type = z->types + 6 * (low > 0 ? (size_t)z->indexes[low - 1] : 0);
    out->offset_s = (int32_t)read_u32(type);
    set_name(out, (const char *)z->names + type[5]);
}

void zone_time_at(const struct zone *z, int64_t wall_ms, struct zone_time *out)
{
    *out = (struct zone_time){.name = "UTC"};
    int64_t seconds = floor_div(wall_ms, 1000);
    if (z)
        find_offset(z, seconds, out);
    seconds += out->offset_s;
    int64_t days = floor_div(seconds, DAY_S);
    civil_from_days(days, out);
    int of_day = (int)(seconds - days * DAY_S);
    out->hour = of_day / 3600;
    out->minute = of_day / 60 % 60;
    out->second = of_day % 60;
}
