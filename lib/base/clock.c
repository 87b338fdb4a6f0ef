/* SPDX-License-Identifier: MIT
 * Reading, writing and parsing time. The only file that asks libc what time it is. */
#include "lib/base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t); /* cannot fail for these two */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
    return read_ms(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

void clock_wall_text(int64_t wall_ms, char *out)
{
    int64_t rest = wall_ms % 1000;
    time_t seconds = (time_t)(wall_ms / 1000);
    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    struct tm tm;
    (void)gmtime_r(&seconds, &tm);
    size_t n = strftime(out, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, CLOCK_TEXT_BYTES - n, ".%03dZ", (int)rest);
}

/* Reads exactly n digits. */
static int digits(const char **p, int n, int *out)
{
    int value = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (!isdigit((unsigned char)**p))
            return -1;
        value = value * 10 + (**p - '0');
    }
    *out = value;
    return 0;
}

static int expect(const char **p, char c)
{
    if (**p != c)
        return -1;
    (*p)++;
    return 0;
}

static int parse_fraction(const char **p, int64_t *out_ms)
{
    *out_ms = 0;
    if (**p != '.')
        return 0;
    (*p)++;
    if (!isdigit((unsigned char)**p))
        return -1;
    int scale = 100;
    for (; isdigit((unsigned char)**p); (*p)++, scale /= 10)
        *out_ms += (**p - '0') * scale;
    return 0;
}

static int parse_offset(const char **p, int64_t *out_ms)
{
    *out_ms = 0;
    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return 0;
    }
    int sign = **p == '-' ? -1 : 1;
    int hours, minutes;
    if (**p != '+' && **p != '-')
        return -1;
    (*p)++;
    if (digits(p, 2, &hours) < 0 || expect(p, ':') < 0 || digits(p, 2, &minutes) < 0)
        return -1;
    *out_ms = (int64_t)sign * (hours * 60 + minutes) * 60000;
    return 0;
}

int clock_wall_parse(const char *text, int64_t *out_wall_ms)
{
    const char *p = text;
    struct tm tm = {0};
    int year, month;
    int64_t fraction, offset;
    if (digits(&p, 4, &year) < 0 || expect(&p, '-') < 0 || digits(&p, 2, &month) < 0 ||
        expect(&p, '-') < 0 || digits(&p, 2, &tm.tm_mday) < 0)
        return -1;
    if (*p != 'T' && *p != 't' && *p != ' ')
        return -1;
    p++;
    if (digits(&p, 2, &tm.tm_hour) < 0 || expect(&p, ':') < 0 || digits(&p, 2, &tm.tm_min) < 0 ||
        expect(&p, ':') < 0 || digits(&p, 2, &tm.tm_sec) < 0)
        return -1;
    if (parse_fraction(&p, &fraction) < 0 || parse_offset(&p, &offset) < 0 || *p != '\0')
        return -1;
    if (month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return -1;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    *out_wall_ms = (int64_t)timegm(&tm) * 1000 + fraction - offset;
    return 0;
}
