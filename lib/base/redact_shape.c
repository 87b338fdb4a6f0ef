/* SPDX-License-Identifier: MIT
 * The shapes of secrets: how one begins, and what its value consists of. Looks only forward, and never further than a
 * few kilobytes, so that a stream holds little back. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/base/limits.h"
#include "lib/base/redact_internal.h"

#define SPACES_MAX 32       /* between a name, its sign and its value */
#define JWT_HEAD_BYTES_MAX 2048
#define USER_BYTES_MAX 64
#define URL_PASSWORD_BYTES_MAX 256
#define KEY_LINE_RUN_BYTES 48 /* base64 in a row that makes a line part of a key; PEM lines have 64 or 70 */
#define KEY_LINE_BYTES_MAX 256
#define KEY_LABEL_BYTES_MAX 40

static bool in_set(enum swallow set, unsigned char c)
{
    switch (set) {
    case SWALLOW_UPPER:
        return isupper(c) || isdigit(c);
    case SWALLOW_TOKEN:
        return c < 128 && (isalnum(c) || c == '_' || c == '-');
    case SWALLOW_DOTTED:
        return c < 128 && c != '\0' && (isalnum(c) || strchr("_-.~+/=", c));
    case SWALLOW_VALUE:
        return c > ' ' && c != 127 && !strchr("\"'`&,;<>", c);
    case SWALLOW_LINE:
        return (c >= ' ' || c == '\t') && c != '"' && c != '\'';
    case SWALLOW_USERINFO:
        return c > ' ' && c != '@';
    default:
        return false;
    }
}

/* Compares without case. PENDING: the bytes end while all are equal so far. */
static enum verdict begins(struct bytes b, size_t at, const char *text)
{
    for (size_t i = 0; text[i]; i++) {
        if (at + i >= b.left)
            return b.final ? VERDICT_NO : VERDICT_PENDING;
        if (tolower(b.at[at + i]) != tolower((unsigned char)text[i]))
            return VERDICT_NO;
    }
    return VERDICT_FOUND;
}

static enum verdict begins_exact(struct bytes b, const char *text)
{
    size_t n = strlen(text);
    size_t have = n < b.left ? n : b.left;
    if (memcmp(b.at, text, have) != 0)
        return VERDICT_NO;
    if (have == n)
        return VERDICT_FOUND;
    return b.final ? VERDICT_NO : VERDICT_PENDING;
}

/* How many bytes from `at` are of the set, at most `most`. *out_open: the bytes ended before that was clear. */
static size_t span(struct bytes b, size_t at, enum swallow set, size_t most, bool *out_open)
{
    size_t n = 0;
    while (n < most && at + n < b.left && in_set(set, b.at[at + n]))
        n++;
    *out_open = n < most && at + n >= b.left && !b.final;
    return n;
}

struct prefix {
    const char *text;
    size_t value_bytes_min; /* at least so many bytes of the set follow */
    enum swallow swallow;
    bool keep; /* the prefix itself is no secret */
};

/* Tokens that say by their beginning what they are. */
static const struct prefix prefixes[] = {
    {"AKIA", 16, SWALLOW_UPPER, false},        /* AWS: long-lived access key id */
    {"ASIA", 16, SWALLOW_UPPER, false},        /* AWS: temporary */
    {"ABIA", 16, SWALLOW_UPPER, false},        /* AWS: bearer */
    {"ACCA", 16, SWALLOW_UPPER, false},        /* AWS: context */
    {"AGE-SECRET-KEY-1", 20, SWALLOW_UPPER, false},
    {"AIza", 30, SWALLOW_TOKEN, false},        /* Google */
    {"Bearer ", 16, SWALLOW_DOTTED, true},
    {"SG.", 20, SWALLOW_DOTTED, false},        /* SendGrid */
    {"bearer ", 16, SWALLOW_DOTTED, true},
    {"dop_v1_", 20, SWALLOW_TOKEN, false},     /* DigitalOcean */
    {"ghp_", 20, SWALLOW_TOKEN, false},        /* GitHub */
    {"gho_", 20, SWALLOW_TOKEN, false},
    {"ghu_", 20, SWALLOW_TOKEN, false},
    {"ghs_", 20, SWALLOW_TOKEN, false},
    {"ghr_", 20, SWALLOW_TOKEN, false},
    {"github_pat_", 20, SWALLOW_TOKEN, false},
    {"glpat-", 16, SWALLOW_DOTTED, false},     /* GitLab; newer ones have dots */
    {"gldt-", 16, SWALLOW_DOTTED, false},
    {"glrt-", 16, SWALLOW_DOTTED, false},
    {"glcbt-", 16, SWALLOW_DOTTED, false},
    {"glptt-", 16, SWALLOW_DOTTED, false},
    {"gloas-", 16, SWALLOW_DOTTED, false},
    {"glsoat-", 16, SWALLOW_DOTTED, false},
    {"glagent-", 16, SWALLOW_DOTTED, false},
    {"hooks.slack.com/services/", 20, SWALLOW_DOTTED, true},
    {"hvs.", 20, SWALLOW_TOKEN, false},        /* HashiCorp Vault */
    {"hvb.", 20, SWALLOW_TOKEN, false},
    {"npm_", 30, SWALLOW_TOKEN, false},
    {"pypi-", 50, SWALLOW_TOKEN, false},
    {"rk_live_", 16, SWALLOW_TOKEN, false},    /* Stripe */
    {"sk_live_", 16, SWALLOW_TOKEN, false},
    {"sk_test_", 16, SWALLOW_TOKEN, false},
    {"u+", 18, SWALLOW_TOKEN, false},          /* PagerDuty: user and REST keys */
    {"xapp-", 10, SWALLOW_TOKEN, false},       /* Slack */
    {"xoxa-", 10, SWALLOW_TOKEN, false},
    {"xoxb-", 10, SWALLOW_TOKEN, false},
    {"xoxc-", 10, SWALLOW_TOKEN, false},
    {"xoxd-", 10, SWALLOW_DOTTED, false},
    {"xoxe-", 10, SWALLOW_TOKEN, false},
    {"xoxe.", 10, SWALLOW_DOTTED, false},
    {"xoxo-", 10, SWALLOW_TOKEN, false},
    {"xoxp-", 10, SWALLOW_TOKEN, false},
    {"xoxr-", 10, SWALLOW_TOKEN, false},
    {"xoxs-", 10, SWALLOW_TOKEN, false},
    {"ya29.", 20, SWALLOW_DOTTED, false},      /* Google OAuth */
};

static enum verdict match_prefix(struct bytes b, struct shape_found *out)
{
    enum verdict all = VERDICT_NO;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        const struct prefix *p = &prefixes[i];
        if (p->text[0] != (char)b.at[0])
            continue;
        enum verdict v = begins_exact(b, p->text);
        if (v == VERDICT_FOUND) {
            bool open;
            size_t head = strlen(p->text);
            if (span(b, head, p->swallow, p->value_bytes_min, &open) == p->value_bytes_min) {
                *out = (struct shape_found){p->keep ? head : 0, p->keep ? 0 : head, p->swallow};
                return VERDICT_FOUND;
            }
            v = open ? VERDICT_PENDING : VERDICT_NO;
        }
        if (v == VERDICT_PENDING)
            all = v;
    }
    return all;
}

/* header.payload.signature, each base64url; a header begins '{"'. */
static enum verdict match_jwt(struct bytes b, struct shape_found *out)
{
    enum verdict v = begins_exact(b, "eyJ");
    if (v != VERDICT_FOUND)
        return v;
    bool open;
    size_t head = span(b, 0, SWALLOW_TOKEN, JWT_HEAD_BYTES_MAX, &open);
    if (open)
        return VERDICT_PENDING;
    if (head < 10 || head >= b.left || b.at[head] != '.')
        return VERDICT_NO;
    if (span(b, head + 1, SWALLOW_TOKEN, 8, &open) < 8)
        return open ? VERDICT_PENDING : VERDICT_NO;
    *out = (struct shape_found){0, 0, SWALLOW_DOTTED};
    return VERDICT_FOUND;
}

/* ://user:password@ */
static enum verdict match_url(struct bytes b, struct shape_found *out)
{
    enum verdict v = begins_exact(b, "://");
    if (v != VERDICT_FOUND)
        return v;
    size_t at = 3, most = 3 + USER_BYTES_MAX + 1;
    for (; at < b.left && at < most && b.at[at] != ':'; at++)
        if (b.at[at] <= ' ' || strchr("/@?#\"'<>", b.at[at]))
            return VERDICT_NO;
    if (at >= b.left)
        return b.final ? VERDICT_NO : VERDICT_PENDING;
    if (b.at[at] != ':')
        return VERDICT_NO;
    size_t keep = ++at;
    for (most = keep + URL_PASSWORD_BYTES_MAX; at < b.left && at < most && b.at[at] != '@'; at++)
        if (b.at[at] <= ' ' || strchr("/?#\"'<>", b.at[at]))
            return VERDICT_NO;
    if (at >= b.left)
        return b.final ? VERDICT_NO : VERDICT_PENDING;
    if (b.at[at] != '@' || at == keep)
        return VERDICT_NO;
    *out = (struct shape_found){keep, 0, SWALLOW_USERINFO};
    return VERDICT_FOUND;
}

/* -----BEGIN ... PRIVATE KEY----- and -----BEGIN PGP PRIVATE KEY BLOCK----- */
static enum verdict match_key(struct bytes b, struct shape_found *out)
{
    static const char begin[] = "-----BEGIN ";
    enum verdict v = begins_exact(b, begin);
    if (v != VERDICT_FOUND)
        return v;
    size_t from = sizeof begin - 1, n = 0;
    while (n < KEY_LABEL_BYTES_MAX && from + n < b.left &&
           (isupper(b.at[from + n]) || isdigit(b.at[from + n]) || b.at[from + n] == ' '))
        n++;
    if (from + n >= b.left && n < KEY_LABEL_BYTES_MAX && !b.final)
        return VERDICT_PENDING;
    if (!memmem(b.at + from, n, "PRIVATE KEY", 11))
        return VERDICT_NO;
    *out = (struct shape_found){0, 0, SWALLOW_KEY};
    return VERDICT_FOUND;
}

/* Names whose value is a secret; what stands before them ("DB_", "--") does not matter. */
static const struct name {
    const char *text;
    bool header; /* the value is the rest of the line, after the scheme */
} names[] = {
    {"access-key", false},
    {"access_key", false},
    {"accesskey", false},
    {"api-key", false},
    {"api_key", false},
    {"apikey", false},
    {"auth_key", false},
    {"authorization", true},
    {"encryption_key", false},
    {"integration_key", false},
    {"passphrase", false},
    {"passwd", false},
    {"password", false},
    {"private-key", false},
    {"private_key", false},
    {"privatekey", false},
    {"pwd", false},
    {"routing_key", false},
    {"secret", false},
    {"secret-key", false},
    {"secret_key", false},
    {"secretkey", false},
    {"signing_key", false},
    {"token", false},
};

/* Where in an assignment the eyes are. Any part that runs into the end of the bytes leaves it open. */
struct cursor {
    struct bytes b;
    size_t at;
    bool open; /* the bytes ended: more are needed */
};

static int peek(struct cursor *c)
{
    if (c->at < c->b.left)
        return c->b.at[c->at];
    c->open = !c->b.final;
    return -1;
}

static size_t skip_spaces(struct cursor *c)
{
    size_t n = 0;
    while (n < SPACES_MAX && (peek(c) == ' ' || peek(c) == '\t')) {
        c->at++;
        n++;
    }
    return n;
}

/* Passes a quote, or an escaped one. Returns how the value is quoted. */
static enum swallow skip_quote(struct cursor *c)
{
    enum swallow kind = SWALLOW_VALUE;
    size_t from = c->at;
    bool escaped = peek(c) == '\\';
    if (escaped)
        c->at++;
    int quote = peek(c);
    if (quote == '"' || quote == '\'') {
        c->at++;
        kind = escaped ? SWALLOW_ESCAPED : quote == '"' ? SWALLOW_DOUBLE : SWALLOW_SINGLE;
    } else {
        c->at = from;
    }
    return kind;
}

/* Passes '=', ':', ':=' or '=>'. Returns '=' or ':', 0 when none. */
static int skip_sign(struct cursor *c)
{
    int sign = peek(c);
    if (sign != '=' && sign != ':')
        return 0;
    c->at++;
    int second = peek(c);
    if ((sign == ':' && second == '=') || (sign == '=' && second == '>'))
        c->at++;
    return second == '=' ? '=' : sign;
}

/* Passes "Basic ", "Bearer ", ... */
static void skip_scheme(struct cursor *c)
{
    static const char *const schemes[] = {"Basic ", "Bearer ", "Token ", "Digest ", "Negotiate "};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        enum verdict v = begins(c->b, c->at, schemes[i]);
        if (v == VERDICT_PENDING)
            c->open = true;
        if (v == VERDICT_FOUND) {
            c->at += strlen(schemes[i]);
            return;
        }
    }
}

/* Whether what follows the name makes it an assignment; c stands behind the name. */
static bool match_assignment(struct cursor *c, const struct name *name, bool option,
    enum swallow *out)
{
    size_t behind = c->at;
    (void)skip_quote(c);
    size_t spaces = skip_spaces(c);
    int sign = skip_sign(c);
    if (sign != 0) {
        (void)skip_spaces(c);
        *out = skip_quote(c);
        if (name->header) {
            skip_scheme(c);
            if (*out == SWALLOW_VALUE)
                *out = SWALLOW_LINE;
        }
    } else if (option && spaces == 1 && c->at == behind + 1 && peek(c) != '-') {
        *out = skip_quote(c); /* --password x */
    } else {
        return false;
    }
    /* "secret: it" is a sentence, "password=x" is not. */
    size_t least = sign == ':' && *out == SWALLOW_VALUE ? 4 : 1;
    enum swallow set = *out == SWALLOW_DOUBLE || *out == SWALLOW_SINGLE || *out == SWALLOW_ESCAPED
                           ? SWALLOW_LINE
                           : *out;
    bool open;
    size_t n = span(c->b, c->at, set, least, &open);
    c->open |= open;
    return n == least;
}

static enum verdict match_name(struct bytes b, int prev, bool option, struct shape_found *out)
{
    enum verdict all = VERDICT_NO;
    int first = tolower(b.at[0]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct name *name = &names[i];
        if (name->text[0] != first)
            continue;
        /* PWD and OLDPWD are folders. */
        if (strcmp(name->text, "pwd") == 0 && prev != '_' && prev != '-' && prev != ';')
            continue;
        enum verdict v = begins(b, 0, name->text);
        if (v == VERDICT_FOUND) {
            struct cursor c = {.b = b, .at = strlen(name->text)};
            enum swallow kind = SWALLOW_NONE;
            if (match_assignment(&c, name, option, &kind) && !c.open) {
                *out = (struct shape_found){c.at, 0, kind};
                return VERDICT_FOUND;
            }
            v = c.open ? VERDICT_PENDING : VERDICT_NO;
        }
        if (v == VERDICT_PENDING)
            all = v;
    }
    return all;
}

enum verdict redact_shape(struct bytes b, int prev, bool option, struct shape_found *out)
{
    unsigned char c = b.at[0];
    if (c == ':')
        return match_url(b, out);
    if (c == '-')
        return match_key(b, out);
    if (c >= 128 || !isalpha(c))
        return VERDICT_NO;
    enum verdict v = match_name(b, prev, option, out);
    if (v != VERDICT_NO)
        return v;
    if (prev >= 0 && prev < 128 && (isalnum(prev) || prev == '_'))
        return VERDICT_NO; /* the middle of a word is no token's beginning */
    if (c == 'e')
        return match_jwt(b, out);
    return match_prefix(b, out);
}

static bool is_base64(unsigned char c)
{
    return c < 128 && c != '\0' && (isalnum(c) || c == '+' || c == '/' || c == '=');
}

/* Headers that stand inside key blocks. */
static bool is_key_header(const unsigned char *line, size_t bytes)
{
    static const char *const headers[] = {"Proc-Type:", "DEK-Info:", "Version:", "Comment:",
        "Charset:", "Hash:"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        size_t n = strlen(headers[i]);
        if (bytes >= n && memcmp(line, headers[i], n) == 0)
            return true;
    }
    return false;
}

/* Whether the line that begins at `from` goes on with a key: a header, a blank line, one word of base64, a long run of
 * base64 behind any prefix, or the end line. Anything else ends a block that was cut. */
static enum verdict key_goes_on(struct bytes b, size_t from)
{
    size_t run = 0, longest = 0, n = 0, words = 0;
    bool only_base64 = true;
    for (; from + n < b.left && n < KEY_LINE_BYTES_MAX && b.at[from + n] != '\n'; n++) {
        unsigned char c = b.at[from + n];
        bool blank = c == ' ' || c == '\t' || c == '\r';
        if (is_base64(c)) {
            words += run == 0;
            run++;
        } else {
            only_base64 = only_base64 && blank;
            run = 0;
        }
        longest = run > longest ? run : longest;
    }
    if (from + n >= b.left && n < KEY_LINE_BYTES_MAX && longest < KEY_LINE_RUN_BYTES && !b.final)
        return VERDICT_PENDING;
    if (longest >= KEY_LINE_RUN_BYTES || (only_base64 && words <= 1) ||
        memmem(b.at + from, n, "-----END ", 9) || is_key_header(b.at + from, n))
        return VERDICT_FOUND;
    return VERDICT_NO;
}

/* The whole end line, when it stands here. */
static enum verdict match_end(struct bytes b, size_t *out_bytes)
{
    static const char end[] = "-----END ";
    enum verdict v = begins_exact(b, end);
    if (v != VERDICT_FOUND)
        return v;
    size_t n = sizeof end - 1, most = n + KEY_LABEL_BYTES_MAX, dashes = 0;
    while (n < most && n < b.left && b.at[n] != '-' && b.at[n] != '\n')
        n++;
    while (dashes < 5 && n < b.left && b.at[n] == '-') {
        n++;
        dashes++;
    }
    if (n >= b.left && dashes < 5 && !b.final)
        return VERDICT_PENDING;
    *out_bytes = n;
    return VERDICT_FOUND;
}

static enum verdict swallow_key(struct redact_stream *s, struct bytes b, size_t *out_cover)
{
    if (b.at[0] == '-') {
        enum verdict v = match_end(b, out_cover);
        if (v == VERDICT_PENDING)
            return v;
        if (v == VERDICT_FOUND) {
            s->swallow = SWALLOW_NONE;
            return v;
        }
    }
    if (s->block >= REDACT_BLOCK_BYTES_MAX)
        return VERDICT_NO;
    if (b.at[0] == '\n') {
        enum verdict v = key_goes_on(b, 1);
        if (v != VERDICT_FOUND)
            return v;
    }
    s->block++;
    return VERDICT_FOUND;
}

static enum verdict swallow_quoted(struct redact_stream *s, unsigned char c)
{
    if (c == '\n' || c == '\0')
        return VERDICT_NO;
    bool escaped = s->escaped;
    s->escaped = !escaped && c == '\\' && s->swallow != SWALLOW_ESCAPED;
    if (s->swallow == SWALLOW_ESCAPED)
        return c == '\\' || c == '"' || c == '\'' ? VERDICT_NO : VERDICT_FOUND;
    if (escaped)
        return VERDICT_FOUND;
    return c == (s->swallow == SWALLOW_DOUBLE ? '"' : '\'') ? VERDICT_NO : VERDICT_FOUND;
}

enum verdict redact_swallow(struct redact_stream *s, struct bytes b, size_t *out_cover)
{
    switch ((enum swallow)s->swallow) {
    case SWALLOW_KEY:
        return swallow_key(s, b, out_cover);
    case SWALLOW_DOUBLE:
    case SWALLOW_SINGLE:
    case SWALLOW_ESCAPED:
        return swallow_quoted(s, b.at[0]);
    default:
        return in_set((enum swallow)s->swallow, b.at[0]) ? VERDICT_FOUND : VERDICT_NO;
    }
}
