/* SPDX-License-Identifier: MIT
 * Typing of single values: each type's strict check, and the form that a script gets. Looking for
 * them is in values_extract.c. */
#include "executor/values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/duration.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

struct checked {
    const struct value_spec *spec; /* borrowed */
    struct arena *arena;           /* borrowed */
    const char *text;              /* arena; NUL-terminated, without NUL inside */
    size_t bytes;
    const char *out; /* arena; the script's form */
    char *why;       /* borrowed */
    size_t why_bytes;
};

/* why: one of story_phrases, so that it can be told in every language */
static int refuse(struct checked *c, const char *why)
{
    (void)snprintf(c->why, c->why_bytes, "%s", why); /* cut is fine */
    return -1;
}

static int as_it_is(struct checked *c)
{
    c->out = c->text;
    return 0;
}

static int check_host(struct checked *c)
{
    if (c->bytes > 253)
        return refuse(c, "is too long");
    if (c->text[strspn(c->text, LETTERS DIGITS ".-_:")] != '\0')
        return refuse(c, "is no host's name (letters, digits, . - _ and : only)");
    if (!strchr(LETTERS DIGITS ":", c->text[0]))
        return refuse(
            c, "is no host's name (it begins with another sign than a letter, digit or :)");
    return as_it_is(c);
}

static int check_word(struct checked *c)
{
    if (c->bytes > 128)
        return refuse(c, "is too long");
    if (c->text[strspn(c->text, LETTERS DIGITS "._@:+-")] != '\0')
        return refuse(c, "is not one word (letters, digits and . _ @ : + - only)");
    if (!strchr(LETTERS DIGITS, c->text[0]))
        return refuse(c, "is no word (it must begin with a letter or digit)");
    return as_it_is(c);
}

static bool has_dot_dot(const char *path)
{
    for (const char *s = path; (s = strstr(s, "..")); s++)
        if ((s == path || s[-1] == '/') && (s[2] == '/' || s[2] == '\0'))
            return true;
    return false;
}

static int check_path(struct checked *c)
{
    if (c->bytes > 1024)
        return refuse(c, "is too long");
    if (c->text[0] != '/')
        return refuse(c, "is not an absolute path");
    if (has_dot_dot(c->text))
        return refuse(c, "has a part \"..\"");
    for (size_t i = 0; i < c->bytes; i++)
        if ((unsigned char)c->text[i] < 0x20 || c->text[i] == 0x7f)
            return refuse(c, "has a control character");
    return as_it_is(c);
}

static int check_bounds(struct checked *c, long double number)
{
    const struct value_spec *s = c->spec;
    if (s->least != INT64_MIN && number < (long double)s->least)
        return refuse(c, "is less than the least that is allowed");
    if (s->most != INT64_MAX && number > (long double)s->most)
        return refuse(c, "is more than the most that is allowed");
    return 0;
}

static int printed(struct checked *c, const char *text)
{
    c->out = text;
    return text ? 0 : refuse(c, "out of memory");
}

static int check_int(struct checked *c)
{
    const char *digits = c->text + (c->text[0] == '-' || c->text[0] == '+');
    if (*digits == '\0' || digits[strspn(digits, DIGITS)] != '\0')
        return refuse(c, "is not a whole number");
    errno = 0;
    long long number = strtoll(c->text, NULL, 10);
    if (errno != 0)
        return refuse(c, "is a larger number than can be handled");
    if (check_bounds(c, (long double)number) != 0)
        return -1;
    return printed(
        c, arena_printf(c->arena, "%lld", number)); /* "007" would be octal in a script */
}

static int check_duration(struct checked *c)
{
    int64_t ms = 0;
    struct error err = {0};
    if (duration_parse(c->text, &ms, &err) != 0)
        return refuse(c, "is no duration such as 90s, 5m or 1h30m");
    if (ms % 1000 != 0)
        return refuse(c, "is not a whole number of seconds");
    if (check_bounds(c, (long double)ms) != 0)
        return -1;
    return printed(c, arena_printf(c->arena, "%" PRId64, ms / 1000));
}

static int check_percent(struct checked *c)
{
    size_t whole = strspn(c->text, DIGITS);
    size_t end = whole;
    if (whole > 0 && c->text[end] == '.')
        end += 1 + strspn(c->text + end + 1, DIGITS);
    bool sign = c->text[end] == '%';
    if (whole == 0 || whole > 3 || end > 16 || c->text[end - 1] == '.' ||
        c->text[end + (sign ? 1 : 0)] != '\0')
        return refuse(c, "is no percentage such as 85 or 97.5%");
    long double number = 0, place = 1;
    for (size_t i = 0; i < end; i++) {
        if (i == whole)
            continue;
        place /= i > whole ? 10 : 1;
        number = i < whole ? number * 10 + (c->text[i] - '0') : number + place * (c->text[i] - '0');
    }
    if (number > 100)
        return refuse(c, "is more than 100 percent");
    if (check_bounds(c, number) != 0)
        return -1;
    size_t zeros = 0;
    while (zeros + 1 < whole && c->text[zeros] == '0')
        zeros++;
    return printed(c, arena_strndup(c->arena, c->text + zeros, end - zeros));
}

static int check_text(struct checked *c)
{
    if (c->bytes > c->spec->bytes_max)
        return refuse(c, "is too long");
    return as_it_is(c);
}

static int (*const checks[VALUE_TYPES])(struct checked *) = {
    [VALUE_HOST] = check_host,
    [VALUE_WORD] = check_word,
    [VALUE_PATH] = check_path,
    [VALUE_INT] = check_int,
    [VALUE_DURATION] = check_duration,
    [VALUE_PERCENT] = check_percent,
    [VALUE_TEXT] = check_text,
};

static int check_choice(struct checked *c)
{
    const char *const *words = c->spec->one_of;
    for (int i = 0; words && words[i]; i++)
        if (strcmp(words[i], c->out) == 0)
            return 0;
    return words ? refuse(c, "is none of the values that are allowed") : 0;
}

int value_check(const struct value_spec *spec, const char *text, size_t bytes, struct arena *a,
    const char **out_text, char *why, size_t why_bytes)
{
    struct checked c = {
        .spec = spec, .arena = a, .bytes = bytes, .why = why, .why_bytes = why_bytes};
    if (memchr(text, '\0', bytes))
        return refuse(&c, "has a NUL byte");
    if (!text_valid(text, bytes))
        return refuse(&c, "is not valid UTF-8");
    if (bytes == 0 && spec->type != VALUE_TEXT)
        return refuse(&c, "is empty");
    if (bytes > VALUE_TEXT_BYTES_MAX)
        return refuse(&c, "is too long");
    c.text = arena_strndup(a, text, bytes);
    if (!c.text)
        return refuse(&c, "out of memory");
    if (checks[spec->type](&c) != 0 || check_choice(&c) != 0)
        return -1;
    *out_text = c.out;
    return 0;
}
