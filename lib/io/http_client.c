/* SPDX-License-Identifier: MIT
 * The HTTP client: libcurl's multi interface on the loop. What "wait" means: curl names sockets and one timeout
 * through callbacks, and is told when they are ready; a handle is never removed inside a callback of curl's. Does
 * not let curl look up names (giving up such a look-up would block the loop), nor send a request a second time over
 * a new connection.
 *
 * A transfer goes: name looked up, given to curl, ended, waiting for its done. Its deadline covers all of it. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "lib/base/clock.h"
#include "lib/io/http_client_inside.h"

#define SOCKET_MAGIC 0x4854534bu

/* One for each socket of curl's; freed when libuv let go. */
struct watch {
    uint32_t magic;
    uv_poll_t poll;
    struct http_client *client; /* borrowed */
    curl_socket_t fd;
};

static void list_add(struct list *l, struct transfer *t)
{
    t->next = NULL;
    t->prev = l->last;
    *(l->last ? &l->last->next : &l->first) = t;
    l->last = t;
}

static void list_remove(struct list *l, struct transfer *t)
{
    *(t->prev ? &t->prev->next : &l->first) = t->next;
    *(t->next ? &t->next->prev : &l->last) = t->prev;
    t->next = t->prev = NULL;
}

/* ---- the end of a transfer ---- */

/* Calls what has ended. From the loop, or from http_client_free. */
static void on_ended(void *owner)
{
    struct http_client *c = owner;
    assert(c->magic == CLIENT_MAGIC && !c->in_done);
    c->in_done = true;
    struct transfer *last = c->ended.last; /* what ends meanwhile waits for the next turn */
    for (bool more = last != NULL; more;) {
        struct transfer *t = c->ended.first;
        more = t != last;
        list_remove(&c->ended, t);
        c->calls--;
        bool failed = t->err.kind != ERROR_NONE;
        t->done(t->owner, t->id, failed ? NULL : &t->reply, failed ? &t->err : NULL);
        http_transfer_free(t);
    }
    c->in_done = false;
}

/* t->err says how, or is empty for a reply. The handle must not be inside a callback of curl's. */
static void transfer_end(struct transfer *t)
{
    struct http_client *c = t->client;
    assert(t->stage != STAGE_ENDED);
    if (t->lookup != 0)
        resolve_forget(c->resolve, t->lookup);
    if (t->stage == STAGE_CURL)
        (void)curl_multi_remove_handle(c->multi, t->easy); /* it is in there */
    t->stage = STAGE_ENDED;
    loop_timer_free(t->deadline);
    t->deadline = NULL;
    list_remove(&c->running, t);
    list_add(&c->ended, t);
    loop_soon_cancel(c->loop, c); /* one pending call is enough */
    loop_soon(c->loop, on_ended, c);
}

static void transfer_fail(struct transfer *t, enum error_kind kind, int code, const char *why)
{
    enum error_kind shown = t->sent ? ERROR_UNCERTAIN : kind;
    error_from(&t->err, shown, ERROR_FROM_CURL, code, "%s: %s, %s after %lld ms", t->place, why,
        t->sent ? "the request may have arrived," : "nothing was sent,",
        (long long)(clock_mono_ms() - t->started_ms));
    transfer_end(t);
}

static void on_deadline(void *owner)
{
    struct transfer *t = owner;
    assert(t->magic == TRANSFER_MAGIC);
    t->over = false; /* what was cut off matters no more */
    transfer_fail(t, ERROR_DEADLINE, CURLE_OPERATION_TIMEDOUT,
        t->stage == STAGE_NAME ? "looking up the name took too long"
        : t->sent              ? "no complete answer in time"
                               : "no connection in time");
}

/* What curl says has ended. */
static void transfer_ended(struct transfer *t, CURLcode rc)
{
    long status = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status); /* 0 when none came */
    char why[CURL_ERROR_SIZE + 64];
    if (rc == CURLE_OK && !t->head_ended)
        rc = CURLE_GOT_NOTHING; /* closed within the headers: curl takes that for an answer */
    if (rc == CURLE_OK && status >= 200) {
        t->reply.status = (int)status;
        transfer_end(t);
        return;
    }
    if (t->over)
        snprintf(why, sizeof why, "answered %ld with more than we take (%zu bytes)", status, t->reply.body.bytes_max);
    else if (rc == CURLE_OK)
        snprintf(why, sizeof why, "answered with status %ld", status);
    else if (t->late)
        snprintf(why, sizeof why, "its time was over before it could be sent");
    else if (rc == CURLE_COULDNT_CONNECT && t->no_socket)
        snprintf(why, sizeof why, "no socket: %s", strerror(t->no_socket));
    else if (rc == CURLE_ABORTED_BY_CALLBACK)
        snprintf(why, sizeof why, "the connection was closed before an answer");
    else
        snprintf(why, sizeof why, "%s", t->curl_says[0] ? t->curl_says : curl_easy_strerror(rc));
    if (!t->sent && (rc == CURLE_COULDNT_CONNECT || rc == CURLE_OPERATION_TIMEDOUT))
        resolve_drop(t->client->resolve, t->host); /* perhaps it moved */
    bool ours = rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL;
    transfer_fail(t, ours ? ERROR_INPUT : rc == CURLE_OUT_OF_MEMORY ? ERROR_LIMIT : ERROR_UNREACHED, (int)rc, why);
}

static void take_ended(struct http_client *c)
{
    int left = 0;
    for (CURLMsg *m = curl_multi_info_read(c->multi, &left); m; m = curl_multi_info_read(c->multi, &left)) {
        if (m->msg != CURLMSG_DONE)
            continue;
        char *private = NULL;
        CURLcode rc = m->data.result; /* m dies with the handle's removal */
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private); /* set for each handle */
        struct transfer *t = (void *)private;
        assert(t && t->magic == TRANSFER_MAGIC && t->stage == STAGE_CURL);
        transfer_ended(t, rc);
    }
}

/* ---- curl on the loop ---- */

static void on_ready(uv_poll_t *handle, int status, int events)
{
    struct watch *w = handle->data;
    assert(w->magic == SOCKET_MAGIC);
    struct http_client *c = w->client; /* w may be closed by the call below */
    int ready = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE)
        ready |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        ready |= CURL_CSELECT_OUT;
    int running = 0;
    (void)curl_multi_socket_action(c->multi, w->fd, ready, &running); /* each handle says how it went */
    take_ended(c);
}

static void on_timer(void *owner)
{
    struct http_client *c = owner;
    assert(c->magic == CLIENT_MAGIC);
    int running = 0;
    (void)curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running); /* as above */
    take_ended(c);
}

static int on_curl_timer(CURLM *multi, long after_ms, void *owner)
{
    (void)multi;
    struct http_client *c = owner;
    if (after_ms < 0)
        loop_timer_stop(c->timer);
    else
        loop_timer_start(c->timer, (uint64_t)after_ms, 0);
    return 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *watch_new(struct http_client *c, curl_socket_t fd)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    *w = (struct watch){.magic = SOCKET_MAGIC, .client = c, .fd = fd};
    w->poll.data = w;
    if (uv_poll_init(loop_uv(c->loop), &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    (void)curl_multi_assign(c->multi, fd, w); /* fd is curl's: cannot fail */
    return w;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *at_socket)
{
    (void)easy;
    struct http_client *c = owner;
    struct watch *w = at_socket;
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            w->magic = 0;
            (void)uv_poll_stop(&w->poll); /* at once: curl closes fd next */
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        }
        return 0;
    }
    if (!w)
        w = watch_new(c, fd);
    if (!w)
        return -1; /* curl fails what uses the socket */
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&w->poll, events, on_ready) == 0 ? 0 : -1;
}

/* ---- sending ---- */

static void on_name(void *owner, const struct resolve_answer *answer, const struct error *err)
{
    struct transfer *t = owner;
    assert(t->magic == TRANSFER_MAGIC && t->stage == STAGE_NAME);
    t->lookup = 0;
    if (err) {
        t->err = *err;
        error_wrap(&t->err, "%s: nothing was sent", t->place);
        transfer_end(t);
        return;
    }
    CURLMcode rc = CURLM_OUT_OF_MEMORY;
    if (http_transfer_addresses(t, answer) == 0)
        rc = curl_multi_add_handle(t->client->multi, t->easy);
    if (rc == CURLM_OK)
        t->stage = STAGE_CURL;
    else
        transfer_fail(t, ERROR_LIMIT, (int)rc, curl_multi_strerror(rc));
}

/* A look-up's answer is good for curl also where the URL wrote an IPv6 address in brackets. */
static void start_lookup(struct transfer *t, unsigned timeout_ms)
{
    char name[sizeof t->host];
    size_t bytes = strlen(t->host);
    bool bracketed = t->host[0] == '[' && bytes > 2;
    snprintf(name, sizeof name, "%.*s", (int)(bracketed ? bytes - 2 : bytes), t->host + (bracketed ? 1 : 0));
    t->lookup = resolve_start(t->client->resolve, name, timeout_ms, on_name, t);
}

uint64_t http_send(struct http_client *c, const struct http_call *call, http_done *done, void *owner)
{
    assert(c->magic == CLIENT_MAGIC && done);
    struct transfer *t = calloc(1, sizeof *t);
    if (!t)
        abort(); /* a promise to call back cannot be broken quietly */
    *t = (struct transfer){.magic = TRANSFER_MAGIC, .id = ++c->next_id, .client = c, .done = done, .owner = owner,
        .started_ms = clock_mono_ms()};
    unsigned timeout_ms = call->timeout_ms ? call->timeout_ms : HTTP_CLIENT_TIMEOUT_MS;
    t->until_ms = t->started_ms + timeout_ms;
    c->calls++;
    list_add(&c->running, t);
    if (http_transfer_prepare(t, call) != 0) {
        transfer_end(t);
        return t->id;
    }
    t->deadline = loop_timer_new(c->loop, on_deadline, t);
    loop_timer_start(t->deadline, timeout_ms, 0);
    start_lookup(t, timeout_ms);
    return t->id;
}

void http_cancel(struct http_client *c, uint64_t id)
{
    assert(c->magic == CLIENT_MAGIC);
    struct transfer *t = c->running.first;
    while (t && t->id != id)
        t = t->next;
    if (t)
        transfer_fail(t, ERROR_CANCELLED, 0, "cancelled");
}

/* ---- start and end ---- */

static int start_multi(struct http_client *c, const struct http_client_settings *set, struct error *err)
{
    long most = set && set->connections_max ? (long)set->connections_max : HTTP_CLIENT_CONNECTIONS_MAX;
    if (set && set->ca_file) {
        if (access(set->ca_file, R_OK) != 0)
            return error_from_errno(err, ERROR_CONFIG, errno, "trusted certificates '%s'", set->ca_file);
        c->ca_file = strdup(set->ca_file);
    }
    c->multi = curl_multi_init();
    c->resolve = resolve_new(c->loop, HTTP_CLIENT_NAME_MS);
    if (!c->multi || !c->resolve || (set && set->ca_file && !c->ca_file))
        return error_set(err, ERROR_LIMIT, "no memory for the HTTP client");
    c->timer = loop_timer_new(c->loop, on_timer, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, most); /* these cannot fail */
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    return 0;
}

static void client_done(struct http_client *c)
{
    if (c->multi)
        (void)curl_multi_cleanup(c->multi); /* closes kept connections, and their watches */
    resolve_free(c->resolve);
    loop_timer_free(c->timer);
    free(c->ca_file);
    c->magic = 0;
    free(c);
    curl_global_cleanup();
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_settings *settings, struct error *err)
{
    struct http_client *c = calloc(1, sizeof *c);
    if (!c || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(err, ERROR_LIMIT, "no memory for the HTTP client");
        free(c);
        return NULL;
    }
    c->magic = CLIENT_MAGIC;
    c->loop = loop;
    if (start_multi(c, settings, err) != 0) {
        client_done(c);
        return NULL;
    }
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    assert(c->magic == CLIENT_MAGIC && !c->in_done);
    c->freeing = true;
    while (c->running.first)
        http_cancel(c, c->running.first->id);
    while (c->ended.first)
        on_ended(c); /* a done may send again: that one ends too */
    loop_soon_cancel(c->loop, c);
    client_done(c);
}
