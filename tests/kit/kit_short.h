/* SPDX-License-Identifier: MIT
 * A kernel that does less than it was asked: within this process read, write, recv, send and pread move fewer bytes than there
 * are, or none, with EAGAIN or EINTR, as a seed says. Stands before libc for every library that the program links, so it reaches
 * libcurl, libpq, libssh2, libuv, OpenSSL and zlib as well as our own code.
 *
 * Only what Linux may do. So only TCP: a pipe or a local socket gives all that it holds, and libuv takes less for its end. And only
 * where it is waited for by level: libmicrohttpd waits by edge, so its server belongs into another process. */
#ifndef TESTS_KIT_KIT_SHORT_H
#define TESTS_KIT_KIT_SHORT_H

#include <stdbool.h>

struct kit_short_counts {
    unsigned whole, cut, again, interrupted; /* calls that were left alone, moved less, said EAGAIN, said EINTR */
};

enum {
    KIT_SHORT_STREAMS = 1,      /* TCP that does not block */
    KIT_SHORT_FILES = 2,        /* regular files: fewer bytes */
    KIT_SHORT_FILES_EINTR = 4,  /* ... and EINTR too */
};

/* From here on, in this thread; what: of the above. */
void kit_short_begin(unsigned seed, int what);
/* As before; what was done since. */
struct kit_short_counts kit_short_end(void);

#endif
