/* SPDX-License-Identifier: MIT
 * The HTTP server: libmicrohttpd without threads, its epoll descriptor watched by the loop. What "wait" means:
 * MHD_run does what it can; afterwards MHD_get_timeout says when to call again. Does not parse HTTP itself, but
 * refuses what libmicrohttpd 0.9.75 would let pass (two Content-Length and the like).
 *
 * A connection lives from accept to close and carries one request after another, through the phases below. A
 * request is handed to the handler when complete, while libmicrohttpd suspends the connection; the answer resumes
 * it. */
#include "lib/io/http_server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/io/http_server_inside.h"

/* MHD before 1.0.3 may skip a ready connection while another is being suspended: look again this often. */
#define SAFETY_MS 250
#define SWEEP_MS_MAX 500
#define SWEEP_MS_LEAST 20
#define STARVED_MS 100 /* MHD without descriptors and connections would try all the time */

/* ---- running the daemon ---- */

static void on_soon(void *owner);
static void on_readable(uv_poll_t *handle, int status, int events);

static void tell_starved(struct http_server *s, bool starved)
{
    if (s->starved == starved)
        return;
    s->starved = starved;
    if (s->set.on_starved)
        s->set.on_starved(s->owner, starved);
}

/* The only way in which MHD tells it. */
static void on_mhd_says(void *owner, const char *format, va_list arguments)
{
    (void)arguments;
    struct http_server *s = owner;
    s->refused = s->refused || strstr(format, "system resource limit");
}

static void server_run(struct http_server *s)
{
    assert(!s->running);
    bool was_full = s->connections >= s->set.connections_max;
    s->running = true;
    s->refused = false;
    (void)MHD_run(s->daemon); /* fails only for a daemon that is no epoll daemon */
    s->running = false;

    if (s->refused)
        tell_starved(s, true);
    if (s->refused && s->connections == 0) {
        (void)uv_poll_stop(&s->poll); /* cannot fail */
        loop_timer_start(s->again, STARVED_MS, 0);
        return;
    }
    if (!uv_is_active((uv_handle_t *)&s->poll)) /* starting one that runs takes it out of epoll and puts it back */
        (void)uv_poll_start(&s->poll, UV_READABLE, on_readable); /* cannot fail after init */
    MHD_UNSIGNED_LONG_LONG wait_ms = SAFETY_MS;
    bool more = was_full && s->connections < s->set.connections_max; /* MHD listens again from its next run */
    if (s->connections == 0 && !more)
        loop_timer_stop(s->again);
    else if (more || (MHD_get_timeout(s->daemon, &wait_ms) == MHD_YES && wait_ms == 0))
        loop_soon(s->loop, on_soon, s); /* more is ready: after the others had their turn */
    else
        loop_timer_start(s->again, wait_ms < SAFETY_MS ? wait_ms : SAFETY_MS, 0);
    if (s->connections == 0)
        loop_timer_stop(s->sweep);
}

static void on_soon(void *owner)
{
    struct http_server *s = owner;
    assert(s->magic == SERVER_MAGIC);
    loop_soon_cancel(s->loop, s); /* one pending call is enough */
    server_run(s);
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)status; /* an error shows itself in MHD_run */
    (void)events;
    struct http_server *s = handle->data;
    assert(s->magic == SERVER_MAGIC);
    server_run(s);
}

/* ---- connections ---- */

static void connection_enter(struct connection *c, enum phase phase)
{
    c->phase = phase;
    if (phase == PHASE_IDLE || phase == PHASE_HANDLING || phase == PHASE_ANSWERING)
        c->since_ms = clock_mono_ms();
}

/* MHD tells the end of it from its next run. */
static void connection_shut(struct connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!info || c->shut)
        return;
    c->shut = true;
    (void)shutdown(info->connect_fd, SHUT_RDWR); /* fails when it is closed already */
}

/* Lets go of the request: freed when it is ours, only untied when the handler has it. */
static void connection_drop_request(struct connection *c)
{
    struct http_request *req = c->request;
    c->request = NULL;
    if (!req)
        return;
    if (c->phase == PHASE_HANDLING)
        http_request_untie(req);
    else
        http_request_free(req);
}

/* Makes room when the last connection was taken: the one that has been idle longest goes. */
static void close_an_idle_one(struct http_server *s, const struct connection *newest)
{
    struct connection *oldest = NULL;
    for (struct connection *c = s->first; c; c = c->next)
        if (c != newest && c->phase == PHASE_IDLE && !c->shut && (!oldest || c->since_ms < oldest->since_ms))
            oldest = c;
    if (oldest)
        connection_shut(oldest);
}

static void *connection_open(struct http_server *s, struct MHD_Connection *mhd)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL; /* its requests are refused */
    c->magic = CONNECTION_MAGIC;
    c->server = s;
    c->mhd = mhd;
    connection_enter(c, PHASE_IDLE);
    c->prev = s->last;
    *(s->last ? &s->last->next : &s->first) = c;
    s->last = c;
    s->connections++;
    tell_starved(s, false);
    if (s->connections >= s->set.connections_max)
        close_an_idle_one(s, c);
    if (!loop_timer_active(s->sweep)) {
        uint64_t every_ms = s->set.request_longest_ms / 4;
        every_ms = every_ms > SWEEP_MS_MAX ? SWEEP_MS_MAX : every_ms < SWEEP_MS_LEAST ? SWEEP_MS_LEAST : every_ms;
        loop_timer_start(s->sweep, every_ms, every_ms);
    }
    return c;
}

static void connection_close(struct connection *c)
{
    assert(c->magic == CONNECTION_MAGIC);
    struct http_server *s = c->server;
    connection_drop_request(c);
    if (c->response)
        MHD_destroy_response(c->response);
    *(c->prev ? &c->prev->next : &s->first) = c->next;
    *(c->next ? &c->next->prev : &s->last) = c->prev;
    s->connections--;
    c->magic = 0;
    free(c);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
    enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = connection_open(cls, mhd);
    } else if (*socket_context) {
        connection_close(*socket_context);
        *socket_context = NULL;
    }
}

/* The first line has come. What is returned comes back as *con_cls. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *c = info ? info->socket_context : NULL;
    if (!c)
        return NULL;
    assert(c->magic == CONNECTION_MAGIC && !c->request);
    c->request = http_request_new(cls, mhd, uri);
    if (!c->request)
        return NULL;
    c->request->connection = c;
    connection_enter(c, PHASE_HEAD);
    return c;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
    enum MHD_RequestTerminationCode why)
{
    (void)cls;
    (void)mhd;
    (void)why;
    struct connection *c = *con_cls;
    if (!c)
        return;
    assert(c->magic == CONNECTION_MAGIC);
    connection_drop_request(c);
    if (c->response)
        MHD_destroy_response(c->response);
    c->response = NULL;
    c->over = c->over_all = c->answered = c->suspended = false;
    connection_enter(c, PHASE_IDLE);
    *con_cls = NULL;
}

/* ---- answers ---- */

static enum MHD_Result connection_queue(struct connection *c)
{
    assert(c->answered && !c->suspended);
    struct MHD_Response *response = c->response;
    c->response = NULL;
    connection_enter(c, PHASE_ANSWERING);
    if (!response)
        return MHD_NO; /* no memory for an answer: closes the connection */
    enum MHD_Result rc = MHD_queue_response(c->mhd, c->status, response);
    MHD_destroy_response(response);
    return rc;
}

void http_connection_answer(struct connection *c, unsigned status, struct MHD_Response *response)
{
    assert(c->phase == PHASE_HANDLING && !c->answered && !c->response);
    c->status = status;
    c->response = response;
    c->answered = true;
    if (!c->suspended)
        return; /* still inside the handler: on_access queues it */
    c->suspended = false;
    MHD_resume_connection(c->mhd); /* on_access is called again */
    if (!c->server->stopping)
        loop_soon(c->server->loop, on_soon, c->server);
}

/* Refuses before any handler saw the request, and closes: what follows on that connection cannot be trusted. */
static enum MHD_Result refuse(struct connection *c, unsigned status, const char *why)
{
    struct MHD_Response *response = http_response_new("text/plain; charset=utf-8", why, strlen(why));
    if (response)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close"); /* best effort */
    connection_drop_request(c);
    c->status = status;
    c->response = response;
    c->answered = true;
    return connection_queue(c);
}

/* ---- the request comes in ---- */

struct head {
    unsigned hosts, lengths, encodings;
    bool bad_name, bad_length, bad_encoding;
    uint64_t length;
};

static bool is_token(const char *name, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        char ch = name[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (ch == '\0' || (!letter && !strchr("!#$%&'*+-.^_`|~", ch)))
            return false;
    }
    return bytes > 0;
}

static bool read_length(const char *text, uint64_t *out)
{
    uint64_t n = 0;
    size_t digits = text ? strspn(text, "0123456789") : 0;
    if (digits == 0 || digits > 18 || text[digits] != '\0')
        return false;
    for (size_t i = 0; i < digits; i++)
        n = n * 10 + (uint64_t)(text[i] - '0');
    *out = n;
    return true;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_bytes,
    const char *value, size_t value_bytes)
{
    (void)kind;
    (void)value_bytes;
    struct head *h = cls;
    if (!is_token(name, name_bytes)) {
        h->bad_name = true;
    } else if (strcasecmp(name, "Host") == 0) {
        h->hosts++;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        h->lengths++;
        if (!read_length(value, &h->length))
            h->bad_length = true;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        h->encodings++;
        if (!value || strcasecmp(value, "chunked") != 0)
            h->bad_encoding = true;
    }
    return MHD_YES;
}

/* Why the headers cannot be accepted, or NULL. Two readers of one stream (a proxy and we) must not see two requests
 * where the sender wrote one. */
static const char *head_fault(const struct head *h, const char *version)
{
    bool old = strcmp(version, "HTTP/1.0") == 0; /* health checks of load balancers; knows no Host */
    if (!old && strcmp(version, "HTTP/1.1") != 0)
        return "only HTTP/1.1 is spoken here\n";
    if (h->bad_name)
        return "a header's name is malformed\n";
    if (h->hosts > 1 || (h->hosts == 0 && !old))
        return "exactly one Host is needed\n";
    if (h->lengths > 1 || h->bad_length)
        return "exactly one Content-Length, in digits, is allowed\n";
    if (h->lengths > 0 && h->encodings > 0)
        return "Content-Length and Transfer-Encoding exclude each other\n";
    if (h->encodings > 1 || h->bad_encoding)
        return "the only Transfer-Encoding known is chunked\n";
    return NULL;
}

static enum MHD_Result head_arrived(struct connection *c, const char *method, const char *version)
{
    struct head h = {0};
    (void)MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, on_header, &h); /* the count says nothing new */
    const char *fault = head_fault(&h, version);
    if (fault)
        return refuse(c, MHD_HTTP_BAD_REQUEST, fault);
    if (h.length > c->server->set.body_bytes_max)
        return refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large\n");
    c->request->method = strdup(method);
    if (!c->request->method)
        return MHD_NO;
    c->phase = PHASE_BODY;
    return MHD_YES;
}

static void body_add(struct connection *c, const char *data, size_t bytes)
{
    struct http_server *s = c->server;
    if (c->over || c->over_all)
        return; /* read and forgotten, so that the answer finds a client that listens */
    if (s->bodies_bytes + bytes > s->set.bodies_bytes_max)
        c->over_all = true;
    else if (buf_add(&c->request->body, data, bytes) != 0)
        c->over = true;
    else
        s->bodies_bytes += bytes;
}

static enum MHD_Result body_complete(struct connection *c)
{
    if (c->over)
        return refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large\n");
    if (c->over_all)
        return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "too much at once\n");
    connection_enter(c, PHASE_HANDLING);
    c->server->fn(c->server->owner, c->request);
    if (c->answered)
        return connection_queue(c);
    c->suspended = true;
    MHD_suspend_connection(c->mhd);
    return MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *data_bytes, void **con_cls)
{
    (void)mhd;
    (void)url; /* decoded; the handler gets what was sent */
    struct http_server *s = cls;
    struct connection *c = *con_cls;
    if (!c || s->stopping)
        return MHD_NO;
    assert(c->magic == CONNECTION_MAGIC);
    if (c->phase == PHASE_HEAD)
        return head_arrived(c, method, version);
    if (c->phase == PHASE_BODY && *data_bytes > 0) {
        body_add(c, data, *data_bytes);
        *data_bytes = 0;
        return MHD_YES;
    }
    if (c->phase == PHASE_BODY)
        return body_complete(c);
    return c->phase == PHASE_HANDLING && c->answered ? connection_queue(c) : MHD_NO;
}

/* ---- deadlines: MHD's own timeout counts silence only, so a byte a second would hold a connection for ever ---- */

static void answer_for_the_handler(struct connection *c)
{
    static const char why[] = "no answer in time\n";
    connection_drop_request(c);
    http_connection_answer(c, MHD_HTTP_SERVICE_UNAVAILABLE,
        http_response_new("text/plain; charset=utf-8", why, sizeof why - 1));
}

static void on_sweep(void *owner)
{
    struct http_server *s = owner;
    assert(s->magic == SERVER_MAGIC);
    int64_t now_ms = clock_mono_ms();
    for (struct connection *c = s->first; c; c = c->next) {
        int64_t age_ms = now_ms - c->since_ms;
        if (c->phase != PHASE_HANDLING && age_ms > s->set.request_longest_ms)
            connection_shut(c);
        else if (c->phase == PHASE_HANDLING && !c->answered && age_ms > s->set.answer_longest_ms)
            answer_for_the_handler(c);
    }
    server_run(s);
}

static void on_again(void *owner)
{
    struct http_server *s = owner;
    assert(s->magic == SERVER_MAGIC);
    server_run(s);
}

/* ---- start and end ---- */

static void fill_settings(struct http_server_settings *set)
{
    if (set->body_bytes_max == 0)
        set->body_bytes_max = HTTP_SERVER_BODY_BYTES_MAX;
    if (set->bodies_bytes_max == 0)
        set->bodies_bytes_max = HTTP_SERVER_BODIES_BYTES_MAX;
    if (set->connections_max == 0)
        set->connections_max = HTTP_SERVER_CONNECTIONS_MAX;
    if (set->request_longest_ms == 0)
        set->request_longest_ms = HTTP_SERVER_REQUEST_MS;
    if (set->answer_longest_ms == 0)
        set->answer_longest_ms = HTTP_SERVER_ANSWER_MS;
    set->address = NULL; /* borrowed for the call only */
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_access, s,
        MHD_OPTION_EXTERNAL_LOGGER, on_mhd_says, s,
        MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, s->set.connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, s->set.per_ip_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_SERVER_HEADER_BYTES_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_SERVER_IDLE_S,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
        MHD_OPTION_END);
}

static int watch_daemon(struct http_server *s, struct error *err)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int rc = info ? uv_poll_init(loop_uv(s->loop), &s->poll, info->epoll_fd) : UV_EBADF;
    if (rc != 0)
        return error_from(err, ERROR_LIMIT, ERROR_FROM_LIBUV, rc, "HTTP server: %s", uv_strerror(rc));
    s->poll.data = s;
    (void)uv_poll_start(&s->poll, UV_READABLE, on_readable); /* cannot fail after init */
    s->again = loop_timer_new(s->loop, on_again, s);
    s->sweep = loop_timer_new(s->loop, on_sweep, s);
    return 0;
}

struct http_server *http_server_new(struct loop *loop, const struct http_server_settings *settings,
    http_handler *fn, void *owner, struct error *err)
{
    assert(loop && fn);
    int fd = http_listen(settings->address ? settings->address : "127.0.0.1", settings->port, err);
    if (fd < 0)
        return NULL;
    struct http_server *s = calloc(1, sizeof *s);
    if (s) {
        *s = (struct http_server){.magic = SERVER_MAGIC, .loop = loop, .fn = fn, .owner = owner, .set = *settings};
        fill_settings(&s->set);
        s->port = http_listen_port(fd);
        s->daemon = start_daemon(s, fd);
    }
    if (!s || !s->daemon) {
        error_set(err, ERROR_LIMIT, "no memory or descriptors for the HTTP server");
        (void)close(fd); /* nothing to do about it */
        free(s);
        return NULL;
    }
    if (watch_daemon(s, err) != 0) {
        MHD_stop_daemon(s->daemon);
        free(s);
        return NULL;
    }
    return s;
}

uint16_t http_server_port(const struct http_server *s)
{
    assert(s->magic == SERVER_MAGIC);
    return s->port;
}

unsigned http_server_connections(const struct http_server *s)
{
    assert(s->magic == SERVER_MAGIC);
    return s->connections;
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    assert(s->magic == SERVER_MAGIC && !s->running);
    s->stopping = true;
    for (struct connection *c = s->first; c; c = c->next) {
        if (c->phase == PHASE_HANDLING)
            connection_drop_request(c); /* it outlives us */
        if (c->suspended) {
            c->suspended = false;
            MHD_resume_connection(c->mhd); /* MHD aborts when it is stopped with one suspended */
        }
    }
    (void)uv_poll_stop(&s->poll); /* before MHD closes the descriptor */
    loop_timer_free(s->again);
    loop_timer_free(s->sweep);
    loop_soon_cancel(s->loop, s);
    MHD_stop_daemon(s->daemon);
    assert(s->connections == 0 && !s->first);
    s->magic = 0;
    uv_close((uv_handle_t *)&s->poll, on_poll_closed);
}
