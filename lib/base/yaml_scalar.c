/* SPDX-License-Identifier: MIT
 * Plain scalars by the core schema of YAML 1.2 (section 10.3.2): null, true, false, integers
 * (decimal, 0o, 0x), floats. Everything else is text: no, on, 12:30:45, 1_000. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/yaml_parts.h"

static bool one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool digits_only(const char *s, int base)
{
    if (*s == '\0')
        return false;
    for (; *s; s++)
        if (base == 8    ? *s < '0' || *s > '7'
            : base == 16 ? !isxdigit((unsigned char)*s)
                         : !isdigit((unsigned char)*s))
            return false;
    return true;
}

static int digit_of(char c)
{
    return c <= '9' ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* [-+]? ( \.[0-9]+ | [0-9]+ (\.[0-9]*)? ) ([eE][-+]?[0-9]+)? */
static bool looks_float(const char *s)
{
    s += *s == '-' || *s == '+';
    size_t whole = strspn(s, "0123456789");
    s += whole;
    size_t part = 0;
    if (*s == '.') {
        part = strspn(++s, "0123456789");
        s += part;
    }
    if (whole + part == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        return digits_only(s, 10);
    }
    return *s == '\0';
}

static bool as_integer(struct yaml_node *n)
{
    const char *s = n->text;
    int base = 10;
    if (s[0] == '0' && (s[1] == 'o' || s[1] == 'x')) {
        base = s[1] == 'o' ? 8 : 16;
        s += 2;
    }
    bool minus = base == 10 && *s == '-';
    const char *digits = base == 10 && (*s == '-' || *s == '+') ? s + 1 : s;
    if (!digits_only(digits, base))
        return false;
    int64_t value = 0;
    bool fits = true;
    double number = 0;
    for (; *digits; digits++) {
        int digit = digit_of(*digits) * (minus ? -1 : 1);
        number = number * base + digit;
        fits = fits && !__builtin_mul_overflow(value, base, &value) &&
               !__builtin_add_overflow(value, digit, &value);
    }
    n->kind = fits ? YAML_INT : YAML_FLOAT;
    n->integer = fits ? value : 0;
    /* Adding up digits rounds at each step; strtod rounds once, but knows no 0o. */
    n->number = fits ? (double)value : base == 8 ? number : strtod(n->text, NULL);
    return true;
}

static bool as_special_float(struct yaml_node *n)
{
    static const char *const infinite[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const no_number[] = {".nan", ".NaN", ".NAN", NULL};
    const char *s = n->text;
    bool minus = *s == '-';
    const char *unsigned_text = s + (*s == '-' || *s == '+');
    if (one_of(unsigned_text, infinite))
        n->number = minus ? -(double)INFINITY : (double)INFINITY;
    else if (one_of(s, no_number))
        n->number = (double)NAN;
    else
        return false;
    n->kind = YAML_FLOAT;
    return true;
}

void yaml_scalar_type(struct yaml_node *n)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (one_of(n->text, nulls)) {
        n->kind = YAML_NULL;
    } else if (one_of(n->text, trues) || one_of(n->text, falses)) {
        n->kind = YAML_BOOL;
        n->integer = one_of(n->text, trues);
    } else if (!as_integer(n) && !as_special_float(n) && looks_float(n->text)) {
        n->kind = YAML_FLOAT;
        n->number = strtod(n->text, NULL);
    }
}
