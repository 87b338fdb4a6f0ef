/* SPDX-License-Identifier: MIT
 * The HTTP client against our own server, and against raw sockets that break off at each point where one can.
 * Over 600 lines: one flat list of what a peer can do, each with its test. */
#include "tests/kit/kit.h"
#include "tests/kit/kit_raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/io/http_client.h"
#include "lib/io/http_server.h"
#include "lib/io/loop.h"

#define PATIENCE_MS 60000

/* ---- the client, and what it told ---- */

struct desk {
    struct loop *loop;
    struct http_client *client;
    int done;
    uint64_t last_id;
    int status; /* 0: an error came */
    char body[4096];
    size_t bytes;
    char header[256]; /* of "x-test" */
    struct error err;
    bool inside; /* http_send is running */
    bool again;  /* send once more from done */
};

static struct http_call call_to(const char *method, char url[128], uint16_t port, const char *path)
{
    snprintf(url, 128, "http://127.0.0.1:%u%s", port, path);
    bool body = strcmp(method, "GET") != 0;
    return (struct http_call){.method = method, .url = url, .body = body ? "hello" : NULL, .bytes = body ? 5 : 0,
        .timeout_ms = PATIENCE_MS};
}

static void on_done(void *owner, uint64_t id, const struct http_reply *reply, const struct error *err)
{
    struct desk *d = owner;
    assert_false(d->inside);
    assert_true(!reply != !err);
    d->done++;
    d->last_id = id;
    d->status = reply ? http_reply_status(reply) : 0;
    d->err = err ? *err : (struct error){0};
    const char *body = reply ? http_reply_body(reply, &d->bytes) : "";
    snprintf(d->body, sizeof d->body, "%s", body);
    const char *header = reply ? http_reply_header(reply, "X-TEST") : NULL;
    snprintf(d->header, sizeof d->header, "%s", header ? header : "-");
}

static void desk_open(struct desk *d, const struct http_client_settings *settings)
{
    *d = (struct desk){0};
    struct error err = {0};
    d->loop = loop_new(&err);
    d->client = http_client_new(d->loop, settings, &err);
    if (!d->client)
        fail_msg("%s", err.text);
}

static void desk_close(struct desk *d)
{
    http_client_free(d->client);
    loop_free(d->loop);
}

static uint64_t desk_send(struct desk *d, const struct http_call *call)
{
    d->inside = true;
    uint64_t id = http_send(d->client, call, on_done, d);
    d->inside = false;
    assert_true(id != 0);
    return id;
}

static void desk_wait(struct desk *d, int done)
{
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (d->done < done) {
        if (clock_mono_ms() > end_ms)
            fail_msg("waited for %d answers, have %d", done, d->done);
        loop_turn(d->loop, 10);
    }
    for (int i = 0; i < 3; i++)
        loop_turn(d->loop, 1); /* a second completion would show itself */
    assert_int_equal(d->done, done);
}

static void await_requests(struct desk *d, struct kit_raw *r, int least)
{
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (atomic_load(&r->requests) < least) {
        if (clock_mono_ms() > end_ms)
            fail_msg("waited for %d requests", least);
        loop_turn(d->loop, 10);
    }
}

/* ---- our own server on the same loop ---- */

static void echo(void *owner, struct http_request *req)
{
    (void)owner;
    char text[1024];
    const char *token = http_request_header(req, "X-Token"), *type = http_request_header(req, "Content-Type");
    const char *expect = http_request_header(req, "Expect"), *agent = http_request_header(req, "User-Agent");
    snprintf(text, sizeof text, "%s %s?%s token=%s type=%s expect=%s agent=%s body=%s", http_request_method(req),
        http_request_path(req), http_request_query(req), token ? token : "-", type ? type : "-",
        expect ? expect : "-", agent ? agent : "-", http_request_body(req, NULL));
    http_answer_header(req, "X-Test", "one");
    http_answer(req, 200, "text/plain", text, strlen(text));
}

static void requests_and_replies_are_whole(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d, NULL);
    struct error err = {0};
    struct http_server *s = http_server_new(d.loop, &(struct http_server_settings){0}, echo, NULL, &err);
    assert_non_null(s);
    static const struct {
        const char *method, *body, *expected;
    } rows[] = {
        {"GET", NULL, "GET /p?q=1 token=t type=- expect=- agent=firstline body="},
        {"POST", "hello", "POST /p?q=1 token=t type=- expect=- agent=firstline body=hello"},
        {"POST", NULL, "POST /p?q=1 token=t type=- expect=- agent=firstline body="},
        {"PUT", "x", "PUT /p?q=1 token=t type=- expect=- agent=firstline body=x"},
        {"PUT", NULL, "PUT /p?q=1 token=t type=- expect=- agent=firstline body="},
        {"DELETE", NULL, "DELETE /p?q=1 token=t type=- expect=- agent=firstline body="},
    };
    char url[128];
    for (int i = 0; i < (int)(sizeof rows / sizeof rows[0]); i++) {
        struct http_call call = call_to("GET", url, http_server_port(s), "/p?q=1");
        call.method = rows[i].method;
        call.body = rows[i].body;
        call.bytes = rows[i].body ? strlen(rows[i].body) : 0;
        call.headers = (const struct http_header[]){{"X-Token", "t"}, {NULL, NULL}};
        uint64_t id = desk_send(&d, &call);
        desk_wait(&d, i + 1);
        assert_int_equal(d.last_id, id);
        assert_int_equal(d.status, 200);
        assert_string_equal(d.body, rows[i].expected);
        assert_string_equal(d.header, "one");
    }
    struct http_call head = call_to("HEAD", url, http_server_port(s), "/p");
    head.body = NULL;
    head.bytes = 0;
    desk_send(&d, &head);
    desk_wait(&d, 7);
    assert_int_equal(d.status, 200);
    assert_int_equal(d.bytes, 0);
    http_server_free(s);
    desk_close(&d);
}

static void names_and_addresses_are_reached(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "LocalHost", "[::1]"};
    struct desk d;
    desk_open(&d, NULL);
    struct error err = {0};
    struct http_server *s =
        http_server_new(d.loop, &(struct http_server_settings){.address = "::"}, echo, NULL, &err);
    assert_non_null(s);
    for (int i = 0; i < (int)(sizeof hosts / sizeof hosts[0]); i++) {
        char url[128];
        snprintf(url, sizeof url, "http://%s:%u/", hosts[i], http_server_port(s));
        desk_send(&d, &(struct http_call){.method = "GET", .url = url, .timeout_ms = PATIENCE_MS});
        desk_wait(&d, i + 1);
        if (d.status != 200)
            fail_msg("%s: %s", hosts[i], d.err.text);
    }
    http_server_free(s);
    desk_close(&d);
}

static void many_calls_wait_in_line(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d, &(struct http_client_settings){.connections_max = 4});
    struct error err = {0};
    struct http_server *s = http_server_new(d.loop, &(struct http_server_settings){0}, echo, NULL, &err);
    assert_non_null(s);
    char url[128];
    for (int i = 0; i < 200; i++) {
        struct http_call call = call_to("POST", url, http_server_port(s), "/p");
        desk_send(&d, &call);
    }
    desk_wait(&d, 200);
    assert_int_equal(d.status, 200);
    assert_true(http_server_connections(s) <= 4);
    http_client_free(d.client);
    http_server_free(s);
    loop_free(d.loop);
}

#define OK_5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Test: a\r\n\r\nhello"

static const struct {
    struct kit_part part;
    int status;            /* 0: an error */
    enum error_kind kind;
    const char *says;      /* in the error's text, or the body */
    const char *comment;
} cuts[] = {
    {{.deaf = true}, 0, ERROR_UNCERTAIN, "may have arrived", "closed unread"},
    {{.answer = NULL}, 0, ERROR_UNCERTAIN, "may have arrived", "closed after the request"},
    {{.answer = "HTTP/1.1 2"}, 0, ERROR_UNCERTAIN, "may have arrived", "closed in the status line"},
    {{.answer = "HTTP/1.1 200 OK\r\nContent-Le"}, 0, ERROR_UNCERTAIN, "may have arrived", "closed in a header"},
    {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"}, 0, ERROR_UNCERTAIN, "may have arrived",
        "closed in the body"},
    {{.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhello"}, 0, ERROR_UNCERTAIN,
        "may have arrived", "closed in a chunk"},
    {{.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}, 0, ERROR_UNCERTAIN,
        "may have arrived", "a chunk that is none"},
    {{.answer = "hello, this is not HTTP\r\n\r\n"}, 0, ERROR_UNCERTAIN, "may have arrived", "another protocol"},
    {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"
                "0123456789012345678901234567890123456789012345678901234567890123456789"}, 0, ERROR_UNCERTAIN,
        "answered 200 with more than we take", "too large a body"},
    {{.answer = OK_5}, 200, ERROR_NONE, "hello", "an answer"},
    {{.answer = "HTTP/1.1 100 Continue\r\nX-Test: early\r\n\r\n" OK_5}, 200, ERROR_NONE, "hello", "100 before"},
    {{.answer = "HTTP/1.1 200 OK\r\n\r\nhello"}, 200, ERROR_NONE, "hello", "ended by the close"},
    {{.answer = "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"}, 301,
        ERROR_NONE, "", "a redirect is not followed"},
    {{.answer = "HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy"}, 503, ERROR_NONE, "busy", "503 is a reply"},
};

static void each_cut_has_its_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct desk d;
        struct kit_raw r;
        char url[128];
        kit_raw_start(&r, &cuts[i].part, 1);
        desk_open(&d, NULL);
        struct http_call call = call_to("POST", url, r.port, "/n?secret=1");
        call.body_bytes_max = 64;
        desk_send(&d, &call);
        desk_wait(&d, 1);
        if (d.status != cuts[i].status || d.err.kind != cuts[i].kind ||
            !strstr(cuts[i].status ? d.body : d.err.text, cuts[i].says))
            fail_msg("%s: status %d, %s, '%s', '%s'", cuts[i].comment, d.status, error_kind_name(d.err.kind),
                d.err.text, d.body);
        assert_null(strstr(d.err.text, "secret"));
        if (!cuts[i].part.deaf)
            assert_int_equal(atomic_load(&r.requests), 1);
        desk_close(&d);
        kit_raw_stop(&r);
    }
}

static void the_last_of_equal_headers_and_of_heads_counts(void **state)
{
    (void)state;
    static const struct kit_part part = {
        .answer = "HTTP/1.1 103 Early\r\nX-Test: no\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nX-Test: first\r\nX-TEST:\t second \r\nContent-Length: 0\r\n\r\n"};
    struct desk d;
    struct kit_raw r;
    char url[128];
    kit_raw_start(&r, &part, 1);
    desk_open(&d, NULL);
    struct http_call call = call_to("GET", url, r.port, "/");
    desk_send(&d, &call);
    desk_wait(&d, 1);
    assert_int_equal(d.status, 200);
    assert_string_equal(d.header, "second");
    desk_close(&d);
    kit_raw_stop(&r);
}

/* A kept connection that is closed as the second request arrives: curl would quietly send it again. */
static void a_write_is_never_sent_twice(void **state)
{
    (void)state;
    static const struct kit_part parts[] = {{.answer = OK_5, .stays = true}, {.answer = NULL}, {.answer = OK_5}};
    struct desk d;
    struct kit_raw r;
    char url[128];
    kit_raw_start(&r, parts, 3);
    desk_open(&d, NULL);
    struct http_call call = call_to("POST", url, r.port, "/n");
    desk_send(&d, &call);
    desk_wait(&d, 1);
    desk_send(&d, &call);
    desk_wait(&d, 2);
    assert_int_equal(d.status, 0);
    assert_int_equal(d.err.kind, ERROR_UNCERTAIN);
    assert_int_equal(atomic_load(&r.requests), 2);
    desk_close(&d);
    kit_raw_stop(&r);
}

static void a_read_may_be_sent_twice(void **state)
{
    (void)state;
    static const struct kit_part parts[] = {{.answer = OK_5, .stays = true}, {.answer = NULL}, {.answer = OK_5}};
    struct desk d;
    struct kit_raw r;
    char url[128];
    kit_raw_start(&r, parts, 3);
    desk_open(&d, NULL);
    struct http_call call = call_to("GET", url, r.port, "/n");
    desk_send(&d, &call);
    desk_wait(&d, 1);
    desk_send(&d, &call);
    desk_wait(&d, 2);
    assert_int_equal(d.status, 200);
    assert_int_equal(atomic_load(&r.requests), 3);
    desk_close(&d);
    kit_raw_stop(&r);
}

static void no_answer_in_time_is_uncertain(void **state)
{
    (void)state;
    static const struct kit_part parts[] = {
        {.silent = true}, {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .silent = true}};
    for (int i = 0; i < 2; i++) {
        struct desk d;
        struct kit_raw r;
        char url[128];
        kit_raw_start(&r, &parts[i], 1);
        desk_open(&d, NULL);
        struct http_call call = call_to("POST", url, r.port, "/n");
        call.timeout_ms = 200;
        desk_send(&d, &call);
        desk_wait(&d, 1);
        assert_int_equal(d.err.kind, ERROR_UNCERTAIN);
        assert_non_null(strstr(d.err.text, "no complete answer in time"));
        desk_close(&d);
        kit_raw_stop(&r);
    }
}

static void what_waits_in_line_too_long_was_not_sent(void **state)
{
    (void)state;
    static const struct kit_part part = {.silent = true};
    struct desk d;
    struct kit_raw r;
    char url[128];
    kit_raw_start(&r, &part, 1);
    desk_open(&d, &(struct http_client_settings){.connections_max = 1});
    struct http_call call = call_to("POST", url, r.port, "/n");
    desk_send(&d, &call);
    await_requests(&d, &r, 1);
    call.timeout_ms = 200;
    uint64_t second = desk_send(&d, &call);
    desk_wait(&d, 1);
    assert_int_equal(d.last_id, second);
    assert_int_equal(d.err.kind, ERROR_DEADLINE);
    desk_close(&d);
    assert_int_equal(d.done, 2); /* the first: ended by the close */
    assert_int_equal(d.err.kind, ERROR_UNCERTAIN);
    kit_raw_stop(&r);
}

static void a_closed_port_is_unreached(void **state)
{
    (void)state;
    struct desk d;
    char url[128];
    uint16_t port = 0;
    int fd = kit_bind_any(&port, -1); /* taken, but nobody listens */
    desk_open(&d, NULL);
    struct http_call call = call_to("POST", url, port, "/n");
    desk_send(&d, &call);
    desk_wait(&d, 1);
    assert_int_equal(d.err.kind, ERROR_UNREACHED);
    assert_non_null(strstr(d.err.text, "nothing was sent"));
    char place[64];
    snprintf(place, sizeof place, "POST http://127.0.0.1:%u/n: ", port);
    assert_non_null(strstr(d.err.text, place));
    desk_close(&d);
    close(fd);
}

static void no_connection_in_time_was_not_sent(void **state)
{
    (void)state;
    uint16_t port = 0;
    int full = kit_bind_any(&port, 0), fillers[8];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < 8; i++) { /* the queue of a server that does not accept is short: the rest hangs */
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&at, sizeof at);
    }
    struct desk d;
    char url[128];
    desk_open(&d, NULL);
    struct http_call call = call_to("POST", url, port, "/n");
    call.timeout_ms = 300;
    desk_send(&d, &call);
    desk_wait(&d, 1);
    assert_int_equal(d.err.kind, ERROR_DEADLINE);
    desk_close(&d);
    for (int i = 0; i < 8; i++)
        close(fillers[i]);
    close(full);
}

static void cancelling_says_whether_it_was_sent(void **state)
{
    (void)state;
    static const struct kit_part part = {.silent = true};
    struct desk d;
    struct kit_raw r;
    char url[128];
    kit_raw_start(&r, &part, 1);
    desk_open(&d, NULL);
    struct http_call call = call_to("POST", url, r.port, "/n");
    uint64_t id = desk_send(&d, &call);
    http_cancel(d.client, id);
    http_cancel(d.client, id);
    assert_int_equal(d.done, 0); /* not inside */
    desk_wait(&d, 1);
    assert_int_equal(d.err.kind, ERROR_CANCELLED);
    id = desk_send(&d, &call);
    await_requests(&d, &r, 1);
    http_cancel(d.client, id);
    desk_wait(&d, 2);
    assert_int_equal(d.err.kind, ERROR_UNCERTAIN);
    http_cancel(d.client, id);
    http_cancel(d.client, 12345);
    desk_wait(&d, 2);
    desk_close(&d);
    kit_raw_stop(&r);
}

static void mistakes_are_told_not_sent(void **state)
{
    (void)state;
    static const struct {
        const char *method, *url, *name, *value;
    } rows[] = {
        {"GET", "ftp://127.0.0.1/", NULL, NULL},
        {"GET", "not a url", NULL, NULL},
        {"GET", "http://user:password@127.0.0.1/", NULL, NULL},
        {"GE T", "http://127.0.0.1/", NULL, NULL},
        {"", "http://127.0.0.1/", NULL, NULL},
        {"GET", "http://127.0.0.1/", "X-Token", "a\r\nX-Evil: b"},
        {"GET", "http://127.0.0.1/", "X Token", "a"},
        {"GET", "http://127.0.0.1/", "X-Token:", "a"},
        {"GET", "http://127.0.0.1/", "X-Token", NULL},
    };
    struct desk d;
    desk_open(&d, NULL);
    for (int i = 0; i < (int)(sizeof rows / sizeof rows[0]); i++) {
        const struct http_header headers[] = {{rows[i].name, rows[i].value}, {NULL, NULL}};
        desk_send(&d, &(struct http_call){.method = rows[i].method, .url = rows[i].url, .headers = headers});
        desk_wait(&d, i + 1);
        if (d.err.kind != ERROR_INPUT)
            fail_msg("row %d: %s '%s'", i, error_kind_name(d.err.kind), d.err.text);
        assert_null(strstr(d.err.text, "Evil"));
    }
    desk_close(&d);
}

static void too_many_calls_are_refused(void **state)
{
    (void)state;
    struct desk d;
    char url[128];
    uint16_t port = 0;
    int fd = kit_bind_any(&port, 64);
    desk_open(&d, NULL);
    struct http_call call = call_to("POST", url, port, "/n");
    for (int i = 0; i < HTTP_CLIENT_CALLS_MAX; i++)
        desk_send(&d, &call);
    desk_send(&d, &call);
    desk_wait(&d, 1);
    assert_int_equal(d.err.kind, ERROR_LIMIT);
    desk_close(&d);
    assert_int_equal(d.done, HTTP_CLIENT_CALLS_MAX + 1);
    close(fd);
}

static void send_again(void *owner, uint64_t id, const struct http_reply *reply, const struct error *err)
{
    struct desk *d = owner;
    on_done(owner, id, reply, err);
    if (d->again) {
        d->again = false;
        (void)http_send(d->client, &(struct http_call){.method = "GET", .url = "http://127.0.0.1:1/"}, on_done, d);
    }
}

static void what_is_sent_while_closing_ends_cancelled(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d, NULL);
    d.again = true;
    (void)http_send(d.client, &(struct http_call){.method = "GET", .url = "http://127.0.0.1:1/"}, send_again, &d);
    desk_close(&d);
    assert_int_equal(d.done, 2);
    assert_int_equal(d.err.kind, ERROR_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_and_replies_are_whole),
        cmocka_unit_test(names_and_addresses_are_reached),
        cmocka_unit_test(many_calls_wait_in_line),
        cmocka_unit_test(each_cut_has_its_kind),
        cmocka_unit_test(the_last_of_equal_headers_and_of_heads_counts),
        cmocka_unit_test(a_write_is_never_sent_twice),
        cmocka_unit_test(a_read_may_be_sent_twice),
        cmocka_unit_test(no_answer_in_time_is_uncertain),
        cmocka_unit_test(what_waits_in_line_too_long_was_not_sent),
        cmocka_unit_test(a_closed_port_is_unreached),
        cmocka_unit_test(no_connection_in_time_was_not_sent),
        cmocka_unit_test(cancelling_says_whether_it_was_sent),
        cmocka_unit_test(mistakes_are_told_not_sent),
        cmocka_unit_test(too_many_calls_are_refused),
        cmocka_unit_test(what_is_sent_while_closing_ends_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
