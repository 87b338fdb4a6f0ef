/* SPDX-License-Identifier: MIT
 * What an answer of PagerDuty's allows the caller to do: one table, read from the top. Decides nothing else and
 * keeps nothing. */
#include "coordinator/pagerduty_answer.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define WAIT_MS_LEAST 500 /* "0 seconds" would make a busy loop */

/* PagerDuty's statuses and codes are not told apart cleanly (the code of "took too long" was seen with a missing
 * From), so words of the message come first, then codes, then statuses. */
static const struct row {
    int from, to;      /* HTTP statuses, both included */
    int code;          /* PagerDuty's own; 0: any */
    const char *words; /* in the message; NULL: any */
    enum pagerduty_class class;
    const char *hint;  /* for the person; NULL: none */
} rows[] = {
    {200, 299, 0, NULL, PAGERDUTY_DONE, NULL},
    {300, 399, 0, NULL, PAGERDUTY_CONFIG, "is the base URL PagerDuty's own, for the right region?"},
    {429, 429, 0, NULL, PAGERDUTY_SLOW_DOWN, NULL},
    {400, 499, 2020, NULL, PAGERDUTY_SLOW_DOWN, NULL},
    {400, 499, 1001, NULL, PAGERDUTY_ALREADY, NULL},
    {400, 499, 1002, NULL, PAGERDUTY_ALREADY, NULL},
    {400, 499, 0, "Incident Already Resolved", PAGERDUTY_ALREADY, NULL},
    {400, 499, 0, "\"From\" header", PAGERDUTY_CONFIG, "from_email must be a valid user of this PagerDuty account"},
    {400, 499, 1008, NULL, PAGERDUTY_CONFIG, "from_email must be a valid user of this PagerDuty account"},
    {400, 499, 1018, NULL, PAGERDUTY_CONFIG, "the user of from_email may not do this: check its role"},
    {400, 499, 2006, NULL, PAGERDUTY_CONFIG, "is the token right, and for this account?"},
    {400, 499, 2010, NULL, PAGERDUTY_CONFIG, "does the token have the right to do this?"},
    {400, 499, 1005, NULL, PAGERDUTY_UNKNOWN, NULL}, /* changed meanwhile: look, then decide */
    {400, 499, 2016, NULL, PAGERDUTY_UNKNOWN, NULL}, /* took too long */
    {401, 401, 0, NULL, PAGERDUTY_CONFIG, "is the token right, and for this account?"},
    {403, 403, 0, NULL, PAGERDUTY_CONFIG, "does the token have the right to do this?"},
    {408, 408, 0, NULL, PAGERDUTY_UNKNOWN, NULL},
    {400, 499, 0, NULL, PAGERDUTY_NEVER, NULL},
    {0, 999, 0, NULL, PAGERDUTY_UNKNOWN, NULL}, /* 5xx, and what no one foresaw */
};

static const enum pagerduty_class of_failure[] = {
    [ERROR_NONE] = PAGERDUTY_UNKNOWN,
    [ERROR_CONFIG] = PAGERDUTY_CONFIG,
    [ERROR_INPUT] = PAGERDUTY_NEVER,
    [ERROR_REFUSED] = PAGERDUTY_NEVER,
    [ERROR_UNREACHED] = PAGERDUTY_NOT_SENT,
    [ERROR_UNCERTAIN] = PAGERDUTY_UNKNOWN,
    [ERROR_DEADLINE] = PAGERDUTY_NOT_SENT,
    [ERROR_CANCELLED] = PAGERDUTY_NOT_SENT,
    [ERROR_LIMIT] = PAGERDUTY_NOT_SENT,
};
_Static_assert(sizeof of_failure / sizeof of_failure[0] == ERROR_KINDS, "one row a kind");

static const struct {
    const char *name;
    enum error_kind kind;
} classes[] = {
    [PAGERDUTY_DONE] = {"done", ERROR_NONE},
    [PAGERDUTY_ALREADY] = {"already", ERROR_REFUSED},
    [PAGERDUTY_NOT_SENT] = {"not_sent", ERROR_UNREACHED},
    [PAGERDUTY_UNKNOWN] = {"unknown", ERROR_UNCERTAIN},
    [PAGERDUTY_SLOW_DOWN] = {"slow_down", ERROR_REFUSED},
    [PAGERDUTY_NEVER] = {"never", ERROR_REFUSED},
    [PAGERDUTY_CONFIG] = {"config", ERROR_CONFIG},
};
_Static_assert(sizeof classes / sizeof classes[0] == PAGERDUTY_CLASSES, "one row a class");

const char *pagerduty_class_name(enum pagerduty_class c)
{
    return c < PAGERDUTY_CLASSES ? classes[c].name : "?";
}

int64_t pagerduty_answer_number(const char *text, int64_t most)
{
    if (!text || text[0] < '0' || text[0] > '9')
        return -1; /* Retry-After may also be a date, which PagerDuty never sends */
    int64_t n = 0;
    for (const char *c = text; *c >= '0' && *c <= '9' && n < most; c++)
        n = n * 10 + (*c - '0');
    return n < most ? n : most;
}

/* "message" and "errors" of an error body, of whatever shape: a text, a list of texts, an object of lists, absent. */
static void add_words(const json_t *value, struct buf *out, int depth)
{
    const json_t *item = NULL;
    const char *key = NULL;
    size_t i = 0;
    union {
        const json_t *in;
        json_t *out;
    } walk = {.in = value}; /* jansson's loops take json_t * and change nothing */
    if (depth > 3)
        return;
    if (json_is_string(value)) {
        (void)buf_printf(out, "%s%s", out->bytes ? "; " : "", json_string_value(value)); /* bounded: may be left off */
    } else if (json_is_array(value)) {
        json_array_foreach(walk.out, i, item)
            add_words(item, out, depth + 1);
    } else if (json_is_object(value)) {
        json_object_foreach(walk.out, key, item)
            add_words(item, out, depth + 1);
    }
}

/* Reads code and words of an error body. Where it is no such JSON, its own beginning is what it says. */
static void read_error(const struct pagerduty_answer *a, int *out_code, struct buf *words)
{
    json_t *root = json_loadb(a->body, a->bytes, JSON_ALLOW_NUL, NULL);
    const json_t *error = json_object_get(root, "error");
    if (json_is_object(error)) {
        json_int_t code = json_integer_value(json_object_get(error, "code"));
        *out_code = code > 0 && code < 1000000 ? (int)code : 0;
        add_words(json_object_get(error, "message"), words, 0);
        add_words(json_object_get(error, "errors"), words, 0);
    } else if (json_is_object(root)) { /* the Events API: message and errors at the top */
        add_words(error, words, 0);
        add_words(json_object_get(root, "message"), words, 0);
        add_words(json_object_get(root, "errors"), words, 0);
    }
    json_decref(root);
    if (words->bytes == 0)
        (void)buf_add(words, a->body, a->bytes < 1000 ? a->bytes : 1000); /* its limit is larger */
}

static bool row_fits(const struct row *r, int status, int code, const char *words)
{
    return status >= r->from && status <= r->to && (r->code == 0 || r->code == code) &&
           (!r->words || strstr(words, r->words));
}

/* One line of at most PAGERDUTY_QUOTE_BYTES, without the secret. */
static void quote(const struct buf *words, const char *secret, struct buf *out)
{
    struct buf line;
    buf_init(&line, words->bytes * 3 + 3); /* each invalid byte may become three */
    text_one_line(buf_text(words), words->bytes, &line);
    const char *at = buf_text(&line);
    const char *found = secret && secret[0] ? strstr(at, secret) : NULL;
    while (found) {
        (void)buf_add(out, at, (size_t)(found - at)); /* what does not fit is left off, here and below */
        (void)buf_add_text(out, "***");
        at = found + strlen(secret);
        found = strstr(at, secret);
    }
    size_t left = out->bytes < PAGERDUTY_QUOTE_BYTES ? PAGERDUTY_QUOTE_BYTES - out->bytes : 0;
    (void)buf_add(out, at, text_cut(at, strlen(at), left, left));
    buf_done(&line);
}

static void class_of_failure(const struct pagerduty_answer *a, const char *what, struct pagerduty_result *out)
{
    assert(a->failure && a->failure->kind < ERROR_KINDS);
    out->class = of_failure[a->failure->kind];
    out->err = *a->failure;
    error_wrap(&out->err, "PagerDuty: %s", what);
}

static int64_t wait_ms(const struct pagerduty_answer *a)
{
    int64_t after = pagerduty_answer_number(a->retry_after, PAGERDUTY_WAIT_MS_MAX / 1000);
    int64_t reset = pagerduty_answer_number(a->ratelimit_reset, PAGERDUTY_WAIT_MS_MAX / 1000);
    int64_t ms = (after > reset ? after : reset) * 1000;
    if (ms < 0)
        return PAGERDUTY_WAIT_MS;
    return ms > WAIT_MS_LEAST ? ms : WAIT_MS_LEAST;
}

static void class_of_status(const struct pagerduty_answer *a, const char *what, struct pagerduty_result *out)
{
    struct buf words, quoted;
    buf_init(&words, 16384);
    buf_init(&quoted, 2 * PAGERDUTY_QUOTE_BYTES);
    read_error(a, &out->code, &words);
    const struct row *r = rows;
    while (!row_fits(r, a->status, out->code, buf_text(&words)))
        r++; /* the last row fits all */
    out->class = r->class;
    if (a->deletes && (a->status == 404 || a->status == 410))
        out->class = PAGERDUTY_ALREADY;
    if (out->class == PAGERDUTY_SLOW_DOWN)
        out->wait_ms = wait_ms(a);
    quote(&words, a->secret, &quoted);
    error_from(&out->err, classes[out->class].kind, ERROR_FROM_HTTP, a->status,
        "PagerDuty: %s: answered %d, code %d: \"%s\"", what, a->status, out->code, buf_text(&quoted));
    if (r->hint)
        error_hint(&out->err, "%s", r->hint);
    buf_done(&words);
    buf_done(&quoted);
}

void pagerduty_answer_class(const struct pagerduty_answer *a, const char *what, struct pagerduty_result *out)
{
    out->status = a->status;
    out->code = 0;
    out->wait_ms = 0;
    out->err = (struct error){0};
    if (a->status == 0)
        class_of_failure(a, what, out);
    else if (a->status >= 200 && a->status <= 299)
        out->class = PAGERDUTY_DONE;
    else
        class_of_status(a, what, out);
}
