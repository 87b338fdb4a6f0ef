/* SPDX-License-Identifier: MIT
 * The listening socket of the HTTP server: an address as it stands in the settings, made, bound, and its port. */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/io/http_server_inside.h"

static int bad_address(const char *text, struct error *err)
{
    error_set(err, ERROR_CONFIG, "listen address '%s' is not an IP address", text);
    error_hint(err, "an address such as 0.0.0.0, 127.0.0.1 or ::");
    return -1;
}

static int make_address(const char *text, uint16_t port, struct sockaddr_storage *out, socklen_t *out_bytes,
    struct error *err)
{
    struct sockaddr_in *v4 = (void *)out;
    struct sockaddr_in6 *v6 = (void *)out;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *out_bytes = sizeof *v4;
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *out_bytes = sizeof *v6;
    } else {
        return bad_address(text, err);
    }
    return 0;
}

uint16_t http_listen_port(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t bytes = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &bytes) != 0)
        return 0;
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                          : ((struct sockaddr_in *)&at)->sin_port);
}

int http_listen(const char *address, uint16_t port, struct error *err)
{
    struct sockaddr_storage at = {0};
    socklen_t bytes = 0;
    if (make_address(address, port, &at, &bytes, err) != 0)
        return -1;
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_from_errno(err, ERROR_LIMIT, errno, "socket");
    int on = 1, off = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* else bind says so */
    if (at.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off); /* best effort */
    if (bind(fd, (struct sockaddr *)&at, bytes) != 0 || listen(fd, SOMAXCONN) != 0) {
        error_from_errno(err, ERROR_REFUSED, errno, "listen on %s port %u", address, port);
        (void)close(fd); /* nothing to do about it */
        return -1;
    }
    return fd;
}
