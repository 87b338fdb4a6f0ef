/* SPDX-License-Identifier: MIT
 * Free ports. The claims are never closed: they end with the test program. */
#include "tests/kit/kit_port.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/kit/kit.h"

#define FIRST 10000
#define COUNT 22000

static uint16_t random_port(void)
{
    unsigned number = 0;
    FILE *f = fopen("/dev/urandom", "r");
    if (!f || fread(&number, sizeof number, 1, f) != 1)
        fail_msg("no random numbers");
    fclose(f);
    return (uint16_t)(FIRST + number % COUNT);
}

/* Whether an address could be bound by a new socket; out_fd: the socket. */
static bool binds(int family, int type, const void *address, socklen_t bytes, int *out_fd)
{
    *out_fd = socket(family, type | SOCK_CLOEXEC, 0);
    return *out_fd >= 0 && bind(*out_fd, address, bytes) == 0;
}

static bool claim(uint16_t port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX}; /* abstract: its first byte is NUL, and it has no file */
    int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "firstline-port-%u", port);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int held = -1, probe = -1;
    bool ours = binds(AF_UNIX, SOCK_DGRAM, &name, bytes, &held) && binds(AF_INET, SOCK_STREAM, &at, sizeof at, &probe);
    if (probe >= 0)
        close(probe);
    if (!ours && held >= 0)
        close(held);
    return ours;
}

uint16_t kit_free_port(void)
{
    for (int i = 0; i < 1000; i++) {
        uint16_t port = random_port();
        if (claim(port))
            return port;
    }
    fail_msg("no free port");
    return 0;
}
