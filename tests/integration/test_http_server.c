/* SPDX-License-Identifier: MIT
 * The HTTP server against raw sockets: what a decent client, a broken one and a hostile one would send. */
#include "tests/kit/kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/io/http_server.h"
#include "lib/io/loop.h"

#define PATIENCE_MS 60000 /* a test that waits longer has failed */
#define HELD_MAX 256

struct site {
    struct loop *loop;
    struct http_server *server;
    bool hold;                          /* answer later */
    struct http_request *held[HELD_MAX]; /* borrowed until answered */
    size_t holds;
    size_t calls;
    size_t bytes;       /* of all bodies */
    char last[256], last_body[64]; /* "METHOD path?query [peer] header a=..", body of the last request */
};

static void answer_one(struct http_request *req)
{
    http_answer_header(req, "X-Test", "yes");
    http_answer(req, 202, "text/plain", "taken\n", 6);
}

static void handle(void *owner, struct http_request *req)
{
    struct site *s = owner;
    size_t bytes = 0;
    const char *body = http_request_body(req, &bytes);
    const char *header = http_request_header(req, "x-some-header");
    const char *argument = http_request_argument(req, "a");
    s->calls++;
    s->bytes += bytes;
    snprintf(s->last, sizeof s->last, "%s %s?%s [%s] %s a=%s", http_request_method(req), http_request_path(req),
        http_request_query(req), http_request_peer(req), header ? header : "-", argument ? argument : "-");
    snprintf(s->last_body, sizeof s->last_body, "%s", body);
    if (s->hold && strcmp(http_request_path(req), "/healthz") != 0) {
        assert_true(s->holds < HELD_MAX);
        s->held[s->holds++] = req;
    } else {
        answer_one(req);
    }
}

static void site_open(struct site *s, const struct http_server_settings *settings)
{
    struct error err = {0};
    *s = (struct site){0};
    s->loop = loop_new(&err);
    s->server = http_server_new(s->loop, settings, handle, s, &err);
    if (!s->server)
        fail_msg("%s", err.text);
    assert_true(http_server_port(s->server) > 0);
}

static void site_close(struct site *s)
{
    http_server_free(s->server);
    loop_free(s->loop);
}

static int dial(const struct site *s)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(http_server_port(s->server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

struct heard {
    char text[65536];
    size_t bytes;
    bool closed;
};

static void listen_once(int fd, struct heard *h)
{
    ssize_t n = recv(fd, h->text + h->bytes, sizeof h->text - 1 - h->bytes, MSG_DONTWAIT);
    if (n > 0)
        h->bytes += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        h->closed = true;
    h->text[h->bytes] = '\0';
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

/* Turns the loop until `what` was heard `times` times; what NULL: until the other side closed. */
static void hear(struct site *s, int fd, struct heard *h, const char *what, size_t times)
{
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    for (;;) {
        listen_once(fd, h);
        if (what ? count(h->text, what) >= times : h->closed)
            return;
        if (clock_mono_ms() > end_ms || (what && h->closed))
            fail_msg("waited for '%s' %zu times, heard '%s'%s", what ? what : "close", times, h->text,
                h->closed ? " and the close" : "");
        loop_turn(s->loop, 10);
    }
}

/* Turns the loop until *value reaches `least`. */
static void reach(struct site *s, const size_t *value, size_t least)
{
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (*value < least) {
        if (clock_mono_ms() > end_ms)
            fail_msg("waited for %zu, have %zu", least, *value);
        loop_turn(s->loop, 10);
    }
}

static void reach_connections(struct site *s, unsigned n)
{
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (http_server_connections(s->server) != n) {
        if (clock_mono_ms() > end_ms)
            fail_msg("waited for %u connections, have %u", n, http_server_connections(s->server));
        loop_turn(s->loop, 10);
    }
}

static void the_handler_gets_all_of_a_request(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){0});
    struct heard h = {0};
    int fd = dial(&s);
    say(fd, "POST /a%20b/c?a=1%2B1&b HTTP/1.1\r\nHost: h\r\nX-Some-Header: value\r\nContent-Length: 5\r\n\r\nhello");
    hear(&s, fd, &h, "taken\n", 1);
    assert_string_equal(s.last, "POST /a%20b/c?a=1%2B1&b [127.0.0.1] value a=1+1");
    assert_string_equal(s.last_body, "hello");
    assert_non_null(strstr(h.text, "HTTP/1.1 202"));
    assert_non_null(strstr(h.text, "X-Test: yes\r\n"));
    assert_non_null(strstr(h.text, "Content-Type: text/plain\r\n"));
    close(fd);
    reach_connections(&s, 0);
    site_close(&s);
}

static void pipelined_and_chunked_requests_are_answered_in_turn(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){0});
    struct heard h = {0};
    int fd = dial(&s);
    char five[1024] = "";
    for (int i = 0; i < 5; i++)
        strcat(five, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    say(fd, five);
    hear(&s, fd, &h, "taken\n", 5);
    assert_int_equal(s.bytes, 15);
    say(fd, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    hear(&s, fd, &h, "taken\n", 6);
    assert_string_equal(s.last_body, "abcdefg");
    close(fd);
    site_close(&s);
}

static const struct {
    const char *request, *status;
    size_t calls;
    const char *comment;
} rows[] = {
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 400", 0, "CL and TE"},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 400", 0, "TE and CL"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "HTTP/1.1 400", 0, "two CL"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 400", 0, "equal CL"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc", "HTTP/1.1 400", 0, "a list of CL"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc", "HTTP/1.1 400", 0, "negative CL"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", "HTTP/1.1 400", 0, "signed CL"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nabc", "HTTP/1.1 400", 0, "empty CL"},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400", 0, "odd TE"},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400", 0,
        "space before the colon"},
    {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400", 0, "no Host"},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400", 0, "two Host"},
    {"GET /healthz HTTP/1.0\r\n\r\n", "202 Accepted", 1, "a load balancer's health check"},
    {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", " 505 ", 0, "another version"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10485760\r\n\r\nabc", "HTTP/1.1 413", 0, "10 MB announced"},
    {"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10485760\r\n\r\n", "HTTP/1.1 413", 0,
        "asked first"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\nabc", "HTTP/1.1 4", 0, "huge CL"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 64\r\n\r\n"
     "0123456789012345678901234567890123456789012345678901234567890123",
        "HTTP/1.1 202", 1, "a body of just the limit"},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n"
     "01234567890123456789012345678901234567890123456789012345678901234\r\n0\r\n\r\n",
        "HTTP/1.1 413", 0, "chunks of one byte more"},
};

static void malformed_and_large_requests_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct site s;
        site_open(&s, &(struct http_server_settings){.body_bytes_max = 64});
        struct heard h = {0};
        int fd = dial(&s);
        say(fd, rows[i].request);
        hear(&s, fd, &h, "\r\n\r\n", 1);
        if (!strstr(h.text, rows[i].status) || s.calls != rows[i].calls)
            fail_msg("%s: %zu calls, '%s'", rows[i].comment, s.calls, h.text);
        if (rows[i].calls == 0)
            hear(&s, fd, &h, NULL, 0); /* what follows a refusal is not read as a request */
        close(fd);
        site_close(&s);
    }
}

static void huge_headers_are_refused(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){0});
    struct heard h = {0};
    int fd = dial(&s);
    static char big[100 * 1024];
    memset(big, 'x', sizeof big - 1);
    say(fd, "GET / HTTP/1.1\r\nHost: h\r\nX-Big: ");
    (void)send(fd, big, sizeof big - 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* the server may close before all is sent */
    hear(&s, fd, &h, "HTTP/1.1 431", 1);
    assert_int_equal(s.calls, 0);
    close(fd);
    site_close(&s);
}

/* One byte at a time keeps an inactivity timer quiet for ever; the sweep must end it. */
static void drip(struct site *s, const char *start, char byte)
{
    struct heard h = {0};
    int fd = dial(s);
    say(fd, start);
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (!h.closed) {
        (void)send(fd, &byte, 1, MSG_NOSIGNAL); /* fails once closed */
        loop_turn(s->loop, 20);
        listen_once(fd, &h);
        if (clock_mono_ms() > end_ms)
            fail_msg("still open: %s", start);
    }
    assert_int_equal(s->calls, 0);
    close(fd);
}

static void slow_headers_and_slow_bodies_are_closed(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){.request_longest_ms = 300});
    drip(&s, "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ", 'x');
    drip(&s, "G", 'E');
    drip(&s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n", 'x');
    drip(&s, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n", 'x');
    struct heard h = {0};
    int fd = dial(&s); /* says nothing at all */
    hear(&s, fd, &h, NULL, 0);
    close(fd);
    reach_connections(&s, 0);
    site_close(&s);
}

static void the_deadline_starts_anew_with_each_request(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){.request_longest_ms = 1000});
    struct heard h = {0};
    int fd = dial(&s);
    int64_t begin_ms = clock_mono_ms();
    size_t n = 0;
    while (clock_mono_ms() < begin_ms + 2500) {
        say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        hear(&s, fd, &h, "taken\n", ++n);
        int64_t next_ms = clock_mono_ms() + 100;
        while (clock_mono_ms() < next_ms)
            loop_turn(s.loop, 20);
    }
    assert_int_equal(s.calls, n);
    close(fd);
    site_close(&s);
}

static void answers_may_come_later_and_health_does_not_wait(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){0});
    s.hold = true;
    enum { WAITERS = 20 };
    int fds[WAITERS];
    static struct heard heard[WAITERS];
    memset(heard, 0, sizeof heard);
    for (int i = 0; i < WAITERS; i++) {
        fds[i] = dial(&s);
        say(fds[i], "POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    }
    reach(&s, &s.holds, WAITERS);
    struct heard health = {0};
    int fd = dial(&s);
    say(fd, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(&s, fd, &health, "taken\n", 1);
    for (int i = 0; i < WAITERS; i++) {
        listen_once(fds[i], &heard[i]);
        assert_int_equal(heard[i].bytes, 0);
    }
    for (int i = WAITERS - 1; i >= 0; i--) /* any order */
        answer_one(s.held[i]);
    for (int i = 0; i < WAITERS; i++) {
        hear(&s, fds[i], &heard[i], "taken\n", 1);
        close(fds[i]);
    }
    close(fd);
    reach_connections(&s, 0);
    site_close(&s);
}

static void a_pipelined_request_waits_for_the_answer_before_it(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){0});
    s.hold = true;
    struct heard h = {0};
    int fd = dial(&s);
    say(fd, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok"
            "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    reach(&s, &s.holds, 1);
    for (int i = 0; i < 5; i++)
        loop_turn(s.loop, 10);
    assert_int_equal(s.holds, 1);
    answer_one(s.held[0]);
    reach(&s, &s.holds, 2);
    answer_one(s.held[1]);
    hear(&s, fd, &h, "taken\n", 2);
    close(fd);
    site_close(&s);
}

static void a_handler_that_never_answers_is_answered_for(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){.answer_longest_ms = 200});
    s.hold = true;
    struct heard h = {0};
    int fd = dial(&s);
    say(fd, "POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    hear(&s, fd, &h, "HTTP/1.1 503", 1);
    assert_null(http_request_header(s.held[0], "Host"));
    assert_string_equal(http_request_body(s.held[0], NULL), "ok");
    answer_one(s.held[0]); /* too late: only freed */
    s.hold = false;
    say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); /* the connection still serves */
    hear(&s, fd, &h, "taken\n", 1);
    close(fd);
    site_close(&s);
}

static void what_was_answered_for_outlives_the_server(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){.answer_longest_ms = 100});
    s.hold = true;
    struct heard h = {0};
    int fd = dial(&s);
    say(fd, "POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    hear(&s, fd, &h, "HTTP/1.1 503", 1);
    site_close(&s);
    assert_string_equal(http_request_body(s.held[0], NULL), "ok");
    answer_one(s.held[0]);
    close(fd);
}

static void a_client_that_left_does_no_harm(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){.request_longest_ms = 1000});
    s.hold = true;
    int fd = dial(&s);
    say(fd, "POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    reach(&s, &s.holds, 1);
    close(fd);
    loop_turn(s.loop, 20);
    answer_one(s.held[0]);
    reach_connections(&s, 0);
    fd = dial(&s);
    say(fd, "POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\nhalf");
    loop_turn(s.loop, 20);
    close(fd); /* in the middle of its body: the library may overlook it, the sweep does not */
    reach_connections(&s, 0);
    assert_int_equal(s.calls, 1);
    site_close(&s);
}

static void bodies_are_bounded_together(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){.body_bytes_max = 1000, .bodies_bytes_max = 1500});
    s.hold = true;
    char request[1200] = "POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
    size_t head = strlen(request);
    memset(request + head, 'x', 1000);
    request[head + 1000] = '\0';
    struct heard one = {0}, two = {0}, three = {0};
    int first = dial(&s), second = dial(&s);
    say(first, request);
    reach(&s, &s.holds, 1);
    say(second, request);
    hear(&s, second, &two, "HTTP/1.1 503", 1);
    answer_one(s.held[0]);
    hear(&s, first, &one, "taken\n", 1);
    s.hold = false;
    int third = dial(&s); /* what was answered counts no more */
    say(third, request);
    hear(&s, third, &three, "taken\n", 1);
    int fds[] = {first, second, third};
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    site_close(&s);
}

static void two_hundred_connections_are_served(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){0});
    enum { MANY = 200 };
    int fds[MANY];
    static struct heard heard[MANY];
    memset(heard, 0, sizeof heard);
    for (int i = 0; i < MANY; i++)
        fds[i] = dial(&s);
    reach_connections(&s, MANY);
    for (size_t round = 1; round <= 3; round++) {
        for (int i = 0; i < MANY; i++)
            say(fds[i], "POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
        for (int i = 0; i < MANY; i++)
            hear(&s, fds[i], &heard[i], "taken\n", round);
    }
    assert_int_equal(s.calls, 3 * MANY);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    reach_connections(&s, 0);
    site_close(&s);
}

static void idle_connections_make_room(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){.connections_max = 10});
    enum { IDLERS = 30 };
    int fds[IDLERS];
    for (int i = 0; i < IDLERS; i++)
        fds[i] = dial(&s);
    struct heard h = {0};
    int fd = dial(&s);
    say(fd, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(&s, fd, &h, "taken\n", 1);
    assert_true(http_server_connections(s.server) <= 10);
    for (int i = 0; i < IDLERS; i++)
        close(fds[i]);
    close(fd);
    site_close(&s);
}

static void one_address_gets_its_share_only(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){.per_ip_max = 3});
    int fds[3];
    for (int i = 0; i < 3; i++)
        fds[i] = dial(&s);
    reach_connections(&s, 3);
    struct heard h = {0};
    int fd = dial(&s);
    hear(&s, fd, &h, NULL, 0); /* closed without a word */
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(fd);
    site_close(&s);
}

static void is_freed_with_requests_in_every_phase(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){0});
    s.hold = true;
    int idle = dial(&s), head = dial(&s), body = dial(&s), held = dial(&s);
    say(head, "GET / HTTP/1.1\r\nHos");
    say(body, "POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\nhalf");
    say(held, "POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    reach(&s, &s.holds, 1);
    reach_connections(&s, 4);
    http_server_free(s.server);
    assert_string_equal(http_request_body(s.held[0], NULL), "ok"); /* still ours */
    assert_null(http_request_header(s.held[0], "Host"));
    answer_one(s.held[0]);
    loop_free(s.loop);
    int fds[] = {idle, head, body, held};
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

static void is_freed_with_an_answer_under_way(void **state)
{
    (void)state;
    struct site s;
    site_open(&s, &(struct http_server_settings){0});
    s.hold = true;
    int fd = dial(&s);
    say(fd, "POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    reach(&s, &s.holds, 1);
    answer_one(s.held[0]); /* resumed, not yet sent */
    site_close(&s);
    close(fd);
}

static void a_bad_or_taken_address_is_named(void **state)
{
    (void)state;
    struct site s;
    struct error err = {0};
    site_open(&s, &(struct http_server_settings){.address = "::"});
    assert_null(http_server_new(s.loop, &(struct http_server_settings){.address = "localhost"}, handle, &s, &err));
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_non_null(strstr(err.text, "'localhost'"));
    struct http_server_settings taken = {.address = "::", .port = http_server_port(s.server)};
    assert_null(http_server_new(s.loop, &taken, handle, &s, &err));
    assert_int_equal(err.kind, ERROR_REFUSED);
    assert_non_null(strstr(err.text, "in use"));
    struct heard h = {0};
    int fd = dial(&s); /* "::" takes IPv4 as well */
    say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(&s, fd, &h, "taken\n", 1);
    close(fd);
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_handler_gets_all_of_a_request),
        cmocka_unit_test(pipelined_and_chunked_requests_are_answered_in_turn),
        cmocka_unit_test(malformed_and_large_requests_are_refused),
        cmocka_unit_test(huge_headers_are_refused),
        cmocka_unit_test(slow_headers_and_slow_bodies_are_closed),
        cmocka_unit_test(the_deadline_starts_anew_with_each_request),
        cmocka_unit_test(answers_may_come_later_and_health_does_not_wait),
        cmocka_unit_test(a_pipelined_request_waits_for_the_answer_before_it),
        cmocka_unit_test(a_handler_that_never_answers_is_answered_for),
        cmocka_unit_test(what_was_answered_for_outlives_the_server),
        cmocka_unit_test(a_client_that_left_does_no_harm),
        cmocka_unit_test(bodies_are_bounded_together),
        cmocka_unit_test(two_hundred_connections_are_served),
        cmocka_unit_test(idle_connections_make_room),
        cmocka_unit_test(one_address_gets_its_share_only),
        cmocka_unit_test(is_freed_with_requests_in_every_phase),
        cmocka_unit_test(is_freed_with_an_answer_under_way),
        cmocka_unit_test(a_bad_or_taken_address_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
