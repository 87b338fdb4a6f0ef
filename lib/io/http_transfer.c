/* SPDX-License-Identifier: MIT
 * One transfer of the HTTP client: a call is copied into a curl handle, the reply is collected and read. Knows
 * nothing of the loop, and starts nothing. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/io/http_client_inside.h"

#define URL_BYTES_MAX 4096

/* ---- what curl tells of one transfer ---- */

/* Called before the request is written, a second time when a kept connection turns out to be dead. Then the first
 * may have arrived all the same, and only a read may be sent again. */
static int on_before_send(void *owner, char *ip, char *own_ip, int port, int own_port)
{
    (void)ip;
    (void)own_ip;
    (void)port;
    (void)own_port;
    struct transfer *t = owner;
    t->late = clock_mono_ms() >= t->until_ms; /* timers run after sockets when a stopped process goes on */
    if (t->late || (t->sent && !t->reads))
        return CURL_PREREQFUNC_ABORT;
    t->sent = true;
    return CURL_PREREQFUNC_OK;
}

/* As curl would, but remembers why there is none: curl only says that it could not connect. */
static curl_socket_t on_open(void *owner, curlsocktype purpose, struct curl_sockaddr *to)
{
    (void)purpose;
    struct transfer *t = owner;
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    t->no_socket = fd < 0 ? errno : 0;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* What was written and not taken by the other side goes with the call: the kernel may not deliver it later, neither while this
 * process is stopped nor after the socket is closed. */
static int on_socket(void *owner, curl_socket_t fd, curlsocktype purpose)
{
    (void)purpose;
    struct transfer *t = owner;
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    unsigned longest_ms = (unsigned)(t->until_ms - t->started_ms);
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none); /* cannot fail on a new TCP socket */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &longest_ms, sizeof longest_ms);
    return CURL_SOCKOPT_OK;
}

static size_t on_body(char *data, size_t one, size_t bytes, void *owner)
{
    (void)one;
    struct transfer *t = owner;
    if (buf_add(&t->reply.body, data, bytes) == 0)
        return bytes;
    t->over = true;
    return CURL_WRITEFUNC_ERROR;
}

static size_t on_head(char *data, size_t one, size_t bytes, void *owner)
{
    (void)one;
    struct transfer *t = owner;
    if (bytes >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        buf_clear(&t->reply.head); /* what came before was a 1xx */
        t->head_ended = false;
    }
    if (bytes <= 2) /* the empty line */
        t->head_ended = true;
    const char *colon = memchr(data, ':', bytes);
    if (!colon || memchr(data, '\0', bytes))
        return bytes;
    const char *value = colon + 1, *end = data + bytes;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]))
        end--;
    struct buf *head = &t->reply.head;
    if (buf_add(head, data, (size_t)(colon - data)) == 0 && buf_add_char(head, '\0') == 0 &&
        buf_add(head, value, (size_t)(end - value)) == 0 && buf_add_char(head, '\0') == 0)
        return bytes;
    t->over = true;
    return 0;
}

/* ---- sending ---- */

static bool is_word(const char *text)
{
    return text && text[0] != '\0' &&
           text[strspn(text, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] == '\0';
}

static int add_header(struct transfer *t, const char *name, const char *value)
{
    if (!is_word(name) || !value || strpbrk(value, "\r\n"))
        return error_set(&t->err, ERROR_INPUT, "%s: a header cannot be sent: bad name, or a line break", t->place);
    struct buf line;
    buf_init(&line, HTTP_CLIENT_HEADER_BYTES_MAX);
    int rc = value[0] ? buf_printf(&line, "%s: %s", name, value) : buf_printf(&line, "%s;", name);
    struct curl_slist *more = rc == 0 ? curl_slist_append(t->headers, buf_text(&line)) : NULL;
    buf_done_secret(&line);
    if (!more)
        return error_set(&t->err, ERROR_LIMIT, "%s: a header is too long", t->place);
    t->headers = more;
    return 0;
}

/* curl adds what nobody asked for: a line "Name:" takes it out. */
static int silence_header(struct transfer *t, const char *line)
{
    struct curl_slist *more = curl_slist_append(t->headers, line);
    if (!more)
        return error_set(&t->err, ERROR_LIMIT, "%s: no memory", t->place);
    t->headers = more;
    return 0;
}

static int add_headers(struct transfer *t, const struct http_header *headers)
{
    bool typed = false;
    for (const struct http_header *h = headers; h && h->name; h++) {
        if (add_header(t, h->name, h->value) != 0)
            return -1;
        typed = typed || strcasecmp(h->name, "Content-Type") == 0;
    }
    if (!typed && silence_header(t, "Content-Type:") != 0)
        return -1;
    return silence_header(t, "Expect:");
}

static int read_url(struct transfer *t, const char *method, const char *text)
{
    CURLU *url = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL;
    int rc = -1;
    if (!url)
        return error_set(&t->err, ERROR_LIMIT, "no memory");
    if (strlen(text) > URL_BYTES_MAX || curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK || strlen(host) >= sizeof t->host ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        error_set(&t->err, ERROR_INPUT, "not an http or https URL: '%.100s'", text);
        goto out;
    }
    snprintf(t->host, sizeof t->host, "%s", host);
    t->port = (unsigned)strtoul(port, NULL, 10);
    snprintf(t->place, sizeof t->place, "%s %s://%s:%s%s", method, scheme, host, port, path);
    rc = 0;
out:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_url_cleanup(url);
    return rc;
}

static void set_method(struct transfer *t, const struct http_call *call)
{
    CURL *e = t->easy;
    bool body = call->body || strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0 ||
                strcmp(call->method, "PATCH") == 0;
    if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
        return;
    }
    if (body) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, buf_text(&t->body)); /* borrowed from t */
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.bytes);
    }
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, call->method);
}

/* setopt fails for want of memory only, or for an option that curl was built without: caught by the test of each. */
static int set_options(struct transfer *t, const struct http_call *call)
{
    struct http_client *c = t->client;
    CURL *e = t->easy = curl_easy_init();
    if (!e)
        return error_set(&t->err, ERROR_LIMIT, "%s: no memory", t->place);
    CURLcode rc = curl_easy_setopt(e, CURLOPT_URL, call->url);
    if (rc == CURLE_OK && c->ca_file)
        rc = curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, ""); /* none, whatever the environment says */
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CLIENT_CONNECT_MS);
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, 30L); /* seconds: an older one may be dead, and a write then in doubt */
    curl_easy_setopt(e, CURLOPT_USERAGENT, "firstline");
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_says);
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(t->until_ms - t->started_ms) + 100); /* as the deadline; asked before each write */
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_socket);
    curl_easy_setopt(e, CURLOPT_SOCKOPTDATA, t);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_before_send);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    set_method(t, call);
    return rc == CURLE_OK ? 0 : error_set(&t->err, ERROR_LIMIT, "%s: no memory", t->place);
}

int http_transfer_prepare(struct transfer *t, const struct http_call *call)
{
    if (t->client->freeing)
        return error_set(&t->err, ERROR_CANCELLED, "the HTTP client is being closed: nothing was sent");
    if (t->client->calls > HTTP_CLIENT_CALLS_MAX)
        return error_set(&t->err, ERROR_LIMIT, "more than %d requests at once", HTTP_CLIENT_CALLS_MAX);
    if (!is_word(call->method) || !call->url)
        return error_set(&t->err, ERROR_INPUT, "no method or no URL");
    if (read_url(t, call->method, call->url) != 0 || add_headers(t, call->headers) != 0)
        return -1;
    t->reads = strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0;
    buf_init(&t->body, call->bytes);
    buf_init(&t->reply.head, HTTP_CLIENT_HEADER_BYTES_MAX);
    buf_init(&t->reply.body, call->body_bytes_max ? call->body_bytes_max : HTTP_CLIENT_BODY_BYTES_MAX);
    if (call->bytes > 0 && buf_add(&t->body, call->body, call->bytes) != 0)
        return error_set(&t->err, ERROR_LIMIT, "%s: no memory for the body", t->place);
    return set_options(t, call);
}

int http_transfer_addresses(struct transfer *t, const struct resolve_answer *answer)
{
    if (t->host[0] == '[')
        return 0; /* an address already; curl's list knows no brackets */
    struct buf line;
    buf_init(&line, sizeof t->host + RESOLVE_ADDRESSES_MAX * sizeof answer->addresses[0]);
    int rc = buf_printf(&line, "+%s:%u:", t->host, t->port);
    for (int i = 0; rc == 0 && i < answer->count; i++) {
        const struct resolve_address *a = &answer->addresses[i];
        rc = buf_printf(&line, a->v6 ? "%s[%s]" : "%s%s", i > 0 ? "," : "", a->text);
    }
    t->addresses = rc == 0 ? curl_slist_append(NULL, buf_text(&line)) : NULL;
    buf_done(&line);
    if (!t->addresses || curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->addresses) != CURLE_OK)
        return -1;
    return 0;
}

/* ---- replies ---- */

int http_reply_status(const struct http_reply *r)
{
    return r->status;
}

const char *http_reply_header(const struct http_reply *r, const char *name)
{
    const char *found = NULL;
    const char *at = buf_text(&r->head), *end = at + r->head.bytes;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        if (strcasecmp(at, name) == 0)
            found = value;
        at = value + strlen(value) + 1;
    }
    return found;
}

const char *http_reply_body(const struct http_reply *r, size_t *out_bytes)
{
    if (out_bytes)
        *out_bytes = r->body.bytes;
    return buf_text(&r->body);
}

/* ---- the end ---- */

static void slist_free_secret(struct curl_slist *list)
{
    for (struct curl_slist *s = list; s; s = s->next)
        explicit_bzero(s->data, strlen(s->data));
    curl_slist_free_all(list);
}

void http_transfer_free(struct transfer *t)
{
    assert(t->magic == TRANSFER_MAGIC && t->stage == STAGE_ENDED);
    if (t->easy)
        curl_easy_cleanup(t->easy);
    slist_free_secret(t->headers);
    curl_slist_free_all(t->addresses);
    buf_done_secret(&t->body);
    buf_done(&t->reply.head);
    buf_done(&t->reply.body);
    t->magic = 0;
    free(t);
}
