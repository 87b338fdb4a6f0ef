/* SPDX-License-Identifier: MIT
 * Calls to PagerDuty on their way: sent, answered, classed, told to their owner; and the rate that PagerDuty
 * reports. What each call says stands in pagerduty_calls.c, what an answer means in pagerduty_answer.c. Repeats
 * nothing. */
#include "coordinator/pagerduty.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/pagerduty_answer.h"
#include "coordinator/pagerduty_inside.h"
#include "coordinator/pagerduty_parse.h"
#include "lib/base/clock.h"
#include "lib/io/http_client.h"
#include "lib/io/loop.h"

#define PATH_BYTES_MAX 1024
#define BODY_BYTES_MAX (1024 * 1024)
#define FAILURES_AWAY 2 /* in a row: one may be a connection that had grown old */

static void free_secret(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* ---- ops ---- */

struct pagerduty_op *pagerduty_op_new(struct pagerduty *pd, pagerduty_done *done, void *owner, const char *method,
    pagerduty_take *take)
{
    assert(pd->magic == PAGERDUTY_MAGIC && done);
    struct pagerduty_op *op = calloc(1, sizeof *op);
    if (!op)
        abort(); /* a promise to call back cannot be broken quietly */
    *op = (struct pagerduty_op){.magic = PAGERDUTY_OP_MAGIC, .id = ++pd->next_id, .pd = pd, .done = done,
        .owner = owner, .method = method, .take = take, .secret = pd->token, .use = BUDGET_WRITE,
        .began_ms = clock_mono_ms()};
    buf_init(&op->what, PATH_BYTES_MAX);
    buf_init(&op->path, PATH_BYTES_MAX);
    buf_init(&op->put_path, PATH_BYTES_MAX);
    buf_init(&op->body, BODY_BYTES_MAX);
    op->next = pd->first;
    if (pd->first)
        pd->first->prev = op;
    pd->first = op;
    return op;
}

static void op_free(struct pagerduty_op *op)
{
    assert(op->magic == PAGERDUTY_OP_MAGIC && !op->pd && op->sent == 0);
    json_decref(op->items);
    json_decref(op->seen);
    json_decref(op->change);
    json_decref(op->root);
    buf_done(&op->what);
    buf_done(&op->path);
    buf_done(&op->put_path);
    buf_done_secret(&op->body);
    free_secret(op->routing_key);
    free(op->priority_name);
    free(op->array);
    op->magic = 0;
    free(op);
}

static void op_unlink(struct pagerduty_op *op)
{
    *(op->prev ? &op->prev->next : &op->pd->first) = op->next;
    if (op->next)
        op->next->prev = op->prev;
    op->next = op->prev = NULL;
    op->pd = NULL;
}

/* The last thing of an op: its owner may free the account inside. */
static void op_end(struct pagerduty_op *op)
{
    op_unlink(op);
    op->done(op->owner, op->id, &op->result);
    op_free(op);
}

static void on_refused(void *owner)
{
    struct pagerduty_op *op = owner;
    assert(op->magic == PAGERDUTY_OP_MAGIC && op->ended);
    op_end(op);
}

uint64_t pagerduty_op_refuse(struct pagerduty_op *op, enum error_kind kind, const char *why)
{
    struct error failure = {0};
    error_set(&failure, kind, "%s", why);
    pagerduty_answer_class(&(struct pagerduty_answer){.failure = &failure}, buf_text(&op->what), &op->result);
    op->ended = true;
    loop_soon(op->pd->loop, on_refused, op);
    return op->id;
}

/* ---- the rate ---- */

static void note_rate(struct pagerduty *pd, const struct http_reply *reply, const struct pagerduty_result *result)
{
    int64_t now_ms = clock_mono_ms();
    int64_t reset_s =
        pagerduty_answer_number(http_reply_header(reply, "ratelimit-reset"), PAGERDUTY_WAIT_MS_MAX / 1000);
    int64_t left = pagerduty_answer_number(http_reply_header(reply, "ratelimit-remaining"), INT32_MAX);
    if (reset_s >= 0 && left >= 0) {
        pd->remaining = left;
        pd->reset_mono_ms = now_ms + reset_s * 1000;
    }
    if (result->class == PAGERDUTY_SLOW_DOWN)
        pd->stop_mono_ms = now_ms + result->wait_ms;
}

int64_t pagerduty_wait_ms(const struct pagerduty *pd, int64_t now_mono_ms)
{
    assert(pd->magic == PAGERDUTY_MAGIC);
    int64_t until = pd->stop_mono_ms;
    if (pd->remaining >= 0 && pd->remaining < PAGERDUTY_REMAINING_LEAST && pd->reset_mono_ms > until)
        until = pd->reset_mono_ms;
    int64_t wait = until - now_mono_ms;
    return wait < 0 ? 0 : wait < PAGERDUTY_WAIT_MS_MAX ? wait : PAGERDUTY_WAIT_MS_MAX;
}

bool pagerduty_may_send(const struct pagerduty *pd, int64_t now_mono_ms)
{
    return pagerduty_wait_ms(pd, now_mono_ms) == 0;
}

int64_t pagerduty_remaining(const struct pagerduty *pd, int64_t now_mono_ms)
{
    return now_mono_ms < pd->reset_mono_ms ? pd->remaining : -1;
}

/* ---- a request and its answer ---- */

/* The answer was a success that cannot be read: what was asked may have been done. */
static void set_unreadable(struct pagerduty_op *op, const struct http_reply *reply)
{
    op->result.class = PAGERDUTY_UNKNOWN;
    error_from(&op->result.err, ERROR_UNCERTAIN, ERROR_FROM_HTTP, http_reply_status(reply),
        "PagerDuty: %s: answered %d with something that is not what its documents promise", buf_text(&op->what),
        http_reply_status(reply));
}

/* Whether the op has ended. */
static bool take_answer(struct pagerduty_op *op, const struct http_reply *reply)
{
    size_t bytes = 0;
    const char *body = http_reply_body(reply, &bytes);
    json_decref(op->root);
    op->root = pagerduty_parse_json(body, bytes);
    op->list_bytes += bytes;
    switch (op->root ? op->take(op, op->root) : PAGERDUTY_NEXT_INVALID) {
    case PAGERDUTY_NEXT_SEND:
        (void)pagerduty_op_send(op); /* its id is known */
        return false;
    case PAGERDUTY_NEXT_SENT:
        return false;
    case PAGERDUTY_NEXT_INVALID:
        set_unreadable(op, reply);
        return true;
    case PAGERDUTY_NEXT_END:
        break;
    }
    return true;
}

/* Whatever it says of the request: who answers is there. A token that it refuses is as good as no answer. */
static void note_reach(struct pagerduty *pd, const struct pagerduty_result *result)
{
    bool well = result->status != 0 && result->status < 500 && result->class != PAGERDUTY_CONFIG;
    if (result->err.kind == ERROR_CANCELLED)
        return;
    pd->failures = well ? 0 : pd->failures + 1;
    pd->answered |= well;
    if (!well)
        (void)snprintf(pd->failure, sizeof pd->failure, "%.255s", result->err.text);
}

enum pagerduty_reach pagerduty_reach(const struct pagerduty *pd, const char **out_why)
{
    assert(pd->magic == PAGERDUTY_MAGIC);
    *out_why = pd->failures >= FAILURES_AWAY ? pd->failure : "";
    if (pd->failures >= FAILURES_AWAY)
        return PAGERDUTY_AWAY;
    return pd->answered ? PAGERDUTY_THERE : PAGERDUTY_NOT_ASKED;
}

static void on_http(void *owner, uint64_t id, const struct http_reply *reply, const struct error *err)
{
    struct pagerduty_op *op = owner;
    assert(op->magic == PAGERDUTY_OP_MAGIC && op->sent == id);
    op->sent = 0;
    if (!op->pd) { /* the account was freed, and the owner told */
        op_free(op);
        return;
    }
    struct pagerduty_answer answer = {.failure = err, .deletes = op->deletes, .secret = op->secret};
    if (reply) {
        answer.status = http_reply_status(reply);
        answer.body = http_reply_body(reply, &answer.bytes);
        answer.retry_after = http_reply_header(reply, "retry-after");
        answer.ratelimit_reset = http_reply_header(reply, "ratelimit-reset");
    }
    pagerduty_answer_class(&answer, buf_text(&op->what), &op->result);
    if (reply && !op->events)
        note_rate(op->pd, reply, &op->result);
    if (!op->events)
        note_reach(op->pd, &op->result);
    if (op->result.class != PAGERDUTY_DONE || !op->take || take_answer(op, reply))
        op_end(op);
}

static unsigned left_ms(const struct pagerduty_op *op)
{
    int64_t left = op->writes ? op->pd->write_ms - (clock_mono_ms() - op->began_ms) : PAGERDUTY_REQUEST_MS;
    return left > 0 ? (unsigned)left : 0;
}

static void send_now(void *owner)
{
    struct pagerduty_op *op = owner;
    struct pagerduty *pd = op->pd;
    op->budget_id = 0;
    op->begun = true;
    if (left_ms(op) == 0) {
        (void)pagerduty_op_refuse(op, ERROR_DEADLINE, "its time was over before the change could be sent");
        return;
    }
    struct buf url;
    buf_init(&url, 2 * PATH_BYTES_MAX);
    if (op->path.over || op->body.over ||
        buf_printf(&url, "%s%s", op->events ? pd->events_url : pd->base_url, buf_text(&op->path)) != 0) {
        buf_done(&url);
        (void)pagerduty_op_refuse(op, ERROR_INPUT, "the request is too long");
        return;
    }
    const struct http_header all[] = {
        {"Accept", "application/vnd.pagerduty+json;version=2"},
        {"Content-Type", "application/json"},
        {"From", pd->from_email},
        {"Authorization", pd->authorization},
        {NULL, NULL},
    };
    const struct http_header few[] = {{"Content-Type", "application/json"}, {NULL, NULL}};
    op->sent = http_send(pd->client,
        &(struct http_call){
            .method = op->method,
            .url = buf_text(&url),
            .headers = op->events ? few : all,
            .body = op->body.bytes ? op->body.data : NULL,
            .bytes = op->body.bytes,
            .timeout_ms = left_ms(op),
            .body_bytes_max = PAGERDUTY_REPLY_BYTES_MAX,
        },
        on_http, op);
    buf_done(&url);
}

uint64_t pagerduty_op_send(struct pagerduty_op *op)
{
    uint64_t id = op->id;
    if (op->begun && op->pd->budget)
        op->budget_id = budget_ask(op->pd->budget, op->pd->account, op->use, send_now, op);
    else
        send_now(op);
    return id;
}

/* No longer in line for the budget. */
static void leave_line(struct pagerduty_op *op)
{
    if (op->budget_id) {
        budget_forget(op->pd->budget, op->budget_id);
        loop_soon_cancel(op->pd->loop, op); /* granted already */
        op->budget_id = 0;
    }
}

void pagerduty_cancel(struct pagerduty *pd, uint64_t id)
{
    assert(pd->magic == PAGERDUTY_MAGIC);
    for (struct pagerduty_op *op = pd->first; op; op = op->next) {
        if (op->id != id)
            continue;
        if (op->sent != 0) {
            http_cancel(pd->client, op->sent);
        } else if (op->budget_id) {
            leave_line(op);
            (void)pagerduty_op_refuse(op, ERROR_CANCELLED, "cancelled between two requests");
        }
        return;
    }
}

/* ---- start and end ---- */

static bool is_one_line(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return true;
}

static int check_settings(const struct pagerduty_settings *set, struct error *err)
{
    if (!set->token || !set->token[0] || !is_one_line(set->token))
        return error_set(err, ERROR_CONFIG, "PagerDuty: the token is empty, or has a line break or control character");
    if (!set->from_email || !strchr(set->from_email, '@') || !is_one_line(set->from_email))
        return error_set(err, ERROR_CONFIG, "PagerDuty: from_email '%s' is not an address",
            set->from_email ? set->from_email : "");
    const char *urls[] = {set->base_url, set->events_url};
    for (size_t i = 0; i < 2; i++)
        if (urls[i] && strncmp(urls[i], "https://", 8) != 0 && strncmp(urls[i], "http://", 7) != 0)
            return error_set(err, ERROR_CONFIG, "PagerDuty: '%s' is not an http or https URL", urls[i]);
    return 0;
}

static char *url_copy(const char *url, const char *otherwise)
{
    char *copy = strdup(url ? url : otherwise);
    for (size_t n = copy ? strlen(copy) : 0; n > 0 && copy[n - 1] == '/'; n--)
        copy[n - 1] = '\0';
    return copy;
}

/* pd is left as it was when memory is short. */
static int copy_token(struct pagerduty *pd, const char *token)
{
    static const char form[] = "Token token=";
    size_t bytes = sizeof form + strlen(token);
    char *copy = strdup(token), *header = malloc(bytes);
    if (!copy || !header) {
        free_secret(copy);
        free(header);
        return -1;
    }
    memcpy(header, form, sizeof form - 1);
    memcpy(header + sizeof form - 1, token, bytes - (sizeof form - 1));
    free_secret(pd->token);
    free_secret(pd->authorization);
    pd->token = copy;
    pd->authorization = header;
    return 0;
}

static int copy_settings(struct pagerduty *pd, const struct pagerduty_settings *set)
{
    pd->base_url = url_copy(set->base_url, PAGERDUTY_URL_US);
    pd->events_url = url_copy(set->events_url, PAGERDUTY_EVENTS_URL_US);
    pd->from_email = strdup(set->from_email);
    return pd->base_url && pd->events_url && pd->from_email ? copy_token(pd, set->token) : -1;
}

int pagerduty_set_token(struct pagerduty *pd, const char *token)
{
    if (!token[0] || !is_one_line(token))
        return -1;
    return strcmp(pd->token, token) == 0 ? 0 : copy_token(pd, token);
}

static void account_free(struct pagerduty *pd)
{
    json_decref(pd->priorities);
    free(pd->base_url);
    free(pd->events_url);
    free_secret(pd->token);
    free_secret(pd->authorization);
    free(pd->from_email);
    free(pd->account);
    pd->magic = 0;
    free(pd);
}

struct pagerduty *pagerduty_new(struct loop *loop, struct http_client *client,
    const struct pagerduty_settings *settings, struct error *err)
{
    if (check_settings(settings, err) != 0)
        return NULL;
    struct pagerduty *pd = calloc(1, sizeof *pd);
    if (pd) {
        *pd = (struct pagerduty){.magic = PAGERDUTY_MAGIC, .loop = loop, .client = client, .remaining = -1,
            .write_ms = settings->write_ms ? settings->write_ms : PAGERDUTY_REQUEST_MS};
        if (copy_settings(pd, settings) == 0)
            return pd;
        account_free(pd);
    }
    error_set(err, ERROR_LIMIT, "PagerDuty: no memory for the account");
    return NULL;
}

void pagerduty_set_budget(struct pagerduty *pd, struct budget *budget, const char *account)
{
    free(pd->account);
    pd->account = strdup(account);
    if (!pd->account)
        abort(); /* one at start-up */
    pd->budget = budget;
}

/* Tells the owner; what runs at the HTTP client ends there, and frees the op. */
static void op_abandon(struct pagerduty_op *op, struct pagerduty *pd)
{
    leave_line(op);
    op_unlink(op);
    op->secret = NULL; /* dies with the account */
    if (op->ended) {
        loop_soon_cancel(pd->loop, op);
    } else {
        struct error failure = {0};
        error_set(&failure, op->writes ? ERROR_UNCERTAIN : ERROR_CANCELLED, "the account was closed meanwhile");
        pagerduty_answer_class(&(struct pagerduty_answer){.failure = &failure}, buf_text(&op->what), &op->result);
    }
    op->done(op->owner, op->id, &op->result);
    if (op->sent != 0)
        http_cancel(pd->client, op->sent);
    else
        op_free(op);
}

void pagerduty_free(struct pagerduty *pd)
{
    if (!pd)
        return;
    assert(pd->magic == PAGERDUTY_MAGIC);
    while (pd->first)
        op_abandon(pd->first, pd);
    account_free(pd);
}
