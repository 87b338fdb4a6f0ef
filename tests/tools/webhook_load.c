/* SPDX-License-Identifier: MIT
 * Posts signed, distinct webhooks over kept connections and measures each answer.
 *
 *   webhook_load PORT PATH KIND CONNECTIONS COUNT BODY_BYTES RATE SUBSCRIPTION SECRET RUN
 *
 * KIND: firstline (PagerDuty's v3 signature), webhook (an HMAC as Debian's webhook checks it), plain (none).
 * RATE: requests a second, each timed from when it was due, so that a stall counts for all that waited; 0: as fast as answers
 * come. RUN: a word that makes this run's incidents distinct from another's. Prints one line of JSON. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define BODY_BYTES_MAX 8192
#define REQUEST_BYTES_MAX (BODY_BYTES_MAX + 1024)
#define STALL_S 30

struct connection {
    int fd;
    bool busy;
    char out[REQUEST_BYTES_MAX];
    size_t out_bytes, sent;
    char in[8192];
    size_t in_bytes;
    int64_t due_ns;
};

static struct {
    int port, count, connections;
    size_t body_bytes;
    double rate;
    const char *path, *kind, *subscription, *secret, *run;
} want;
static struct connection all[CONNECTIONS_MAX];
static int poll_fd, started, answered, good, lost;
static int64_t *took_ns, began_ns;

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* this clock always exists */
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* --- a request ---------------------------------------------------------------------------------------------------- */

static size_t make_body(char *out, int number)
{
    time_t now = time(NULL);
    struct tm t;
    char at[32];
    (void)gmtime_r(&now, &t);
    (void)strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &t);
    int n = snprintf(out, BODY_BYTES_MAX, "{\"event\":{\"id\":\"E%s%d\",\"event_type\":\"incident.triggered\",\"resource_type\":\"incident\","
        "\"occurred_at\":\"%s\",\"agent\":null,\"client\":null,\"data\":{\"id\":\"Q%s%d\",\"type\":\"incident\",\"number\":%d,\"status\":"
        "\"triggered\",\"title\":\"nothing that a scenario knows happened on web%d\",\"urgency\":\"high\",\"priority\":null,\"created_at\":\"%s\","
        "\"html_url\":\"https://demo.example/incidents/Q%d\",\"service\":{\"id\":\"PSVCEN1\",\"type\":\"service_reference\",\"summary\":"
        "\"AMS web shop\"},\"padding\":\"", want.run, number, at, want.run, number, number, number, at, number);
    size_t bytes = (size_t)n;
    for (; bytes + 4 < want.body_bytes; bytes++)
        out[bytes] = (char)('a' + bytes % 26);
    memcpy(out + bytes, "\"}}}", 4);
    return bytes + 4;
}

static void sign(const char *body, size_t bytes, char out[65])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!HMAC(EVP_sha256(), want.secret, (int)strlen(want.secret), (const unsigned char *)body, bytes, mac, &length))
        die("HMAC");
    for (unsigned i = 0; i < 32; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", mac[i]);
}

static void make_request(struct connection *c, int number)
{
    char body[BODY_BYTES_MAX + 8], mac[65] = "", head[256] = "";
    size_t bytes = make_body(body, number);
    if (strcmp(want.kind, "plain") != 0)
        sign(body, bytes, mac);
    if (strcmp(want.kind, "firstline") == 0)
        (void)snprintf(head, sizeof head, "X-Webhook-Subscription: %s\r\nX-PagerDuty-Signature: v1=%s\r\n", want.subscription, mac);
    else if (mac[0])
        (void)snprintf(head, sizeof head, "X-Signature: %s\r\n", mac);
    int n = snprintf(c->out, sizeof c->out, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n",
        want.path, head, bytes);
    memcpy(c->out + n, body, bytes);
    c->out_bytes = (size_t)n + bytes;
    c->sent = 0;
    c->in_bytes = 0;
}

/* --- connections -------------------------------------------------------------------------------------------------- */

static void watch(struct connection *c, bool out)
{
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &e) < 0)
        die("epoll_ctl");
}

static void dial(struct connection *c)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)want.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof at) < 0)
        die("connect");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &e) < 0)
        die("epoll_ctl");
}

static void push(struct connection *c)
{
    ssize_t n = send(c->fd, c->out + c->sent, c->out_bytes - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        c->sent += (size_t)n;
    watch(c, c->sent < c->out_bytes);
}

static int64_t due_ns(int number)
{
    return want.rate > 0 ? began_ns + (int64_t)((double)number / want.rate * 1e9) : now_ns();
}

static void begin(struct connection *c)
{
    if (started >= want.count || c->busy)
        return;
    int64_t due = due_ns(started);
    if (want.rate > 0 && due > now_ns())
        return;
    c->busy = true;
    c->due_ns = due;
    make_request(c, started++);
    push(c);
}

static void answered_with(struct connection *c, int status)
{
    took_ns[answered++] = now_ns() - c->due_ns;
    good += status >= 200 && status < 300;
    c->busy = false;
    begin(c);
}

static void lose(struct connection *c)
{
    (void)close(c->fd);
    if (c->busy) {
        lost++;
        answered_with(c, 0);
    }
    dial(c);
}

static void pull(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_bytes, sizeof c->in - 1 - c->in_bytes, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        lose(c);
        return;
    }
    c->in_bytes += (size_t)n;
    c->in[c->in_bytes] = '\0';
    char *end = strstr(c->in, "\r\n\r\n"), *length = strcasestr(c->in, "\r\nContent-Length:");
    size_t body = length && end && length < end ? (size_t)strtoul(length + 17, NULL, 10) : 0;
    if (end && c->in_bytes >= (size_t)(end + 4 - c->in) + body && strncmp(c->in, "HTTP/1.1 100", 12) != 0)
        answered_with(c, atoi(c->in + 9));
}

static int by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void report(double seconds)
{
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    qsort(took_ns, (size_t)answered, sizeof *took_ns, by_number);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"asked\": %d, \"answered\": %d, \"good\": %d, \"lost\": %d, \"seconds\": %.3f, \"rate\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
        "\"max_ms\": %.3f, \"own_cpu_s\": %.3f}\n", want.count, answered, good, lost, seconds, good / seconds,
        (double)took_ns[answered / 2] / 1e6, (double)took_ns[(int64_t)answered * 99 / 100] / 1e6, (double)took_ns[answered - 1] / 1e6, cpu);
}

int main(int argc, char **argv)
{
    if (argc != 11) {
        fprintf(stderr, "usage: webhook_load PORT PATH KIND CONNECTIONS COUNT BODY_BYTES RATE SUBSCRIPTION SECRET RUN\n");
        return 2;
    }
    want.port = atoi(argv[1]), want.path = argv[2], want.kind = argv[3], want.connections = atoi(argv[4]), want.count = atoi(argv[5]);
    want.body_bytes = (size_t)atoi(argv[6]), want.rate = atof(argv[7]), want.subscription = argv[8], want.secret = argv[9], want.run = argv[10];
    if (want.connections < 1 || want.connections > CONNECTIONS_MAX || want.count < 1 || want.body_bytes < 1024 || want.body_bytes > BODY_BYTES_MAX)
        return 2;
    took_ns = calloc((size_t)want.count, sizeof *took_ns);
    poll_fd = epoll_create1(0);
    if (!took_ns || poll_fd < 0)
        die("start");
    for (int i = 0; i < want.connections; i++)
        dial(&all[i]);
    began_ns = now_ns();
    for (int64_t moved_ns = began_ns; answered < want.count && now_ns() - moved_ns < STALL_S * 1000000000LL;) {
        struct epoll_event events[256];
        for (int i = 0; i < want.connections; i++)
            begin(&all[i]);
        int before = answered, n = epoll_wait(poll_fd, events, 256, want.rate > 0 ? 1 : 100);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                push(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                pull(c);
        }
        if (answered > before)
            moved_ns = now_ns();
    }
    if (answered == 0) {
        fprintf(stderr, "nothing was answered within %d s\n", STALL_S);
        return 1;
    }
    report((double)(now_ns() - began_ns) / 1e9);
    return 0;
}
