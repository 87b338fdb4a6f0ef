/* SPDX-License-Identifier: MIT
 * The text that a pattern cannot match without. Conservative: when in doubt a run of text ends. A
 * pattern that it misreads would be missed in titles, so it only ever leaves out. */
#include <string.h>

#include "executor/match_index.h"
#include "lib/base/limits.h"

struct walk {
    const char *s; /* next character */
    char run[PATTERN_BYTES_MAX + 1];
    size_t run_bytes;
    char best[PATTERN_BYTES_MAX + 1];
    size_t best_bytes;
};

static void end_run(struct walk *w)
{
    if (w->run_bytes > w->best_bytes) {
        memcpy(w->best, w->run, w->run_bytes);
        w->best_bytes = w->run_bytes;
    }
    w->run_bytes = 0;
}

/* Takes the last character off the run: a repetition that may be none stands behind it. */
static void drop_last(struct walk *w)
{
    while (w->run_bytes > 0 && ((unsigned char)w->run[w->run_bytes - 1] & 0xC0) == 0x80)
        w->run_bytes--;
    if (w->run_bytes > 0)
        w->run_bytes--;
}

static void skip_class(struct walk *w)
{
    w->s++;
    if (*w->s == '^')
        w->s++;
    if (*w->s == ']')
        w->s++;
    while (*w->s && *w->s != ']') {
        if (*w->s == '\\' && w->s[1])
            w->s++;
        else if (w->s[0] == '[' && w->s[1] == ':' && strstr(w->s, ":]"))
            w->s = strstr(w->s, ":]") + 1;
        w->s++;
    }
    if (*w->s)
        w->s++;
}

static void skip_group(struct walk *w)
{
    int depth = 0;
    while (*w->s) {
        if (*w->s == '\\' && w->s[1]) {
            w->s += 2;
            continue;
        }
        if (*w->s == '[') {
            skip_class(w);
            continue;
        }
        depth += *w->s == '(' ? 1 : *w->s == ')' ? -1 : 0;
        w->s++;
        if (depth == 0)
            return;
    }
}

/* Behind a backslash: a literal sign, or something that ends the run, with its argument. */
static void take_escape(struct walk *w)
{
    char c = w->s[1];
    if (c == '\0' || (unsigned char)c >= 0x80) {
        w->s++; /* the character itself is taken next */
        return;
    }
    w->s += 2;
    if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", c)) {
        w->run[w->run_bytes++] = c;
        return;
    }
    end_run(w);
    if (*w->s == '{' && strchr("xopPNu", c) && strchr(w->s, '}'))
        w->s = strchr(w->s, '}') + 1;
    else if (c == 'x' || c == '0' || c == 'o')
        w->s += strspn(w->s, "0123456789abcdefABCDEF");
    else if ((c == 'c' || c == 'p' || c == 'P') && *w->s)
        w->s++;
}

/* "{2,5}", "{3}", "{,4}": its length, else 0. */
static size_t counted(const char *s)
{
    size_t n = 1 + strspn(s + 1, "0123456789,");
    return n > 1 && s[n] == '}' ? n + 1 : 0;
}

static void take_one(struct walk *w)
{
    switch (*w->s) {
    case '\\':
        take_escape(w);
        return;
    case '[':
        end_run(w);
        skip_class(w);
        return;
    case '(':
        end_run(w);
        skip_group(w);
        return;
    case '{':
        if (counted(w->s) > 0) {
            drop_last(w);
            end_run(w);
            w->s += counted(w->s);
            return;
        }
        end_run(w);
        w->s++;
        return;
    case '*':
    case '?':
        drop_last(w);
        end_run(w);
        w->s++;
        return;
    case '+':
    case '.':
    case '^':
    case '$':
    case ')':
        end_run(w);
        w->s++;
        return;
    default:
        w->run[w->run_bytes++] = *w->s++;
    }
}

int match_literals(
    const char *pattern, void (*take)(void *owner, const char *literal, size_t bytes), void *owner)
{
    if (strlen(pattern) > PATTERN_BYTES_MAX)
        return 0;
    struct walk w = {.s = pattern};
    int count = 0;
    for (;;) {
        if (*w.s != '\0' && *w.s != '|') {
            take_one(&w);
            continue;
        }
        end_run(&w);
        if (w.best_bytes < MATCH_LITERAL_BYTES_MIN)
            return 0;
        take(owner, w.best, w.best_bytes);
        count++;
        w.best_bytes = 0;
        if (*w.s++ == '\0')
            return count;
    }
}
