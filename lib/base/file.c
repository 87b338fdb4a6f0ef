/* SPDX-License-Identifier: MIT
 * Reading whole files, and writing what an open one is to hold. */
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, const char *path, struct buf *out, struct error *err)
{
    for (;;) {
        char piece[16384];
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_from_errno(err, ERROR_CONFIG, errno, "reading %s", path);
        if (n == 0)
            return 0;
        if (buf_add(out, piece, (size_t)n) < 0)
            return error_set(err, ERROR_LIMIT, "%s has more than %zu bytes", path, out->bytes_max);
    }
}

/* Opens a regular file. */
static int open_regular(const char *path, mode_t *out_mode, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_from_errno(err, ERROR_CONFIG, errno, "opening %s", path);
    struct stat st;
    int rc = 0;
    if (fstat(fd, &st) < 0)
        rc = error_from_errno(err, ERROR_CONFIG, errno, "looking at %s", path);
    else if (!S_ISREG(st.st_mode))
        rc = error_set(err, ERROR_CONFIG, "%s is not a regular file", path);
    if (rc < 0) {
        (void)close(fd); /* nothing was written */
        return -1;
    }
    if (out_mode)
        *out_mode = st.st_mode & 07777;
    return fd;
}

int file_read(const char *path, struct buf *out, mode_t *out_mode, struct error *err)
{
    mode_t mode = 0;
    int fd = open_regular(path, &mode, err);
    if (fd < 0)
        return -1;
    int rc = read_all(fd, path, out, err);
    (void)close(fd); /* it was only read */
    if (rc == 0 && out_mode)
        *out_mode = mode;
    return rc;
}

static int read_into(
    int fd, const char *path, char *out, size_t room, size_t *out_bytes, struct error *err)
{
    size_t used = 0;
    for (;;) {
        char beyond;
        ssize_t n = used < room ? read(fd, out + used, room - used) : read(fd, &beyond, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_from_errno(err, ERROR_CONFIG, errno, "reading %s", path);
        if (n > 0 && used == room)
            return error_set(err, ERROR_LIMIT, "%s has more than %zu bytes", path, room);
        if (n == 0)
            break;
        used += (size_t)n;
    }
    *out_bytes = used;
    return 0;
}

int file_read_into(const char *path, char *out, size_t room, size_t *out_bytes, mode_t *out_mode,
    struct error *err)
{
    mode_t mode = 0;
    int fd = open_regular(path, &mode, err);
    if (fd < 0)
        return -1;
    int rc = read_into(fd, path, out, room, out_bytes, err);
    (void)close(fd); /* it was only read */
    if (rc == 0 && out_mode)
        *out_mode = mode;
    return rc;
}

int file_write(int fd, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes > 0) {
        ssize_t n = write(fd, at, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}
