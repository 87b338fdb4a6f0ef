/* SPDX-License-Identifier: MIT
 * Functions of libc's names, which the dynamic linker finds here first; each asks the plan, then calls the next one. */
#include "tests/kit/kit_short.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t recv(int fd, void *data, size_t bytes, int flags);
ssize_t send(int fd, const void *data, size_t bytes, int flags);

static _Thread_local struct {
    int what; /* 0: none of this */
    uint64_t random;
    struct kit_short_counts counts;
} plan;

void kit_short_begin(unsigned seed, int what)
{
    plan.what = what;
    plan.random = 0x9e3779b97f4a7c15u * (seed + 1u);
    plan.counts = (struct kit_short_counts){0};
}

struct kit_short_counts kit_short_end(void)
{
    plan.what = 0;
    return plan.counts;
}

static unsigned below(unsigned limit)
{
    plan.random ^= plan.random << 13;
    plan.random ^= plan.random >> 7;
    plan.random ^= plan.random << 17;
    return (unsigned)((plan.random >> 33) % limit);
}

static bool is_tcp(int fd)
{
    struct sockaddr_storage at;
    socklen_t bytes = sizeof at;
    return getsockname(fd, (struct sockaddr *)&at, &bytes) == 0 && (at.ss_family == AF_INET || at.ss_family == AF_INET6);
}

/* What may be done to a call: some of KIT_SHORT_..., or 0. */
static int kind_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return 0;
    if (S_ISREG(st.st_mode))
        return plan.what & (KIT_SHORT_FILES | KIT_SHORT_FILES_EINTR);
    bool waits = S_ISSOCK(st.st_mode) && is_tcp(fd) && (fcntl(fd, F_GETFL) & O_NONBLOCK);
    return waits ? plan.what & KIT_SHORT_STREAMS : 0;
}

/* How many bytes the call may move: all, fewer, or -1 and errno. */
static ssize_t allowed(int fd, size_t bytes)
{
    int kind = plan.what && bytes > 0 ? kind_of(fd) : 0;
    if (kind == 0)
        return (ssize_t)bytes;
    unsigned lot = below(16);
    if (lot < 4 && kind & KIT_SHORT_STREAMS) {
        plan.counts.again++;
        errno = EAGAIN;
        return -1;
    }
    if (lot < 6 && kind & (KIT_SHORT_STREAMS | KIT_SHORT_FILES_EINTR)) {
        plan.counts.interrupted++;
        errno = EINTR;
        return -1;
    }
    if (lot < 8 || bytes == 1) {
        plan.counts.whole++;
        return (ssize_t)bytes;
    }
    plan.counts.cut++;
    size_t most = lot < 11 && bytes > 16 ? 16 : bytes - 1;
    return (ssize_t)(1 + below((unsigned)most));
}

#define NEXT(name)                                                                            \
    static __typeof__(&name) next;                                                            \
    if (!next) {                                                                              \
        void *found = dlsym(RTLD_NEXT, #name);                                                \
        memcpy(&next, &found, sizeof next); /* a data pointer is no function to the compiler */ \
    }

ssize_t read(int fd, void *data, size_t bytes)
{
    NEXT(read)
    ssize_t n = allowed(fd, bytes);
    return n < 0 ? n : next(fd, data, (size_t)n);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    NEXT(write)
    ssize_t n = allowed(fd, bytes);
    return n < 0 ? n : next(fd, data, (size_t)n);
}

ssize_t recv(int fd, void *data, size_t bytes, int flags)
{
    NEXT(recv)
    ssize_t n = allowed(fd, bytes);
    return n < 0 ? n : next(fd, data, (size_t)n, flags);
}

ssize_t send(int fd, const void *data, size_t bytes, int flags)
{
    NEXT(send)
    ssize_t n = allowed(fd, bytes);
    return n < 0 ? n : next(fd, data, (size_t)n, flags);
}

ssize_t pread(int fd, void *data, size_t bytes, off_t at)
{
    NEXT(pread)
    ssize_t n = allowed(fd, bytes);
    return n < 0 ? n : next(fd, data, (size_t)n, at);
}
