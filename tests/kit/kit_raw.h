/* SPDX-License-Identifier: MIT
 * A raw HTTP server in a thread, one script a connection: it breaks off where the script says. Knows only Content-
 * Length. */
#ifndef TESTS_KIT_KIT_RAW_H
#define TESTS_KIT_KIT_RAW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kit_part {
    const char *answer; /* sent after a whole request was read; NULL: nothing */
    bool deaf;          /* closes without reading */
    bool silent;        /* keeps the connection, says nothing, until the other side closes */
    bool stays;         /* reads another request on this connection, with the next part */
};

struct kit_raw {
    pthread_t thread;
    int fd;
    uint16_t port;
    const struct kit_part *parts; /* borrowed */
    size_t count;
    atomic_int requests; /* that arrived whole */
};

/* parts are borrowed until kit_raw_stop. Fails the test when it cannot start. */
void kit_raw_start(struct kit_raw *r, const struct kit_part *parts, size_t count);
void kit_raw_stop(struct kit_raw *r);
/* A TCP socket on a free port of 127.0.0.1; listens unless backlog is negative. The caller closes it. */
int kit_bind_any(uint16_t *out_port, int backlog);

#endif
