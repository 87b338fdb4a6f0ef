/* SPDX-License-Identifier: MIT
 * The scripted raw server. */
#include "tests/kit/kit_raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/kit.h"

/* Reads one request with its Content-Length; false when the other side closed before. */
static bool read_request(int fd)
{
    char text[65536];
    size_t bytes = 0, want = 0;
    for (;;) {
        ssize_t n = recv(fd, text + bytes, sizeof text - 1 - bytes, 0);
        if (n <= 0)
            return false;
        bytes += (size_t)n;
        text[bytes] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = strstr(text, "Content-Length: ");
        if (end)
            want = (size_t)(end + 4 - text) + (length ? strtoul(length + 16, NULL, 10) : 0);
        if (want > 0 && bytes >= want)
            return true;
    }
}

static size_t serve_connection(struct kit_raw *r, int fd, size_t at)
{
    bool stays = true;
    while (stays && at < r->count) {
        const struct kit_part *p = &r->parts[at++];
        if (p->deaf || !read_request(fd))
            break;
        atomic_fetch_add(&r->requests, 1);
        if (p->answer)
            (void)send(fd, p->answer, strlen(p->answer), MSG_NOSIGNAL);
        char byte;
        while (p->silent && recv(fd, &byte, 1, 0) > 0)
            ;
        stays = p->stays;
    }
    close(fd);
    return at;
}

static void *serve(void *owner)
{
    struct kit_raw *r = owner;
    size_t at = 0;
    while (at < r->count) {
        int fd = accept(r->fd, NULL, NULL);
        if (fd < 0)
            break;
        at = serve_connection(r, fd, at);
    }
    return NULL;
}

int kit_bind_any(uint16_t *out_port, int backlog)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
    *out_port = ntohs(at.sin_port);
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

void kit_raw_start(struct kit_raw *r, const struct kit_part *parts, size_t count)
{
    *r = (struct kit_raw){.parts = parts, .count = count};
    r->fd = kit_bind_any(&r->port, 64);
    assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
}

void kit_raw_stop(struct kit_raw *r)
{
    (void)shutdown(r->fd, SHUT_RDWR); /* wakes accept */
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    close(r->fd);
}
